# SPDX-License-Identifier: GPL-2.0
"""The unmodified Debian programs: how to serve, what clients do, what is right.

A client function runs its program to the end and returns the bytes of payload
that the program is known to have moved; it raises ProgramError if the program
failed or the bytes that arrived are not the bytes that left.
"""

import dataclasses
import hashlib
import json
import os
import typing

HOME = "/run/demo"		# in every guest, in its own memory
MIB = 1 << 20
HTTP_BIG, FTP_BIG = "big", "ftp-big"
REDIS_VALUE = 512		# bytes

NGINX_CONF = """
user root;
daemon on;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/nginx.log;
events {{ }}
http {{
	access_log off;
	sendfile on;
	server {{ listen 80; listen [::]:80; root {files}; }}
}}
"""

VSFTPD_CONF = """
listen=NO
anonymous_enable=YES
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_umask=022
anon_root={files}
secure_chroot_dir={home}/empty
"""

INETD_CONF = """
{address}:21 stream tcp nowait root /usr/sbin/vsftpd vsftpd {home}/vsftpd.conf
"""

# The files are the host's own, seen through the guest's overlay.
PREPARE = """
set -e
mkdir -p {home}/down {home}/empty {files}/incoming
chown ftp {files}/incoming
"""

SERVE = """
set -e
cat >{home}/nginx.conf <<'END'{nginx}END
cat >{home}/vsftpd.conf <<'END'{vsftpd}END
cat >{home}/inetd.conf <<'END'{inetd}END
nginx -c {home}/nginx.conf
inetd {home}/inetd.conf
start() {{ setsid "$@" >{home}/server.log 2>&1 </dev/null & }}
start /usr/bin/python3 -m http.server 8000 --bind :: --directory {files}
start redis-server --bind '*' --protected-mode no --save '' --dir {home}
start iperf3 --server
"""

LISTENING = "ss -Hltn | awk '{ sub(/.*:/, \"\", $4); print $4 }'"
PORTS = (21, 80, 5201, 6379, 8000)


class ProgramError(Exception):
    """A program failed or moved wrong bytes."""


