// SPDX-License-Identifier: GPL-2.0
// Receives that wait with their buffer posted: whatever happens to the thread,
// the buffer or the connection meanwhile, the stream stays exact.
// fastsock: timeout=400

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fsk_call.h"
#include "fsk_test.h"

#define SEED	11
#define BIG	(256UL << 10)	/* bytes; well above net.fastsock.post_min */
#define PART	10000UL		/* what arrives in the middle of a receive */
#define BLANK	0xee		/* what a buffer holds before */

FSK_PAIR_FIXTURE(posting);

static bool asleep_in_recv(const struct fsk_call *c)
{
	char path[64], line[64] = "";
	FILE *file;

	if (!fsk_is_asleep(c))
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", c->tid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	return atoi(line) == SYS_recvfrom;
}

/* Starts it and returns when it sleeps. */
static void begin(struct __test_metadata *_metadata, struct fsk_call *c)
{
	ASSERT_EQ(0, pthread_create(&c->thread, NULL, fsk_read_once, c));
	ASSERT_TRUE(FSK_UNTIL(asleep_in_recv(c)));
}

static void finish(struct fsk_call *c)
{
	pthread_join(c->thread, NULL);
}

static void *blank(size_t len)
{
	void *buf = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buf != MAP_FAILED)
		memset(buf, BLANK, len);
	return buf;
}

static bool is_blank(const void *buf, size_t len)
{
	const unsigned char *byte = buf;

	while (len--)
		if (*byte++ != BLANK)
			return false;
	return true;
}

/* All that was sent has reached the other host. */
static bool delivered(int fd)
{
	int n = -1;

	return !ioctl(fd, TIOCOUTQ, &n) && !n;
}

static void send_part(struct __test_metadata *_metadata, int fd, uint64_t at,
		      uint64_t len)
{
	ASSERT_EQ(0, fsk_send_pattern(fd, SEED, at, len));
	ASSERT_TRUE(FSK_UNTIL(delivered(fd)));
}

static long posted(const struct fsk_link *link)
{
	return fsk_stat(link->server_ns, "FskPostedBytes");
}

/* After a receive that returned n, the stream goes on at byte n. */
static void expect_rest(struct __test_metadata *_metadata, int fd, ssize_t n,
			uint64_t len)
{
	uint64_t at = n > 0 ? n : 0;

	EXPECT_EQ(len - at, fsk_recv_pattern(fd, SEED, at, len - at)) {
		TH_LOG("after a receive that returned %zd", n);
	}
}

TEST_F(posting, waitall_across_many_frames)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };
	/* In memory the writer does not wait until it is posted again. */
	bool memory = variant->link == &fsk_lo || getenv("LAN_SAME_HOST");
	long least = memory ? 1 : BIG / 2;
	long before = posted(variant->link);
	uint64_t at = 0, n;

	begin(_metadata, &c);
	while (at < BIG) {
		n = at % 9973 + 1;
		if (n > BIG - at)
			n = BIG - at;
		ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, at, n));
		at += n;
		if (at == BIG)
			break;
		EXPECT_EQ(c.done, false);
		if (at % 5 == 0)
			fsk_sleep_ms(5);
	}
	finish(&c);
	EXPECT_EQ(BIG, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
	EXPECT_LE(before + least, posted(variant->link));
}

/* Ends of the buffer that are not ends of pages; nothing beyond is touched. */
TEST_F(posting, unaligned_buffer)
{
	char *buf = blank(BIG);
	struct fsk_call c = { .fd = self->server, .buf = buf + 4093,
			      .len = 40001, .flags = MSG_WAITALL };

	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 60000));
	finish(&c);
	EXPECT_EQ(40001, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, 40001, SEED, 0));
	ASSERT_TRUE(FSK_UNTIL(delivered(self->client)));
	EXPECT_TRUE(is_blank(buf, 4093));
	EXPECT_TRUE(is_blank(buf + 4093 + 40001, BIG - 4093 - 40001));
	expect_rest(_metadata, self->server, 40001, 60000);
}

