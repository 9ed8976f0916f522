// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the sending half: what acks do, and how loss is found. */

#include "rel_test.h"

/* Acks */

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
	pump(f);
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

/* Selective acks and loss */

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

/* Else it would wait until a third of the flight has arrived. */
static void tx_loss__first_copy_needs_no_room(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 20, 0);

	f->tx.cc.cwnd = 14 * MSS;
	sack(f, ISN, ISN + 2 * MSS, ISN + 4 * MSS);
	f->tx.cc.cwnd = 10 * MSS;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 2 * MSS, ISN + 5 * MSS),
			FSK_ACK_LOSS);
	KUNIT_ASSERT_EQ(test, f->tx.lost, 2U);
	KUNIT_EXPECT_GT(test, f->tx.inflight, f->tx.cc.cwnd);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, seg->flags & FSK_SEG_RETRANS);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	/* Only the first one of an episode. */
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 2 * MSS, ISN + 6 * MSS), 0);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
}

/* Of a long segment it is one piece. */
static void tx_loss__first_copy_is_one_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cut = rel_cut;
	queue(f, 10 * MSS);
	queue(f, 10 * MSS);
	pump(f);
	sack(f, ISN, ISN + 10 * MSS, ISN + 14 * MSS);
	f->tx.cc.cwnd = 2 * MSS;
	KUNIT_EXPECT_GT(test, f->tx.inflight, f->tx.cc.cwnd);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.head->len, MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
}

/* Counting tells nothing of a copy, wherever it is. */
static void tx_loss__tail_probe_is_not_counted_out(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;
	u32 una;

	settle(f, 100 * US);
	seg = flight(f, 1, 0);
	una = f->tx.una;
	f->now = f->tx.probe_at;
	fsk_rel_tx_timeout(&f->tx, f->now);
	KUNIT_ASSERT_EQ(test, pump(f), 1U);
	flight(f, 4, 0);
	f->now += 100 * US;
	KUNIT_EXPECT_EQ(test, sack(f, una, una + 100, una + 500), 0);
	KUNIT_EXPECT_FALSE(test, seg->flags & FSK_SEG_LOST);
	KUNIT_EXPECT_EQ(test, f->tx.probe_at,
			seg->sent + f->tx.rack_rtt + FSK_REO_MIN_NS);
}

/* The order of copies is that of time, then of numbers. */
static void tx_loss__copies_of_one_moment(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = flight(f, 2, 0);

	lose_flight(f);
	fsk_rel_tx_sent(&f->tx, seg + 1, f->now);
	fsk_rel_tx_sent(&f->tx, seg, f->now);
	KUNIT_EXPECT_EQ(test, seg->sent, f->now + 1);
	/* What seems to come before it was sent answers the first one. */
	ack(f, ISN + 100);
	KUNIT_EXPECT_EQ(test, f->tx.reo_steps, 1);
	KUNIT_EXPECT_EQ(test, f->tx.rack_rtt, 0U);
}

static struct kunit_case rel_ack_cases[] = {
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
	KUNIT_CASE(tx_loss__first_copy_needs_no_room),
	KUNIT_CASE(tx_loss__first_copy_is_one_piece),
	KUNIT_CASE(tx_loss__tail_probe_is_not_counted_out),
	KUNIT_CASE(tx_loss__copies_of_one_moment),
	{}
};

static struct kunit_suite rel_ack_suite = {
	.name = "fastsock_rel_ack",
	.init = rel_init,
	.test_cases = rel_ack_cases,
};

kunit_test_suite(rel_ack_suite);
