# SPDX-License-Identifier: GPL-2.0
"""Guests whose clock counts instructions: builds and runs them.

They boot an initramfs with "init" and a plan, a shell script that says what to
measure; what it prints comes back line by line.
"""

import os
import shutil
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "selftests", "vm"))
import guest  # noqa: E402  pylint: disable=wrong-import-position

TIMEOUT = 1800  # seconds of one boot, on a busy machine
PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


class Failure(Exception):
    """A guest that did not measure everything."""


def compile_c(source, output, *options):
    """Compiles one of the C files beside this one."""
    subprocess.run(["gcc", "-O2", "-Wall", *options, "-o", output,
                    os.path.join(HERE, source)], check=True)


def _libraries(program):
    """Files that a dynamic program is linked with."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE,
                          text=True, check=True)
    return [word for word in done.stdout.split() if word.startswith("/")]


def _stock_modules(release, name):
    """Files of a stock module and what it depends on, in loading order."""
    done = subprocess.run(
        ["modprobe", "-S", release, "--show-depends", name],
        stdout=subprocess.PIPE, text=True, check=True)
    return [line.split()[1] for line in done.stdout.splitlines()
            if line.startswith("insmod ")]


def install(source, target):
    """Copies a file and makes its directory; unpacks a kernel module."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    unpack = {".xz": "xz", ".zst": "zstd"}.get(os.path.splitext(source)[1])
    if unpack:
        with open(target, "wb") as file:
            subprocess.run([unpack, "-dc", source], stdout=file, check=True)
    else:
        shutil.copy(source, target)


def install_program(name, target, root):
    """Copies a program of this machine and its libraries."""
    program = shutil.which(name, path=PATH)
    if not program:
        raise Failure(f"no program {name}: run 'make deps'")
    install(program, root + target)
    for library in _libraries(program):
        install(library, root + library)


def _install_stock(root, kernel, order, modules):
    """Copies stock modules and what they need, and notes their order."""
    names = []
    for module in modules:
        for path in _stock_modules(kernel.release, module):
            names.append(os.path.basename(path).split(".ko")[0] + ".ko")
            install(path, f"{root}/modules/{names[-1]}")
    with open(f"{root}/modules/{order}", "w", encoding="ascii") as file:
        file.writelines(f"{name}\n" for name in names)


def _fill_root(root, kernel, plan, programs):
    """The guest's few files; "init" knows their places."""
    install(os.path.join(HERE, "init"), f"{root}/init")
    install(plan, f"{root}/plan")
    install(shutil.which("busybox"), f"{root}/bin/busybox")
    for name in ("ip", "tc", "chrt", "ethtool", "rdma", *programs):
        install_program(name, f"/sbin/{name}", root)
    compile_c("bench.c", f"{root}/bin/bench", "-static")
    _install_stock(root, kernel, "order", ("veth", "af_packet", "sch_netem"))
    _install_stock(root, kernel, "order-rdma", ("ib_core",))
    for path in kernel.modules():
        install(path, f"{root}/modules/{os.path.basename(path)}")
    for name in ("dev", "proc", "sys", "run", "tmp", "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)


def build_initramfs(kernel, work, plan, programs=(), fill=None):
    """Writes the initramfs of a kernel for a plan; returns its file.

    programs are more names of programs of this machine; fill(root) may add
    other files.
    """
    root = os.path.join(work, f"root-{kernel.label}")
    _fill_root(root, kernel, plan, programs)
    if fill:
        fill(root)
    output = os.path.join(work, f"initramfs-{kernel.label}")
    with open(output, "wb") as file:
        subprocess.run(
            "find . -print0 | cpio --null --create --quiet --format=newc "
            "--owner=0:0", shell=True, cwd=root, stdout=file, check=True)
    return output


def run(kernel, initramfs, words="", options=(), line=None, memory=256):
    """Boots a guest until it powers off; returns what it has printed.

    words are for the kernel's command line, options for QEMU; line gets each
    line as it comes.
    """
    # The guest ends with this program; its clock and TSC count instructions.
    command = ["setpriv", "--pdeathsig", "KILL",
               "qemu-system-x86_64", "-accel", "tcg", "-icount",
               "shift=0,sleep=off", "-smp", "1", "-m", str(memory),
               "-nodefaults", "-cpu", "qemu64,+rdrand", "-display", "none",
               "-no-reboot", "-kernel", kernel.image, "-initrd", initramfs,
               "-append", f"console=ttyS0 quiet panic=-1 {words}",
               "-serial", "stdio", *options]
    output = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as process:
        late = threading.Event()

        def end():
            late.set()
            process.kill()

        timer = threading.Timer(TIMEOUT, end)
        timer.start()
        try:
            for text in process.stdout:
                output.append(text.rstrip())
                if line:
                    line(output[-1])
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
    tail = "\n".join(output)[-4000:]
    if late.is_set():
        raise Failure(f"no end after {TIMEOUT} s; the guest printed:\n{tail}")
    if "done" not in output:
        raise Failure(f"the guest printed:\n{tail}")
    return output
