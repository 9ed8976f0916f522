// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's states: how a connection gets from one to the next, and how it ends.
 * And the numbers by which TCP_INFO and ss show it.
 */

#include <linux/export.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/stats.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/keepalive.h"
#include "core/segment_size.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "inet/conntrack.h"

/**
 * fsk_state_bytes - tell TCP_INFO how many bytes went which way
 * @conn: connection
 * @una: oldest unacknowledged byte, sequence number
 * @nxt: the next one to be sent
 * @rcv: the next one expected
 *
 * Far less than 4 GiB pass between two calls: the timer of a busy connection
 * runs many times a second.
 *
 * Context: socket lock held in either form.
 */
void fsk_state_bytes(struct fsk_conn *conn, u32 una, u32 nxt, u32 rcv)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	tp->bytes_acked += una - conn->reported_una;
	tp->bytes_sent += nxt - conn->reported_nxt;
	tp->bytes_received += rcv - conn->reported_rcv;
	conn->reported_una = una;
	conn->reported_nxt = nxt;
	conn->reported_rcv = rcv;
}
EXPORT_SYMBOL_NS_GPL(fsk_state_bytes, FASTSOCK);

/**
 * fsk_conn_info - bring what TCP_INFO and ss read up to date
 * @conn: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_conn_info(struct fsk_conn *conn)
{
	inet_csk(conn->sk)->icsk_probes_out = min_t(u32, conn->probes, U8_MAX);
	fsk_ops(conn)->info(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_info, FASTSOCK);

/**
 * fsk_conn_kill - take a connection out of the world
 * @conn: connection
 *
 * Afterwards no frame finds it, its timer is off, it holds no device and no
 * unacknowledged data.  It stays attached.  Harmless when repeated.
 *
 * Context: socket lock held in either form.
 */
void fsk_conn_kill(struct fsk_conn *conn)
{
	if (conn->phase == FSK_PH_DEAD)
		return;
	if (conn->phase == FSK_PH_CONFIRMING || conn->phase == FSK_PH_OPEN) {
		fsk_stat_add(sock_net(conn->sk), FSK_MIB_CURR_ESTAB, -1);
		/* For who looks at the end, as tcplife does. */
		fsk_ops(conn)->count(conn);
		fsk_keepalive_stop(conn->sk);
	}
	conn->phase = FSK_PH_DEAD;
	if (unlikely(conn->tracked))
		fsk_conntrack_close(conn->sk, &conn->tracked);
	fsk_timer_cancel(conn);
	fsk_ops(conn)->kill(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_kill, FASTSOCK);

/**
 * fsk_conn_done - both directions have ended, or there is no more to wait for
 * @conn: connection; do not use it afterwards
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_conn_done(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	fsk_conn_kill(conn);
	tcp_done(sk);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_done, FASTSOCK);

/**
 * fsk_conn_time_wait - both directions have ended, this one first
 * @conn: connection; do not use it afterwards
 *
 * No frame needs TIME_WAIT, but programs know that the port is taken.
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_conn_time_wait(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	fsk_conn_kill(conn);
	/* What TCP remembers of the path for its next connection is its own. */
	__sk_dst_reset(sk);
	/* Lets tcp_tw_reuse work, which wants a time stamp. */
	tcp_sk(sk)->rx_opt.ts_recent_stamp = ktime_get_seconds();
	tcp_time_wait(sk, TCP_TIME_WAIT, 0);
}

/**
 * fsk_state_numbers - tell TCP's socket where sequences begin: at the keys
 * @conn: attached connection with keys and segment sizes
 * @mask: what the sending numbers are to be ahead of the key
 *
 * Context: socket lock held in either form.
 */
void fsk_state_numbers(struct fsk_conn *conn, u32 mask)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);
	u32 seq = conn->key + mask;

	tp->snd_una = seq;
	tp->pushed_seq = seq;
	WRITE_ONCE(tp->snd_nxt, seq);
	WRITE_ONCE(tp->write_seq, seq);
	WRITE_ONCE(tp->copied_seq, conn->peer_key);
	WRITE_ONCE(tp->rcv_nxt, conn->peer_key);
	tp->rcv_wup = conn->peer_key;
	tp->rcv_wnd = S32_MAX;	/* so that tcp_poll() sees no pressure */
	tp->urg_data = 0;
	conn->corked = tp->nonagle & TCP_NAGLE_CORK;
	conn->reported_una = conn->key;
	conn->reported_nxt = conn->key;
	conn->reported_rcv = conn->peer_key;
	conn->tuned_seq = conn->peer_key;
	conn->tuned_at = tcp_jiffies32;
	fsk_mss_show(conn);
	fsk_conn_info(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_state_numbers, FASTSOCK);

/**
 * fsk_state_ack_waits - does a client's last word in the handshake wait?
 * @sk: its socket
 *
 * As in tcp_rcv_synsent_state_process().  A program that looks whether a server
 * listens resets the connection before, and the server's program sees nothing.
 *
 * Context: the caller owns @sk, or has its spinlock.
 * Return: true if it is to wait for data.
 */
bool fsk_state_ack_waits(struct sock *sk)
{
	return inet_csk_in_pingpong_mode(sk) ||
	       READ_ONCE(inet_csk(sk)->icsk_accept_queue.rskq_defer_accept);
}
EXPORT_SYMBOL_NS_GPL(fsk_state_ack_waits, FASTSOCK);

