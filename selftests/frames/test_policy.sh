#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What a firewall, a cgroup program or an IPsec policy does to a TCP
# connection, it does to the same program's connection with fastsock on; and
# what they plainly allow stays fastsock.
# fastsock: timeout=400
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/judged.sh
. ./judged.sh

a_ip=10.77.0.1
b_ip=10.77.0.2
cgroup=/sys/fs/cgroup/policy

between="-c a -s b -a $b_ip"

clean() {
	local ns

	for ns in a b; do
		at $ns sh -c 'nft flush ruleset; ip xfrm policy flush'
	done
	echo $BASHPID > /sys/fs/cgroup/cgroup.procs
	[ ! -d $cgroup ] || rmdir $cgroup
}

# filter NETNS HOOK RULES CHECK...
filter() {
	at "$1" nft "$(chain "filter hook $2 priority 0" "$3")" && "${@:4}"
}

nat() {
	at "$1" nft "table ip t { chain c {
		type nat hook $2 priority $3; $4 }; }" && "${@:5}"
}

# A stateful firewall: replies pass, and what the rules let in.
stateful() {
	filter "$1" input "policy drop; iif lo accept; meta l4proto icmp accept;
		ct state established,related accept; $2" "${@:3}"
}

# A listener where the connection must not end up.
decoy() {
	local status pid

	./helper_at b socat TCP-LISTEN:4000,fork,reuseaddr /dev/null &
	pid=$!
	until_true 10 listens 4000 && "$@"
	status=$?
	kill $pid
	return $status
}

listens() {
	[ -n "$(at b ss -tlnH "sport = :$1")" ]
}

other_user() {
	as_tcp error=ECONNREFUSED -u 1000 && fast
}

program() {
	mkdir $cgroup && ./helper_bpf $cgroup "${@:2:$1}" &&
		echo $BASHPID > $cgroup/cgroup.procs && "${@:$1 + 2}"
}

# The programs of the cgroup see it, those outside do not.
only_inside() {
	"$@" && echo $BASHPID > /sys/fs/cgroup/cgroup.procs && fast
}

# route NETNS ROUTE... -- CHECK...
route() {
	local ns=$1 words=() status

	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	ip -n "$ns" route add "${words[@]}" && "${@:2}"
	status=$?
	ip -n "$ns" route del "${words[@]}"
	return $status
}

# tunnel NETNS ADDRESS CHECK...; not all kernels have such routes.
tunnel() {
	local status

	ip -n "$1" route add "$2" encap ip id 7 dst "$2" dev eth0 || return 4
	"${@:3}"
	status=$?
	ip -n "$1" route del "$2" dev eth0
	return $status
}

# An allowing policy changes nothing.
xfrm_allows() {
	ip -n "$1" xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir "$2" \
		action allow && fast
}

mac_rule() {
	local mac

	mac=$(ip -n a -o link show dev eth0 |
		sed 's|.*link/ether \([^ ]*\).*|\1|')
	filter b input "ether saddr $mac tcp dport 4000 drop;" \
		as_tcp error=ETIMEDOUT
}

