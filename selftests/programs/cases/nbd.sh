# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: nbd-server nbd-client
# title: nbd: a file system on a connection handed to the kernel
version() { dpkg-query -W -f 'nbd-server ${Version}' nbd-server; }

serve() {
	truncate -s 32M "$work/disk"
	cat > "$work/nbd.conf" <<-END
	[generic]
	allowlist = true
	[disk]
	exportname = $work/disk
	listenaddr = $b_ip
	END
	sed -i "s|^\[generic\]|&\nlistenaddr = $b_ip|; /^listenaddr.*disk/d" \
		"$work/nbd.conf"
	background nbd-server -d -C "$work/nbd.conf"
	await_ports 10809
}

# Does /dev/nbd0 have its connection and the size of the disk?
connected() {
	[ -e /sys/block/nbd0/pid ] && [ "$(cat /sys/block/nbd0/size)" = 65536 ]
}

# By ioctl: in 6.1 nbd's netlink is for the first network namespace only.
use() {
	{ [ -e /dev/nbd0 ] || modprobe nbd; } &&
		nbd-client -nonetlink -N disk $b_ip /dev/nbd0 > /dev/null &&
		until_true 20 connected || return 1
	mkfs.ext4 -q /dev/nbd0 && mkdir "$work/mount" &&
		mount /dev/nbd0 "$work/mount" || return 1
	seq 500000 > "$work/mount/data"
	umount "$work/mount"
	blockdev --flushbufs /dev/nbd0
	mount /dev/nbd0 "$work/mount" && md5sum < "$work/mount/data"
	umount "$work/mount"
	nbd-client -nonetlink -d /dev/nbd0 > /dev/null &&
		until_true 20 test ! -e /sys/block/nbd0/pid && echo disconnected
}
