# SPDX-License-Identifier: GPL-2.0
"""Reads KTAP as it comes and counts its innermost results."""

import re

RESULT = re.compile(r"^(\s*)(not ok|ok)\b\s*\d*\s*(?:-\s*)?(.*)$")
PLAN = re.compile(r"^(\s*)1\.\.(\d+)(.*)$")


class Totals:
    """Passed, failed and skipped results, with the names of the failed."""

    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def add(self, other):
        """Adds another count to this one."""
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures

    def __str__(self):
        return (f"{self.passed} passed, {len(self.failures)} failed, "
                f"{self.skipped} skipped")


class Reader:
    """Counts the KTAP of one test program named name.

    A result that follows more deeply indented ones sums them up: it counts
    only when it reports a failure that none of them did.
    """

    def __init__(self, name):
        self.name = name
        self.totals = Totals()
        self._inner = []        # indentation, failures before it
        self._plan = None
        self._results = 0       # at the outermost level
        self._skipped_all = False

    def line(self, text):
        """Takes one line of output."""
        plan = PLAN.match(text)
        if plan and not plan[1] and self._plan is None:
            self._plan = int(plan[2])
            self._skipped_all = not self._plan and "SKIP" in plan[3].upper()
        if text.startswith("Bail out!"):
            self.fail(text)
        result = RESULT.match(text)
        if not result:
            return
        depth = len(result[1].expandtabs())
        failed = result[2] == "not ok"
        if not depth:
            self._results += 1
        before = None
        while self._inner and self._inner[-1][0] > depth:
            before = self._inner.pop()[1]
        if not self._inner or self._inner[-1][0] < depth:
            self._inner.append((depth, len(self.totals.failures)
                                if before is None else before))
        if before is None:
            self._count(failed, result[3])
        elif failed and len(self.totals.failures) == before:
            self.fail(result[3])

    def _count(self, failed, text):
        directive = text.partition("#")[2].strip().upper()
        if directive.startswith(("SKIP", "XFAIL", "TODO")):
            self.totals.skipped += 1
        elif failed:
            self.fail(text)
        else:
            self.totals.passed += 1

    def fail(self, text):
        """Counts a failure that the program itself may not have printed."""
        self.totals.failures.append(f"{self.name}: {text.strip()}")

    def finish(self, status):
        """Judges the exit status; returns the totals."""
        totals = self.totals
        seen = totals.passed + totals.skipped + len(totals.failures)
        if not seen and (status == 4 or self._skipped_all):
            totals.skipped += 1
        elif not seen:
            self.fail(f"no result, exit status {status}")
        elif status not in (0, 4) and not totals.failures:
            self.fail(f"exit status {status} without a failed result")
        elif self._plan is not None and self._results != self._plan:
            self.fail(f"{self._plan} results planned, {self._results} seen")
        return totals
