# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: golang-go
# title: Go: net/http with 20 goroutines, a 4 MiB answer, a timeout
# dual-stack: fastsock
# build: go build -o go-http go-http.go
version() { go version; }

serve() {
	background "$built/go-http" serve :7000
	await_ports 7000
}

use() {
	"$built/go-http" fetch $b_ip:7000
}
