// SPDX-License-Identifier: GPL-2.0
// Connections in memory between namespaces, while a device of theirs is down.
// fastsock: timeout=300

#include <asm/sockios.h>

#include "fsk_test.h"
#include "fsk_trap.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)
#define ROUNDS		6	/* of the stress test */

FIXTURE(cut)
{
	int listener;
	int client;
	int server;
	uint16_t port;
};

FIXTURE_SETUP(cut)
{
	self->listener = fsk_listen(_metadata, &fsk_veth, 8);
	self->port = fsk_port(self->listener);
	self->client = fsk_dial(_metadata, &fsk_veth, self->port);
	self->server = fsk_accept(_metadata, self->listener);
}

FIXTURE_TEARDOWN(cut)
{
	fsk_run("ip -n a link set eth0 up; ip -n b link set eth0 up");
	close(self->client);
	close(self->server);
	close(self->listener);
	/* Both ends have seen their line mended, and each other again. */
	fsk_run("bash ./lan.sh lan_ready a b");
}

static int cut_at(const char *ns)
{
	char command[64];

	snprintf(command, sizeof(command), "ip -n %s link set eth0 down", ns);
	if (fsk_run(command))
		return -1;
	fsk_sleep_ms(200);
	return 0;
}

static int mend_at(const char *ns)
{
	char command[64];

	snprintf(command, sizeof(command), "ip -n %s link set eth0 up", ns);
	return fsk_run(command);
}

static void reset_at_once(int *fd)
{
	fsk_set_linger(*fd, 0);
	fsk_close(fd);
}

/* The next call fails with this; nothing comes before it. */
#define EXPECT_ERROR(error, fd) do {					\
	char _byte;							\
	EXPECT_EQ(-1, recv(fd, &_byte, 1, 0));				\
	EXPECT_EQ(error, errno);					\
} while (0)

struct call {
	int fd;
	ssize_t result;
	int error;
};

static void *receive(void *argument)
{
	struct call *c = argument;
	char byte;

	c->result = recv(c->fd, &byte, 1, 0);
	c->error = errno;
	return NULL;
}

static void *transmit(void *argument)
{
	static char buf[4096];
	struct call *c = argument;

	c->result = send(c->fd, buf, sizeof(buf), MSG_NOSIGNAL);
	c->error = errno;
	return NULL;
}

TEST_F(cut, it_is_memory)
{
	long frames = fsk_stat("a", "FskOutFrames");
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, fsk_send_pattern(self->client, 1, i * KIB, KIB));
		ASSERT_EQ(KIB, fsk_recv_pattern(self->server, 1, i * KIB, KIB));
	}
	/* A HELLO or so. */
	EXPECT_GE(frames + 3, fsk_stat("a", "FskOutFrames"));
}

/* Bytes, an urgent one and the end of the stream, while nothing passes. */
TEST_F(cut, what_is_sent_waits)
{
	char buf[8];

	ASSERT_EQ(0, cut_at("b"));
	EXPECT_EQ(3, send(self->client, "abc", 3, 0));
	EXPECT_EQ(1, send(self->client, "!", 1, MSG_OOB));
	EXPECT_EQ(2, send(self->client, "de", 2, 0));
	EXPECT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(4, send(self->server, "back", 4, 0));
	fsk_sleep_ms(200);
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	EXPECT_EQ(0, fsk_events(self->client) & (POLLIN | POLLRDHUP));
	EXPECT_EQ(0, fsk_unread(self->server));
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLPRI));
	EXPECT_EQ(1, recv(self->server, buf, 1, MSG_OOB));
	EXPECT_EQ('!', *buf);
	EXPECT_EQ(5, fsk_recv_all(self->server, buf, 5));
	EXPECT_EQ(0, memcmp(buf, "abcde", 5));
	EXPECT_EQ(0, recv(self->server, buf, 1, 0));
	EXPECT_EQ(4, fsk_recv_all(self->client, buf, 4));
	EXPECT_EQ(0, memcmp(buf, "back", 4));
}

TEST_F(cut, what_came_before_is_read)
{
	ASSERT_EQ(0, fsk_send_pattern(self->client, 2, 0, 40 * KIB));
	ASSERT_EQ(0, cut_at("a"));
	EXPECT_EQ(40 * KIB, fsk_recv_pattern(self->server, 2, 0, 40 * KIB));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 3, 0, 40 * KIB));
	EXPECT_EQ(0, fsk_unread(self->server));
	ASSERT_EQ(0, mend_at("a"));
	EXPECT_EQ(40 * KIB, fsk_recv_pattern(self->server, 3, 0, 40 * KIB));
}

