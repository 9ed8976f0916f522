// SPDX-License-Identifier: GPL-2.0
/* C: connect() and all the ways in which it does not just succeed. */
#include "names.h"
#include "options.h"

#include <sys/stat.h>

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE	51
#endif

static bool readable(int fd)
{
	return fsk_events(fd) & POLLIN;
}

static bool connected(int fd)
{
	return fsk_events(fd) == POLLOUT;
}

/* A port of the server's where nobody listens, and nobody else will. */
static uint16_t nobody(void)
{
	int fd = server_socket(0);

	if (fsk_bind(fd, here->server_ip, 0))
		broken("bind");
	return fsk_port(fd);
}

/* A listener whose queue is full: who connects now has to wait. */
static int full_listener(uint16_t *port)
{
	int fd = listener(0, port);

	if (dial(client_socket(0), *port))
		broken("connect");
	AWAIT(readable(fd));
	fsk_sleep_ms(50);
	return fd;
}

static void make_room(int fd)
{
	if (accept(fd, NULL, NULL) < 0)
		broken("accept");
}

static int say_error(int fd)
{
	int error = fsk_int_option(fd, SOL_SOCKET, SO_ERROR);

	note("SO_ERROR: %s", error < 0 ? "none" : strerrorname_np(error));
	return error;
}

/* 127.0.0.1 is carried in that one namespace. */
static void must_be_fast_over_lo(int fd)
{
	if (!strcmp(here->client_ns, "lo0") && !fsk_is_fast(fd))
		broken("not over fastsock");
}

/* A socket that was refused is TCP's for good: it may be either. */
ALONE("C1", "a refused socket is as good as new")
{
	uint16_t port, none = nobody();
	int lfd = listener(2, &port), fd = client_socket(0), server;

	SAY(dial(fd, none));
	say_error(fd);
	say_name("refused", fd);
	say_peer("refused", fd);
	say_events("refused", fsk_events(fd));
	SAY(dial(fd, none));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(recv(fd, "x", 1, 0));
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

ALONE("C1", "a refused socket keeps the name it was given")
{
	uint16_t port, mine, none = nobody();
	int lfd = listener(2, &port), fd = client_socket(0), server;

	SAY(fsk_bind(fd, here->client_ip, 0));
	mine = fsk_port(fd);
	SAY(dial(fd, none));
	say_name("refused", fd);
	SAY(fsk_port(fd) == mine);
	SAY(fsk_bind(fd, here->client_ip, 0));
	pair_on(fd, lfd, port, &server);
	SAY(fsk_port(fd) == mine);
	say_alive(fd, server);
}

FAST("C1", "a refused socket may listen")
{
	int fd = client_socket(0), other, server;
	uint16_t none = nobody(), port;

	SAY(dial(fd, none));
	SAY(listen(fd, 1));
	port = fsk_port(fd);
	say_name("listening", fd);
	other = client_socket(0);
	SAY(fsk_connect(other, here->client_ip, port));
	SAY((server = accept(fd, NULL, NULL)) >= 0);
	say_alive(other, server);
	/* That one stayed on its host; now one that does not. */
	pair(&fd, &server);
}

FAST("C2", "connect() that does not wait says so, then 0, then EISCONN")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(SOCK_NONBLOCK);
	int server;

	SAY(dial(fd, port));
	AWAIT(connected(fd));
	say_error(fd);
	SAY(dial(fd, port));
	SAY(dial(fd, port));
	SAY(dial(fd, port + 1));
	say_name("client", fd);
	say_peer("client", fd);
	SAY(fsk_nonblock(fd, false));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
	SAY(fsk_connect(server, here->client_ip, 1));
}

FAST("C2", "connect() that was waited for is EISCONN at once")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	pair_on(fd, lfd, port, &server);
	SAY(dial(fd, port));
	SAY(fsk_connect(fd, here->server_ip, 1));
	say_alive(fd, server);
}

FAST("C2", "what a socket is while it connects")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(SOCK_NONBLOCK);
	int server, value = 7;
	char byte;

	SAY(dial(fd, port));
	SAY(dial(fd, port));
	say_events("connecting", fsk_events(fd));
	say_error(fd);
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(send(fd, "", 0, MSG_NOSIGNAL));
	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, MSG_PEEK));
	SAY(listen(fd, 1));
	SAY(accept(fd, NULL, NULL));
	SAY(fsk_bind(fd, here->client_ip, 0));
	say_name("connecting", fd);
	say_peer("connecting", fd);
	SAY(ioctl(fd, FIONREAD, &value));
	note("%d", value);
	SAY(ioctl(fd, TIOCOUTQ, &value));
	note("%d", value);
	SAY(shutdown(fd, 3));
	make_room(lfd);
	AWAIT(connected(fd));
	SAY(dial(fd, port));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	SAY(fsk_nonblock(fd, false));
	say_alive(fd, server);
}

