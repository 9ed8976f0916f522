// SPDX-License-Identifier: GPL-2.0
// Sockets of AF_INET6 whose other end has an address of IPv4: they run fastsock
// and see what TCP would show them.
// fastsock: timeout=240

#include "fsk_inet6.h"

#define MAPPED	"::ffff:"

/* Where a connection runs, and how its ends are made. */
struct way {
	struct fsk_link link;
	bool shared;		/* the namespaces share memory */
	const char *bound;	/* of the listener; NULL: of AF_INET, link's */
	bool client6;
};

FIXTURE(mapped)
{
	int listener;
	uint16_t port;
	int client;
	int server;
};

FIXTURE_VARIANT(mapped)
{
	struct way way;
};

#define VETH	{ "a", "b", "10.77.0.1", "10.77.0.2" }
#define LO	{ "lo0", "lo0", "127.0.0.1", "127.0.0.1" }

FIXTURE_VARIANT_ADD(mapped, veth_dual_stack)
{
	.way = { VETH, false, "::", false },
};

FIXTURE_VARIANT_ADD(mapped, veth_client)
{
	.way = { VETH, false, NULL, true },
};

FIXTURE_VARIANT_ADD(mapped, veth_both)
{
	.way = { VETH, false, "::", true },
};

FIXTURE_VARIANT_ADD(mapped, veth_bound)
{
	.way = { VETH, false, MAPPED "10.77.0.2", false },
};

FIXTURE_VARIANT_ADD(mapped, lo_dual_stack)
{
	.way = { LO, false, "::", false },
};

FIXTURE_VARIANT_ADD(mapped, lo_client)
{
	.way = { LO, false, NULL, true },
};

FIXTURE_VARIANT_ADD(mapped, lo_both)
{
	.way = { LO, false, "::", true },
};

FIXTURE_VARIANT_ADD(mapped, lo_bound)
{
	.way = { LO, false, MAPPED "127.0.0.1", false },
};

FIXTURE_VARIANT_ADD(mapped, across_dual_stack)
{
	.way = { VETH, true, "::", false },
};

FIXTURE_VARIANT_ADD(mapped, across_client)
{
	.way = { VETH, true, NULL, true },
};

FIXTURE_VARIANT_ADD(mapped, across_both)
{
	.way = { VETH, true, "::", true },
};


static int bind6(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = addr6(ip, port);

	return bind(fd, (void *)&addr, sizeof(addr));
}

/* To an address of IPv4. */
static int connect_mapped(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = fsk_addr6(ip, port);

	return connect(fd, (void *)&addr, sizeof(addr));
}

static int listen6(struct __test_metadata *_metadata, const char *ns,
		   const char *ip)
{
	int fd = socket6(ns, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bind6(fd, ip, 0));
	ASSERT_EQ(0, listen(fd, 128));
	return fd;
}

static int dial(const struct way *way, int fd, uint16_t port)
{
	return way->client6 ? connect_mapped(fd, way->link.server_ip, port) :
			      fsk_connect(fd, way->link.server_ip, port);
}

static int client_of(const struct way *way)
{
	return way->client6 ? socket6(way->link.client_ns, 0) :
			      fsk_socket(way->link.client_ns, SOCK_CLOEXEC);
}

/* That name, as an end of that family has it. */
static void expect_name(struct __test_metadata *_metadata, int fd, bool six,
			bool of_peer, const char *ip, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "", want[INET6_ADDRSTRLEN];
	struct sockaddr_in6 addr = {};
	socklen_t len = sizeof(addr);

	ASSERT_EQ(0, of_peer ? getpeername(fd, (void *)&addr, &len) :
			       getsockname(fd, (void *)&addr, &len));
	if (six) {
		EXPECT_EQ(sizeof(addr), len);
		EXPECT_EQ(AF_INET6, addr.sin6_family);
		EXPECT_EQ(0, addr.sin6_scope_id);
		EXPECT_EQ(0, addr.sin6_flowinfo);
		inet_ntop(AF_INET6, &addr.sin6_addr, text, sizeof(text));
	} else {
		EXPECT_EQ(sizeof(struct sockaddr_in), len);
		EXPECT_EQ(AF_INET, addr.sin6_family);
		inet_ntop(AF_INET, &((struct sockaddr_in *)&addr)->sin_addr,
			  text, sizeof(text));
	}
	snprintf(want, sizeof(want), "%s%s", six ? MAPPED : "", ip);
	EXPECT_STREQ(want, text);
	EXPECT_EQ(port, ntohs(addr.sin6_port));
}

