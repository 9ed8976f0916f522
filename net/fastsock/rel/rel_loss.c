// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, sending half: what was lost, and the timers.
 *
 * Loss is found in three ways.  Three segments (or three mss) SACKED above one
 * that was sent once mean it is lost.  A segment sent earlier than one that was
 * delivered is lost once a round trip and a reordering window have passed; that
 * rule alone also finds lost retransmissions.  And the retransmission timer.
 *
 * That timer may expire only because the path, or the peer, takes its time.  So
 * at first one piece is sent again, and nothing else counts as lost: @doubt.
 * The next ack that delivers something decides (after RFC 5682, F-RTO).  If
 * that was sent once, and before the timeout, the first transmissions still
 * arrive: all goes on as if the timer had not expired.  If it is only what was
 * sent again, the rest is LOST.
 *
 * No ack walks all that is in flight.  What was sent once was sent in sequence
 * order, so both rules hold for all of it up to some segment: @judged stands
 * there and never goes back.  Copies that are under way are a ring in the order
 * of time, of which the second rule takes the first ones.  LOST segments are a
 * ring in sequence order.  So each step is paid for by sending a segment, or by
 * its delivery.
 *
 * A segment that was sent is SACKED, or in the ring of LOST ones, or, if it is
 * neither but was sent again, in the ring of copies.
 */
#include "rel/rel_tx.h"

static void fsk_ring_put_before(struct fsk_seg *at, struct fsk_seg *seg)
{
	seg->later = at;
	seg->earlier = at->earlier;
	at->earlier->later = seg;
	at->earlier = seg;
}

static void fsk_ring_append(struct fsk_seg **first, struct fsk_seg *seg)
{
	if (*first) {
		fsk_ring_put_before(*first, seg);
	} else {
		seg->later = seg;
		seg->earlier = seg;
		*first = seg;
	}
}

static void fsk_ring_remove(struct fsk_seg **first, struct fsk_seg *seg)
{
	seg->earlier->later = seg->later;
	seg->later->earlier = seg->earlier;
	if (*first == seg)
		*first = seg->later == seg ? NULL : seg->later;
}

/*
 * Finds a place between two LOST segments.  Where the search is given up the
 * order is wrong, which delays some copies; the oldest goes first after a
 * timeout, whatever the order.
 */
static void fsk_loss_insert(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	struct fsk_seg *at = tx->lost_near ? tx->lost_near : tx->lost_first;
	int steps = FSK_LOST_STEPS;

	/* It belongs after the first and before the last one. */
	while (fsk_before(at->seq, seg->seq) && steps-- > 0) {
		fsk_rel_step();
		at = at->later;
	}
	while (fsk_after(at->earlier->seq, seg->seq) && steps-- > 0) {
		fsk_rel_step();
		at = at->earlier;
	}
	fsk_ring_put_before(at, seg);
	tx->lost_near = seg;
}

/* @seg is in flight no more, and in no ring. */
static void fsk_loss_add(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	struct fsk_seg *first = tx->lost_first;

	seg->flags |= FSK_SEG_LOST;
	tx->lost++;
	if (first && fsk_after(seg->seq, first->seq) &&
	    fsk_before(seg->seq, first->earlier->seq)) {
		fsk_loss_insert(tx, seg);
		return;
	}
	fsk_ring_append(&tx->lost_first, seg);
	if (first && fsk_before(seg->seq, first->seq))
		tx->lost_first = seg;
}

static void fsk_loss_remove(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	if (tx->lost_near == seg)
		tx->lost_near = seg->later == seg ? NULL : seg->later;
	fsk_ring_remove(&tx->lost_first, seg);
	seg->flags &= ~FSK_SEG_LOST;
	tx->lost--;
}

/* A segment in flight, sent once or again. */
static void fsk_loss_mark(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	if (seg->flags & FSK_SEG_RETRANS)
		fsk_ring_remove(&tx->copies, seg);
	tx->inflight -= seg->len;
	fsk_loss_add(tx, seg);
}

static bool fsk_loss_is_judged(const struct fsk_rel_tx *tx,
			       const struct fsk_seg *seg)
{
	return tx->judged && !fsk_after(seg->seq, tx->judged->seq);
}

