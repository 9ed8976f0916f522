// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, receiving half: what is in order, what is held until
 * a hole before it is filled, and what the sender is told.
 *
 * Segments that are held and have no hole between them are a run.  A SACK range
 * is a run.  The last segment of a run stands for it: it is a node in the tree
 * of runs.  The segments of a run are a ring by @next, from the first to the
 * last and on to the first.  By @prev each segment between these two has the
 * one before it.  The last segment has no @prev, for the node is in its place;
 * the first one has the last but one there.  So it takes no search to add to a
 * run, to join two, or to take a segment from either end.
 *
 * In a run each segment ends beyond those before it, and begins where they end,
 * or earlier.  When one comes that reaches a run above it and covers some of
 * its segments, these are given back.
 *
 * How much is held is not counted: the window bounds its bytes, and the caller
 * the memory.
 */
#include "rel/rel.h"

/* Tests count the runs and segments that are looked at. */
#ifndef fsk_rel_step
#define fsk_rel_step()	do {} while (0)
#endif

/**
 * fsk_rel_rx_init - set up the receiving half
 * @rx: receiving half
 * @isn: first sequence number expected
 * @wnd: bytes taken from there on
 * @mss: stream bytes of a full frame, not 0
 *
 * Context: any.
 */
void fsk_rel_rx_init(struct fsk_rel_rx *rx, u32 isn, u32 wnd, u32 mss)
{
	memset(rx, 0, sizeof(*rx));
	rx->nxt = isn;
	rx->wnd_end = isn + wnd;
	rx->acked = isn;
	rx->runs = RB_ROOT;
	rx->mss = mss;
}

static u32 fsk_rx_start(const struct fsk_seg *run)
{
	return run->next->seq;
}

static struct fsk_seg *fsk_rx_run(struct rb_node *node)
{
	return node ? rb_entry(node, struct fsk_seg, run) : NULL;
}

/* Returns the run above @run, or the lowest if that is NULL; or NULL. */
static struct fsk_seg *fsk_rx_next(const struct fsk_rel_rx *rx,
				   const struct fsk_seg *run)
{
	fsk_rel_step();
	if (run == rx->high)
		return NULL;
	return run ? fsk_rx_run(rb_next(&run->run)) : rx->low;
}

static bool fsk_rx_holds_beyond(const struct fsk_rel_rx *rx, u32 fin)
{
	return rx->high && fsk_after(fsk_seg_end(rx->high), fin);
}

/* Says whether window and end of stream admit @seg; learns the end. */
static bool fsk_rx_admits(struct fsk_rel_rx *rx, const struct fsk_seg *seg)
{
	bool fin = seg->flags & FSK_SEG_FIN;
	u32 end = fsk_seg_end(seg);

	if (fsk_after(fsk_seg_data_end(seg), rx->wnd_end))
		return false;
	if (rx->fin_seen)
		return fin ? end == rx->fin_seq : fsk_before(end, rx->fin_seq);
	if (!fin)
		return true;
	if (fsk_rx_holds_beyond(rx, end - 1))
		return false;
	rx->fin_seen = true;
	rx->fin_seq = end;
	/* The FIN may be beyond the window, which must not become negative. */
	if (fsk_after(end, rx->wnd_end))
		rx->wnd_end = end;
	return true;
}

/* The run that ended with @old ends with @run now. */
static void fsk_rx_replace(struct fsk_rel_rx *rx, struct fsk_seg *old,
			   struct fsk_seg *run)
{
	rb_replace_node(&old->run, &run->run, &rx->runs);
	if (rx->low == old)
		rx->low = run;
	if (rx->high == old)
		rx->high = run;
	if (rx->recent == old)
		rx->recent = run;
}

static void fsk_rx_remove(struct fsk_rel_rx *rx, struct fsk_seg *run)
{
	if (rx->low == run)
		rx->low = fsk_rx_run(rb_next(&run->run));
	if (rx->high == run)
		rx->high = fsk_rx_run(rb_prev(&run->run));
	if (rx->recent == run)
		rx->recent = NULL;
	rb_erase(&run->run, &rx->runs);
}

/* @seg becomes a run of its own, the next one above @run, or the lowest. */
static void fsk_rx_add(struct fsk_rel_rx *rx, struct fsk_seg *seg,
		       struct fsk_seg *run)
{
	struct rb_node **link = &rx->runs.rb_node, *parent = NULL;
	struct fsk_seg *above = fsk_rx_next(rx, run);

