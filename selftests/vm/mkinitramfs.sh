#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Writes the initramfs of a test guest: a shell, network tools, the kernel's
# modules that tests need, and whatever trees are laid over it:
#   mkinitramfs.sh [-r] [-p] [-t tool]... [-m module]... [-d tree]...
#                  [-x file.ko]... RELEASE OUTPUT
# -p adds Python with scapy, -t a program of this machine with its libraries,
# -m a module of that kernel, -d a tree to copy to the root, -x a module file.
# -r, which comes first, is for a guest with all programs of this machine: it
# has just what it takes to mount this machine's root, which QEMU shares.
set -eu
set -o pipefail
shopt -s nullglob

here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"

# Busybox is the rest: to start a static program takes half as long, which tests
# that start thousands of them feel.
tools=(bash dash ip tc ss bridge nft bpftool ethtool tcpdump socat iperf3 curl
	strace cmp diff find xargs ps date dd sha256sum stat stdbuf truncate
	flock mount umount nsenter unshare setpriv prlimit
	rdma)
# Loaded before the first command runs; the rest comes on demand.
early=(virtio_pci virtio_console virtio_net)
modules=("${early[@]}" virtio_rng af_packet veth dummy macvlan bridge 8021q
	bonding vxlan tun ifb sch_netem sch_fq sch_fq_codel sch_tbf sch_prio
	sch_ingress
	cls_u32 cls_matchall cls_bpf act_pedit act_mirred act_gact
	nf_tables nf_conntrack nf_conntrack_netlink nft_ct nft_limit nft_log
	nft_nat nft_masq nft_redir nft_chain_nat nft_reject nft_reject_inet
	nft_reject_ipv4 nft_queue nft_socket nfnetlink_queue nf_log_syslog
	br_netfilter nft_meta_bridge nft_reject_bridge nf_conntrack_bridge
	nft_dup_ipv4 nft_synproxy ip_vs ip_vs_rr
	rdma_rxe ib_uverbs crc32_generic xfrm_user xfrm_algo esp4 authenc
	echainiv seqiv cbc sha256_generic
	gcm ghash-generic tls tcp_diag inet_diag udp_diag unix_diag
	af_packet_diag netlink_diag kcm nbd nfsd iscsi_tcp vhci-hcd)
trees=() extra=() python='' shared=

while getopts rpt:m:d:x: option; do
	case $option in
	r)
		shared=yes
		tools=()
		early+=(overlay 9pnet_virtio 9p)
		modules=("${early[@]}" virtio_rng)
		;;
	p) python=yes ;;
	t) tools+=("$OPTARG") ;;
	m) modules+=("$OPTARG") ;;
	d) trees+=("$OPTARG") ;;
	x) extra+=("$OPTARG") ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# -eq 2 ] || { sed -n '3,11s/^# //p' "$0" >&2; exit 2; }
release=$1
output=$2

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/initramfs.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

libraries() {
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' || true
}

# Copies a file and the libraries it is linked with to the same places.
copy() {
	local lib

	[ ! -e "$root$1" ] || return 0
	mkdir -p "$root${1%/*}"
	cp -L "$1" "$root$1"
	libraries "$1" | while read -r lib; do
		copy "$lib"
	done
}

copy_tool() {
	local file

	case $1 in
	/*) file=$1 ;;
	*) file=$(type -P "$1") || die "no program $1: run 'make deps'" ;;
	esac
	copy "$file"
	# Shells and scripts look in the usual place, wherever it came from.
	[ -e "$root/usr/bin/${file##*/}" ] ||
		ln -s "$file" "$root/usr/bin/${file##*/}"
}

copy_python() {
	local module lib

	copy /usr/bin/python3.11
	ln -s python3.11 "$root/usr/bin/python3"
	mkdir -p "$root/usr/lib/python3/dist-packages"
	rsync -a --exclude=test --exclude=__pycache__ --exclude=idlelib \
		--exclude=ensurepip --exclude=lib2to3 --exclude='config-*' \
		/usr/lib/python3.11 "$root/usr/lib/"
	[ ! -d /usr/lib/python3/dist-packages/scapy ] ||
		cp -r /usr/lib/python3/dist-packages/scapy \
			"$root/usr/lib/python3/dist-packages/"
	for module in "$root"/usr/lib/python3.11/lib-dynload/*.so; do
		libraries "$module" | while read -r lib; do
			copy "$lib"
		done
	done
}

# Copies the modules named and what they depend on, uncompressed because
# busybox and a slow guest would have to do it.
copy_modules() {
	local source=/lib/modules/$release target=$root/lib/modules/$release
	local name file

	mkdir -p "$target/extra"
	if [ -d "$source/kernel" ]; then
		cp "$source"/modules.{builtin,builtin.modinfo,order} "$target/"
		for name in "${modules[@]}"; do
			modprobe -S "$release" --show-depends "$name" \
				2>/dev/null || say "no module $name in $release"
		done | awk '$1 == "insmod" { print $2 }' | sort -u |
		while read -r file; do
			name=${file##*/}
			case $file in
			*.xz) xz -dc "$file" > "$target/${name%.xz}" ;;
			*.zst) zstd -qdc "$file" > "$target/${name%.zst}" ;;
			*) cp "$file" "$target/" ;;
			esac
		done
	fi
	for file in "${extra[@]}"; do
		# insmod copies all of it, and debug information is most.
		strip --strip-debug -o "$target/extra/${file##*/}" "$file"
	done
	depmod -b "$root" "$release" 2>&1 |
		grep -v 'could not open modules\.\(order\|builtin\)' >&2 || true
}

