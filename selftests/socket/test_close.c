// SPDX-License-Identifier: GPL-2.0
// The end of a connection, as each side sees it: shutdown, close, reset, kill.
// fastsock: timeout=300

#include "fsk_call.h"
#include "fsk_test.h"

#define EVENTS_RESET	(POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP)

FSK_PAIR_FIXTURE(closing);

static volatile sig_atomic_t broken_pipes;

static void count_signal(int sig)
{
	broken_pipes++;
}

static void count_broken_pipes(void)
{
	struct sigaction action = { .sa_handler = count_signal };

	broken_pipes = 0;
	sigaction(SIGPIPE, &action, NULL);
}

static long connections(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskCurrEstab") +
	       fsk_stat(link->server_ns, "FskCurrEstab");
}

/* The error waits until the peer's frame has come; then it is told once. */
static int arrived(int fd)
{
	return FSK_UNTIL(fsk_events(fd) & (POLLERR | POLLRDHUP));
}

#define EXPECT_ERRNO(code, call) do {					\
	errno = 0;							\
	EXPECT_EQ(-1, call);						\
	EXPECT_EQ(code, errno);						\
} while (0)

TEST(shutdown_arguments)
{
	int fd = fsk_socket("a", 0);

	EXPECT_ERRNO(EINVAL, shutdown(fd, 3));
	EXPECT_ERRNO(EINVAL, shutdown(fd, -1));
	EXPECT_ERRNO(ENOTCONN, shutdown(fd, SHUT_RDWR));
	close(fd);
}