FIXTURE_SETUP(mapped)
{
	const struct way *way = &variant->way;
	const struct fsk_link *link = &way->link;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	long active, passive;

	if (way->shared)
		ASSERT_EQ(0, fsk_same_host(2));
	active = fsk_stat(link->client_ns, "FskActiveOpens");
	passive = fsk_stat(link->server_ns, "FskPassiveOpens");
	self->listener = way->bound ?
		listen6(_metadata, link->server_ns, way->bound) :
		fsk_listen(_metadata, link, 128);
	self->port = fsk_port(self->listener);
	self->client = client_of(way);
	ASSERT_LE(0, self->client);
	ASSERT_EQ(0, dial(way, self->client, self->port)) {
		TH_LOG("connect: %s", strerror(errno));
	}
	self->server = accept4(self->listener, (void *)&addr, &len,
			       SOCK_CLOEXEC);
	ASSERT_LE(0, self->server);
	EXPECT_EQ(way->bound ? AF_INET6 : AF_INET, addr.ss_family);
	EXPECT_TRUE(fsk_is_fast(self->client));
	EXPECT_TRUE(fsk_is_fast(self->server));
	EXPECT_EQ(active + 1, fsk_stat(link->client_ns, "FskActiveOpens"));
	EXPECT_EQ(passive + 1, fsk_stat(link->server_ns, "FskPassiveOpens"));
}

FIXTURE_TEARDOWN(mapped)
{
	close(self->client);
	close(self->server);
	close(self->listener);
	if (variant->way.shared)
		fsk_same_host(1);
}

TEST_F(mapped, names_and_bytes)
{
	const struct fsk_link *link = &variant->way.link;
	bool server6 = variant->way.bound, client6 = variant->way.client6;
	uint16_t port = fsk_port(self->client);

	expect_name(_metadata, self->server, server6, true, link->client_ip,
		    port);
	expect_name(_metadata, self->server, server6, false, link->server_ip,
		    self->port);
	expect_name(_metadata, self->client, client6, true, link->server_ip,
		    self->port);
	expect_name(_metadata, self->client, client6, false, link->client_ip,
		    port);
	EXPECT_EQ(server6 ? AF_INET6 : AF_INET,
		  fsk_int_option(self->server, SOL_SOCKET, SO_DOMAIN));
	EXPECT_EQ(client6 ? AF_INET6 : AF_INET,
		  fsk_int_option(self->client, SOL_SOCKET, SO_DOMAIN));
	expect_whole(_metadata, self->client, &self->server);
}

/* Both ends connect anew, to the listener that is still there. */
TEST_F(mapped, disconnect_and_connect)
{
	const struct way *way = &variant->way;

	ASSERT_EQ(0, disconnect(self->client));
	EXPECT_FALSE(fsk_is_fast(self->client));
	ASSERT_EQ(0, dial(way, self->client, self->port));
	expect_fast(_metadata, self->listener, self->client);
	/* And what was a listener's child, within its namespace. */
	ASSERT_EQ(0, disconnect(self->server));
	ASSERT_EQ(0, way->bound ?
		  connect_mapped(self->server, way->link.server_ip,
				 self->port) :
		  fsk_connect(self->server, way->link.server_ip, self->port));
	expect_fast(_metadata, self->listener, self->server);
}

static int addrform(int fd, int family)
{
	errno = 0;
	return fsk_set_int(fd, SOL_IPV6, IPV6_ADDRFORM, family) ? errno : 0;
}

/* A connection keeps its family, and so does a socket that was one. */
TEST_F(mapped, addrform)
{
	const struct way *way = &variant->way;
	int fd = way->client6 ? self->client : self->server;

	EXPECT_EQ(EBUSY, addrform(fd, AF_INET));
	EXPECT_EQ(EINVAL, addrform(fd, AF_INET6));
	EXPECT_EQ(AF_INET6, fsk_int_option(fd, SOL_SOCKET, SO_DOMAIN));
	FSK_EXPECT_ALIVE(self->client, self->server);
	EXPECT_EQ(0, disconnect(fd));
	EXPECT_EQ(ENOTCONN, addrform(fd, AF_INET));
}

