// SPDX-License-Identifier: GPL-2.0
/*
 * The writing end: what a program sends goes into the ring from which the other
 * end receives.  There are no frames and no acknowledgments.
 */

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "core/conn.h"
#include "core/state.h"
#include "core/timer.h"
#include "memory/cork.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/outage.h"
#include "memory/pair.h"
#include "memory/posted.h"
#include "memory/ring.h"
#include "memory/send.h"
#include "memory/window.h"
#include "stream/send.h"

/* A long send is published in stretches of so many bytes. */
#define FSK_MEM_STRETCH	65536U
/* Shorter sends do not look whether the reader has posted a buffer, bytes. */
#define FSK_MEM_POST_MIN	4096
/* A writer without memory tries again after so long, or when somebody reads. */
#define FSK_MEM_RETRY_NS	(50 * NSEC_PER_MSEC)

/*
 * Note that the last byte written is urgent.  @n bytes have been written and
 * are neither published nor withheld yet.
 */
static void mark_urgent(struct fsk_memory *mem, u32 n)
{
	mem->conn.urg_seq = mem->out->head + mem->out->withheld + n - 1;
	mem->urg_sent = mem->sent_byte;
}

/* Tell the other end, whose spinlock is held, of the urgent byte. */
static void announce_urgent(const struct fsk_memory *mem,
			    struct fsk_memory *peer)
{
	peer->urg_in = mem->conn.urg_seq;
	peer->urg_byte = mem->urg_sent;
	fsk_mem_post_event(peer, FSK_EV_URGENT);
}

/* Bytes are there for who was roused: does it still wait, or again? */
static void learn_to_rouse(struct fsk_memory *mem,
			   const struct fsk_memory *peer)
{
	struct socket_wq *wq =
		rcu_dereference_check(peer->conn.sk->sk_wq,
				      rcu_read_lock_bh_held());

	mem->rouse = skwq_has_sleeper(wq) ? 0 : FSK_ROUSE_AFTER;
}

/*
 * Have the other end see @n written bytes, the last of them urgent or not.
 * Return: false if there is no other end, or if its program has closed the
 * socket; then bytes are answered by a reset.
 */
static __always_inline bool publish(struct fsk_memory *mem, u32 n,
				    bool is_urgent)
{
	bool wake = false, heard = true;
	struct fsk_memory *peer;
	struct tcp_sock *tp;
	struct sock *sk;
	u32 unread;

	rcu_read_lock_bh();
	peer = fsk_mem_peer(mem);
	if (unlikely(!peer)) {
		rcu_read_unlock_bh();
		return false;
	}
	sk = peer->conn.sk;
	tp = tcp_sk(sk);
	spin_lock(&sk->sk_lock.slock);
	/* The ring's memory, then the list: pairs with reclaim_pair(). */
	smp_mb__after_spinlock();
	if (unlikely(sk->sk_state != TCP_ESTABLISHED &&
		     fsk_mem_rcv_closed(peer))) {
		heard = false;
	} else if (likely(peer->conn.phase != FSK_PH_DEAD)) {
		mem->out->window = fsk_mem_window(sk);
		if (unlikely(is_urgent))
			announce_urgent(mem, peer);
		if (unlikely(fsk_stamps(sk)))
			WRITE_ONCE(mem->out->stamp, ktime_get_real());
		fsk_ring_publish(mem->out, n);
		unread = fsk_ring_unread(mem->out);
		if (likely(unread <= mem->out->window)) {
			WRITE_ONCE(tp->rcv_nxt, mem->out->head);
		} else if (!fsk_mem_rcv_nxt_current(peer)) {
			fsk_mem_advance_rcv_nxt(peer);
			if (unlikely(fsk_mem_urgent_arrived(peer)))
				fsk_mem_post_event(peer, FSK_EV_URGENT);
		}
		if (unlikely(fsk_mem_count_due(unread, READ_ONCE(peer->counted),
					       mem->out->window)))
			fsk_mem_count_unread(peer);
		WRITE_ONCE(mem->out->segs, mem->out->segs + 1);
		/* A buffer is posted, and these bytes did not go there. */
		wake = unread >= READ_ONCE(sk->sk_rcvlowat) ||
		       unread >= mem->out->window || peer->conn.post;
		fsk_conn_stat_add(&peer->conn, FSK_MIB_IN_BYTES, n);
	}
	spin_unlock(&sk->sk_lock.slock);
	if (mem->rouse == FSK_ROUSED)
		learn_to_rouse(mem, peer);
	if (likely(wake))
		fsk_mem_wake_reader(peer);
	rcu_read_unlock_bh();
	return heard;
}

