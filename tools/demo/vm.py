# SPDX-License-Identifier: GPL-2.0
"""The virtual Ethernet and the guests on it: boot, command, capture, stop."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time

PORT_NAME = "fastsock.demo"
ROOT_TAG = "demo-root"
LOWER = "/run/lower"		# the host's root in a guest, read only, cached
SNAP_LEN = 96		# bytes of a frame that a capture keeps: the headers

# Devices no guest needs; probing them takes half of the boot without KVM.
BLACKLIST = ("ahci button evdev i2c_i801 i6300esb iTCO_wdt kvm_amd kvm_intel "
             "lpc_ich pcspkr psmouse qemu_fw_cfg serio_raw aesni_intel "
             "ghash_clmulni_intel crc32_pclmul crct10dif_pclmul sha1_ssse3 "
             "sha256_ssse3 sha512_ssse3").split()
KERNEL_ARGS = ["mitigations=off", "no5lvl", "loglevel=4",
               "modprobe.blacklist=" + ",".join(BLACKLIST)]

# Without KVM a processor with few features boots in two thirds of the time of
# "max"; without RDRAND the kernel would have to search for randomness.
EMULATED_CPU = "qemu64,-svm,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"

# What virtme-ng runs in a guest.
ENTER = ("mkdir {lower} && mount -t 9p -o ro,trans=virtio,version=9p2000.L,"
         "cache=loose,msize=512000 {tag} {lower} && "
         "exec bash {lower}{workdir}/enter.sh {lower} {workdir}")


class GuestError(Exception):
    """A guest died, or did not answer in time."""


def have_kvm():
    """Tell whether the processor says that it can run guests itself."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        flags = re.search(r"^flags.*\b(vmx|svm)\b", f.read(), re.MULTILINE)
    return bool(flags) and os.access("/dev/kvm", os.W_OK)


