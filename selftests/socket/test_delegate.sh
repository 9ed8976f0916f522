#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every reason to leave a connection to TCP: the reason's counter moves and no
# other, the connection works, and nothing of fastsock is left on its sockets.
# fastsock: timeout=600
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh

b_ip=10.77.0.2
port=4000
fewer=0
tun=

# A helper connection from a to b.
pair() {
	./helper_pair -c a -s b -a $b_ip -p $port "$@"
}

both_know() {
	knows_capable a || lan_ready a b
}

fast() {
	matches "$(pair)" 'client=fastsock server=fastsock *'
}

# Runs a helper connection; only that reason may be counted: counted REASON
# PATTERN-OF-ITS-OUTPUT COMMAND...
counted() {
	local reason=$1 pattern=$2 before output status

	shift 2
	before=$(counters a FskDelegated)
	output=$("$@")
	status=$?
	[ $status -ne 4 ] || return 4
	# shellcheck disable=SC2254
	matches "$output" "$pattern" &&
		matches "$(moved a FskDelegated "$before")" \
			"FskDelegated$reason 1"
}

# As counted, for a connection that comes about, by TCP, and keeps no hold on
# the module.
delegated() {
	local reason=$1

	shift
	counted "$reason" 'client=tcp server=tcp *' "$@" -P "$fewer"
}

# The usual case: a and b could speak fastsock, but for these arguments.
delegates() {
	local reason=$1

	shift
	both_know && fast && delegated "$reason" pair "$@"
}

disabled_here() {
	# Its namespace's hold on the module goes with it.
	local fewer=1

	both_know && fast && delegated Disabled pair -e \
		'./helper_at a sh -c "echo 0 > /proc/sys/net/fastsock/enable"'
}

# What reaches a namespace's fastsock; "b deaf" is b with a vanished module.
deaf() {
	at "$1" tc qdisc add dev eth0 clsact &&
		at "$1" tc filter add dev eth0 ingress protocol 0x88b5 \
			matchall action drop
}

# And a forgets whatever failed meanwhile.
hearing() {
	at "$1" tc qdisc del dev eth0 clsact
	lan_sysctl a enable 0
}

# a does not hear b's BYE.
silently_disable_b() {
	deaf a && lan_sysctl b enable 0 &&
		at a tc qdisc del dev eth0 clsact
}

disabled_there() {
	local status

	both_know && fast && delegated Disabled pair -E \
		'bash test_delegate.sh silently_disable_b'
	status=$?
	lan_sysctl b enable 1
	return $status
}

unclaimed() {
	both_know && fast && lan_sysctl b enable 0 || return 1
	delegated Unclaimed pair "$@" -E 'bash lan.sh lan_ready a b'
}

repaired() {
	local CLIENT_ADDRESS=10.77.0.1

	export CLIENT_ADDRESS
	both_know && fast && counted Repair 'client=tcp server=tcp *' \
		pair -C repair -b 5554
}

no_route() {
	both_know && counted NoRoute 'error=ENETUNREACH *' pair -a "$1"
}

gateway() {
	both_know &&
		ip -n b addr add 10.88.0.2/32 dev lo &&
		ip -n a route add 10.88.0.2/32 via 10.77.0.3 &&
		at c sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward' &&
		ip -n c route add 10.88.0.2/32 via $b_ip &&
		delegates Gateway -a 10.88.0.2
}

localhost() {
	local status

	both_know && lan_sysctl a same_host 0 || return 1
	delegated Localhost ./helper_pair -c a -s a -a "$1" -p $port
	status=$?
	lan_sysctl a same_host 1 && return $status
}

cable() {
	modprobe -q tun
	./helper_tun a b > /tmp/tun 2>&1 &
	tun=$!
	until_true 5 grep -q . /tmp/tun && matches "$(cat /tmp/tun)" ready &&
		ip -n a addr add 10.66.0.1/24 dev tun0 &&
		ip -n b addr add 10.66.0.2/24 dev tun0 &&
		ip -n a link set tun0 up && ip -n b link set tun0 up
}

not_ethernet() {
	local status

	cable && delegates Device -a 10.66.0.2
	status=$?
	kill $tun
	return $status
}

# c has the module and never enabled it.
never_heard_of() {
	both_know && at a ping -c 1 -W 5 10.77.0.3 > /dev/null &&
		delegated UnknownPeer ./helper_pair -c a -s c -a 10.77.0.3 \
			-p $port
}

# The neighbour is capable, but its address is not resolved yet.
unresolved() {
	both_know && fast && ip -n a neigh flush dev eth0 &&
		delegated UnknownPeer pair &&
		until_true 10 fast
}

no_listener() {
	both_know && fast &&
		counted NoListener 'error=ECONNREFUSED *' pair -x "$@"
}

one_waits() {
	matches "$(at b ss -tlnH "sport = :$port" | awk '{ print $2 }')" 1
}

queue_full() {
	until_true 10 one_waits
}

