// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the sending half: what may be sent, and timeouts. */

#include "rel_test.h"

/* Queue, grow, split */

static void tx_init__window_is_capped(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, ~0U);
	KUNIT_EXPECT_EQ(test, f->tx.wnd_end, ISN + FSK_WND_MAX);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_tx_next(&f->tx, f->now));
}

static void tx_queue__numbers_follow(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *a = queue(f, 10);
	struct fsk_seg *b = queue_fin(f, 5);

	KUNIT_EXPECT_EQ(test, a->seq, ISN);
	KUNIT_EXPECT_EQ(test, b->seq, ISN + 10);
	KUNIT_EXPECT_EQ(test, f->tx.end, ISN + 16);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.head, a);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.unsent, a);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.tail, b);
	KUNIT_EXPECT_PTR_EQ(test, b->prev, a);
}

static void tx_queue__forgets_stale_flags(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = fresh(f, 10, 0xff);

	fsk_rel_tx_queue(&f->tx, seg);
	KUNIT_EXPECT_EQ(test, seg->flags, FSK_SEG_FIN);
}

static void tx_grow__lengthens_tail(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *a = queue(f, 10);
	struct fsk_seg *b;

	fsk_rel_tx_grow(&f->tx, a, 7);
	b = queue(f, 1);
	KUNIT_EXPECT_EQ(test, a->len, 17U);
	KUNIT_EXPECT_EQ(test, b->seq, ISN + 17);
	pump(f);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 18U);
}

static void tx_split__unsent_tail(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = queue_fin(f, 10);
	struct fsk_seg *rest = fresh(f, 0, 0);

	seg->flags |= FSK_SEG_URG;
	fsk_rel_tx_split(&f->tx, seg, rest, 4);
	KUNIT_EXPECT_EQ(test, seg->len, 4U);
	KUNIT_EXPECT_EQ(test, seg->flags, 0);
	KUNIT_EXPECT_EQ(test, rest->seq, ISN + 4);
	KUNIT_EXPECT_EQ(test, rest->len, 7U);
	KUNIT_EXPECT_EQ(test, rest->flags, FSK_SEG_FIN | FSK_SEG_URG);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.unsent, seg);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.tail, rest);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, f->tx.end);
}

static void tx_split__sent_in_the_middle(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 2, MS);
	struct fsk_seg *rest = fresh(f, 0, 0);

	fsk_rel_tx_split(&f->tx, seg, rest, 30);
	KUNIT_EXPECT_PTR_EQ(test, seg->next, rest);
	KUNIT_EXPECT_PTR_EQ(test, rest->next, seg + 1);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.tail, seg + 1);
	KUNIT_EXPECT_EQ(test, rest->sent, seg->sent);
	KUNIT_EXPECT_EQ(test, rest->flags, FSK_SEG_SENT);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 2 * MSS);
	ack(f, ISN + 30);
	KUNIT_EXPECT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 2 * MSS - 30);
}

static void tx_split__lost_counts_both(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 1, MS);
	struct fsk_seg *rest = fresh(f, 0, 0);

	f->now = fsk_rel_tx_deadline(&f->tx);
	fsk_rel_tx_timeout(&f->tx, f->now);
	fsk_rel_tx_split(&f->tx, seg, rest, 30);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 2U);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, MSS);
}

static void tx_purge__gives_all_back(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *first = flight(f, 3, MS);

	queue(f, 1);
	KUNIT_EXPECT_PTR_EQ(test, fsk_rel_tx_purge(&f->tx), first);
	KUNIT_EXPECT_EQ(test, chain_len(first), 4U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_tx_next(&f->tx, f->now));
	KUNIT_EXPECT_TRUE(test, !fsk_rel_tx_purge(&f->tx));
}

/* What may go */

static void tx_next__window_stops_whole_segments(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 150);
	queue(f, MSS);
	queue(f, MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + MSS);
}

/* Only when nothing is under way whose ack may open the window. */
static void tx_cut__when_idle(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 150);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
	queue(f, MSS);
	queue(f, MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
	ack_wnd(f, ISN + MSS, 50);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 50U);
	fsk_rel_tx_split(&f->tx, f->tx.unsent, fresh(f, 0, 0), 50);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 150);
	ack_wnd(f, ISN + 150, 0);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
}

