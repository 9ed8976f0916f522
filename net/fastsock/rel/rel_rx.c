// SPDX-License-Identifier: GPL-2.0
/*
 * Pure reliability core, receiving half: what is in order, what is held until
 * a hole before it is filled, and what the sender is told.
 */
#include "rel/rel.h"

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
	rx->recent = isn;
	rx->mss = mss;
}

/* All are looked at: a segment that starts earlier may reach further. */
static bool fsk_rx_holds_beyond(const struct fsk_rel_rx *rx, u32 fin)
{
	const struct fsk_seg *seg;

	for (seg = rx->ooo_tail; seg; seg = seg->prev)
		if (fsk_after(fsk_seg_end(seg), fin))
			return true;
	return false;
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

/* Finds the last held segment that starts at or before @seq, NULL if none. */
static struct fsk_seg *fsk_rx_place(const struct fsk_rel_rx *rx, u32 seq)
{
	struct fsk_seg *at = rx->ooo_tail;

	while (at && fsk_after(at->seq, seq))
		at = at->prev;
	return at;
}

static bool fsk_rx_covered(const struct fsk_seg *at, const struct fsk_seg *seg)
{
	u32 end = fsk_seg_end(seg);
	u32 reach = seg->seq;

	for (; at && !fsk_after(at->seq, reach); at = at->next) {
		if (fsk_after(fsk_seg_end(at), reach))
			reach = fsk_seg_end(at);
		if (!fsk_before(reach, end))
			return true;
	}
	return false;
}

static enum fsk_rel_verdict fsk_rx_hold(struct fsk_rel_rx *rx,
					struct fsk_seg *seg)
{
	struct fsk_seg *at = fsk_rx_place(rx, seg->seq);

	if (fsk_rx_covered(at, seg))
		return FSK_RX_DUP;
	if (rx->ooo_count >= FSK_OOO_MAX)
		return FSK_RX_OUTSIDE;

	seg->prev = at;
	seg->next = at ? at->next : rx->ooo_head;
	if (at)
		at->next = seg;
	else
		rx->ooo_head = seg;
	if (seg->next)
		seg->next->prev = seg;
	else
		rx->ooo_tail = seg;
	rx->ooo_count++;
	rx->recent = seg->seq;
	return FSK_RX_HELD;
}

/* Who closes has nothing more to say, so its patience is not known. */
static u64 fsk_rx_delay(const struct fsk_rel_rx *rx, const struct fsk_seg *seg)
{
	if (seg->flags & FSK_SEG_FIN)
		return FSK_DELACK_NS;
	return FSK_DELACK_NS << min_t(u8, rx->patience, FSK_PATIENCE_MAX);
}

static void fsk_rx_in_order(struct fsk_rel_rx *rx, const struct fsk_seg *seg,
			    u64 now)
{
	rx->nxt = fsk_seg_end(seg);
	rx->longest = max(rx->longest, seg->len);
	if (rx->ooo_head || (seg->flags & FSK_SEG_ASK) ||
	    rx->nxt - rx->acked >= max(FSK_ACK_EVERY * rx->mss,
				       FSK_ACK_LONG * rx->longest))
		rx->ack_now = true;
	else if (!rx->ack_at)
		rx->ack_at = now + fsk_rx_delay(rx, seg);
}

/**
 * fsk_rel_rx_data - take a segment
 * @rx: receiving half
 * @seg: @seq, @len (not 0), FSK_SEG_FIN and FSK_SEG_ASK set by the caller
 * @trim: set to how many leading sequence numbers of it were had before
 * @now: ns
 *
 * After FSK_RX_INORDER the caller consumes @seg, then calls fsk_rel_rx_pop()
 * until that returns NULL.
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
	struct fsk_seg *seg = rx->ooo_head;
	u32 had;

	*trim = 0;
	if (!seg || fsk_after(seg->seq, rx->nxt))
		return NULL;
	had = rx->nxt - seg->seq;
	*trim = min(had, seg->len);
	if (had < seg->len)
		rx->nxt = fsk_seg_end(seg);

	rx->ooo_head = seg->next;
	if (seg->next)
		seg->next->prev = NULL;
	else
		rx->ooo_tail = NULL;
	rx->ooo_count--;
	seg->next = NULL;
	return seg;
}

/**
 * fsk_rel_rx_sack - what is held out of order
 * @rx: receiving half
 * @sack: filled with merged ranges, first the one that holds @recent, then
 *	the others ascending
 * @max: room in @sack
 *
 * Context: any; the caller serialises.
 * Return: number of ranges filled in.
 */
unsigned int fsk_rel_rx_sack(const struct fsk_rel_rx *rx,
			     struct fsk_rel_range *sack, unsigned int max)
{
	struct fsk_rel_range range, recent = {};
	const struct fsk_seg *seg = rx->ooo_head;
	bool have = false;
	unsigned int n = 0;

	while (seg && !(have && n >= max)) {
		range.start = seg->seq;
		range.end = fsk_seg_end(seg);
		for (seg = seg->next; seg; seg = seg->next) {
			if (fsk_after(seg->seq, range.end))
				break;
			if (fsk_after(fsk_seg_end(seg), range.end))
				range.end = fsk_seg_end(seg);
		}
		if (!fsk_before(rx->recent, range.start) &&
		    fsk_before(rx->recent, range.end)) {
			recent = range;
			have = true;
		} else if (n < max) {
			sack[n++] = range;
		}
	}
	if (!have || !max)
		return n;
	n = min(n, max - 1);
	memmove(&sack[1], &sack[0], n * sizeof(*sack));
	sack[0] = recent;
	return n + 1;
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
	struct fsk_seg *seg = rx->ooo_tail;

	if (!seg)
		return NULL;
	rx->ooo_tail = seg->prev;
	if (seg->prev)
		seg->prev->next = NULL;
	else
		rx->ooo_head = NULL;
	rx->ooo_count--;
	seg->prev = NULL;
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
	struct fsk_seg *chain = rx->ooo_head;

	rx->ooo_head = NULL;
	rx->ooo_tail = NULL;
	rx->ooo_count = 0;
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
