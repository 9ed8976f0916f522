# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A LAN of network namespaces for the tests; sourced by shell tests, and run
# by C tests as "bash lan.sh FUNCTION ARGUMENT...".
#
#   lan_up a b            namespaces a and b, one link, nobody has fastsock on
#   lan_up a b c          the same with a bridge (in namespace "switch")
#   lan_cards a b eth1 eth2   the same with these devices, joined outside
#   lan_ready a b         fastsock on in a and b, and each knows the other;
#                         with LAN_SAME_HOST=2 set, they share memory; with
#                         LAN_RDMA=1, the first one's frames take RDMA devices
#   lan_loopback lo0      a namespace that reaches its 127.0.0.1 in memory
#   lan_wire lo2          the same with frames
#   stat a FskOutFrames   one counter
#   lan_down              everything away
#
# The n-th namespace has 10.77.0.n/24 on its eth0; lan_ip prints the address.  With
# LAN_IPV6=1 it is fd77::n/64 instead, and lan_loopback leaves ::1 alone: whoever
# means IPv6 and speaks IPv4 gets nowhere.

LAN_NETS=${LAN_NETS:-}

# Runs a command in a namespace: at NETNS COMMAND...
at() {
	./helper_at "$@"
}

# Repeats a command until it succeeds: until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Timeouts in seconds grow on a kernel with assertions.
lan_patience() {
	if [ -e /sys/kernel/debug/kmemleak ]; then
		echo $(($1 * 4))
	else
		echo "$1"
	fi
}

lan_ip() {
	local family=${LAN_IPV6:+6}

	ip -n "$1" "-${family:-4}" -o addr show dev eth0 scope global |
		sed 's/.* inet6* \([0-9a-f.:]*\).*/\1/'
}

# Addresses of IPv6, as those of IPv4, outlive that their device is down.
lan_keep_addresses() {
	at "$1" sh -c \
		"echo 1 > /proc/sys/net/ipv6/conf/all/keep_addr_on_down"
}

lan_add_ns() {
	ip netns add "$1" && ip -n "$1" link set lo up || return 1
	LAN_NETS="$LAN_NETS $1"
	[ -z "${LAN_IPV6:-}" ] || lan_keep_addresses "$1"
}

# What "ip -batch" reads: to start it once is much faster than for each line.
lan_cable() {
	echo "link add eth0 netns $1 type veth peer name $3 netns $2"
}

lan_switch() {
	local ns

	echo "link add br0 type bridge mcast_snooping 0"
	echo "link set br0 up"
	for ns in "$@"; do
		echo "link set to-$ns master br0 up"
	done
}

# Where br_netfilter is there, it would have every bridge ask the IPv4 rules.
lan_plain_bridges() {
	# shellcheck disable=SC2016
	at "$1" sh -c 'for name in /proc/sys/net/bridge/bridge-nf-call-*; do
		[ ! -e "$name" ] || echo 0 > "$name"; done'
}

# LAN_GSO_MAX: bytes of the longest skb, headers and all; 1000 for no super-frames.
lan_host() {
	if [ "${LAN_IPV6:-}" ]; then
		echo "addr add fd77::$1/64 dev eth0 nodad"
	else
		echo "addr add 10.77.0.$1/24 dev eth0"
	fi
	[ -z "${LAN_GSO_MAX:-}" ] ||
		echo "link set eth0 gso_max_size $LAN_GSO_MAX"
	echo "link set eth0 up"
}

