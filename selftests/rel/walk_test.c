// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what acks and segments out of order cost, in segments looked at.
 * Only in user space something counts them: rel_steps.
 */
#include "rel_test.h"

#define MANY		11000U	/* in flight, 16 MiB of full frames */
#define STEPS		64U	/* of a search, as in rel_tx.h */
#define EACH		32U	/* for what does not depend on the window */

/* A sender with MANY segments under way. */
struct walk {
	struct fsk_rel_tx tx;
	struct fsk_rel_rx rx;
	struct fsk_seg *seg;
	struct fsk_rel_range sack[FSK_SACK_TAKEN];
	unsigned int nr;
	u64 now;
	unsigned long sent;
};

static int walk_init(struct kunit *test)
{
	struct walk *w = kunit_kzalloc(test, sizeof(*w) +
				       MANY * sizeof(*w->seg), GFP_KERNEL);

	test->priv = w;
	if (!w)
		return -ENOMEM;
	w->seg = (struct fsk_seg *)(w + 1);
	return 0;
}

static void walk_pump(struct walk *w)
{
	struct fsk_seg *seg;

	while ((seg = fsk_rel_tx_next(&w->tx, w->now))) {
		fsk_rel_tx_sent(&w->tx, seg, w->now);
		w->now += US;
		w->sent++;
	}
}

static void walk_start(struct walk *w)
{
	unsigned int i;

	w->now = 1000 * MS;
	fsk_rel_tx_init(&w->tx, ISN, 2 * MANY * MSS, MSS, &fixed);
	w->tx.cc.cwnd = 2 * MANY * MSS;
	/* Before this the retransmission timer would come first. */
	w->tx.rto = 1000 * MS;
	for (i = 0; i < MANY; i++) {
		w->seg[i].len = MSS;
		fsk_rel_tx_queue(&w->tx, &w->seg[i]);
	}
	walk_pump(w);
}

static u32 number(unsigned int i)
{
	return ISN + i * MSS;
}

/* The next ack is to tell of @nr segments from @first on. */
static void held(struct walk *w, unsigned int first, unsigned int nr)
{
	w->sack[w->nr].start = number(first);
	w->sack[w->nr].end = number(first + nr);
	w->nr++;
}

/* Returns how many steps the ack took. */
static unsigned long walk_ack(struct walk *w, unsigned int first)
{
	struct fsk_seg *freed;

	rel_steps = 0;
	w->now += US;
	fsk_rel_tx_ack(&w->tx, number(first), 2 * MANY * MSS, w->sack, w->nr,
		       w->now, &freed);
	w->nr = 0;
	return rel_steps;
}

static unsigned long walk_sack(struct walk *w, unsigned int first,
			       unsigned int nr)
{
	held(w, first, nr);
	return walk_ack(w, 0);
}

static bool walk_is(const struct walk *w, unsigned int i, u8 flags)
{
	return w->seg[i].flags & flags;
}

/* As fsk_rel_rx_sack(): the newest, then the oldest ones. */
static unsigned long honest_ack(struct walk *w, unsigned int newest)
{
	unsigned int i;

	held(w, newest, 1);
	for (i = 1; i < newest && w->nr < FSK_SACK_TAKEN; i += 2)
		held(w, i, 1);
	return walk_ack(w, 0);
}

static void walk__every_second_lost(struct kunit *test)
{
	unsigned long one, most = 0, sum = 0;
	struct walk *w = test->priv;
	unsigned int i;

	walk_start(w);
	for (i = 1; i < MANY; i += 2) {
		one = honest_ack(w, i);
		most = max(most, one);
		sum += one;
	}
	KUNIT_EXPECT_EQ(test, w->tx.lost, MANY / 2 - 3 + 1);
	KUNIT_EXPECT_LT(test, most, 1UL * EACH);
	KUNIT_EXPECT_LT(test, sum, 10UL * MANY);
}

/* What was told before costs what it takes to see that. */
static void walk__told_before(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i;

	walk_start(w);
	for (i = 1; i < MANY; i += 2)
		honest_ack(w, i);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_LT(test, honest_ack(w, MANY - 1), 1UL * EACH);
}

