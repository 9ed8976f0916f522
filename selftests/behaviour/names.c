// SPDX-License-Identifier: GPL-2.0
/* B: names, and what listen() and accept() do with them. */
#include "names.h"

#include <net/if.h>
#include <sys/epoll.h>

static const char nowhere[] = "10.200.0.1";	/* nobody's address */
static const char any[] = "0.0.0.0";

static bool readable(int fd)
{
	return fsk_events(fd) & POLLIN;
}

/* The error comes a moment before the rest. */
static bool reset(int fd)
{
	return fsk_events(fd) & POLLHUP;
}

ALONE("B1", "a fresh socket has no name and no peer")
{
	int fd = client_socket(0);
	uint16_t port;
	int lfd = listener(1, &port);

	say_name("fresh", fd);
	say_peer("fresh", fd);
	say_name("listening", lfd);
	say_peer("listening", lfd);
	SAY(fsk_bind(fd, here->client_ip, 0));
	say_name("bound", fd);
	say_peer("bound", fd);
}

FAST("B1", "both ends agree on the names of a connection")
{
	int client, server;

	pair(&client, &server);
	say_name("client", client);
	say_peer("client", client);
	say_name("server", server);
	say_peer("server", server);
	SAY(fsk_port(client) == peer_port(server));
	SAY(fsk_port(server) == peer_port(client));
}

typedef int (*name_call)(int fd, struct sockaddr *addr, socklen_t *len);

static void say_name_lengths(const char *which, name_call call, int fd)
{
	struct {
		struct sockaddr_in addr;
		char beyond[8];
	} name;
	static const int lens[] = { -1, 0, 1, 2, 15, 16, 17, 24 };
	socklen_t len;
	size_t i;

	note("%s", which);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		memset(&name, 0x55, sizeof(name));
		len = lens[i];
		SAY(call(fd, (void *)&name, &len));
		note("of %d: %d, family %x, zero %x, beyond %x", lens[i],
		     (int)len, name.addr.sin_family, name.addr.sin_zero[7],
		     name.beyond[0]);
	}
	len = 16;
	SAY(call(fd, NULL, &len));
	SAY(call(fd, (void *)-4096, &len));
	SAY(call(fd, (void *)&name, NULL));
	SAY(call(fd, (void *)&name, (void *)-4096));
	len = 0;
	SAY(call(fd, NULL, &len));
}

static int call_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
	return getsockname(fd, addr, len);
}

static int call_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
	return getpeername(fd, addr, len);
}

FAST("B1", "names are cut to the length given, and bad pointers found")
{
	int client, server;

	pair(&client, &server);
	say_name_lengths("getsockname", call_getsockname, client);
	say_name_lengths("getpeername", call_getpeername, client);
	say_name_lengths("getsockname", call_getsockname, server);
	say_name_lengths("getpeername", call_getpeername, server);
	say_name_lengths("unconnected", call_getpeername, client_socket(0));
}

FAST("B2", "a name is given once")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_bind(fd, any, 0));
	SAY(fsk_bind(lfd, here->server_ip, 0));
	pair_on(fd, lfd, port, &server);
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_bind(server, here->server_ip, 0));
	fd = client_socket(0);
	pair_on(fd, lfd, port, &server);
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_bind(fd, here->client_ip, 4444));
	SAY(shutdown(fd, SHUT_RDWR));
	SAY(fsk_bind(fd, here->client_ip, 0));
}

ALONE("B3", "bind() wants an address of this host")
{
	SAY(fsk_bind(client_socket(0), nowhere, 0));
	SAY(fsk_bind(client_socket(0), "8.8.8.8", 0));
	SAY(fsk_bind(client_socket(0), "127.1.2.3", 0));
	SAY(fsk_bind(client_socket(0), "255.255.255.255", 0));
	SAY(fsk_bind(client_socket(0), "224.0.0.5", 0));
	SAY(fsk_bind(client_socket(0), "0.0.0.5", 0));
	SAY(fsk_bind(client_socket(0), "240.0.0.1", 0));
	SAY(fsk_bind(client_socket(0), "10.77.0.255", 0));
}

static void say_free_bind(int level, int option)
{
	int fd = client_socket(0);

	SAY(fsk_set_int(fd, level, option, 1));
	SAY(fsk_bind(fd, nowhere, 0));
	say_name("bound", fd);
	SAY(listen(fd, 1));
	say_name("listening", fd);
}

ALONE("B3", "options that let bind() take any address")
{
	say_free_bind(SOL_IP, IP_FREEBIND);
	say_free_bind(SOL_IP, IP_TRANSPARENT);
}

ALONE("B3", "ip_nonlocal_bind lets bind() take any address")
{
	int fd;

	own_namespace();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	SAY(fsk_bind(fd, nowhere, 0));
	write_sysctl("ipv4/ip_nonlocal_bind", "1");
	SAY(fsk_bind(fd, nowhere, 0));
	say_name("bound", fd);
}

FAST("B3", "IP_FREEBIND does not matter to a local address")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	uint16_t port;

	SAY(fsk_set_int(lfd, SOL_IP, IP_FREEBIND, 1));
	SAY(fsk_set_int(fd, SOL_IP, IP_FREEBIND, 1));
	SAY(fsk_bind(fd, here->client_ip, 0));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	say_name("client", fd);
	say_peer("server", server);
}

FAST("B3", "who is bound to a group connects from an address of the host")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fsk_bind(fd, "224.0.0.5", 0));
	say_name("bound", fd);
	SAY(dial(fd, port));
	say_name("client", fd);
	SAY((server = accept(lfd, NULL, NULL)) >= 0);
	say_peer("server", server);
	SAY(send(fd, "x", 1, 0));
}

