// SPDX-License-Identifier: GPL-2.0
/* Pure reliability core, sending half: what the peer holds beyond holes. */
#include "rel/rel_tx.h"

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

static void fsk_sack_seg(struct fsk_rel_tx *tx, struct fsk_seg *seg,
			 struct fsk_delivery *got, u64 now)
{
	if (seg->flags & FSK_SEG_LOST) {
		seg->flags &= ~FSK_SEG_LOST;
		tx->lost--;
		if (tx->lost_hint == seg)
			tx->lost_hint = seg->next;
	} else {
		tx->inflight -= seg->len;
	}
	seg->flags |= FSK_SEG_SACKED;
	if (fsk_after(fsk_seg_end(seg), tx->sacked_end))
		tx->sacked_end = fsk_seg_end(seg);
	got->bytes += seg->len;
	if (!(seg->flags & FSK_SEG_RETRANS)) {
		got->sent = seg->sent;
		got->sampled = true;
	}
	fsk_tx_delivered(tx, seg, now);
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
	    seg->flags & FSK_SEG_SACKED || !fsk_tx_may_cut(tx, seg))
		return;
	if (fsk_before(seg->seq, range->start))
		at = fsk_tx_whole_pieces(tx, range->start - seg->seq +
					     tx->cc.mss - 1);
	else if (fsk_after(fsk_seg_end(seg), range->end))
		at = fsk_tx_cut_at(tx, seg, range->end - seg->seq);
	if (at && at < fsk_tx_bytes(seg))
		tx->cut(tx, seg, at);
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
	struct fsk_rel_range sorted[FSK_SACK_TAKEN];
	struct fsk_seg *seg = tx->head;
	unsigned int i = 0;

	nr = fsk_sack_sort(tx, sack, nr, sorted);
	while (i < nr && seg != tx->unsent) {
		fsk_sack_cut(tx, seg, &sorted[i]);
		if (fsk_before(seg->seq, sorted[i].start)) {
			seg = seg->next;
		} else if (fsk_after(fsk_seg_end(seg), sorted[i].end)) {
			i++;
		} else {
			if (!(seg->flags & FSK_SEG_SACKED))
				fsk_sack_seg(tx, seg, got, now);
			seg = seg->next;
		}
	}
}
