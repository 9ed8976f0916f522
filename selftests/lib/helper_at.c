// SPDX-License-Identifier: GPL-2.0
/*
 * helper_at NETNS COMMAND... runs a command in a network namespace, as
 * "ip netns exec" does but without its private /sys: tests start it by the
 * thousand, and with KASAN every page of a dynamic program is felt.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[128];
	int fd;

	if (argc < 3)
		return 2;
	snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET)) {
		perror(path);
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
