# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: criu socat
# title: CRIU: dumps and restores a connected program with --tcp-close
version() { criu --version; }

serve() {
	background socat "TCP-LISTEN:7000,bind=$b_ip,fork" \
		SYSTEM:'echo hello; cat > /dev/null; echo closed >> seen'
	await_ports 7000
}

# Its second read begins before the dump and ends after the restoration.
client() {
	trap '' PIPE
	exec 3<> "/dev/tcp/$b_ip/7000"
	read -r line <&3
	echo "$line" > first
	if read -r line <&3; then
		echo "read $line" > second
	else
		echo "end" > second
	fi
	if echo late >&3; then
		echo "written" > third
	else
		echo "not written" > third
	fi
}

restored() {
	criu restore --restore-detached --tcp-close --images-dir images \
		--log-file restore.log
}

use() {
	export -f client
	export b_ip
	setsid bash -c client < /dev/null > client.log 2>&1 &
	until_true 20 test -s first && cat first
	mkdir images
	criu dump --tree $! --tcp-close --images-dir images \
		--log-file dump.log && echo dumped
	wait $!
	echo "it ended with $?"
	until_true 20 test -s seen && cat seen
	restored && echo restored
	until_true 20 test -s third && cat second third
}
