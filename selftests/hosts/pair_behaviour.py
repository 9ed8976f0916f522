#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""test_behaviour between network cards of a guest that a switch outside joins:
a driver, its queues and interrupts take the place of veth.
"""
# fastsock: timeout=600 kernels=stock attempts=1

import os
import sys

import guest

SECONDS = 500


def show(data):
    """Passes on what the guest prints."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main():
    """Boots the guest and runs the rows; the kernel must not complain."""
    with guest.Segment() as on, guest.Segment() as off, \
         guest.Guest(os.environ["FASTSOCK_KERNEL"], "cards",
                     [on, on, off, off]) as vm:
        vm.run(f"insmod {guest.MODULE}", check=True)
        job = vm.start("cd /selftests && exec ./test_behaviour -c", show)
        status, _ = job.wait(SECONDS)
        splat = vm.splat()
    if splat:
        print("\n".join("# " + line for line in splat.splitlines()))
    sys.exit(1 if splat else status)


if __name__ == "__main__":
    main()