/* Out of its ring; LOST no more means in flight. */
static void fsk_loss_unlink(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	if (seg->flags & FSK_SEG_LOST) {
		fsk_loss_remove(tx, seg);
		tx->inflight += seg->len;
	} else if (seg->flags & FSK_SEG_RETRANS) {
		fsk_ring_remove(&tx->copies, seg);
	}
}

/**
 * fsk_loss_sent_again - a copy is under way
 * @tx: sending half
 * @seg: the segment, not SACKED; its @sent is of the copy
 *
 * Context: any; the caller serialises.
 */
void fsk_loss_sent_again(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	const struct fsk_seg *last;

	fsk_loss_unlink(tx, seg);
	seg->flags |= FSK_SEG_RETRANS;
	if (tx->copies) {
		/* The end is the order among equal times, see @rack_end. */
		last = tx->copies->earlier;
		if (seg->sent < last->sent ||
		    (seg->sent == last->sent &&
		     fsk_before(fsk_seg_end(seg), fsk_seg_end(last))))
			seg->sent = last->sent + 1;
	}
	fsk_ring_append(&tx->copies, seg);
}

/**
 * fsk_loss_arrived - a segment is about to be SACKED
 * @tx: sending half
 * @seg: not SACKED so far
 *
 * Context: any; the caller serialises.
 */
void fsk_loss_arrived(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	fsk_loss_unlink(tx, seg);
	tx->inflight -= seg->len;
	if (!fsk_loss_is_judged(tx, seg)) {
		tx->above++;
		tx->above_len += seg->len;
	}
}

/**
 * fsk_loss_forget - a segment with a mark is about to be released
 * @tx: sending half
 * @seg: the oldest segment; LOST no more afterwards, but in flight
 *
 * Context: any; the caller serialises.
 */
void fsk_loss_forget(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	if (!(seg->flags & FSK_SEG_SACKED)) {
		fsk_loss_unlink(tx, seg);
	} else {
		fsk_sack_forget(tx, seg);
		if (!fsk_loss_is_judged(tx, seg)) {
			tx->above--;
			tx->above_len -= seg->len;
		}
	}
	if (tx->judged == seg)
		tx->judged = NULL;
	if (tx->stopped_at == seg)
		tx->stopped_at = NULL;
}

/**
 * fsk_loss_split - a segment with a mark was cut in two
 * @tx: sending half
 * @seg: its first part
 * @rest: linked after it, with the same marks
 *
 * Context: any; the caller serialises.
 */
void fsk_loss_split(struct fsk_rel_tx *tx, struct fsk_seg *seg,
		    struct fsk_seg *rest)
{
	if (seg->flags & FSK_SEG_SACKED) {
		fsk_sack_split(seg, rest);
		if (!fsk_loss_is_judged(tx, seg))
			tx->above++;
	} else {
		fsk_ring_put_before(seg->later, rest);
		if (seg->flags & FSK_SEG_LOST)
			tx->lost++;
	}
	if (tx->judged == seg)
		tx->judged = rest;
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
	return fsk_tx_is_older(seg, tx->rack_sent, tx->rack_end);
}

/*
 * Is a suspect lost by now, when @wait has passed since it was sent?  If not,
 * @probe_at is set to when it will be.
 */
static bool fsk_loss_is_due(struct fsk_rel_tx *tx, const struct fsk_seg *seg,
			    u64 wait, u64 now)
{
	u64 due = seg->sent + wait;

	if (now >= due)
		return true;
	if (!tx->probe_at || due < tx->probe_at)
		tx->probe_at = due;
	return false;
}

/* Is a segment that was sent once, and is in flight, lost? */
static bool fsk_loss_judge(struct fsk_rel_tx *tx, const struct fsk_seg *seg,
			   u64 wait, u64 now)
{
	if (!tx->reo_steps && (tx->above >= FSK_DUP_THRESH ||
			       tx->above_len >= FSK_DUP_THRESH * tx->cc.mss))
		return true;
	return fsk_loss_is_suspect(tx, seg) &&
	       fsk_loss_is_due(tx, seg, wait, now);
}