TEST(never_connected)
{
	int fd = fsk_socket("a", 0);
	char byte;

	count_broken_pipes();
	EXPECT_ERRNO(EPIPE, send(fd, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, broken_pipes);
	EXPECT_ERRNO(EPIPE, send(fd, "x", 1, 0));
	EXPECT_EQ(1, broken_pipes);
	EXPECT_ERRNO(ENOTCONN, recv(fd, &byte, 1, 0));
	close(fd);
}

static void half_close(struct __test_metadata *_metadata, int one, int other)
{
	char byte;

	EXPECT_EQ(0, fsk_send_pattern(one, 1, 0, 5000));
	EXPECT_EQ(0, shutdown(one, SHUT_WR));
	EXPECT_EQ(0, shutdown(one, SHUT_WR));
	EXPECT_EQ(5000, fsk_recv_pattern(other, 1, 0, 5000));
	EXPECT_EQ(0, recv(other, &byte, 1, 0));
	EXPECT_EQ(0, recv(other, &byte, 1, 0));

	count_broken_pipes();
	EXPECT_ERRNO(EPIPE, send(one, "x", 1, 0));
	EXPECT_ERRNO(EPIPE, write(one, "", 0));
	EXPECT_EQ(2, broken_pipes);
	EXPECT_ERRNO(EPIPE, send(one, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(2, broken_pipes);

	/* The other direction lives on, beyond tcp_fin_timeout if need be. */
	fsk_sleep_ms(1500);
	EXPECT_EQ(0, fsk_send_pattern(other, 2, 0, 30000));
	EXPECT_EQ(30000, fsk_recv_pattern(one, 2, 0, 30000));
	EXPECT_EQ(0, shutdown(other, SHUT_WR));
	EXPECT_EQ(0, recv(one, &byte, 1, 0));
}

TEST_F(closing, half_close_by_the_client)
{
	half_close(_metadata, self->client, self->server);
}

TEST_F(closing, half_close_by_the_server)
{
	half_close(_metadata, self->server, self->client);
}

/*
 * The last bytes fill the window exactly.  FIN, which is one number more, must
 * not keep them from being sent.
 */
TEST_F(closing, end_of_what_fills_the_window)
{
	int client = fsk_socket(variant->link->client_ns, 0);
	int listener = fsk_socket(variant->link->server_ns, 0);
	int window, server;
	char buf[8192] = {};

	ASSERT_EQ(0, fsk_set_int(listener, SOL_SOCKET, SO_RCVBUF, 1));
	window = fsk_int_option(listener, SOL_SOCKET, SO_RCVBUF);
	if (variant->link == &fsk_veth)
		window /= 2;
	ASSERT_GE(sizeof(buf), 2 * window);
	ASSERT_EQ(0, fsk_bind(listener, variant->link->server_ip, 0));
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(0, fsk_connect(client, variant->link->server_ip,
				 fsk_port(listener)));
	ASSERT_TRUE(fsk_is_fast(client));
	server = fsk_accept(_metadata, listener);
	/* The second send waits for the window that the first has shut. */
	ASSERT_EQ(window, send(client, buf, window, 0));
	ASSERT_EQ(window, send(client, buf, window, 0));
	ASSERT_EQ(0, shutdown(client, SHUT_WR));
	ASSERT_EQ(0, fsk_set_timeout(server, SO_RCVTIMEO, 10000));
	EXPECT_EQ(2 * window, fsk_recv_all(server, buf, sizeof(buf)));
	close(client);
	close(server);
	close(listener);
}

TEST_F(closing, shut_read)
{
	char buf[8];

	EXPECT_EQ(0, shutdown(self->client, SHUT_RD));
	EXPECT_EQ(0, recv(self->client, buf, sizeof(buf), 0));
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	EXPECT_EQ(3, send(self->server, "abc", 3, MSG_NOSIGNAL));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->client) == 3));
	EXPECT_EQ(3, recv(self->client, buf, sizeof(buf), 0));
	EXPECT_EQ(0, recv(self->client, buf, sizeof(buf), 0));
	EXPECT_EQ(2, send(self->client, "de", 2, MSG_NOSIGNAL));
	EXPECT_EQ(2, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(3, send(self->server, "fgh", 3, MSG_NOSIGNAL));
}

/* What the survivor of a reset sees, in this order. */
static void expect_reset(struct __test_metadata *_metadata, int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	char byte;

	count_broken_pipes();
	EXPECT_ERRNO(ECONNRESET, recv(fd, &byte, 1, 0));
	EXPECT_ERRNO(EPIPE, send(fd, "x", 1, 0));
	EXPECT_EQ(1, broken_pipes);
	EXPECT_EQ(0, recv(fd, &byte, 1, 0));
	EXPECT_ERRNO(ENOTCONN, getpeername(fd, (void *)&addr, &len));
	EXPECT_ERRNO(ENOTCONN, shutdown(fd, SHUT_WR));
	EXPECT_EQ(0, fsk_int_option(fd, SOL_SOCKET, SO_ERROR));
}

TEST_F(closing, with_unread_data)
{
	ASSERT_EQ(3, send(self->client, "abc", 3, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 3));
	fsk_close(&self->server);
	ASSERT_TRUE(arrived(self->client));
	EXPECT_EQ(EVENTS_RESET, fsk_events(self->client));
	expect_reset(_metadata, self->client);
}

TEST_F(closing, with_unread_data_by_the_client)
{
	ASSERT_EQ(3, send(self->server, "abc", 3, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->client) == 3));
	fsk_close(&self->client);
	ASSERT_TRUE(arrived(self->server));
	expect_reset(_metadata, self->server);
}

/* One byte read of three is still unread data. */
TEST_F(closing, with_some_unread_data)
{
	char byte;

	ASSERT_EQ(3, send(self->client, "abc", 3, 0));
	ASSERT_EQ(1, recv(self->server, &byte, 1, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 2));
	fsk_close(&self->server);
	ASSERT_TRUE(arrived(self->client));
	EXPECT_ERRNO(ECONNRESET, recv(self->client, &byte, 1, 0));
}

/* Reset, and a send is the first to hear: the error, without a signal. */
TEST_F(closing, reset_told_to_send)
{
	char byte;

	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 1));
	fsk_close(&self->server);
	ASSERT_TRUE(arrived(self->client));
	count_broken_pipes();
	EXPECT_ERRNO(ECONNRESET, send(self->client, "x", 1, 0));
	EXPECT_EQ(0, broken_pipes);
	EXPECT_ERRNO(EPIPE, send(self->client, "x", 1, 0));
	EXPECT_EQ(1, broken_pipes);
	EXPECT_EQ(0, recv(self->client, &byte, 1, 0));
}