static int bind_family(int family, const char *ip, socklen_t len)
{
	struct {
		struct sockaddr_in addr;
		char more[256];
	} name = { .addr = fsk_addr(ip, 0) };

	name.addr.sin_family = family;
	return bind(client_socket(0), (void *)&name, len);
}

ALONE("B4", "bind() and addresses of the wrong family or length")
{
	struct sockaddr_in addr = fsk_addr(any, 0);

	SAY(bind_family(AF_UNSPEC, any, 16));
	SAY(bind_family(AF_UNSPEC, "127.0.0.1", 16));
	SAY(bind_family(AF_UNSPEC, here->client_ip, 16));
	SAY(bind_family(AF_UNIX, any, 16));
	SAY(bind_family(AF_INET6, any, 28));
	SAY(bind_family(AF_INET6, any, 16));
	SAY(bind_family(AF_PACKET, here->client_ip, 16));
	SAY(bind_family(255, here->client_ip, 16));
	SAY(bind_family(AF_INET, any, -1));
	SAY(bind_family(AF_INET, any, 0));
	SAY(bind_family(AF_INET, any, 2));
	SAY(bind_family(AF_INET, any, 15));
	SAY(bind_family(AF_INET, any, 17));
	SAY(bind_family(AF_INET, any, 128));
	SAY(bind_family(AF_INET, any, 129));
	SAY(bind_family(AF_INET, any, 256));
	SAY(bind(client_socket(0), NULL, sizeof(addr)));
	SAY(bind(client_socket(0), NULL, 0));
	SAY(bind(client_socket(0), (void *)-4096, sizeof(addr)));
}

FAST("B4", "a failed bind() leaves the socket as it was")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fsk_bind(fd, nowhere, 0));
	say_name("after a foreign address", fd);
	SAY(bind(fd, NULL, 16));
	SAY(fsk_bind(fd, here->client_ip, 0));
	pair_on(fd, lfd, port, &server);
	say_name("client", fd);
}

static void drop_privileges(void)
{
	if (setresuid(65534, 65534, 65534))
		broken("setresuid");
}

FAST("B5", "low ports are for the privileged")
{
	int low = client_socket(0), last = client_socket(0);
	int first = client_socket(0), fd = client_socket(0), server;
	uint16_t port;
	int lfd = listener(1, &port);

	drop_privileges();
	SAY(fsk_bind(low, here->client_ip, 80));
	SAY(fsk_bind(last, here->client_ip, 1023));
	SAY(fsk_bind(first, here->client_ip, 1024));
	pair_on(fd, lfd, port, &server);
	say_name("client", fd);
	SAY(fsk_bind(low, nowhere, 80));
	SAY(fsk_bind(low, here->client_ip, 0));
}

ALONE("B5", "ip_unprivileged_port_start says which ports are low")
{
	int one, two;

	own_namespace();
	write_sysctl("ipv4/ip_unprivileged_port_start", "100");
	one = socket(AF_INET, SOCK_STREAM, 0);
	two = socket(AF_INET, SOCK_STREAM, 0);
	drop_privileges();
	SAY(fsk_bind(one, "127.0.0.1", 99));
	SAY(fsk_bind(two, "127.0.0.1", 100));
}

/* Binds a second socket where a first one is. */
static void say_conflict(bool reuse_one, bool reuse_two, bool listens,
			 const char *ip_one, const char *ip_two)
{
	int one = server_socket(0), two = server_socket(0);

	fsk_set_int(one, SOL_SOCKET, SO_REUSEADDR, reuse_one);
	fsk_set_int(two, SOL_SOCKET, SO_REUSEADDR, reuse_two);
	if (fsk_bind(one, ip_one, 0) || (listens && listen(one, 1)))
		broken("bind");
	note("reuse %d %d, listens %d, %s and %s", reuse_one, reuse_two,
	     listens, ip_one, ip_two);
	SAY(fsk_bind(two, ip_two, fsk_port(one)));
	close(two);
	close(one);
}

ALONE("B6", "a used port is shared if both reuse it and nobody listens")
{
	int i;

	for (i = 0; i < 8; i++) {
		say_conflict(i & 1, i & 2, i & 4, here->server_ip,
			     here->server_ip);
		say_conflict(i & 1, i & 2, i & 4, any, here->server_ip);
		say_conflict(i & 1, i & 2, i & 4, here->server_ip, any);
		say_conflict(i & 1, i & 2, i & 4, here->server_ip,
			     "127.0.0.9");
	}
}

/* Binds to the port of a connection whose owner reuses addresses or not. */
static void say_port_of(const char *which, int fd, const char *ip)
{
	int plain = server_socket(0), reusing = server_socket(0);

	note("%s", which);
	fsk_set_int(reusing, SOL_SOCKET, SO_REUSEADDR, 1);
	SAY(fsk_bind(plain, ip, fsk_port(fd)));
	SAY(fsk_bind(reusing, ip, fsk_port(fd)));
	SAY(listen(reusing, 1));
	close(plain);
	close(reusing);
}

FAST("B6", "the port of a connection is used")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	pair_on(fd, lfd, port, &server);
	say_port_of("listener lives", server, here->server_ip);
	close(lfd);
	say_port_of("listener is closed", server, here->server_ip);

	lfd = server_socket(0);
	fsk_set_int(lfd, SOL_SOCKET, SO_REUSEADDR, 1);
	port = listen_on(lfd, 1);
	fd = client_socket(0);
	pair_on(fd, lfd, port, &server);
	say_port_of("reusing listener lives", server, here->server_ip);
	close(lfd);
	say_port_of("reusing listener is closed", server, here->server_ip);
	SAY(send(server, "x", 1, 0));
}

