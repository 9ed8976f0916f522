# SPDX-License-Identifier: GPL-2.0
"""Part 3: programs that people run, with fastsock off and on in turn.

Unmodified programs of Debian in one emulated guest.  Its clock is the host's,
so a figure alone means nothing; only figures of one round are compared.
"""

import os
import shutil
import tempfile

from icount import guest

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

BOOT_SECONDS = 300
PACKAGES = ("redis-server", "redis-tools", "nginx-light", "wrk",
            "postgresql-15", "iperf3", "sockperf", "iputils-ping")
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
    "iperf3": "iperf3, 1 stream: bytes",
    "sockperf": "sockperf ping-pong, 64 bytes: round trips",
}


def _boot(series, workdir):
    """Starts the guest with the module loaded."""
    with guest.building():
        kernel = guest.Kernel(series)
        for file in kernel.modules():
            shutil.copy(file, workdir)
    for file in (os.path.join(TOP, "selftests", "lib", "lan.sh"),
                 os.path.join(HERE, "in-guest.sh")):
        shutil.copy(file, workdir)
    machine = guest.Guest(series, "bench", memory="4G", cpus=1, programs=True,
                          words=["ipv6.disable=1"], boot_timeout=BOOT_SECONDS)
    machine.must(f"insmod {workdir}/fastsock.ko")
    return kernel, machine


class Bench:
    """The guest and what it has measured."""

    def __init__(self, machine, workdir, progress):
        self.machine = machine
        self.script = os.path.join(workdir, "in-guest.sh")
        self.progress = progress
        # By link and program: (value, carrier) of each round, for each mode.
        self.figures = {}
        self.faults = []
        self.order = ["0", "1"]
        self.mode = None

    def do(self, *words):
        """One call of the script."""
        return self.machine.must(f"{self.script} {' '.join(words)}", 900)

    def one_run(self, program, link, mode):
        """Runs a program once; a run that fails is said and left out."""
        status, output = self.machine.run(
            f"{self.script} use {program} {link} {mode}", 200)
        lines = [line.split() for line in output.splitlines()
                 if line.startswith("figure ")]
        self.progress.step()
        if status or len(lines) != 1:
            self.faults.append(f"{program}, {link}, enable={mode}: status "
                               f"{status}: {output[-400:]}")
            return None
        return float(lines[0][1]), lines[0][2]

    def both_modes(self, program, links):
        """A program on every link, off and on; the next one starts as is.

        So the two are close in time, whatever else the host does, and each of
        them comes first as often as the other.
        """
        got = {}
        for mode in self.order:
            if mode != self.mode:
                self.do("enable", mode)
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


def run(series, rounds, links, programs, progress):
    """Boots one kernel and measures; yields what the rounds up to now say."""
    workdir = tempfile.mkdtemp(prefix="bench-", dir=guest.CACHE)
    os.chmod(workdir, 0o755)
    machine = None
    try:
        kernel, machine = _boot(series, workdir)
        bench = Bench(machine, workdir, progress)
        progress.say("the guest is up; its servers start")
        bench.do("setup", *programs)
        for mode in "01":
            bench.do("serve", mode, *programs)
        progress.restart()
        # What runs for the first time reads its files.
        for program in programs:
            bench.both_modes(program, links[:1])
        for done in range(1, rounds + 1):
            bench.one_round(programs, links)
            yield {"kernel": kernel.release, "rounds": done,
                   "unit": "per second of an emulated machine",
                   "figures": bench.dictionary(), "faults": bench.faults}
    finally:
        if machine:
            machine.kill()
        shutil.rmtree(workdir, ignore_errors=True)


def steps(rounds, links, programs):
    """How many runs that makes, those included that warm up."""
    return 2 * len(programs) * (1 + rounds * len(links))
