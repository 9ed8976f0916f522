#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What firewalls of the hosts and of a bridge between them, and IPsec policies,
# do to a TCP connection of IPv6, they do to the same program's connection with
# fastsock on; and what they plainly allow stays fastsock.
# fastsock: timeout=400
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/judged.sh
. ./judged.sh

a_ip=fd77::1
b_ip=fd77::2
between="-c a -s b -a $b_ip"
host_ip=::1

clean() {
	local ns

	for ns in a b switch; do
		at $ns sh -c 'nft flush ruleset; ip xfrm policy flush'
	done
	[ ! -e /proc/sys/net/bridge ] || brnf call-ip6tables 0
}

# filter NETNS HOOK RULES CHECK...: rules of IPv6 only
filter() {
	at "$1" nft "table ip6 t { chain c {
		type filter hook $2 priority 0; $3 }; }" && "${@:4}"
}

# Rules of both, which have other hooks but the same meaning.
inet() {
	at "$1" nft "$(chain "filter hook $2 priority 0" "$3")" && "${@:4}"
}

# Rules of IPv4 have no say.
ipv4() {
	at "$1" nft "table ip t { chain c {
		type filter hook $2 priority 0; $3 }; }" && "${@:4}"
}

nat() {
	at "$1" nft "table ip6 t { chain c {
		type nat hook $2 priority $3; $4 }; }" && "${@:5}"
}

# A stateful firewall: replies pass, and what the rules let in.
stateful() {
	filter "$1" input "policy drop; iif lo accept; meta l4proto icmpv6 accept;
		ct state established,related accept; $2" "${@:3}"
}

# An allowing policy changes nothing.
xfrm_allows() {
	ip -n "$1" xfrm policy add src ::/0 dst ::/0 dir "$2" action allow &&
		fast
}

# route NETNS ROUTE... -- CHECK...
route() {
	local ns=$1 words=() status

	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	ip -n "$ns" -6 route add "${words[@]}" && "${@:2}"
	status=$?
	ip -n "$ns" -6 route del "${words[@]}"
	return $status
}

# The bridge asks the host's rules of IPv6.
called() {
	[ -e /proc/sys/net/bridge ] || return 4
	brnf call-ip6tables 1 && "$@"
}

