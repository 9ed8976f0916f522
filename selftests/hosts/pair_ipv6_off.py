#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A kernel with ipv6.disable=1: the module loads, connections of IPv4 run
fastsock, and nothing is asked of IPv6.
"""
# fastsock: timeout=300

import os
import sys

import guest

LOAD = f"insmod {guest.MODULE}"
# Were a socket of AF_INET6 asked for, the kernel would look for a module.
WATCH = """
echo '#!/bin/sh' > /tmp/modprobe
echo 'echo "$@" >> /tmp/asked' >> /tmp/modprobe
chmod +x /tmp/modprobe
echo /tmp/modprobe > /proc/sys/kernel/modprobe
"""
RUN = """
cd /selftests && . ./lan.sh && lan_loopback lo0 || exit 1
[ ! -e /proc/sys/net/ipv6 ] || { echo IPv6 is there; exit 1; }
seen=$(./helper_pair -c lo0 -s lo0 -a 127.0.0.1 -p 4000)
echo "$seen"
case $seen in "client=fastsock server=fastsock "*) ;; *) exit 1 ;; esac
lan_sysctl lo0 enable 0 && lan_down lo0
until_true 30 rmmod fastsock 2> /dev/null
"""


def main():
    """Boots the guest and runs a connection; the kernel must not complain."""
    print("TAP version 13\n1..3")
    with guest.Guest(os.environ["FASTSOCK_KERNEL"], "ipv6-off",
                     words=["ipv6.disable=1"]) as vm:
        vm.run(WATCH, check=True)
        steps = [("the module loads", vm.run(LOAD, 120)),
                 ("it asks for no module",
                  vm.run("! cat /tmp/asked 2> /dev/null")),
                 ("it works and is unloaded", vm.run(RUN, 240))]
        splat = vm.splat() or ""
    good = not splat
    for number, (name, (status, output)) in enumerate(steps, 1):
        print("\n".join("# " + line for line in output.splitlines()))
        print(f"{'not ok' if status else 'ok'} {number} {name}")
        good &= not status
    print("\n".join("# " + line for line in splat.splitlines()))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
