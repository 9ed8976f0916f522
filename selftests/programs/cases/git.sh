# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: git
# title: git: clone from and push to git daemon
version() { git --version; }

commit() {
	git -c user.name=x -c user.email=x@x commit -q --date=@1000000000 "$@"
}

serve() {
	export GIT_COMMITTER_DATE=@1000000000
	git init -q -b main "$work/tree" && cd "$work/tree" || return 1
	for i in $(seq 30); do
		seq "$i" $((i * 300)) > "file$i"
		git add . && commit -m "$i"
	done
	git clone -q --bare . "$work/repo.git"
	background git daemon --listen=$b_ip --base-path="$work" \
		--export-all --enable=receive-pack --reuseaddr
	await_ports 9418
}

use() {
	export GIT_COMMITTER_DATE=@1000000000
	git clone -q git://$b_ip/repo.git "$work/clone" && cd "$work/clone" ||
		return 1
	git rev-parse HEAD
	git fsck && git ls-files -s | md5sum
	seq 100000 > added && git add added && commit -m added &&
		git push -q origin main
	git ls-remote git://$b_ip/repo.git
}
