# SPDX-License-Identifier: GPL-2.0
"""Tables in Markdown and plots of what the three parts have measured."""

import os
import subprocess

import fit
import paper
import programs

HOST = {"veth": "two hosts, over veth", "host": "one host, 127.0.0.1",
        "pair-1500": "two guests, MTU 1500",
        "pair-9000": "two guests, MTU 9000",
        "pair-cut": "two guests, MTU 1500, cards without TSO"}
CARRIER = {"tcp": "TCP", "delegated": "TCP"}
ON = "enable=1"


class Gnuplot:
    """A plot as a script with its data; draws one PNG file."""

    def __init__(self, title, x_label, y_label):
        self.lines = ["set terminal pngcairo size 800,560 noenhanced",
                      f"set title '{title}'", f"set xlabel '{x_label}'",
                      f"set ylabel '{y_label}'", "set grid",
                      "set key top left"]
        self.series = []

    def add(self, *lines):
        """More settings."""
        self.lines += lines
        return self

    def plot(self, title, style, rows):
        """One series; rows are tuples of numbers."""
        name = f"$d{len(self.series)}"
        self.lines += [f"{name} << EOD",
                       *(" ".join(map(str, row)) for row in rows), "EOD"]
        self.series.append(f"{name} {style} title '{title}'")

    def draw(self, path):
        """Runs gnuplot."""
        script = "\n".join([*self.lines, f"set output '{path}'",
                            "plot " + ", ".join(self.series), ""])
        subprocess.run(["gnuplot"], input=script, text=True, check=True)


