// SPDX-License-Identifier: GPL-2.0
// connect, listen and accept: the same seen over fastsock and over TCP, to
// peers that run fastsock and to one that does not.
// fastsock: timeout=240

#include <limits.h>

#include "fsk_test.h"

/* Where a connection runs, and what it must be. */
struct route {
	struct fsk_link link;
	const char *device;	/* at both ends */
	bool fast;
};

/* Namespace c is on the LAN, too, and has fastsock switched off. */
static const struct route over_veth = {
	{ "a", "b", "10.77.0.1", "10.77.0.2" }, "eth0", true,
};

static const struct route over_lo = {
	{ "lo0", "lo0", "127.0.0.1", "127.0.0.1" }, "lo", true,
};

static const struct route to_plain_host = {
	{ "a", "c", "10.77.0.1", "10.77.0.3" }, "eth0", false,
};

static const struct route from_plain_host = {
	{ "c", "b", "10.77.0.3", "10.77.0.2" }, "eth0", false,
};

FIXTURE(connecting)
{
	int listener;
	uint16_t port;
};

FIXTURE_VARIANT(connecting)
{
	const struct route *route;
};

FIXTURE_VARIANT_ADD(connecting, veth)
{
	.route = &over_veth,
};

FIXTURE_VARIANT_ADD(connecting, lo)
{
	.route = &over_lo,
};

FIXTURE_VARIANT_ADD(connecting, to_plain_host)
{
	.route = &to_plain_host,
};

FIXTURE_VARIANT_ADD(connecting, from_plain_host)
{
	.route = &from_plain_host,
};

FIXTURE_SETUP(connecting)
{
	self->listener = fsk_listen(_metadata, &variant->route->link, 128);
	self->port = fsk_port(self->listener);
}

FIXTURE_TEARDOWN(connecting)
{
	close(self->listener);
}

#define EXPECT_ERRNO(code, call) do {					\
	errno = 0;							\
	EXPECT_EQ(-1, call);						\
	EXPECT_EQ(code, errno);						\
} while (0)

static int client_socket(const struct route *route, int flags)
{
	return fsk_socket(route->link.client_ns, SOCK_CLOEXEC | flags);
}

static int dial(const struct route *route, int fd, uint16_t port)
{
	return fsk_connect(fd, route->link.server_ip, port);
}

static bool connected(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 60000) == 1 && pfd.revents == POLLOUT;
}

/* Takes the connection; both ends are of the right kind and work. */
static int take(struct __test_metadata *_metadata, const struct route *route,
		int listener, int client)
{
	int server = accept(listener, NULL, NULL);

	ASSERT_LE(0, server);
	EXPECT_EQ(route->fast, fsk_is_fast(client));
	EXPECT_EQ(route->fast, fsk_is_fast(server));
	FSK_EXPECT_ALIVE(client, server);
	return server;
}

static void expect_name(struct __test_metadata *_metadata, int fd,
			bool of_peer, const char *ip, uint16_t port)
{
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);
	char text[INET_ADDRSTRLEN] = "";

	ASSERT_EQ(0, of_peer ? getpeername(fd, (void *)&addr, &len) :
			       getsockname(fd, (void *)&addr, &len));
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(AF_INET, addr.sin_family);
	inet_ntop(AF_INET, &addr.sin_addr, text, sizeof(text));
	EXPECT_STREQ(ip, text);
	EXPECT_EQ(port, ntohs(addr.sin_port));
}

/* A port on which nobody listens. */
static uint16_t free_port(struct __test_metadata *_metadata,
			  const struct route *route)
{
	int fd = fsk_listen(_metadata, &route->link, 1);
	uint16_t port = fsk_port(fd);

	close(fd);
	return port;
}

