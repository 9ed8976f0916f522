// SPDX-License-Identifier: GPL-2.0
// Connections within the host: what only memory does, and must not do.
// fastsock: timeout=300

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "fsk_test.h"
#include "fsk_trap.h"

#define KIB		1024UL
#define MIB		(1024 * KIB)
#define GIB		(1024ULL * MIB)
#define MANY		64	/* idle connections */
#define BEFORE		64	/* bytes of a buffer before a page that faults */
#define QUICK		100	/* answers, more than reads from which it learns */
#define SLOW		20
#define ONE_WAY		200	/* bytes that nobody answers */
#define CALLERS		3	/* threads that call a listener */
#define TURNING		3000	/* ms for which a listener turns client */

FIXTURE(memory)
{
	int listener;
	int client;
	int server;
	uint16_t port;
};

FIXTURE_SETUP(memory)
{
	self->listener = fsk_listen(_metadata, &fsk_lo, 128);
	self->port = fsk_port(self->listener);
	self->client = fsk_dial(_metadata, &fsk_lo, self->port);
	self->server = fsk_accept(_metadata, self->listener);
}

FIXTURE_TEARDOWN(memory)
{
	close(self->client);
	close(self->server);
	close(self->listener);
}

/* Packets that a device has sent. */
static long packets(const char *ns, const char *device)
{
	char line[256], name[32];
	long n = -1, sent;
	FILE *file;

	if (fsk_enter(ns))
		return -1;
	file = fopen("/proc/thread-self/net/dev", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %31[^:]: %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld",
			   name, &sent) == 2 && !strcmp(name, device))
			n = sent;
	if (file)
		fclose(file);
	return n;
}

/* Pages that TCP's sockets hold, fastsock's among them. */
static long pages(void)
{
	return fsk_number_in("/proc/net/sockstat",
			     "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %ld");
}

/* What TCP_INFO says of the bytes of a connection. */
static void bytes(int fd, uint64_t *sent, uint64_t *received)
{
	uint64_t info[64] = {};
	socklen_t len = sizeof(info);

	/* tcpi_bytes_received and _sent of the kernel; the C library knows less. */
	getsockopt(fd, SOL_TCP, TCP_INFO, info, &len);
	memcpy(received, (char *)info + 128, sizeof(*received));
	memcpy(sent, (char *)info + 200, sizeof(*sent));
}

TEST_F(memory, nothing_crosses_the_device)
{
	long before = packets("lo0", "lo");
	long frames = fsk_stat("lo0", "FskOutFrames");
	long bytes = fsk_stat("lo0", "FskOutBytes");
	int i, fd;

	ASSERT_LE(0, before);
	for (i = 0; i < 20; i++) {
		fd = fsk_dial(_metadata, &fsk_lo, self->port);
		close(fsk_accept(_metadata, self->listener));
		close(fd);
		ASSERT_EQ(0, fsk_send_pattern(self->client, 1, i * KIB, KIB));
		ASSERT_EQ(KIB, fsk_recv_pattern(self->server, 1, i * KIB, KIB));
	}
	EXPECT_EQ(before, packets("lo0", "lo"));
	EXPECT_EQ(frames, fsk_stat("lo0", "FskOutFrames"));
	EXPECT_EQ(bytes + 20 * KIB, fsk_stat("lo0", "FskOutBytes"));
}

/* Not 127.0.0.1: an address of a device that could carry frames. */
TEST(own_address_of_the_lan)
{
	static const struct fsk_link own = {
		"a", "a", "10.77.0.1", "10.77.0.1",
	};
	int listener = fsk_listen(_metadata, &own, 1);
	long frames = fsk_stat("a", "FskOutFrames");
	int client = fsk_dial(_metadata, &own, fsk_port(listener));
	int server = fsk_accept(_metadata, listener);
	char byte;

	EXPECT_EQ(1, send(client, "x", 1, 0));
	EXPECT_EQ(1, recv(server, &byte, 1, 0));
	EXPECT_EQ(frames, fsk_stat("a", "FskOutFrames"));
	close(client);
	close(server);
	close(listener);
}

static void set_same_host(const char *value)
{
	int fd;

	if (fsk_enter("lo0"))
		return;
	fd = open("/proc/sys/net/fastsock/same_host", O_WRONLY);
	if (write(fd, value, 1) != 1)
		abort();
	close(fd);
}