/* Copies that fill every second hole, and new segments beyond, in turns. */
static void walk__low_and_high_in_turns(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned long sum = 0;
	unsigned int i;

	walk_start(w);
	for (i = 1; i < MANY / 2; i += 2)
		honest_ack(w, i);
	for (i = 2; i < MANY / 2; i += 4) {
		sum += honest_ack(w, i);
		sum += honest_ack(w, MANY / 2 + i);
		KUNIT_ASSERT_TRUE(test, walk_is(w, i, FSK_SEG_SACKED));
		KUNIT_ASSERT_TRUE(test, walk_is(w, MANY / 2 + i,
						FSK_SEG_SACKED));
	}
	KUNIT_EXPECT_LT(test, sum, 8UL * MANY);
}

/* A hole that no walk has passed may be passed at once. */
static void walk__far_beyond_a_burst(struct kunit *test)
{
	struct walk *w = test->priv;

	walk_start(w);
	walk_sack(w, MANY - 10, 1);
	KUNIT_EXPECT_TRUE(test, walk_is(w, MANY - 10, FSK_SEG_SACKED));
	KUNIT_EXPECT_EQ(test, w->tx.sacked_end, number(MANY - 9));
}

/* All but the newest was LOST, and is sent again, and has much time. */
static void walk_burst(struct walk *w)
{
	walk_start(w);
	walk_sack(w, MANY - 3, 3);
	walk_pump(w);
	w->tx.srtt = 1000 * MS;
}

static void walk__search_goes_on(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int acks = 0;

	walk_burst(w);
	while (!walk_is(w, MANY / 2, FSK_SEG_SACKED)) {
		KUNIT_ASSERT_LT(test, acks++, MANY / 2 / STEPS + 2);
		KUNIT_ASSERT_LT(test, walk_sack(w, MANY / 2, 1), STEPS + EACH);
	}
	/* The next ones are near. */
	KUNIT_EXPECT_LT(test, walk_sack(w, MANY / 2, 2), 1UL * EACH);
	KUNIT_EXPECT_LT(test, walk_sack(w, MANY / 2 + STEPS, 1), STEPS + EACH);
	KUNIT_EXPECT_TRUE(test, walk_is(w, MANY / 2 + STEPS, FSK_SEG_SACKED));
}

/* The same among runs: there are too many before the one meant. */
static void walk__search_among_runs_goes_on(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i, acks = 0;

	walk_start(w);
	for (i = 1; i < MANY; i += 2)
		walk_sack(w, i, 1);
	walk_sack(w, 2, 1);
	while (!walk_is(w, MANY / 2, FSK_SEG_SACKED)) {
		KUNIT_ASSERT_LT(test, acks++, MANY / 4 / STEPS + 2);
		KUNIT_ASSERT_LT(test, walk_sack(w, MANY / 2, 1), STEPS + EACH);
	}
}

/* Ranges within a segment, which say nothing, as far apart as can be. */
static void walk__nothing_said_far_apart(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i, j;

	walk_burst(w);
	for (i = 0; i < 1000; i++) {
		for (j = 0; j < FSK_SACK_TAKEN; j++) {
			held(w, 1 + (i + j * 7919) % (MANY - 4), 1);
			w->sack[j].start++;
		}
		KUNIT_ASSERT_LT(test, walk_ack(w, 0), STEPS + EACH);
	}
}

/* Each ack tells of the segment before that of the last one. */
static void walk__from_the_newest_down(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i;

	walk_burst(w);
	for (i = MANY - 4; i; i--)
		KUNIT_ASSERT_LT(test, walk_sack(w, i, 1), STEPS + EACH);
}

/* A timer finds little to do when all is LOST already. */
static void walk__timer_again(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i;

	walk_start(w);
	w->tx.in_recovery = true;
	for (i = 0; i < 3; i++) {
		rel_steps = 0;
		w->now = w->tx.rto_at;
		KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&w->tx, w->now),
				FSK_REL_SEND);
		KUNIT_EXPECT_EQ(test, w->tx.lost, MANY);
		KUNIT_EXPECT_LT(test, rel_steps, (i ? 0UL : MANY) + EACH);
		w->tx.cc.cwnd = 2 * MSS;
		walk_pump(w);
	}
}

