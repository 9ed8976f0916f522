# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: mariadb-server mariadb-client
# title: MariaDB: queries, mariadb-slap with 8 clients, a dump
# It opens a listener for IPv4 and another for IPv6.
# dual-stack: fastsock

version() { dpkg-query -W -f 'mariadb-server ${Version}' mariadb-server; }

prepare() {
	mariadb-install-db --user=root --datadir="$work/db" \
		--auth-root-authentication-method=normal --skip-test-db
}

serve() {
	background mariadbd --no-defaults --user=root --datadir="$work/db" \
		--bind-address='*' --socket="$work/sock" \
		--skip-name-resolve --innodb-flush-log-at-trx-commit=0
	await_ports 3306 &&
		until_true 60 mariadb --no-defaults -S "$work/sock" -e "create user x@'%';
			grant all on *.* to x@'%'"
}

query() {
	mariadb --no-defaults -h $b_ip -u x "$@"
}

use() {
	query -e "create database d; create table d.t (i int primary key, s text)"
	for i in $(seq 500); do
		echo "insert into t values ($i, repeat('$i', 100));"
	done | query d
	query -N -e 'select count(*), md5(group_concat(s)) from t' d
	mariadb-slap --no-defaults -h $b_ip -u x --concurrency=8 \
		--auto-generate-sql --number-of-queries=200 > slap && echo slapped
	mariadb-dump --no-defaults -h $b_ip -u x --skip-dump-date d | md5sum
}
