// SPDX-License-Identifier: GPL-2.0
/* Frames as a transport: what is due, what TCP_INFO shows, the end. */

#include <linux/math64.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "core/challenge.h"
#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "frames/client.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/placing.h"
#include "frames/read.h"
#include "frames/rx.h"
#include "frames/tx.h"
#include "frames/write.h"
#include "lan/eth.h"
#include "rel/rel.h"
#include "stream/queue.h"
#include "stream/recv.h"
#include "stream/send.h"

#define FSK_TROUBLE_AFTER	2	/* expiries in a row */
#define FSK_SMALL_AFTER		4
/* Who does not answer for so long may be another host by now. */
#define FSK_SILENCE_NS		(100 * NSEC_PER_MSEC)
/* Then full frames are tried again. */
#define FSK_SMALL_NS		(10ULL * NSEC_PER_SEC)

static void frames_urgent(struct fsk_conn *conn, bool less)
{
	fsk_write_urgent(fsk_frames(conn), less);
}

static void frames_send_fin(struct fsk_conn *conn)
{
	struct fsk_frames *fr = fsk_frames(conn);

	fsk_write_fin(fr);
	rcu_read_lock();
	fsk_tx_push(fr, fsk_now());
	rcu_read_unlock();
}

/*
 * What was sent gets nowhere since then, ns; 0 if it does.
 *
 * A peer that answers but takes nothing for want of room may do so for ever, as
 * with TCP (RFC 1122, 4.2.2.17), unless the program has set a limit.  One that
 * does not take what its window covers may not.
 */
static u64 stalled_since(const struct fsk_frames *fr)
{
	if (READ_ONCE(inet_csk(fr->conn.sk)->icsk_user_timeout) ||
	    !fsk_rel_tx_idle(&fr->tx))
		return fr->tx.stuck_since;
	return fr->tx.stalled_since;
}

static u64 frames_deadline(const struct fsk_conn *conn)
{
	const struct fsk_frames *fr = fsk_frames(conn);
	u64 at;

	at = fr->hs_at;
	if (fsk_conn_opening(conn))
		return at;
	at = fsk_sooner(at, conn->challenge.due_at);
	at = fsk_sooner(at, fsk_rel_tx_deadline(&fr->tx));
	at = fsk_sooner(at, fr->rx.ack_at);
	at = fsk_sooner(at, conn->life_at);
	at = fsk_sooner(at, conn->retry_at);
	at = fsk_sooner(at, conn->cork_at);
	if (unlikely(fr->tx.stuck_since) && stalled_since(fr))
		at = fsk_sooner(at, stalled_since(fr) +
				    fsk_stall_timeout(conn->sk) + 1);
	return at;
}

/**
 * fsk_frames_arm - see to it that the timer runs by the next deadline
 * @fr: connection
 *
 * As fsk_timer_arm(), without looking for the function.
 *
 * Context: socket lock held in either form.
 */
void fsk_frames_arm(struct fsk_frames *fr)
{
	if (fr->conn.phase != FSK_PH_DEAD)
		fsk_timer_arm_at(&fr->conn, frames_deadline(&fr->conn));
}

/*
 * Nothing gets through.  The peer may be elsewhere by now, or a device on the
 * way takes only smaller frames than it did.
 */
static void path_trouble(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;

	if (fr->tx.backoff >= FSK_SMALL_AFTER && conn->phase == FSK_PH_OPEN)
		fr->small_until = now + FSK_SMALL_NS;
	fsk_path_doubt(fr);
	if (now - fr->tx.stalled_since >= FSK_SILENCE_NS &&
	    now - conn->heard_at >= FSK_SILENCE_NS)
		fsk_challenge_silence(conn, now);
}

static void run_retransmit(struct fsk_frames *fr, u64 now)
{
	/* A peer whose window is shut answers, and is no trouble. */
	if (fr->tx.stalled_since && fr->tx.backoff >= FSK_TROUBLE_AFTER)
		path_trouble(fr, now);
	switch (fsk_rel_tx_timeout(&fr->tx, now)) {
	case FSK_REL_SEND:
		fsk_tx_push(fr, now);
		/* What answers UNKNOWN to the copy names no connection. */
		if (fr->seal_key != fr->conn.peer_key && fr->tx.backoff)
			fsk_tx_probe(fr);
		break;
	case FSK_REL_PROBE:
		fsk_tx_probe(fr);
		break;
	case FSK_REL_NONE:
		break;
	}
}

static void run_frames(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;

	if (conn->cork_at && now >= conn->cork_at) {
		conn->cork_at = 0;
		fsk_tx_push(fr, now);
	}
	if (conn->retry_at && now >= conn->retry_at) {
		conn->retry_at = 0;
		if (conn->fin_wanted)
			fsk_write_fin(fr);
		fsk_tx_push(fr, now);
	}
	run_retransmit(fr, now);
	if (fr->rx.ack_now || (fr->rx.ack_at && now >= fr->rx.ack_at))
		fsk_tx_ack(fr);
}

/*
 * What ss -o and /proc/net/tcp show of a connection that waits for an answer.
 * TCP's timer is not armed.
 */
static void show_timer(struct fsk_frames *fr, u64 now)
{
	struct inet_connection_sock *icsk = inet_csk(fr->conn.sk);
	u64 at = fsk_rel_tx_deadline(&fr->tx);

	if (!at) {
		icsk->icsk_pending = 0;
		icsk->icsk_retransmits = 0;
		return;
	}
	icsk->icsk_pending = fr->tx.inflight ? ICSK_TIME_RETRANS :
					       ICSK_TIME_PROBE0;
	icsk->icsk_retransmits = fr->tx.backoff;
	icsk->icsk_timeout = jiffies +
			     (at > now ? nsecs_to_jiffies(at - now) : 0);
}

