// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of congestion control. */

#include "rel_test.h"

static struct fsk_cc *lan(struct rel_fix *f, u32 mss)
{
	struct fsk_cc *cc = &f->tx.cc;

	memset(cc, 0, sizeof(*cc));
	cc->ops = &fsk_cc_lan;
	cc->mss = mss;
	cc->ops->init(cc);
	return cc;
}

/* One round trip of @rtt in which a whole cwnd is acknowledged. */
static void lan_round(struct rel_fix *f, u64 rtt)
{
	struct fsk_cc *cc = &f->tx.cc;
	u32 cwnd = cc->cwnd;

	f->now += rtt;
	cc->ops->acked(cc, cwnd / 2, rtt, true, f->now);
	cc->ops->acked(cc, cwnd - cwnd / 2, rtt, true, f->now);
}

static void cc_lan_init__ten_mss_or_64k(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, lan(f, 1448)->cwnd, 65536U);
	KUNIT_EXPECT_EQ(test, lan(f, 8948)->cwnd, 89480U);
}

static void cc_lan_acked__doubles_until_delay(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1448);

	lan_round(f, 100 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2 * 65536U);
	lan_round(f, 900 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 4 * 65536U);
	lan_round(f, 1400 * US);
	lan_round(f, 1400 * US);
	KUNIT_EXPECT_LT(test, cc->cwnd, 8 * 65536U);
	KUNIT_EXPECT_LE(test, cc->ssthresh, cc->cwnd);
}

static void cc_lan_acked__idle_sender_gains_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1448);
	unsigned int i;

	for (i = 0; i < 100; i++)
		cc->ops->acked(cc, 1448, 100 * US, false, f->now += 100 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 65536U);
}

static void cc_lan_acked__one_mss_per_round_later(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1448);
	u32 cwnd;

	cc->ops->lost(cc, f->now);
	cwnd = cc->cwnd;
	lan_round(f, 100 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, cwnd + 1448);
	lan_round(f, 100 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, cwnd + 2 * 1448);
}

static void cc_lan_acked__yields_by_the_excess(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	cc->ops->acked(cc, 1, 100 * US, false, f->now += MS);
	cc->cwnd = 100000;
	/* The target is 1.25 ms: a tenth too much. */
	f->now += 2 * MS;
	cc->ops->acked(cc, 1, 1250 * US * 10 / 9, false, f->now);
	KUNIT_EXPECT_LE(test, cc->cwnd, 90001U);
	KUNIT_EXPECT_LE(test, 89999U, cc->cwnd);
}

static void cc_lan_acked__who_has_little_grows_nevertheless(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	unsigned int i;

	lan_round(f, 100 * US);
	cc->cwnd = 20000;
	cc->ssthresh = 20000;
	/* What is acknowledged in a round may be less than cwnd. */
	for (i = 0; i < 20; i++)
		cc->ops->acked(cc, cc->cwnd / 10 * 9, 1260 * US, true,
			       f->now += 1260 * US);
	KUNIT_EXPECT_LT(test, 22000U, cc->cwnd);
}

static void cc_lan_acked__yields_once_a_round_by_half(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	cc->ops->acked(cc, 1, 100 * US, false, f->now += MS);
	cc->cwnd = 100000;
	f->now += 200 * MS;
	cc->ops->acked(cc, 1, 200 * MS, false, f->now);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 50000U);
	cc->ops->acked(cc, 1, 200 * MS, false, f->now + MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 50000U);
	cc->ops->acked(cc, 1, 200 * MS, false, f->now + 200 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 25000U);
}

static void cc_lan_acked__delay_leaves_a_few_frames(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	unsigned int i;

	cc->ops->acked(cc, 1, 100 * US, false, f->now += MS);
	for (i = 0; i < 20; i++)
		cc->ops->acked(cc, 1, 9 * MS, false, f->now += 9 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 16000U);
	/* Delay never raises what loss has set. */
	cc->ops->timeout(cc, f->now);
	cc->ops->acked(cc, 1, 9 * MS, false, f->now += 9 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2000U);
}

