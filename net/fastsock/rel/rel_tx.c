// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, sending half: what to send, and what acks release.
 *
 * A sender's segments form one list in sequence order: first those sent and
 * not yet acknowledged, then from @unsent on those never sent.  What the peer
 * holds beyond holes is found in rel_sack.c, what was lost in rel_loss.c.
 *
 * What is known of a part of a segment is known of whole pieces only: a peer
 * that says more would have it cut into bytes.
 *
 * No ack walks the list further than it releases.
 */
#include "rel/rel_tx.h"

#define FSK_FLIGHT_LONG	16	/* mss in flight, from which more may wait */

/**
 * fsk_rel_tx_init - set up the sending half
 * @tx: sending half
 * @isn: first sequence number
 * @wnd: bytes the peer takes from @isn on
 * @mss: stream bytes of a full frame, not 0
 * @cc: congestion control
 *
 * Context: any.
 */
void fsk_rel_tx_init(struct fsk_rel_tx *tx, u32 isn, u32 wnd, u32 mss,
		     const struct fsk_cc_ops *cc)
{
	memset(tx, 0, sizeof(*tx));
	tx->una = isn;
	tx->nxt = isn;
	tx->end = isn;
	tx->wnd_most = min(wnd, FSK_WND_MAX);
	tx->wnd_end = isn + tx->wnd_most;
	tx->sacked_end = isn;
	tx->searched = isn;
	tx->asked = isn;
	tx->rto = FSK_RTO_INIT_NS;
	tx->answered = true;
	tx->cc.ops = cc;
	tx->cc.mss = mss;
	cc->init(&tx->cc);
}

/**
 * fsk_rel_tx_queue - append a segment
 * @tx: sending half
 * @seg: @len and perhaps FSK_SEG_FIN set by the caller; owned by the core
 *	until it comes back through fsk_rel_tx_ack() or fsk_rel_tx_purge()
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_queue(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	seg->next = NULL;
	seg->prev = tx->tail;
	seg->sent = 0;
	seg->seq = tx->end;
	seg->flags &= FSK_SEG_FIN;
	tx->end += seg->len;
	if (tx->tail)
		tx->tail->next = seg;
	else
		tx->head = seg;
	tx->tail = seg;
	if (!tx->unsent)
		tx->unsent = seg;
}

/**
 * fsk_rel_tx_grow - lengthen the newest segment, never sent so far
 * @tx: sending half
 * @seg: the tail
 * @more: sequence numbers added; they include FIN if the caller just set
 *	FSK_SEG_FIN
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_grow(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 more)
{
	if (WARN_ON_ONCE(seg != tx->tail || (seg->flags & FSK_SEG_SENT)))
		return;
	seg->len += more;
	tx->end += more;
}

/* How many bytes of pieces have room in cwnd. */
static u32 fsk_tx_cwnd_room(const struct fsk_rel_tx *tx)
{
	return tx->inflight < tx->cc.cwnd ? tx->cc.cwnd - tx->inflight : 0;
}

/* Would more go if only cwnd were larger? */
static bool fsk_tx_cwnd_is_least(const struct fsk_rel_tx *tx)
{
	if (tx->inflight >= tx->cc.cwnd)
		return true;
	return fsk_after(tx->wnd_end, tx->nxt) &&
	       fsk_tx_cwnd_room(tx) + tx->cc.mss <= tx->wnd_end - tx->nxt;
}

/* Returns the oldest LOST segment, or as much of it as cwnd lets go. */
static struct fsk_seg *fsk_tx_next_lost(struct fsk_rel_tx *tx)
{
	bool any = !tx->inflight || tx->one_free;
	struct fsk_seg *seg = tx->lost_first;
	u32 room;

	if (WARN_ON_ONCE(!seg))
		return NULL;
	if (tx->inflight + seg->len <= tx->cc.cwnd)
		return seg;
	if (!fsk_tx_may_cut(tx, seg)) {
		if (any)
			return seg;
	} else {
		room = fsk_tx_cut_at(tx, seg, fsk_tx_cwnd_room(tx));
		if (!room && any)
			room = tx->cc.mss;
		if (room)
			return tx->cut(tx, seg, room) ? seg : NULL;
	}
	tx->cwnd_limited = true;
	return NULL;
}

