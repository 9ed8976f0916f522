// SPDX-License-Identifier: GPL-2.0
/*
 * A transport in a module of its own, as small as one can be: connections over
 * the loopback device, of which an end puts skbs into the other's list.  It is
 * for tests of what any such module needs.  Urgent bytes are like others.  A
 * writer looks now and then whether there is room, and poll() always says so.
 *
 * An end finds the other in struct list_pair, under RCU, until that is dead.
 * It takes the other's spinlock while it owns its own socket, or holds no lock
 * of a socket at all, but never its own spinlock: two ends would wait for each
 * other.  So who must not tell the other end of a reset leaves that to
 * list_free().
 */

#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/tcp.h>

#include "core/attach.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "core/timer.h"
#include "core/transport.h"
#include "inet/policy.h"

#define EV_CONNECTED	FSK_EV(1)
#define EV_BYTES	FSK_EV(2)
#define EV_FIN		FSK_EV(4)
#define EV_RESET	FSK_EV(5)

#define LIST_MAX	16	/* skbs that wait for the reader's lock */
#define LIST_MSS	1400	/* bytes, also of an skb at most */

struct list_pair;

/**
 * struct list_end - one end of a connection
 * @conn: what all connections have
 * @pair: what both ends share; constant
 * @side: 0 the client's, 1 the server's; constant
 * @in: bytes on the way to the receive queue; the socket's spinlock
 */
struct list_end {
	struct fsk_conn conn;
	struct list_pair *pair;
	int side;
	struct sk_buff_head in;
};

/**
 * struct list_pair - a connection
 * @refs: ends that are not freed yet
 * @alive: those that are not dead; RCU
 * @end: client and server
 */
struct list_pair {
	refcount_t refs;
	struct list_end __rcu *alive[2];
	struct list_end end[2];
};

static struct fsk_transport list_transport;

static unsigned int connections;
module_param(connections, uint, 0444);
MODULE_PARM_DESC(connections, "connections so far; read only");

static bool usable = true;
module_param(usable, bool, 0644);
MODULE_PARM_DESC(usable, "may there be more?");

static struct list_end *list_end(const struct fsk_conn *conn)
{
	return container_of((struct fsk_conn *)conn, struct list_end, conn);
}

/* Give the other end a hint, and bytes.  Return: false if it is dead. */
static bool tell(struct list_end *end, unsigned int events, struct sk_buff *skb)
{
	struct list_end *peer;
	bool alive = false;

	rcu_read_lock_bh();
	peer = rcu_dereference_bh(end->pair->alive[!end->side]);
	if (peer) {
		spin_lock(&peer->conn.sk->sk_lock.slock);
		alive = !fsk_conn_dead(&peer->conn);
		if (alive && skb)
			__skb_queue_tail(&peer->in, skb);
		fsk_conn_notify(&peer->conn, events);
		spin_unlock(&peer->conn.sk->sk_lock.slock);
	}
	rcu_read_unlock_bh();
	return alive;
}

static bool is_full(const struct list_end *end)
{
	const struct list_end *peer;
	bool full = false;

	rcu_read_lock();
	peer = rcu_dereference(end->pair->alive[!end->side]);
	if (peer)
		full = sk_rmem_alloc_get(peer->conn.sk) >=
		       READ_ONCE(peer->conn.sk->sk_rcvbuf) ||
		       skb_queue_len_lockless(&peer->in) >= LIST_MAX;
	rcu_read_unlock();
	return full;
}

/* Sleep in this module's code; the connection may be gone afterwards. */
static int wait_for_room(struct sock *sk, long *timeo)
{
	int disconnects = sk->sk_disconnects;

	if (!*timeo)
		return -EAGAIN;
	release_sock(sk);
	schedule_timeout_interruptible(1);
	lock_sock(sk);
	*timeo -= *timeo != MAX_SCHEDULE_TIMEOUT;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	return sk->sk_disconnects != disconnects || sk->sk_err ||
	       sk->sk_shutdown & SEND_SHUTDOWN ? -EPIPE : 0;
}

/* TCP's numbers of the sender; all that is sent has arrived. */
static void sent(struct sock *sk, u32 n)
{
	struct tcp_sock *tp = tcp_sk(sk);

	WRITE_ONCE(tp->write_seq, tp->write_seq + n);
	WRITE_ONCE(tp->snd_nxt, tp->write_seq);
	WRITE_ONCE(tp->snd_una, tp->write_seq);
}

