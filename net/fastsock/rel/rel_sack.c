// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, sending half: what the peer holds beyond holes.
 *
 * Most ranges of a SACK were told before, and say so without a walk: SACKED
 * segments that follow each other are a run, whose ends know each other, and
 * the runs are a ring in the order of numbers.  The rest is found by a walk
 * through the hole after a run, from there or from where the last one stopped.
 *
 * A step over a segment that no walk has passed is paid for by having sent it,
 * and one that finds something new by its delivery.  Of other steps an ack gets
 * FSK_SACK_STEPS, or a hostile peer could have the same hole walked for ever.
 * An honest one repeats what it holds, and the walk goes on at the next ack.
 * In a hole that is not judged yet it begins again, so that may take longer.
 */
#include "rel/rel_tx.h"

/* A search on behalf of one ack. */
struct fsk_sack_search {
	struct fsk_rel_tx *tx;
	struct fsk_delivery *got;
	struct fsk_seg *run;	/* the last one before @seg, NULL if none is */
	struct fsk_seg *seg;	/* where it stands */
	u64 now;		/* ns */
	int steps;		/* left; below 0 when it is given up */
};

/*
 * Copies the believable ranges sorted by start.  An honest peer never sends
 * others; of a hostile one as little as possible is used.
 */
static unsigned int fsk_sack_sort(const struct fsk_rel_tx *tx,
				  const struct fsk_rel_range *sack,
				  unsigned int nr, struct fsk_rel_range *sorted)
{
	unsigned int i, j, n = 0;

	nr = min_t(unsigned int, nr, FSK_SACK_TAKEN);
	for (i = 0; i < nr; i++) {
		if (!fsk_after(sack[i].start, tx->una) ||
		    !fsk_before(sack[i].start, sack[i].end) ||
		    fsk_after(sack[i].end, tx->nxt))
			continue;
		for (j = n; j && fsk_before(sack[i].start, sorted[j - 1].start);
		     j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = sack[i];
		n++;
	}
	return n;
}

/*
 * Cuts a segment of which only some pieces lie within a range: before the range
 * begins, or where it ends.
 */
static void fsk_sack_cut(struct fsk_rel_tx *tx, struct fsk_seg *seg,
			 const struct fsk_rel_range *range)
{
	u32 at = 0;

	if (!fsk_after(range->end, seg->seq) ||
	    !fsk_after(fsk_seg_end(seg), range->start) ||
	    !fsk_tx_may_cut(tx, seg))
		return;
	if (fsk_before(seg->seq, range->start))
		at = fsk_tx_whole_pieces(tx, range->start - seg->seq +
					     tx->cc.mss - 1);
	else if (fsk_after(fsk_seg_end(seg), range->end))
		at = fsk_tx_cut_at(tx, seg, range->end - seg->seq);
	if (at && at < fsk_tx_bytes(seg))
		tx->cut(tx, seg, at);
}

/* A new run of @seg alone after @run, or before all if that is NULL. */
static void fsk_sack_add_run(struct fsk_rel_tx *tx, struct fsk_seg *seg,
			     struct fsk_seg *run)
{
	struct fsk_seg *before = run ? run : tx->sacked_top;

	seg->other = seg;
	if (!before) {
		seg->later = seg;
		tx->sacked_top = seg;
		return;
	}
	seg->later = before->later;
	before->later = seg;
	if (run && run == tx->sacked_top)
		tx->sacked_top = seg;
}

/*
 * @seg was SACKED, @run is the last run before it.  Returns the run that it
 * belongs to.
 */
static struct fsk_seg *fsk_sack_join(struct fsk_rel_tx *tx, struct fsk_seg *seg,
				     struct fsk_seg *run)
{
	struct fsk_seg *above = seg->next, *last = seg;

	if (!run || run->other->next != seg) {
		fsk_sack_add_run(tx, seg, run);
		run = seg;
	}
	if (above && above->flags & FSK_SEG_SACKED) {
		last = above->other;
		run->later = above->later;
		if (tx->sacked_top == above)
			tx->sacked_top = run;
		if (tx->sacked_near == above)
			tx->sacked_near = run;
	}
	run->other = last;
	last->other = run;
	return run;
}

static void fsk_sack_seg(struct fsk_sack_search *s, struct fsk_seg *seg)
{
	struct fsk_rel_tx *tx = s->tx;

	fsk_loss_arrived(tx, seg);
	seg->flags |= FSK_SEG_SACKED;
	if (fsk_after(fsk_seg_end(seg), tx->sacked_end))
		tx->sacked_end = fsk_seg_end(seg);
	s->got->bytes += seg->len;
	if (!(seg->flags & FSK_SEG_RETRANS)) {
		s->got->sent = seg->sent;
		s->got->sampled = true;
		s->got->first |= fsk_before(seg->seq, tx->recover);
	}
	fsk_tx_delivered(tx, seg, s->got, s->now);
	s->run = fsk_sack_join(tx, seg, s->run);
	/* The highest is found anyway: copies may arrive between new ones. */
	if (s->run != tx->sacked_top)
		tx->sacked_near = s->run;
}

/* Finds the last run that begins at or before @start. */
static void fsk_sack_find_run(struct fsk_sack_search *s, u32 start)
{
	struct fsk_seg *top = s->tx->sacked_top;
	struct fsk_seg *near = s->tx->sacked_near;
	struct fsk_seg *run = s->run;

	if (!top || fsk_before(start, top->later->seq)) {
		s->run = NULL;
		return;
	}
	if (!fsk_before(start, top->seq)) {
		s->run = top;
		return;
	}
	if (!run || fsk_after(run->seq, start))
		run = top->later;
	if (near && !fsk_after(near->seq, start) &&
	    fsk_after(near->seq, run->seq))
		run = near;
	while (!fsk_after(run->later->seq, start) && --s->steps >= 0) {
		fsk_rel_step();
		run = run->later;
	}
	if (s->steps < 0)
		s->tx->sacked_near = run;
	s->run = run;
}

/* May a walk pass a segment of a hole?  If not, the next one goes on there. */
static bool fsk_sack_may_pass(struct fsk_sack_search *s, struct fsk_seg *seg)
{
	struct fsk_rel_tx *tx = s->tx;

	fsk_rel_step();
	if (!fsk_before(seg->seq, tx->searched)) {
		tx->searched = fsk_seg_end(seg);
		return true;
	}
	if (--s->steps >= 0)
		return true;
	if (seg->flags & (FSK_SEG_LOST | FSK_SEG_RETRANS))
		tx->stopped_at = seg;
	return false;
}

/*
 * Walks to the first segment that does not begin before a range.  Returns
 * whether it got there.
 */
static bool fsk_sack_find_seg(struct fsk_sack_search *s,
			      const struct fsk_rel_range *range)
{
	struct fsk_seg *seg = s->run ? s->run->other->next : s->tx->head;
	struct fsk_seg *from = s->tx->stopped_at;

	if (from && fsk_after(from->seq, seg->seq) &&
	    !fsk_after(from->seq, range->start))
		seg = from;
	while (seg != s->tx->unsent && fsk_before(seg->seq, range->start)) {
		if (!fsk_sack_may_pass(s, seg))
			return false;
		fsk_sack_cut(s->tx, seg, range);
		seg = seg->next;
	}
	s->seg = seg;
	return true;
}

/* Marks segments that lie wholly within a range. */
static void fsk_sack_range(struct fsk_sack_search *s,
			   const struct fsk_rel_range *range)
{
	struct fsk_seg *seg;

	fsk_rel_step();
	fsk_sack_find_run(s, range->start);
	if (s->steps < 0 ||
	    (s->run && !fsk_after(range->end, fsk_seg_end(s->run->other))) ||
	    !fsk_sack_find_seg(s, range))
		return;
	seg = s->seg;
	while (seg != s->tx->unsent && fsk_before(seg->seq, range->end)) {
		fsk_rel_step();
		if (seg->flags & FSK_SEG_SACKED) {
			s->run = seg;
		} else {
			fsk_sack_cut(s->tx, seg, range);
			if (fsk_after(fsk_seg_end(seg), range->end))
				break;
			fsk_sack_seg(s, seg);
		}
		seg = s->run->other->next;
	}
}

/**
 * fsk_sack_take - mark what the peer says that it holds
 * @tx: sending half
 * @sack: ranges; may be anything, is validated
 * @nr: number of ranges
 * @got: what the ack delivered, to be added to
 * @now: ns
 *
 * Context: any; the caller serialises.
 */
void fsk_sack_take(struct fsk_rel_tx *tx, const struct fsk_rel_range *sack,
		   unsigned int nr, struct fsk_delivery *got, u64 now)
{
	struct fsk_sack_search s = {
		.tx = tx,
		.got = got,
		.now = now,
		.steps = FSK_SACK_STEPS,
	};
	struct fsk_rel_range sorted[FSK_SACK_TAKEN];
	unsigned int i;

	/* It may be so old that it seems to be ahead. */
	if (fsk_before(tx->searched, tx->una) ||
	    fsk_after(tx->searched, tx->nxt))
		tx->searched = tx->una;
	nr = fsk_sack_sort(tx, sack, nr, sorted);
	for (i = 0; i < nr && s.steps >= 0; i++)
		fsk_sack_range(&s, &sorted[i]);
}

/**
 * fsk_sack_forget - a SACKED segment is released
 * @tx: sending half
 * @seg: the oldest segment, so the first one of the first run
 *
 * Context: any; the caller serialises.
 */
void fsk_sack_forget(struct fsk_rel_tx *tx, struct fsk_seg *seg)
{
	struct fsk_seg *top = tx->sacked_top, *first = seg->later;

	if (seg->other != seg) {
		/* The peer forgot, or the run was cut: the rest stays one. */
		first = seg->next;
		first->other = seg->other;
		seg->other->other = first;
		first->later = top == seg ? first : seg->later;
	} else if (top == seg) {
		first = NULL;
	}
	if (tx->sacked_near == seg)
		tx->sacked_near = first;
	if (top == seg)
		tx->sacked_top = first;
	else
		top->later = first;
}

/**
 * fsk_sack_split - a SACKED segment was cut in two
 * @seg: its first part
 * @rest: linked after it, SACKED too
 *
 * Context: any; the caller serialises.
 */
void fsk_sack_split(struct fsk_seg *seg, struct fsk_seg *rest)
{
	if (rest->next && rest->next->flags & FSK_SEG_SACKED)
		return;
	rest->other = seg->other;
	seg->other->other = rest;
}