/* Bytes that count as in the send buffer; negative if the window has room. */
static s64 backlog(const struct fsk_memory *mem)
{
	/* The window is of no use to bytes that are withheld. */
	if (unlikely(mem->link_down))
		return mem->conn.sk->sk_wmem_queued;
	return (s64)fsk_ring_used(mem->out) - mem->out->window;
}

/* Bytes that a send buffer of @size takes if it has @waiting already. */
static u32 fits(u32 size, s64 waiting)
{
	return clamp_t(s64, (s64)size + FSK_OVERRUN - waiting, 0, U32_MAX);
}

/* Bytes that the program may write now. */
static u32 room(const struct fsk_memory *mem)
{
	u32 used = min(fsk_ring_used(mem->out), FSK_RING_MAX);
	const struct sock *sk = mem->conn.sk;
	u32 space;

	space = fits(min_t(u32, READ_ONCE(sk->sk_sndbuf),
			   tcp_notsent_lowat(tcp_sk(sk))), backlog(mem));
	return min(space, FSK_RING_MAX - used);
}

/* May it write any?  Usually the window has room. */
static __always_inline bool has_room(const struct fsk_memory *mem)
{
	return likely(fsk_ring_used(mem->out) <= mem->out->window &&
		      !mem->link_down) || room(mem);
}

/*
 * Bytes that a call takes which does not wait, however fast they are read.  TCP
 * does not see acks while the call owns the socket, so it cannot take more than
 * the send buffer had room for.
 */
static u32 room_at_once(const struct fsk_memory *mem)
{
	return fits(READ_ONCE(mem->conn.sk->sk_sndbuf),
		    max_t(s64, backlog(mem), 0));
}

/* There is room, but this call has taken what TCP would have taken. */
static int enough(struct sock *sk)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	fsk_send_space(sk);
	return -EAGAIN;
}

/**
 * fsk_mem_retry - a writer that had no memory may try again
 * @mem: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_mem_retry(struct fsk_memory *mem)
{
	mem->out->starved = false;
	fsk_mem_update_snd(mem);
}

/**
 * fsk_mem_push_withheld - send the first of the bytes that are withheld
 * @mem: connection, whose link is not down
 * @n: how many
 *
 * Context: process; the caller owns the socket, or it is the pair's work item
 * and has this end's spinlock.
 * Return: false if the other end wants none.
 */
bool fsk_mem_push_withheld(struct fsk_memory *mem, u32 n)
{
	struct fsk_conn *conn = &mem->conn;
	bool all = n == mem->out->withheld;

	mem->out->withheld -= n;
	if (all) {
		conn->cork_at = 0;
		mem->withholds = mem->link_down || conn->corked;
	}
	if (n && !publish(mem, n, all && conn->urg_out))
		return false;
	if (all)
		conn->urg_out = false;
	if (mem->out->head - conn->reported_nxt > FSK_MEM_REPORT)
		fsk_conn_info(conn);
	fsk_mem_update_snd(mem);
	return true;
}

/* Tell the other end of the urgent byte. */
static void notify_urgent(struct fsk_memory *mem)
{
	struct fsk_memory *peer;

	rcu_read_lock();
	peer = fsk_mem_peer(mem);
	if (peer) {
		spin_lock_bh(&peer->conn.sk->sk_lock.slock);
		announce_urgent(mem, peer);
		spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	}
	rcu_read_unlock();
}