TEST_F(posting, several_segments)
{
	char *buf = blank(BIG);
	struct iovec iov[] = {
		{ buf + 1, 20000 }, { NULL, 0 }, { buf + 30000, 7 },
		{ buf + 40000, 60000 }, { buf + 110000, 19993 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 5 };
	pid_t pid = fsk_fork();
	int i;

	/* The sender waits until the receiver certainly sleeps. */
	if (!pid) {
		if (!FSK_UNTIL(fsk_task_state(getppid()) == 'S'))
			_exit(1);
		fsk_sleep_ms(100);
		_exit(!!fsk_send_pattern(self->client, SEED, 0, 100000));
	}
	EXPECT_EQ(100000, recvmsg(self->server, &msg, MSG_WAITALL));
	EXPECT_EQ(0, fsk_reap(pid));
	for (uint64_t at = i = 0; i < 5; at += iov[i++].iov_len)
		EXPECT_EQ(-1, fsk_wrong(iov[i].iov_base, iov[i].iov_len, SEED,
					at));
	EXPECT_TRUE(is_blank(buf, 1));
	EXPECT_TRUE(is_blank(buf + 20001, 30000 - 20001));
	EXPECT_TRUE(is_blank(buf + 30007, 40000 - 30007));
	EXPECT_TRUE(is_blank(buf + 100000, 10000));
}

/* More than is ever pinned at once. */
TEST_F(posting, very_large_buffer)
{
	size_t len = 1280 << 10;
	struct fsk_call c = { .fd = self->server, .buf = blank(len),
			      .len = len, .flags = MSG_WAITALL };

	madvise(c.buf, len, MADV_HUGEPAGE);
	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, len));
	finish(&c);
	EXPECT_EQ(len, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, len, SEED, 0));
}

/* Without WAITALL a large receive returns with what there is. */
TEST_F(posting, returns_with_the_first_bytes)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG };
	long before = posted(variant->link);
	int i;

	/* Let it learn that much comes, so that it posts. */
	for (i = 0; i < 8; i++) {
		c.done = false;
		begin(_metadata, &c);
		ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 60000));
		finish(&c);
		ASSERT_LT(0, c.n);
		EXPECT_EQ(-1, fsk_wrong(c.buf, c.n, SEED, 0));
		expect_rest(_metadata, self->server, c.n, 60000);
	}
	EXPECT_LE(before, posted(variant->link));
	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 3));
	finish(&c);
	EXPECT_EQ(3, c.n);
}

TEST_F(posting, low_water_mark)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG };

	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVLOWAT,
				 30000));
	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	fsk_sleep_ms(100);
	EXPECT_FALSE(c.done);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, PART, 25000));
	finish(&c);
	EXPECT_LE(30000, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, c.n, SEED, 0));
	expect_rest(_metadata, self->server, c.n, PART + 25000);
}

static void nothing(int sig)
{
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
}

TEST_F(posting, signal_in_the_middle)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };

	handle(0);
	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	fsk_sleep_ms(50);
	EXPECT_FALSE(c.done);
	pthread_kill(c.thread, SIGUSR1);
	finish(&c);
	EXPECT_EQ(PART, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, PART, SEED, 0));
	/* What comes now belongs to the next call. */
	send_part(_metadata, self->client, PART, PART);
	EXPECT_TRUE(is_blank(c.buf + PART, BIG - PART));
	expect_rest(_metadata, self->server, PART, 2 * PART);
}

TEST_F(posting, signal_before_anything)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };

	handle(0);
	begin(_metadata, &c);
	pthread_kill(c.thread, SIGUSR1);
	finish(&c);
	EXPECT_EQ(-1, c.n);
	EXPECT_EQ(EINTR, c.error);
	send_part(_metadata, self->client, 0, PART);
	EXPECT_TRUE(is_blank(c.buf, BIG));
	expect_rest(_metadata, self->server, 0, PART);
}

TEST_F(posting, signal_that_restarts)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = 50000, .flags = MSG_WAITALL };

	handle(SA_RESTART);
	begin(_metadata, &c);
	pthread_kill(c.thread, SIGUSR1);
	fsk_sleep_ms(100);
	EXPECT_FALSE(c.done);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 50000));
	finish(&c);
	EXPECT_EQ(50000, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, 50000, SEED, 0));
}