/* The send buffer fills, and no more; it all comes. */
TEST_F(cut, a_writer_waits_for_the_line)
{
	struct call c = { .fd = self->client };
	pthread_t thread;
	uint64_t sent;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 32768));
	ASSERT_EQ(0, cut_at("a"));
	sent = fsk_stuff(self->client, 4);
	EXPECT_LT(0, sent);
	EXPECT_GE(4 * 65536, sent);
	pthread_create(&thread, NULL, transmit, &c);
	fsk_sleep_ms(200);
	EXPECT_EQ(0, fsk_unread(self->server));
	ASSERT_EQ(0, mend_at("a"));
	EXPECT_EQ(sent, fsk_recv_pattern(self->server, 4, 0, sent));
	pthread_join(thread, NULL);
	EXPECT_EQ(4096, c.result);
}

TEST_F(cut, a_reset_waits)
{
	ASSERT_EQ(0, cut_at("a"));
	reset_at_once(&self->client);
	fsk_sleep_ms(200);
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	ASSERT_EQ(0, mend_at("a"));
	EXPECT_ERROR(ECONNRESET, self->server);
}

/* What was held comes before the reset that followed it. */
TEST_F(cut, a_reset_after_bytes)
{
	struct call c = { .fd = self->server };
	pthread_t thread;

	ASSERT_EQ(0, cut_at("a"));
	EXPECT_EQ(3, send(self->server, "abc", 3, 0));
	pthread_create(&thread, NULL, receive, &c);
	reset_at_once(&self->client);
	fsk_sleep_ms(200);
	ASSERT_EQ(0, mend_at("a"));
	pthread_join(thread, NULL);
	EXPECT_EQ(-1, c.result);
	EXPECT_EQ(ECONNRESET, c.error);
}

/* Blocked already when the line is cut; then its reader goes, unread. */
TEST_F(cut, a_full_writer_whose_reader_goes)
{
	struct call c = { .fd = self->client };
	pthread_t thread;

	EXPECT_LT(0, fsk_stuff(self->client, 5));
	pthread_create(&thread, NULL, transmit, &c);
	fsk_sleep_ms(200);
	ASSERT_EQ(0, cut_at("b"));
	fsk_close(&self->server);
	fsk_sleep_ms(200);
	EXPECT_EQ(0, fsk_events(self->client));
	ASSERT_EQ(0, mend_at("b"));
	pthread_join(thread, NULL);
	EXPECT_EQ(-1, c.result);
	EXPECT_EQ(ECONNRESET, c.error);
}

static void keep_alive(int fd)
{
	fsk_set_int(fd, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(fd, SOL_TCP, TCP_KEEPINTVL, 1);
	fsk_set_int(fd, SOL_TCP, TCP_KEEPCNT, 2);
	fsk_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

TEST_F(cut, keepalive_finds_nobody)
{
	uint64_t start = fsk_now_ms();

	keep_alive(self->client);
	ASSERT_EQ(0, cut_at("b"));
	EXPECT_ERROR(ETIMEDOUT, self->client);
	EXPECT_LE(1800, fsk_now_ms() - start);
	ASSERT_EQ(0, mend_at("b"));
	/* The reset that said so waited, too. */
	EXPECT_ERROR(ECONNRESET, self->server);
}

TEST_F(cut, keepalive_begins_during_a_cut)
{
	ASSERT_EQ(0, cut_at("b"));
	keep_alive(self->client);
	EXPECT_ERROR(ETIMEDOUT, self->client);
}

/* Nobody is lost to a line that is whole again, nor to one that is whole. */
TEST_F(cut, keepalive_outlives_short_cuts)
{
	int i;

	keep_alive(self->client);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, cut_at("b"));
		ASSERT_EQ(0, mend_at("b"));
		fsk_sleep_ms(1200);
	}
	fsk_sleep_ms(3000);
	FSK_EXPECT_ALIVE(self->client, self->server);
}

