# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: nodejs
# title: Node.js: an HTTP server and agents that keep connections
# dual-stack: fastsock

version() { node --version; }

serve() {
	cat > server.js <<-'END'
	require("http").createServer((q, r) => {
		let n = 0;
		q.on("data", d => n += d.length);
		q.on("end", () => r.end(`${q.url} ${n} ` + "y".repeat(n)));
	}).listen(+process.argv[2]);
	END
	background node server.js 7000
	await_ports 7000
}

use() {
	cat > client.js <<-'END'
	const http = require("http"), [host, port] = process.argv.slice(2);
	const agent = new http.Agent({keepAlive: true, maxSockets: 5});
	const sums = [];
	let left = 40;
	for (let i = 0; i < 40; i++) {
		const q = http.request({host, port, agent, path: "/" + i, method: "POST"}, r => {
			const h = require("crypto").createHash("md5");
			r.on("data", d => h.update(d));
			r.on("end", () => {
				sums[i] = h.digest("hex");
				if (--left) return;
				console.log(sums.join("\n")); agent.destroy();
			});
		});
		q.end("z".repeat(i * 1000));
	}
	END
	node client.js $b_ip 7000
}