def markdown(header, rows):
    """A table; the first column is text."""
    lines = ["| " + " | ".join(header) + " |",
             "|---|" + "---:|" * (len(header) - 1)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def size_name(size):
    """1, 64, 4K, 32M"""
    for unit, factor in (("M", 1 << 20), ("K", 1 << 10)):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def short(value):
    """A number with three digits that count, or all before the point."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def with_spread(spread):
    """Median and limits."""
    return f"{spread.median:.2f} ({spread.least:.2f} to {spread.most:.2f})"


# Part 1

def costs_section(data):
    """The tables of part 1, of each kernel."""
    parts = ["## 1. Instructions per operation\n",
             "Exact: the processor's clock counts instructions. \"ratio\" is "
             "TCP (enable=0) divided\nby the same program with enable=1; "
             "above 1 enable=1 needs less.\n"]
    for label, kernel in data["kernels"].items():
        least = kernel["least"]
        boots = len(kernel["boots"])
        for title, paths in data["tables"].items():
            slow, fast = paths[1:3] if "off" in paths else paths[:2]
            rows = []
            for test, text in data["tests"].items():
                figures = [least[path].get(test) for path in paths]
                digits = 3 if test.startswith("bulk") else 0
                rows.append([text, *("" if value is None else
                                     f"{value:.{digits}f}"
                                     for value in figures),
                             f"{least[slow][test] / least[fast][test]:.2f}"])
            rows.append(["carried by", *(
                CARRIER.get(kernel["carriers"][path],
                            kernel["carriers"][path]) for path in paths), ""])
            parts.append(
                f"### Linux {kernel['release']}, {title}"
                + (f", least of {boots} boots" if boots > 1 else "") + "\n")
            parts.append(markdown(
                ["", *(data["paths"][path].split(": ", 1)[1]
                       for path in paths), "ratio"], rows))
        rows = [[text, wanted, is_now if isinstance(is_now, str)
                 else f"{is_now:.2f}", "yes" if holds else "**no**"]
                for text, wanted, is_now, holds in kernel["host_bounds"]]
        parts.append(f"Aims for one host, Linux {label}:\n")
        parts.append(markdown(["", "wanted", "is", "reached"], rows))
    return "\n".join(parts)


# Part 2

class Link:
    """What part 2 measured on one link, as the paper's figures want it."""

    def __init__(self, data, link):
        self.link = link
        self.label = data["label"]
        self.times = {"TCP": data["times"][f"0-{link}"],
                      ON: data["times"][f"1-{link}"]}
        self.carriers = {"TCP": data["carriers"].get(f"0-{link}", "-"),
                         ON: data["carriers"].get(f"1-{link}", "-")}
        self.floor = "AF_UNIX" if link == "host" else "packet socket"
        self.times[self.floor] = data["times"][f"floor-{link}"]

    def carrier(self, series):
        """What carried it."""
        return CARRIER.get(self.carriers[series], self.carriers[series])

    def name(self, series):
        """What a legend says."""
        if series != ON:
            return series
        carrier = self.carrier(ON)
        return carrier if carrier == "fastsock" else \
            f"{ON}, carried by {carrier}"

    def median(self, series, test):
        """The median over the rounds, None if it was not measured."""
        values = self.times[series].get(test)
        return fit.spread(values).median if values else None

    def points(self, series, name, sizes):
        """(size, time) as far as they were measured."""
        return [(size, self.median(series, name(size))) for size in sizes
                if self.times[series].get(name(size))]

    def ratio(self, test):
        """How much longer TCP takes, over the rounds."""
        return fit.ratios(self.times["TCP"][test], self.times[ON][test])

    def title(self, text):
        """Of a plot."""
        return f"{text}: {HOST[self.link]}, Linux {self.label}"


def _log_sizes(plot, sizes):
    ticks = ", ".join(f"'{size_name(size)}' {size}" for size in sizes[::2])
    return plot.add("set logscale x 2", f"set xtics ({ticks})",
                    f"set xrange [{sizes[0]}:{sizes[-1] * 1.2}]")


def draw_round_trip(link, path):
    """The paper's plot of round-trip times."""
    plot = _log_sizes(Gnuplot(
        link.title("Round trip"), "bytes each way",
        "microseconds at 1 instruction per nanosecond"), paper.SIZES)
    plot.add("set logscale y")
    for series in link.times:
        plot.plot(link.name(series), "with linespoints",
                  link.points(series, paper.round_trip, paper.SIZES))
    plot.draw(path)


def draw_bandwidth(link, path):
    """The paper's plot of one-way bandwidth."""
    plot = _log_sizes(Gnuplot(
        link.title(f"Bandwidth, {paper.SENDS} sends and a reply"),
        "bytes of a send", "MB/s at 1 instruction per nanosecond"),
        paper.SIZES)
    for series in link.times:
        plot.plot(link.name(series), "with linespoints",
                  [(size, size / time) for size, time in
                   link.points(series, paper.bandwidth, paper.SIZES)])
    plot.draw(path)


def draw_transactions(link, path):
    """The paper's bars of transactions."""
    groups = [(kind, name, pair) for kind, name in
              (("RR", paper.request_response),
               ("CRR", paper.connect_request_response))
              for pair in paper.TRANSACTIONS]
    ticks = ", ".join(f"'{kind} {pair[0]},{pair[1]}' {i}"
                      for i, (kind, _, pair) in enumerate(groups))
    plot = Gnuplot(link.title("Transactions"),
                   "bytes of request, reply",
                   "1000 per s at 1 instruction per nanosecond")
    plot.add(f"set xtics ({ticks}) rotate by -30", "set style fill solid 0.6",
             "set boxwidth 0.25", "set key top right", "set yrange [0:]",
             f"set xrange [-0.6:{len(groups) - 0.4}]")
    for i, series in enumerate(link.times):
        rows = [(at + 0.27 * (i - 1), 1e3 / link.median(series, name(*pair)))
                for at, (_, name, pair) in enumerate(groups)
                if link.median(series, name(*pair))]
        if rows:
            plot.plot(link.name(series), "with boxes", rows)
    plot.draw(path)


def draw_files(link, path):
    """The paper's plot of file transfer."""
    plot = _log_sizes(Gnuplot(
        link.title("FTP"), "bytes of the file",
        "MB/s at 1 instruction per nanosecond"), paper.FILES)
    plot.add("set logscale y")
    for series in ("TCP", ON):
        plot.plot(link.name(series), "with linespoints",
                  [(size, size / time) for size, time in
                   link.points(series, paper.file_transfer, paper.FILES)])
    plot.draw(path)


PLOTS = {"round-trip": draw_round_trip, "bandwidth": draw_bandwidth,
         "transactions": draw_transactions, "ftp": draw_files}


def lines_table(link):
    """The paper's Table 1."""
    rows = []
    for series in link.times:
        points = link.points(series, paper.round_trip, paper.SIZES)
        line = fit.least_squares(points)
        rows.append([link.name(series), f"{line.per_byte:.5f}",
                     short(line.start), short(points[0][1])])
    return markdown(["round trip", "per byte, us", "t0, us",
                     "actual start-up, us"], rows)


def bandwidth_table(link):
    """The paper's Table 2."""
    rows = []
    for series in link.times:
        points = link.points(series, paper.bandwidth, paper.SIZES)
        line = fit.least_squares(points)
        rows.append([link.name(series), short(line.r_infinity),
                     short(line.n_half), size_name(points[-1][0])])
    return markdown(["bandwidth", "r-infinity, MB/s", "n-1/2, bytes",
                     "largest send"], rows)


def series_table(link, title, names, figure):
    """TCP, enable=1, the floor, and the ratio with its spread."""
    rows = []
    floor = any(link.times[link.floor].get(test) for _, test in names)
    for text, test in names:
        row = [text, *(short(figure(test, link.median(series, test)))
                       for series in ("TCP", ON))]
        if floor:
            time = link.median(link.floor, test)
            row.append(short(figure(test, time)) if time else "")
        rows.append([*row, with_spread(link.ratio(test))])
    return markdown([title, "TCP", link.name(ON),
                     *([link.floor] if floor else []),
                     "ratio, median (least to most)"], rows)


def _size_of(test):
    return int(test.split(":")[1])


def paper_section(data, directory):
    """Tables and plots of part 2 for one kernel."""
    parts = [f"## 2. The paper's microbenchmarks, Linux {data['kernel']}\n",
             "Times are those of a processor that executes one instruction "
             "per nanosecond and\nhas both ends to itself; they are no "
             "machine's. The ratio is TCP's time divided by\nthat with "
             f"enable=1 in the same round, over {data['rounds']} rounds; "
             "above 1 enable=1 is faster.\n"]
    for key in HOST:
        if f"0-{key}" not in data["times"]:
            continue
        link = Link(data, key)
        parts.append(f"### {HOST[key]}\n")
        parts.append("Counters say: enable=0 was carried by "
                     f"{link.carrier('TCP')}, enable=1 by "
                     f"{link.carrier(ON)}.\n")
        parts += [lines_table(link), bandwidth_table(link)]
        parts.append(series_table(
            link, "round trip, us",
            [(size_name(size), paper.round_trip(size))
             for size in paper.SIZES], lambda test, time: time))
        parts.append(series_table(
            link, "bandwidth, MB/s",
            [(size_name(size), paper.bandwidth(size))
             for size in paper.SIZES],
            lambda test, time: _size_of(test) / time))
        parts.append(series_table(
            link, "transactions, 1000/s",
            [(f"request-response {a}, {b}", paper.request_response(a, b))
             for a, b in paper.TRANSACTIONS]
            + [(f"connect-request-response {a}, {b}",
                paper.connect_request_response(a, b))
               for a, b in paper.TRANSACTIONS],
            lambda test, time: 1e3 / time))
        parts.append(series_table(
            link, "FTP, MB/s",
            [(size_name(size), paper.file_transfer(size))
             for size in paper.FILES],
            lambda test, time: _size_of(test) / time))
        for name, draw in PLOTS.items():
            file = f"{name}-{key}-{data['label']}.png"
            draw(link, os.path.join(directory, file))
            parts.append(f"![{name}, {HOST[key]}]({file})")
        parts.append("")
    return "\n".join(parts)


# Part 3

def _programs_plot(label):
    """The plot of part 3 without its bars, which stand at 0, 1, 2 ..."""
    names = list(programs.PROGRAMS)
    ticks = ", ".join(f"'{name}' {i}" for i, name in enumerate(names))
    return Gnuplot(f"Programs, Linux {label}", "",
                   "times as much as over TCP (median, least, most)").add(
        f"set xtics ({ticks}) rotate by -35", "set style fill solid 0.6",
        "set yrange [0:*]", f"set xrange [-0.6:{len(names) - 0.4}]",
        "set arrow from graph 0, first 1 to graph 1, first 1 nohead front",
        "set key top right")


def _add_bars(plot, title, by_program, offset, width):
    """The ratios on one link as bars, so far beside their ticks."""
    bars = []
    for name, runs in by_program.items():
        ratio = fit.ratios(runs["on"], runs["off"])
        bars.append((list(programs.PROGRAMS).index(name) + offset,
                     ratio.median, ratio.least, ratio.most, width))
    if bars:
        plot.plot(title, "using 1:2:5 with boxes", bars)
        plot.plot("", "using 1:2:3:4 with yerrorbars pt 0 lc 'black'", bars)


def _programs_table(by_program):
    """The figures, ratios and carriers on one link."""
    return markdown(
        ["per second", "enable=0", ON, "ratio, median (least to most)",
         "enable=0 carried by", "enable=1 carried by"],
        [[programs.PROGRAMS[name],
          short(fit.spread(runs["off"]).median),
          short(fit.spread(runs["on"]).median),
          with_spread(fit.ratios(runs["on"], runs["off"])),
          *(" and ".join(CARRIER.get(word, word) for word in carriers)
            for carriers in runs["carriers"])]
         for name, runs in by_program.items()])


def programs_section(data, directory):
    """Table and plot of part 3 for one kernel."""
    parts = [f"## 3. Programs, Linux {data['kernel']}\n",
             "Figures are per second of an emulated machine and mean nothing "
             "by themselves. The\nratio is that with enable=1 divided by "
             f"TCP's in the same round, over {data['rounds']} rounds;\nabove "
             "1 enable=1 does more.\n"]
    plot = _programs_plot(data["label"])
    share = 0.64 / max(1, len(data["figures"]))
    for number, (link, by_program) in enumerate(data["figures"].items()):
        parts.append(f"### {HOST[link]}\n")
        parts.append(_programs_table(by_program))
        _add_bars(plot, HOST[link], by_program,
                  (number + 0.5) * share - 0.32, 0.94 * share)
    for fault in data["faults"]:
        parts.append(f"A run failed and is left out: {fault}\n")
    if plot.series:
        file = f"programs-{data['label']}.png"
        plot.draw(os.path.join(directory, file))
        parts.append(f"![programs]({file})\n")
    return "\n".join(parts)
