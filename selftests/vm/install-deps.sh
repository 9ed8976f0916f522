#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Installs what building and testing need from Debian; without anything to
# install it touches neither network nor system.  More packages may be named:
#   install-deps.sh [package]...
set -eu

packages=(
	# building
	bc bison cpio dkms flex gcc gcc-multilib kmod libc6-dev libelf-dev
	libssl-dev make python3 rsync xz-utils zstd
	# the kernels under test, their headers and sources
	linux-image-amd64 linux-headers-amd64
	linux-image-6.12-amd64 linux-headers-6.12-amd64 linux-source-6.12
	# static checks
	perl sparse
	# guests and the programs inside them
	qemu-system-x86 busybox-static iproute2 nftables bpftool ethtool
	tcpdump socat iperf3 curl strace diffutils mawk procps util-linux
	"$@"
)

missing=()
for package in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null ||
		true)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing from Debian: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo > /dev/null || {
		echo "error: run this as root: apt-get install ${missing[*]}" >&2
		exit 1
	}
	as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
	apt-get -q -y -o Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${missing[@]}"
