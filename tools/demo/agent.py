#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Obeys the controller inside a guest: runs scripts, reads and hashes files.

Requests and answers are JSON lines over a virtio-serial port, so that the
conversation leaves no trace in the network counters it is asked to read.
The end of the conversation is the end of the guest: when the controller goes
away, however it does, this program returns and the guest powers off.
"""

import glob
import hashlib
import json
import os
import signal
import subprocess

PORT_NAME = "fastsock.demo"
CHUNK = 1 << 20


def open_port():
    """Open the controller's port, found by its name, unbuffered."""
    for name_file in glob.glob("/sys/class/virtio-ports/*/name"):
        with open(name_file, encoding="ascii") as f:
            if f.read().strip() == PORT_NAME:
                device = os.path.basename(os.path.dirname(name_file))
                return open(f"/dev/{device}", "r+b", buffering=0)
    raise SystemExit(f"no virtio port named {PORT_NAME}")


def run(script, timeout):
    """Run a shell script, kill it with all its children at the timeout."""
    with subprocess.Popen(["/bin/bash", "-c", script],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          start_new_session=True) as process:
        try:
            out, _ = process.communicate(timeout=timeout)
            return {"rc": process.returncode,
                    "out": out.decode(errors="replace")}
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, _ = process.communicate()
            return {"rc": -1, "out": out.decode(errors="replace") +
                    f"\nstill running after {timeout} s"}


def read(paths):
    """Return the text of each file, None for one that does not exist."""
    texts = {}
    for path in paths:
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                texts[path] = f.read()
        except FileNotFoundError:
            texts[path] = None
    return texts


def digest(path):
    """Return the file's MD5: the quickest by far without SHA instructions."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as f:
            while chunk := f.read(CHUNK):
                md5.update(chunk)
    except OSError as error:
        return str(error)
    return md5.hexdigest()


def answer(request):
    """Do what one request asks."""
    if "run" in request:
        return run(request["run"], request["timeout"])
    if "read" in request:
        return read(request["read"])
    return [digest(path) for path in request["digest"]]


def main():
    """Serve until the controller hangs up."""
    with open_port() as port:
        port.write(b'"ready"\n')
        pending = b""
        while data := port.read(65536):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                reply = json.dumps(answer(json.loads(line))).encode() + b"\n"
                while reply:
                    reply = reply[port.write(reply):]


if __name__ == "__main__":
    main()
