// SPDX-License-Identifier: GPL-2.0
/*
 * A cable that spoils headers, for test_loss.sh:
 *
 *	helper_relay DEVICE DEVICE N
 *
 * Carries frames between two devices.  After SIGUSR1 it flips one random bit
 * in the fastsock header of one frame in N, which no link does whose CRC works.
 * On SIGTERM it prints how many.
 */

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/fastsock_wire.h>

static volatile sig_atomic_t spoiling, ending;

static void on_signal(int sig)
{
	if (sig == SIGUSR1)
		spoiling = 1;
	else
		ending = 1;
}

static int open_device(const char *name)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(name),
	};
	struct packet_mreq mreq = {
		.mr_ifindex = addr.sll_ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, size = 4 << 20;

	if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq,
		       sizeof(mreq)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size))) {
		perror(name);
		exit(1);
	}
	return fd;
}

/* What a device is to compute, TCP's checksum, is before the frame. */
#define OFFLOAD_LEN	sizeof(struct virtio_net_hdr)

static bool is_ours(const unsigned char *frame, ssize_t len)
{
	return len >= (ssize_t)(ETH_HLEN + sizeof(struct fsk_hdr)) &&
	       frame[12] == FSK_ETHERTYPE >> 8 &&
	       frame[13] == (FSK_ETHERTYPE & 0xff);
}

int main(int argc, char **argv)
{
	static unsigned char buffer[1 << 17];
	unsigned char *frame = buffer + OFFLOAD_LEN;
	struct pollfd pfd[2] = {};
	unsigned long spoilt = 0, bit;
	ssize_t len;
	int i, n;

	if (argc != 4)
		return 2;
	n = atoi(argv[3]);
	for (i = 0; i < 2; i++) {
		pfd[i].fd = open_device(argv[1 + i]);
		pfd[i].events = POLLIN;
	}
	srandom(12345);
	signal(SIGUSR1, on_signal);
	signal(SIGTERM, on_signal);
	while (!ending) {
		if (poll(pfd, 2, 100) <= 0)
			continue;
		for (i = 0; i < 2; i++) {
			len = recv(pfd[i].fd, buffer, sizeof(buffer),
				   MSG_DONTWAIT);
			if (len <= 0)
				continue;
			if (spoiling && is_ours(frame, len - OFFLOAD_LEN) &&
			    !(random() % n)) {
				bit = random() % (8 * sizeof(struct fsk_hdr));
				frame[ETH_HLEN + bit / 8] ^= 1 << bit % 8;
				spoilt++;
			}
			send(pfd[!i].fd, buffer, len, 0);
		}
	}
	printf("%lu\n", spoilt);
	return 0;
}
