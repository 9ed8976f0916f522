# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: postgresql-15
# title: PostgreSQL with pgbench, COPY, LISTEN and large results
bin=/usr/lib/postgresql/15/bin

version() { $bin/postgres --version; }

as_postgres() {
	setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
}

prepare() {
	mkdir "$work/db" && chown postgres "$work/db" &&
		as_postgres $bin/initdb -D "$work/db" -A trust -N
}

serve() {
	echo "host all all 10.77.0.0/24 trust" >> "$work/db/pg_hba.conf"
	background setpriv --reuid=postgres --regid=postgres --clear-groups \
		$bin/postgres -D "$work/db" -h $b_ip -k "$work/db" -F
	await_ports 5432
}

query() {
	psql -q -h $b_ip -U postgres -AtX "$@"
}

use() {
	until_true 30 query -c 'select 1' > /dev/null 2>&1
	pgbench -q -i -s 1 -h $b_ip -U postgres postgres
	pgbench -h $b_ip -U postgres -c 6 -j 2 -t 20 postgres |
		grep 'number of transactions actually'
	query -c 'select count(*) from pgbench_history'
	query -c "copy (select i, md5(i::text) from generate_series(1, 50000) i)
		to stdout" | md5sum
	seq 20000 | query -c 'create table t (i int)' -c 'copy t from stdin'
	query -c 'select sum(i) from t'
	query -c 'select no_such_column' 2>&1 | head -n 1
}
