// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of the reliability core and its congestion control.
 *
 * Also built as a plain program by selftests/rel.
 */
#include <kunit/test.h>

#include "rel/rel.h"

#define ISN	1000U
#define MSS	100U
#define WND	100000U
#define MS	1000000ULL
#define US	1000ULL

struct rel_fix {
	struct fsk_rel_tx tx;
	struct fsk_rel_rx rx;
	struct fsk_seg seg[64];
	struct fsk_seg *freed;
	unsigned int used;
	u32 trim;
	u64 now;
};

/* A congestion control that counts its calls in fields nobody reads. */
static void fixed_init(struct fsk_cc *cc)
{
	cc->cwnd = 1 << 20;
	cc->ssthresh = 0;
	cc->acc = 0;
}

static void fixed_acked(struct fsk_cc *cc, u32 bytes, u64 rtt, bool limited,
			u64 now)
{
	cc->min_rtt_at += bytes;
	cc->round_rtt = rtt;
}

static void fixed_lost(struct fsk_cc *cc, u64 now)
{
	cc->acc++;
}

static void fixed_timeout(struct fsk_cc *cc, u64 now)
{
	cc->ssthresh++;
}

static const struct fsk_cc_ops fixed = {
	.name = "fixed",
	.init = fixed_init,
	.acked = fixed_acked,
	.lost = fixed_lost,
	.timeout = fixed_timeout,
};

#define LOST_CALLS(f)		((f)->tx.cc.acc)
#define TIMEOUT_CALLS(f)	((f)->tx.cc.ssthresh)
#define ACKED_BYTES(f)		((f)->tx.cc.min_rtt_at)

static void start(struct rel_fix *f, u32 isn, u32 wnd)
{
	f->now = 1000 * MS;
	f->used = 0;
	fsk_rel_tx_init(&f->tx, isn, wnd, MSS, &fixed);
	fsk_rel_rx_init(&f->rx, isn, wnd, MSS);
}

static int rel_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct rel_fix), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	start(test->priv, ISN, WND);
	return 0;
}

static struct fsk_seg *fresh(struct rel_fix *f, u32 len, u8 flags)
{
	struct fsk_seg *seg = &f->seg[f->used++];

	memset(seg, 0, sizeof(*seg));
	seg->len = len;
	seg->flags = flags;
	return seg;
}

static struct fsk_seg *queue(struct rel_fix *f, u32 len)
{
	struct fsk_seg *seg = fresh(f, len, 0);

	fsk_rel_tx_queue(&f->tx, seg);
	return seg;
}

static struct fsk_seg *queue_fin(struct rel_fix *f, u32 len)
{
	struct fsk_seg *seg = fresh(f, len + 1, FSK_SEG_FIN);

	fsk_rel_tx_queue(&f->tx, seg);
	return seg;
}

static unsigned int pump(struct rel_fix *f)
{
	struct fsk_seg *seg;
	unsigned int n = 0;

	while ((seg = fsk_rel_tx_next(&f->tx, f->now))) {
		fsk_rel_tx_sent(&f->tx, seg, f->now);
		n++;
	}
	return n;
}

/* Queues and sends @n full segments, @gap ns apart; returns the first. */
static struct fsk_seg *flight(struct rel_fix *f, unsigned int n, u64 gap)
{
	struct fsk_seg *first = &f->seg[f->used];

	while (n--) {
		f->now += gap;
		queue(f, MSS);
		pump(f);
	}
	return first;
}

static int ack_wnd(struct rel_fix *f, u32 to, u32 wnd)
{
	return fsk_rel_tx_ack(&f->tx, to, wnd, NULL, 0, f->now, &f->freed);
}

static int ack(struct rel_fix *f, u32 to)
{
	return ack_wnd(f, to, WND);
}

static int sack(struct rel_fix *f, u32 una, u32 from, u32 to)
{
	struct fsk_rel_range range = { .start = from, .end = to };

	return fsk_rel_tx_ack(&f->tx, una, WND, &range, 1, f->now, &f->freed);
}

/* Gives the sender an RTT of @rtt, settled, and leaves nothing queued. */
static void settle(struct rel_fix *f, u64 rtt)
{
	unsigned int i;

	for (i = 0; i < 32; i++) {
		f->used = 0;
		queue(f, 1);
		pump(f);
		f->now += rtt;
		ack(f, f->tx.nxt);
	}
	f->used = 0;
}