drop="tcp dport 4000 drop;"
answer="tcp sport 4000 drop;"
cases=(
	"within the host: no rules | under host fast"
	"within the host: by the LAN's address | host_ip=$a_ip under host fast"
	"within the host: drop, output | under filter a output '$drop' host as_tcp error=ETIMEDOUT"
	"within the host: drop, input | under filter a input '$drop' host as_tcp error=ETIMEDOUT"
	"within the host: drop on lo, input | under inet a input 'iif lo $drop' host as_tcp error=ETIMEDOUT"
	"within the host: reset, prerouting | under inet a prerouting 'tcp dport 4000 reject with tcp reset;' host as_tcp error=ECONNREFUSED"
	"within the host: drop of the answer | under filter a input '$answer' host as_tcp error=ETIMEDOUT"
	"within the host: a rule that accepts | under filter a input 'iif lo accept; drop;' host fast"
	"within the host: a stateful firewall | under stateful a '' host fast"
	"drop, client's output | under filter a output '$drop' as_tcp error=ETIMEDOUT"
	"drop, client's postrouting | under filter a postrouting '$drop' as_tcp error=ETIMEDOUT"
	"drop, server's input | under filter b input '$drop' as_tcp error=ETIMEDOUT"
	"drop, server's input, both families | under inet b input '$drop' as_tcp error=ETIMEDOUT"
	"drop, server's prerouting | under filter b prerouting '$drop' as_tcp error=ETIMEDOUT"
	"drop of the answer, server's output | under filter b output '$answer' as_tcp error=ETIMEDOUT"
	"drop of the answer, client's input | under filter a input '$answer' as_tcp error=ETIMEDOUT"
	"drop by source address, server's input | under filter b input 'ip6 saddr $a_ip meta l4proto tcp drop;' as_tcp error=ETIMEDOUT"
	"reject, server's input | under inet b input 'tcp dport 4000 reject;' as_tcp error=ECONNREFUSED"
	"reject with a reset, server's input | under inet b input 'tcp dport 4000 reject with tcp reset;' as_tcp error=ECONNREFUSED"
	"one port dropped, another stays fastsock | under filter b input '$drop' one_port_only"
	"rules of IPv4 stay fastsock | under ipv4 b input 'drop;' fast"
	"a rule that accepts stays fastsock | under filter b input 'meta l4proto icmpv6 accept; tcp dport 4000 accept; drop;' fast"
	"ct state new dropped, client's output | under filter a output 'ct state new tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"ct state new dropped, server's input | under filter b input 'ct state new tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"stateful client, only replies come in | under stateful a '' fast_untracked a"
	"stateful server, the port is open | under stateful b 'ct state new tcp dport 4000 accept;' fast_untracked b"
	"stateful server, the port is closed | under stateful b 'ct state new tcp dport 4001 accept;' as_tcp error=ETIMEDOUT"
	"SNAT on the client's postrouting | under nat a postrouting 100 'tcp dport 4000 masquerade to :6000-6100;' by_tcp Netfilter"
	"DNAT on the server's prerouting | under nat b prerouting -100 'tcp dport 4000 redirect to :4001;' by_tcp NoListener -l 4001"
	"a route that is forbidden, client's | under after_fast route a prohibit $b_ip -- as_tcp error=EACCES"
	"a route that is gone, server's | under after_fast route b blackhole $a_ip -- as_tcp error=ETIMEDOUT"
	"IPsec blocks, client's output | under xfrm a out block as_tcp 'error=*'"
	"IPsec blocks, client's input | under xfrm a in block as_tcp 'error=*'"
	"IPsec blocks, server's input | under xfrm b in block as_tcp 'error=*'"
	"IPsec blocks, server's output | under xfrm b out block as_tcp 'error=*'"
	"IPsec required, client's output | under xfrm a out require as_tcp 'error=*'"
	"IPsec required, server's input | under xfrm b in require as_tcp 'error=*'"
	"IPsec allows, client | under xfrm_allows a out"
	"IPsec allows, server | under xfrm_allows b in"
	"bridge asks, forward | under called filter switch forward '$drop' as_tcp error=ETIMEDOUT"
	"bridge asks, one port dropped | under called filter switch forward '$drop' one_port_only"
	"bridge asks, drop of the answer | under called filter switch forward '$answer' as_tcp error=ETIMEDOUT"
	"bridge asks, stateful, only answers | under called filter switch forward 'policy drop; meta l4proto icmpv6 accept; ct state established accept;' as_tcp error=ETIMEDOUT"
	"bridge asks, rules of IPv4 | under called ipv4 switch forward '$drop' fast"
	"bridge does not ask | under filter switch forward '$drop' fast"
	"bridge family, drop | under bridge forward 'ip6 daddr $b_ip tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"bridge family, drop of the answer | under bridge postrouting '$answer' as_tcp error=ETIMEDOUT"
	"bridge family, a rule that accepts | under bridge forward 'tcp dport 4000 accept; tcp sport 4000 accept; meta l4proto tcp drop;' fast"
	"bridge family, reject | under bridge prerouting 'tcp dport 4000 reject with tcp reset;' as_tcp error=ECONNREFUSED"
	"afterwards all is fastsock | fast"
)

finish() {
	lan_down
	# It may be built in.
	! grep -q '^br_netfilter ' /proc/modules || modprobe -r br_netfilter
}

# Each knows the other's address by neighbour discovery.
six() {
	ip -n a addr add $a_ip/64 dev eth0 nodad &&
		ip -n b addr add $b_ip/64 dev eth0 nodad &&
		until_true 10 at a ping -6 -c 1 -w 1 $b_ip > /dev/null &&
		until_true 10 fast
}

ktap_print_header
modprobe br_netfilter 2> /dev/null
trap finish EXIT
lan_up a b c && lan_ready a b && six || ktap_exit_fail_msg "no LAN"
clean 2> /dev/null
run_cases "${cases[@]}"
ktap_finished