# The first connection fills the queue, the second waits as TCP's do.
backlog() {
	both_know && fast && counted Backlog 'client=tcp server=tcp *' \
		pair -B true -e 'bash test_delegate.sh queue_full'
}

with_rules() {
	local ns=$1 rules=$2 status

	both_know && fast && at "$ns" nft "$rules" &&
		delegated Netfilter pair
	status=$?
	at "$ns" nft flush ruleset
	return $status
}

# A queue nobody reads lets packets pass, but nobody knows that beforehand.
queued() {
	with_rules "$1" "table ip t { chain c {
		type filter hook $2 priority 0;
		tcp dport $port queue num 7 bypass; }; }"
}

device_chain() {
	with_rules "$1" 'table netdev t { chain c {
		type filter hook ingress device eth0 priority 0; }; }'
}

cgroup=/sys/fs/cgroup/delegate

cgroup_program() {
	local status

	rmdir $cgroup 2> /dev/null
	mkdir $cgroup && ./helper_bpf $cgroup "$1" && both_know && fast ||
		return 1
	# Only the socket of one end belongs to the cgroup.
	if [ "$2" = client ]; then
		delegated Cgroup pair -E "echo \$PPID > $cgroup/cgroup.procs"
	else
		echo $BASHPID > $cgroup/cgroup.procs
		delegated Cgroup pair -E \
			"echo \$PPID > $cgroup/../cgroup.procs"
	fi
	status=$?
	echo $BASHPID > $cgroup/../cgroup.procs
	rmdir $cgroup
	return $status
}

# A security module refuses the first request that reaches the listener.
lsm() {
	local lsm status

	both_know && fast || return 1
	./helper_bpf lsm 1 > /tmp/lsm 2>&1 &
	lsm=$!
	until_true 60 grep -q . /tmp/lsm
	if grep -q ready /tmp/lsm; then
		delegated Lsm pair
		status=$?
		kill $lsm
		return $status
	fi
	cat /tmp/lsm
	wait $lsm
}

# A cipher that needs no module for random numbers.
esp_state() {
	ip -n "$1" xfrm state add src "$2" dst "$3" proto esp spi "$4" \
		reqid 1 mode transport enc 'ecb(cipher_null)' '' \
		auth-trunc 'hmac(sha256)' "0x$(printf '%064d' 7)" 128
}

esp_policy() {
	ip -n "$1" xfrm policy add src "$2" dst "$3" proto tcp dir "$4" \
		tmpl proto esp reqid 1 mode transport
}

esp_between() {
	local ns

	for ns in a b; do
		esp_state $ns 10.77.0.1 $b_ip 0x100 &&
			esp_state $ns $b_ip 10.77.0.1 0x200 || return 1
	done
	esp_policy a 10.77.0.1 $b_ip out && esp_policy a $b_ip 10.77.0.1 in &&
		esp_policy b $b_ip 10.77.0.1 out &&
		esp_policy b 10.77.0.1 $b_ip in
}

encrypted() {
	local ns status

	both_know && fast && esp_between && delegated Xfrm pair
	status=$?
	for ns in a b; do
		ip -n $ns xfrm policy flush
		ip -n $ns xfrm state flush
	done
	return $status
}

self_connect() {
	local before

	lan_loopback lo1 || return 1
	before=$(counters lo1 FskDelegated)
	matches "$(./helper_pair -c lo1 -p 4321 -S -i \
		"./helper_at lo1 ss -tieHn | grep -q 4321 &&
		! ./helper_at lo1 ss -tieHn | grep tcp-ulp")" \
		'client=tcp server=tcp *' &&
		matches "$(moved lo1 FskDelegated "$before")" \
			'FskDelegatedSelfConnect 1'
}

us_of() {
	sed -n 's/.* us=\([0-9]*\).*/\1/p'
}

vanished() {
	local status

	both_know && fast && deaf b &&
		delegated Timeout pair
	status=$?
	hearing b
	return $status
}

# The module of b vanishes.  One connect waits for it, for less than 50 ms
# more than TCP takes; later ones do not wait.  The host may stop this guest
# at any time, so the best of some rounds counts.
timed_round() {
	local waited plain

	both_know && fast && deaf b || return 1
	waited=$(pair | us_of)
	plain=$(pair | us_of)
	plain="$plain $(pair | us_of) $(pair | us_of)"
	hearing b
	echo "connect took $waited us when the module vanished, then $plain"
	# shellcheck disable=SC2046,SC2086 # a list of numbers
	set -- $(printf '%s\n' $plain | sort -n)
	[ "$waited" -lt $(($3 + 50000)) ] && [ "$1" -lt 20000 ]
}

timed() {
	for _ in 1 2 3 4 5 6 7 8; do
		timed_round && return 0
	done
	return 1
}

