// SPDX-License-Identifier: GPL-2.0
/*
 * The transport within a host: no frames, no timers, no acknowledgments.  What
 * one end sends is in a ring from which the other receives.
 *
 * LOCKING
 *
 * The writer of a ring is whoever owns the sender's socket, its reader whoever
 * owns the receiver's.  All else that an end changes in the other is changed
 * under the other's socket spinlock, and, while somebody owns the socket, left
 * in fsk_conn.deferred for fsk_release_cb().  Nobody waits for the other end's
 * spinlock while holding a socket's spinlock: whoever has to tell the other end
 * something then leaves it to a work item (fsk_loop_reset_later()).  That work
 * item itself may (late_line()): there is one for both ends.
 *
 * The ends know each other through struct fsk_pair, under RCU: fsk_conn_kill()
 * takes an end out, under its socket's spinlock or before anybody knows it.
 */

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/keepalive.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "frames/path.h"
#include "frames/rx.h"
#include "memory/across.h"
#include "memory/loop.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/ring.h"
#include "rel/rel.h"
#include "stream/post.h"
#include "stream/recv.h"
#include "stream/send.h"
#include "stream/urgent.h"

/* So much of a long send is shown to the reader at a time, bytes. */
#define FSK_LOOP_STRETCH	65536U
/* Shorter sends are not worth a look at what is posted, bytes. */
#define FSK_LOOP_POST_MIN	4096
/* An end whose way is lost looks for it so soon. */
#define FSK_LOOP_ASTRAY_NS	(10 * NSEC_PER_MSEC)
/* Of this end's spinlock while the other's is taken, for lockdep. */
#define FSK_LATE_NESTING	2
/* So long a writer without memory waits, unless somebody reads. */
#define FSK_LOOP_RETRY_NS	(50 * NSEC_PER_MSEC)
/* Fewer unread bytes do not count as the socket's memory. */
#define FSK_LOOP_COUNT		4096
/* What TCP's headers take of a segment on the loopback device, bytes. */
#define FSK_LOOP_TCP_HEADERS	52

static void (*plain_data_ready)(struct sock *sk);

/**
 * fsk_loop_usable - do connections over a device stay in memory?
 * @dev: device that a route names
 *
 * Context: any; the caller keeps @dev alive.
 * Return: true if @dev is loopback and settings allow it.
 */
bool fsk_loop_usable(const struct net_device *dev)
{
	const struct fsk_net *fn = fsk_net(dev_net(dev));

	return dev->flags & IFF_LOOPBACK && READ_ONCE(dev->flags) & IFF_UP &&
	       READ_ONCE(fn->same_host) && !READ_ONCE(fn->loopback_frames);
}

/**
 * fsk_loop_mtu - what a frame would take if it were one
 * @dev: loopback device
 *
 * So that programs see the segments that TCP would make.
 *
 * Context: any.
 * Return: bytes, struct fsk_hdr included.
 */
u32 fsk_loop_mtu(const struct net_device *dev)
{
	return min_t(u32, READ_ONCE(dev->mtu), U16_MAX + 1) -
	       FSK_LOOP_TCP_HEADERS + sizeof(struct fsk_hdr);
}

/* The other end; RCU read section, of either kind. */
static struct fsk_memory *peer_of(const struct fsk_memory *mem)
{
	return rcu_dereference_check(mem->pair->end[!mem->side],
				     rcu_read_lock_bh_held());
}

/*
 * How far the other end has got.  What the reader's window does not cover is,
 * to the program, in the send buffer.  One that has no memory for more looks
 * full, or a program would poll for what it cannot write.
 *
 * Context: socket lock held in either form.
 */
static void update(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;
	struct sock *sk = conn->sk;
	struct tcp_sock *tp = tcp_sk(sk);
	u32 before = mem->out->waiting, waiting;
	u32 used, window = READ_ONCE(mem->out->window);
	int queued = sk->sk_wmem_queued;
	bool starved, grown;

	for (;;) {
		used = fsk_ring_used(mem->out);
		waiting = max(used > window ? used - window : 0,
			      mem->out->held);
		starved = unlikely(mem->out->starved) &&
			  !fsk_ring_may_write(mem->out);
		WRITE_ONCE(sk->sk_wmem_queued,
			   starved ? max_t(u32, waiting,
					   READ_ONCE(sk->sk_sndbuf)) :
				     waiting);
		WRITE_ONCE(mem->out->waiting, waiting ?: starved);
		if (likely(!waiting && !starved))
			break;
		smp_mb();	/* pairs with fsk_loop_read() */
		if (used == fsk_ring_used(mem->out))
			break;
	}
	mem->out->starved = starved;
	WRITE_ONCE(tp->snd_una, tp->write_seq - waiting -
				(waiting || conn->fin_wanted ?
				 mem->fin_sent : 0));
	WRITE_ONCE(tp->snd_nxt, tp->snd_una);
	if (likely(!queued && !sk->sk_wmem_queued))
		return;
	if (!waiting && !conn->fin_wanted)
		mem->stalled_since = 0;
	else if (waiting < before || !mem->stalled_since)
		mem->stalled_since = fsk_now();
	grown = !starved && fsk_send_keep_writable(sk, waiting);
	if (sk->sk_wmem_queued < queued || grown)
		fsk_send_space(sk);
	if (sk->sk_wmem_queued < queued && conn->life_at &&
	    sock_flag(sk, SOCK_DEAD))
		conn->life_at = fsk_now() + fsk_patience(sk);
	if (waiting) {
		/* Only these have something to wait for. */
		if (conn->life_at || inet_csk(sk)->icsk_user_timeout ||
		    mem->severed)
			fsk_timer_arm(conn);
	} else if (mem->fin_sent && !conn->fin_wanted) {
		fsk_state_fin_acked(conn, fsk_now());
	}
}

