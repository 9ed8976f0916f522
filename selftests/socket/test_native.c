// SPDX-License-Identifier: GPL-2.0
// Connections of IPv6, within the host and between hosts: they run fastsock,
// and are called what TCP would call them.
// fastsock: timeout=400

#include <linux/in6.h>

#include "fsk_forge.h"
#include "fsk_inet6.h"

#define LOCAL	"local"		/* the link-local address of the device */

/* Where a connection runs, and to which address its listener is bound. */
struct way {
	const char *client_ns;
	const char *server_ns;
	const char *device;
	const char *bound;
	const char *to;
	bool shared;		/* the namespaces share memory */
};

/* The link-local address of a device, with its scope. */
static bool local_of(const char *device, struct in6_addr *addr)
{
	char line[128], name[32];
	unsigned int scope, i;
	bool found = false;
	FILE *file;

	file = fopen("/proc/thread-self/net/if_inet6", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*32s %*x %*x %x %*x %31s", &scope,
			   name) != 2 ||
		    scope != 0x20 || strcmp(name, device))
			continue;
		found = true;
		for (i = 0; i < 16; i++)
			found &= sscanf(line + 2 * i, "%2hhx",
					&addr->s6_addr[i]) == 1;
	}
	if (file)
		fclose(file);
	return found;
}

/* An address of the server, as a namespace has to write it. */
static struct sockaddr_in6 addr_of(const struct way *way, const char *ns,
				   const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = addr6(ip, port);

	if (!strcmp(ip, LOCAL) && !fsk_enter(way->server_ns)) {
		local_of(way->device, &addr.sin6_addr);
		fsk_enter(ns);
		addr.sin6_scope_id = if_nametoindex(way->device);
	}
	return addr;
}

static int bind_to(const struct way *way, int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = addr_of(way, way->server_ns, ip, port);

	return bind(fd, (void *)&addr, sizeof(addr));
}

/* @ns: of @fd */
static int connect_from(const struct way *way, const char *ns, int fd,
			uint16_t port)
{
	struct sockaddr_in6 addr = addr_of(way, ns, way->to, port);

	return connect(fd, (void *)&addr, sizeof(addr));
}

static int connect_to(const struct way *way, int fd, uint16_t port)
{
	return connect_from(way, way->client_ns, fd, port);
}

static int listen_on(struct __test_metadata *_metadata, const struct way *way)
{
	int fd = socket6(way->server_ns, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bind_to(way, fd, way->bound, 0)) {
		TH_LOG("bind: %s", strerror(errno));
	}
	ASSERT_EQ(0, listen(fd, 128));
	return fd;
}

static const struct way lo_any = { "lo0", "lo0", "lo", "::", "::1", false };
static const struct way veth = { "a", "b", "eth0", "::", "fd77::2", false };

FIXTURE(native)
{
	int listener;
	uint16_t port;
	int client;
	int server;
	struct sockaddr_in6 accepted;
};

FIXTURE_VARIANT(native)
{
	struct way way;
};

FIXTURE_VARIANT_ADD(native, lo_any)
{
	.way = { "lo0", "lo0", "lo", "::", "::1", false },
};

FIXTURE_VARIANT_ADD(native, lo_bound)
{
	.way = { "lo0", "lo0", "lo", "::1", "::1", false },
};

FIXTURE_VARIANT_ADD(native, unspecified)
{
	.way = { "lo0", "lo0", "lo", "::", "::", false },
};

FIXTURE_VARIANT_ADD(native, own_any)
{
	.way = { "a", "a", "eth0", "::", "fd77::1", false },
};

FIXTURE_VARIANT_ADD(native, own_bound)
{
	.way = { "a", "a", "eth0", "fd77::1", "fd77::1", false },
};

FIXTURE_VARIANT_ADD(native, local_any)
{
	.way = { "a", "a", "eth0", "::", LOCAL, false },
};

FIXTURE_VARIANT_ADD(native, local_bound)
{
	.way = { "a", "a", "eth0", LOCAL, LOCAL, false },
};

FIXTURE_VARIANT_ADD(native, veth_any)
{
	.way = { "a", "b", "eth0", "::", "fd77::2", false },
};

FIXTURE_VARIANT_ADD(native, veth_bound)
{
	.way = { "a", "b", "eth0", "fd77::2", "fd77::2", false },
};

FIXTURE_VARIANT_ADD(native, veth_local_any)
{
	.way = { "a", "b", "eth0", "::", LOCAL, false },
};