class Switch:
    """An Ethernet switch in a process; it ends with the controller."""

    def __init__(self, workdir):
        self.path = os.path.join(workdir, "switch")
        # It reads commands from its standard input and leaves at the end.
        self.process = subprocess.Popen(
            ["vde_switch", "-s", self.path, "-m", "600"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        for _ in range(50):
            if os.path.exists(os.path.join(self.path, "ctl")):
                return
            time.sleep(0.1)
        raise GuestError("vde_switch does not start")

    def stop(self):
        """End the switch."""
        self.process.terminate()
        self.process.wait()


class Guest:
    """One virtual machine: virtme-ng shares the host's programs with it."""

    def __init__(self, name, number, workdir, memory="768M", ipv6=False):
        self.name = name
        self.address = f"10.77.0.{number}"
        self.mac = f"52:54:00:77:00:{number:02x}"
        self.workdir = workdir
        self.memory = memory
        self.cpus = 1
        self.arguments = KERNEL_ARGS + ([] if ipv6 else ["ipv6.disable=1"])
        self.process = None
        self.agent = None
        self.qmp = None
        self._listener = self._listen("agent")
        self._qmp_listener = self._listen("qmp")
        self._buffer = b""

    def _file(self, suffix):
        return os.path.join(self.workdir, f"{self.name}.{suffix}")

    def _listen(self, suffix):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._file(suffix))
        listener.listen(1)
        return listener

    def _qemu_options(self, switch):
        options = ["-nodefaults",
                   "-chardev", f"socket,id=agent,path={self._file('agent')}",
                   "-device", "virtio-serial-pci,id=agentbus",
                   "-device", "virtserialport,bus=agentbus.0,chardev=agent,"
                              f"name={PORT_NAME}",
                   "-fsdev", "local,id=host,path=/,security_model=none,"
                             "readonly=on,multidevs=remap",
                   "-device", f"virtio-9p-pci,fsdev=host,mount_tag={ROOT_TAG}",
                   "-chardev", f"socket,id=qmp,path={self._file('qmp')}",
                   "-mon", "chardev=qmp,mode=control"]
        if switch:
            options += ["-netdev", f"vde,id=net0,sock={switch.path}",
                        "-device", f"virtio-net-pci,netdev=net0,mac={self.mac}"]
        if not have_kvm():
            options += ["-cpu", EMULATED_CPU]
        return shlex.join(options)

    def start(self, vng, kernel, switch=None):
        """Start to boot; booted() tells when that is done."""
        command = [vng, "--run", kernel, "--user", "root",
                   "--cpus", str(self.cpus), "--memory", self.memory,
                   "--name", self.name, "--verbose",
                   "--cwd", "/", "--force-9p", "--disable-microvm",
                   "--exec", ENTER.format(lower=LOWER, tag=ROOT_TAG,
                                          workdir=self.workdir)]
        for argument in self.arguments:
            command += ["--append", argument]
        if not have_kvm():
            command.append("--disable-kvm")
        command.append("--qemu-opts=" + self._qemu_options(switch))
        with open(self._file("out"), "wb") as out, \
             open(self._file("console"), "wb") as console:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=console,
                cwd="/", start_new_session=True,
                env=os.environ | {"PATH": f"{os.path.dirname(vng)}:"
                                          f"{os.environ['PATH']}"})

    def booted(self):
        """Tell whether the agent is ready; never waits long."""
        if self.agent is None:
            self.agent = self._accept(self._listener)
        elif self.qmp is None:
            connection = self._accept(self._qmp_listener)
            if connection:
                self._open_qmp(connection)
        else:
            return self._receive(0.1) == "ready"
        return False

    def boot(self, vng, kernel, seconds):
        """Start alone, and wait so long until the agent is ready."""
        self.start(vng, kernel)
        deadline = time.monotonic() + seconds
        while not self.booted():
            if time.monotonic() > deadline:
                raise GuestError(f"guest {self.name} does not boot:\n"
                                 f"{self.console()}")

    def _accept(self, listener):
        listener.settimeout(0.1)
        try:
            return listener.accept()[0]
        except TimeoutError:
            if self.process.poll() is not None:
                raise GuestError(f"guest {self.name} does not start:\n"
                                 f"{self.console()}") from None
            return None

    def console(self):
        """Return the last lines of the kernel's messages and of virtme-ng."""
        with open(self._file("console"), encoding="utf-8",
                  errors="replace") as f:
            return "".join(f.readlines()[-40:])

    def _receive(self, timeout):
        """Return the agent's next answer, None if there is none yet."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            self.agent.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.agent.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                raise GuestError(f"guest {self.name} died:\n{self.console()}")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def ask(self, request, timeout=60):
        """Let the agent do something and return its answer."""
        self.agent.sendall(json.dumps(request).encode() + b"\n")
        reply = self._receive(timeout)
        if reply is None:
            raise GuestError(f"guest {self.name} does not answer:\n"
                             f"{self.console()}")
        return reply

    def run(self, script, timeout=60):
        """Run a shell script; return its exit code and its output."""
        reply = self.ask({"run": script, "timeout": timeout}, timeout + 30)
        return reply["rc"], reply["out"]

    def must(self, script, timeout=60):
        """Run a shell script that has to succeed; return its output."""
        rc, out = self.run(script, timeout)
        if rc:
            raise GuestError(f"guest {self.name}: {script}\n{out}(exit {rc})")
        return out

    def _qmp_command(self, command, **arguments):
        message = {"execute": command, "arguments": arguments}
        self.qmp.write(json.dumps(message) + "\n")
        self.qmp.flush()
        for line in self.qmp:		# greeting and events pass by
            reply = json.loads(line)
            if "error" in reply:
                raise GuestError(f"QEMU: {reply['error']['desc']}")
            if "return" in reply:
                return
        raise GuestError(f"guest {self.name}: QEMU is gone")

    def _open_qmp(self, connection):
        connection.settimeout(20)
        self.qmp = connection.makefile("rw", encoding="utf-8")
        connection.close()		# the stream keeps it open
        self._qmp_command("qmp_capabilities")

    def capture(self, path):
        """Begin to record the headers of all frames on the guest's link."""
        self._qmp_command("object-add", **{
            "qom-type": "filter-dump", "id": "capture", "netdev": "net0",
            "file": path, "maxlen": SNAP_LEN})

    def end_capture(self):
        """End the record that capture() began."""
        self._qmp_command("object-del", id="capture")

    def stop(self):
        """End the virtual machine; nothing in it is worth a shutdown."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