TEST_F(memory, the_administrator_may_want_tcp)
{
	long delegated = fsk_stat("lo0", "FskDelegatedLocalhost");
	int fd, other;
	char byte;

	set_same_host("0");
	fd = fsk_socket("lo0", 0);
	EXPECT_EQ(0, fsk_connect(fd, "127.0.0.1", self->port));
	set_same_host("1");
	EXPECT_FALSE(fsk_is_fast(fd));
	EXPECT_EQ(delegated + 1, fsk_stat("lo0", "FskDelegatedLocalhost"));
	other = accept(self->listener, NULL, NULL);
	EXPECT_EQ(1, send(fd, "x", 1, 0));
	EXPECT_EQ(1, recv(other, &byte, 1, 0));
	close(fd);
	close(other);
	/* Those that are, stay. */
	EXPECT_EQ(1, send(self->client, "x", 1, 0));
	EXPECT_EQ(1, recv(self->server, &byte, 1, 0));
}

/* What send() says it took arrives, and no byte more. */
TEST_F(memory, sender_that_faults_in_the_middle)
{
	size_t sizes[] = { 1, 100, 4000, 5000, 40000, 100000 };
	char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = 0;
	unsigned int i;
	ssize_t n;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + MIB / 2, MIB / 2, PROT_NONE));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *from = map + MIB / 2 - sizes[i];

		fsk_fill(from, sizes[i], 3, at);
		n = send(self->client, from, 2 * sizes[i], 0);
		if (n < 0) {
			EXPECT_EQ(EFAULT, errno);
			n = 0;
		}
		EXPECT_LE(n, (ssize_t)sizes[i]);
		ASSERT_EQ(n, fsk_recv_pattern(self->server, 3, at, n));
		at += n;
		EXPECT_EQ(0, fsk_unread(self->server));
	}
	munmap(map, MIB);
}

/* A receive that waits with less than is sent: the call takes all the same. */
TEST_F(memory, send_of_more_than_is_posted)
{
	size_t len = 400 * KIB;
	char *buf = malloc(len);
	pid_t pid = fsk_fork();

	ASSERT_NE(NULL, buf);
	if (!pid) {
		ssize_t n = recv(self->server, buf, 20 * KIB, MSG_WAITALL);

		_exit(n != 20 * KIB || fsk_wrong(buf, n, 4, 0) >= 0 ||
		      fsk_recv_pattern(self->server, 4, n, len - n) != len - n);
	}
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	fsk_fill(buf, len, 4, 0);
	EXPECT_EQ(len, send(self->client, buf, len, 0));
	EXPECT_EQ(0, fsk_reap(pid));
	free(buf);
}

/* A reader's timeout ends its call; what came before is its, what comes is not. */
TEST_F(memory, reader_that_leaves_its_buffer)
{
	static char buf[64 * KIB];
	ssize_t n;

	ASSERT_EQ(0, fsk_set_timeout(self->server, SO_RCVTIMEO, 100));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 5, 0, 1000));
	n = recv(self->server, buf, sizeof(buf), MSG_WAITALL);
	EXPECT_EQ(1000, n);
	EXPECT_EQ(-1, fsk_wrong(buf, 1000, 5, 0));
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 5, 1000, 2000));
	EXPECT_EQ(0, buf[0] | buf[1000] | buf[2000]);
	EXPECT_EQ(2000, fsk_recv_pattern(self->server, 5, 1000, 2000));
}

