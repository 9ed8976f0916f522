/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pure reliability core: sequence numbers, acks, retransmission.
 *
 * No sk, no locks, no jiffies, no allocation: time comes in as nanoseconds,
 * segments to send come out.  Segments are owned by the caller (they live in
 * skb->cb) and are only linked here.  The caller serialises all calls on one
 * connection.  Sequence arithmetic is modulo 2^32; FIN takes one number.
 *
 * A segment may be as long as many frames (pieces, of an mss each but for the
 * last).  Where a window, an ack or a loss ends within one, the caller is asked
 * to cut it in two, between pieces.
 */
#ifndef _FSK_REL_H
#define _FSK_REL_H

#ifdef __KERNEL__
#include <linux/rbtree.h>
#else
#include "rbtree_user.h"	/* selftests/rel: the same names */
#endif

#include "rel/cc.h"
#include "rel/seq.h"

#define FSK_RTO_MIN_NS		(2 * FSK_DELACK_NS)
#define FSK_RTO_INIT_NS		10000000ULL	/* 10 ms, before a sample */
#define FSK_RTO_MAX_NS		2000000000ULL	/* 2 s */
#define FSK_DELACK_NS		500000ULL	/* without patience */
#define FSK_PATIENCE_MAX	4		/* an ack within 8 ms */
#define FSK_PATIENCE_KEEP	32		/* soon answered, then less */
#define FSK_RTT_MIN_NS		1ULL		/* 0 would mean no sample */
#define FSK_PROBE_MAX_NS	200000000ULL	/* window probes */
#define FSK_REO_MIN_NS		300000ULL	/* usual reordering */
#define FSK_REO_STEPS_MAX	15		/* of reordering window */
#define FSK_REO_KEEP		16		/* loss episodes a step lasts */
#define FSK_BACKOFF_MAX		16
#define FSK_DUP_THRESH		3		/* segments, or times the mss */
#define FSK_WND_MAX		0x40000000U	/* 1 GiB */
#define FSK_SACK_TAKEN		8		/* ranges per ack */
#define FSK_ACK_EVERY		16		/* mss, then an ack */
#define FSK_ACK_LONG		4		/* segments longer than that */

#define FSK_SEG_FIN	0x01	/* last sequence number is the end of stream */
#define FSK_SEG_SACKED	0x02	/* the peer has it, beyond a hole */
#define FSK_SEG_LOST	0x04	/* to be sent again */
#define FSK_SEG_RETRANS	0x08	/* sent more than once: no RTT sample */
#define FSK_SEG_SENT	0x10	/* sent at least once */
#define FSK_SEG_ASK	0x20	/* the sender waits: wants an ack at once */
#define FSK_SEG_URG	0x40	/* the last byte is urgent */

/**
 * struct fsk_seg - one run of sequence numbers, sent or received
 * @next: towards higher sequence numbers, NULL at the end; of what is held out
 *	of order the last one of a run has the first one
 * @prev: towards lower ones, NULL at the start; of what was never sent, or is
 *	held: see rel_rx.c
 * @earlier: the one before it in its ring, see rel_loss.c; of what was sent
 * @other: at either end of a run that was SACKED: its other end
 * @later: the next in its ring; at the beginning of a run that was SACKED: the
 *	beginning of the next run
 * @sent: ns of the last transmission
 * @run: of the last segment of a run that is held out of order
 * @seq: first sequence number
 * @len: sequence numbers, FIN included
 * @cost: the owner's, the core leaves it alone
 * @flags: FSK_SEG_*
 */
struct fsk_seg {
	struct fsk_seg *next;
	union {
		struct {
			union {
				struct fsk_seg *prev;
				struct fsk_seg *earlier;
				struct fsk_seg *other;
			};
			struct fsk_seg *later;
			u64 sent;
		};
		struct rb_node run;
	};
	u32 seq;
	u32 len;
	u32 cost;
	u8 flags;
};

struct fsk_rel_range {
	u32 start;
	u32 end;
};

struct fsk_rel_tx;

/*
 * Cuts @seg after its first @at sequence numbers: takes a new segment to
 * fsk_rel_tx_split().  Return: false without memory; then the caller of the
 * core calls fsk_rel_tx_next() again later, by itself.
 */
typedef bool (*fsk_rel_cut)(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 at);

