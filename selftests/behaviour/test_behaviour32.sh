#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rows of test_behaviour in a program of 32 bits: those in which the kernel
# translates what it is given or gives back.
# fastsock: timeout=500 attempts=1
cd "$(dirname "$0")" || exit 1

rows=(
	C4 D7 E6 E12 I6			# time limits, and calls that restart
	D14 E10 I13 K7			# control messages, time stamps
	D10 E16				# vectors of bytes and of messages
	I1 I14 'J[1-4]' K5		# options of more than an int
	'L[1-5]' F1 H2			# ioctl, fcntl, poll, signals
	M1 M2 M3 M4 M5			# splice, sendfile, io_uring, libaio
)

./helper_behaviour32 -? > /dev/null 2>&1
if [ $? -eq 126 ]; then
	echo "TAP version 13"
	echo "1..0 # SKIP this kernel runs no programs of 32 bits"
	exit 4
fi
exec ./helper_behaviour32 "${rows[@]}"
