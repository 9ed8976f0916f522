// SPDX-License-Identifier: GPL-2.0
/* Congestion control for a LAN: delay is the signal, loss the fallback. */
#include "rel/cc.h"

/*
 * Once per round trip the least RTT sample of that round is held against a
 * target.  The least one, and a target well above the propagation delay,
 * because on a busy host or in a guest a single sample says more about the
 * scheduler than about a queue in the network.  Where even the least of a round
 * is another in each round, by more than queues change, they say little, and as
 * much is tolerated as they have changed by in some eight rounds: a guest that
 * yielded to its host's delays would leave the network idle.
 *
 * The target comes from the least RTT ever seen, so a queue that stands never
 * passes for the path.  But that RTT is true only if there once was no queue,
 * and useless beside senders that fill the buffer until they lose.  So now and
 * then a sender drains: it takes its own frames out of the queue for a few
 * rounds and sees what is left.  If that is little, delay is the signal.  If it
 * is much although delay has left this sender no more than the least, others
 * keep the queue, or the path has become longer: then loss alone is the signal,
 * until drains leave little.
 *
 * Among senders that all go by delay each would see the others' queue, so their
 * drains coincide: the next one is due so long after the queue was lowest, what
 * all see at the same time, and who has the least joins when the queue falls.
 */
#define FSK_LAN_CWND_INIT	65536U		/* bytes, or 10 mss if more */
#define FSK_LAN_CWND_MAX	(16U << 20)	/* bytes */
#define FSK_LAN_CWND_MIN	2U		/* mss */
#define FSK_LAN_DELAY_MIN	16U		/* mss that delay leaves */

/*
 * ns.  Shorter paths count as so long.  Who came later may take the least of
 * three others for path, 0.6 ms on 1 Gbit/s, and must not get more for that.
 */
#define FSK_LAN_PATH_MIN	625000U

/*
 * ns.  Queues change from one round to the next by some frames of each sender:
 * so much in eight rounds is no jitter.  A network of hosts that all jitter has
 * a queue no longer than the most that is tolerated.
 */
#define FSK_LAN_CHANGES_USUAL	1200000U
#define FSK_LAN_JITTER_MAX	10000000U

/*
 * ns between drains.  One costs some ten rounds, so neither is felt.  Soon is
 * when delay starves the sender, when it goes by loss, and before the first;
 * but rounds are long where a queue is.
 */
#define FSK_LAN_DRAIN_EACH	10000000000ULL
#define FSK_LAN_DRAIN_SOON	500000000ULL
#define FSK_LAN_DRAIN_APART	64U		/* rounds at least */

/* In one round the own frames leave; others begin one later; one to measure. */
#define FSK_LAN_DRAIN_ROUNDS	3U

/* One drain may meet a moment in which many begin, or a competitor's loss. */
#define FSK_LAN_FOREIGN		2U		/* drains, then loss decides */
#define FSK_LAN_FOREIGN_MAX	3U

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
	cc->round_end = 0;
	cc->low_at = 0;
	cc->min_rtt = 0;
	cc->round_rtt = 0;
	cc->last_rtt = 0;
	cc->low_rtt = 0;
	cc->changes = 0;
	cc->foreign = 0;
	cc->draining = false;
}

/* As much queue is tolerated as there is path, and what it jitters by. */
static u64 fsk_lan_target(const struct fsk_cc *cc)
{
	u32 jitter = max(cc->changes, FSK_LAN_CHANGES_USUAL) -
		     FSK_LAN_CHANGES_USUAL;

	return 2ULL * max(cc->min_rtt, FSK_LAN_PATH_MIN) +
	       min(jitter, FSK_LAN_JITTER_MAX);
}

/*
 * Who does not fill the window has no use for a larger one.  And blocks that
 * many send at a time change the queue from round to round, but blocks end.
 */
static void fsk_lan_forget_changes(struct fsk_cc *cc)
{
	cc->changes /= 2;
	if (!cc->draining)
		cc->last_rtt = 0;
}

/* Not across a drain, which changes the queue. */
static void fsk_lan_count_change(struct fsk_cc *cc)
{
	u32 change;

	if (!cc->last_rtt)
		return;
	change = max(cc->round_rtt, cc->last_rtt) -
		 min(cc->round_rtt, cc->last_rtt);
	cc->changes -= cc->changes / 8;
	cc->changes += min(change, FSK_LAN_JITTER_MAX);
}

static bool fsk_lan_by_loss(const struct fsk_cc *cc)
{
	return cc->foreign >= FSK_LAN_FOREIGN;
}

/* Has delay, or loss, left so little that the queue must be of others? */
static bool fsk_lan_has_least(const struct fsk_cc *cc)
{
	return cc->ssthresh <= FSK_LAN_DELAY_MIN * cc->mss;
}

/*
 * Shrink by the share of the RTT that is above @target, by half at most, but go
 * on growing: who has more gives up more, so senders become equal.  A few
 * frames are no queue worth yielding to, and fewer make too few samples: on a
 * link whose delay jitters the least of them would always be above the target.
 */
static void fsk_lan_delayed(struct fsk_cc *cc, u64 target)
{
	u32 least = min(cc->cwnd, FSK_LAN_DELAY_MIN * cc->mss);
	u64 excess = cc->round_rtt - target;
	u32 cut = cc->cwnd / 2;

	if (excess < cc->round_rtt / 2)
		cut = div_u64(cc->cwnd * excess, cc->round_rtt);
	cc->cwnd = max(cc->cwnd - cut, least);
	cc->ssthresh = cc->cwnd;
}

