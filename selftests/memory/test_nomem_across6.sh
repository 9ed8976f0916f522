#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_nomem over IPv6, between namespaces that share memory.
# fastsock: timeout=300 kernels=debug
cd "$(dirname "$0")" || exit 1
LAN_SAME_HOST=2 LAN_IPV6=1 exec ./test_nomem -v veth
