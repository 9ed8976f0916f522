/* SPDX-License-Identifier: GPL-2.0 */
/* What rel_tx.c, rel_sack.c and rel_loss.c know of each other. */
#ifndef _FSK_REL_TX_H
#define _FSK_REL_TX_H

#include "rel/rel.h"

/* Tests count the segments that are looked at, and set the limits. */
#ifndef fsk_rel_step
#define fsk_rel_step()	do {} while (0)
#define FSK_SACK_STEPS	64	/* of an ack that nothing has paid for */
#define FSK_LOST_STEPS	64	/* to the place of one among LOST segments */
#endif

/* Does more than the list know a segment?  See fsk_loss_forget(). */
#define FSK_SEG_MARKS	(FSK_SEG_SACKED | FSK_SEG_LOST | FSK_SEG_RETRANS)

/* What one ack delivered. */
struct fsk_delivery {
	u64 sent;		/* ns, of the newest segment to time */
	const struct fsk_seg *copy; /* in doubt: the newest one sent again */
	u32 bytes;
	bool sampled;		/* @sent is valid */
	bool again;		/* a segment sent more than once is among it */
	bool first;		/* in doubt: what was sent before the timeout */
};

static inline bool fsk_tx_has_sacked(const struct fsk_rel_tx *tx)
{
	return fsk_after(tx->sacked_end, tx->una);
}

/* Something is under way. */
static inline struct fsk_seg *fsk_tx_last_sent(const struct fsk_rel_tx *tx)
{
	return tx->unsent ? tx->unsent->prev : tx->tail;
}

static inline u64 fsk_tx_rto(const struct fsk_rel_tx *tx)
{
	return min(tx->rto << tx->backoff, FSK_RTO_MAX_NS);
}

/* The least that timers wait for an ack. */
static inline u64 fsk_tx_least_wait(const struct fsk_rel_tx *tx)
{
	return FSK_RTO_MIN_NS << tx->patience;
}

/* RFC 6298, with a least variation that allows for delayed acks. */
static inline void fsk_tx_set_rto(struct fsk_rel_tx *tx)
{
	tx->rto = tx->srtt + max(4 * tx->rttvar, fsk_tx_least_wait(tx));
	tx->rto = min(tx->rto, FSK_RTO_MAX_NS);
}

static inline u32 fsk_tx_whole_pieces(const struct fsk_rel_tx *tx, u32 len)
{
	return len - len % tx->cc.mss;
}

static inline u32 fsk_tx_bytes(const struct fsk_seg *seg)
{
	return fsk_seg_data_end(seg) - seg->seq;
}

/* Can a segment be cut, so that it need not go whole? */
static inline bool fsk_tx_may_cut(const struct fsk_rel_tx *tx,
				  const struct fsk_seg *seg)
{
	return fsk_tx_bytes(seg) > tx->cc.mss && tx->cut;
}

/*
 * The last place at or before @len to cut a segment that may be cut.  A FIN
 * stays with the bytes before it.
 */
static inline u32 fsk_tx_cut_at(const struct fsk_rel_tx *tx,
				const struct fsk_seg *seg, u32 len)
{
	return fsk_tx_whole_pieces(tx, min(len, fsk_tx_bytes(seg) - 1));
}

/* A copy was sent for nothing: the path reorders more than we allow. */
static inline void fsk_tx_spurious(struct fsk_rel_tx *tx)
{
	if (tx->reo_steps < FSK_REO_STEPS_MAX)
		tx->reo_steps++;
	tx->reo_keep = FSK_REO_KEEP;
}

/* Was a segment sent before another, or in the same burst below it? */
static inline bool fsk_tx_is_older(const struct fsk_seg *seg, u64 sent, u32 end)
{
	return seg->sent != sent ? seg->sent < sent :
				   fsk_before(fsk_seg_end(seg), end);
}

/* The transmission of a segment that was sent last has arrived. */
static inline void fsk_tx_arrived(struct fsk_rel_tx *tx,
				  const struct fsk_seg *seg, u64 now)
{
	if (fsk_tx_is_older(seg, tx->rack_sent, tx->rack_end))
		return;
	tx->rack_sent = seg->sent;
	tx->rack_end = fsk_seg_end(seg);
	tx->rack_rtt = min(now - seg->sent, FSK_RTO_MAX_NS);
}

/*
 * A segment has arrived that was sent more than once.  In doubt it is not known
 * which of them it was; and a path that a timeout has emptied answers sooner
 * than it ever did.
 */
static inline void fsk_tx_arrived_again(struct fsk_rel_tx *tx,
					const struct fsk_seg *seg,
					struct fsk_delivery *got, u64 now)
{
	const struct fsk_seg *copy = got->copy;

	if (tx->doubt) {
		if (!copy ||
		    !fsk_tx_is_older(seg, copy->sent, fsk_seg_end(copy)))
			got->copy = seg;
		return;
	}
	/*
	 * Too soon for an answer to this copy: it answers the first.  But those
	 * of timers are answered at once, other segments with their delay.
	 */
	if (!tx->repeated &&
	    now < seg->sent + max_t(u64, tx->cc.min_rtt, tx->srtt / 4))
		fsk_tx_spurious(tx);
	else
		fsk_tx_arrived(tx, seg, now);
}

/* Account a segment that the peer has, known for the first time. */
static inline void fsk_tx_delivered(struct fsk_rel_tx *tx,
				    const struct fsk_seg *seg,
				    struct fsk_delivery *got, u64 now)
{
	if (unlikely(seg->flags & FSK_SEG_RETRANS))
		fsk_tx_arrived_again(tx, seg, got, now);
	else
		fsk_tx_arrived(tx, seg, now);
}

/* rel_patience.c */
void fsk_tx_waited(struct fsk_rel_tx *tx, u64 rtt);
void fsk_tx_needless(struct fsk_rel_tx *tx);

/* rel_sack.c */
void fsk_sack_take(struct fsk_rel_tx *tx, const struct fsk_rel_range *sack,
		   unsigned int nr, struct fsk_delivery *got, u64 now);
void fsk_sack_forget(struct fsk_rel_tx *tx, struct fsk_seg *seg);
void fsk_sack_split(struct fsk_seg *seg, struct fsk_seg *rest);

/* rel_loss.c */
void fsk_loss_sent_again(struct fsk_rel_tx *tx, struct fsk_seg *seg);
void fsk_loss_arrived(struct fsk_rel_tx *tx, struct fsk_seg *seg);
void fsk_loss_forget(struct fsk_rel_tx *tx, struct fsk_seg *seg);
void fsk_loss_split(struct fsk_rel_tx *tx, struct fsk_seg *seg,
		    struct fsk_seg *rest);
bool fsk_loss_detect(struct fsk_rel_tx *tx, u64 now);
void fsk_loss_decide(struct fsk_rel_tx *tx, const struct fsk_seg *freed,
		     struct fsk_delivery *got, u64 now);

#endif /* _FSK_REL_TX_H */