/**
 * fsk_mem_send_withheld - send what waited for the link
 * @mem: connection, whose link is up again
 * @fin: the end of the stream, too
 *
 * Context: work item of the pair; the socket's spinlock is held.
 * Return: false if the other end wants none.
 */
bool fsk_mem_send_withheld(struct fsk_memory *mem, bool fin)
{
	struct fsk_conn *conn = &mem->conn;
	u32 n = mem->out->withheld;

	mem->out->withheld = 0;
	if (n && !publish(mem, n, conn->urg_out))
		return false;
	if (!n && conn->urg_out)
		notify_urgent(mem);
	conn->urg_out = false;
	return !fin || fsk_mem_notify_peer(mem, FSK_EV_FIN);
}

/*
 * There is no memory for more.  The reader may be waiting for more than there
 * is (SO_RCVLOWAT), so wake it: under memory pressure poll() has it read less.
 */
static int wait_memory(struct fsk_memory *mem, long *timeo)
{
	struct sock *sk = mem->conn.sk;
	struct fsk_memory *peer;

	fsk_mem_uncork(mem);
	rcu_read_lock();
	peer = fsk_mem_peer(mem);
	if (peer && fsk_ring_used(mem->out))
		fsk_mem_wake_reader(peer);
	rcu_read_unlock();
	mem->conn.retry_at = fsk_now() + FSK_MEM_RETRY_NS;
	fsk_mem_update_snd(mem);
	fsk_timer_arm(&mem->conn);
	if (mem->out->starved)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return sk_stream_wait_memory(sk, timeo);
}

/* The send buffer is full. */
static int wait_space(struct fsk_memory *mem, long *timeo)
{
	struct sock *sk = mem->conn.sk;

	fsk_mem_update_snd(mem);
	if (room(mem))
		return 0;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* Space comes only from bytes that can be read. */
	fsk_mem_uncork(mem);
	return sk_stream_wait_memory(sk, timeo);
}

/* Write one stretch.  Return: bytes taken, or as fsk_mem_write(). */
static __always_inline int write_stretch(struct fsk_memory *mem,
					 struct msghdr *msg, size_t len)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;
	bool is_urgent;
	int n = 0;

	if (unlikely(!fsk_conn_path_fresh(conn)))
		fsk_mem_check_link(mem);
	if (len >= FSK_MEM_POST_MIN && !(msg->msg_flags & MSG_OOB) &&
	    !mem->withholds)
		n = fsk_mem_write_posted(mem, msg, len);
	if (n) {
		WRITE_ONCE(tp->write_seq, tp->write_seq + n);
		tp->segs_out++;
		tp->data_segs_out++;
		fsk_conn_stat_add(conn, FSK_MIB_OUT_BYTES, n);
		fsk_mem_update_snd(mem);
		return n;
	}
	n = fsk_ring_write(mem->out, conn->sk, &msg->msg_iter, len);
	if (unlikely(n < 0))
		return n;
	is_urgent = false;
	if (unlikely(msg->msg_flags & MSG_OOB)) {
		mem->sent_byte = fsk_ring_last_byte(mem->out);
		is_urgent = !msg_data_left(msg);
		if (is_urgent)
			mark_urgent(mem, n);
	}
	WRITE_ONCE(tp->write_seq, tp->write_seq + n);
	tp->segs_out++;
	tp->data_segs_out++;
	fsk_conn_stat_add(conn, FSK_MIB_OUT_BYTES, n);
	if (unlikely(mem->withholds)) {
		fsk_mem_withhold(mem, n, is_urgent);
		if (!mem->link_down)
			fsk_mem_cork_written(mem, msg, is_urgent);
		return n;
	}
	if (unlikely(!publish(mem, n, is_urgent))) {
		fsk_mem_reset_both(mem);
		return n;
	}
	if (unlikely(mem->out->head - conn->reported_nxt > FSK_MEM_REPORT))
		fsk_conn_info(conn);
	/* After the barrier in publish(), which pairs with reclaim_pair(). */
	if (unlikely(list_empty_careful(&mem->pair->reclaim_node)))
		fsk_pair_add_to_reclaim(mem->pair);
	if (likely(fsk_ring_used(mem->out) <= mem->out->window &&
		   !conn->sk->sk_wmem_queued)) {
		WRITE_ONCE(tp->snd_una, tp->write_seq);
		WRITE_ONCE(tp->snd_nxt, tp->write_seq);
	} else {
		fsk_mem_update_snd(mem);
	}
	return n;
}

