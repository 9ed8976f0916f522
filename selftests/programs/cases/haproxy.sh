# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: haproxy lighttpd curl apache2-utils
# title: haproxy in b in front of lighttpd in a
version() { haproxy -v; }

serve() {
	seq 300000 > "$work/page"
	cat > "$work/haproxy.cfg" <<-END
	defaults
		mode http
		timeout connect 10s
		timeout client 30s
		timeout server 30s
	frontend f
		bind $b_ip:80
		default_backend pages
	backend pages
		server one $a_ip:81
		server two $a_ip:82
	frontend raw
		bind $b_ip:8080
		mode tcp
		default_backend stream
	backend stream
		mode tcp
		server one $a_ip:81
	END
	background haproxy -f "$work/haproxy.cfg"
	await_ports 80 8080
}

use() {
	local port

	for port in 81 82; do
		cat > "$work/lighttpd$port" <<-END
		server.document-root = "$work"
		server.bind = "$a_ip"
		server.port = $port
		END
		background lighttpd -D -f "$work/lighttpd$port"
	done
	await_ports 81 82
	curl -sS http://$b_ip/page | md5sum
	curl -sS http://$b_ip/page | md5sum
	curl -sS http://$b_ip:8080/page | md5sum
	ab -q -k -c 8 -n 60 http://$b_ip/rsyncd 2> /dev/null |
		grep -E '^(Complete|Failed|Non-2xx)'
}
