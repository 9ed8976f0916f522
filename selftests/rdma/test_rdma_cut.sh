#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# RDMA devices that go, come back and break under traffic: the stream goes on,
# by frames on Ethernet, and no byte of it is wrong.
# fastsock: timeout=900 attempts=1
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh
. ./stream.sh
. ./carried.sh

parameters=/sys/module/fsk_rdma_device/parameters
rounds=100
[ "$(lan_patience 1)" -eq 1 ] || rounds=20
export LAN_RDMA=1

has_channel() {
	at "$1" grep -q ' up ' /proc/net/fastsock_channels
}

up_again() {
	until_true "$(lan_patience 30)" has_channel a &&
		until_true "$(lan_patience 30)" has_channel b && return
	echo "no channel: $(at a tail -n 1 /proc/net/fastsock_channels);" \
		"$(at b tail -n 1 /proc/net/fastsock_channels)"
	return 1
}

# Most frames do, those of long segments, too.  While the machine is busy some
# are late, and then others take Ethernet for a moment.
most_take_it() {
	local all over

	all=$(stat a FskOutFrames)
	over=$(stat a FskChannelOutFrames)
	goes_on || return 0
	all=$(($(stat a FskOutFrames) - all))
	over=$(($(stat a FskChannelOutFrames) - over))
	echo "$over of $all frames took the channel" > /tmp/which
	[ $((2 * over)) -gt $all ]
}

uses_channel() {
	until_true "$(lan_patience 20)" most_take_it && lives || {
		cat /tmp/which
		return 1
	}
}

gone_once() {
	rdma link del "rdma-$1" && goes_on && lan_rdma "$1" && up_again &&
		uses_channel
}

# One end's device, then the other's.
device_goes() {
	local i

	start_stream || return 1
	for ((i = 1; i <= rounds; i++)); do
		more=2
		if ((i % 2)); then
			gone_once a
		else
			gone_once b
		fi || {
			echo "in round $i"
			return 1
		}
	done
	ends_well
}

driver_goes() {
	local i

	start_stream || return 1
	for ((i = 1; i <= rounds / 20; i++)); do
		rmmod fsk_rdma_device && goes_on && rdma_prepare &&
			lan_rdma a && lan_rdma b && up_again &&
			uses_channel || return 1
	done
	ends_well
}

module_goes() {
	local i

	start_stream || return 1
	for ((i = 1; i <= rounds / 20; i++)); do
		rmmod fastsock_rdma && goes_on && rdma_prepare && up_again &&
			uses_channel || return 1
	done
	ends_well
}

# A message that is never delivered ends a queue pair.
messages_break() {
	local before status

	start_stream || return 1
	before=$(cat $parameters/broken)
	echo 37 > $parameters/break_every
	# shellcheck disable=SC2034	# goes_on() wants so many
	more=100
	goes_on
	status=$?
	echo 0 > $parameters/break_every
	[ $status -eq 0 ] && up_again && uses_channel || return 1
	[ "$(cat $parameters/broken)" -gt "$before" ] || {
		echo "nothing broke"
		return 1
	}
	ends_well
}

ktap_print_header
rdma_prepare || ktap_exit_fail_msg "no RDMA"
run_cases \
	"a device goes and comes back, $rounds times | on_lan 'a b' device_goes" \
	"the driver goes and comes back | on_lan 'a b' driver_goes" \
	"fastsock_rdma goes and comes back | on_lan 'a b' module_goes" \
	"messages that are lost for good | on_lan 'a b' messages_break"
unset LAN_RDMA
rdma_tidy
ktap_finished