static noinline int write_some(struct fsk_memory *mem, struct msghdr *msg,
			       u32 space)
{
	return write_stretch(mem, msg, min_t(size_t, space,
					      msg_data_left(msg)));
}

/**
 * fsk_mem_write - take the bytes of a message, waiting for room as TCP does
 * @mem: connected connection
 * @msg: what to send
 * @timeo: jiffies left to wait
 * @copied: bytes taken, to be added to
 *
 * Context: process, may sleep; the caller owns the socket.
 * Return: 0 or why not all was taken, as TCP.
 */
int fsk_mem_write(struct fsk_memory *mem, struct msghdr *msg, long *timeo,
		  size_t *copied)
{
	size_t share = *timeo ? SIZE_MAX : room_at_once(mem);
	struct sock *sk = mem->conn.sk;
	u32 space;
	int n;

	while (msg_data_left(msg)) {
		if (unlikely(sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN))
			return -EPIPE;
		if (unlikely(msg->msg_flags & MSG_MORE))
			mem->withholds = true;
		space = room(mem);
		if (likely(space && share)) {
			space = min_t(size_t, min(space, FSK_MEM_STRETCH),
				      share);
			n = write_some(mem, msg, space);
			if (likely(n > 0)) {
				*copied += n;
				share -= n;
				continue;
			}
			if (n != -ENOMEM)
				return n;
			n = wait_memory(mem, timeo);
		} else if (space) {
			n = enough(sk);
		} else {
			n = wait_space(mem, timeo);
		}
		if (n)
			return n;
		/* Waiting let go of the lock: reset or disconnected? */
		if (!fsk_is_conn(sk) || fsk_conn(sk) != &mem->conn)
			return -EPIPE;
	}
	return 0;
}

/**
 * fsk_mem_send - send() if it is simple
 * @sk: socket
 * @msg: what to send
 * @size: bytes
 *
 * That is, if there is nothing to wait for, and neither flags that matter nor
 * ancillary data.
 *
 * Context: process, may sleep.
 * Return: bytes taken, or 0 if fsk_sendmsg() is to do it.
 */
int fsk_mem_send(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct fsk_conn *conn;
	int n, done = 0;

	if (unlikely(!fsk_send_is_plain(msg, size) || size > FSK_MEM_STRETCH))
		return 0;
	lock_sock(sk);
	if (likely(fsk_send_is_open(sk))) {
		conn = fsk_conn(sk);
		/* Another thread may have connected it anew, over frames. */
		if (likely(fsk_in_memory(conn) && has_room(fsk_memory(conn))))
			done = max(write_stretch(fsk_memory(conn), msg, size),
				   0);
	}
	release_sock(sk);
	if (likely(!done || done == size))
		return done;
	/* A posted buffer has become full, for example: send the rest. */
	msg->msg_flags |= MSG_NOSIGNAL;
	n = fsk_sendmsg(sk, msg, size - done);
	return done + max(n, 0);
}

/**
 * fsk_mem_urgent - the last byte written is urgent
 * @mem: connection into which at least one byte was written
 *
 * For a send with MSG_OOB that ended before all was written, when the byte was
 * taken for one in the middle.
 *
 * Context: process; the caller owns the socket.
 */
void fsk_mem_urgent(struct fsk_memory *mem)
{
	mark_urgent(mem, 0);
	if (unlikely(mem->link_down))
		mem->conn.urg_out = true;
	else
		notify_urgent(mem);
}