static void established(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase != FSK_PH_SYN_SENT ||
	    conn->sk->sk_state != TCP_SYN_SENT)
		return;
	conn->phase = FSK_PH_OPEN;
	fsk_state_established(conn);
}

/* Beyond the window it is known of, but not there; fsk_loop_show() has it. */
static void urgent(struct fsk_memory *mem)
{
	fsk_urgent_announced(&mem->conn, mem->urg_in);
	if (mem->urg_in - mem->in->tail < mem->in->window)
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}

static u32 received(const struct fsk_memory *mem)
{
	u32 unread = fsk_ring_unread(mem->in);

	return mem->in->tail + min(unread, mem->in->window) +
	       sock_flag(mem->conn.sk, SOCK_DONE);
}

/* As fsk_loop_show(), but for the urgent byte. */
static void show_bytes(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	u32 nxt;

	do {
		nxt = received(mem);
		WRITE_ONCE(tp->rcv_nxt, nxt);
		tp->rcv_wup = nxt;
		smp_mb();	/* pairs with fsk_loop_read() */
	} while (unlikely(nxt != received(mem)));
}

/* More than the window holds is unread: has all of that been shown already? */
static bool all_shown(const struct fsk_memory *mem)
{
	smp_mb();	/* head, then tail: pairs with fsk_loop_read() */
	return READ_ONCE(mem->in->tail) + mem->in->window ==
	       tcp_sk(mem->conn.sk)->rcv_nxt;
}

/* Has the urgent byte that was announced come into the window? */
static bool urgent_came(const struct fsk_memory *mem)
{
	const struct tcp_sock *tp = tcp_sk(mem->conn.sk);

	return tp->urg_data == TCP_URG_NOTYET &&
	       tp->urg_seq == mem->urg_in &&
	       fsk_before(mem->urg_in, tp->rcv_nxt);
}

/**
 * fsk_loop_show - tell poll() and others what has been received
 * @mem: connection
 *
 * No more than the window; a FIN counts as a byte.
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 */
void fsk_loop_show(struct fsk_memory *mem)
{
	show_bytes(mem);
	if (unlikely(urgent_came(mem)))
		fsk_urgent_byte(&mem->conn, mem->urg_in, mem->urg_byte);
}

/*
 * The writer has sent its last byte; when the window has it, so does TCP's
 * receiver.  Until then a reset must be seen to have cut the stream short.
 */
static void end_of_stream(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (sock_flag(conn->sk, SOCK_DONE))
		return;
	mem->fin_beyond = fsk_ring_unread(mem->in) > mem->in->window;
	if (unlikely(mem->fin_beyond))
		return;
	fsk_state_rcv_done(conn->sk);
	fsk_loop_show(mem);
	fsk_state_fin(conn);
}

/* Would poll() call the receive buffer full?  See tcp_rmem_pressure(). */
static __always_inline bool nearly_full(u32 bytes, u32 window)
{
	return bytes > window - window / 8;
}

/*
 * Unread bytes count as the socket's memory, in case somebody looks, but not a
 * few: to count each message and to forget it again would be all that the ends
 * write into that line.  More than poll() needs to call a receive buffer full,
 * see tcp_poll(), do count however few they are.
 */
static bool many(u32 unread, u32 window)
{
	return unread >= FSK_LOOP_COUNT || nearly_full(unread, window);
}

/* Are so many unread that what counts of them is too few? */
static __always_inline bool count_is_due(u32 unread, u32 counted, u32 window)
{
	return unread >= FSK_LOOP_COUNT + 2 * counted ||
	       (nearly_full(unread, window) && !nearly_full(counted, window));
}

/**
 * fsk_loop_count - have the socket's memory count what is unread
 * @mem: connection
 *
 * The writer calls it when more is unread than counts, the reader after it has
 * taken something that did.  Neither knows what the other is about to do, so
 * whoever changes @counted corrects the socket's number by the difference, and
 * looks again.
 *
 * Context: the caller owns the socket, or its spinlock is held.
 */
noinline void fsk_loop_count(struct fsk_memory *mem)
{
	u32 unread, counted;

	if (!mem->counts)
		return;
	do {
		unread = fsk_ring_unread(mem->in);
		counted = many(unread, READ_ONCE(mem->in->window)) ? unread : 0;
		/* The number, then the ring: pairs with the other's xchg(). */
		counted -= xchg(&mem->counted, counted);
		atomic_add(counted, &mem->conn.sk->sk_rmem_alloc);
	} while (unlikely(unread != fsk_ring_unread(mem->in)));
}

static void reset(struct fsk_memory *mem)
{
	u32 unread, window = mem->in->window;

	if (unlikely(mem->fin_beyond)) {
		end_of_stream(mem);
		if (mem->conn.phase == FSK_PH_DEAD)
			return;
	}
	unread = fsk_ring_unread(mem->in);
	/* What TCP would not have sent yet is lost.  Nobody writes any more. */
	if (unread > window) {
		WRITE_ONCE(mem->in->head, mem->in->tail + window);
		fsk_loop_count(mem);
	}
	fsk_state_reset(&mem->conn);
}

