#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A host that masquerades a container's connections has connections of its own:
# the names of fastsock's are not given to the container.
# fastsock: timeout=200
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh

a_ip=10.77.0.1
b_ip=10.77.0.2
out=/tmp/masquerade

# A container behind a namespace: container NAME HOST NETWORK
container() {
	lan_add_ns "$1" &&
		ip link add eth0 netns "$1" type veth peer name "to-$1" netns "$2" &&
		ip -n "$2" addr add "$3.1/24" dev "to-$1" &&
		ip -n "$2" link set "to-$1" up &&
		ip -n "$1" addr add "$3.2/24" dev eth0 &&
		ip -n "$1" link set eth0 up &&
		ip -n "$1" route add default via "$3.1" &&
		at "$2" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' &&
		at "$2" nft "table ip nat { chain post {
			type nat hook postrouting priority 100;
			ip saddr $3.0/24 oifname eth0 masquerade; }; }"
}

# An own connection of a with b, from a port that rests in no TIME_WAIT, and what
# a container gets meanwhile: colliding CONTAINER PORT ADDRESS PORT, where "own"
# is that port.
colliding() {
	rm -f $out
	own=$((40000 + RANDOM % 20000))
	matches "$(./helper_pair -c a -s b -a $b_ip -p 4000 -b $own \
		-i "./helper_pair -c $1 -a $3 -p ${4/own/$own} -b ${2/own/$own} -t 3000 -X > $out || true")" \
		'client=fastsock server=fastsock *'
}

another_port() {
	colliding k own $b_ip 4000 && matches "$(cat $out)" 'client=tcp *'
}

# b's container has the listener's port; a refuses the port that it gets.
servers_side() {
	colliding m 4000 $a_ip own &&
		matches "$(cat $out)" 'error=ECONNREFUSED *'
}

# SYNs that come to b from that port.
watch_syns() {
	at b nft "table ip watch {
		chain c { type filter hook prerouting priority 0;
			tcp sport $own tcp flags & (syn | ack) == syn counter;
		};
	}"
}

syns() {
	at b nft list table ip watch | sed -n 's/.* packets \([0-9]*\) .*/\1/p'
}

# Once the own connection has ended the name is the container's to have.
name_is_free() {
	local status

	another_port && watch_syns &&
		matches "$(./helper_pair -c k -s b -a $b_ip -p 4000 -b $own)" \
			'client=tcp server=tcp *' && matches "$(syns)" 1
	status=$?
	at b nft delete table ip watch
	return $status
}

tracked() {
	at a cat /proc/sys/net/netfilter/nf_conntrack_count
}

no_more_than() {
	[ "$(tracked)" -le "$1" ]
}

# Whatever conntrack keeps for a connection goes with it.
nothing_remains() {
	local before

	before=$(tracked)
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		matches "$(./helper_pair -c a -s b -a $b_ip -p 4000)" \
			'client=fastsock server=fastsock *' || return 1
	done
	until_true 150 no_more_than "$before"
}

same_host() {
	lan_sysctl a same_host "$1" && lan_sysctl b same_host "$1"
}

tests=(
	"the container gets another port | another_port"
	"the container of the server's host gets another port | servers_side"
	"afterwards the name is free | name_is_free"
)
cases=("${tests[@]}" "in memory: ready | same_host 2")
for entry in "${tests[@]}"; do
	cases+=("in memory: $entry")
done
cases+=("nothing remains | same_host 1 && nothing_remains")

ktap_print_header
trap lan_down EXIT
lan_up a b && container k a 172.18.0 && container m b 172.19.0 &&
	lan_ready a b || ktap_exit_fail_msg "no LAN"
run_cases "${cases[@]}"
ktap_finished
