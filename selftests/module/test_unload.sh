#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Unloading: refused while the module is in use, possible when it is not, and
# never noticed by programs that use TCP meanwhile.
# fastsock: timeout=900
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh

module=/lib/modules/$(uname -r)/extra/fastsock.ko
sysctls=/proc/sys/net/fastsock
# As many again on the other stock kernel.
rounds=100
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=8

loaded() {
	grep -q '^fastsock ' /proc/modules
}

load() {
	loaded || insmod "$module"
}

unload() {
	rmmod fastsock 2> /dev/null
}

refuses_unload() {
	! unload && loaded
}

unloads_soon() {
	until_true "$(lan_patience 20)" unload
}

enabled() {
	load && echo 1 > $sysctls/loopback_frames && echo 1 > $sysctls/enable
}

disabled() {
	echo 0 > $sysctls/enable && echo 0 > $sysctls/loopback_frames
}

# Arguments may have it speak IPv6: -a ::1.
pair() {
	./helper_pair -a 127.0.0.1 -p 4200 "$@"
}

fast() {
	[[ $(pair "$@") == client=fastsock* ]]
}

while_enabled() {
	enabled && refuses_unload && disabled && unloads_soon
}

# Only one of two namespaces is disabled.
while_enabled_elsewhere() {
	enabled && ip netns add other &&
		./helper_at other sh -c "echo 1 > $sysctls/enable" &&
		disabled && refuses_unload && ip netns delete other &&
		unloads_soon
}

# A socket that was claimed and does nothing.
while_socket_open() {
	enabled && pair -e '
		echo 0 > /proc/sys/net/fastsock/enable
		! rmmod fastsock 2> /dev/null' > /dev/null &&
		disabled && unloads_soon
}

# Arguments of helper_pair may make the listener one of AF_INET6.
while_connected() {
	enabled && until_true 10 fast "$@" || return 1
	matches "$(pair "$@" -i '
		echo 0 > /proc/sys/net/fastsock/enable
		! rmmod fastsock 2> /dev/null')" 'client=fastsock server=fastsock *' &&
		disabled && unloads_soon
}

# A listener that nobody connects to is a claimed socket, too.
while_listening() {
	local pid

	enabled || return 1
	socat "$1:4201" /dev/null &
	pid=$!
	until_true 10 listening && disabled && refuses_unload &&
		kill $pid && unloads_soon
}

listening() {
	[ -n "$(ss -tlnH 'sport = :4201')" ]
}

tcp_prot() {
	./helper_kernel_words tcp_prot 32
	./helper_kernel_words tcpv6_prot 32
}

words_changed() {
	diff <(printf '%s\n' "$1") <(tcp_prot) | grep -c '^>'
}

# A pointer of tcp_prot and one of tcpv6_prot is replaced, and they come back.
hook_restored() {
	local before

	before=$(tcp_prot) && [ -n "$before" ] && load &&
		matches "$(words_changed "$before")" 0 &&
		enabled && matches "$(words_changed "$before")" 2 &&
		disabled && matches "$(words_changed "$before")" 0 &&
		unloads_soon && matches "$(words_changed "$before")" 0
}

# While two namespaces want the hook, the first to go leaves it.
hook_shared() {
	local before

	before=$(tcp_prot) && enabled && ip netns add other &&
		./helper_at other sh -c "echo 1 > $sysctls/enable" &&
		disabled && matches "$(words_changed "$before")" 2 &&
		./helper_at other sh -c "echo 0 > $sysctls/enable" &&
		matches "$(words_changed "$before")" 0 &&
		ip netns delete other && unloads_soon
}

# The timer for keepalive fires with each tick, and as the module goes.
restless() {
	fast -L keepalive -C keepalive "$@"
}

keepalive_every() {
	echo "$1" > /proc/sys/net/ipv4/tcp_keepalive_time &&
		echo "$2" > /proc/sys/net/ipv4/tcp_keepalive_intvl
}

one_round() {
	enabled && until_true 10 restless -a "$1" && disabled && unloads_soon
}

