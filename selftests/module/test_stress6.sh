#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_stress over IPv6, for a shorter time.
# fastsock: timeout=120
cd "$(dirname "$0")" || exit 1
. ./lan.sh
FSK_STRESS_SECONDS=$(lan_patience 2) LAN_IPV6=1 exec ./test_stress
