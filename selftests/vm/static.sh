#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Static checks as KTAP: checkpatch --strict, kernel-doc, whether comments and
# documentation refer to what is there, and for both stock kernels a W=1 build,
# who includes and uses what of whom, how long files and functions are, and
# sparse; a build against the oldest and the newest
# release of both series that Debian's archives offer; shellcheck where it is
# installed; and the arithmetic of the benchmark, which needs no guest.
set -u
set -o pipefail

here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
cd "$here/../.." || exit 1

passed=0 failed=0 skipped=0
source=$(kernel_source 6.12) || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Runs a check that prints only what is wrong.
check() {
	local name=$1 output

	shift
	if output=$("$@" 2>&1) && [ -z "$output" ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed + skipped)) $name"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed + skipped)) $name"
		printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

skip() {
	skipped=$((skipped + 1))
	echo "ok $((passed + failed + skipped)) $1 # SKIP $2"
}

# compat.h tests kernel versions, which checkpatch dislikes on principle; lists
# of names that several macros walk through, and proto_ops that are filled when
# the module loads, cannot be written in a way that it likes.
checkpatch() {
	local ignore=NONE

	case $1 in
	*/uapi/linux/fastsock.h | */stats.h | */trace.h)
		ignore=COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_UNUSED
		ignore+=,CAMELCASE,TRAILING_SEMICOLON
		;;
	*/core/family.h | */ops.c | */core/transport.[ch])
		ignore=CONST_STRUCT
		;;
	*/opcheck*.[ch]) ignore=CONST_STRUCT,MACRO_ARG_REUSE ;;
	esac
	# It leaves a cache file in the working directory.
	cd "$scratch" || return 1
	"$source/scripts/checkpatch.pl" --root="$source" --strict --terse \
		--quiet --no-summary --max-line-length=80 \
		--ignore "$ignore" -f "$@"
}

kernel_doc() {
	"$source/scripts/kernel-doc" -none -Werror "$@"
}

# Compiles a copy against a kernel's build directory with the make arguments
# given; prints only what concerns our own files, for the kernel's headers are
# not ours to mend.
build() {
	local kdir=$1 out=$scratch/$2 status

	shift 2
	"$here/build-module.sh" "$kdir" "$out" "$@" > "$out.log" 2>&1
	status=$?
	grep -F "$out/" "$out.log" | grep -E '(warning|error|WARNING|ERROR):'
	[ $status -eq 0 ] || tail -n 20 "$out.log"
	return $status
}

scripts_clean() {
	{
		grep -rlE --exclude-dir=.git '^#!.*\bbash' .
		printf '%s\n' selftests/programs/cases/*.sh
	} | xargs -r shellcheck -x -S warning -e SC1090,SC1091
}

# Stable releases change what modules see, some between two of Debian's.
offered() {
	local kdir

	kdir=$(offered_headers "$1" 2> "$scratch/fetch") || {
		cat "$scratch/fetch"
		return 1
	}
	"$here/opcheck.py" "${kdir%-amd64}-common/include" &&
		build "$kdir" "$1" W=1
}

arithmetic() {
	local output

	output=$(python3 tools/bench/test_fit.py 2>&1) || {
		echo "$output"
		return 1
	}
}

# What kbuild compiles, and its headers: of the tests those that it names.
kernel_sources() {
	local tests

	mapfile -t tests < <(grep -o 'selftests/[^ ]*\.o' Kbuild)
	find net include "${tests[@]/%.o/.c}" -name "*.[ch]" "$@" | sort
}

mapfile -t sources < <(kernel_sources ! -name compat.h)
echo "TAP version 13"
for file in "${sources[@]}"; do
	check "checkpatch $file" checkpatch "$PWD/$file"
done
mapfile -t sources < <(kernel_sources)
check "kernel-doc" kernel_doc "${sources[@]}"
check "references" "$here/references.py" .
for series in 6.1 6.12; do
	release=$(stock_release $series)
	kdir=/lib/modules/$release/build
	check "operations $series" "$here/opcheck.py" "${kdir%build}source/include"
	check "W=1 $series" build "$kdir" "w1-$series" W=1
	check "rooms $series" "$here/rooms.py" . "$scratch/w1-$series"
	check "sparse $series" build "$kdir" "sparse-$series" C=2 \
		CF=-D__CHECK_ENDIAN__
	mapfile -t releases < <(offered_releases $series | sed -n '1p;$p')
	[ ${#releases[@]} -gt 0 ] ||
		skip "releases of $series" "apt knows of none: apt-get update"
	for other in "${releases[@]}"; do
		[ "$other" = "$release" ] || check "W=1 $other" offered "$other"
	done
done
if command -v shellcheck > /dev/null; then
	check "shellcheck" scripts_clean
else
	skip "shellcheck" "not installed"
fi
check "arithmetic of the benchmark" arithmetic
echo "1..$((passed + failed + skipped))"
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
