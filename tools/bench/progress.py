# SPDX-License-Identifier: GPL-2.0
"""Says how far a long measurement is and how long the rest will take."""

import threading
import time

SAY_EVERY = 15  # seconds


class Progress:
    """Parts with so many steps each, and the seconds they take on two cores.

    The estimate starts from these seconds and follows the pace of the steps.
    """

    def __init__(self, parts):
        self._parts = parts     # [(name, steps, seconds)]
        self._current = -1
        self._done = 0
        self._start = self._part_start = time.monotonic()
        self._said = 0.0
        self._lock = threading.Lock()

    def begin(self):
        """The next part begins."""
        self._current += 1
        self._done = 0
        self.restart()
        self.say("begins")

    def restart(self):
        """What was done in this part up to now says nothing about its pace."""
        self._part_start = time.monotonic()

    def step(self, count=1):
        """So many steps more are done."""
        with self._lock:
            self._done += count
            if time.monotonic() - self._said < SAY_EVERY:
                return
        self.say(f"{self._done} of {self._parts[self._current][1]}")

    def set(self, done):
        """So many steps of this part are done altogether."""
        if done > self._done:
            self.step(done - self._done)

    def _left(self):
        """Seconds until the end of the last part."""
        _, steps, seconds = self._parts[self._current]
        passed = time.monotonic() - self._part_start
        share = min(1.0, self._done / steps)
        later = sum(part[2] for part in self._parts[self._current + 1:])
        if share < 0.03:
            return max(0.0, seconds - passed) + later
        # The later parts are as much slower than planned as this one.
        return (passed / share * (1 - share)
                + later * max(1.0, passed / share / seconds))

    def say(self, text):
        """Prints a line with the time that has passed and that is left."""
        now = time.monotonic()
        self._said = now
        print(f"[{now - self._start:5.0f} s] {self._parts[self._current][0]}: "
              f"{text}; about {self._left() / 60:.0f} min left", flush=True)