many_rounds() {
	local i pids=() pid status=0 start=$SECONDS
	local both=(127.0.0.1 ::1)

	keepalive_every 0 0 || return 1
	for i in 1 2; do
		./helper_sockets > /tmp/sockets.$i &
		pids+=($!)
	done
	for ((i = 0; i < rounds; i++)); do
		one_round "${both[i % 2]}" || { status=1; break; }
		[ $((i % 25)) -ne 24 ] ||
			echo "# $((i + 1)) rounds in $((SECONDS - start)) s" >&3
	done
	kill "${pids[@]}"
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
	done
	keepalive_every 7200 75
	cat /tmp/sockets.1 /tmp/sockets.2
	echo "$i rounds"
	return $status
}

holds() {
	cat /sys/module/fastsock/parameters/holds
}

# Nothing is left but connections whose programs have closed them, and which
# say so in vain.
orphans_alone() {
	enabled && until_true 10 fast -a "$1" || return 1
	timeout -s KILL "$(lan_patience 3)" ./helper_pair -a "$1" \
		-p 4200 -i 'tc qdisc add dev lo root netem loss 100%'
	matches_holds 2 && echo 0 > $sysctls/enable && matches_holds 2 &&
		refuses_unload && tc qdisc del dev lo root &&
		until_true "$(lan_patience 20)" matches_holds 0 &&
		disabled && unloads_soon
}

# 40 connections have two ends each, wherever these were made and counted.
# $1 is done while others come and go on both processors.
both_processors() {
	local count='
		i=0
		holds=/sys/module/fastsock/parameters/holds
		until [ "$(cat $holds)" = 80 ]; do
			sleep 0.1
			i=$((i + 1))
			[ $i -lt 100 ] || { cat $holds; exit 1; }
		done
		! rmmod fastsock 2> /dev/null'

	load && echo 1 > $sysctls/enable && ./helper_cpus 40 "$1" "$count" &&
		until_true 10 matches_holds 0 && disabled && unloads_soon
}

matches_holds() {
	[ "$(holds)" = "$1" ]
}

counted_apart() {
	both_processors "sleep 2"
}

# They are added up under those who count, and counted apart again; half of the
# times that is wanted while whoever disables still waits.
counted_both_ways() {
	both_processors "
		i=0
		while [ \$i -lt 20 ]; do
			echo 0 > $sysctls/enable &
			[ \$((i % 2)) = 0 ] && wait || sleep 0.01
			! rmmod fastsock 2> /dev/null || exit
			echo 1 > $sysctls/enable || exit
			wait
			! rmmod fastsock 2> /dev/null || exit
			i=\$((i + 1))
		done"
}

# The last of them is enabled while nothing counts apart any more.
counted_together() {
	both_processors "sleep 0.2; echo 0 > $sysctls/enable; sleep 0.2"
}

cases=(
	"refused while enabled | while_enabled"
	"refused while another namespace is enabled | while_enabled_elsewhere"
	"refused while a claimed socket is open | while_socket_open"
	"refused while a claimed socket listens | while_listening TCP-LISTEN"
	"refused while one of IPv6 listens | while_listening TCP6-LISTEN"
	"refused while connected | while_connected"
	"refused while connected by IPv6 | while_connected -a ::1"
	"refused while a client of IPv4 is connected to :: | while_connected -6"
	"the hook stands while enabled and only then | hook_restored"
	"the hook stands while any namespace is enabled | hook_shared"
	"refused while orphans are left | orphans_alone 127.0.0.1"
	"refused while orphans of IPv6 are left | orphans_alone ::1"
	"refused while connections on two processors are left | counted_apart"
	"... and when it was disabled beside them | counted_together"
	"... and when it was enabled and disabled | counted_both_ways"
	"$rounds rounds beside busy programs | many_rounds"
)

finish() {
	ip netns delete other 2> /dev/null
	load
}

exec 3>&1
ktap_print_header
trap finish EXIT
[ ! -e $sysctls ] || disabled
unloads_soon || ktap_exit_fail_msg "the module is in use before the test"
run_cases "${cases[@]}"
ktap_finished