TEST_F(connecting, blocking)
{
	const struct fsk_link *link = &variant->route->link;
	int one = client_socket(variant->route, 0), other;
	uint16_t port;

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	port = fsk_port(one);
	EXPECT_NE(0, port);
	expect_name(_metadata, one, false, link->client_ip, port);
	expect_name(_metadata, one, true, link->server_ip, self->port);
	expect_name(_metadata, other, false, link->server_ip, self->port);
	expect_name(_metadata, other, true, link->client_ip, port);
	EXPECT_ERRNO(EISCONN, dial(variant->route, one, self->port));
	EXPECT_ERRNO(EINVAL, listen(one, 1));
	EXPECT_ERRNO(EINVAL, fsk_bind(one, link->client_ip, 0));
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

TEST_F(connecting, nonblocking)
{
	int one = client_socket(variant->route, SOCK_NONBLOCK), other;

	EXPECT_ERRNO(EINPROGRESS, dial(variant->route, one, self->port));
	ASSERT_TRUE(connected(one));
	EXPECT_EQ(0, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	EXPECT_ERRNO(EISCONN, dial(variant->route, one, self->port));
	fsk_nonblock(one, false);
	other = take(_metadata, variant->route, self->listener, one);
	close(one);
	close(other);
}

/* The program never asks how it went and simply sends. */
TEST_F(connecting, nonblocking_then_blocking_send)
{
	int one = client_socket(variant->route, SOCK_NONBLOCK), other;
	char buf[8] = "";

	EXPECT_ERRNO(EINPROGRESS, dial(variant->route, one, self->port));
	fsk_nonblock(one, false);
	EXPECT_EQ(5, send(one, "early", 5, 0));
	other = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, other);
	EXPECT_EQ(5, fsk_recv_all(other, buf, 5));
	EXPECT_STREQ("early", buf);
	EXPECT_EQ(variant->route->fast, fsk_is_fast(other));
	close(one);
	close(other);
}

TEST_F(connecting, refused)
{
	int one = client_socket(variant->route, 0), other;

	EXPECT_ERRNO(ECONNREFUSED, dial(variant->route, one,
					free_port(_metadata, variant->route)));
	EXPECT_EQ(0, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	/* The socket is as good as new. */
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, other);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

TEST_F(connecting, refused_nonblocking)
{
	uint16_t nobody = free_port(_metadata, variant->route);
	int one = client_socket(variant->route, SOCK_NONBLOCK), other;
	struct pollfd pfd = { .fd = one, .events = POLLOUT };
	int want = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;

	EXPECT_ERRNO(EINPROGRESS, dial(variant->route, one, nobody));
	EXPECT_EQ(1, poll(&pfd, 1, 60000));
	EXPECT_EQ(want, fsk_events(one));
	EXPECT_EQ(ECONNREFUSED, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(0, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	EXPECT_ERRNO(ECONNABORTED, dial(variant->route, one, self->port));
	EXPECT_ERRNO(EINPROGRESS, dial(variant->route, one, self->port));
	ASSERT_TRUE(connected(one));
	fsk_nonblock(one, false);
	other = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, other);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

/*
 * Options a program sets before connect, with the value read back.  The last
 * is not inherited from a listener.
 */
static const struct {
	int level;
	int name;
	int set;
	int get;
} options[] = {
	{ SOL_SOCKET, SO_SNDBUF, 50000, 100000 },
	{ SOL_SOCKET, SO_RCVBUF, 60000, 120000 },
	{ SOL_SOCKET, SO_KEEPALIVE, 1, 1 },
	{ SOL_SOCKET, SO_OOBINLINE, 1, 1 },
	{ SOL_SOCKET, SO_MARK, 77, 77 },
	{ SOL_SOCKET, SO_RCVLOWAT, 2, 2 },
	{ SOL_SOCKET, SO_REUSEADDR, 1, 1 },
	{ SOL_TCP, TCP_NODELAY, 1, 1 },
	{ SOL_TCP, TCP_KEEPIDLE, 123, 123 },
	{ SOL_TCP, TCP_KEEPINTVL, 45, 45 },
	{ SOL_TCP, TCP_KEEPCNT, 6, 6 },
	{ SOL_TCP, TCP_USER_TIMEOUT, 98765, 98765 },
	{ SOL_TCP, TCP_LINGER2, 33, 33 },
	{ SOL_IP, IP_TTL, 99, 99 },
	{ SOL_SOCKET, SO_PRIORITY, 5, 5 },
};

#define INHERITED	(ARRAY_SIZE(options) - 1)

static void set_options(struct __test_metadata *_metadata, int fd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++)
		ASSERT_EQ(0, fsk_set_int(fd, options[i].level,
					 options[i].name, options[i].set));
	ASSERT_EQ(0, fsk_set_linger(fd, 7));
	ASSERT_EQ(0, fsk_set_timeout(fd, SO_RCVTIMEO, 30000));
	ASSERT_EQ(0, fsk_set_timeout(fd, SO_SNDTIMEO, 31000));
}

static void expect_options(struct __test_metadata *_metadata, int fd,
			   size_t count)
{
	struct linger linger = {};
	socklen_t len = sizeof(linger);
	struct timeval tv = {};
	size_t i;

	for (i = 0; i < count; i++)
		EXPECT_EQ(options[i].get, fsk_int_option(fd, options[i].level,
							 options[i].name)) {
			TH_LOG("level %d option %d", options[i].level,
			       options[i].name);
		}
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
	EXPECT_EQ(1, linger.l_onoff);
	EXPECT_EQ(7, linger.l_linger);
	len = sizeof(tv);
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	EXPECT_EQ(30, tv.tv_sec);
	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len));
	EXPECT_EQ(31, tv.tv_sec);
}

TEST_F(connecting, options_set_before)
{
	int one = client_socket(variant->route, 0), other;

	set_options(_metadata, one);
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	expect_options(_metadata, one, ARRAY_SIZE(options));
	close(one);
	close(other);
}

TEST_F(connecting, options_set_after)
{
	int one = client_socket(variant->route, 0), other;

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	set_options(_metadata, one);
	set_options(_metadata, other);
	expect_options(_metadata, one, ARRAY_SIZE(options));
	expect_options(_metadata, other, ARRAY_SIZE(options));
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

/* What accept() hands out has what the listener had. */
TEST_F(connecting, options_of_the_listener)
{
	int one = client_socket(variant->route, 0), other;

	set_options(_metadata, self->listener);
	ASSERT_EQ(0, fsk_set_int(self->listener, SOL_IP, IP_TOS, 0x10));
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	expect_options(_metadata, other, INHERITED);
	EXPECT_EQ(0x10, fsk_int_option(other, SOL_IP, IP_TOS));
	close(one);
	close(other);
}

static void expect_device(struct __test_metadata *_metadata, int fd,
			  const char *device)
{
	char name[16] = "";
	socklen_t len = sizeof(name);

	EXPECT_EQ(0, getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &len));
	EXPECT_STREQ(device, name);
}

TEST_F(connecting, bound_to_address_port_and_device)
{
	const struct fsk_link *link = &variant->route->link;
	const char *device = variant->route->device;
	int one = client_socket(variant->route, 0), other;
	uint16_t port;

	ASSERT_EQ(0, setsockopt(one, SOL_SOCKET, SO_BINDTODEVICE, device,
				strlen(device)));
	ASSERT_EQ(0, setsockopt(self->listener, SOL_SOCKET, SO_BINDTODEVICE,
				device, strlen(device)));
	ASSERT_EQ(0, fsk_bind(one, link->client_ip, 0));
	port = fsk_port(one);
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	expect_name(_metadata, one, false, link->client_ip, port);
	expect_name(_metadata, other, true, link->client_ip, port);
	expect_device(_metadata, one, device);
	expect_device(_metadata, other, device);
	EXPECT_ERRNO(ENODEV, setsockopt(one, SOL_SOCKET, SO_BINDTODEVICE,
					"none", 4));
	close(one);
	close(other);
}

/* Bound to a device by which the peer is not reached: as TCP, no way. */
TEST(bound_to_the_wrong_device)
{
	int listener = fsk_listen(_metadata, &over_veth.link, 1);
	int one = client_socket(&over_veth, SOCK_NONBLOCK);
	long before = fsk_stat("a", "FskActiveOpens");

	fsk_enter("a");
	ASSERT_EQ(0, setsockopt(one, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
	dial(&over_veth, one, fsk_port(listener));
	fsk_sleep_ms(200);
	EXPECT_FALSE(fsk_is_fast(one));
	EXPECT_EQ(0, fsk_events(listener));
	EXPECT_EQ(before, fsk_stat("a", "FskActiveOpens"));
	close(one);
	close(listener);
}

/* Two sockets of one port, and the four-tuple stays unique. */
TEST_F(connecting, same_port_to_two_peers)
{
	const struct fsk_link *link = &variant->route->link;
	int one = client_socket(variant->route, 0), other;
	int second = fsk_listen(_metadata, link, 1), three, four;
	uint16_t port;

	fsk_enter(link->client_ns);
	fsk_set_int(one, SOL_SOCKET, SO_REUSEADDR, 1);
	ASSERT_EQ(0, fsk_bind(one, "0.0.0.0", 0));
	port = fsk_port(one);
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	three = client_socket(variant->route, 0);
	fsk_set_int(three, SOL_SOCKET, SO_REUSEADDR, 1);
	ASSERT_EQ(0, fsk_bind(three, "0.0.0.0", port));
	EXPECT_ERRNO(EADDRNOTAVAIL, dial(variant->route, three, self->port));
	EXPECT_EQ(0, dial(variant->route, three, fsk_port(second)));
	four = accept(second, NULL, NULL);
	ASSERT_LE(0, four);
	FSK_EXPECT_ALIVE(three, four);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
	close(three);
	close(four);
	close(second);
}

/*
 * A health check: with TCP_QUICKACK off the handshake's last ack waits, and the
 * reset that comes instead leaves nothing for the server's program to see.
 */
TEST_F(connecting, check_without_data)
{
	char byte;
	int i, fd;

	ASSERT_EQ(0, fsk_nonblock(self->listener, true));
	for (i = 0; i < 20; i++) {
		fd = client_socket(variant->route, 0);
		ASSERT_EQ(0, fsk_set_int(fd, SOL_TCP, TCP_QUICKACK, 0));
		ASSERT_EQ(0, dial(variant->route, fd, self->port));
		if (variant->route->fast && variant->route != &over_lo)
			EXPECT_TRUE(fsk_is_fast(fd));
		ASSERT_EQ(0, fsk_set_linger(fd, 0));
		close(fd);
		fsk_sleep_ms(20);
		EXPECT_ERRNO(EAGAIN, accept(self->listener, NULL, NULL));
	}
	/* A check that closes is a connection, with an end. */
	ASSERT_EQ(0, fsk_nonblock(self->listener, false));
	fd = client_socket(variant->route, 0);
	ASSERT_EQ(0, fsk_set_int(fd, SOL_TCP, TCP_QUICKACK, 0));
	ASSERT_EQ(0, dial(variant->route, fd, self->port));
	close(fd);
	fd = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, recv(fd, &byte, 1, 0));
	close(fd);
}

/* It waits for bytes to ride on, but not for ever, and for whom turns it on. */
TEST_F(connecting, ack_that_waits)
{
	int fd, other, how;
	char byte;

	for (how = 0; how < 3; how++) {
		fd = client_socket(variant->route, 0);
		ASSERT_EQ(0, fsk_set_int(fd, SOL_TCP, TCP_QUICKACK, 0));
		ASSERT_EQ(0, dial(variant->route, fd, self->port));
		if (how == 1)
			ASSERT_EQ(1, send(fd, "x", 1, 0));
		if (how == 2)
			ASSERT_EQ(0, fsk_set_int(fd, SOL_TCP, TCP_QUICKACK, 1));
		other = accept(self->listener, NULL, NULL);
		ASSERT_LE(0, other);
		if (how == 1)
			EXPECT_EQ(1, recv(other, &byte, 1, 0));
		FSK_EXPECT_ALIVE(fd, other);
		close(fd);
		close(other);
	}
}

static long frames_out(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskOutFrames") +
	       fsk_stat(link->server_ns, "FskOutFrames");
}

static long connections(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskCurrEstab");
}

/* Frames that it takes to connect, ask, answer and close. */
static long frames_of_exchange(struct __test_metadata *_metadata,
			       const struct route *route, int listener,
			       uint16_t port)
{
	long before = frames_out(&route->link);
	int fd = client_socket(route, 0), other;
	char byte;

	ASSERT_EQ(0, dial(route, fd, port));
	ASSERT_EQ(1, send(fd, "a", 1, 0));
	other = accept(listener, NULL, NULL);
	ASSERT_LE(0, other);
	ASSERT_EQ(1, recv(other, &byte, 1, 0)) {
		TH_LOG("the server's end: %s", strerror(errno));
	}
	ASSERT_EQ(1, send(other, "b", 1, 0));
	ASSERT_EQ(1, recv(fd, &byte, 1, 0)) {
		TH_LOG("the client's end: %s", strerror(errno));
	}
	close(fd);
	ASSERT_EQ(0, recv(other, &byte, 1, 0)) {
		TH_LOG("the server's end, at last: %s", strerror(errno));
	}
	close(other);
	EXPECT_TRUE(FSK_UNTIL(!connections(&route->link)));
	return frames_out(&route->link) - before;
}

/*
 * SYN, SYNACK, CONFIRM with the question, the answer, FIN, FIN, ack.  Two
 * namespaces that share memory need the first two to find that out.  A machine
 * that stops meanwhile makes it more, so the least of many counts.
 */
TEST_F(connecting, frames_of_an_exchange)
{
	long frames, least = LONG_MAX, wanted = 7;
	int i;

	if (!variant->route->fast)
		SKIP(return, "TCP sends its own");
	/* The ack of the first FIN waits 0.5 ms. */
	if (fsk_debug_kernel())
		SKIP(return, "programs are too slow to close in time");
	if (!strcmp(variant->route->device, "lo"))
		wanted = 0;
	else if (getenv("LAN_SAME_HOST"))
		wanted = 2;
	for (i = 0; i < 50; i++) {
		frames = frames_of_exchange(_metadata, variant->route,
					    self->listener, self->port);
		least = frames < least ? frames : least;
	}
	EXPECT_EQ(wanted, least);
}

TEST_F(connecting, disconnect_and_connect_again)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int one = client_socket(variant->route, 0), other;
	uint16_t port;
	char byte;

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	port = fsk_port(one);
	EXPECT_EQ(0, connect(one, &none, sizeof(none)));
	EXPECT_ERRNO(ECONNRESET, recv(other, &byte, 1, 0));
	expect_name(_metadata, one, false, "0.0.0.0", port);
	EXPECT_EQ(ECONNRESET, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	EXPECT_EQ(POLLOUT | POLLHUP, fsk_events(one));
	EXPECT_ERRNO(ENOTCONN, recv(one, &byte, 1, 0));
	EXPECT_FALSE(fsk_is_fast(one));
	close(other);

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	close(one);
	close(other);
}

TEST_F(connecting, accept_flags)
{
	int one = client_socket(variant->route, 0), two, other;

	ASSERT_EQ(0, fsk_nonblock(self->listener, true));
	EXPECT_ERRNO(EAGAIN, accept(self->listener, NULL, NULL));
	EXPECT_ERRNO(EINVAL, accept4(self->listener, NULL, NULL, 1));
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->listener) == POLLIN));
	other = accept(self->listener, NULL, NULL);
	EXPECT_FALSE(fcntl(other, F_GETFL) & O_NONBLOCK);
	EXPECT_FALSE(fcntl(other, F_GETFD) & FD_CLOEXEC);
	close(other);
	two = client_socket(variant->route, 0);
	EXPECT_EQ(0, dial(variant->route, two, self->port));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->listener) == POLLIN));
	other = accept4(self->listener, NULL, NULL,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
	EXPECT_TRUE(fcntl(other, F_GETFL) & O_NONBLOCK);
	EXPECT_TRUE(fcntl(other, F_GETFD) & FD_CLOEXEC);
	close(one);
	close(two);
	close(other);
}