FAST("B6", "the port of a connecting end is used")
{
	uint16_t port;
	int lfd = listener(2, &port), fd = client_socket(0), server;
	int other;

	pair_on(fd, lfd, port, &server);
	other = client_socket(0);
	SAY(fsk_bind(other, here->client_ip, fsk_port(fd)));
	fsk_set_int(other, SOL_SOCKET, SO_REUSEADDR, 1);
	SAY(fsk_bind(other, here->client_ip, fsk_port(fd)));
	SAY(fsk_bind(other, any, fsk_port(fd)));
}

ALONE("B7", "of two that share a port only one may listen")
{
	int one = server_socket(0), two = server_socket(0);

	SAY(fsk_set_int(one, SOL_SOCKET, SO_REUSEADDR, 1));
	SAY(fsk_set_int(two, SOL_SOCKET, SO_REUSEADDR, 1));
	SAY(fsk_bind(one, here->server_ip, 0));
	SAY(fsk_bind(two, here->server_ip, fsk_port(one)));
	SAY(listen(one, 1));
	SAY(listen(two, 1));
	say_name("refused", two);
	close(one);
	SAY(listen(two, 1));
}

enum { SHARERS = 3, SHARED = 48 };

static uint16_t share_port(int *fds)
{
	uint16_t port = 0;
	int i;

	for (i = 0; i < SHARERS; i++) {
		fds[i] = server_socket(SOCK_NONBLOCK);
		fsk_set_int(fds[i], SOL_SOCKET, SO_REUSEPORT, 1);
		SAY(fsk_bind(fds[i], here->server_ip, port));
		SAY(listen(fds[i], SHARED));
		port = fsk_port(fds[i]);
	}
	return port;
}

static int accept_all(int fd)
{
	int count = 0;

	while (accept(fd, NULL, NULL) >= 0)
		count++;
	return count;
}

FAST("B8", "connections spread over the listeners of a shared port")
{
	int fds[SHARERS], got[SHARERS] = {}, total = 0, i;
	uint16_t port = share_port(fds);

	for (i = 0; i < SHARED; i++)
		if (dial(client_socket(0), port))
			broken("connect");
	for (i = 0; i < SHARERS; i++) {
		AWAIT(readable(fds[i]));
		got[i] = accept_all(fds[i]);
		note("%d has some: %d", i, got[i] > 0);
	}
	/* The last ones may be on their way. */
	AWAIT((got[0] += accept_all(fds[0]), got[1] += accept_all(fds[1]),
	       got[2] += accept_all(fds[2]),
	       total = got[0] + got[1] + got[2]) >= SHARED);
	SAY(total);
}

FAST("B8", "the listeners that remain of a shared port serve it")
{
	int fds[SHARERS], i;
	uint16_t port = share_port(fds);

	close(fds[0]);
	close(fds[2]);
	for (i = 0; i < 8; i++) {
		SAY(dial(client_socket(0), port));
		AWAIT(accept(fds[1], NULL, NULL) >= 0);
	}
	close(fds[1]);
	SAY(dial(client_socket(0), port));
}

ALONE("B8", "a port is shared only by those who agree, of one user")
{
	int one = server_socket(0), two = server_socket(0), three;
	uint16_t port;

	fsk_set_int(one, SOL_SOCKET, SO_REUSEPORT, 1);
	port = listen_on(one, 1);
	SAY(fsk_bind(two, here->server_ip, port));
	SAY(fsk_set_int(two, SOL_SOCKET, SO_REUSEADDR, 1));
	SAY(fsk_bind(two, here->server_ip, port));
	fsk_enter(here->server_ns);
	if (seteuid(65534))
		broken("seteuid");
	three = socket(AF_INET, SOCK_STREAM, 0);
	SAY(fsk_set_int(three, SOL_SOCKET, SO_REUSEPORT, 1));
	SAY(fsk_bind(three, here->server_ip, port));
	SAY(fsk_bind(three, "127.0.0.9", port));
}

static int bind6(int only, uint16_t port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
	};
	int fd;

	fsk_enter(here->server_ns);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0)
		skip("no IPv6");
	fsk_set_int(fd, SOL_IPV6, IPV6_V6ONLY, only);
	return bind(fd, (void *)&addr, sizeof(addr)) ? -1 : fd;
}

ALONE("B9", "a port of IPv6 is a port of IPv4, too")
{
	int both = bind6(0, 0), only = bind6(1, 0);
	int fd = server_socket(0);

	SAY(listen(both, 1));
	SAY(listen(only, 1));
	SAY(fsk_bind(fd, here->server_ip, fsk_port(both)));
	SAY(fsk_bind(fd, any, fsk_port(both)));
	SAY(fsk_bind(fd, any, fsk_port(only)));
	SAY(listen(fd, 1));
	SAY(bind6(0, fsk_port(fd)));
}

FAST("B9", "ports of connections are used for IPv6, too")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	pair_on(fd, lfd, port, &server);
	SAY(bind6(0, port));
	SAY(bind6(1, port) >= 0);
	close(lfd);
	SAY(bind6(0, port));
}

LEFT_TO_TCP("B9", "a port of kernel TCP conflicts with a new socket")
{
	int lfd = server_socket(0), fd = client_socket(0), server, other;
	uint16_t port;

	SAY(fsk_set_int(lfd, SOL_IP, IP_TRANSPARENT, 1));
	SAY(fsk_set_int(fd, SOL_IP, IP_TRANSPARENT, 1));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	other = server_socket(0);
	SAY(fsk_bind(other, here->server_ip, port));
	close(lfd);
	SAY(fsk_bind(other, here->server_ip, port));
	other = client_socket(0);
	SAY(fsk_bind(other, here->client_ip, fsk_port(fd)));
}

