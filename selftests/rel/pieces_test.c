// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of the sending half: segments longer than a frame. */

#include "rel_test.h"

#define ASKED	(FSK_SEG_SENT | FSK_SEG_ASK)
#define AGAIN	(ASKED | FSK_SEG_RETRANS)

static void start_pieces(struct rel_fix *f, u32 isn, u32 wnd)
{
	start(f, isn, wnd);
	f->tx.cut = rel_cut;
}

static int pieces_init(struct kunit *test)
{
	int err = rel_init(test);

	if (!err)
		start_pieces(test->priv, ISN, WND);
	return err;
}

/* Queues and sends one segment of @n pieces. */
static struct fsk_seg *pieces(struct rel_fix *f, u32 n)
{
	struct fsk_seg *seg = queue(f, n * MSS);

	pump(f);
	return seg;
}

static void lose_all(struct rel_fix *f, u32 cwnd)
{
	lose_flight(f);
	f->tx.cc.cwnd = cwnd;
}

/* Is @seg of this place, length and kind? */
static bool is(const struct fsk_seg *seg, u32 seq, u32 len, u8 flags)
{
	return seg && seg->seq == seq && seg->len == len && seg->flags == flags;
}

/* Acks */

static void pieces_ack__some_of_a_segment(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 5);
	u64 sent = f->now;

	f->now += 8 * MS;
	KUNIT_EXPECT_EQ(test, ack(f, ISN + 200),
			FSK_ACK_NEW | FSK_ACK_WINDOW);
	KUNIT_ASSERT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 1U);
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 200, FSK_SEG_SENT));
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 200, 300, FSK_SEG_SENT));
	KUNIT_EXPECT_EQ(test, f->tx.head->sent, sent);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 8 * MS);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 200ULL);
	KUNIT_EXPECT_EQ(test, f->tx.rto_at, f->now + f->tx.rto);
	ack(f, ISN + 500);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 1U);
	KUNIT_EXPECT_EQ(test, f->cuts, 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_TRUE(test, !f->tx.head && !f->tx.tail);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_deadline(&f->tx), 0ULL);
}

static void pieces_ack__whole_segments_need_no_cut(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 3);

	pieces(f, 3);
	ack(f, ISN + 300);
	KUNIT_EXPECT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 1U);
	ack(f, ISN + 600);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 1U);
	KUNIT_EXPECT_EQ(test, f->cuts, 0U);
}

static void pieces_ack__inside_a_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 5);

	KUNIT_EXPECT_TRUE(test, ack(f, ISN + 99) & FSK_ACK_NEW);
	KUNIT_EXPECT_TRUE(test, !f->freed);
	KUNIT_EXPECT_EQ(test, f->cuts, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 500U);
	KUNIT_EXPECT_TRUE(test, ack(f, ISN + 250) & FSK_ACK_NEW);
	KUNIT_EXPECT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, seg->len, 200U);
	KUNIT_EXPECT_EQ(test, f->tx.una, ISN + 250);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 200, 300, FSK_SEG_SENT));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_TRUE(test, ack(f, ISN + 299) & FSK_ACK_NEW);
	KUNIT_EXPECT_TRUE(test, !f->freed);
	KUNIT_EXPECT_EQ(test, f->cuts, 1U);
}

static void pieces_ack__chain_ends_inside_the_last(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 4);

	pieces(f, 4);
	pieces(f, 4);
	ack(f, ISN + 950);
	KUNIT_ASSERT_EQ(test, chain_len(f->freed), 3U);
	KUNIT_EXPECT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_PTR_EQ(test, seg->next, seg + 1);
	KUNIT_EXPECT_TRUE(test, is(seg[1].next, ISN + 800, 100, FSK_SEG_SENT));
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 900, 300, FSK_SEG_SENT));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 900ULL);
}

static void pieces_ack__no_sample_from_a_copy(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 5);
	lose_all(f, 1000);
	pump(f);
	f->now += MS;
	ack(f, ISN + 300);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
	KUNIT_EXPECT_EQ(test, f->tx.backoff, 1);
}

static void pieces_ack__lost_and_sacked_are_cut_too(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	sack(f, ISN, ISN + 600, ISN + 1000);
	KUNIT_ASSERT_EQ(test, f->tx.lost, 1U);
	ack(f, ISN + 400);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 400, 200,
				   FSK_SEG_SENT | FSK_SEG_LOST));
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 800ULL);
	ack(f, ISN + 800);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 1000ULL);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 800, 200,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
}