	if (run && !run->run.rb_right) {
		parent = &run->run;
		link = &parent->rb_right;
	} else if (above) {
		parent = &above->run;
		link = &parent->rb_left;
	}
	rb_link_node(&seg->run, parent, link);
	rb_insert_color(&seg->run, &rx->runs);
	if (!run)
		rx->low = seg;
	if (!above)
		rx->high = seg;
}

/* The segments of @run, which is not in the tree, go before those of @above. */
static void fsk_rx_join(struct fsk_seg *run, struct fsk_seg *above)
{
	struct fsk_seg *first = run->next, *second = above->next;
	struct fsk_seg *last_but_one = second == above ? run : second->prev;

	if (second != above)
		second->prev = run;
	if (first != run)
		run->prev = first->prev;
	first->prev = last_but_one;
	run->next = second;
	above->next = first;
}

/* Takes the first segment of a run that has more. */
static struct fsk_seg *fsk_rx_take_first(struct fsk_seg *run)
{
	struct fsk_seg *first = run->next, *second = first->next;

	run->next = second;
	if (second != run)
		second->prev = first->prev;
	return first;
}

/* Finds the last run that starts at or before @seq, NULL if none does. */
static struct fsk_seg *fsk_rx_find(const struct fsk_rel_rx *rx, u32 seq)
{
	struct fsk_seg *run = rx->recent, *above, *found = NULL;
	struct rb_node *node = rx->runs.rb_node;

	if (!rx->low || fsk_before(seq, fsk_rx_start(rx->low)))
		return NULL;
	if (!fsk_before(seq, fsk_rx_start(rx->high)))
		return rx->high;
	if (run && !fsk_before(seq, fsk_rx_start(run))) {
		above = fsk_rx_next(rx, run);
		if (fsk_before(seq, fsk_rx_start(above)))
			return run;
	}
	while (node) {
		fsk_rel_step();
		run = fsk_rx_run(node);
		if (fsk_before(seq, fsk_rx_start(run))) {
			node = node->rb_left;
		} else {
			found = run;
			node = node->rb_right;
		}
	}
	return found;
}

static void fsk_rx_give_back(struct fsk_rel_rx *rx, struct fsk_seg *first,
			     struct fsk_seg *last)
{
	last->next = rx->covered;
	rx->covered = first;
}

/*
 * A run has grown upwards: it takes in what it has reached, and gives back what
 * it covers.  Returns the run that it is now.
 */
static struct fsk_seg *fsk_rx_reach(struct fsk_rel_rx *rx, struct fsk_seg *run)
{
	u32 end = fsk_seg_end(run);
	struct fsk_seg *above, *seg;

	while ((above = fsk_rx_next(rx, run)) &&
	       !fsk_after(fsk_seg_end(above), end)) {
		fsk_rx_remove(rx, above);
		fsk_rx_give_back(rx, above->next, above);
	}
	if (!above || fsk_after(fsk_rx_start(above), end))
		return run;
	while (!fsk_after(fsk_seg_end(above->next), end)) {
		fsk_rel_step();
		seg = fsk_rx_take_first(above);
		fsk_rx_give_back(rx, seg, seg);
	}
	if (rx->low == run)
		rx->low = above;
	rb_erase(&run->run, &rx->runs);
	fsk_rx_join(run, above);
	return above;
}

static enum fsk_rel_verdict fsk_rx_hold(struct fsk_rel_rx *rx,
					struct fsk_seg *seg)
{
	struct fsk_seg *run = fsk_rx_find(rx, seg->seq);

	if (run && !fsk_after(fsk_seg_end(seg), fsk_seg_end(run))) {
		rx->recent = run;
		rx->twice = true;
		return FSK_RX_DUP;
	}
	seg->next = seg;
	if (run && !fsk_after(seg->seq, fsk_seg_end(run))) {
		fsk_rx_replace(rx, run, seg);
		fsk_rx_join(run, seg);
	} else {
		fsk_rx_add(rx, seg, run);
	}
	rx->recent = fsk_rx_reach(rx, seg);
	return FSK_RX_HELD;
}