/*
 * How much of the first segment that was never sent may go now.  The last piece
 * may go beyond cwnd, but not beyond the window.  What will soon be more waits
 * for the next ack: few long segments cost less than many short ones.  But only
 * while so much is in flight that the path does not run dry meanwhile: that of
 * a cwnd of a few frames, as after losses, would.
 */
static u32 fsk_tx_fit(const struct fsk_rel_tx *tx)
{
	const struct fsk_seg *seg = tx->unsent;
	u32 end = fsk_seg_data_end(seg);
	u32 room, least;

	if (tx->inflight >= tx->cc.cwnd)
		return 0;
	if (!fsk_tx_may_cut(tx, seg))
		return fsk_after(end, tx->wnd_end) ? 0 : seg->len;
	room = fsk_tx_cwnd_room(tx) + tx->cc.mss - 1;
	if (fsk_after(end, tx->wnd_end)) {
		if (!fsk_after(tx->wnd_end, tx->nxt))
			return 0;
		room = min(room, tx->wnd_end - tx->nxt);
	} else if (room >= end - seg->seq) {
		return seg->len;
	}
	room = fsk_tx_whole_pieces(tx, room);
	least = min(tx->cc.cwnd, tx->wnd_end - tx->una) / 4;
	if (room < least && tx->inflight >= FSK_FLIGHT_LONG * tx->cc.mss)
		return 0;
	return room;
}

/**
 * fsk_rel_tx_next - which segment to send now
 * @tx: sending half
 * @now: ns
 *
 * The caller sends it and calls fsk_rel_tx_sent(), then asks again.  When
 * NULL comes back, it looks whether fsk_rel_tx_cut() gives it a piece to send.
 *
 * Context: any; the caller serialises.
 * Return: the segment, or NULL when nothing may be sent.
 */
struct fsk_seg *fsk_rel_tx_next(struct fsk_rel_tx *tx, u64 now)
{
	struct fsk_seg *seg = tx->unsent;
	u32 fit;

	tx->cwnd_limited = false;
	if (tx->lost)
		return fsk_tx_next_lost(tx);
	if (!seg)
		return NULL;
	/* The usual case, without a call. */
	if (likely(seg->len <= tx->cc.mss && tx->inflight < tx->cc.cwnd &&
		   !fsk_after(fsk_seg_data_end(seg), tx->wnd_end)))
		return seg;
	fit = fsk_tx_fit(tx);
	if (fit)
		return fit == seg->len || tx->cut(tx, seg, fit) ? seg : NULL;
	if (fsk_tx_cwnd_is_least(tx)) {
		tx->cwnd_limited = true;
		return NULL;
	}
	/* No ack is under way that could open the window: ask for one. */
	if (fsk_rel_tx_idle(tx) && !tx->probe_at)
		tx->probe_at = now + min(fsk_tx_rto(tx), FSK_PROBE_MAX_NS);
	return NULL;
}

/*
 * The last segment that may go for now has no successor whose ack would show
 * its loss.  Probing with it is worth while only if that comes before the RTO,
 * and only while the RTT is known: a copy costs the sample that would tell
 * that the path has become slower.
 */
static void fsk_tx_arm_tail(struct fsk_rel_tx *tx, u64 now)
{
	u64 wait = max(2 * tx->srtt, fsk_tx_least_wait(tx));

	tx->probe_at = 0;
	if (tx->tlp_done || tx->backoff || !tx->srtt || wait >= tx->rto)
		return;
	if (tx->unsent && fsk_tx_fit(tx))
		return;
	tx->probe_at = now + wait;
}

static void fsk_tx_sent_again(struct fsk_rel_tx *tx, struct fsk_seg *seg,
			      u64 now)
{
	fsk_loss_sent_again(tx, seg);
	seg->flags |= FSK_SEG_ASK;
	tx->retrans++;
	tx->one_free = false;
	/* The timer guards the head: give its new copy the full time. */
	if (seg == tx->head)
		tx->rto_at = now + fsk_tx_rto(tx);
}

