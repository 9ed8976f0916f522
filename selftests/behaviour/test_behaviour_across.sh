#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rows of test_behaviour between namespaces that share memory: those in which
# that could differ from memory within one.
# fastsock: timeout=500 kernels=6.12 attempts=1
cd "$(dirname "$0")" || exit 1
exec ./test_behaviour -a 'C*' 'D*' 'G*' 'O*'
