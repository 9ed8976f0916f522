// SPDX-License-Identifier: GPL-2.0
/*
 * TCP_CORK and MSG_MORE: the program's own wish that bytes wait for more, which
 * the reader sees, and which TCP grants for 200 ms.
 */
#include "fsk_test.h"

FSK_PAIR_FIXTURE(cork);

/* Bytes that are there, 0 if none. */
static ssize_t there(int fd, char *buf, size_t len)
{
	ssize_t n = recv(fd, buf, len, MSG_DONTWAIT);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

/*
 * Sends some bytes under a cork or with MSG_MORE, and looks 50 ms later whether
 * they have arrived.  Where a busy machine takes the 200 ms away it tries again.
 */
static ssize_t seen_early(int client, int server, int flags)
{
	char buf[64];
	uint64_t start;
	ssize_t n;
	int i;

	for (i = 0; i < 20; i++) {
		/* An ack of what was sent before ends MSG_MORE. */
		fsk_sleep_ms(100);
		start = fsk_now_ms();
		send(client, "held ", 5, flags);
		fsk_sleep_ms(50);
		n = there(server, buf, sizeof(buf));
		if (fsk_now_ms() - start < 190)
			return n;
		if (n <= 0)
			recv(server, buf, 5, MSG_WAITALL);
	}
	return -2;
}

TEST_F(cork, holds_until_it_is_off)
{
	char buf[64];

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	EXPECT_EQ(0, seen_early(self->client, self->server, 0));
	ASSERT_EQ(4, send(self->client, "more", 4, 0));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 0));
	EXPECT_EQ(9, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "held more", 9));
	/* And nothing is held any more. */
	ASSERT_EQ(4, send(self->client, "free", 4, 0));
	EXPECT_EQ(4, recv(self->server, buf, sizeof(buf), 0));
}

TEST_F(cork, holds_for_200_ms)
{
	uint64_t start, ms;
	char buf[64];
	int i;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	for (i = 0; i < 3; i++) {
		start = fsk_now_ms();
		ASSERT_EQ(4, send(self->client, "late", 4, 0));
		EXPECT_EQ(4, recv(self->server, buf, sizeof(buf), 0));
		ms = fsk_now_ms() - start;
		EXPECT_LE(190, ms);
		EXPECT_GT(5000, ms);
	}
}

TEST_F(cork, message_with_more_waits_for_it)
{
	char buf[64];

	EXPECT_EQ(0, seen_early(self->client, self->server, MSG_MORE));
	ASSERT_EQ(4, send(self->client, "body", 4, 0));
	EXPECT_EQ(9, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "held body", 9));
	/* Nothing follows: it goes by itself. */
	ASSERT_EQ(4, send(self->client, "late", 4, MSG_MORE));
	EXPECT_EQ(4, recv(self->server, buf, sizeof(buf), 0));
}

/* Nothing that was sent before it waits, and no call with no bytes does harm. */
TEST_F(cork, empty_call_changes_nothing)
{
	char buf[64];

	EXPECT_EQ(0, seen_early(self->client, self->server, MSG_MORE));
	EXPECT_EQ(0, send(self->client, "", 0, 0));
	EXPECT_EQ(5, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(0, seen_early(self->client, self->server, MSG_MORE));
	EXPECT_EQ(-1, send(self->client, NULL, 4, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(5, recv(self->server, buf, sizeof(buf), 0));
}

TEST_F(cork, nodelay_sends_what_is_there)
{
	char buf[64];

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	EXPECT_EQ(0, seen_early(self->client, self->server, 0));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_NODELAY, 1));
	EXPECT_EQ(5, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(0, seen_early(self->client, self->server, 0));
}

TEST_F(cork, end_of_stream_follows)
{
	char buf[64];

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	EXPECT_EQ(0, seen_early(self->client, self->server, 0));
	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(5, fsk_recv_all(self->server, buf, sizeof(buf)));
}

TEST_F(cork, urgent_byte_does_not_wait)
{
	char buf[64];

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	EXPECT_EQ(0, seen_early(self->client, self->server, 0));
	ASSERT_EQ(1, send(self->client, "!", 1, MSG_OOB));
	EXPECT_EQ(5, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(1, recv(self->server, buf, 1, MSG_OOB));
	EXPECT_EQ('!', *buf);
}

/* What fills segments goes at once, the rest with what fills the next. */
TEST_F(cork, full_segments_do_not_wait)
{
	int mss = fsk_int_option(self->client, SOL_TCP, TCP_MAXSEG);
	static char buf[200000];
	uint64_t start;
	ssize_t n;

	ASSERT_LT(0, mss);
	ASSERT_GT(sizeof(buf), 2 * mss + 100);
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	start = fsk_now_ms();
	ASSERT_EQ(2 * mss + 100, send(self->client, buf, 2 * mss + 100, 0));
	EXPECT_EQ(2 * mss, recv(self->server, buf, 2 * mss, MSG_WAITALL));
	n = there(self->server, buf, sizeof(buf));
	if (fsk_now_ms() - start < 190)
		EXPECT_EQ(0, n);
	if (n)
		return;
	EXPECT_EQ(100, recv(self->server, buf, sizeof(buf), 0));
}

/* A buffer that is full of what waits would never get any more. */
TEST_F(cork, full_buffer_does_not_wait)
{
	static char buf[65536];
	size_t sent = 0, got = 0;
	ssize_t n;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	ASSERT_EQ(0, fsk_nonblock(self->client, true));
	while ((n = send(self->client, buf, sizeof(buf), 0)) > 0)
		sent += n;
	ASSERT_EQ(EAGAIN, errno);
	while (got < sent) {
		n = recv(self->server, buf, sizeof(buf), 0);
		ASSERT_LT(0, n);
		got += n;
	}
}

/* Set before there is a connection, by the listener for who is accepted. */
TEST_F(cork, is_inherited)
{
	int client = fsk_socket(variant->link->client_ns, 0), server;
	char buf[64];

	ASSERT_EQ(0, fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	ASSERT_EQ(0, fsk_set_int(self->listener, SOL_TCP, TCP_CORK, 1));
	ASSERT_EQ(0, fsk_connect(client, variant->link->server_ip,
				 self->port));
	ASSERT_TRUE(fsk_is_fast(client));
	server = fsk_accept(_metadata, self->listener);
	EXPECT_EQ(0, seen_early(client, server, 0));
	EXPECT_EQ(5, recv(server, buf, sizeof(buf), 0));
	EXPECT_EQ(0, seen_early(server, client, 0));
	EXPECT_EQ(5, recv(client, buf, sizeof(buf), 0));
	close(client);
	close(server);
}

/* The point of it all: a record is one frame, not hundreds. */
TEST_F(cork, small_pieces_make_large_frames)
{
	enum { PIECES = 500, LEN = 10 };
	char buf[PIECES * LEN];
	long before, frames;
	int i;

	before = fsk_stat(variant->link->client_ns, "FskOutFrames");
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 1));
	for (i = 0; i < PIECES; i++)
		ASSERT_EQ(LEN, send(self->client, "1234567890", LEN, 0));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_CORK, 0));
	ASSERT_EQ((ssize_t)sizeof(buf),
		  fsk_recv_all(self->server, buf, sizeof(buf)));
	frames = fsk_stat(variant->link->client_ns, "FskOutFrames") - before;
	TH_LOG("%ld frames for %d pieces", frames, PIECES);
	EXPECT_GT(PIECES / 5, frames);
}

FSK_TEST_MAIN
