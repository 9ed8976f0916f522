// SPDX-License-Identifier: GPL-2.0
// Allocations that fail: nothing is lost, nothing hangs, nothing crashes.
// fastsock: timeout=300 kernels=debug

#include "fsk_test.h"

#define MIB		(1UL << 20)

FSK_PAIR_FIXTURE(nomem);

static void set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	close(fd);
}

/* Fail where the caller may sleep, too; quietly, or it looks like an oops. */
static void prepare(const char *even_patient)
{
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", even_patient);
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", even_patient);
	set("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	set("/sys/kernel/debug/fail_page_alloc/verbose", "0");
}

/* The n-th allocation of this thread fails from now on; 0 for none. */
static void fail_nth(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n);

	pwrite(fd, text, len, 0);
}

/* Did it?  Ends the failing. */
static bool failed(int fd)
{
	char text[16] = "";

	pread(fd, text, sizeof(text) - 1, 0);
	fail_nth(fd, 0);
	return !atoi(text);
}

static int open_nth(struct __test_metadata *_metadata)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	prepare("N");
	return fd;
}

/* Each allocation of connect() in turn: TCP connects, or says what TCP says. */
TEST_F(nomem, connect)
{
	const struct fsk_link *link = variant->link;
	long before = fsk_stat(link->client_ns, "FskDelegatedNoMem");
	int nth = open_nth(_metadata), i, client, server, err;
	bool more = true;

	for (i = 1; more; i++) {
		client = fsk_socket(link->client_ns, 0);
		ASSERT_LE(0, client);
		fail_nth(nth, i);
		err = fsk_connect(client, link->server_ip, self->port) ?
		      errno : 0;
		more = failed(nth);
		if (err) {
			EXPECT_TRUE(more && (err == ENOMEM || err == ENOBUFS)) {
				TH_LOG("%d: %s", i, strerror(err));
			}
		} else {
			server = accept(self->listener, NULL, NULL);
			ASSERT_LE(0, server);
			FSK_EXPECT_ALIVE(client, server);
			close(server);
		}
		close(client);
	}
	TH_LOG("%d allocations", i - 1);
	EXPECT_LT(before, fsk_stat(link->client_ns, "FskDelegatedNoMem"));
	close(nth);
}

/* Sender, receiver and end: a stream stays exact. */
TEST_F(nomem, stream)
{
	static const size_t sizes[] = { 1, 1000, 100000 };
	int nth = open_nth(_metadata), i;
	uint64_t at = 0;
	char *bytes = malloc(100000);
	bool more;
	size_t s;

	for (s = 0; s < 3; s++)
		for (more = true, i = 1; more && i < 200; i++) {
			fsk_fill(bytes, sizes[s], 1, at);
			fail_nth(nth, i);
			ASSERT_EQ(sizes[s], send(self->client, bytes, sizes[s],
						 MSG_NOSIGNAL));
			more = failed(nth);
			fail_nth(nth, i);
			ASSERT_EQ(sizes[s], recv(self->server, bytes, sizes[s],
						 MSG_WAITALL));
			more |= failed(nth);
			ASSERT_EQ(-1, fsk_wrong(bytes, sizes[s], 1, at));
			at += sizes[s];
		}
	free(bytes);
	close(nth);
}

TEST_F(nomem, end)
{
	int nth = open_nth(_metadata), i;
	bool more = true;
	char byte;

	for (i = 1; more; i++) {
		ASSERT_EQ(1, send(self->client, "x", 1, MSG_NOSIGNAL));
		fail_nth(nth, i);
		shutdown(self->client, SHUT_WR);
		close(self->client);
		more = failed(nth);
		ASSERT_EQ(1, recv(self->server, &byte, 1, 0));
		ASSERT_EQ(0, recv(self->server, &byte, 1, 0));
		fail_nth(nth, i);
		close(self->server);
		more |= failed(nth);
		self->client = fsk_dial(_metadata, variant->link, self->port);
		self->server = fsk_accept(_metadata, self->listener);
	}
	close(nth);
}

struct stream {
	int fd;
	uint64_t seed;
	int err;
};

static void *send_stream(void *data)
{
	struct stream *s = data;

	s->err = fsk_send_pattern(s->fd, s->seed, 0, MIB);
	return NULL;
}

/* Nobody who cannot wait gets memory every tenth time: frames are lost. */
TEST_F(nomem, frames)
{
	struct stream s[2] = { { self->client, 1 }, { self->server, 2 } };
	pthread_t id[2];
	int i;

	prepare("Y");
	set("/sys/kernel/debug/failslab/times", "-1");
	set("/sys/kernel/debug/failslab/probability", "10");
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&id[i], NULL, send_stream, &s[i]));
	EXPECT_EQ(MIB, fsk_recv_pattern(self->server, 1, 0, MIB));
	EXPECT_EQ(MIB, fsk_recv_pattern(self->client, 2, 0, MIB));
	set("/sys/kernel/debug/failslab/probability", "0");
	for (i = 0; i < 2; i++) {
		pthread_join(id[i], NULL);
		EXPECT_EQ(0, s[i].err);
	}
	FSK_EXPECT_ALIVE(self->client, self->server);
}

FSK_TEST_MAIN
