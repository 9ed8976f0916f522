# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: nfs-kernel-server nfs-common rpcbind
# title: NFS over TCP: the sockets of both ends are the kernel's
path=tcp

version() { dpkg-query -W -f 'nfs-kernel-server ${Version}' nfs-kernel-server; }

serve() {
	mkdir -p "$work/export" /var/lib/nfs/v4recovery /run/rpc_pipefs
	mount -t tmpfs export "$work/export" &&
		modprobe nfsd && mount -t nfsd nfsd /proc/fs/nfsd || return 1
	seq 200000 > "$work/export/data"
	background /usr/sbin/rpc.mountd -F --no-udp -N 2 -N 3
	echo 10 > /proc/fs/nfsd/nfsv4leasetime
	echo 10 > /proc/fs/nfsd/nfsv4gracetime
	/usr/sbin/exportfs -i -o rw,no_root_squash,insecure,fsid=0 \
		"*:$work/export" &&
		/usr/sbin/rpc.nfsd -N 3 -H $b_ip 4 && await_ports 2049
}

# In b, from whose namespace of mounts nothing is seen here.
stop() {
	at b sh -c 'mount -t nfsd nfsd /proc/fs/nfsd && /usr/sbin/rpc.nfsd 0'
}

use() {
	mkdir "$work/mount"
	mount -t nfs4 -o vers=4.2,tcp $b_ip:/ "$work/mount" || return 1
	md5sum < "$work/mount/data"
	seq 300000 > "$work/mount/written"
	umount "$work/mount"
	mount -t nfs4 -o vers=4.2,tcp $b_ip:/ "$work/mount" &&
		md5sum < "$work/mount/written" && umount "$work/mount"
	stop
}
