#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# DKMS add, build, install and remove for both stock kernels as KTAP, in trees
# of its own, so that the machine stays as it was.
set -u

here=$(dirname "$(readlink -f "$0")")
. "$here/lib.sh"
cd "$here/../.." || exit 1

# shellcheck disable=SC2034 # dkms.conf wants them
kernelver='' kernel_source_dir=''
. ./dkms.conf
name=$PACKAGE_NAME/$PACKAGE_VERSION
work=$(mktemp -d)
mkdir -p "$work"/{dkms,src,lib}
trap 'rm -rf "$work"' EXIT
count=0 failed=0
# DKMS creates a signing key where it finds none.
[ -e /var/lib/dkms/mok.key ] ||
	trap 'rm -rf "$work" /var/lib/dkms/mok.key /var/lib/dkms/mok.pub' EXIT

check() {
	local text=$1 output

	shift
	count=$((count + 1))
	if output=$("$@" 2>&1); then
		echo "ok $count $text"
	else
		failed=1
		echo "not ok $count $text"
		printf '%s\n' "$output" | sed 's/^/# /'
		find "$work/dkms" -name make.log -exec tail -n 20 {} + |
			sed 's/^/# /'
	fi
}

tool() {
	dkms "$@" --dkmstree "$work/dkms" --sourcetree "$work/src" \
		--installtree "$work/lib" --no-depmod
}

# The copy that DKMS takes must not contain what only tests leave.
add() {
	rsync -a --exclude=.git --exclude='*.o' --exclude='*.ko' \
		--exclude='*.cmd' --exclude='*.mod*' ./ "$work/tree/" &&
		tool add "$work/tree"
}

installed() {
	local module file

	for module in fastsock fastsock_rdma; do
		file=$(compgen -G "$work/lib/$1/updates/dkms/$module.ko*") &&
			modinfo "$file" | grep -q "^vermagic: *$1 " || return
	done
}

removed() {
	tool remove "$name" --all && ! installed "$1" &&
		[ -z "$(tool status "$name")" ]
}

echo "TAP version 13"
echo "1..11"
releases=("$(stock_release 6.1)" "$(stock_release 6.12)")
check "dkms: the version is the Makefile's" \
	test "$(make -s --eval 'v: ; @echo $(VERSION)' v)" = "$PACKAGE_VERSION"
check "dkms add" add
for release in "${releases[@]}"; do
	mkdir -p "$work/lib/$release"
	ln -s "$(readlink -f "/lib/modules/$release/build")" \
		"$work/lib/$release/build"
	check "dkms build $release" tool build "$name" -k "$release" \
		--kernelsourcedir "/lib/modules/$release/build"
	check "dkms install $release" tool install "$name" -k "$release" \
		--kernelsourcedir "/lib/modules/$release/build"
	check "dkms installed both modules for $release" installed "$release"
done
check "dkms remove" removed "${releases[0]}"
check "make refuses a kernel that is too old" \
	eval '! make KVER=5.10.0-9-amd64 2> "$work/old" && grep -q 6.12 "$work/old"'
check "make names the header package that is missing" \
	eval '! make KVER=6.1.999-9-amd64 2> "$work/headers" &&
		grep -q linux-headers-6.1.999-9-amd64 "$work/headers"'
exit "$failed"
