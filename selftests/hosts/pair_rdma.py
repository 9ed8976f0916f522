#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests with RDMA devices made of software (rdma_rxe): connections take a
channel when there is one, and keep every byte when it comes, breaks or goes.
"""
# fastsock: timeout=900

import re
import struct
import time

from rdma_pair import MEGABYTES, RDMA_MODULE, Checks, digest, run

check = Checks()


@check("the first connection brings a channel")
def comes_up(pair):
    """It begins by Ethernet, and nothing waits."""
    good = pair.a.until("ping -c 1 -W 1 10.79.0.2 > /dev/null") and \
        pair.a.until("grep -q ' capable ' /proc/net/fastsock_peers")
    return good and pair.ready(), pair.text()


@check("connections use it, and keep every byte")
def carries(pair):
    """Counters of both ends say so, and the frames that are RoCE's."""
    names = "ChannelOutFrames", "ChannelInFrames", "OutFrames", "OutBytes"
    before = [[vm.counter(name) for name in names]
              for vm in (pair.a, pair.b)]
    packets = packets_of(pair.a)
    good = pair.echo()
    after = [[vm.counter(name) for name in names]
             for vm in (pair.a, pair.b)]
    moved = [[y - x for x, y in zip(*pairs)] for pairs in zip(before, after)]
    roce = packets_of(pair.a) - packets
    for out, came, frames, stream in moved:
        # Handshakes go by Ethernet, and what is late on a slow host.
        good = good and out > 0.5 * frames and came > 500 and \
            stream == MEGABYTES << 20
    # Of both ends the first: a device that carried less counts less.
    return good and roce > moved[0][0], f"{moved} {roce}\n{pair.text()}"


def packets_of(vm):
    """RoCE packets that a guest's device has sent."""
    output = vm.run("rdma statistic show link rxe0/1")[1]
    match = re.search(r"sent_pkts (\d+)", output)
    return int(match[1]) if match else 0


def under_traffic(pair, leave, come):
    """Three times one of both ends does without RDMA, as one command says,
    until another: connections go on by Ethernet, and take the channel again.
    """
    text = ""
    for number in range(3):
        vm = (pair.a, pair.b)[number % 2]
        pair.start_echo()
        good = pair.moving()
        vm.must(leave)
        gone = pair.no_channel(pair.a) and pair.no_channel(pair.b)
        pair.moving(more=1000000)
        vm.must(come)
        status, output = pair.end_echo()
        text += f"{number}: {good} {gone} {status} {output}\n"
        if status or not good or not gone or not pair.ready():
            return False, text + pair.text()
    return True, text


@check("the device goes and comes, under traffic")
def device_goes(pair):
    """As a cable that is pulled, but for the network device."""
    return under_traffic(pair, "rdma link del rxe0",
                         "rdma link add rxe0 type rxe netdev eth0")


@check("fastsock_rdma is unloaded and loaded, under traffic")
def module_goes(pair):
    """Nobody has to close anything first."""
    return under_traffic(pair, "rmmod fastsock_rdma", f"insmod {RDMA_MODULE}")


@check("RoCE is lost without a word: Ethernet at once, and again RDMA later")
def silence(pair):
    """What is not acknowledged in time goes the other way."""
    pair.start_echo()
    good = pair.moving()
    pair.deaf = True
    start = time.monotonic()
    # Where nothing is quick, what is lost before takes its time, too.
    moved = pair.moving(more=2000000, seconds=90)
    took = time.monotonic() - start
    gone = pair.no_channel(pair.a) and pair.no_channel(pair.b)
    status, output = pair.end_echo()
    # No new connection waits for it either.
    during = pair.echo("small")
    pair.deaf = False
    back = pair.both("up", 90)
    text = f"{good} {moved} after {took:.1f} s, gone {gone}, {status} " \
        f"{output}, meanwhile {during}, back {back}\n"
    return good and moved and gone and not status and during and back, \
        text + pair.text()


