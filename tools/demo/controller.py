# SPDX-License-Identifier: GPL-2.0
"""make demo: unmodified programs over fastsock, seen from outside."""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "selftests", "vm"))

import guest as vm      # noqa: E402  pylint: disable=wrong-import-position
import programs         # noqa: E402  pylint: disable=wrong-import-position
import verdict          # noqa: E402  pylint: disable=wrong-import-position

BOOT_SECONDS = 240
PEER_SECONDS = 30
SERVE_SECONDS = 90
SNAP_LEN = 96       # bytes of a frame that a capture keeps: the headers
STARTED = time.monotonic()

DESCRIPTION = """\
Boots three virtual machines on one virtual Ethernet: two with fastsock enabled
("one" and "two"), one without the module ("plain").  Runs unmodified Debian
programs between them and prints which path each took: the counters of both
kernels and a capture of the link have to agree.  The last rows use RDMA devices
made of software.  The exit code is 0 only if every row is right, those to the
host without fastsock included.
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
    return parser.parse_args()


class Guest(vm.Guest):
    """A virtual machine with this machine's programs, on the Ethernet."""

    def __init__(self, series, name, number, lan):
        super().__init__(series, name, [lan], programs=True, memory="1G",
                         cpus=1, boot=False, boot_timeout=BOOT_SECONDS)
        self.address = f"10.77.0.{number}"
        self.address6 = f"fd77::{number}"
        self.card = self.mac(name, 0)