/**
 * struct fsk_rel_tx - sending half
 * @una: oldest unacknowledged
 * @nxt: next never sent
 * @end: after the last queued
 * @wnd_end: first number the peer does not yet take; never moves back
 * @head: oldest unacknowledged segment
 * @tail: newest queued segment
 * @unsent: first segment never sent, NULL if none
 * @inflight: sum of the lengths of segments sent, not SACKED, not LOST; a
 *	partly acknowledged piece counts whole
 * @lost: segments marked LOST and not sent again yet
 * @sacked_end: highest SACKED number + 1
 * @asked: end of what was sent when the peer was last asked for an ack
 * @recover: end of the current loss episode; valid while @in_recovery
 * @wnd_most: largest window that the peer has ever offered
 * @srtt: ns, 0 before the first sample
 * @rttvar: ns
 * @rto: ns, without back-off
 * @rto_at: ns, when the retransmission timer expires, 0 when off
 * @probe_at: ns, 0 when off: with nothing outstanding the next zero-window
 *	probe, with SACKED segments the end of the reordering window of the
 *	oldest suspect, else the tail probe
 * @stalled_since: ns of the first unanswered timeout; 0 while answers come
 * @stuck_since: ns of the first timeout since the peer last took bytes, or room
 *	for them; 0 while it does.  Answers without either leave it
 * @rack_sent: ns, when the delivered segment that was sent last was sent
 * @rack_rtt: ns, round trip of that segment, at most FSK_RTO_MAX_NS
 * @rack_end: end of that segment: the order among equal @rack_sent
 * @retrans: segments sent again, ever
 * @backoff: exponent applied to @rto
 * @reo_steps: widens the reordering window; above 0 counting SACKED segments
 *	no longer infers loss
 * @reo_keep: loss episodes left before @reo_steps goes down by one
 * @in_recovery: a loss episode lasts until @recover is acknowledged
 * @tlp_done: a tail probe was sent since the last RTT sample
 * @cwnd_limited: cwnd was what stopped the last fsk_rel_tx_next()
 * @patience: the peer may delay its acks by FSK_DELACK_NS, doubled so often;
 *	the timers wait for twice that
 * @answered: the peer has sent something since this end last did
 * @repeated: a timer had the only segment under way sent again since the last
 *	RTT sample
 * @needless: the last time that was for nothing
 * @prompt: acks that needed no such patience, one after the other
 * @doubt: the retransmission timer expired, and no ack has told yet whether
 *	anything was lost: what was sent before @recover may still arrive
 * @one_free: the next copy may go even if cwnd has no room for it
 * @cut: cuts a segment; NULL if none is longer than a frame
 * @cc: congestion control
 * @lost_first: oldest LOST segment, as a rule; all are a ring in the order of
 *	numbers, but for where fsk_loss_insert() gave up
 * @lost_near: the one last put between others, NULL if unknown
 * @copies: of those sent again and under way the one sent first; all are a ring
 *	in the order of time
 * @judged: up to it each sent segment is SACKED, or LOST, or was sent again;
 *	NULL if none is
 * @sacked_top: beginning of the highest run of SACKED segments; a ring, so that
 *	the lowest comes after it; NULL if none is SACKED
 * @sacked_near: beginning of the run below it where something was last SACKED,
 *	or where the search for one was given up; or NULL
 * @stopped_at: where the search for a SACK range was given up; LOST or sent
 *	again; or NULL
 * @searched: no search has been beyond it: such a step needs no budget
 * @above: SACKED segments after @judged
 * @above_len: their lengths
 * @undo_cwnd: bytes, cwnd before the timeout; valid while @doubt
 */
struct fsk_rel_tx {
	u32 una;
	u32 nxt;
	u32 end;
	u32 wnd_end;
	struct fsk_seg *head;
	struct fsk_seg *tail;
	struct fsk_seg *unsent;
	u32 inflight;
	u32 lost;
	u32 sacked_end;
	u32 asked;
	u32 recover;
	u32 wnd_most;
	u64 srtt;
	u64 rttvar;
	u64 rto;
	u64 rto_at;
	u64 probe_at;
	u64 stalled_since;
	u64 stuck_since;
	u64 rack_sent;
	u32 rack_end;
	u32 retrans;
	u8 backoff;
	u8 reo_steps;
	u8 reo_keep;
	bool in_recovery;
	bool tlp_done;
	bool cwnd_limited;
	u8 patience:3;
	u8 answered:1;
	u8 repeated:1;
	u8 needless:1;
	u8 doubt:1;
	u8 one_free:1;
	u8 prompt;
	fsk_rel_cut cut;
	struct fsk_cc cc;

