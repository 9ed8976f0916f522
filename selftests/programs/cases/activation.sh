# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: systemd openbsd-inetd
# title: socket activation: systemd-socket-activate and inetd
# systemd-socket-activate listens on ::, inetd does not.
# dual-stack: fastsock
version() { systemd-socket-activate --version; }

serve() {
	background systemd-socket-activate -l 7000 --inetd -a cat
	cat > "$work/inetd.conf" <<-END
	$b_ip:7001 stream tcp nowait root /usr/bin/md5sum md5sum
	END
	background inetd -i "$work/inetd.conf"
	await_ports 7000 7001
}

use() {
	local i

	for i in 1 2 3 4 5; do
		seq $((i * 1000)) | socat -t 20 - TCP:$b_ip:7000 | md5sum
		seq $((i * 1000)) | socat -t 20 - TCP:$b_ip:7001
	done
}