/* The end of the stream goes with the bytes before it. */
static void pieces_ack__fin_stays_with_the_last_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	queue_fin(f, 300);
	pump(f);
	ack(f, ISN + 300);
	KUNIT_EXPECT_EQ(test, f->cuts, 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 200, 101,
				   FSK_SEG_SENT | FSK_SEG_FIN));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 101U);
	sack(f, ISN + 300, ISN + 301, ISN + 302);
	KUNIT_EXPECT_EQ(test, f->cuts, 1U);
	ack(f, ISN + 301);
	KUNIT_EXPECT_TRUE(test, !f->tx.head);
}

static void pieces_ack__without_memory_counts_whole(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 5);

	f->no_memory = true;
	f->now += MS;
	KUNIT_EXPECT_TRUE(test, ack(f, ISN + 200) & FSK_ACK_NEW);
	KUNIT_EXPECT_TRUE(test, !f->freed);
	KUNIT_EXPECT_EQ(test, f->tx.una, ISN + 200);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 500U);
	KUNIT_EXPECT_EQ(test, f->tx.srtt, 0ULL);
	f->no_memory = false;
	ack(f, ISN + 300);
	KUNIT_ASSERT_PTR_EQ(test, f->freed, seg);
	KUNIT_EXPECT_EQ(test, seg->len, 300U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	f->no_memory = true;
	ack(f, ISN + 400);
	ack(f, ISN + 500);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
}

/* What is sent again then brings nothing but the same ack. */
static void pieces_ack__same_one_releases_an_old_head(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	f->no_memory = true;
	ack(f, ISN + 500);
	f->no_memory = false;
	lose_all(f, 200);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN, 200, AGAIN));
	KUNIT_EXPECT_EQ(test, ack(f, ISN + 500), FSK_ACK_NEW);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, ack(f, ISN + 500), 0);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 500, 200, AGAIN));
}

static void pieces_ack__old_head_left_by_a_tail_probe(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 una;

	settle(f, 100 * US);
	pieces(f, 5);
	una = f->tx.una;
	f->no_memory = true;
	ack(f, una + 400);
	f->no_memory = false;
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_SEND);
	pump(f);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, una, 400, FSK_SEG_SENT));
	KUNIT_EXPECT_EQ(test, ack(f, una + 400), FSK_ACK_NEW);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, una + 400, 100, AGAIN));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 100U);
}

/* SACK */

static void pieces_sack__both_ends(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 10), *mid, *last;

	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 300, ISN + 500), 0);
	KUNIT_ASSERT_EQ(test, chain_len(seg), 3U);
	mid = seg->next;
	last = mid->next;
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 300, FSK_SEG_SENT));
	KUNIT_EXPECT_TRUE(test, is(mid, ISN + 300, 200,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
	KUNIT_EXPECT_TRUE(test, is(last, ISN + 500, 500, FSK_SEG_SENT));
	KUNIT_EXPECT_PTR_EQ(test, f->tx.tail, last);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 800U);
	KUNIT_EXPECT_EQ(test, f->tx.sacked_end, ISN + 500);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 200ULL);
	KUNIT_EXPECT_EQ(test, f->cuts, 2U);
}

static void pieces_sack__several_ranges_of_one(struct kunit *test)
{
	struct fsk_rel_range range[] = {
		{ .start = ISN + 800, .end = ISN + 1000 },
		{ .start = ISN + 100, .end = ISN + 200 },
		{ .start = ISN + 400, .end = ISN + 500 },
	};
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 10);

	fsk_rel_tx_ack(&f->tx, ISN, WND, range, 3, f->now, &f->freed);
	KUNIT_EXPECT_EQ(test, chain_len(seg), 6U);
	KUNIT_EXPECT_EQ(test, f->cuts, 5U);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 400ULL);
}