/* Data, then the error once, then the end. */
TEST_F(closing, data_before_reset)
{
	char buf[8];

	ASSERT_EQ(3, send(self->client, "abc", 3, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 3));
	ASSERT_EQ(4, send(self->server, "defg", 4, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->client) == 4));
	fsk_close(&self->server);
	ASSERT_TRUE(arrived(self->client));
	EXPECT_EQ(4, recv(self->client, buf, sizeof(buf), 0));
	EXPECT_ERRNO(ECONNRESET, recv(self->client, buf, sizeof(buf), 0));
	EXPECT_EQ(0, recv(self->client, buf, sizeof(buf), 0));
}

TEST_F(closing, linger_zero)
{
	uint64_t begin;

	ASSERT_EQ(0, fsk_set_linger(self->client, 0));
	begin = fsk_now_ms();
	fsk_close(&self->client);
	EXPECT_GT(2000, fsk_now_ms() - begin);
	ASSERT_TRUE(arrived(self->server));
	EXPECT_EQ(EVENTS_RESET, fsk_events(self->server));
	expect_reset(_metadata, self->server);
}

static void small_buffers(int one, int other)
{
	fsk_set_int(one, SOL_SOCKET, SO_SNDBUF, 32768);
	fsk_set_int(other, SOL_SOCKET, SO_RCVBUF, 32768);
}

TEST_F(closing, linger_zero_drops_unsent_data)
{
	uint64_t total, got = 0;
	char buf[4096];
	ssize_t n;

	small_buffers(self->client, self->server);
	total = fsk_stuff(self->client, 1);
	ASSERT_EQ(0, fsk_set_linger(self->client, 0));
	fsk_close(&self->client);
	ASSERT_TRUE(arrived(self->server));
	while ((n = recv(self->server, buf, sizeof(buf), 0)) > 0) {
		EXPECT_EQ(-1, fsk_wrong(buf, n, 1, got));
		got += n;
	}
	EXPECT_EQ(-1, n);
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_LT(got, total);
}

TEST_F(closing, linger_gives_up_after_its_time)
{
	uint64_t begin, took;

	small_buffers(self->client, self->server);
	fsk_stuff(self->client, 1);
	ASSERT_EQ(0, fsk_set_linger(self->client, 2));
	begin = fsk_now_ms();
	EXPECT_EQ(0, fsk_close(&self->client));
	took = fsk_now_ms() - begin;
	EXPECT_LE(1900, took);
	EXPECT_GT(12000, took);
}

struct drain {
	int fd;
	uint64_t want;
	uint64_t good;
	ssize_t end;
};

static void *drain_later(void *arg)
{
	struct drain *d = arg;
	char byte;

	fsk_sleep_ms(500);
	d->good = fsk_recv_pattern(d->fd, 1, 0, d->want);
	d->end = recv(d->fd, &byte, 1, 0);
	return NULL;
}

TEST_F(closing, linger_waits_until_all_is_delivered)
{
	struct drain d = { .fd = self->server };
	uint64_t begin, took;
	pthread_t thread;

	small_buffers(self->client, self->server);
	d.want = fsk_stuff(self->client, 1);
	fsk_nonblock(self->client, true);
	ASSERT_EQ(0, fsk_set_linger(self->client, 60));
	ASSERT_EQ(0, pthread_create(&thread, NULL, drain_later, &d));
	begin = fsk_now_ms();
	EXPECT_EQ(0, fsk_close(&self->client));
	took = fsk_now_ms() - begin;
	EXPECT_LE(400, took);
	EXPECT_GT(40000, took);
	pthread_join(thread, NULL);
	EXPECT_EQ(d.want, d.good);
	EXPECT_EQ(0, d.end);
}

TEST_F(closing, exit_does_not_linger)
{
	uint64_t total, begin;
	int go[2];
	char byte;
	pid_t pid;

	small_buffers(self->client, self->server);
	total = fsk_stuff(self->client, 1);
	ASSERT_EQ(0, fsk_set_linger(self->client, 60));
	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	fsk_close(&self->client);
	begin = fsk_now_ms();
	close(go[1]);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_GT(20000, fsk_now_ms() - begin);
	EXPECT_EQ(total, fsk_recv_pattern(self->server, 1, 0, total));
}

/* Nobody holds the sender's socket any more; its bytes still come. */
TEST_F(closing, data_outlives_the_process)
{
	uint64_t total;
	char byte;
	pid_t pid;

	total = fsk_stuff(self->client, 1);
	pid = fsk_fork();
	if (!pid)
		_exit(0);
	fsk_close(&self->client);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(total, fsk_recv_pattern(self->server, 1, 0, total));
	EXPECT_EQ(0, recv(self->server, &byte, 1, 0));
}

