# SPDX-License-Identifier: GPL-2.0
# Commands for people; what is compiled stands in Kbuild.
#
#   make [KVER=release]      build fastsock.ko for the running or another kernel
#   make install [KVER=...]  install it through DKMS (root)
#   make uninstall           remove it from DKMS (root)
#   make demo                unmodified programs between QEMU guests
#   make check               tests on the stock kernels, in QEMU
#   make check-debug         the same on a kernel full of assertions
#   make check-programs      real programs over TCP and over fastsock
#   make static              checkpatch, sparse, W=1, kernel-doc
#   make bench               measure against TCP: tables and plots
#   make bench-icount        instructions per operation only
#   make bench-repeatable    two runs of it agree
#   make deps                install what the above need from Debian

VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
vm := selftests/vm

all: supported
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# Kbuild's own words for these two are hard to understand.
supported:
	@case $(KVER) in \
	6.[1-9].*|6.[1-9]-*|6.1[0-2].*|6.1[0-2]-*) ;; \
	*) echo "fastsock builds for Linux 6.1 to 6.12, not for $(KVER);" \
		"name another kernel: make KVER=<release>" >&2; exit 1;; \
	esac
	@test -e $(KDIR)/Makefile || { \
		echo "the headers of Linux $(KVER) are missing:" \
		"apt-get install linux-headers-$(KVER)" >&2; exit 1; }

# Any installed kernel's build system knows what to remove.
clean:
	@for dir in $(wildcard $(KDIR) /lib/modules/*/build); do \
		[ -e $$dir/Makefile ] || continue; \
		$(MAKE) -C $$dir M=$(CURDIR) clean; exit; \
	done; echo "no kernel headers: nothing was built here"

install: supported
	@$(MAKE) --no-print-directory uninstall > /dev/null 2>&1 || true
	dkms add $(CURDIR)
	dkms install fastsock/$(VERSION) -k $(KVER)

uninstall:
	dkms remove fastsock/$(VERSION) --all
	rm -rf /usr/src/fastsock-$(VERSION)

deps:
	$(vm)/install-deps.sh

demo: deps
	tools/demo/run

check: deps
	$(vm)/run --kernels 6.1,6.12 --host $(vm)/dkms-check.sh \
		--host "make -s -C selftests/rel check" \
		--host "tools/icount/run --repeatable"

# TESTS="test_post test_c*" chooses some; after MINUTES no further one begins.
check-debug: deps
	$(vm)/run --kernels debug $(if $(MINUTES),--minutes $(MINUTES)) \
		$(foreach test,$(TESTS),'$(test)')

check-programs: deps
	selftests/programs/run --kernels 6.1,6.12 --place lan,host

static: deps
	$(vm)/static.sh

# PARTS=1,3 chooses what is measured, KERNELS=6.1,6.12 on what.
bench: deps
	tools/bench/run $(if $(PARTS),--parts $(PARTS)) \
		$(if $(KERNELS),--kernels $(KERNELS)) $(BENCHFLAGS)

bench-icount: deps
	tools/icount/run

bench-repeatable: deps
	tools/icount/run --repeatable

.PHONY: all supported clean install uninstall deps demo check check-debug \
	check-programs static bench bench-icount bench-repeatable
