#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Streams over links that lose, repeat, reorder, delay and spoil frames: exact,
# and in bounded time.
# fastsock: timeout=400
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh

# Bytes each way; a kernel with assertions takes its time.
if [ -e /sys/kernel/debug/kmemleak ]; then
	bytes=262144
else
	bytes=2097152
fi

sum() {
	local total=0 ns

	for ns in $2; do
		total=$((total + $(stat "$ns" "$1")))
	done
	echo $total
}

# What netem is to do on every link: "NETNS DEVICE" pairs in $links.
netem() {
	local ns dev command=

	while read -r ns dev; do
		command+="tc -n $ns qdisc replace dev $dev root netem "
		command+="limit 10000 $* && "
	done <<< "$links"
	echo "${command}true"
}

clean() {
	local ns dev

	while read -r ns dev; do
		tc -n "$ns" qdisc del dev "$dev" root 2> /dev/null
	done <<< "$links"
	return 0
}

# A transfer with the link spoilt by COMMAND: transfer SECONDS BYTES COMMAND
transfer() {
	local status

	timeout "$(lan_patience "$1")" ./helper_xfer "$client" "$server" \
		"$address" "$2" "$3"
	status=$?
	clean
	[ $status -ne 124 ] || echo "not finished in time"
	return $status
}

on_veth() {
	client=a server=b address=10.77.0.2 links=$'a eth0\nb eth0'
}

on_lo() {
	client=lo0 server=lo0 address=127.0.0.1 links='lo0 lo'
}

# Runs a command, after which that counter must be higher.
grew() {
	local name=$1 before

	shift
	before=$(sum "$name" "$client $server")
	"$@" || return 1
	[ "$(sum "$name" "$client $server")" -gt "$before" ] ||
		{ echo "$name is still $before"; return 1; }
}

undisturbed() {
	transfer 60 $bytes true
}

loss() {
	grew FskRetransFrames transfer 120 $bytes "$(netem loss 5%)"
}

heavy_loss() {
	grew FskRetransFrames transfer 120 $((bytes / 8)) \
		"$(netem loss 25%)"
}

# The receivers must have got more frames than were sent.
duplicates() {
	local ns_list="$client $server" extra

	[ "$client" != "$server" ] || ns_list=$client
	extra=$(($(sum FskInFrames "$ns_list") -
		$(sum FskOutFrames "$ns_list")))
	transfer 120 $bytes "$(netem duplicate 5%)" &&
		[ $(($(sum FskInFrames "$ns_list") -
			$(sum FskOutFrames "$ns_list"))) -gt "$extra" ]
}

reorder() {
	transfer 120 $bytes "$(netem delay 5ms reorder 75% 50%)"
}

jitter() {
	transfer 180 $((bytes / 4)) "$(netem delay 5ms 4ms)"
}

everything() {
	grew FskRetransFrames transfer 180 $((bytes / 8)) \
		"$(netem delay 3ms 2ms loss 5% duplicate 5% reorder 50% 50%)"
}

one_way() {
	local all=$links

	links=${links%%$'\n'*}
	grew FskRetransFrames transfer 120 $bytes "$(netem loss 10%)"
	local status=$?
	links=$all
	return $status
}

connects() {
	transfer 200 0 "$(netem loss 10%)"
}

# The cable is out for two seconds in the middle.
blackout() {
	transfer 120 $bytes "(sleep 0.5; ip -n b link set eth0 down; sleep 2;
		ip -n b link set eth0 up) > /dev/null 2>&1 &"
}

drops() {
	at "$1" awk '/^FskDrop/ { n += $2 } END { print n }' \
		/proc/net/fastsock_stat
}

# Namespace "cable" holds a program between the two.
relay_lan() {
	lan_add_ns a && lan_add_ns b && lan_add_ns cable &&
		{ lan_cable a cable to-a; lan_cable b cable to-b; } |
			ip -batch - || return 1
	lan_host 1 | ip -n a -batch - && lan_host 2 | ip -n b -batch - &&
		ip -n cable link set to-a up && ip -n cable link set to-b up
}

spoilt_headers() {
	local before dropped relay spoilt status
	local -x LAN_GSO_MAX=1000	# the program passes on no super-frames

	relay_lan || return 1
	# Not through "at", whose process would not be the program's.
	./helper_at cable ./helper_relay to-a to-b 20 > /tmp/spoilt &
	relay=$!
	lan_ready a b || { kill $relay; return 1; }
	before=$(($(drops a) + $(drops b)))
	grew FskRetransFrames transfer 120 $((bytes / 2)) "kill -USR1 $relay"
	status=$?
	kill $relay
	wait $relay
	spoilt=$(cat /tmp/spoilt)
	dropped=$(($(drops a) + $(drops b) - before))
	echo "$spoilt headers spoilt, $dropped frames dropped"
	# Each must have been noticed; a few are still on their way.
	[ "$spoilt" -gt 20 ] && [ $dropped -ge $((spoilt * 9 / 10)) ] &&
		return $status
}

# The cases before left the LAN without the cable.
spoilt_cable() {
	local status

	lan_down
	spoilt_headers
	status=$?
	lan_down
	return $status
}

run() {
	local output

	if output=$(${1#*:} 2>&1); then
		printf '%s\n' "$output" | sed 's/^#* */# /'
		ktap_test_pass "$2: ${1%%:*}"
	else
		printf '%s\n' "$output" | sed 's/^#* */# /'
		ktap_test_fail "$2: ${1%%:*}"
	fi
}

both=(
	"nothing is lost:undisturbed"
	"5 % loss:loss"
	"25 % loss:heavy_loss"
	"5 % duplicates:duplicates"
	"reordering:reorder"
	"jitter:jitter"
	"loss, duplicates, reordering and jitter at once:everything"
	"connects under loss:connects"
)
veth_only=(
	"10 % loss in one direction:one_way"
	"a cable out for two seconds:blackout"
	"one flipped bit in headers:spoilt_cable"
)
# What asks for neighbours and routes anew, and handshakes.
veth_ipv6=(
	"loss, duplicates, reordering and jitter at once:everything"
	"connects under loss:grew FskInBytes connects"
	"a cable out for two seconds:grew FskInBytes blackout"
)

ktap_print_header
ktap_set_plan $((2 * ${#both[@]} + ${#veth_only[@]} + 1 + ${#veth_ipv6[@]}))
trap lan_down EXIT
# Memory loses nothing.
if ! { lan_up a b && lan_ready a b && lan_wire lo0; }; then
	ktap_exit_fail_msg "no LAN"
fi
on_lo
for entry in "${both[@]}"; do
	run "$entry" lo
done
on_veth
for entry in "${both[@]}" "${veth_only[@]}"; do
	run "$entry" veth
done

lan_down
export LAN_IPV6=1
if ! { lan_up a b && lan_ready a b && lan_wire lo0; }; then
	ktap_exit_fail_msg "no LAN of IPv6"
fi
on_lo
run "5 % loss:loss" "lo, IPv6"
on_veth
for entry in "${veth_ipv6[@]}"; do
	run "$entry" "veth, IPv6"
done
ktap_finished