static unsigned int chain_len(const struct fsk_seg *seg)
{
	unsigned int n = 0;

	for (; seg; seg = seg->next)
		n++;
	return n;
}

/* Sending: queue, grow, split */

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
	KUNIT_EXPECT_PTR_EQ(test, rest->prev, seg);
	KUNIT_EXPECT_PTR_EQ(test, rest->next, seg + 1);
	KUNIT_EXPECT_PTR_EQ(test, (seg + 1)->prev, rest);
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

/* Sending: what may go */

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
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
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
	KUNIT_EXPECT_EQ(test, f->tx.probe_at, f->now + FSK_TLP_MIN_NS);
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

/* Sending: acks */

static void tx_ack__never_sent_is_bad(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 2, 0);
	queue(f, MSS);
	f->tx.wnd_end = f->tx.nxt;
	KUNIT_EXPECT_EQ(test, ack(f, f->tx.nxt + 1), FSK_ACK_BAD);
	KUNIT_EXPECT_EQ(test, f->tx.una, ISN);
	KUNIT_EXPECT_EQ(test, f->tx.wnd_end, f->tx.nxt);
	KUNIT_EXPECT_TRUE(test, !f->freed);
}

static void tx_ack__old_one_changes_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_tx before;

	flight(f, 6, 0);
	ack(f, ISN + 100);
	before = f->tx;
	KUNIT_EXPECT_EQ(test, sack(f, ISN + 99, ISN + 300, ISN + 600), 0);
	KUNIT_EXPECT_TRUE(test, !memcmp(&before, &f->tx, sizeof(before)));
	KUNIT_EXPECT_TRUE(test, !f->freed);
}

static void tx_ack__frees_covered_segments(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 3, 0);

	KUNIT_EXPECT_EQ(test, ack(f, ISN + 200),
			FSK_ACK_NEW | FSK_ACK_WINDOW);
	KUNIT_EXPECT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 2U);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.head, seg + 2);
	KUNIT_EXPECT_TRUE(test, !(seg + 2)->prev);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, MSS);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 200ULL);
}

static void tx_ack__partial_keeps_head(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 2, 0);

	KUNIT_EXPECT_TRUE(test, ack(f, ISN + 50) & FSK_ACK_NEW);
	KUNIT_EXPECT_TRUE(test, !f->freed);
	KUNIT_EXPECT_EQ(test, f->tx.una, ISN + 50);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.head, seg);
	KUNIT_EXPECT_EQ(test, seg->len, MSS);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 2 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
}

static void tx_ack__window_never_moves_back(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 edge = f->tx.wnd_end;

	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_ack(&f->tx, ISN + 100, 10, NULL, 0,
					     f->now, &f->freed), FSK_ACK_NEW);
	KUNIT_EXPECT_EQ(test, f->tx.wnd_end, edge);
	fsk_rel_tx_ack(&f->tx, ISN + 100, ~0U, NULL, 0, f->now, &f->freed);
	KUNIT_EXPECT_EQ(test, f->tx.wnd_end, ISN + 100 + FSK_WND_MAX);
}

static void tx_ack__open_window_cancels_probe(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 0);
	queue(f, MSS);
	pump(f);
	f->now = f->tx.probe_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 1);
	KUNIT_EXPECT_EQ(test, ack(f, ISN), FSK_ACK_WINDOW);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.stuck_since, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
}

static void tx_ack__first_sample(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	f->now += 8 * MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 8 * MS);
	KUNIT_EXPECT_EQ(test, f->tx.rttvar, 4 * MS);
	KUNIT_EXPECT_EQ(test, f->tx.rto, 24 * MS);
	KUNIT_EXPECT_EQ(test, f->tx.cc.round_rtt, 8 * MS);
}

static void tx_ack__smooths_later_samples(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	f->now += 8 * MS;
	ack(f, f->tx.nxt);
	flight(f, 1, 0);
	f->now += 16 * MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 9 * MS);
	KUNIT_EXPECT_EQ(test, f->tx.rttvar, 5 * MS);
	KUNIT_EXPECT_EQ(test, f->tx.rto, 29 * MS);
}

static void tx_ack__samples_the_newest(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 3, 3 * MS);
	f->now += MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, MS);
}