# Right after one connect has waited in vain, another does not wait.
negative() {
	local before status

	both_know && fast && deaf b || return 1
	before=$(counters a FskDelegated)
	matches "$(pair -e "./helper_pair -X -c a -a $b_ip -p 4999; true")" \
		'error=ECONNREFUSED *client=tcp server=tcp *' &&
		matches "$(moved a FskDelegated "$before")" \
			'FskDelegatedNegativePeer 1 FskDelegatedTimeout 1' &&
		at a grep -q ' negative ' /proc/net/fastsock_peers
	status=$?
	hearing b
	return $status
}

# A port taken before the attempt is the port of the TCP connection.
same_port() {
	both_know && fast &&
		counted "$1" "client=tcp server=tcp * sport=$2 *" \
			pair -b "$2" "${@:3}"
}

same_port_timeout() {
	local status

	both_know && fast && deaf b &&
		counted Timeout "client=tcp server=tcp * sport=5503 *" \
			pair -b 5503
	status=$?
	hearing b
	return $status
}

nonblocking() {
	both_know && fast &&
		counted "$1" 'client=tcp server=tcp * hup=0' pair -n "${@:2}"
}

nonblocking_timeout() {
	local status

	both_know && fast && deaf b && counted Timeout \
		'client=tcp server=tcp * hup=0' pair -n
	status=$?
	hearing b
	return $status
}

cases=(
	"a plain connection is fastsock | fast"
	"Disabled: enable=0 after socket() | disabled_here"
	"Disabled: the server is, unnoticed | disabled_there"
	"Fastopen: MSG_FASTOPEN | delegates Fastopen -C fastopen"
	"Fastopen: TCP_FASTOPEN_CONNECT | delegates Fastopen -C fastopen_connect"
	"Fastopen: on the listener | delegates Fastopen -L fastopen_listen"
	"Repair: both ends restored | repaired"
	"Md5: on the client | delegates Md5 -C md5 -L md5"
	"IpOptions: on the client | delegates IpOptions -C ip_options"
	"IpOptions: on the listener | delegates IpOptions -L ip_options"
	"Option: SO_TXTIME | delegates Option -C txtime"
	"Option: TCP_TX_DELAY | delegates Option -C tx_delay"
	"Option: IP_TRANSPARENT | delegates Option -C transparent"
	"Filter: on the client | delegates Filter -C filter"
	"Filter: on the listener | delegates Filter -L filter"
	"Ulp: on the client | delegates Ulp -C ulp_tls"
	"Ulp: on the listener | delegates Unclaimed -L ulp_tls"
	"NoRoute: ENETUNREACH | no_route 10.99.0.1"
	"NoRoute: broadcast | no_route 255.255.255.255"
	"Gateway: another network | gateway"
	"Localhost: 127.0.0.1 | localhost 127.0.0.1"
	"Localhost: own address on the LAN | localhost 10.77.0.1"
	"Device: a tunnel | not_ethernet"
	"UnknownPeer: never enabled | never_heard_of"
	"UnknownPeer: address not resolved | unresolved"
	"NoListener: ECONNREFUSED | no_listener"
	"NoListener: ECONNREFUSED without blocking | no_listener -n"
	"Unclaimed: listener older than enable=1 | unclaimed"
	"Unclaimed: dual-stack listener older than enable=1 | unclaimed -6"
	"Listener: TCP_DEFER_ACCEPT | delegates Listener -L defer_accept"
	"Listener: TCP_SAVE_SYN | delegates Listener -L save_syn"
	"Option: IP_TRANSPARENT on the listener | delegates Option -L transparent"
	"Listener: reuseport program | delegates Listener -L reuseport_filter"
	"Backlog: accept queue full | backlog"
	"Netfilter: queue on the way out | queued a output"
	"Netfilter: queue at the server | queued b input"
	"Netfilter: chain on the client's device | device_chain a"
	"Netfilter: chain on the server's device | device_chain b"
	"Cgroup: egress program, client | cgroup_program egress client"
	"Cgroup: ingress program, client | cgroup_program ingress client"
	"Cgroup: egress program, listener | cgroup_program egress server"
	"Cgroup: sock_ops program | cgroup_program sock_ops client"
	"Lsm: the listener's security module refuses | lsm"
	"Xfrm: ESP between the hosts | encrypted"
	"SelfConnect | self_connect"
	"Timeout: the peer's module vanished | vanished"
	"Timeout: once, and for less than 50 ms | timed"
	"NegativePeer: the peer's module vanished before | negative"
	"the port stays, delegated before SYN | same_port Filter 5501 -C filter"
	"the port stays, rejected | same_port Listener 5502 -L save_syn"
	"the port stays, unanswered | same_port_timeout"
	"poll sees no fallback, rejected | nonblocking Listener -L save_syn"
	"poll sees no fallback, unanswered | nonblocking_timeout"
	"poll sees no fallback, no neighbour | nonblocking Filter -C filter"
	"afterwards a plain connection is fastsock | fast"
)

if [ $# -gt 0 ]; then
	"$@"
	exit
fi
ktap_print_header
trap lan_down EXIT
lan_up a b c && both_know || ktap_exit_fail_msg "no LAN"
run_cases "${cases[@]}"
ktap_finished
