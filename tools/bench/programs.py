# SPDX-License-Identifier: GPL-2.0
"""Part 3: programs that people run, with fastsock off and on in turn.

Unmodified programs of Debian in emulated guests.  Their clock is the host's,
so a figure alone means nothing; only figures of one round are compared.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import shutil
import tempfile

from icount import guest
# Beside guest.py, whose folder icount knows.
import bridge   # pylint: disable=import-error

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

BOOT_SECONDS = 300
PACKAGES = ("redis-server", "redis-tools", "nginx-light", "wrk",
            "postgresql-15", "iperf3", "sockperf", "iputils-ping", "curl",
            "openssh-server", "openssh-client")
# Links within the guest with the servers: namespace of clients, address.
INSIDE = {"veth": ("a", "10.77.0.2"), "host": ("b", "127.0.0.1")}
# Links from a second guest, with a card in each: its MTU, and whether it cuts
# TCP's large segments.
PAIRS = {"pair-1500": (1500, "on"), "pair-9000": (9000, "on"),
         "pair-cut": (1500, "off")}
LINKS = (*INSIDE, *PAIRS)
# What in-guest.sh can run, and what its figure is.
PROGRAMS = {
    "redis-1": "redis-benchmark GET, 1 client: requests",
    "redis-50": "redis-benchmark GET, 50 clients: requests",
    "redis-pipelined": "redis-benchmark GET, 50 clients, 16 in flight: "
                       "requests",
    "nginx-keep-alive": "nginx under wrk, 8 connections, keep-alive: requests",
    "nginx-close": "nginx under wrk, 8 clients, Connection: close: requests",
    "pgbench-select": "pgbench -S, 4 clients: transactions",
    "pgbench": "pgbench, 4 clients: transactions",
    "curl": "curl, one large file from nginx: bytes",
    "scp": "scp, one large file, aes128-gcm: bytes",
    "iperf3": "iperf3, 1 stream: bytes",
    "iperf3-8": "iperf3, 8 streams: bytes",
    "sockperf": "sockperf ping-pong, 64 bytes: round trips",
}


@dataclasses.dataclass(frozen=True)
class Link:
    """Where clients run, and the address at which they find the servers."""

    client: guest.Guest
    netns: str
    address: str


def _copy_files(series, workdir):
    """What guests run, where they see it; returns the kernel."""
    with guest.building():
        kernel = guest.Kernel(series)
        for file in kernel.modules():
            shutil.copy(file, workdir)
    for file in (os.path.join(TOP, "selftests", "lib", "lan.sh"),
                 os.path.join(HERE, "in-guest.sh")):
        shutil.copy(file, workdir)
    return kernel


class Rig:
    """The guests, and the links between clients and servers.

    Servers of all links are in the first guest, in namespace b.  Clients of
    pairs are in the second one, if there is one, in namespace a.
    """

    def __init__(self, series, links, workdir, stack):
        self.script = os.path.join(workdir, "in-guest.sh")
        self.kernel = _copy_files(series, workdir)
        self.pairs = [link for link in links if link in PAIRS]
        bridges = [stack.enter_context(bridge.Bridge(2, PAIRS[link][0]))
                   for link in self.pairs]
        self.guests = []
        for end in range(2 if self.pairs else 1):
            machine = guest.Guest(
                series, f"bench-{end}", [made.ports[end] for made in bridges],
                memory="4G", cpus=1, programs=True, words=["ipv6.disable=1"],
                boot=False, boot_timeout=BOOT_SECONDS)
            stack.callback(machine.kill)
            self.guests.append(machine)
        self.server, self.client = self.guests[0], self.guests[-1]
        self.links = {
            **{link: Link(self.server, *at) for link, at in INSIDE.items()},
            **{link: Link(self.client, "a", f"10.78.{number}.1")
               for number, link in enumerate(self.pairs)}}

    def boot(self):
        """Boots all guests at a time and loads the module."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            try:
                list(pool.map(guest.Guest.boot, self.guests))
            except BaseException:
                for machine in self.guests:
                    machine.kill()
                raise
        folder = os.path.dirname(self.script)
        for machine in self.guests:
            machine.must(f"insmod {folder}/fastsock.ko")

    def call(self, machine, *words):
        """One call of the script in a guest."""
        return machine.must(f"{self.script} {' '.join(words)}", 900)

    def setup(self, programs):
        """Hosts, links and servers."""
        self.call(self.server, "setup", *programs)
        if self.pairs:
            self._connect_guests()
        if "scp" in programs:
            for machine in self.guests:
                key = self.call(machine, "key").strip()
                self.call(self.server, "admit", f"'{key}'")
        for mode in "01":
            self.call(self.server, "serve", mode, *programs)

    def _connect_guests(self):
        """Gives each card to a host: the n-th is of the n-th pair."""
        self.call(self.client, "host", "a")
        for number, link in enumerate(self.pairs):
            for end, (machine, netns) in enumerate(((self.server, "b"),
                                                    (self.client, "a")), 1):
                self.call(machine, "card", netns, str(number), link,
                        f"10.78.{number}.{end}", *map(str, PAIRS[link]))

    def enable(self, mode):
        """Switches fastsock everywhere; with it on, neighbours are known."""
        self.call(self.server, "enable", mode, "a", "b")
        if self.pairs:
            self.call(self.client, "enable", mode, "a")
            if mode == "1":
                self.call(self.client, "meet", "a",
                        *(self.links[link].address for link in self.pairs))

    def accepted(self):
        """Connections that servers accepted: by TCP, by fastsock."""
        both, fast = map(int, self.call(self.server, "accepted").split())
        return both - fast, fast

    def use(self, program, link, mode):
        """Status and output of a program's run."""
        place = self.links[link]
        return place.client.run(
            f"{self.script} use {place.netns} {program} {place.address} "
            f"{mode}", 200)