TEST_F(posting, timeout)
{
	static char buf[BIG];
	uint64_t start;

	ASSERT_EQ(0, fsk_set_timeout(self->server, SO_RCVTIMEO, 600));
	start = fsk_now_ms();
	EXPECT_EQ(-1, recv(self->server, buf, BIG, MSG_WAITALL));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_LE(400, fsk_now_ms() - start);

	send_part(_metadata, self->client, 0, PART);
	start = fsk_now_ms();
	EXPECT_EQ(PART, recv(self->server, buf, BIG, MSG_WAITALL));
	EXPECT_LE(400, fsk_now_ms() - start);
	EXPECT_EQ(-1, fsk_wrong(buf, PART, SEED, 0));

	/* And with the part arriving while it waits. */
	if (!fork()) {
		fsk_sleep_ms(200);
		fsk_send_pattern(self->client, SEED, PART, PART);
		_exit(0);
	}
	ASSERT_EQ(0, fsk_set_timeout(self->server, SO_RCVTIMEO, 3000));
	EXPECT_EQ(PART, recv(self->server, buf, BIG, MSG_WAITALL));
	EXPECT_EQ(-1, fsk_wrong(buf, PART, SEED, PART));
	wait(NULL);
}

TEST_F(posting, peek)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = 2 * PART, .flags = MSG_PEEK };
	int i;

	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	finish(&c);
	EXPECT_LT(0, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, c.n, SEED, 0));
	for (i = 0; i < 2; i++) {
		memset(c.buf, BLANK, BIG);
		EXPECT_EQ(PART, recv(self->server, c.buf, BIG, MSG_PEEK));
		EXPECT_EQ(-1, fsk_wrong(c.buf, PART, SEED, 0));
	}
	EXPECT_EQ(PART, fsk_unread(self->server));

	/* With WAITALL it waits for all, and still takes nothing. */
	c.flags = MSG_PEEK | MSG_WAITALL;
	c.done = false;
	begin(_metadata, &c);
	send_part(_metadata, self->client, PART, PART);
	finish(&c);
	EXPECT_EQ(2 * PART, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, 2 * PART, SEED, 0));
	EXPECT_EQ(2 * PART, fsk_unread(self->server));
	expect_rest(_metadata, self->server, 0, 2 * PART);
}

TEST_F(posting, truncating_discards)
{
	char buf[8] = "";

	send_part(_metadata, self->client, 0, PART);
	EXPECT_EQ(1000, recv(self->server, NULL, 1000, MSG_TRUNC));
	EXPECT_EQ(4, recv(self->server, buf, 4, MSG_TRUNC));
	EXPECT_STREQ("", buf);
	expect_rest(_metadata, self->server, 1004, PART);
}

static void count_bytes(long counts[256], const void *buf, ssize_t n)
{
	const unsigned char *byte = buf;

	while (n-- > 0)
		counts[*byte++]++;
}

/* Every byte goes to one of them, and both get what they asked for. */
TEST_F(posting, two_readers_at_once)
{
	struct fsk_call c[2] = {
		{ .fd = self->server, .buf = blank(BIG), .len = 60000,
		  .flags = MSG_WAITALL },
		{ .fd = self->server, .buf = blank(BIG), .len = 70000,
		  .flags = MSG_WAITALL },
	};
	static char all[130000];
	long want[256] = {}, have[256] = {};
	int i;

	for (i = 0; i < 2; i++)
		begin(_metadata, &c[i]);
	fsk_fill(all, sizeof(all), SEED, 0);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, sizeof(all)));
	count_bytes(want, all, sizeof(all));
	for (i = 0; i < 2; i++) {
		finish(&c[i]);
		EXPECT_EQ(c[i].len, c[i].n);
		count_bytes(have, c[i].buf, c[i].n);
		EXPECT_TRUE(is_blank(c[i].buf + c[i].len, BIG - c[i].len));
	}
	EXPECT_EQ(0, memcmp(want, have, sizeof(want)));
}