static void tx_ack__rto_has_a_floor_and_a_ceiling(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 10 * US);
	KUNIT_EXPECT_LE(test, f->tx.rto, FSK_RTO_MIN_NS + 11 * US);
	KUNIT_EXPECT_LE(test, FSK_RTO_MIN_NS, f->tx.rto);
	flight(f, 1, 0);
	f->now += 100 * FSK_RTO_MAX_NS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.rto, FSK_RTO_MAX_NS);
}

static void tx_ack__no_sample_from_a_copy(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	pump(f);
	f->now += MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
	/* Karn: the back-off lasts until a segment needs no copy. */
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 1);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, 0ULL);
	flight(f, 1, 0);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + 2 * FSK_RTO_INIT_NS);
	f->now += MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 0);
}

static void tx_ack__no_sample_behind_a_filled_hole(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	/* The ack of the second was lost; now it comes with the first's. */
	flight(f, 2, 0);
	f->now += 9 * MS;
	fsk_rel_tx_sent(&f->tx, f->tx.head, f->now);
	f->now += MS;
	ack(f, f->tx.nxt);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
}

static void tx_ack__slow_path_stops_copies(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i, copies = 0;

	/* The path's delay jumps from 0.1 ms to 20 ms. */
	settle(f, 100 * US);
	for (i = 0; i < 40; i++) {
		u64 answer = f->now + 20 * MS;

		f->used = 0;
		queue(f, 1);
		pump(f);
		while (fsk_rel_tx_deadline(&f->tx) < answer) {
			f->now = fsk_rel_tx_deadline(&f->tx);
			fsk_rel_tx_timeout(&f->tx, f->now);
			copies += pump(f);
		}
		f->now = answer;
		ack(f, f->tx.nxt);
	}
	KUNIT_EXPECT_LT(test, copies, 15U);
	KUNIT_EXPECT_GT(test, f->tx.rto, 20 * MS);
}

static void tx_ack__long_backoff_is_cut_by_progress(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	flight(f, 2, 0);
	for (i = 0; i < 12; i++) {
		f->now = f->tx.rto_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
		pump(f);
	}
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + FSK_RTO_MAX_NS);
	f->now += MS;
	ack(f, ISN + MSS);
	KUNIT_EXPECT_TRUE(test, f->tx.backoff);
	KUNIT_EXPECT_LE(test, f->tx.rto_at, f->now + FSK_PROBE_MAX_NS);
	f->tx.backoff = FSK_BACKOFF_MAX;
	ack(f, ISN + 2 * MSS);
	flight(f, 1, 0);
	KUNIT_EXPECT_LE(test, f->tx.rto_at, f->now + FSK_PROBE_MAX_NS);
}

static void tx_ack__rearms_or_stops_rto(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 2, 0);
	f->now += MS;
	ack(f, ISN + 100);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + f->tx.rto);
	ack(f, ISN + 200);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, 0ULL);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
}

static void tx_ack__progress_postpones_tail_probe(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	flight(f, 3, 0);
	f->now += 900 * US;
	ack(f, f->tx.una + 100);
	KUNIT_EXPECT_TRUE(test, !f->tx.probe_at ||
			  f->tx.probe_at > f->now + 500 * US);
}

static void tx_ack__same_ack_proves_life_only(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 rto_at;

	flight(f, 1, 0);
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	pump(f);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, f->now);
	rto_at = f->tx.rto_at;
	f->now += MS;
	KUNIT_EXPECT_EQ(test, ack(f, ISN), 0);
	KUNIT_EXPECT_EQ(test, f->tx.stalled_since, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 1);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, rto_at);
}

/* Sending: selective acks and loss */

static void tx_sack__impossible_ranges_ignored(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range bad[] = {
		{ ISN, ISN + 400 },		/* starts at una */
		{ ISN - 100, ISN + 400 },	/* before una */
		{ ISN + 100, ISN + 401 },	/* never sent */
		{ ISN + 300, ISN + 300 },	/* empty */
		{ ISN + 300, ISN + 100 },	/* reversed */
		{ ISN + 100, ISN + 0x80000001 },
	};

	flight(f, 4, 0);
	f->now += 100 * MS;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_ack(&f->tx, ISN, 0, bad,
					     ARRAY_SIZE(bad), f->now,
					     &f->freed), 0);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 400U);
	KUNIT_EXPECT_EQ(test, f->tx.sacked_end, ISN);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
}