/* Writes a sysctl that all namespaces share; before that, reads it. */
static void host_sysctl(struct __test_metadata *_metadata, const char *name,
			const char *write, char *read, size_t size)
{
	char path[64];
	int ns, fd;

	ns = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_EQ(0, setns(ns, CLONE_NEWNET));
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	if (read)
		ASSERT_LT(0, pread(fd, read, size, 0));
	ASSERT_LT(0, pwrite(fd, write, strlen(write), 0));
	close(fd);
	close(ns);
}

/* When TCP's memory is used up, who has closed does not keep more of it. */
static void orphan_gives_up(struct __test_metadata *_metadata, int *client,
			    int server, bool close_first)
{
	int sndbuf = 8 << 20;
	char bounds[64] = "";

	/* More than a processor counts for itself. */
	EXPECT_EQ(0, setsockopt(*client, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf,
				sizeof(sndbuf)));
	EXPECT_LT(4 << 20, fsk_stuff(*client, 1));
	if (close_first)
		fsk_close(client);
	host_sysctl(_metadata, "ipv4/tcp_mem", "1 1 1\n", bounds,
		    sizeof(bounds) - 1);
	if (!close_first)
		fsk_close(client);
	EXPECT_TRUE(FSK_UNTIL(fsk_events(server) & POLLERR));
	host_sysctl(_metadata, "ipv4/tcp_mem", bounds, NULL, 0);
}

TEST_F(closing, without_memory)
{
	orphan_gives_up(_metadata, &self->client, self->server, false);
}

TEST_F(closing, then_without_memory)
{
	orphan_gives_up(_metadata, &self->client, self->server, true);
}

#define FEW		"3\n"	/* orphans allowed */
#define MANY		4	/* that rest in FIN_WAIT2 */

/*
 * More orphans than there may be.  Those that rest have no timer that would
 * tell on them; TCP counts them if they stay for long.
 */
FIXTURE(crowd)
{
	char limit[16];
	int listener;
	int client;
	int server;
	int resting[MANY];
};

FIXTURE_VARIANT(crowd)
{
	const struct fsk_link *link;
	const char *bound;	/* a sysctl */
	bool tcp;
};

FIXTURE_VARIANT_ADD(crowd, veth)
{
	.link = &fsk_veth,
	.bound = "fastsock/max_orphans",
};

FIXTURE_VARIANT_ADD(crowd, lo)
{
	.link = &fsk_lo,
	.bound = "fastsock/max_orphans",
};

FIXTURE_VARIANT_ADD(crowd, tcp)
{
	.link = &fsk_lo,
	.bound = "ipv4/tcp_max_orphans",
	.tcp = true,
};

/* Return: the client's end, by whatever protocol */
static int join(struct __test_metadata *_metadata, const struct fsk_link *link,
		int listener, int *other)
{
	int one = fsk_socket(link->client_ns, SOCK_CLOEXEC);

	ASSERT_EQ(0, fsk_connect(one, link->server_ip, fsk_port(listener)));
	*other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ASSERT_LE(0, *other);
	return one;
}

FIXTURE_SETUP(crowd)
{
	if (variant->tcp)
		ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_sysctl lo0 enable 0"));
	self->listener = fsk_listen(_metadata, variant->link, 128);
	self->client = join(_metadata, variant->link, self->listener,
			    &self->server);
	ASSERT_EQ(!variant->tcp, fsk_is_fast(self->client));
	small_buffers(self->client, self->server);
	fsk_stuff(self->client, 1);
	ASSERT_TRUE(FSK_UNTIL(!fsk_orphans()));
	host_sysctl(_metadata, variant->bound, "1000\n", self->limit,
		    sizeof(self->limit) - 1);
}

FIXTURE_TEARDOWN(crowd)
{
	host_sysctl(_metadata, variant->bound, self->limit, NULL, 0);
	if (variant->tcp)
		fsk_run("bash ./lan.sh lan_sysctl lo0 enable 1");
}

static int tcp_state(int fd)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len) ? -1 :
	       info.tcpi_state;
}

