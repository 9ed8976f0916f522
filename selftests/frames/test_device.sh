#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Devices that change or vanish under live connections, and the kinds of
# device that carry fastsock.
# fastsock: timeout=400
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/stream.sh
. ./stream.sh

# The least MTU to which it comes down; a kernel with assertions takes its time.
least=68
[ "$(lan_patience 1)" -eq 1 ] || least=300

stops() {
	local now

	now=$(last blocks)
	sleep 0.5
	[ "$(last blocks)" -le $((now + 3)) ]
}

down_and_up() {
	start_stream && goes_on && ip -n "$1" link set eth0 down && stops &&
		ip -n "$1" link set eth0 up && goes_on && ends_well
}

mtu() {
	ip -n "$1" link set eth0 mtu "$2"
}

mtu_changes() {
	start_stream && goes_on &&
		mtu a 700 && mtu b 700 && goes_on &&
		mtu b 9000 && mtu a 9000 && goes_on &&
		mtu a 1500 && mtu b 1500 && goes_on && ends_well
}

# Ever less, while much is on its way.
mtu_shrinks() {
	local size

	mtu a 9000 && mtu b 9000 && start_stream || return 1
	for size in 4000 1500 700 600 300 $least; do
		mtu a $size && mtu b $size && goes_on || return 1
	done
	ends_well
}

mac_changes() {
	local ns i

	start_stream && goes_on || return 1
	for i in 1 2 3; do
		for ns in a b; do
			ip -n $ns link set eth0 address 02:00:00:00:0$i:0$ns ||
				return 1
			# TCP, too, relies on ARP to tell the other end.
			at $ns ping -c 1 -W 5 "$(other_ip $ns)" > /dev/null
			goes_on || return 1
		done
	done
	ends_well
}

other_ip() {
	case $1 in
	a) echo 10.77.0.2 ;;
	b) echo 10.77.0.1 ;;
	esac
}

ended() {
	! kill -0 $stream 2> /dev/null
}

device_removed() {
	start_stream 2000 && goes_on && ip -n a link delete eth0 &&
		until_true "$(lan_patience 20)" ended || return 1
	tail -n 1 $out
	# Not at once, for a device may come back, and not much later.
	[[ $(tail -n 1 $out) =~ ^error\ ETIMEDOUT\ after\ ([0-9]+)\ ms$ ]] &&
		[ "${BASH_REMATCH[1]}" -ge 1900 ] &&
		[ "${BASH_REMATCH[1]}" -le $(($(lan_patience 8) * 1000)) ]
}

# The names go while the connection lives, then the processes are killed.
namespaces_deleted() {
	start_stream && goes_on && lan_down && sleep 0.3 && kill -0 $stream &&
		kill -9 $stream && wait $stream
	[ $? -eq 137 ]
}

child_of() {
	ps -o pid= --ppid "$1" | tr -d ' '
}

namespace_deleted_under_one_end() {
	start_stream 2000 && goes_on && ip netns delete b &&
		kill -9 "$(child_of $stream)" &&
		until_true "$(lan_patience 20)" ended
	tail -n 1 $out
	[[ $(tail -n 1 $out) == error* ]]
}

# upper NAME COMMAND...: a device over eth0 in both, with 10.78.0.x.
upper() {
	local name=$1 n=0 ns

	shift
	for ns in a b; do
		n=$((n + 1))
		# The device below hears the question, too, and may be first.
		at $ns sh -c 'echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore'
		"$@" $ns && ip -n $ns link set "$name" up &&
			ip -n $ns addr add 10.78.0.$n/24 dev "$name" || return 1
	done
	at a ping -c 1 -W 5 10.78.0.2 > /dev/null &&
		until_true "$(lan_patience 10)" knows_on a "$name" &&
		until_true "$(lan_patience 10)" knows_on b "$name" &&
		carries || { counters a FskDelegated | grep -v ' 0$'; false; }
}

carries() {
	matches "$(./helper_pair -c a -s b -a 10.78.0.2)" \
		'client=fastsock server=fastsock *'
}

knows_on() {
	at "$1" grep -q "^$2 .* capable " /proc/net/fastsock_peers
}

vlan() {
	ip -n "$1" link add link eth0 name v5 type vlan id 5
}

macvlan() {
	ip -n "$1" link add link eth0 name mv0 type macvlan mode bridge
}

bridge() {
	ip -n "$1" link add br0 type bridge &&
		ip -n "$1" addr flush dev eth0 &&
		ip -n "$1" link set eth0 master br0
}

bond() {
	ip -n "$1" link add bond0 type bond mode active-backup miimon 50 &&
		ip -n "$1" link set eth0 down &&
		ip -n "$1" addr flush dev eth0 &&
		ip -n "$1" link set eth0 master bond0
}

# A VLAN over a bridge: two layers.  Where br_netfilter asks IPv4 rules about what
# is tagged, connections are left to TCP.
vlan_on_bridge() {
	bridge "$1" && ip -n "$1" link set br0 up &&
		ip -n "$1" link add link br0 name v6 type vlan id 6 &&
		at "$1" sh -c 'call=/proc/sys/net/bridge/bridge-nf-call-iptables
			[ ! -e $call ] || echo 0 > $call'
}

cases=(
	"client's device down and up | on_lan 'a b' down_and_up a"
	"server's device down and up | on_lan 'a b' down_and_up b"
	"MTU lowered and raised | on_lan 'a b' mtu_changes"
	"MTU lowered step by step | on_lan 'a b' mtu_shrinks"
	"MAC addresses changed | on_lan 'a b' mac_changes"
	"device removed: ETIMEDOUT | on_lan 'a b' device_removed"
	"namespaces deleted, then killed | on_lan 'a b' namespaces_deleted"
	"namespace of one end deleted | on_lan 'a b' namespace_deleted_under_one_end"
	"VLAN carries fastsock | on_lan 'a b' upper v5 vlan"
	"macvlan carries fastsock | on_lan 'a b' upper mv0 macvlan"
	"bridge carries fastsock | on_lan 'a b' upper br0 bridge"
	"bond carries fastsock | on_lan 'a b' upper bond0 bond"
	"VLAN on a bridge carries fastsock | on_lan 'a b' upper v6 vlan_on_bridge"
)

ktap_print_header
run_cases "${cases[@]}"
ktap_finished
