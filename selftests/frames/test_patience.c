// SPDX-License-Identifier: GPL-2.0
// Acks wait for answers that come late, and timers for a path that stops now
// and then.
// fastsock: timeout=120

#include "fsk_test.h"

#define LATE_MS		3
#define LATEST_MS	6	/* below 8, for which acks wait at most */
#define EXCHANGES	100

FIXTURE(patience)
{
	int listener;
	int client;
	int server;
};

FIXTURE_SETUP(patience)
{
	self->listener = fsk_listen(_metadata, &fsk_veth, 1);
	self->client = fsk_dial(_metadata, &fsk_veth, fsk_port(self->listener));
	self->server = fsk_accept(_metadata, self->listener);
}

FIXTURE_TEARDOWN(patience)
{
	close(self->client);
	close(self->server);
	close(self->listener);
}

static void say(struct __test_metadata *_metadata, int from, int to)
{
	char byte;

	ASSERT_EQ(1, send(from, "x", 1, 0));
	ASSERT_EQ(1, recv(to, &byte, 1, 0));
}

static long frames_out(void)
{
	return fsk_stat("a", "FskOutFrames") + fsk_stat("b", "FskOutFrames");
}

static long copies(void)
{
	return fsk_stat("a", "FskRetransFrames") +
	       fsk_stat("b", "FskRetransFrames");
}

/* Both ends think for as long before they answer. */
static void talk(struct __test_metadata *_metadata, int a, int b, int n, int ms)
{
	while (n--) {
		fsk_sleep_ms(ms);
		say(_metadata, a, b);
		fsk_sleep_ms(ms);
		say(_metadata, b, a);
	}
}

TEST_F(patience, late_answers_carry_acks)
{
	uint64_t start;
	long before;

	if (fsk_debug_kernel())
		SKIP(return, "programs are too slow to be in time");
	talk(_metadata, self->client, self->server, 10, LATE_MS);
	before = frames_out();
	start = fsk_now_ms();
	talk(_metadata, self->client, self->server, EXCHANGES, LATE_MS);
	if (fsk_now_ms() - start > 2 * EXCHANGES * LATEST_MS)
		SKIP(return, "this machine is too slow to be in time");
	/* Two, or four if no ack rides; a slow machine is late now and then. */
	EXPECT_GT(3 * EXCHANGES, frames_out() - before) {
		TH_LOG("%ld frames, %ld copies", frames_out() - before,
		       copies());
	}
}

static void line_delay(struct __test_metadata *_metadata, int ms)
{
	char line[128];

	snprintf(line, sizeof(line),
		 "tc -n a qdisc replace dev eth0 root netem delay %dms", ms);
	ASSERT_EQ(0, fsk_run(line));
}

/* The line stops before every second exchange.  Return: frames sent again. */
static long stops(struct __test_metadata *_metadata, int a, int b, int n)
{
	long before = copies();

	while (n--) {
		line_delay(_metadata, 0);
		talk(_metadata, a, b, 1, 0);
		line_delay(_metadata, 4);
		talk(_metadata, a, b, 1, 0);
	}
	return copies() - before;
}

TEST_F(patience, a_line_that_stops_is_waited_for)
{
	long first, later;

	first = stops(_metadata, self->client, self->server, 10);
	later = stops(_metadata, self->client, self->server, 20);
	/* Each stop would be one or two, and each pause of this machine. */
	EXPECT_GT(25, later) {
		TH_LOG("%ld copies, then %ld", first, later);
	}
	EXPECT_EQ(0, fsk_run("./helper_at a tc qdisc del dev eth0 root"));
}

FSK_TEST_MAIN