static void tx_sack__marks_whole_segments(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 4, 0);

	sack(f, ISN, ISN + 150, ISN + 399);
	KUNIT_EXPECT_FALSE(test, (seg + 1)->flags & FSK_SEG_SACKED);
	KUNIT_EXPECT_TRUE(test, (seg + 2)->flags & FSK_SEG_SACKED);
	KUNIT_EXPECT_FALSE(test, (seg + 3)->flags & FSK_SEG_SACKED);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_EQ(test, f->tx.sacked_end, ISN + 300);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 100ULL);
}

static void tx_sack__ranges_in_any_order(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range range[] = {
		{ ISN + 500, ISN + 600 },
		{ ISN + 100, ISN + 200 },
		{ ISN + 300, ISN + 400 },
	};
	struct fsk_seg *seg = flight(f, 6, 0);
	unsigned int i;

	fsk_rel_tx_ack(&f->tx, ISN, WND, range, ARRAY_SIZE(range), f->now,
		       &f->freed);
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, !!(seg[i].flags & FSK_SEG_SACKED), i & 1);
	/* Three above the first: it is lost. */
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
}

static void tx_sack__counted_once(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 3, 0);
	f->now += MS;
	sack(f, ISN, ISN + 200, ISN + 300);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, MS);
	f->now += 50 * US;
	sack(f, ISN, ISN + 200, ISN + 300);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, MS);
	ack(f, ISN + 300);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 300ULL);
}

static void tx_sack__two_above_prove_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 3, 0);
	KUNIT_EXPECT_FALSE(test, sack(f, ISN, ISN + 100, ISN + 300) &
			   FSK_ACK_LOSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
}

static void tx_sack__three_above_prove_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 4, 0);

	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 100, ISN + 400),
			FSK_ACK_LOSS);
	KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_LOST);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
}

static void tx_sack__three_mss_above_prove_loss(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	queue(f, 3 * MSS);
	pump(f);
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 100, ISN + 400),
			FSK_ACK_LOSS);
}

static void tx_sack__small_segments_count_as_segments(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		queue(f, 1);
	pump(f);
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 1, ISN + 4), FSK_ACK_LOSS);
}

static void tx_sack__late_original_is_not_resent(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 6, 0);
	sack(f, ISN, ISN + 300, ISN + 600);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 3U);
	sack(f, ISN, ISN + 100, ISN + 600);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	ack(f, ISN + 600);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
}

static void tx_rack__later_sent_was_delivered(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 1, 0);
	flight(f, 1, MS);
	f->now += 100 * US;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 100, ISN + 200),
			FSK_ACK_LOSS);
}

static void tx_rack__waits_out_reordering(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u64 due;

	flight(f, 1, 0);
	due = f->now + 110 * US + FSK_REO_MIN_NS;
	flight(f, 1, 10 * US);
	f->now += 110 * US;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 100, ISN + 200), 0);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), due);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, due - 1),
			FSK_REL_NONE);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, due), FSK_REL_SEND);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
	KUNIT_EXPECT_EQ(test, TIMEOUT_CALLS(f), 0U);
}

static void tx_rack__never_below_what_was_delivered_first(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	/* Sent in one burst: those after the delivered one are not suspect. */
	flight(f, 3, 0);
	f->now += 100 * US;
	sack(f, ISN, ISN + 100, ISN + 200);
	f->now += FSK_REO_MIN_NS;
	fsk_rel_tx_timeout(&f->tx, f->now);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_TRUE(test, f->tx.head->flags & FSK_SEG_LOST);
}

static void tx_rack__finds_lost_retransmission(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 4, 0);

	f->now += 100 * US;
	sack(f, ISN, ISN + 100, ISN + 400);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	flight(f, 1, MS);
	f->now += 100 * US;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 100, ISN + 500) &
			FSK_ACK_LOSS, FSK_ACK_LOSS);
	KUNIT_EXPECT_PTR_EQ(test, fsk_rel_tx_next(&f->tx, f->now), seg);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
}

static void tx_rack__counting_spares_retransmissions(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 4, 0);
	f->now += 100 * US;
	sack(f, ISN, ISN + 100, ISN + 400);
	pump(f);
	flight(f, 1, 10 * US);
	f->now += 100 * US;
	KUNIT_EXPECT_FALSE(test, sack(f, ISN, ISN + 100, ISN + 500) &
			   FSK_ACK_LOSS);
}

