// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the sending half: was a timeout right? */

#include "rel_test.h"

#define SLOW	(FSK_RTO_INIT_NS + MS)	/* ns, later than the first timeout */

/* The timer expires; the congestion control leaves room for two. */
static unsigned int expire(struct rel_fix *f)
{
	f->now = f->tx.rto_at;
	if (fsk_rel_tx_timeout(&f->tx, f->now) != FSK_REL_SEND)
		return 0;
	f->tx.cc.cwnd = 2 * MSS;
	return pump(f);
}

/* So many are under way that there is no room for more. */
static struct fsk_seg *start_doubt(struct rel_fix *f, unsigned int n)
{
	struct fsk_seg *seg = flight(f, n, 0);

	f->tx.cc.cwnd = 1000 * MSS;
	expire(f);
	return seg;
}

static void doubt__one_goes_again(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 6, 0);
	u64 first = f->now;

	KUNIT_EXPECT_EQ(test, expire(f), 1U);
	KUNIT_EXPECT_TRUE(test, f->tx.doubt);
	KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_RETRANS);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 6 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, TIMEOUT_CALLS(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, first + FSK_RTO_INIT_NS);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + 2 * FSK_RTO_INIT_NS);
}

/* Where a search was given up the ring of LOST ones begins with another. */
static void doubt__oldest_goes_first(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *head = flight(f, 8, 0);

	f->tx.cc.cwnd = MSS;
	sack(f, ISN, ISN + 4 * MSS, ISN + 8 * MSS);
	KUNIT_ASSERT_EQ(test, f->tx.lost, 4U);
	f->tx.lost_first = &head[2];
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, head[2].flags & FSK_SEG_RETRANS);
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	KUNIT_EXPECT_TRUE(test, fsk_rel_tx_next(&f->tx, f->now) == head);
}

static void doubt__late_ack_counts_as_a_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_doubt(f, 6);
	f->now += MS;
	KUNIT_EXPECT_EQ(test, ack(f, ISN + 3 * MSS),
			FSK_ACK_NEW | FSK_ACK_WINDOW);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_FALSE(test, f->tx.in_recovery);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 700 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 3 * MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	/* The late ones are no loss by the time when the copy was sent. */
	f->now += MS;
	ack(f, ISN + 4 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.retrans, 1U);
}

/* Or the next flight would have a timeout, too. */
static void doubt__rto_learns_the_delay(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_doubt(f, 6);
	f->now += MS;
	ack(f, ISN + 3 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, SLOW);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + f->tx.rto);
	KUNIT_EXPECT_GT(test, f->tx.rto, 2 * SLOW);
}

static void doubt__late_sack_counts_as_a_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = start_doubt(f, 6);

	/* Only the first is missing, and its copy is under way. */
	f->now += MS;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + MSS, ISN + 6 * MSS), 0);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 700 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, SLOW);
	KUNIT_EXPECT_FALSE(test, seg->flags & FSK_SEG_LOST);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at > f->now);
}

/* The other rules still find what is missing among what arrived late. */
static void doubt__a_hole_is_a_loss_as_ever(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_doubt(f, 6);
	f->now += MS;
	KUNIT_EXPECT_EQ(test, sack(f, ISN + MSS, ISN + 3 * MSS, ISN + 6 * MSS),
			FSK_ACK_NEW | FSK_ACK_WINDOW | FSK_ACK_LOSS);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 2U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
}

static void doubt__copy_alone_proves_the_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_doubt(f, 6);
	f->now += MS;
	ack(f, ISN + MSS);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 5U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 2 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 1);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
}

static void doubt__same_ack_decides_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 probe_at;

	start_doubt(f, 6);
	probe_at = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, ack(f, ISN), 0);
	KUNIT_EXPECT_TRUE(test, f->tx.doubt);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, probe_at);
}

/* What was SACKED before the timeout is no news. */
static void doubt__old_sack_decides_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 6, 0);
	sack(f, ISN, ISN + 4 * MSS, ISN + 5 * MSS);
	expire(f);
	KUNIT_EXPECT_TRUE(test, f->tx.doubt);
	sack(f, ISN, ISN + 4 * MSS, ISN + 5 * MSS);
	KUNIT_EXPECT_TRUE(test, f->tx.doubt);
	/* The hole is filled by the copy, and the SACKED one stays so. */
	f->now += MS;
	sack(f, ISN + MSS, ISN + 4 * MSS, ISN + 5 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 4U);
}

/* It was sent after the copy, so the copy is lost as well. */
static void doubt__later_data_proves_the_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;

	settle(f, 100 * US);
	seg = start_doubt(f, 1);
	f->now += US;
	flight(f, 1, 0);
	f->now += 500 * US;
	sack(f, seg->seq, seg->seq + MSS, seg->seq + 2 * MSS);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 2 * MSS);
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
	KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_LOST);
}

