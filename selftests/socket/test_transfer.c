// SPDX-License-Identifier: GPL-2.0
// Bytes arrive exactly, however many, by whatever call, whoever waits.
// fastsock: timeout=400

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "fsk_test.h"

#define MIB		(1UL << 20)
#define POST_MAX	(256 * 1024)	/* bytes pinned at a time */
#define LO_MSS		(65535 - 24)

FSK_PAIR_FIXTURE(transfer);

/* One direction of a connection, run by a thread of its own. */
struct stream {
	pthread_t thread;
	int fd;
	uint64_t seed;
	uint64_t len;
	uint64_t good;		/* receiver: bytes that were right */
	ssize_t end;		/* receiver: what recv() said after them */
	int err;		/* sender: errno */
};

static void *send_stream(void *arg)
{
	struct stream *s = arg;

	if (fsk_send_pattern(s->fd, s->seed, 0, s->len) ||
	    shutdown(s->fd, SHUT_WR))
		s->err = errno;
	return NULL;
}

static void *recv_stream(void *arg)
{
	struct stream *s = arg;
	char more;

	s->good = fsk_recv_pattern(s->fd, s->seed, 0, s->len);
	s->end = s->good == s->len ? recv(s->fd, &more, 1, 0) : -1;
	return NULL;
}

static void start(struct __test_metadata *_metadata, struct stream *s,
		  void *(*work)(void *))
{
	ASSERT_EQ(0, pthread_create(&s->thread, NULL, work, s));
}

/* A stream each way at once; a length may be 0. */
static void exchange(struct __test_metadata *_metadata, int one, int other,
		     uint64_t there, uint64_t back)
{
	struct stream s[4] = {
		{ .fd = one, .seed = 1, .len = there },
		{ .fd = other, .seed = 1, .len = there },
		{ .fd = other, .seed = 2, .len = back },
		{ .fd = one, .seed = 2, .len = back },
	};
	int i;

	for (i = 0; i < 4; i++)
		start(_metadata, &s[i], i % 2 ? recv_stream : send_stream);
	for (i = 0; i < 4; i++)
		pthread_join(s[i].thread, NULL);
	for (i = 0; i < 4; i += 2) {
		EXPECT_EQ(0, s[i].err);
		EXPECT_EQ(s[i].len, s[i + 1].good);
		EXPECT_EQ(0, s[i + 1].end);
	}
}

static long out_bytes(const struct fsk_link *link)
{
	long bytes = fsk_stat(link->client_ns, "FskOutBytes");

	if (strcmp(link->client_ns, link->server_ns))
		bytes += fsk_stat(link->server_ns, "FskOutBytes");
	return bytes;
}

TEST_F(transfer, sizes)
{
	static const uint64_t sizes[] = {
		0, 1, FSK_MSS - 1, FSK_MSS, FSK_MSS + 1, 2 * FSK_MSS,
		LO_MSS - 1, LO_MSS, LO_MSS + 1, 65536,
	};
	long before = out_bytes(variant->link);
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		int one = fsk_dial(_metadata, variant->link, self->port);
		int other = fsk_accept(_metadata, self->listener);

		exchange(_metadata, one, other, sizes[i], sizes[9 - i]);
		sum += 2 * sizes[i];
		close(one);
		close(other);
	}
	/* All of it went as fastsock, and was counted once. */
	EXPECT_EQ(before + (long)sum, out_bytes(variant->link));
}

TEST_F_TIMEOUT(transfer, bulk, 300)
{
	uint64_t len = fsk_debug_kernel() ? 4 * MIB : 64 * MIB;

	exchange(_metadata, self->client, self->server, len, 0);
}

TEST_F_TIMEOUT(transfer, both_ways, 300)
{
	uint64_t len = fsk_debug_kernel() ? MIB : 8 * MIB;

	exchange(_metadata, self->client, self->server, len, len);
}

/* A file's worth of pattern. */
static int pattern_file(struct __test_metadata *_metadata, size_t len)
{
	int fd = memfd_create("pattern", MFD_CLOEXEC);
	char *map;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, len));
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	fsk_fill(map, len, 3, 0);
	munmap(map, len);
	return fd;
}

TEST_F(transfer, sendfile)
{
	size_t len = MIB + 4321;
	int file = pattern_file(_metadata, len);
	struct stream in = { .fd = self->server, .seed = 3, .len = len };
	off_t at = 0;
	ssize_t n;

	start(_metadata, &in, recv_stream);
	while (at < (off_t)len) {
		n = sendfile(self->client, file, &at, len - at);
		ASSERT_LT(0, n);
	}
	EXPECT_EQ(0, sendfile(self->client, file, &at, 1));
	shutdown(self->client, SHUT_WR);
	pthread_join(in.thread, NULL);
	EXPECT_EQ(len, in.good);
	EXPECT_EQ(0, in.end);
	close(file);
}