/* Moves @judged.  Returns whether a segment was marked. */
static bool fsk_loss_judge_first(struct fsk_rel_tx *tx, u64 wait, u64 now)
{
	struct fsk_seg *seg = tx->judged ? tx->judged->next : tx->head;
	bool found = false;

	for (; seg != tx->unsent; seg = seg->next) {
		fsk_rel_step();
		if (seg->flags & FSK_SEG_SACKED) {
			tx->above--;
			tx->above_len -= seg->len;
		} else if (!(seg->flags & FSK_SEG_MARKS)) {
			if (!fsk_loss_judge(tx, seg, wait, now))
				break;
			fsk_loss_mark(tx, seg);
			found = true;
		}
		tx->judged = seg;
	}
	return found;
}

static bool fsk_loss_judge_copies(struct fsk_rel_tx *tx, u64 wait, u64 now)
{
	struct fsk_seg *seg;
	bool found = false;

	while ((seg = tx->copies)) {
		fsk_rel_step();
		if (!fsk_loss_is_suspect(tx, seg) ||
		    !fsk_loss_is_due(tx, seg, wait, now))
			break;
		fsk_loss_mark(tx, seg);
		found = true;
	}
	return found;
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
	bool found;

	tx->probe_at = 0;
	found = fsk_loss_judge_first(tx, wait, now);
	found |= fsk_loss_judge_copies(tx, wait, now);
	if (found && !tx->in_recovery) {
		tx->in_recovery = true;
		tx->recover = tx->nxt;
		/* The first copy does not wait until less is in flight. */
		tx->one_free = true;
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

/* All that the peer SACKED is LOST. */
static void fsk_loss_take_back(struct fsk_rel_tx *tx)
{
	struct fsk_seg *run, *seg, *last;

	while (tx->sacked_top) {
		run = tx->sacked_top->later;
		last = run->other;
		if (run == tx->sacked_top)
			tx->sacked_top = NULL;
		else
			tx->sacked_top->later = run->later;
		for (seg = run;; seg = seg->next) {
			fsk_rel_step();
			seg->flags &= ~FSK_SEG_SACKED;
			fsk_loss_add(tx, seg);
			if (seg == last)
				break;
		}
	}
	tx->sacked_near = NULL;
	tx->sacked_end = tx->una;
	tx->above = 0;
	tx->above_len = 0;
}

/* All that was sent once, and before @recover, is LOST. */
static void fsk_loss_mark_first(struct fsk_rel_tx *tx)
{
	struct fsk_seg *seg = tx->judged ? tx->judged->next : tx->head;

	for (; seg != tx->unsent && fsk_before(seg->seq, tx->recover);
	     seg = seg->next) {
		fsk_rel_step();
		if (seg->flags & FSK_SEG_SACKED) {
			tx->above--;
			tx->above_len -= seg->len;
		} else if (!(seg->flags & FSK_SEG_MARKS)) {
			fsk_loss_mark(tx, seg);
		}
		tx->judged = seg;
	}
}

/* All that is in flight is LOST. */
static void fsk_loss_mark_all(struct fsk_rel_tx *tx)
{
	while (tx->copies) {
		fsk_rel_step();
		fsk_loss_mark(tx, tx->copies);
	}
	fsk_loss_mark_first(tx);
}

/* Of a segment that is in flight one piece goes again, whatever cwnd says. */
static void fsk_loss_one_again(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	tx->one_free = true;
	if (seg->flags & FSK_SEG_LOST)
		return;
	if (fsk_tx_may_cut(tx, seg))
		tx->cut(tx, seg, tx->cc.mss);
	fsk_loss_mark(tx, seg);
}

/*
 * The copy, or its answer, may be lost.  When that answer should be here,
 * another piece goes, whose answer shows it, instead of the next timeout.
 */
static u64 fsk_loss_second_at(const struct fsk_rel_tx *tx, u64 now)
{
	if (!tx->srtt)
		return now + tx->rto / 2;
	return now + tx->srtt + max(tx->srtt / 4, FSK_REO_MIN_NS);
}

/* The peer waits for the oldest, so without it no ack would bring progress. */
static void fsk_loss_oldest_first(struct fsk_rel_tx *tx)
{
	if (tx->head->flags & FSK_SEG_LOST)
		tx->lost_first = tx->head;
}

static void fsk_loss_begin_doubt(struct fsk_rel_tx *tx, u64 now)
{
	if (!tx->doubt) {
		tx->doubt = true;
		tx->undo_cwnd = tx->cc.cwnd;
		tx->recover = tx->nxt;
	}
	fsk_loss_one_again(tx, tx->head);
	fsk_loss_oldest_first(tx);
	tx->probe_at = fsk_loss_second_at(tx, now);
}

/* A lost copy shall not wait for the next timeout, which is twice as long. */
static enum fsk_rel_event fsk_loss_second_piece(struct fsk_rel_tx *tx)
{
	struct fsk_seg *seg = tx->lost ? tx->lost_first : tx->head->next;

	if (seg != tx->unsent && seg->flags & FSK_SEG_SACKED)
		seg = seg->other->next;
	if (seg == tx->unsent || !fsk_before(seg->seq, tx->recover))
		return FSK_REL_NONE;
	fsk_loss_one_again(tx, seg);
	return FSK_REL_SEND;
}

/*
 * Nothing was lost that other rules do not find.  The RTT sample of what was
 * delivered, which the caller takes, widens the RTO and ends the back-off.
 * But an ack that late has met a queue, or a busy host: the window shrinks as
 * by a loss, and slow start is over, with the @ssthresh of the timeout.
 */
static void fsk_loss_undo(struct fsk_rel_tx *tx, u64 now)
{
	fsk_tx_needless(tx);
	tx->cc.cwnd = max(tx->cc.cwnd, tx->undo_cwnd / 10 * 7);
	tx->in_recovery = false;
	tx->one_free = false;
	tx->rto_at = now + tx->rto;
	tx->probe_at = tx->rto_at;	/* the tail may be probed again */
}

/**
 * fsk_loss_decide - an ack in doubt has delivered something
 * @tx: sending half, @doubt
 * @freed: the chain of what @una went past
 * @got: what else is known of what was delivered; gets the RTT sample
 * @now: ns
 *
 * Context: any; the caller serialises.
 */
void fsk_loss_decide(struct fsk_rel_tx *tx, const struct fsk_seg *freed,
		     struct fsk_delivery *got, u64 now)
{
	bool sampled = got->sampled;

	for (; freed; freed = freed->next) {
		if (freed->flags & (FSK_SEG_RETRANS | FSK_SEG_SACKED) ||
		    !fsk_before(freed->seq, tx->recover))
			continue;
		got->first = true;
		if (sampled)
			continue;
		got->sent = freed->sent;
		got->sampled = true;
	}
	tx->doubt = false;
	if (got->first) {
		fsk_loss_undo(tx, now);
		return;
	}
	if (got->copy)
		fsk_tx_arrived(tx, got->copy, now);
	fsk_loss_mark_first(tx);
}

/*
 * In the middle of a loss episode, or if the peer forgot what it held, there is
 * no doubt.
 */
static enum fsk_rel_event fsk_loss_rto_expired(struct fsk_rel_tx *tx, u64 now)
{
	/* A peer that still lacks its first hole but SACKED it forgot it. */
	bool forgot = tx->head->flags & FSK_SEG_SACKED;

	tx->repeated = tx->head == fsk_tx_last_sent(tx);
	if (forgot)
		fsk_loss_take_back(tx);
	if (!forgot && (tx->doubt || !tx->in_recovery)) {
		fsk_loss_begin_doubt(tx, now);
	} else {
		tx->doubt = false;
		tx->recover = tx->nxt;
		tx->probe_at = 0;
		fsk_loss_mark_all(tx);
		fsk_loss_oldest_first(tx);
	}
	tx->in_recovery = true;
	fsk_loss_back_off(tx, now);
	tx->rto_at = now + fsk_tx_rto(tx);
	tx->cc.ops->timeout(&tx->cc, now);
	return FSK_REL_SEND;
}

static enum fsk_rel_event fsk_loss_tail_probe(struct fsk_rel_tx *tx, u64 now)
{
	struct fsk_seg *last = fsk_tx_last_sent(tx);
	bool alone = tx->head == last;

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
	tx->repeated = alone;
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
	if (tx->doubt)
		return fsk_loss_second_piece(tx);
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
