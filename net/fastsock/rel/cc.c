// SPDX-License-Identifier: GPL-2.0
/* Congestion control for a LAN: delay is the signal, loss the fallback. */
#include "rel/cc.h"

/*
 * Once per round trip the least RTT sample of that round is held against a
 * target.  The least one, and a target well above the propagation delay,
 * because on a busy host or in a guest a single sample says more about the
 * scheduler than about a queue in the network.
 */
#define FSK_LAN_CWND_INIT	65536U		/* bytes, or 10 mss if more */
#define FSK_LAN_CWND_MAX	(16U << 20)	/* bytes */
#define FSK_LAN_CWND_MIN	2U		/* mss */
#define FSK_LAN_DELAY_MIN	16U		/* mss that delay leaves */
#define FSK_LAN_QUEUE_MIN	1000000ULL	/* ns of queueing tolerated */
#define FSK_LAN_MIN_RTT_AGE	10000000000ULL	/* ns, then learnt again */

static u32 fsk_lan_clamp(const struct fsk_cc *cc, u32 cwnd)
{
	cwnd = min(cwnd, FSK_LAN_CWND_MAX);
	return max(cwnd, FSK_LAN_CWND_MIN * cc->mss);
}

static void fsk_lan_init(struct fsk_cc *cc)
{
	cc->cwnd = fsk_lan_clamp(cc, max(10 * cc->mss, FSK_LAN_CWND_INIT));
	cc->ssthresh = FSK_LAN_CWND_MAX;
	cc->acc = 0;
	cc->min_rtt = 0;
	cc->min_rtt_at = 0;
	cc->round_end = 0;
	cc->round_rtt = 0;
}

static u64 fsk_lan_target(const struct fsk_cc *cc)
{
	return cc->min_rtt + max(cc->min_rtt / 2, FSK_LAN_QUEUE_MIN);
}

/*
 * Shrink by the share of the RTT that is above @target, by half at most.  A few
 * frames are no queue worth yielding to, and fewer make too few samples: on a
 * link whose delay jitters the least of them would always be above the target.
 */
static void fsk_lan_delayed(struct fsk_cc *cc, u64 target)
{
	u32 least = min(cc->cwnd, FSK_LAN_DELAY_MIN * cc->mss);
	u64 excess = cc->round_rtt - target;
	u32 cut = cc->cwnd / 2;

	if (excess < cc->round_rtt / 2)
		cut = div64_u64(cc->cwnd * excess, cc->round_rtt);
	cc->cwnd = max(cc->cwnd - cut, least);
	cc->ssthresh = cc->cwnd;
	cc->acc = 0;
}

static void fsk_lan_round(struct fsk_cc *cc, u64 now)
{
	u64 target;

	/* A path may become longer: believe an old minimum only so long. */
	if (now - cc->min_rtt_at > FSK_LAN_MIN_RTT_AGE) {
		cc->min_rtt = cc->round_rtt;
		cc->min_rtt_at = now;
	}
	target = fsk_lan_target(cc);
	if (cc->round_rtt > target)
		fsk_lan_delayed(cc, target);
	cc->round_end = now + cc->round_rtt;
	cc->round_rtt = 0;
}

static void fsk_lan_sample(struct fsk_cc *cc, u64 rtt, u64 now)
{
	if (!cc->min_rtt || rtt <= cc->min_rtt) {
		cc->min_rtt = rtt;
		cc->min_rtt_at = now;
	}
	if (!cc->round_rtt || rtt < cc->round_rtt)
		cc->round_rtt = rtt;
	if (now >= cc->round_end)
		fsk_lan_round(cc, now);
}

static void fsk_lan_grow(struct fsk_cc *cc, u32 bytes)
{
	if (cc->cwnd < cc->ssthresh) {
		cc->cwnd = fsk_lan_clamp(cc, cc->cwnd + bytes);
		return;
	}
	cc->acc += bytes;
	if (cc->acc < cc->cwnd)
		return;
	cc->acc = 0;
	cc->cwnd = fsk_lan_clamp(cc, cc->cwnd + cc->mss);
}

static void fsk_lan_acked(struct fsk_cc *cc, u32 bytes, u64 rtt, bool limited,
			  u64 now)
{
	if (rtt)
		fsk_lan_sample(cc, rtt, now);
	if (limited)
		fsk_lan_grow(cc, bytes);
}

static void fsk_lan_lost(struct fsk_cc *cc, u64 now)
{
	cc->cwnd = fsk_lan_clamp(cc, cc->cwnd / 10 * 7);
	cc->ssthresh = cc->cwnd;
	cc->acc = 0;
}

static void fsk_lan_timeout(struct fsk_cc *cc, u64 now)
{
	u32 least = FSK_LAN_CWND_MIN * cc->mss;

	/* A second timeout in a row says nothing new about the path. */
	if (cc->cwnd > 2 * least)
		cc->ssthresh = cc->cwnd / 2;
	cc->cwnd = least;
	cc->acc = 0;
}

const struct fsk_cc_ops fsk_cc_lan = {
	.name = "lan",
	.init = fsk_lan_init,
	.acked = fsk_lan_acked,
	.lost = fsk_lan_lost,
	.timeout = fsk_lan_timeout,
};