/* A socket cannot be read at an offset, and trying takes nothing from it. */
TEST_F(transfer, sendfile_from_a_socket)
{
	static const char text[] = "not from a socket";
	off_t at = 0;

	ASSERT_EQ(sizeof(text), send(self->client, text, sizeof(text), 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == sizeof(text)));
	EXPECT_EQ(-1, sendfile(self->client, self->server, &at, 1));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(sizeof(text), fsk_unread(self->server));
}

struct pump {
	pthread_t thread;
	int from;
	int to;
	ssize_t last;
};

static void *pump_pipe(void *arg)
{
	struct pump *p = arg;

	do {
		p->last = splice(p->from, NULL, p->to, NULL, 65536, 0);
	} while (p->last > 0);
	close(p->to);
	return NULL;
}

struct feed {
	pthread_t thread;
	int fd;
	size_t len;
	bool good;
};

static void *feed_pipe(void *arg)
{
	struct feed *f = arg;
	char buf[5000];
	size_t at, n;

	f->good = true;
	for (at = 0; at < f->len; at += n) {
		n = f->len - at < sizeof(buf) ? f->len - at : sizeof(buf);
		fsk_fill(buf, n, 4, at);
		if (write(f->fd, buf, n) != (ssize_t)n)
			f->good = false;
	}
	close(f->fd);
	return NULL;
}

/* pattern -> pipe -> socket -> socket -> pipe -> check */
TEST_F(transfer, splice)
{
	size_t len = fsk_debug_kernel() ? MIB / 4 : MIB, at = 0;
	struct pump first, second;
	struct feed feed = { .len = len };
	static char buf[65536];
	int in[2], out[2];
	ssize_t n;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	first = (struct pump){ .from = in[0], .to = self->client };
	second = (struct pump){ .from = self->server, .to = out[1] };
	feed.fd = in[1];
	self->client = -1;		/* the pump closes it */
	ASSERT_EQ(0, pthread_create(&first.thread, NULL, pump_pipe, &first));
	ASSERT_EQ(0, pthread_create(&second.thread, NULL, pump_pipe,
				    &second));
	ASSERT_EQ(0, pthread_create(&feed.thread, NULL, feed_pipe, &feed));
	while ((n = read(out[0], buf, sizeof(buf))) > 0) {
		EXPECT_EQ(-1, fsk_wrong(buf, n, 4, at));
		at += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(len, at);
	pthread_join(feed.thread, NULL);
	EXPECT_TRUE(feed.good);
	pthread_join(first.thread, NULL);
	EXPECT_EQ(0, first.last);
	pthread_join(second.thread, NULL);
	EXPECT_EQ(0, second.last);
	close(in[0]);
	close(out[0]);
}

TEST_F(transfer, splice_when_empty)
{
	int pipes[2];

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	fsk_nonblock(self->server, true);
	EXPECT_EQ(-1, splice(self->server, NULL, pipes[1], NULL, 100, 0));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(3, send(self->client, "abc", 3, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 3));
	EXPECT_EQ(3, splice(self->server, NULL, pipes[1], NULL, 100, 0));
	shutdown(self->client, SHUT_WR);
	ASSERT_TRUE(FSK_UNTIL(fsk_events(self->server) & POLLRDHUP));
	EXPECT_EQ(0, splice(self->server, NULL, pipes[1], NULL, 100, 0));
}

#define PIECES	1024

TEST_F(transfer, writev_readv)
{
	struct iovec out[PIECES + 1], in[PIECES];
	size_t len = 0, at, size;
	static char data[PIECES * 100], copy[PIECES * 100];
	struct msghdr msg = { .msg_iov = out, .msg_iovlen = PIECES + 1 };
	ssize_t n;
	int i;

	for (i = 0; i < PIECES; i++) {
		size = i % 97;		/* empty ones among them */
		out[i] = (struct iovec){ data + len, size };
		len += size;
	}
	out[PIECES] = (struct iovec){ data, 1 };
	fsk_fill(data, len, 5, 0);
	EXPECT_EQ(-1, sendmsg(self->client, &msg, MSG_NOSIGNAL));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(len, writev(self->client, out, PIECES));
	shutdown(self->client, SHUT_WR);

	for (at = 0; at < len; at += n) {
		size_t used = at;

		for (i = 0; i < PIECES && used < len; i++) {
			size = (i * 7) % 89;
			if (size > len - used)
				size = len - used;
			in[i] = (struct iovec){ copy + used, size };
			used += size;
		}
		n = readv(self->server, in, i);
		ASSERT_LT(0, n);
	}
	EXPECT_EQ(-1, fsk_wrong(copy, len, 5, 0));
	EXPECT_EQ(0, readv(self->server, in, 1));
}

TEST_F(transfer, stopped_reader)
{
	struct pollfd pfd = { .fd = self->client, .events = POLLOUT };
	uint64_t total = fsk_stuff(self->client, 6);

	EXPECT_EQ(EAGAIN, errno);
	/* Programs rely on some, and the buffers' limits bound the rest. */
	EXPECT_LT(32768, total);
	EXPECT_GT(16 * MIB, total);
	EXPECT_EQ(0, poll(&pfd, 1, 3000)) {
		TH_LOG("POLLOUT though the reader took nothing");
	}
	EXPECT_EQ(total, fsk_recv_pattern(self->server, 6, 0, total));
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(POLLOUT, pfd.revents);
	FSK_EXPECT_ALIVE(self->client, self->server);
}

TEST_F(transfer, stopped_reader_blocks_the_sender)
{
	struct stream out = { .fd = self->client, .seed = 7 };
	long sent;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 65536));
	out.len = 4 * MIB;
	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 65536));
	start(_metadata, &out, send_stream);
	do {
		sent = out_bytes(variant->link);
		fsk_sleep_ms(1000);
	} while (sent != out_bytes(variant->link));
	EXPECT_NE(0, pthread_tryjoin_np(out.thread, NULL));
	EXPECT_EQ(out.len, fsk_recv_pattern(self->server, 7, 0, out.len));
	pthread_join(out.thread, NULL);
	EXPECT_EQ(0, out.err);
	EXPECT_EQ(0, recv(self->server, &sent, 1, 0));
}