static void pieces_sack__across_segments(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 5);

	pieces(f, 5);
	sack(f, ISN, ISN + 400, ISN + 600);
	KUNIT_EXPECT_EQ(test, chain_len(seg), 4U);
	KUNIT_EXPECT_TRUE(test, is(seg->next, ISN + 400, 100,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
	KUNIT_EXPECT_TRUE(test, is(seg + 1, ISN + 500, 100,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 800U);
	KUNIT_EXPECT_EQ(test, f->cuts, 2U);
}

static void pieces_sack__short_last_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = queue(f, 250);

	pump(f);
	sack(f, ISN, ISN + 200, ISN + 249);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 250U);
	sack(f, ISN, ISN + 200, ISN + 250);
	KUNIT_EXPECT_TRUE(test, is(seg->next, ISN + 200, 50,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	KUNIT_EXPECT_EQ(test, f->cuts, 1U);
}

static void pieces_sack__rounded_inward(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 10);

	sack(f, ISN, ISN + 201, ISN + 599);
	KUNIT_ASSERT_EQ(test, chain_len(seg), 3U);
	KUNIT_EXPECT_TRUE(test, is(seg->next, ISN + 300, 200,
				   FSK_SEG_SENT | FSK_SEG_SACKED));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 800U);
	KUNIT_EXPECT_EQ(test, f->tx.sacked_end, ISN + 500);
	sack(f, ISN, ISN + 1, ISN + 199);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 200ULL);
	sack(f, ISN, ISN + 801, ISN + 1000);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 300ULL);
}

static void pieces_sack__lies_cut_nothing_finer_than_pieces(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 20);
	u32 i;

	for (i = 1; i < 1000; i++)
		sack(f, ISN, ISN + i, ISN + i + 1 + i * 7 % 1000);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 2000);
	for (; seg; seg = seg->next) {
		KUNIT_EXPECT_EQ(test, (seg->seq - ISN) % MSS, 0U);
		KUNIT_EXPECT_TRUE(test, seg->len && seg->len % MSS == 0);
	}
	KUNIT_EXPECT_LE(test, f->cuts, 19U);
}

static void pieces_sack__known_is_not_cut(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	sack(f, ISN, ISN + 300, ISN + 700);
	KUNIT_EXPECT_EQ(test, f->cuts, 2U);
	sack(f, ISN, ISN + 300, ISN + 700);
	sack(f, ISN, ISN + 400, ISN + 600);
	sack(f, ISN, ISN + 300, ISN + 500);
	KUNIT_EXPECT_EQ(test, f->cuts, 2U);
	KUNIT_EXPECT_EQ(test, ACKED_BYTES(f), 400ULL);
}

static void pieces_sack__without_memory_says_nothing(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = pieces(f, 10);

	f->no_memory = true;
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 300, ISN + 500), 0);
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 1000, FSK_SEG_SENT));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 1000U);
	KUNIT_EXPECT_EQ(test, f->tx.sacked_end, ISN);
	f->no_memory = false;
	sack(f, ISN, ISN + 300, ISN + 500);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 800U);
}

/* Loss */

static void pieces_loss__one_piece_goes_again(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	KUNIT_EXPECT_TRUE(test, sack(f, ISN + 200, ISN + 300, ISN + 1000) &
				FSK_ACK_LOSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 200, 100, AGAIN));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 100U);
	KUNIT_EXPECT_EQ(test, f->tx.retrans, 1U);
	ack(f, ISN + 1000);
	KUNIT_EXPECT_EQ(test, chain_len(f->freed), 2U);
	KUNIT_EXPECT_FALSE(test, f->tx.in_recovery);
}

/* Pieces count for the inference, though they are few segments. */
static void pieces_loss__three_pieces_above_prove_it(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 700, ISN + 900), 0);
	KUNIT_EXPECT_EQ(test, sack(f, ISN, ISN + 700, ISN + 1000),
			FSK_ACK_LOSS);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN, 700,
				   FSK_SEG_SENT | FSK_SEG_LOST));
}

static void pieces_loss__timeout_lets_cwnd_go(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	lose_all(f, 2 * MSS);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN, 200, AGAIN));
	KUNIT_EXPECT_TRUE(test, is(f->tx.head->next, ISN + 200, 800,
				   FSK_SEG_SENT | FSK_SEG_LOST));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	f->tx.cc.cwnd = 4 * MSS;
	ack(f, ISN + 200);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 200, 400, AGAIN));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 400U);
}

static void pieces_loss__only_whole_pieces_go(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	lose_all(f, 299);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 200U);
	f->tx.cc.cwnd = 300;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	/* With nothing in flight one goes at least. */
	lose_all(f, 99);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 100U);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
}

static void pieces_loss__without_memory_waits(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	pieces(f, 10);
	lose_all(f, 200);
	f->no_memory = true;
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 1U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at > f->now);
	f->no_memory = false;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
}

static void pieces_loss__fin_goes_with_the_last_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	queue_fin(f, 200);
	pump(f);
	lose_all(f, 200);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN, 100, AGAIN));
	ack(f, ISN + 100);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN + 100, 101,
				   AGAIN | FSK_SEG_FIN));
}