FAST("C2", "shutdown and close while it connects")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(SOCK_NONBLOCK);
	char byte;

	SAY(dial(fd, port));
	SAY(shutdown(fd, SHUT_WR));
	say_events("shut down", fsk_events(fd));
	say_error(fd);
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(recv(fd, &byte, 1, 0));
	say_name("shut down", fd);
	SAY(dial(fd, port));
	SAY(close(fd));
	fd = client_socket(SOCK_NONBLOCK);
	SAY(dial(fd, port));
	SAY(close(fd));
	make_room(lfd);
	fsk_nonblock(lfd, true);
	fsk_sleep_ms(50);
	SAY(accept(lfd, NULL, NULL));
}

struct connecter {
	pthread_t id;
	int fd;
	uint16_t port;
	pid_t tid;
	int error;
};

static void *run_connect(void *argument)
{
	struct connecter *c = argument;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	c->error = dial(c->fd, c->port) ? errno : 0;
	return NULL;
}

FAST("C2", "shutdown() ends a connect() that waits, close() does not")
{
	struct connecter c = {};
	int lfd = full_listener(&c.port), copy;

	c.fd = client_socket(0);
	c.id = thread(run_connect, &c);
	AWAIT(__atomic_load_n(&c.tid, __ATOMIC_ACQUIRE));
	await_sleep(c.tid);
	SAY(shutdown(c.fd, SHUT_RDWR));
	await_thread(c.id);
	note("connect: %s", strerrorname_np(c.error));
	say_error(c.fd);
	say_name("shut down", c.fd);
	c = (struct connecter){ .fd = client_socket(0), .port = c.port };
	c.id = thread(run_connect, &c);
	AWAIT(__atomic_load_n(&c.tid, __ATOMIC_ACQUIRE));
	await_sleep(c.tid);
	copy = dup(c.fd);
	SAY(close(c.fd));
	make_room(lfd);
	await_thread(c.id);
	note("connect: %s", strerrorname_np(c.error));
	say_alive(copy, accept(lfd, NULL, NULL));
}

static int refused(uint16_t none)
{
	int fd = client_socket(SOCK_NONBLOCK);

	SAY(dial(fd, none));
	AWAIT(fsk_events(fd) & POLLHUP);
	return fd;
}

ALONE("C3", "a connect() refused later is told once, by SO_ERROR")
{
	uint16_t port, none = nobody();
	int lfd = listener(1, &port), fd = refused(none), server;

	say_events("refused", fsk_events(fd));
	say_name("refused", fd);
	say_error(fd);
	say_error(fd);
	say_events("told", fsk_events(fd));
	SAY(dial(fd, port));
	say_events("aborted", fsk_events(fd));
	SAY(dial(fd, port));
	AWAIT(connected(fd));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	SAY(fsk_nonblock(fd, false));
	say_alive(fd, server);
}

ALONE("C3", "a connect() refused later is told once, by connect()")
{
	uint16_t port, none = nobody();
	int lfd = listener(1, &port), fd = refused(none), server;

	SAY(dial(fd, port));
	say_error(fd);
	say_events("told", fsk_events(fd));
	SAY(fsk_nonblock(fd, false));
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

ALONE("C3", "a connect() refused later is told once, by send or recv")
{
	uint16_t none = nobody();
	int fd = refused(none);
	char byte;

	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	say_error(fd);
	fd = refused(none);
	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, 0));
	say_error(fd);
	SAY(dial(fd, none));
}

FAST("C4", "SO_SNDTIMEO bounds connect(), which goes on behind it")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(0), server;
	uint64_t begun = fsk_now_ms();

	SAY(fsk_set_timeout(fd, SO_SNDTIMEO, 100));
	SAY(dial(fd, port));
	SAY(fsk_now_ms() - begun >= 50);
	begun = fsk_now_ms();
	SAY(dial(fd, port));
	SAY(fsk_now_ms() - begun >= 50);
	say_error(fd);
	SAY(fsk_nonblock(fd, true));
	SAY(dial(fd, port));
	SAY(fsk_nonblock(fd, false));
	make_room(lfd);
	SAY(fsk_set_timeout(fd, SO_SNDTIMEO, 0));
	SAY(dial(fd, port));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
}

static sig_atomic_t caught;

static void catch_signal(int sig)
{
	caught++;
}

struct signaller {
	pthread_t id;
	pthread_t target;
	pid_t tid;
	int make_room;	/* listener, or -1 */
};

static void *signal_sleeper(void *argument)
{
	struct signaller *s = argument;

	await_sleep(s->tid);
	pthread_kill(s->target, SIGUSR1);
	if (s->make_room < 0)
		return NULL;
	fsk_sleep_ms(50);
	make_room(s->make_room);
	return NULL;
}

/* Somebody who interrupts this thread as soon as it sleeps. */
static void start_signaller(struct signaller *s, int flags, int make_room)
{
	struct sigaction action = {
		.sa_handler = catch_signal, .sa_flags = flags,
	};

	sigaction(SIGUSR1, &action, NULL);
	*s = (struct signaller){
		.target = pthread_self(), .tid = gettid(),
		.make_room = make_room,
	};
	s->id = thread(signal_sleeper, s);
}