/* Many probes that fall due at once: the machine has to go on. */
TEST_F(cut, keepalive_without_an_interval)
{
	int frames, other;

	ASSERT_EQ(0, fsk_set_sysctl("a", "tcp_keepalive_intvl", "0"));
	ASSERT_EQ(0, fsk_same_host(1));
	frames = fsk_dial(_metadata, &fsk_veth, self->port);
	other = fsk_accept(_metadata, self->listener);
	ASSERT_EQ(0, fsk_same_host(2));
	fsk_set_int(frames, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(frames, SOL_TCP, TCP_USER_TIMEOUT, 1000000);
	fsk_set_int(frames, SOL_SOCKET, SO_KEEPALIVE, 1);
	fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(self->client, SOL_TCP, TCP_USER_TIMEOUT, 1000000);
	fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1);
	ASSERT_EQ(0, cut_at("b"));
	fsk_sleep_ms(4000);
	ASSERT_EQ(0, mend_at("b"));
	FSK_EXPECT_ALIVE(self->client, self->server);
	FSK_EXPECT_ALIVE(frames, other);
	close(frames);
	close(other);
	EXPECT_EQ(0, fsk_set_sysctl("a", "tcp_keepalive_intvl", "75"));
}

/* Its end of stream was held; then it rests as long as the sysctl says. */
TEST_F(cut, an_orphan_that_was_held)
{
	int before = fsk_orphans();

	ASSERT_EQ(0, fsk_set_sysctl("a", "tcp_fin_timeout", "1"));
	ASSERT_EQ(0, cut_at("a"));
	fsk_close(&self->client);
	fsk_sleep_ms(200);
	EXPECT_EQ(before + 1, fsk_orphans());
	ASSERT_EQ(0, mend_at("a"));
	EXPECT_TRUE(FSK_UNTIL(fsk_orphans() == before));
	EXPECT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLRDHUP));
	EXPECT_EQ(0, fsk_set_sysctl("a", "tcp_fin_timeout", "60"));
}

struct splice_call {
	int fd;
	uint16_t port;
	int pipe[2];
	ssize_t result;
};

static void *connect_and_splice(void *argument)
{
	struct splice_call *c = argument;

	fsk_connect(c->fd, fsk_veth.server_ip, c->port);
	fsk_nonblock(c->fd, false);
	c->result = splice(c->fd, NULL, c->pipe[1], NULL, 5, 0);
	return NULL;
}

/* Whoever waits for bytes before there is a connection gets them, too. */
TEST_F(cut, splice_while_it_connects)
{
	struct splice_call c = {
		.fd = fsk_socket("a", SOCK_NONBLOCK), .port = self->port,
	};
	pthread_t thread;
	char bytes[5];
	int other;

	ASSERT_EQ(0, pipe(c.pipe));
	/* Less than a handshake may take. */
	ASSERT_EQ(0, fsk_run("./helper_at a tc qdisc add dev eth0 root netem "
			     "delay 25ms"));
	pthread_create(&thread, NULL, connect_and_splice, &c);
	other = accept(self->listener, NULL, NULL);
	EXPECT_EQ(5, send(other, "bytes", 5, 0));
	fsk_sleep_ms(200);
	close(other);
	pthread_join(thread, NULL);
	EXPECT_EQ(5, c.result);
	EXPECT_EQ(5, read(c.pipe[0], bytes, 5));
	EXPECT_EQ(0, memcmp(bytes, "bytes", 5));
	EXPECT_EQ(0, fsk_run("./helper_at a tc qdisc del dev eth0 root"));
	close(c.fd);
	close(c.pipe[0]);
	close(c.pipe[1]);
}

/* A later urgent send that is not done yet does not change an earlier byte. */
TEST_F(cut, an_urgent_byte_and_half_another)
{
	static char buf[1 << 20];
	pid_t pid;
	char byte;

	memset(buf, 'q', sizeof(buf));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 32768));
	ASSERT_EQ(0, cut_at("b"));
	EXPECT_EQ(2, send(self->client, "x!", 2, MSG_OOB));
	pid = fsk_fork();
	if (!pid)
		_exit(send(self->client, buf, sizeof(buf), MSG_OOB) !=
		      sizeof(buf));
	fsk_sleep_ms(300);
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLPRI));
	EXPECT_EQ(1, recv(self->server, &byte, 1, MSG_OOB));
	EXPECT_EQ('!', byte);
	kill(pid, SIGKILL);
	fsk_reap(pid);
}

