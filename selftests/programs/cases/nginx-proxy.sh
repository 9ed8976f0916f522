# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: nginx-light python3
# title: nginx: proxy of upgraded connections, and of long answers to slow readers
version() { nginx -v; }

serve() {
	cat > nginx.conf <<-END
	user root;
	worker_processes 1;
	pid $work/nginx.pid;
	error_log $work/nginx.log;
	events { }
	http {
		access_log off;
		server {
			listen $b_ip:80;
			location / {
				proxy_pass http://$b_ip:81;
				proxy_max_temp_file_size 0;
				proxy_read_timeout 20s;
				proxy_send_timeout 20s;
			}
			location /talk {
				proxy_pass http://$b_ip:81;
				proxy_http_version 1.1;
				proxy_set_header Upgrade talk;
				proxy_set_header Connection upgrade;
				proxy_read_timeout 20s;
			}
		}
	}
	END
	cat > backend.py <<-'END'
	import socketserver, sys

	class Backend(socketserver.StreamRequestHandler):
	    def handle(self):
	        path = self.rfile.readline().split()[1]
	        while self.rfile.readline().strip():
	            pass
	        if path == b"/talk":
	            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\n"
	                             b"Upgrade: talk\r\nConnection: upgrade\r\n"
	                             b"\r\n")
	            for line in self.rfile:
	                self.wfile.write(line)
	        elif path == b"/long":
	            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"l" * 9000000)
	        else:
	            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 9000000"
	                             b"\r\n\r\n" + b"u" * 5000000)

	class Server(socketserver.ThreadingTCPServer):
	    allow_reuse_address = True

	Server((sys.argv[1], 81), Backend).serve_forever()
	END
	background /usr/bin/python3 backend.py $b_ip
	await_ports 81 && nginx -c "$work/nginx.conf" && await_ports 80
}

use() {
	cat > client.py <<-'END'
	import hashlib, socket, sys, time

	def ask(path, version, more=""):
	    s = socket.create_connection((sys.argv[1], 80), 60)
	    s.sendall(f"GET {path} HTTP/{version}\r\n{more}\r\n".encode())
	    return s

	def talk():
	    s = ask("/talk", "1.1", "Host: b\r\nUpgrade: talk\r\n"
	            "Connection: upgrade\r\n")
	    f = s.makefile("rb")
	    print(f.readline())
	    while f.readline().strip():
	        pass
	    for n in range(10):
	        for line in (b"%d" % n * 48 * 1024 + b"\n", b"few %d\n" % n):
	            s.sendall(line)
	            print(n, f.readline() == line)
	    # Many at once, each longer than the proxy's buffer.
	    for n in range(4):
	        s.sendall(b"%d" % n * 48 * 1024 + b"\n")
	    print([len(f.readline()) for n in range(4)])
	    s.close()

	def slow(path):
	    s = ask(path, "1.0")
	    f = s.makefile("rb")
	    time.sleep(0.1)
	    while f.readline().strip():
	        pass
	    body = f.read()
	    print(path, len(body), hashlib.md5(body).hexdigest())
	    s.close()

	talk()
	for n in range(3):
	    slow("/long")
	    slow("/unfinished")
	END
	/usr/bin/python3 client.py $b_ip
}