FAST("C5", "a signal ends connect(), which goes on behind it")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(0), server;
	struct signaller s;

	start_signaller(&s, 0, -1);
	SAY(dial(fd, port));
	await_thread(s.id);
	SAY(caught);
	say_error(fd);
	say_events("interrupted", fsk_events(fd));
	start_signaller(&s, 0, -1);
	SAY(dial(fd, port));
	await_thread(s.id);
	make_room(lfd);
	AWAIT(connected(fd));
	SAY(dial(fd, port));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
}

FAST("C5", "a signal that restarts calls is not seen by connect()")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(0), server;
	struct signaller s;

	start_signaller(&s, SA_RESTART, lfd);
	SAY(dial(fd, port));
	await_thread(s.id);
	SAY(caught);
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
}

FAST("C5", "a signal ends connect() that has a timeout, restarting or not")
{
	uint16_t port;
	int lfd = full_listener(&port), fd = client_socket(0), server;
	struct signaller s;

	SAY(fsk_set_timeout(fd, SO_SNDTIMEO, 15000));
	start_signaller(&s, SA_RESTART, -1);
	SAY(dial(fd, port));
	await_thread(s.id);
	SAY(caught);
	make_room(lfd);
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
}

static int dial_from_here(const char *ip)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), result, error;

	result = fsk_connect(fd, ip, 9);
	error = errno;
	say_error(fd);
	say_events("events", fsk_events(fd));
	close(fd);
	errno = error;
	return result;
}

static void must_run(const char *command)
{
	if (fsk_run(command))
		broken(command);
}

ALONE("C6", "routes that lead nowhere")
{
	own_namespace();
	SAY(dial_from_here("10.1.0.1"));
	must_run("ip route add unreachable 10.1.0.0/16");
	must_run("ip route add prohibit 10.2.0.0/16");
	must_run("ip route add blackhole 10.3.0.0/16");
	must_run("ip route add throw 10.4.0.0/16");
	SAY(dial_from_here("10.1.0.1"));
	SAY(dial_from_here("10.2.0.1"));
	SAY(dial_from_here("10.3.0.1"));
	SAY(dial_from_here("10.4.0.1"));
}

/* A wire whose other end nobody holds. */
static void dangling_wire(void)
{
	own_namespace();
	must_run("ip link add v0 type veth peer name v1");
	must_run("ip addr add 10.1.0.1/24 dev v0");
	must_run("ip link set v0 up && ip link set v1 up");
	write_sysctl("ipv4/neigh/v0/retrans_time_ms", "20");
}

ALONE("C6", "a neighbour that ARP does not find")
{
	int fd;

	dangling_wire();
	SAY(dial_from_here("10.1.0.2"));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	SAY(fsk_connect(fd, "10.1.0.3", 9));
	AWAIT(fsk_events(fd) & POLLHUP);
	say_events("events", fsk_events(fd));
	say_error(fd);
	say_error(fd);
}

ALONE("C6", "a neighbour that does not answer")
{
	int fd;

	dangling_wire();
	must_run("ip neigh add 10.1.0.2 lladdr 02:00:00:00:00:99 dev v0");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	SAY(fsk_set_int(fd, SOL_TCP, TCP_SYNCNT, 1));
	SAY(fsk_set_int(fd, SOL_TCP, TCP_USER_TIMEOUT, 300));
	SAY(fsk_connect(fd, "10.1.0.2", 9));
	say_error(fd);
	say_events("events", fsk_events(fd));
}

/* Answers that the peer's packet filter gives, on ports 1 and up. */
static const char * const rejects[] = {
	"icmp type host-unreachable",
	"icmp type net-unreachable",
	"icmp type port-unreachable",
	"icmp type prot-unreachable",
	"icmp type admin-prohibited",
	"tcp reset",
};

enum { REJECTS = sizeof(rejects) / sizeof(*rejects) };

static void reject_all(void)
{
	char command[1024];
	size_t len;
	int i;

	len = sprintf(command, "nft 'add table ip t; add chain ip t c %s",
		      "{ type filter hook input priority 0; }");
	for (i = 0; i < REJECTS; i++)
		len += sprintf(command + len,
			       "; add rule ip t c tcp dport %d reject with %s",
			       i + 1, rejects[i]);
	sprintf(command + len, "'");
	must_run(command);
}

ALONE("C6", "what ICMP says about a host")
{
	int fds[REJECTS], i;

	own_namespace();
	reject_all();
	/* At once, because some are believed only when said again. */
	for (i = 0; i < REJECTS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		SAY(fsk_connect(fds[i], "127.0.0.1", i + 1));
	}
	for (i = 0; i < REJECTS; i++) {
		note("%s", rejects[i]);
		AWAIT(fsk_events(fds[i]) & POLLHUP);
		say_events("events", fsk_events(fds[i]));
		say_error(fds[i]);
		say_error(fds[i]);
	}
}