TEST_F(connecting, accept_address)
{
	int one = client_socket(variant->route, 0), other;
	struct sockaddr_in addr = {};
	socklen_t len = 4;

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = accept(self->listener, (void *)&addr, &len);
	ASSERT_LE(0, other);
	EXPECT_EQ(sizeof(addr), len);
	EXPECT_EQ(AF_INET, addr.sin_family);
	EXPECT_EQ(fsk_port(one), ntohs(addr.sin_port));
	EXPECT_EQ(0, addr.sin_addr.s_addr);
	close(one);
	close(other);
}

TEST_F(connecting, accept_timeout)
{
	uint64_t start;

	fsk_set_timeout(self->listener, SO_RCVTIMEO, 300);
	start = fsk_now_ms();
	EXPECT_ERRNO(EAGAIN, accept(self->listener, NULL, NULL));
	/* The ticks of a busy emulator may be late, and jump. */
	EXPECT_LE(150, fsk_now_ms() - start);
}

TEST_F(connecting, misuse_of_a_listener)
{
	char byte;

	fsk_enter(variant->route->link.server_ns);
	EXPECT_ERRNO(EISCONN, dial(variant->route, self->listener,
				   self->port));
	EXPECT_ERRNO(ENOTCONN, recv(self->listener, &byte, 1, 0));
	EXPECT_ERRNO(EPIPE, send(self->listener, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(-1, fsk_unread(self->listener));
	EXPECT_EQ(0, listen(self->listener, 5));
}

static void *accept_once(void *arg)
{
	return (void *)(long)(accept(*(int *)arg, NULL, NULL) < 0 ? errno : 0);
}

TEST_F(connecting, shutdown_of_a_listener)
{
	int one = client_socket(variant->route, 0), other;
	pthread_t thread;
	void *err;

	ASSERT_EQ(0, pthread_create(&thread, NULL, accept_once,
				    &self->listener));
	fsk_sleep_ms(200);
	EXPECT_EQ(0, shutdown(self->listener, SHUT_RD));
	pthread_join(thread, &err);
	EXPECT_EQ(EINVAL, (long)err);
	EXPECT_EQ(POLLOUT | POLLHUP, fsk_events(self->listener));
	EXPECT_ERRNO(ECONNREFUSED, dial(variant->route, one, self->port));
	EXPECT_EQ(0, listen(self->listener, 5));
	/* The port was the kernel's choice: now it is another. */
	EXPECT_EQ(0, dial(variant->route, one, fsk_port(self->listener)));
	other = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, other);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

/* N + 1 connections wait; the next one does too, and is not refused. */
TEST_F(connecting, backlog)
{
	int one = client_socket(variant->route, 0);
	int two = client_socket(variant->route, SOCK_NONBLOCK), other, i;

	ASSERT_EQ(0, listen(self->listener, 0));
	ASSERT_EQ(0, dial(variant->route, one, self->port));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->listener) == POLLIN));
	EXPECT_ERRNO(EINPROGRESS, dial(variant->route, two, self->port));
	fsk_sleep_ms(300);
	EXPECT_EQ(0, fsk_events(two));
	for (i = 0; i < 2; i++) {
		other = accept(self->listener, NULL, NULL);
		EXPECT_LE(0, other);
		close(other);
	}
	EXPECT_TRUE(FSK_UNTIL(fsk_events(two) & POLLRDHUP));
	EXPECT_EQ(0, fsk_int_option(two, SOL_SOCKET, SO_ERROR));
	close(one);
	close(two);
}

