#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs what make demo needs and is not there yet; starts no service.
#
# usage: install-deps.sh KERNEL-SERIES CACHE-DIRECTORY [PACKAGE]...
set -eu

series=$1
cache=$2
shift 2

VIRTME_NG=1.42
PACKAGES=(
	# to build the module and to boot guests
	build-essential kmod python3 python3-venv qemu-system-x86 busybox-static
	vde-switch iproute2 iputils-ping procps tcpdump
	# the programs that are demonstrated
	curl nginx redis-server redis-tools iperf3 vsftpd openbsd-inetd
	"$@"
)
POLICY=/usr/sbin/policy-rc.d

die()
{
	echo "install-deps.sh: $*" >&2
	exit 1
}

installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = \
		installed ]
}

# A kernel of the series that can boot and for which modules can be built.
have_kernel()
{
	local kernel

	for kernel in "/boot/vmlinuz-$series".*-amd64; do
		[ -d "/lib/modules/${kernel#/boot/vmlinuz-}/build" ] && return
	done
	return 1
}

kernel_packages()
{
	case $series in
	6.1)	echo linux-image-amd64 linux-headers-amd64 ;;
	6.12)	echo linux-image-6.12-amd64 linux-headers-6.12-amd64 ;;
	*)	die "no Debian 12 kernel '$series': choose 6.1 or 6.12" ;;
	esac
}

# Services of the packages are wanted in guests only: not now, not at boot.
forbid_services()
{
	if [ -e "$POLICY" ]; then
		mv "$POLICY" "$POLICY.fastsock-demo"
	fi
	trap allow_services EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

allow_services()
{
	rm -f "$POLICY"
	if [ -e "$POLICY.fastsock-demo" ]; then
		mv "$POLICY.fastsock-demo" "$POLICY"
	fi
}

disable_services()
{
	local package service

	for package in "$@"; do
		for service in $(dpkg -L "$package" |
				 sed -n 's|^/etc/init\.d/||p'); do
			case $package in
			nginx*|redis-server|vsftpd|openbsd-inetd|iperf3|\
			openssh-server|rsync|lighttpd|haproxy|memcached|\
			postgresql-common|mariadb-server|rpcbind|nfs-*|nbd-*)
				update-rc.d "$service" disable || true ;;
			esac
		done
	done
}

install_packages()
{
	local before=$1 new
	shift

	[ "$(id -u)" = 0 ] || die "root is needed to install: $*"
	echo "Installing from Debian: $*"
	forbid_services
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q update || die "apt-get update failed, see above"
	apt-get -q -y install --no-install-recommends "$@" ||
		die "apt-get could not install: $*
(6.12 kernels of Debian 12 come from bookworm-security; --kernel 6.1 does not
need them)"
	new=$(comm -13 <(echo "$before") <(list_installed))
	# shellcheck disable=SC2086 # one word for each package
	disable_services $new
	allow_services
	trap - EXIT INT TERM HUP
}

list_installed()
{
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
		sed -n 's/^installed //p' | sort
}

install_virtme()
{
	local venv=$cache/virtme-ng-$VIRTME_NG

	[ -e "$venv/complete" ] && return
	echo "Installing from PyPI: virtme-ng $VIRTME_NG, into $venv"
	rm -rf "$venv"
	mkdir -p "$cache"
	/usr/bin/python3 -m venv "$venv"
	"$venv/bin/pip" --quiet --disable-pip-version-check install \
		"virtme-ng==$VIRTME_NG" || die "pip could not install virtme-ng"
	ln -sfn "virtme-ng-$VIRTME_NG" "$cache/virtme-ng"
	touch "$venv/complete"
}

missing=()
for package in "${PACKAGES[@]}"; do
	installed "$package" || missing+=("$package")
done
if ! have_kernel; then
	read -ra kernel <<<"$(kernel_packages)"
	[ ${#kernel[@]} -gt 0 ] || exit 1
	echo "No Debian kernel $series with headers: it will be installed beside" \
	     "the others (the boot loader may prefer it at the next boot)."
	missing+=("${kernel[@]}")
fi
if [ ${#missing[@]} -gt 0 ]; then
	install_packages "$(list_installed)" "${missing[@]}"
fi
install_virtme