static void add_resting(struct __test_metadata *_metadata,
			const struct fsk_link *link, int listener, int *others)
{
	int i, one;

	for (i = 0; i < MANY; i++) {
		one = join(_metadata, link, listener, &others[i]);
		fsk_set_int(one, SOL_TCP, TCP_LINGER2, 100);
		shutdown(one, SHUT_WR);
		ASSERT_TRUE(FSK_UNTIL(tcp_state(one) == TCP_FIN_WAIT2));
		close(one);
		/* TCP counts ten times a second. */
		fsk_sleep_ms(300);
	}
}

/* What had come is read, then the reset; who had said all is not disturbed. */
static void expect_newest_reset(struct __test_metadata *_metadata, int server,
				const int *resting)
{
	char buf[4096];
	ssize_t n;
	int i;

	ASSERT_TRUE(FSK_UNTIL(fsk_events(server) & POLLERR));
	while ((n = recv(server, buf, sizeof(buf), 0)) > 0)
		;
	EXPECT_EQ(-1, n);
	EXPECT_EQ(ECONNRESET, errno);
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP, fsk_events(resting[i]));
}

TEST_F(crowd, one_too_many)
{
	host_sysctl(_metadata, variant->bound, FEW, NULL, 0);
	add_resting(_metadata, variant->link, self->listener, self->resting);
	/* TCP's own count, some time ago, did not hold the last one yet. */
	EXPECT_EQ(variant->tcp ? MANY : MANY - 1, fsk_orphans());
	fsk_close(&self->client);
	expect_newest_reset(_metadata, self->server, self->resting);
}

TEST_F(crowd, then_too_many)
{
	add_resting(_metadata, variant->link, self->listener, self->resting);
	fsk_close(&self->client);
	fsk_sleep_ms(500);
	EXPECT_EQ(MANY + 1, fsk_orphans());
	EXPECT_EQ(0, fsk_events(self->server) & POLLERR);
	host_sysctl(_metadata, variant->bound, FEW, NULL, 0);
	expect_newest_reset(_metadata, self->server, self->resting);
}

/* FIN was seen first, so the reset that answers the data is EPIPE. */
TEST_F(closing, send_after_the_peer_closed)
{
	char byte;

	fsk_close(&self->server);
	ASSERT_TRUE(arrived(self->client));
	EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP, fsk_events(self->client));
	EXPECT_EQ(0, recv(self->client, &byte, 1, 0));
	count_broken_pipes();
	EXPECT_EQ(1, send(self->client, "x", 1, 0));
	EXPECT_EQ(0, broken_pipes);
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->client) & POLLHUP));
	EXPECT_ERRNO(EPIPE, send(self->client, "x", 1, 0));
	EXPECT_EQ(1, broken_pipes);
	EXPECT_EQ(0, recv(self->client, &byte, 1, 0));
}

struct closer {
	pthread_t thread;
	pthread_barrier_t *barrier;
	int fd;
};

static void *close_at_once(void *arg)
{
	struct closer *c = arg;

	pthread_barrier_wait(c->barrier);
	close(c->fd);
	return NULL;
}

static void *shut_at_once(void *arg)
{
	struct closer *c = arg;

	pthread_barrier_wait(c->barrier);
	shutdown(c->fd, SHUT_WR);
	return NULL;
}

static void both_at_once(struct __test_metadata *_metadata, int one, int other,
			 void *(*how)(void *))
{
	pthread_barrier_t barrier;
	struct closer c[2] = { { .fd = one }, { .fd = other } };
	int i;

	pthread_barrier_init(&barrier, NULL, 2);
	for (i = 0; i < 2; i++) {
		c[i].barrier = &barrier;
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, how, &c[i]));
	}
	for (i = 0; i < 2; i++)
		pthread_join(c[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
}

#define ROUNDS	40

TEST_F(closing, both_ends_close_at_once)
{
	long before = connections(variant->link);
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int one = fsk_dial(_metadata, variant->link, self->port);
		int other = fsk_accept(_metadata, self->listener);

		both_at_once(_metadata, one, other, close_at_once);
	}
	EXPECT_TRUE(FSK_UNTIL(connections(variant->link) == before)) {
		TH_LOG("%ld connections left over",
		       connections(variant->link) - before);
	}
}

