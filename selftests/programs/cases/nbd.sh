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

use() {
	modprobe nbd && nbd-client -N disk $b_ip /dev/nbd0 > /dev/null || return 1
	mkfs.ext4 -q /dev/nbd0 && mkdir "$work/mount" &&
		mount /dev/nbd0 "$work/mount" || return 1
	seq 500000 > "$work/mount/data"
	umount "$work/mount"
	blockdev --flushbufs /dev/nbd0
	mount /dev/nbd0 "$work/mount" && md5sum < "$work/mount/data"
	umount "$work/mount"
	nbd-client -d /dev/nbd0 > /dev/null && echo disconnected
}