write_etc() {
	mkdir -p "$root/etc"
	printf '%s\n' root:x:0:0:root:/root:/bin/bash \
		tcpdump:x:100:100::/:/bin/false \
		nobody:x:65534:65534:nobody:/:/bin/false > "$root/etc/passwd"
	printf '%s\n' root:x:0: tcpdump:x:100: nogroup:x:65534: \
		> "$root/etc/group"
	printf '127.0.0.1 localhost\n' > "$root/etc/hosts"
	printf 'hosts: files\n' > "$root/etc/nsswitch.conf"
	printf '/bin/bash\n/bin/sh\n' > "$root/etc/shells"
	for file in /etc/protocols /etc/services /etc/ethertypes; do
		[ ! -e "$file" ] || cp "$file" "$root/etc/"
	done
	cp -r /etc/iproute2 "$root/etc/" 2>/dev/null || true
}

write_init() {
	cat > "$root/init" <<-INIT
	#!/usr/bin/busybox sh
	# Prepares the guest and hands it to the agent.
	export PATH=/usr/sbin:/usr/bin HOME=/root TERM=dumb LANG=C
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs dev /dev
	mkdir -p /dev/pts /dev/shm /dev/hugepages
	mount -t devpts devpts /dev/pts
	mount -t tmpfs shm /dev/shm
	mount -t tmpfs tmp /tmp
	mount -t tmpfs run /run
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount -t bpf bpf /sys/fs/bpf 2>/dev/null
	ln -s /proc/self/fd /dev/fd
	mkdir -p /run/netns
	chmod 1777 /tmp
	for module in ${early[*]}; do
		modprobe -q \$module
	done
	ip link set lo up
	tries=0
	until port=\$(grep -lx fastsock /sys/class/virtio-ports/*/name); do
		tries=\$((tries + 1))
		[ \$tries -lt 100 ] || exit 1
		sleep 0.1
	done 2>/dev/null
	port=/dev/\$(basename "\${port%/name}")
	INIT
	if [ "$shared" ]; then
		write_shared_root
	else
		write_own_root
	fi >> "$root/init"
	chmod +x "$root/init"
}

write_own_root() {
	cat <<-INIT
	ulimit -n 65536
	exec /agent \$port
	INIT
}

# This machine's root, cached, which it may be because nobody changes what the
# guest reads, under an overlay in memory.  The kernel looks for its modules in
# the root of the first process, so they are this machine's, too.
write_shared_root() {
	cat <<-INIT
	mount -t configfs configfs /sys/kernel/config 2>/dev/null
	mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
	mount -o remount,gid=5,mode=620 /dev/pts
	chmod 755 /run
	ln -s /proc/self/fd/0 /dev/stdin
	ln -s /proc/self/fd/1 /dev/stdout
	ln -s /proc/self/fd/2 /dev/stderr
	for dir in lower upper work root; do
		mkdir -p /run/shared/\$dir
	done
	options=ro,trans=virtio,version=9p2000.L,cache=loose,msize=512000
	mount -t 9p -o \$options shared /run/shared/lower || exit 1
	options=lowerdir=/run/shared/lower,upperdir=/run/shared/upper
	options=\$options,workdir=/run/shared/work
	mount -t overlay -o \$options overlay /run/shared/root || exit 1
	cp /agent /run/shared/
	for dir in dev proc sys run; do
		mount -o rbind /\$dir /run/shared/root/\$dir
	done
	cd /
	exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
		LC_ALL=C.UTF-8 chroot /run/shared/root /run/shared/agent \$port
	INIT
}

mkdir -p "$root"/{dev,proc,sys,tmp,run,root,var} \
	"$root"/usr/{bin,sbin,lib,lib64}
for dir in bin sbin lib lib64; do
	ln -s "usr/$dir" "$root/$dir"
done
ln -s ../run "$root/var/run"
for tool in "${tools[@]}"; do
	copy_tool "$tool"
done
# For system(); busybox's own shell would take its own ip and tc.
[ "$shared" ] || ln -sf dash "$root/usr/bin/sh"
[ -z "$python" ] || copy_python
copy /usr/bin/busybox
busybox --list | while read -r applet; do
	[ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] ||
		ln -s /usr/bin/busybox "$root/usr/bin/$applet"
done
# The kernel asks for modules at this place.
ln -sf /usr/bin/busybox "$root/usr/sbin/modprobe"
copy_modules
write_etc
write_init
gcc -O2 -Wall -Wextra -static -o "$root/agent" "$here/agent.c"
for tree in "${trees[@]}"; do
	cp -rL "$tree/." "$root/"
	# Compiled tests may be linked with more than the tools are.
	find "$tree" -type f -perm /111 ! -name '*.sh' |
	while read -r file; do
		libraries "$file"
	done | sort -u | while read -r lib; do
		copy "$lib"
	done
done

# Not compressed: the guest would take longer than the host saves.
mkdir -p "${output%/*}"
(cd "$root" && find . -print0 | cpio --null --create --quiet \
	--format=newc --owner=0:0) > "$output.$$"
mv "$output.$$" "$output"
