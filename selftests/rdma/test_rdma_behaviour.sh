#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_behaviour with frames over RDMA.
# fastsock: timeout=900 kernels=6.12 attempts=1
cd "$(dirname "$0")" || exit 1
. ./lan.sh
. ./carried.sh
carried 1000 ./test_behaviour -r "$@"