/**
 * fsk_rel_tx_sent - a segment that fsk_rel_tx_next() named was sent
 * @tx: sending half
 * @seg: the segment
 * @now: ns
 *
 * Sets FSK_SEG_ASK in @seg if the frame is to ask for an ack: receivers take
 * their time, because a sender that has room left does not need one.
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_sent(struct fsk_rel_tx *tx, struct fsk_seg *seg, u64 now)
{
	seg->sent = now;
	if (seg != tx->unsent) {
		fsk_tx_sent_again(tx, seg, now);
		return;
	}
	seg->flags |= FSK_SEG_SENT;
	tx->unsent = seg->next;
	tx->nxt = fsk_seg_end(seg);
	tx->inflight += seg->len;
	tx->answered = false;
	if (!tx->rto_at)
		tx->rto_at = now + fsk_tx_rto(tx);
	/* There is more to send, but not before an ack. */
	if (tx->unsent && !fsk_tx_fit(tx))
		seg->flags |= FSK_SEG_ASK;
	if (!tx->in_recovery && !fsk_tx_has_sacked(tx))
		fsk_tx_arm_tail(tx, now);
}

/**
 * fsk_rel_tx_cut - how much to send of a segment too long for the window
 * @tx: sending half, of which fsk_rel_tx_next() has returned NULL
 *
 * A receiver with a tiny buffer never opens room for a whole segment.  As long
 * as something is unacknowledged, its ack may: only then is a small frame sent.
 * What the peer has SACKED counts, too, or it could have all cut into bytes.
 *
 * Context: any; the caller serialises.
 * Return: where to fsk_rel_tx_split() @unsent and ask again; 0 for not at all.
 */
u32 fsk_rel_tx_cut(const struct fsk_rel_tx *tx)
{
	if (!tx->unsent || !fsk_rel_tx_idle(tx) ||
	    !fsk_after(tx->wnd_end, tx->nxt) ||
	    !fsk_after(fsk_seg_data_end(tx->unsent), tx->wnd_end))
		return 0;
	return tx->wnd_end - tx->nxt;
}

/**
 * fsk_rel_tx_split - cut a segment in two
 * @tx: sending half
 * @seg: sent or not; keeps the first @at sequence numbers
 * @rest: becomes the segment after it, FIN and mark included; owned by the core
 * @at: above 0 and below the length of @seg
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_tx_split(struct fsk_rel_tx *tx, struct fsk_seg *seg,
		      struct fsk_seg *rest, u32 at)
{
	if (WARN_ON_ONCE(!at || at >= seg->len))
		return;
	rest->sent = seg->sent;
	rest->seq = seg->seq + at;
	rest->len = seg->len - at;
	rest->flags = seg->flags;
	seg->flags &= ~(FSK_SEG_FIN | FSK_SEG_URG);
	seg->len = at;

	rest->prev = seg;
	rest->next = seg->next;
	seg->next = rest;
	if (!rest->next)
		tx->tail = rest;
	else if (!(rest->next->flags & FSK_SEG_SENT))
		rest->next->prev = rest;
	if (rest->flags & FSK_SEG_MARKS)
		fsk_loss_split(tx, seg, rest);
}

static void fsk_tx_release(struct fsk_rel_tx *tx, struct fsk_seg *seg,
			   struct fsk_delivery *got, u64 now)
{
	if (unlikely(seg->flags & FSK_SEG_MARKS)) {
		fsk_loss_forget(tx, seg);
		if (seg->flags & FSK_SEG_SACKED)
			return;
	}
	/* Not in flight while LOST, which fsk_loss_forget() has made up for. */
	tx->inflight -= seg->len;
	got->bytes += seg->len;
	if (seg->flags & FSK_SEG_RETRANS) {
		got->again = true;
	} else {
		got->sent = seg->sent;
		got->sampled = true;
	}
	fsk_tx_delivered(tx, seg, got, now);
}

