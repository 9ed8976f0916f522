// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the receiving half, and of epochs. */

#include "rel_test.h"

/* How often the numbers of both directions came round */

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

/* Receiving */

static enum fsk_rel_verdict arrive(struct rel_fix *f, u32 seq, u32 len,
				   u8 flags)
{
	struct fsk_seg *seg = fresh(f, len, flags);

	seg->seq = seq;
	return fsk_rel_rx_data(&f->rx, seg, &f->trim, f->now);
}

/* How many segments are held. */
static unsigned int held(const struct rel_fix *f)
{
	const struct fsk_seg *run = f->rx.low, *seg;
	const struct rb_node *node;
	unsigned int n = 0;

	for (; run; run = node ? rb_entry(node, struct fsk_seg, run) : NULL) {
		for (seg = run->next; seg != run; seg = seg->next)
			n++;
		n++;
		node = rb_next(&run->run);
	}
	return n;
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

/* It may go with the end of the other direction. */
static void rx_data__ack_of_fin_waits(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 11, FSK_SEG_FIN), FSK_RX_INORDER);
	KUNIT_EXPECT_FALSE(test, f->rx.ack_now);
	KUNIT_EXPECT_EQ(test, f->rx.ack_at, f->now + FSK_DELACK_NS);
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
	}
	KUNIT_EXPECT_EQ(test, held(f), 4U);
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
	KUNIT_EXPECT_FALSE(test, fsk_rel_rx_holds(&f->rx));
	KUNIT_EXPECT_TRUE(test, !f->rx.high && !f->rx.recent);
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
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 9, 10, 0), FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, held(f), 4U);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_rx_covered(&f->rx));
}

/* A sender that had it sent again wants to hear of it. */
static void rx_hold__duplicate_is_told_first(struct kunit *test)
{
	struct fsk_rel_range told[2];
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 30, 10, 0);
	KUNIT_EXPECT_FALSE(test, f->rx.twice);
	arrive(f, ISN + 10, 10, 0);
	KUNIT_EXPECT_TRUE(test, f->rx.twice);
	KUNIT_EXPECT_EQ(test, fsk_rel_rx_sack(&f->rx, told, 2), 2U);
	KUNIT_EXPECT_EQ(test, told[0].start, ISN + 10);
}

/* Of a run above, and of the beginning of one that it reaches. */
static void rx_hold__what_is_covered_comes_back(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_rel_range r[3];
	struct fsk_seg *seg;

	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 30, 10, 0);
	arrive(f, ISN + 40, 10, 0);
	arrive(f, ISN + 60, 10, 0);
	arrive(f, ISN + 70, 10, 0);
	arrive(f, ISN + 90, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 15, 60, 0), FSK_RX_HELD);
	seg = fsk_rel_rx_covered(&f->rx);
	KUNIT_EXPECT_EQ(test, chain_len(seg), 3U);
	for (; seg; seg = seg->next)
		KUNIT_EXPECT_TRUE(test, seg->seq == ISN + 30 ||
				  seg->seq == ISN + 40 || seg->seq == ISN + 60);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_rx_covered(&f->rx));
	KUNIT_EXPECT_EQ(test, held(f), 4U);
	KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 3), 2U);
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 10);
	KUNIT_EXPECT_EQ(test, r[0].end, ISN + 80);
	KUNIT_EXPECT_EQ(test, r[1].start, ISN + 90);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 12, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 80);
}

/* Segments before, after and between others. */
static void rx_hold__joins_runs(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	static const u32 at[] = { 50, 30, 70, 20, 60, 80, 40 };
	static const unsigned int runs[] = { 1, 2, 3, 3, 2, 2, 1 };
	struct fsk_rel_range r[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++) {
		KUNIT_EXPECT_EQ(test, arrive(f, ISN + at[i], 10, 0),
				FSK_RX_HELD);
		KUNIT_ASSERT_EQ(test, fsk_rel_rx_sack(&f->rx, r, 4), runs[i]);
		KUNIT_EXPECT_FALSE(test, fsk_after(r[0].start, ISN + at[i]));
		KUNIT_EXPECT_TRUE(test, fsk_after(r[0].end, ISN + at[i]));
	}
	KUNIT_EXPECT_EQ(test, r[0].start, ISN + 20);
	KUNIT_EXPECT_EQ(test, r[0].end, ISN + 90);
	for (i = 8; i > 4; i--)
		KUNIT_EXPECT_EQ(test, fsk_rel_rx_forget(&f->rx)->seq,
				ISN + 10 * i);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 20, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 50);
}