/* A kernel user has taken the socket over: as TCP hands it bytes. */
static void feed(struct fsk_memory *mem)
{
	struct sock *sk = mem->conn.sk;

	fsk_loop_fill(mem);
	do {
		if (!sock_flag(sk, SOCK_DEAD))
			sk->sk_data_ready(sk);
	} while (fsk_loop_fill(mem));
	fsk_loop_read(mem);
}

/* To the end @side, from where its spinlock must not be taken. */
static void tell_later(struct fsk_pair *pair, unsigned int side,
		       unsigned int bit)
{
	set_bit(bit + side, &pair->late);
	fsk_pair_queue(pair);
}

/**
 * fsk_loop_run - do what the other end wants
 * @mem: connection; it may be dead afterwards
 * @events: FSK_EV_*
 *
 * Context: socket lock held in either form, RCU read section, BH disabled.
 */
void fsk_loop_run(struct fsk_memory *mem, unsigned int events)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	if (events & FSK_EV_CONNECTED)
		established(mem);
	if (events & FSK_EV_URGENT)
		urgent(mem);
	if (events & FSK_EV_READABLE)
		feed(mem);
	if (events & FSK_EV_FIN)
		end_of_stream(mem);
	if (events & FSK_EV_RESET && conn->phase != FSK_PH_DEAD)
		reset(mem);
	if (events & FSK_EV_SPACE && conn->phase != FSK_PH_DEAD)
		update(mem);
	/* This lock is not the one to speak to the other end under. */
	if (events & FSK_EV_LINE && conn->phase != FSK_PH_DEAD)
		tell_later(mem->pair, mem->side, FSK_LATE_LINE);
}

/* The socket of @mem is locked by its spinlock. */
static void post_event(struct fsk_memory *mem, unsigned int event)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	if (sock_owned_by_user(conn->sk))
		conn->deferred |= event;
	else
		fsk_loop_run(mem, event);
}

/*
 * Context: process; the caller owns @mem's socket.
 * Return: false if there is no other end any more.
 */
static bool tell(struct fsk_memory *mem, unsigned int event)
{
	struct fsk_memory *peer;

	rcu_read_lock_bh();
	peer = peer_of(mem);
	if (peer) {
		spin_lock(&peer->conn.sk->sk_lock.slock);
		post_event(peer, event);
		spin_unlock(&peer->conn.sk->sk_lock.slock);
	}
	rcu_read_unlock_bh();
	return peer;
}

/*
 * Nobody will read these bytes: as TCP's reset in answer to them.
 *
 * Context: process; the caller owns @mem's socket.
 */
static void refused(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	tell(mem, FSK_EV_RESET);
	rcu_read_lock();
	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (conn->phase != FSK_PH_DEAD)
		reset(mem);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
	rcu_read_unlock();
}

/* Has the program closed the descriptor, so that bytes are out of place? */
static bool deaf(const struct fsk_memory *mem)
{
	const struct sock *sk = mem->conn.sk;

	return (1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2) &&
	       sk->sk_shutdown & RCV_SHUTDOWN;
}

/* What sock_def_readable() does, for a caller who is in an RCU read section. */
static __always_inline void wake_plain(struct sock *sk)
{
	struct socket_wq *wq = rcu_dereference_check(sk->sk_wq,
						     rcu_read_lock_bh_held());

	if (skwq_has_sleeper(wq))
		wake_up_interruptible_sync_poll(&wq->wait, EPOLLIN | EPOLLPRI |
						EPOLLRDNORM | EPOLLRDBAND);
	sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
}

/*
 * Wake readers once what they wait for is there.
 *
 * Context: process, RCU read section.
 */
static __always_inline void wake_reader(struct fsk_memory *peer)
{
	struct sock *sk = peer->conn.sk;

	if (likely(sk->sk_data_ready == plain_data_ready)) {
		fsk_trace_data_ready(sk);
		wake_plain(sk);
		return;
	}
	/* Kernel users of a socket expect to be called under its lock. */
	spin_lock_bh(&sk->sk_lock.slock);
	post_event(peer, FSK_EV_READABLE);
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* The last byte written is urgent; @n of them do not count as sent yet. */
static void mark_urgent(struct fsk_memory *mem, u32 n)
{
	mem->conn.urg_seq = mem->out->head + mem->out->held + n - 1;
	mem->urg_sent = mem->sent_byte;
}

/* Tell the other end, whose spinlock is held, of the urgent byte. */
static void point_out(const struct fsk_memory *mem, struct fsk_memory *peer)
{
	peer->urg_in = mem->conn.urg_seq;
	peer->urg_byte = mem->urg_sent;
	post_event(peer, FSK_EV_URGENT);
}

/*
 * Show @n written bytes to the other end, with an urgent one or without.
 * Return: false if it wants none.
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
	peer = peer_of(mem);
	if (unlikely(!peer)) {
		rcu_read_unlock_bh();
		return false;
	}
	sk = peer->conn.sk;
	tp = tcp_sk(sk);
	spin_lock(&sk->sk_lock.slock);
	/* The ring's memory, then the list: pairs with visit() in pair.c. */
	smp_mb__after_spinlock();
	if (unlikely(sk->sk_state != TCP_ESTABLISHED && deaf(peer))) {
		heard = false;
	} else if (likely(peer->conn.phase != FSK_PH_DEAD)) {
		mem->out->window = fsk_loop_window(sk);
		if (unlikely(is_urgent))
			point_out(mem, peer);
		if (unlikely(fsk_stamps(sk)))
			WRITE_ONCE(mem->out->stamp, ktime_get_real());
		fsk_ring_publish(mem->out, n);
		unread = fsk_ring_unread(mem->out);
		if (likely(unread <= mem->out->window)) {
			WRITE_ONCE(tp->rcv_nxt, mem->out->head);
		} else if (!all_shown(peer)) {
			show_bytes(peer);
			if (unlikely(urgent_came(peer)))
				post_event(peer, FSK_EV_URGENT);
		}
		if (unlikely(count_is_due(unread, READ_ONCE(peer->counted),
					  mem->out->window)))
			fsk_loop_count(peer);
		WRITE_ONCE(mem->out->segs, mem->out->segs + 1);
		/* Bytes beside what is posted end its reader's wait. */
		wake = unread >= READ_ONCE(sk->sk_rcvlowat) ||
		       unread >= mem->out->window || peer->conn.post;
		fsk_conn_stat_add(&peer->conn, FSK_MIB_IN_BYTES, n);
	}
	spin_unlock(&sk->sk_lock.slock);
	if (likely(wake))
		wake_reader(peer);
	rcu_read_unlock_bh();
	return heard;
}

