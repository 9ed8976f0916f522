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

bridge_option() {
	ip -n switch link set br0 type bridge "$@"
}

clean() {
	at switch nft flush ruleset
	brnf call-iptables 0
	bridge_option nf_call_iptables 0
}

# As under(), where bridges can ask.
bridged() {
	[ -e /proc/sys/net/bridge ] || return 4
	under "$@"
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
	"IPv4, containers kept apart | bridged called filter forward '$isolated' as_tcp error=ETIMEDOUT"
	"IPv4, one port dropped, another stays fastsock | bridged called filter forward '$drop' one_port_only"
	"IPv4, asked for this bridge alone | bridged called_by_bridge filter forward '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, not asked | bridged filter forward '$drop' fast"
	"IPv4, prerouting | bridged called filter prerouting '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, postrouting | bridged called filter postrouting '$drop' as_tcp error=ETIMEDOUT"
	"IPv4, drop of the answer | bridged called filter forward '$answer' as_tcp error=ETIMEDOUT"
	"IPv4, docker | bridged called docker accept fast_untracked switch"
	"IPv4, docker without inter-container communication | bridged called docker drop as_tcp error=ETIMEDOUT"
	"IPv4, stateful, only answers | bridged called filter forward 'policy drop; ct state established accept;' as_tcp error=ETIMEDOUT"
	"bridge family, drop | bridged bridge forward 'ip daddr $b_ip tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"bridge family, drop in prerouting | bridged bridge prerouting '$drop' as_tcp error=ETIMEDOUT"
	"bridge family, drop in postrouting | bridged bridge postrouting '$drop' as_tcp error=ETIMEDOUT"
	"bridge family, drop of the answer | bridged bridge forward '$answer' as_tcp error=ETIMEDOUT"
	"bridge family, drop by port | bridged bridge forward 'oifname to-b tcp dport 4000 drop;' as_tcp error=ETIMEDOUT"
	"bridge family, a rule that accepts | bridged bridge forward 'tcp dport 4000 accept; tcp sport 4000 accept; ip protocol tcp drop;' fast"
	"bridge family, reject | bridged bridge prerouting 'tcp dport 4000 reject with tcp reset;' as_tcp error=ECONNREFUSED"
	"bridge family, stateful | bridged bridge forward 'ct state new tcp dport 4000 accept; ct state established accept; ip protocol tcp drop;' fast_untracked switch"
	"bridge family, stateful, the port is closed | bridged bridge forward 'ct state established accept; ip protocol tcp drop;' as_tcp error=ETIMEDOUT"
	"ingress rules on a port of the client | bridged ingress to-a by_tcp Netfilter"
	"ingress rules on a port of the server | bridged ingress to-b by_tcp Netfilter"
)
hosts=(
	"the bridge's host serves: ready | host_ready"
	"the bridge's host serves: input | bridged bridge input '$drop' to_switch as_tcp error=ETIMEDOUT"
	"the bridge's host serves: drop of the answer | bridged bridge output '$answer' to_switch as_tcp error=ETIMEDOUT"
	"the bridge's host serves: IPv4 rules accept | bridged called filter input 'tcp dport 4000 accept;' to_switch fast"
	"the bridge's host connects: output | bridged bridge output '$drop' from_switch as_tcp error=ETIMEDOUT"
	"the bridge's host connects: drop of the answer | bridged bridge input '$answer' from_switch as_tcp error=ETIMEDOUT"
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
