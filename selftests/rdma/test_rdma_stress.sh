#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_stress with frames over RDMA.
# fastsock: timeout=200 kernels=6.12,debug
cd "$(dirname "$0")" || exit 1
. ./lan.sh
. ./carried.sh
carried 100 ./test_stress -v frames
