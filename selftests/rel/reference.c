// SPDX-License-Identifier: GPL-2.0
/*
 * What acks and timers must have marked, found again by plain walks over all
 * that is in flight; and whether what saves these walks is true.
 */
#include "model.h"

/* With few steps a search may be given up. */
static bool ref_finds_all(void)
{
	return rel_steps_most == MODEL_STEPS_ANY;
}

static bool ref_is(const struct fsk_seg *seg, u8 flags)
{
	return seg->flags & flags;
}

/* Sent again, and neither SACKED nor LOST. */
static bool ref_is_copy(const struct fsk_seg *seg)
{
	return ref_is(seg, FSK_SEG_RETRANS) &&
	       !ref_is(seg, FSK_SEG_SACKED | FSK_SEG_LOST);
}

/* Remember what is marked before something happens. */
void reference_note(struct model *m)
{
	const struct fsk_rel_tx *tx = &m->tx;
	struct model_seg *ms;
	struct fsk_seg *seg;

	m->doubt.is = tx->doubt;
	m->doubt.in_recovery = tx->in_recovery;
	m->doubt.recover = tx->recover;
	m->doubt.cwnd = tx->doubt ? tx->undo_cwnd : tx->cc.cwnd;
	m->doubt.real = false;
	for (seg = m->tx.head; seg != m->tx.unsent; seg = seg->next) {
		ms = (struct model_seg *)seg;
		ms->was_lost = ref_is(seg, FSK_SEG_LOST);
		ms->was_sacked = ref_is(seg, FSK_SEG_SACKED);
	}
}

static bool ref_believable(const struct fsk_rel_tx *tx,
			   const struct fsk_rel_range *range)
{
	return fsk_after(range->start, tx->una) &&
	       fsk_before(range->start, range->end) &&
	       !fsk_after(range->end, tx->nxt);
}

/* Is a segment left whole that should have been cut for a range? */
static bool ref_uncut(const struct fsk_rel_tx *tx, const struct fsk_seg *seg,
		      const struct fsk_rel_range *range)
{
	u32 bytes = fsk_seg_data_end(seg) - seg->seq, at = 0;

	if (!fsk_after(range->end, seg->seq) ||
	    !fsk_after(fsk_seg_end(seg), range->start) ||
	    bytes <= tx->cc.mss)
		return false;
	if (fsk_before(seg->seq, range->start))
		at = range->start - seg->seq + tx->cc.mss - 1;
	else if (fsk_after(fsk_seg_end(seg), range->end))
		at = min(range->end - seg->seq, bytes - 1);
	at -= at % tx->cc.mss;
	return at && at < bytes;
}

static void ref_sacked(const struct model *m, const struct fsk_seg *seg,
		       const struct model_ack *ack)
{
	const struct model_seg *ms = (const struct model_seg *)seg;
	const struct fsk_rel_tx *tx = &m->tx;
	bool found = ref_finds_all();
	bool within = false;
	unsigned int i;

	for (i = 0; i < ack->nr; i++) {
		if (!ref_believable(tx, &ack->sack[i]))
			continue;
		if (!fsk_before(seg->seq, ack->sack[i].start) &&
		    !fsk_after(fsk_seg_end(seg), ack->sack[i].end))
			within = true;
		if (found && !m->no_memory && !ref_is(seg, FSK_SEG_SACKED))
			MODEL_CHECK(!ref_uncut(tx, seg, &ack->sack[i]));
	}
	if (ref_is(seg, FSK_SEG_SACKED))
		MODEL_CHECK(within || ms->was_sacked);
	else
		MODEL_CHECK(!within || !found);
}

static u64 ref_reo_wnd(const struct fsk_rel_tx *tx)
{
	u64 base = max(tx->srtt / 4, FSK_REO_MIN_NS);
	u64 wide = min(base * (tx->reo_steps + 1), tx->rto - tx->rto / 8);

	return tx->reo_steps ? max(base, wide) : base;
}

struct ref_above {
	u32 count;
	u32 len;
	u64 probe_at;
};

