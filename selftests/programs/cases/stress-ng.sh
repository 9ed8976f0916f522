# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: stress-ng
# title: stress-ng: sock, sockmany, sockfd, sockabuse, sockdiag, epoll

version() { stress-ng --version; }

serve() {
	:
}

use() {
	local name

	for name in sock sockmany sockfd sockabuse sockdiag epoll; do
		stress-ng --quiet --$name 2 --$name-ops 300 --timeout 25 \
			--temp-path "$work"
		echo "$name: $?"
	done
}
