#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Compiles the module against one kernel build directory in a copy of the
# sources, so that the products of several kernels never meet; and the modules
# that only tests need:
#   build-module.sh KDIR OUT [make argument...]
set -eu

[ $# -ge 2 ] || { echo "usage: $0 KDIR OUT [make argument...]" >&2; exit 2; }
kdir=$1
out=$2
shift 2
top=$(readlink -f "$(dirname "$0")/../..")

mkdir -p "$out"
exec 9> "$out/.lock"
flock 9
# Sources that went away go away here too; products are left alone.
rsync -aR --delete --prune-empty-dirs --include='*/' --include='*.[ch]' \
	--include=Kbuild --exclude='*' "$top/./Kbuild" "$top/./net" \
	"$top/./include" "$top/./selftests/rel" "$top/./selftests/module" \
	"$top/./selftests/rdma" "$out/"
make -j"$(nproc)" -C "$kdir" M="$out" FSK_SELFTESTS=1 "$@" modules 9>&-