static struct fsk_seg *probed(struct rel_fix *f)
{
	f->now = f->tx.probe_at;
	if (fsk_rel_tx_timeout(&f->tx, f->now) != FSK_REL_SEND)
		return NULL;
	return fsk_rel_tx_next(&f->tx, f->now);
}

static void pieces_probe__sends_one_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u8 lost = FSK_SEG_SENT | FSK_SEG_LOST;
	u32 una;

	settle(f, 100 * US);
	una = f->tx.una;
	pieces(f, 5);
	KUNIT_EXPECT_TRUE(test, is(probed(f), una + 400, 100, lost));
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 500U);
	KUNIT_EXPECT_EQ(test, f->tx.retrans, 1U);
	KUNIT_EXPECT_EQ(test, LOST_CALLS(f) + TIMEOUT_CALLS(f), 0U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, una, 400, FSK_SEG_SENT));
	ack(f, f->tx.nxt);

	settle(f, 100 * US);
	una = f->tx.una;
	queue(f, 450);
	pump(f);
	KUNIT_EXPECT_TRUE(test, is(probed(f), una + 400, 50, lost));
}

/* Of a FIN alone the peer could not tell what is missing before. */
static void pieces_probe__fin_goes_with_the_last_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u8 lost = FSK_SEG_SENT | FSK_SEG_LOST | FSK_SEG_FIN;
	u32 una;

	settle(f, 100 * US);
	una = f->tx.una;
	queue_fin(f, 200);
	pump(f);
	KUNIT_EXPECT_TRUE(test, is(probed(f), una + 100, 101, lost));

	start_pieces(f, ISN, WND);
	f->cuts = 0;
	settle(f, 100 * US);
	una = f->tx.una;
	queue_fin(f, MSS);
	pump(f);
	KUNIT_EXPECT_TRUE(test, is(probed(f), una, 101, lost));
	KUNIT_EXPECT_EQ(test, f->cuts, 0U);
}

static void pieces_probe__without_memory_asks(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	settle(f, 100 * US);
	pieces(f, 5);
	f->no_memory = true;
	f->now = f->tx.probe_at;
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_timeout(&f->tx, f->now),
			FSK_REL_PROBE);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 500U);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at > f->now);
}

/* What may go */

static void pieces_next__cwnd_lets_some_go(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = queue(f, 1000);

	f->tx.cc.cwnd = 301;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 400, ASKED));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 400U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 400);
	KUNIT_EXPECT_TRUE(test, is(f->tx.unsent, ISN + 400, 600, 0));
	KUNIT_EXPECT_PTR_EQ(test, f->tx.unsent, f->tx.tail);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	ack(f, ISN + 100);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 500);
	ack(f, ISN + 500);
	f->tx.cc.cwnd = 401;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 1000);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
}

static void pieces_next__window_lets_some_go(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;

	start_pieces(f, ISN, 399);
	seg = queue(f, 1000);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 300, ASKED));
	KUNIT_EXPECT_TRUE(test, is(f->tx.unsent, ISN + 300, 700, 0));
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	/* Its ack may open the window. */
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
	ack_wnd(f, ISN + 100, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 400);
}

static void pieces_next__never_beyond_the_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_pieces(f, ISN, 299);
	f->tx.cc.cwnd = 250;
	queue(f, 1000);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 200);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	ack_wnd(f, ISN, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 300);
}

static void pieces_next__fin_on_the_last_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cc.cwnd = 101;
	queue_fin(f, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, ISN, 200, ASKED));
	KUNIT_EXPECT_TRUE(test, is(f->tx.unsent, ISN + 200, 101, FSK_SEG_FIN));

	start_pieces(f, ISN, WND);
	f->tx.cc.cwnd = 201;
	queue_fin(f, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 301);

	/* It takes no room in the window, and no byte along. */
	start_pieces(f, ISN, 299);
	queue_fin(f, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 200);
	ack_wnd(f, ISN, 300);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 301);
}

static void pieces_next__cannot_be_cut(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = queue(f, 1000);

	f->tx.cc.cwnd = 250;
	f->no_memory = true;
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	KUNIT_EXPECT_TRUE(test, is(seg, ISN, 1000, 0));
	f->no_memory = false;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 300);
	/* Who gives no callback sends it whole. */
	start(f, ISN, WND);
	f->tx.cc.cwnd = 250;
	queue(f, 1000);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 1000);
}

