/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fastsock connection: what hangs on a TCP sk that speaks fastsock.
 *
 * LOCKING AND LIFETIME
 *
 * One lock protects a connection: its socket's, in TCP's two forms.  Process
 * context takes lock_sock(), or lock_sock_fast() where it never sleeps (sends
 * and receives of a few bytes in frames), which without an owner to wait for is
 * the second form; softirq (frames, the timer) takes bh_lock_sock()
 * and, finding the socket owned, puts frames on the backlog and marks the timer
 * deferred; release_sock() then does both.  Every field of struct fsk_conn, and
 * of struct fsk_frames and struct fsk_memory, that does not say otherwise is
 * protected by it, and so is the pure core in the frames' @tx and @rx.
 *
 * Order, outermost first:
 *
 *	enable_mutex (sysctl.c) > claim_mutex (claim.c)
 *	enable_mutex > rtnl > fsk_net.peers_lock
 *	rtnl > socket spinlock
 *	rtnl > transports_mutex (transport.c) > link_lock
 *	socket lock, rtnl > fsk_table.lock, fsk_net.peers_lock,
 *		fsk_net.budget_lock, link_lock, frames_keys_lock: leaves
 *	socket lock > fsk_tombs.lock > fsk_table.lock
 *	socket lock > inet bind and established hash locks (inside inet calls)
 *	memory reclaim > reclaim_list.lock (pair.c) > socket spinlock
 *	owned socket > the other end's socket spinlock (events.c)
 *	one end's spinlock > the other end's (fsk_mem_process_link() alone;
 *		reset_now() does not wait)
 *	owned socket > the spinlock of its peer's new child (connect.c)
 *	socket lock > neighbour locks (path.c, link.c)
 *	socket lock > qdisc and device locks (inside dev_queue_xmit())
 *	listener's sk_callback_lock: a leaf, for reading sk_socket->ops
 * No lock is held over a grace period.
 *
 * A frame finds its connection in fsk_net.by_id under RCU and never takes a
 * reference: the connection owns one on its socket, and drops it by call_rcu()
 * after it left the table.  So conn->sk is valid memory for as long as the
 * reader stays in its RCU section, and fsk_conn_dead() tells under the socket
 * lock whether the connection still exists.
 *
 * The two ends of a connection in memory are part of struct fsk_pair, to which
 * each has a reference.  An end that leaves gives its reference on its socket
 * to the pair, so that the other end, which locks that socket, needs neither
 * references nor a grace period: whoever leaves last drops both.  In two
 * namespaces, and when its timer runs, an end leaves after a grace period as
 * one with frames does.
 *
 * The timer's callback runs in softirq, so the connection outlives it by the
 * same grace period; freeing makes sure that it is not queued again.  TCP's
 * timer for keepalive has a function of ours meanwhile, and a reference on the
 * socket while it is queued, as under TCP; see keepalive.c.  The fallback work
 * holds the socket and the module.  It never waits for the owner of a socket:
 * no work item does, because workers are shared and an owner may sleep in a
 * page fault for as long as it likes.
 *
 * What carries a connection never changes, but the connection of a socket may:
 * another takes the place of one of frames (fsk_conn_swap()).  So a transport
 * that comes by way of the socket asks whether the connection is one of its own
 * (fsk_in_frames(), fsk_in_memory()), and what is in the backlog meets the
 * function of the connection that the socket has by then.  Others ask for
 * nothing but what its transport says of itself and does.
 *
 * A connection of frames is made by fsk_frames_alloc(), one in memory is part
 * of a struct fsk_pair.  It is attached to its socket by fsk_conn_attach() (ULP
 * slot, sk_prot, filter); frames find it after fsk_frames_hash().  It ends
 * either in fsk_conn_detach(), which gives the socket back to TCP, or in the
 * ULP's release callback when TCP destroys the socket.  Both call
 * fsk_conn_kill().
 *
 * Module references: one per socket that has fastsock's proto_ops (sock->ops
 * owner, kept by the socket layer), one per namespace with enable=1, and one
 * for all that hold.c counts: each attached connection (until ulp_release() or
 * fsk_conn_detach()), each fallback work, each call through claimed ops,
 * because such a socket may be delegated, and lose its own reference, under
 * the caller.  Where another module's transport is used, connections, and
 * sockets in place of fastsock's reference, have one on that: see transport.c.
 */
#ifndef _FSK_CONN_H
#define _FSK_CONN_H

#include <linux/hrtimer.h>
#include <linux/workqueue.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/pernet.h"
#include "base/stats.h"
#include "core/challenge.h"
#include "core/family.h"
#include "core/transport.h"
#include "inet/route.h"

struct fsk_fallback;
struct fsk_post;

/* Bytes; less is refused when a peer offers it. */
#define FSK_MSS_MIN		256
/* Bytes; fits every device that takes new connections. */
#define FSK_MSS_SMALL		512
/* Bytes; fits every device whose MTU shrinks under a connection. */
#define FSK_MSS_LEAST		44
/*
 * Bytes by which writes may overrun a send buffer.  TCP's do by an skb of up to
 * 64 KiB, and its receiver takes a little beyond what it promised.
 */
