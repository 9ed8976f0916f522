#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Network namespaces of one kernel that share memory (net.fastsock.same_host=2):
# when they do and when not, and what becomes of it when a cable is pulled.
# fastsock: timeout=400 kernels=6.12,debug
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/stream.sh
. ./stream.sh

more=5
export LAN_SAME_HOST=2
# Super-frames would leave few frames to count.
export LAN_GSO_MAX=1000

# Frames that both ends of a connection have sent.
frames() {
	echo $(($(stat "$1" FskOutFrames) + $(stat "$2" FskOutFrames)))
}

# One connection of 80 kB, which would be some 60 frames, and how many frames
# there were: connection CLIENT SERVER ADDRESS OPTION...
connection() {
	local before output

	before=$(frames "$1" "$2")
	output=$(./helper_pair -c "$1" -s "$2" -a "$3" -p 4000 "${@:4}")
	echo "$output frames=$(($(frames "$1" "$2") - before))"
}

# SYN, SYNACK, and a HELLO and its answer that may come at any time.
memory() {
	matches "$(connection "$@")" \
		'client=fastsock server=fastsock * frames=[2-6]'
}

by_frames() {
	matches "$(connection "$@")" \
		'client=fastsock server=fastsock * frames=[5-9][0-9]*'
}

# CHECK CLIENT SERVER OPTION...
to() {
	"$1" "$2" "$3" "$(lan_ip "$3")" "${@:4}"
}

ab() {
	to "$1" a b "${@:2}"
}

ba() {
	to "$1" b a "${@:2}"
}

both_ways() {
	ab memory && ba memory
}

# The values of same_host in both, then the check.
same_host() {
	lan_sysctl a same_host "$1" && lan_sysctl b same_host "$2" &&
		"${@:3}"
}

# What runs goes on when the administrator changes his mind.
revoked() {
	ab memory -i 'bash ./lan.sh lan_sysctl a same_host 1;
		bash ./lan.sh lan_sysctl b same_host 0' && ab by_frames
}

# Each namespace counts and shows its own end only.
isolated() {
	local before

	before=$(counters c Fsk)
	ab memory -i "$(ends a 1) && $(ends b 1) && $(ends c 0)" &&
		matches "$(moved c Fsk "$before" | sed 's/FskHello[^ ]* 1//g')" \
			'*( )' &&
		matches "$(stat a FskActiveOpens) $(stat a FskPassiveOpens)" \
			'1 0' &&
		matches "$(stat b FskActiveOpens) $(stat b FskPassiveOpens)" \
			'0 1' &&
		matches "$(stat a FskOutBytes) $(stat a FskInBytes)" \
			'40000 40000' &&
		matches "$(stat b FskOutBytes) $(stat b FskInBytes)" \
			'40000 40000'
}

# A command: has that namespace so many connections?
ends() {
	echo "test \$(./helper_at $1 ss -tnH state established | wc -l) -eq $2"
}

# Data may not be seen on the cable.
unseen() {
	local before

	before=$(packets a)
	ab memory && [ $(($(packets a) - before)) -le 8 ]
}

packets() {
	at "$1" awk '$1 == "eth0:" { print $3 + $11 }' /proc/net/dev
}

# Another LAN with the same addresses, MAC addresses included.
twins() {
	local ns n=0 mac

	for ns in e f; do
		lan_add_ns $ns || return 1
	done
	lan_cable e f eth0 | ip -batch - || return 1
	for ns in a b; do
		n=$((n + 1))
		mac=$(ip -n $ns -o link show dev eth0 |
			sed 's|.*link/ether \([^ ]*\).*|\1|')
		ns=$(echo $ns | tr ab ef)
		{
			echo "link set eth0 address $mac"
			lan_host $n
		} | ip -n $ns -batch - || return 1
	done
	lan_ready e f
}

# Servers at the same place; each client gets its own.
not_confused() {
	twins && ab memory && to memory e f &&
		lan_sysctl f same_host 1 && to by_frames e f &&
		ab memory && lan_sysctl f enable 0 && sleep 1 &&
		matches "$(to connection e f)" 'client=tcp server=tcp *' &&
		ab memory
}

three() {
	lan_reaches c b &&
		both_ways && to memory a c && to memory c b &&
		lan_sysctl c same_host 1 && to by_frames a c &&
		to by_frames c a && ab memory
}

# A bridge that carries the frames no more.
filtered() {
	ab memory && at switch tc qdisc add dev to-a clsact &&
		at switch tc filter add dev to-a ingress protocol 0x88b5 \
			matchall action drop &&
		matches "$(to connection a b)" 'client=tcp server=tcp *'
}

# SYN answered late, when nobody owns the client's socket.
delayed() {
	at a tc qdisc add dev eth0 root netem delay 5ms && both_ways &&
		ab memory -n
}

