# SPDX-License-Identifier: GPL-2.0
"""Part 2: the microbenchmarks of the Fast Sockets paper.

They run in a guest whose clock counts instructions, so that times mean the
same on every machine: a nanosecond is one instruction of its one processor,
and waiting lasts as long as it would.
"""

import collections
import os

import icount
from icount import guest

HERE = os.path.dirname(os.path.realpath(__file__))
SIZES = [1 << i for i in range(17)]
# Files that go by FTP.
FILES = [4 ** i for i in range(13)] + [32 << 20]
# Request and reply, as netperf users choose them.
TRANSACTIONS = [(1, 1), (64, 64), (100, 200), (128, 8192)]
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
SENDS = 500
CONNECTIONS = 20
MEMORY = 768    # MiB of the guest, which holds the files


def round_trip(size):
    """How bench calls a round trip; small ones are averaged over more."""
    return f"echo:{size}:{size}:{20 if size < 4096 else 5}"


def bandwidth(size):
    """How bench calls 500 sends and a reply."""
    return f"bulk:{size}:1:{SENDS}"


def request_response(request, reply):
    """How bench calls requests on one connection."""
    if request == reply:
        return round_trip(request)
    return f"echo:{request}:{reply}:20"


def connect_request_response(request, reply):
    """How bench calls requests with a connection for each."""
    return f"open:{request}:{reply}:{CONNECTIONS}"


def file_transfer(size):
    """The name of the transfer of one file."""
    return f"ftp:{size}"


def tests():
    """All that bench has to do."""
    return list(dict.fromkeys(
        [round_trip(size) for size in SIZES]
        + [request_response(*pair) for pair in TRANSACTIONS]
        + [connect_request_response(*pair) for pair in TRANSACTIONS]
        + [bandwidth(size) for size in SIZES]))


def _write(root, name, text):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _fill(root):
    """What programs look for in /etc."""
    _write(root, "etc/passwd", "root:x:0:0::/:/bin/sh\n"
           "ftp:x:100:100::/ftp/files:/bin/false\n"
           "nobody:x:65534:65534::/:/bin/false\n")
    _write(root, "etc/group", "root:x:0:\nftp:x:100:\nnogroup:x:65534:\n")
    _write(root, "etc/nsswitch.conf", "passwd: files\nhosts: files\n")
    _write(root, "etc/protocols", "tcp 6 TCP\n")
    _write(root, "etc/services", "ftp 21/tcp\n")


class Results:
    """What the guest has printed, by path and test, a figure for each round."""

    def __init__(self):
        self.times = collections.defaultdict(
            lambda: collections.defaultdict(list))
        self.carriers = collections.defaultdict(set)
        self._path = None

    def line(self, text):
        """Takes one line; tells whether it is a figure of a round."""
        words = text.split()
        if len(words) == 2 and words[0] == "path":
            self._path = words[1]
        elif len(words) == 2 and words[0] == "ftp-path":
            self.carriers[self._path].add(words[1])
        elif len(words) == 3 and words[0].startswith("ftp:"):
            # "ftp:4096 1.52 MiB": what the client says, bytes and rate.
            rate = float(words[1]) * UNITS[words[2]]
            self.times[self._path][words[0]].append(
                int(words[0][4:]) / rate * 1e6)
            return True
        elif len(words) == 6 and words[0].count(":") == 3:
            self.times[self._path][words[0]].append(float(words[1]) / 1e3)
            if words[5] != "-":
                self.carriers[self._path].add(
                    words[5].replace("delegated", "tcp"))
            return not self._path.startswith("floor")
        return False

    def dictionary(self, rounds):
        """For JSON; the session's first transfer was for its login."""
        for tests_of in self.times.values():
            first = tests_of.get(file_transfer(FILES[0]))
            if first and len(first) == 2 * rounds:
                del first[::2]
        return {"unit": "microseconds at one instruction per nanosecond",
                "times": {path: dict(tests_of)
                          for path, tests_of in self.times.items()},
                "carriers": {path: " and ".join(sorted(found))
                             for path, found in self.carriers.items()}}


def run(label, work, rounds, links, progress):
    """Boots one kernel and measures; returns what belongs into the JSON."""
    kernel = guest.Kernel(label)
    with guest.building():
        initramfs = icount.build_initramfs(
            kernel, work, os.path.join(HERE, "paper.sh"),
            ("tnftp", "inetd", "vsftpd"), _fill)
    results = Results()

    def line(text):
        if results.line(text):
            progress.step()

    words = (f"rounds={rounds} links={','.join(links)} "
             f"tests={','.join(tests())} sizes={','.join(map(str, FILES))}")
    icount.run(kernel, initramfs, words, line=line, memory=MEMORY)
    found = results.dictionary(rounds)
    for mode in "01":
        for link in links:
            have = found["times"].get(f"{mode}-{link}", {})
            for test in tests() + [file_transfer(size) for size in FILES]:
                if len(have.get(test, ())) != rounds:
                    raise icount.Failure(f"{test} did not run {rounds} times "
                                         f"on {link} with enable={mode}")
    return {"kernel": kernel.release, "rounds": rounds, **found}


def steps(rounds, links):
    """How many figures a run prints, without the floors."""
    return rounds * len(links) * 2 * (len(tests()) + len(FILES) + 1)
