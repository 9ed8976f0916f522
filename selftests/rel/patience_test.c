// SPDX-License-Identifier: GPL-2.0
/* Tests of the sending half: how long it waits, and lets the peer wait. */
#include "rel_test.h"

/* The ack comes alone after @acked, the answer @took after the question. */
static void exchange(struct rel_fix *f, u64 acked, u64 took)
{
	f->used = 0;
	flight(f, 1, 0);
	f->now += acked;
	ack(f, f->tx.nxt);
	f->now += took - acked;
	fsk_rel_tx_heard(&f->tx, f->now);
}

/* KUnit does not take bit fields. */
static unsigned int patience_of(const struct rel_fix *f)
{
	return f->tx.patience;
}

static u64 wait_of(const struct rel_fix *f)
{
	return FSK_DELACK_NS << f->tx.patience;
}

/* Every answer takes @took, its ack rides on it or comes when it has to. */
static void exchanges(struct rel_fix *f, unsigned int n, u64 took)
{
	while (n--)
		exchange(f, min(took, wait_of(f)), took);
}

static void patience__soon_answered_needs_none(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	exchanges(f, 100, 300 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	KUNIT_EXPECT_LT(test, f->tx.rto, 2 * MS);
}

static void patience__grows_until_acks_ride(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int alone = 0, i;

	for (i = 0; i < 100; i++) {
		alone += wait_of(f) < 3 * MS;
		exchanges(f, 1, 3 * MS);
	}
	KUNIT_EXPECT_LE(test, alone, 3U);
	KUNIT_EXPECT_EQ(test, wait_of(f), 4 * MS);
	/* The timers wait for longer than the peer may. */
	KUNIT_EXPECT_LE(test, f->tx.srtt + 2 * wait_of(f), f->tx.rto);
	flight(f, 1, 0);
	KUNIT_EXPECT_LE(test, f->now + 2 * wait_of(f),
			fsk_rel_tx_deadline(&f->tx));
}

static void patience__has_an_end(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	exchanges(f, 100, 8 * MS);
	KUNIT_EXPECT_EQ(test, patience_of(f), FSK_PATIENCE_MAX);
	/* Later answers bring their own acks whatever is waited for. */
	exchanges(f, FSK_PATIENCE_KEEP * FSK_PATIENCE_MAX, 20 * MS);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
}

static void patience__shrinks_slowly(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	exchanges(f, 10, 3 * MS);
	KUNIT_ASSERT_EQ(test, patience_of(f), 3U);
	exchanges(f, FSK_PATIENCE_KEEP - 1, 50 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 3U);
	/* A late one among them, and the count begins again. */
	exchanges(f, 1, 2 * MS);
	exchanges(f, FSK_PATIENCE_KEEP - 1, 50 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 3U);
	exchanges(f, 1, 50 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 2U);
	exchanges(f, 2 * FSK_PATIENCE_KEEP, 50 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	KUNIT_EXPECT_LT(test, f->tx.rto, 2 * MS);
}

static void patience__one_answer_counts_once(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	exchange(f, 100 * US, 1 * MS);
	KUNIT_EXPECT_EQ(test, patience_of(f), 1U);
	for (i = 0; i < 10; i++) {
		f->now += 500 * US;
		fsk_rel_tx_heard(&f->tx, f->now);
	}
	KUNIT_EXPECT_EQ(test, patience_of(f), 1U);
}

/* What the peer sends while it owes acks answers something older. */
static void patience__only_what_is_acked_is_answered(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	flight(f, 2, 0);
	f->now += 2 * MS;
	ack(f, f->tx.nxt - MSS);
	fsk_rel_tx_heard(&f->tx, f->now);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
}

static void patience__who_only_listens_has_none(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	for (i = 0; i < 10; i++) {
		f->now += 2 * MS;
		fsk_rel_tx_heard(&f->tx, f->now);
	}
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	KUNIT_EXPECT_EQ(test, f->tx.rto, FSK_RTO_INIT_NS);
}

/* One segment is under way, and a timer has it sent again. */
static void expire(struct rel_fix *f)
{
	f->used = 0;
	flight(f, 1, 0);
	f->now = fsk_rel_tx_deadline(&f->tx);
	fsk_rel_tx_timeout(&f->tx, f->now);
	pump(f);
	f->now += 100 * US;
}

static void expire_for_nothing(struct rel_fix *f)
{
	expire(f);
	fsk_rel_tx_twice(&f->tx, f->tx.una);
	ack(f, f->tx.nxt);
}

static void patience__grows_after_two_needless_timeouts(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	expire_for_nothing(f);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	/* The same once more says nothing, nor what the path doubles. */
	fsk_rel_tx_twice(&f->tx, f->tx.una);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	expire_for_nothing(f);
	KUNIT_EXPECT_EQ(test, patience_of(f), 1U);
	KUNIT_EXPECT_LE(test, 2 * MS, f->tx.rto);
}

static void patience__real_losses_shrink_it(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	expire_for_nothing(f);
	expire(f);
	ack(f, f->tx.nxt);
	exchange(f, 100 * US, 100 * US);
	expire_for_nothing(f);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	expire_for_nothing(f);
	KUNIT_ASSERT_EQ(test, patience_of(f), 1U);
	expire(f);
	ack(f, f->tx.nxt);
	exchange(f, 100 * US, 100 * US);
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
}

/* An answer to a copy comes at once, while others wait for bytes to ride on. */
static void patience__answer_at_once_is_not_too_soon(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		settle(f, 400 * US);
		expire(f);
		ack(f, f->tx.nxt);
		KUNIT_EXPECT_EQ(test, f->tx.rack_sent, f->now - 100 * US);
	}
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
	KUNIT_EXPECT_EQ(test, f->tx.reo_steps, 0);
}

static void patience__is_no_queue(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	fsk_rel_tx_init(&f->tx, ISN, WND, MSS, &fsk_cc_lan);
	exchanges(f, 100, 5 * MS);
	KUNIT_EXPECT_EQ(test, patience_of(f), FSK_PATIENCE_MAX);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 65536U);
	KUNIT_EXPECT_EQ(test, f->tx.cc.ssthresh, 16U << 20);
}