static void tx_next__shut_window_arms_probe_when_idle(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 0);
	queue(f, MSS);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_tx_next(&f->tx, f->now));
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, f->now + FSK_RTO_INIT_NS);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, 0ULL);
	/* Asking again does not push it away. */
	KUNIT_EXPECT_TRUE(test, !fsk_rel_tx_next(&f->tx, f->now + MS));
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, f->now + FSK_RTO_INIT_NS);
}

static void tx_next__shut_window_needs_no_probe_in_flight(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, MSS);
	queue(f, MSS);
	queue(f, MSS);
	pump(f);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at);
}

static void tx_next__bare_fin_ignores_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, MSS);
	queue(f, MSS);
	queue_fin(f, 0);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
}

static void tx_next__fin_rides_on_what_fills_the_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, MSS);
	queue_fin(f, MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + MSS + 1);
}

static void tx_next__fin_takes_no_byte_along(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, MSS - 1);
	queue_fin(f, MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), MSS - 1);
}

static void tx_next__cwnd_overshot_by_less_than_one(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cc.cwnd = 250;
	flight(f, 4, 0);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	f->tx.cc.cwnd = 1000;
	pump(f);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 400U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
}

static void tx_next__lost_first_and_oldest_first(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 6, 0);
	struct fsk_seg *fresh_seg = queue(f, MSS);

	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 300, ISN + 600),
			FSK_ACK_LOSS);
	for (; seg < &f->seg[3]; seg++) {
		KUNIT_EXPECT_PTR_EQ(test, fsk_rel_tx_next(&f->tx, f->now), seg);
		fsk_rel_tx_sent(&f->tx, seg, f->now);
		KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_RETRANS);
	}
	KUNIT_EXPECT_PTR_EQ(test, fsk_rel_tx_next(&f->tx, f->now), fresh_seg);
	KUNIT_EXPECT_EQ(test, f->tx.retrans, 3U);
}

static void tx_next__lost_waits_for_cwnd(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 5, 0);
	queue(f, MSS);
	sack(f, ISN, ISN + 200, ISN + 500);
	f->tx.cc.cwnd = 150;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	f->tx.cc.cwnd = 200;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
}

static void tx_next__lost_may_go_alone(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 2, 0);
	lose_flight(f);
	f->tx.cc.cwnd = 10;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, MSS);
}

static void tx_sent__arms_rto_once(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 1, MS);
	u64 at = f->now + FSK_RTO_INIT_NS;

	KUNIT_EXPECT_EQ(test, seg->flags, FSK_SEG_SENT);
	KUNIT_EXPECT_EQ(test, seg->sent, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, at);
	flight(f, 1, MS);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, at);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 2 * MSS);
	KUNIT_EXPECT_TRUE(test, !f->tx.unsent);
}

static void tx_sent__head_again_restarts_rto(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	flight(f, 4, 0);
	f->now += 500 * US;
	sack(f, f->tx.una, f->tx.una + 100, f->tx.una + 400);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + f->tx.rto);
}

static void tx_sent__tail_probe_for_the_last_only(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;

	settle(f, 400 * US);
	queue(f, MSS);
	queue(f, MSS);
	seg = fsk_rel_tx_next(&f->tx, f->now);
	fsk_rel_tx_sent(&f->tx, seg, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	pump(f);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, f->now + FSK_RTO_MIN_NS);
	KUNIT_EXPECT_LT(test, f->tx.probe_at, f->tx.rto_at);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), f->tx.probe_at);
}

static void tx_sent__no_tail_probe_behind_rto(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	ack(f, f->tx.nxt);
	settle(f, 5 * MS);
	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), f->tx.rto_at);
}

/* Timers */

static void tx_timeout__nothing_due(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_NONE);
	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->tx.rto_at - 1),
			FSK_REL_NONE);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
}