/* Late acks cost nothing beyond what they deliver, timeouts nothing at all. */
static void walk__timer_in_doubt(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned long steps;
	unsigned int i;

	walk_start(w);
	for (i = 0; i < 100; i++) {
		rel_steps = 0;
		w->now = w->tx.rto_at;
		fsk_rel_tx_timeout(&w->tx, w->now);
		w->tx.cc.cwnd = 2 * MSS;
		walk_pump(w);
		w->now = w->tx.probe_at;
		fsk_rel_tx_timeout(&w->tx, w->now);
		walk_pump(w);
		steps = rel_steps + walk_ack(w, 10 * i + 3);
		KUNIT_ASSERT_LT(test, steps, 1UL * EACH);
		KUNIT_ASSERT_TRUE(test, !w->tx.doubt && !w->tx.lost);
	}
}

/* Copies that are lost one by one, before others that cwnd holds back. */
static void walk__copies_lost_in_turns(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i, half = MANY / 2;
	unsigned long sum = 0;

	walk_start(w);
	walk_sack(w, MANY - 3, 3);
	w->tx.cc.cwnd = half * MSS;
	walk_pump(w);
	w->tx.cc.cwnd = MSS;
	w->now += 100 * MS;
	for (i = 0; i < half / 2; i++) {
		sum += walk_sack(w, i * 2 + 1, 1);
		rel_steps = 0;
		walk_pump(w);
		sum += rel_steps;
	}
	KUNIT_EXPECT_LT(test, sum, 8UL * MANY);
}

static u32 walk_rnd(u32 *state, u32 below)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % below;
}

/* Whatever a peer says: sending and acks pay for the steps. */
static void walk__any_ack(struct kunit *test)
{
	unsigned long sum = 0, paid = 0;
	struct walk *w = test->priv;
	unsigned int i, at, una = 0;
	u32 rnd = 1;

	walk_start(w);
	for (i = 0; i < 5000 && una < MANY - 10; i++) {
		if (!walk_rnd(&rnd, 8))
			una += walk_rnd(&rnd, 8);
		while (w->nr < FSK_SACK_TAKEN) {
			at = una + 1 + walk_rnd(&rnd, MANY - una - 5);
			held(w, at, 1 + walk_rnd(&rnd, 4));
		}
		w->tx.cc.cwnd = (1 + walk_rnd(&rnd, MANY)) * MSS;
		sum += walk_ack(w, una);
		paid += STEPS + EACH;
		rel_steps = 0;
		walk_pump(w);
		w->now += walk_rnd(&rnd, 500) * US;
		sum += rel_steps;
	}
	KUNIT_EXPECT_LT(test, sum, paid + 4 * w->sent);
}

/* Receiving */

static void walk_rx_start(struct walk *w)
{
	fsk_rel_rx_init(&w->rx, ISN, 2 * MANY * MSS, MSS);
}

/* Returns how many steps it took to hold a segment, and to tell of it. */
static unsigned long walk_arrives(struct walk *w, unsigned int i)
{
	struct fsk_rel_range sack[FSK_SACK_TAKEN];
	struct fsk_seg *seg = &w->seg[i];
	u32 trim;

	seg->seq = number(i);
	seg->len = MSS;
	seg->flags = 0;
	rel_steps = 0;
	if (fsk_rel_rx_data(&w->rx, seg, &trim, w->now) != FSK_RX_HELD ||
	    fsk_rel_rx_covered(&w->rx) ||
	    !fsk_rel_rx_sack(&w->rx, sack, FSK_SACK_TAKEN) ||
	    fsk_after(sack[0].start, seg->seq) ||
	    !fsk_after(sack[0].end, seg->seq))
		return ~0UL;
	return rel_steps;
}

/* A place among n runs is found in the logarithm of n, or so: see the tree. */
#define DEEP		120U

/* The usual case: one hole, and what follows it comes in order. */
static void walk_rx__one_hole(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i;

	walk_rx_start(w);
	for (i = 1; i < MANY; i++)
		KUNIT_ASSERT_LT(test, walk_arrives(w, i), 7UL);
}