lan_up() {
	local n=0 ns

	for ns in "$@"; do
		lan_add_ns "$ns" || return 1
	done
	if [ $# -eq 2 ]; then
		lan_cable "$1" "$2" eth0 | ip -batch - || return 1
	else
		lan_add_ns switch && lan_plain_bridges switch || return 1
		for ns in "$@"; do
			lan_cable "$ns" switch "to-$ns"
		done | ip -batch - || return 1
		lan_switch "$@" | ip -n switch -batch - || return 1
	fi
	for ns in "$@"; do
		n=$((n + 1))
		lan_host $n | ip -n "$ns" -batch - || return 1
	done
}

lan_cards() {
	local n

	for n in 1 2; do
		lan_add_ns "$1" &&
			ip link set "$3" netns "$1" name eth0 &&
			lan_host $n | ip -n "$1" -batch - || return 1
		shift
	done
}

# Sets net.fastsock.NAME in a namespace: lan_sysctl NETNS NAME VALUE
lan_sysctl() {
	at "$1" sh -c "echo $3 > /proc/sys/net/fastsock/$2"
}

# How many neighbours of that namespace are in that state.
lan_peers() {
	at "$1" awk -v want="$2" '$3 == want { n++ } END { print n + 0 }' \
		/proc/net/fastsock_peers
}

# Does a namespace know so many neighbours?  If not, one that did not answer in
# time is asked again by whoever wants to connect: lan_meets NETNS N OTHER...
lan_meets() {
	local ns=$1 want=$2 other

	[ "$(lan_peers "$ns" capable)" -ge "$want" ] && return
	shift 2
	for other in "$@"; do
		[ "$other" = "$ns" ] || at "$ns" timeout 5 bash -c \
			": <> /dev/tcp/$(lan_ip "$other")/1" 2> /dev/null
	done
	return 1
}

# Memory between namespaces, if it is asked for, with posted buffers.
lan_shared() {
	[ "${LAN_SAME_HOST:-}" ] || return 0
	lan_sysctl "$1" same_host "$LAN_SAME_HOST" &&
		lan_sysctl "$1" host_post_min 16384
}

# Waits until packets pass.  A device whose carrier came back a moment ago drops
# them until the kernel has seen that, for up to a second.
lan_reaches() {
	until_true "$(lan_patience 20)" \
		at "$1" ping -c 1 -W 1 "$(lan_ip "$2")" > /dev/null
}

# An RDMA device for each eth0, if it is asked for.
lan_rdma() {
	[ "${LAN_RDMA:-}" ] && ! rdma link show "rdma-$1/1" &> /dev/null ||
		return 0
	at "$1" rdma link add "rdma-$1" type fsktest netdev eth0
}

lan_has_channel() {
	at "$1" grep -q ' up ' /proc/net/fastsock_channels && return
	./helper_pair -c "$1" -s "$2" -a "$(lan_ip "$2")" -p 4999 > /dev/null
	return 1
}

# Waits until frames between two namespaces take these devices.
lan_channels() {
	[ "${LAN_RDMA:-}" ] || return 0
	until_true "$(lan_patience 20)" lan_has_channel "$1" "$2"
}

lan_ready() {
	local first=$1 ns

	for ns in "$@"; do
		lan_shared "$ns" && lan_rdma "$ns" &&
			lan_sysctl "$ns" enable 1 || return 1
	done
	for ns in "$@"; do
		[ "$ns" = "$first" ] || lan_reaches "$first" "$ns" || return 1
	done
	for ns in "$@"; do
		until_true "$(lan_patience 20)" \
			lan_meets "$ns" $(($# - 1)) "$@" || return 1
	done
	for ns in "$@"; do
		[ "$ns" = "$first" ] || lan_channels "$first" "$ns" || return 1
	done
}

lan_loopback() {
	lan_add_ns "$1" && lan_sysctl "$1" host_post_min 16384 &&
		lan_sysctl "$1" enable 1 || return 1
	[ -z "${LAN_IPV6:-}" ] || ip -n "$1" addr del 127.0.0.1/8 dev lo
}

lan_wire() {
	lan_loopback "$1" && lan_sysctl "$1" loopback_frames 1
}

# Packets that each processor has taken in.
lan_processed() {
	local n

	while read -r n _; do
		echo $((16#$n))
	done < /proc/net/softnet_stat
}

stat() {
	at "$1" awk -v name="$2" '$1 == name { print $2; found = 1 }
		END { exit !found }' /proc/net/fastsock_stat
}

lan_down() {
	local ns

	for ns in ${LAN_NETS:-$*}; do
		ip netns delete "$ns" 2> /dev/null
	done
	LAN_NETS=
}

[ "${BASH_SOURCE[0]}" != "$0" ] || "$@"