@check("an idle channel is closed, and what a connection sends brings another")
def idle(pair):
    """No connection is new."""
    good = pair.ready()
    for vm in (pair.a, pair.b):
        vm.must("echo 3 > /sys/module/fastsock_rdma/parameters/idle")
    pair.a.run("rm -f /tmp/back /tmp/end /tmp/go")
    pair.a.start("{ head -c 100000 /tmp/file; until [ -e /tmp/go ]; do "
                 "sleep 0.2; done; tail -c +100001 /tmp/file; } | timeout "
                 "280 socat -t 100 - TCP:10.79.0.2:4000 > /tmp/back; "
                 "echo $? > /tmp/end")
    gone = pair.no_channel(pair.a, 90) and pair.no_channel(pair.b, 90)
    for vm in (pair.a, pair.b):
        vm.must("echo 300 > /sys/module/fastsock_rdma/parameters/idle")
    opens = pair.a.counter("ActiveOpens")
    pair.a.must("touch /tmp/go")
    back = pair.both("up", 60)
    status, output = pair.end_echo()
    return good and gone and back and not status and \
        opens == pair.a.counter("ActiveOpens"), \
        f"{good} {gone} {back} {status} {output}\n{pair.text()}"


@check("one frame of fifty is lost")
def loss(pair):
    """Whoever repeats it, the stream is whole."""
    pair.lost = 50
    good = pair.echo("small") and pair.echo()
    pair.lost = 0
    # After some failures it takes its time.
    return good and pair.both("up", 90), pair.text()


@check("a link goes down and up")
def link_down(pair):
    """The channel is forgotten with what is known of the neighbour."""
    pair.b.must("ip link set eth0 down")
    gone = pair.no_channel(pair.b)
    pair.b.must("ip link set eth0 up")
    pair.a.until("ping -c 1 -W 1 10.79.0.2 > /dev/null")
    return gone and pair.ready(), pair.text()


def forge(pair, op, **fields):
    """A CHANNEL frame as from a to b, but for what fields say."""
    real = next(data for data in reversed(pair.seen)
                if data[14 + 24 + 1] == op)
    body = bytearray(real[38:78])
    for offset, value in fields.get("body", {}).items():
        body[offset:offset + len(value)] = value
    head = bytearray(real[:38])
    struct.pack_into("!I", head, 22, digest(head, body))
    return bytes(head + body).ljust(60, b"\0")


@check("forged set-up frames: the channel and the host stay")
def forged(pair):
    """Wrong nonces, wrong numbers, and many of them."""
    ops = {data[14 + 24 + 1] for data in pair.seen}
    pair.start_echo()
    pair.moving()
    drops = pair.b.counter("DropRate") + pair.a.counter("DropRate")
    for number in range(3000):
        nonce = struct.pack("!I", number * 2654435761 & 0xffffffff)
        for op in ops & {1, 2, 3}:
            pair.lan.send(forge(pair, op, body={16: nonce}))
            pair.lan.send(forge(pair, op, body={8: nonce, 20: nonce}))
    status, output = pair.end_echo()
    limited = pair.b.counter("DropRate") + \
        pair.a.counter("DropRate") - drops
    alive = pair.ready()
    return not status and {1, 2} <= ops and limited > 1000 and alive, \
        f"{ops} {status} {output} {limited} {alive}\n{pair.text()}"


@check("a neighbour without fastsock_rdma: Ethernet, and no set-up frames")
def alone(pair):
    """Its HELLO says nothing of channels."""
    pair.b.must("rmmod fastsock_rdma")
    pair.no_channel(pair.a)
    time.sleep(2)
    count = len(pair.seen)
    good = pair.echo("small") and pair.echo("small")
    time.sleep(2)
    good = good and len(pair.seen) == count
    pair.b.must(f"insmod {RDMA_MODULE}")
    return good and pair.ready(), f"{len(pair.seen) - count}\n{pair.text()}"


@check("everything is unloaded while connections live")
def unload(pair):
    """The channel's module first, then, without connections, fastsock."""
    pair.start_echo()
    pair.moving()
    for vm in (pair.a, pair.b):
        vm.must("rmmod fastsock_rdma")
    status, output = pair.end_echo()
    for vm in (pair.a, pair.b):
        vm.run("killall socat; echo 0 > /proc/sys/net/fastsock/enable")
        if not vm.until("rmmod fastsock 2> /dev/null", 30):
            return False, vm.run("rmmod fastsock; cat /proc/modules")[1]
    return not status, output


if __name__ == "__main__":
    run(check)