/* TCP_USER_TIMEOUT counts from the last progress, however slow the reader. */
TEST_F(transfer, slow_reader_is_not_stuck)
{
	char buf[65536] = {};
	int i;

	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 32768));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_USER_TIMEOUT,
				 2000));
	ASSERT_EQ(0, fsk_nonblock(self->client, true));
	while (send(self->client, buf, sizeof(buf), 0) > 0)
		;
	for (i = 0; i < 8; i++) {
		fsk_sleep_ms(500);
		ASSERT_EQ(16384, recv(self->server, buf, 16384, MSG_WAITALL));
	}
	EXPECT_EQ(0, fsk_int_option(self->client, SOL_SOCKET, SO_ERROR));
	fsk_sleep_ms(4000);
	EXPECT_EQ(ETIMEDOUT,
		  fsk_int_option(self->client, SOL_SOCKET, SO_ERROR));
}

/* Less room than one frame: the window opens in small steps. */
TEST_F(transfer, tiny_buffers)
{
	int one = fsk_socket(variant->link->client_ns, 0), other;
	int listener = fsk_socket(variant->link->server_ns, 0);

	ASSERT_EQ(0, fsk_set_int(listener, SOL_SOCKET, SO_RCVBUF, 1));
	ASSERT_EQ(0, fsk_set_int(listener, SOL_SOCKET, SO_SNDBUF, 1));
	ASSERT_EQ(0, fsk_set_int(one, SOL_SOCKET, SO_RCVBUF, 1));
	ASSERT_EQ(0, fsk_set_int(one, SOL_SOCKET, SO_SNDBUF, 1));
	ASSERT_EQ(0, fsk_bind(listener, variant->link->server_ip, 0));
	ASSERT_EQ(0, listen(listener, 1));
	ASSERT_EQ(0, fsk_connect(one, variant->link->server_ip,
				 fsk_port(listener)));
	ASSERT_TRUE(fsk_is_fast(one));
	other = fsk_accept(_metadata, listener);
	exchange(_metadata, one, other, 100000, 100000);
	close(one);
	close(other);
	close(listener);
}

/* One stopped reader holds up nobody else. */
TEST_F(transfer, independent_connections)
{
	int one = fsk_dial(_metadata, variant->link, self->port);
	int other = fsk_accept(_metadata, self->listener);

	fsk_stuff(self->client, 8);
	exchange(_metadata, one, other, 65536, 65536);
	close(one);
	close(other);
}

static long current_connections(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskCurrEstab") +
	       fsk_stat(link->server_ns, "FskCurrEstab");
}

#define MANY	1000