/* Takes what there is into a pipe and out again, and never waits for it. */
struct splicer {
	pthread_t thread;
	int fd;
	long counts[256];
	bool stop;
};

static void *splice_calls(void *arg)
{
	struct splicer *s = arg;
	static char buf[65536];
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_NONBLOCK))
		return NULL;
	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		fsk_nonblock(s->fd, true);
		n = splice(s->fd, NULL, ends[1], NULL, sizeof(buf), 0);
		if (n > 0)
			count_bytes(s->counts, buf, read(ends[0], buf, n));
		else
			usleep(300);
	}
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

/* Reads until the end of the stream, long stretches of it at once. */
static void *read_calls(void *arg)
{
	void *buf = blank(BIG);
	struct fsk_call *c = arg;
	ssize_t n;

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	do {
		/* The call goes on waiting if the other thread sets it again. */
		fsk_nonblock(c->fd, false);
		n = recv(c->fd, buf, BIG, MSG_WAITALL);
		count_bytes(c->buf, buf, n);
	} while (n > 0 || (n < 0 && errno == EAGAIN));
	munmap(buf, BIG);
	return NULL;
}

/*
 * One thread splices while a writer fills the buffer that another one has
 * posted: it must not look at the ring meanwhile, whose numbers change.  A
 * kernel with assertions complains; on others it is a matter of luck.
 */
TEST_F(posting, splice_beside_a_reader)
{
	const uint64_t total = (fsk_debug_kernel() ? 8UL : 32UL) << 20;
	struct splicer s = { .fd = self->server };
	long want[256] = {}, have[256] = {};
	struct fsk_call c = { .fd = self->server, .buf = have };
	long before = posted(variant->link);
	static char buf[65536];
	uint64_t at;
	int i;

	ASSERT_EQ(0, pthread_create(&c.thread, NULL, read_calls, &c));
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, splice_calls, &s));
	for (at = 0; at < total; at += sizeof(buf)) {
		/* The reader sleeps, its buffer posted. */
		if (!(at % BIG))
			ASSERT_TRUE(FSK_UNTIL(asleep_in_recv(&c)));
		fsk_fill(buf, sizeof(buf), SEED, at);
		count_bytes(want, buf, sizeof(buf));
		ASSERT_EQ(sizeof(buf), fsk_send_all(self->client, buf,
						    sizeof(buf)));
	}
	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	pthread_join(c.thread, NULL);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	pthread_join(s.thread, NULL);
	for (i = 0; i < 256; i++)
		have[i] += s.counts[i];
	EXPECT_EQ(0, memcmp(want, have, sizeof(want)));
	EXPECT_LT(before, posted(variant->link));
}

/* The thread whose buffer is posted leaves; the one that queued behind goes on. */
TEST_F(posting, first_of_two_readers_is_interrupted)
{
	struct fsk_call c[2] = {
		{ .fd = self->server, .buf = blank(BIG), .len = BIG,
		  .flags = MSG_WAITALL },
		{ .fd = self->server, .buf = blank(BIG), .len = 50000,
		  .flags = MSG_WAITALL },
	};
	int i;

	handle(0);
	for (i = 0; i < 2; i++)
		begin(_metadata, &c[i]);
	pthread_kill(c[0].thread, SIGUSR1);
	finish(&c[0]);
	EXPECT_EQ(-1, c[0].n);
	EXPECT_EQ(EINTR, c[0].error);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 50000));
	finish(&c[1]);
	EXPECT_EQ(50000, c[1].n);
	EXPECT_EQ(-1, fsk_wrong(c[1].buf, 50000, SEED, 0));
	EXPECT_TRUE(is_blank(c[0].buf, BIG));
}