FIXTURE_VARIANT_ADD(native, veth_local_bound)
{
	.way = { "a", "b", "eth0", LOCAL, LOCAL, false },
};

FIXTURE_VARIANT_ADD(native, across_any)
{
	.way = { "a", "b", "eth0", "::", "fd77::2", true },
};

FIXTURE_VARIANT_ADD(native, across_local)
{
	.way = { "a", "b", "eth0", LOCAL, LOCAL, true },
};

/* Is the link-local address there, and known to be nobody else's? */
static bool usable(const char *ns, const char *device)
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	int fd = socket6(ns, 0), err = -1;

	if (local_of(device, &addr.sin6_addr)) {
		addr.sin6_scope_id = if_nametoindex(device);
		err = bind(fd, (void *)&addr, sizeof(addr));
	}
	close(fd);
	return !err;
}

#define REPLACE(ns, ip)	"ip -n " ns " addr replace " ip "/64 dev eth0 nodad"

/*
 * Addresses that all can have at once, and those of the link when nobody else
 * has them; and each knows where the other is.
 */
static void make_addresses(struct __test_metadata *_metadata)
{
	ASSERT_EQ(0, fsk_run(REPLACE("a", "fd77::1") " && "
			     REPLACE("b", "fd77::2")));
	ASSERT_TRUE(FSK_UNTIL(usable("a", "eth0") && usable("b", "eth0")));
}

#define PING	"ping -6 -c 1 -w 30 -q "

/* Neighbour discovery: of the addresses that a way uses. */
static void meet(struct __test_metadata *_metadata, const struct way *way)
{
	struct sockaddr_in6 addr = addr_of(way, way->client_ns, way->to, 0);
	char text[INET6_ADDRSTRLEN], command[200];

	if (!strcmp(way->client_ns, way->server_ns))
		return;
	inet_ntop(AF_INET6, &addr.sin6_addr, text, sizeof(text));
	snprintf(command, sizeof(command), "ip netns exec %s " PING
		 "%s%s > /dev/null", way->client_ns, text,
		 addr.sin6_scope_id ? "%eth0" : "");
	ASSERT_EQ(0, fsk_run(command));
}

FIXTURE_SETUP(native)
{
	const struct way *way = &variant->way;
	socklen_t len = sizeof(self->accepted);
	long active, passive;

	make_addresses(_metadata);
	meet(_metadata, way);
	if (way->shared)
		ASSERT_EQ(0, fsk_same_host(2));
	active = fsk_stat(way->client_ns, "FskActiveOpens");
	passive = fsk_stat(way->server_ns, "FskPassiveOpens");
	self->listener = listen_on(_metadata, way);
	self->port = fsk_port(self->listener);
	self->client = socket6(way->client_ns, 0);
	ASSERT_LE(0, self->client);
	ASSERT_EQ(0, connect_to(way, self->client, self->port)) {
		TH_LOG("connect: %s", strerror(errno));
	}
	self->server = accept4(self->listener, (void *)&self->accepted, &len,
			       SOCK_CLOEXEC);
	ASSERT_LE(0, self->server);
	EXPECT_EQ(sizeof(self->accepted), len);
	EXPECT_TRUE(fsk_is_fast(self->client));
	EXPECT_TRUE(fsk_is_fast(self->server));
	EXPECT_EQ(active + 1, fsk_stat(way->client_ns, "FskActiveOpens"));
	EXPECT_EQ(passive + 1, fsk_stat(way->server_ns, "FskPassiveOpens"));
}

FIXTURE_TEARDOWN(native)
{
	close(self->client);
	close(self->server);
	close(self->listener);
	if (variant->way.shared)
		fsk_same_host(1);
}

struct names {
	struct sockaddr_in6 name[4];
	int device[2];
};

/* Scopes are numbers of devices, and each namespace has its own. */
static bool same_end(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return !memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) &&
	       a->sin6_port == b->sin6_port && !a->sin6_flowinfo &&
	       !b->sin6_flowinfo;
}

