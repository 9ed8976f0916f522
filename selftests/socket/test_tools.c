// SPDX-License-Identifier: GPL-2.0
// What nstat, ss -o, /proc/net/tcp and tracepoints tell of connections.
// fastsock: timeout=240

#include "fsk_test.h"

#define TRACING	"/sys/kernel/tracing/"

FSK_PAIR_FIXTURE(tools);

/* A number of the line "Tcp:" of /proc/net/snmp, -1 if there is none. */
static long tcp_count(const char *ns, const char *name)
{
	char names[1024], values[1024], *n, *v, *save_n, *save_v;
	long found = -1;
	FILE *file;

	if (fsk_enter(ns))
		return -1;
	file = fopen("/proc/thread-self/net/snmp", "re");
	while (file && fgets(names, sizeof(names), file) &&
	       fgets(values, sizeof(values), file)) {
		if (strncmp(names, "Tcp:", 4))
			continue;
		n = strtok_r(names, " \n", &save_n);
		v = strtok_r(values, " \n", &save_v);
		for (; n && v; n = strtok_r(NULL, " \n", &save_n),
			       v = strtok_r(NULL, " \n", &save_v))
			if (!strcmp(n, name))
				found = atol(v);
	}
	if (file)
		fclose(file);
	return found;
}

/*
 * Which timer /proc/net/tcp shows of the connection from one port to another,
 * and when it ends in hundredths of a second; -1 if it shows no connection.
 */
static int timer_of(const char *ns, uint16_t from, uint16_t to,
		    unsigned long *when)
{
	unsigned int local, remote, timer;
	unsigned long at;
	char line[256];
	int found = -1;
	FILE *file;

	if (fsk_enter(ns))
		return -1;
	file = fopen("/proc/thread-self/net/tcp", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*d: %*x:%x %*x:%x %*x %*x:%*x %x:%lx",
			   &local, &remote, &timer, &at) == 4 &&
		    local == from && remote == to) {
			found = timer;
			*when = at;
		}
	if (file)
		fclose(file);
	return found;
}

TEST_F(tools, keepalive_is_shown)
{
	uint16_t port = fsk_port(self->client);
	const char *ns = variant->link->client_ns;
	unsigned long when;

	EXPECT_EQ(0, timer_of(ns, port, self->port, &when));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1));
	EXPECT_EQ(2, timer_of(ns, port, self->port, &when));
	EXPECT_LT(7100 * 100UL, when);
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 77));
	EXPECT_EQ(2, timer_of(ns, port, self->port, &when));
	/* The wheel rounds up, as it does for TCP. */
	EXPECT_LT(60 * 100UL, when);
	EXPECT_GT(90 * 100UL, when);
	FSK_EXPECT_ALIVE(self->client, self->server);
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 0));
	EXPECT_TRUE(FSK_UNTIL(timer_of(ns, port, self->port, &when) == 0));
}

/* Each look at a peer that is there is followed by another. */
TEST_F(tools, keepalive_goes_on)
{
	uint16_t port = fsk_port(self->client);
	const char *ns = variant->link->client_ns;
	unsigned long when;
	int round;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPINTVL, 1));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1));
	for (round = 0; round < 4; round++) {
		fsk_sleep_ms(800);
		EXPECT_TRUE(FSK_UNTIL(timer_of(ns, port, self->port,
					       &when) == 2));
		EXPECT_GT(3 * 100UL, when);
	}
	FSK_EXPECT_ALIVE(self->client, self->server);
}

TEST_F(tools, keepalive_from_the_beginning)
{
	unsigned long when;
	uint16_t port;
	int fd;

	ASSERT_EQ(0, fsk_set_int(self->listener, SOL_SOCKET, SO_KEEPALIVE, 1));
	ASSERT_EQ(0, fsk_close(&self->client));
	ASSERT_EQ(0, fsk_close(&self->server));
	fd = fsk_socket(variant->link->client_ns, SOCK_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fsk_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	ASSERT_EQ(0, fsk_connect(fd, variant->link->server_ip, self->port));
	ASSERT_TRUE(fsk_is_fast(fd));
	self->client = fd;
	self->server = fsk_accept(_metadata, self->listener);
	port = fsk_port(fd);
	EXPECT_EQ(2, timer_of(variant->link->client_ns, port, self->port,
			      &when));
	EXPECT_EQ(2, timer_of(variant->link->server_ns, self->port, port,
			      &when));
	FSK_EXPECT_ALIVE(self->client, self->server);
	/* The timer holds the socket: it must not outlive the connection. */
	ASSERT_EQ(0, fsk_set_linger(fd, 0));
	ASSERT_EQ(0, fsk_close(&self->client));
	EXPECT_TRUE(FSK_UNTIL(timer_of(variant->link->server_ns, self->port,
				       port, &when) == -1));
}

/* Over the wire: an answer has to end the count of probes. */
TEST_F(tools, unanswered_probes_are_shown)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (variant->link == &fsk_lo)
		SKIP(return, "nobody is lost in memory");
	ASSERT_EQ(0, fsk_run("tc -n b qdisc add dev eth0 root netem loss 100%"));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPINTVL, 1));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1));
	EXPECT_TRUE(FSK_UNTIL(!getsockopt(self->client, SOL_TCP, TCP_INFO,
					  &info, &len) && info.tcpi_probes));
	ASSERT_EQ(0, fsk_run("tc -n b qdisc del dev eth0 root"));
	EXPECT_TRUE(FSK_UNTIL(!getsockopt(self->client, SOL_TCP, TCP_INFO,
					  &info, &len) && !info.tcpi_probes));
	FSK_EXPECT_ALIVE(self->client, self->server);
}

