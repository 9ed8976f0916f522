#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs what building and testing need from Debian; without anything to
# install it touches neither network nor system.  More packages may be named:
#   install-deps.sh [package]...
# Services of packages are wanted in guests only, so none runs here, now or
# after a boot.
set -eu

packages=(
	# building
	bc bison cpio dkms flex gcc gcc-multilib kmod libc6-dev libelf-dev
	libssl-dev make python3 rsync xz-utils zstd
	# the kernels under test, their headers and sources
	linux-image-amd64 linux-headers-amd64
	linux-image-6.12-amd64 linux-headers-6.12-amd64 linux-source-6.12
	# a test that is one end of a queue pair
	libibverbs-dev
	# static checks
	perl sparse
	# guests and the programs inside them
	qemu-system-x86 busybox-static iproute2 nftables bpftool ethtool
	tcpdump socat iperf3 curl strace diffutils mawk procps util-linux
	"$@"
)
policy=/usr/sbin/policy-rc.d

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null ||
		true)" = installed ]
}

list_installed() {
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
		sed -n 's/^installed //p' | sort
}

forbid_services() {
	[ ! -e $policy ] || mv $policy $policy.fastsock
	trap allow_services EXIT
	trap 'exit 1' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' > $policy
	chmod 755 $policy
}

allow_services() {
	rm -f $policy
	[ ! -e $policy.fastsock ] || mv $policy.fastsock $policy
}

disable_services() {
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

missing=()
for package in "${packages[@]}"; do
	is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	command -v sudo > /dev/null || {
		echo "error: run this as root: apt-get install ${missing[*]}" >&2
		exit 1
	}
	exec sudo "$0" "$@"
fi

echo "installing from Debian: ${missing[*]}"
case ${missing[*]} in
*linux-image*) echo "(a kernel beside the others, which the boot loader may" \
	"prefer at the next boot)" ;;
esac
before=$(list_installed)
forbid_services
apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${missing[@]}" || {
	echo "error: apt-get could not install: ${missing[*]}" \
		"(6.12 kernels of Debian 12 come from bookworm-security)" >&2
	exit 1
}
# shellcheck disable=SC2046 # one word for each package
disable_services $(comm -13 <(echo "$before") <(list_installed))