/* A path of 0.5 ms, slow start is over. */
static struct fsk_cc *lan_settled(struct rel_fix *f)
{
	struct fsk_cc *cc = lan(f, 1000);

	lan_round(f, 500 * US);
	cc->ssthresh = cc->cwnd;
	return cc;
}

/* @n rounds of one sample each: @rtt and @late, then @rtt alone, in turn. */
static void lan_jitter(struct rel_fix *f, u64 rtt, u64 late, unsigned int n)
{
	struct fsk_cc *cc = &f->tx.cc;
	u64 took;

	while (n--) {
		took = n % 2 ? rtt + late : rtt;
		cc->ops->acked(cc, cc->cwnd, took, true, f->now += took);
	}
}

static void cc_lan_acked__jitter_is_no_queue(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_settled(f);

	lan_jitter(f, MS, 2 * MS, 40);
	KUNIT_EXPECT_LE(test, 65536U + 40 * 1000, cc->cwnd);
}

static void cc_lan_acked__queues_change_by_a_little(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_settled(f);

	lan_jitter(f, MS, 800 * US, 4);
	cc->cwnd = 100000;
	cc->ssthresh = cc->cwnd;
	/* By 0.1 ms each round: 1.5 and 1.6 ms are above the target. */
	lan_jitter(f, 1500 * US, 100 * US, 40);
	KUNIT_EXPECT_LE(test, cc->cwnd, 20000U);
}

static void cc_lan_acked__a_queue_after_jitter_is_one(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_settled(f);

	lan_jitter(f, MS, 2 * MS, 40);
	lan_jitter(f, 3 * MS, 0, 40);
	KUNIT_EXPECT_LE(test, cc->cwnd, 20000U);
}

static void cc_lan_acked__no_jitter_excuses_11_ms(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_settled(f);

	lan_jitter(f, MS, 9 * MS, 40);
	cc->cwnd = 100000;
	cc->ops->acked(cc, 1, 11200 * US, true, f->now += 11200 * US);
	KUNIT_EXPECT_LE(test, 100000U, cc->cwnd);
	cc->ops->acked(cc, 1, 20 * MS, true, f->now += 20 * MS);
	KUNIT_EXPECT_LE(test, cc->cwnd, 60000U);
}

static void cc_lan_acked__jitter_counts_while_cwnd_is_full(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	lan_round(f, 500 * US);
	lan_jitter(f, MS, 2 * MS, 40);
	cc->cwnd = 100000;
	cc->ops->acked(cc, 1, 3 * MS, true, f->now += 3 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 100001U);
	for (unsigned int i = 0; i < 8; i++)
		cc->ops->acked(cc, 1, 3 * MS, false, f->now += MS);
	KUNIT_EXPECT_LE(test, cc->cwnd, 60000U);
}

static void cc_lan_acked__one_quick_sample_clears_a_round(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	cc->ops->acked(cc, 1, 100 * US, false, f->now += MS);
	cc->ops->acked(cc, 1, 10 * MS, false, f->now);
	cc->ops->acked(cc, 1, 150 * US, false, f->now);
	cc->ops->acked(cc, 1, 10 * MS, false, f->now += 10 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 65536U);
}

static void cc_lan_acked__short_paths_have_one_target(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 cwnd[2], i;

	for (i = 0; i < 2; i++) {
		struct fsk_cc *cc = lan(f, 1000);

		cc->ops->acked(cc, 1, i ? 600 * US : 50 * US, false,
			       f->now += MS);
		cc->ops->acked(cc, 1, 1600 * US, false, f->now += 2 * MS);
		cwnd[i] = cc->cwnd;
	}
	KUNIT_EXPECT_LT(test, cwnd[0], 65536U);
	KUNIT_EXPECT_EQ(test, cwnd[0], cwnd[1]);
}

/* Rounds of @rtt until a drain begins, within @ns; false if none did. */
static bool lan_until_drain(struct rel_fix *f, u64 rtt, u64 ns)
{
	u64 until = f->now + ns;

	while (!f->tx.cc.draining && f->now < until)
		lan_round(f, rtt);
	return f->tx.cc.draining;
}

