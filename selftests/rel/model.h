/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One direction of a connection: a sending and a receiving half of the core with
 * an application at each end.  The channel between them is the user's.
 *
 * No payload is carried.  Each segment remembers which offset of the stream it
 * stands for, so that the reader can tell any lost, doubled, misplaced or
 * invented byte.
 */
#ifndef _MODEL_H
#define _MODEL_H

#include "rel/rel.h"

struct model_seg {
	struct fsk_seg seg;	/* first: the core hands this address back */
	u64 off;		/* stream offset of the first byte */
	bool was_lost;		/* see reference_note() */
	bool was_sacked;
	struct model_seg *held;	/* the next one that the receiver holds */
};

/* What a decision in doubt follows from, see reference_note(). */
struct model_doubt {
	bool is;		/* there was doubt */
	bool in_recovery;
	u32 recover;
	u32 cwnd;
	bool real;		/* what the timeout says has turned out true */
};

/* How a segment of several pieces goes over the channel. */
enum model_pieces {
	MODEL_CUT,		/* each piece is a frame */
	MODEL_WHOLE,		/* all are one frame */
};

struct model_frame {
	u64 off;
	u32 seq;
	u32 len;
	u32 mix;
	bool fin;
	bool ask;
};

struct model_ack {
	u32 ack;
	u32 wnd;
	u32 mix;
	unsigned int nr;
	struct fsk_rel_range sack[FSK_SACK_TAKEN];
};

struct model {
	struct fsk_rel_tx tx;
	struct fsk_rel_rx rx;
	struct fsk_epochs sender;	/* of the end that sends the stream */
	struct fsk_epochs receiver;
	u64 now;		/* ns */
	u32 mss;
	u32 rcvbuf;		/* bytes */
	u64 written;		/* stream bytes queued */
	u64 received;		/* stream bytes in order */
	u64 unread;		/* of those, not yet read */
	u64 sent_frames;
	u64 sent_segs;
	struct model_doubt doubt;
	struct model_seg *held;	/* by number, if @plain; see reference_rx.c */
	u32 recent;		/* number of the last one */
	enum model_pieces pieces;
	bool plain;		/* compare what is held with a plain list */
	bool hostile;		/* acks are lies: only invariants hold */
	bool no_memory;		/* no segment can be cut */
	bool fin_queued;
	bool fin_received;
	void (*xmit)(struct model *m, const struct model_frame *frame);
	void (*xmit_probe)(struct model *m);
};

#define MODEL_STEPS_ANY	1000000	/* for rel_steps_most: no limit */

/* Ends the program with a message unless @cond holds. */
#define MODEL_CHECK(cond) do {						\
	if (!(cond))							\
		model_fail(__FILE__, __LINE__, #cond);			\
} while (0)

void model_fail(const char *file, int line, const char *cond);
void model_init(struct model *m, u32 isn, u32 mss, u32 rcvbuf);
void model_free(struct model *m);
void model_write(struct model *m, u32 len, bool fin);
void model_grow(struct model *m, u32 len);
void model_split(struct model *m, struct fsk_seg *seg, u32 at);
void model_pump(struct model *m);
void model_timeout(struct model *m);
void model_take_data(struct model *m, const struct model_frame *frame);
void model_read(struct model *m, u64 len);
void model_forget(struct model *m);
void model_make_ack(struct model *m, struct model_ack *ack);
int model_take_ack(struct model *m, const struct model_ack *ack);
bool model_done(const struct model *m);
void model_check(const struct model *m);

/* xorshift: a seed, not 0, names its run for ever. */
static inline u64 model_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* reference.c */
void reference_note(struct model *m);
void reference_ack(struct model *m, const struct model_ack *ack,
		   const struct fsk_seg *freed);
void reference_loss(const struct model *m);
void reference_rto(const struct model *m);
void reference_check(const struct fsk_rel_tx *tx);

/* reference_rx.c */
bool reference_rx_had(const struct model *m, const struct fsk_seg *seg);
void reference_rx_held(struct model *m, struct fsk_seg *seg,
		       const struct fsk_seg *covered);
void reference_rx_gone(struct model *m, const struct fsk_seg *seg);
void reference_rx_forgot(struct model *m, const struct fsk_seg *seg);
void reference_rx_check(const struct model *m);

#endif /* _MODEL_H */