TEST_F(mapped, options)
{
	int fd = variant->way.client6 ? self->client : self->server;

	expect_options(_metadata, fd);
	EXPECT_ERRNO(EINVAL, fsk_set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1));
	FSK_EXPECT_ALIVE(self->client, self->server);
	expect_stream(_metadata, self->client, self->server);
}

TEST_F(mapped, listed_as_inet6)
{
	const struct way *way = &variant->way;
	uint16_t port = fsk_port(self->client);

	EXPECT_EQ(way->client6, listed(way->link.client_ns, port, self->port,
				       TCP_ESTABLISHED));
	EXPECT_EQ(!!way->bound, listed(way->link.server_ns, self->port, port,
				       TCP_ESTABLISHED));
	close(self->client);
	self->client = -1;
	EXPECT_EQ(0, fsk_close(&self->server));
	if (way->client6)
		EXPECT_TRUE(FSK_UNTIL(listed(way->link.client_ns, port,
					     self->port, TCP_TIME_WAIT)));
}

static void expect_tcp(struct __test_metadata *_metadata, int listener, int fd)
{
	int server = accept_tcp(_metadata, listener, fd);

	expect_stream(_metadata, fd, server);
	expect_stream(_metadata, server, fd);
	close(server);
}

/* The unspecified address is IPv6's, but not to a socket with one of IPv4. */
TEST(unspecified)
{
	int listener = listen6(_metadata, "lo0", "::"), server;
	uint16_t port = fsk_port(listener);
	int fd = socket6("lo0", 0);

	ASSERT_EQ(0, bind6(fd, MAPPED "127.0.0.1", 0));
	EXPECT_EQ(0, connect6(fd, "::", port));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	expect_name(_metadata, fd, true, true, "127.0.0.1", port);
	close(server);
	close(fd);
	close(listener);
}

TEST(ipv6_only)
{
	int listener, fd, other;
	uint16_t port;

	listener = socket6("lo0", 0);
	ASSERT_EQ(0, fsk_set_int(listener, SOL_IPV6, IPV6_V6ONLY, 1));
	ASSERT_EQ(0, bind6(listener, "::", 0));
	ASSERT_EQ(0, listen(listener, 8));
	port = fsk_port(listener);
	fd = fsk_socket("lo0", 0);
	EXPECT_ERRNO(ECONNREFUSED, fsk_connect(fd, "127.0.0.1", port));
	close(fd);
	/* The port of IPv4 is free. */
	other = fsk_socket("lo0", 0);
	ASSERT_EQ(0, fsk_bind(other, "127.0.0.1", port));
	close(other);
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, fsk_set_int(fd, SOL_IPV6, IPV6_V6ONLY, 1));
	EXPECT_DELEGATED("lo0", "NoRoute",
			 EXPECT_ERRNO(ENETUNREACH,
				      connect_mapped(fd, "127.0.0.1", port)));
	close(fd);
	close(listener);
}

TEST(bad_addresses)
{
	int fd = socket6("lo0", 0);
	struct sockaddr_in6 addr = addr6(MAPPED "127.0.0.1", 9);

	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, 23));
	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, 1));
	EXPECT_ERRNO(EINVAL, fsk_connect(fd, "127.0.0.1", 9));
	addr.sin6_family = AF_PACKET;
	EXPECT_ERRNO(EAFNOSUPPORT, connect(fd, (void *)&addr, sizeof(addr)));
	EXPECT_ERRNO(ECONNREFUSED, connect_mapped(fd, "127.0.0.1", 9));
	EXPECT_ERRNO(ENETUNREACH, connect_mapped(fd, "192.0.2.1", 9));
	EXPECT_ERRNO(ENETUNREACH, connect_mapped(fd, "224.0.0.1", 9));
	close(fd);
}