static int reusing_client(uint16_t port)
{
	int fd = client_socket(0);

	fsk_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	SAY(fsk_bind(fd, here->client_ip, port));
	return fd;
}

FAST("B9", "the same two names make only one connection")
{
	uint16_t port, port2;
	int lfd = listener(4, &port), lfd2 = listener(4, &port2);
	int one = reusing_client(0), two = reusing_client(fsk_port(one));

	SAY(dial(one, port));
	SAY(dial(two, port));
	say_name("refused", two);
	say_peer("refused", two);
	SAY(dial(two, port2));
	SAY(accept(lfd, NULL, NULL) >= 0);
	SAY(accept(lfd2, NULL, NULL) >= 0);
	SAY(send(one, "x", 1, 0));
	SAY(send(two, "x", 1, 0));
}

/* One end closes first, and keeps the port for a while. */
static void say_time_wait(bool reuse_old, bool reuse_new, bool serving)
{
	int lfd = server_socket(0), fd = client_socket(0), server, again;
	uint16_t port;
	char byte;

	note("old %d, new %d, %s", reuse_old, reuse_new,
	     serving ? "server" : "client");
	fsk_set_int(lfd, SOL_SOCKET, SO_REUSEADDR, reuse_old);
	fsk_set_int(fd, SOL_SOCKET, SO_REUSEADDR, reuse_old);
	SAY(fsk_bind(fd, here->client_ip, 0));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	if (!serving)
		port = fsk_port(fd);
	close(lfd);
	close(serving ? server : fd);
	SAY(recv(serving ? fd : server, &byte, 1, 0));
	close(serving ? fd : server);
	/* Whatever is exchanged is exchanged. */
	fsk_sleep_ms(50);
	again = serving ? server_socket(0) : client_socket(0);
	fsk_set_int(again, SOL_SOCKET, SO_REUSEADDR, reuse_new);
	SAY(fsk_bind(again, serving ? here->server_ip : here->client_ip,
		     port));
	SAY(listen(again, 1));
	close(again);
}

FAST("B10", "the port of an ended connection rests if not both reuse it")
{
	say_time_wait(false, false, false);
	say_time_wait(false, true, false);
	say_time_wait(true, false, false);
	say_time_wait(false, false, true);
	say_time_wait(false, true, true);
	say_time_wait(true, false, true);
}

FAST("B10", "the port of an ended connection is free if both reuse it")
{
	say_time_wait(true, true, false);
	say_time_wait(true, true, true);
}

FAST("B10", "the port of a connection that was reset is free at once")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server, again;

	SAY(fsk_bind(fd, here->client_ip, 0));
	pair_on(fd, lfd, port, &server);
	port = fsk_port(fd);
	SAY(fsk_set_linger(fd, 0));
	close(fd);
	again = client_socket(0);
	SAY(fsk_bind(again, here->client_ip, port));
	AWAIT(reset(server));
	SAY(listen(again, 1));
}

FAST("B11", "listen() finds a port, and may be repeated")
{
	int lfd = server_socket(0), fd = client_socket(0), server;

	SAY(listen(lfd, 4));
	say_name("listening", lfd);
	SAY(listen(lfd, 0));
	SAY(listen(lfd, -1));
	SAY(listen(lfd, 1 << 30));
	pair_on(fd, lfd, fsk_port(lfd), &server);
	SAY(listen(fd, 1));
	SAY(listen(server, 1));
	say_name("server", server);
	SAY(shutdown(fd, SHUT_RDWR));
	SAY(listen(fd, 1));
	SAY(fsk_int_option(lfd, SOL_SOCKET, SO_ACCEPTCONN));
}

FAST("B11", "a repeated listen() keeps what waits to be accepted")
{
	uint16_t port;
	int lfd = listener(4, &port), i;

	for (i = 0; i < 3; i++)
		SAY(dial(client_socket(0), port));
	AWAIT(readable(lfd));
	fsk_sleep_ms(50);
	SAY(listen(lfd, 1));
	for (i = 0; i < 3; i++)
		SAY(accept(lfd, NULL, NULL) >= 0);
	fsk_nonblock(lfd, true);
	SAY(accept(lfd, NULL, NULL));
}

static sig_atomic_t broken_pipes;

static void count_broken_pipe(int sig)
{
	broken_pipes++;
}

FAST("B12", "a listener does not connect and carries no data")
{
	int lfd, other, fd = client_socket(0), server, value = 7;
	uint16_t port, port2;
	char byte;

	signal(SIGPIPE, count_broken_pipe);
	lfd = listener(1, &port);
	other = listener(1, &port2);
	SAY(fsk_connect(lfd, here->server_ip, port2));
	SAY(recv(lfd, &byte, 1, 0));
	SAY(recv(lfd, &byte, 1, MSG_DONTWAIT));
	SAY(read(lfd, &byte, 1));
	SAY(send(lfd, "x", 1, 0));
	SAY(broken_pipes);
	SAY(send(lfd, "x", 1, MSG_NOSIGNAL));
	SAY(send(lfd, "", 0, MSG_NOSIGNAL));
	SAY(broken_pipes);
	SAY(ioctl(lfd, FIONREAD, &value));
	SAY(ioctl(lfd, TIOCOUTQ, &value));
	SAY(ioctl(lfd, 0x894b /* SIOCOUTQNSD */, &value));
	SAY(ioctl(lfd, 0x8905 /* SIOCATMARK */, &value));
	SAY(shutdown(lfd, 3));
	SAY(fsk_int_option(lfd, SOL_SOCKET, SO_ERROR));
	say_events("events", fsk_events(lfd));
	/* It still is a listener. */
	pair_on(fd, lfd, port, &server);
	SAY(send(fd, "x", 1, 0));
	close(other);
}

