# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the shell tests share: running named cases, seeing which reasons were
# counted, and how often the module is in use.  Sourced after lan.sh.

# Runs "name | command" entries, each in a subshell, and prints the results.  A
# command that returns 4 skips.
run_cases() {
	local entry output status

	ktap_set_plan $#
	for entry in "$@"; do
		output=$(eval "${entry#* | }" 2>&1)
		status=$?
		if [ $status -eq 4 ]; then
			ktap_test_skip "${entry%% | *}"
			continue
		fi
		if [ $status -eq 0 ]; then
			ktap_test_pass "${entry%% | *}"
		else
			printf '%s\n' "$output" | sed 's/^/# /'
			ktap_test_fail "${entry%% | *}"
		fi
	done
}

# Does a text match a pattern?  Says what it is if it does not.
matches() {
	# shellcheck disable=SC2053
	[[ $1 == $2 ]] || {
		echo "'$1' instead of '$2'"
		return 1
	}
}

# Counters of a namespace that begin so: counters NETNS PREFIX
counters() {
	at "$1" awk -v prefix="$2" 'index($1, prefix) == 1' \
		/proc/net/fastsock_stat
}

# Which of them differ from an earlier list, and by how much, in one line.
moved() {
	awk 'NR == FNR { old[$1] = $2; next }
		$2 != old[$1] { printf "%s%s %d", s, $1, $2 - old[$1]; s = " " }
		END { print "" }' <(printf '%s\n' "$3") <(counters "$1" "$2")
}

# Does that namespace have a neighbour that speaks fastsock?
knows_capable() {
	at "$1" grep -q ' capable ' /proc/net/fastsock_peers
}

# How often the module is in use: once per socket with its operations, and per
# connection.
module_users() {
	local holds=/sys/module/fastsock/parameters/holds

	echo $(($(awk '$1 == "fastsock" { print $3 }' /proc/modules) +
		$(cat $holds)))
}

no_more_users_than() {
	[ "$(module_users)" -le "$1" ]
}

# Runs a command, and sees to it that neither a device nor a socket is left.
leaves_nothing() {
	local users status

	users=$(module_users)
	"$@"
	status=$?
	until_true "$(lan_patience 30)" no_more_users_than "$users" || {
		echo "$(module_users) users of the module instead of $users"
		return 1
	}
	return $status
}