/* Not one byte less than what TCP takes. */
TEST(short_address)
{
	int listener = listen6(_metadata, "lo0", "::"), server;
	struct sockaddr_in6 addr = addr6(MAPPED "127.0.0.1",
					 fsk_port(listener));
	int fd = socket6("lo0", 0);

	EXPECT_EQ(0, connect(fd, (void *)&addr, 24));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(fd));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	close(listener);
}

/* What only TCP knows how to do, or to refuse. */
TEST(options_that_delegate)
{
	static const unsigned char padding[8] = { 0, 0, 1, 4 };
	int listener = listen6(_metadata, "lo0", "::");
	uint16_t port = fsk_port(listener);
	int fd = socket6("lo0", 0);

	ASSERT_EQ(0, fsk_set_int(fd, SOL_IPV6, IPV6_FLOWINFO_SEND, 1));
	EXPECT_DELEGATED("lo0", "Option",
			 EXPECT_EQ(0, connect_mapped(fd, "127.0.0.1", port)));
	expect_tcp(_metadata, listener, fd);
	close(fd);
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, setsockopt(fd, SOL_IPV6, IPV6_DSTOPTS, padding,
				sizeof(padding)));
	EXPECT_DELEGATED("lo0", "Option",
			 EXPECT_EQ(0, connect_mapped(fd, "127.0.0.1", port)));
	expect_tcp(_metadata, listener, fd);
	close(fd);
	/* Bound to an address that cannot be the other's source. */
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, bind6(fd, "::1", 0));
	EXPECT_DELEGATED("lo0", "Ipv6",
			 EXPECT_NE(0, connect_mapped(fd, "127.0.0.1", port)));
	close(fd);
	close(listener);
}

/* One socket that goes from one protocol to the other, and back. */
TEST(there_and_back)
{
	int listener = listen6(_metadata, "lo0", "::"), server, i;
	uint16_t port = fsk_port(listener);
	int fd = socket6("lo0", 0);

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, connect_mapped(fd, "127.0.0.1", port));
		expect_fast(_metadata, listener, fd);
		ASSERT_EQ(0, disconnect(fd));
		ASSERT_EQ(0, connect6(fd, "::1", port));
		EXPECT_EQ(EADDRNOTAVAIL, addrform(fd, AF_INET));
		expect_fast(_metadata, listener, fd);
		ASSERT_EQ(0, disconnect(fd));
	}
	/* A listener it may become, too. */
	close(listener);
	ASSERT_EQ(0, bind6(fd, "::", 0));
	ASSERT_EQ(0, listen(fd, 1));
	port = fsk_port(fd);
	listener = fd;
	fd = fsk_socket("lo0", 0);
	ASSERT_EQ(0, fsk_connect(fd, "127.0.0.1", port));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(server));
	expect_name(_metadata, server, true, true, "127.0.0.1", fsk_port(fd));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	fd = socket6("lo0", 0);
	ASSERT_EQ(0, connect6(fd, "::1", port));
	server = accept(listener, NULL, NULL);
	EXPECT_TRUE(fsk_is_fast(server));
	FSK_EXPECT_ALIVE(fd, server);
	close(fd);
	close(server);
	close(listener);
}

/* What was never fastsock's may become a socket of AF_INET. */
TEST(addrform_of_tcp)
{
	int listener = listen6(_metadata, "lo0", "::");
	int fd = socket6("lo0", 0), server;

	EXPECT_EQ(ENOTCONN, addrform(fd, AF_INET));
	ASSERT_EQ(0, fsk_set_int(fd, SOL_IPV6, IPV6_FLOWINFO_SEND, 1));
	ASSERT_EQ(0, connect_mapped(fd, "127.0.0.1", fsk_port(listener)));
	server = accept(listener, NULL, NULL);
	EXPECT_EQ(0, addrform(fd, AF_INET));
	EXPECT_EQ(0, addrform(server, AF_INET));
	EXPECT_EQ(AF_INET, fsk_int_option(fd, SOL_SOCKET, SO_DOMAIN));
	FSK_EXPECT_ALIVE(fd, server);
	EXPECT_EQ(0, disconnect(fd));
	EXPECT_EQ(0, fsk_connect(fd, "127.0.0.1", fsk_port(listener)));
	EXPECT_FALSE(fsk_is_fast(fd));
	close(fd);
	close(server);
	close(listener);
}

