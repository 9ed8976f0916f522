# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What tests of firewalls share: does a connection fare as TCP's?  Sourced after
# cases.sh.  $between says which namespaces connect: arguments of helper_pair.

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