TEST_F(cut, nobody_waits_for_an_orphan)
{
	struct call c = { .fd = self->server };
	pthread_t thread;

	pthread_create(&thread, NULL, receive, &c);
	ASSERT_EQ(0, cut_at("a"));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 6, 0, 100));
	fsk_close(&self->client);
	fsk_sleep_ms(200);
	ASSERT_EQ(0, mend_at("a"));
	pthread_join(thread, NULL);
	EXPECT_EQ(1, c.result);
	EXPECT_EQ(99, fsk_recv_pattern(self->server, 6, 1, 100));
	EXPECT_EQ(0, fsk_unread(self->server));
}

/* Whoever owns a socket sleeps: no other connection waits for that. */
TEST_F(cut, an_owner_that_sleeps)
{
	struct fsk_page_sender s = { .fd = self->client };
	char page[FSK_PAGE], zeros[FSK_PAGE] = {};
	struct fsk_trap trap;
	pthread_t thread;
	int one, other;

	one = fsk_dial(_metadata, &fsk_veth, self->port);
	other = fsk_accept(_metadata, self->listener);
	ASSERT_EQ(0, fsk_set_trap(&trap));
	s.page = trap.page;
	ASSERT_EQ(0, pthread_create(&thread, NULL, fsk_send_page, &s));
	ASSERT_TRUE(fsk_is_trapped(&trap));
	ASSERT_EQ(0, cut_at("b"));
	EXPECT_EQ(3, send(one, "abc", 3, 0));
	EXPECT_EQ(0, fsk_unread(other));
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_EQ(3, fsk_recv_all(other, page, 3));
	ASSERT_EQ(0, cut_at("b"));
	ASSERT_EQ(0, fsk_let_go(&trap));
	pthread_join(thread, NULL);
	EXPECT_EQ(FSK_PAGE, s.sent);
	fsk_sleep_ms(200);
	EXPECT_EQ(1, send(self->client, "x", 1, 0));
	EXPECT_GE(FSK_PAGE, fsk_unread(self->server));
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_EQ(FSK_PAGE, fsk_recv_all(self->server, page, FSK_PAGE));
	EXPECT_EQ(0, memcmp(page, zeros, FSK_PAGE));
	EXPECT_EQ(1, fsk_recv_all(self->server, page, 1));
	EXPECT_EQ('x', *page);
	FSK_EXPECT_ALIVE(self->client, self->server);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
	fsk_free_trap(&trap);
}

/* The last byte that could be read is the urgent one. */
TEST_F(cut, an_urgent_sender_that_faults)
{
	const size_t size = 40000;	/* not in one piece of memory */
	char *map = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *from = map + MIB - size, byte;
	int at_mark = -1;
	ssize_t n;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + MIB, MIB, PROT_NONE));
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_OOBINLINE, 1));
	fsk_fill(from, size, 7, 0);
	ASSERT_EQ(0, cut_at("b"));
	n = send(self->client, from, 65536, MSG_OOB);
	ASSERT_LT(0, n);
	EXPECT_EQ(0, fsk_events(self->server) & (POLLIN | POLLPRI));
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLPRI));
	EXPECT_EQ(n - 1, fsk_recv_pattern(self->server, 7, 0, n - 1));
	ASSERT_EQ(0, ioctl(self->server, SIOCATMARK, &at_mark));
	EXPECT_EQ(1, at_mark);
	EXPECT_EQ(1, recv(self->server, &byte, 1, 0));
	EXPECT_EQ(from[n - 1], byte);
	munmap(map, 2 * MIB);
}

/* On the accept queue, with bytes in both directions; then nobody listens. */
TEST_F(cut, nobody_accepts)
{
	int fds[4], i;

	for (i = 0; i < 4; i++) {
		fds[i] = fsk_dial(_metadata, &fsk_veth, self->port);
		EXPECT_EQ(3, send(fds[i], "abc", 3, 0));
	}
	ASSERT_EQ(0, cut_at("a"));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(3, send(fds[i], "def", 3, 0));
	fsk_close(&self->listener);
	fsk_sleep_ms(100);
	EXPECT_EQ(POLLOUT, fsk_events(fds[0]));
	ASSERT_EQ(0, mend_at("a"));
	for (i = 0; i < 4; i++) {
		EXPECT_ERROR(ECONNRESET, fds[i]);
		close(fds[i]);
	}
}