	/* Only losses touch these. */
	struct fsk_seg *lost_first;
	struct fsk_seg *lost_near;
	struct fsk_seg *copies;
	struct fsk_seg *judged;
	struct fsk_seg *sacked_top;
	struct fsk_seg *sacked_near;
	struct fsk_seg *stopped_at;
	u32 searched;
	u32 above;
	u32 above_len;
	u32 rack_rtt;
	u32 undo_cwnd;
};

/**
 * struct fsk_rel_rx - receiving half
 * @nxt: next expected
 * @wnd_end: right edge ever advertised; the caller moves it, forward only
 * @acked: the @nxt that was last sent to the peer
 * @runs: what is held out of order, by its last segments, see rel_rx.c
 * @low: the lowest run, NULL if nothing is held
 * @high: the highest one
 * @recent: the one with the newest arrival, reported first; or NULL
 * @covered: what fsk_rel_rx_covered() gives back
 * @ack_at: ns, when a delayed ack is due, 0 when none
 * @ack_now: an ack must go out before anything else
 * @patience: of the peer, set by the caller: how much longer than usual an ack
 *	may be delayed
 * @twice: something came again since the last ack: to be said in the next one
 * @fin_seen: the FIN's number is known: @fin_seq
 * @fin_seq: number after the FIN; nothing beyond is taken
 * @mss: bytes; FSK_ACK_EVERY of them unacknowledged force an ack
 * @longest: length of the longest unacknowledged segment; so do FSK_ACK_LONG
 *	times that, if it is more
 */
struct fsk_rel_rx {
	u32 nxt;
	u32 wnd_end;
	u32 acked;
	u32 longest;
	struct rb_root runs;
	struct fsk_seg *low;
	struct fsk_seg *high;
	struct fsk_seg *recent;
	struct fsk_seg *covered;
	u64 ack_at;
	u32 fin_seq;
	u32 mss;
	bool ack_now;
	u8 patience:3;
	u8 twice:1;
	u8 fin_seen:1;
};

/**
 * struct fsk_epochs - how often the numbers of both directions came round
 * @una: where the sending half stood when @sent was last counted
 * @nxt: where the receiving half stood then
 * @sent: boundaries between quarters of the number space that @una has passed
 * @rcvd: those that @nxt has passed
 *
 * Both ends begin with the same numbers, so they count the same boundaries: the
 * receiver passes each before the sender knows.  A frame carries a mix of its
 * sender's counts in its key.  One that is older than a quarter or two, of
 * which 32 bits of a sequence number say nothing, so has a wrong key.
 */
struct fsk_epochs {
	u32 una;
	u32 nxt;
	u32 sent;
	u32 rcvd;
};

#define FSK_EPOCH_SHIFT	30	/* not less than the widest window */

/* What fsk_rel_tx_timeout() asks its caller to do. */
enum fsk_rel_event {
	FSK_REL_NONE,		/* nothing was due */
	FSK_REL_SEND,		/* call fsk_rel_tx_next() until NULL */
	FSK_REL_PROBE,		/* send a PROBE frame */
};

/* What fsk_rel_tx_ack() found. */
#define FSK_ACK_BAD	0x01	/* acknowledges what was never sent: drop */
#define FSK_ACK_NEW	0x02	/* una moved: see the freed chain */
#define FSK_ACK_WINDOW	0x04	/* wnd_end moved */
#define FSK_ACK_LOSS	0x08	/* segments were marked LOST */

/* What fsk_rel_rx_data() decided about a segment. */
enum fsk_rel_verdict {
	FSK_RX_INORDER,		/* at @nxt now: caller consumes, nxt advanced */
	FSK_RX_HELD,		/* out of order: owned by the core */
	FSK_RX_DUP,		/* nothing new: caller frees; ack_now is set */
	FSK_RX_OUTSIDE,		/* not admitted: caller frees; ack_now */
};

static inline u32 fsk_seg_end(const struct fsk_seg *seg)
{
	return seg->seq + seg->len;
}

/* Is a boundary passed that fsk_epochs_count() has not counted? */
static inline bool fsk_epochs_passed(const struct fsk_epochs *ep, u32 una,
				     u32 nxt)
{
	return ((una ^ ep->una) | (nxt ^ ep->nxt)) >> FSK_EPOCH_SHIFT;
}

/*
 * What the two counts of a frame's sender make of a key.  Odd factors: another
 * count is another mix, and counts that are near each other share none.
 */
static inline u32 fsk_epochs_mix(u32 sent, u32 rcvd)
{
	return sent * 0xcc9e2d51u + rcvd * 0x1b873593u;
}