class Task(threading.Thread):
    """Does something beside the rest; result() is what came of it."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self._call = function, arguments
        self._result = self._error = None
        self.start()

    def run(self):
        function, arguments = self._call
        try:
            self._result = function(*arguments)
        # Whoever asks for the result gets it.
        except BaseException as error:  # pylint: disable=W0718
            self._error = error

    def result(self):
        """Wait for the end."""
        self.join()
        if self._error:
            raise self._error
        return self._result


def build_modules(kernel):
    """Compile the modules; the guests see the files where they lie."""
    with vm.building():
        files = {os.path.basename(path): path for path in kernel.modules()}
    try:
        return files["fastsock.ko"], files["fastsock_rdma.ko"]
    except KeyError as error:
        raise DemoError(f"no {error} was built") from error


def boot(guests, build):
    """Boot all guests at a time, and say meanwhile who is up."""
    waiting = {name: Task(guest.boot) for name, guest in guests.items()}
    next_word = time.monotonic() + 10
    while waiting:
        for name, task in list(waiting.items()):
            task.join(0.1)
            if not task.is_alive():
                task.result()
                say(f"{name} is up")
                del waiting[name]
        # A module that does not compile is known before they are up.
        if build and not build.is_alive():
            build.result()
        if waiting and time.monotonic() > next_word:
            next_word += 10
            say("waiting for " + ", ".join(waiting))


def configure(guest):
    """Give a guest its addresses."""
    guest.must(f"ip address add {guest.address}/24 dev eth0 && "
               f"ip address add {guest.address6}/64 dev eth0 nodad && "
               "ip link set eth0 up")


def enable(guest, module):
    """Load the module in a guest and switch it on."""
    guest.must(f"insmod {module} && sysctl -q -w net.fastsock.enable=1")


def wait_capable(guest, peer):
    """Wait until a guest knows that its peer speaks fastsock."""
    deadline = time.monotonic() + PEER_SECONDS
    peers = ""
    while time.monotonic() < deadline:
        guest.run(f"ping -q -c 1 -W 1 {peer.address}; "
                  f"ping -q -c 1 -W 1 {peer.address6}")
        peers = guest.must("cat /proc/net/fastsock_peers")
        if any(peer.card in line and "capable" in line
               for line in peers.lower().splitlines()):
            return
        time.sleep(0.5)
    raise DemoError(f"{guest.name} never heard of {peer.name} ({peer.card}):\n"
                    f"{peers}")


def use_rdma(guests, module):
    """Give guests RDMA devices, and wait until their frames take these."""
    for guest in guests:
        guest.must("modprobe rdma_rxe && rdma link add rxe0 type rxe "
                   f"netdev eth0 && insmod {module}")
    client, server = guests
    deadline = time.monotonic() + PEER_SECONDS
    while time.monotonic() < deadline:
        # A connection asks for it.
        client.run(f"curl -s -o /dev/null http://{server.address}:80/ftp-1")
        states = [guest.must("cat /proc/net/fastsock_channels")
                  for guest in guests]
        if all(" up " in state for state in states):
            return
        time.sleep(0.5)
    raise DemoError("no channel over RDMA:\n" + "".join(states))


def warm_up(client, servers):
    """Connect a few times: what an emulator runs for the first time it must
    translate, which can take longer than net.fastsock.handshake_ms allows."""
    for server in servers:
        for address in 3 * (server.address, f"[{server.address6}]"):
            client.run(f"curl -s -o /dev/null http://{address}:80/ftp-1")


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


def run_row(row, guests, files, lan, workdir):
    """Run one program and collect what three witnesses say about it."""
    client, server = guests[row.client], guests[row.server]
    result = verdict.Result(
        row.program, client.name, server.name,
        verdict.TCP if "plain" in (client.name, server.name)
        else verdict.RDMA if row.rdma else verdict.FASTSOCK)
    capture = os.path.join(
        workdir, f"{client.name}-{server.name}-" +
        re.sub(r"\W+", "-", row.program) + ".pcap")
    before = settled_counters((client, server))
    lan.record(capture, SNAP_LEN)
    begun = time.monotonic()
    check = None
    try:
        check = row.function(client, server, files, **row.arguments)
    except programs.ProgramError as error:
        result.error = str(error)
    result.seconds = time.monotonic() - begun
    after = settled_counters((client, server))
    lan.end_record()
    try:
        result.bytes = check() if check else 0
    except programs.ProgramError as error:
        result.error = str(error)
    result.ends = tuple(verdict.End(verdict.difference(b, a))
                        for b, a in zip(before, after))
    result.wire = verdict.Wire.from_capture(capture, client, server)
    return result


def set_up(guests, files, build):
    """Configure booted guests up to the point where programs may run."""
    one, two, plain = guests.values()
    for guest in guests.values():
        configure(guest)
        programs.prepare(guest, files)
    if build:
        module, _ = build.result()
        say("the module is built, loading it in one and two")
        for guest in (one, two):
            enable(guest, module)
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


def demonstrate(options, workdir, guests, lan):
    """Boot, run every row, print the table; return the exit code."""
    kernel = guests["one"].kernel
    files = programs.Files(os.path.join(workdir, "files"),
                           options.size * programs.MIB)
    say(f"booting {kernel.release} in {len(guests)} guests"
        f"{'' if vm.have_kvm() else ' without KVM, this takes a minute'}")
    build = None if options.no_module else Task(build_modules, kernel)
    boot(guests, build)
    set_up(guests, files, build)

    rows = programs.rows(files, "one", "two", "plain")
    results = []
    rdma = False
    try:
        for row in rows:
            if row.rdma and build and not rdma:
                use_rdma([guests["one"], guests["two"]], build.result()[1])
                rdma = True
                say("one and two have RDMA devices")
            results.append(run_row(row, guests, files, lan, workdir))
            say(f"{row.program}, {row.client} > {row.server}: "
                f"{results[-1].path}, {results[-1].seconds:.1f} s")
    finally:
        print("\n" + verdict.table(results) + "\n")
    right = sum(not result.faults() for result in results)
    say(f"Linux {kernel.release}: {right} of {len(rows)} rows right")
    return 0 if right == len(rows) else 1


def main():
    """Run the demonstration and leave nothing behind."""
    options = arguments()
    if os.geteuid():
        print("make demo: run it as root: the guests' servers need the files "
              "of all users", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.makedirs(vm.CACHE, exist_ok=True)
    workdir = tempfile.mkdtemp(prefix="demo-", dir=vm.CACHE)
    os.chmod(workdir, 0o755)
    lan = vm.Segment()
    guests = {}
    try:
        for number, name in enumerate(("one", "two", "plain"), 1):
            guests[name] = Guest(options.kernel, name, number, lan)
        return demonstrate(options, workdir, guests, lan)
    except (DemoError, vm.GuestError) as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        # Nothing in them is worth a shutdown.
        for guest in guests.values():
            guest.kill()
            if options.keep:
                shutil.copy(guest.log, os.path.join(workdir, guest.name))
        lan.close()
        if options.keep:
            say(f"captures and kernel messages are in {workdir}")
        else:
            shutil.rmtree(workdir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