/* Only from 6.9 on has TCP such an offset. */
TEST_F(memory, peek_beyond_what_is_there)
{
	char buf[64];

	if (fsk_set_int(self->server, SOL_SOCKET, SO_PEEK_OFF, 5000))
		SKIP(return, "no SO_PEEK_OFF");
	ASSERT_EQ(0, fsk_set_timeout(self->server, SO_RCVTIMEO, 100));
	EXPECT_EQ(-1, recv(self->server, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, fsk_send_pattern(self->client, 6, 0, 10));
	EXPECT_EQ(-1, recv(self->server, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, fsk_send_pattern(self->client, 6, 10, 5000));
	EXPECT_EQ(10, recv(self->server, buf, sizeof(buf), MSG_PEEK));
	EXPECT_EQ(-1, fsk_wrong(buf, 10, 6, 5000));
	EXPECT_EQ(5010, fsk_recv_pattern(self->server, 6, 0, 5010));
}

/* One thread waits to see more than there is, another takes what there is. */
TEST_F(memory, peek_while_another_takes)
{
	pid_t pid = fsk_fork();
	char buf[64];

	if (!pid) {
		ssize_t n = recv(self->server, buf, 30, MSG_PEEK | MSG_WAITALL);

		/* As TCP: the new bytes follow those that were seen. */
		_exit(n != 30 || fsk_wrong(buf, 10, 7, 0) >= 0 ||
		      fsk_wrong(buf + 10, 20, 7, 10) >= 0);
	}
	ASSERT_EQ(0, fsk_send_pattern(self->client, 7, 0, 10));
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	fsk_sleep_ms(50);
	EXPECT_EQ(10, fsk_recv_pattern(self->server, 7, 0, 10));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 7, 10, 1));
	fsk_sleep_ms(50);
	ASSERT_EQ(0, fsk_send_pattern(self->client, 7, 11, 19));
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(20, fsk_recv_pattern(self->server, 7, 10, 20));
}

/* The last byte that could be read is the urgent one, wherever memory ends. */
TEST_F(memory, urgent_sender_that_faults)
{
	const size_t sizes[] = { 1, 4096 - 16, 8192 - 16, 32768 - 16, 40000 };
	char *map = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t at = 0;
	unsigned int i;
	char byte;
	ssize_t n;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + MIB / 2, MIB / 2, PROT_NONE));
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_OOBINLINE, 1));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *from = map + MIB / 2 - sizes[i];

		fsk_fill(from, sizes[i], 3, at);
		n = send(self->client, from, 65536, MSG_OOB);
		if (n <= 0)
			continue;
		EXPECT_LE(n, (ssize_t)sizes[i]);
		EXPECT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLPRI));
		ASSERT_EQ(n - 1, fsk_recv_pattern(self->server, 3, at, n - 1));
		ASSERT_EQ(1, recv(self->server, &byte, 1, 0));
		EXPECT_EQ(from[n - 1], byte);
		at += n;
		EXPECT_EQ(0, fsk_unread(self->server));
	}
	EXPECT_LT(0, at);
	munmap(map, MIB);
}

/* The urgent byte is not in the stream, however reader and writer meet. */
TEST_F(memory, urgent_bytes_for_a_busy_reader)
{
	int rounds = fsk_debug_kernel() ? 300 : 2000, i, got;
	pid_t pid = fsk_fork();
	char buf[8];

	if (!pid) {
		for (i = 0; i < rounds; i++)
			if (send(self->client, "abc!", 4, MSG_OOB) != 4 ||
			    recv(self->client, buf, 1, 0) != 1)
				_exit(1);
		_exit(0);
	}
	for (i = 0; i < rounds; i++) {
		memset(buf, 0, sizeof(buf));
		for (got = 0; got < 3;)
			got += recv(self->server, buf + got, 5 - got, 0);
		if (strcmp(buf, "abc"))
			break;
		if (recv(self->server, buf, 1, MSG_OOB) != 1 || *buf != '!')
			break;
		send(self->server, "x", 1, 0);
	}
	EXPECT_EQ(rounds, i);
	if (i < rounds)
		kill(pid, SIGKILL);
	EXPECT_EQ(0, fsk_reap(pid));
}

/* A thread that peeks into BEFORE bytes, then a page that is not there. */
struct peeker {
	int fd;
	char before[BEFORE];
	char *page;
	ssize_t seen;
};

