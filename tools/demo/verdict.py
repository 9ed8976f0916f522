# SPDX-License-Identifier: GPL-2.0
"""Which path did a program take, and was it the right one?

Three witnesses are heard, and all have to agree: the counters of the client's
kernel, the counters of the server's kernel, and the frames on the wire.
"""

import dataclasses
import subprocess

MTU = 1500
FASTSOCK, TCP, RDMA = "fastsock", "TCP", "RDMA"
# Without the module there is no fastsock_stat.
READ = "cat /proc/net/fastsock_stat 2> /dev/null; cat /proc/net/snmp"

# Frames of connections (types below HELLO), and TCP segments with payload.
FASTSOCK_FRAMES = "ether proto 0x88b5 and ether[14] < 9"
TCP_PAYLOAD = ("((ip and tcp and ip[2:2] - ((ip[0] & 0xf) << 2)"
               " - ((tcp[12] & 0xf0) >> 2) > 0) or"
               " (ip6 proto 6 and ip6[4:2] - ((ip6[52] & 0xf0) >> 2) > 0))")
# RoCE, but for its acknowledgments.
ROCE = "udp dst port 4791 and udp[8] != 0x11"


def parse_counters(text):
    """Turn what READ prints into a dictionary of numbers."""
    counters = {}
    names = None
    for line in text.splitlines():
        protocol, *fields = line.split()
        if not protocol.endswith(":"):
            counters[protocol] = int(fields[0])
        elif names and names[0] == protocol:
            counters.update((protocol[:-1] + name, int(value))
                            for name, value in zip(names[1], fields))
            names = None
        else:
            names = protocol, fields
    return counters


def read_counters(guest):
    """Return a guest's counters of TCP and, if it has any, of fastsock."""
    return parse_counters(guest.must(READ))


def difference(before, after):
    """Return what was counted between two readings."""
    return {name: value - before.get(name, 0)
            for name, value in after.items() if value != before.get(name, 0)}


@dataclasses.dataclass(frozen=True)
class End:
    """What one end's kernel counted while a program ran."""

    counted: dict

    @property
    def fastsock_connections(self):
        """Connections opened from here or to here over fastsock."""
        return (self.counted.get("FskActiveOpens", 0) +
                self.counted.get("FskPassiveOpens", 0))

    @property
    def fastsock_bytes(self):
        """Stream bytes that fastsock carried, both directions."""
        return (self.counted.get("FskInBytes", 0) +
                self.counted.get("FskOutBytes", 0))

    @property
    def tcp_segments(self):
        """Segments that TCP sent or received."""
        return (self.counted.get("TcpInSegs", 0) +
                self.counted.get("TcpOutSegs", 0))

    @property
    def rdma_frames(self):
        """Frames that came or went as messages of an RDMA device."""
        return (self.counted.get("FskChannelInFrames", 0) +
                self.counted.get("FskChannelOutFrames", 0))

    @property
    def path(self):
        """What carried this end's connections."""
        if self.fastsock_connections and self.tcp_segments:
            return "both"
        if self.fastsock_connections:
            return RDMA if self.rdma_frames else FASTSOCK
        return TCP if self.tcp_segments else "none"


def count_frames(capture, expression):
    """Let tcpdump count the frames of a capture that match an expression."""
    with open(capture, "rb") as f:
        result = subprocess.run(
            ["tcpdump", "-n", "-r", "-", "--count", expression], stdin=f,
            capture_output=True, text=True, check=True)
    return int(result.stdout.split()[0])


@dataclasses.dataclass(frozen=True)
class Wire:
    """What crossed the wire between two guests while a program ran."""

    fastsock: int
    tcp: int
    roce: int

    @classmethod
    def from_capture(cls, capture, one, other):
        """Count the frames between two guests in a capture."""
        pair = f"ether host {one.card} and ether host {other.card} and "
        return cls(count_frames(capture, pair + FASTSOCK_FRAMES),
                   count_frames(capture, pair + TCP_PAYLOAD),
                   count_frames(capture, pair + ROCE))


@dataclasses.dataclass
class Result:
    """One row of the table: a program between two guests."""

    program: str
    client: str
    server: str
    expected: str
    bytes: int = 0
    seconds: float = 0.0
    error: str = ""
    ends: tuple = (End({}), End({}))
    wire: Wire = Wire(0, 0, 0)

    @property
    def path(self):
        """What carried the connections, as both ends' counters tell."""
        client, server = (end.path for end in self.ends)
        return client if client == server else f"{client}/{server}"

    def faults(self):
        """Return everything that is wrong with this row, in words."""
        faults = [self.error] if self.error else []
        if self.path != self.expected:
            faults.append(f"path is {self.path}, not {self.expected}")
        if self.expected != TCP:
            # Connections over RDMA begin in frames on Ethernet.
            wanted = (self.wire.roce if self.expected == RDMA
                      else self.wire.fastsock)
            unwanted = self.wire.tcp
            faults += [f"{end} counted {counted.fastsock_bytes} stream bytes"
                       for end, counted in zip((self.client, self.server),
                                               self.ends)
                       if counted.fastsock_bytes < self.bytes]
        else:
            wanted, unwanted = self.wire.tcp, self.wire.fastsock
        if unwanted:
            faults.append(f"{unwanted} frames of the wrong path on the wire")
        if not self.bytes or wanted * MTU < self.bytes:
            faults.append(f"{wanted} frames cannot carry {self.bytes} bytes")
        return faults


ROW = "{:<26} {:<13} {:<9} {:>10} {:>6} {:>9} {:>9} {:>9}  {}"
HEADINGS = (("", "", "path", "payload", "", "fastsock", "RoCE", "TCP data",
             ""),
            ("program", "peers", "taken", "bytes", "s", "frames", "packets",
             "segments", "verdict"))


def explain(row):
    """Return what is wrong with a row, and fastsock's counters, as lines."""
    if not row.faults():
        return []
    lines = [f"{row.program}, {row.client} > {row.server}:"]
    lines += [f"    {fault}" for fault in row.faults()]
    for name, end in zip((row.client, row.server), row.ends):
        counted = [f"{counter}={value}"
                   for counter, value in sorted(end.counted.items())
                   if counter.startswith("Fsk") or counter == "TcpRetransSegs"]
        if counted:
            lines.append(f"    {name} counted " + " ".join(counted))
    return lines


def table(results):
    """Return the table of all rows as text, with the faults below it."""
    lines = [ROW.format(*names).rstrip() for names in HEADINGS]
    lines.append("-" * len(lines[1]))
    for row in results:
        lines.append(ROW.format(
            row.program, f"{row.client} > {row.server}", row.path,
            row.bytes, f"{row.seconds:.1f}", row.wire.fastsock,
            row.wire.roce, row.wire.tcp, "WRONG" if row.faults() else "right").rstrip())
    for row in results:
        lines += explain(row)
    return "\n".join(lines)
