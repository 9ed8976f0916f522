// SPDX-License-Identifier: GPL-2.0
// Readers that look for a while before they sleep: when they do, what ends it,
// and that nobody starves meanwhile.
// fastsock: timeout=300
//
// Counters judge, not the clock: emulated processors may take turns.

#include "fsk_test.h"

#define SOON		30000	/* ms */
#define FOR_EVER	60000000 /* us, of SO_BUSY_POLL */
#define MOST		1000	/* us, the largest net.fastsock.spin_us */
#define ROUNDS		100
#define TRIES		8

/* What is so unless processors have other things to do, as on that kernel. */
#define EXPECT_LIKELY(condition)					\
	EXPECT_TRUE((condition) || fsk_debug_kernel())

FSK_PAIR_FIXTURE(spin);

/* This process runs on that processor only. */
static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int write_int(const char *path, int value)
{
	int err, fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	err = dprintf(fd, "%d", value) < 0 ? -1 : 0;
	close(fd);
	return err;
}

static int set_spin_us(const char *ns, int us)
{
	return fsk_enter(ns) ?:
	       write_int("/proc/sys/net/fastsock/spin_us", us);
}

/* The reader is the client, whose namespace counts. */
static void prepare(struct __test_metadata *_metadata,
		    const struct fsk_link *link, int fd, int us, int busy_poll)
{
	ASSERT_EQ(0, set_spin_us(link->client_ns, us));
	ASSERT_EQ(0, fsk_set_int(fd, SOL_SOCKET, SO_BUSY_POLL, busy_poll));
}

static long spins(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskSpins");
}

static long hits(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskSpinHits");
}

/*
 * Answers each byte with itself, after 10 ms if it is an 's', until the stream
 * ends.  It does not wait in recv() and so never spins.
 */
static void echo(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char byte;
	ssize_t n;

	for (;;) {
		poll(&pfd, 1, -1);
		n = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			_exit(0);
		if (byte == 's')
			fsk_sleep_ms(10);
		send(fd, &byte, 1, MSG_NOSIGNAL);
	}
}

static int ping(int fd, char byte, int count)
{
	char answer;

	while (count--)
		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
		    recv(fd, &answer, 1, 0) != 1 || answer != byte)
			return -1;
	return 0;
}

/* A child on the second processor that answers; this one is on the first. */
static pid_t start_echo(struct __test_metadata *_metadata, int *client,
			int *server)
{
	pid_t pid;

	ASSERT_EQ(0, pin(0));
	pid = fsk_fork();
	if (!pid) {
		close(*client);
		pin(1);
		echo(*server);
	}
	fsk_close(server);
	return pid;
}

/* Do answers take longer than may be spun?  With assertions they often do. */
static bool too_slow_to_learn(int fd)
{
	uint64_t begin = fsk_now_ms();

	return !ping(fd, 'f', ROUNDS) &&
	       fsk_now_ms() - begin > ROUNDS * MOST / 1000 / 2;
}

static void stop_echo(struct __test_metadata *_metadata, int *client, pid_t pid)
{
	fsk_close(client);
	EXPECT_EQ(0, fsk_reap(pid));
}

static bool learns_to_hit(const struct fsk_link *link, int fd)
{
	long before = hits(link);

	return FSK_UNTIL(!ping(fd, 'f', ROUNDS) &&
			 hits(link) >= before + ROUNDS / 4) ||
	       too_slow_to_learn(fd);
}

TEST_F(spin, nobody_asked_for_it)
{
	const struct fsk_link *link = variant->link;
	long before = spins(link);
	pid_t pid;

	prepare(_metadata, link, self->client, 0, 0);
	ASSERT_LE(0, before);
	pid = start_echo(_metadata, &self->client, &self->server);
	EXPECT_EQ(0, ping(self->client, 'f', 2 * ROUNDS));
	EXPECT_EQ(before, spins(link));
	stop_echo(_metadata, &self->client, pid);
}

TEST_F(spin, learns_from_quick_answers_and_from_slow_ones)
{
	const struct fsk_link *link = variant->link;
	long before;
	pid_t pid;

	prepare(_metadata, link, self->client, MOST, 0);
	pid = start_echo(_metadata, &self->client, &self->server);
	EXPECT_LIKELY(learns_to_hit(link, self->client));
	EXPECT_EQ(0, ping(self->client, 'f', 1));

	/* It takes seven to go from 1 ms to nothing. */
	before = spins(link);
	EXPECT_EQ(0, ping(self->client, 's', ROUNDS / 2));
	EXPECT_LIKELY(spins(link) <= before + 10);

	EXPECT_LIKELY(learns_to_hit(link, self->client));
	stop_echo(_metadata, &self->client, pid);
}

