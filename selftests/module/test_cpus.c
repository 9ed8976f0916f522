// SPDX-License-Identifier: GPL-2.0
/*
 * Writer and reader on two processors: none loses what the other counts, though
 * each writes into lines of its own and adds up later.
 * fastsock: timeout=240
 */
#include "fsk_test.h"

#include <linux/sock_diag.h>

#define HOLDS "/sys/module/fastsock/parameters/holds"
#define MESSAGES (fsk_debug_kernel() ? 4000 : 40000)
#define ROUNDS (fsk_debug_kernel() ? 60 : 600)

static int pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* TCP_INFO as far as it is of interest here. */
struct info {
	struct tcp_info old;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in;
	uint32_t data_segs_out;
};

static struct info info_of(int fd)
{
	struct info info = {};
	socklen_t len = sizeof(info);

	getsockopt(fd, SOL_TCP, TCP_INFO, &info, &len);
	return info;
}

static uint32_t held_by(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {};
	socklen_t len = sizeof(info);

	getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len);
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* One direction of a connection. */
struct flow {
	int fd;
	int cpu;
	size_t most;		/* bytes of a message */
	uint64_t bytes;
	int64_t wrong;
};

static size_t length(const struct flow *f, unsigned int i)
{
	return 1 + fsk_word(f->most, i) % f->most;
}

static void *write_all(void *arg)
{
	struct flow *f = arg;
	char buf[65536];
	unsigned int i;
	size_t n;

	if (pin(f->cpu))
		return NULL;
	for (i = 0; i < MESSAGES; i++) {
		n = length(f, i);
		fsk_fill(buf, n, f->most, f->bytes);
		if (fsk_send_all(f->fd, buf, n) != (ssize_t)n)
			return NULL;
		f->bytes += n;
	}
	shutdown(f->fd, SHUT_WR);
	return f;
}

static void *read_all(void *arg)
{
	struct flow *f = arg;
	char buf[65536];
	ssize_t n;

	if (pin(f->cpu))
		return NULL;
	while ((n = recv(f->fd, buf, sizeof(buf), 0)) > 0) {
		if (fsk_wrong(buf, n, f->most, f->bytes) >= 0)
			f->wrong++;
		f->bytes += n;
	}
	return n ? NULL : f;
}

FSK_PAIR_FIXTURE(cpus);

static void converse(struct __test_metadata *_metadata, int client, int server,
		     size_t most)
{
	struct flow flow[4] = {
		{ client, 0, most }, { server, 1, most },
		{ server, 1, most }, { client, 0, most },
	};
	struct info c, s;
	pthread_t t[4];
	void *ret;
	int i;

	/* The client's threads on one processor, the server's on the other. */
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL,
					    i % 2 ? read_all : write_all,
					    &flow[i]));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_join(t[i], &ret));
		EXPECT_NE(NULL, ret);
	}
	EXPECT_EQ(flow[0].bytes, flow[1].bytes);
	EXPECT_EQ(flow[2].bytes, flow[3].bytes);
	EXPECT_EQ(0, flow[1].wrong + flow[3].wrong);
	EXPECT_EQ(0, held_by(client));
	EXPECT_EQ(0, held_by(server));
	c = info_of(client);
	s = info_of(server);
	EXPECT_LE(flow[0].bytes, s.bytes_received);
	EXPECT_GE(flow[0].bytes + 1, s.bytes_received);
	EXPECT_LE(flow[2].bytes, c.bytes_received);
	EXPECT_GE(flow[2].bytes + 1, c.bytes_received);
}

TEST_F(cpus, short_messages)
{
	converse(_metadata, self->client, self->server, 64);
}

TEST_F(cpus, messages_that_count)
{
	converse(_metadata, self->client, self->server, 20000);
}

static volatile bool asking;

static void *ask(void *arg)
{
	while (asking)
		info_of(*(int *)arg);
	return NULL;
}

/*
 * In memory each end counts the same ones, as soon as somebody asks, and while
 * somebody does.
 */