static void *peek(void *argument)
{
	struct peeker *p = argument;
	struct iovec iov[] = {
		{ p->before, BEFORE }, { p->page, FSK_PAGE },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	p->seen = recvmsg(p->fd, &msg, MSG_PEEK);
	return NULL;
}

/*
 * A peeking reader stands at the mark and sleeps in a page fault when the next
 * urgent byte comes: the old one is passed over, and it sees no byte more than
 * there is.  TCP may show the same bytes twice then, which nobody needs.
 */
TEST_F(memory, peek_asleep_at_the_mark)
{
	struct peeker p = { .fd = self->server };
	const int len = 2 * BEFORE;
	struct fsk_trap trap;
	int at_mark = 0;
	pthread_t thread;
	char buf[FSK_PAGE];

	ASSERT_EQ(0, fsk_set_trap(&trap));
	p.page = trap.page;
	ASSERT_EQ(4, send(self->client, "abc!", 4, MSG_OOB));
	ASSERT_EQ(0, fsk_send_pattern(self->client, 9, 0, len));
	ASSERT_EQ(3, recv(self->server, buf, sizeof(buf), 0));
	ASSERT_EQ(0, ioctl(self->server, SIOCATMARK, &at_mark));
	ASSERT_EQ(1, at_mark);
	ASSERT_EQ(0, pthread_create(&thread, NULL, peek, &p));
	ASSERT_TRUE(fsk_is_trapped(&trap));
	EXPECT_EQ(1, send(self->client, "?", 1, MSG_OOB));
	ASSERT_EQ(0, fsk_let_go(&trap));
	pthread_join(thread, NULL);
	EXPECT_EQ(len, p.seen);
	EXPECT_EQ(-1, fsk_wrong(p.before, BEFORE, 9, 0));
	EXPECT_EQ(-1, fsk_wrong(p.page, len - BEFORE, 9, BEFORE));
	/* They are still there, and end at the new mark. */
	EXPECT_EQ(len, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(-1, fsk_wrong(buf, len, 9, 0));
	EXPECT_EQ(1, recv(self->server, buf, 1, MSG_OOB));
	EXPECT_EQ('?', *buf);
	FSK_EXPECT_ALIVE(self->client, self->server);
	fsk_free_trap(&trap);
}

/* Bytes beyond the window are shown when there is room, each time. */
TEST_F(memory, little_more_than_the_window)
{
	int rounds = fsk_debug_kernel() ? 300 : 3000, i, window;
	struct pollfd pfd = { .events = POLLIN };
	static char buf[MIB];
	pid_t pid;

	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 1));
	window = fsk_int_option(self->server, SOL_SOCKET, SO_RCVBUF);
	pid = fsk_fork();
	if (!pid) {
		for (i = 0; i < rounds; i++)
			if (fsk_send_all(self->client, buf, window + 1) < 0 ||
			    recv(self->client, buf, 1, 0) != 1)
				_exit(1);
		_exit(0);
	}
	pfd.fd = self->server;
	for (i = 0; i < rounds; i++) {
		int left = window + 1, n;

		while (left) {
			/* Every other time by a receive that sleeps. */
			if (i & 1 && poll(&pfd, 1, 20000) != 1)
				break;
			n = recv(self->server, buf, left > window ? window :
				 left, 0);
			if (n <= 0)
				break;
			left -= n;
		}
		if (left || send(self->server, "x", 1, 0) != 1)
			break;
	}
	EXPECT_EQ(rounds, i);
	if (i < rounds)
		kill(pid, SIGKILL);
	EXPECT_EQ(0, fsk_reap(pid));
}

/* There is no peer to be missed: what ends sending is no reason to end it. */
TEST_F(memory, keepalive_and_user_timeout)
{
	static char buf[MIB];
	int round;

	fsk_set_int(self->client, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(self->client, SOL_TCP, TCP_KEEPINTVL, 1);
	fsk_set_int(self->client, SOL_SOCKET, SO_KEEPALIVE, 1);
	fsk_set_int(self->client, SOL_TCP, TCP_USER_TIMEOUT, 1200);
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 8192));
	for (round = 0; round < 3; round++) {
		/* More than the window, so that it looks at its patience. */
		ASSERT_EQ(0, fsk_send_pattern(self->client, 8, 0, 40000));
		ASSERT_EQ(40000, fsk_recv_pattern(self->server, 8, 0, 40000));
		fsk_sleep_ms(2400);
	}
	EXPECT_EQ(1, send(self->client, buf, 1, MSG_NOSIGNAL));
	EXPECT_EQ(0, fsk_int_option(self->client, SOL_SOCKET, SO_ERROR));
}

/* The server closed first; its end rests, and a new connection replaces it. */
TEST_F(memory, same_names_again)
{
	int one, other, round;
	uint16_t port = 0;
	char byte;

	for (round = 0; round < 3; round++) {
		one = fsk_socket("lo0", 0);
		ASSERT_LE(0, one);
		ASSERT_EQ(0, fsk_set_int(one, SOL_SOCKET, SO_REUSEADDR, 1));
		ASSERT_EQ(0, fsk_bind(one, "127.0.0.1", port));
		port = fsk_port(one);
		ASSERT_EQ(0, fsk_connect(one, "127.0.0.1", self->port));
		EXPECT_TRUE(fsk_is_fast(one));
		other = accept(self->listener, NULL, NULL);
		ASSERT_LE(0, other);
		close(other);
		EXPECT_EQ(0, recv(one, &byte, 1, 0));
		close(one);
	}
}