/* A socket of TCP, which was fastsock's: 0, or -1. */
static int connect_by_tcp(int fd, const struct fsk_link *link, uint16_t port)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	if (connect(fd, &none, sizeof(none)) ||
	    fsk_set_int(fd, SOL_TCP, TCP_TX_DELAY, 1) ||
	    fsk_connect(fd, link->server_ip, port) || fsk_is_fast(fd))
		return -1;
	return 0;
}

TEST_F(tools, keepalive_is_left_to_tcp)
{
	const char *ns = variant->link->client_ns;
	unsigned long when;
	int round;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1));
	ASSERT_EQ(0, connect_by_tcp(self->client, variant->link, self->port));
	ASSERT_EQ(0, fsk_close(&self->server));
	self->server = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC);
	ASSERT_LE(0, self->server);
	for (round = 0; round < 3; round++) {
		EXPECT_EQ(2, timer_of(ns, fsk_port(self->client), self->port,
				      &when));
		fsk_sleep_ms(1000);
	}
	FSK_EXPECT_ALIVE(self->client, self->server);
}

/* Keepalive of a namespace: as often as the clock ticks, or as usual. */
static int set_pace(const char *ns, bool restless)
{
	return fsk_set_sysctl(ns, "tcp_keepalive_time",
			      restless ? "0" : "7200") |
	       fsk_set_sysctl(ns, "tcp_keepalive_intvl",
			      restless ? "0" : "75");
}

/* The timer fires while connections end in every way there is. */
TEST_F(tools, keepalive_meets_the_end)
{
	int rounds = fsk_debug_kernel() ? 60 : 400;
	long orphans = fsk_orphans();
	int client, server, i;

	ASSERT_EQ(0, set_pace(variant->link->client_ns, true));
	ASSERT_EQ(0, set_pace(variant->link->server_ns, true));
	ASSERT_EQ(0, fsk_set_int(self->listener, SOL_SOCKET, SO_KEEPALIVE, 1));
	for (i = 0; i < rounds; i++) {
		client = fsk_dial(_metadata, variant->link, self->port);
		fsk_set_int(client, SOL_SOCKET, SO_KEEPALIVE, 1);
		server = fsk_accept(_metadata, self->listener);
		fsk_sleep_ms(i % 7);
		if (i % 5 == 1)
			fsk_set_int(client, SOL_SOCKET, SO_KEEPALIVE, 0);
		if (i % 5 == 2)
			fsk_set_linger(client, 0);
		if (i % 5 == 3) {
			EXPECT_EQ(0, connect_by_tcp(client, variant->link,
						    self->port));
			close(accept(self->listener, NULL, NULL));
		}
		if (i % 5 == 4)
			FSK_EXPECT_ALIVE(client, server);
		close(client);
		close(server);
	}
	EXPECT_EQ(0, set_pace(variant->link->client_ns, false));
	EXPECT_EQ(0, set_pace(variant->link->server_ns, false));
	/* Those of TCP that the server closed first rest a while. */
	EXPECT_TRUE(FSK_UNTIL(fsk_orphans() <= orphans));
}

TEST_F(tools, an_answer_that_is_awaited_is_shown)
{
	uint16_t port = fsk_port(self->client);
	unsigned long when;

	if (variant->link == &fsk_lo)
		SKIP(return, "nothing is awaited in memory");
	ASSERT_EQ(0, fsk_run("tc -n a qdisc add dev eth0 root netem loss 100%"));
	EXPECT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_TRUE(FSK_UNTIL(timer_of("a", port, self->port, &when) == 1));
	ASSERT_EQ(0, fsk_run("tc -n a qdisc del dev eth0 root"));
	EXPECT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 1));
	EXPECT_TRUE(FSK_UNTIL(timer_of("a", port, self->port, &when) == 0));
}