static void rx_pop__trims_overlaps(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 10, 10, 0);
	arrive(f, ISN + 18, 10, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 13, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 20);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 2U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 28);
}

/* Wholly had by now: trimmed away, nothing moves back. */
static void rx_pop__trims_all_of_a_segment(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	arrive(f, ISN + 10, 5, 0);
	arrive(f, ISN + 15, 5, 0);
	arrive(f, ISN + 30, 5, 0);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 18, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 5U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 18);
	KUNIT_EXPECT_TRUE(test, fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, f->trim, 3U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 20);
	KUNIT_EXPECT_TRUE(test, !fsk_rel_rx_pop(&f->rx, &f->trim));
	KUNIT_EXPECT_EQ(test, held(f), 1U);
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
	arrive(f, ISN + 20, 5, 0);
	KUNIT_EXPECT_EQ(test, chain_len(fsk_rel_rx_purge(&f->rx)), 3U);
	KUNIT_EXPECT_EQ(test, held(f), 0U);
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
	KUNIT_EXPECT_EQ(test, held(f), 0U);
	/* It comes again, and the end is where it was. */
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 20, 0), FSK_RX_OUTSIDE);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN + 30, 10, FSK_SEG_FIN),
			FSK_RX_HELD);
	KUNIT_EXPECT_EQ(test, arrive(f, ISN, 30, 0), FSK_RX_INORDER);
	KUNIT_EXPECT_EQ(test, pop_all(f), 1U);
	KUNIT_EXPECT_EQ(test, f->rx.nxt, ISN + 40);
}

static struct kunit_case rel_rx_cases[] = {
	KUNIT_CASE(epochs__count_each_boundary_once),
	KUNIT_CASE(epochs__of_now_and_not_of_then),
	KUNIT_CASE(rx_data__in_order),
	KUNIT_CASE(rx_data__many_bytes_force_an_ack),
	KUNIT_CASE(rx_data__who_asks_is_acked),
	KUNIT_CASE(rx_data__overlap_is_trimmed),
	KUNIT_CASE(rx_data__old_is_acked_again),
	KUNIT_CASE(rx_data__window_edge),
	KUNIT_CASE(rx_data__fin_needs_no_window),
	KUNIT_CASE(rx_data__ack_of_fin_waits),
	KUNIT_CASE(rx_data__nothing_beyond_fin),
	KUNIT_CASE(rx_data__fin_not_before_what_is_held),
	KUNIT_CASE(rx_hold__sorted_and_popped),
	KUNIT_CASE(rx_hold__covered_is_a_duplicate),
	KUNIT_CASE(rx_hold__duplicate_is_told_first),
	KUNIT_CASE(rx_hold__what_is_covered_comes_back),
	KUNIT_CASE(rx_hold__joins_runs),
	KUNIT_CASE(rx_pop__trims_overlaps),
	KUNIT_CASE(rx_pop__trims_all_of_a_segment),
	KUNIT_CASE(rx_sack__recent_first_then_ascending),
	KUNIT_CASE(rx_sack__overlaps_are_merged),
	KUNIT_CASE(rx_sack__room_goes_to_recent),
	KUNIT_CASE(rx_wrap__across_zero),
	KUNIT_CASE(rx_purge__gives_all_back),
	KUNIT_CASE(rx_forget__highest_first),
	{}
};

static struct kunit_suite rel_rx_suite = {
	.name = "fastsock_rel_rx",
	.init = rel_init,
	.test_cases = rel_rx_cases,
};

kunit_test_suite(rel_rx_suite);
