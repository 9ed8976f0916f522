# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: memcached libmemcached-tools
# title: memcached: four threads, 16 clients
version() { memcached -V; }

serve() {
	background memcached -u root -l $b_ip -t 4
	await_ports 11211
}

use() {
	seq 50000 > value
	memccp --servers=$b_ip value && memccat --servers=$b_ip value | md5sum
	memccapable -h $b_ip -a | grep -cE 'pass'
	memcslap --servers=$b_ip --concurrency=16 --execute-number=40 \
		--initial-load=200 --test=get > slap && echo slapped
}
