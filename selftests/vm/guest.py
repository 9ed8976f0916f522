# SPDX-License-Identifier: GPL-2.0
"""Guests: builds what they boot, starts them, runs commands in them.

Tests, the demonstration and the benchmark's programs use them.  The commands
come by a virtio port, so they leave no trace in the counters of a network.  A
pair test is a short script:

    import guest
    with guest.Segment() as lan:
        with guest.Guest("6.12", "a", [lan]) as a, \\
             guest.Guest("6.12", "b", [lan]) as b:
            a.run("ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up")
            ...
            b.kill()                            # the power cut
"""

import contextlib
import functools
import fcntl
import hashlib
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("FASTSOCK_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
    "fastsock")
# Products of this checkout; another one's never mix with them.
BUILD = os.path.join(CACHE, "build",
                     hashlib.sha256(TOP.encode()).hexdigest()[:12])
# Compiled tests, as "run" installs them; every guest has them in /selftests.
TESTS = os.path.join(BUILD, "root")
LABELS = ("6.1", "6.12", "debug")
# Where a guest finds the module, for its shell.
MODULE = "/lib/modules/$(uname -r)/extra/fastsock.ko"

# Emulated kernels die now and then while they patch their own code at boot,
# before there is anything of ours in them: so often a guest may try.
BOOTS = 3
# The root of this machine, as "mkinitramfs.sh -r" finds it.
SHARED_ROOT = [
    "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,"
              "multidevs=remap",
    "-device", "virtio-9p-pci,fsdev=root,mount_tag=shared"]
# What a healthy kernel never prints.
SPLAT = re.compile(
    r"\bBUG:|WARNING:|Oops:|KASAN:|UBSAN:|general protection fault|"
    r"possible (circular|recursive|irq|deadlock)|inconsistent lock state|"
    r"suspicious RCU usage|refcount_t:|unreferenced object|"
    r"leaked reference|unregister_netdevice: waiting|"
    r"sleeping function called|blocked for more than|"
    r"rcu:? INFO:.*stall|Kernel panic|ODEBUG:|Bad page state|"
    r"Call Trace:")
# What a guest's shell does when no test needs the module any more.
UNLOAD = """
for i in $(seq 50); do
    rmmod fastsock && exit 0
    sleep 0.2
done
lsmod; ss -tan
exit 1
"""
KMEMLEAK = "/sys/kernel/debug/kmemleak"
FORGET_LEAKS = f"echo scan > {KMEMLEAK}; echo clear > {KMEMLEAK}"
LEAKS = f"""
for i in 1 2; do sleep 5; echo scan > {KMEMLEAK}; done
! grep . {KMEMLEAK}
"""


class GuestError(Exception):
    """A guest that could not be built, booted or reached."""


class DeadGuest(GuestError):
    """A guest that ended before it was up."""