/* Ports are IPv4's and IPv6's at once. */
TEST(bind_conflicts)
{
	int listener = listen6(_metadata, "lo0", "::");
	int fd = fsk_socket("lo0", 0), client;

	EXPECT_ERRNO(EADDRINUSE, fsk_bind(fd, "127.0.0.1",
					  fsk_port(listener)));
	client = socket6("lo0", 0);
	ASSERT_EQ(0, connect_mapped(client, "127.0.0.1", fsk_port(listener)));
	EXPECT_TRUE(fsk_is_fast(client));
	EXPECT_ERRNO(EADDRINUSE, fsk_bind(fd, "127.0.0.1", fsk_port(client)));
	close(fd);
	fd = socket6("lo0", 0);
	EXPECT_ERRNO(EADDRINUSE, bind6(fd, MAPPED "127.0.0.1",
				       fsk_port(client)));
	close(client);
	close(fd);
	close(listener);
}

#define CALLS	24

/* A group of listeners of the same addresses, some of each family. */
TEST(reuseport)
{
	int listener[2], one[CALLS], i, count[2] = {};
	uint16_t port = 0;

	for (i = 0; i < 2; i++) {
		listener[i] = socket6("b", SOCK_NONBLOCK);
		ASSERT_EQ(0, fsk_set_int(listener[i], SOL_SOCKET,
					 SO_REUSEPORT, 1));
		ASSERT_EQ(0, bind6(listener[i], "::", port));
		port = fsk_port(listener[i]);
		ASSERT_EQ(0, listen(listener[i], CALLS));
	}
	for (i = 0; i < CALLS; i++)
		one[i] = fsk_dial(_metadata, &fsk_veth, port);
	EXPECT_TRUE(FSK_UNTIL(fsk_take_calls(listener[0], &count[0]) +
			      fsk_take_calls(listener[1], &count[1]) == CALLS));
	for (i = 0; i < 2; i++) {
		EXPECT_LT(0, count[i]);
		close(listener[i]);
	}
	for (i = 0; i < CALLS; i++)
		close(one[i]);
}

/* From now on b hears no frames. */
static int deafen(void)
{
	return fsk_run("tc -n b qdisc add dev eth0 clsact && tc -n b filter "
		       "add dev eth0 ingress protocol 0x88b5 matchall action "
		       "drop");
}

/* It does, and a forgets what failed meanwhile. */
static int heal(void)
{
	return fsk_run("bash ./lan.sh lan_sysctl a enable 0") ||
	       fsk_run("bash ./lan.sh lan_ready a b");
}

/* The program notices nothing of the SYN that nobody answers. */
TEST(lost_syn)
{
	int listener = listen6(_metadata, "b", "::");
	int fd = socket6("a", 0);

	ASSERT_EQ(0, deafen());
	EXPECT_DELEGATED("a", "Timeout",
			 EXPECT_EQ(0, connect_mapped(fd, "10.77.0.2",
						     fsk_port(listener))));
	ASSERT_EQ(0, fsk_run("tc -n b qdisc del dev eth0 clsact"));
	expect_name(_metadata, fd, true, true, "10.77.0.2",
		    fsk_port(listener));
	expect_name(_metadata, fd, true, false, "10.77.0.1", fsk_port(fd));
	/* Nothing of fastsock's is left on it. */
	EXPECT_EQ(0, addrform(fd, AF_INET));
	expect_tcp(_metadata, listener, fd);
	close(fd);
	close(listener);
	EXPECT_EQ(0, heal());
}

/* The same, but the socket is closed, or its process ends, meanwhile. */
TEST(close_while_connecting)
{
	int listener = listen6(_metadata, "b", "::"), i, fd, err;

	ASSERT_EQ(0, deafen());
	for (i = 0; i < 8; i++) {
		fd = socket6("a", SOCK_NONBLOCK);
		EXPECT_ERRNO(EINPROGRESS,
			     connect_mapped(fd, "10.77.0.2",
					    fsk_port(listener)));
		if (i % 4 == 1)
			EXPECT_EQ(0, disconnect(fd));
		/* By then TCP may have connected it. */
		err = i % 4 == 2 ? addrform(fd, AF_INET) : 0;
		EXPECT_TRUE(!err || err == ENOTCONN);
		if (i % 4 != 3)
			close(fd);
	}
	ASSERT_EQ(0, fsk_run("tc -n b qdisc del dev eth0 clsact"));
	close(listener);
	EXPECT_EQ(0, heal());
}