/* Lowering the bound tells on connections that learnt a longer one. */
TEST_F(spin, the_administrator_ends_it)
{
	const struct fsk_link *link = variant->link;
	long before;
	pid_t pid;

	prepare(_metadata, link, self->client, MOST, 0);
	pid = start_echo(_metadata, &self->client, &self->server);
	EXPECT_LIKELY(learns_to_hit(link, self->client));
	EXPECT_EQ(0, set_spin_us(link->client_ns, 0));
	before = spins(link);
	EXPECT_EQ(0, ping(self->client, 'f', ROUNDS));
	EXPECT_EQ(before, spins(link));
	stop_echo(_metadata, &self->client, pid);
}

TEST_F(spin, busy_poll_always_spins)
{
	const struct fsk_link *link = variant->link;
	long spun = spins(link), hit = hits(link);
	pid_t pid;

	prepare(_metadata, link, self->client, 0, FOR_EVER);
	pid = start_echo(_metadata, &self->client, &self->server);
	EXPECT_EQ(0, ping(self->client, 'f', 2 * ROUNDS));
	spun = spins(link) - spun;
	hit = hits(link) - hit;
	TH_LOG("%d waits, %ld spins, %ld hits", 2 * ROUNDS, spun, hit);
	EXPECT_LIKELY(ROUNDS / 2 <= spun);
	EXPECT_LIKELY(ROUNDS / 4 <= hit);
	EXPECT_LE(hit, spun);
	stop_echo(_metadata, &self->client, pid);
}

/* New sockets take SO_BUSY_POLL from a setting of the first namespace. */
TEST_F(spin, busy_read_is_where_busy_poll_begins)
{
	const char *path = "/proc/sys/net/core/busy_read";
	const struct fsk_link *link = variant->link;
	int server, client, err, fd = open("/proc/1/ns/net", O_RDONLY);
	long before = spins(link);
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, set_spin_us(link->client_ns, 0));
	ASSERT_EQ(0, setns(fd, CLONE_NEWNET));
	ASSERT_EQ(0, write_int(path, FOR_EVER));
	client = fsk_socket(link->client_ns, SOCK_CLOEXEC);
	err = setns(fd, CLONE_NEWNET) ?: write_int(path, 0);
	ASSERT_EQ(0, err);
	ASSERT_EQ(0, fsk_connect(client, link->server_ip, self->port));
	ASSERT_TRUE(fsk_is_fast(client));
	server = fsk_accept(_metadata, self->listener);
	EXPECT_EQ(FOR_EVER, fsk_int_option(client, SOL_SOCKET, SO_BUSY_POLL));
	pid = start_echo(_metadata, &client, &server);
	EXPECT_EQ(0, ping(client, 'f', ROUNDS));
	EXPECT_LIKELY(before + ROUNDS / 4 <= spins(link));
	close(client);
	EXPECT_EQ(0, fsk_reap(pid));
	close(fd);
}

/* Both ends spin if they may, and have one processor. */
TEST_F(spin, one_processor_is_for_the_other_end)
{
	const struct fsk_link *link = variant->link;
	uint64_t begin;
	long before;
	char byte;
	pid_t pid;

	prepare(_metadata, link, self->client, MOST, FOR_EVER);
	ASSERT_EQ(0, set_spin_us(link->server_ns, MOST));
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_BUSY_POLL,
				 FOR_EVER));
	ASSERT_EQ(0, pin(1));
	pid = fsk_fork();
	if (!pid) {
		close(self->client);
		while (recv(self->server, &byte, 1, 0) == 1)
			send(self->server, &byte, 1, MSG_NOSIGNAL);
		_exit(0);
	}
	fsk_close(&self->server);
	EXPECT_EQ(0, ping(self->client, 'f', 1));
	before = spins(link);
	begin = fsk_now_ms();
	EXPECT_EQ(0, ping(self->client, 'f', 5 * ROUNDS));
	/* No wait lasts for a timer tick: need_resched() alone is too late. */
	EXPECT_LIKELY(fsk_now_ms() - begin < SOON);
	before = spins(link) - before;
	TH_LOG("%d waits, %ld spins", 5 * ROUNDS, before);
	EXPECT_GE(ROUNDS, before);
	fsk_close(&self->client);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(0, set_spin_us(link->server_ns, 0));
}

/*
 * Both in recv() alone and with something there that is not enough.  Other
 * things end a spin as well, but rarely so soon.
 */
