#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests, one of which loses its power, and comes back without fastsock,
then with it and another kernel.
"""
# fastsock: timeout=900 kernels=stock

import contextlib
import os
import re
import sys
import time

import guest

PORT = 4000
FAST = "tcp-ulp-fastsock"
HANDSHAKE = 50000       # us that a connect may take longer than TCP's
# A host that stops a guest adds to what the guest measures.
SLACK = 4


class Report:
    """KTAP of the checks, in the order they are made."""

    def __init__(self, names):
        self.names = names
        self.done = 0
        self.failed = 0
        print(f"TAP version 13\n1..{len(names)}", flush=True)

    def check(self, good, text=""):
        """The result of the next check."""
        name = self.names[self.done]
        self.done += 1
        if not good:
            self.failed += 1
            for line in str(text).splitlines():
                print("# " + line)
        print(f"{'ok' if good else 'not ok'} {self.done} {name}", flush=True)

    def finish(self, why=""):
        """What could not be checked any more has failed."""
        while self.done < len(self.names):
            self.check(False, why)
        sys.exit(1 if self.failed else 0)


CHECKS = [
    "peer without the module: TCP at once",
    "both have the module: the connection is fastsock",
    "power cut: TCP_USER_TIMEOUT gives ETIMEDOUT to the sender",
    "power cut: keepalive gives ETIMEDOUT to a reader",
    "peer back without the module: TCP within 50 ms more",
    "peer back without the module: the next connect does not wait",
    "peer back with the module: ECONNRESET at once",
    "transfer to a peer with another kernel",
    "transfer from a peer with another kernel",
]


def other(label):
    """A stock kernel that is not that one, if it can be one."""
    return {"6.1": "6.12", "6.12": "6.1"}.get(label, label)


def boot(label, name, lan):
    """A guest with its address, without the module loaded."""
    if label != os.environ["FASTSOCK_KERNEL"]:
        # That image is for the kernel under test only.
        os.environ.pop("FASTSOCK_INITRAMFS", None)
    vm = guest.Guest(label, name, [lan], memory="1G")
    number = "ab".index(name) + 1
    vm.run(f"ip addr add 10.79.0.{number}/24 dev eth0 && "
           "ip link set eth0 up", check=True)
    return vm


def enable(vm):
    """Loads the module and turns it on."""
    vm.run(f"insmod {guest.MODULE} && echo 1 > /proc/sys/net/fastsock/enable",
           check=True)


def reach(a, b):
    """Resolves addresses, so that ARP does not count as waiting."""
    return a.until("ping -c 1 -W 1 10.79.0.2 > /dev/null") and \
        b.until("ping -c 1 -W 1 10.79.0.1 > /dev/null")


def serve(vm):
    """Listens and keeps what it gets; greets nobody."""
    vm.start(f"exec socat -u TCP-LISTEN:{PORT},fork,reuseaddr,backlog=64 "
             "OPEN:/tmp/got,creat,append")
    vm.until(f"ss -tlnH 'sport = :{PORT}' | grep -q .")


def serve_anew(vm):
    """A listener from before enable=1 is not fastsock's."""
    vm.run("kill $(pidof socat)")
    serve(vm)


def connect(vm, address="10.79.0.2"):
    """(path, microseconds) of a connect to the other guest."""
    output = vm.run(f"cd /selftests && ./helper_pair -X -a {address} "
                    f"-p {PORT}")[1]
    match = re.search(r"client=(\S+) us=(\d+)", output)
    return (match[1], int(match[2])) if match else (output, 1 << 40)


def capable(vm):
    """Waits until the other guest is known to speak fastsock."""
    return vm.until("grep -q ' capable ' /proc/net/fastsock_peers")


def fast_path(vm, address="10.79.0.2"):
    """Waits until connects are fastsock: a busy host answers some too late."""
    return any(connect(vm, address)[0] == "fastsock" or time.sleep(2)
               for _ in range(15))


def hold(vm, name, options=""):
    """A fastsock connection fed through a FIFO; its end goes to a file."""
    vm.run(f"mkfifo /tmp/{name}")
    before = fast_connections(vm)
    for _ in range(5):
        fast_path(vm)
        job = vm.start(f"exec 9<>/tmp/{name}; socat -d - "
                       f"TCP:10.79.0.2:{PORT}{options} <&9 "
                       f"> /tmp/{name}.out 2>&1; "
                       f"date +%s%N > /tmp/{name}.end")
        if vm.until("[ $(ss -tieHOn state established | "
                    f"grep -c {FAST}) -gt {before} ]", 10):
            return
        job.kill()


def ended(vm, name, seconds):
    """What socat said in the end."""
    vm.until(f"[ -s /tmp/{name}.end ]", seconds)
    return vm.run(f"cat /tmp/{name}.out; ss -tieHn")[1]