drop="tcp dport 4000 drop;"
reject="tcp dport 4000 reject;"
cases=(
	"within the host: no rules | under host fast"
	"within the host: by the LAN's address | host_ip=$a_ip under host fast"
	"within the host: drop, output | under filter a output '$drop' host as_tcp error=ETIMEDOUT"
	"within the host: drop, input | under filter a input '$drop' host as_tcp error=ETIMEDOUT"
	"within the host: drop on lo, input | under filter a input 'iif lo $drop' host as_tcp error=ETIMEDOUT"
	"within the host: reject, prerouting | under filter a prerouting 'tcp dport 4000 reject with tcp reset;' host as_tcp error=ECONNREFUSED"
	"within the host: drop of the answer | under filter a input 'tcp sport 4000 drop;' host as_tcp error=ETIMEDOUT"
	"within the host: a rule that accepts | under filter a input 'iif lo accept; drop;' host fast"
	"within the host: a stateful firewall | under stateful a '' host fast"
	"drop, client's output | under filter a output '$drop' as_tcp error=ETIMEDOUT"
	"drop, server's input | under filter b input '$drop' as_tcp error=ETIMEDOUT"
	"drop, server's prerouting | under filter b prerouting '$drop' as_tcp error=ETIMEDOUT"
	"drop of the answer, server's output | under filter b output 'tcp sport 4000 drop;' as_tcp error=ETIMEDOUT"
	"drop of the answer, client's input | under filter a input 'tcp sport 4000 drop;' as_tcp error=ETIMEDOUT"
	"drop by source address, server's input | under filter b input 'ip saddr $a_ip meta l4proto tcp drop;' as_tcp error=ETIMEDOUT"
	"drop by source MAC, server's input | under mac_rule"
	"a light tunnel, client's route | under tunnel a $b_ip by_tcp Gateway"
	"a light tunnel, server's route | under tunnel b $a_ip by_tcp Gateway"
	"a route that is forbidden, client's | under after_fast route a prohibit $b_ip -- as_tcp error=EACCES"
	"a route that is gone, server's | under after_fast route b blackhole $a_ip -- as_tcp error=ETIMEDOUT"
	"reject, client's output | under filter a output '$reject' as_tcp error=ECONNREFUSED"
	"reject, server's input | under filter b input '$reject' as_tcp error=ECONNREFUSED"
	"reject with a reset, server's input | under filter b input 'tcp dport 4000 reject with tcp reset;' as_tcp error=ECONNREFUSED"
	"one port dropped, another stays fastsock | under filter b input '$drop' one_port_only"
	"a rule that accepts stays fastsock | under filter b input 'tcp dport 4000 accept; drop;' fast"
	"counters and logs stay fastsock | under filter a output 'tcp dport 4000 counter accept;' fast"
	"ct state new dropped, client's output | under filter a output 'ct state new tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"ct state new dropped, server's input | under filter b input 'ct state new tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"stateful client, only replies come in | under stateful a '' fast_untracked a"
	"stateful server, the port is open | under stateful b 'ct state new tcp dport 4000 accept;' fast_untracked b"
	"stateful server, the port is closed | under stateful b 'ct state new tcp dport 4001 accept;' as_tcp error=ETIMEDOUT"
	"DNAT on the client's output | under nat a output -100 'tcp dport 4000 dnat to $b_ip:4001;' decoy by_tcp Netfilter -l 4001"
	"DNAT on the server's prerouting | under nat b prerouting -100 'tcp dport 4000 redirect to :4001;' decoy by_tcp Netfilter -l 4001"
	"SNAT on the client's postrouting | under nat a postrouting 100 'tcp dport 4000 masquerade to :6000-6100;' by_tcp Netfilter"
	"meta skuid, another user | under filter a output 'meta skuid 1000 tcp dport 4000 reject;' other_user"
	"connect program denies | under program 2 connect_deny 4000 only_inside as_tcp error=EPERM"
	"connect program leads elsewhere | under program 3 connect_rewrite 4000 4001 fast -l 4001"
	"skb program of the cgroup | under program 1 egress only_inside by_tcp Cgroup"
	"IPsec blocks, client's output | under xfrm a out block as_tcp 'error=*'"
	"IPsec blocks, client's input | under xfrm a in block as_tcp 'error=*'"
	"IPsec blocks, server's input | under xfrm b in block as_tcp 'error=*'"
	"IPsec blocks, server's output | under xfrm b out block as_tcp 'error=*'"
	"IPsec required, client's output | under xfrm a out require as_tcp 'error=*'"
	"IPsec required, client's input | under xfrm a in require as_tcp 'error=*'"
	"IPsec required, server's input | under xfrm b in require as_tcp 'error=*'"
	"IPsec required, server's output | under xfrm b out require as_tcp 'error=*'"
	"IPsec allows, client | under xfrm_allows a out"
	"IPsec allows, server | under xfrm_allows b in"
	"afterwards all is fastsock | fast"
)

ktap_print_header
trap lan_down EXIT
lan_up a b && lan_ready a b || ktap_exit_fail_msg "no LAN"
run_cases "${cases[@]}"
ktap_finished
