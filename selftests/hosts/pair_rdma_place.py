#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests with RDMA devices made of software (rdma_rxe): the buffer of a
reader that waits for much is written to by RDMA WRITE, nothing else is, and the
stream is whole whatever ends the wait.
"""
# fastsock: timeout=900

import functools
import sys
import time

from rdma_pair import RDMA_MODULE, Checks, run

PORT = 4100
SIZE = 262144
# BTH opcodes of a reliable connection.
WRITES = range(0x06, 0x0c)
INVALIDATES = 0x16, 0x17
NAMES = ("PlacedBytes", "PostedBytes", "QueuedBytes", "InBytes",
         "ChannelAdverts", "ChannelRevokes", "DropPlaced")

check = Checks()


class Wire:
    """Counts what RoCE does on the wire."""

    def __init__(self, pair):
        self.pair = pair
        self.frame = pair.lan.frame
        self.writes = self.written = self.invalidates = 0
        pair.lan.frame = self._look

    def _look(self, data):
        if data[12:14] == b"\x08\x00" and data[23] == 17 and \
                data[36:38] == b"\x12\xb7":
            opcode = data[42]
            if opcode in WRITES:
                length = int.from_bytes(data[38:40], "big") - 8 - 12 - 4
                if opcode in (0x06, 0x0a, 0x0b):
                    length -= 16
                self.writes += 1
                self.written += length
            elif opcode in INVALIDATES:
                self.invalidates += 1
        return self.frame(data)


def counters(vm):
    """The counters that tell how bytes were received."""
    return [vm.counter(name) for name in NAMES]


def read(pair, way, size=SIZE, seconds=120):
    """Has a's helper read; returns how, and what a's counters say of it.  On a
    busy host a handshake may be late, and then TCP has the next few seconds.
    """
    for _ in range(10):
        status, got, text = read_once(pair, way, size, seconds)
        if status or got["InBytes"]:
            break
        time.sleep(2)
    return status, got, text


def read_once(pair, way, size, seconds):
    """As read(), perhaps by TCP."""
    before = counters(pair.a), pair.b.counter("PutBytes")
    wire = pair.wire.writes, pair.wire.written, pair.wire.invalidates
    status, output = pair.a.run(
        f"cd /selftests && timeout {seconds} ./helper_place read 10.79.0.2 "
        f"{PORT} {way} {size} 2>&1", seconds + 30)
    got = dict(zip(NAMES, (now - then for now, then in
                           zip(counters(pair.a), before[0]))))
    got["PutBytes"] = pair.b.counter("PutBytes") - before[1]
    got["writes"], got["written"], got["invalidates"] = (
        now - then for now, then in
        zip((pair.wire.writes, pair.wire.written, pair.wire.invalidates),
            wire))
    return status, got, f"{way}: {status} {output}\n{got}\n"


def adds_up(got):
    """Whether counters agree with each other."""
    return got["PostedBytes"] + got["QueuedBytes"] == got["InBytes"] > 0 and \
        got["PlacedBytes"] <= got["PostedBytes"] and \
        got["PlacedBytes"] <= got["PutBytes"] <= got["written"] and \
        not got["DropPlaced"]


@check("there is a channel")
def begins(pair):
    """Both ends have it."""
    pair.wire = Wire(pair)
    pair.b.start(f"cd /selftests && exec ./helper_place serve {PORT}")
    good = pair.a.until("ping -c 1 -W 1 10.79.0.2 > /dev/null") and \
        pair.a.until("grep -q ' capable ' /proc/net/fastsock_peers")
    return good and pair.ready(), pair.text()


def placed(pair, way):
    """Most of what is offered is written by the device.  On a busy host bytes
    may be there before the reader waits, or be sent again: it has three tries.
    """
    text = ""
    for _ in range(3):
        status, got, more = read(pair, way)
        text += more
        offered = got["ChannelAdverts"]
        if status or not adds_up(got) or got["invalidates"] < offered:
            break
        if offered >= 4 and got["PlacedBytes"] >= 0.4 * SIZE * offered:
            return True, text
    return False, text + pair.text()


check += [
    ("readers of 256 KiB get them by RDMA WRITE",
     functools.partial(placed, way="all")),
    ("buffers that begin and end within pages",
     functools.partial(placed, way="odd")),
]


def never(pair, way, size):
    """No buffer is offered, and nothing is written."""
    status, got, text = read(pair, way, size)
    return not status and adds_up(got) and not got["ChannelAdverts"] and \
        not got["writes"] and not got["PlacedBytes"], text + pair.text()


check += [
    ("readers of 8 KiB never do", functools.partial(never, way="all",
                                                    size=8192)),
    ("readers of 60 KiB never do", functools.partial(never, way="all",
                                                     size=61440)),
    ("nor who is content with one byte",
     functools.partial(never, way="plain", size=SIZE)),
]


def ends_early(pair, way):
    """What was offered is out of reach before the call returns.  On a busy host
    there may be no offer now and then.
    """
    text = ""
    offered = revoked = 0
    asks_back = way in ("signal", "timeout", "shutdown", "kill")
    for number in range(6):
        status, got, more = read(pair, way)
        text += more
        if status or not adds_up(got):
            return False, text + pair.text()
        offered += got["ChannelAdverts"]
        revoked += got["ChannelRevokes"]
        if number >= 2 and offered and (revoked or not asks_back):
            return True, text
    return False, text + pair.text()


check += [(f"a wait with an offered buffer: {name}",
            functools.partial(ends_early, way=way)) for way, name in (
                ("signal", "a signal ends it"),
                ("timeout", "a timeout ends it"),
                ("shutdown", "shutdown() ends it"),
                ("kill", "the process is killed"),
                ("munmap", "the buffer is unmapped"),
                ("fork", "the process forks, and its child writes"),
                ("threads", "two threads read"))]


@check("a sender that is never waited for")
def fast(pair):
    """What is under way when a buffer is offered goes as it goes."""
    status, got, text = read(pair, "fast")
    return not status and adds_up(got), text


def meanwhile(pair, what):
    """Streams go on, whole, while something is done to a guest."""
    seconds = 250 * pair.a.kernel.slowness
    job = pair.a.start(
        f"cd /selftests && timeout -s KILL {seconds} "
        f"./helper_place read 10.79.0.2 {PORT} long {SIZE} 2>&1")
    good = what(pair)
    pair.a.run("killall helper_place")
    status, output = job.wait(seconds + 30)
    return good and not status, f"{good} {status} {output}\n{pair.text()}"


def some(pair, more):
    """Waits until more bytes have been placed."""
    least = pair.a.counter("PlacedBytes") + more
    return pair.a.until(f"[ $(awk '/^FskPlacedBytes / {{print $2}}' "
                        f"/proc/net/fastsock_stat) -ge {least} ]", 60)


def without_device(pair):
    """The device of either end goes and comes."""
    for vm in (pair.a, pair.b):
        if not some(pair, 3 * SIZE):
            return False
        vm.must("rdma link del rxe0")
        vm.must("rdma link add rxe0 type rxe netdev eth0")
        pair.both("up", 60)
    return True


def without_module(pair):
    """fastsock_rdma of either end is unloaded and loaded."""
    for vm in (pair.a, pair.b):
        if not some(pair, 3 * SIZE):
            return False
        vm.must("rmmod fastsock_rdma")
        vm.must(f"insmod {RDMA_MODULE}")
        pair.both("up", 60)
    return True


check += [
    ("the device is removed while buffers are offered",
     functools.partial(meanwhile, what=without_device)),
    ("fastsock_rdma is unloaded while buffers are offered",
     functools.partial(meanwhile, what=without_module)),
]


@check("one frame of fifty is lost")
def loss(pair):
    """By number every byte is in its place."""
    good = pair.ready()
    pair.lost = 50
    status, got, text = read(pair, "all", seconds=240)
    pair.lost = 0
    return good and not status and got["PostedBytes"] + got["QueuedBytes"] \
        == got["InBytes"] and pair.both("up", 90), text + pair.text()


@check("RoCE is lost without a word while a buffer is offered")
def silence(pair):
    """Nobody answers: the channel ends, and the call does."""
    good = pair.ready()
    job = pair.a.start("cd /selftests && timeout 100 ./helper_place read "
                       f"10.79.0.2 {PORT} signal {SIZE} 2>&1")
    good = good and pair.a.until("awk '/^FskCurrEstab / {exit !$2}' "
                                 "/proc/net/fastsock_stat", 10)
    pair.deaf = True
    status, output = job.wait(120)
    pair.deaf = False
    return good and not status and pair.both("up", 90), \
        f"{good} {status} {output}\n{pair.text()}"


@check("place_min=0: never")
def turned_off(pair):
    """Who does not want it has channels without it."""
    pair.a.must("rmmod fastsock_rdma; "
                f"insmod {RDMA_MODULE} place_min=0")
    good = pair.ready()
    status, got, text = read(pair, "all")
    pair.a.must(f"rmmod fastsock_rdma; insmod {RDMA_MODULE}")
    return good and pair.ready() and not status and \
        not got["ChannelAdverts"] and not got["writes"], text


@check("everything is unloaded")
def unload(pair):
    """Nothing is left that holds a module."""
    for vm in (pair.a, pair.b):
        vm.must("rmmod fastsock_rdma")
        vm.run("killall socat helper_place; "
               "echo 0 > /proc/sys/net/fastsock/enable")
        if not vm.until("rmmod fastsock 2> /dev/null", 30):
            return False, vm.run("rmmod fastsock; cat /proc/modules")[1]
    return True, ""


if __name__ == "__main__":
    # Some checks only, by hand: the first, and those whose names have a word.
    run([pair for number, pair in enumerate(check)
         if len(sys.argv) == 1 or not number or
         any(word in pair[0] for word in sys.argv[1:])])
