#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Connections between network cards, which know nothing of fastsock's frames
and give all of them one hash: RPS spreads them over processors all the same.
"""
# fastsock: timeout=400 kernels=stock

import os
import sys

import guest

# One processor takes all interrupts and sends all frames.  What the other one
# has taken from its backlog, the hash of the connection has brought there.
SPREAD = """
cd /selftests && . ./lan.sh && lan_cards a b eth0 eth1 || exit 1
for irq in /proc/irq/[0-9]*; do
    echo 1 > $irq/smp_affinity
done 2> /dev/null
for ns in a b; do
    ip netns exec $ns sh -c \\
        'echo 3 > /sys/class/net/eth0/queues/rx-0/rps_cpus' || exit 1
done
lan_ready a b || exit 1
before=$(lan_processed)
# Each has four directions in which much goes.
for round in 1 2 3 4 5 6; do
    timeout 60 taskset 1 ./helper_xfer a b 10.77.0.2 65536 true || exit 1
done
echo figures $before $(lan_processed)
"""


def main():
    """Boots the guest and moves streams; the kernel must not complain."""
    print("TAP version 13\n1..1")
    with guest.Segment() as lan, \
         guest.Guest(os.environ["FASTSOCK_KERNEL"], "spread",
                     [lan, lan]) as vm:
        vm.run(f"insmod {guest.MODULE}", check=True)
        status, output = vm.run(SPREAD, 300)
        splat = vm.splat() or ""
    print("\n".join("# " + line for line in (output + splat).splitlines()))
    good = not status and not splat
    if good:
        figures = [int(word) for word in
                   output[output.index("figures "):].split()[1:]]
        taken = [figures[cpu + 2] - figures[cpu] for cpu in (0, 1)]
        # Of 24 directions each should have about a half.
        good = min(taken) * 8 > sum(taken)
    print(f"{'ok' if good else 'not ok'} 1 frames of cards arrive on both "
          "processors")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
