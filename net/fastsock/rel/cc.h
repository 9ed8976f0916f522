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
 * @min_rtt: ns, the least seen in the current window of time; 0 unknown
 * @min_rtt_at: ns, when @min_rtt was taken
 * @round_end: ns, when the current round (one RTT) ends
 * @round_rtt: ns, the least sample of the current round; 0 none
 * @acc: bytes acknowledged towards the next increase
 */
struct fsk_cc {
	const struct fsk_cc_ops *ops;
	u32 mss;
	u32 cwnd;
	u32 ssthresh;
	u32 acc;
	u64 min_rtt;
	u64 min_rtt_at;
	u64 round_end;
	u64 round_rtt;
};

extern const struct fsk_cc_ops fsk_cc_lan;

#endif /* _FSK_CC_H */
