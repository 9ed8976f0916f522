#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Other tests, with a LAN whose namespaces share memory: they find no difference.
# fastsock: timeout=900 kernels=6.12
set -u
cd "$(dirname "$0")" || exit 1
. kselftest/ktap_helpers.sh
. ./lan.sh
. ./cases.sh

out=/tmp/across
export LAN_SAME_HOST=2

program() {
	leaves_nothing quietly "$@"
}

quietly() {
	local status

	"./$1" "${@:2}" > $out 2>&1
	status=$?
	[ $status -eq 0 ] || grep -v '^ok' $out
	lan_down a b lo0
	return $status
}

cases=(
	"devices that change or vanish | program test_device.sh"
	"connecting | program test_connect"
	"closing | program test_close"
	"closing, IPv6 | LAN_IPV6=1 program test_close -v veth"
)

ktap_print_header
run_cases "${cases[@]}"
ktap_finished