static void walk_rx__every_second_missing(struct kunit *test)
{
	unsigned long one, sum = 0;
	struct walk *w = test->priv;
	unsigned int i;

	walk_rx_start(w);
	for (i = 1; i < MANY; i += 2) {
		one = walk_arrives(w, i);
		KUNIT_ASSERT_LT(test, one, 1UL * DEEP);
		sum += one;
	}
	KUNIT_EXPECT_LT(test, sum, 32UL * MANY / 2);
	/* The holes are filled, from the second on. */
	for (sum = 0, i = 2; i < MANY; i += 2) {
		one = walk_arrives(w, i);
		KUNIT_ASSERT_LT(test, one, 1UL * DEEP);
		sum += one;
	}
	KUNIT_EXPECT_LT(test, sum, 32UL * MANY / 2);
	KUNIT_EXPECT_PTR_EQ(test, w->rx.low, w->rx.high);
}

/* As a hostile peer would send them, from the newest down or in no order. */
static void walk_rx__in_no_order(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned long sum = 0;
	unsigned int i, n;

	walk_rx_start(w);
	for (i = MANY - 1; i > MANY / 2; i -= 2)
		KUNIT_ASSERT_LT(test, walk_arrives(w, i), 1UL * DEEP);
	for (i = 0, n = 0; n < MANY / 4; n++) {
		/* Without a common factor: each odd one comes once. */
		i = (i + 1237) % (MANY / 4);
		sum += walk_arrives(w, 2 * i + 1);
	}
	KUNIT_EXPECT_LT(test, sum, 64UL * MANY / 4);
}

/* A duplicate, however small or long, looks at no segment of a run. */
static void walk_rx__had_before(struct kunit *test)
{
	struct fsk_seg dup = {};
	struct walk *w = test->priv;
	unsigned int i;
	u32 trim;

	walk_rx_start(w);
	for (i = 1; i < MANY; i++)
		walk_arrives(w, i);
	for (i = 1; i < MANY; i += 10) {
		rel_steps = 0;
		dup.seq = number(i);
		dup.len = (MANY - i) * MSS;
		KUNIT_ASSERT_EQ(test, fsk_rel_rx_data(&w->rx, &dup, &trim,
						      w->now), FSK_RX_DUP);
		KUNIT_ASSERT_LT(test, rel_steps, 1UL * EACH);
	}
}

static void walk_rx__giving_up(struct kunit *test)
{
	struct walk *w = test->priv;
	unsigned int i;

	walk_rx_start(w);
	for (i = 1; i < MANY; i++)
		walk_arrives(w, i);
	for (i = MANY - 1; i; i--) {
		rel_steps = 0;
		KUNIT_ASSERT_PTR_EQ(test, fsk_rel_rx_forget(&w->rx),
				    &w->seg[i]);
		KUNIT_ASSERT_LT(test, rel_steps, 1UL * EACH);
	}
	KUNIT_EXPECT_FALSE(test, fsk_rel_rx_holds(&w->rx));
}

static struct kunit_case rel_walk_cases[] = {
	KUNIT_CASE(walk__every_second_lost),
	KUNIT_CASE(walk__told_before),
	KUNIT_CASE(walk__low_and_high_in_turns),
	KUNIT_CASE(walk__far_beyond_a_burst),
	KUNIT_CASE(walk__search_goes_on),
	KUNIT_CASE(walk__search_among_runs_goes_on),
	KUNIT_CASE(walk__nothing_said_far_apart),
	KUNIT_CASE(walk__from_the_newest_down),
	KUNIT_CASE(walk__timer_again),
	KUNIT_CASE(walk__timer_in_doubt),
	KUNIT_CASE(walk__copies_lost_in_turns),
	KUNIT_CASE(walk__any_ack),
	KUNIT_CASE(walk_rx__one_hole),
	KUNIT_CASE(walk_rx__every_second_missing),
	KUNIT_CASE(walk_rx__in_no_order),
	KUNIT_CASE(walk_rx__had_before),
	KUNIT_CASE(walk_rx__giving_up),
	{}
};

static struct kunit_suite rel_walk_suite = {
	.name = "fastsock_rel_walk",
	.init = walk_init,
	.test_cases = rel_walk_cases,
};

kunit_test_suite(rel_walk_suite);
