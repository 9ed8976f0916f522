#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A transport in a module of its own: it carries what it may, its module is
# refused removal while anything needs it, goes when nothing does, and then
# connections within the host are in memory again.
# fastsock: timeout=300
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh

modules=/lib/modules/$(uname -r)/extra
sysctls=/proc/sys/net/fastsock
parameters=/sys/module/fsk_list_transport/parameters
rounds=20
[ ! -e /sys/kernel/debug/kmemleak ] || rounds=5
refused='! rmmod fsk_list_transport 2> /dev/null'

loaded() {
	grep -q "^$1 " /proc/modules
}

load() {
	loaded "$1" || insmod "$modules/$1.ko"
}

unload() {
	rmmod "$1" 2> /dev/null
}

unloads_soon() {
	until_true "$(lan_patience 20)" unload "$1"
}

# Both modules, and no connection yet.
prepared() {
	load fastsock && echo 1 > $sysctls/enable && load fsk_list_transport &&
		echo 1 > $parameters/usable
}

carried() {
	cat $parameters/connections
}

opened() {
	awk '$1 == "FskActiveOpens" { print $2 }' /proc/net/fastsock_stat
}

pair() {
	./helper_pair -a 127.0.0.1 -p 4300 "$@"
}

hold() {
	./helper_hold "$1" 4301 "${@:2}"
}

# helper_pair compares the bytes of both directions, and waits for their ends.
carries() {
	local before

	prepared && before=$(carried) &&
		matches "$(pair)" 'client=fastsock server=fastsock *' &&
		matches "$(carried)" $((before + 1))
}

carries_nonblocking() {
	local before

	prepared && before=$(carried) &&
		matches "$(pair -n)" 'client=fastsock server=fastsock *' &&
		matches "$(carried)" $((before + 1))
}

nobody_listens() {
	prepared && matches "$(pair -x)" 'error=ECONNREFUSED *'
}

# The state is reached by this transport, and its module stays meanwhile.
held_while() {
	local before

	prepared && before=$(carried) && hold "$1" "$refused" "$refused" &&
		[ "$(carried)" -gt "$before" ]
}

# A socket that it carried once may be connected by memory, and keeps it.
held_by_its_past() {
	local before

	prepared && before=$(carried) && hold disconnected \
		"$refused && echo 0 > $parameters/usable" "$refused" &&
		matches "$(carried)" $((before + 1))
}

# Its symbols are fastsock's.
fastsock_stays() {
	prepared && echo 0 > $sysctls/enable && ! unload fastsock &&
		loaded fastsock && loaded fsk_list_transport
}

goes_when_idle() {
	prepared && pair > /dev/null && unloads_soon fsk_list_transport &&
		echo 0 > $sysctls/enable && unloads_soon fastsock
}

memory_again() {
	local before

	prepared && pair > /dev/null && unloads_soon fsk_list_transport &&
		before=$(opened) &&
		matches "$(pair)" 'client=fastsock server=fastsock *' &&
		matches "$(opened)" $((before + 1))
}

carries_some() {
	[ "$(carried)" -gt 0 ]
}

# It comes and goes beside a program that connects without pause.
comes_and_goes() {
	local pid i

	prepared || return 1
	./helper_sockets > /tmp/sockets &
	pid=$!
	for ((i = 0; i < rounds; i++)); do
		prepared && until_true 20 carries_some &&
			echo 0 > $parameters/usable &&
			unloads_soon fsk_list_transport || break
	done
	kill $pid
	wait $pid || i=-1
	cat /tmp/sockets
	matches "$i" "$rounds"
}

nothing_left() {
	[ "$(awk '$1 == "FskCurrEstab" { print $2 }' \
		/proc/net/fastsock_stat)" = 0 ] &&
		[ "$(cat /sys/module/fastsock/parameters/holds)" = 0 ]
}

leaves_no_connection() {
	load fastsock && until_true "$(lan_patience 80)" nothing_left
}

cases=(
	"carries the bytes of both directions, and their ends | carries"
	"... of a program that does not block | carries_nonblocking"
	"leaves a client alone for whom nobody listens | nobody_listens"
	"refused while connected | held_while connected"
	"refused while a reader sleeps | held_while reading"
	"refused while a writer sleeps | held_while writing"
	"refused while nobody has accepted | held_while queued"
	"refused while a socket is open that was disconnected | held_while disconnected"
	"... and if memory carries it then | held_by_its_past"
	"fastsock stays as long as it | fastsock_stays"
	"goes when it is idle, and fastsock after it | goes_when_idle"
	"then memory carries connections again | memory_again"
	"$rounds rounds beside a busy program | comes_and_goes"
	"no connection is left | leaves_no_connection"
)

finish() {
	! loaded fsk_list_transport || unloads_soon fsk_list_transport
	load fastsock
	echo 0 > $sysctls/enable
}

ktap_print_header
trap finish EXIT
load fastsock || ktap_exit_fail_msg "no module"
load fsk_list_transport || ktap_exit_fail_msg "no transport for tests"
run_cases "${cases[@]}"
ktap_finished
