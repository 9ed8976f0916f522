# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests of firewalls share: does a connection fare as TCP's?  Sourced after
# cases.sh.  $between says which namespaces connect: arguments of helper_pair;
# $a_ip and $b_ip are their addresses, and clean() takes away what a test has set.

pair() {
	# shellcheck disable=SC2086	# several words
	./helper_pair $between -p 4000 -t 1000 "$@"
}

# A check on connections of a with itself.
host() {
	local between="-c a -s a -a ${host_ip-127.0.0.1}"

	"$@"
}

# Whether it connected or which error it got, whatever the path.
outcome() {
	pair "$@" | sed 's/^client=.*/connected/; s/ us=.*//'
}

fast() {
	matches "$(pair "$@")" 'client=fastsock server=fastsock *'
}

# The connection ends as it does without fastsock; a socket filter is enough
# to leave that out.
as_tcp() {
	local expected=$1 with

	shift
	with=$(outcome "$@")
	matches "$with" "$expected" &&
		matches "$with" "$(outcome "$@" -C filter)"
}

# It works, by TCP, and the first or second namespace's rules are the reason.
by_tcp() {
	local reason=$1 before output

	shift
	before=$(counters a FskDelegated)
	output=$(pair "$@")
	matches "$output" 'client=tcp server=tcp *' &&
		matches "$(moved a FskDelegated "$before")" \
			"FskDelegated$reason 1"
}

chain() {
	printf 'table inet t { chain c { type %s; %s }; }' "$1" "$2"
}

# Runs a check under rules; without them all is fastsock again.
under() {
	local status

	"$@"
	status=$?
	clean
	until_true 10 fast && return $status
}

# Conntrack has nothing of a connection whose packets it never saw.
fast_untracked() {
	local count=/proc/sys/net/netfilter/nf_conntrack_count before

	before=$(at "$1" cat $count) && fast &&
		matches "$(at "$1" cat $count)" "$before"
}

one_port_only() {
	fast -p 4001 && as_tcp error=ETIMEDOUT
}

# xfrm NETNS DIRECTION ACTION CHECK...; "require" has no state to satisfy it.
xfrm() {
	# shellcheck disable=SC2154	# the test sets them
	local ns=$1 dir=$2 src=$a_ip dst=$b_ip action

	[ "$ns-$dir" = a-out ] || [ "$ns-$dir" = b-in ] || {
		src=$b_ip
		dst=$a_ip
	}
	action=(action block)
	[ "$3" = block ] ||
		action=(tmpl proto esp reqid 1 mode transport level required)
	ip -n "$ns" xfrm policy add src $src dst $dst proto tcp dir "$dir" \
		"${action[@]}" && "${@:4}"
}

# What was learned of routes a moment ago must not count any more.
after_fast() {
	fast && "$@"
}

# bridge HOOK RULES CHECK...: rules of the bridge itself
bridge() {
	at switch nft "table bridge t { chain c {
		type filter hook $1 priority 0; $2 }; }" && "${@:3}"
}

# A setting of br_netfilter in the bridge's namespace.
brnf() {
	at switch sh -c "echo $2 > /proc/sys/net/bridge/bridge-nf-$1"
}
