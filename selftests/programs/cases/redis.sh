# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: redis-server redis-tools
# title: redis: pipelines, and a replica in a of the master in b
version() { redis-server --version; }

serve() {
	background redis-server --bind $b_ip --protected-mode no --save '' \
		--dir "$work"
	await_ports 6379
}

replica() {
	redis-cli -h $a_ip "$@"
}

linked() {
	replica info replication | grep -q master_link_status:up
}

caught_up() {
	[ "$(replica dbsize)" = "$(redis-cli -h $b_ip dbsize)" ]
}

use() {
	redis-benchmark -h $b_ip -t set,get,lpush -c 20 -n 600 -P 4 --csv |
		cut -d, -f 1
	redis-cli -h $b_ip flushall
	for i in $(seq 2000); do
		echo "set key$i value$i"
	done | redis-cli -h $b_ip --pipe | tail -n 1
	background redis-server --bind $a_ip --protected-mode no --save '' \
		--dir "$work" --replicaof $b_ip 6379
	await_ports 6379
	until_true 30 linked && echo linked
	redis-cli -h $b_ip set late 1
	until_true 20 caught_up && replica dbsize
	replica get key1234
	# shellcheck disable=SC2094	# "news" is a channel, too
	redis-cli -h $b_ip subscribe news > news &
	until_true 10 grep -q subscribe news
	redis-cli -h $b_ip publish news hello
	until_true 10 grep hello news
	kill $!
}
