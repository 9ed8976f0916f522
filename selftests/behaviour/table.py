#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes Documentation/behaviour.rst from what the differential test printed.

selftests/vm/run '*behaviour*' | tee log; selftests/behaviour/table.py < log
"""

import re
import sys

RESULT = re.compile(r"^\[([\w.]+) (?:test|pair)_behaviour(32)?\] "
                    r"(ok|not ok) \d+ (?:# (SKIP|XFAIL) )?"
                    r"(\w+) (lan|cards|lo): (.*)$")
# All rows that a program of 32 bits runs make one row.
NARROW = "M6", "rows with translated calls, in a program of 32 bits"
PLACES = ("lan", "cards", "lo")
OUTCOMES = {"ok": "same", "not ok": "WRONG", "SKIP": "skip",
            "XFAIL": "differs"}

HEAD = """\
.. SPDX-License-Identifier: GPL-2.0

========================
What a program can see
========================

.. Made by selftests/behaviour/table.py from the output of the test.

Each row is a small program.  It ran with fastsock off and with fastsock on, over
a veth pair ("lan"), between two network cards that a switch outside the guest
joins ("cards") and within one host, in memory ("lo"), and wrote down every
return value, errno, poll event and byte it saw.  "same": the two are equal, and
the counters prove that fastsock carried the connection, or that it was left to
TCP where the row asks for that.  "differs": a difference that :doc:`overview`
lists.  "skip": something was missing on that kernel.  "-": not meant for that
place.  Names of rows: A creation, B bind, listen and accept, C connect, D
sending, E receiving, F poll, G shutdown and close, H urgent data, I to K
options, L ioctl and signals, M other ways of input and output, N users within
the kernel, O what tools see, P concurrency.

"""


def order(name):
    """A2 before A10."""
    return re.sub(r"\D", "", name).zfill(3)


def read(lines):
    """Results by (row, title), then by (kernel, place)."""
    rows = {}
    for line in lines:
        match = RESULT.match(line.rstrip())
        if match:
            kernel, narrow, word, directive, name, place, title = \
                match.groups()
            outcome = OUTCOMES[directive or word]
            if not narrow:
                rows.setdefault((name, title), {})[kernel, place] = outcome
            elif outcome in ("same", "WRONG"):
                row = rows.setdefault(NARROW, {})
                if row.get((kernel, place)) != "WRONG":
                    row[kernel, place] = outcome
    return rows


def table(rows):
    """The table's lines."""
    kernels = sorted({kernel for row in rows.values() for kernel, _ in row},
                     key=lambda k: [int(n) for n in re.findall(r"\d+", k)])
    heads = [f"{kernel} {place}" for kernel in kernels for place in PLACES]
    body = []
    for (name, title), row in sorted(
            rows.items(), key=lambda item: (item[0][0][0], order(item[0][0]))):
        body.append([name, title] + [row.get((kernel, place), "-")
                                     for kernel in kernels
                                     for place in PLACES])
    cells = [["row", "what is promised", *heads], *body]
    widths = [max(len(row[i]) for row in cells)
              for i in range(len(cells[0]))]
    rule = " ".join("=" * width for width in widths)
    text = [" ".join(cell.ljust(width) for cell, width in zip(row, widths))
            .rstrip() for row in cells]
    return [rule, text[0], rule, *text[1:], rule]


def main():
    """Reads the log, prints the page; fails where a row differs."""
    rows = read(sys.stdin)
    if not rows:
        sys.exit("no result of test_behaviour on standard input")
    sys.stdout.write(HEAD + "\n".join(table(rows)) + "\n")
    differ = [name for (name, _), row in rows.items()
              if "WRONG" in row.values()]
    if differ:
        sys.exit("rows that are wrong: " + " ".join(differ))


if __name__ == "__main__":
    main()