/* What threads have to do with a listener that turns client, and back. */
struct turning {
	int fd;			/* it */
	uint16_t port;		/* its port */
	int other;		/* the listener that it connects to */
	uint16_t other_port;
	atomic_bool stop;
	atomic_bool drained;	/* nobody connects to the other any more */
	atomic_int callers;	/* that have begun */
	atomic_int calls;	/* over fastsock */
	int turns;		/* connections that it made over fastsock */
	int refused;		/* listen() failed */
};

/* One processor is for the listener, the others are for those who call it. */
static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? n : 1;
}

static int disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return connect(fd, &none, sizeof(none));
}

/* Connects again and again: as it happens it is refused, or reset. */
static void *call(void *argument)
{
	struct turning *t = argument;
	int cpus = processors(), fd;

	if (cpus > 1)
		pin(atomic_fetch_add(&t->callers, 1) % (cpus - 1));
	while (!atomic_load(&t->stop)) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		/* Its queue may be full; and nothing is to rest afterwards. */
		fsk_set_timeout(fd, SO_SNDTIMEO, 100);
		fsk_set_linger(fd, 0);
		if (!fsk_connect(fd, "127.0.0.1", t->port) && fsk_is_fast(fd))
			atomic_fetch_add(&t->calls, 1);
		sched_yield();
		close(fd);
	}
	return NULL;
}

static void *turn(void *argument)
{
	struct turning *t = argument;
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	int cpus = processors(), round;

	pin(cpus - 1);
	for (round = 0; !atomic_load(&t->stop); round++) {
		/* Every other time, when others are likely to be calling. */
		poll(&pfd, 1, round & 1);
		disconnect(t->fd);
		if (!fsk_connect(t->fd, "127.0.0.1", t->other_port) &&
		    fsk_is_fast(t->fd))
			t->turns++;
		sched_yield();
		disconnect(t->fd);
		t->refused += !!listen(t->fd, 1024);
		sched_yield();
	}
	return NULL;
}

static void take_all(int listener)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
}

static void *drain(void *argument)
{
	struct turning *t = argument;
	struct pollfd pfd = { .fd = t->other, .events = POLLIN };

	while (!atomic_load(&t->drained)) {
		poll(&pfd, 1, 10);
		take_all(t->other);
	}
	return NULL;
}

/* A port of 127.0.0.1 that can be asked for: only then is it kept. */
static int bound_to_a_port(void)
{
	int one = fsk_socket("lo0", SOCK_CLOEXEC), fd;
	uint16_t port;

	if (fsk_bind(one, "127.0.0.1", 0))
		return -1;
	port = fsk_port(one);
	close(one);
	fd = fsk_socket("lo0", SOCK_CLOEXEC);
	return fsk_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
	       fsk_bind(fd, "127.0.0.1", port) ? -1 : fd;
}

