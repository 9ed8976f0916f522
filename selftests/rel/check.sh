#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Runs the user-space tests of the reliability core and prints one KTAP report.
set -u -o pipefail

if [ $# -ne 3 ]; then
	echo "usage: $0 OUTPUT SEEDS FIRST (use: make check)" >&2
	exit 2
fi
output=$1 seeds=$2 first=$3
nr=0 failed=0

# Run a program whose own KTAP becomes a subtest.
run() {
	local name=$1
	shift

	nr=$((nr + 1))
	if "$output/$name" "$@" 2>&1 | sed 's/^/  /'; then
		echo "ok $nr $name"
	else
		echo "not ok $nr $name"
		failed=$((failed + 1))
	fi
}

echo "KTAP version 1"
echo "1..4"
run rel_test
run fuzz "$seeds" "$first"
run sim
run switch_sim
echo "# $((nr - failed)) passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