TEST_F(connecting, tcp_info)
{
	int one = client_socket(variant->route, 0), other;
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	ASSERT_EQ(0, getsockopt(self->listener, SOL_TCP, TCP_INFO, &info,
				&len));
	EXPECT_EQ(TCP_LISTEN, info.tcpi_state);
	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	len = sizeof(info);
	ASSERT_EQ(0, getsockopt(one, SOL_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(TCP_ESTABLISHED, info.tcpi_state);
	shutdown(other, SHUT_WR);
	ASSERT_TRUE(FSK_UNTIL(fsk_events(one) & POLLRDHUP));
	len = 1;	/* any length is truncated to */
	ASSERT_EQ(0, getsockopt(one, SOL_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(TCP_CLOSE_WAIT, info.tcpi_state);
	close(one);
	close(other);
}

/* Lines that ss prints about the sockets of a port. */
static int count_lines(const char *options, const char *filter,
		       const char *ns, uint16_t port)
{
	char command[256], line[1024];
	int lines = 0;
	FILE *file;

	snprintf(command, sizeof(command),
		 "exec 2> /dev/null; ./helper_at %s ss %s sport = :%d %s",
		 ns, options, port, filter);
	file = popen(command, "r");
	while (file && fgets(line, sizeof(line), file))
		lines += !!strchr(line, '\n');
	if (file)
		pclose(file);
	return lines;
}

/* An administrator finds it with the ordinary tools. */
TEST_F(connecting, seen_by_ss)
{
	const char *ns = variant->route->link.client_ns;
	int one = client_socket(variant->route, 0), other;
	uint16_t port;

	EXPECT_EQ(0, dial(variant->route, one, self->port));
	other = take(_metadata, variant->route, self->listener, one);
	port = fsk_port(one);
	EXPECT_EQ(1, count_lines("-tnH state established", "", ns, port));
	EXPECT_EQ(variant->route->fast ? 1 : 0,
		  count_lines("-tienH", "| grep tcp-ulp-fastsock", ns, port));
	EXPECT_EQ(3, send(other, "abc", 3, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(one) == 3));
	EXPECT_EQ(1, count_lines("-tnH", "| grep -E '^ESTAB +3 +0 '", ns,
				 port));
	shutdown(other, SHUT_WR);
	ASSERT_TRUE(FSK_UNTIL(fsk_events(one) & POLLRDHUP));
	EXPECT_EQ(1, count_lines("-tnH state close-wait", "", ns, port));
	close(one);
	close(other);
}

TEST(wrong_addresses)
{
	int fd = fsk_socket("a", 0);
	struct sockaddr_in addr = fsk_addr("10.77.0.2", 9);

	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, 8));
	EXPECT_ERRNO(EINVAL, connect(fd, (void *)&addr, 1));
	addr.sin_family = AF_INET6;
	EXPECT_ERRNO(EAFNOSUPPORT, connect(fd, (void *)&addr, sizeof(addr)));
	EXPECT_ERRNO(ENETUNREACH, fsk_connect(fd, "192.0.2.1", 9));
	EXPECT_ERRNO(ENETUNREACH, fsk_connect(fd, "10.77.0.255", 9));
	EXPECT_ERRNO(EFAULT, connect(fd, (void *)1, sizeof(addr)));
	close(fd);
}

/* One listening socket for a fastsock and a TCP client at the same time. */
TEST(one_listener_for_both)
{
	int listener = fsk_listen(_metadata, &over_veth.link, 8);
	int fast = client_socket(&over_veth, 0);
	int plain = client_socket(&from_plain_host, 0);
	int i, other, seen = 0;

	ASSERT_EQ(0, dial(&from_plain_host, plain, fsk_port(listener)));
	ASSERT_EQ(0, dial(&over_veth, fast, fsk_port(listener)));
	for (i = 0; i < 2; i++) {
		other = accept(listener, NULL, NULL);
		ASSERT_LE(0, other);
		if (fsk_is_fast(other)) {
			FSK_EXPECT_ALIVE(fast, other);
			seen |= 1;
		} else {
			FSK_EXPECT_ALIVE(plain, other);
			seen |= 2;
		}
		close(other);
	}
	EXPECT_EQ(3, seen);
	close(fast);
	close(plain);
	close(listener);
}

#define CALLS	24

TEST(reuseport)
{
	const struct fsk_link *link = &over_veth.link;
	int listener[2], one[CALLS], i, count[2] = {};
	uint16_t port = 0;

	for (i = 0; i < 2; i++) {
		listener[i] = fsk_socket(link->server_ns, SOCK_NONBLOCK);
		ASSERT_EQ(0, fsk_set_int(listener[i], SOL_SOCKET,
					 SO_REUSEPORT, 1));
		ASSERT_EQ(0, fsk_bind(listener[i], link->server_ip, port));
		port = fsk_port(listener[i]);
		ASSERT_EQ(0, listen(listener[i], CALLS));
	}
	for (i = 0; i < CALLS; i++)
		one[i] = fsk_dial(_metadata, link, port);
	/* The last step of a handshake may come a little later. */
	EXPECT_TRUE(FSK_UNTIL(fsk_take_calls(listener[0], &count[0]) +
			      fsk_take_calls(listener[1], &count[1]) == CALLS));
	for (i = 0; i < 2; i++) {
		EXPECT_LT(0, count[i]);
		close(listener[i]);
	}
	for (i = 0; i < CALLS; i++)
		close(one[i]);
}

TEST(loopback_addresses)
{
	static const char * const pairs[][2] = {
		{ "127.1.2.3", "127.9.8.7" },
		{ "127.0.0.1", "127.255.255.254" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		int listener = fsk_socket("lo0", 0), one, other;

		ASSERT_EQ(0, fsk_bind(listener, pairs[i][1], 0));
		ASSERT_EQ(0, listen(listener, 1));
		one = fsk_socket("lo0", 0);
		ASSERT_EQ(0, fsk_bind(one, pairs[i][0], 0));
		ASSERT_EQ(0, fsk_connect(one, pairs[i][1],
					 fsk_port(listener)));
		other = take(_metadata, &over_lo, listener, one);
		expect_name(_metadata, one, true, pairs[i][1],
			    fsk_port(listener));
		expect_name(_metadata, other, true, pairs[i][0],
			    fsk_port(one));
		close(one);
		close(other);
		close(listener);
	}
}

TEST(connect_to_any)
{
	int listener = fsk_listen(_metadata, &over_lo.link, 1);
	int one = fsk_socket("lo0", 0), other;

	ASSERT_EQ(0, fsk_connect(one, "0.0.0.0", fsk_port(listener)));
	other = take(_metadata, &over_lo, listener, one);
	expect_name(_metadata, one, true, "127.0.0.1", fsk_port(listener));
	expect_name(_metadata, one, false, "127.0.0.1", fsk_port(one));
	close(one);
	close(other);
	close(listener);
}

/* A socket to itself: what it sends, it receives. */
TEST(self_connect)
{
	int fd = fsk_socket("lo0", 0);
	char buf[8] = "";

	ASSERT_EQ(0, fsk_bind(fd, "127.0.0.1", 0));
	ASSERT_EQ(0, fsk_connect(fd, "127.0.0.1", fsk_port(fd)));
	EXPECT_EQ(4, send(fd, "echo", 4, 0));
	EXPECT_EQ(4, recv(fd, buf, sizeof(buf), 0));
	EXPECT_STREQ("echo", buf);
	close(fd);
}

/* A peer known to be capable that does not answer: its cable is out. */
FIXTURE(unplugged)
{
	int listener;
	uint16_t port;
};

static int plug(const char *direction)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "ip -n switch link set to-b %s", direction);
	return fsk_run(command);
}

FIXTURE_SETUP(unplugged)
{
	self->listener = fsk_listen(_metadata, &over_veth.link, 8);
	self->port = fsk_port(self->listener);
	ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_ready a b"));
	ASSERT_EQ(0, plug("down"));
}

FIXTURE_TEARDOWN(unplugged)
{
	plug("up");
	/* Switched on anew it asks anew, before the back-off is over. */
	fsk_run("bash ./lan.sh lan_sysctl a enable 0");
	fsk_run("bash ./lan.sh lan_ready a b");
	close(self->listener);
}

/* TCP goes on where fastsock gave up, when the cable is in again. */
static void plug_in_and_finish(struct __test_metadata *_metadata,
			       int listener, int one)
{
	int other;

	ASSERT_EQ(0, plug("up"));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(one) == POLLOUT));
	EXPECT_EQ(0, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
	other = accept(listener, NULL, NULL);
	ASSERT_LE(0, other);
	fsk_nonblock(one, false);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
}