#define FSK_OVERRUN		81920
/* So long TCP_CORK and MSG_MORE keep bytes back, as with TCP. */
#define FSK_CORK_NS		200000000ULL

/**
 * enum fsk_phase - where the handshake stands; sk_state tells the rest
 * @FSK_PH_SYN_SENT: client, no SYNACK yet; may still become TCP
 * @FSK_PH_FALLBACK: client, handed to the fallback work
 * @FSK_PH_JOINING: client, likewise, with a server in another namespace
 * @FSK_PH_CONFIRMING: client, connected, server not heard since CONFIRM
 * @FSK_PH_OPEN: both ends know of each other
 * @FSK_PH_DEAD: off the tables; frames and timers are ignored
 */
enum fsk_phase {
	FSK_PH_SYN_SENT,
	FSK_PH_FALLBACK,
	FSK_PH_JOINING,
	FSK_PH_CONFIRMING,
	FSK_PH_OPEN,
	FSK_PH_DEAD,
};

/* What is left to fsk_release_cb() while a program owns the socket. */
#define FSK_DEFER_TIMER		BIT(0)	/* the timer ran */
/*
 * What a transport has to do then; it names these bits itself, but for one.
 * Readers of bytes that are not queued see to it first.
 */
#define FSK_EV(n)		BIT(n)	/* 1 to 8 */
#define FSK_EV_URGENT		FSK_EV(3)
#define FSK_EV_ALL		GENMASK(8, 1)
#define FSK_DEFER_SUSPECT	BIT(9)	/* see fsk_challenge_suspect() */
#define FSK_DEFER_REFUSED	BIT(10)	/* see fsk_challenge_refused() */
#define FSK_DEFER_FALLBACK	BIT(11)	/* the fallback work ran */
#define FSK_DEFER_ARM		BIT(12)	/* fsk_timer_arm() */

/**
 * struct fsk_conn - one end of a connection, whatever carries it
 * @sk: the socket, referenced; see LOCKING AND LIFETIME
 * @mib: counters of the socket's namespace; constant
 * @post: buffer of the thread in recv; NULL if none
 * @own: for what carries it: what the other end reads, see struct fsk_memory
 * @deferred: FSK_DEFER_*, FSK_EV_*; under the socket's spinlock
 * @phase: enum fsk_phase
 * @transport: what carries it: of which struct it is part; constant
 * @key: this end's key; constant
 * @peer_key: the peer's key; constant once CONFIRMING
 * @mss: largest body of a DATA frame this end takes, bytes; constant
 * @peer_mss: largest the peer takes, bytes
 * @filter_locked: SOCK_FILTER_LOCKED was set before attach
 * @tracked: enum fsk_tracked
 * @fin_wanted: a FIN could not be sent yet: no memory for a frame; in memory no
 *	way to the other end
 * @urg_out: the urgent byte @urg_seq waits to be sent; the peer is told, in
 *	memory when there is a way again
 * @corked: TCP_CORK is set
 * @fallback_queued: @fallback is queued, and the work item's own
 * @timed: @timer may be queued, or run
 * @reason: why the fallback work delegates, enum fsk_reason
 * @urg_seq: sequence number of the last urgent byte sent or to be sent
 * @avg_recv: bytes a recv returned lately, moving average
 * @spin_ns: so long a reader spins, ns; see spin.c
 * @reported_una: oldest unacknowledged when fsk_conn_info() last ran
 * @reported_nxt: next to be sent then
 * @reported_rcv: next expected then
 * @probes: unanswered keepalive probes
 * @tuned_seq: copied_seq when the receive buffer was last looked at
 * @tuned_at: jiffies, then
 * @route_genid: its namespace's counter for fsk_route_gen(); constant
 * @path_gen: fsk_route_gen() at which the way to the peer was found good
 * @challenge: is the peer still there?
 * @came: bytes that lately came in one piece, the most of them, moving down
 * @post_want: bytes in @post that satisfy its call
 * @timer: for all deadlines but keepalive's; softirq
 * @timer_at: ns, when @timer fires; 0 when not queued
 * @life_at: ns, when an orphan that makes no progress is dropped; 0 off
 * @heard_at: ns, when the peer was last heard
 * @retry_at: ns, when to try again what lacked memory; 0 off
 * @cork_at: ns, until then what does not fill a frame, or in memory what TCP
 *	would make a segment, waits for more; 0 if nothing does
 * @tcp_af_ops: icsk_af_ops that the socket had before; as @tcp_backlog_rcv it
 *	gets them back
 * @tcp_backlog_rcv: sk_backlog_rcv likewise
 * @fallback: takes the opening of a client's connection further in process
 *	context; NULL if there is none
 * @rcu: defers freeing
 *
 * It is the first part of the struct that @transport says: fsk_frames() and
 * fsk_memory() lead there.
 */