static bool fsk_lan_drain_due(const struct fsk_cc *cc, u64 now)
{
	u64 soon = max(FSK_LAN_DRAIN_SOON,
		       FSK_LAN_DRAIN_APART * (u64)cc->round_rtt);
	u64 age = now - cc->low_at;

	if (fsk_lan_by_loss(cc) || !cc->low_rtt)
		return age > soon;
	if (!fsk_lan_has_least(cc))
		return age > FSK_LAN_DRAIN_EACH;
	/* Others drain: join them. */
	if (cc->round_rtt < cc->last_rtt / 2)
		return age > soon / 2;
	return age > soon;
}

static void fsk_lan_drain(struct fsk_cc *cc, u64 now)
{
	cc->draining = true;
	cc->last_rtt = max(cc->last_rtt, cc->round_rtt);
	cc->ssthresh = cc->cwnd;
	cc->cwnd = FSK_LAN_CWND_MIN * cc->mss;
	cc->acc = 0;
	cc->round_end = now + FSK_LAN_DRAIN_ROUNDS * (u64)cc->round_rtt;
}

/*
 * Whose was the queue?  Little is left if at most a quarter of it was there
 * when it was lowest since the last drain.  A short RTT is not taken off: part
 * of that may have been a queue already when the connection began.
 */
static void fsk_lan_judge(struct fsk_cc *cc)
{
	u32 path = cc->min_rtt > FSK_LAN_PATH_MIN ? cc->min_rtt : 0;
	u32 low = cc->round_rtt;

	if (cc->low_rtt)
		low = min(low, cc->low_rtt);
	if (low - path <= (cc->last_rtt - path) / 4) {
		if (cc->foreign)
			cc->foreign--;
	} else if (low > FSK_LAN_PATH_MIN &&
		   (fsk_lan_by_loss(cc) || fsk_lan_has_least(cc))) {
		if (cc->foreign < FSK_LAN_FOREIGN_MAX)
			cc->foreign++;
	}
	cc->low_rtt = cc->round_rtt;
}

static void fsk_lan_end_drain(struct fsk_cc *cc, u64 now)
{
	if (cc->round_rtt)
		fsk_lan_judge(cc);
	cc->last_rtt = 0;
	cc->low_at = now;
	cc->draining = false;
}

/* Back to the old window: some frames at once, then slow start. */
static void fsk_lan_drained(struct fsk_cc *cc, u64 now)
{
	fsk_lan_end_drain(cc, now);
	cc->cwnd = min(cc->ssthresh, FSK_LAN_DELAY_MIN * cc->mss);
}

/* Returns the window that loss is to shrink: in a drain, the old one. */
static u32 fsk_lan_window(struct fsk_cc *cc, u64 now)
{
	if (!cc->draining)
		return cc->cwnd;
	fsk_lan_end_drain(cc, now);
	return cc->ssthresh;
}

/* A round of which @round_rtt is the least sample is over. */
static void fsk_lan_round(struct fsk_cc *cc, bool limited, u64 now)
{
	u64 target;

	fsk_lan_count_change(cc);
	target = fsk_lan_target(cc);
	cc->round_end = now + cc->round_rtt;
	if (cc->round_rtt < cc->low_rtt) {
		cc->low_rtt = cc->round_rtt;
		cc->low_at = now;
	}
	if (cc->round_rtt > target && !fsk_lan_by_loss(cc))
		fsk_lan_delayed(cc, target);
	/* Who does not fill cwnd keeps no queue, and sees the path anyway. */
	if (limited && cc->cwnd >= cc->ssthresh && fsk_lan_drain_due(cc, now))
		fsk_lan_drain(cc, now);
	else
		cc->last_rtt = cc->round_rtt;
}

static void fsk_lan_sample(struct fsk_cc *cc, u32 rtt, bool limited, u64 now)
{
	if (!cc->min_rtt)
		cc->low_at = now;
	if (!cc->min_rtt || rtt < cc->min_rtt)
		cc->min_rtt = rtt;
	if (!cc->round_rtt || rtt < cc->round_rtt)
		cc->round_rtt = rtt;
	if (now < cc->round_end)
		return;
	if (cc->draining)
		fsk_lan_drained(cc, now);
	else
		fsk_lan_round(cc, limited, now);
	cc->round_rtt = 0;
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
	if (!limited)
		fsk_lan_forget_changes(cc);
	if (rtt)
		fsk_lan_sample(cc, rtt, limited, now);
	/* Copies give no samples, nor do acks that only waited. */
	if (cc->draining && now >= cc->round_end)
		fsk_lan_drained(cc, now);
	else if (limited && !cc->draining)
		fsk_lan_grow(cc, bytes);
}

static void fsk_lan_lost(struct fsk_cc *cc, u64 now)
{
	u32 cwnd = fsk_lan_window(cc, now);

	cc->ssthresh = fsk_lan_clamp(cc, cwnd / 10 * 7);
	cc->cwnd = min(cc->cwnd, cc->ssthresh);
	cc->acc = 0;
}

static void fsk_lan_timeout(struct fsk_cc *cc, u64 now)
{
	u32 cwnd = fsk_lan_window(cc, now);
	u32 least = FSK_LAN_CWND_MIN * cc->mss;

	/* A second timeout in a row says nothing new about the path. */
	if (cwnd > 2 * least)
		cc->ssthresh = cwnd / 2;
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
