#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of the arithmetic of the benchmark's tables."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import fit  # noqa: E402  pylint: disable=wrong-import-position

SIZES = [1 << i for i in range(17)]


class Fit(unittest.TestCase):
    """Lines with known answers."""

    def test_exact_line(self):
        """Points on a line give that line."""
        line = fit.least_squares([(n, 60 + 0.25 * n) for n in SIZES])
        self.assertAlmostEqual(line.start, 60)
        self.assertAlmostEqual(line.per_byte, 0.25)
        self.assertAlmostEqual(line.at(1000), 310)

    def test_regression(self):
        """Worked by hand: x 1 2 3, y 2 2 5, slope 3/2, start 0."""
        line = fit.least_squares([(1, 2), (2, 2), (3, 5)])
        self.assertAlmostEqual(line.per_byte, 1.5)
        self.assertAlmostEqual(line.start, 0)

    def test_half_power_point(self):
        """At n-1/2 the rate is half of r-infinity, by its definition."""
        line = fit.least_squares([(n, 500 + n / 40) for n in SIZES])
        self.assertAlmostEqual(line.r_infinity, 40)
        self.assertAlmostEqual(line.n_half, 20000)
        self.assertAlmostEqual(line.n_half / line.at(line.n_half), 40 / 2)

    def test_no_start(self):
        """Without a start every size has the full rate."""
        line = fit.least_squares([(n, 2 * n) for n in SIZES])
        self.assertAlmostEqual(line.n_half, 0)

    def test_one_size(self):
        """One size is not a line."""
        with self.assertRaises(ValueError):
            fit.least_squares([(5, 1), (5, 2)])


class Spread(unittest.TestCase):
    """Medians and limits."""

    def test_spread(self):
        """Median, least and most of values in any order."""
        self.assertEqual(fit.spread([3, 9, 1, 4]), fit.Spread(3.5, 1, 9))

    def test_ratios(self):
        """Rounds are compared with themselves, not with each other."""
        self.assertEqual(fit.ratios([10, 30, 20], [5, 10, 20]),
                         fit.Spread(2, 1, 3))

    def test_missing_round(self):
        """A round without its partner has no ratio."""
        with self.assertRaises(ValueError):
            fit.ratios([1, 2], [1])


if __name__ == "__main__":
    unittest.main()