struct fsk_conn {
	/* In memory the other end reads these for each message. */
	struct sock *sk;
	u64 __percpu *mib;
	struct fsk_post *post;
	u8 own[4] __aligned(4);
	u16 deferred;
	u8 phase;
	/* And leaves alone what follows unless something happens. */
	const struct fsk_transport *transport;
	u32 key;
	u32 peer_key;
	u16 mss;
	u16 peer_mss;
	bool filter_locked;
	u8 tracked;
	bool fin_wanted;
	bool urg_out;
	bool corked;
	bool fallback_queued;
	bool timed;
	u8 reason;
	u32 urg_seq;
	/* Written for each message, in no cache line with the first ones. */
	u32 avg_recv;
	u32 spin_ns;
	u32 reported_una;
	u32 reported_nxt;
	u32 reported_rcv;
	u32 probes;
	u32 tuned_seq;
	u32 tuned_at;
	const atomic_t *route_genid;
	u32 path_gen;
	struct fsk_challenge challenge;
	u32 came;
	u32 post_want;
	struct hrtimer timer;
	u64 timer_at;
	u64 life_at;
	u64 heard_at;
	u64 retry_at;
	u64 cork_at;
	const struct inet_connection_sock_af_ops *tcp_af_ops;
	int (*tcp_backlog_rcv)(struct sock *sk, struct sk_buff *skb);
	struct fsk_fallback *fallback;
	struct rcu_head rcu;
};

static_assert(BITS_PER_LONG != 64 || SMP_CACHE_BYTES != 64 ||
	      (offsetofend(struct fsk_conn, phase) <= 32 &&
	       offsetof(struct fsk_conn, avg_recv) >= 64));

/* Counting in a connection's namespace, without looking the counters up. */
#define fsk_conn_stat_add(conn, id, n)	this_cpu_add((conn)->mib[id], n)

/* The connection of @sk; the caller holds the socket lock in either form. */
static inline struct fsk_conn *fsk_conn(const struct sock *sk)
{
	return rcu_dereference_protected(inet_csk(sk)->icsk_ulp_data,
					 lockdep_sock_is_held(sk));
}

static inline const struct fsk_transport_ops *
fsk_ops(const struct fsk_conn *conn)
{
	return conn->transport->ops;
}

/* A client that may still become TCP's, or go on with frames or without? */
static inline bool fsk_conn_opening(const struct fsk_conn *conn)
{
	return conn->phase <= FSK_PH_JOINING;
}

static inline bool fsk_conn_dead(const struct fsk_conn *conn)
{
	return !conn || conn->phase == FSK_PH_DEAD;
}

/*
 * Leave @events to the owner of the socket, if it has one, until he lets go.
 * The spinlock is held, but not by him.  Return: false if they are to be dealt
 * with now; true also if @conn is dead and nobody needs to.
 */
static inline bool fsk_conn_defer(struct fsk_conn *conn, unsigned int events)
{
	if (conn->phase == FSK_PH_DEAD)
		return true;
	if (!sock_owned_by_user(conn->sk))
		return false;
	conn->deferred |= events;
	return true;
}

/* Does @sk run fastsock (connecting or connected)?  Any context. */
static inline bool fsk_is_conn(const struct sock *sk)
{
	const struct proto *prot = READ_ONCE(sk->sk_prot);

	return likely(prot == &fsk_families[FSK_INET].prot) ||
	       prot == &fsk_families[FSK_INET6].prot;
}

/*
 * The connection of @sk, if it is one now, without the lock: it, but not what
 * it says, stays until the end of the RCU read section.
 */
static inline struct fsk_conn *fsk_conn_rcu(const struct sock *sk)
{
	struct fsk_conn *conn;

	conn = rcu_dereference_check(inet_csk(sk)->icsk_ulp_data,
				     rcu_read_lock_sched_held());
	/* Pairs with rcu_assign_pointer() of who gets the slot after us. */
	smp_rmb();
	return fsk_is_conn(sk) ? conn : NULL;
}

/* Has nothing changed since the way was found good?  Socket lock held. */
static inline bool fsk_conn_path_fresh(const struct fsk_conn *conn)
{
	return likely(conn->path_gen == fsk_route_gen(conn->route_genid));
}

/* Does the program want to know when bytes arrived? */
static inline bool fsk_stamps(const struct sock *sk)
{
	return READ_ONCE(sk->sk_flags) & SK_FLAGS_TIMESTAMP;
}

/* A reset goes out, or the like: nstat calls both OutRsts. */
static inline void fsk_count_reset(struct net *net)
{
	fsk_stat_inc(net, FSK_MIB_OUT_RESETS);
	TCP_INC_STATS(net, TCP_MIB_OUTRSTS);
}

static inline u64 fsk_now(void)
{
	return ktime_get_ns();
}

#endif /* _FSK_CONN_H */