/* Bytes in the send buffer; less than none if the window has room. */
static s64 backlog(const struct fsk_memory *mem)
{
	/* Nothing gets as far as the reader's window. */
	if (unlikely(mem->severed))
		return mem->conn.sk->sk_wmem_queued;
	return (s64)fsk_ring_used(mem->out) - mem->out->window;
}

/* Bytes that a buffer of @size takes beside @waiting. */
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

/* Is there any?  The window has, as a rule. */
static __always_inline bool has_room(const struct fsk_memory *mem)
{
	return likely(fsk_ring_used(mem->out) <= mem->out->window &&
		      !mem->severed) || room(mem);
}

/*
 * Bytes that a call takes which does not wait: what the buffer had room for.
 * TCP sees acks no sooner than its owner lets go of the socket.
 */
static u32 room_at_once(const struct fsk_memory *mem)
{
	return fits(READ_ONCE(mem->conn.sk->sk_sndbuf),
		    max_t(s64, backlog(mem), 0));
}

/* There is room, but this call has had its share. */
static int enough(struct sock *sk)
{
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	fsk_send_space(sk);
	return -EAGAIN;
}

/**
 * fsk_loop_retry - a writer that had no memory may try again
 * @mem: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_retry(struct fsk_memory *mem)
{
	mem->out->starved = false;
	update(mem);
}

/*
 * Send the first @n bytes of those that are held.  The caller owns the socket,
 * or both spinlocks are its to take and it has this end's.  Return: false if
 * the other end wants none.
 */
static bool push_held(struct fsk_memory *mem, u32 n)
{
	struct fsk_conn *conn = &mem->conn;
	bool all = n == mem->out->held;

	mem->out->held -= n;
	if (all) {
		conn->cork_at = 0;
		mem->holds = mem->severed || conn->corked;
	}
	if (n && !publish(mem, n, all && conn->urg_out))
		return false;
	if (all)
		conn->urg_out = false;
	if (mem->out->head - conn->told_nxt > FSK_LOOP_TELL)
		fsk_conn_info(conn);
	update(mem);
	return true;
}

/*
 * Bytes were written that are held.  Those which fill a segment need not wait
 * for more, nor does anything if the program says so.  A segment that goes has
 * TCP forget MSG_MORE, for its ack is there at once.
 */
static noinline void cork(struct fsk_memory *mem, const struct msghdr *msg,
			  bool is_urgent)
{
	u32 n = mem->out->held, mss = tcp_sk(mem->conn.sk)->mss_cache;
	struct fsk_conn *conn = &mem->conn;

	if (conn->corked && !is_urgent)
		n -= n % mss;
	else if (msg->msg_flags & MSG_MORE && !is_urgent && n < mss)
		n = 0;
	if (n && !push_held(mem, n)) {
		refused(mem);
		return;
	}
	if (mem->out->held && (n || !conn->cork_at)) {
		conn->cork_at = fsk_now() + FSK_CORK_NS;
		fsk_timer_arm(conn);
	}
}

/**
 * fsk_loop_uncork - send what waits for more
 * @mem: connected connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_uncork(struct fsk_memory *mem)
{
	if (mem->out->held && !mem->severed &&
	    !push_held(mem, mem->out->held))
		refused(mem);
}

/**
 * fsk_loop_cork - TCP_CORK has changed
 * @mem: connected connection, whose @corked has
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_cork(struct fsk_memory *mem)
{
	if (!mem->conn.corked)
		fsk_loop_uncork(mem);
	mem->holds = mem->severed || mem->conn.corked || mem->out->held;
}

/**
 * fsk_loop_uncork_later - as fsk_loop_uncork(), from a work item
 * @mem: connection
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_uncork_later(struct fsk_memory *mem)
{
	mem->cork_due = true;
	tell_later(mem->pair, mem->side, FSK_LATE_LINE);
}

/*
 * There is no memory for more.  The reader may wait for more than is there, and
 * is told: poll() lets it read under memory pressure.
 */
static int wait_memory(struct fsk_memory *mem, long *timeo)
{
	struct sock *sk = mem->conn.sk;
	struct fsk_memory *peer;

	fsk_loop_uncork(mem);
	rcu_read_lock();
	peer = peer_of(mem);
	if (peer && fsk_ring_used(mem->out))
		wake_reader(peer);
	rcu_read_unlock();
	mem->conn.retry_at = fsk_now() + FSK_LOOP_RETRY_NS;
	update(mem);
	fsk_timer_arm(&mem->conn);
	if (mem->out->starved)
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return sk_stream_wait_memory(sk, timeo);
}

