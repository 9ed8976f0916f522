// SPDX-License-Identifier: GPL-2.0
/*
 * A cable between two network namespaces that is not Ethernet.
 *
 *   helper_tun NS NS
 *
 * makes a device "tun0" in each and carries IP packets between them for as
 * long as it runs.  It prints "ready" when both exist.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int tun(const char *ns)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return -1;
	close(fd);
	fd = open("/dev/net/tun", O_RDWR);
	strcpy(request.ifr_name, "tun0");
	return fd < 0 || ioctl(fd, TUNSETIFF, &request) ? -1 : fd;
}

int main(int argc, char **argv)
{
	struct pollfd ends[2] = { { .events = POLLIN }, { .events = POLLIN } };
	char packet[65536];
	ssize_t n;
	int i;

	if (argc != 3)
		return 2;
	for (i = 0; i < 2; i++) {
		ends[i].fd = tun(argv[i + 1]);
		if (ends[i].fd < 0) {
			perror("helper_tun");
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	while (poll(ends, 2, -1) > 0)
		for (i = 0; i < 2; i++) {
			if (!(ends[i].revents & POLLIN))
				continue;
			n = read(ends[i].fd, packet, sizeof(packet));
			/* A device that is down loses packets. */
			if (n <= 0 || write(ends[!i].fd, packet, n) < 0)
				continue;
		}
	return 1;
}
