# SPDX-License-Identifier: GPL-2.0
"""The arithmetic of the paper's tables: straight lines through measurements."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Line:
    """time = start + size * per_byte"""

    start: float
    per_byte: float

    def at(self, size):
        """The time of that size."""
        return self.start + size * self.per_byte

    @property
    def r_infinity(self):
        """Bytes per unit of time that very large messages approach."""
        return 1 / self.per_byte

    @property
    def n_half(self):
        """Size of a message at half of that rate: as long as the start."""
        return self.start / self.per_byte


def least_squares(points):
    """The line through (size, time) with the least sum of squared distances."""
    sizes = [size for size, _ in points]
    if len(set(sizes)) < 2:
        raise ValueError("a line needs two different sizes")
    mean_size = statistics.fmean(sizes)
    mean_time = statistics.fmean(time for _, time in points)
    per_byte = (sum((size - mean_size) * (time - mean_time)
                    for size, time in points)
                / sum((size - mean_size) ** 2 for size in sizes))
    return Line(mean_time - per_byte * mean_size, per_byte)


@dataclasses.dataclass(frozen=True)
class Spread:
    """What several measurements of one thing were."""

    median: float
    least: float
    most: float


def spread(values):
    """Median and limits of some values."""
    values = list(values)
    return Spread(statistics.median(values), min(values), max(values))


def ratios(slow, fast):
    """The spread of slow/fast over rounds that were measured together."""
    if len(slow) != len(fast):
        raise ValueError("every round needs both figures")
    return spread(a / b for a, b in zip(slow, fast))