TEST_F_TIMEOUT(transfer, many_at_once, 300)
{
	int many = fsk_debug_kernel() ? 200 : MANY, i;
	long before = current_connections(variant->link);
	static int one[MANY], other[MANY];
	char buf[128];

	for (i = 0; i < many; i++) {
		one[i] = fsk_dial(_metadata, variant->link, self->port);
		other[i] = fsk_accept(_metadata, self->listener);
	}
	EXPECT_LE(before + 2 * many, current_connections(variant->link));
	for (i = 0; i < many; i++) {
		fsk_fill(buf, sizeof(buf), i, 0);
		ASSERT_EQ(sizeof(buf), send(one[i], buf, sizeof(buf), 0));
		fsk_fill(buf, sizeof(buf), MANY + i, 0);
		ASSERT_EQ(sizeof(buf), send(other[i], buf, sizeof(buf), 0));
	}
	for (i = many - 1; i >= 0; i--) {
		ASSERT_EQ(sizeof(buf), fsk_recv_pattern(other[i], i, 0,
							sizeof(buf)));
		ASSERT_EQ(sizeof(buf), fsk_recv_pattern(one[i], MANY + i, 0,
							sizeof(buf)));
	}
	for (i = 0; i < many; i++) {
		close(one[i]);
		EXPECT_EQ(0, recv(other[i], buf, 1, 0));
		close(other[i]);
	}
	EXPECT_TRUE(FSK_UNTIL(current_connections(variant->link) == before));
}

/* A large receive that waits gets its bytes without the queue. */
TEST_F(transfer, posted_bytes)
{
	const char *ns = variant->link->server_ns;
	/* In memory the writer does not wait until the next stretch is posted. */
	long least = variant->link == &fsk_lo ? POST_MAX : MIB / 2;
	long posted = fsk_stat(ns, "FskPostedBytes");
	long queued = fsk_stat(ns, "FskQueuedBytes");
	static char buf[MIB];
	int ready[2];
	pid_t pid;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	pid = fsk_fork();
	if (!pid) {
		ssize_t n = recv(self->server, buf, sizeof(buf), MSG_WAITALL);

		_exit(n != sizeof(buf) || fsk_wrong(buf, n, 9, 0) >= 0);
	}
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	/* Super-frames are not worth it. */
	ASSERT_EQ(0, fsk_run("ip -n a link set eth0 gso_max_size 1000"));
	EXPECT_EQ(0, fsk_send_pattern(self->client, 9, 0, MIB));
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(0, fsk_run("ip -n a link set eth0 gso_max_size 65536"));
	posted = fsk_stat(ns, "FskPostedBytes") - posted;
	queued = fsk_stat(ns, "FskQueuedBytes") - queued;
	EXPECT_EQ(MIB, posted + queued);
	EXPECT_LE(least, posted);
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* Keeps its cgroup full of pages that the kernel may take back. */
static void *fill_memory(void *arg)
{
	volatile bool *stop = arg;
	size_t len = 40 * MIB;
	char *map = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	while (!*stop)
		for (i = 0; i < len; i += MIB) {
			memset(map + i, 1, MIB);
			madvise(map + i, MIB, MADV_FREE);
		}
	munmap(map, len);
	return NULL;
}

/* Memory for what arrives has to be found first: by who may sleep, or not. */
TEST_F(transfer, in_a_cgroup_that_is_full)
{
	static const char top[] = "/sys/fs/cgroup/cgroup.procs";
	static const char cgroup[] = "/sys/fs/cgroup/transfer";
	volatile bool stop = false;
	pthread_t filler;
	int pid, pairs[2];

	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(cgroup, 0755);
	put("/sys/fs/cgroup/transfer/memory.max", "33554432");
	pid = fsk_fork();
	if (!pid) {
		put("/sys/fs/cgroup/transfer/cgroup.procs", "0");
		/* Accounted where they are made. */
		pairs[0] = fsk_dial(_metadata, variant->link, self->port);
		pairs[1] = fsk_accept(_metadata, self->listener);
		pthread_create(&filler, NULL, fill_memory, (void *)&stop);
		exchange(_metadata, pairs[0], pairs[1],
			 fsk_debug_kernel() ? 4 * MIB : 16 * MIB, MIB);
		stop = true;
		pthread_join(filler, NULL);
		put(top, "0");
		_exit(!__test_passed(_metadata));
	}
	EXPECT_EQ(0, fsk_reap(pid));
	rmdir(cgroup);
}

TEST_F(transfer, queued_bytes)
{
	const char *ns = variant->link->server_ns;
	long posted = fsk_stat(ns, "FskPostedBytes");
	long queued = fsk_stat(ns, "FskQueuedBytes");

	EXPECT_EQ(0, fsk_send_pattern(self->client, 10, 0, 32768));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 32768));
	EXPECT_EQ(32768, fsk_recv_pattern(self->server, 10, 0, 32768));
	EXPECT_EQ(posted, fsk_stat(ns, "FskPostedBytes"));
	EXPECT_EQ(queued + 32768, fsk_stat(ns, "FskQueuedBytes"));
}

FSK_TEST_MAIN