/* Connects without waiting for it. */
static int begin(uint16_t port)
{
	int fd = client_socket(SOCK_NONBLOCK);

	SAY(dial(fd, port));
	return fd;
}

FAST("B13", "a backlog of two holds three, and the fourth waits")
{
	uint16_t port;
	int lfd = listener(2, &port), i, fd;

	for (i = 0; i < 3; i++) {
		SAY(dial(client_socket(0), port));
		AWAIT(readable(lfd));
		fsk_sleep_ms(50);
	}
	fd = begin(port);
	fsk_sleep_ms(100);
	say_events("the fourth", fsk_events(fd));
	SAY(fsk_int_option(fd, SOL_SOCKET, SO_ERROR));
	for (i = 0; i < 3; i++)
		SAY(accept(lfd, NULL, NULL) >= 0);
	AWAIT(fsk_events(fd) == POLLOUT);
	SAY(accept(lfd, NULL, NULL) >= 0);
	SAY(dial(fd, port));
	SAY(dial(fd, port));
}

FAST("B13", "a backlog of zero holds one, and a greater one more")
{
	uint16_t port;
	int lfd = listener(0, &port), fd, i;

	SAY(dial(client_socket(0), port));
	AWAIT(readable(lfd));
	fsk_sleep_ms(50);
	fd = begin(port);
	fsk_sleep_ms(100);
	say_events("one too many", fsk_events(fd));
	SAY(listen(lfd, 8));
	AWAIT(fsk_events(fd) == POLLOUT);
	SAY(dial(client_socket(0), port));
	for (i = 0; i < 3; i++)
		SAY(accept(lfd, NULL, NULL) >= 0);
}

static void say_timeout(int ms, uint64_t begun)
{
	uint64_t took = fsk_now_ms() - begun;

	/* An emulated machine counts jiffies in bursts. */
	note("waited %d ms: %d", ms, 2 * took >= (uint64_t)ms);
}

FAST("B14", "accept() where there is nothing to accept")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server, pipes[2];
	uint64_t begun;

	fsk_nonblock(lfd, true);
	SAY(accept(lfd, NULL, NULL));
	fsk_nonblock(lfd, false);
	SAY(fsk_set_timeout(lfd, SO_RCVTIMEO, 100));
	begun = fsk_now_ms();
	SAY(accept(lfd, NULL, NULL));
	say_timeout(100, begun);
	SAY(accept(fd, NULL, NULL));
	pair_on(fd, lfd, port, &server);
	SAY(accept(fd, NULL, NULL));
	SAY(accept(server, NULL, NULL));
	SAY(accept(-1, NULL, NULL));
	SAY(pipe(pipes));
	SAY(accept(pipes[0], NULL, NULL));
	SAY(close(lfd));
	SAY(accept(lfd, NULL, NULL));
}

FAST("B15", "accept() inherits no O_NONBLOCK and no O_ASYNC")
{
	uint16_t port;
	int lfd = listener(8, &port), fd, i;
	static const int flags[] = {
		0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC,
	};

	signal(SIGIO, SIG_IGN);
	for (i = 0; i < 4; i++)
		if (dial(client_socket(0), port))
			broken("connect");
	AWAIT(readable(lfd));
	fsk_sleep_ms(50);
	SAY(fcntl(lfd, F_SETOWN, getpid()));
	SAY(fcntl(lfd, F_SETFL, O_NONBLOCK | O_ASYNC));
	for (i = 0; i < 4; i++) {
		AWAIT((fd = accept4(lfd, NULL, NULL, flags[i])) >= 0);
		SAY(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ASYNC | O_ACCMODE));
		SAY(fcntl(fd, F_GETFD));
		SAY(fcntl(fd, F_GETOWN));
	}
}

FAST("B15", "accept4() with flags it does not know takes nothing")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0);

	SAY(dial(fd, port));
	AWAIT(readable(lfd));
	SAY(accept4(lfd, NULL, NULL, 1));
	SAY(accept4(lfd, NULL, NULL, O_APPEND));
	SAY(accept4(lfd, NULL, NULL, -1));
	say_events("client", fsk_events(fd));
	SAY(accept4(lfd, NULL, NULL, 0) >= 0);
}