/* Then each ack comes when all the patience is over. */
static void patience__ends_when_nobody_answers(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	exchanges(f, 10, 3 * MS);
	KUNIT_ASSERT_EQ(test, patience_of(f), 3U);
	for (i = 0; i < 3 * FSK_PATIENCE_KEEP; i++) {
		f->used = 0;
		flight(f, 1, 0);
		f->now += wait_of(f) + 100 * US;
		ack(f, f->tx.nxt);
	}
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
}

static void patience__many_in_flight_do_not_count(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		settle(f, 100 * US);
		flight(f, 3, 0);
		f->now = f->tx.rto_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
		pump(f);
		f->now += 100 * US;
		fsk_rel_tx_twice(&f->tx, f->tx.una);
		ack(f, f->tx.nxt);
	}
	KUNIT_EXPECT_EQ(test, patience_of(f), 0U);
}

static void patience__of_the_peer_delays_acks(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = fresh(f, 10, 0);
	u32 trim;

	seg->seq = ISN;
	f->rx.patience = 2;
	fsk_rel_rx_data(&f->rx, seg, &trim, f->now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, f->now + 4 * FSK_DELACK_NS);
	fsk_rel_rx_ack_sent(&f->rx);

	/* More than there is. */
	seg = fresh(f, 10, 0);
	seg->seq = f->rx.nxt;
	f->rx.patience = 7;
	fsk_rel_rx_data(&f->rx, seg, &trim, f->now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at,
			f->now + (FSK_DELACK_NS << FSK_PATIENCE_MAX));
	fsk_rel_rx_ack_sent(&f->rx);

	/* Nothing rides on the ack of an end, not even with one that waits. */
	seg = fresh(f, 10, 0);
	seg->seq = f->rx.nxt;
	fsk_rel_rx_data(&f->rx, seg, &trim, f->now);
	seg = fresh(f, 10, FSK_SEG_FIN);
	seg->seq = f->rx.nxt;
	fsk_rel_rx_data(&f->rx, seg, &trim, f->now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, f->now + FSK_DELACK_NS);
}

static void patience__what_came_twice_is_said_once(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = fresh(f, 10, 0);
	u32 trim;

	seg->seq = ISN;
	fsk_rel_rx_data(&f->rx, seg, &trim, f->now);
	KUNIT_EXPECT_FALSE(test, f->rx.twice);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_data(&f->rx, seg, &trim, f->now),
			FSK_RX_DUP);
	KUNIT_EXPECT_TRUE(test, f->rx.twice);
	fsk_rel_rx_ack_sent(&f->rx);
	KUNIT_EXPECT_FALSE(test, f->rx.twice);
}

static struct kunit_case rel_patience_cases[] = {
	KUNIT_CASE(patience__soon_answered_needs_none),
	KUNIT_CASE(patience__grows_until_acks_ride),
	KUNIT_CASE(patience__has_an_end),
	KUNIT_CASE(patience__shrinks_slowly),
	KUNIT_CASE(patience__one_answer_counts_once),
	KUNIT_CASE(patience__only_what_is_acked_is_answered),
	KUNIT_CASE(patience__who_only_listens_has_none),
	KUNIT_CASE(patience__grows_after_two_needless_timeouts),
	KUNIT_CASE(patience__real_losses_shrink_it),
	KUNIT_CASE(patience__answer_at_once_is_not_too_soon),
	KUNIT_CASE(patience__is_no_queue),
	KUNIT_CASE(patience__ends_when_nobody_answers),
	KUNIT_CASE(patience__many_in_flight_do_not_count),
	KUNIT_CASE(patience__of_the_peer_delays_acks),
	KUNIT_CASE(patience__what_came_twice_is_said_once),
	{}
};

static struct kunit_suite rel_patience_suite = {
	.name = "fastsock_rel_patience",
	.init = rel_init,
	.test_cases = rel_patience_cases,
};

kunit_test_suite(rel_patience_suite);