/* A child may be in the making while its listener becomes a client. */
TEST_F(memory, listener_turns_client)
{
	struct turning t = {
		.fd = bound_to_a_port(), .other = self->listener,
		.other_port = self->port,
	};
	pthread_t caller[CALLERS], turner, drainer;
	int i, one, other;

	ASSERT_LE(0, t.fd);
	t.port = fsk_port(t.fd);
	ASSERT_EQ(0, fsk_set_timeout(t.fd, SO_SNDTIMEO, 100));
	/* Once it has been fastsock's, TCP does not get it for good. */
	ASSERT_EQ(0, fsk_connect(t.fd, "127.0.0.1", t.other_port));
	ASSERT_TRUE(fsk_is_fast(t.fd));
	close(fsk_accept(_metadata, self->listener));
	ASSERT_EQ(0, disconnect(t.fd));
	ASSERT_EQ(0, listen(t.fd, 1024));

	ASSERT_EQ(0, fsk_nonblock(self->listener, true));
	ASSERT_EQ(0, pthread_create(&drainer, NULL, drain, &t));
	ASSERT_EQ(0, pthread_create(&turner, NULL, turn, &t));
	for (i = 0; i < CALLERS; i++)
		ASSERT_EQ(0, pthread_create(&caller[i], NULL, call, &t));
	fsk_sleep_ms(TURNING);
	atomic_store(&t.stop, true);
	for (i = 0; i < CALLERS; i++)
		pthread_join(caller[i], NULL);
	pthread_join(turner, NULL);
	atomic_store(&t.drained, true);
	pthread_join(drainer, NULL);
	take_all(self->listener);
	ASSERT_EQ(0, fsk_nonblock(self->listener, false));
	TH_LOG("%d turns, %d calls", t.turns, atomic_load(&t.calls));
	EXPECT_LT(0, t.turns);
	EXPECT_LT(0, atomic_load(&t.calls));
	EXPECT_EQ(0, t.refused);

	one = fsk_dial(_metadata, &fsk_lo, self->port);
	other = fsk_accept(_metadata, self->listener);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
	EXPECT_EQ(0, disconnect(t.fd));
	ASSERT_EQ(0, listen(t.fd, 1));
	EXPECT_EQ(t.port, fsk_port(t.fd));
	one = fsk_dial(_metadata, &fsk_lo, t.port);
	other = fsk_accept(_metadata, t.fd);
	FSK_EXPECT_ALIVE(one, other);
	close(one);
	close(other);
	close(t.fd);
}

/* Bytes that come while splice() finds that there are none are not the end. */
TEST_F(memory, splice_meets_a_byte)
{
	uint64_t end = fsk_now_ms() + 10000;
	atomic_int *taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pipes[2], i;
	pid_t pid;
	char byte;

	ASSERT_NE(MAP_FAILED, taken);
	ASSERT_EQ(0, pipe(pipes));
	pid = fsk_fork();
	if (!pid) {
		for (i = 0;; i++) {
			while (atomic_load(taken) < i)
				sched_yield();
			for (int spin = i % 1000; spin; spin--)
				atomic_load(taken);
			byte = i;
			if (send(self->client, &byte, 1, 0) != 1)
				_exit(1);
		}
	}
	for (i = 0; i < 30000 && fsk_now_ms() < end; i++) {
		ASSERT_EQ(1, splice(self->server, NULL, pipes[1], NULL, 1, 0)) {
			TH_LOG("round %d: %s", i, strerror(errno));
		}
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		ASSERT_EQ((char)i, byte);
		atomic_store(taken, i + 1);
	}
	kill(pid, SIGKILL);
	fsk_reap(pid);
	munmap(taken, sizeof(*taken));
	close(pipes[0]);
	close(pipes[1]);
}

/* TCP_INFO counts more than 32 bits can. */
TEST_F(memory, more_than_four_gigabytes)
{
	uint64_t total = 9 * (GIB / 2), left, sent = 0, received = 0;
	static char buf[64 * KIB];
	pid_t pid;

	if (fsk_debug_kernel())
		SKIP(return, "takes too long");
	pid = fsk_fork();
	if (!pid) {
		for (left = total; left; left -= sizeof(buf))
			if (fsk_send_all(self->client, buf, sizeof(buf)) < 0)
				_exit(1);
		_exit(0);
	}
	for (left = total; left;) {
		ssize_t n = recv(self->server, buf, MIB, MSG_TRUNC);

		if (n <= 0)
			break;
		left -= n;
	}
	EXPECT_EQ(0, left);
	EXPECT_EQ(0, fsk_reap(pid));
	bytes(self->client, &sent, &received);
	EXPECT_EQ(total, sent);
	bytes(self->server, &sent, &received);
	EXPECT_EQ(total, received);
}

/* How often this thread has slept. */
static long sleeps(void)
{
	struct rusage usage = {};

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

/* Answers each byte with itself, after 20 ms if it is an 's'. */
static void answer(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) == 1) {
		if (byte == 's')
			fsk_sleep_ms(20);
		send(fd, &byte, 1, MSG_NOSIGNAL);
	}
	_exit(0);
}

/* Return: how often it slept meanwhile, or -1. */
static long ask(int fd, char byte, int times)
{
	long before = sleeps();

	while (times--)
		if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1 ||
		    recv(fd, &byte, 1, 0) != 1)
			return -1;
	return sleeps() - before;
}

