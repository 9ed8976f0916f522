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
	lan_round(f, 1200 * US);
	lan_round(f, 1200 * US);
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
	/* The target is 1.1 ms: a tenth too much. */
	f->now += 2 * MS;
	cc->ops->acked(cc, 1, 11 * MS / 9, false, f->now);
	KUNIT_EXPECT_LE(test, cc->cwnd, 90001U);
	KUNIT_EXPECT_LE(test, 89999U, cc->cwnd);
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

static void cc_lan_acked__learns_a_longer_path(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_cc *cc = lan(f, 1000);
	u64 until;

	lan_round(f, 100 * US);
	for (until = f->now + 11000 * MS; f->now < until;)
		lan_round(f, 20 * MS);
	KUNIT_EXPECT_EQ(test, cc->min_rtt, 20 * MS);
	KUNIT_EXPECT_GT(test, cc->cwnd, 2 * 1000U);
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
	KUNIT_CASE(cc_lan_acked__yields_once_a_round_by_half),
	KUNIT_CASE(cc_lan_acked__delay_leaves_a_few_frames),
	KUNIT_CASE(cc_lan_acked__one_quick_sample_clears_a_round),
	KUNIT_CASE(cc_lan_acked__learns_a_longer_path),
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