static void learn_names(struct __test_metadata *_metadata, int client,
			int server, struct names *n)
{
	socklen_t len = sizeof(n->name[0]);

	memset(n, 0, sizeof(*n));
	EXPECT_EQ(0, getsockname(client, (void *)&n->name[0], &len));
	EXPECT_EQ(0, getpeername(client, (void *)&n->name[1], &len));
	EXPECT_EQ(0, getsockname(server, (void *)&n->name[2], &len));
	EXPECT_EQ(0, getpeername(server, (void *)&n->name[3], &len));
	EXPECT_EQ(sizeof(n->name[0]), len);
	EXPECT_TRUE(same_end(&n->name[0], &n->name[3]));
	EXPECT_TRUE(same_end(&n->name[1], &n->name[2]));
	n->device[0] = fsk_int_option(client, SOL_SOCKET, SO_BINDTOIFINDEX);
	n->device[1] = fsk_int_option(server, SOL_SOCKET, SO_BINDTOIFINDEX);
	/* Those that differ from one connection to the next. */
	n->name[0].sin6_port = 0;
	n->name[3].sin6_port = 0;
}

/* A connection of TCP to the same listener. */
static void dial_tcp(struct __test_metadata *_metadata, const struct way *way,
		     int listener, int *client, int *server)
{
	*client = socket6(way->client_ns, 0);
	ASSERT_EQ(0, fsk_set_int(*client, SOL_IPV6, IPV6_MINHOPCOUNT, 1));
	ASSERT_EQ(0, connect_to(way, *client, fsk_port(listener)));
	*server = accept(listener, NULL, NULL);
	ASSERT_LE(0, *server);
	EXPECT_FALSE(fsk_is_fast(*client));
	EXPECT_FALSE(fsk_is_fast(*server));
}

TEST_F(native, names_are_tcps)
{
	struct names ours, tcps;
	int client, server;

	learn_names(_metadata, self->client, self->server, &ours);
	dial_tcp(_metadata, &variant->way, self->listener, &client, &server);
	learn_names(_metadata, client, server, &tcps);
	EXPECT_EQ(0, memcmp(&ours, &tcps, sizeof(ours)));
	EXPECT_EQ(tcps.device[0], ours.device[0]);
	EXPECT_EQ(tcps.device[1], ours.device[1]);
	self->accepted.sin6_port = 0;
	EXPECT_EQ(0, memcmp(&self->accepted, &tcps.name[3],
			    sizeof(self->accepted)));
	EXPECT_EQ(!strcmp(variant->way.to, LOCAL),
		  !!self->accepted.sin6_scope_id);
	close(client);
	close(server);
}

TEST_F(native, bytes)
{
	expect_whole(_metadata, self->client, &self->server);
}

/* Both ends connect anew, to the listener that is still there. */
TEST_F(native, disconnect_and_connect)
{
	const struct way *way = &variant->way;

	ASSERT_EQ(0, disconnect(self->client));
	EXPECT_FALSE(fsk_is_fast(self->client));
	ASSERT_EQ(0, connect_to(way, self->client, self->port));
	expect_fast(_metadata, self->listener, self->client);
	ASSERT_EQ(0, disconnect(self->server));
	ASSERT_EQ(0, connect_from(way, way->server_ns, self->server,
				  self->port));
	expect_fast(_metadata, self->listener, self->server);
}

TEST_F(native, options)
{
	expect_options(_metadata, self->client);
	EXPECT_ERRNO(EADDRNOTAVAIL, fsk_set_int(self->client, SOL_IPV6,
						IPV6_ADDRFORM, AF_INET));
	FSK_EXPECT_ALIVE(self->client, self->server);
	expect_stream(_metadata, self->client, self->server);
}

TEST_F(native, listed_as_tcp)
{
	const struct way *way = &variant->way;
	uint16_t port = fsk_port(self->client);

	EXPECT_TRUE(listed(way->client_ns, port, self->port, TCP_ESTABLISHED));
	EXPECT_TRUE(listed(way->server_ns, self->port, port, TCP_ESTABLISHED));
	EXPECT_EQ(0, fsk_close(&self->client));
	EXPECT_EQ(0, fsk_close(&self->server));
	EXPECT_TRUE(FSK_UNTIL(listed(way->client_ns, port, self->port,
				     TCP_TIME_WAIT)));
}

