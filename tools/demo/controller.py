# SPDX-License-Identifier: GPL-2.0
"""make demo: unmodified programs over fastsock, seen from outside."""

import argparse
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import programs
import verdict
import vm

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BOOT_SECONDS = 240
PEER_SECONDS = 30
SERVE_SECONDS = 90
MODULE = "fastsock.ko"
STARTED = time.monotonic()

DESCRIPTION = """\
Boots three virtual machines on one virtual Ethernet: two with fastsock enabled
("one" and "two"), one without the module ("plain").  Runs unmodified Debian
programs between them and prints which path each took: the counters of both
kernels and a capture of the link have to agree.  The exit code is 0 only if
every row is right, those to the host without fastsock included.
"""


class DemoError(Exception):
    """The demonstration cannot go on; the text says what to do."""


def say(text):
    """Report progress with the time since the start."""
    print(f"[{time.monotonic() - STARTED:5.0f} s] {text}", flush=True)


def arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="tools/demo/run", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", choices=("6.1", "6.12"), default="6.12",
                        help="Debian kernel series to boot (default 6.12)")
    parser.add_argument("--size", type=int, default=64, metavar="MIB",
                        help="size of the file that curl fetches (default 64)")
    parser.add_argument("--keep", action="store_true",
                        help="keep captures and kernel messages, say where")
    parser.add_argument("--no-module", action="store_true",
                        help="cross-check: leave the module out, so that the "
                             "fastsock rows must turn out WRONG")
    parser.add_argument("--cache", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def find_release(series):
    """Return the newest installed Debian kernel of a series."""
    pattern = re.compile(rf"{re.escape(series)}\.\d[\w.+-]*-amd64")
    releases = [path.removeprefix("/boot/vmlinuz-")
                for path in glob.glob(f"/boot/vmlinuz-{series}.*-amd64")]
    releases = [r for r in releases if pattern.fullmatch(r) and
                not re.search(r"-(cloud|rt)-", r) and
                os.path.isdir(f"/lib/modules/{r}/build")]
    if not releases:
        raise DemoError(f"no Debian kernel {series} with headers is installed")
    return max(releases, key=lambda r: [int(n) for n in re.findall(r"\d+", r)])


def start_build(release, workdir):
    """Start to build the module in a copy, so that the tree stays as it is."""
    tree = os.path.join(workdir, "build")
    shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns(
        ".git", "*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd", "selftests"))
    with open(os.path.join(workdir, "build.log"), "wb") as log:
        return subprocess.Popen(
            ["make", "-C", tree, f"-j{os.cpu_count()}", f"KVER={release}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={k: v for k, v in os.environ.items() if "MAKE" not in k})


def finish_build(build, workdir):
    """Wait for the module and put it where guests see it."""
    if build.wait():
        with open(os.path.join(workdir, "build.log"), encoding="utf-8",
                  errors="replace") as log:
            raise DemoError("the module does not build:\n" + log.read()[-3000:])
    shutil.copy(os.path.join(workdir, "build", MODULE), workdir)


def wait_booted(guests, build, workdir):
    """Wait until all guests are up and say so meanwhile."""
    waiting = list(guests)
    deadline = time.monotonic() + BOOT_SECONDS
    next_word = time.monotonic() + 10
    while waiting:
        for guest in list(waiting):
            if guest.booted():
                say(f"{guest.name} is up")
                waiting.remove(guest)
        if build and build.poll():
            finish_build(build, workdir)
        if waiting and time.monotonic() > deadline:
            raise DemoError(f"{waiting[0].name} does not boot:\n"
                            f"{waiting[0].console()}")
        if waiting and time.monotonic() > next_word:
            next_word += 10
            say("waiting for " + ", ".join(g.name for g in waiting))


def configure(guest):
    """Give a guest its address."""
    guest.must("modprobe virtio_net && ip link set lo up && "
               "device=$(ls /sys/bus/virtio/drivers/virtio_net/virtio*/net) && "
               f"ip address add {guest.address}/24 dev $device && "
               "ip link set $device up")


def enable(guest, workdir):
    """Load the module in a guest and switch it on."""
    guest.must(f"insmod {workdir}/{MODULE} && "
               "sysctl -q -w net.fastsock.enable=1")


def wait_capable(guest, peer):
    """Wait until a guest knows that its peer speaks fastsock."""
    deadline = time.monotonic() + PEER_SECONDS
    peers = ""
    while time.monotonic() < deadline:
        guest.run(f"ping -q -c 1 -W 1 {peer.address}")
        peers = guest.must("cat /proc/net/fastsock_peers")
        if any(peer.mac in line and "capable" in line
               for line in peers.lower().splitlines()):
            return
        time.sleep(0.5)
    raise DemoError(f"{guest.name} never heard of {peer.name} ({peer.mac}):\n"
                    f"{peers}")


def warm_up(client, servers):
    """Connect a few times: what an emulator runs for the first time it must
    translate, which can take longer than net.fastsock.handshake_ms allows."""
    for server in servers:
        for _ in range(3):
            client.run(f"curl -s -o /dev/null http://{server.address}:80/ftp-1")


def wait_serving(guest):
    """Wait until all servers of a guest listen."""
    deadline = time.monotonic() + SERVE_SECONDS
    while missing := programs.missing_servers(guest):
        if time.monotonic() > deadline:
            log = guest.run(f"tail {programs.HOME}/*.log")[1]
            raise DemoError(f"{guest.name} does not serve on ports "
                            f"{missing}:\n{log}")
        time.sleep(0.5)


def settled_counters(guests):
    """Read the guests' counters when the last connection has been closed."""
    last = None
    for _ in range(20):
        now = [verdict.read_counters(guest) for guest in guests]
        if now == last:
            break
        last = now
        time.sleep(0.3)
    return last


def run_row(row, guests, files, workdir):
    """Run one program and collect what three witnesses say about it."""
    client, server = guests[row.client], guests[row.server]
    result = verdict.Result(
        row.program, client.name, server.name,
        verdict.TCP if "plain" in (client.name, server.name)
        else verdict.FASTSOCK)
    capture = os.path.join(
        workdir, f"{client.name}-{server.name}-" +
        re.sub(r"\W+", "-", row.program) + ".pcap")
    before = settled_counters((client, server))
    client.capture(capture)
    begun = time.monotonic()
    check = None
    try:
        check = row.function(client, server, files, **row.arguments)
    except programs.ProgramError as error:
        result.error = str(error)
    result.seconds = time.monotonic() - begun
    after = settled_counters((client, server))
    client.end_capture()
    try:
        result.bytes = check() if check else 0
    except programs.ProgramError as error:
        result.error = str(error)
    result.ends = tuple(verdict.End(verdict.difference(b, a))
                        for b, a in zip(before, after))
    result.wire = verdict.Wire.from_capture(capture, client, server)
    return result


def set_up(guests, files, build, workdir):
    """Configure booted guests up to the point where programs may run."""
    one, two, plain = guests.values()
    for guest in guests.values():
        configure(guest)
        programs.prepare(guest, files)
    if build:
        finish_build(build, workdir)
        say("the module is built, loading it in one and two")
        for guest in (one, two):
            enable(guest, workdir)
        wait_capable(one, two)
        wait_capable(two, one)
        say("one and two know each other")
    for guest in (two, plain):
        programs.serve(guest, files)
    for guest in (two, plain):
        wait_serving(guest)
    say("servers are running")
    warm_up(one, (two, plain))
    warm_up(plain, (two,))


def demonstrate(options, workdir, guests, switch):
    """Boot, run every row, print the table; return the exit code."""
    release = find_release(options.kernel)
    files = programs.Files(os.path.join(workdir, "files"),
                           options.size * programs.MIB)
    for program in ("enter.sh", "agent.py"):
        shutil.copy(os.path.join(HERE, program), workdir)
    vng = os.path.join(options.cache, "virtme-ng", "bin", "vng")
    say(f"booting {release} in {len(guests)} guests"
        f"{'' if vm.have_kvm() else ' without KVM, this takes a minute'}")
    for guest in guests.values():
        guest.start(vng, f"/boot/vmlinuz-{release}", switch)
    build = None if options.no_module else start_build(release, workdir)
    wait_booted(guests.values(), build, workdir)
    set_up(guests, files, build, workdir)

    rows = programs.rows(files, "one", "two", "plain")
    results = []
    try:
        for row in rows:
            results.append(run_row(row, guests, files, workdir))
            say(f"{row.program}, {row.client} > {row.server}: "
                f"{results[-1].path}, {results[-1].seconds:.1f} s")
    finally:
        print("\n" + verdict.table(results) + "\n")
    right = sum(not result.faults() for result in results)
    say(f"Linux {release}: {right} of {len(rows)} rows right")
    return 0 if right == len(rows) else 1


def main():
    """Run the demonstration and leave nothing behind."""
    options = arguments()
    if os.geteuid():
        print("make demo: run it as root: the guests' servers need the files "
              "of all users", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.makedirs(options.cache, exist_ok=True)
    workdir = tempfile.mkdtemp(prefix="demo-", dir=options.cache)
    os.chmod(workdir, 0o755)
    guests, switch = {}, None
    try:
        switch = vm.Switch(workdir)
        for number, name in enumerate(("one", "two", "plain"), 1):
            guests[name] = vm.Guest(name, number, workdir)
        return demonstrate(options, workdir, guests, switch)
    except (DemoError, vm.GuestError) as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for guest in guests.values():
            guest.stop()
        if switch:
            switch.stop()
        if options.keep:
            say(f"captures and kernel messages are in {workdir}")
        else:
            shutil.rmtree(workdir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
