#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Gives a guest a writable root of its own over the host's and starts the agent.
#
# virtme-ng's own root reads every page from the host each time, which without
# KVM takes half a minute for a server program.  The host's root, mounted once
# more with a cache at LOWER, is covered by an overlay in the guest's memory.
set -eu

lower=$1
workdir=$2
root=/run/demo/root

mkdir -p /run/demo/{upper,work} "$root"
mount -t overlay overlay "$root" \
	-o "lowerdir=$lower,upperdir=/run/demo/upper,workdir=/run/demo/work"
for directory in dev proc sys run; do
	mount --rbind "/$directory" "$root/$directory"
done
cd /
exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
	chroot "$root" /usr/bin/python3 -B "$workdir/agent.py"