/**
 * fsk_state_established - the program's connect() has succeeded
 * @conn: client's connection, in its new phase
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_state_established(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	fsk_stat_inc(sock_net(sk), FSK_MIB_ACTIVE_OPENS);
	/* TCP counts by itself what it is delegated, and the server's child. */
	TCP_INC_STATS(sock_net(sk), TCP_MIB_ACTIVEOPENS);
	fsk_stat_inc(sock_net(sk), FSK_MIB_CURR_ESTAB);
	tcp_set_state(sk, TCP_ESTABLISHED);
	fsk_conntrack_open(sk, FSK_TRACKED_CLIENT, &conn->tracked);
	fsk_ops_connect(conn);
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	}
	if (unlikely(sock_flag(sk, SOCK_KEEPOPEN)))
		fsk_keepalive_start(conn);
	fsk_timer_arm(conn);
}
EXPORT_SYMBOL_NS_GPL(fsk_state_established, FASTSOCK);

/**
 * fsk_state_close - the program sends no more
 * @sk: socket, connecting or connected
 *
 * A connection that is not yet one is given up.
 *
 * Context: socket lock held in either form.
 * Return: true if a FIN is due.
 */
bool fsk_state_close(struct sock *sk)
{
	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
		tcp_set_state(sk, TCP_FIN_WAIT1);
		return true;
	case TCP_CLOSE_WAIT:
		tcp_set_state(sk, TCP_LAST_ACK);
		return true;
	case TCP_SYN_SENT:
		fsk_conn_kill(fsk_conn(sk));
		tcp_set_state(sk, TCP_CLOSE);
		return false;
	}
	return false;
}

/**
 * fsk_state_fin - the peer has sent all it will
 * @conn: connection, after fsk_state_rcv_done()
 *
 * If both directions have ended, nothing can be sent any more.
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: false if the connection is over.
 */
bool fsk_state_fin(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	switch (sk->sk_state) {
	case TCP_ESTABLISHED:
		tcp_set_state(sk, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT1:
		tcp_set_state(sk, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT2:
		if (!sock_flag(sk, SOCK_DEAD)) {
			sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_HUP);
			sk->sk_data_ready(sk);
		}
		fsk_conn_time_wait(conn);
		return false;
	}
	if (!sock_flag(sk, SOCK_DEAD)) {
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_WAITD,
			      sk->sk_shutdown == SHUTDOWN_MASK ? POLL_HUP :
								 POLL_IN);
	}
	return true;
}
EXPORT_SYMBOL_NS_GPL(fsk_state_fin, FASTSOCK);

/**
 * fsk_state_fin_acked - all that was sent has arrived, FIN included
 * @conn: connection
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: false if the connection is over.
 */
bool fsk_state_fin_acked(struct fsk_conn *conn, u64 now)
{
	struct sock *sk = conn->sk;

	switch (sk->sk_state) {
	case TCP_FIN_WAIT1:
		tcp_set_state(sk, TCP_FIN_WAIT2);
		sk->sk_shutdown |= SEND_SHUTDOWN;
		if (!sock_flag(sk, SOCK_DEAD)) {
			sk->sk_state_change(sk);	/* a lingering close */
			return true;
		}
		if (READ_ONCE(tcp_sk(sk)->linger2) < 0) {
			fsk_ops(conn)->send_reset(conn, true);
			fsk_conn_done(conn);
			return false;
		}
		conn->life_at = now + jiffies64_to_nsecs(tcp_fin_time(sk));
		return true;
	case TCP_CLOSING:
		fsk_conn_time_wait(conn);
		return false;
	case TCP_LAST_ACK:
		fsk_conn_done(conn);
		return false;
	}
	return true;
}
EXPORT_SYMBOL_NS_GPL(fsk_state_fin_acked, FASTSOCK);

/**
 * fsk_conn_abort - end a connection with an error
 * @conn: connection; do not use it afterwards
 * @err: positive errno for the program
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_conn_abort(struct fsk_conn *conn, int err)
{
	struct sock *sk = conn->sk;

	if (sk->sk_state == TCP_CLOSE)
		return;
	/* Before the error: who polls meanwhile would miss the hang-up. */
	fsk_conn_kill(conn);
	WRITE_ONCE(sk->sk_err, err);
	smp_wmb();	/* pairs with smp_rmb() in tcp_poll() */
	tcp_done(sk);
	if (!sock_flag(sk, SOCK_DEAD))
		sk_error_report(sk);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_abort, FASTSOCK);

/**
 * fsk_state_reset - the peer has ended the connection
 * @conn: connection; do not use it afterwards
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_state_reset(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	fsk_stat_inc(sock_net(sk), FSK_MIB_IN_RESETS);
	fsk_conn_abort(conn, sk->sk_state == TCP_CLOSE_WAIT ? EPIPE :
							      ECONNRESET);
}
EXPORT_SYMBOL_NS_GPL(fsk_state_reset, FASTSOCK);

/**
 * fsk_conn_timeout - end a connection that got nowhere for too long
 * @conn: connection; do not use it afterwards
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_conn_timeout(struct fsk_conn *conn)
{
	struct net *net = sock_net(conn->sk);

	fsk_stat_inc(net, FSK_MIB_TIMEOUTS);
	NET_INC_STATS(net, LINUX_MIB_TCPABORTONTIMEOUT);
	fsk_ops(conn)->send_reset(conn, true);
	fsk_conn_abort(conn, ETIMEDOUT);
}
EXPORT_SYMBOL_NS_GPL(fsk_conn_timeout, FASTSOCK);