/* Queued during a cut, accepted after it. */
TEST_F(cut, somebody_accepts_late)
{
	int fd = fsk_dial(_metadata, &fsk_veth, self->port), other;
	char buf[3];

	ASSERT_EQ(0, cut_at("b"));
	EXPECT_EQ(3, send(fd, "abc", 3, 0));
	other = fsk_accept(_metadata, self->listener);
	EXPECT_EQ(0, fsk_unread(other));
	EXPECT_EQ(3, send(other, "def", 3, 0));
	EXPECT_EQ(0, fsk_unread(fd));
	ASSERT_EQ(0, mend_at("b"));
	EXPECT_EQ(3, fsk_recv_all(other, buf, 3));
	EXPECT_EQ(3, fsk_recv_all(fd, buf, 3));
	FSK_EXPECT_ALIVE(fd, other);
	close(fd);
	close(other);
}

/*
 * Connects; then, while the line flaps, sends, closes and resets, and tries to
 * connect once more.
 */
static void come_and_go(uint16_t port, int ready, unsigned int seed)
{
	static char buf[20000];
	int fds[8], i;

	for (i = 0; i < 7; i++) {
		fds[i] = fsk_socket("a", 0);
		fsk_connect(fds[i], fsk_veth.server_ip, port);
		fsk_nonblock(fds[i], true);
	}
	if (write(ready, "", 1) != 1)
		_exit(1);
	fds[7] = fsk_socket("a", SOCK_NONBLOCK);
	fsk_connect(fds[7], fsk_veth.server_ip, port);
	for (i = 0; i < 8; i++) {
		send(fds[i], buf, rand_r(&seed) % sizeof(buf), MSG_NOSIGNAL);
		if (rand_r(&seed) % 3 == 0)
			fsk_set_linger(fds[i], 0);
		if (rand_r(&seed) % 2)
			shutdown(fds[i], rand_r(&seed) % 3);
		fsk_sleep_ms(rand_r(&seed) % 60);
		close(fds[i]);
	}
	_exit(0);
}

/* Some are accepted, some of them read; then nobody listens any more. */
static void serve(int listener, unsigned int seed)
{
	static char buf[20000];
	int fds[64], n = 0;

	fsk_nonblock(listener, true);
	while (n < 10 + (int)seed) {
		fds[n] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fds[n] < 0) {
			fsk_sleep_ms(2);
			continue;
		}
		if (rand_r(&seed) % 2)
			recv(fds[n], buf, sizeof(buf), 0);
		if (rand_r(&seed) % 2)
			send(fds[n], buf, sizeof(buf), MSG_NOSIGNAL);
		n++;
	}
	fsk_sleep_ms(100);
	close(listener);
	fsk_sleep_ms(50);
	_exit(0);
}

/* Nothing to see but what the kernel says of it. */
TEST_F(cut, flapping)
{
	int ready[2], round, i;
	pid_t server, clients[2];
	char byte;

	ASSERT_EQ(0, pipe(ready));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_ready a b"));
		fsk_close(&self->listener);
		self->listener = fsk_listen(_metadata, &fsk_veth, 8);
		self->port = fsk_port(self->listener);
		server = fsk_fork();
		if (!server)
			serve(self->listener, round);
		fsk_close(&self->listener);
		for (i = 0; i < 2; i++) {
			clients[i] = fsk_fork();
			if (!clients[i])
				come_and_go(self->port, ready[1],
					    round * 2 + i);
		}
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		ASSERT_EQ(1, read(ready[0], &byte, 1));
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(0, fsk_run("ip -n b link set eth0 down"));
			fsk_sleep_ms(20);
			EXPECT_EQ(0, fsk_run("ip -n b link set eth0 up"));
			fsk_sleep_ms(20);
		}
		EXPECT_EQ(0, fsk_reap(clients[0]));
		EXPECT_EQ(0, fsk_reap(clients[1]));
		kill(server, SIGKILL);
		fsk_reap(server);
	}
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	int status = 1;

	setenv("LAN_SAME_HOST", "2", 1);
	setlinebuf(stdout);
	if (!fsk_lan_up())
		status = test_harness_run(argc, argv);
	fsk_lan_down();
	return status;
}
