#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Serves and runs the programs of part 3 inside a guest:
#
#   in-guest.sh setup PROGRAM...        two hosts, a and b, and files in b
#   in-guest.sh serve 0|1 PROGRAM...    servers in b, with fastsock off or on
#   in-guest.sh enable 0|1              fastsock off or on in a and b
#   in-guest.sh use PROGRAM LINK 0|1    one run, with the server of that mode
#
# LINK is "veth", from a to b, or "host", 127.0.0.1 in b.  A run prints "figure
# VALUE CARRIER"; values are per second.  Each mode has servers of its own, for
# what a listener accepts is decided when it is created.
set -u

home=/run/bench
seconds=${seconds:-2}
pg=/usr/lib/postgresql/15/bin

# shellcheck source=/dev/null
. "$(dirname "$(readlink -f "$0")")/lan.sh"

# Programs want the /sys and the mounts that belong to the namespace.
at() {
	ip netns exec "$@"
}

fail() {
	echo "$*" >&2
	exit 1
}

as_postgres() {
	setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
}

setup() {
	lan_up a b || fail "no LAN"
	mkdir -p $home/www && head -c 612 /dev/zero | tr '\0' x > $home/www/page
	case " $* " in
	*" pgbench"*) setup_database ;;
	esac
}

setup_database() {
	mkdir $home/db && chown postgres $home/db
	as_postgres $pg/initdb -D $home/db -A trust -N > $home/initdb.log ||
		fail "initdb"
	echo "host all all 0.0.0.0/0 trust" >> $home/db/pg_hba.conf
	as_postgres $pg/pg_ctl -D $home/db -w -t 120 -l $home/db/log \
		-o "-F -k $home/db -c listen_addresses=" start > /dev/null &&
		pgbench -q -i -s 1 -h $home/db -U postgres postgres \
			> $home/pgbench.log 2>&1 || fail "pgbench -i"
	as_postgres $pg/pg_ctl -D $home/db -w stop > /dev/null
	cp -a $home/db $home/db0 && mv $home/db $home/db1
}

background() {
	at b setsid "$@" > "$home/$(basename "$1").log" 2>&1 < /dev/null &
}

# The port of a server: port PROGRAM MODE
port() {
	case $1 in
	redis*) echo 637"$2" ;;
	nginx*) echo 808"$2" ;;
	pgbench*) echo 543"$2" ;;
	iperf3*) echo 520"$2" ;;
	sockperf*) echo 111"$2" ;;
	esac
}

listening() {
	at b ss -Hltn "sport = :$1" | grep -q .
}

serve_nginx() {
	cat > "$home/nginx$1.conf" <<-END
	user root;
	worker_processes 1;
	pid $home/nginx$1.pid;
	error_log $home/nginx$1.log;
	events { }
	http {
		access_log off;
		keepalive_requests 1000000;
		server { listen 0.0.0.0:$(port nginx "$1"); root $home/www; }
	}
	END
	at b nginx -c "$home/nginx$1.conf"
}

# Starts one server: start PROGRAM MODE
start() {
	local port

	port=$(port "$1" "$2")
	case $1 in
	redis) background redis-server --bind 0.0.0.0 --port "$port" \
		--protected-mode no --save '' --dir $home ;;
	nginx) serve_nginx "$2" ;;
	pgbench) background setpriv --reuid=postgres --regid=postgres \
		--clear-groups $pg/postgres -D "$home/db$2" -h 0.0.0.0 \
		-k "$home/db$2" -F -p "$port" ;;
	iperf3) background iperf3 --server -4 -p "$port" ;;
	sockperf) background sockperf server --tcp -i 0.0.0.0 -p "$port" ;;
	esac
	until_true 90 listening "$port" || fail "$1 does not listen"
}

serve() {
	local mode=$1 program servers

	shift
	enable "$mode"
	# redis-1 and redis-50 have the same server.
	servers=$(printf '%s\n' "${@%%-*}" | sort -u)
	for program in $servers; do
		start "$program" "$mode"
	done
	case " $* " in
	*" pgbench"*)
		until_true 60 at b psql -h 127.0.0.1 -U postgres -c 'select 1' \
			-p "$(port pgbench "$mode")" > /dev/null 2>&1 ||
			fail "no answer from PostgreSQL" ;;
	esac
}

enable() {
	if [ "$1" = 1 ]; then
		lan_ready a b || fail "the neighbours do not meet"
	else
		lan_sysctl a enable 0 && lan_sysctl b enable 0
	fi
}

# One run of a client, its figure alone: measure PROGRAM HOST PORT
measure() {
	local program=$1 host=$2 port=$3 url=http://$2:$3/page

	case $program in
	redis-1) redis -c 1 -n 3000 ;;
	redis-50) redis -c 50 -n 5000 ;;
	redis-pipelined) redis -c 50 -P 16 -n 60000 ;;
	nginx-keep-alive) web ;;
	nginx-close) web -H 'Connection: close' ;;
	pgbench) transactions ;;
	pgbench-select) transactions -S ;;
	iperf3) iperf3 -4 --json -t "$seconds" -c "$host" -p "$port" |
		sed -n '/"sum_received"/,/}/s/.*"bits_per_second":[^0-9]*//p' |
		awk '{ printf "%.0f\n", $1 / 8 }' ;;
	sockperf) sockperf ping-pong --tcp -i "$host" -p "$port" -m 64 \
		-t "$seconds" --full-rtt |
		sed -n 's/.*Summary: Round trip is \([0-9.]*\) usec.*/\1/p' |
		awk '{ print 1e6 / $1 }' ;;
	esac
}

redis() {
	redis-benchmark -h "$host" -p "$port" -t get --csv "$@" |
		awk -F '"' '$2 == "GET" { print $4 }'
}

web() {
	wrk -t 1 -c 8 -d "${seconds}s" "$@" "$url" |
		awk '/^Requests\/sec:/ { value = $2 } /Non-2xx|Socket errors/ {
			bad = 1 } END { if (!bad) print value }'
}

transactions() {
	pgbench -n -c 4 -T "$seconds" -h "$host" -p "$port" -U postgres "$@" \
		postgres | awk '/^tps = / { print $3 }'
}

# Connections that TCP and fastsock accepted in b; TCP counts both.
accepted() {
	at b awk '/^Tcp:/ { tcp = $7 } $1 == "FskPassiveOpens" { fast = $2 }
		END { print tcp + 0, fast + 0 }' /proc/net/snmp \
		/proc/net/fastsock_stat
}

use() {
	local ns=a host=10.77.0.2 value tcp fast before after

	[ "$2" = veth ] || ns=b host=127.0.0.1
	before=$(accepted)
	value=$(ip netns exec $ns bash "$0" measure "$1" $host \
		"$(port "$1" "$3")")
	after=$(accepted)
	[ -n "$value" ] || fail "$1 printed no figure"
	tcp=$((${after% *} - ${before% *}))
	fast=$((${after#* } - ${before#* }))
	if [ $fast -eq 0 ] && [ $tcp -gt 0 ]; then
		echo "figure $value tcp"
	elif [ $fast -gt 0 ] && [ $tcp -le $fast ]; then
		echo "figure $value fastsock"
	else
		echo "figure $value mixed:$tcp:$fast"
	fi
}

"$@"
