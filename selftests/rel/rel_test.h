/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the reliability core have in common. */
#ifndef _REL_TEST_H
#define _REL_TEST_H

#include <kunit/test.h>

#include "rel/rel.h"

#define ISN	1000U
#define MSS	100U
#define WND	100000U
#define MS	1000000ULL
#define US	1000ULL

struct rel_fix {
	struct fsk_rel_tx tx;		/* first: rel_cut() gets its address */
	struct fsk_rel_rx rx;
	struct fsk_seg seg[64];
	struct fsk_seg *freed;
	unsigned int used;
	unsigned int cuts;
	bool no_memory;			/* nothing can be cut */
	u32 trim;
	u64 now;
};

/* A congestion control that counts its calls in fields nobody reads. */
static inline void fixed_init(struct fsk_cc *cc)
{
	cc->cwnd = 1 << 20;
	cc->ssthresh = 0;
	cc->acc = 0;
}

static inline void fixed_acked(struct fsk_cc *cc, u32 bytes, u64 rtt,
			       bool limited, u64 now)
{
	cc->low_at += bytes;
	cc->round_rtt = rtt;
}

static inline void fixed_lost(struct fsk_cc *cc, u64 now)
{
	cc->acc++;
}

static inline void fixed_timeout(struct fsk_cc *cc, u64 now)
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
#define ACKED_BYTES(f)		((f)->tx.cc.low_at)

static inline void start(struct rel_fix *f, u32 isn, u32 wnd)
{
	f->now = 1000 * MS;
	f->used = 0;
	fsk_rel_tx_init(&f->tx, isn, wnd, MSS, &fixed);
	fsk_rel_rx_init(&f->rx, isn, wnd, MSS);
}

static inline int rel_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct rel_fix), GFP_KERNEL);
	if (!test->priv)
		return -ENOMEM;
	start(test->priv, ISN, WND);
	return 0;
}

static inline struct fsk_seg *fresh(struct rel_fix *f, u32 len, u8 flags)
{
	struct fsk_seg *seg = &f->seg[f->used++];

	memset(seg, 0, sizeof(*seg));
	seg->len = len;
	seg->flags = flags;
	return seg;
}

static inline struct fsk_seg *queue(struct rel_fix *f, u32 len)
{
	struct fsk_seg *seg = fresh(f, len, 0);

	fsk_rel_tx_queue(&f->tx, seg);
	return seg;
}

static inline struct fsk_seg *queue_fin(struct rel_fix *f, u32 len)
{
	struct fsk_seg *seg = fresh(f, len + 1, FSK_SEG_FIN);

	fsk_rel_tx_queue(&f->tx, seg);
	return seg;
}

/* To be @cut of the sending half, where segments are longer than a frame. */
static inline bool rel_cut(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 at)
{
	struct rel_fix *f = (struct rel_fix *)tx;

	if (f->no_memory)
		return false;
	f->cuts++;
	fsk_rel_tx_split(tx, seg, fresh(f, 0, 0), at);
	return true;
}

static inline unsigned int pump(struct rel_fix *f)
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
static inline struct fsk_seg *flight(struct rel_fix *f, unsigned int n, u64 gap)
{
	struct fsk_seg *first = &f->seg[f->used];

	while (n--) {
		f->now += gap;
		queue(f, MSS);
		pump(f);
	}
	return first;
}

static inline int ack_wnd(struct rel_fix *f, u32 to, u32 wnd)
{
	return fsk_rel_tx_ack(&f->tx, to, wnd, NULL, 0, f->now, &f->freed);
}

static inline int ack(struct rel_fix *f, u32 to)
{
	return ack_wnd(f, to, WND);
}

static inline int sack(struct rel_fix *f, u32 una, u32 from, u32 to)
{
	struct fsk_rel_range range = { .start = from, .end = to };

	return fsk_rel_tx_ack(&f->tx, una, WND, &range, 1, f->now, &f->freed);
}

/* Gives the sender an RTT of @rtt, settled, and leaves nothing queued. */
static inline void settle(struct rel_fix *f, u64 rtt)
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

/* The timer expires in a loss episode: all that is in flight is LOST. */
static inline enum fsk_rel_event lose_flight(struct rel_fix *f)
{
	f->now = f->tx.rto_at;
	f->tx.in_recovery = true;
	return fsk_rel_tx_timeout(&f->tx, f->now);
}

static inline unsigned int chain_len(const struct fsk_seg *seg)
{
	unsigned int n = 0;

	for (; seg; seg = seg->next)
		n++;
	return n;
}

#endif /* _REL_TEST_H */
