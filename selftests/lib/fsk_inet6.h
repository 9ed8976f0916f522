/* SPDX-License-Identifier: GPL-2.0 */
/* What tests of sockets of AF_INET6 share, whatever addresses these have. */
#ifndef FSK_INET6_H
#define FSK_INET6_H

#include "fsk_test.h"

/* The C library does not know them. */
#ifndef IPV6_FLOWINFO_SEND
#define IPV6_FLOWINFO_SEND	33
#endif
#ifndef IPV6_MINHOPCOUNT
#define IPV6_MINHOPCOUNT	73
#endif

#define BYTES	300000

static FSK_UNUSED struct sockaddr_in6 addr6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};

	inet_pton(AF_INET6, ip, &addr.sin6_addr);
	return addr;
}

static FSK_UNUSED int socket6(const char *ns, int flags)
{
	if (fsk_enter(ns))
		return -1;
	return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

static FSK_UNUSED int connect6(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = addr6(ip, port);

	return connect(fd, (void *)&addr, sizeof(addr));
}

static FSK_UNUSED int disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none));
}

/* A pattern goes one way while it is read. */
static FSK_UNUSED void expect_stream(struct __test_metadata *_metadata,
				     int from, int to)
{
	pid_t pid = fsk_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(fsk_send_pattern(from, from, 0, BYTES) ? 1 : 0);
	EXPECT_EQ(BYTES, fsk_recv_pattern(to, from, 0, BYTES));
	EXPECT_EQ(0, fsk_reap(pid));
}

/* Bytes both ways, and both ends; closes @server. */
static FSK_UNUSED void expect_whole(struct __test_metadata *_metadata,
				    int client, int *server)
{
	char byte;

	FSK_EXPECT_ALIVE(client, *server);
	expect_stream(_metadata, client, *server);
	expect_stream(_metadata, *server, client);
	EXPECT_EQ(0, shutdown(client, SHUT_WR));
	EXPECT_EQ(0, recv(*server, &byte, 1, 0));
	EXPECT_EQ(0, fsk_close(server));
	EXPECT_EQ(0, recv(client, &byte, 1, 0));
}

/* Who is @fd's other end now is fastsock's, and so is @fd. */
static FSK_UNUSED void expect_fast(struct __test_metadata *_metadata,
				   int listener, int fd)
{
	int server = accept(listener, NULL, NULL);

	ASSERT_LE(0, server);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	close(server);
}

/* Both are TCP's.  Return: the other end. */
static FSK_UNUSED int accept_tcp(struct __test_metadata *_metadata,
				 int listener, int fd)
{
	int server = accept(listener, NULL, NULL);

	ASSERT_LE(0, server);
	EXPECT_FALSE(fsk_is_fast(fd));
	EXPECT_FALSE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	return server;
}

/* Options of IPv6 are TCP's own: kept, told, and harmless. */
static FSK_UNUSED void expect_options(struct __test_metadata *_metadata, int fd)
{
	static const struct {
		int name;
		int value;
	} options[] = {
		{ IPV6_TCLASS, 0x48 }, { IPV6_UNICAST_HOPS, 9 },
		{ IPV6_RECVPKTINFO, 1 }, { IPV6_RECVHOPLIMIT, 1 },
		{ IPV6_RECVTCLASS, 1 }, { IPV6_AUTOFLOWLABEL, 1 },
		{ IPV6_FLOWINFO_SEND, 1 }, { IPV6_DONTFRAG, 1 },
		{ IPV6_MINHOPCOUNT, 3 },
		{ IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		EXPECT_EQ(0, fsk_set_int(fd, SOL_IPV6, options[i].name,
					 options[i].value)) {
			TH_LOG("option %d", options[i].name);
		}
		EXPECT_EQ(options[i].value,
			  fsk_int_option(fd, SOL_IPV6, options[i].name)) {
			TH_LOG("option %d", options[i].name);
		}
	}
}

/* Is it where netstat looks, and in that state? */
static FSK_UNUSED bool listed(const char *ns, uint16_t port, uint16_t peer,
			      int state)
{
	unsigned int local, remote, st;
	bool found = false;
	char line[512];
	FILE *file;

	if (fsk_enter(ns))
		return false;
	file = fopen("/proc/thread-self/net/tcp6", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %*d: %*32[0-9A-F]:%x %*32[0-9A-F]:%x %x",
			   &local, &remote, &st) == 3)
			found |= local == port && remote == peer &&
				 st == (unsigned int)state;
	if (file)
		fclose(file);
	return found;
}

/* What moved one counter of a reason by one. */
#define EXPECT_DELEGATED(ns, reason, call) do {				\
	long _n = fsk_stat(ns, "FskDelegated" reason);			\
	long _fast = fsk_stat(ns, "FskActiveOpens");			\
	call;								\
	EXPECT_EQ(_n + 1, fsk_stat(ns, "FskDelegated" reason)) {	\
		TH_LOG("reason %s", reason);				\
	}								\
	EXPECT_EQ(_fast, fsk_stat(ns, "FskActiveOpens"));		\
} while (0)

#define EXPECT_ERRNO(code, call) do {					\
	errno = 0;							\
	EXPECT_EQ(-1, call);						\
	EXPECT_EQ(code, errno);						\
} while (0)

#endif /* FSK_INET6_H */