TEST_F(closing, both_ends_shut_down_at_once)
{
	char byte;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		int one = fsk_dial(_metadata, variant->link, self->port);
		int other = fsk_accept(_metadata, self->listener);

		both_at_once(_metadata, one, other, shut_at_once);
		EXPECT_EQ(0, recv(one, &byte, 1, 0));
		EXPECT_EQ(0, recv(other, &byte, 1, 0));
		EXPECT_TRUE(FSK_UNTIL(fsk_events(one) & POLLHUP));
		EXPECT_TRUE(FSK_UNTIL(fsk_events(other) & POLLHUP));
		EXPECT_EQ(0, fsk_int_option(one, SOL_SOCKET, SO_ERROR));
		EXPECT_EQ(0, fsk_int_option(other, SOL_SOCKET, SO_ERROR));
		close(one);
		close(other);
	}
}

/* A child that holds one end alone until it is killed. */
static pid_t hold(int *fd, int other)
{
	pid_t pid = fsk_fork();

	if (!pid) {
		close(other);
		for (;;)
			pause();
	}
	fsk_close(fd);
	return pid;
}

static int unacknowledged(int fd)
{
	int n = -1;

	return ioctl(fd, TIOCOUTQ, &n) ? -1 : n;
}

static void kill_one(struct __test_metadata *_metadata, int *one, int other,
		     bool unread)
{
	pid_t pid = hold(one, other);
	char byte;

	if (unread) {
		ASSERT_EQ(1, send(other, "x", 1, 0));
		ASSERT_TRUE(FSK_UNTIL(!unacknowledged(other)));
	}
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, fsk_reap(pid));
	ASSERT_TRUE(arrived(other));
	if (unread)
		expect_reset(_metadata, other);
	else
		EXPECT_EQ(0, recv(other, &byte, 1, 0));
}

TEST_F(closing, client_is_killed)
{
	kill_one(_metadata, &self->client, self->server, false);
}

TEST_F(closing, server_is_killed)
{
	kill_one(_metadata, &self->server, self->client, false);
}

TEST_F(closing, client_is_killed_with_unread_data)
{
	kill_one(_metadata, &self->client, self->server, true);
}

TEST_F(closing, server_is_killed_with_unread_data)
{
	kill_one(_metadata, &self->server, self->client, true);
}

/* Killed inside recv() with a buffer posted, and inside send(). */
TEST_F(closing, killed_while_it_waits)
{
	static char big[1 << 20];
	char byte;
	pid_t pid;

	pid = fsk_fork();
	if (!pid) {
		close(self->server);
		recv(self->client, big, sizeof(big), MSG_WAITALL);
		_exit(0);
	}
	fsk_close(&self->client);
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	ASSERT_EQ(0, fsk_send_pattern(self->server, 1, 0, 10000));
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, fsk_reap(pid));
	ASSERT_TRUE(arrived(self->server));
	EXPECT_GE(0, recv(self->server, &byte, 1, 0));
}

TEST_F(closing, killed_while_it_sends)
{
	static char big[1 << 20];
	uint64_t got = 0;
	char buf[4096];
	ssize_t n;
	pid_t pid;

	small_buffers(self->client, self->server);
	pid = fsk_fork();
	if (!pid) {
		close(self->server);
		fsk_fill(big, sizeof(big), 1, 0);
		fsk_send_all(self->client, big, sizeof(big));
		_exit(0);
	}
	fsk_close(&self->client);
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) > 4096 &&
			      fsk_task_state(pid) == 'S'));
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, fsk_reap(pid));
	/* What it had handed over arrives, exact, and then the end. */
	while ((n = recv(self->server, buf, sizeof(buf), 0)) > 0) {
		EXPECT_EQ(-1, fsk_wrong(buf, n, 1, got));
		got += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_LT(4096, got);
}

TEST_F(closing, last_descriptor_ends_it)
{
	int copy = dup(self->client);
	char byte;

	fsk_close(&self->client);
	fsk_sleep_ms(300);
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	FSK_EXPECT_ALIVE(copy, self->server);
	close(copy);
	EXPECT_EQ(0, recv(self->server, &byte, 1, 0));
}

TEST_F(closing, shutdown_acts_on_all_descriptors)
{
	int copy = dup(self->client);
	char byte;

	EXPECT_EQ(0, shutdown(copy, SHUT_WR));
	EXPECT_ERRNO(EPIPE, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, recv(self->server, &byte, 1, 0));
	close(copy);
}

