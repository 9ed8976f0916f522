// SPDX-License-Identifier: GPL-2.0
/* How a socket ends: close(), shutdown(), connect(AF_UNSPEC), ss -K. */

#include <linux/bpf.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/attach.h"
#include "core/conn.h"
#include "core/keepalive.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "rel/seq.h"
#include "socket/close.h"

static void send_fin(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	fsk_ops(conn)->send_fin(conn);
}

static void kill_conn(struct sock *sk)
{
	/* Who sends in memory looks under the spinlock whether we are there. */
	spin_lock_bh(&sk->sk_lock.slock);
	fsk_conn_kill(fsk_conn(sk));
	tcp_set_state(sk, TCP_CLOSE);
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* Give up at once and tell the peer.  The caller has no spinlock. */
static void abort_conn(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	fsk_ops(conn)->send_reset(conn, false);
	kill_conn(sk);
}

/* Return: true if bytes were thrown away. */
static bool purge_unread(struct sock *sk)
{
	const struct fsk_conn *conn = fsk_conn(sk);
	struct sk_buff *skb;
	bool unread = false;

	if (conn && fsk_ops(conn)->unread)
		unread = fsk_ops(conn)->unread(conn, tcp_sk(sk)->copied_seq);
	while ((skb = __skb_dequeue(&sk->sk_receive_queue))) {
		unread |= fsk_before(tcp_sk(sk)->copied_seq,
				     TCP_SKB_CB(skb)->end_seq);
		kfree_skb(skb);
	}
	return unread;
}

/* The descriptor is gone; how long may the rest live? */
static void orphan(struct sock *sk)
{
	struct fsk_conn *conn = fsk_conn(sk);

	if (sk->sk_state == TCP_FIN_WAIT2) {
		if (READ_ONCE(tcp_sk(sk)->linger2) < 0) {
			NET_INC_STATS(sock_net(sk),
				      LINUX_MIB_TCPABORTONLINGER);
			abort_conn(sk);
		} else {
			conn->life_at = fsk_now() +
				jiffies64_to_nsecs(tcp_fin_time(sk));
			fsk_timer_arm(conn);
		}
	}
	if (sk->sk_state != TCP_CLOSE && fsk_orphan_check(sk, 0)) {
		NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONMEMORY);
		/* As where TCP's TIME_WAIT is full: the peer has it all. */
		if (sk->sk_state == TCP_FIN_WAIT2)
			kill_conn(sk);
		else
			abort_conn(sk);
	}
	if (sk->sk_state == TCP_CLOSE) {
		fsk_conn_kill(conn);
		inet_csk_destroy_sock(sk);
	} else if (!conn->life_at) {
		conn->life_at = fsk_now() + fsk_stall_timeout(sk);
		fsk_timer_arm(conn);
	}
}

enum close_reason { CLOSE_GONE, CLOSE_RESET, CLOSE_FIN };

/*
 * No more is received, and what is unread goes.  Return: how the peer is told.
 *
 * Under the spinlock, or bytes could still come between the look at what is
 * unread and the new state, which refuses them: nobody would ever miss them.
 */
static enum close_reason begin_close(struct sock *sk)
{
	enum close_reason how = CLOSE_GONE;
	bool unread;

	spin_lock_bh(&sk->sk_lock.slock);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	unread = purge_unread(sk);
	if (sk->sk_state == TCP_SYN_SENT) {
		fsk_state_close(sk);
	} else if (sk->sk_state == TCP_CLOSE) {
		how = CLOSE_GONE;
	} else if (unread) {
		NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONCLOSE);
		how = CLOSE_RESET;
	} else if (sock_flag(sk, SOCK_LINGER) && !sk->sk_lingertime) {
		NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPABORTONDATA);
		how = CLOSE_RESET;
	} else if (fsk_state_close(sk)) {
		how = CLOSE_FIN;
	}
	spin_unlock_bh(&sk->sk_lock.slock);
	return how;
}

/**
 * fsk_close - struct proto.close
 * @sk: socket whose last descriptor was closed
 * @timeout: jiffies to linger
 *
 * Context: process, may sleep.
 */
