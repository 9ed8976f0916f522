# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A busy connection beside which something happens, on a LAN of its own.  Sourced
# after cases.sh.

stream=
# What helper_stream says.
out=/tmp/stream
# How many blocks prove progress; a kernel with assertions takes its time.
more=20
[ "$(lan_patience 1)" -eq 1 ] || more=5

# A LAN, a command, and the stream's end: on_lan "NETNS..." COMMAND...
on_lan() {
	leaves_nothing lan_for "$@"
}

lan_for() {
	local status

	# shellcheck disable=SC2086	# several words
	lan_up $1 && lan_ready $1 && "${@:2}"
	status=$?
	if [ -n "$stream" ] && kill "$stream" 2> /dev/null; then
		wait "$stream"
	fi
	lan_down
	return $status
}

last() {
	awk -v word="$1" '$1 == word { last = $2 } END { print last }' "$out"
}

started() {
	[ -n "$(last path)" ] && [ "$(last blocks)" ]
}

# From a to b: start_stream [USER_TIMEOUT_MS].  On a busy machine a handshake may
# time out.
start_stream() {
	for _ in 1 2 3 4 5; do
		./helper_stream a b 10.77.0.2 "${1:-0}" > "$out" &
		stream=$!
		until_true "$(lan_patience 20)" started || return 1
		[ "$(last path)" != fastsock ] || return 0
		kill "$stream"
		wait "$stream"
		sleep 1
	done
	matches "$(last path)" fastsock
}

lives() {
	kill -0 "$stream"
}

beyond() {
	[ "$(last blocks)" -gt "$1" ] || ! lives
}

# It goes on: more blocks arrive, right ones.
goes_on() {
	local now

	now=$(last blocks)
	until_true "$(lan_patience 30)" beyond $((now + more)) && lives || {
		tail -n 3 "$out"
		echo "no progress beyond block $now"
		return 1
	}
}

ends_well() {
	kill "$stream"
	wait "$stream"
	tail -n 1 "$out"
	[[ $(tail -n 1 "$out") == done* ]]
}