static void tx_recovery__one_reduction_per_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	flight(f, 10, 0);
	sack(f, ISN, ISN + 100, ISN + 400);
	pump(f);
	sack(f, ISN, ISN + 500, ISN + 1000);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	pump(f);
	ack(f, ISN + 999);
	KUNIT_EXPECT_TRUE(test, f->tx.in_recovery);
	ack(f, ISN + 1000);
	KUNIT_EXPECT_FALSE(test, f->tx.in_recovery);
	flight(f, 4, 0);
	sack(f, ISN + 1000, ISN + 1100, ISN + 1400);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 2U);
}

/* Makes a retransmission whose ack comes too soon to be its own. */
static void spurious(struct rel_fix *f)
{
	u32 una;

	f->used = 0;
	flight(f, 4, 0);
	una = f->tx.una;
	f->now += 100 * US;
	sack(f, una, una + 100, una + 400);
	if (!f->tx.lost)
		fsk_rel_tx_timeout(&f->tx, f->now + FSK_RTO_MIN_NS / 2);
	pump(f);
	f->now += 10 * US;
	f->tx.cc.min_rtt = 100 * US;
	ack(f, f->tx.nxt);
}

static void tx_reordering__copy_for_nothing_is_noticed(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	spurious(f);
	KUNIT_EXPECT_EQ(test, f->tx.reo_steps, 1);
	/* Counting SACKs no longer proves a loss, time does. */
	f->used = 0;
	flight(f, 4, 0);
	f->now += 100 * US;
	KUNIT_EXPECT_FALSE(test, sack(f, f->tx.una, f->tx.una + 100,
				      f->tx.una + 400) & FSK_ACK_LOSS);
	KUNIT_EXPECT_GT(test, f->tx.probe_at, f->now + FSK_REO_MIN_NS);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->tx.probe_at),
			FSK_REL_SEND);
}

static void tx_reordering__is_forgotten(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	unsigned int i;
	u32 una;

	settle(f, 100 * US);
	spurious(f);
	for (i = 0; i < FSK_REO_KEEP; i++) {
		KUNIT_EXPECT_EQ(test, f->tx.reo_steps, i < FSK_REO_KEEP - 1);
		f->used = 0;
		flight(f, 2, 0);
		una = f->tx.una;
		f->now += 100 * US;
		sack(f, una, una + 100, una + 200);
		f->now = f->tx.probe_at;
		fsk_rel_tx_timeout(&f->tx, f->now);
		pump(f);
		f->now += 100 * US;
		ack(f, f->tx.nxt);
	}
	KUNIT_EXPECT_EQ(test, f->tx.reo_steps, 0);
}

/* Sending: timers */

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
	f->now = first;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
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
	f->now = f->tx.rto_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
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

/* Epochs */

static void epochs__count_each_boundary_once(struct kunit *test)
{
	struct fsk_epochs ep;

	fsk_epochs_init(&ep, 0x3fffffff, 0xfffffff0);
	KUNIT_EXPECT_FALSE(test, fsk_epochs_passed(&ep, 0x3fffffff,
						   0xffffffff));
	KUNIT_EXPECT_TRUE(test, fsk_epochs_passed(&ep, 0x40000000, 0xfffffff0));
	KUNIT_EXPECT_TRUE(test, fsk_epochs_passed(&ep, 0x3fffffff, 0));
	fsk_epochs_count(&ep, 0x40000000, 0xfffffff0);
	KUNIT_EXPECT_EQ(test, ep.sent, 1U);
	KUNIT_EXPECT_EQ(test, ep.rcvd, 0U);
	fsk_epochs_count(&ep, 0x7fffffff, 5);
	KUNIT_EXPECT_EQ(test, ep.sent, 1U);
	KUNIT_EXPECT_EQ(test, ep.rcvd, 1U);
	/* As far as the widest window. */
	fsk_epochs_count(&ep, 0xbfffffff, 5);
	KUNIT_EXPECT_EQ(test, ep.sent, 2U);
}

static void epochs__of_now_and_not_of_then(struct kunit *test)
{
	struct fsk_epochs ep = { .sent = 7, .rcvd = 3 };
	u32 i, j;
	bool near;

	/* The peer's @sent is what arrives here, and the other way round. */
	for (i = 0; i < 12; i++) {
		for (j = 0; j < 12; j++) {
			near = (i == 2 || i == 3) && j >= 6 && j <= 8;
			KUNIT_EXPECT_EQ(test, near,
					fsk_epochs_near(&ep,
							fsk_epochs_mix(i, j)));
		}
	}
}

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

/* Receiving */

