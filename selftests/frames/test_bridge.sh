#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the rules of a bridge between two hosts do to a TCP connection, they do
# to the same program's connection with fastsock on, also where both ends share
# memory; and what they plainly allow stays fastsock.
# fastsock: timeout=400
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/judged.sh
. ./judged.sh

b_ip=10.77.0.2
switch_ip=10.77.0.99
between="-c a -s b -a $b_ip"

# A setting of br_netfilter in the bridge's namespace.
brnf() {
	at switch sh -c "echo $2 > /proc/sys/net/bridge/bridge-nf-$1"
}

bridge_option() {
	ip -n switch link set br0 type bridge "$@"
}

clean() {
	at switch nft flush ruleset
	brnf call-iptables 0
	bridge_option nf_call_iptables 0
}

# Runs a check under rules; without them all is fastsock again.
under() {
	local status

	[ -e /proc/sys/net/bridge ] || return 4
	"$@"
	status=$?
	clean
	until_true 10 fast && return $status
}

# As docker has it: the bridge asks the host's IPv4 rules.
called() {
	brnf call-iptables 1 && "$@"
}

# The same for this bridge alone.
called_by_bridge() {
	bridge_option nf_call_iptables 1 && "$@"
}

# filter HOOK RULES CHECK...: IPv4 rules of the bridge's namespace
filter() {
	at switch nft "$(chain "filter hook $1 priority 0" "$2")" && "${@:3}"
}

# bridge HOOK RULES CHECK...: rules of the bridge itself
bridge() {
	at switch nft "table bridge t { chain c {
		type filter hook $1 priority 0; $2 }; }" && "${@:3}"
}

# Conntrack of the bridge's namespace keeps nothing of a fastsock connection.
fast_untracked() {
	local count=/proc/sys/net/netfilter/nf_conntrack_count before

	before=$(at switch cat $count) && fast &&
		matches "$(at switch cat $count)" "$before"
}

one_port_only() {
	fast -p 4001 && as_tcp error=ETIMEDOUT
}

# Chains and masquerading as docker makes them for two containers.
docker() {
	at switch nft "table ip docker {
		chain forward { type filter hook forward priority 0; policy drop;
			oifname br0 ct state established,related accept;
			iifname br0 oifname != br0 accept;
			iifname br0 oifname br0 ${1-accept};
		};
		chain post { type nat hook postrouting priority 100;
			ip saddr 10.77.0.0/24 oifname != br0 masquerade;
		};
	}" && "${@:2}"
}

ingress() {
	at switch nft "table netdev t { chain c {
		type filter hook ingress device $1 priority 0; }; }" && "${@:2}"
}

# The bridge's own host serves.
to_switch() {
	local between="-c a -s switch -a $switch_ip"

	"$@"
}

# It connects.
from_switch() {
	local between="-c switch -s b -a $b_ip"

	"$@"
}

host_ready() {
	ip -n switch addr add $switch_ip/24 dev br0 &&
		lan_sysctl switch enable 1 &&
		until_true 10 to_switch fast && until_true 10 from_switch fast
}

drop="tcp dport 4000 drop;"
answer="tcp sport 4000 drop;"
isolated="iif br0 oif br0 drop;"
rules=(
	"IPv4, containers kept apart | under called filter forward '$isolated' as_tcp error=ETIMEDOUT"
	"IPv4, one port dropped, another stays fastsock | under called filter forward '$drop' one_port_only"
	"IPv4, asked for this bridge alone | under called_by_bridge filter forward '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, not asked | under filter forward '$drop' fast"
	"IPv4, prerouting | under called filter prerouting '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, postrouting | under called filter postrouting '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, drop of the answer | under called filter forward '$answer' as_tcp error=ETIMEDOUT"
	"IPv4, docker | under called docker accept fast_untracked"
	"IPv4, docker without inter-container communication | under called docker drop as_tcp error=ETIMEDOUT"
	"IPv4, stateful, only answers | under called filter forward 'policy drop; ct state established accept;' as_tcp error=ETIMEDOUT"
	"bridge family, drop | under bridge forward 'ip daddr $b_ip tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"bridge family, drop in prerouting | under bridge prerouting '$drop' as_tcp error=ETIMEDOUT"
	"bridge family, drop in postrouting | under bridge postrouting '$drop' as_tcp error=ETIMEDOUT"
	"bridge family, drop of the answer | under bridge forward '$answer' as_tcp error=ETIMEDOUT"
	"bridge family, drop by port | under bridge forward 'oifname to-b tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"bridge family, a rule that accepts | under bridge forward 'tcp dport 4000 accept; tcp sport 4000 accept; ip protocol tcp drop;' fast"
	"bridge family, reject | under bridge prerouting 'tcp dport 4000 reject with tcp reset;' as_tcp error=ECONNREFUSED"
	"bridge family, stateful | under bridge forward 'ct state new tcp dport 4000 accept; ct state established accept; ip protocol tcp drop;' fast_untracked"
	"bridge family, stateful, the port is closed | under bridge forward 'ct state established accept; ip protocol tcp drop;' as_tcp error=ETIMEDOUT"
	"ingress rules on a port of the client | under ingress to-a by_tcp Netfilter"
	"ingress rules on a port of the server | under ingress to-b by_tcp Netfilter"
)
hosts=(
	"the bridge's host serves: ready | host_ready"
	"the bridge's host serves: input | under bridge input '$drop' to_switch as_tcp error=ETIMEDOUT"
	"the bridge's host serves: drop of the answer | under bridge output '$answer' to_switch as_tcp error=ETIMEDOUT"
	"the bridge's host serves: IPv4 rules accept | under called filter input 'tcp dport 4000 accept;' to_switch fast"
	"the bridge's host connects: output | under bridge output '$drop' from_switch as_tcp error=ETIMEDOUT"
	"the bridge's host connects: drop of the answer | under bridge input '$answer' from_switch as_tcp error=ETIMEDOUT"
	"afterwards all is fastsock | fast"
)

same_host() {
	lan_sysctl a same_host "$1" && lan_sysctl b same_host "$1" && fast
}

# The same cases while the ends share memory.
cases=("${rules[@]}" "in memory: ready | same_host 2")
for entry in "${rules[@]}"; do
	cases+=("in memory: $entry")
done
cases+=("frames again | same_host 1" "${hosts[@]}")

finish() {
	lan_down
	# It may be built in.
	! grep -q '^br_netfilter ' /proc/modules || modprobe -r br_netfilter
}

ktap_print_header
modprobe br_netfilter 2> /dev/null
trap finish EXIT
lan_up a b c && lan_ready a b || ktap_exit_fail_msg "no LAN"
clean 2> /dev/null
run_cases "${cases[@]}"
ktap_finished