/* What only TCP knows how to do; of either end. */
TEST(options_that_delegate)
{
	static const unsigned char padding[8] = { 0, 0, 1, 4 };
	static const int names[] = {
		IPV6_FLOWINFO_SEND, IPV6_AUTOFLOWLABEL, IPV6_MINHOPCOUNT,
		IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS,
	};
	int listener = listen_on(_metadata, &lo_any), fd;
	uint16_t port = fsk_port(listener);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		fd = socket6("lo0", 0);
		ASSERT_EQ(0, fsk_set_int(fd, SOL_IPV6, names[i], 1));
		EXPECT_DELEGATED("lo0", "Option",
				 EXPECT_EQ(0, connect6(fd, "::1", port)));
		close(accept_tcp(_metadata, listener, fd));
		close(fd);
	}
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, setsockopt(fd, SOL_IPV6, IPV6_DSTOPTS, padding,
				sizeof(padding)));
	EXPECT_DELEGATED("lo0", "IpOptions",
			 EXPECT_EQ(0, connect6(fd, "::1", port)));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	ASSERT_EQ(0, fsk_set_int(listener, SOL_IPV6, IPV6_RECVPKTINFO, 1));
	fd = socket6("lo0", 0);
	EXPECT_DELEGATED("lo0", "Option",
			 EXPECT_EQ(0, connect6(fd, "::1", port)));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	close(listener);
}

TEST(bad_addresses)
{
	int fd = socket6("lo0", 0);
	struct sockaddr_in6 addr = addr6("::1", 9);

	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, 23));
	EXPECT_ERRNO(ECONNREFUSED, connect6(fd, "::1", 9));
	EXPECT_ERRNO(ENETUNREACH, connect6(fd, "2001:db8::1", 9));
	EXPECT_ERRNO(ENETUNREACH, connect6(fd, "ff02::1", 9));
	/* No device is said. */
	EXPECT_ERRNO(EINVAL, connect6(fd, "fe80::1", 9));
	close(fd);
	/* Another one than the socket is bound to. */
	fd = socket6("a", 0);
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
	addr = addr6("fe80::1", 9);
	addr.sin6_scope_id = if_nametoindex("lo");
	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, sizeof(addr)));
	close(fd);
}

/* Not one byte less than what TCP takes. */
TEST(short_address)
{
	int listener = listen_on(_metadata, &lo_any), server;
	struct sockaddr_in6 addr = addr6("::1", fsk_port(listener));
	int fd = socket6("lo0", 0);

	EXPECT_EQ(0, connect(fd, (void *)&addr, 24));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	close(listener);
}

TEST(ipv6_only)
{
	int listener, fd, server;
	uint16_t port;

	listener = socket6("lo0", 0);
	ASSERT_EQ(0, fsk_set_int(listener, SOL_IPV6, IPV6_V6ONLY, 1));
	ASSERT_EQ(0, bind_to(&lo_any, listener, "::", 0));
	ASSERT_EQ(0, listen(listener, 8));
	port = fsk_port(listener);
	fd = fsk_socket("lo0", 0);
	EXPECT_ERRNO(ECONNREFUSED, fsk_connect(fd, "127.0.0.1", port));
	close(fd);
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, fsk_set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1));
	EXPECT_EQ(0, connect6(fd, "::1", port));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	close(server);
	close(fd);
	close(listener);
}

/* A listener of IPv4 alone does not answer for IPv6. */
TEST(families_apart)
{
	int listener = fsk_listen(_metadata, &fsk_lo, 1);
	int fd = socket6("lo0", 0);

	EXPECT_ERRNO(ECONNREFUSED, connect6(fd, "::1", fsk_port(listener)));
	close(fd);
	close(listener);
}

/*
 * Packets to an address of a device are taken to come in by that device, though
 * they cross the loopback device.
 */
TEST(bound_to_a_device)
{
	static const struct way own = {
		"a", "a", "eth0", "::", "fd77::1", false,
	};
	int listener, fd, server;

	make_addresses(_metadata);
	listener = socket6("a", 0);
	ASSERT_EQ(0, setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, "eth0",
				5));
	ASSERT_EQ(0, bind_to(&own, listener, "::", 0));
	ASSERT_EQ(0, listen(listener, 8));
	fd = socket6("a", 0);
	ASSERT_EQ(0, connect_to(&own, fd, fsk_port(listener)));
	server = accept(listener, NULL, NULL);
	ASSERT_LE(0, server);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	fd = socket6("a", 0);
	EXPECT_ERRNO(ECONNREFUSED, connect6(fd, "::1", fsk_port(listener)));
	close(fd);
	close(listener);
}

static int wait_ms(int fd, int events, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, ms);
}

#define NFT	"ip netns exec lo0 nft "

