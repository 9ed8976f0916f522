// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, sending half: what was lost, and the timers.
 *
 * Loss is found in three ways.  Three segments (or three mss) SACKED above one
 * that was sent once mean it is lost.  A segment sent earlier than one that was
 * delivered is lost once a round trip and a reordering window have passed; that
 * rule alone also finds lost retransmissions.  And the retransmission timer.
 */
#include "rel/rel_tx.h"

static void fsk_loss_mark(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	if (!tx->lost || (tx->lost_hint &&
			  fsk_before(seg->seq, tx->lost_hint->seq)))
		tx->lost_hint = seg;
	seg->flags |= FSK_SEG_LOST;
	tx->lost++;
	tx->inflight -= seg->len;
}

static u64 fsk_loss_reo_wnd(const struct fsk_rel_tx *tx)
{
	u64 base = max(tx->srtt / 4, FSK_REO_MIN_NS);

	if (!tx->reo_steps)
		return base;
	/* Waiting longer than the RTO would leave everything to it. */
	return max(base, min(base * (tx->reo_steps + 1),
			     tx->rto - tx->rto / 8));
}

/* Was a segment sent before one that was delivered? */
static bool fsk_loss_is_suspect(const struct fsk_rel_tx *tx,
				const struct fsk_seg *seg)
{
	if (seg->sent != tx->rack_sent)
		return seg->sent < tx->rack_sent;
	return fsk_before(fsk_seg_end(seg), tx->rack_end);
}

/**
 * fsk_loss_detect - mark what must be lost by now
 * @tx: sending half, with something under way
 * @now: ns
 *
 * Sets @probe_at to when the next suspect will be.
 *
 * Context: any; the caller serialises.
 * Return: true if a segment was marked.
 */
bool fsk_loss_detect(struct fsk_rel_tx *tx, u64 now)
{
	u64 wait = tx->rack_rtt + fsk_loss_reo_wnd(tx);
	u32 above = 0, bytes = 0;
	struct fsk_seg *seg;
	bool found = false;

	tx->probe_at = 0;
	for (seg = fsk_tx_last_sent(tx); seg; seg = seg->prev) {
		bool many = above >= FSK_DUP_THRESH ||
			    bytes >= FSK_DUP_THRESH * tx->cc.mss;
		bool earlier = fsk_loss_is_suspect(tx, seg);

		if (seg->flags & FSK_SEG_SACKED) {
			above++;
			bytes += seg->len;
		} else if (seg->flags & FSK_SEG_LOST) {
			continue;
		} else if ((many && !tx->reo_steps &&
			    !(seg->flags & FSK_SEG_RETRANS)) ||
			   (earlier && now >= seg->sent + wait)) {
			fsk_loss_mark(tx, seg);
			found = true;
		} else if (earlier && (!tx->probe_at ||
				       seg->sent + wait < tx->probe_at)) {
			tx->probe_at = seg->sent + wait;
		}
	}
	if (found && !tx->in_recovery) {
		tx->in_recovery = true;
		tx->recover = tx->nxt;
		tx->cc.ops->lost(&tx->cc, now);
	}
	return found;
}

/**
 * fsk_rel_tx_deadline - when fsk_rel_tx_timeout() is next due
 * @tx: sending half
 *
 * Context: any; the caller serialises.
 * Return: ns, 0 when never.
 */
u64 fsk_rel_tx_deadline(const struct fsk_rel_tx *tx)
{
	if (!tx->probe_at)
		return tx->rto_at;
	if (!tx->rto_at)
		return tx->probe_at;
	return min(tx->rto_at, tx->probe_at);
}

static void fsk_loss_back_off(struct fsk_rel_tx *tx, u64 now)
{
	if (tx->backoff < FSK_BACKOFF_MAX)
		tx->backoff++;
	if (!tx->stalled_since)
		tx->stalled_since = now;
	if (!tx->stuck_since)
		tx->stuck_since = now;
}

static enum fsk_rel_event fsk_loss_rto_expired(struct fsk_rel_tx *tx, u64 now)
{
	/* A peer that still lacks its first hole but SACKED it forgot it. */
	bool forgot = tx->head->flags & FSK_SEG_SACKED;
	struct fsk_seg *seg;

	for (seg = tx->head; seg != tx->unsent; seg = seg->next) {
		if (forgot && (seg->flags & FSK_SEG_SACKED)) {
			seg->flags &= ~FSK_SEG_SACKED;
			tx->inflight += seg->len;
		}
		if (!(seg->flags & (FSK_SEG_SACKED | FSK_SEG_LOST)))
			fsk_loss_mark(tx, seg);
	}
	if (forgot)
		tx->sacked_end = tx->una;
	tx->in_recovery = true;
	tx->recover = tx->nxt;
	tx->probe_at = 0;
	fsk_loss_back_off(tx, now);
	tx->rto_at = now + fsk_tx_rto(tx);
	tx->cc.ops->timeout(&tx->cc, now);
	return FSK_REL_SEND;
}

static enum fsk_rel_event fsk_loss_tail_probe(struct fsk_rel_tx *tx, u64 now)
{
	struct fsk_seg *last = fsk_tx_last_sent(tx);

	tx->tlp_done = true;
	tx->rto_at = now + fsk_tx_rto(tx);
	/* No room for a second copy: at least ask what the peer has. */
	if (tx->lost || tx->inflight > tx->cc.cwnd)
		return FSK_REL_PROBE;
	/* One piece is enough. */
	if (fsk_tx_may_cut(tx, last)) {
		if (!tx->cut(tx, last, fsk_tx_cut_at(tx, last, last->len)))
			return FSK_REL_PROBE;
		last = last->next;
	}
	fsk_loss_mark(tx, last);
	return FSK_REL_SEND;
}

static enum fsk_rel_event fsk_loss_probe_expired(struct fsk_rel_tx *tx, u64 now)
{
	tx->probe_at = 0;
	if (fsk_rel_tx_idle(tx)) {
		fsk_loss_back_off(tx, now);
		tx->probe_at = now + min(fsk_tx_rto(tx), FSK_PROBE_MAX_NS);
		return FSK_REL_PROBE;
	}
	if (tx->in_recovery || fsk_tx_has_sacked(tx))
		return fsk_loss_detect(tx, now) ? FSK_REL_SEND : FSK_REL_NONE;
	return fsk_loss_tail_probe(tx, now);
}

/**
 * fsk_rel_tx_timeout - do what is due
 * @tx: sending half
 * @now: ns; may be early or late
 *
 * Context: any; the caller serialises.
 * Return: what the caller has to send, see enum fsk_rel_event.
 */
enum fsk_rel_event fsk_rel_tx_timeout(struct fsk_rel_tx *tx, u64 now)
{
	if (tx->rto_at && now >= tx->rto_at)
		return fsk_loss_rto_expired(tx, now);
	if (tx->probe_at && now >= tx->probe_at)
		return fsk_loss_probe_expired(tx, now);
	return FSK_REL_NONE;
}