/*
 * Where answers were quick the reader is woken before the next one is there.
 * If that is late the reader sleeps twice, but not again and again.
 */
TEST_F(memory, roused_ahead_of_an_answer)
{
	long slept;
	pid_t pid;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "one processor");
	pin(0);
	pid = fsk_fork();
	if (!pid) {
		close(self->client);
		pin(1);
		answer(self->server);
	}
	EXPECT_TRUE(FSK_UNTIL(ask(self->client, 'q', QUICK) >= 0 &&
			      ask(self->client, 's', 1) == 2) ||
		    fsk_debug_kernel());
	slept = ask(self->client, 's', SLOW);
	EXPECT_LE(SLOW, slept);
	EXPECT_GE(SLOW + 2, slept);
	close(self->server);
	close(self->client);
	EXPECT_EQ(0, fsk_reap(pid));
	self->server = -1;
	self->client = -1;
}

/* Who reads and does not answer lets the readers of the other end sleep. */
TEST_F(memory, not_roused_where_nobody_answers)
{
	long before;
	char byte;
	pid_t pid;
	int i;

	pid = fsk_fork();
	if (!pid) {
		before = sleeps();
		recv(self->client, &byte, 1, 0);
		_exit(sleeps() - before < 255 ? sleeps() - before : 255);
	}
	for (i = 0; i < ONE_WAY; i++) {
		ASSERT_EQ(1, send(self->client, "x", 1, 0));
		ASSERT_EQ(1, recv(self->server, &byte, 1, 0));
		/* Whoever was woken sleeps again. */
		fsk_sleep_ms(2);
	}
	ASSERT_EQ(1, send(self->server, "x", 1, 0));
	/* One of 65 reads tries whether it is worth it. */
	EXPECT_GE(ONE_WAY / 32, fsk_reap(pid));
}

/* Bytes that nobody sends or reads any more cost nothing after a while. */
TEST_F(memory, idle_connections_hold_none)
{
	long before, full;
	int one[MANY], i;
	int other[MANY];

	/* What other tests held goes first. */
	fsk_sleep_ms(3000);
	before = pages();
	for (i = 0; i < MANY; i++) {
		one[i] = fsk_dial(_metadata, &fsk_lo, self->port);
		other[i] = fsk_accept(_metadata, self->listener);
		ASSERT_EQ(0, fsk_send_pattern(one[i], i, 0, 100 * KIB));
	}
	full = pages();
	/* The count is exact to 256 pages for each of two processors. */
	EXPECT_LE(before + MANY * 24 - 600, full);
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(100 * KIB, fsk_recv_pattern(other[i], i, 0,
						      100 * KIB));
	EXPECT_TRUE(FSK_UNTIL(pages() <= before + 600));
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, fsk_send_pattern(one[i], 7, 0, KIB));
		ASSERT_EQ(KIB, fsk_recv_pattern(other[i], 7, 0, KIB));
		close(one[i]);
		close(other[i]);
	}
}

/* The server closes first and waits for the client, who is never heard of. */
TEST_F(memory, orphan_that_waits_for_the_end)
{
	char byte;

	EXPECT_EQ(1, send(self->client, "x", 1, 0));
	EXPECT_EQ(1, recv(self->server, &byte, 1, 0));
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_TCP, TCP_LINGER2, 1));
	EXPECT_EQ(0, close(self->server));
	self->server = -1;
	EXPECT_EQ(0, recv(self->client, &byte, 1, 0));
	fsk_sleep_ms(1500);
	/* The first is sent to nobody, the second is told so. */
	EXPECT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(-1, send(self->client, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
}

/* An end that comes behind more than the window holds is not there yet. */
TEST_F(memory, the_last_reader_goes)
{
	char byte;

	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(0, recv(self->server, &byte, 1, 0));
	EXPECT_LT(0, fsk_stuff(self->server, 1));
	EXPECT_EQ(0, close(self->server));
	self->server = -1;
	EXPECT_EQ(1, recv(self->client, &byte, 1, 0));
	EXPECT_EQ(POLLIN, fsk_events(self->client) & (POLLIN | POLLRDHUP));
	EXPECT_EQ(0, close(self->client));
	self->client = -1;
	/* Nobody waits for a reader any more. */
	EXPECT_TRUE(FSK_UNTIL(!fsk_stat("lo0", "FskCurrEstab")));
}

FSK_TEST_MAIN
