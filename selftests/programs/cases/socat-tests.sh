# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: socat
# title: socat's own test script: its tests of TCP, on 127.0.0.1
path=both
limit=600
examples=/usr/share/doc/socat/examples

# Of 462 tests those that make TCP connections over IPv4.  Others need IPv6,
# the Internet, or minutes to make keys on an emulated processor.
tests="TCPSELF TCP4 TCP4CONNECT_HALFCLOSE TCP4LISTEN_HALFCLOSE
	SOCKS4CONNECT_TCP4 SOCKS4ACONNECT_TCP4 PROXYCONNECT_TCP4 TCP4NOFORK
	PROXY2SPACES TCP4RANGEBITS TCP4RANGEMASK TCP4RANGEMASKHAIRY
	TCP4SOURCEPORT TCP4LOWPORT TCP4WRAPPERS_ADDR TCP4WRAPPERS_NAME
	TCP4LISTENFORK TCP4ENDCLOSE SHUTNULLEOF TCPWRAPPERS_MULTIOPTS
	TCP4SERVICE IGNOREEOFNOBLOCK TCP4LISTENENV SOCKET_LISTEN SETSOCKOPT
	SETSOCKOPT_LISTEN TCP4MAXCHILDREN LISTEN_KEEPALIVE TCP4RANGE_0BITS
	SO_REUSEADDR SO_REUSEPORT ACCEPTTIMEOUT PROXYAUTHFILE BAD_SERVICE
	TCP_TIMEOUT_RETRY"

version() { socat -V | grep 'socat version'; }

# The script starts helpers that lie beside it by "./name".
prepare() {
	cp "$examples"/*.sh "$work" && chmod +x "$work"/*.sh
}

serve() {
	:
}

# Prints the name and the result of each test: attempt NAME...
attempt() {
	SOCAT=socat USER=socat bash ./test.sh -t 0.5 "$@" 2>> log |
		sed 's/\x1b\[[0-9;]*m//g' > said
	# "test  33 TCP4: echo via ... OK", and perhaps why it was not.
	sed -nE 's/^test +[0-9]+ ([^:]+):.*\.\.\. *([A-Za-z ]*).*/\1 \2/p' said
}

# Tests wait fixed times for their other programs, which a busy machine may
# not have started by then; one that fails gets two more chances.
use() {
	local failed

	attempt $tests > results
	for _ in 1 2; do
		mapfile -t failed < <(sed -n 's/ FAILED.*//p' results)
		[ ${#failed[@]} -gt 0 ] || break
		sed -i '/ FAILED/d' results
		attempt "${failed[@]}" >> results
	done
	sort results
}