/* A lost copy must not cost a timeout that has been doubled. */
static void doubt__second_one_after_a_round_trip(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;
	u32 una;

	settle(f, 100 * US);
	una = f->tx.una;
	seg = start_doubt(f, 6);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at,
			f->now + f->tx.srtt + FSK_REO_MIN_NS);
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, seg[1].flags & FSK_SEG_RETRANS);
	KUNIT_EXPECT_TRUE(test, f->tx.doubt);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	f->now += 100 * US;
	KUNIT_EXPECT_EQ(test, sack(f, una, una + MSS, una + 2 * MSS),
			FSK_ACK_LOSS);
	KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_LOST);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 5U);
}

static void doubt__second_one_is_not_sent_a_third_time(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = start_doubt(f, 6);

	f->now = f->tx.probe_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	pump(f);
	ack(f, ISN + MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 4U);
	KUNIT_EXPECT_FALSE(test, seg[1].flags & FSK_SEG_LOST);
}

static void doubt__no_second_one_of_a_single(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_doubt(f, 1);
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_NONE);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at > f->now);
}

/* Both copies may be lost, and then both again. */
static void doubt__each_timeout_has_two_tries(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = start_doubt(f, 3);
	unsigned int i;

	sack(f, ISN, ISN + MSS, ISN + 2 * MSS);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, expire(f), 1U);
		f->now = f->tx.probe_at;
		KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
				FSK_REL_SEND);
		KUNIT_EXPECT_EQ(test, pump(f), 1U);
		KUNIT_EXPECT_EQ(test, seg[2].sent, f->now);
		KUNIT_EXPECT_EQ(test, f->tx.inflight, 2 * MSS);
	}
}

/* A host that is frozen for long. */
static void doubt__lasts_for_many_timeouts(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	start_doubt(f, 6);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, expire(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 6);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 6 * MSS);
	ack(f, ISN + 6 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.cc.cwnd, 700 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
}

/* Of a long segment it is one piece, so that its ack tells. */
static void doubt__one_piece_of_a_segment(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cut = rel_cut;
	queue(f, 10 * MSS);
	pump(f);
	KUNIT_EXPECT_EQ(test, expire(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.head->len, MSS);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 10 * MSS);
	f->now += MS;
	ack(f, ISN + 10 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, SLOW);
	KUNIT_EXPECT_EQ(test, f->tx.retrans, 1U);
	/* The only segment: that counts for patience, and not against it. */
	KUNIT_EXPECT_FALSE(test, f->tx.repeated);
	KUNIT_EXPECT_TRUE(test, f->tx.needless);
}

static void doubt__none_in_a_loss_episode(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 6, 0);
	sack(f, ISN, ISN + 3 * MSS, ISN + 6 * MSS);
	pump(f);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	KUNIT_EXPECT_EQ(test, expire(f), 2U);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
}

static void doubt__none_of_a_forgetful_peer(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 4, 0);
	sack(f, ISN, ISN + MSS, ISN + 2 * MSS);
	ack(f, ISN + MSS);
	KUNIT_EXPECT_EQ(test, expire(f), 2U);
	KUNIT_EXPECT_FALSE(test, f->tx.doubt);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
}

static struct kunit_case rel_doubt_cases[] = {
	KUNIT_CASE(doubt__one_goes_again),
	KUNIT_CASE(doubt__oldest_goes_first),
	KUNIT_CASE(doubt__late_ack_counts_as_a_loss),
	KUNIT_CASE(doubt__rto_learns_the_delay),
	KUNIT_CASE(doubt__late_sack_counts_as_a_loss),
	KUNIT_CASE(doubt__a_hole_is_a_loss_as_ever),
	KUNIT_CASE(doubt__copy_alone_proves_the_loss),
	KUNIT_CASE(doubt__same_ack_decides_nothing),
	KUNIT_CASE(doubt__old_sack_decides_nothing),
	KUNIT_CASE(doubt__later_data_proves_the_loss),
	KUNIT_CASE(doubt__second_one_after_a_round_trip),
	KUNIT_CASE(doubt__second_one_is_not_sent_a_third_time),
	KUNIT_CASE(doubt__no_second_one_of_a_single),
	KUNIT_CASE(doubt__each_timeout_has_two_tries),
	KUNIT_CASE(doubt__lasts_for_many_timeouts),
	KUNIT_CASE(doubt__one_piece_of_a_segment),
	KUNIT_CASE(doubt__none_in_a_loss_episode),
	KUNIT_CASE(doubt__none_of_a_forgetful_peer),
	{}
};

static struct kunit_suite rel_doubt_suite = {
	.name = "fastsock_rel_doubt",
	.init = rel_init,
	.test_cases = rel_doubt_cases,
};

kunit_test_suite(rel_doubt_suite);
