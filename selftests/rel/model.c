// SPDX-License-Identifier: GPL-2.0
/* Drives rel_*.c as the module does, and checks what must hold at every step. */
#include "model.h"

void model_fail(const char *file, int line, const char *cond)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, cond);
	abort();
}

static u32 seg_end(const struct fsk_seg *seg)
{
	return seg->seq + seg->len;
}

static struct model_seg *model_seg_new(void)
{
	struct model_seg *ms = calloc(1, sizeof(*ms));

	MODEL_CHECK(ms);
	return ms;
}

static void model_free_chain(struct fsk_seg *seg)
{
	struct fsk_seg *next;

	for (; seg; seg = next) {
		next = seg->next;
		free(seg);
	}
}

static bool model_cut(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 at)
{
	struct model *m = (struct model *)tx;

	MODEL_CHECK(at && at < fsk_seg_data_end(seg) - seg->seq);
	MODEL_CHECK(at % tx->cc.mss == 0);
	if (m->no_memory)
		return false;
	model_split(m, seg, at);
	return true;
}

void model_init(struct model *m, u32 isn, u32 mss, u32 rcvbuf)
{
	memset(m, 0, sizeof(*m));
	m->now = 1000000000;
	m->mss = mss;
	m->rcvbuf = rcvbuf;
	fsk_rel_tx_init(&m->tx, isn, rcvbuf, mss, &fsk_cc_lan);
	m->tx.cut = model_cut;
	fsk_rel_rx_init(&m->rx, isn, rcvbuf, mss);
	fsk_epochs_init(&m->sender, isn, 0);
	fsk_epochs_init(&m->receiver, 0, isn);
}

void model_free(struct model *m)
{
	model_free_chain(fsk_rel_tx_purge(&m->tx));
	model_free_chain(fsk_rel_rx_purge(&m->rx));
	m->held = NULL;
	model_check(m);
}

void model_write(struct model *m, u32 len, bool fin)
{
	struct model_seg *ms;

	if (m->fin_queued || len + fin == 0)
		return;
	ms = model_seg_new();
	ms->off = m->written;
	ms->seg.len = len + fin;
	ms->seg.flags = fin ? FSK_SEG_FIN : 0;
	m->written += len;
	m->fin_queued = fin;
	fsk_rel_tx_queue(&m->tx, &ms->seg);
}

void model_grow(struct model *m, u32 len)
{
	if (m->fin_queued || !m->tx.unsent)
		return;
	m->written += len;
	fsk_rel_tx_grow(&m->tx, m->tx.tail, len);
}

void model_split(struct model *m, struct fsk_seg *seg, u32 at)
{
	struct model_seg *rest = model_seg_new();

	rest->off = ((struct model_seg *)seg)->off + at;
	rest->was_lost = ((struct model_seg *)seg)->was_lost;
	rest->was_sacked = ((struct model_seg *)seg)->was_sacked;
	/* The core may rely on nothing in it. */
	memset(&rest->seg, 0xa5, sizeof(rest->seg));
	fsk_rel_tx_split(&m->tx, seg, &rest->seg, at);
}

/*
 * So much may be beyond cwnd: of what was never sent less than a piece, and one
 * piece when loss was found.
 */
static u32 model_beyond(const struct model *m, const struct fsk_seg *seg)
{
	u32 piece = m->mss + !!(seg->flags & FSK_SEG_FIN);

	if (seg == m->tx.unsent)
		return min(seg->len, piece) - 1;
	if (!m->tx.one_free || seg->len > piece)
		return 0;
	/* Whatever is in flight. */
	return seg->len + m->tx.inflight;
}

static void model_xmit(struct model *m, const struct model_frame *frame)
{
	m->sent_frames++;
	m->xmit(m, frame);
}

/* The flags that say something of the end are in the last piece only. */
static void model_xmit_pieces(struct model *m, const struct model_frame *all)
{
	struct model_frame frame = *all;
	u32 left = all->len;

	frame.fin = false;
	frame.ask = false;
	for (; left - all->fin > m->mss; left -= m->mss) {
		frame.len = m->mss;
		model_xmit(m, &frame);
		frame.off += m->mss;
		frame.seq += m->mss;
	}
	frame.len = left;
	frame.fin = all->fin;
	frame.ask = all->ask;
	model_xmit(m, &frame);
}

