# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: default-jdk-headless
# title: Java: blocking sockets, NIO with a selector
# dual-stack: fastsock
# build: javac -d . Echo.java

version() { java -version; }

serve() {
	background java -Xint -cp "$built" Echo serve 7000
	await_ports 7000
}

use() {
	java -Xint -cp "$built" Echo use $b_ip 7000
}