TEST_F(tools, opens_and_resets_are_counted)
{
	const char *a = variant->link->client_ns, *b = variant->link->server_ns;
	long active = tcp_count(a, "ActiveOpens");
	long passive = tcp_count(b, "PassiveOpens");
	long estab = tcp_count(b, "CurrEstab");
	long sent, ended_a, ended_b;
	int client, server, i;

	for (i = 0; i < 3; i++) {
		client = fsk_dial(_metadata, variant->link, self->port);
		server = fsk_accept(_metadata, self->listener);
		EXPECT_EQ(active + i + 1, tcp_count(a, "ActiveOpens"));
		EXPECT_EQ(passive + i + 1, tcp_count(b, "PassiveOpens"));
		EXPECT_LT(estab, tcp_count(b, "CurrEstab"));
		sent = tcp_count(a, "OutRsts");
		ended_a = tcp_count(a, "EstabResets");
		ended_b = tcp_count(b, "EstabResets");
		EXPECT_EQ(0, fsk_set_linger(client, 0));
		close(client);
		EXPECT_TRUE(FSK_UNTIL(fsk_events(server) & POLLERR));
		EXPECT_EQ(sent + 1, tcp_count(a, "OutRsts"));
		/* Within a namespace both ends are counted. */
		EXPECT_EQ(ended_a + (a == b) + 1, tcp_count(a, "EstabResets"));
		EXPECT_EQ(ended_b + (a == b) + 1, tcp_count(b, "EstabResets"));
		close(server);
	}
	EXPECT_TRUE(FSK_UNTIL(tcp_count(b, "CurrEstab") == estab));
}

TEST_F(tools, bytes_are_there_at_the_end)
{
	/* The kernel's tcpi_bytes_received; the C library knows less. */
	struct { char before[128]; uint64_t received; } info = {};
	socklen_t len = sizeof(info);
	char buf[1000] = "";

	ASSERT_EQ(1000, send(self->client, buf, 1000, MSG_NOSIGNAL));
	ASSERT_EQ(1000, fsk_recv_all(self->server, buf, 1000));
	ASSERT_EQ(0, fsk_set_linger(self->client, 0));
	ASSERT_EQ(0, fsk_close(&self->client));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLERR));
	ASSERT_EQ(0, getsockopt(self->server, SOL_TCP, TCP_INFO, &info, &len));
	EXPECT_EQ(1000, info.received);
}

static int trace(const char *event, const char *value)
{
	char command[200];

	snprintf(command, sizeof(command), "echo %s > " TRACING
		 "events/sock/%s/enable && echo > " TRACING "trace", value,
		 event);
	return fsk_run(command);
}

/* Lines of the trace with both words. */
static int traced(const char *word, const char *other)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[512];
	int n = 0;

	while (file && fgets(line, sizeof(line), file))
		n += strstr(line, word) && strstr(line, other);
	if (file)
		fclose(file);
	return n;
}

TEST_F(tools, states_are_traced)
{
	char sport[32], dport[32];
	int client, server;
	uint16_t port;

	ASSERT_EQ(0, trace("inet_sock_set_state", "1"));
	client = fsk_dial(_metadata, variant->link, self->port);
	server = fsk_accept(_metadata, self->listener);
	port = fsk_port(client);
	snprintf(sport, sizeof(sport), "sport=%u ", port);
	snprintf(dport, sizeof(dport), "dport=%u ", port);
	EXPECT_EQ(1, traced(sport, "newstate=TCP_ESTABLISHED"));
	EXPECT_EQ(1, traced(dport, "newstate=TCP_ESTABLISHED"));
	close(client);
	EXPECT_TRUE(FSK_UNTIL(traced(dport, "newstate=TCP_CLOSE_WAIT") == 1));
	close(server);
	EXPECT_TRUE(FSK_UNTIL(traced(sport, "newstate=TCP_CLOSE\n") == 1));
	EXPECT_TRUE(FSK_UNTIL(traced(dport, "newstate=TCP_CLOSE\n") == 1));
	EXPECT_EQ(0, trace("inet_sock_set_state", "0"));
}

TEST_F(tools, bytes_that_come_are_traced)
{
	if (access(TRACING "events/sock/sk_data_ready", F_OK))
		SKIP(return, "this kernel has no sk_data_ready");
	ASSERT_EQ(0, trace("sk_data_ready", "1"));
	EXPECT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_TRUE(FSK_UNTIL(traced("sk_data_ready:", "protocol=6") >= 1));
	EXPECT_EQ(0, trace("sk_data_ready", "0"));
}

FSK_TEST_MAIN