static void model_send(struct model *m, struct fsk_seg *seg)
{
	bool fin = seg->flags & FSK_SEG_FIN;
	bool fresh = seg == m->tx.unsent;
	struct model_frame frame = {
		.off = ((struct model_seg *)seg)->off,
		.seq = seg->seq,
		.len = seg->len,
		.fin = fin,
	};

	MODEL_CHECK(fresh || (seg->flags & FSK_SEG_LOST));
	MODEL_CHECK(!fsk_after(seg_end(seg) - fin, m->tx.wnd_end));
	MODEL_CHECK(m->tx.inflight + seg->len <=
		    m->tx.cc.cwnd + model_beyond(m, seg));
	fsk_rel_tx_sent(&m->tx, seg, m->now);
	frame.ask = seg->flags & FSK_SEG_ASK;
	if (frame.ask)
		fsk_rel_tx_asked(&m->tx);
	frame.mix = fsk_epochs_mix(m->sender.sent, m->sender.rcvd);
	m->sent_segs++;
	if (m->pieces == MODEL_WHOLE)
		model_xmit(m, &frame);
	else
		model_xmit_pieces(m, &frame);
}

/* Send all that may go; the window may cut a segment, as in the module. */
void model_pump(struct model *m)
{
	struct fsk_rel_tx *tx = &m->tx;
	struct fsk_seg *seg;
	u32 at;

	for (;;) {
		seg = fsk_rel_tx_next(tx, m->now);
		if (seg) {
			model_send(m, seg);
			continue;
		}
		at = fsk_rel_tx_cut(tx);
		if (!at)
			break;
		model_split(m, tx->unsent, at);
	}
	if (fsk_rel_tx_must_ask(tx)) {
		fsk_rel_tx_asked(tx);
		m->xmit_probe(m);
	}
	/* Something must bring the sender back. */
	MODEL_CHECK(!tx->head || fsk_rel_tx_deadline(tx) || m->no_memory);
}

static enum fsk_rel_event model_timer(struct model *m)
{
	struct fsk_rel_tx *tx = &m->tx;
	bool rto = tx->rto_at && m->now >= tx->rto_at;
	bool loss = tx->probe_at && m->now >= tx->probe_at;
	enum fsk_rel_event event;

	reference_note(m);
	event = fsk_rel_tx_timeout(tx, m->now);
	if (rto)
		reference_rto(m);
	else if (loss)
		reference_loss(m);
	return event;
}

void model_timeout(struct model *m)
{
	unsigned int rounds = 0;
	enum fsk_rel_event event;

	while ((event = model_timer(m)) != FSK_REL_NONE) {
		MODEL_CHECK(rounds++ < 4);
		if (event == FSK_REL_SEND)
			model_pump(m);
		else
			m->xmit_probe(m);
	}
	MODEL_CHECK(!fsk_rel_tx_deadline(&m->tx) ||
		    fsk_rel_tx_deadline(&m->tx) > m->now);
}

static void model_consume(struct model *m, struct fsk_seg *seg, u32 trim)
{
	struct model_seg *ms = (struct model_seg *)seg;
	bool fin = seg->flags & FSK_SEG_FIN;

	MODEL_CHECK(trim <= seg->len);
	if (trim < seg->len && !m->hostile) {
		MODEL_CHECK(!m->fin_received);
		MODEL_CHECK(ms->off + trim == m->received);
		m->received += seg->len - fin - trim;
		m->unread += seg->len - fin - trim;
		m->fin_received = fin;
	}
	free(ms);
}

static void model_hold(struct model *m, struct fsk_seg *seg)
{
	struct fsk_seg *covered = fsk_rel_rx_covered(&m->rx);

	if (m->plain)
		reference_rx_held(m, seg, covered);
	model_free_chain(covered);
}

/* The caller is short of memory. */
void model_forget(struct model *m)
{
	struct fsk_seg *seg = fsk_rel_rx_forget(&m->rx);

	if (m->plain)
		reference_rx_forgot(m, seg);
	free(seg);
}

void model_take_data(struct model *m, const struct model_frame *frame)
{
	struct model_seg *ms = model_seg_new();
	struct fsk_rel_rx *rx = &m->rx;
	struct fsk_seg *seg = &ms->seg;
	u32 nxt = rx->nxt;
	bool had;
	u32 trim;

	/* No frame of this connection is ever taken for an old one. */
	MODEL_CHECK(m->hostile || fsk_epochs_near(&m->receiver, frame->mix));
	ms->off = frame->off;
	seg->seq = frame->seq;
	seg->len = frame->len;
	seg->flags = (frame->fin ? FSK_SEG_FIN : 0) |
		     (frame->ask ? FSK_SEG_ASK : 0);

	had = m->plain && reference_rx_had(m, seg);
	switch (fsk_rel_rx_data(rx, seg, &trim, m->now)) {
	case FSK_RX_INORDER:
		do {
			model_consume(m, seg, trim);
			seg = fsk_rel_rx_pop(rx, &trim);
			if (m->plain && seg)
				reference_rx_gone(m, seg);
		} while (seg);
		MODEL_CHECK(fsk_after(rx->nxt, nxt));
		MODEL_CHECK(rx->ack_now || rx->ack_at);
		break;
	case FSK_RX_HELD:
		MODEL_CHECK(rx->nxt == nxt && rx->ack_now && !had);
		model_hold(m, seg);
		break;
	case FSK_RX_OUTSIDE:
		/* An honest sender never oversteps the window it was given. */
		MODEL_CHECK(m->hostile);
		MODEL_CHECK(rx->nxt == nxt && rx->ack_now);
		free(ms);
		break;
	case FSK_RX_DUP:
		MODEL_CHECK(rx->nxt == nxt && rx->ack_now);
		MODEL_CHECK(had || !m->plain);
		if (fsk_after(seg->seq, nxt))
			m->recent = seg->seq;
		free(ms);
		break;
	}
	if (fsk_epochs_passed(&m->receiver, 0, rx->nxt))
		fsk_epochs_count(&m->receiver, 0, rx->nxt);
}