static int list_write(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		      size_t *copied)
{
	struct sock *sk = conn->sk;
	struct sk_buff *skb;
	int err, n;

	while (msg_data_left(msg)) {
		while (is_full(list_end(conn))) {
			err = wait_for_room(sk, timeo);
			if (err)
				return err;
		}
		n = min_t(size_t, msg_data_left(msg), LIST_MSS);
		skb = alloc_skb(n, GFP_KERNEL);
		if (!skb)
			return -ENOBUFS;
		err = memcpy_from_msg(skb_put(skb, n), msg, n);
		if (!err && !tell(list_end(conn), EV_BYTES, skb))
			err = -EPIPE;
		if (err) {
			kfree_skb(skb);
			return err;
		}
		sent(sk, n);
		*copied += n;
	}
	return 0;
}

static void list_send_fin(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;

	sent(sk, 1);
	tell(list_end(conn), EV_FIN, NULL);
	rcu_read_lock();
	spin_lock_bh(&sk->sk_lock.slock);
	if (!fsk_conn_dead(conn))
		fsk_state_fin_acked(conn, fsk_now());
	spin_unlock_bh(&sk->sk_lock.slock);
	rcu_read_unlock();
}

static void list_send_reset(struct fsk_conn *conn, bool locked)
{
	fsk_count_reset(sock_net(conn->sk));
	if (!locked)
		tell(list_end(conn), EV_RESET, NULL);
}

/* Bytes go to where recv() looks for them; charged, or owed for a while. */
static void take(struct list_end *end)
{
	struct sock *sk = end->conn.sk;
	struct tcp_sock *tp = tcp_sk(sk);
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(&end->in))) {
		if (sk->sk_shutdown & RCV_SHUTDOWN) {
			kfree_skb(skb);
			continue;
		}
		sk_rmem_schedule(sk, skb, skb->truesize);
		skb_set_owner_r(skb, sk);
		TCP_SKB_CB(skb)->seq = tp->rcv_nxt;
		TCP_SKB_CB(skb)->end_seq = tp->rcv_nxt + skb->len;
		__skb_queue_tail(&sk->sk_receive_queue, skb);
		WRITE_ONCE(tp->rcv_nxt, TCP_SKB_CB(skb)->end_seq);
	}
	if (!sock_flag(sk, SOCK_DEAD))
		sk->sk_data_ready(sk);
}

static void take_fin(struct fsk_conn *conn)
{
	struct tcp_sock *tp = tcp_sk(conn->sk);

	fsk_state_rcv_done(conn->sk);
	WRITE_ONCE(tp->rcv_nxt, tp->rcv_nxt + 1);
	fsk_state_fin(conn);
}

static void list_event(struct fsk_conn *conn, unsigned int events)
{
	if (fsk_conn_dead(conn))
		return;
	if (events & EV_CONNECTED && conn->sk->sk_state == TCP_SYN_SENT) {
		conn->phase = FSK_PH_OPEN;
		fsk_state_established(conn);
	}
	if (events & EV_BYTES)
		take(list_end(conn));
	if (events & EV_FIN)
		take_fin(conn);
	if (events & EV_RESET && !fsk_conn_dead(conn))
		fsk_state_reset(conn);
}

static u64 list_deadline(const struct fsk_conn *conn)
{
	return conn->life_at;
}

static bool list_timeout(struct fsk_conn *conn, u64 now)
{
	return !fsk_orphan_lost(conn, false, now);
}

static void list_count(struct fsk_conn *conn)
{
	const struct tcp_sock *tp = tcp_sk(conn->sk);

	fsk_state_bytes(conn, tp->snd_una, tp->snd_nxt, tp->rcv_nxt);
}

static bool list_present(struct fsk_conn *conn)
{
	struct list_end *end = list_end(conn);

	return rcu_access_pointer(end->pair->alive[!end->side]);
}

static bool list_needs_probe(const struct fsk_conn *conn)
{
	return false;
}

static void list_urgent(struct fsk_conn *conn, bool less)
{
}

static void list_nothing(struct fsk_conn *conn)
{
}

static void list_kill(struct fsk_conn *conn)
{
	struct list_end *end = list_end(conn);

	RCU_INIT_POINTER(end->pair->alive[end->side], NULL);
}