static int connect_family(int fd, int family, const char *ip, socklen_t len)
{
	struct {
		struct sockaddr_in addr;
		char more[256];
	} name = { .addr = fsk_addr(ip, 9) };

	name.addr.sin_family = family;
	return connect(fd, (void *)&name, len);
}

FAST("C7", "connect() and addresses of the wrong family or length")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	const char *ip = here->server_ip;

	SAY(connect_family(fd, AF_INET6, ip, 16));
	/* To a socket of AF_INET6 it is no wrong one, and TCP's for good. */
	if (!mapped)
		SAY(connect_family(fd, AF_INET6, ip, 28));
	SAY(connect_family(fd, AF_UNIX, ip, 16));
	SAY(connect_family(fd, 255, ip, 16));
	SAY(connect_family(fd, AF_INET, ip, -1));
	SAY(connect_family(fd, AF_INET, ip, 0));
	SAY(connect_family(fd, AF_INET, ip, 1));
	SAY(connect_family(fd, AF_INET, ip, 2));
	SAY(connect_family(fd, AF_INET, ip, 15));
	SAY(connect_family(fd, AF_UNSPEC, ip, 1));
	SAY(connect_family(fd, AF_UNSPEC, ip, 2));
	SAY(connect_family(fd, AF_UNSPEC, ip, 16));
	SAY(connect_family(fd, AF_INET, ip, 129));
	SAY(connect(fd, NULL, 16));
	SAY(connect(fd, NULL, 0));
	SAY(connect(fd, (void *)-4096, 16));
	say_error(fd);
	say_events("events", fsk_events(fd));
	say_name("unconnected", fd);
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
	SAY(connect_family(fd, AF_INET6, ip, 28));
	SAY(connect_family(fd, AF_INET, ip, 1));
	SAY(connect_family(fd, AF_INET, ip, 15));
	SAY(connect(fd, NULL, 16));
	say_alive(fd, server);
}

FAST("C7", "a longer address is as good")
{
	struct {
		struct sockaddr_in addr;
		char more[112];
	} name = {};
	int lfd, fd = client_socket(0), server;
	uint16_t port;

	lfd = listener(1, &port);
	name.addr = fsk_addr(here->server_ip, port);
	SAY(connect(fd, (void *)&name, sizeof(name)));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
}

ALONE("C7", "nobody connects to many, nor to port 0")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fsk_connect(fd, "255.255.255.255", port));
	SAY(fsk_connect(fd, "224.0.0.1", port));
	SAY(fsk_connect(fd, "10.77.0.255", port));
	SAY(fsk_connect(fd, "127.255.255.255", port));
	SAY(fsk_connect(fd, "240.0.0.1", port));
	SAY(fsk_connect(fd, here->server_ip, 0));
	say_error(fd);
	say_name("unconnected", fd);
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

/* Within one namespace, between any two local addresses. */
static void say_local(const char *from, const char *at, const char *to)
{
	int lfd = client_socket(0), fd = client_socket(0), server;

	note("from %s to %s at %s", from, to, at);
	SAY(fsk_bind(lfd, at, 0));
	SAY(listen(lfd, 1));
	if (*from)
		SAY(fsk_bind(fd, from, 0));
	SAY(fsk_connect(fd, to, fsk_port(lfd)));
	must_be_fast_over_lo(fd);
	SAY((server = accept(lfd, NULL, NULL)) >= 0);
	say_name("client", fd);
	say_peer("client", fd);
	say_name("server", server);
	say_peer("server", server);
	say_alive(fd, server);
	close(fd);
	close(server);
	close(lfd);
}

ALONE("C8", "0.0.0.0 is this host, by the name of 127.0.0.1")
{
	say_local("", "0.0.0.0", "0.0.0.0");
	say_local("", "127.0.0.1", "0.0.0.0");
	say_local("127.0.0.1", "127.0.0.1", "0.0.0.0");
}

ALONE("C9", "any two addresses of 127/8 make a connection")
{
	say_local("127.0.0.1", "127.0.0.1", "127.0.0.1");
	say_local("", "127.0.0.2", "127.0.0.2");
	say_local("127.1.2.3", "0.0.0.0", "127.255.255.254");
	say_local("127.0.0.9", "127.0.0.7", "127.0.0.7");
	say_local("0.0.0.0", "127.9.9.9", "127.9.9.9");
}

/* The range that ports are chosen from. */
static void read_range(int *low, int *high)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");

	if (!file || fscanf(file, "%d %d", low, high) != 2)
		broken("ip_local_port_range");
	fclose(file);
}

FAST("C10", "the port that connect() finds is in the range")
{
	uint16_t port;
	int lfd = listener(8, &port), fd, server, low, high, i;

	fsk_enter(here->client_ns);
	read_range(&low, &high);
	for (i = 0; i < 4; i++) {
		fd = client_socket(0);
		pair_on(fd, lfd, port, &server);
		SAY(fsk_port(fd) >= low && fsk_port(fd) <= high);
	}
}