TEST_F(spin, receive_timeout)
{
	const struct fsk_link *link = variant->link;
	long before = spins(link);
	int i, soon = 0, n;
	uint64_t begin;
	char word[8];

	prepare(_metadata, link, self->client, 0, FOR_EVER);
	ASSERT_EQ(0, pin(0));
	ASSERT_EQ(0, fsk_set_timeout(self->client, SO_RCVTIMEO, 100));
	for (i = 0; i < TRIES; i++) {
		n = i % 2;
		if (n) {
			EXPECT_EQ(1, send(self->server, "x", 1, 0));
		}
		begin = fsk_now_ms();
		EXPECT_EQ(n ?: -1, recv(self->client, word, sizeof(word),
					n ? MSG_WAITALL : 0));
		if (!n) {
			EXPECT_EQ(EAGAIN, errno);
		}
		EXPECT_LE(50, fsk_now_ms() - begin);
		soon += fsk_now_ms() - begin < 600;
	}
	EXPECT_LIKELY(TRIES / 2 <= soon);
	EXPECT_LIKELY(before + TRIES / 4 <= spins(link));
}

/*
 * One receive in a process of its own, on the second processor, where it spins.
 * If it was not alone there and sleeps, a 'w' makes it begin anew.
 */
static pid_t start_reader(struct __test_metadata *_metadata,
			  const struct fsk_link *link, int fd, int other)
{
	long before = spins(link);
	char word[4];
	ssize_t n;
	pid_t pid;

	ASSERT_EQ(0, pin(0));
	pid = fsk_fork();
	if (!pid) {
		close(other);
		pin(1);
		do
			n = recv(fd, word, sizeof(word), 0);
		while (n > 0 && word[0] == 'w');
		_exit(n < 0 ? 100 + errno : n);
	}
	/* Its timeout may have ended it, where all is slow. */
	ASSERT_TRUE(FSK_UNTIL(spins(link) > before ||
			      fsk_task_state(pid) == 'Z' ||
			      (fsk_task_state(pid) == 'S' &&
			       !fsk_unread(fd) &&
			       send(other, "w", 1, MSG_NOSIGNAL) < 0)));
	return pid;
}

static int handled[2];

static void handler(int signal)
{
	if (write(handled[1], "h", 1) != 1)
		_exit(99);
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
}

/* Rather than the timeout, which nothing but the signal precedes. */
TEST_F(spin, signal_ends_it)
{
	int i, status, interrupted = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(handled));
	handle(0);
	prepare(_metadata, variant->link, self->client, 0, FOR_EVER);
	ASSERT_EQ(0, fsk_set_timeout(self->client, SO_RCVTIMEO, 500));
	for (i = 0; i < TRIES; i++) {
		pid = start_reader(_metadata, variant->link, self->client,
				   self->server);
		EXPECT_EQ(0, kill(pid, SIGUSR1));
		status = fsk_reap(pid);
		interrupted += status == 100 + EINTR;
		EXPECT_TRUE(status == 100 + EINTR || status == 100 + EAGAIN);
	}
	EXPECT_LIKELY(TRIES / 2 <= interrupted);
}

/* The call goes on after the handler, as one does that has no timeout. */
TEST_F(spin, signal_that_restarts)
{
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(handled));
	handle(SA_RESTART);
	prepare(_metadata, variant->link, self->client, 0, FOR_EVER);
	pid = start_reader(_metadata, variant->link, self->client,
			   self->server);
	EXPECT_EQ(0, kill(pid, SIGUSR1));
	EXPECT_EQ(1, read(handled[0], &byte, 1));
	EXPECT_EQ(2, send(self->server, "xy", 2, 0));
	EXPECT_EQ(2, fsk_reap(pid));
}

/* What else ends a receive, and the status of a reader that it ends. */
FIXTURE(spin_end)
{
};

FIXTURE_VARIANT(spin_end)
{
	char how;
	int status;
};

FIXTURE_VARIANT_ADD(spin_end, close)
{
	.how = 'c', .status = 0,
};

FIXTURE_VARIANT_ADD(spin_end, reset)
{
	.how = 'r', .status = 100 + ECONNRESET,
};

FIXTURE_VARIANT_ADD(spin_end, shutdown)
{
	.how = 's', .status = 0,
};

FIXTURE_VARIANT_ADD(spin_end, disconnect)
{
	.how = 'd', .status = -1,
};

FIXTURE_VARIANT_ADD(spin_end, urgent)
{
	.how = 'u', .status = 1,
};

FIXTURE_SETUP(spin_end)
{
}

FIXTURE_TEARDOWN(spin_end)
{
}

/* Something that a reader of the client hears of. */
static int bring_about(char how, int client, int *server)
{
	struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

	switch (how) {
	case 'r':
		fsk_set_linger(*server, 0);
		/* fall through */
	case 'c':
		return fsk_close(server);
	case 's':
		return shutdown(client, SHUT_RD);
	case 'd':
		return connect(client, &nowhere, sizeof(nowhere));
	}
	return send(*server, "o", 1, MSG_OOB | MSG_NOSIGNAL) != 1;
}