static const struct {
	int level, name, value;
	const char *text;
} inherited[] = {
#define OPTION(level, name, value)	{ level, name, value, #name }
	OPTION(SOL_TCP, TCP_NODELAY, 1),
	OPTION(SOL_TCP, TCP_CORK, 1),
	OPTION(SOL_TCP, TCP_KEEPIDLE, 77),
	OPTION(SOL_TCP, TCP_KEEPINTVL, 7),
	OPTION(SOL_TCP, TCP_KEEPCNT, 6),
	OPTION(SOL_TCP, TCP_SYNCNT, 3),
	OPTION(SOL_TCP, TCP_LINGER2, 9),
	OPTION(SOL_TCP, TCP_USER_TIMEOUT, 12345),
	OPTION(SOL_TCP, TCP_NOTSENT_LOWAT, 4321),
	OPTION(SOL_TCP, TCP_QUICKACK, 0),
	OPTION(SOL_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1),
	OPTION(SOL_SOCKET, SO_KEEPALIVE, 1),
	OPTION(SOL_SOCKET, SO_OOBINLINE, 1),
	OPTION(SOL_SOCKET, SO_REUSEADDR, 1),
	OPTION(SOL_SOCKET, SO_REUSEPORT, 1),
	OPTION(SOL_SOCKET, SO_BROADCAST, 1),
	OPTION(SOL_SOCKET, SO_PASSCRED, 1),
	OPTION(SOL_SOCKET, SO_ZEROCOPY, 1),
	OPTION(SOL_SOCKET, SO_PRIORITY, 5),
	OPTION(SOL_SOCKET, SO_MARK, 0x1234),
	OPTION(SOL_SOCKET, SO_RCVLOWAT, 3),
	OPTION(SOL_SOCKET, SO_RCVBUF, 33333),
	OPTION(SOL_SOCKET, SO_SNDBUF, 44444),
	OPTION(SOL_SOCKET, SO_MAX_PACING_RATE, 1 << 30),
	OPTION(SOL_SOCKET, SO_BUSY_POLL, 1),
	OPTION(SOL_IP, IP_TTL, 33),
	OPTION(SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO),
	OPTION(SOL_IP, IP_FREEBIND, 1),
	OPTION(SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1),
	OPTION(SOL_IP, IP_RECVERR, 1),
	OPTION(SOL_IP, IP_MINTTL, 5),
#undef OPTION
};

static void say_inherited(const char *which, int fd)
{
	struct timeval tv = {};
	struct linger linger = {};
	socklen_t len;
	size_t i;

	note("%s", which);
	for (i = 0; i < sizeof(inherited) / sizeof(*inherited); i++)
		SAY_AS(inherited[i].text,
		       fsk_int_option(fd, inherited[i].level,
				      inherited[i].name));
	len = sizeof(linger);
	SAY(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
	note("linger %d %d", linger.l_onoff, linger.l_linger);
	len = sizeof(tv);
	SAY(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	note("timeout %ld %ld", (long)tv.tv_sec, (long)tv.tv_usec);
	len = sizeof(tv);
	SAY(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len));
	note("timeout %ld %ld", (long)tv.tv_sec, (long)tv.tv_usec);
}

FAST("B16", "a connection has its listener's options")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	uint16_t port;
	size_t i;

	for (i = 0; i < sizeof(inherited) / sizeof(*inherited); i++)
		SAY_AS(inherited[i].text,
		       fsk_set_int(lfd, inherited[i].level, inherited[i].name,
				   inherited[i].value));
	SAY(fsk_set_linger(lfd, 11));
	SAY(fsk_set_timeout(lfd, SO_RCVTIMEO, 5500));
	SAY(fsk_set_timeout(lfd, SO_SNDTIMEO, 6500));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	say_inherited("listener", lfd);
	say_inherited("server", server);
}

FAST("B16", "a connection has its listener's type of service")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	uint16_t port;

	SAY(fsk_set_int(lfd, SOL_IP, IP_TOS, 0x10));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	SAY(fsk_int_option(server, SOL_IP, IP_TOS));
	SAY(fsk_int_option(server, SOL_SOCKET, SO_PRIORITY));
	SAY(fsk_int_option(fd, SOL_IP, IP_TOS));
}

FAST("B16", "a connection has its listener's device")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	bool local = !strcmp(here->server_ip, "127.0.0.1");
	const char *name = local ? "lo" : "eth0";
	char bound[IFNAMSIZ] = "";
	socklen_t len = sizeof(bound);
	uint16_t port;

	SAY(setsockopt(lfd, SOL_SOCKET, SO_BINDTODEVICE, name, strlen(name)));
	port = listen_on(lfd, 1);
	pair_on(fd, lfd, port, &server);
	SAY(getsockopt(server, SOL_SOCKET, SO_BINDTODEVICE, bound, &len));
	say_bytes("device", bound, len);
	SAY(send(server, "x", 1, 0));
}

FAST("B17", "a connection that was reset before is accepted")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);
	char byte;

	SAY(fsk_set_linger(fd, 0));
	SAY(dial(fd, port));
	AWAIT(readable(lfd));
	close(fd);
	fsk_sleep_ms(50);
	say_events("listener", fsk_events(lfd));
	server = accept(lfd, (void *)&addr, &len);
	say_address("accept", server, &addr, len);
	AWAIT(reset(server));
	say_events("server", fsk_events(server));
	SAY(recv(server, &byte, 1, 0));
	SAY(recv(server, &byte, 1, 0));
	say_peer("server", server);
	say_name("server", server);
}

FAST("B17", "a connection that was closed before is accepted with its data")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	char buf[8];

	SAY(dial(fd, port));
	SAY(send(fd, "bye", 3, 0));
	close(fd);
	fsk_sleep_ms(50);
	server = accept(lfd, NULL, NULL);
	AWAIT(fsk_events(server) & POLLRDHUP);
	say_peer("server", server);
	say_bytes("recv", buf, recv(server, buf, sizeof(buf), 0));
	SAY(recv(server, buf, sizeof(buf), 0));
}

static int accept_peer(int fd, struct sockaddr *addr, socklen_t *len)
{
	/* Always one to accept, as getpeername() always has an answer. */
	return accept(fd, addr, len) < 0 ? -1 : 0;
}

FAST("B18", "accept() cuts the name to the length given")
{
	static const int lens[] = { 0, 1, 2, 15, 16, 17, 24 };
	struct {
		struct sockaddr_in addr;
		char beyond[8];
	} name;
	uint16_t port;
	int lfd = listener(16, &port);
	socklen_t len;
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		SAY(dial(client_socket(0), port));
		memset(&name, 0x55, sizeof(name));
		len = lens[i];
		SAY(accept_peer(lfd, (void *)&name, &len));
		note("of %d: %d, family %x, zero %x, beyond %x", lens[i],
		     (int)len, name.addr.sin_family, name.addr.sin_zero[7],
		     name.beyond[0]);
	}
	SAY(dial(client_socket(0), port));
	SAY(accept_peer(lfd, NULL, NULL));
	SAY(dial(client_socket(0), port));
	SAY(accept_peer(lfd, NULL, &len));
}

