#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Loading, unloading and what an administrator sees: sysctls and counters.
# fastsock: timeout=150
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh

sysctls=/proc/sys/net/fastsock
stat=/proc/net/fastsock_stat
module=/lib/modules/$(uname -r)/extra/fastsock.ko

# Names the header gives to one X-macro: FSK_REASONS or FSK_DROPS.
header_names() {
	sed -n "/^#define $1(/,/[^\\\\]\$/p" fastsock.h |
		sed -n 's/^\t[RD]([A-Z0-9_]*,[[:space:]]*\([A-Za-z0-9]*\)).*/\1/p'
}

counters() {
	printf 'Fsk%s\n' Claimed ActiveOpens PassiveOpens CurrEstab \
		OutFrames InFrames OutBytes InBytes RetransFrames Timeouts \
		PostedBytes PostRefused QueuedBytes OutResets InResets \
		Challenges Spins SpinHits \
		HelloOut HelloIn ChannelOutFrames ChannelInFrames \
		ChannelAdverts ChannelRevokes PutBytes PlacedBytes Peers
	header_names FSK_REASONS | sed 's/^/FskDelegated/'
	header_names FSK_DROPS | sed 's/^/FskDrop/'
}

is_zero() {
	[ "$(cat "$sysctls/$1")" = 0 ]
}

# A refused value must also leave the old one.
refuses() {
	local before

	before=$(cat "$sysctls/$1") || return 1
	! { echo "$2" > "$sysctls/$1"; } 2>/dev/null &&
		[ "$(cat "$sysctls/$1")" = "$before" ]
}

# Takes each of the values and reads back the same.
takes() {
	local name=$1 value

	shift
	for value in "$@"; do
		echo "$value" > "$sysctls/$name" &&
			[ "$(cat "$sysctls/$name")" = "$value" ] || return 1
	done
}

namespace_of_its_own() {
	unshare -n sh -c "echo 1 > $sysctls/enable && [ -r $stat ]" &&
		is_zero enable
}

of_the_host_alone() {
	[ -e "$sysctls/$1" ] &&
		unshare -n sh -c "[ -e $sysctls/enable ] && [ ! -e $sysctls/$1 ]"
}