static void count_segments(struct __test_metadata *_metadata, size_t most)
{
	int listener = fsk_listen(_metadata, &fsk_lo, 1), client, server;
	struct info before, sent, received;
	struct flow out, in;
	pthread_t t[3];
	void *ret;

	client = fsk_dial(_metadata, &fsk_lo, fsk_port(listener));
	server = fsk_accept(_metadata, listener);
	before = info_of(server);
	out = (struct flow) { client, 0, most };
	in = (struct flow) { server, 1, most };
	asking = true;
	ASSERT_EQ(0, pthread_create(&t[0], NULL, write_all, &out));
	ASSERT_EQ(0, pthread_create(&t[1], NULL, read_all, &in));
	ASSERT_EQ(0, pthread_create(&t[2], NULL, ask, &server));
	ASSERT_EQ(0, pthread_join(t[0], &ret));
	ASSERT_EQ(0, pthread_join(t[1], &ret));
	asking = false;
	ASSERT_EQ(0, pthread_join(t[2], &ret));
	sent = info_of(client);
	received = info_of(server);
	/* One that did not fit was written in two. */
	EXPECT_LE(MESSAGES, (int)sent.data_segs_out);
	EXPECT_EQ(sent.data_segs_out, received.data_segs_in);
	EXPECT_EQ(sent.data_segs_out, received.segs_in - before.segs_in);
	EXPECT_EQ(out.bytes, in.bytes);
}

TEST(segments_are_counted_at_both_ends)
{
	count_segments(_metadata, 512);
}

/* The writer fills the reader's buffer. */
TEST(segments_of_posted_bytes_are_counted)
{
	count_segments(_metadata, 60000);
}

/* Many are counted, and are not any more when they were read. */
TEST(unread_bytes_are_counted)
{
	int listener = fsk_listen(_metadata, &fsk_lo, 1), client, server;
	char buf[40000] = {};
	int i, n = 0;

	client = fsk_dial(_metadata, &fsk_lo, fsk_port(listener));
	server = fsk_accept(_metadata, listener);
	pin(0);
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(1000, send(client, buf, 1000, 0));
		n += 1000;
		EXPECT_GE(n, (int)held_by(server));
		EXPECT_LT(n, 2 * (int)held_by(server) + 4096);
	}
	pin(1);
	ASSERT_EQ(39000, fsk_recv_all(server, buf, 39000));
	EXPECT_GE(1000, (int)held_by(server));
	ASSERT_EQ(1000, fsk_recv_all(server, buf, 1000));
	EXPECT_EQ(0, (int)held_by(server));
}

/*
 * What fills the receive buffer is to be read, however many bytes the program
 * wants; with many and with few.
 */
static void fill_below_the_mark(struct __test_metadata *_metadata, int client,
				int server, int buffer, int messages,
				size_t len)
{
	struct pollfd pfd = { .fd = server, .events = POLLIN };
	char buf[4096] = {};
	int i;

	ASSERT_EQ(0, fsk_set_int(server, SOL_SOCKET, SO_RCVLOWAT, 200000));
	ASSERT_EQ(0, fsk_set_int(server, SOL_SOCKET, SO_RCVBUF, buffer));
	for (i = 0; i < messages; i++)
		ASSERT_EQ((ssize_t)len, send(client, buf, len, MSG_DONTWAIT));
	EXPECT_EQ(1, poll(&pfd, 1, 5000)) {
		TH_LOG("%u bytes count", held_by(server));
	}
}

TEST_F(cpus, full_buffer_below_the_mark)
{
	fill_below_the_mark(_metadata, self->client, self->server, 50000, 140,
			    1000);
}

TEST_F(cpus, small_full_buffer_below_the_mark)
{
	fill_below_the_mark(_metadata, self->client, self->server, 1, 1, 3000);
}

struct maker {
	int cpu;
	int fds[2];
};

static void *close_both(void *arg)
{
	struct maker *m = arg;

	if (pin(m->cpu))
		return NULL;
	close(m->fds[0]);
	close(m->fds[1]);
	return m;
}

/* What one processor takes the other drops, and the sum is right. */
TEST_F(cpus, connections_made_here_and_closed_there)
{
	long before = fsk_number_in(HOLDS, "%ld");
	struct maker m;
	pthread_t t;
	void *ret;
	int i;

	ASSERT_LE(2, before);
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, pin(i % 2));
		m.fds[0] = fsk_dial(_metadata, variant->link, self->port);
		m.fds[1] = fsk_accept(_metadata, self->listener);
		ASSERT_EQ(0, fsk_set_linger(m.fds[0], 0));
		if (i % 16 == 0)
			EXPECT_TRUE(FSK_UNTIL(fsk_number_in(HOLDS, "%ld") ==
					      before + 2));
		m.cpu = !(i % 2);
		ASSERT_EQ(0, pthread_create(&t, NULL, close_both, &m));
		ASSERT_EQ(0, pthread_join(t, &ret));
		ASSERT_NE(NULL, ret);
	}
	EXPECT_TRUE(FSK_UNTIL(fsk_number_in(HOLDS, "%ld") == before)) {
		TH_LOG("%ld holds instead of %ld",
		       fsk_number_in(HOLDS, "%ld"), before);
	}
}

FSK_TEST_MAIN