/* A drain that finds an RTT of @rtt. */
static void lan_drain(struct rel_fix *f, u64 rtt)
{
	u64 end = f->tx.cc.round_end;

	while (f->tx.cc.draining && f->now <= end)
		lan_round(f, rtt);
}

/* A sender that delay has left the least it leaves. */
static struct fsk_cc *lan_starved(struct rel_fix *f)
{
	struct fsk_cc *cc = lan(f, 1000);
	unsigned int i;

	lan_round(f, 100 * US);
	for (i = 0; i < 20; i++)
		lan_round(f, 9 * MS);
	return cc;
}

/* One that has found twice that the queue is of others. */
static struct fsk_cc *lan_by_loss(struct rel_fix *f)
{
	struct fsk_cc *cc = lan_starved(f);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		lan_until_drain(f, 9 * MS, 600 * MS);
		lan_drain(f, 8 * MS);
	}
	return cc;
}

static void cc_lan_drain__is_short_and_rare(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	u32 cwnd;
	u64 end;

	lan_round(f, 100 * US);
	/* Soon after it has begun, as others may have kept a queue then. */
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, MS, 490 * MS));
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 2 * MS, 20 * MS));
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2000U);
	cwnd = cc->ssthresh;
	KUNIT_EXPECT_GT(test, cwnd, 32000U);
	end = f->now + 7 * MS;
	lan_drain(f, 100 * US);
	KUNIT_EXPECT_FALSE(test, cc->draining);
	KUNIT_EXPECT_LT(test, f->now, end);
	/* What is no queue comes back at once, the rest by slow start. */
	KUNIT_EXPECT_LE(test, 16000U, cc->cwnd);
	while (cc->cwnd < cc->ssthresh)
		lan_round(f, 100 * US);
	KUNIT_EXPECT_LT(test, f->now, end + MS);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, cwnd);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, MS, 9900 * MS));
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, MS, 200 * MS));
}

static void cc_lan_drain__not_of_who_does_not_fill_cwnd(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1448);
	u64 until = f->now + 25000 * MS;

	cc->ssthresh = cc->cwnd;
	while (f->now < until) {
		cc->ops->acked(cc, 1448, MS, false, f->now += MS);
		KUNIT_EXPECT_FALSE(test, cc->draining);
	}
	KUNIT_EXPECT_EQ(test, cc->cwnd, 65536U);
}

static void cc_lan_drain__not_in_slow_start(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	lan_round(f, 100 * US);
	cc->ops->timeout(cc, f->now += 11000 * MS);
	while (cc->cwnd < cc->ssthresh) {
		lan_round(f, 100 * US);
		KUNIT_EXPECT_FALSE(test, cc->draining &&
				   cc->ssthresh < 2 * 16000U);
	}
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 100 * US, MS));
	KUNIT_EXPECT_LE(test, 65536U, cc->ssthresh);
}

static void cc_lan_drain__own_queue_is_never_the_path(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	u64 until;

	lan_round(f, 100 * US);
	for (until = f->now + 60000 * MS; f->now < until;) {
		lan_until_drain(f, 1300 * US, 11000 * MS);
		lan_drain(f, 100 * US);
	}
	KUNIT_EXPECT_EQ(test, cc->min_rtt, 100 * US);
	KUNIT_EXPECT_EQ(test, cc->foreign, 0);
}

static void cc_lan_drain__learns_a_shorter_path(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	/* The queue of others is all that it has seen. */
	lan_round(f, 2 * MS);
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 4 * MS, 600 * MS));
	lan_drain(f, 200 * US);
	KUNIT_EXPECT_EQ(test, cc->min_rtt, 200 * US);
}