static enum fsk_rel_verdict arrive(struct rel_fix *f, u32 seq, u32 len,
				   u8 flags)
{
	struct fsk_seg *seg = fresh(f, len, flags);

	seg->seq = seq;
	return fsk_rel_rx_data(&f->rx, seg, &f->trim, f->now);
}

static unsigned int pop_all(struct rel_fix *f)
{
	unsigned int n = 0;

	u32 trim;

	while (fsk_rel_rx_pop(&f->rx, &trim)) {
		f->trim = trim;
		n++;
	}
	return n;
}

static void rx_data__in_order(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 10, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, f->trim, 0U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 10);
	KUNIT_EXPECT_FALSE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, f->now + FSK_DELACK_NS);
	/* The second does not push the ack of the first away. */
	f->now += 100 * US;
	arrive(f, ISN + 10, 10, 0);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, f->now - 100 * US + FSK_DELACK_NS);
}

static void rx_data__many_bytes_force_an_ack(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	u32 at = ISN;

	while (at - ISN < (FSK_ACK_EVERY - 1) * MSS) {
		arrive(f, at, MSS, 0);
		at += MSS;
	}
	arrive(f, at, MSS - 1, 0);
	KUNIT_EXPECT_FALSE(test, f->rx.ack_now);
	arrive(f, at + MSS - 1, 1, 0);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	fsk_rel_rx_ack_sent(&f->rx);
	KUNIT_EXPECT_FALSE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, 0ULL);
	KUNIT_EXPECT_EQ(test, f->rx.acked, at + MSS);
	arrive(f, at + MSS, MSS, 0);
	KUNIT_EXPECT_FALSE(test, f->rx.ack_now);
}

static void rx_data__who_asks_is_acked(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN, 1, FSK_SEG_ASK);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
}

static void rx_data__overlap_is_trimmed(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN - 5, 20, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, f->trim, 15U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 15);
}

static void rx_data__old_is_acked_again(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN, 10, 0);
	fsk_rel_rx_ack_sent(&f->rx);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 10, 0), FSK_RX_DUP);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 10);
}

static void rx_data__window_edge(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 100);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 101, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 50, 51, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 99, 3, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 101, 1, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_FALSE(test, f->rx.fin_seen);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 100, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 100, 1, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 100, 1, FSK_SEG_FIN),
			FSK_RX_INORDER);
	/* What is advertised from now on is no negative number. */
	KUNIT_EXPECT_FALSE(test, fsk_before(f->rx.wnd_end, f->rx.nxt));
}

static void rx_data__fin_needs_no_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start(f, ISN, 100);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 50, 51, FSK_SEG_FIN),
			FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 50, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 1U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 101);
}

static void rx_data__fin_forces_an_ack(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 11, FSK_SEG_FIN), FSK_RX_INORDER);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	KUNIT_EXPECT_TRUE(test, f->rx.fin_seen);
	KUNIT_EXPECT_EQ(test, f->rx.fin_seq, ISN + 11);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 11, FSK_SEG_FIN), FSK_RX_DUP);
}

static void rx_data__nothing_beyond_fin(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 10, 11, FSK_SEG_FIN),
			FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 21, 1, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 21, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 5, 10, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 1, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 20, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 1U);
	KUNIT_EXPECT_EQ(test, f->trim, 10U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 21);
}

static void rx_data__fin_not_before_what_is_held(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	/* The one that reaches furthest is not the one that starts last. */
	arrive(f, ISN + 20, 10, 0);
	arrive(f, ISN + 10, 40, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 40, 1, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 49, 1, FSK_SEG_FIN),
			FSK_RX_OUTSIDE);
	KUNIT_EXPECT_FALSE(test, f->rx.fin_seen);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 50, 1, FSK_SEG_FIN),
			FSK_RX_HELD);
}

static void rx_hold__sorted_and_popped(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	static const u32 at[] = { 30, 10, 40, 20 };
	struct fsk_seg *seg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		f->rx.ack_now = false;
		KUNIT_EXPECT_EQ(test, arrive(f, ISN + at[i], 10, 0),
				FSK_RX_HELD);
		KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
		KUNIT_EXPECT_EQ(test, f->rx.recent, ISN + at[i]);
	}
	KUNIT_EXPECT_EQ(test, f->rx.ooo_count, 4U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_rx_pop(&f->rx, &f->trim));
	f->rx.ack_now = false;
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 10, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	for (i = 1; i < 5; i++) {
		seg = fsk_rel_rx_pop(&f->rx, &f->trim);
		KUNIT_ASSERT_TRUE(test, seg);
		KUNIT_EXPECT_EQ(test, seg->seq, ISN + i * 10);
		KUNIT_EXPECT_EQ(test, f->trim, 0U);
	}
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 50);
	KUNIT_EXPECT_EQ(test, f->rx.ooo_count, 0U);
	KUNIT_EXPECT_TRUE(test, !f->rx.ooo_head && !f->rx.ooo_tail);
}