def transfer(source, target, address, megabytes):
    """Sends a file; returns whether it arrived, and by fastsock."""
    source.run(f"dd if=/dev/urandom of=/tmp/file bs=1M count={megabytes} "
               "2> /dev/null", check=True)
    job = target.start("exec socat -u TCP-LISTEN:4001,reuseaddr "
                       "CREATE:/tmp/copy")
    target.until("ss -tlnH 'sport = :4001' | grep -q .")
    before = source.counter("OutBytes")
    # Only a busy host keeps it from fastsock, so not for long.
    fast_path(source, address)
    source.run(f"socat -u OPEN:/tmp/file TCP:{address}:4001", 180)
    job.wait(60)
    sums = [vm.run(f"sha256sum < /tmp/{name}")[1]
            for vm, name in ((source, "file"), (target, "copy"))]
    sent = source.counter("OutBytes") - before
    return (sums[0] == sums[1] and sent == megabytes << 20,
            f"{sums[0]}{sums[1]}{sent} stream bytes")


def delegations(vm):
    """Why connections of a guest went to TCP."""
    return vm.run("cat /proc/net/fastsock_peers; "
                  "grep 'FskDelegated.* [1-9]' /proc/net/fastsock_stat")[1]


def fast_connections(vm):
    """How many connections of a guest are fastsock."""
    return vm.run("ss -tieHOn state established")[1].count(FAST)


def quickest(vm, count=3):
    """Paths and the shortest time of some connects."""
    seen = [connect(vm) for _ in range(count)]
    return {path for path, _ in seen}, min(us for _, us in seen)


def before_the_cut(report, a, b):
    """Everything up to three connections that wait for what comes."""
    serve(b)
    reach(a, b)
    plain = quickest(a)[1]
    enable(a)
    paths, us = quickest(a)
    report.check(paths == {"tcp"} and us < plain * SLACK + HANDSHAKE // 4 and
                 a.counter("DelegatedUnknownPeer") == 3,
                 f"{paths}, {us} us, without fastsock {plain} us")
    enable(b)
    serve_anew(b)
    report.check(capable(a) and capable(b) and fast_path(a),
                 a.run("cat /proc/net/fastsock_*")[1])
    hold(a, "sender", ",setsockopt-int=6:18:3000")
    hold(a, "reader", ",keepalive,keepidle=2,keepintvl=1,keepcnt=2")
    hold(a, "idle")
    return plain


def the_cut(report, a, b):
    """The peer is gone without a word."""
    three = fast_connections(a)
    b.kill()
    a.run("echo lost > /tmp/sender")
    text = ended(a, "sender", 40)
    report.check(three == 3 and "Connection timed out" in text, text)
    text = ended(a, "reader", 40)
    report.check("Connection timed out" in text, text)


def the_return(report, a, b, plain):
    """It is back, at first without the module."""
    serve(b)
    reach(a, b)
    timeouts = a.counter("DelegatedTimeout")
    path, us = connect(a)
    report.check(path == "tcp" and
                 a.counter("DelegatedTimeout") == timeouts + 1 and
                 us < HANDSHAKE * 2 + SLACK * plain,
                 f"{path}, {us} us, TCP {plain} us\n{delegations(a)}")
    path, us = connect(a)
    report.check(path == "tcp" and
                 a.counter("DelegatedTimeout") == timeouts + 1 and
                 us < HANDSHAKE * 2 // 3 + plain,
                 f"{path}, {us} us, TCP {plain} us\n{delegations(a)}")
    enable(b)
    one = fast_connections(a)
    start = int(a.run("date +%s%N; echo stale > /tmp/idle")[1].split()[0])
    text = ended(a, "idle", 20)
    end = int("0" + a.run("cat /tmp/idle.end")[1].strip())
    report.check(one == 1 and "Connection reset by peer" in text and
                 end - start < 2e9, f"{text}{(end - start) // 1000000} ms")
    capable(a)
    capable(b)
    serve_anew(b)
    serve(a)
    report.check(*transfer(a, b, "10.79.0.2", 16))
    report.check(*transfer(b, a, "10.79.0.1", 16))


def main():
    """One story in three acts."""
    label = os.environ["FASTSOCK_KERNEL"]
    report = Report(CHECKS)
    try:
        with guest.Segment() as lan, contextlib.ExitStack() as guests:
            a = guests.enter_context(boot(label, "a", lan))
            with boot(label, "b", lan) as b:
                plain = before_the_cut(report, a, b)
                the_cut(report, a, b)
            with boot(other(label), "b", lan) as b:
                the_return(report, a, b, plain)
                for vm in (a, b):
                    splat = vm.splat()
                    if splat:
                        print(f"not ok {vm.name}: the kernel complained")
                        print("# " + splat.replace("\n", "\n# "))
    except guest.GuestError as error:
        report.finish(str(error))
    report.finish()


if __name__ == "__main__":
    main()