TEST_F(unplugged, send_timeout)
{
	int one = client_socket(&over_veth, 0);
	uint64_t start = fsk_now_ms(), took;

	fsk_set_timeout(one, SO_SNDTIMEO, 400);
	EXPECT_ERRNO(EINPROGRESS, dial(&over_veth, one, self->port));
	took = fsk_now_ms() - start;
	EXPECT_LE(380, took);
	EXPECT_GT(2000, took);
	EXPECT_ERRNO(EALREADY, dial(&over_veth, one, self->port));
	EXPECT_EQ(0, fsk_events(one));
	plug_in_and_finish(_metadata, self->listener, one);
}

/* Also a time shorter than the handshake may take. */
TEST_F(unplugged, short_send_timeout)
{
	int one = client_socket(&over_veth, 0);

	fsk_set_timeout(one, SO_SNDTIMEO, 10);
	EXPECT_ERRNO(EINPROGRESS, dial(&over_veth, one, self->port));
	plug_in_and_finish(_metadata, self->listener, one);
}

TEST_F(unplugged, nonblocking)
{
	int one = client_socket(&over_veth, SOCK_NONBLOCK);
	char byte;

	EXPECT_ERRNO(EINPROGRESS, dial(&over_veth, one, self->port));
	EXPECT_ERRNO(EALREADY, dial(&over_veth, one, self->port));
	EXPECT_EQ(0, fsk_events(one));
	EXPECT_ERRNO(EAGAIN, send(one, "x", 1, MSG_NOSIGNAL));
	EXPECT_ERRNO(EAGAIN, recv(one, &byte, 1, 0));
	fsk_sleep_ms(200);
	EXPECT_ERRNO(EALREADY, dial(&over_veth, one, self->port));
	EXPECT_ERRNO(EAGAIN, send(one, "x", 1, MSG_NOSIGNAL));
	plug_in_and_finish(_metadata, self->listener, one);
}