void model_read(struct model *m, u64 len)
{
	u32 edge;

	m->unread -= len < m->unread ? len : m->unread;
	edge = m->rx.nxt + (m->rcvbuf - (u32)m->unread);
	if (fsk_after(edge, m->rx.wnd_end) && !m->fin_received)
		m->rx.wnd_end = edge;
}

void model_make_ack(struct model *m, struct model_ack *ack)
{
	ack->ack = m->rx.nxt;
	ack->wnd = 0;
	if (fsk_after(m->rx.wnd_end, m->rx.nxt))
		ack->wnd = m->rx.wnd_end - m->rx.nxt;
	ack->nr = fsk_rel_rx_sack(&m->rx, ack->sack, FSK_SACK_TAKEN);
	ack->mix = fsk_epochs_mix(m->receiver.sent, m->receiver.rcvd);
	fsk_rel_rx_ack_sent(&m->rx);
}

int model_take_ack(struct model *m, const struct model_ack *ack)
{
	u32 wnd_end = m->tx.wnd_end;
	struct fsk_seg *freed;
	u32 una = m->tx.una;
	int found;

	MODEL_CHECK(m->hostile || fsk_epochs_near(&m->sender, ack->mix));
	reference_note(m);
	found = fsk_rel_tx_ack(&m->tx, ack->ack, ack->wnd, ack->sack, ack->nr,
			       m->now, &freed);
	MODEL_CHECK(!(found & FSK_ACK_BAD) || m->hostile);
	MODEL_CHECK(found & FSK_ACK_NEW ? freed || m->tx.una != una :
					  m->tx.una == una);
	MODEL_CHECK(!fsk_before(m->tx.una, una));
	MODEL_CHECK(!(found & FSK_ACK_WINDOW) == (m->tx.wnd_end == wnd_end));
	MODEL_CHECK(!fsk_before(m->tx.wnd_end, wnd_end));
	MODEL_CHECK(!freed || (found & FSK_ACK_NEW));
	if ((found & FSK_ACK_NEW) && m->tx.head)
		MODEL_CHECK(fsk_after(seg_end(m->tx.head), m->tx.una));
	if (!fsk_before(ack->ack, una) && !(found & FSK_ACK_BAD))
		reference_ack(m, ack, freed);
	model_free_chain(freed);
	if (fsk_epochs_passed(&m->sender, m->tx.una, 0))
		fsk_epochs_count(&m->sender, m->tx.una, 0);
	return found;
}

bool model_done(const struct model *m)
{
	return m->fin_received && m->received == m->written && !m->tx.head;
}

struct tally {
	u32 inflight;
	u32 lost;
	u32 sacked;
};

static void check_sent(const struct fsk_rel_tx *tx, const struct fsk_seg *seg,
		       struct tally *sum)
{
	bool sacked = seg->flags & FSK_SEG_SACKED;
	bool lost = seg->flags & FSK_SEG_LOST;

	MODEL_CHECK(seg->flags & FSK_SEG_SENT);
	MODEL_CHECK(!sacked || !lost);
	sum->lost += lost;
	sum->sacked += sacked;
	if (!sacked && !lost)
		sum->inflight += seg->len;
	if (sacked)
		MODEL_CHECK(!fsk_after(seg_end(seg), tx->sacked_end));
}