static void blocked_reader(struct __test_metadata *_metadata,
			   struct fsk_call *r, int fd, size_t len)
{
	static char buf[65536];

	*r = (struct fsk_call){ .fd = fd, .buf = buf, .len = len };
	ASSERT_EQ(0, pthread_create(&r->thread, NULL, fsk_read_once, r));
	ASSERT_TRUE(FSK_UNTIL(fsk_is_asleep(r)));
	fsk_sleep_ms(100);
	ASSERT_FALSE(r->done);
}

TEST_F(closing, shutdown_wakes_a_reader)
{
	static const size_t lens[] = { 1, 65536 };
	struct fsk_call r;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		int one = fsk_dial(_metadata, variant->link, self->port);
		int other = fsk_accept(_metadata, self->listener);

		blocked_reader(_metadata, &r, one, lens[i]);
		EXPECT_EQ(0, shutdown(one, SHUT_RD));
		pthread_join(r.thread, NULL);
		EXPECT_EQ(0, r.n);
		close(one);
		close(other);
	}
}

/* Linux: the read in progress keeps the file. */
TEST_F(closing, close_does_not_wake_a_reader)
{
	struct fsk_call r;

	blocked_reader(_metadata, &r, self->client, 10);
	fsk_close(&self->client);
	fsk_sleep_ms(300);
	EXPECT_FALSE(r.done);
	EXPECT_EQ(2, send(self->server, "ab", 2, MSG_NOSIGNAL));
	pthread_join(r.thread, NULL);
	EXPECT_EQ(2, r.n);
}

TEST_F(closing, closing_the_listener_resets_what_waits)
{
	int one = fsk_dial(_metadata, variant->link, self->port);
	long before;
	char byte;

	ASSERT_EQ(3, send(one, "abc", 3, 0));
	before = connections(variant->link);
	fsk_close(&self->listener);
	ASSERT_TRUE(arrived(one));
	EXPECT_ERRNO(ECONNRESET, recv(one, &byte, 1, 0));
	FSK_EXPECT_ALIVE(self->client, self->server);
	close(one);
	EXPECT_TRUE(FSK_UNTIL(connections(variant->link) < before));
}

/* Reset before accept: accept still returns it, and its recv tells. */
TEST_F(closing, accept_of_a_reset_connection)
{
	int one = fsk_dial(_metadata, variant->link, self->port), other;
	char byte;

	ASSERT_EQ(0, fsk_set_linger(one, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->listener) & POLLIN));
	close(one);
	fsk_sleep_ms(300);
	other = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, other);
	EXPECT_ERRNO(ECONNRESET, recv(other, &byte, 1, 0));
	close(other);
}

/* Sent, closed, and accepted only then: data and end, no reset. */
TEST_F(closing, accept_of_a_finished_connection)
{
	int one = fsk_dial(_metadata, variant->link, self->port), other;
	char buf[8];

	ASSERT_EQ(3, send(one, "abc", 3, 0));
	close(one);
	fsk_sleep_ms(300);
	other = fsk_accept(_metadata, self->listener);
	EXPECT_EQ(3, fsk_recv_all(other, buf, sizeof(buf)));
	EXPECT_EQ(0, recv(other, buf, sizeof(buf), 0));
	close(other);
}

/*
 * bpf_sock_destroy() comes from an iterator that owns the socket and may not
 * sleep: to take its lock would wait for ever, in a section of RCU.
 */
TEST_F(closing, destroyed_by_bpf)
{
	char command[64], byte;
	int status;

	snprintf(command, sizeof(command), "./helper_bpf destroy %d",
		 fsk_port(self->client));
	ASSERT_EQ(0, fsk_enter(variant->link->client_ns));
	status = system(command);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
		SKIP(return, "the kernel destroys no sockets for BPF");
	ASSERT_EQ(0, status);
	EXPECT_EQ(EVENTS_RESET, fsk_events(self->client));
	EXPECT_ERRNO(ECONNABORTED, recv(self->client, &byte, 1, 0));
	EXPECT_EQ(0, recv(self->client, &byte, 1, 0));
	ASSERT_TRUE(arrived(self->server));
	EXPECT_EQ(EVENTS_RESET, fsk_events(self->server));
	expect_reset(_metadata, self->server);
}

FSK_TEST_MAIN
