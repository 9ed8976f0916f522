#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A neighbour with a queue pair that keeps to nothing: helper_rdma plays its
end of a channel.  What that reaches is the channel, never a byte of a stream.
"""
# There is no user access to RDMA devices in the debug kernel.
# fastsock: timeout=1700 kernels=6.12 attempts=1

import functools
import os
import re
import sys
import time

import guest
from rdma_pair import PORT, RDMA_MODULE, run

FILE = "file"
PLACE_PORT = 4100
FLOOD = 5000                    # what a slow host gets out in a minute
# Seconds after which what is left is skipped.
ENOUGH = 900
STARTED = time.monotonic()

# The way of helper_rdma, what the row says, and what is seen afterwards:
# "down" the channel has ended, "stays" it has not; then what else must hold.
# On a busy host the device may give up under a flood, which ends the channel.
ROWS = (
    ("short", "a message that is shorter than its header", "down", ()),
    ("empty", "a message of no bytes", "down", ()),
    ("type", "a message of an unknown type", "down", ()),
    ("nonce", "HELLO with a wrong nonce", "down", ("unproved",)),
    ("heard", "HEARD with a wrong nonce", "down", ()),
    ("credits", "one credit more than was said", "down", ()),
    ("credits_many", "as many credits as can be written", "down", ()),
    ("bare", "a frame without a frame", "down", ()),
    ("stub", "a frame without the last byte of its header", "down", ()),
    ("garbage", "frames of random bytes", "", ("counted",)),
    ("flood", "up to 100,000 frames for a connection, with random keys",
     "", ("counted", "flooded")),
    ("long", "a message that is longer than the buffer", "down",
     ("refused",)),
    ("write", "RDMA WRITE with a key that was never given", "down",
     ("refused",)),
    ("write0", "RDMA WRITE with key 0", "down", ("refused",)),
    ("read", "RDMA READ with a key that was never given", "down",
     ("refused",)),
    ("write_imm", "RDMA WRITE of nothing, with immediate data", "down",
     ("refused",)),
    ("bye", "BYE, which has no key and does not belong there", "stays",
     ("dropped", "known")),
    ("mute", "who neither receives nor answers", "down", ()),
    ("stingy", "who answers, but gives no credits", "down", ()),
    ("close", "a queue pair that is gone without a word", "down", ()),
    ("down_wrong", "DOWN with wrong nonces", "stays", ()),
    ("down", "DOWN, as it should be", "stays", ("gone",)),
    ("req", "REQ again and again, each time with another queue pair", "stays",
     ()),
    ("req_first", "the same before HELLO has come", "down", ("unproved",)),
    ("place_beyond", "RDMA WRITE behind a reader's buffer", "down",
     ("refused",)),
    ("place_across", "RDMA WRITE across the end of a reader's buffer", "down",
     ("refused",)),
    ("place_before", "RDMA WRITE before a reader's buffer", "down",
     ("refused",)),
    ("place_read", "RDMA READ of a reader's buffer", "down", ("refused",)),
    ("place_stale", "RDMA WRITE with a key that was given back", "down",
     ("refused",)),
    ("place_keep", "a buffer that is not given back", "down", ()),
    ("place_scribble", "what is written, and never said to be", "stays", ()),
    ("place_void", "the wrong key is invalidated", "down", ()),
    ("place_plain_void", "VOID that invalidates nothing", "down", ()),
    ("place_lie_long", "PLACED of more than was offered", "down", ("lied",)),
    ("place_lie_wrap", "PLACED of 2^32 - 1 bytes", "down", ("lied",)),
    ("place_lie_before", "PLACED of what comes before the buffer", "down",
     ("lied",)),
    ("place_lie_none", "PLACED of no bytes", "down", ("lied",)),
    ("place_odd", "PLACED of another buffer, and of bytes further on",
     "stays", ("dropped",)),
    ("advert_many", "one buffer more than was agreed is offered", "down", ()),
    ("advert_twice", "a buffer is offered twice", "down", ()),
    ("advert_short", "ADVERT without the last byte of its header", "down",
     ()),
    ("revoke", "buffers are asked back that were never offered", "stays", ()),
    ("revoke_short", "REVOKE of nothing", "down", ()),
)
# How the victim reads while its buffers are what it is about.
READERS = {"place_keep": "timeout"}


def drops(pair):
    """Frames that the victim has dropped, whatever for."""
    output = pair.a.run("cat /proc/net/fastsock_stat")[1]
    return sum(int(number) for number in
               re.findall(r"^FskDrop\w+\s+(\d+)", output, re.M))


def queue_pairs(pair):
    """Queue pairs of the victim that are of the type RC."""
    return pair.a.run("rdma resource show qp")[1].count(" type RC ")


def most_queue_pairs(pair, job):
    """As many as there ever were while the helper ran."""
    most = 0
    while not job.done.wait(0.2):
        most = max(most, queue_pairs(pair))
    return most


def judge(pair, output, needs, before):
    """What does not hold of that which a row needs."""
    sent = int((re.search(r"^sent (\d+)", output, re.M) or [0, 0])[1])
    came, dropped, lies = (now - then for now, then in
                           zip(numbers(pair), before))
    good = {
        "unproved": "up\n" not in output,
        # But for what the device repeats nothing is lost on the way.
        "counted": sent >= 500 and dropped >= 0.9 * (sent - 100),
        "flooded": sent > FLOOD,
        "refused": "status " in output,
        "dropped": dropped >= 1,
        "lied": lies == 1,
        "known": pair.a.until("grep -q ' capable ' "
                              "/proc/net/fastsock_peers", 1),
        "gone": not queue_pairs(pair),
    }
    wrong = [need for need in needs if not good.get(need, True)]
    if "unproved" not in needs and "up\n" not in output:
        wrong.append("no channel")
    return wrong, f"{sent} sent, {came} came, {dropped} dropped"


def numbers(pair):
    """Frames over channels that the victim has got, all that it has dropped,
    and the lies among them.
    """
    return pair.a.counter("ChannelInFrames"), drops(pair), \
        pair.a.counter("DropPlaced")


def start_reader(pair, way):
    """A reader that offers buffers to the helper, once that has a channel, and
    the channel is no longer suspect because of what it has lost.
    """
    if not way.startswith("place_"):
        return None
    pair.a.until("grep -q ' up ' /proc/net/fastsock_channels", 60)
    return pair.a.start("cd /selftests && timeout 100 ./helper_place read "
                        f"10.79.0.2 {PLACE_PORT} {READERS.get(way, 'slow')} "
                        "262144 3000 2>&1")


def run_helper(pair, way):
    """The helper, and the reader if there is to be one; returns how both ended,
    and how many queue pairs there were at most.  On a busy host there may be no
    buffer to misbehave with now and then.
    """
    mac = pair.a.mac("a", 0)
    for _ in range(4):
        job = pair.b.start("cd /selftests && timeout 200 ./helper_rdma eth0 "
                           f"rxe0 {mac} {way} 2>&1")
        reader = start_reader(pair, way)
        most = most_queue_pairs(pair, job)
        result = job.wait(200)
        said = reader.wait(110) if reader else (0, "")
        if not reader or "no buffer" not in result[1]:
            break
        pair.no_channel(pair.a)
    return result, said, most


def misbehave(pair, way, expected, needs):
    """One row: traffic, the helper, and what is left when both are done."""
    seen = [os.path.getsize(vm.log) for vm in (pair.a, pair.b)]
    before = numbers(pair)
    # What waits for acks would make the channel suspect all the time, and then
    # no buffer is offered.
    moving = way.startswith("place_")
    pair.a.run("touch /tmp/quiet" if moving else "rm -f /tmp/quiet")
    if not moving:
        pair.start_echo(FILE)
        moving = pair.moving(more=10000)
    (status, output), said, most = run_helper(pair, way)
    wrong, text = judge(pair, output, needs, before)
    if status or not output.endswith(expected + "\n"):
        wrong.append(f"status {status}, not {expected}")
    if most > 1:
        wrong.append("more queue pairs than one")
    if not moving:
        wrong.append("no connection")
    if way.startswith("place_"):
        if said[0] or not re.search(r"^offered \d+$", output, re.M):
            wrong.append(f"reader: {said}")
        pair.start_echo(FILE)
    echo = pair.end_echo(FILE)
    if echo[0]:
        wrong.append(f"echo: {echo[1]}")
    if not pair.a.until("! grep -q ' up ' /proc/net/fastsock_channels", 20):
        wrong.append("the channel is there for ever")
    wrong += [vm.splat(offset) for vm, offset in
              zip((pair.a, pair.b), seen) if vm.splat(offset)]
    wrong += again(pair)
    return not wrong, f"{wrong}\n{text}, {most} queue pairs\n{output}" + \
        (pair.text() if wrong else "")


def misbehave_patiently(pair, way, expected, needs):
    """The same, once more if something is missing: on a busy host a connection
    may have become TCP's, or a program got no time.  What the kernel says counts
    at once.
    """
    if time.monotonic() > STARTED + ENOUGH:
        return None, "this host is too busy"
    good, text = misbehave(pair, way, expected, needs)
    if good or pair.a.splat() or pair.b.splat():
        return good, text
    pair.a.run("killall timeout")
    pair.b.run("killall helper_rdma; rmmod fastsock_rdma")
    pair.no_channel(pair.a)
    time.sleep(5)
    good, more = misbehave(pair, way, expected, needs)
    return good, text + "\nonce more:\n" + more


def again(pair):
    """A neighbour that behaves gets a channel; returns what is wrong."""
    pair.b.must(f"insmod {RDMA_MODULE}")
    good = pair.ready() and pair.echo("small")
    pair.b.must("rmmod fastsock_rdma")
    gone = pair.no_channel(pair.a)
    return [] if good and gone else [f"again: {good} {gone}"]


def speaks(pair):
    """Whether connections are fastsock's: on a busy host the first may be late
    with its handshake, and then TCP has the next few seconds.
    """
    for _ in range(20):
        before = pair.a.counter("OutBytes")
        if pair.echo("small") and pair.a.counter("OutBytes") > before:
            return True
        time.sleep(2)
    return False


def begin(pair):
    """Who begins is the one with the lower address: that has the helper."""
    good = guest.Guest.mac("b", 0) < guest.Guest.mac("a", 0) and \
        pair.a.until("ping -c 1 -W 1 10.79.0.2 > /dev/null") and \
        pair.a.until("grep -q ' capable ' /proc/net/fastsock_peers") and \
        speaks(pair)
    pair.b.must("modprobe ib_uverbs; ls /dev/infiniband/uverbs0")
    pair.b.start(f"cd /selftests && exec ./helper_place serve {PLACE_PORT}")
    # One connection is there all the time: the helper looks for its id.
    pair.a.start("i=0; while sleep 0.3; do [ -e /tmp/quiet ] || "
                 "echo $((i += 1)); done | "
                 f"socat - TCP:10.79.0.2:{PORT} > /tmp/hum")
    return good, pair.text()


def still(pair):
    """The connection that saw it all goes on, and has lost nothing."""
    lines = "$(wc -l < /tmp/hum)"
    count = int(pair.a.must(f"echo {lines}"))
    pair.a.run("rm -f /tmp/quiet")
    more = pair.a.until(f"[ {lines} -gt {count + 3} ]")
    status, output = pair.a.run(f"head -n {count} /tmp/hum > /tmp/heard; "
                                f"seq {count} | cmp - /tmp/heard")
    return more and count > 10 and not status, f"{count} {more} {output}"


def unload(pair):
    """Nothing is left that holds a module."""
    vm = pair.a
    good = vm.until("rmmod fastsock_rdma", 10)
    vm.run("killall socat; echo 0 > /proc/sys/net/fastsock/enable")
    pair.b.run("killall socat helper_place")
    return good and vm.until("rmmod fastsock 2> /dev/null", 30), \
        vm.run("cat /proc/modules")[1]


CHECKS = [("a connection without a channel", begin)]
CHECKS += [(name, functools.partial(misbehave_patiently, way=way,
                                    expected=expected, needs=needs))
           for way, name, expected, needs in ROWS]
CHECKS += [("one connection has lived through all of it", still)]
CHECKS += [("the modules can be unloaded", unload)]

if __name__ == "__main__":
    # Some ways only, by hand.
    run([(name, function) for name, function in CHECKS
         if len(sys.argv) == 1 or getattr(function, "keywords", {}).get(
             "way", sys.argv[1]) in sys.argv[1:]], loads="a")