# How long the module is in use after so many namespaces have ended, in ms.
ending_takes() {
	local i start

	for ((i = 0; i < $1; i++)); do
		ip netns add "end$i" && ./helper_at "end$i" \
			sh -c "echo 1 > $sysctls/enable" || return 1
	done
	start=${EPOCHREALTIME/./}
	ip -all netns delete
	for ((i = 0; i < 3000; i++)); do
		[ "$(awk '$1 == "fastsock" { print $3 }' /proc/modules)" = 0 ] &&
			break
		sleep 0.01
	done
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

# The end of a namespace must not wait for every task of the host.  A kernel
# with assertions takes its time for each namespace anyway.
namespaces_end_at_once() {
	local one many

	one=$(ending_takes 1) && many=$(ending_takes 20) || return 1
	echo "$one ms for one, $many ms for twenty"
	[ -e /sys/kernel/debug/kmemleak ] || [ "$many" -lt $((4 * one + 500)) ]
}

orphans_as_tcp() {
	diff $sysctls/max_orphans /proc/sys/net/ipv4/tcp_max_orphans
}

counter_names() {
	[ "$(counters | wc -l)" -gt 50 ] &&
		diff <(counters | sort) <(awk '{ print $1 }' $stat | sort)
}

counter_form() {
	! grep -vE '^Fsk[A-Za-z0-9]+[[:space:]]+[0-9]+$' $stat
}

# Every name is documented, and every documented name exists.
documented() {
	diff <(counters | sort -u) \
		<(cat ./*.md ./*.rst 2>/dev/null |
			grep -oE '\bFsk[A-Z][A-Za-z0-9]+\b' | sort -u)
}

sysctls_documented() {
	local name

	for name in "$sysctls"/*; do
		cat ./*.md ./*.rst 2>/dev/null |
			grep -q "net\.fastsock\.${name##*/}" || return 1
	done
}

stays_while_enabled() {
	local refused=1

	echo 1 > $sysctls/enable
	! rmmod fastsock || refused=0
	[ -e $sysctls/enable ] && echo 0 > $sysctls/enable &&
		[ $refused = 1 ]
}

# A namespace that was enabled holds the module until it is quite gone.
unloads() {
	local try

	for ((try = 0; try < 50; try++)); do
		rmmod fastsock 2>/dev/null && break
		sleep 0.1
	done
	[ $try -lt 50 ] && [ ! -e $sysctls ] && [ ! -e $stat ]
}

bad_parameter() {
	! insmod "$module" "$1" && ! grep -q '^fastsock ' /proc/modules
}

# The explicit family: there when it is asked for, and no way around a filter.
family() {
	rmmod fastsock
	insmod "$module" "$@" || return 1
	./helper_family
}

has_no_family() {
	[ "$(family)" = "socket: EAFNOSUPPORT
filtered: EAFNOSUPPORT" ]
}

has_family() {
	ip link set lo up
	[ "$(family family=19)" = "socket: AF_INET, not fastsock
filtered: EAFNOSUPPORT" ] && echo 2 > $sysctls/enable &&
		[ "$(./helper_family)" = "socket: AF_INET, fastsock
filtered: EAFNOSUPPORT" ] && echo 0 > $sysctls/enable
}

loads() {
	insmod "$module" && [ -e $stat ]
}

tests=(
	"enable is 0 after loading:is_zero enable"
	"loopback_frames is 0 after loading:is_zero loopback_frames"
	"enable takes 1, 2 and 0:takes enable 1 2 0"
	"enable refuses 3:refuses enable 3"
	"enable refuses -1:refuses enable -1"
	"enable refuses a word:refuses enable yes"
	"loopback_frames refuses 2:refuses loopback_frames 2"
	"same_host refuses 3:refuses same_host 3"
	"host_post_min refuses 0:refuses host_post_min 0"
	"post_min refuses -1:refuses post_min -1"
	"handshake_ms refuses 0:refuses handshake_ms 0"
	"spin_us is 0 after loading:is_zero spin_us"
	"spin_us takes 1, 1000 and 0:takes spin_us 1 1000 0"
	"spin_us refuses -1:refuses spin_us -1"
	"spin_us refuses 1001:refuses spin_us 1001"
	"as many orphans as TCP's after loading:orphans_as_tcp"
	"max_orphans takes 0 and 2147483647:takes max_orphans 0 2147483647"
	"max_orphans refuses -1:refuses max_orphans -1"
	"max_orphans refuses 2147483648:refuses max_orphans 2147483648"
	"max_orphans is the host's:of_the_host_alone max_orphans"
	"userns_enable is 0 after loading:is_zero userns_enable"
	"userns_enable takes 1 and 0:takes userns_enable 1 0"
	"userns_enable refuses 2:refuses userns_enable 2"
	"userns_enable is the host's:of_the_host_alone userns_enable"
	"twenty namespaces end as fast as one:namespaces_end_at_once"
	"enable belongs to its namespace:namespace_of_its_own"
	"statistics have the names of the header:counter_names"
	"statistics are lines of name and number:counter_form"
	"counters and documentation agree:documented"
	"sysctls are documented:sysctls_documented"
	"the module stays while a namespace is enabled:stays_while_enabled"
	"the module unloads and leaves nothing:unloads"
	"a wrong family number is refused:bad_parameter family=100000"
	"an EtherType that is a length is refused:bad_parameter ethertype=1500"
	"the module loads again:loads"
	"there is no explicit family by default:has_no_family"
	"the explicit family is there if wanted, but not for the filtered:has_family"
	"the module unloads once more:unloads"
	"and loads once more:loads"
)

ktap_print_header
ktap_set_plan ${#tests[@]}
for entry in "${tests[@]}"; do
	if output=$(${entry#*:} 2>&1); then
		ktap_test_pass "${entry%%:*}"
	else
		printf '%s\n' "$output" | sed 's/^/# /'
		ktap_test_fail "${entry%%:*}"
	fi
done
ktap_finished
