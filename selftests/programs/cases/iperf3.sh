# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: iperf3 python3
# title: iperf3: four streams each way, and both ways at once
# dual-stack: fastsock
version() { iperf3 --version; }

serve() {
	background iperf3 --server
	await_ports 5201
}

streams() {
	iperf3 -4 --json -c $b_ip "$@" > result || return 1
	python3 -c 'import json, sys
end = json.load(open("result"))["end"]
print(len(end["streams"]), "streams",
      all(s["receiver"]["bytes"] > 0 for s in end["streams"]))'
}

use() {
	streams -P 4 -n 16M
	streams -P 4 -n 16M -R
	streams -P 2 -t 2 --bidir
	streams -n 4M -Z
}