static void check_tx_list(const struct fsk_rel_tx *tx, struct tally *sum)
{
	const struct fsk_seg *seg, *prev = NULL;
	bool unsent = false;
	u32 at = 0;

	for (seg = tx->head; seg; prev = seg, seg = seg->next) {
		MODEL_CHECK(seg->len);
		MODEL_CHECK(!prev || seg->seq == at);
		MODEL_CHECK(!(seg->flags & FSK_SEG_FIN) || !seg->next);
		at = seg_end(seg);
		if (seg == tx->unsent) {
			unsent = true;
			MODEL_CHECK(seg->seq == tx->nxt);
		}
		if (!unsent) {
			check_sent(tx, seg, sum);
			continue;
		}
		MODEL_CHECK(!(seg->flags & ~FSK_SEG_FIN));
		MODEL_CHECK(seg->prev == prev);
	}
	MODEL_CHECK(tx->tail == prev);
	MODEL_CHECK(!prev || at == tx->end);
	MODEL_CHECK(unsent == !!tx->unsent);
}

static void check_tx(const struct fsk_rel_tx *tx)
{
	struct tally sum = {};

	MODEL_CHECK(!fsk_before(tx->nxt, tx->una));
	MODEL_CHECK(!fsk_before(tx->end, tx->nxt));
	check_tx_list(tx, &sum);
	MODEL_CHECK(sum.inflight == tx->inflight);
	MODEL_CHECK(sum.lost == tx->lost);
	reference_check(tx);
	MODEL_CHECK(!sum.sacked || fsk_after(tx->sacked_end, tx->una));
	MODEL_CHECK(!fsk_before(tx->sacked_end, tx->una));
	MODEL_CHECK(!fsk_after(tx->sacked_end, tx->nxt));
	if (tx->head != tx->unsent) {
		MODEL_CHECK(!fsk_after(tx->head->seq, tx->una));
		MODEL_CHECK(tx->rto_at);
	} else {
		MODEL_CHECK(!tx->rto_at);
		MODEL_CHECK(!tx->in_recovery);
	}
	MODEL_CHECK(tx->rto >= FSK_RTO_MIN_NS && tx->rto <= FSK_RTO_MAX_NS);
	MODEL_CHECK(tx->cc.cwnd >= 2 * tx->cc.mss);
	MODEL_CHECK(tx->cc.cwnd <= 16 << 20);
}

/* The segments of a run, but for the one after the last. */
static void check_run(const struct fsk_rel_rx *rx, const struct fsk_seg *run)
{
	const struct fsk_seg *first = run->next, *seg, *prev = NULL;

	for (seg = first; ; prev = seg, seg = seg->next) {
		MODEL_CHECK(!fsk_after(seg_end(seg), rx->wnd_end +
				       !!(seg->flags & FSK_SEG_FIN)));
		if (prev) {
			MODEL_CHECK(!fsk_after(seg->seq, seg_end(prev)));
			MODEL_CHECK(fsk_after(seg_end(seg), seg_end(prev)));
		}
		if (seg == run)
			break;
		if (prev)
			MODEL_CHECK(seg->prev == prev);
	}
	if (prev)
		MODEL_CHECK(first->prev == prev);
}

static void check_rx(const struct fsk_rel_rx *rx)
{
	const struct fsk_seg *run = rx->low, *below = NULL;
	bool recent = !rx->recent;
	const struct rb_node *next;

	while (run) {
		MODEL_CHECK(fsk_after(run->next->seq, below ? seg_end(below) :
							      rx->nxt));
		check_run(rx, run);
		recent |= run == rx->recent;
		below = run;
		next = rb_next(&run->run);
		run = next ? rb_entry(next, struct fsk_seg, run) : NULL;
	}
	MODEL_CHECK(rx->high == below);
	MODEL_CHECK(!rx->runs.rb_node == !rx->low);
	MODEL_CHECK(recent && !rx->covered);
	MODEL_CHECK(!rx->fin_seen || !below ||
		    !fsk_after(seg_end(below), rx->fin_seq));
	MODEL_CHECK(!fsk_before(rx->nxt, rx->acked));
	MODEL_CHECK(!rx->fin_seen || !fsk_after(rx->nxt, rx->fin_seq));
}

static void check_sack(const struct fsk_rel_rx *rx)
{
	struct fsk_rel_range sack[FSK_SACK_TAKEN];
	unsigned int i, n;

	n = fsk_rel_rx_sack(rx, sack, FSK_SACK_TAKEN);
	MODEL_CHECK(!n == !fsk_rel_rx_holds(rx));
	for (i = 0; i < n; i++) {
		MODEL_CHECK(fsk_after(sack[i].start, rx->nxt));
		MODEL_CHECK(fsk_before(sack[i].start, sack[i].end));
		/* Merged: neither touching nor overlapping, from the second on. */
		if (i > 1)
			MODEL_CHECK(fsk_after(sack[i].start,
					      sack[i - 1].end));
	}
}

void model_check(const struct model *m)
{
	check_tx(&m->tx);
	check_rx(&m->rx);
	check_sack(&m->rx);
	if (m->plain)
		reference_rx_check(m);
}