/* Who lives still has not heard of the end. */
static void list_free(struct fsk_conn *conn)
{
	struct list_end *end = list_end(conn);

	tell(end, EV_RESET, NULL);
	__skb_queue_purge(&end->in);
	if (refcount_dec_and_test(&end->pair->refs))
		kfree(end->pair);
}

static bool list_usable(const struct net_device *dev)
{
	return READ_ONCE(usable) && dev->flags & IFF_LOOPBACK;
}

/* An end of a new connection, on its socket, with TCP's numbers. */
static void make_end(struct list_pair *pair, int side, struct sock *sk,
		     u8 phase)
{
	struct list_end *end = &pair->end[side];
	struct fsk_conn *conn = &end->conn;

	fsk_conn_prepare(conn, sk, &list_transport);
	end->pair = pair;
	end->side = side;
	__skb_queue_head_init(&end->in);
	conn->key = side;
	conn->peer_key = !side;
	conn->mss = LIST_MSS;
	conn->peer_mss = LIST_MSS;
	conn->phase = phase;
	fsk_conn_attach(sk, conn);
	fsk_state_numbers(conn, 0);
	rcu_assign_pointer(pair->alive[side], end);
}

/* BH disabled, RCU read section.  Return: FSK_ACCEPT, or why not. */
static int make_server(struct list_pair *pair, struct sock *lsk,
		       struct net_device *dev, const struct fsk_tuple *t,
		       struct sk_buff *syn)
{
	struct request_sock *req;
	struct sock *child;
	int reason;

	reason = fsk_child_begin(lsk, dev, t, syn, &child, &req);
	if (reason != FSK_ACCEPT)
		return reason;
	refcount_inc(&pair->refs);
	make_end(pair, 1, child, FSK_PH_OPEN);
	fsk_child_established(&pair->end[1].conn);
	return fsk_child_queue(lsk, child, req) ? FSK_ACCEPT :
						  FSK_REASON_NO_LISTENER;
}

static int list_connect(struct sock *sk, struct net_device *dev, const u8 *mac,
			const struct fsk_tuple *t)
{
	struct list_pair *pair;
	struct sk_buff *syn;
	struct sock *lsk;
	int reason;

	reason = fsk_child_choose(dev, t, READ_ONCE(sk->sk_mark), &lsk, &syn);
	if (reason != FSK_ACCEPT)
		return reason;
	reason = FSK_REASON_NOMEM;
	pair = kzalloc(sizeof(*pair), GFP_KERNEL);
	if (!pair)
		goto out;
	refcount_set(&pair->refs, 1);
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	make_end(pair, 0, sk, FSK_PH_SYN_SENT);
	/* The program sees SYN_SENT until its call lets go of the socket. */
	spin_lock_bh(&sk->sk_lock.slock);
	pair->end[0].conn.deferred |= EV_CONNECTED;
	spin_unlock_bh(&sk->sk_lock.slock);
	rcu_read_lock();
	local_bh_disable();
	reason = make_server(pair, lsk, dev, t, syn);
	local_bh_enable();
	rcu_read_unlock();
	if (reason == FSK_ACCEPT) {
		connections++;
		fsk_policy_turn(syn);
		security_inet_conn_established(sk, syn);
	} else {
		fsk_conn_detach(sk);
	}
out:
	kfree_skb(syn);
	sock_put(lsk);
	return reason;
}

static const struct fsk_transport_ops list_ops = {
	.write		= list_write,
	.urgent		= list_urgent,
	.send_fin	= list_send_fin,
	.deadline	= list_deadline,
	.timeout	= list_timeout,
	.count		= list_count,
	.info		= list_count,
	.send_reset	= list_send_reset,
	.needs_probe	= list_needs_probe,
	.cork		= list_nothing,
	.uncork		= list_nothing,
	.waits		= list_nothing,
	.read_done	= list_nothing,
	.kill		= list_kill,
	.free		= list_free,
	.present	= list_present,
	.usable		= list_usable,
	.connect	= list_connect,
	.event		= list_event,
};

static struct fsk_transport list_transport = {
	.name		= "list",
	.owner		= THIS_MODULE,
	.ops		= &list_ops,
	.within_host	= true,
	.at_once	= true,
};

static int __init list_init(void)
{
	return fsk_transport_register(&list_transport);
}

static void __exit list_exit(void)
{
	fsk_transport_unregister(&list_transport);
}

module_init(list_init);
module_exit(list_exit);

MODULE_DESCRIPTION("fastsock: a transport for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(FASTSOCK);
