# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Runs a test of sockets with frames over RDMA devices of fsk_rdma_device.ko:
#
#   carried LEAST PROGRAM [ARGUMENT]...
#
# It fails, too, if that took fewer than LEAST messages.  Sourced after lan.sh.

modules=/lib/modules/$(uname -r)/extra

# It may be built in, or a module.
rdma_prepare() {
	local name

	modprobe -q ib_core
	for name in fastsock fastsock_rdma fsk_rdma_device; do
		grep -q "^$name " /proc/modules ||
			insmod "$modules/$name.ko" || return 1
	done
}

rdma_tidy() {
	until_true "$(lan_patience 20)" rmmod fsk_rdma_device 2> /dev/null &&
		rmmod fastsock_rdma
}

carried() {
	local parameters=/sys/module/fsk_rdma_device/parameters
	local least=$1 before status

	shift
	rdma_prepare || return 1
	before=$(cat $parameters/sends)
	LAN_RDMA=1 "$@"
	status=$?
	set -- $(($(cat $parameters/sends) - before))
	echo "# $1 messages over RDMA, $(cat $parameters/writes) writes"
	rdma_tidy || return 1
	[ "$1" -ge "$least" ] && return $status
	echo "# instead of at least $least"
	return 1
}
