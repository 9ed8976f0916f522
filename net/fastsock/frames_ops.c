// SPDX-License-Identifier: GPL-2.0
/* Frames as a transport. */

#include <linux/math64.h>
#include <linux/rcupdate.h>
#include <net/tcp.h>

#include "claim.h"
#include "conn.h"
#include "frames.h"
#include "rel.h"
#include "rx.h"
#include "state.h"
#include "transport.h"
#include "tx.h"

static void frames_count(struct fsk_conn *conn)
{
	const struct fsk_frames *fr = fsk_frames(conn);

	fsk_state_bytes(conn, fr->tx.una, fr->tx.nxt, fr->rx.nxt);
}

/* TCP's clock, so many ns ago; 0 stands for the beginning. */
static u32 jiffies_at(const struct sock *sk, u64 at, u64 now)
{
	return at ? tcp_jiffies32 - (u32)nsecs_to_jiffies(now - at) :
		    inet_csk(sk)->icsk_ack.lrcvtime;
}

/* What the core knows. */
static void frames_info(struct fsk_conn *conn)
{
	const struct fsk_frames *fr = fsk_frames(conn);
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 mss = max_t(u32, tp->mss_cache, 1);
	u32 cwnd = fr->tx.cc.cwnd / mss;
	u64 now = fsk_now();

	frames_count(conn);
	tp->lsndtime = jiffies_at(sk, fr->tx.rack_sent, now);
	tp->rcv_tstamp = jiffies_at(sk, conn->heard_at, now);
	inet_csk(sk)->icsk_ack.lrcvtime = tp->rcv_tstamp;
	tp->snd_wnd = fr->tx.wnd_end - fr->tx.una;
	tp->rcvq_space.space = fsk_rx_space(sk);
	tp->total_retrans = fr->tx.retrans;
	tp->delivered = tp->data_segs_out -
			DIV_ROUND_UP(fr->tx.inflight, mss);
	tcp_snd_cwnd_set(tp, max_t(u32, cwnd, 1));
	if (!fr->tx.srtt)
		return;
	/* TCP keeps eighths and quarters of microseconds. */
	tp->srtt_us = div_u64(fr->tx.srtt * 8, NSEC_PER_USEC);
	tp->mdev_us = div_u64(fr->tx.rttvar * 4, NSEC_PER_USEC);
	minmax_reset(&tp->rtt_min, tcp_jiffies32,
		     div_u64(fr->tx.cc.min_rtt, NSEC_PER_USEC));
}

/* A device is locked in the same way whoever sends. */
static void frames_send_reset(struct fsk_conn *conn, bool locked)
{
	rcu_read_lock();
	fsk_tx_reset(fsk_frames(conn));
	rcu_read_unlock();
}

static void frames_kill(struct fsk_conn *conn)
{
	fsk_frames_leave(fsk_frames(conn));
}

static void frames_free(struct fsk_conn *conn)
{
	fsk_frames_free(fsk_frames(conn));
}

static const struct fsk_transport_ops frames_ops = {
	.count		= frames_count,
	.info		= frames_info,
	.send_reset	= frames_send_reset,
	.kill		= frames_kill,
	.free		= frames_free,
};

const struct fsk_transport fsk_frames_transport = {
	.ops		= &frames_ops,
	.proto_ops	= &fsk_stream_ops,
	.backlog_rcv	= fsk_backlog_rcv,
};