no_orphans() {
	awk '$1 == "TCP:" { exit $5 != 0 }' /proc/net/sockstat
}

# Some use TCP, because the neighbour looked dead; those have to end, too, or
# they keep the namespace for a minute or two.
lossy() {
	local n=0

	at a tc qdisc add dev eth0 root netem loss 40% || return 1
	for _ in $(seq 40); do
		[[ $(to connection a b) == \
			client=*server=*frames=[0-9] ]] && n=$((n + 1))
	done
	echo "$n of 40 in memory, or TCP"
	at a tc qdisc del dev eth0 root || return 1
	until_true "$(lan_patience 60)" no_orphans || return 1
	[ $n -ge 5 ]
}

# It uses memory: start [USER_TIMEOUT_MS]
start() {
	local before

	start_stream "$@" && before=$(frames a b) &&
		goes_on && [ $(($(frames a b) - before)) -le 4 ]
}

stops() {
	local now

	sleep 0.3
	now=$(last blocks)
	sleep 0.5
	matches "$(last blocks)" "$now"
}

# The kernel takes up to a second to tell that a carrier is lost.
noticed() {
	[ "$1" != switch ] || sleep 1.2
}

cut_and_mended() {
	start || return 1
	for _ in 1 2 3; do
		ip -n "$1" link set "$2" down && noticed "$1" && stops &&
			ip -n "$1" link set "$2" up && goes_on || return 1
	done
	ends_well
}

# Once for each end and each way that a cable can be pulled.
pulled() {
	start 2000 && "$@" && until_true "$(lan_patience 20)" ended || return 1
	tail -n 1 $out
	[[ $(tail -n 1 $out) =~ ^error\ ETIMEDOUT\ after\ ([0-9]+)\ ms$ ]] &&
		[ "${BASH_REMATCH[1]}" -ge 1900 ] &&
		[ "${BASH_REMATCH[1]}" -le $(($(lan_patience 8) * 1000)) ]
}

ended() {
	! kill -0 $stream 2> /dev/null
}

shopt -s extglob
cases=(
	"2 and 2: memory, both ways | on_lan 'a b' both_ways"
	"1 and 1: frames | on_lan 'a b' same_host 1 1 ab by_frames"
	"2 and 1: frames | on_lan 'a b' same_host 2 1 ab by_frames"
	"1 and 2: frames | on_lan 'a b' same_host 1 2 ab by_frames"
	"2 and 0: frames | on_lan 'a b' same_host 2 0 ab by_frames"
	"connections outlive that it is forbidden | on_lan 'a b' revoked"
	"a client that does not wait | on_lan 'a b' ab memory -n"
	"a namespace sees its own end only | on_lan 'a b c' isolated"
	"no data on the cable | on_lan 'a b' unseen"
	"the same addresses elsewhere | on_lan 'a b' not_confused"
	"three namespaces on a bridge | on_lan 'a b c' three"
	"a bridge that drops the frames: TCP | on_lan 'a b c' filtered"
	"answers that come late | on_lan 'a b' delayed"
	"answers that are lost | on_lan 'a b' lossy"
	"client's device down and up | on_lan 'a b' cut_and_mended a eth0"
	"server's device down and up | on_lan 'a b' cut_and_mended b eth0"
	"far end of the client's cable down and up | on_lan 'a b c' cut_and_mended switch to-a"
	"client's device down: ETIMEDOUT | on_lan 'a b' pulled ip -n a link set eth0 down"
	"client's device removed: ETIMEDOUT | on_lan 'a b' pulled ip -n a link delete eth0"
	"server's device removed: ETIMEDOUT | on_lan 'a b c' pulled ip -n b link delete eth0"
	"the bridge's namespace deleted: ETIMEDOUT | on_lan 'a b c' pulled ip netns delete switch"
)

# What looks at addresses, and what may happen to these.
ipv6=(
	"IPv6: memory, both ways | LAN_IPV6=1 on_lan 'a b' both_ways"
	"IPv6: a namespace sees its own end only | LAN_IPV6=1 on_lan 'a b c' isolated"
	"IPv6: the same addresses elsewhere | LAN_IPV6=1 on_lan 'a b' not_confused"
	"IPv6: client's device removed: ETIMEDOUT | LAN_IPV6=1 on_lan 'a b' pulled ip -n a link delete eth0"
)

# On a kernel with assertions, what refers to devices.
if [ -e /sys/kernel/debug/kmemleak ]; then
	cases=("${cases[0]}" "${cases[7]}" "${cases[12]}" "${cases[14]}"
	       "${cases[@]:18}")
fi

ktap_print_header
trap lan_down EXIT
run_cases "${cases[@]}" "${ipv6[@]}"
ktap_finished