FAST("C10", "IP_BIND_ADDRESS_NO_PORT leaves the port to connect()")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;

	SAY(fsk_set_int(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	SAY(fsk_bind(fd, here->client_ip, 0));
	say_name("bound", fd);
	SAY(fsk_bind(fd, here->client_ip, 0));
	pair_on(fd, lfd, port, &server);
	say_name("client", fd);
	say_alive(fd, server);
}

FAST("C10", "IP_LOCAL_PORT_RANGE narrows the range")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;
	uint32_t range = 45001 << 16 | 45001;

	SAY(setsockopt(fd, SOL_IP, IP_LOCAL_PORT_RANGE, &range,
		       sizeof(range)));
	pair_on(fd, lfd, port, &server);
	SAY(fsk_port(fd) == 45001);
	say_alive(fd, server);
	fd = client_socket(0);
	SAY(setsockopt(fd, SOL_IP, IP_LOCAL_PORT_RANGE, &range,
		       sizeof(range)));
	SAY(dial(fd, port));
	say_name("the second", fd);
}

ALONE("C10", "there are as many connections to a place as ports")
{
	int lfd, fds[4], i;

	own_namespace();
	write_sysctl("ipv4/ip_local_port_range", "45000 45001");
	lfd = socket(AF_INET, SOCK_STREAM, 0);
	SAY(fsk_bind(lfd, "127.0.0.1", 999));
	SAY(listen(lfd, 8));
	for (i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		SAY(fsk_connect(fds[i], "127.0.0.1", 999));
		say_error(fds[i]);
		say_name("client", fds[i]);
	}
	if (!strcmp(here->client_ns, "lo0") && !fsk_is_fast(fds[0]))
		broken("not over fastsock");
	SAY(fsk_bind(fds[2], "127.0.0.1", 0));
	/* Another place is another matter. */
	SAY(fsk_connect(fds[3], "127.0.0.2", 999));
}

ALONE("C11", "a socket may connect to itself")
{
	int fd = client_socket(0);
	char buf[8];

	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_connect(fd, here->client_ip, fsk_port(fd)));
	say_name("both", fd);
	say_peer("both", fd);
	say_events("events", fsk_events(fd));
	SAY(send(fd, "myself", 6, 0));
	say_bytes("recv", buf, recv(fd, buf, 6, MSG_WAITALL));
	SAY(shutdown(fd, SHUT_WR));
	SAY(recv(fd, buf, 6, 0));
	say_events("events", fsk_events(fd));
}

ALONE("C11", "two sockets may connect to each other")
{
	int one, two;

	own_namespace();
	one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	two = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	SAY(fsk_bind(one, "127.0.0.1", 0));
	SAY(fsk_bind(two, "127.0.0.1", 0));
	/* Nothing arrives until both have sent their first. */
	must_run("tc qdisc add dev lo root netem loss 100%");
	SAY(fsk_connect(one, "127.0.0.1", fsk_port(two)));
	SAY(fsk_connect(two, "127.0.0.1", fsk_port(one)));
	say_events("one", fsk_events(one));
	say_events("two", fsk_events(two));
	fsk_sleep_ms(50);
	must_run("tc qdisc del dev lo root");
	AWAIT(connected(one));
	AWAIT(connected(two));
	SAY(fsk_connect(one, "127.0.0.1", fsk_port(two)));
	SAY(fsk_connect(two, "127.0.0.1", fsk_port(one)));
	fsk_nonblock(one, false);
	fsk_nonblock(two, false);
	say_alive(one, two);
	say_peer("one", one);
	say_peer("two", two);
}

static int disconnect(int fd)
{
	struct sockaddr addr = { .sa_family = AF_UNSPEC };

	return connect(fd, &addr, sizeof(addr));
}

static void say_reset(const char *which, int fd)
{
	char byte;

	AWAIT(fsk_events(fd) & POLLHUP);
	say_events(which, fsk_events(fd));
	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, 0));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
}

static void say_disconnected(const char *which, int fd)
{
	char byte;

	say_name(which, fd);
	say_peer(which, fd);
	say_events(which, fsk_events(fd));
	say_error(fd);
	say_events(which, fsk_events(fd));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(recv(fd, &byte, 1, 0));
	SAY(fsk_unread(fd));
}

FAST("C12", "a client that disconnects may connect again")
{
	uint16_t port, mine;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	pair_on(fd, lfd, port, &server);
	mine = fsk_port(fd);
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	/* It chose its port itself, and so forgets it or not. */
	SAY(fsk_port(fd) == mine);
	SAY(disconnect(fd));
	say_reset("peer", server);
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_alive(fd, server);
	say_name("client", fd);
}

FAST("C12", "a bound client that disconnects keeps its port")
{
	uint16_t port, mine;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	SAY(fsk_bind(fd, here->client_ip, 0));
	mine = fsk_port(fd);
	pair_on(fd, lfd, port, &server);
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	SAY(fsk_port(fd) == mine);
	say_reset("peer", server);
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	SAY(fsk_port(fd) == mine);
	say_alive(fd, server);
}