/* A rule of IPv6 drops one of TCP's first packets. */
static void expect_dropped(struct __test_metadata *_metadata, const char *rule)
{
	int listener = listen_on(_metadata, &lo_any);
	uint16_t port = fsk_port(listener);
	char command[400];
	int fd;

	snprintf(command, sizeof(command),
		 NFT "'table ip6 t { "
		 "chain in { type filter hook input priority 0; }; "
		 "chain out { type filter hook output priority 0; }; }; "
		 "add rule ip6 t %s %u drop'", rule, port);
	ASSERT_EQ(0, fsk_run(command));
	fd = socket6("lo0", SOCK_NONBLOCK);
	EXPECT_DELEGATED("lo0", "Netfilter",
			 EXPECT_ERRNO(EINPROGRESS, connect6(fd, "::1", port)));
	EXPECT_EQ(0, wait_ms(fd, POLLOUT, 300));
	EXPECT_FALSE(fsk_is_fast(fd));
	ASSERT_EQ(0, fsk_run(NFT "delete table ip6 t"));
	/* TCP tries again in a moment. */
	EXPECT_EQ(1, wait_ms(fd, POLLOUT, 5000));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	fd = socket6("lo0", 0);
	EXPECT_EQ(0, connect6(fd, "::1", port));
	EXPECT_TRUE(fsk_is_fast(fd));
	close(fd);
	close(listener);
}

TEST(netfilter_in)
{
	expect_dropped(_metadata, "in tcp dport");
}

TEST(netfilter_out)
{
	expect_dropped(_metadata, "out tcp dport");
}

TEST(netfilter_answer)
{
	expect_dropped(_metadata, "in tcp sport");
}

/* Rules of IPv4 are not asked, and conntrack keeps no entry. */
TEST(netfilter_lets_pass)
{
	int listener = listen_on(_metadata, &lo_any), server;
	int fd = socket6("lo0", 0);

	/* TCP would not get through. */
	ASSERT_EQ(0, fsk_set_timeout(listener, SO_RCVTIMEO, 5000));
	ASSERT_EQ(0, fsk_run(NFT "'table ip t { "
		"chain in { type filter hook input priority 0; "
		"policy drop; }; }; "
		"table inet u { "
		"chain in { type filter hook input priority 0; "
		"policy drop; meta nfproto ipv6 ct state new,established "
		"iif lo tcp flags syn accept; }; }'"));
	EXPECT_EQ(0, connect6(fd, "::1", fsk_port(listener)));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	EXPECT_EQ(0, fsk_run(NFT "delete table ip t && "
			     NFT "delete table inet u"));
	close(fd);
	close(server);
	close(listener);
}