def carrier(before, after):
    """What carried the connections that were accepted meanwhile."""
    tcp, fast = (new - old for old, new in zip(before, after))
    if fast > 0 >= tcp:
        return "fastsock"
    if tcp > 0 == fast:
        return "tcp"
    return f"mixed:{tcp}:{fast}"


class Bench:
    """What was measured, and how."""

    def __init__(self, rig, progress):
        self.rig = rig
        self.progress = progress
        # By link and program: (value, carrier) of each round, for each mode.
        self.figures = {}
        self.faults = []
        self.order = ["0", "1"]
        self.mode = None

    def one_run(self, program, link, mode):
        """Runs a program once; a run that fails is said and left out."""
        before = self.rig.accepted()
        status, output = self.rig.use(program, link, mode)
        lines = [line.split() for line in output.splitlines()
                 if line.startswith("figure ")]
        self.progress.step()
        if status or len(lines) != 1:
            self.faults.append(f"{program}, {link}, enable={mode}: status "
                               f"{status}: {output[-400:]}")
            return None
        return float(lines[0][1]), carrier(before, self.rig.accepted())

    def both_modes(self, program, links):
        """A program on every link, off and on; the next one starts as is.

        So the two are close in time, whatever else the host does, and each of
        them comes first as often as the other.
        """
        got = {}
        for mode in self.order:
            if mode != self.mode:
                self.rig.enable(mode)
                self.mode = mode
            for link in links:
                got[link, mode] = self.one_run(program, link, mode)
        self.order.reverse()
        return got

    def one_round(self, programs, links):
        """Every program once on every link, off and on."""
        for program in programs:
            got = self.both_modes(program, links)
            for link in links:
                pair = [got[link, mode] for mode in "01"]
                if all(pair):
                    self.figures.setdefault(link, {}).setdefault(
                        program, []).append(pair)
        if len(programs) % 2 == 0:
            self.order.reverse()

    def dictionary(self):
        """What was measured, for JSON."""
        return {link: {program: {
            "off": [off[0] for off, _ in pairs],
            "on": [on[0] for _, on in pairs],
            "carriers": [sorted({pair[mode][1] for pair in pairs})
                         for mode in (0, 1)]}
            for program, pairs in by_program.items()}
            for link, by_program in self.figures.items()}


def _first_links(links):
    """The first link of each kind, for runs that read files."""
    inside = [link for link in links if link in INSIDE]
    pairs = [link for link in links if link in PAIRS]
    return inside[:1] + pairs[:1]


@contextlib.contextmanager
def _directory():
    """A directory that guests see, too."""
    path = tempfile.mkdtemp(prefix="bench-", dir=guest.CACHE)
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(series, rounds, links, programs, progress):
    """Boots one kernel and measures; yields what the rounds up to now say."""
    with contextlib.ExitStack() as stack:
        rig = Rig(series, links, stack.enter_context(_directory()), stack)
        rig.boot()
        progress.say("all guests are up; their servers start")
        rig.setup(programs)
        bench = Bench(rig, progress)
        progress.restart()
        # What runs for the first time reads its files.
        for program in programs:
            bench.both_modes(program, _first_links(links))
        for done in range(1, rounds + 1):
            bench.one_round(programs, links)
            yield {"kernel": rig.kernel.release, "rounds": done,
                   "unit": "per second of an emulated machine",
                   "figures": bench.dictionary(), "faults": bench.faults}


def steps(rounds, links, programs):
    """How many runs that makes, those included that warm up."""
    runs = len(_first_links(links)) + rounds * len(links)
    return 2 * len(programs) * runs