static void rx_hold__covered_is_a_duplicate(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 10, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 10, 10, 0), FSK_RX_DUP);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 12, 3, 0), FSK_RX_DUP);
	arrive(f, ISN + 20, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 15, 10, 0), FSK_RX_DUP);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 15, 16, 0), FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 9, 11, 0), FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, f->rx.ooo_count, 4U);
}

static void rx_hold__bounded(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 10, 10, 0);
	f->rx.ooo_count = FSK_OOO_MAX;
	f->rx.ack_now = false;
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 10, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_TRUE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 10, 10, 0), FSK_RX_DUP);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 10, 0), FSK_RX_INORDER);
}

static void rx_pop__trims_overlaps(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 12, 3, 0);
	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 18, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 13, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 20);
	/* Wholly had by now: trimmed away, nothing moves back. */
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 20);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 2U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 28);
}

static void rx_sack__recent_first_then_ascending(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[4];

	KUNIT_EXPECT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 4), 0U);
	arrive(f, ISN + 70, 10, 0);
	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 20, 10, 0);
	arrive(f, ISN + 50, 10, 0);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 4), 3U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 50);
	KUNIT_EXPECT_EQ(test, r[0].end, ISN + 60);
	KUNIT_EXPECT_EQ(test, r[1].start, ISN + 10);
	KUNIT_EXPECT_EQ(test, r[1].end, ISN + 30);
	KUNIT_EXPECT_EQ(test, r[2].start, ISN + 70);
	KUNIT_EXPECT_EQ(test, r[2].end, ISN + 80);
}

static void rx_sack__overlaps_are_merged(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[4];

	arrive(f, ISN + 20, 5, 0);
	arrive(f, ISN + 10, 30, 0);
	arrive(f, ISN + 35, 10, 0);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 4), 1U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 10);
	KUNIT_EXPECT_EQ(test, r[0].end, ISN + 45);
}

static void rx_sack__room_goes_to_recent(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[3] = {};

	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 30, 10, 0);
	arrive(f, ISN + 50, 10, 0);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 2), 2U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 50);
	KUNIT_EXPECT_EQ(test, r[1].start, ISN + 10);
	KUNIT_EXPECT_EQ(test, r[2].start, 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 1), 1U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 50);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 0), 0U);
}

static void rx_wrap__across_zero(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[2];
	u32 isn = 0U - 15;

	start(f, isn, 100);
	KUNIT_EXPECT_EQ(test, arrive(f, 5, 10, 0), FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, isn + 5, 15, 0), FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, 80, 10, 0), FSK_RX_OUTSIDE);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 2), 1U);
	KUNIT_EXPECT_EQ(test, r[0].start, isn + 5);
	KUNIT_EXPECT_EQ(test, r[0].end, 15U);
	KUNIT_EXPECT_EQ(test, arrive(f, isn, 5, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 2U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, 15U);
	KUNIT_EXPECT_EQ(test, arrive(f, isn, 5, 0), FSK_RX_DUP);
}

static void rx_purge__gives_all_back(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 30, 10, 0);
	arrive(f, ISN + 10, 10, 0);
	KUNIT_EXPECT_EQ(test, chain_len(fsk_rel_rx_purge(&f->rx)), 2U);
	KUNIT_EXPECT_EQ(test, f->rx.ooo_count, 0U);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 20, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 0U);
}

static void rx_forget__highest_first(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[2];

	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 30, 10, FSK_SEG_FIN);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_forget(&f->rx)->seq, ISN + 30);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 2), 1U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 10);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_forget(&f->rx)->seq, ISN + 10);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_rx_forget(&f->rx));
	KUNIT_EXPECT_EQ(test, f->rx.ooo_count, 0U);
	/* It comes again, and the end is where it was. */
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 20, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 10, FSK_SEG_FIN),
			FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 30, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 1U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 40);
}

