# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: rsync
# title: rsync: from and to a daemon, and what changed
version() { rsync --version; }

serve() {
	local i

	mkdir "$work/served"
	for i in $(seq 40); do
		seq "$i" $((i * 500)) > "$work/served/file$i"
	done
	cat > "$work/rsyncd.conf" <<-END
	use chroot = no
	uid = root
	gid = root
	[files]
	path = $work/served
	read only = no
	END
	background rsync --daemon --no-detach --address=$b_ip \
		--config="$work/rsyncd.conf"
	await_ports 873
}

use() {
	rsync -a rsync://$b_ip/files/ here/ && diff -r here served && echo down
	seq 100000 > here/new
	echo changed >> here/file7
	rsync -a --delete here/ rsync://$b_ip/files/ &&
		diff -r here served && echo up
	rsync -an --itemize-changes here/ rsync://$b_ip/files/
	(cd served && md5sum -- *) | md5sum
}
