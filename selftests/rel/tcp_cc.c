// SPDX-License-Identifier: GPL-2.0
/*
 * What TCP's Reno (RFC 5681, RFC 6928) and CUBIC (RFC 9438) do with the window.
 * Timers and loss detection are the core's, so these recover faster than TCP,
 * whose timeout is 200 ms at least: they are the harder competitors.
 */
#include <math.h>

#include "tcp_cc.h"

#define CWND_MAX	(16U << 20)	/* as model_check() has it */
#define CUBIC_C		0.4		/* mss per s^3 */
#define CUBIC_BETA	0.7
#define NS_PER_S	1e9

/* @round_end has the window before the last loss, @round_rtt Reno's window. */
#define W_MAX(cc)	((cc)->round_end)
#define W_RENO(cc)	((cc)->round_rtt)
#define EPOCH(cc)	((cc)->low_at)

static u32 tcp_clamp(const struct fsk_cc *cc, double cwnd)
{
	if (cwnd > CWND_MAX)
		return CWND_MAX;
	return max((u32)cwnd, 2 * cc->mss);
}

static void tcp_init(struct fsk_cc *cc)
{
	cc->cwnd = 10 * cc->mss;
	cc->ssthresh = CWND_MAX;
	cc->acc = 0;
	cc->min_rtt = 0;
	W_MAX(cc) = 0;
	W_RENO(cc) = 0;
	EPOCH(cc) = 0;
}

/* Slow start; returns false once it is over. */
static bool tcp_slow_start(struct fsk_cc *cc, u32 bytes, u64 rtt)
{
	if (rtt && (!cc->min_rtt || rtt < cc->min_rtt))
		cc->min_rtt = rtt;
	if (cc->cwnd >= cc->ssthresh)
		return false;
	cc->cwnd = tcp_clamp(cc, (double)cc->cwnd + bytes);
	return true;
}

static void reno_acked(struct fsk_cc *cc, u32 bytes, u64 rtt, bool limited,
		       u64 now)
{
	if (!limited || tcp_slow_start(cc, bytes, rtt))
		return;
	cc->acc += bytes;
	if (cc->acc < cc->cwnd)
		return;
	cc->acc -= cc->cwnd;
	cc->cwnd = tcp_clamp(cc, (double)cc->cwnd + cc->mss);
}

static void reno_lost(struct fsk_cc *cc, u64 now)
{
	cc->cwnd = tcp_clamp(cc, cc->cwnd * 0.5);
	cc->ssthresh = cc->cwnd;
	cc->acc = 0;
}

static void tcp_timeout(struct fsk_cc *cc, u64 now)
{
	if (cc->cwnd > 4 * cc->mss)
		cc->ssthresh = tcp_clamp(cc, cc->cwnd * 0.5);
	cc->cwnd = 2 * cc->mss;
	cc->acc = 0;
	EPOCH(cc) = 0;
}

static double cubic_window(const struct fsk_cc *cc, u64 now)
{
	double most = (double)W_MAX(cc) / cc->mss;
	double k = cbrt(most * (1 - CUBIC_BETA) / CUBIC_C);
	double t = (double)(now - EPOCH(cc)) / NS_PER_S - k;

	return (CUBIC_C * t * t * t + most) * cc->mss;
}

static void cubic_acked(struct fsk_cc *cc, u32 bytes, u64 rtt, bool limited,
			u64 now)
{
	double alpha = 3 * (1 - CUBIC_BETA) / (1 + CUBIC_BETA);
	double want;

	if (!limited || tcp_slow_start(cc, bytes, rtt))
		return;
	if (!EPOCH(cc)) {
		EPOCH(cc) = now;
		W_RENO(cc) = cc->cwnd;
		W_MAX(cc) = max_t(u64, cc->cwnd, W_MAX(cc));
	}
	W_RENO(cc) += alpha * cc->mss * bytes / cc->cwnd + 0.5;
	want = fmax(cubic_window(cc, now), (double)W_RENO(cc));
	want = fmin(want, 1.5 * cc->cwnd);
	if (want > cc->cwnd)
		cc->cwnd = tcp_clamp(cc, cc->cwnd + (want - cc->cwnd) *
				     bytes / cc->cwnd + 0.5);
}

static void cubic_lost(struct fsk_cc *cc, u64 now)
{
	/* Fast convergence: who lost below its old maximum makes room. */
	if (cc->cwnd < W_MAX(cc))
		W_MAX(cc) = cc->cwnd * (1 + CUBIC_BETA) / 2;
	else
		W_MAX(cc) = cc->cwnd;
	cc->cwnd = tcp_clamp(cc, cc->cwnd * CUBIC_BETA);
	cc->ssthresh = cc->cwnd;
	EPOCH(cc) = now;
	W_RENO(cc) = cc->cwnd;
}

const struct fsk_cc_ops tcp_reno = {
	.name = "reno",
	.init = tcp_init,
	.acked = reno_acked,
	.lost = reno_lost,
	.timeout = tcp_timeout,
};

const struct fsk_cc_ops tcp_cubic = {
	.name = "cubic",
	.init = tcp_init,
	.acked = cubic_acked,
	.lost = cubic_lost,
	.timeout = tcp_timeout,
};