static void pieces_next__waits_for_a_quarter_of_cwnd(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg = queue(f, 2000);

	f->tx.cc.cwnd = 4000;
	queue(f, 1500);
	queue(f, 1500);
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
	KUNIT_EXPECT_EQ(test, seg[0].flags, FSK_SEG_SENT);
	KUNIT_EXPECT_EQ(test, seg[1].flags, ASKED);
	KUNIT_EXPECT_TRUE(test, is(seg + 2, ISN + 3500, 1500, 0));
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	ack(f, ISN + 400);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
	ack(f, ISN + 500);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_TRUE(test, is(seg + 2, ISN + 3500, 1000, ASKED));
}

static void pieces_next__waits_for_a_quarter_of_the_window(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *seg;

	start_pieces(f, ISN, 4000);
	seg = queue(f, 3500);
	queue(f, 1500);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, seg->flags, ASKED);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	ack_wnd(f, ISN + 400, 4000);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
	ack_wnd(f, ISN + 500, 4000);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 4500);
}

/* What need not be cut goes. */
static void pieces_next__whole_ones_never_wait(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cc.cwnd = 4000;
	queue(f, 3500);
	queue(f, 300);
	queue(f, 30);
	KUNIT_EXPECT_EQ(test, pump(f), 3U);
}

/* A few frames do not fill a path. */
static void pieces_next__waits_only_with_much_in_flight(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	f->tx.cc.cwnd = 1650;
	pieces(f, 15);
	pieces(f, 10);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 1700);

	start_pieces(f, ISN, WND);
	f->tx.cc.cwnd = 1650;
	pieces(f, 16);
	pieces(f, 10);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 1600);
	KUNIT_EXPECT_TRUE(test, f->tx.cwnd_limited);
}

static void pieces_next__what_is_left_grows(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	struct fsk_seg *rest;

	f->tx.cc.cwnd = 250;
	pieces(f, 10);
	rest = f->tx.tail;
	KUNIT_ASSERT_TRUE(test, is(rest, ISN + 300, 700, 0));
	fsk_rel_tx_grow(&f->tx, rest, 50);
	queue(f, 30);
	KUNIT_EXPECT_PTR_EQ(test, f->tx.tail->prev, rest);
	KUNIT_EXPECT_EQ(test, f->tx.tail->seq, ISN + 1050);
	ack(f, ISN + 300);
	f->tx.cc.cwnd = 800;
	KUNIT_EXPECT_EQ(test, pump(f), 2U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 1080);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 780U);
}

static void pieces_cut__window_smaller_than_a_piece(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_pieces(f, ISN, 50);
	queue(f, 1000);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_TRUE(test, f->tx.probe_at);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 50U);
	fsk_rel_tx_split(&f->tx, f->tx.unsent, fresh(f, 0, 0), 50);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 50);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
	ack_wnd(f, ISN + 50, 299);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, ISN + 250);
	ack_wnd(f, ISN + 250, 99);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 99U);
}

/* Or a peer could hold each byte that it lets go, and acknowledge none. */
static void pieces_cut__not_behind_what_is_only_sacked(struct kunit *test)
{
	struct fsk_rel_range range = { .start = ISN + 10, .end = ISN + 20 };
	struct rel_fix *f = test->priv;

	start_pieces(f, ISN, 20);
	queue(f, 10);
	queue(f, 10);
	queue(f, MSS);
	pump(f);
	fsk_rel_tx_ack(&f->tx, ISN, 20, &range, 1, f->now, &f->freed);
	ack_wnd(f, ISN + 10, 11);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, pump(f), 0U);
	KUNIT_EXPECT_EQ(test, fsk_rel_tx_cut(&f->tx), 0U);
	KUNIT_EXPECT_TRUE(test, f->tx.rto_at);
}

/* A larger cwnd would let nothing go that the window does not. */
static void pieces_next__window_is_the_limit_of_a_frame(struct kunit *test)
{
	struct rel_fix *f = test->priv;

	start_pieces(f, ISN, 110);
	f->tx.cc.cwnd = 100;
	queue(f, 60);
	queue(f, MSS);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_FALSE(test, f->tx.cwnd_limited);
}

/* Numbers that wrap */