static void cc_lan_drain__joins_when_the_queue_falls(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_starved(f);

	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 600 * MS));
	lan_drain(f, 100 * US);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, 9 * MS, 200 * MS));
	lan_round(f, 4 * MS);
	lan_round(f, 5 * MS);
	KUNIT_EXPECT_FALSE(test, cc->draining);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, 9 * MS, 80 * MS));
	lan_round(f, 4 * MS);
	lan_round(f, 5 * MS);
	KUNIT_EXPECT_TRUE(test, cc->draining);
}

static void cc_lan_drain__next_one_after_the_lowest_queue(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	lan_round(f, 100 * US);
	lan_until_drain(f, 1200 * US, 600 * MS);
	lan_drain(f, 700 * US);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, 1200 * US, 5000 * MS));
	/* Others drain. */
	lan_round(f, 600 * US);
	lan_round(f, 600 * US);
	KUNIT_EXPECT_EQ(test, cc->low_at, f->now);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, 1200 * US, 9990 * MS));
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 1200 * US, 20 * MS));
}

static void cc_lan_drain__two_that_leave_a_queue_show_others(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_starved(f);
	u32 cwnd;

	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 600 * MS));
	lan_drain(f, 8 * MS);
	lan_round(f, 9 * MS);
	lan_round(f, 9 * MS);
	cwnd = cc->cwnd;
	lan_round(f, 9 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, cwnd);
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 600 * MS));
	lan_drain(f, 8 * MS);
	/* Now only loss shrinks it. */
	lan_round(f, 9 * MS);
	cwnd = cc->cwnd;
	lan_round(f, 20 * MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, cwnd + 1000);
	cc->cwnd = 100000;
	cc->ops->lost(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 70000U);
}

static void cc_lan_drain__own_queue_is_not_of_others(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	unsigned int i;

	/* Half of the queue is left, but it has more than the least. */
	lan_round(f, 100 * US);
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 1300 * US,
							11000 * MS));
		lan_drain(f, 700 * US);
	}
	KUNIT_EXPECT_LT(test, 16000U, cc->cwnd);
	KUNIT_EXPECT_EQ(test, cc->foreign, 0);
}

static void cc_lan_drain__lowest_of_the_queue_counts(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_starved(f);
	unsigned int i;

	/* Others have drained before. */
	for (i = 0; i < 5; i++) {
		KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 600 * MS));
		lan_drain(f, 8 * MS);
		lan_round(f, MS);
	}
	KUNIT_EXPECT_LE(test, cc->foreign, 1);
}

/* What a drain finds at @least, after @rtt, over a path of @path: of others? */
static bool lan_is_foreign(struct rel_fix *f, u64 path, u64 rtt, u64 least)
{
	struct fsk_cc *cc = lan_starved(f);

	cc->min_rtt = path;
	lan_until_drain(f, rtt, 1000 * MS);
	lan_drain(f, least);
	return cc->foreign;
}

static void cc_lan_drain__of_a_queue_a_quarter_is_little(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_TRUE(test, lan_is_foreign(f, 50 * US, 4 * MS, 1100 * US));
	KUNIT_EXPECT_FALSE(test, lan_is_foreign(f, 50 * US, 4 * MS, 990 * US));
	/* A short path may be a queue in part. */
	KUNIT_EXPECT_TRUE(test, lan_is_foreign(f, 600 * US, 2 * MS, 700 * US));
	/* So may what looks like a short path. */
	KUNIT_EXPECT_FALSE(test, lan_is_foreign(f, 50 * US, 2 * MS, 600 * US));
	/* A long one is not. */
	KUNIT_EXPECT_FALSE(test, lan_is_foreign(f, 2 * MS, 5 * MS, 2 * MS));
}

static void cc_lan_drain__apart_beside_a_long_queue(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_by_loss(f);

	cc->low_rtt = 40 * MS;
	lan_until_drain(f, 80 * MS, 6000 * MS);
	lan_drain(f, 40 * MS);
	KUNIT_EXPECT_FALSE(test, lan_until_drain(f, 80 * MS, 5000 * MS));
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 80 * MS, 400 * MS));
	KUNIT_EXPECT_EQ(test, cc->foreign, 3);
}