/* An address that is taken away: TCP's packets would no longer arrive. */
static void expect_silence(struct __test_metadata *_metadata,
			   const struct way *way)
{
	char add[100], del[100], byte;
	int listener, fd, server;

	snprintf(add, sizeof(add), "ip -n %s addr add %s/64 dev eth0 nodad",
		 way->server_ns, way->to);
	snprintf(del, sizeof(del), "ip -n %s addr del %s/64 dev eth0",
		 way->server_ns, way->to);
	make_addresses(_metadata);
	ASSERT_EQ(0, fsk_run(add));
	meet(_metadata, way);
	listener = listen_on(_metadata, way);
	fd = socket6(way->client_ns, 0);
	ASSERT_EQ(0, connect_to(way, fd, fsk_port(listener)));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	ASSERT_EQ(0, fsk_run(del));
	EXPECT_EQ(1, send(fd, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, wait_ms(server, POLLIN, 200));
	ASSERT_EQ(0, fsk_run(add));
	EXPECT_EQ(1, wait_ms(server, POLLIN, 5000));
	EXPECT_EQ(1, recv(server, &byte, 1, MSG_DONTWAIT));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	close(listener);
	ASSERT_EQ(0, fsk_run(del));
}

TEST(address_removed)
{
	static const struct way own = {
		"a", "a", "eth0", "::", "fd77::9", false,
	};

	expect_silence(_metadata, &own);
}

TEST(address_of_the_server_removed)
{
	static const struct way far = {
		"a", "b", "eth0", "::", "fd77::19", false,
	};

	expect_silence(_metadata, &far);
}

/* An address that others may have is not yet one. */
TEST(tentative_address)
{
	static const struct way own = {
		"a", "a", "eth0", "::", "fd77::1", false,
	};
	int listener = listen_on(_metadata, &own), fd;
	struct pollfd pfd = { .events = POLLOUT };

	make_addresses(_metadata);
	ASSERT_EQ(0, fsk_run("ip netns exec a sh -c 'echo 30 > "
			     "/proc/sys/net/ipv6/conf/eth0/dad_transmits' && "
			     "ip -n a addr add fd77::8/64 dev eth0"));
	fd = socket6("a", SOCK_NONBLOCK);
	EXPECT_EQ(-1, connect6(fd, "fd77::8", fsk_port(listener)));
	pfd.fd = fd;
	EXPECT_EQ(0, poll(&pfd, 1, 300) && fsk_is_fast(fd));
	ASSERT_EQ(0, fsk_run("ip netns exec a sh -c 'echo 1 > "
			     "/proc/sys/net/ipv6/conf/eth0/dad_transmits' && "
			     "ip -n a addr del fd77::8/64 dev eth0"));
	close(fd);
	close(listener);
}

/* What can be done to the routes of a client, and undone. */
struct routing {
	const char *to;		/* as connect() has it */
	const char *host;	/* as ip(8) has it */
	const char *network;
	const char *from;	/* of EXTRA() */
};

static const struct routing by_ipv6 = {
	"fd77::2", "fd77::2/128", "fd77::/64", "dev eth0 src fd77::21",
};

static const struct routing by_ipv4 = {
	"::ffff:10.77.0.2", "10.77.0.2/32", "10.77.0.0/24 src 10.77.0.1",
	"dev eth0 src 10.77.0.21",
};

#define EXTRA(what, how)						\
	"ip -n a addr " what " 10.77.0.21/32 dev eth0 && "		\
	"ip -n a addr " what " fd77::21/128 dev eth0 " how

static int set_route(const char *what, const char *where, const char *how)
{
	char command[200];

	snprintf(command, sizeof(command), "ip -n a route %s %s %s", what,
		 where, how);
	return fsk_run(command);
}

/* The address that a client of "a" comes from. */
static struct in6_addr name_of(int fd)
{
	struct sockaddr_in6 own = {};
	socklen_t len = sizeof(own);

	getsockname(fd, (void *)&own, &len);
	return own.sin6_addr;
}

/* The same, of a connection that has to be fastsock's. */
static struct in6_addr fast_name(struct __test_metadata *_metadata,
				 const struct routing *r, int listener)
{
	int fd = socket6("a", 0);
	struct in6_addr name;

	EXPECT_EQ(0, connect6(fd, r->to, fsk_port(listener)));
	name = name_of(fd);
	expect_fast(_metadata, listener, fd);
	close(fd);
	return name;
}

/* As fast_name(), which is to be that address. */
static void expect_name(struct __test_metadata *_metadata,
			const struct routing *r, int listener,
			const struct in6_addr *name)
{
	struct in6_addr now = fast_name(_metadata, r, listener);

	EXPECT_EQ(0, memcmp(name, &now, sizeof(now)));
}

/* Of a client that comes from elsewhere: it may be no neighbour yet. */
static void expect_other_name(struct __test_metadata *_metadata,
			      const struct routing *r, int listener,
			      const struct in6_addr *name)
{
	int fd = socket6("a", 0);
	struct in6_addr now;

	EXPECT_EQ(0, connect6(fd, r->to, fsk_port(listener)));
	now = name_of(fd);
	EXPECT_NE(0, memcmp(name, &now, sizeof(now)));
	close(fd);
	close(accept(listener, NULL, NULL));
}

static void expect_no_way(struct __test_metadata *_metadata,
			  const struct routing *r, int code, int listener)
{
	int fd = socket6("a", 0);

	EXPECT_ERRNO(code, connect6(fd, r->to, fsk_port(listener)));
	close(fd);
}

/* Routes are remembered for a second: what changes them counts at once. */
static void expect_forgotten(struct __test_metadata *_metadata,
			     const struct routing *r)
{
	struct in6_addr before;
	int listener;

	make_addresses(_metadata);
	meet(_metadata, &veth);
	ASSERT_EQ(0, fsk_run("ip netns exec a "
			     "ping -c 1 -w 30 -q 10.77.0.2 > /dev/null"));
	listener = listen_on(_metadata, &veth);
	before = fast_name(_metadata, r, listener);

	/* A route that fits better. */
	ASSERT_EQ(0, set_route("add unreachable", r->host, ""));
	expect_no_way(_metadata, r, EHOSTUNREACH, listener);
	ASSERT_EQ(0, set_route("del unreachable", r->host, ""));
	fast_name(_metadata, r, listener);

	/* The route itself goes. */
	ASSERT_EQ(0, set_route("del", r->network, "dev eth0"));
	expect_no_way(_metadata, r, ENETUNREACH, listener);
	ASSERT_EQ(0, set_route("add", r->network, "dev eth0 proto kernel"));
	expect_name(_metadata, r, listener, &before);

	/* Another address becomes the one to come from. */
	ASSERT_EQ(0, fsk_run(EXTRA("add", "nodad")));
	ASSERT_EQ(0, set_route("add", r->host, r->from));
	expect_other_name(_metadata, r, listener, &before);
	ASSERT_EQ(0, set_route("del", r->host, "dev eth0"));
	ASSERT_EQ(0, fsk_run(EXTRA("del", "")));
	expect_name(_metadata, r, listener, &before);
	close(listener);
}

TEST(routes_of_ipv6_change)
{
	expect_forgotten(_metadata, &by_ipv6);
}

TEST(routes_of_ipv4_change)
{
	expect_forgotten(_metadata, &by_ipv4);
}

/* An address that becomes deprecated is no longer the one to come from. */
TEST(deprecated_address)
{
	struct in6_addr before;
	int listener;

	make_addresses(_metadata);
	ASSERT_EQ(0, fsk_run("ip -n a addr add fd77::21/64 dev eth0 nodad"));
	meet(_metadata, &veth);
	listener = listen_on(_metadata, &veth);
	before = fast_name(_metadata, &by_ipv6, listener);
	ASSERT_EQ(0, fsk_run("ip -n a addr change fd77::21/64 dev eth0 "
			     "preferred_lft 0"));
	expect_other_name(_metadata, &by_ipv6, listener, &before);
	ASSERT_EQ(0, fsk_run("ip -n a addr change fd77::21/64 dev eth0 "
			     "preferred_lft forever"));
	expect_name(_metadata, &by_ipv6, listener, &before);
	ASSERT_EQ(0, fsk_run("ip -n a addr del fd77::21/64 dev eth0"));
	close(listener);
}

/* The server's address goes: a SYN to it finds nobody, whoever came before. */
TEST(routes_of_the_server_change)
{
	static const struct way far = {
		"a", "b", "eth0", "::", "fd77::20", false,
	};
	int listener, fd;

	make_addresses(_metadata);
	ASSERT_EQ(0, fsk_run("ip -n b addr add fd77::20/64 dev eth0 nodad"));
	meet(_metadata, &far);
	listener = listen_on(_metadata, &far);
	fd = socket6("a", 0);
	ASSERT_EQ(0, connect_to(&far, fd, fsk_port(listener)));
	expect_fast(_metadata, listener, fd);
	close(fd);
	ASSERT_EQ(0, fsk_run("ip -n b addr del fd77::20/64 dev eth0"));
	fd = socket6("a", SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, connect_to(&far, fd, fsk_port(listener)));
	EXPECT_EQ(0, wait_ms(fd, POLLOUT, 300));
	close(fd);
	close(listener);
}

/* Behind a router is not on the segment. */
TEST(gateway)
{
	int listener, fd;

	make_addresses(_metadata);
	meet(_metadata, &veth);
	ASSERT_EQ(0, fsk_run("ip -n b addr add fd99::1/128 dev lo && "
			     "ip -n a route add fd99::/64 via fd77::2"));
	listener = listen_on(_metadata, &veth);
	fd = socket6("a", 0);
	EXPECT_DELEGATED("a", "Gateway",
			 EXPECT_EQ(0, connect6(fd, "fd99::1",
					       fsk_port(listener))));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	close(listener);
	ASSERT_EQ(0, fsk_run("ip -n b addr del fd99::1/128 dev lo && "
			     "ip -n a route del fd99::/64"));
}

/* Whom neighbour discovery does not know: TCP finds out, for next time. */
TEST(unknown_neighbour)
{
	int listener, fd, server;

	make_addresses(_metadata);
	ASSERT_EQ(0, fsk_run("ip -n a -6 neigh flush dev eth0"));
	listener = listen_on(_metadata, &veth);
	fd = socket6("a", 0);
	EXPECT_DELEGATED("a", "UnknownPeer",
			 EXPECT_EQ(0, connect_to(&veth, fd,
						 fsk_port(listener))));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	fd = socket6("a", 0);
	EXPECT_EQ(0, connect_to(&veth, fd, fsk_port(listener)));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	close(server);
	close(fd);
	close(listener);
}

/* A rule of one end drops one of TCP's first packets to or from the port. */
static void expect_dropped_between(struct __test_metadata *_metadata,
				   const char *ns, const char *hook,
				   const char *which)
{
	char command[400];
	int listener, fd;

	make_addresses(_metadata);
	meet(_metadata, &veth);
	listener = listen_on(_metadata, &veth);
	snprintf(command, sizeof(command),
		 "ip netns exec %s nft 'table ip6 t { chain c { "
		 "type filter hook %s priority 0; tcp %s %u drop; }; }'",
		 ns, hook, which, fsk_port(listener));
	ASSERT_EQ(0, fsk_run(command));
	fd = socket6("a", SOCK_NONBLOCK);
	EXPECT_ERRNO(EINPROGRESS, connect_to(&veth, fd, fsk_port(listener)));
	EXPECT_EQ(0, wait_ms(fd, POLLOUT, 300));
	EXPECT_FALSE(fsk_is_fast(fd));
	snprintf(command, sizeof(command), "ip netns exec %s nft flush ruleset",
		 ns);
	ASSERT_EQ(0, fsk_run(command));
	EXPECT_EQ(1, wait_ms(fd, POLLOUT, 5000));
	close(accept_tcp(_metadata, listener, fd));
	close(fd);
	fd = socket6("a", 0);
	EXPECT_EQ(0, connect_to(&veth, fd, fsk_port(listener)));
	EXPECT_TRUE(fsk_is_fast(fd));
	close(fd);
	close(listener);
}

TEST(netfilter_of_the_client)
{
	expect_dropped_between(_metadata, "a", "output", "dport");
	expect_dropped_between(_metadata, "a", "input", "sport");
}

TEST(netfilter_of_the_server)
{
	expect_dropped_between(_metadata, "b", "input", "dport");
	expect_dropped_between(_metadata, "b", "prerouting", "dport");
	expect_dropped_between(_metadata, "b", "output", "sport");
}

/*
 * A peer of an older version: its HELLO does not say that it takes SYN6, and
 * then it is sent none.  It is asked once more, and b says what it is.
 */
TEST(peer_without_ipv6)
{
	int listener, fd, server = -1, at_b;
	long heard, delegated;
	struct target a = {};
	struct frame old;

	make_addresses(_metadata);
	meet(_metadata, &veth);
	listener = listen_on(_metadata, &veth);
	at_b = wire("b", 0);
	ASSERT_LE(0, at_b);
	mac_of("a", a.mac);
	mac_of("b", a.peer_mac);
	put_hello(&old, &a, FSK_T_HELLO_ACK, FSK_WIRE_VERSION);
	/* What b says itself may come in between. */
	delegated = fsk_stat("a", "FskDelegatedIpv6");
	EXPECT_TRUE(FSK_UNTIL(({
		heard = fsk_stat("a", "FskHelloIn");
		inject(at_b, &old);
		FSK_UNTIL(fsk_stat("a", "FskHelloIn") > heard);
		fd = socket6("a", 0);
		EXPECT_EQ(0, connect_to(&veth, fd, fsk_port(listener)));
		server = accept(listener, NULL, NULL);
		heard = fsk_stat("a", "FskDelegatedIpv6") > delegated;
		EXPECT_EQ(!heard, fsk_is_fast(fd));
		EXPECT_EQ(!heard, fsk_is_fast(server));
		close(fd);
		close(server);
		heard;
	})));
	/* IPv4 is as before. */
	close(fsk_dial(_metadata, &fsk_veth, fsk_port(listener)));
	close(accept(listener, NULL, NULL));
	EXPECT_TRUE(FSK_UNTIL(({
		fd = socket6("a", 0);
		EXPECT_EQ(0, connect_to(&veth, fd, fsk_port(listener)));
		server = accept(listener, NULL, NULL);
		heard = fsk_is_fast(fd);
		close(fd);
		close(server);
		heard;
	})));
	close(at_b);
	close(listener);
}

/* The administrator may want TCP, and the loopback device then has packets. */
TEST(not_in_memory)
{
	int listener = listen_on(_metadata, &lo_any), fd;

	ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_sysctl lo0 same_host 0"));
	fd = socket6("lo0", 0);
	EXPECT_DELEGATED("lo0", "Localhost",
			 EXPECT_EQ(0, connect6(fd, "::1", fsk_port(listener))));
	close(accept_tcp(_metadata, listener, fd));
	ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_sysctl lo0 same_host 1"));
	close(fd);
	close(listener);
}

FSK_TEST_MAIN