static void tx_timeout__rto_loses_all_in_flight(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 first;

	flight(f, 3, 0);
	queue(f, MSS);
	first = f->tx.rto_at;
	KUNIT_EXPECT_EQ(test, lose_flight(f), FSK_REL_SEND);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 3U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, first);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, first + 2 * FSK_RTO_INIT_NS);
	KUNIT_EXPECT_EQ(test, TIMEOUT_CALLS(f), 1U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 0U);
	pump(f);
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, first);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + 4 * FSK_RTO_INIT_NS);
}

static void tx_timeout__rto_spares_sacked(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 3, 0);
	sack(f, ISN, ISN + 100, ISN + 200);
	lose_flight(f);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 2U);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
}

static void tx_timeout__forgetful_peer_gets_all_again(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 3, 0);
	sack(f, ISN, ISN + 100, ISN + 300);
	ack(f, ISN + 100);
	f->now = f->tx.rto_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
}

static void tx_timeout__backoff_has_a_ceiling(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	flight(f, 1, 0);
	for (i = 0; i < 300; i++) {
		f->now = f->tx.rto_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
		pump(f);
		KUNIT_EXPECT_LE(test, f->tx.rto_at, f->now + FSK_RTO_MAX_NS);
	}
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + FSK_RTO_MAX_NS);
}

static void tx_timeout__tail_probe_resends_the_last(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;

	settle(f, 100 * US);
	flight(f, 1, 0);
	seg = flight(f, 1, 0);
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_LT(test, f->now, f->tx.rto_at);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
	KUNIT_ASSERT_PTR_EQ(test, fsk_rel_tx_next(&f->tx, f->now), seg);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f) + TIMEOUT_CALLS(f), 0U);
	/* Once per flight: the rest is up to the RTO, started anew. */
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + f->tx.rto);
	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	f->now += 100 * US;
	ack(f, f->tx.nxt);
	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, 0ULL);
	/* The next RTT sample allows another. */
	f->now += 100 * US;
	ack(f, f->tx.nxt);
	flight(f, 1, 0);
	KUNIT_EXPECT_TRUE(test, f->tx.probe_at);
}

static void tx_timeout__tail_probe_reveals_the_hole(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 una;

	settle(f, 100 * US);
	flight(f, 3, 0);
	una = f->tx.una;
	f->now = f->tx.probe_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	pump(f);
	f->now += 100 * US;
	KUNIT_EXPECT_EQ(test, sack(f, una, una + 200, una + 300),
			FSK_ACK_LOSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 2U);
	KUNIT_EXPECT_EQ(test, TIMEOUT_CALLS(f), 0U);
}

static void tx_timeout__tail_probe_without_room_asks(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	flight(f, 3, 0);
	f->tx.cc.cwnd = 200;
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_PROBE);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
}

static void tx_timeout__window_probes_slow_down(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 gap, last = 0, first;
	unsigned int i;

	start(f, ISN, 0);
	queue(f, MSS);
	pump(f);
	first = f->tx.probe_at;
	for (i = 0; i < 300; i++) {
		gap = f->tx.probe_at - f->now;
		KUNIT_EXPECT_LE(test, last, gap);
		KUNIT_EXPECT_LE(test, gap, FSK_PROBE_MAX_NS);
		last = gap;
		f->now = f->tx.probe_at;
		KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
				FSK_REL_PROBE);
		KUNIT_EXPECT_EQ(test, f->tx.stalled_since, f->now);
		/* The peer lives, its window stays shut. */
		fsk_rel_tx_ack(&f->tx, ISN, 0, NULL, 0, f->now, &f->freed);
		KUNIT_EXPECT_EQ(test, f->tx.stalled_since, 0ULL);
		KUNIT_EXPECT_EQ(test, f->tx.stuck_since, first);
		pump(f);
	}
	KUNIT_EXPECT_EQ(test, last, FSK_PROBE_MAX_NS);
}

/* It lives, but throws away what it gets. */
static void tx_timeout__answers_are_no_progress(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;
	u64 first;

	flight(f, 2, 0);
	first = f->tx.rto_at;
	for (i = 0; i < 10; i++) {
		f->now = f->tx.rto_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
		pump(f);
		KUNIT_EXPECT_EQ(test, ack(f, ISN), 0);
		KUNIT_EXPECT_EQ(test, f->tx.stalled_since, 0ULL);
		KUNIT_EXPECT_EQ(test, f->tx.stuck_since, first);
	}
	ack(f, ISN + MSS);
	KUNIT_EXPECT_EQ(test, f->tx.stuck_since, 0ULL);
}