/* An end is acknowledged soon, whatever the patience. */
static u64 fsk_rx_delay(const struct fsk_rel_rx *rx, const struct fsk_seg *seg)
{
	if (seg->flags & FSK_SEG_FIN)
		return FSK_DELACK_NS;
	return FSK_DELACK_NS << min_t(u8, rx->patience, FSK_PATIENCE_MAX);
}

static void fsk_rx_in_order(struct fsk_rel_rx *rx, const struct fsk_seg *seg,
			    u64 now)
{
	u64 at = now + fsk_rx_delay(rx, seg);

	rx->nxt = fsk_seg_end(seg);
	rx->longest = max(rx->longest, seg->len);
	if (fsk_rel_rx_holds(rx) || (seg->flags & FSK_SEG_ASK) ||
	    rx->nxt - rx->acked >= max(FSK_ACK_EVERY * rx->mss,
				       FSK_ACK_LONG * rx->longest))
		rx->ack_now = true;
	else if (!rx->ack_at || at < rx->ack_at)
		rx->ack_at = at;
}

/**
 * fsk_rel_rx_data - take a segment
 * @rx: receiving half
 * @seg: @seq, @len (not 0), FSK_SEG_FIN and FSK_SEG_ASK set by the caller
 * @trim: set to how many leading sequence numbers of it were had before
 * @now: ns
 *
 * After FSK_RX_INORDER the caller consumes @seg, then calls fsk_rel_rx_pop()
 * until that returns NULL.  After FSK_RX_HELD it calls fsk_rel_rx_covered().
 *
 * Context: any; the caller serialises.
 * Return: who owns @seg and why, see enum fsk_rel_verdict.
 */
enum fsk_rel_verdict fsk_rel_rx_data(struct fsk_rel_rx *rx,
				     struct fsk_seg *seg, u32 *trim, u64 now)
{
	*trim = 0;
	if (!fsk_after(fsk_seg_end(seg), rx->nxt)) {
		rx->ack_now = true;
		rx->twice = true;
		return FSK_RX_DUP;
	}
	if (!fsk_rx_admits(rx, seg)) {
		rx->ack_now = true;
		return FSK_RX_OUTSIDE;
	}
	if (fsk_after(seg->seq, rx->nxt)) {
		rx->ack_now = true;
		return fsk_rx_hold(rx, seg);
	}
	*trim = rx->nxt - seg->seq;
	fsk_rx_in_order(rx, seg, now);
	return FSK_RX_INORDER;
}

/**
 * fsk_rel_rx_covered - take back what is held twice
 * @rx: receiving half
 *
 * Context: any; the caller serialises.
 * Return: the chain (by @next) of segments that the last one covers, owned by
 * the caller again, or NULL.
 */
struct fsk_seg *fsk_rel_rx_covered(struct fsk_rel_rx *rx)
{
	struct fsk_seg *chain = rx->covered;

	rx->covered = NULL;
	return chain;
}

/**
 * fsk_rel_rx_pop - next held segment that is in order now
 * @rx: receiving half
 * @trim: set to how many leading sequence numbers of it were had before; may
 *	be its whole length
 *
 * Context: any; the caller serialises.
 * Return: the segment, owned by the caller again, or NULL.
 */
struct fsk_seg *fsk_rel_rx_pop(struct fsk_rel_rx *rx, u32 *trim)
{
	struct fsk_seg *run = rx->low, *seg;
	u32 had;

	*trim = 0;
	if (!run || fsk_after(fsk_rx_start(run), rx->nxt))
		return NULL;
	if (run->next == run)
		fsk_rx_remove(rx, run);
	seg = fsk_rx_take_first(run);
	had = rx->nxt - seg->seq;
	*trim = min(had, seg->len);
	if (had < seg->len)
		rx->nxt = fsk_seg_end(seg);
	seg->next = NULL;
	return seg;
}

static struct fsk_rel_range fsk_rx_range(const struct fsk_seg *run)
{
	return (struct fsk_rel_range) {
		.start = fsk_rx_start(run),
		.end = fsk_seg_end(run),
	};
}

/**
 * fsk_rel_rx_sack - what is held out of order
 * @rx: receiving half
 * @sack: filled with merged ranges, first the one with the newest arrival, then
 *	the others ascending
 * @max: room in @sack
 *
 * Context: any; the caller serialises.
 * Return: number of ranges filled in.
 */
