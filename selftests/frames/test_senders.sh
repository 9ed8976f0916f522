#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Hooks that send packets on their own account: a load balancer, a SYN proxy,
# rules that copy.  Connections are theirs, by TCP, and no packet that was only
# tried out leaves the host.
# fastsock: timeout=200
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
# shellcheck source=selftests/lib/judged.sh
. ./judged.sh

a_ip=10.77.0.1
b_ip=10.77.0.2
c_ip=10.77.0.3
between="-c a -s b -a $b_ip"

# What c gets of connections to port 4000.
watch_syns() {
	at c nft 'table ip watch {
		chain c { type filter hook prerouting priority 0;
			tcp dport 4000 tcp flags & (syn | ack) == syn counter;
		};
	}'
}

syns() {
	at c nft list table ip watch | sed -n 's/.* packets \([0-9]*\) .*/\1/p'
}

# One SYN, TCP's own, goes to c.
one_syn() {
	watch_syns && "$@" && matches "$(syns)" 1
}

clean() {
	local ns

	for ns in a b c; do
		at $ns nft flush ruleset
	done
	at b ./helper_ipvs 2> /dev/null
	ip -n c route del $a_ip 2> /dev/null
}

# Would the kernel take a rule that says this?
takes_rule() {
	at c nft -c "table ip t { chain c { type filter hook input priority 0;
		$1; }; }"
}

# Does the kernel have it, as a module or built in?
has() {
	modprobe "$1"
	case $1 in
	ip_vs_rr) at c ./helper_ipvs $c_ip 4000 $c_ip 4000 &&
		at c ./helper_ipvs ;;
	nft_dup_ipv4) takes_rule "dup to $a_ip" ;;
	nft_synproxy) takes_rule "synproxy mss 1460 wscale 7" ;;
	esac
}

# needs MODULE COMMAND...: not all kernels have it
needs() {
	has "$1" > /dev/null 2>&1 || return 4
	"${@:2}"
}

forwards() {
	at b sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
		for dev in all eth0; do
			echo 0 > /proc/sys/net/ipv4/conf/$dev/send_redirects
		done' && ip -n c route add $a_ip via $b_ip
}

# A listener where the connection must not end up, so that b judges the SYN.
decoy() {
	local status pid

	./helper_at b socat TCP-LISTEN:4000,fork,reuseaddr /dev/null &
	pid=$!
	until_true 10 listens && "$@"
	status=$?
	kill $pid
	return $status
}

listens() {
	[ -n "$(at b ss -tlnH "sport = :4000")" ]
}

# b balances the load of one real server.
ipvs() {
	local between="-c a -s c -a $b_ip"

	forwards && at b ./helper_ipvs $b_ip 4000 $c_ip 4000 &&
		decoy by_tcp Netfilter
}

# The director is a client of its own service.
ipvs_client() {
	local between="-c b -s c -a $c_ip"

	at b ./helper_ipvs $b_ip 4000 $c_ip 4000 &&
		matches "$(pair)" 'client=tcp server=tcp *'
}

# Services gone, hooks gone.
ipvs_removed() {
	at b ./helper_ipvs $b_ip 4000 $c_ip 4000 && at b ./helper_ipvs && fast
}

# copy NETNS HOOK PORT ADDRESS: a rule that does
copy() {
	at "$1" nft "table ip t { chain c { type filter hook $2 priority 0;
		tcp dport $3 dup to $4; }; }"
}

# Rules are looked at once a second.
noticed() {
	sleep 1.1
	"$@"
}

copying() {
	copy "$1" "$2" 4000 $c_ip && noticed by_tcp Netfilter
}

# The rule stands in a chain that only a map leads to.
copying_by_map() {
	at b nft "table ip t { chain copy { dup to $c_ip; };
		chain c { type filter hook input priority 0;
			tcp dport vmap { 4000 : jump copy }; }; }" &&
		noticed by_tcp Netfilter
}

# Another namespace's copies are no reason.
copying_elsewhere() {
	copy c input 5000 $a_ip && filtered noticed fast
}

filtered() {
	at b nft "$(chain 'filter hook input priority 0' 'tcp dport 4000 accept;')" &&
		"$@"
}

synproxy_syns() {
	local sum=0 syns

	while read -r _ syns _; do
		sum=$((sum + 16#$syns))
	done < <(at b tail -n +2 /proc/net/stat/synproxy)
	echo $sum
}

synproxy() {
	local before

	at b nft 'table ip t {
		chain pre { type filter hook prerouting priority raw;
			tcp dport 4000 tcp flags syn notrack; };
		chain in { type filter hook input priority 0;
			tcp dport 4000 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm;
			tcp dport 4000 ct state invalid drop; };
	}' && at b sh -c 'echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose' ||
		return 1
	before=$(synproxy_syns)
	by_tcp Netfilter && matches $(($(synproxy_syns) - before)) 1
}

cases=(
	"IPVS: a client of the service | needs ip_vs_rr under one_syn ipvs"
	"IPVS: the director connects | needs ip_vs_rr under one_syn ipvs_client"
	"IPVS: all is fastsock without services | needs ip_vs_rr under ipvs_removed"
	"copies of what comes in | needs nft_dup_ipv4 under one_syn copying b input"
	"copies of what goes out | needs nft_dup_ipv4 under one_syn copying a output"
	"copies by a map | needs nft_dup_ipv4 under one_syn copying_by_map"
	"copies in another namespace | needs nft_dup_ipv4 under copying_elsewhere"
	"SYNPROXY | needs nft_synproxy under synproxy"
	"afterwards all is fastsock | fast"
)

ktap_print_header
trap lan_down EXIT
lan_up a b c && lan_ready a b || ktap_exit_fail_msg "no LAN"
run_cases "${cases[@]}"
ktap_finished
