# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Paths and lookups that the scripts of selftests/vm share; sourced, not run.

# Everything that is built for tests lies here, never in the tree.
FASTSOCK_CACHE=${FASTSOCK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fastsock}

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "error: $*"
	exit 1
}

# Prints the newest installed release of a stock kernel series ("6.1").
stock_release() {
	local image

	image=$(printf '%s\n' /boot/vmlinuz-"$1".*-amd64 |
		grep -Ev -- '\*|-(rt|cloud)-amd64$' | sort -V | tail -n 1)
	[ -n "$image" ] || die "no Debian kernel $1 in /boot: run 'make deps'"
	printf '%s\n' "${image#/boot/vmlinuz-}"
}

# Prints the directory of the unpacked linux-source-$1, unpacking it when it
# is absent or not the version of the installed package.  Who comes while
# somebody else unpacks waits.
kernel_source() (
	tar=/usr/src/linux-source-$1.tar.xz
	dir=$FASTSOCK_CACHE/src/linux-source-$1

	[ -f "$tar" ] || die "$tar is missing: apt-get install linux-source-$1"
	want=$(dpkg-query -W -f '${Version}' "linux-source-$1")
	want=${want%%-*}
	mkdir -p "${dir%/*}"
	exec 8> "${dir%/*}/lock"
	flock 8
	have=$(awk -F ' = ' '$1 == "VERSION" || $1 == "PATCHLEVEL" ||
		$1 == "SUBLEVEL" { v = v s $2; s = "." } END { print v }' \
		"$dir/Makefile" 2>/dev/null || true)
	if [ "$have" != "$want" ]; then
		say "unpacking linux-source-$1 ($want) to $dir"
		tmp=$(mktemp -d "${dir%/*}/unpack.XXXXXX")
		tar -xJf "$tar" -C "$tmp"
		rm -rf "$dir"
		mv "$tmp"/linux-source-* "$dir"
		rmdir "$tmp"
	fi
	printf '%s\n' "$dir"
)

# Prints the kernel releases of a series whose headers Debian's archives offer,
# oldest first.
offered_releases() {
	local package

	apt-cache pkgnames "linux-headers-$1." |
		grep -E -- '-amd64$' | grep -Ev -- '-(rt|cloud)-amd64$' |
		sort -V | while read -r package; do
		# What is only installed has no file name.
		apt-cache show "$package" 2>/dev/null |
			grep '^Filename:' > /dev/null &&
			printf '%s\n' "${package#linux-headers-}"
	done
}

# Prints the directory to compile against for a release that need not be
# installed: unpacks its headers.
offered_headers() {
	local dir=$FASTSOCK_CACHE/headers/$1 tmp file
	local built=usr/src/linux-headers-$1 packages

	if [ ! -d "$dir" ]; then
		say "fetching the headers of $1 to $dir"
		mkdir -p "${dir%/*}"
		tmp=$(mktemp -d "${dir%/*}/fetch.XXXXXX")
		# Their Makefiles lead to two more packages.
		mapfile -t packages < <(apt-cache show --no-all-versions \
			"linux-headers-$1" | awk '/^Depends:/' |
			grep -oE 'linux-(headers-[^ ,]*-common|kbuild-[^ ,]*)')
		(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download \
			"linux-headers-$1" "${packages[@]}" >&2 &&
			for file in *.deb; do
				dpkg -x "$file" . && rm "$file" || exit
			done) || {
			rm -rf "$tmp"
			return 1
		}
		sed -i "s|/usr/src|$dir/usr/src|" "$tmp/$built/Makefile"
		mv "$tmp" "$dir"
	fi
	printf '%s\n' "$dir/$built"
}