/* A child forked meanwhile keeps what the buffer held, and writes its own. */
static void fork_while_posted(struct __test_metadata *_metadata, int client,
			      int server, uint64_t first)
{
	struct fsk_call c = { .fd = server, .buf = blank(BIG), .len = BIG,
			      .flags = MSG_WAITALL };
	int go[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	begin(_metadata, &c);
	if (first)
		send_part(_metadata, client, 0, first);
	pid = fsk_fork();
	if (!pid) {
		unsigned char *buf = c.buf;

		close(go[1]);
		if (!is_blank(buf + first, BIG - first))
			_exit(1);
		if (read(go[0], &byte, 1))
			_exit(2);
		/* The parent has everything by now. */
		if (!is_blank(buf + first, BIG - first))
			_exit(3);
		memset(buf, 0x55, BIG);
		_exit(0);
	}
	ASSERT_EQ(0, fsk_send_pattern(client, SEED, first, BIG / 2 - first));
	ASSERT_EQ(0, fsk_send_pattern(client, SEED, BIG / 2, BIG / 2));
	finish(&c);
	EXPECT_EQ(BIG, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
	close(go[1]);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
}

TEST_F(posting, fork)
{
	fork_while_posted(_metadata, self->client, self->server, 0);
}

TEST_F(posting, fork_in_the_middle)
{
	fork_while_posted(_metadata, self->client, self->server, PART);
}

/* The child scribbles over its copy while the parent's data still comes. */
TEST_F(posting, fork_and_write)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };
	pid_t pid;

	begin(_metadata, &c);
	pid = fsk_fork();
	if (!pid) {
		memset(c.buf, 0x55, BIG);
		_exit(0);
	}
	EXPECT_EQ(0, fsk_reap(pid));
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, BIG));
	finish(&c);
	EXPECT_EQ(BIG, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
}

/* Its own bytes, or a fault and the bytes still there; nothing else changes. */
static void buffer_goes(struct __test_metadata *_metadata, int client,
			int server, uint64_t first, bool remap)
{
	struct fsk_call c = { .fd = server, .buf = blank(BIG), .len = BIG,
			      .flags = MSG_WAITALL };
	char *other, *moved = NULL;

	begin(_metadata, &c);
	if (first)
		send_part(_metadata, client, 0, first);
	if (remap) {
		moved = mmap(NULL, BIG, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
		ASSERT_EQ(moved, mremap(c.buf, BIG, BIG, MREMAP_MAYMOVE |
					MREMAP_FIXED, moved));
	} else {
		ASSERT_EQ(0, munmap(c.buf, BIG));
	}
	/* Freed pages would be found here soon. */
	other = mmap(NULL, 4 * BIG, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, other);
	if (other < (char *)c.buf + BIG && (char *)c.buf < other + 4 * BIG)
		other = blank(4 * BIG);
	memset(other, BLANK, 4 * BIG);
	ASSERT_EQ(0, fsk_send_pattern(client, SEED, first, 2 * BIG - first));
	finish(&c);
	if (c.n < 0)
		EXPECT_EQ(EFAULT, c.error);
	EXPECT_GE((ssize_t)BIG, c.n);
	EXPECT_TRUE(is_blank(other, 4 * BIG));
	expect_rest(_metadata, server, c.n, 2 * BIG);
	munmap(other, 4 * BIG);
	if (moved)
		munmap(moved, BIG);
}

TEST_F(posting, munmap)
{
	buffer_goes(_metadata, self->client, self->server, 0, false);
}

TEST_F(posting, munmap_in_the_middle)
{
	buffer_goes(_metadata, self->client, self->server, PART, false);
}

TEST_F(posting, mremap)
{
	buffer_goes(_metadata, self->client, self->server, 0, true);
}

TEST_F(posting, mremap_in_the_middle)
{
	buffer_goes(_metadata, self->client, self->server, PART, true);
}

/* Other pages at the same place: TCP would write to those, so they have it. */
TEST_F(posting, pages_replaced)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };
	int round;

	for (round = 0; round < 2; round++) {
		c.done = false;
		begin(_metadata, &c);
		if (round) {
			ASSERT_EQ(c.buf, mmap(c.buf, BIG,
					      PROT_READ | PROT_WRITE,
					      MAP_PRIVATE | MAP_ANONYMOUS |
					      MAP_FIXED, -1, 0));
		} else {
			ASSERT_EQ(0, madvise(c.buf, BIG, MADV_DONTNEED));
		}
		ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, BIG));
		finish(&c);
		EXPECT_EQ(BIG, c.n);
		EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
	}
}