FAST("C12", "a server's end that disconnects may connect or listen")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server, other;

	pair_on(fd, lfd, port, &server);
	SAY(send(fd, "unread", 6, 0));
	AWAIT(fsk_unread(server) == 6);
	SAY(disconnect(server));
	say_disconnected("disconnected", server);
	say_reset("peer", fd);
	SAY(listen(server, 1));
	close(lfd);
	lfd = listener(4, &port);
	other = server_socket(0);
	SAY(fsk_connect(other, here->server_ip, port));
	SAY(disconnect(other));
	SAY(listen(other, 1));
	fd = client_socket(0);
	SAY(dial(fd, fsk_port(other)));
	SAY((server = accept(other, NULL, NULL)) >= 0);
	say_alive(fd, server);
}

FAST("C12", "disconnecting keeps data neither way")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;
	char buf[8];

	pair_on(fd, lfd, port, &server);
	SAY(send(server, "old", 3, 0));
	AWAIT(fsk_unread(fd) == 3);
	SAY(disconnect(fd));
	SAY(fsk_unread(fd));
	SAY(dial(fd, port));
	server = accept(lfd, NULL, NULL);
	say_error(fd);
	SAY(send(server, "new", 3, 0));
	say_bytes("recv", buf, recv(fd, buf, 3, MSG_WAITALL));
	say_alive(fd, server);
}

FAST("C12", "a new connection forgets the error that nobody asked for")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	pair_on(fd, lfd, port, &server);
	SAY(disconnect(fd));
	say_events("disconnected", fsk_events(fd));
	pair_on(fd, lfd, port, &server);
	say_events("connected", fsk_events(fd));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	say_error(fd);
}

FAST("C12", "disconnecting after the end, in all its states")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;
	char byte;

	note("own end");
	pair_on(fd, lfd, port, &server);
	SAY(shutdown(fd, SHUT_WR));
	SAY(recv(server, &byte, 1, 0));
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	note("peer's end");
	pair_on(fd, lfd, port, &server);
	SAY(shutdown(server, SHUT_WR));
	AWAIT(fsk_events(fd) & POLLRDHUP);
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	note("both");
	pair_on(fd, lfd, port, &server);
	SAY(shutdown(server, SHUT_WR));
	AWAIT(fsk_events(fd) & POLLRDHUP);
	SAY(shutdown(fd, SHUT_WR));
	AWAIT(fsk_events(server) & POLLHUP);
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	note("reset");
	pair_on(fd, lfd, port, &server);
	SAY(fsk_set_linger(server, 0));
	SAY(close(server));
	AWAIT(fsk_events(fd) & POLLHUP);
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

/* It waits for an end that never comes. */
static void abandon(int fd)
{
	fsk_set_linger(fd, 0);
	close(fd);
}

/* All was sent: the ack that is missing is no loss. */
WIRE("C12", "disconnecting while the last FIN is under way")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	note("after the peer's");
	pair_on(fd, lfd, port, &server);
	SAY(shutdown(server, SHUT_WR));
	AWAIT(fsk_events(fd) & POLLRDHUP);
	cut(true);
	SAY(shutdown(fd, SHUT_WR));
	SAY(disconnect(fd));
	cut(false);
	say_disconnected("disconnected", fd);
	abandon(server);
	note("before the peer's");
	pair_on(fd, lfd, port, &server);
	cut(true);
	SAY(shutdown(fd, SHUT_WR));
	SAY(shutdown(server, SHUT_WR));
	fsk_sleep_ms(100);	/* arrives between hosts, not within one */
	SAY(disconnect(fd));
	cut(false);
	say_disconnected("disconnected", fd);
	abandon(server);
	note("with bytes");
	pair_on(fd, lfd, port, &server);
	SAY(shutdown(server, SHUT_WR));
	AWAIT(fsk_events(fd) & POLLRDHUP);
	cut(true);
	SAY(send(fd, "lost", 4, 0));
	SAY(shutdown(fd, SHUT_WR));
	SAY(disconnect(fd));
	cut(false);
	say_disconnected("disconnected", fd);
	abandon(server);
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

FAST("C12", "disconnecting while it connects")
{
	uint16_t port, port2;
	int lfd = full_listener(&port), lfd2 = listener(1, &port2);
	int fd = client_socket(SOCK_NONBLOCK), server;

	SAY(dial(fd, port));
	SAY(disconnect(fd));
	say_disconnected("disconnected", fd);
	SAY(fsk_nonblock(fd, false));
	pair_on(fd, lfd2, port2, &server);
	say_alive(fd, server);
	make_room(lfd);
}

