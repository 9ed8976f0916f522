#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs one program inside a guest, over TCP and over fastsock, and says what
# was the same:
#
#   in-guest.sh CASE-FILE
#   in-guest.sh CASE-FILE PART WORK-DIRECTORY     for itself
#
# A case file defines, for a host a (10.77.0.1) and a host b (10.77.0.2), which
# are network namespaces joined by a veth pair:
#
#   path=fastsock    what carries its bytes with fastsock on: "fastsock" (the
#                    usual case), "tcp" for the sockets of kernel services, or
#                    "both"
#   limit=300        seconds for one run; emulated guests may be very slow
#   version          prints the program's version
#   prepare          optional, before each run, outside the namespaces
#   serve            starts servers in b and returns when they are up
#   use              runs the clients in a; what it prints is compared
#
# With PLACE=host in the environment a and b are names of one host that has both
# addresses.
#
# Work directory is $work, new for each run.  Prints one line for each run,
# then what the two have printed if it differs:
#
#   run tcp|fastsock status=N fastsock=BYTES ip=BYTES
set -u

case_file=$(readlink -f "$1")
# shellcheck disable=SC2034	# the cases read them
a_ip=10.77.0.1 b_ip=10.77.0.2
path=fastsock
limit=300
work=${3-}
PLACE=${PLACE:-lan}

# The LAN of the tests: a has 10.77.0.1, b has 10.77.0.2.
# shellcheck source=/dev/null
. "$(dirname "$(readlink -f "$0")")/lan.sh"

# Programs want the /sys and the mounts that belong to the namespace.
at() {
	ip netns exec "$@"
}

prepare() {
	:
}

# shellcheck source=/dev/null
. "$case_file"

# Waits for listening ports: await_ports PORT...; in the namespace that asks.
await_ports() {
	local port

	for port in "$@"; do
		for _ in $(seq 300); do
			ss -Hltn "sport = :$port" | grep -q . && continue 2
			sleep 0.2
		done
		echo "nobody listens on port $port" >&2
		return 1
	done
}

# Starts a server that outlives this shell function: background COMMAND...
background() {
	setsid "$@" > "$work/$(basename "$1").log" 2>&1 < /dev/null &
}

# One namespace of two names.
one_host() {
	lan_add_ns a && touch /run/netns/b &&
		mount --bind /run/netns/a /run/netns/b || return 1
	LAN_NETS="$LAN_NETS b"
	ip -n a link add eth0 type dummy && { lan_host 1; lan_host 2; } |
		ip -n a -batch -
}

hosts_up() {
	if [ "$PLACE" = host ]; then
		one_host
	else
		lan_up a b
	fi
}

fastsock_on() {
	if [ "$PLACE" = host ]; then
		lan_sysctl a enable 1
	else
		lan_ready a b
	fi
}

# Half of the sum over both hosts of what COMMAND NETNS prints: bytes counted
# where they leave and where they arrive.
carried() {
	local ns sum=0 hosts="a b"

	[ "$PLACE" != host ] || hosts=a
	for ns in $hosts; do
		sum=$((sum + $("$1" $ns)))
	done
	echo $((sum / 2))
}

# Bytes of streams that fastsock carried.
fastsock_bytes() {
	echo $(($(stat "$1" FskInBytes) + $(stat "$1" FskOutBytes)))
}

# Bytes of TCP segments and all else that is IP.
ip_bytes() {
	# shellcheck disable=SC2016	# awk reads $0
	at "$1" awk '/^IpExt:/ { if (!n) n = split($0, name);
			else split($0, value) }
		END { for (i = 1; i <= n; i++)
			if (name[i] ~ /^(In|Out)Octets$/) sum += value[i]
			printf "%d", sum }' /proc/net/netstat
}

# One run in a process namespace of its own: nothing outlives it.
once() {
	local mode=$1 status before

	work=$(mktemp -d "/tmp/$mode.XXXXXX")
	chmod 755 "$work"
	hosts_up || exit 2
	[ "$mode" = tcp ] || fastsock_on || exit 2
	before=$(carried ip_bytes)
	(cd "$work" && exec timeout -k 5 "$(lan_patience "$limit")" \
		unshare --pid --fork --kill-child --mount-proc \
		bash "$0" "$case_file" inside "$work") \
		> "/tmp/$mode.out" 2> "/tmp/$mode.err" < /dev/null
	status=$?
	echo "run $mode status=$status fastsock=$(carried fastsock_bytes)" \
		"ip=$(($(carried ip_bytes) - before))"
	if [ $status -ne 0 ]; then
		tail -n 15 "/tmp/$mode.err" "$work"/*.log | sed 's/^/| /'
	fi
	lan_down
	rm -rf "$work"
}

# What runs in the process namespace.
inside() {
	prepare >&2 && at b bash "$0" "$case_file" serve "$work" >&2 &&
		at a bash "$0" "$case_file" use "$work"
}

both() {
	local mode

	echo "version $(version 2>&1 | head -n 1)"
	echo "path $path"
	for mode in tcp fastsock; do
		once $mode
	done
	if cmp -s /tmp/tcp.out /tmp/fastsock.out; then
		echo same
	else
		diff /tmp/tcp.out /tmp/fastsock.out | sed 's/^/| /'
	fi
}

if [ $# -eq 3 ]; then
	"$2"
else
	both
fi
