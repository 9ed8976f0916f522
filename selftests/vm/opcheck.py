#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Names members of TCP's tables that net/fastsock/base/opcheck.c does not know.

selftests/vm/opcheck.py INCLUDE

INCLUDE is the directory include of a kernel's source or headers.  Prints a line
for each such member: read what the kernel does with it, replace it where it
must not act on fastsock's sockets, then list it.
"""

import os
import re
import sys

TABLES = (("proto_ops", "linux/net.h", "OPS"),
          ("proto", "net/sock.h", "PROTO"),
          ("inet_connection_sock_af_ops", "net/inet_connection_sock.h",
           "AF_OPS"))
SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                      "../../net/fastsock/base/opcheck.c")


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def members(header, name):
    """The names in a structure."""
    body = re.search(rf"^struct {name} {{\n(.*?)^}}", header, re.M | re.S)
    if not body:
        sys.exit(f"no struct {name}")
    text = re.sub(r"/\*.*?\*/|^#.*?$", "", body[1], flags=re.M | re.S)
    text = re.sub(r"{.*?}", "", text, flags=re.S)       # a union's members
    for line in filter(str.strip, text.split(";")):
        yield (re.search(r"\(\*\s*(\w+)\s*\)\s*\(", line) or
               re.search(r"(\w+)\s*(?:\[\w*\]\s*)?$", line))[1]


def known(source, macro):
    """The names that are listed, and those that TCP does not use."""
    names = set(re.findall(rf"\b{macro}\((\w+)\)", source))
    head = re.search(rf"#define {macro}\(m\).*?\n/\*(.*?)\*/", source, re.S)
    return names | set(re.findall(r"\w+", head[1].split(":", 1)[1]))


def main():
    """Compares."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = read(SOURCE)
    status = 0
    for name, header, macro in TABLES:
        listed = known(source, macro)
        for member in members(read(os.path.join(sys.argv[1], header)), name):
            if member not in listed:
                print(f"struct {name}: {member}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