static void cc_lan_drain__back_to_delay_when_little_is_left(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_by_loss(f);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, cc->foreign, 2 + i);
		KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 900 * MS));
		lan_drain(f, i ? 100 * US : 8 * MS);
	}
	lan_until_drain(f, 9 * MS, 900 * MS);
	lan_drain(f, 100 * US);
	/* What the first of these was for is no jitter after some more. */
	for (i = 0; i < 40; i++)
		lan_round(f, 9 * MS);
	cc->cwnd = 100000;
	lan_round(f, 9 * MS);
	KUNIT_EXPECT_LE(test, cc->cwnd, 52000U);
}

static void cc_lan_drain__longer_path_goes_by_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	u64 until;

	lan_round(f, 100 * US);
	for (until = f->now + 11000 * MS; f->now < until;)
		lan_round(f, 20 * MS);
	KUNIT_EXPECT_EQ(test, cc->min_rtt, 100 * US);
	KUNIT_EXPECT_GT(test, cc->ssthresh, 2 * 16000U);
}

/* Drains that end by other means than a sample. */

static void cc_lan_drain__ends_without_samples(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	u32 cwnd;

	lan_round(f, 100 * US);
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, MS, 600 * MS));
	cc->ops->acked(cc, 1000, 0, true, f->now += MS);
	KUNIT_EXPECT_TRUE(test, cc->draining);
	cc->ops->acked(cc, 1000, 0, true, f->now += 3 * MS);
	KUNIT_EXPECT_FALSE(test, cc->draining);
	KUNIT_EXPECT_LE(test, 16000U, cc->cwnd);
	cwnd = cc->cwnd;
	cc->ops->acked(cc, 1000, 0, true, f->now += MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, cwnd + 1000);
}

static void cc_lan_drain__without_samples_shows_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan_by_loss(f);

	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 9 * MS, 900 * MS));
	cc->round_rtt = 0;
	cc->ops->timeout(cc, f->now += MS);
	KUNIT_EXPECT_EQ(test, cc->foreign, 2);
	KUNIT_EXPECT_GT(test, cc->low_rtt, 0U);
}

static void cc_lan_drain__loss_shrinks_the_old_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	lan_round(f, 100 * US);
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, MS, 600 * MS));
	cc->ssthresh = 100000;
	cc->ops->lost(cc, f->now);
	KUNIT_EXPECT_FALSE(test, cc->draining);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, 70000U);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2000U);
	cc->ops->acked(cc, 2000, 0, true, f->now += MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 4000U);
}

static void cc_lan_drain__timeout_ends_it(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	unsigned int i;

	lan_round(f, 100 * US);
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, MS, 600 * MS));
	cc->ssthresh = 100000;
	cc->ops->timeout(cc, f->now);
	KUNIT_EXPECT_FALSE(test, cc->draining);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, 50000U);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2000U);
	/* Acks of copies give no samples, slow start goes on. */
	for (i = 0; i < 4; i++)
		cc->ops->acked(cc, cc->cwnd, 0, true, f->now += MS);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 32000U);
}

static void cc_lan_drain__bears_the_longest_rtt(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 8948);
	unsigned int i;

	lan_round(f, 2000 * MS);
	cc->cwnd = 16U << 20;
	cc->ssthresh = cc->cwnd;
	KUNIT_EXPECT_TRUE(test, lan_until_drain(f, 2000 * MS, 140000ULL * MS));
	KUNIT_EXPECT_EQ(test, cc->round_end, f->now + 6000 * MS);
	cc->ops->lost(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, (16U << 20) / 10 * 7);
	for (i = 0; i < 20; i++)
		lan_round(f, 2000 * MS);
	KUNIT_EXPECT_LE(test, cc->low_at, f->now);
	KUNIT_EXPECT_EQ(test, cc->foreign, 0);
}

static void cc_lan_lost__keeps_seven_tenths(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	cc->cwnd = 100000;
	cc->ops->lost(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 70000U);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, 70000U);
}

