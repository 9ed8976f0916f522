# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: nginx-light apache2-utils curl openssl
# title: nginx: four workers with reuseport, sendfile, keep-alive; HTTP/2 over TLS
# dual-stack: fastsock
version() { nginx -v; }

prepare() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=b \
		-keyout "$work/key" -out "$work/cert" &&
		seq 600000 > "$work/big" && seq 100 > "$work/small"
}

serve() {
	local any=

	# nginx does not fall back: with IPv6 it is told to listen on ::.
	[ ! -e /proc/sys/net/ipv6 ] || any='[::]:'
	cat > "$work/nginx.conf" <<-END
	user root;
	worker_processes 4;
	pid $work/nginx.pid;
	error_log $work/nginx.log;
	events { }
	http {
		access_log off;
		sendfile on;
		server {
			listen ${any}80 reuseport${any:+ ipv6only=off};
			listen ${any}443 ssl http2 reuseport${any:+ ipv6only=off};
			ssl_certificate $work/cert;
			ssl_certificate_key $work/key;
			root $work;
		}
	}
	END
	nginx -c "$work/nginx.conf" && await_ports 80 443
}

use() {
	local i

	# A listener for each worker.
	at b ss -Hltn 'sport = :80' | wc -l
	curl -sS http://$b_ip/big | md5sum
	curl -sSk --http2 -w '%{http_version}\n' -o got https://$b_ip/big &&
		cmp got big && echo over TLS
	for i in 1 2 3 4 5 6 7 8; do
		curl -sSk --http1.1 https://$b_ip/small | md5sum
	done
	ab -q -k -c 10 -n 400 http://$b_ip/small |
		grep -E '^(Complete|Failed|Keep-Alive|HTML)'
	ab -q -c 10 -n 200 http://$b_ip/small |
		grep -E '^(Complete|Failed|HTML)'
}
