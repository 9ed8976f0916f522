#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The rows of test_behaviour between namespaces that share memory.
# fastsock: timeout=900 kernels=stock attempts=1
cd "$(dirname "$0")" || exit 1
exec ./test_behaviour -a
