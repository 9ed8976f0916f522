# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: socat
# title: socat: a terminal passed through, half close, many at once
version() { socat -V | grep 'socat version'; }

serve() {
	# They would wait half a second for what comes after the client's end.
	background socat -t 20 TCP-LISTEN:7000,bind=$b_ip,reuseaddr,fork \
		EXEC:"bash --norc -i",pty,setsid,ctty,stderr,echo=0
	background socat -t 30 TCP-LISTEN:7001,bind=$b_ip,reuseaddr,fork \
		SYSTEM:"sort | md5sum"
	background socat -t 30 TCP-LISTEN:7002,bind=$b_ip,reuseaddr,fork \
		EXEC:cat
	await_ports 7000 7001 7002
}

use() {
	local i pids=()

	# shellcheck disable=SC2016	# the shell in b expands it
	printf 'PS1=\nstty size\necho $((6 * 7)) seen\nexit\n' |
		socat -t 20 - TCP:$b_ip:7000 | grep -a 'seen'
	for i in $(seq 10); do
		seq $((i * 2000)) | socat -t 30 - TCP:$b_ip:7001 > "sum$i" &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat sum?*
	[ "$(cat sum?* | wc -l)" -eq ${#pids[@]} ] || return 1
	head -c 2000000 /dev/zero | socat -t 20 - TCP:$b_ip:7002 | md5sum
}