static void after_run(struct fsk_frames *fr, u64 now)
{
	show_timer(fr, now);
	if (fr->tx.una == fr->tx.end && !fr->rx.ack_at)
		fsk_frames_drop_charge(fr);
}

static bool run_connected(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;

	fsk_conn_info(conn);
	if (fsk_stalled_too_long(conn, stalled_since(fr), now))
		return false;
	fsk_challenge_run(conn, now);
	if (unlikely(fsk_path_lost(fr, now))) {
		fsk_path_part(fr);
		fsk_conn_abort(conn, ECONNRESET);
		return false;
	}
	if (fsk_orphan_lost(conn, fr->tx.backoff, now))
		return false;
	run_frames(fr, now);
	return conn->phase != FSK_PH_DEAD;
}

static bool frames_timeout(struct fsk_conn *conn, u64 now)
{
	struct fsk_frames *fr = fsk_frames(conn);

	if (fr->hs_at && now >= fr->hs_at)
		fsk_client_timeout(fr, now);
	if (conn->phase == FSK_PH_DEAD)
		return false;
	if (fsk_conn_opening(conn))
		return true;
	if (!run_connected(fr, now))
		return false;
	if (conn->phase == FSK_PH_OPEN)
		after_run(fr, now);
	return true;
}

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

static bool frames_needs_probe(const struct fsk_conn *conn)
{
	return !fsk_frames(conn)->tx.inflight;
}

static void frames_probe(struct fsk_conn *conn)
{
	fsk_tx_probe(fsk_frames(conn));
}

static void frames_cork(struct fsk_conn *conn)
{
	if (!conn->corked)
		fsk_write_uncork(fsk_frames(conn));
}

static void frames_uncork(struct fsk_conn *conn)
{
	fsk_write_uncork(fsk_frames(conn));
}

/* The first ack, which may have been told to wait, is due. */
static void confirm(struct fsk_frames *fr, bool waits)
{
	if (likely(fr->conn.phase != FSK_PH_CONFIRMING) || fr->confirm_sent ||
	    fr->confirm_waits != waits)
		return;
	rcu_read_lock();
	fsk_tx_confirm(fr, fsk_now());
	rcu_read_unlock();
}

/* The ack that ends the handshake has waited long enough. */
static void frames_quickack(struct fsk_conn *conn)
{
	confirm(fsk_frames(conn), true);
}

/* Who waits for an answer has nothing more to say for now. */
static void frames_waits(struct fsk_conn *conn)
{
	confirm(fsk_frames(conn), false);
}

/* A reader has posted its buffer: perhaps the device can write to it. */
static void frames_posted(struct fsk_conn *conn)
{
	struct fsk_frames *fr = fsk_frames(conn);

	if (unlikely(fr->path.state & FSK_PATH_CHANNEL))
		fsk_placing_offer(fr);
}

/* There is room: tell the peer, if it makes a difference. */
static void frames_read_done(struct fsk_conn *conn)
{
	struct fsk_frames *fr = fsk_frames(conn);
	struct sock *sk = conn->sk;
	u32 window, rcvbuf = READ_ONCE(sk->sk_rcvbuf);

	window = fr->rx.wnd_end - fr->rx.nxt;
	if (likely(window >= rcvbuf / 4) || conn->phase == FSK_PH_DEAD)
		return;
	if (fsk_rx_space(sk) >= window + min_t(u32, 2 * fr->rx.mss,
					       rcvbuf / 4) &&
	    !(sk->sk_shutdown & RCV_SHUTDOWN)) {
		rcu_read_lock();
		fsk_tx_ack(fr);
		rcu_read_unlock();
	}
}

static void frames_kill(struct fsk_conn *conn)
{
	fsk_frames_leave(fsk_frames(conn));
}

static void frames_free(struct fsk_conn *conn)
{
	fsk_frames_free(fsk_frames(conn));
}

static void frames_device(struct net_device *dev, unsigned long event)
{
	if (event == NETDEV_UNREGISTER)
		fsk_frames_drop_dev(dev);
}

static int frames_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)
{
	return fsk_write_simple(sock->sk, msg, size) ?:
	       fsk_stream_sendmsg(sock, msg, size);
}

static int frames_recvmsg(struct socket *sock, struct msghdr *msg, size_t size,
			  int flags)
{
	return fsk_read_simple(sock->sk, msg, size, flags) ?:
	       fsk_stream_recvmsg(sock, msg, size, flags);
}

static const struct fsk_transport_ops frames_ops = {
	.write		= fsk_write_msg,
	.urgent		= frames_urgent,
	.send_fin	= frames_send_fin,
	.deadline	= frames_deadline,
	.timeout	= frames_timeout,
	.count		= frames_count,
	.info		= frames_info,
	.send_reset	= frames_send_reset,
	.needs_probe	= frames_needs_probe,
	.cork		= frames_cork,
	.uncork		= frames_uncork,
	.waits		= frames_waits,
	.read_done	= frames_read_done,
	.kill		= frames_kill,
	.free		= frames_free,
	.probe		= frames_probe,
	.usable		= fsk_eth_usable,
	.connect	= fsk_client_connect,
	.device		= frames_device,
	.quickack	= frames_quickack,
	.resume		= fsk_client_resume,
	.posted		= frames_posted,
};

struct fsk_transport fsk_frames_transport __read_mostly = {
	.name		= "frames",
	.owner		= THIS_MODULE,
	.ops		= &frames_ops,
	.backlog_rcv	= fsk_backlog_rcv,
	.sendmsg	= frames_sendmsg,
	.recvmsg	= frames_recvmsg,
};