static void cc_lan_timeout__starts_anew(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);

	cc->cwnd = 100000;
	cc->ops->timeout(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2000U);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, 50000U);
	cc->ops->timeout(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->ssthresh, 50000U);
}

static void cc_lan__stays_within_bounds(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1448);
	unsigned int i;

	for (i = 0; i < 100; i++)
		lan_round(f, 100 * US);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 16U << 20);
	for (i = 0; i < 100; i++)
		cc->ops->lost(cc, f->now);
	KUNIT_EXPECT_EQ(test, cc->cwnd, 2 * 1448U);
}

static struct kunit_case rel_cc_cases[] = {
	KUNIT_CASE(cc_lan_init__ten_mss_or_64k),
	KUNIT_CASE(cc_lan_acked__doubles_until_delay),
	KUNIT_CASE(cc_lan_acked__idle_sender_gains_nothing),
	KUNIT_CASE(cc_lan_acked__one_mss_per_round_later),
	KUNIT_CASE(cc_lan_acked__yields_by_the_excess),
	KUNIT_CASE(cc_lan_acked__who_has_little_grows_nevertheless),
	KUNIT_CASE(cc_lan_acked__yields_once_a_round_by_half),
	KUNIT_CASE(cc_lan_acked__delay_leaves_a_few_frames),
	KUNIT_CASE(cc_lan_acked__jitter_is_no_queue),
	KUNIT_CASE(cc_lan_acked__queues_change_by_a_little),
	KUNIT_CASE(cc_lan_acked__a_queue_after_jitter_is_one),
	KUNIT_CASE(cc_lan_acked__no_jitter_excuses_11_ms),
	KUNIT_CASE(cc_lan_acked__jitter_counts_while_cwnd_is_full),
	KUNIT_CASE(cc_lan_acked__one_quick_sample_clears_a_round),
	KUNIT_CASE(cc_lan_acked__short_paths_have_one_target),
	KUNIT_CASE(cc_lan_drain__is_short_and_rare),
	KUNIT_CASE(cc_lan_drain__not_of_who_does_not_fill_cwnd),
	KUNIT_CASE(cc_lan_drain__not_in_slow_start),
	KUNIT_CASE(cc_lan_drain__own_queue_is_never_the_path),
	KUNIT_CASE(cc_lan_drain__learns_a_shorter_path),
	KUNIT_CASE(cc_lan_drain__joins_when_the_queue_falls),
	KUNIT_CASE(cc_lan_drain__next_one_after_the_lowest_queue),
	KUNIT_CASE(cc_lan_drain__two_that_leave_a_queue_show_others),
	KUNIT_CASE(cc_lan_drain__own_queue_is_not_of_others),
	KUNIT_CASE(cc_lan_drain__lowest_of_the_queue_counts),
	KUNIT_CASE(cc_lan_drain__of_a_queue_a_quarter_is_little),
	KUNIT_CASE(cc_lan_drain__apart_beside_a_long_queue),
	KUNIT_CASE(cc_lan_drain__back_to_delay_when_little_is_left),
	KUNIT_CASE(cc_lan_drain__longer_path_goes_by_loss),
	KUNIT_CASE(cc_lan_drain__ends_without_samples),
	KUNIT_CASE(cc_lan_drain__without_samples_shows_nothing),
	KUNIT_CASE(cc_lan_drain__loss_shrinks_the_old_window),
	KUNIT_CASE(cc_lan_drain__timeout_ends_it),
	KUNIT_CASE(cc_lan_drain__bears_the_longest_rtt),
	KUNIT_CASE(cc_lan_lost__keeps_seven_tenths),
	KUNIT_CASE(cc_lan_timeout__starts_anew),
	KUNIT_CASE(cc_lan__stays_within_bounds),
	{}
};

static struct kunit_suite rel_cc_suite = {
	.name = "fastsock_rel_cc",
	.init = rel_init,
	.test_cases = rel_cc_cases,
};

kunit_test_suite(rel_cc_suite);

MODULE_DESCRIPTION("KUnit tests of fastsock");
MODULE_LICENSE("GPL");