/* Is nothing under way that an ack would be due for? */
static inline bool fsk_rel_tx_idle(const struct fsk_rel_tx *tx)
{
	return tx->head == tx->unsent;
}

void fsk_rel_tx_answered(struct fsk_rel_tx *tx, u64 took);

/* How long the peer may keep an ack for itself. */
static inline u64 fsk_rel_patience(const struct fsk_rel_tx *tx)
{
	return FSK_DELACK_NS << tx->patience;
}

/*
 * The peer has sent stream bytes; the ack that came with them was taken.  How
 * long they took is counted from the copy, if there was one.
 */
static inline void fsk_rel_tx_heard(struct fsk_rel_tx *tx, u64 now)
{
	if (tx->answered || !fsk_rel_tx_idle(tx))
		return;
	tx->answered = true;
	if (unlikely(now - tx->rack_sent > fsk_rel_patience(tx) / 4))
		fsk_rel_tx_answered(tx, now - tx->rack_sent);
}

/* The peer is asked for an ack, at the latest by what was sent last. */
static inline void fsk_rel_tx_asked(struct fsk_rel_tx *tx)
{
	tx->asked = tx->nxt;
}

/*
 * Does what waits to be sent wait for an ack that nobody has asked for?  It was
 * queued after all before it had gone, and receivers take their time.
 */
static inline bool fsk_rel_tx_must_ask(const struct fsk_rel_tx *tx)
{
	return tx->unsent && !fsk_rel_tx_idle(tx) &&
	       !fsk_after(tx->asked, tx->una);
}

/* After its last byte: the end of the stream takes no room, so no window. */
static inline u32 fsk_seg_data_end(const struct fsk_seg *seg)
{
	return fsk_seg_end(seg) - (seg->flags & FSK_SEG_FIN);
}

/* Is anything held out of order? */
static inline bool fsk_rel_rx_holds(const struct fsk_rel_rx *rx)
{
	return rx->low;
}

void fsk_rel_tx_init(struct fsk_rel_tx *tx, u32 isn, u32 wnd, u32 mss,
		     const struct fsk_cc_ops *cc);
void fsk_rel_tx_queue(struct fsk_rel_tx *tx, struct fsk_seg *seg);
void fsk_rel_tx_grow(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 more);
struct fsk_seg *fsk_rel_tx_next(struct fsk_rel_tx *tx, u64 now);
void fsk_rel_tx_sent(struct fsk_rel_tx *tx, struct fsk_seg *seg, u64 now);
u32 fsk_rel_tx_cut(const struct fsk_rel_tx *tx);
void fsk_rel_tx_split(struct fsk_rel_tx *tx, struct fsk_seg *seg,
		      struct fsk_seg *rest, u32 at);
int fsk_rel_tx_ack(struct fsk_rel_tx *tx, u32 ack, u32 wnd,
		   const struct fsk_rel_range *sack, unsigned int nr_sack,
		   u64 now, struct fsk_seg **freed);
void fsk_rel_tx_twice(struct fsk_rel_tx *tx, u32 ack);
u64 fsk_rel_tx_deadline(const struct fsk_rel_tx *tx);
enum fsk_rel_event fsk_rel_tx_timeout(struct fsk_rel_tx *tx, u64 now);
struct fsk_seg *fsk_rel_tx_purge(struct fsk_rel_tx *tx);

void fsk_epochs_init(struct fsk_epochs *ep, u32 una, u32 nxt);
void fsk_epochs_count(struct fsk_epochs *ep, u32 una, u32 nxt);
bool fsk_epochs_near(const struct fsk_epochs *ep, u32 mix);

void fsk_rel_rx_init(struct fsk_rel_rx *rx, u32 isn, u32 wnd, u32 mss);
enum fsk_rel_verdict fsk_rel_rx_data(struct fsk_rel_rx *rx,
				     struct fsk_seg *seg, u32 *trim, u64 now);
struct fsk_seg *fsk_rel_rx_covered(struct fsk_rel_rx *rx);
struct fsk_seg *fsk_rel_rx_pop(struct fsk_rel_rx *rx, u32 *trim);
unsigned int fsk_rel_rx_sack(const struct fsk_rel_rx *rx,
			     struct fsk_rel_range *sack, unsigned int max);
struct fsk_seg *fsk_rel_rx_forget(struct fsk_rel_rx *rx);
void fsk_rel_rx_ack_sent(struct fsk_rel_rx *rx);
struct fsk_seg *fsk_rel_rx_purge(struct fsk_rel_rx *rx);

#endif /* _FSK_REL_H */
