#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Super-frames: where they go whole, where they are cut, where frames are merged
# again, and that the stream is exact however that changes.
# fastsock: timeout=300
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/stream.sh
. ./stream.sh

# Bytes each way, and so many frames; a kernel with assertions takes its time.
bytes=4194304 rounds=3
[ "$(lan_patience 1)" -eq 1 ] || bytes=1048576 rounds=1
pieces=$((2 * bytes / 1476))

sum() {
	echo $(($(stat a "$1") + $(stat b "$1")))
}

# What a transfer makes a counter of both ends grow by: grows NAME COMMAND
grows() {
	local before

	before=$(sum "$1")
	timeout "$(lan_patience 60)" ./helper_xfer a b 10.77.0.2 $bytes \
		"${2:-true}" || return 1
	grown=$(($(sum "$1") - before))
	echo "$1 $grown, of $pieces pieces"
}

few() {
	grows "$@" && [ $grown -lt $((pieces / 2)) ]
}

many() {
	grows "$@" && [ $grown -ge $pieces ]
}

# Offloads of both ends: offload WORD...
offload() {
	local ns

	for ns in a b; do
		at $ns ethtool -K eth0 "$@" > /dev/null || return 1
	done
}

cut_by_kernel() {
	offload tx-sctp-segmentation off
}

sent_whole_and_cut() {
	local before

	cut_by_kernel || return 1
	before=$(sum FskInFrames)
	few FskOutFrames && before=$(($(sum FskInFrames) - before)) || return 1
	echo "FskInFrames $before"
	[ $before -ge $pieces ]
}

# Does b's device see frames longer than its MTU within a transfer?
sees_long() {
	local capture status

	at b timeout 20 tcpdump -Z root -nn -c 1 -i eth0 -w /dev/null \
		'ether proto 0x88b5 and greater 1515' > /tmp/capture 2>&1 &
	capture=$!
	until_true 10 grep -q listening /tmp/capture || return 1
	grows FskOutFrames || return 1
	kill $capture 2> /dev/null
	wait $capture
	status=$?
	[ $status -eq 0 ]
}

sees_no_long() {
	! sees_long
}

# A device of NAPI merges what comes; veth does if its peer cannot TSO.
merged() {
	offload tso off && cut_by_kernel && offload gro on &&
		few FskInFrames && many_cut
}

many_cut() {
	at b ethtool -K eth0 gro off > /dev/null &&
		at a ethtool -K eth0 gro off > /dev/null && many FskInFrames
}

# Frames of many connections come in between each other.
merged_of_many() {
	local i jobs=

	offload tso off && cut_by_kernel && offload gro on || return 1
	for i in 1 2 3 4; do
		./helper_xfer a b 10.77.0.2 $((bytes / 4)) true &
		jobs+=" $!"
	done
	for i in $jobs; do
		wait "$i" || return 1
	done
}

# Behind a switch, where each frame can be lost by itself.
pieces_lost() {
	local before

	cut_by_kernel || return 1
	before=$(sum FskRetransFrames)
	grows FskInFrames "tc -n switch qdisc add dev to-b root netem loss 3% &&
		tc -n switch qdisc add dev to-a root netem loss 3%" &&
		tc -n switch qdisc del dev to-b root &&
		tc -n switch qdisc del dev to-a root || return 1
	before=$(($(sum FskRetransFrames) - before))
	echo "$before sent again"
	# Lost pieces alone: whole super-frames would be many more.
	[ $before -gt 0 ] && [ $before -lt $((pieces / 4)) ]
}

changes() {
	local ns

	start_stream || return 1
	for _ in $(seq $rounds); do
		for ns in a b; do
			at $ns ethtool -K eth0 tx-sctp-segmentation off &&
				goes_on &&
				at $ns ethtool -K eth0 gso off && goes_on &&
				at $ns ethtool -K eth0 sg off && goes_on &&
				at $ns ethtool -K eth0 sg on gso on \
					tx-sctp-segmentation on &&
				ip -n $ns link set eth0 gso_max_size 9000 &&
				goes_on &&
				ip -n $ns link set eth0 gso_max_size 65536 &&
				ip -n $ns link set eth0 mtu 900 && goes_on &&
				ip -n $ns link set eth0 mtu 1500 || return 1
		done
	done > /dev/null
	ends_well
}

# The bridge's module merges frames, and passes them on cut or whole.
bridged() {
	at switch ethtool -K to-a gro on > /dev/null &&
		at switch ethtool -K to-b gro on > /dev/null &&
		offload tso off && cut_by_kernel && grows FskInFrames &&
		at switch ethtool -K to-b tx-sctp-segmentation off \
			> /dev/null &&
		at switch ethtool -K to-a tx-sctp-segmentation off \
			> /dev/null && many FskInFrames
}