class Files:
    """The files that are transferred, random and therefore unmistakable."""

    def __init__(self, directory, big):
        self.directory = directory
        os.mkdir(directory)
        self.sizes = {HTTP_BIG: big, "small": 8 * MIB, "ftp-1": 1,
                      "ftp-mss": 1460, "ftp-page": 65537,
                      FTP_BIG: big // 4}
        self.hashes = {}
        for name, size in self.sizes.items():
            data = os.urandom(size)
            self.hashes[name] = hashlib.md5(data).hexdigest()
            with open(os.path.join(directory, name), "wb") as f:
                f.write(data)

    def ftp(self):
        """Names of the files that go by FTP."""
        return [name for name in self.sizes if name.startswith("ftp-")]

    def compare(self, guest, directory, names):
        """Compare files in a guest with what left; return their bytes."""
        # MD5: the quickest by far without SHA instructions.
        out = guest.must(f"cd {directory}; for name in {' '.join(names)}; do "
                         "md5sum < $name || echo nothing; done 2> /dev/null",
                         120)
        for name, line in zip(names, out.splitlines(), strict=True):
            found = line.split()[0]
            if found != self.hashes[name]:
                raise ProgramError(f"{name} arrived with hash {found}, "
                                   f"not {self.hashes[name]}")
        return sum(self.sizes[name] for name in names)


def prepare(guest, files):
    """Give a guest the directories that programs write to."""
    guest.must(PREPARE.format(home=HOME, files=files.directory))


def serve(guest, files):
    """Start all servers in a guest."""
    names = {"home": HOME, "address": guest.address, "files": files.directory}
    guest.must(SERVE.format(nginx=NGINX_CONF.format(**names),
                            vsftpd=VSFTPD_CONF.format(**names),
                            inetd=INETD_CONF.format(**names), **names))


def missing_servers(guest):
    """Return the ports that no server listens on yet."""
    listening = guest.must(LISTENING).split()
    return [port for port in PORTS if str(port) not in listening]


def run(guest, script, timeout=120):
    """Run a client program; return what it wrote."""
    rc, out = guest.run(f"set -e; cd {HOME}/down; {script}", timeout)
    if rc:
        raise ProgramError(f"exit {rc}: {out.strip()[-300:]}")
    return out


def fetch(client, address, files, port, name):
    """Fetch one file over HTTP with curl."""
    run(client, f"rm -f {name}; curl -sS --fail -o {name} "
                f"http://{address}:{port}/{name}")
    return lambda: files.compare(client, f"{HOME}/down", [name])


def nginx(client, server, files, name):
    """curl from nginx, which sends with sendfile()."""
    return fetch(client, server.address, files, 80, name)


def nginx6(client, server, files, name):
    """The same with addresses of IPv6."""
    return fetch(client, f"[{server.address6}]", files, 80, name)


def http_server(client, server, files, name):
    """curl from python3 -m http.server."""
    return fetch(client, server.address, files, 8000, name)


def redis(client, server, _files, requests):
    """redis-benchmark: many connections, small messages both ways."""
    out = run(client, f"redis-benchmark -h {server.address} -t set,get -c 20 "
                      f"-n {requests} -d {REDIS_VALUE} --csv")
    if '"SET"' not in out or '"GET"' not in out:
        raise ProgramError(out.strip()[-300:])
    return lambda: 2 * requests * REDIS_VALUE


def iperf3(client, server, _files, size, reverse=False, ipv6=False):
    """iperf3: bulk data to the server, or from it."""
    address = server.address6 if ipv6 else server.address
    out = run(client, f"iperf3 --json -c {address} -n {size} "
                      f"{'--reverse' if reverse else ''}")
    end = json.loads(out)["end"]
    received, sent = end["sum_received"]["bytes"], end["sum_sent"]["bytes"]
    # The server stops reading when the client says that it has sent all.
    if not size / 2 < received <= sent:
        raise ProgramError(f"{sent} bytes sent, {received} received")
    return lambda: received


def ftp_down(client, server, files, names):
    """Fetch files by FTP: inetd starts a server process for each."""
    run(client, f"rm -f ftp-*; for name in {' '.join(names)}; do "
                f"curl -sS -O ftp://{server.address}/$name; done")
    return lambda: files.compare(client, f"{HOME}/down", names)


def ftp_up(client, server, files, names):
    """Store files by FTP."""
    run(client, f"for name in {' '.join(names)}; do "
                f"curl -sS -T {files.directory}/$name "
                f"ftp://{server.address}/incoming/; done")
    return lambda: files.compare(server, f"{files.directory}/incoming", names)


@dataclasses.dataclass(frozen=True)
class Row:
    """What one row of the table does: a program, its peers, its arguments, and
    whether RDMA devices are to be used from then on."""

    program: str
    client: str
    server: str
    function: typing.Callable
    arguments: dict
    rdma: bool = False


def rows(files, one, other, plain):
    """Return the whole demonstration: between two hosts and to a third."""
    def all_programs(client, server, http, requests, iperf, ftp):
        return [Row(*line) for line in (
            ("curl < nginx", client, server, nginx, {"name": http}),
            ("curl < python3 http.server", client, server, http_server,
             {"name": http}),
            ("redis-benchmark", client, server, redis,
             {"requests": requests}),
            ("iperf3", client, server, iperf3, {"size": iperf}),
            ("iperf3 --reverse", client, server, iperf3,
             {"size": iperf, "reverse": True}),
            ("curl < inetd, vsftpd", client, server, ftp_down, {"names": ftp}),
            ("curl > inetd, vsftpd", client, server, ftp_up, {"names": ftp}),
        )]

    ftp = files.ftp()
    return (all_programs(one, other, HTTP_BIG, 1000, 64 * MIB, ftp) +
            all_programs(one, plain, "small", 100, 8 * MIB,
                         [name for name in ftp if name != FTP_BIG]) +
            # The listener that served fastsock a moment ago serves TCP too.
            [Row("curl < nginx", plain, other, nginx, {"name": "small"}),
             Row("curl < nginx, IPv6", one, other, nginx6, {"name": HTTP_BIG}),
             Row("iperf3, IPv6", one, other, iperf3,
                 {"size": 64 * MIB, "ipv6": True}),
             Row("curl < nginx, IPv6", one, plain, nginx6, {"name": "small"}),
             Row("curl < nginx, RDMA", one, other, nginx, {"name": "small"},
                 True),
             Row("redis-benchmark, RDMA", one, other, redis,
                 {"requests": 500}, True),
             Row("curl < nginx, IPv6, RDMA", one, other, nginx6,
                 {"name": "small"}, True)])