#define WORKERS	6

static int serve(int listener)
{
	char buf[512];
	ssize_t n;
	int fd;

	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return 1;
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
			if (fsk_send_all(fd, buf, n) != n)
				break;
		close(fd);
	}
}

static int call_often(const struct fsk_link *link, bool six, uint16_t port,
		      int calls)
{
	char buf[4096];
	int i, fd;

	for (i = 0; i < calls; i++) {
		fd = six ? socket6(link->client_ns, 0) :
			   fsk_socket(link->client_ns, 0);
		if (six ? connect_mapped(fd, link->server_ip, port) :
			  fsk_connect(fd, link->server_ip, port))
			return 1;
		if (!fsk_is_fast(fd))
			return 2;
		fsk_fill(buf, sizeof(buf), i, 0);
		if (fsk_send_all(fd, buf, sizeof(buf)) != sizeof(buf))
			return 3;
		memset(buf, 0, sizeof(buf));
		if (fsk_recv_all(fd, buf, sizeof(buf)) != sizeof(buf))
			return 4;
		if (fsk_wrong(buf, sizeof(buf), i, 0) >= 0)
			return 5;
		close(fd);
	}
	return 0;
}

/* Processes that have inherited one listener, and clients of both families. */
static void expect_service(struct __test_metadata *_metadata,
			   const struct fsk_link *link)
{
	const int calls = fsk_debug_kernel() ? 10 : 40;
	int listener = listen6(_metadata, link->server_ns, "::"), i;
	long opens = fsk_stat(link->client_ns, "FskActiveOpens");
	uint16_t port = fsk_port(listener);
	pid_t server[WORKERS], client[WORKERS];

	for (i = 0; i < WORKERS; i++) {
		server[i] = fsk_fork();
		if (!server[i])
			_exit(serve(listener));
	}
	for (i = 0; i < WORKERS; i++) {
		client[i] = fsk_fork();
		if (!client[i])
			_exit(call_often(link, i % 2, port, calls));
	}
	for (i = 0; i < WORKERS; i++)
		EXPECT_EQ(0, fsk_reap(client[i]));
	for (i = 0; i < WORKERS; i++) {
		kill(server[i], SIGKILL);
		fsk_reap(server[i]);
	}
	EXPECT_EQ(opens + WORKERS * calls,
		  fsk_stat(link->client_ns, "FskActiveOpens"));
	close(listener);
}

TEST(many_processes_in_frames)
{
	expect_service(_metadata, &fsk_veth);
}

TEST(many_processes_in_memory)
{
	expect_service(_metadata, &fsk_lo);
}

/* With children of all kinds in its queue. */
TEST(listener_closes)
{
	int listener = listen6(_metadata, "lo0", "::"), fd[4], i;
	uint16_t port = fsk_port(listener);
	char byte;

	fd[0] = socket6("lo0", 0);
	ASSERT_EQ(0, connect_mapped(fd[0], "127.0.0.1", port));
	fd[1] = fsk_socket("lo0", 0);
	ASSERT_EQ(0, fsk_connect(fd[1], "127.0.0.1", port));
	fd[2] = socket6("lo0", 0);
	ASSERT_EQ(0, connect6(fd[2], "::1", port));
	EXPECT_TRUE(fsk_is_fast(fd[0]));
	EXPECT_TRUE(fsk_is_fast(fd[1]));
	EXPECT_TRUE(fsk_is_fast(fd[2]));
	fd[3] = socket6("lo0", 0);
	ASSERT_EQ(0, fsk_set_int(fd[3], SOL_IPV6, IPV6_FLOWINFO_SEND, 1));
	ASSERT_EQ(0, connect6(fd[3], "::1", port));
	EXPECT_FALSE(fsk_is_fast(fd[3]));
	close(listener);
	for (i = 0; i < 4; i++) {
		EXPECT_ERRNO(ECONNRESET, recv(fd[i], &byte, 1, 0));
		close(fd[i]);
	}
}

FSK_TEST_MAIN
