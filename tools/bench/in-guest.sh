#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Serves and runs the programs of part 3 inside a guest:
#
#   in-guest.sh setup PROGRAM...        two hosts, a and b, and files in b
#   in-guest.sh host NETNS              one host, without a link
#   in-guest.sh card NETNS NUMBER NAME ADDRESS MTU on|off
#                                       a card of the guest goes to a host, and
#                                       cuts TCP's large segments or does not
#   in-guest.sh serve 0|1 PROGRAM...    servers in b, with fastsock off or on
#   in-guest.sh enable 0|1 NETNS...     fastsock off or on
#   in-guest.sh meet NETNS ADDRESS...   that host knows these neighbours
#   in-guest.sh key                     the key with which scp logs in
#   in-guest.sh admit KEY...            it may
#   in-guest.sh accepted                connections that b has accepted
#   in-guest.sh use NETNS PROGRAM ADDRESS 0|1
#                                       one run, with the server of that mode
#
# A run prints "figure VALUE"; values are per second.  Each mode has servers of
# its own, for what a listener accepts is decided when it is created.
set -u

home=/run/bench
seconds=${seconds:-2}
pg=/usr/lib/postgresql/15/bin
# More than curl gets in that time, memory aside; scp takes as long for less.
curl_bytes=$((1 << 29))
scp_bytes=$((1 << 23))

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
	rename_cards && lan_up a b || fail "no LAN"
	mkdir -p $home/www && head -c 612 /dev/zero | tr '\0' x > $home/www/page
	case " $* " in
	*" curl"*) file curl $curl_bytes ;;&
	*" scp"*) file scp $scp_bytes ;;&
	*" pgbench"*) setup_database ;;
	esac
}

# A large file that is served, in memory: file NAME BYTES
file() {
	head -c "$2" /dev/zero > "$home/www/$1"
}

# A veth eth0 cannot be made where there is another one.
rename_cards() {
	local path

	for path in /sys/class/net/eth*; do
		[ ! -e "$path" ] ||
			ip link set "${path##*/}" name "card${path##*eth}" ||
			return 1
	done
}

host() {
	rename_cards && lan_add_ns "$1"
}

card() {
	ip link set "card$2" netns "$1" name "$3" &&
		ip -n "$1" addr add "$4/24" dev "$3" &&
		at "$1" ethtool -K "$3" tso "$6" &&
		ip -n "$1" link set "$3" mtu "$5" up
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

# What serves a program: redis-1 and redis-50 have the same server.
server() {
	case $1 in
	curl) echo nginx ;;
	scp) echo sshd ;;
	*) echo "${1%%-*}" ;;
	esac
}

# The port of a server: port SERVER MODE
port() {
	case $1 in
	redis) echo 637"$2" ;;
	nginx) echo 808"$2" ;;
	pgbench) echo 543"$2" ;;
	iperf3) echo 520"$2" ;;
	sockperf) echo 111"$2" ;;
	sshd) echo 220"$2" ;;
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

serve_ssh() {
	mkdir -p /run/sshd
	[ -e $home/host_key ] ||
		ssh-keygen -q -t ed25519 -N '' -f $home/host_key || return 1
	cat > $home/sshd.conf <<-END
	HostKey $home/host_key
	AuthorizedKeysFile $home/admitted
	StrictModes no
	PermitRootLogin yes
	UsePAM no
	UseDNS no
	Subsystem sftp internal-sftp
	END
	background /usr/sbin/sshd -D -e -4 -f $home/sshd.conf -p "$1"
}

# Whoever runs clients has a key, and says its public half.
key() {
	mkdir -p $home
	[ -e $home/key ] || ssh-keygen -q -t ed25519 -N '' -f $home/key &&
		cat $home/key.pub
}

admit() {
	echo "$*" >> $home/admitted
}

# Starts one server: start SERVER MODE
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
	sshd) serve_ssh "$port" ;;
	esac
	until_true 90 listening "$port" || fail "$1 does not listen"
}

serve() {
	local mode=$1 program server servers

	shift
	enable "$mode" a b
	servers=$(for program in "$@"; do server "$program"; done | sort -u)
	for server in $servers; do
		start "$server" "$mode"
	done
	case " $* " in
	*" pgbench"*)
		until_true 60 at b psql -h 127.0.0.1 -U postgres -c 'select 1' \
			-p "$(port pgbench "$mode")" > /dev/null 2>&1 ||
			fail "no answer from PostgreSQL" ;;
	esac
}

enable() {
	local mode=$1 ns

	shift
	if [ "$mode" = 1 ]; then
		lan_ready "$@" || fail "the neighbours do not meet"
	else
		for ns in "$@"; do
			lan_sysctl "$ns" enable 0 || fail "enable=0 in $ns"
		done
	fi
}

# Is the neighbour at that address known?  If not, a connection asks it.
knows() {
	local mac

	mac=$(ip -n "$1" neigh show to "$2" | sed -n 's/.* lladdr \([^ ]*\).*/\1/p')
	[ -n "$mac" ] && at "$1" grep -q " $mac capable " \
		/proc/net/fastsock_peers && return
	at "$1" timeout 5 bash -c ": <> /dev/tcp/$2/1" 2> /dev/null
	return 1
}

meet() {
	local ns=$1 address

	shift
	for address in "$@"; do
		until_true 30 knows "$ns" "$address" ||
			fail "$ns does not meet $address"
	done
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
	curl) download ;;
	scp) copy ;;
	iperf3) streams 1 ;;
	iperf3-8) streams 8 ;;
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

# A carrier that gets all in time reports so much earlier.
download() {
	curl -s -o /dev/null --max-time "$seconds" \
		-w '%{http_code} %{size_download} %{speed_download}\n' \
		"http://$host:$port/curl" |
		awk '$1 == 200 && $2 > 0 { print $3 }'
}

# What ssh counts once it has logged in.  The cipher is the cheapest with
# instructions for it; emulated, it is most of the work all the same.
copy() {
	scp -v -F none -i $home/key -P "$port" -c aes128-gcm@openssh.com \
		-o BatchMode=yes -o StrictHostKeyChecking=no \
		-o UserKnownHostsFile=/dev/null \
		"root@$host:$home/www/scp" /dev/null 2>&1 | tr -d '\r' |
		sed -n 's/^.*Bytes per second: .*received \([0-9.]*\).*/\1/p'
}

streams() {
	iperf3 -4 --json -t "$seconds" -P "$1" -c "$host" -p "$port" |
		sed -n '/"sum_received"/,/}/s/.*"bits_per_second":[^0-9]*//p' |
		awk '{ printf "%.0f\n", $1 / 8 }'
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
	local value

	value=$(ip netns exec "$1" bash "$0" measure "$2" "$3" \
		"$(port "$(server "$2")" "$4")")
	[ -n "$value" ] || fail "$2 printed no figure"
	echo "figure $value"
}

"$@"