/* What becomes of a connection whose accept() cannot tell the name? */
static void say_lost_accept(int lfd, uint16_t port, void *addr,
			    socklen_t *len)
{
	int fd = client_socket(0);
	char byte;

	if (dial(fd, port))
		broken("connect");
	SAY(accept(lfd, addr, len));
	AWAIT(fsk_events(fd) & POLLRDHUP);
	SAY(recv(fd, &byte, 1, 0));
}

FAST("B18", "accept() that cannot tell the name loses the connection")
{
	struct sockaddr_in addr;
	uint16_t port;
	int lfd = listener(4, &port);
	socklen_t len = -1;
	int lowest = dup(0);

	close(lowest);
	say_lost_accept(lfd, port, &addr, &len);
	say_lost_accept(lfd, port, &addr, NULL);
	len = sizeof(addr);
	say_lost_accept(lfd, port, (void *)-4096, &len);
	say_lost_accept(lfd, port, (void *)16, &len);
	/* The three clients have descriptors, and nobody else. */
	SAY(dup(0) - lowest);
}

struct waiter {
	pthread_t id;
	int fd;
	int error;
	pid_t tid;
};

static void *wait_in_accept(void *argument)
{
	struct waiter *w = argument;

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->error = accept(w->fd, NULL, NULL) < 0 ? errno : 0;
	return NULL;
}

static void start_waiter(struct waiter *w, int fd)
{
	*w = (struct waiter){ .fd = fd };
	w->id = thread(wait_in_accept, w);
	AWAIT(__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE));
	await_sleep(w->tid);
}

static void ignore_signal(int sig)
{
}

static void say_interrupted(int lfd, int flags)
{
	struct sigaction action = {
		.sa_handler = ignore_signal, .sa_flags = flags,
	};
	struct waiter w;

	sigaction(SIGUSR1, &action, NULL);
	start_waiter(&w, lfd);
	pthread_kill(w.id, SIGUSR1);
	await_thread(w.id);
	note("accept: %s", strerrorname_np(w.error));
}

FAST("B14", "a signal ends accept(), unless it restarts")
{
	struct sigaction action = {
		.sa_handler = ignore_signal, .sa_flags = SA_RESTART,
	};
	uint16_t port;
	int lfd = listener(1, &port);
	struct waiter w;

	say_interrupted(lfd, 0);
	SAY(fsk_set_timeout(lfd, SO_RCVTIMEO, 15000));
	say_interrupted(lfd, SA_RESTART);
	SAY(fsk_set_timeout(lfd, SO_RCVTIMEO, 0));
	sigaction(SIGUSR1, &action, NULL);
	start_waiter(&w, lfd);
	pthread_kill(w.id, SIGUSR1);
	await_sleep(w.tid);
	SAY(dial(client_socket(0), port));
	await_thread(w.id);
	note("accept: %s", strerrorname_np(w.error));
}

FAST("B19", "shutdown(RD) ends listening, and listen() begins it again")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;
	struct waiter w;

	start_waiter(&w, lfd);
	SAY(shutdown(lfd, SHUT_RD));
	await_thread(w.id);
	note("accept: %s", strerrorname_np(w.error));
	say_events("events", fsk_events(lfd));
	say_name("listener", lfd);
	SAY(accept(lfd, NULL, NULL));
	SAY(fsk_int_option(lfd, SOL_SOCKET, SO_ACCEPTCONN));
	SAY(dial(client_socket(0), port));
	SAY(shutdown(lfd, SHUT_RD));
	SAY(listen(lfd, 1));
	say_events("events", fsk_events(lfd));
	/* It was chosen, and is chosen anew. */
	port = fsk_port(lfd);
	pair_on(fd, lfd, port, &server);
	SAY(send(fd, "x", 1, 0));
}

FAST("B19", "shutdown(WR) does nothing to a listener")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	SAY(shutdown(lfd, SHUT_WR));
	say_events("events", fsk_events(lfd));
	pair_on(fd, lfd, port, &server);
	SAY(send(fd, "x", 1, 0));
	SAY(shutdown(lfd, SHUT_WR));
	SAY(shutdown(lfd, SHUT_RDWR));
	say_events("events", fsk_events(lfd));
	SAY(dial(client_socket(0), port));
	SAY(send(fd, "x", 1, 0));
}

FAST("B19", "a listener that ended may connect")
{
	uint16_t port, port2;
	int lfd = listener(4, &port), other = listener(4, &port2), server;
	int fd = client_socket(0);

	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(listen(fd, 1));
	SAY(shutdown(fd, SHUT_RD));
	pair_on(fd, lfd, port, &server);
	say_name("client", fd);
	SAY(send(fd, "x", 1, 0));
	close(other);
}

static void say_queued(const char *which, int fd)
{
	char byte;

	AWAIT(reset(fd));
	say_events(which, fsk_events(fd));
	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, 0));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
}

static void queue_two(int lfd, uint16_t port, int *fds)
{
	int i;

	for (i = 0; i < 2; i++) {
		fds[i] = client_socket(0);
		SAY(dial(fds[i], port));
	}
	SAY(send(fds[1], "data", 4, 0));
	AWAIT(readable(lfd));
	fsk_sleep_ms(100);
}

