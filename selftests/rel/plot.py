#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Plots what switch_sim --csv DIR has written, as SVG in the same DIR."""
import csv
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SERIES = ("one_minute", "cubic_1m", "cubic_256k", "reno_leaves", "late_four",
          "many_64", "churn_16")
FIGURES = (("goodput", "Mbit/s / link", lambda r: r["lan_mbps"] / r["gbps"] / 1e3),
           ("fairness", "Jain's index", lambda r: r["jain"]),
           ("queue", "mean queue, us", lambda r: r["queue_us"]),
           ("short_p50", "p50 of 16 KiB, us", lambda r: r["p50_us"]),
           ("short_p99", "p99 of 16 KiB, us", lambda r: r["p99_us"]),
           ("short_p999", "p99.9 of 16 KiB, us", lambda r: r["p999_us"]))


def rows(path):
    with open(path, newline="") as file:
        return [{k: v if k == "name" else float(v) for k, v in row.items()}
                for row in csv.DictReader(file)]


def plot_series(directory, name):
    path = os.path.join(directory, name + ".csv")
    if not os.path.exists(path):
        return
    data = rows(path)
    ms = [row["ms"] for row in data]
    fig, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.5))
    top.plot(ms, [row["queue_us"] / 1e3 for row in data], lw=0.8)
    top.set_ylabel("queue, ms")
    bottom.plot(ms, [row["lan_mbps"] for row in data], lw=0.8, label="fastsock")
    if any(row["tcp_mbps"] for row in data):
        bottom.plot(ms, [row["tcp_mbps"] for row in data], lw=0.8, label="TCP")
        bottom.legend()
    bottom.set_ylabel("Mbit/s")
    bottom.set_xlabel("ms")
    top.set_title(name)
    fig.savefig(os.path.join(directory, name + ".svg"))
    plt.close(fig)


def plot_matrix(directory, summary):
    bulk = [row for row in summary if row["name"].startswith("bulk_")]
    kinds = sorted({(row["gbps"], row["mtu"]) for row in bulk})
    for name, label, value in FIGURES:
        fig, axes = plt.subplots(figsize=(7, 4.5))
        for gbps, mtu in kinds:
            some = [row for row in bulk
                    if (row["gbps"], row["mtu"]) == (gbps, mtu)]
            axes.plot([row["lan"] for row in some],
                      [value(row) for row in some], marker="o",
                      label=f"{gbps:g} Gbit/s, MTU {mtu:.0f}")
        axes.set_xscale("log", base=2)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("senders")
        axes.set_ylabel(label)
        axes.legend(fontsize="small")
        fig.savefig(os.path.join(directory, f"bulk_{name}.svg"))
        plt.close(fig)


def main():
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DIR")
    directory = sys.argv[1]
    plot_matrix(directory, rows(os.path.join(directory, "summary.csv")))
    for name in SERIES:
        plot_series(directory, name)


if __name__ == "__main__":
    main()