def _tool(name, *arguments):
    """Runs one of the scripts beside this file; returns what it prints."""
    done = subprocess.run([os.path.join(HERE, name), *arguments],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise GuestError(f"{name} failed with status {done.returncode}")
    return done.stdout.strip()


def stock_release(series):
    """The newest installed Debian kernel of a series such as "6.1"."""
    done = subprocess.run(
        ["bash", "-c", '. "$1"; stock_release "$2"', "-",
         os.path.join(HERE, "lib.sh"), series],
        stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise GuestError(f"no kernel {series}")
    return done.stdout.strip()


class Kernel:
    """One kernel to test on: where it lies and what is compiled against it."""

    def __init__(self, label):
        self.label = label
        self.debug = label == "debug"
        if self.debug:
            self.build = _tool("debug-kernel.sh").splitlines()[-1]
            self.image = os.path.join(self.build, "arch/x86/boot/bzImage")
            with open(os.path.join(self.build,
                                   "include/config/kernel.release"),
                      encoding="ascii") as file:
                self.release = file.read().strip()
        else:
            self.release = stock_release(label)
            self.build = f"/lib/modules/{self.release}/build"
            self.image = f"/boot/vmlinuz-{self.release}"

    @property
    def slowness(self):
        """By how much timeouts grow: assertions and emulation cost time."""
        return 4 if self.debug else 1

    def modules(self):
        """Compiles the module and its unit tests; returns the files."""
        out = os.path.join(BUILD, self.label)
        log = out + ".log"
        os.makedirs(out, exist_ok=True)
        with open(log, "w", encoding="utf-8") as file:
            done = subprocess.run(
                [os.path.join(HERE, "build-module.sh"), self.build, out],
                stdout=file, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            with open(log, encoding="utf-8", errors="replace") as file:
                sys.stderr.write(file.read()[-4000:])
            raise GuestError(f"the module does not compile for {self.label}")
        return [os.path.join(out, name) for name in sorted(os.listdir(out))
                if name.endswith(".ko")]

    def initramfs(self, extra=(), module=True, tests=True):
        """Builds the initramfs; extra are more mkinitramfs.sh options."""
        # A pair test boots what "run" has built for all tests.
        built = os.environ.get("FASTSOCK_INITRAMFS")
        if built and module and not extra:
            return built
        files = self.modules() if module else []
        arguments = list(extra)
        if tests and os.path.isdir(TESTS):
            arguments += ["-d", TESTS]
        for file in files:
            arguments += ["-x", file]
        name = hashlib.sha256(repr(arguments).encode()).hexdigest()[:8]
        path = os.path.join(BUILD, f"initramfs-{self.label}-{name}")
        _tool("mkinitramfs.sh", *arguments, self.release, path)
        return path


@contextlib.contextmanager
def building():
    """Keeps other processes from building in the same place."""
    os.makedirs(BUILD, exist_ok=True)
    with open(os.path.join(BUILD, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


_images = {}
_images_lock = threading.Lock()


def image(label, extra=(), module=True, tests=True):
    """Kernel and initramfs path for a label, built once per process."""
    key = (label, tuple(extra), module, tests)
    with _images_lock:
        if key not in _images:
            with building():
                kernel = Kernel(label)
                _images[key] = kernel, kernel.initramfs(extra, module, tests)
        return _images[key]


_tsc_lock = threading.Lock()


def tsc_khz():
    """The rate of the time stamp counter, which an emulated guest sees too."""
    with _tsc_lock:
        return _measure_tsc()


@functools.lru_cache(maxsize=None)
def _measure_tsc():
    os.makedirs(BUILD, exist_ok=True)
    program = os.path.join(BUILD, f"tsc-{os.getpid()}")
    subprocess.run(["gcc", "-O2", "-o", program,
                    os.path.join(HERE, "tsc.c")], check=True)
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True,
                          check=True)
    os.unlink(program)
    return int(done.stdout)


def have_kvm():
    """Whether the processor says that it can run guests itself."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = re.search(r"^flags\s*:.*$", file.read(), re.M)
    return bool(flags and re.search(r"\b(vmx|svm)\b", flags[0])
                and os.access("/dev/kvm", os.R_OK | os.W_OK))


# What an emulated processor has.  RDRAND, or random numbers come slowly; SMAP
# catches stray accesses.
EMULATED_CPU = "qemu64,+rdrand,+smap,+smep"
# With few features a guest boots in two thirds of the time of "max", but there
# are programs of Debian that want these.
PROGRAMS_CPU = "qemu64,-svm,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"


def acceleration(kernel, cpu=EMULATED_CPU):
    """QEMU's options: KVM where the processor has it, emulation elsewhere.

    When one emulated processor patches code that another one executes, as
    jump labels do, the other may execute the old int3 for ever, or after
    nobody is left to handle it: the guest hangs or dies (QEMU 7.2 and 10.0).
    Processors that take turns on one thread cannot; the debug kernel does
    not patch, so its processors run at the same time and races show.
    """
    if have_kvm():
        return ["-accel", "kvm", "-cpu", "host"]
    thread = "multi" if kernel.debug else "single"
    return ["-accel", f"tcg,thread={thread}", "-cpu", cpu]


class _Port:
    """One guest's end of a segment: a stream of frames, each length first."""

    def __init__(self, sock):
        self.sock = sock
        self.input = bytearray()
        self.output = bytearray()

    def take(self):
        """The whole frames among what has arrived."""
        frames = []
        start = 0
        while len(self.input) >= start + 4:
            end = start + 4 + int.from_bytes(self.input[start:start + 4],
                                             "big")
            if len(self.input) < end:
                break
            frames.append(bytes(self.input[start + 4:end]))
            start = end
        del self.input[:start]
        return frames

    def put(self, frame):
        """Queues a frame, or loses it as a full switch does."""
        if len(self.output) < 4 << 20:
            self.output += len(frame).to_bytes(4, "big") + frame

    def flush(self):
        """Writes what the guest is ready to take."""
        with contextlib.suppress(BlockingIOError):
            while self.output:
                del self.output[:self.sock.send(self.output[:1 << 18])]


class Segment:
    """An Ethernet segment between guests: a learning switch in a thread.

    frame(data) may be set to a function that sees every frame and returns
    it, something else to send in its place, or None to lose it.
    """

    fds = ()    # what QEMU inherits to be plugged in

    def __init__(self, frame=None):
        self.frame = frame
        self.frames = 0
        self._dir = tempfile.mkdtemp(prefix="fastsock-lan-")
        self._ports = {}        # socket -> _Port
        self._macs = {}         # MAC -> _Port
        self._lock = threading.Lock()
        self._wake_in, self._wake_out = os.pipe()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(os.path.join(self._dir, "lan"))
        self._listener.listen()
        self._pcap = None
        self._length = 0
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the thread and unplugs every guest."""
        os.write(self._wake_out, b"q")
        self._thread.join()
        for sock in (self._listener, *self._ports):
            sock.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
        self.end_record()
        shutil.rmtree(self._dir, ignore_errors=True)

    def plug(self):
        """QEMU's -netdev argument, without the id, for one more guest."""
        return ("stream,server=off,addr.type=unix,addr.path="
                + os.path.join(self._dir, "lan"))

    def record(self, path, length=65535):
        """Begins a file of what is sent, with so many bytes of each frame."""
        # pylint: disable=consider-using-with
        file = open(path, "wb", buffering=0)
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, length, 1))
        with self._lock:
            self._pcap, self._length = file, length

    def end_record(self):
        """Ends the file that record() began."""
        with self._lock:
            file, self._pcap = self._pcap, None
        if file:
            file.close()

    def send(self, data):
        """Forges a frame: every guest it is addressed to gets it."""
        with self._lock:
            self._switch(data, None)
        os.write(self._wake_out, b"+")

    def _switch(self, data, source):
        self.frames += 1
        if self._pcap:
            now = time.time()
            kept = data[:self._length]
            self._pcap.write(struct.pack(
                "<IIII", int(now), int(now % 1 * 1e6), len(kept), len(data))
                + kept)
        known = None if data[0] & 1 else self._macs.get(data[0:6])
        for port in [known] if known else self._ports.values():
            if port is not source:
                port.put(data)

    def _unplug(self, port):
        port.sock.close()
        del self._ports[port.sock]
        for mac in [mac for mac, at in self._macs.items() if at is port]:
            del self._macs[mac]

    def _read(self, port):
        data = port.sock.recv(1 << 18)
        if not data:
            raise ConnectionResetError
        port.input += data
        for frame in port.take():
            if len(frame) < 14:
                continue
            self._macs[frame[6:12]] = port
            if self.frame:
                frame = self.frame(frame)
            if frame:
                self._switch(frame, port)

    def _step(self, readable):
        if self._listener in readable:
            sock = self._listener.accept()[0]
            sock.setblocking(False)
            self._ports[sock] = _Port(sock)
        for port in list(self._ports.values()):
            try:
                if port.sock in readable:
                    self._read(port)
            except BlockingIOError:
                pass
            except OSError:
                self._unplug(port)
        for port in list(self._ports.values()):
            try:
                port.flush()
            except OSError:
                self._unplug(port)

    def _loop(self):
        while True:
            ports = list(self._ports.values())
            readable, _, _ = select.select(
                [self._wake_in, self._listener, *(p.sock for p in ports)],
                [p.sock for p in ports if p.output], [])
            if self._wake_in in readable and \
                    b"q" in os.read(self._wake_in, 4096):
                return
            with self._lock:
                self._step(readable)


class Job:
    """A command that runs in a guest."""

    def __init__(self, guest, number, sink):
        self.guest = guest
        self.number = number
        self.sink = sink
        self.data = bytearray()
        self.status = None
        self.done = threading.Event()

    @property
    def output(self):
        """What it has printed up to now."""
        return bytes(self.data).decode(errors="replace")

    def wait(self, timeout):
        """(status, output); status 124 when it was killed for its time."""
        late = not self.done.wait(timeout)
        if late:
            self.kill()
            self.done.wait(10)
        if not self.guest.alive and self.status is None:
            raise GuestError(f"guest {self.guest.name} died")
        return 124 if late else self.status, self.output

    def kill(self):
        """Kills the command and its process group."""
        self.guest.send(f"kill {self.number}\n".encode())


class Guest:
    """A running virtual machine; leaving its context switches it off.

    label is the kernel ("6.1", "6.12", "debug"); eth0, eth1 ... are plugged
    into segments, or into ports of a bridge (bridge.py); extra are options of
    mkinitramfs.sh; module=False leaves fastsock.ko out.  It is never loaded
    here: run("modprobe fastsock").

    programs=True gives it this machine's root, with all programs that are
    installed, and with what it writes there in its own memory; no tests, and
    fastsock.ko where this machine has it.  words are for the command line of
    its kernel.  With boot=False it waits for boot().
    """

    def __init__(self, label, name="guest", segments=(), extra=(),
                 module=True, memory="2G", cpus=2, boot_timeout=180,
                 programs=False, words=(), boot=True):
        if programs:
            extra, module = ("-r", *extra), False
        self.kernel, initrd = image(label, extra, module, not programs)
        self.name = name
        self.log = self._new_log()
        self._qemu = None
        # Not the other lock: to send to a guest that hangs may take for ever.
        self._boot_lock = threading.Lock()
        self._ended = False
        self._fds = [fd for segment in segments for fd in segment.fds]
        self._boot_timeout = boot_timeout
        self._jobs = {}
        self._count = 0
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._dir = tempfile.mkdtemp(prefix="fastsock-vm-")
        self._path = os.path.join(self._dir, "port")
        self._command = [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config",
            "-display", "none", "-no-reboot", "-m", memory,
            "-smp", str(cpus),
            *acceleration(self.kernel,
                          PROGRAMS_CPU if programs else EMULATED_CPU),
            "-kernel", self.kernel.image, "-initrd", initrd,
            "-append", " ".join(self._cmdline(programs, words)),
            "-serial", f"file:{self.log}",
            "-device", "virtio-rng-pci",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=port,path={self._path},server=on,wait=off",
            "-device", "virtserialport,chardev=port,name=fastsock"]
        for i, segment in enumerate(segments):
            mac = self.mac(name, i)
            self._command += [
                "-netdev", f"{segment.plug()},id=n{i}",
                "-device", f"virtio-net-pci,netdev=n{i},mac={mac}"]
        if programs:
            self._command += SHARED_ROOT
        if boot:
            self.boot()

    def boot(self):
        """Boots; whoever calls kill() meanwhile ends that."""
        for attempts in reversed(range(BOOTS)):
            try:
                self._boot()
                return
            except DeadGuest as error:
                self.kill(keep=attempts and not self._ended)
                if not attempts or self._ended:
                    raise
                sys.stderr.write(f"# {error}: once more\n")
            except BaseException:
                self.kill()
                raise

    def _boot(self):
        self._ready = threading.Event()
        with self._boot_lock:
            if self._ended:
                raise DeadGuest(f"guest {self.name} was ended")
            self._qemu = subprocess.Popen(self._command,
                                          stdin=subprocess.DEVNULL,
                                          pass_fds=self._fds)
        self._connect(self._path)
        if not self._ready.wait(self._boot_timeout * self.kernel.slowness):
            raise GuestError(f"guest {self.name} did not boot: {self.log}")
        if not self.alive:
            raise DeadGuest(f"guest {self.name} died: {self.log}")

    def _new_log(self):
        """An empty file for the console; those of yesterday go."""
        logs = os.path.join(BUILD, "logs")
        os.makedirs(logs, exist_ok=True)
        for entry in os.scandir(logs):
            # Other guests do so, too.
            with contextlib.suppress(FileNotFoundError):
                if entry.stat().st_mtime < time.time() - 86400:
                    os.unlink(entry)
        file, path = tempfile.mkstemp(
            prefix=f"{self.kernel.label}-{self.name}-", suffix=".log",
            dir=logs)
        os.close(file)
        return path

    def _cmdline(self, programs, more):
        words = ["console=ttyS0", "panic=-1", "oops=panic",
                 "net.ifnames=0", "random.trust_cpu=on",
                 "log_buf_len=4M", "printk.time=1",
                 # Emulated processors stop for long when the host is busy.
                 "watchdog_thresh=60", "rcupdate.rcu_cpu_stall_timeout=120",
                 # A guest that hangs makes way for another one.
                 "softlockup_panic=1",
                 # On a busy host a guest misjudges its clock several times over.
                 "tsc=reliable", f"tsc_early_khz={tsc_khz()}"]
        if programs:
            words += ["mitigations=off", "no5lvl", f"hostname={self.name}"]
            if not self.kernel.debug:
                words += ["loglevel=4"]
        elif self.kernel.debug:
            words += ["panic_on_warn=1"]
        return [*words, *more]

    @staticmethod
    def mac(name, index):
        """The address of a guest's card, by the guest's name."""
        digest = hashlib.sha256(f"{name} {index}".encode()).digest()
        return "52:54:" + ":".join(f"{byte:02x}" for byte in digest[:4])

    def _connect(self, path):
        self._port = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        for _ in range(200):
            with contextlib.suppress(OSError):
                self._port.connect(path)
                break
            if not self.alive:
                raise DeadGuest(f"QEMU ended for guest {self.name}")
            time.sleep(0.05)
        else:
            raise GuestError(f"no connection to guest {self.name}")
        threading.Thread(target=self._receive,
                         args=(self._qemu, self._ready), daemon=True).start()

    def _receive(self, qemu, ready):
        with contextlib.suppress(OSError, ValueError):
            with self._port.makefile("rb") as stream:
                for line in stream:
                    self._message(line.split(), stream)
        # Whoever waits must not wait for a dead guest.
        qemu.wait()
        ready.set()
        if qemu is not self._qemu:
            return
        with self._lock:
            for job in self._jobs.values():
                job.done.set()

    def _message(self, words, stream):
        if words == [b"ready"]:
            self._ready.set()
            return
        job = self._jobs.get(int(words[1]))
        if words[0] == b"out":
            data = stream.read(int(words[2]))
            if job:
                job.data += data
                if job.sink:
                    job.sink(data)
        elif words[0] == b"end" and job:
            job.status = int(words[2])
            job.done.set()

    def __enter__(self):
        if not self.alive:
            raise GuestError(f"guest {self.name} died: see {self.log}")
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def alive(self):
        """Whether QEMU still runs: it ends when the guest panics."""
        return self._qemu is not None and self._qemu.poll() is None

    def send(self, data):
        """Sends a request to the agent."""
        with self._lock, contextlib.suppress(OSError):
            self._port.sendall(data)

    def start(self, command, sink=None):
        """Starts a shell command; sink gets its output as it comes."""
        with self._lock:
            self._count += 1
            job = Job(self, self._count, sink)
            self._jobs[job.number] = job
        text = command.encode()
        self.send(b"run %d %d\n" % (job.number, len(text)) + text)
        if not self.alive:
            job.done.set()
        return job

    def run(self, command, timeout=60, check=False):
        """(status, output) of a shell command; check raises on a failure."""
        status, output = self.start(command).wait(
            timeout * self.kernel.slowness)
        if check and status:
            raise GuestError(f"{self.name}: status {status} of {command}\n"
                             + output)
        return status, output

    def must(self, command, timeout=60):
        """The output of a shell command that has to succeed."""
        return self.run(command, timeout, check=True)[1]

    def until(self, command, seconds=30):
        """Repeats a command until it succeeds; whether it did in time."""
        return self.run(f"end=$((SECONDS + {seconds})); until {command}; do "
                        "[ $SECONDS -lt $end ] || exit 1; sleep 0.1; done",
                        seconds + 30)[0] == 0

    def counter(self, name):
        """One counter of /proc/net/fastsock_stat, without its "Fsk"."""
        return int(re.search(rf"^Fsk{name}\s+(\d+)", self.run(
            "cat /proc/net/fastsock_stat")[1], re.M)[1])

    def reap(self):
        """Kills every process of the guest."""
        self.send(b"reap\n")

    def kill(self, keep=False):
        """The power cut; keep leaves what another boot needs."""
        with self._boot_lock:
            self._ended = self._ended or not keep
        if self._qemu:
            self._qemu.kill()
            self._qemu.wait()
        if not keep:
            self._cleanup()

    def close(self):
        """Switches the guest off in an orderly way."""
        if self.alive:
            self.send(b"poweroff\n")
            try:
                self._qemu.wait(15 * self.kernel.slowness)
            except subprocess.TimeoutExpired:
                self._qemu.kill()
                self._qemu.wait()
        self._cleanup()

    def _cleanup(self):
        if hasattr(self, "_port"):
            self._port.close()
        shutil.rmtree(self._dir, ignore_errors=True)

    def console(self, offset=0):
        """The kernel's messages from an offset on."""
        with open(self.log, "rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace").replace("\r", "")

    def splat(self, offset=0):
        """What the kernel complained of since an offset, or None."""
        lines = self.console(offset).splitlines()
        for i, line in enumerate(lines):
            if SPLAT.search(line):
                return "\n".join(lines[max(0, i - 3):i + 80])
        return None