/* Return: did that end a spin? */
static bool end_reader(struct __test_metadata *_metadata, char how, int right,
		       const struct fsk_link *link)
{
	int listener = fsk_listen(_metadata, link, 1);
	int client = fsk_dial(_metadata, link, fsk_port(listener));
	int server = fsk_accept(_metadata, listener);
	int status;
	long before;
	pid_t pid;

	prepare(_metadata, link, client, 0, FOR_EVER);
	pid = start_reader(_metadata, link, client, server);
	before = hits(link);
	EXPECT_EQ(0, bring_about(how, client, &server));
	if (how == 'u') {
		fsk_sleep_ms(20);
		EXPECT_EQ(1, send(server, "x", 1, 0));
	}
	status = fsk_reap(pid);
	if (right >= 0) {
		EXPECT_EQ(right, status);
	} else {
		EXPECT_TRUE(!status || status > 100);
	}
	close(client);
	close(server);
	close(listener);
	return hits(link) > before;
}

/*
 * Often something else ends the spin before; on a kernel with assertions there
 * is always something else to do, and only the end of the reader counts.
 */
TEST_F(spin_end, is_noticed)
{
	static const struct fsk_link *links[] = { &fsk_lo, &fsk_veth };
	unsigned int i, j, tries = fsk_debug_kernel() ? 2 : 3 * TRIES;
	bool noticed;

	for (i = 0; i < 2; i++) {
		noticed = false;
		for (j = 0; j < tries && !noticed; j++)
			noticed = end_reader(_metadata, variant->how,
					     variant->status, links[i]);
		EXPECT_LIKELY(noticed);
	}
}

/* Two readers of one socket, and whatever ends them at any time. */
TEST_F(spin, readers_and_the_end_meet)
{
	static const char hows[] = "crsdu";
	char byte;
	int i, j;

	ASSERT_EQ(0, set_spin_us(variant->link->client_ns, MOST));
	for (i = 0; i < ROUNDS; i++) {
		int client = fsk_dial(_metadata, variant->link, self->port);
		int server = fsk_accept(_metadata, self->listener);
		pid_t pids[2];

		fsk_set_int(client, SOL_SOCKET, SO_BUSY_POLL,
			    i % 2 ? 0 : 2000);
		for (j = 0; j < 2; j++) {
			pids[j] = fsk_fork();
			if (pids[j])
				continue;
			close(server);
			fsk_set_timeout(client, SO_RCVTIMEO, i % 3 ? 0 : 1);
			while (recv(client, &byte, 1,
				    j ? 0 : MSG_WAITALL) > 0 || errno == EAGAIN)
				errno = 0;
			_exit(0);
		}
		for (j = i % 7; j; j--)
			send(server, "abc", j % 3 + 1, MSG_NOSIGNAL);
		bring_about(hows[i % 5], client, &server);
		close(server);
		shutdown(client, SHUT_RDWR);
		close(client);
		EXPECT_EQ(0, fsk_reap(pids[0]));
		EXPECT_EQ(0, fsk_reap(pids[1]));
	}
	EXPECT_EQ(0, set_spin_us(variant->link->client_ns, 0));
}

/* A reader spins with its buffer posted, and the bytes go there. */
TEST_F(spin, posted_buffer)
{
	static char buf[64 << 10];
	const struct fsk_link *link = variant->link;
	long posted = fsk_stat(link->client_ns, "FskPostedBytes");
	long before = hits(link);
	uint64_t at;
	char byte;
	pid_t pid;

	prepare(_metadata, link, self->client, 0, FOR_EVER);
	ASSERT_EQ(0, pin(0));
	pid = fsk_fork();
	if (!pid) {
		close(self->client);
		pin(1);
		for (at = 0; recv(self->server, &byte, 1, 0) == 1;
		     at += sizeof(buf)) {
			fsk_sleep_ms(5);
			if (fsk_send_pattern(self->server, 6, at, sizeof(buf)))
				_exit(1);
		}
		_exit(0);
	}
	fsk_close(&self->server);
	for (at = 0; at < 20 * sizeof(buf); at += sizeof(buf)) {
		ASSERT_EQ(1, send(self->client, "x", 1, 0));
		ASSERT_EQ(sizeof(buf), recv(self->client, buf, sizeof(buf),
					    MSG_WAITALL));
		ASSERT_EQ(-1, fsk_wrong(buf, sizeof(buf), 6, at));
	}
	EXPECT_LT(posted, fsk_stat(link->client_ns, "FskPostedBytes"));
	EXPECT_LIKELY(before + 5 <= hits(link));
	fsk_close(&self->client);
	EXPECT_EQ(0, fsk_reap(pid));
}

FSK_TEST_MAIN
