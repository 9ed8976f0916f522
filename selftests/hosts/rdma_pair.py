# SPDX-License-Identifier: GPL-2.0
"""What tests of fastsock_rdma.ko share: two guests with RDMA devices made of
software (rdma_rxe), and how their checks are run.
"""

import contextlib
import os
import struct
import sys
import time

import guest

RDMA_MODULE = os.path.dirname(guest.MODULE) + "/fastsock_rdma.ko"
PORT = 4000
ROCE = struct.pack("!H", 4791)
ETHERTYPE = b"\x88\xb5"
CHANNEL = 13                    # the type of a CHANNEL frame
MEGABYTES = 4


class Pair:
    """Both guests and what lies between."""

    def __init__(self, label, lan, guests, loads="ab"):
        self.lan = lan
        self.label = label
        self.guests = guests
        self.loads = loads      # who has fastsock_rdma at first
        self.seen = []          # CHANNEL frames
        self.deaf = False       # lose what belongs to RoCE
        self.lost = 0           # one frame of so many is lost
        self.count = 0
        lan.frame = self._frame
        self.a, self.b = (self._boot(name) for name in "ab")

    def _frame(self, data):
        if data[12:14] == ETHERTYPE and data[14] == CHANNEL:
            self.seen.append(bytes(data))
        self.count += 1
        if self.lost and self.count % self.lost == 0:
            return None
        roce = data[12:14] == b"\x08\x00" and data[23] == 17 and \
            data[36:38] == ROCE
        return None if roce and self.deaf else data

    def _boot(self, name):
        vm = self.guests.enter_context(
            guest.Guest(self.label, name, [self.lan], memory="1G"))
        number = "ab".index(name) + 1
        vm.must(f"ip addr add 10.79.0.{number}/24 dev eth0 && "
                "ip link set eth0 up && { modprobe rdma_rxe 2>/dev/null; "
                "rdma link add rxe0 type rxe netdev eth0; } && "
                f"insmod {guest.MODULE} && "
                "echo 1 > /proc/sys/net/fastsock/enable && "
                "dd if=/dev/urandom of=/tmp/file bs=1M "
                f"count={MEGABYTES} 2> /dev/null && "
                "head -c 300000 /tmp/file > /tmp/small")
        if name in self.loads:
            vm.must(f"insmod {RDMA_MODULE}")
        # socat itself, with PIPE, may wait for a pipe that only it reads.
        vm.start("exec socat -t 100 "
                 f"TCP-LISTEN:{PORT},fork,reuseaddr,backlog=64 "
                 "EXEC:cat")
        return vm

    def text(self):
        """What both guests say of themselves."""
        return "".join(vm.run("cat /proc/net/fastsock_channels; rdma link; "
                              "cat /proc/net/fastsock_peers; grep -v ' 0$' "
                              "/proc/net/fastsock_stat; dmesg | tail -n 5")[1]
                       for vm in (self.a, self.b))

    def both(self, state, seconds=30):
        """Waits until both ends say that the channel is in that state."""
        command = f"grep -q ' {state} ' /proc/net/fastsock_channels"
        return all(vm.until(command, seconds) for vm in (self.a, self.b))

    def no_channel(self, vm, seconds=20):
        """Waits until a guest has none."""
        return vm.until("! grep -q ' up ' /proc/net/fastsock_channels 2> "
                        "/dev/null", seconds)

    def ready(self):
        """Whether there is a channel, after one connection at least."""
        for _ in range(20):
            self.echo("small")
            if self.both("up", 3):
                return True
        return False

    def start_echo(self, name="file"):
        """Begins to send a file that the other guest sends back."""
        self.a.run("rm -f /tmp/back /tmp/end")
        return self.a.start(
            f"timeout 280 socat -t 100 - TCP:10.79.0.2:{PORT} < /tmp/{name} "
            "> /tmp/back; echo $? > /tmp/end")

    def end_echo(self, name="file"):
        """Whether all of it came back."""
        self.a.until("[ -s /tmp/end ]", 280)
        return self.a.run(f"cmp /tmp/{name} /tmp/back && "
                          "[ $(cat /tmp/end) = 0 ]")

    def echo(self, name="file"):
        """Whether a file comes back."""
        self.start_echo(name)
        return self.end_echo(name)[0] == 0

    def moving(self, more=100000, seconds=30):
        """Waits until more has come back."""
        return self.a.until(f"[ $(stat -c %s /tmp/back) -gt {more} ]",
                            seconds)


class Checks(list):
    """Checks, pairs of a name and a function, in the order they stand in."""

    def __call__(self, name):
        """Decorates a function that takes the pair and returns (good, text)."""
        def add(function):
            self.append((name, function))
            return function
        return add


def digest(head, body):
    """What stands for the key of a frame without a connection."""
    first, = struct.unpack_from("!I", head, 14)
    seq, ack, win = struct.unpack_from("!III", head, 26)
    value = (first * 0x9e3779b1 + seq * 0x85ebca6b + ack * 0xc2b2ae35 +
             win * 0x27d4eb2f) & 0xffffffff
    part = 0
    for word, in struct.iter_unpack("!I", bytes(body)):
        part = ((part + word) * 0x165667b1) & 0xffffffff
    return value ^ part


def run(checks, loads="ab"):
    """Runs checks, pairs of a name and a function, in order; exits.  A function
    returns whether all is well, or None if it is skipped, and a text about it.
    """
    failed = 0
    print(f"TAP version 13\n1..{len(checks) + 1}", flush=True)
    splats = ""
    with guest.Segment() as lan, contextlib.ExitStack() as guests:
        pair = Pair(os.environ["FASTSOCK_KERNEL"], lan, guests, loads)
        for number, (name, function) in enumerate(checks, 1):
            start = time.monotonic()
            try:
                good, text = function(pair)
            except guest.GuestError as error:
                good, text = False, str(error)
            if good is None:
                print(f"ok {number} {name} # SKIP {text}", flush=True)
                continue
            if not good:
                failed += 1
                print("\n".join("# " + line for line in text.splitlines()))
            print(f"{'ok' if good else 'not ok'} {number} {name} "
                  f"# {time.monotonic() - start:.0f} s", flush=True)
        for vm in (pair.a, pair.b):
            splats += vm.splat() or ""
    if splats:
        print("\n".join("# " + line for line in splats.splitlines()))
    print(f"{'not ok' if splats else 'ok'} {len(checks) + 1} the kernels "
          "complain of nothing")
    sys.exit(1 if failed or splats else 0)
