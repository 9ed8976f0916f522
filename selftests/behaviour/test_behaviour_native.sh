#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rows of test_behaviour with addresses of IPv6: those about creating,
# connecting, names, closing and ioctl().
# fastsock: timeout=900 kernels=6.12 attempts=1
cd "$(dirname "$0")" || exit 1
exec ./test_behaviour -N 'A*' 'B*' 'C*' 'G*' 'L*'
