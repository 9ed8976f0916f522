// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever makes a user namespace administers the network namespaces in it.  That
 * is anybody, so it must not turn fastsock on, nor have its frames read, unless
 * the host's administrator has said so.
 * fastsock: timeout=60
 */
#include "fsk_test.h"

#include <linux/fastsock_wire.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>

#define SYSCTL "/proc/sys/net/fastsock/"
#define STAT "/proc/thread-self/net/fastsock_stat"

/* Return: 0 or errno. */
static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err = errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* A user namespace whose root this process is, and a network of its own. */
static int leave(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) ||
	       write_to("/proc/self/uid_map", "0 0 1") ||
	       fsk_run("ip link add eth0 type veth peer name eth1 && "
		       "ip link set eth0 up && ip link set eth1 up") ? -1 : 0;
}

static void mac_of(int fd, const char *name, uint8_t *mac)
{
	struct ifreq request = {};

	strcpy(request.ifr_name, name);
	ioctl(fd, SIOCGIFHWADDR, &request);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
}

/* DATA for a connection that is not, from eth0 to eth1; sealed it need not be. */
static int send_frame(void)
{
	struct sockaddr_ll name = {
		.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("eth0"),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint8_t f[60] = {};
	struct fsk_hdr *hdr = (void *)(f + 14);
	ssize_t n;

	mac_of(fd, "eth1", f);
	mac_of(fd, "eth0", f + 6);
	f[12] = FSK_ETHERTYPE >> 8;
	f[13] = FSK_ETHERTYPE & 0xff;
	hdr->type = FSK_T_DATA;
	hdr->id = htonl(0x12345);
	n = sendto(fd, f, sizeof(f), 0, (void *)&name, sizeof(name));
	close(fd);
	return n == sizeof(f) ? 0 : -1;
}

static long own_stat(const char *name)
{
	char format[64];

	snprintf(format, sizeof(format), "%s %%ld", name);
	return fsk_number_in(STAT, format);
}

/* In which counter such a frame ends, as a bit: 1 not for us, 2 no such id. */
static int judged(void)
{
	long not_for_us = own_stat("FskDropNotForUs"), id = own_stat("FskDropId");
	int seen = 0;

	if (send_frame())
		return -1;
	FSK_UNTIL((seen = (own_stat("FskDropNotForUs") > not_for_us) |
			  (own_stat("FskDropId") > id) << 1) != 0);
	return seen;
}

TEST(enabling_is_the_hosts)
{
	pid_t pid;

	ASSERT_EQ(0, write_to(SYSCTL "userns_enable", "0"));
	pid = fsk_fork();
	if (!pid) {
		ASSERT_EQ(0, leave());
		EXPECT_EQ(EPERM, write_to(SYSCTL "enable", "1"));
		EXPECT_EQ(EPERM, write_to(SYSCTL "enable", "2"));
		EXPECT_EQ(0, fsk_number_in(SYSCTL "enable", "%ld"));
		EXPECT_EQ(0, write_to(SYSCTL "enable", "0"));
		EXPECT_EQ(0, write_to(SYSCTL "same_host", "2"));
		EXPECT_EQ(ENOENT, write_to(SYSCTL "userns_enable", "1"));
		_exit(_metadata->exit_code);
	}
	EXPECT_EQ(0, fsk_reap(pid));
}

TEST(the_host_may_allow_it)
{
	pid_t pid;

	ASSERT_EQ(0, write_to(SYSCTL "userns_enable", "1"));
	pid = fsk_fork();
	if (!pid) {
		ASSERT_EQ(0, leave());
		EXPECT_EQ(0, write_to(SYSCTL "enable", "1"));
		EXPECT_EQ(1, fsk_number_in(SYSCTL "enable", "%ld"));
		EXPECT_EQ(2, judged());
		_exit(_metadata->exit_code);
	}
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(0, write_to(SYSCTL "userns_enable", "0"));
}

/* What the host has turned on may be turned off, not on again. */
TEST(turning_off_is_for_the_owner)
{
	char path[64];
	int go[2], ns;
	pid_t pid;
	char byte;

	ASSERT_EQ(0, pipe(go));
	pid = fsk_fork();
	if (!pid) {
		ASSERT_EQ(0, leave());
		ASSERT_EQ(1, write(go[1], "x", 1));
		EXPECT_TRUE(FSK_UNTIL(fsk_number_in(SYSCTL "enable", "%ld") ==
				      1));
		/* A list of settings that is applied again. */
		EXPECT_EQ(0, write_to(SYSCTL "enable", "1"));
		EXPECT_EQ(EPERM, write_to(SYSCTL "enable", "2"));
		EXPECT_EQ(0, write_to(SYSCTL "enable", "0"));
		EXPECT_EQ(EPERM, write_to(SYSCTL "enable", "1"));
		_exit(_metadata->exit_code);
	}
	ASSERT_EQ(1, read(go[0], &byte, 1));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, setns(ns, CLONE_NEWNET));
	close(ns);
	EXPECT_EQ(0, write_to(SYSCTL "enable", "1"));
	EXPECT_EQ(0, fsk_reap(pid));
}

/* Its frames would reach the parser, and be answered. */
TEST(frames_are_not_read_where_it_was_never_enabled)
{
	pid_t pid = fsk_fork();

	if (!pid) {
		ASSERT_EQ(0, leave());
		EXPECT_EQ(1, judged());
		EXPECT_EQ(0, own_stat("FskOutFrames"));
		_exit(_metadata->exit_code);
	}
	EXPECT_EQ(0, fsk_reap(pid));
}

TEST_HARNESS_MAIN