FAST("B20", "closing a listener resets what waits, and nothing else")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server, two[2];

	pair_on(fd, lfd, port, &server);
	queue_two(lfd, port, two);
	SAY(close(lfd));
	say_queued("idle", two[0]);
	say_queued("with data", two[1]);
	SAY(send(fd, "x", 1, 0));
	say_events("accepted before", fsk_events(fd));
}

FAST("B20", "shutdown(RD) of a listener resets what waits")
{
	uint16_t port;
	int lfd = listener(4, &port), two[2];

	queue_two(lfd, port, two);
	SAY(shutdown(lfd, SHUT_RD));
	say_queued("idle", two[0]);
	say_queued("with data", two[1]);
}

enum { ACCEPTORS = 4, ROUNDS = 40 };

struct acceptor {
	pthread_t id;
	int fd;
	int count;
};

static void *accept_until_shut(void *argument)
{
	struct acceptor *a = argument;
	int fd;

	while ((fd = accept(a->fd, NULL, NULL)) >= 0) {
		if (send(fd, "h", 1, 0) != 1)
			break;
		close(fd);
		a->count++;
	}
	return NULL;
}

static bool greeted(uint16_t port)
{
	int fd = client_socket(0);
	char byte = 0;
	bool good = !dial(fd, port) && recv(fd, &byte, 1, 0) == 1 &&
		    byte == 'h' && !recv(fd, &byte, 1, 0);

	close(fd);
	return good;
}

FAST("B21", "threads in accept() lose no connection and double none")
{
	struct acceptor a[ACCEPTORS] = {};
	uint16_t port;
	int lfd = listener(64, &port), i, good = 0, total = 0;

	for (i = 0; i < ACCEPTORS; i++) {
		a[i].fd = lfd;
		a[i].id = thread(accept_until_shut, &a[i]);
	}
	for (i = 0; i < ROUNDS; i++)
		good += greeted(port);
	SAY(shutdown(lfd, SHUT_RD));
	for (i = 0; i < ACCEPTORS; i++) {
		await_thread(a[i].id);
		total += a[i].count;
	}
	SAY(good);
	SAY(total);
}

static void *accept_by_epoll(void *argument)
{
	struct acceptor *a = argument;
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int ep = epoll_create1(0), fd;

	if (epoll_ctl(ep, EPOLL_CTL_ADD, a->fd, &event))
		return NULL;
	while (epoll_wait(ep, &event, 1, -1) == 1 &&
	       !(event.events & EPOLLHUP)) {
		fd = accept(a->fd, NULL, NULL);
		if (fd < 0)
			continue;
		if (send(fd, "h", 1, 0) != 1)
			break;
		close(fd);
		a->count++;
	}
	close(ep);
	return NULL;
}

FAST("B21", "threads with EPOLLEXCLUSIVE lose no connection and double none")
{
	struct acceptor a[ACCEPTORS] = {};
	uint16_t port;
	int lfd = listener(64, &port), i, good = 0, total = 0;

	fsk_nonblock(lfd, true);
	for (i = 0; i < ACCEPTORS; i++) {
		a[i].fd = lfd;
		a[i].id = thread(accept_by_epoll, &a[i]);
	}
	for (i = 0; i < ROUNDS; i++)
		good += greeted(port);
	SAY(shutdown(lfd, SHUT_RD));
	for (i = 0; i < ACCEPTORS; i++) {
		await_thread(a[i].id);
		total += a[i].count;
	}
	SAY(good);
	SAY(total);
}

FAST("B21", "processes in accept() lose no connection and double none")
{
	uint16_t port;
	int lfd = listener(64, &port), i, good = 0, total = 0;
	struct acceptor a = { .fd = lfd };
	pid_t pids[ACCEPTORS];

	for (i = 0; i < ACCEPTORS; i++) {
		pids[i] = fsk_fork();
		if (!pids[i]) {
			accept_until_shut(&a);
			_exit(a.count);
		}
	}
	for (i = 0; i < ROUNDS; i++)
		good += greeted(port);
	SAY(shutdown(lfd, SHUT_RD));
	for (i = 0; i < ACCEPTORS; i++)
		total += fsk_reap(pids[i]);
	SAY(good);
	SAY(total);
}

LEFT_TO_TCP("B22", "TCP_DEFER_ACCEPT waits for the first byte")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	uint16_t port;
	char buf[8];

	SAY(fsk_set_int(lfd, SOL_TCP, TCP_DEFER_ACCEPT, 10));
	SAY(fsk_int_option(lfd, SOL_TCP, TCP_DEFER_ACCEPT));
	port = listen_on(lfd, 4);
	SAY(dial(fd, port));
	fsk_sleep_ms(100);
	say_events("listener", fsk_events(lfd));
	say_events("client", fsk_events(fd));
	SAY(send(fd, "first", 5, 0));
	AWAIT(readable(lfd));
	server = accept(lfd, NULL, NULL);
	say_bytes("recv", buf, recv(server, buf, sizeof(buf), MSG_DONTWAIT));
}

LEFT_TO_TCP("B22", "TCP_DEFER_ACCEPT does not wait for ever")
{
	int lfd = server_socket(0), fd = client_socket(0), server;
	uint16_t port;
	char byte;

	SAY(fsk_set_int(lfd, SOL_TCP, TCP_DEFER_ACCEPT, 1));
	port = listen_on(lfd, 4);
	SAY(dial(fd, port));
	SAY((server = accept(lfd, NULL, NULL)) >= 0);
	SAY(recv(server, &byte, 1, MSG_DONTWAIT));
	SAY(send(server, "x", 1, 0));
	SAY(recv(fd, &byte, 1, 0));
}
