#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Names what stands in the wrong room, and what is too long.

selftests/vm/rooms.py TOP [BUILT]

TOP is the project, BUILT a copy of it in which kbuild has compiled the module.
Each folder of net/fastsock may include headers of those that MAY says, and may
use functions and variables of no others: a declaration written by hand is no
way around.  Nothing is printed if all is well.
"""

import pathlib
import re
import subprocess
import sys

FILE_LINES = 900
FUNCTION_LINES = 100

# Downward only.  What stands in net/fastsock itself may use everything.
MAY = {
    "frames": {"stream", "core", "lan", "inet", "rel", "base"},
    "memory": {"stream", "core", "lan", "inet", "rel", "base"},
    "rdma": {"stream", "core", "lan", "inet", "rel", "base"},
    "socket": {"stream", "core", "lan", "inet", "rel/seq.h", "base"},
    "stream": {"core", "rel/seq.h", "base"},
    "core": {"inet", "base"},
    "lan": {"base"},
    "inet": {"base"},
    "rel": set(),
    "base": set(),
}

# By name: the server's cookie tells who is in this kernel.
EXCEPTIONS = {
    ("memory/across.c", "frames/cookie.h"),
}

INCLUDE = re.compile(r'#include "((\w+)/[\w/]+\.h)"')


def includes(top):
    """Yields what is wrong with the includes of each file."""
    for path in sorted(top.glob("*/*.[ch]")):
        name = path.relative_to(top).as_posix()
        room = path.parent.name
        if room not in MAY:
            yield f"{name}: the table has no folder {room}"
            continue
        for header, other in INCLUDE.findall(path.read_text()):
            if not (other == room or other in MAY[room] or
                    header in MAY[room] or (name, header) in EXCEPTIONS):
                yield f"{name}: may not include {header}"


def symbols(path):
    """Returns the names that an object defines, and those that it wants."""
    lines = subprocess.run(["nm", path], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    words = [line.split()[-2:] for line in lines]
    return ({name for kind, name in words if kind in "TDBRVW"},
            {name for kind, name in words if kind == "U"})


def uses(built):
    """Yields which object uses a name of a folder that it may not use."""
    home, wanted = {}, {}
    for path in sorted(built.glob("*/*.o")):
        if not path.with_suffix(".c").exists():
            continue
        defined, wanted[path] = symbols(path)
        home.update((name, path) for name in defined)
    if not wanted:
        yield f"{built}: no objects"
    for path, names in wanted.items():
        room = path.parent.name
        source = f"{room}/{path.stem}.c"
        for name in sorted(names & home.keys()):
            other = home[name].parent.name
            header = f"{other}/{home[name].stem}.h"
            if not (other == room or other in MAY[room] or
                    header in MAY[room] or
                    (source, header) in EXCEPTIONS):
                yield f"{source}: may not use {name} of {other}/"


def lengths(top):
    """Yields the files and the functions that are too long."""
    for path in sorted(top.rglob("*.[ch]")):
        name = path.relative_to(top)
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES:
            yield f"{name}: {len(lines)} lines"
        start = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                start = number
            elif line == "}" and start:
                if number - start > FUNCTION_LINES:
                    yield f"{name}:{start}: a function of " \
                          f"{number - start} lines"
                start = None


def main():
    """Prints what is wrong; fails if anything is."""
    top = pathlib.Path(sys.argv[1]) / "net/fastsock"
    wrong = [*includes(top), *lengths(top)]
    if len(sys.argv) > 2:
        wrong += uses(pathlib.Path(sys.argv[2]) / "net/fastsock")
    print("\n".join(wrong), end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