static int temporary_file(struct __test_metadata *_metadata, size_t len)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, len));
	return fd;
}

TEST_F(posting, file_mapping)
{
	static char copy[BIG];
	int file = temporary_file(_metadata, BIG);
	struct fsk_call c = { .fd = self->server, .len = BIG,
			      .flags = MSG_WAITALL };

	c.buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, c.buf);
	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, BIG));
	finish(&c);
	EXPECT_EQ(BIG, c.n);
	EXPECT_EQ(BIG, pread(file, copy, BIG, 0));
	EXPECT_EQ(-1, fsk_wrong(copy, BIG, SEED, 0));
	close(file);
}

/* A private mapping changes the process, not the file. */
TEST_F(posting, private_file_mapping)
{
	static char copy[BIG], zero[BIG];
	int file = temporary_file(_metadata, BIG);
	struct fsk_call c = { .fd = self->server, .len = BIG,
			      .flags = MSG_WAITALL };

	c.buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	ASSERT_NE(MAP_FAILED, c.buf);
	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, BIG));
	finish(&c);
	EXPECT_EQ(BIG, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, BIG, SEED, 0));
	EXPECT_EQ(BIG, pread(file, copy, BIG, 0));
	EXPECT_EQ(0, memcmp(copy, zero, BIG));
	close(file);
}

static void truncated_file(struct __test_metadata *_metadata, int client,
			   int server, int sharing)
{
	int file = temporary_file(_metadata, BIG);
	static char zero[BIG], copy[BIG];
	struct fsk_call c = { .fd = server, .len = BIG, .flags = MSG_WAITALL };

	c.buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, sharing, file, 0);
	ASSERT_NE(MAP_FAILED, c.buf);
	begin(_metadata, &c);
	ASSERT_EQ(0, ftruncate(file, 0));
	ASSERT_EQ(0, fsk_send_pattern(client, SEED, 0, BIG));
	finish(&c);
	if (c.n < 0)
		EXPECT_EQ(EFAULT, c.error);
	/* Nothing may come back with the pages of the file grown again. */
	ASSERT_EQ(0, ftruncate(file, BIG));
	EXPECT_EQ(BIG, pread(file, copy, BIG, 0));
	EXPECT_EQ(0, memcmp(copy, zero, BIG));
	expect_rest(_metadata, server, c.n, BIG);
	close(file);
}

TEST_F(posting, truncated_file)
{
	truncated_file(_metadata, self->client, self->server, MAP_SHARED);
}

TEST_F(posting, truncated_private_file)
{
	truncated_file(_metadata, self->client, self->server, MAP_PRIVATE);
}

/* A hole in the buffer: no byte that was not counted may be lost. */
TEST_F(posting, hole_in_the_buffer)
{
	long page = sysconf(_SC_PAGESIZE);
	char *buf = blank(32 * page);
	struct fsk_call c = { .fd = self->server, .buf = buf, .len = 32 * page,
			      .flags = MSG_WAITALL };

	ASSERT_EQ(0, mprotect(buf + 8 * page, page, PROT_NONE));
	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, 32 * page));
	finish(&c);
	if (c.n < 0)
		EXPECT_EQ(EFAULT, c.error);
	EXPECT_GE(8 * page, c.n);
	if (c.n > 0)
		EXPECT_EQ(-1, fsk_wrong(buf, c.n, SEED, 0));
	EXPECT_TRUE(is_blank(buf + 9 * page, 23 * page));
	expect_rest(_metadata, self->server, c.n, 32 * page);
}

/* The same with the bytes there before the call. */
TEST_F(posting, hole_in_the_buffer_when_queued)
{
	long page = sysconf(_SC_PAGESIZE);
	char *buf = blank(3 * page);
	ssize_t n;

	ASSERT_EQ(0, mprotect(buf + page, page, PROT_NONE));
	send_part(_metadata, self->client, 0, 3 * page);
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 3 * page));
	n = recv(self->server, buf, 3 * page, 0);
	if (n < 0)
		EXPECT_EQ(EFAULT, errno);
	EXPECT_GE(page, n);
	EXPECT_TRUE(is_blank(buf + 2 * page, page));
	expect_rest(_metadata, self->server, n, 3 * page);
}