/* Congestion control */

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

static struct kunit_case rel_cases[] = {
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
	KUNIT_CASE(tx_ack__never_sent_is_bad),
	KUNIT_CASE(tx_ack__old_one_changes_nothing),
	KUNIT_CASE(tx_ack__frees_covered_segments),
	KUNIT_CASE(tx_ack__partial_keeps_head),
	KUNIT_CASE(tx_ack__window_never_moves_back),
	KUNIT_CASE(tx_ack__open_window_cancels_probe),
	KUNIT_CASE(tx_ack__first_sample),
	KUNIT_CASE(tx_ack__smooths_later_samples),
	KUNIT_CASE(tx_ack__samples_the_newest),
	KUNIT_CASE(tx_ack__rto_has_a_floor_and_a_ceiling),
	KUNIT_CASE(tx_ack__no_sample_from_a_copy),
	KUNIT_CASE(tx_ack__no_sample_behind_a_filled_hole),
	KUNIT_CASE(tx_ack__slow_path_stops_copies),
	KUNIT_CASE(tx_ack__long_backoff_is_cut_by_progress),
	KUNIT_CASE(tx_ack__rearms_or_stops_rto),
	KUNIT_CASE(tx_ack__progress_postpones_tail_probe),
	KUNIT_CASE(tx_ack__same_ack_proves_life_only),
	KUNIT_CASE(tx_sack__impossible_ranges_ignored),
	KUNIT_CASE(tx_sack__marks_whole_segments),
	KUNIT_CASE(tx_sack__ranges_in_any_order),
	KUNIT_CASE(tx_sack__counted_once),
	KUNIT_CASE(tx_sack__two_above_prove_nothing),
	KUNIT_CASE(tx_sack__three_above_prove_loss),
	KUNIT_CASE(tx_sack__three_mss_above_prove_loss),
	KUNIT_CASE(tx_sack__small_segments_count_as_segments),
	KUNIT_CASE(tx_sack__late_original_is_not_resent),
	KUNIT_CASE(tx_rack__later_sent_was_delivered),
	KUNIT_CASE(tx_rack__waits_out_reordering),
	KUNIT_CASE(tx_rack__never_below_what_was_delivered_first),
	KUNIT_CASE(tx_rack__finds_lost_retransmission),
	KUNIT_CASE(tx_rack__counting_spares_retransmissions),
	KUNIT_CASE(tx_recovery__one_reduction_per_window),
	KUNIT_CASE(tx_reordering__copy_for_nothing_is_noticed),
	KUNIT_CASE(tx_reordering__is_forgotten),
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
	KUNIT_CASE(epochs__count_each_boundary_once),
	KUNIT_CASE(epochs__of_now_and_not_of_then),
	KUNIT_CASE(tx_wrap__whole_life_across_zero),
	KUNIT_CASE(rx_data__in_order),
	KUNIT_CASE(rx_data__many_bytes_force_an_ack),
	KUNIT_CASE(rx_data__who_asks_is_acked),
	KUNIT_CASE(rx_data__overlap_is_trimmed),
	KUNIT_CASE(rx_data__old_is_acked_again),
	KUNIT_CASE(rx_data__window_edge),
	KUNIT_CASE(rx_data__fin_needs_no_window),
	KUNIT_CASE(rx_data__fin_forces_an_ack),
	KUNIT_CASE(rx_data__nothing_beyond_fin),
	KUNIT_CASE(rx_data__fin_not_before_what_is_held),
	KUNIT_CASE(rx_hold__sorted_and_popped),
	KUNIT_CASE(rx_hold__covered_is_a_duplicate),
	KUNIT_CASE(rx_hold__bounded),
	KUNIT_CASE(rx_pop__trims_overlaps),
	KUNIT_CASE(rx_sack__recent_first_then_ascending),
	KUNIT_CASE(rx_sack__overlaps_are_merged),
	KUNIT_CASE(rx_sack__room_goes_to_recent),
	KUNIT_CASE(rx_wrap__across_zero),
	KUNIT_CASE(rx_purge__gives_all_back),
	KUNIT_CASE(rx_forget__highest_first),
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

static struct kunit_suite rel_suite = {
	.name = "fastsock_rel",
	.init = rel_init,
	.test_cases = rel_cases,
};

kunit_test_suite(rel_suite);

MODULE_DESCRIPTION("KUnit tests of fastsock");
MODULE_LICENSE("GPL");