/*
 * Is all of a segment acknowledged?  If only some pieces are, the rest is cut
 * off, and becomes the head.
 */
static bool fsk_tx_acked(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	u32 len;

	if (!fsk_after(fsk_seg_end(seg), tx->una))
		return true;
	if (likely(!fsk_after(tx->una, seg->seq)) || !fsk_tx_may_cut(tx, seg))
		return false;
	len = fsk_tx_cut_at(tx, seg, tx->una - seg->seq);
	return len && tx->cut(tx, seg, len);
}

/* Is all of the oldest segment acknowledged, but not released? */
static bool fsk_tx_head_is_old(const struct fsk_rel_tx *tx)
{
	return !fsk_rel_tx_idle(tx) &&
	       !fsk_after(fsk_seg_end(tx->head), tx->una);
}

/* Unlink what @una covers, returns it as a chain. */
static struct fsk_seg *fsk_tx_release_acked(struct fsk_rel_tx *tx,
					    struct fsk_delivery *got, u64 now)
{
	struct fsk_seg *chain = NULL, **link = &chain;
	struct fsk_seg *seg = tx->head;

	while (seg != tx->unsent && fsk_tx_acked(tx, seg)) {
		fsk_tx_release(tx, seg, got, now);
		*link = seg;
		link = &seg->next;
		seg = seg->next;
	}
	*link = NULL;
	tx->head = seg;
	if (!seg)
		tx->tail = NULL;
	else if (seg == tx->unsent)
		seg->prev = NULL;
	/* Which copy was acked is unknown, so since when is unknown too. */
	if (got->again)
		got->sampled = false;
	return chain;
}

/* RFC 6298. */
static void fsk_tx_sample(struct fsk_rel_tx *tx, u64 rtt)
{
	u64 diff;

	if (!tx->srtt) {
		tx->srtt = rtt;
		tx->rttvar = rtt / 2;
	} else {
		diff = rtt > tx->srtt ? rtt - tx->srtt : tx->srtt - rtt;
		tx->rttvar = tx->rttvar - tx->rttvar / 4 + diff / 4;
		tx->srtt = tx->srtt - tx->srtt / 8 + rtt / 8;
	}
	if (unlikely(tx->patience || tx->repeated))
		fsk_tx_waited(tx, rtt);
	fsk_tx_set_rto(tx);
	tx->backoff = 0;
	tx->tlp_done = false;
}

static void fsk_tx_leave_recovery(struct fsk_rel_tx *tx)
{
	tx->in_recovery = false;
	tx->one_free = false;
	tx->probe_at = 0;
	if (tx->reo_keep && !--tx->reo_keep && --tx->reo_steps)
		tx->reo_keep = FSK_REO_KEEP;
}

/* @una moved: the peer and the path are alive, all timers start again. */
static void fsk_tx_progress(struct fsk_rel_tx *tx, u64 now)
{
	tx->stuck_since = 0;
	if (fsk_before(tx->sacked_end, tx->una))
		tx->sacked_end = tx->una;
	if (fsk_before(tx->asked, tx->una))
		tx->asked = tx->una;
	if (tx->in_recovery && !fsk_before(tx->una, tx->recover))
		fsk_tx_leave_recovery(tx);
	/*
	 * Without a sample the back-off stays (Karn), or a path slower than
	 * the RTO would be flooded with copies for ever; but not for long.
	 */
	while (tx->backoff && fsk_tx_rto(tx) > FSK_PROBE_MAX_NS)
		tx->backoff--;
	if (fsk_rel_tx_idle(tx)) {
		tx->rto_at = 0;
		tx->probe_at = 0;
		return;
	}
	tx->rto_at = now + fsk_tx_rto(tx);
	if (tx->probe_at && !tx->doubt)
		fsk_tx_arm_tail(tx, now);
}

static bool fsk_tx_window(struct fsk_rel_tx *tx, u32 edge)
{
	if (!fsk_after(edge, tx->wnd_end))
		return false;
	tx->wnd_end = edge;
	if (fsk_rel_tx_idle(tx)) {
		tx->probe_at = 0;
		tx->backoff = 0;
		tx->stuck_since = 0;
	}
	return true;
}

