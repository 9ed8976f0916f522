# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: openssh-server openssh-client
# title: OpenSSH: commands, sftp, port forwarding both ways
# sshd listens on 0.0.0.0, and on :: for IPv6 only.
# dual-stack: fastsock
version() { ssh -V; }

prepare() {
	ssh-keygen -q -t ed25519 -N '' -f "$work/host" &&
		ssh-keygen -q -t ed25519 -N '' -f "$work/key" &&
		mkdir -p /run/sshd && head -c 3000000 /dev/urandom > "$work/data"
}

serve() {
	cat > "$work/sshd_config" <<-END
	HostKey $work/host
	AuthorizedKeysFile $work/key.pub
	StrictModes no
	PermitRootLogin yes
	UsePAM no
	Subsystem sftp internal-sftp
	END
	background /usr/sbin/sshd -D -e -f "$work/sshd_config"
	background socat -t 10 TCP-LISTEN:7000,bind=$b_ip,fork,reuseaddr \
		EXEC:cat
	await_ports 22 7000
}

options=(-F none -i "$work/key" -o StrictHostKeyChecking=no
	-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes)

# Whether the remote end of a forwarding listens.
forwarded() {
	at b ss -Hltn 'sport = :7002' | grep -q .
}

use() {
	local pid

	ssh "${options[@]}" root@$b_ip 'echo a command; exit 3'
	echo "exit $?"
	# shellcheck disable=SC2029	# both see the same $work
	ssh "${options[@]}" root@$b_ip "cat > $work/copy" < "$work/data"
	cmp "$work/data" "$work/copy" && echo piped
	printf 'put %s %s\nget %s %s\n' "$work/data" "$work/put" \
		"$work/data" "$work/got" |
		sftp -q "${options[@]}" -b - root@$b_ip > /dev/null
	cmp "$work/data" "$work/put" && cmp "$work/data" "$work/got" &&
		echo by sftp
	background socat -t 10 TCP-LISTEN:7003,bind=127.0.0.1,reuseaddr,fork \
		EXEC:tac
	ssh "${options[@]}" -N -L 127.0.0.1:7001:$b_ip:7000 \
		-R 127.0.0.1:7002:127.0.0.1:7003 root@$b_ip &
	pid=$!
	await_ports 7001 7003
	seq 20000 | socat -t 10 - TCP:127.0.0.1:7001 | md5sum
	until_true 20 forwarded
	seq 20000 | at b socat -t 10 - TCP:127.0.0.1:7002 | md5sum
	kill $pid
}