static int wait_space(struct fsk_memory *mem, long *timeo)
{
	struct sock *sk = mem->conn.sk;

	update(mem);
	if (room(mem))
		return 0;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* Who has to wait would get nowhere if bytes waited for more. */
	fsk_loop_uncork(mem);
	return sk_stream_wait_memory(sk, timeo);
}

/* May bytes go past the ring?  The spinlock of @peer's socket is held. */
static bool posted(const struct fsk_memory *peer)
{
	const struct fsk_post *post = peer->conn.post;
	const struct sock *sk = peer->conn.sk;

	/*
	 * First: the thread that finds its connection gone leaves it alone, and
	 * frees the buffer that it had posted there.
	 */
	if (unlikely(peer->conn.phase == FSK_PH_DEAD))
		return false;
	return post && !post->busy && post->filled < post->len &&
	       !sock_owned_by_user(sk) &&
	       !deaf(peer) && !fsk_ring_unread(peer->in) &&
	       skb_queue_empty(&sk->sk_receive_queue) &&
	       !tcp_sk(sk)->urg_data;
}

/*
 * @n bytes were put into the buffer that @peer has posted.  The spinlock of its
 * socket is held.  Return: is that enough for its reader?
 */
static bool filled(struct fsk_memory *peer, u32 n)
{
	struct tcp_sock *tp = tcp_sk(peer->conn.sk);
	struct fsk_post *post = peer->conn.post;
	bool enough;

	/* Killed meanwhile; the socket may be TCP's by now. */
	if (unlikely(peer->conn.phase == FSK_PH_DEAD)) {
		fsk_post_filled(post, 0);
		return true;
	}
	/* In this order nobody who looks without the lock sees them unread. */
	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	fsk_ring_skip(peer->in, n);
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + n);
	WRITE_ONCE(peer->in->segs, peer->in->segs + 1);
	fsk_conn_stat_add(&peer->conn, FSK_MIB_IN_BYTES, n);
	fsk_conn_stat_add(&peer->conn, FSK_MIB_POSTED_BYTES, n);
	enough = post->filled + n >= peer->conn.post_want;
	fsk_post_filled(post, n);
	return enough;
}

/*
 * Copy into the buffer that the other end's reader waits with, if it does.
 * While @busy is set nobody else touches buffer or numbers, so that no lock is
 * held over the copy.  Return: bytes, 0 if they have to go through the ring.
 */
static int write_posted(struct fsk_memory *mem, struct msghdr *msg, size_t len)
{
	struct fsk_memory *peer;
	struct fsk_post *post;
	bool enough, ready;
	size_t n = 0;

	rcu_read_lock();
	peer = peer_of(mem);
	if (likely(!peer || !READ_ONCE(peer->conn.post)))
		goto out;
	spin_lock_bh(&peer->conn.sk->sk_lock.slock);
	post = peer->conn.post;
	ready = posted(peer);
	if (ready)
		post->busy = true;
	spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	if (!ready)
		goto out;

	n = fsk_post_copy(post, &msg->msg_iter, len);

	spin_lock_bh(&peer->conn.sk->sk_lock.slock);
	enough = filled(peer, n);
	spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	smp_mb();	/* busy, then whether anybody waits for it */
	wake_up_var(&post->busy);	/* an address, no access */
	if (enough)
		wake_reader(peer);
out:
	rcu_read_unlock();
	return n;
}

static bool is_cut(const struct fsk_pair *pair)
{
	return unlikely(READ_ONCE(pair->astray)) ||
	       (unlikely(pair->line) && fsk_across_cut(pair->line));
}

/* Something waits for a way to the other end; nobody tells of a new one. */
static void seek_way(struct fsk_memory *mem)
{
	if (READ_ONCE(mem->pair->astray) && !mem->conn.retry_at)
		mem->conn.retry_at = fsk_now() + FSK_LOOP_ASTRAY_NS;
}

static void sever(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	mem->severed = true;
	mem->holds = true;
	conn->heard_at = fsk_now();
	conn->probes = 0;
	if (mem->stalled_since)
		mem->stalled_since = conn->heard_at;
	seek_way(mem);
	fsk_keepalive_moved(conn);
	fsk_timer_arm(conn);
}

/*
 * Something has changed that may lead packets elsewhere.  What is written next
 * must not arrive then.  The caller owns the socket.
 */
