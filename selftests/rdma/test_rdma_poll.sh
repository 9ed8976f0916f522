#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_poll with frames over RDMA.
# fastsock: timeout=600 kernels=6.12
cd "$(dirname "$0")" || exit 1
. ./lan.sh
. ./carried.sh
carried 100 ./test_poll -V lo -V tcp
