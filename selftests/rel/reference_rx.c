// SPDX-License-Identifier: GPL-2.0
/*
 * What the receiver must hold and tell of it, found by plain walks over a list
 * of all segments by their numbers.
 */
#include "model.h"

/* Is all of a segment held already?  Only if it is beyond what is in order. */
bool reference_rx_had(const struct model *m, const struct fsk_seg *seg)
{
	u32 reach = fsk_after(seg->seq, m->rx.nxt) ? seg->seq : m->rx.nxt;
	const struct model_seg *at;

	for (at = m->held; at && !fsk_after(at->seg.seq, reach); at = at->held)
		if (fsk_after(fsk_seg_end(&at->seg), reach))
			reach = fsk_seg_end(&at->seg);
	return !fsk_after(fsk_seg_end(seg), reach);
}

/* A segment is given back, or consumed. */
void reference_rx_gone(struct model *m, const struct fsk_seg *seg)
{
	struct model_seg **link = &m->held;

	while (*link && &(*link)->seg != seg)
		link = &(*link)->held;
	MODEL_CHECK(*link);
	*link = (*link)->held;
}

/* Nothing is given back but what the new one covers. */
void reference_rx_held(struct model *m, struct fsk_seg *seg,
		       const struct fsk_seg *covered)
{
	struct model_seg **link = &m->held, *ms = (struct model_seg *)seg;

	for (; covered; covered = covered->next) {
		MODEL_CHECK(!fsk_before(covered->seq, seg->seq));
		MODEL_CHECK(!fsk_after(fsk_seg_end(covered),
				       fsk_seg_end(seg)));
		reference_rx_gone(m, covered);
	}
	while (*link && fsk_before((*link)->seg.seq, seg->seq))
		link = &(*link)->held;
	ms->held = *link;
	*link = ms;
	m->recent = seg->seq;
}

/* It is the one that reaches furthest. */
void reference_rx_forgot(struct model *m, const struct fsk_seg *seg)
{
	const struct model_seg *at;

	MODEL_CHECK(!seg == !m->held);
	for (at = m->held; at; at = at->held)
		MODEL_CHECK(!fsk_after(fsk_seg_end(&at->seg),
				       fsk_seg_end(seg)));
	if (seg)
		reference_rx_gone(m, seg);
}

static bool ref_within(const struct fsk_rel_range *range, u32 seq)
{
	return !fsk_before(seq, range->start) && fsk_before(seq, range->end);
}

/* What is held, ascending and merged.  The caller frees it. */
static struct fsk_rel_range *ref_ranges(const struct model *m,
					unsigned int *nr)
{
	const struct model_seg *at;
	struct fsk_rel_range *all;
	unsigned int n = 0;

	for (at = m->held; at; at = at->held)
		n++;
	all = calloc(n + 1, sizeof(*all));
	MODEL_CHECK(all);
	for (n = 0, at = m->held; at; at = at->held) {
		if (!n || fsk_after(at->seg.seq, all[n - 1].end)) {
			all[n].start = at->seg.seq;
			all[n++].end = fsk_seg_end(&at->seg);
		} else if (fsk_after(fsk_seg_end(&at->seg), all[n - 1].end)) {
			all[n - 1].end = fsk_seg_end(&at->seg);
		}
	}
	*nr = n;
	return all;
}

/* All ranges are told if there is room, the newest one first. */
void reference_rx_check(const struct model *m)
{
	struct fsk_rel_range *all, *told;
	unsigned int i, j = 0, n, first;

	all = ref_ranges(m, &n);
	told = calloc(n + 1, sizeof(*told));
	MODEL_CHECK(told);
	MODEL_CHECK(fsk_rel_rx_sack(&m->rx, told, n + 1) == n);
	for (first = 0; first < n; first++)
		if (all[first].start == told[0].start)
			break;
	for (i = 0; i < n; i++) {
		/* What arrived last may have been forgotten since. */
		if (ref_within(&all[i], m->recent))
			MODEL_CHECK(i == first);
		if (i != first)
			j++;
		MODEL_CHECK(!memcmp(&all[i], &told[i == first ? 0 : j],
				    sizeof(*all)));
	}
	free(all);
	free(told);
}