static void tx_timeout__dead_peer_stalls_since_the_first(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 first;

	start(f, ISN, 0);
	queue(f, MSS);
	pump(f);
	first = f->tx.probe_at;
	while (f->now < first + 1000 * MS) {
		f->now = f->tx.probe_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
	}
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, first);
}

/* Numbers that wrap */

static void tx_wrap__whole_life_across_zero(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 isn = 0U - 250;

	start(f, isn, WND);
	flight(f, 6, 0);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, 350U);
	KUNIT_EXPECT_EQ(test, ack(f, 351), FSK_ACK_BAD);
	KUNIT_EXPECT_EQ(test, sack(f, isn, isn + 300, 350) & FSK_ACK_LOSS,
			FSK_ACK_LOSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 3U);
	KUNIT_EXPECT_EQ(test, pump(f), 3U);
	ack(f, 50);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 3U);
	KUNIT_EXPECT_EQ(test, ack(f, isn), 0);
	ack(f, 350);
	KUNIT_EXPECT_EQ(test, f->tx.una, f->tx.end);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_FALSE(test, f->tx.in_recovery);
}

static struct kunit_case rel_tx_cases[] = {
	KUNIT_CASE(tx_init__window_is_capped),
	KUNIT_CASE(tx_queue__numbers_follow),
	KUNIT_CASE(tx_queue__forgets_stale_flags),
	KUNIT_CASE(tx_grow__lengthens_tail),
	KUNIT_CASE(tx_split__unsent_tail),
	KUNIT_CASE(tx_split__sent_in_the_middle),
	KUNIT_CASE(tx_split__lost_counts_both),
	KUNIT_CASE(tx_purge__gives_all_back),
	KUNIT_CASE(tx_next__window_stops_whole_segments),
	KUNIT_CASE(tx_next__shut_window_arms_probe_when_idle),
	KUNIT_CASE(tx_next__shut_window_needs_no_probe_in_flight),
	KUNIT_CASE(tx_next__bare_fin_ignores_window),
	KUNIT_CASE(tx_next__fin_rides_on_what_fills_the_window),
	KUNIT_CASE(tx_next__fin_takes_no_byte_along),
	KUNIT_CASE(tx_cut__when_idle),
	KUNIT_CASE(tx_next__cwnd_overshot_by_less_than_one),
	KUNIT_CASE(tx_next__lost_first_and_oldest_first),
	KUNIT_CASE(tx_next__lost_waits_for_cwnd),
	KUNIT_CASE(tx_next__lost_may_go_alone),
	KUNIT_CASE(tx_sent__arms_rto_once),
	KUNIT_CASE(tx_sent__head_again_restarts_rto),
	KUNIT_CASE(tx_sent__tail_probe_for_the_last_only),
	KUNIT_CASE(tx_sent__no_tail_probe_behind_rto),
	KUNIT_CASE(tx_timeout__nothing_due),
	KUNIT_CASE(tx_timeout__rto_loses_all_in_flight),
	KUNIT_CASE(tx_timeout__rto_spares_sacked),
	KUNIT_CASE(tx_timeout__forgetful_peer_gets_all_again),
	KUNIT_CASE(tx_timeout__backoff_has_a_ceiling),
	KUNIT_CASE(tx_timeout__tail_probe_resends_the_last),
	KUNIT_CASE(tx_timeout__tail_probe_reveals_the_hole),
	KUNIT_CASE(tx_timeout__tail_probe_without_room_asks),
	KUNIT_CASE(tx_timeout__window_probes_slow_down),
	KUNIT_CASE(tx_timeout__dead_peer_stalls_since_the_first),
	KUNIT_CASE(tx_timeout__answers_are_no_progress),
	KUNIT_CASE(tx_wrap__whole_life_across_zero),
	{}
};

static struct kunit_suite rel_tx_suite = {
	.name = "fastsock_rel_tx",
	.init = rel_init,
	.test_cases = rel_tx_cases,
};

kunit_test_suite(rel_tx_suite);
