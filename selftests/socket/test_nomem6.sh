#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_nomem over IPv6.
# fastsock: timeout=300 kernels=debug
cd "$(dirname "$0")" || exit 1
LAN_IPV6=1 exec ./test_nomem