void fsk_close(struct sock *sk, long timeout)
{
	bool was_open;
	int state;

	lock_sock(sk);
	if (unlikely(!fsk_is_conn(sk))) {	/* delegated while we waited */
		release_sock(sk);
		READ_ONCE(sk->sk_prot)->close(sk, timeout);
		return;
	}
	was_open = sk->sk_state != TCP_CLOSE;
	switch (begin_close(sk)) {
	case CLOSE_GONE:
		break;
	case CLOSE_RESET:
		abort_conn(sk);
		break;
	case CLOSE_FIN:
		send_fin(sk);
		break;
	}
	if (was_open)
		sk_stream_wait_close(sk, timeout);

	state = sk->sk_state;
	sock_hold(sk);
	sock_orphan(sk);
	this_cpu_inc(*sk->sk_prot->orphan_count);
	sk_flush_backlog(sk);
	/* Otherwise the backlog ended, and destroyed, the socket. */
	if (state == TCP_CLOSE || sk->sk_state != TCP_CLOSE)
		orphan(sk);
	release_sock(sk);
	sock_put(sk);
}

/*
 * As TCP's: once both directions have ended and all was sent, the ack that is
 * still missing is no loss, neither to the program nor to the peer.  Without
 * memory our end may not have been sent.
 */
static bool loses_something(const struct sock *sk)
{
	return !((1 << sk->sk_state) & (TCPF_CLOSING | TCPF_LAST_ACK)) ||
	       tcp_sk(sk)->snd_nxt != tcp_sk(sk)->write_seq ||
	       fsk_conn(sk)->fin_wanted;
}

/**
 * fsk_disconnect - struct proto.disconnect: a plain TCP socket again
 * @sk: socket
 * @flags: O_NONBLOCK
 *
 * Context: process; the caller owns @sk.
 * Return: as TCP's.
 */
int fsk_disconnect(struct sock *sk, int flags)
{
	struct fsk_conn *conn = fsk_conn(sk);

	/*
	 * Or a child that no program has: its listener closes, or has become a
	 * client, and who makes the child has its spinlock.
	 */
	if (!conn || !sk->sk_socket)
		return tcp_prot.disconnect(sk, flags);
	if (conn->phase != FSK_PH_DEAD && sk->sk_state != TCP_SYN_SENT) {
		/* Either leaves a state in which TCP sends no reset. */
		if (loses_something(sk)) {
			WRITE_ONCE(sk->sk_err, ECONNRESET);
			abort_conn(sk);
		} else {
			kill_conn(sk);
		}
	}
	fsk_conn_detach(sk);
	return sk->sk_prot->disconnect(sk, flags);
}

/**
 * fsk_shutdown - struct proto.shutdown
 * @sk: connected socket
 * @how: RCV_SHUTDOWN, SEND_SHUTDOWN
 *
 * Context: process; the caller owns @sk.
 */
void fsk_shutdown(struct sock *sk, int how)
{
	if (!(how & SEND_SHUTDOWN))
		return;
	if ((1 << sk->sk_state) & (TCPF_ESTABLISHED | TCPF_SYN_SENT |
				   TCPF_CLOSE_WAIT) && fsk_state_close(sk))
		send_fin(sk);
}

/* The caller owns @sk.  Return: 0, or -ENOENT if it has ended already. */
static int abort_owned(struct sock *sk, int err)
{
	struct fsk_conn *conn = fsk_conn(sk);

	if (sk->sk_state == TCP_CLOSE || fsk_conn_dead(conn))
		return -ENOENT;
	rcu_read_lock();
	fsk_ops(conn)->send_reset(conn, false);
	spin_lock_bh(&sk->sk_lock.slock);
	if (!fsk_conn_dead(conn))
		fsk_conn_abort(conn, err);
	spin_unlock_bh(&sk->sk_lock.slock);
	rcu_read_unlock();
	return 0;
}

/**
 * fsk_abort - struct proto.diag_destroy: an administrator ends it
 * @sk: socket
 * @err: positive errno for the program
 *
 * bpf_sock_destroy() calls it from an iterator that owns the socket and may not
 * sleep: to take the socket lock would wait for itself.
 *
 * Context: process, may sleep; or an iterator of BPF that owns @sk.
 * Return: 0, or -ENOENT if it has ended already.
 */
int fsk_abort(struct sock *sk, int err)
{
	bool owned = has_current_bpf_ctx();
	int ret;

	if (!owned)
		lock_sock(sk);
	if (fsk_is_conn(sk)) {
		ret = abort_owned(sk, err);
		if (!owned)
			release_sock(sk);
		return ret;
	}
	if (!owned)
		release_sock(sk);
	/* Delegated meanwhile. */
	return READ_ONCE(sk->sk_prot)->diag_destroy(sk, err);
}