/* Segments come newest first. */
static void ref_lost(const struct model *m, const struct fsk_seg *seg,
		     struct ref_above *above)
{
	const struct model_seg *ms = (const struct model_seg *)seg;
	const struct fsk_rel_tx *tx = &m->tx;
	u64 due = seg->sent + tx->rack_rtt + ref_reo_wnd(tx);
	bool many = above->count >= FSK_DUP_THRESH ||
		    above->len >= FSK_DUP_THRESH * tx->cc.mss;
	bool earlier = seg->sent != tx->rack_sent ?
		       seg->sent < tx->rack_sent :
		       fsk_before(fsk_seg_end(seg), tx->rack_end);
	bool lost = (many && !tx->reo_steps && !ref_is(seg, FSK_SEG_RETRANS)) ||
		    (earlier && m->now >= due);

	if (m->doubt.real && fsk_before(seg->seq, m->doubt.recover))
		lost |= !ref_is(seg, FSK_SEG_RETRANS);

	if (ref_is(seg, FSK_SEG_SACKED)) {
		above->count++;
		above->len += seg->len;
	} else if (ref_is(seg, FSK_SEG_LOST)) {
		MODEL_CHECK(lost || ms->was_lost);
	} else {
		MODEL_CHECK(!lost);
		if (earlier && (!above->probe_at || due < above->probe_at))
			above->probe_at = due;
	}
}

/* All that is in flight, oldest first.  The caller frees it. */
static const struct fsk_seg **ref_flight(const struct fsk_rel_tx *tx,
					 unsigned int *nr)
{
	const struct fsk_seg *seg, **all;
	unsigned int n = 0;

	for (seg = tx->head; seg != tx->unsent; seg = seg->next)
		n++;
	all = calloc(n + 1, sizeof(*all));
	MODEL_CHECK(all);
	*nr = n;
	for (n = 0, seg = tx->head; n < *nr; seg = seg->next)
		all[n++] = seg;
	return all;
}

/* After loss was looked for at @m->now. */
void reference_loss(const struct model *m)
{
	const struct fsk_rel_tx *tx = &m->tx;
	struct ref_above above = {};
	const struct fsk_seg **all;
	unsigned int n;

	if (fsk_rel_tx_idle(tx) || tx->doubt ||
	    (!tx->in_recovery && !fsk_after(tx->sacked_end, tx->una)))
		return;
	all = ref_flight(tx, &n);
	while (n--)
		ref_lost(m, all[n], &above);
	MODEL_CHECK(tx->probe_at == above.probe_at);
	free(all);
}

/* What an ack in doubt says of a segment that it delivered. */
static bool ref_is_first(const struct model *m, const struct fsk_seg *seg)
{
	return !ref_is(seg, FSK_SEG_RETRANS) &&
	       fsk_before(seg->seq, m->doubt.recover);
}

static bool ref_is_delivered(const struct fsk_seg *seg)
{
	return ref_is(seg, FSK_SEG_SACKED) &&
	       !((const struct model_seg *)seg)->was_sacked;
}

/* Doubt ends with the first ack that delivers something. */
static void ref_doubt(struct model *m, const struct fsk_seg *freed)
{
	const struct fsk_rel_tx *tx = &m->tx;
	bool any = false, first = false;
	const struct fsk_seg *seg;

	for (seg = freed; seg; seg = seg->next) {
		if (ref_is(seg, FSK_SEG_SACKED) && !ref_is_delivered(seg))
			continue;
		any = true;
		first |= ref_is_first(m, seg);
	}
	for (seg = tx->head; seg != tx->unsent; seg = seg->next) {
		any |= ref_is_delivered(seg);
		first |= ref_is_delivered(seg) && ref_is_first(m, seg);
	}
	MODEL_CHECK(tx->doubt == !any);
	m->doubt.real = any && !first;
	MODEL_CHECK(!first || !tx->backoff);
}

/* After an ack that was not too old, and has freed this chain. */
void reference_ack(struct model *m, const struct model_ack *ack,
		   const struct fsk_seg *freed)
{
	const struct fsk_seg **all;
	unsigned int i, n;

	all = ref_flight(&m->tx, &n);
	for (i = 0; i < n; i++)
		ref_sacked(m, all[i], ack);
	free(all);
	if (m->doubt.is)
		ref_doubt(m, freed);
	reference_loss(m);
}

