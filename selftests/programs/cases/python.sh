# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: python3
# title: Python: asyncio, threads, http.server, multiprocessing over a network
version() { python3 --version; }

serve() {
	seq 300000 > page
	background python3 -m http.server 7000 --bind $b_ip
	cat > manager.py <<-'END'
	import sys
	from multiprocessing.managers import BaseManager
	from queue import Queue
	q = Queue()
	BaseManager.register("q", callable=lambda: q)
	BaseManager((sys.argv[1], 7001), b"key").get_server().serve_forever()
	END
	background /usr/bin/python3 manager.py $b_ip
	await_ports 7000 7001
}

use() {
	cat > client.py <<-'END'
	import asyncio, hashlib, sys, threading, urllib.request
	from multiprocessing.managers import BaseManager
	b = sys.argv[1]

	async def echo(r, w):
	    while data := await r.read(1000):
	        w.write(data)
	        await w.drain()
	    w.close()

	async def one(n):
	    r, w = await asyncio.open_connection("127.0.0.1", 7002)
	    w.write(b"%d" % n * 5000)
	    w.write_eof()
	    return hashlib.md5(await r.read()).hexdigest()

	async def main():
	    server = await asyncio.start_server(echo, "127.0.0.1", 7002)
	    print(*await asyncio.gather(*map(one, range(20))), sep="\n")

	asyncio.run(main())
	sums = [None] * 4
	def fetch(i):
	    with urllib.request.urlopen(f"http://{b}:7000/page") as f:
	        sums[i] = hashlib.md5(f.read()).hexdigest()
	threads = [threading.Thread(target=fetch, args=(i,)) for i in range(4)]
	for t in threads: t.start()
	for t in threads: t.join()
	print(*sums, sep="\n")
	BaseManager.register("q")
	m = BaseManager((b, 7001), b"key")
	m.connect()
	m.q().put(list(range(1000)))
	print(sum(m.q().get()))
	END
	/usr/bin/python3 client.py $b_ip
}