static void bad_buffer(struct __test_metadata *_metadata, int client,
		       int server, void *buf)
{
	struct fsk_call c = { .fd = server, .buf = buf, .len = BIG,
			      .flags = MSG_WAITALL };

	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(client, SEED, 0, PART));
	finish(&c);
	EXPECT_EQ(-1, c.n);
	EXPECT_EQ(EFAULT, c.error);
	expect_rest(_metadata, server, 0, PART);
}

TEST_F(posting, buffer_that_is_not_there)
{
	/* Nothing is ever mapped so low. */
	bad_buffer(_metadata, self->client, self->server, (void *)4096);
}

TEST_F(posting, read_only_buffer)
{
	char *buf = blank(BIG);

	mprotect(buf, BIG, PROT_READ);
	bad_buffer(_metadata, self->client, self->server, buf);
	EXPECT_TRUE(is_blank(buf, BIG));
}

/* However a call ended, its buffer is the program's again. */
TEST_F(posting, buffer_is_free_after_return)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };
	uint64_t at = 0;
	int round;

	handle(0);
	for (round = 0; round < 6; round++) {
		c.done = false;
		begin(_metadata, &c);
		if (round % 2) {
			send_part(_metadata, self->client, at, PART);
			at += PART;
		}
		pthread_kill(c.thread, SIGUSR1);
		finish(&c);
		EXPECT_EQ(round % 2 ? (ssize_t)PART : -1, c.n);
		memset(c.buf, BLANK, BIG);
		send_part(_metadata, self->client, at, PART);
		EXPECT_TRUE(is_blank(c.buf, BIG));
		EXPECT_EQ(PART, fsk_recv_pattern(self->server, SEED, at,
						 PART));
		at += PART;
	}
}

TEST_F(posting, peer_finishes_in_the_middle)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };

	begin(_metadata, &c);
	ASSERT_EQ(0, fsk_send_pattern(self->client, SEED, 0, PART));
	fsk_close(&self->client);
	finish(&c);
	EXPECT_EQ(PART, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, PART, SEED, 0));
	EXPECT_TRUE(is_blank(c.buf + PART, BIG - PART));
	EXPECT_EQ(0, recv(self->server, c.buf, BIG, MSG_WAITALL));
}

TEST_F(posting, peer_resets_in_the_middle)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };

	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	fsk_set_linger(self->client, 0);
	fsk_close(&self->client);
	finish(&c);
	EXPECT_EQ(PART, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, PART, SEED, 0));
	EXPECT_EQ(-1, recv(self->server, c.buf, BIG, MSG_WAITALL));
	EXPECT_EQ(ECONNRESET, errno);
}

TEST_F(posting, own_shutdown_in_the_middle)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };

	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	EXPECT_EQ(0, shutdown(self->server, SHUT_RD));
	finish(&c);
	EXPECT_EQ(PART, c.n);
	EXPECT_EQ(-1, fsk_wrong(c.buf, PART, SEED, 0));
}

/* Another thread ends the association under a posted buffer. */
TEST_F(posting, disconnect_in_the_middle)
{
	struct fsk_call c = { .fd = self->server, .buf = blank(BIG),
			      .len = BIG, .flags = MSG_WAITALL };
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int err;

	begin(_metadata, &c);
	send_part(_metadata, self->client, 0, PART);
	/* 6.12 refuses while somebody waits in the socket. */
	err = connect(self->server, &none, sizeof(none));
	if (err) {
		EXPECT_EQ(EBUSY, errno);
		EXPECT_EQ(0, shutdown(self->server, SHUT_RDWR));
	}
	finish(&c);
	EXPECT_TRUE(c.n == PART || c.n == -1 || c.n == 0);
	memset(c.buf, BLANK, BIG);
	send(self->client, "x", 1, MSG_NOSIGNAL);
	fsk_sleep_ms(100);
	EXPECT_TRUE(is_blank(c.buf, BIG));
}

FSK_TEST_MAIN
