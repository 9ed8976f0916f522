#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds the debug kernel of "make check-debug" from Debian's linux-source-6.12
# and prints its build directory, against which external modules compile.
set -eu
set -o pipefail

here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
fragment=$here/debug.config

configure() {
	local src=$1 out=$2

	make -s -C "$src" O="$out" tinyconfig
	make -s -C "$src" O="$out" kvm_guest.config
	"$src/scripts/kconfig/merge_config.sh" -m -O "$out" \
		"$out/.config" "$fragment"
	make -s -C "$src" O="$out" olddefconfig
}

# olddefconfig drops what it cannot satisfy without a word: look.
verify() {
	local config=$1 line name bad=0

	while read -r line; do
		case $line in
		CONFIG_*=n) name=${line%=n} ;;
		CONFIG_*)
			grep -qxF "$line" "$config" && continue
			say "did not take: $line"
			bad=1
			continue
			;;
		'# CONFIG_'*' is not set')
			name=${line#\# }
			name=${name%% *}
			;;
		*) continue ;;
		esac
		grep -q "^$name=" "$config" || continue
		say "did not take: $line"
		bad=1
	done < "$fragment"
	[ "$bad" -eq 0 ] || die "the options above are lost in $config"
}

compile() {
	local src=$1 out=$2

	nice make -s -C "$src" O="$out" -j"$(nproc)" \
		KBUILD_BUILD_USER=fastsock KBUILD_BUILD_HOST=debug \
		bzImage modules
}

# Keeps what external modules and a boot need: 2 GB become 200 MB.
prune() {
	local out=$1

	find "$out" \( -path "$out/scripts" -o -path "$out/tools" \) -prune -o \
		-type f \( -name '*.o' -o -name '*.cmd' -o -name '*.a' \
		-o -name 'vmlinux*' ! -name '*.lds' ! -name '*.symvers' \) \
		-exec rm -f {} +
}

# Says every half minute how far the compiler is, on the same terminal.
heartbeat() {
	local out=$1 start=$SECONDS

	while sleep 30; do
		say "  $((SECONDS - start)) s: $(find "$out" -name '*.o' |
			wc -l) objects"
	done
}

src=$(kernel_source 6.12)
# Comments and the scaffolding may change without a new build.
key=$({ head -n 6 "$src/Makefile"; gcc -dumpfullversion
	grep -v '^#$\|^# [^C]' "$fragment"
	declare -f configure compile prune; } | sha256sum | cut -c 1-16)
out=$FASTSOCK_CACHE/debug/$key
mkdir -p "$out"
exec 9> "$FASTSOCK_CACHE/debug/lock"
flock 9

if [ ! -e "$out/ready" ]; then
	say "building the debug kernel in $out (10 to 15 minutes, once)"
	find "$out" -mindepth 1 -delete
	configure "$src" "$out" > "$out/config.log" 2>&1 ||
		{ tail -n 20 "$out/config.log" >&2; die "configuration failed"; }
	verify "$out/.config"
	heartbeat "$out" 9>&- &
	beat=$!
	trap 'kill "$beat" 2>/dev/null || true' EXIT
	compile "$src" "$out" > "$out/build.log" 2>&1 9>&- ||
		{ tail -n 30 "$out/build.log" >&2; die "see $out/build.log"; }
	prune "$out"
	touch "$out/ready"
	say "debug kernel built in $SECONDS s"
fi
printf '%s\n' "$out"