static void pieces_wrap__whole_life_across_zero(struct kunit *test)
{
	struct rel_fix *f = test->priv;
	u32 isn = 0U - 250;

	start_pieces(f, isn, 1050);
	f->tx.cc.cwnd = 750;
	pieces(f, 10);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, 550U);
	f->tx.cc.cwnd = 2000;
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.nxt, 750U);
	KUNIT_EXPECT_EQ(test, sack(f, isn, 49, 451),
			FSK_ACK_LOSS | FSK_ACK_WINDOW);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, isn, 300,
				   ASKED | FSK_SEG_LOST));
	KUNIT_EXPECT_TRUE(test, is(f->tx.head->next, isn + 300, 400,
				   ASKED | FSK_SEG_SACKED));
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 300U);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	ack(f, isn + 100);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, isn + 100, 200, AGAIN));
	ack(f, 575);
	KUNIT_EXPECT_TRUE(test, is(f->tx.head, 550, 200, FSK_SEG_SENT));
	lose_all(f, 100);
	KUNIT_EXPECT_EQ(test, pump(f), 1U);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 100U);
	ack(f, 750);
	KUNIT_EXPECT_TRUE(test, !f->tx.head);
	KUNIT_EXPECT_EQ(test, f->tx.una, f->tx.end);
	KUNIT_EXPECT_EQ(test, f->tx.inflight, 0U);
	KUNIT_EXPECT_EQ(test, f->tx.lost, 0U);
}

static struct kunit_case rel_pieces_cases[] = {
	KUNIT_CASE(pieces_ack__some_of_a_segment),
	KUNIT_CASE(pieces_ack__whole_segments_need_no_cut),
	KUNIT_CASE(pieces_ack__inside_a_piece),
	KUNIT_CASE(pieces_ack__chain_ends_inside_the_last),
	KUNIT_CASE(pieces_ack__no_sample_from_a_copy),
	KUNIT_CASE(pieces_ack__lost_and_sacked_are_cut_too),
	KUNIT_CASE(pieces_ack__fin_stays_with_the_last_piece),
	KUNIT_CASE(pieces_ack__without_memory_counts_whole),
	KUNIT_CASE(pieces_ack__same_one_releases_an_old_head),
	KUNIT_CASE(pieces_ack__old_head_left_by_a_tail_probe),
	KUNIT_CASE(pieces_sack__both_ends),
	KUNIT_CASE(pieces_sack__several_ranges_of_one),
	KUNIT_CASE(pieces_sack__across_segments),
	KUNIT_CASE(pieces_sack__short_last_piece),
	KUNIT_CASE(pieces_sack__rounded_inward),
	KUNIT_CASE(pieces_sack__lies_cut_nothing_finer_than_pieces),
	KUNIT_CASE(pieces_sack__known_is_not_cut),
	KUNIT_CASE(pieces_sack__without_memory_says_nothing),
	KUNIT_CASE(pieces_loss__one_piece_goes_again),
	KUNIT_CASE(pieces_loss__three_pieces_above_prove_it),
	KUNIT_CASE(pieces_loss__timeout_lets_cwnd_go),
	KUNIT_CASE(pieces_loss__only_whole_pieces_go),
	KUNIT_CASE(pieces_loss__without_memory_waits),
	KUNIT_CASE(pieces_loss__fin_goes_with_the_last_piece),
	KUNIT_CASE(pieces_probe__sends_one_piece),
	KUNIT_CASE(pieces_probe__fin_goes_with_the_last_piece),
	KUNIT_CASE(pieces_probe__without_memory_asks),
	KUNIT_CASE(pieces_next__cwnd_lets_some_go),
	KUNIT_CASE(pieces_next__window_lets_some_go),
	KUNIT_CASE(pieces_next__never_beyond_the_window),
	KUNIT_CASE(pieces_next__fin_on_the_last_piece),
	KUNIT_CASE(pieces_next__cannot_be_cut),
	KUNIT_CASE(pieces_next__waits_for_a_quarter_of_cwnd),
	KUNIT_CASE(pieces_next__waits_for_a_quarter_of_the_window),
	KUNIT_CASE(pieces_next__whole_ones_never_wait),
	KUNIT_CASE(pieces_next__waits_only_with_much_in_flight),
	KUNIT_CASE(pieces_next__what_is_left_grows),
	KUNIT_CASE(pieces_cut__window_smaller_than_a_piece),
	KUNIT_CASE(pieces_cut__not_behind_what_is_only_sacked),
	KUNIT_CASE(pieces_next__window_is_the_limit_of_a_frame),
	KUNIT_CASE(pieces_wrap__whole_life_across_zero),
	{}
};

static struct kunit_suite rel_pieces_suite = {
	.name = "fastsock_rel_pieces",
	.init = pieces_init,
	.test_cases = rel_pieces_cases,
};

kunit_test_suite(rel_pieces_suite);
