#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rows of test_behaviour with sockets of AF_INET6 whose addresses are IPv4's:
# those about creating, connecting, closing and ioctl().
# fastsock: timeout=900 kernels=6.12 attempts=1
cd "$(dirname "$0")" || exit 1
exec ./test_behaviour -6 'A*' 'C*' 'G*' 'L*'