/* What an RTT says of queues: nothing if a patient sender only waits. */
static u64 fsk_tx_queueing(const struct fsk_rel_tx *tx, u64 rtt)
{
	return unlikely(tx->patience) && !tx->cwnd_limited ? 0 : rtt;
}

/**
 * fsk_rel_tx_ack - take an ack
 * @tx: sending half
 * @ack: next sequence number the peer expects
 * @wnd: bytes beyond @ack it takes
 * @sack: ranges it holds beyond @ack; may be anything, is validated
 * @nr_sack: number of ranges
 * @now: ns
 * @freed: set to the chain (by @next) of segments that are no longer needed
 *
 * Context: any; the caller serialises.
 * Return: FSK_ACK_* ored together; 0 for one that says nothing new.
 */
int fsk_rel_tx_ack(struct fsk_rel_tx *tx, u32 ack, u32 wnd,
		   const struct fsk_rel_range *sack, unsigned int nr_sack,
		   u64 now, struct fsk_seg **freed)
{
	struct fsk_delivery got = {};
	u64 rtt = 0;
	int found = 0;

	*freed = NULL;
	if (fsk_before(ack, tx->una))
		return 0;
	if (fsk_after(ack, tx->nxt))
		return FSK_ACK_BAD;

	tx->stalled_since = 0;
	wnd = min(wnd, FSK_WND_MAX);
	tx->wnd_most = max(tx->wnd_most, wnd);
	if (fsk_tx_window(tx, ack + wnd))
		found |= FSK_ACK_WINDOW;
	/* What could not be cut when it was acknowledged may be short now. */
	if (ack != tx->una || fsk_tx_head_is_old(tx)) {
		tx->una = ack;
		*freed = fsk_tx_release_acked(tx, &got, now);
		found |= FSK_ACK_NEW;
	}
	if (nr_sack)
		fsk_sack_take(tx, sack, nr_sack, &got, now);
	if (unlikely(tx->doubt) && got.bytes)
		fsk_loss_decide(tx, *freed, &got, now);
	if (got.sampled) {
		rtt = clamp(now - got.sent, FSK_RTT_MIN_NS, FSK_RTO_MAX_NS);
		fsk_tx_sample(tx, rtt);
	}
	if (found & FSK_ACK_NEW)
		fsk_tx_progress(tx, now);
	if (got.bytes)
		tx->cc.ops->acked(&tx->cc, got.bytes,
				  fsk_tx_queueing(tx, rtt), tx->cwnd_limited,
				  now);
	if ((tx->in_recovery || fsk_tx_has_sacked(tx)) && !tx->doubt &&
	    !fsk_rel_tx_idle(tx) && fsk_loss_detect(tx, now))
		found |= FSK_ACK_LOSS;
	return found;
}

/**
 * fsk_rel_tx_purge - give up everything queued
 * @tx: sending half; sends nothing afterwards
 *
 * Context: any; the caller serialises.
 * Return: the chain (by @next) of all segments, owned by the caller again.
 */
struct fsk_seg *fsk_rel_tx_purge(struct fsk_rel_tx *tx)
{
	struct fsk_seg *chain = tx->head;

	tx->head = NULL;
	tx->tail = NULL;
	tx->unsent = NULL;
	tx->lost_first = NULL;
	tx->lost_near = NULL;
	tx->copies = NULL;
	tx->judged = NULL;
	tx->sacked_top = NULL;
	tx->sacked_near = NULL;
	tx->stopped_at = NULL;
	tx->inflight = 0;
	tx->lost = 0;
	tx->sacked_end = tx->una;
	tx->above = 0;
	tx->above_len = 0;
	tx->rto_at = 0;
	tx->probe_at = 0;
	tx->stalled_since = 0;
	tx->stuck_since = 0;
	tx->backoff = 0;
	tx->in_recovery = false;
	tx->doubt = false;
	tx->one_free = false;
	return chain;
}
