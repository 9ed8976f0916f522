#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# test_nomem with frames over RDMA.
# fastsock: timeout=600 kernels=debug
cd "$(dirname "$0")" || exit 1
. ./lan.sh
. ./carried.sh
carried 20 ./test_nomem -V lo -V tcp