# A qdisc that knows flows by their sockets, or else by their hash; with a rate it
# asks for that of each packet.
flows_apart() {
	local flows

	tc -n a qdisc replace dev eth0 root fq maxrate 10gbit || return 4
	grows FskOutFrames || return 1
	flows=$(tc -n a -s qdisc show dev eth0)
	[[ $flows =~ flows\ ([0-9]+) ]] || return 1
	echo "${BASH_REMATCH[1]} flows"
	[ "${BASH_REMATCH[1]}" -ge 6 ]
}

# All that is sent is sent on one processor: without a hash it would arrive on
# one, too.
processors_apart() {
	local before after ns

	[ "$(grep -c '^processor' /proc/cpuinfo)" -ge 2 ] || return 4
	for ns in a b; do
		ip netns exec $ns sh -c \
			'echo 3 > /sys/class/net/eth0/queues/rx-0/rps_cpus' ||
			return 1
	done
	mapfile -t before < <(lan_processed)
	timeout "$(lan_patience 60)" \
		taskset 1 ./helper_xfer a b 10.77.0.2 $bytes true || return 1
	mapfile -t after < <(lan_processed)
	echo "before ${before[*]}, after ${after[*]}"
	for ns in 0 1; do
		[ $((after[ns] - before[ns])) -ge 20 ] || return 1
	done
}

# One end of a tunnel between a and b: tunnel NETNS OWN PEER
tunnel() {
	ip -n "$1" link add vx0 type vxlan id 7 dstport 4789 \
		local "10.77.0.$2" remote "10.77.0.$3" dev eth0 || return 4
	at "$1" sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore'
	ip -n "$1" link set vx0 up
}

# A transfer by other devices than eth0:
# beyond_eth0 CLIENT DEVICE SERVER DEVICE IP
beyond_eth0() {
	until_true "$(lan_patience 20)" \
		at "$1" ping -c 1 -W 1 "$5" > /dev/null &&
		until_true 20 knows_on "$1" "$2" &&
		until_true 20 knows_on "$3" "$4" &&
		timeout "$(lan_patience 60)" ./helper_xfer "$1" "$3" "$5" \
			$bytes true
}

vxlan() {
	tunnel a 1 2 && tunnel b 2 1 || return
	ip -n a addr add 10.78.0.1/24 dev vx0 &&
		ip -n b addr add 10.78.0.2/24 dev vx0 &&
		beyond_eth0 a vx0 b vx0 10.78.0.2
}

# What the tunnel has carried whole is cut behind it, at the way to c.
vxlan_bridged() {
	tunnel a 1 2 && tunnel b 2 1 || return
	ip -n a addr add 10.78.0.1/24 dev vx0 && lan_plain_bridges b &&
		ip -n b link add brv type bridge &&
		ip -n b link add leg0 mtu 1450 type veth \
			peer name leg1 netns c mtu 1450 &&
		ip -n b link set vx0 master brv &&
		ip -n b link set leg0 master brv up &&
		ip -n b link set brv up &&
		at b ethtool -K leg0 tx-sctp-segmentation off > /dev/null &&
		ip -n c addr add 10.78.0.3/24 dev leg1 &&
		ip -n c link set leg1 up &&
		beyond_eth0 a vx0 c leg1 10.78.0.3
}

knows_on() {
	at "$1" grep -q "^$2 .* capable " /proc/net/fastsock_peers
}

cases=(
	"whole over veth | on_lan 'a b' few FskInFrames"
	"a capture sees them | on_lan 'a b' sees_long"
	"a device that takes none: sent whole, and cut | on_lan 'a b' sent_whole_and_cut"
	"... to the MTU | on_lan 'a b' eval 'cut_by_kernel && sees_no_long'"
	"no GSO: single frames | on_lan 'a b' eval 'offload gso off && many FskOutFrames'"
	"no scatter and gather: single frames | on_lan 'a b' eval 'offload sg off && many FskOutFrames'"
	"through a switch, whole | on_lan 'a b c' few FskInFrames"
	"merged as they come in | on_lan 'a b' merged"
	"... those of many connections | on_lan 'a b' merged_of_many"
	"merged by a bridge, cut again | on_lan 'a b c' bridged"
	"lost pieces are sent again, not all | on_lan 'a b c' pieces_lost"
	"offloads and MTU change | on_lan 'a b' changes"
	"a qdisc tells connections apart | on_lan 'a b' flows_apart"
	"processors share connections | on_lan 'a b' processors_apart"
	"vxlan carries them | on_lan 'a b' vxlan"
	"... and what it has carried is cut | on_lan 'a b c' vxlan_bridged"
)

ktap_print_header
run_cases "${cases[@]}"
ktap_finished
