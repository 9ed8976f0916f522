# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# packages: mpich libmpich-dev
# title: MPICH over TCP: a rank on each host, small and large messages
# build: mpicc -O2 -o mpi-ring mpi-ring.c
version() { mpichversion | sed -n 's/^MPICH Version:[[:space:]]*/MPICH /p'; }

# Stands in for ssh: launch HOST COMMAND...
serve() {
	cat > "$work/launch" <<-END
	#!/bin/bash
	while [[ \$1 == -* ]]; do shift; done
	ns=a
	[ "\$1" = $a_ip ] || ns=b
	shift
	exec ip netns exec \$ns bash -c "\$*"
	END
	chmod 755 "$work/launch"
}

use() {
	export UCX_TLS=tcp,self UCX_NET_DEVICES=eth0
	mpiexec -n 2 -hosts $a_ip,$b_ip -launcher ssh \
		-launcher-exec "$work/launch" "$built/mpi-ring"
}