FAST("C12", "a listener that disconnects listens no more")
{
	uint16_t port;
	int lfd = listener(4, &port), fd = client_socket(0), server;

	SAY(dial(fd, port));
	AWAIT(readable(lfd));
	fsk_sleep_ms(50);
	SAY(disconnect(lfd));
	say_reset("queued", fd);
	say_name("listener", lfd);
	say_events("listener", fsk_events(lfd));
	SAY(fsk_int_option(lfd, SOL_SOCKET, SO_ACCEPTCONN));
	SAY(accept(lfd, NULL, NULL));
	SAY(dial(client_socket(0), port));
	SAY(listen(lfd, 1));
	/* It was chosen, and is chosen anew. */
	port = fsk_port(lfd);
	fd = client_socket(0);
	pair_on(fd, lfd, port, &server);
	say_alive(fd, server);
}

FAST("C12", "disconnecting wakes who waits for data, or is refused")
{
	char byte;
	struct fsk_call r = { .buf = &byte, .len = 1 };
	int server, result;

	pair(&r.fd, &server);
	begin_read(&r);
	result = disconnect(r.fd);
	/* Kernels differ in whether they allow it. */
	say("disconnect", result);
	if (result)
		SAY(shutdown(r.fd, SHUT_RD));
	end_call("recv", &r);
}

LEFT_TO_TCP("C13", "sendto() with MSG_FASTOPEN connects and sends once")
{
	struct sockaddr_in addr;
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	char buf[16];

	addr = fsk_addr(here->server_ip, port);
	SAY(sendto(fd, "first", 5, MSG_FASTOPEN, (void *)&addr,
		   sizeof(addr)));
	SAY(send(fd, "second", 6, 0));
	server = accept(lfd, NULL, NULL);
	say_bytes("recv", buf, recv(server, buf, 11, MSG_WAITALL));
	say_alive(fd, server);
	AWAIT(!fsk_unread(server));
}

LEFT_TO_TCP("C13", "TCP_FASTOPEN_CONNECT lets connect() wait for data")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0), server;
	char buf[16];

	SAY(fsk_set_int(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1));
	SAY(dial(fd, port));
	SAY(send(fd, "first", 5, 0));
	server = accept(lfd, NULL, NULL);
	say_bytes("recv", buf, recv(server, buf, 5, MSG_WAITALL));
	say_alive(fd, server);
}

LEFT_TO_TCP("C13", "MSG_FASTOPEN and refusal")
{
	uint16_t port, none = nobody();
	int lfd = listener(1, &port), fd = client_socket(0);
	struct sockaddr_in addr = fsk_addr(here->server_ip, none);

	SAY(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&addr, sizeof(addr)));
	SAY(sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&addr, 4));
	SAY(send(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL));
	addr.sin_family = AF_UNSPEC;
	SAY(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (void *)&addr,
		   sizeof(addr)));
	say_error(fd);
	SAY(dial(fd, port));
	close(lfd);
}

FAST("C13", "MSG_FASTOPEN when it is connected")
{
	struct sockaddr_in addr = fsk_addr(here->server_ip, 9);
	int client, server;

	pair(&client, &server);
	SAY(sendto(client, "x", 1, MSG_FASTOPEN, (void *)&addr,
		   sizeof(addr)));
	SAY(send(client, "x", 1, MSG_FASTOPEN));
	SAY(fsk_set_int(client, SOL_TCP, TCP_FASTOPEN_CONNECT, 1));
	addr.sin_family = AF_UNSPEC;
	SAY(sendto(client, "x", 1, MSG_FASTOPEN, (void *)&addr,
		   sizeof(addr)));
	say_alive(client, server);
}

static void say_name6(const char *what, const struct sockaddr_in6 *addr)
{
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(AF_INET6, &addr->sin6_addr, text, sizeof(text));
	note("%s: family %d, %s", what, addr->sin6_family, text);
}

static int socket6(const char *ns)
{
	int fd;

	fsk_enter(ns);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0)
		skip("no IPv6");
	fsk_set_int(fd, SOL_IPV6, IPV6_V6ONLY, 0);
	return fd;
}

FAST("C14", "a listener of IPv6 serves IPv4")
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(addr);
	int lfd = socket6(here->server_ns), fd = client_socket(0), server;

	SAY(bind(lfd, (void *)&addr, sizeof(addr)));
	SAY(listen(lfd, 1));
	SAY(dial(fd, fsk_port(lfd)));
	SAY((server = accept(lfd, (void *)&addr, &len)) >= 0);
	say_name6("accept", &addr);
	SAY(len);
	len = sizeof(addr);
	SAY(getsockname(server, (void *)&addr, &len));
	say_name6("server", &addr);
	say_peer("client", fd);
	say_alive(fd, server);
}

FAST("C14", "a mapped address of IPv6 reaches a listener of IPv4")
{
	struct sockaddr_in6 addr = { .sin6_family = AF_INET6 };
	socklen_t len = sizeof(addr);
	char text[INET6_ADDRSTRLEN];
	uint16_t port;
	int lfd = listener(1, &port), fd = socket6(here->client_ns), server;

	snprintf(text, sizeof(text), "::ffff:%s", here->server_ip);
	inet_pton(AF_INET6, text, &addr.sin6_addr);
	addr.sin6_port = htons(port);
	SAY(connect(fd, (void *)&addr, sizeof(addr)));
	server = accept(lfd, NULL, NULL);
	say_peer("server", server);
	SAY(getsockname(fd, (void *)&addr, &len));
	say_name6("client", &addr);
	say_alive(fd, server);
}