/* After the retransmission timer: is all LOST, or is there doubt? */
void reference_rto(const struct model *m)
{
	const struct fsk_rel_tx *tx = &m->tx;
	bool forgot = ((const struct model_seg *)tx->head)->was_sacked;
	bool doubt = !forgot && (m->doubt.is || !m->doubt.in_recovery);
	const struct model_seg *ms;
	const struct fsk_seg *seg;

	MODEL_CHECK(tx->doubt == doubt);
	MODEL_CHECK(!doubt || tx->undo_cwnd == m->doubt.cwnd);
	for (seg = tx->head; seg != tx->unsent; seg = seg->next) {
		ms = (const struct model_seg *)seg;
		if (ms->was_sacked && !forgot)
			MODEL_CHECK(ref_is(seg, FSK_SEG_SACKED));
		else if (doubt && !ms->was_lost && seg != tx->head)
			MODEL_CHECK(!ref_is(seg, FSK_SEG_LOST));
		else
			MODEL_CHECK(ref_is(seg, FSK_SEG_LOST));
	}
}

static void ref_check_lost(const struct fsk_rel_tx *tx,
			   const struct fsk_seg **all, unsigned int n)
{
	const struct fsk_seg *at = tx->lost_first;
	bool near = !tx->lost_near;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!ref_is(all[i], FSK_SEG_LOST))
			continue;
		MODEL_CHECK(!ref_finds_all() || at == all[i]);
		MODEL_CHECK(ref_is(at, FSK_SEG_LOST));
		MODEL_CHECK(at->later->earlier == at);
		near |= all[i] == tx->lost_near;
		at = at->later;
	}
	MODEL_CHECK(at == tx->lost_first);
	MODEL_CHECK(near);
	MODEL_CHECK(!tx->lost == !tx->lost_first);
}

static void ref_check_copies(const struct fsk_rel_tx *tx,
			     const struct fsk_seg **all, unsigned int n)
{
	const struct fsk_seg *at = tx->copies;
	unsigned int i, nr = 0;

	for (i = 0; i < n; i++)
		nr += ref_is_copy(all[i]);
	MODEL_CHECK(!nr == !at);
	for (; nr; nr--, at = at->later) {
		MODEL_CHECK(ref_is_copy(at));
		MODEL_CHECK(at->later->earlier == at);
		MODEL_CHECK(nr == 1 || at->sent < at->later->sent ||
			    (at->sent == at->later->sent &&
			     fsk_before(fsk_seg_end(at),
					fsk_seg_end(at->later))));
	}
	MODEL_CHECK(at == tx->copies);
}

static void ref_check_judged(const struct fsk_rel_tx *tx,
			     const struct fsk_seg **all, unsigned int n)
{
	u32 above = 0, above_len = 0;
	bool judged = tx->judged, stopped = false;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (judged) {
			MODEL_CHECK(ref_is(all[i], FSK_SEG_SACKED |
					   FSK_SEG_LOST | FSK_SEG_RETRANS));
		} else if (ref_is(all[i], FSK_SEG_SACKED)) {
			above++;
			above_len += all[i]->len;
		}
		if (all[i] == tx->judged)
			judged = false;
		stopped |= all[i] == tx->stopped_at;
	}
	MODEL_CHECK(!judged);
	MODEL_CHECK(stopped == !!tx->stopped_at);
	MODEL_CHECK(above == tx->above && above_len == tx->above_len);
}

static void ref_check_runs(const struct fsk_rel_tx *tx,
			   const struct fsk_seg **all, unsigned int n)
{
	const struct fsk_seg *top = tx->sacked_top, *run = NULL;
	bool near = !tx->sacked_near;
	unsigned int i, first;

	for (i = 0; i < n; i++) {
		if (!ref_is(all[i], FSK_SEG_SACKED))
			continue;
		run = run ? run->later : top->later;
		MODEL_CHECK(run == all[i]);
		near |= run == tx->sacked_near;
		for (first = i; i + 1 < n &&
		     ref_is(all[i + 1], FSK_SEG_SACKED); i++)
			;
		MODEL_CHECK(all[first]->other == all[i]);
		MODEL_CHECK(all[i]->other == all[first]);
	}
	MODEL_CHECK(run == top);
	MODEL_CHECK(near);
}

/* Holds at any time. */
void reference_check(const struct fsk_rel_tx *tx)
{
	const struct fsk_seg **all;
	unsigned int n;

	all = ref_flight(tx, &n);
	ref_check_lost(tx, all, n);
	ref_check_copies(tx, all, n);
	ref_check_judged(tx, all, n);
	ref_check_runs(tx, all, n);
	free(all);
}
