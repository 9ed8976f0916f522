/* SPDX-License-Identifier: GPL-2.0 */
/* Congestion control for a LAN: how many bytes may be in flight. */
#ifndef _FSK_CC_H
#define _FSK_CC_H

#ifdef __KERNEL__
#include <linux/bug.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include "rel_user.h"	/* selftests/rel: the same names in user space */
#endif

struct fsk_cc;

/**
 * struct fsk_cc_ops - one congestion control algorithm
 * @name: for diagnosis
 * @init: start state; @cc->mss is set
 * @acked: @bytes newly acknowledged; @rtt is a sample in ns of at
 *	most FSK_RTO_MAX_NS, 0 if none;
 *	@limited says that cwnd, not the application, bounded sending
 * @lost: loss was inferred from later acks, once per window
 * @timeout: the retransmission timer expired
 *
 * Context: any; the caller serialises.  Time is nanoseconds of any monotonic
 * clock.
 */
struct fsk_cc_ops {
	const char *name;
	void (*init)(struct fsk_cc *cc);
	void (*acked)(struct fsk_cc *cc, u32 bytes, u64 rtt, bool limited,
		      u64 now);
	void (*lost)(struct fsk_cc *cc, u64 now);
	void (*timeout)(struct fsk_cc *cc, u64 now);
};

/**
 * struct fsk_cc - congestion state of one direction of one connection
 * @ops: algorithm
 * @mss: bytes a frame carries at most
 * @cwnd: bytes that may be in flight
 * @ssthresh: bytes; slow start below
 * @acc: bytes acknowledged towards the next increase
 * @round_end: ns, when the current round (one RTT), or the drain, ends
 * @low_at: ns, when the queue was lowest since the last drain, or its end
 * @min_rtt: ns, the least sample ever; 0 none
 * @round_rtt: ns, the least sample of the current round, or drain; 0 none
 * @last_rtt: ns, that of the round before, or before the drain; 0 after it, and
 *	while the program fills no window
 * @low_rtt: ns, the least @round_rtt since the last drain, and that drain's; 0
 *	before the first
 * @changes: ns, by how much @round_rtt has changed in some eight rounds, each
 *	against the one before
 * @foreign: the more, the surer that others keep a queue whatever this one does
 * @draining: cwnd is small for a moment, @ssthresh is what it was
 */
struct fsk_cc {
	const struct fsk_cc_ops *ops;
	u32 mss;
	u32 cwnd;
	u32 ssthresh;
	u32 acc;
	u64 round_end;
	u64 low_at;
	u32 min_rtt;
	u32 round_rtt;
	u32 last_rtt;
	u32 low_rtt;
	u32 changes;
	u8 foreign;
	bool draining;
};

extern const struct fsk_cc_ops fsk_cc_lan;

#endif /* _FSK_CC_H */