static noinline void look_out(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (fsk_path_pair(mem) || mem->severed)
		return;
	spin_lock_bh(&conn->sk->sk_lock.slock);
	if (conn->phase != FSK_PH_DEAD)
		sever(mem);
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/**
 * fsk_loop_look - is the other end there?
 * @mem: connection
 *
 * Context: the socket's spinlock is held, by its owner if it has one.
 * Return: false if the line is cut.
 */
bool fsk_loop_look(struct fsk_memory *mem)
{
	if ((mem->severed || !fsk_path_fresh(&mem->conn)) &&
	    !fsk_path_pair(mem) && !mem->severed)
		sever(mem);
	return !mem->severed;
}

/* Keep @n written bytes until the line is whole again. */
static void hold(struct fsk_memory *mem, u32 n, bool is_urgent)
{
	mem->out->held += n;
	mem->conn.urg_out |= is_urgent;
	smp_mb();	/* memory, then the list: pairs with visit(), pair.c */
	if (list_empty_careful(&mem->pair->holder))
		fsk_pair_holds(mem->pair);
	seek_way(mem);
	update(mem);
}

/* One stretch.  Return: as fsk_loop_write(), or bytes. */
static __always_inline int write_stretch(struct fsk_memory *mem,
					 struct msghdr *msg, size_t len)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;
	bool is_urgent;
	int n = 0;

	if (unlikely(!fsk_path_fresh(conn)))
		look_out(mem);
	if (len >= FSK_LOOP_POST_MIN && !(msg->msg_flags & MSG_OOB) &&
	    !mem->holds)
		n = write_posted(mem, msg, len);
	if (n) {
		WRITE_ONCE(tp->write_seq, tp->write_seq + n);
		tp->segs_out++;
		tp->data_segs_out++;
		fsk_conn_stat_add(conn, FSK_MIB_OUT_BYTES, n);
		update(mem);
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
	if (unlikely(mem->holds)) {
		hold(mem, n, is_urgent);
		if (!mem->severed)
			cork(mem, msg, is_urgent);
		return n;
	}
	if (unlikely(!publish(mem, n, is_urgent))) {
		refused(mem);
		return n;
	}
	if (unlikely(mem->out->head - conn->told_nxt > FSK_LOOP_TELL))
		fsk_conn_info(conn);
	/* After the barrier in publish(). */
	if (unlikely(list_empty_careful(&mem->pair->holder)))
		fsk_pair_holds(mem->pair);
	if (likely(fsk_ring_used(mem->out) <= mem->out->window &&
		   !conn->sk->sk_wmem_queued)) {
		WRITE_ONCE(tp->snd_una, tp->write_seq);
		WRITE_ONCE(tp->snd_nxt, tp->write_seq);
	} else {
		update(mem);
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
 * fsk_loop_write - send
 * @mem: connected connection
 * @msg: what to send
 * @timeo: jiffies left to wait
 * @copied: bytes taken, to be added to
 *
 * Context: process, may sleep; the caller owns the socket.
 * Return: 0 or why not all was taken, as TCP.
 */
int fsk_loop_write(struct fsk_memory *mem, struct msghdr *msg, long *timeo,
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
			mem->holds = true;
		space = room(mem);
		if (likely(space && share)) {
			space = min_t(size_t, min(space, FSK_LOOP_STRETCH),
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
 * fsk_loop_send - send() in the ordinary case, and only then
 * @sk: socket
 * @msg: what to send
 * @size: bytes
 *
 * Nothing to wait for, no flags that matter, no ancillary data.
 *
 * Context: process, may sleep.
 * Return: bytes taken, or 0 if fsk_sendmsg() is to do it.
 */
int fsk_loop_send(struct sock *sk, struct msghdr *msg, size_t size)
{
	struct fsk_conn *conn;
	int n, done = 0;

	if (unlikely(msg->msg_flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL) ||
		     msg->msg_controllen || !size || size > FSK_LOOP_STRETCH))
		return 0;
	lock_sock(sk);
	if (likely(fsk_is_conn(sk) && sk->sk_state == TCP_ESTABLISHED &&
		   !sk->sk_err && !(sk->sk_shutdown & SEND_SHUTDOWN))) {
		conn = fsk_conn(sk);
		/* Another thread may have connected it anew, over frames. */
		if (likely(fsk_in_memory(conn) && has_room(fsk_memory(conn))))
			done = max(write_stretch(fsk_memory(conn), msg, size),
				   0);
	}
	release_sock(sk);
	if (likely(!done || done == size))
		return done;
	/* The buffer that was posted is full, or so: the rest, as it goes. */
	msg->msg_flags |= MSG_NOSIGNAL;
	n = fsk_sendmsg(sk, msg, size - done);
	return done + max(n, 0);
}

static void tell_urgent(struct fsk_memory *mem)
{
	struct fsk_memory *peer;

	rcu_read_lock();
	peer = peer_of(mem);
	if (peer) {
		spin_lock_bh(&peer->conn.sk->sk_lock.slock);
		point_out(mem, peer);
		spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
	}
	rcu_read_unlock();
}

/**
 * fsk_loop_urgent - the last byte written is urgent, as was not known then
 * @mem: connection into which at least one byte was written
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_urgent(struct fsk_memory *mem)
{
	mark_urgent(mem, 0);
	if (unlikely(mem->severed))
		mem->conn.urg_out = true;
	else
		tell_urgent(mem);
}

/* What has come into the window, the end perhaps. */
static void show_locked(struct fsk_memory *mem)
{
	fsk_loop_show(mem);
	if (unlikely(mem->fin_beyond))
		end_of_stream(mem);
}

/* Likewise; the end is for the release of the socket, which the caller owns. */
static void show_unlocked(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	spin_lock_bh(&conn->sk->sk_lock.slock);
	fsk_loop_show(mem);
	if (unlikely(mem->fin_beyond))
		conn->deferred |= FSK_EV_FIN;
	spin_unlock_bh(&conn->sk->sk_lock.slock);
}

/*
 * Bytes that waited beyond the window count as received only now, as if a
 * segment had come: whoever waits for edges, and has asked before how much
 * there was, must hear of it.  Kernel users find them as they read on.
 */
static void arrived(struct sock *sk)
{
	if (unlikely(sk->sk_data_ready != plain_data_ready))
		return;
	rcu_read_lock();
	wake_plain(sk);
	rcu_read_unlock();
}

/**
 * fsk_loop_taken - the program, or a kernel user, has made room
 * @mem: connection
 *
 * Called by fsk_loop_read().
 *
 * Context: process, the caller owns the socket; or its spinlock is held.
 */
void fsk_loop_taken(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	bool locked = softirq_count();	/* by its spinlock */
	struct fsk_conn *conn = &mem->conn;

	/* The writer is ahead of the window. */
	if (fsk_rx_grow_buffer(conn))
		WRITE_ONCE(mem->in->window, fsk_loop_window(conn->sk));
	if (unlikely(READ_ONCE(tp->rcv_nxt) != received(mem) &&
		     conn->phase != FSK_PH_DEAD)) {
		if (unlikely(locked))
			show_locked(mem);
		else
			show_unlocked(mem);
		arrived(conn->sk);
	}
	if (!READ_ONCE(mem->in->waiting))
		return;
	if (unlikely(locked))
		tell_later(mem->pair, !mem->side, FSK_LATE_SPACE);
	else
		tell(mem, FSK_EV_SPACE);
}

/**
 * fsk_loop_resized - the receive buffer has a new size
 * @mem: connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_resized(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	if (conn->phase == FSK_PH_DEAD)
		return;
	WRITE_ONCE(mem->in->window, fsk_loop_window(conn->sk));
	fsk_loop_count(mem);
	show_unlocked(mem);
	conn->sk->sk_data_ready(conn->sk);
	fsk_loop_read(mem);
}

/**
 * fsk_loop_accepted - a program has got the socket
 * @sk: what accept() returns
 *
 * From here on unread bytes count as the socket's.  Not before: what the socket
 * holds then, TCP's accept() charges to the program's memory cgroup, and
 * expects it to have been charged to TCP, which uncharges both as it is read.
 * The bytes of a ring are charged to who wrote them: nobody would uncharge them
 * here.
 *
 * Context: process; nobody else knows the socket yet but its peer.
 */
void fsk_loop_accepted(struct sock *sk)
{
	struct fsk_conn *conn;

	spin_lock_bh(&sk->sk_lock.slock);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (conn && fsk_in_memory(conn)) {
		fsk_memory(conn)->counts = true;
		fsk_loop_count(fsk_memory(conn));
	}
	spin_unlock_bh(&sk->sk_lock.slock);
}

/* The other end knows of the end of the stream; the spinlock is held. */
static void fin_told(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;

	update(mem);
	if (!conn->sk->sk_wmem_queued && conn->phase != FSK_PH_DEAD)
		fsk_state_fin_acked(conn, fsk_now());
}

/* The end of the stream.  The caller owns the socket. */
static void send_fin(struct fsk_memory *mem)
{
	if (!tell(mem, FSK_EV_FIN)) {
		refused(mem);
		return;
	}
	rcu_read_lock();
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	fin_told(mem);
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
	rcu_read_unlock();
}

/* There is something to send and no line: patience begins to end. */
static void await_line(struct fsk_memory *mem)
{
	if (!mem->stalled_since)
		mem->stalled_since = fsk_now();
	seek_way(mem);
	fsk_timer_arm(&mem->conn);
}

/**
 * fsk_loop_fin - the program sends no more
 * @mem: connection; its state has already changed, and may do so again
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_fin(struct fsk_memory *mem)
{
	struct tcp_sock *tp = tcp_sk(mem->conn.sk);
	struct fsk_conn *conn = &mem->conn;

	if (unlikely(!fsk_path_fresh(conn)))
		look_out(mem);
	fsk_loop_uncork(mem);
	if (conn->phase == FSK_PH_DEAD)
		return;
	mem->fin_sent = true;
	mem->out->starved = false;
	WRITE_ONCE(tp->write_seq, tp->write_seq + 1);
	if (unlikely(mem->severed)) {
		conn->fin_wanted = true;
		await_line(mem);
		return;
	}
	send_fin(mem);
}

/**
 * fsk_loop_reset - tell the other end that the connection is gone
 * @mem: connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_loop_reset(struct fsk_memory *mem)
{
	if (unlikely(!fsk_path_fresh(&mem->conn)))
		look_out(mem);
	if (unlikely(is_cut(mem->pair))) {
		fsk_loop_reset_later(mem);
		return;
	}
	fsk_count_reset(sock_net(mem->conn.sk));
	tell(mem, FSK_EV_RESET);
}

/* What was held goes on its way.  Return: false if the other end wants none. */
static bool send_held(struct fsk_memory *mem, bool fin)
{
	struct fsk_conn *conn = &mem->conn;
	u32 n = mem->out->held;

	mem->out->held = 0;
	if (n && !publish(mem, n, conn->urg_out))
		return false;
	if (!n && conn->urg_out)
		tell_urgent(mem);
	conn->urg_out = false;
	return !fin || tell(mem, FSK_EV_FIN);
}

/* Both spinlocks are the caller's to take, and he has this end's. */
static void mend(struct fsk_memory *mem)
{
	struct fsk_conn *conn = &mem->conn;
	bool fin = conn->fin_wanted;

	mem->severed = false;
	mem->holds = conn->corked;
	conn->cork_at = 0;
	conn->fin_wanted = false;
	mem->stalled_since = 0;
	if (!send_held(mem, fin)) {
		tell(mem, FSK_EV_RESET);
		reset(mem);
		return;
	}
	if (fin)
		fin_told(mem);
	else
		update(mem);
	/* An orphan has less time now. */
	fsk_timer_arm(conn);
}

/* As mend(), of bytes that have waited for more. */
static void cork_expired(struct fsk_memory *mem)
{
	mem->cork_due = false;
	if (mem->out->held && !push_held(mem, mem->out->held)) {
		tell(mem, FSK_EV_RESET);
		reset(mem);
	}
}

/* A line that is whole again may bring back the way. */
static bool is_whole(struct fsk_memory *mem)
{
	struct fsk_pair *pair = mem->pair;

	return !is_cut(pair) || (READ_ONCE(pair->astray) &&
				 fsk_path_pair(mem) && !is_cut(pair));
}

/*
 * An end learns that its line is cut, or whole again, and then speaks to the
 * other one, both under spinlocks.  This is safe because nobody but the pair's
 * work item takes one in the other.
 */
static void late_line(struct fsk_pair *pair, unsigned int side)
{
	struct fsk_memory *mem;
	struct sock *sk;

	mem = rcu_dereference(pair->end[side]);
	if (!mem || !test_and_clear_bit(FSK_LATE_LINE + side, &pair->late))
		return;
	sk = mem->conn.sk;
	local_bh_disable();
	spin_lock_nested(&sk->sk_lock.slock, FSK_LATE_NESTING);
	if (mem->conn.phase == FSK_PH_DEAD)
		;
	else if (sock_owned_by_user(sk))
		mem->conn.deferred |= FSK_EV_LINE;
	else if (mem->severed && is_whole(mem))
		mend(mem);
	else if (!mem->severed && is_cut(pair))
		sever(mem);
	else if (!mem->severed && mem->cork_due)
		cork_expired(mem);
	spin_unlock(&sk->sk_lock.slock);
	local_bh_enable();
}

static void late_events(struct fsk_pair *pair, unsigned int side)
{
	unsigned int events = 0;
	struct fsk_memory *mem;

	/* Not heard while the line is cut; looked at again when it is whole. */
	if (!is_cut(pair) &&
	    test_and_clear_bit(FSK_LATE_RESET + side, &pair->late))
		events |= FSK_EV_RESET;
	if (test_and_clear_bit(FSK_LATE_SPACE + side, &pair->late))
		events |= FSK_EV_SPACE;
	mem = rcu_dereference(pair->end[side]);
	if (!mem || !events)
		return;
	spin_lock_bh(&mem->conn.sk->sk_lock.slock);
	post_event(mem, events);
	spin_unlock_bh(&mem->conn.sk->sk_lock.slock);
}

/**
 * fsk_loop_late - tell the ends what could not be told at once
 * @work: of a struct fsk_pair, which is referenced
 *
 * Context: process.
 */
void fsk_loop_late(struct work_struct *work)
{
	struct fsk_pair *pair = container_of(work, struct fsk_pair, work);
	unsigned int side;

	rcu_read_lock();
	/* First, or a reset could overtake what was held before it. */
	for (side = 0; side < 2; side++)
		late_line(pair, side);
	for (side = 0; side < 2; side++)
		late_events(pair, side);
	rcu_read_unlock();
	fsk_pair_put(pair);
}

/*
 * fsk_loop_reset() where this end's spinlock may be held: only if the other's
 * is free, for it must not be waited for.  Return: false if not, or if what was
 * sent before the reset may still wait for the line.
 */
static bool reset_now(struct fsk_memory *mem)
{
	struct fsk_memory *peer;
	bool done = false;

	if (unlikely(mem->pair->line))
		return false;
	rcu_read_lock();
	peer = peer_of(mem);
	if (peer && spin_trylock_bh(&peer->conn.sk->sk_lock.slock)) {
		post_event(peer, FSK_EV_RESET);
		spin_unlock_bh(&peer->conn.sk->sk_lock.slock);
		done = true;
	}
	rcu_read_unlock();
	return done;
}

/**
 * fsk_loop_reset_later - as fsk_loop_reset(), if need be from a work item
 * @mem: connection
 *
 * Usually at once: when close() of a listener returns, those who wait for it to
 * accept are to know, as with TCP.
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_reset_later(struct fsk_memory *mem)
{
	fsk_count_reset(sock_net(mem->conn.sk));
	if (!reset_now(mem))
		tell_later(mem->pair, !mem->side, FSK_LATE_RESET);
}

/**
 * fsk_loop_leave - the connection dies
 * @mem: connection
 *
 * Context: the socket's spinlock is held, or its owner's other threads have
 * nothing to say any more.
 */
void fsk_loop_leave(struct fsk_memory *mem)
{
	RCU_INIT_POINTER(mem->pair->end[mem->side], NULL);
	mem->out->held = 0;
	WRITE_ONCE(mem->conn.sk->sk_wmem_queued, 0);
}

/**
 * fsk_loop_unhook - the socket has nothing to do with the connection any more
 * @mem: dead connection
 *
 * Context: socket lock held in either form.
 */
void fsk_loop_unhook(struct fsk_memory *mem)
{
	if (mem->counted)
		atomic_sub(xchg(&mem->counted, 0),
			   &mem->conn.sk->sk_rmem_alloc);
}

static int look_at_data_ready(struct sock *sk)
{
	plain_data_ready = sk->sk_data_ready;
	return 0;
}

/**
 * fsk_loop_init - learn what sockets start with
 *
 * Context: process, module load.
 * Return: 0 or a negative errno.
 */
int fsk_loop_init(void)
{
	return fsk_conn_sample(look_at_data_ready);
}