/* The other end of v0 in a namespace of a process that never had fastsock. */
static pid_t plain_neighbour(int *said)
{
	int wires[2];
	pid_t pid;

	if (pipe2(wires, O_CLOEXEC))
		broken("pipe");
	pid = fsk_fork();
	if (pid)
		goto out;
	if (unshare(CLONE_NEWNET))
		_exit(1);
	if (write(wires[1], "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
out:
	*said = wires[0];
	return pid;
}

/* Runs a command in that process's namespace. */
static void must_run_at(pid_t pid, const char *command)
{
	char text[160];

	snprintf(text, sizeof(text), "nsenter -t %d -n %s", pid, command);
	must_run(text);
}

static int listen_at(pid_t pid)
{
	char path[64];
	int here_fd, there_fd, fd;

	here_fd = open("/proc/thread-self/ns/net", O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	there_fd = open(path, O_RDONLY);
	if (setns(there_fd, CLONE_NEWNET))
		broken("setns");
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fsk_bind(fd, "10.1.0.2", 999) || listen(fd, 8))
		broken("listen");
	if (setns(here_fd, CLONE_NEWNET))
		broken("setns");
	return fd;
}

ALONE("C15", "hosts without fastsock are connected to without delay")
{
	char command[80], byte;
	int said, lfd, fd, i;
	uint64_t begun;
	pid_t pid;

	own_namespace();
	pid = plain_neighbour(&said);
	if (read(said, &byte, 1) != 1)
		broken("unshare");
	must_run("ip link add v0 type veth peer name v1");
	snprintf(command, sizeof(command), "ip link set v1 netns %d", pid);
	must_run(command);
	must_run("ip addr add 10.1.0.1/24 dev v0");
	must_run("ip link set v0 up");
	must_run_at(pid, "ip addr add 10.1.0.2/24 dev v1");
	must_run_at(pid, "ip link set v1 up");
	lfd = listen_at(pid);
	/* ARP has its own delays. */
	must_run("ping -q -c 1 -W 5 10.1.0.2 > /dev/null");
	for (i = 0; i < 4; i++) {
		begun = fsk_now_ms();
		fd = socket(AF_INET, SOCK_STREAM, 0);
		SAY(fsk_connect(fd, "10.1.0.2", 999));
		/* A lost SYN would have cost a second. */
		SAY(fsk_now_ms() - begun < 900);
		say_alive(fd, accept(lfd, NULL, NULL));
	}
	kill(pid, SIGKILL);
}

/* One for each run, for several run at once. */
static char cgroup[64];

static void join_cgroup(const char *path)
{
	char text[128];
	int fd;

	snprintf(text, sizeof(text), "%s/cgroup.procs", path);
	fd = open(text, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		broken(text);
	close(fd);
}

/* This process meets a program at connect(), until it leaves. */
static void enter_cgroup(const char *kind, uint16_t port, uint16_t instead)
{
	char command[128];

	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup/run-%d", getpid());
	if (mkdir(cgroup, 0755))
		skip("no cgroup v2");
	snprintf(command, sizeof(command), "./helper_bpf %s %s %d %d", cgroup,
		 kind, port, instead);
	must_run(command);
	join_cgroup(cgroup);
}

static void leave_cgroup(void)
{
	join_cgroup("/sys/fs/cgroup");
	SAY(rmdir(cgroup));
}

FAST("C16", "a cgroup program refuses connect()")
{
	uint16_t port, port2;
	int lfd = listener(1, &port), lfd2 = listener(1, &port2);
	int fd, later, server;

	enter_cgroup("connect_deny", port, 0);
	/* A socket has the cgroup in which it was made. */
	fd = client_socket(0);
	later = client_socket(SOCK_NONBLOCK);
	SAY(dial(fd, port));
	say_error(fd);
	say_name("refused", fd);
	say_events("refused", fsk_events(fd));
	SAY(dial(later, port));
	SAY(dial(later, port2));
	AWAIT(connected(later));
	pair_on(fd, lfd2, port2, &server);
	leave_cgroup();
	close(lfd);
}

FAST("C16", "a cgroup program sends connect() elsewhere")
{
	uint16_t port, port2;
	int lfd = listener(1, &port), lfd2 = listener(1, &port2);
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);
	int fd, server;

	enter_cgroup("connect_rewrite", port, port2);
	fd = client_socket(0);
	SAY(dial(fd, port));
	SAY((server = accept(lfd2, NULL, NULL)) >= 0);
	SAY(getpeername(fd, (void *)&addr, &len));
	SAY(ntohs(addr.sin_port) == port2);
	say_alive(fd, server);
	say_events("passed over", fsk_events(lfd));
	leave_cgroup();
}