unsigned int fsk_rel_rx_sack(const struct fsk_rel_rx *rx,
			     struct fsk_rel_range *sack, unsigned int max)
{
	const struct fsk_seg *run;
	unsigned int n = 0;

	if (rx->recent && max)
		sack[n++] = fsk_rx_range(rx->recent);
	for (run = rx->low; run && n < max; run = fsk_rx_next(rx, run))
		if (run != rx->recent)
			sack[n++] = fsk_rx_range(run);
	return n;
}

/**
 * fsk_rel_rx_forget - give up the highest of what is held
 * @rx: receiving half
 *
 * The sender may know that it was held: it sends it again when it finds that
 * the hole before it is filled and it is still missing.
 *
 * Context: any; the caller serialises.
 * Return: the segment, owned by the caller again, or NULL.
 */
struct fsk_seg *fsk_rel_rx_forget(struct fsk_rel_rx *rx)
{
	struct fsk_seg *seg = rx->high, *first, *last;

	if (!seg)
		return NULL;
	first = seg->next;
	if (first == seg) {
		fsk_rx_remove(rx, seg);
	} else {
		last = first->prev;
		if (last != first)
			first->prev = last->prev;
		last->next = first;
		fsk_rx_replace(rx, seg, last);
	}
	seg->next = NULL;
	return seg;
}

/**
 * fsk_rel_rx_ack_sent - an ack of all that is in order was sent
 * @rx: receiving half
 *
 * Context: any; the caller serialises.
 */
void fsk_rel_rx_ack_sent(struct fsk_rel_rx *rx)
{
	rx->acked = rx->nxt;
	rx->longest = 0;
	rx->ack_now = false;
	rx->twice = false;
	rx->ack_at = 0;
}

/**
 * fsk_rel_rx_purge - give up everything held
 * @rx: receiving half; goes on taking data
 *
 * Context: any; the caller serialises.
 * Return: the chain (by @next) of held segments, owned by the caller again.
 */
struct fsk_seg *fsk_rel_rx_purge(struct fsk_rel_rx *rx)
{
	struct fsk_seg *chain = NULL, **link = &chain;
	struct fsk_seg *run, *above;

	for (run = rx->low; run; run = above) {
		above = fsk_rx_next(rx, run);
		*link = run->next;
		link = &run->next;
	}
	*link = NULL;
	rx->runs = RB_ROOT;
	rx->low = NULL;
	rx->high = NULL;
	rx->recent = NULL;
	return chain;
}

/**
 * fsk_epochs_init - begin to count
 * @ep: epochs of one end
 * @una: first number it sends
 * @nxt: first number it expects
 *
 * Context: any.
 */
void fsk_epochs_init(struct fsk_epochs *ep, u32 una, u32 nxt)
{
	ep->una = una;
	ep->nxt = nxt;
	ep->sent = 0;
	ep->rcvd = 0;
}

/**
 * fsk_epochs_count - count the boundaries that were passed
 * @ep: epochs of one end
 * @una: oldest number that is unacknowledged now
 * @nxt: next expected now; neither moved by more than a window
 *
 * Context: any; the caller serialises.
 */
void fsk_epochs_count(struct fsk_epochs *ep, u32 una, u32 nxt)
{
	if ((una ^ ep->una) >> FSK_EPOCH_SHIFT)
		WRITE_ONCE(ep->sent, ep->sent + 1);
	if ((nxt ^ ep->nxt) >> FSK_EPOCH_SHIFT)
		WRITE_ONCE(ep->rcvd, ep->rcvd + 1);
	ep->una = una;
	ep->nxt = nxt;
}

/**
 * fsk_epochs_near - may a frame with this mix be of now?
 * @ep: epochs of the receiver
 * @mix: what fsk_epochs_mix() made of the sender's counts
 *
 * What the sender knows to have arrived is at most a window behind what has,
 * and it has at most a window more of what this end sent than this end knows.
 * Frames that others overtook may be one behind in either.
 *
 * Context: any; a result that a change at the same time makes wrong does no
 * more than to lose the frame.
 * Return: true if so.
 */
bool fsk_epochs_near(const struct fsk_epochs *ep, u32 mix)
{
	u32 rcvd = READ_ONCE(ep->rcvd), sent = READ_ONCE(ep->sent);
	u32 i, j;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++)
			if (mix == fsk_epochs_mix(rcvd - i, sent + 1 - j))
				return true;
	return false;
}
