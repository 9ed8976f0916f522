#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""An Ethernet between guests that takes offloads: taps on a bridge.

A guest's super-frame passes uncut and without a checksum, as between cards
that offload, which guest.Segment cannot do.  Bridge and taps have a network
namespace of their own, so they meet nothing of this machine's network; they
go when nobody has the taps open any more.

    bridge.py SOCKET PORTS MTU

makes them in the namespace it runs in and sends the taps through a socket.
"""

import dataclasses
import fcntl
import os
import socket
import struct
import subprocess
import sys

from guest import GuestError

TUN = "/dev/net/tun"
# From linux/if_tun.h.
TUNSETIFF = 0x400454ca
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000


@dataclasses.dataclass(frozen=True)
class Port:
    """Where one guest's card is plugged in; it may boot several times."""

    tap: int

    @property
    def fds(self):
        """What QEMU inherits to be plugged in."""
        return (self.tap,)

    def plug(self):
        """QEMU's -netdev argument, without the id."""
        return f"tap,fd={self.tap}"


class Bridge:
    """A bridge with so many ports; leaving its context unplugs them."""

    def __init__(self, ports, mtu):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            # An ordinary user may have networks in a namespace of users, too.
            command = ["unshare", "--net",
                       *([] if os.geteuid() == 0 else ["--map-root-user"]),
                       sys.executable, os.path.realpath(__file__),
                       str(theirs.fileno()), str(ports), str(mtu)]
            done = subprocess.run(command, pass_fds=[theirs.fileno()],
                                  stderr=subprocess.PIPE, text=True,
                                  check=False)
            if done.returncode:
                raise GuestError(f"no bridge with taps: it takes {TUN}, and "
                                 "root or namespaces of users: "
                                 + done.stderr.strip()[-200:])
            taps = socket.recv_fds(ours, 1, ports)[1]
        self.ports = [Port(tap) for tap in taps]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Unplugs all guests; bridge and namespace go with the last of them."""
        for port in self.ports:
            os.close(port.tap)
        self.ports = []


def _open_tap(name):
    tap = os.open(TUN, os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF,
                struct.pack("16sH22x", name.encode(),
                            IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return tap


def _ip(*commands):
    """Configures devices."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n",
                   text=True, check=True)


def _make(ports, mtu):
    """A bridge with taps in this namespace; returns the taps."""
    # Without snooping it forwards whatever groups the guests use.
    _ip("link add br0 type bridge mcast_snooping 0", "link set br0 up")
    taps = []
    for number in range(ports):
        taps.append(_open_tap(f"tap{number}"))
        _ip(f"link set tap{number} mtu {mtu} master br0 up")
    return taps


def main():
    """What Bridge starts in the new namespace."""
    number, ports, mtu = map(int, sys.argv[1:])
    with socket.socket(fileno=number) as sink:
        socket.send_fds(sink, [b"+"], _make(ports, mtu))


if __name__ == "__main__":
    main()