static void nothing(int sig)
{
}

TEST_F(unplugged, signal)
{
	struct sigaction action = { .sa_handler = nothing };
	int one = client_socket(&over_veth, 0);
	pid_t pid, self_pid = getpid();

	sigaction(SIGUSR1, &action, NULL);
	pid = fsk_fork();
	if (!pid) {
		if (!FSK_UNTIL(fsk_task_state(self_pid) == 'S'))
			_exit(1);
		fsk_sleep_ms(200);
		kill(self_pid, SIGUSR1);
		_exit(0);
	}
	EXPECT_ERRNO(EINTR, dial(&over_veth, one, self->port));
	EXPECT_EQ(0, fsk_reap(pid));
	plug_in_and_finish(_metadata, self->listener, one);
}

/* Closed before it was decided: nothing is left, and nothing comes later. */
TEST_F(unplugged, close)
{
	int one = client_socket(&over_veth, SOCK_NONBLOCK);
	long before = fsk_stat("a", "FskCurrEstab");

	fsk_enter("a");
	EXPECT_ERRNO(EINPROGRESS, dial(&over_veth, one, self->port));
	close(one);
	EXPECT_TRUE(FSK_UNTIL(fsk_stat("a", "FskCurrEstab") == before));
	ASSERT_EQ(0, plug("up"));
	fsk_sleep_ms(500);
	EXPECT_EQ(0, fsk_events(self->listener));
}

int main(int argc, char **argv)
{
	int status = 1;

	setlinebuf(stdout);
	if (!fsk_run("bash ./lan.sh lan_up a b c") &&
	    !fsk_run("bash ./lan.sh lan_ready a b") &&
	    !fsk_run("bash ./lan.sh lan_loopback lo0") &&
	    !fsk_run("./helper_at a ping -c 1 -W 5 10.77.0.3 > /dev/null"))
		status = test_harness_run(argc, argv);
	fsk_run("bash ./lan.sh lan_down a b c switch lo0");
	return status;
}
