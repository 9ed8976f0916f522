// SPDX-License-Identifier: GPL-2.0
/*
 * The server's half of the handshake: SYN and CONFIRM at a listener.
 *
 * A SYN is answered and forgotten: what the answer says is a cookie, see
 * cookie.c.  Only CONFIRM, which repeats it, makes a child.
 */

#include <linux/etherdevice.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/call.h"
#include "base/pernet.h"
#include "base/spare.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/attach.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/segment_size.h"
#include "frames/call.h"
#include "frames/cookie.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/server.h"
#include "frames/tomb.h"
#include "frames/tx.h"
#include "frames/waiting.h"
#include "inet/ip.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/peer.h"
#include "stream/queue.h"

/* FSK_ACCEPT and what to offer, or why TCP is to serve this client. */
static int syn_reason(const struct fsk_call *call, struct net_device *dev,
		      const u8 *mac, struct fsk_synack *sa)
{
	const struct fsk_tuple *t = &call->t;
	struct sk_buff *skb = NULL;
	struct sock *lsk;
	u32 mtu = 0;
	int reason;
	u16 mss;

	if (!READ_ONCE(fsk_net(dev_net(dev))->enable))
		return FSK_REASON_DISABLED;
	if (call->version == FSK_WIRE_REFUSED)	/* see bridge.c */
		return FSK_REASON_NETFILTER;
	if (call->version != FSK_WIRE_VERSION)
		return FSK_REASON_VERSION;
	lsk = fsk_child_find_listener(dev, t);
	if (!lsk)
		return FSK_REASON_NO_LISTENER;
	reason = fsk_tomb_full(dev_net(dev)) ?
		 FSK_REASON_BACKLOG :
		 fsk_child_check(lsk, dev, mac, t, 0, &skb, &mtu);
	/* CONFIRM meets no rule that would mark it for the child. */
	if (reason == FSK_ACCEPT && inet_request_mark(lsk, skb) !=
				    READ_ONCE(lsk->sk_mark))
		reason = FSK_REASON_NETFILTER;
	if (reason == FSK_ACCEPT)
		reason = fsk_child_lsm_reason(lsk, dev, skb, t);
	fsk_spare_put(skb);
	sa->win = cpu_to_be32(fsk_rx_promise(lsk));
	if (reason == FSK_ACCEPT) {
		mss = fsk_mss_own(lsk, fsk_eth_mtu(dev));
		sa->mss = cpu_to_be16(fsk_mss_fit(mss, mtu));
	}
	sock_put(lsk);
	return reason;
}

/*
 * Is @mac where TCP would send its SYN-ACK?  Otherwise any machine on the
 * segment could claim its neighbour's address.  CONFIRM need not ask again: its
 * cookie covers both.
 */
static bool source_known(struct net_device *dev, const u8 *mac,
			 const struct in6_addr *addr)
{
	return dev->flags & IFF_LOOPBACK ||
	       fsk_ip_neighbour_is(dev, addr, mac);
}

/* The spinlock is held.  Return: false if the peer is somebody else. */
static bool ask_peer(struct fsk_frames *fr, const struct fsk_call *call,
		     const struct net_device *dev, const u8 *mac)
{
	struct sock *sk = fr->conn.sk;

	if (!fsk_conn_opening(&fr->conn) && !sock_owned_by_user(sk) &&
	    !fsk_conn_path_fresh(&fr->conn))
		fsk_path_check(fr);
	if (rcu_access_pointer(fr->path.dev) != dev ||
	    !ether_addr_equal(fr->path.mac, mac))
		return false;
	/* Its own SYN may come twice. */
	if (fr->peer_id != be32_to_cpu(call->id) && !sock_owned_by_user(sk))
		fsk_tx_probe(fr);
	return true;
}

/*
 * A client that asks for the name of a connection it has may have forgotten it,
 * as a host that rebooted: ask it, and the SYN that it sends next finds the
 * name free.  TCP's challenge ack.
 *
 * Context: BH disabled, RCU read section.
 * Return: true if @call needs no answer.
 */
static bool challenge_owner(const struct fsk_call *call, struct net_device *dev,
			    const u8 *mac)
{
	struct sock *sk = fsk_child_lookup(dev, &call->t);
	struct fsk_conn *conn;
	bool known = false;

	if (!sk)
		return false;
	if (!sk_fullsock(sk))
		goto out;
	bh_lock_sock(sk);
	conn = fsk_is_conn(sk) ? fsk_conn(sk) : NULL;
	if (!fsk_conn_dead(conn) && fsk_in_frames(conn))
		known = ask_peer(fsk_frames(conn), call, dev, mac);
	bh_unlock_sock(sk);
out:
	sock_gen_put(sk);
	return known;
}

static void answer_syn(const struct fsk_call *call, struct net_device *dev,
		       const u8 *mac, int reason, struct fsk_synack *sa)
{
	struct fsk_reject rej = { .reason = cpu_to_be32(reason) };
	u64 c;

	if (reason != FSK_ACCEPT) {
		fsk_eth_send(dev, mac, FSK_T_REJECT, call->id, call->key, &rej,
			     sizeof(rej));
		return;
	}
	c = fsk_cookie_make(call, dev, mac);
	sa->id = cpu_to_be32(upper_32_bits(c));
	sa->key = cpu_to_be32(lower_32_bits(c));
	fsk_eth_send(dev, mac, FSK_T_SYNACK, call->id, call->key, sa,
		     sizeof(*sa));
}

/**
 * fsk_rcv_syn - a client asks for a connection
 * @skb: SYN or SYN6, data at struct fsk_hdr, length checked; consumed
 * @dev: device it came from
 * @mac: client's address
 *
 * Answers SYNACK or REJECT and remembers nothing.
 *
 * Context: softirq, RCU read section.
 */
void fsk_rcv_syn(struct sk_buff *skb, struct net_device *dev, const u8 *mac)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	struct net *net = dev_net(dev);
	struct fsk_synack sa = { .version = FSK_WIRE_VERSION };
	struct fsk_call call;
	int reason;

	if (!fsk_call_read(hdr->type, hdr + 1, dev, &call) ||
	    !fsk_call_usable(&call)) {
		fsk_drop(net, skb, FSK_DROP_LENGTH);
		return;
	}
	switch (fsk_peer_judge_syn(dev, mac)) {
	case FSK_SYN_DROP:
		fsk_drop(net, skb, FSK_DROP_RATE);
		return;
	case FSK_SYN_REJECT:
		answer_syn(&call, dev, mac, FSK_REASON_BACKLOG, &sa);
		fsk_drop(net, skb, FSK_DROP_RATE);
		return;
	case FSK_SYN_JUDGE:
		break;
	}
	reason = source_known(dev, mac, &call.t.saddr) ?
		 syn_reason(&call, dev, mac, &sa) : FSK_REASON_UNKNOWN_PEER;
	if (likely(reason != FSK_REASON_BACKLOG) ||
	    !challenge_owner(&call, dev, mac))
		answer_syn(&call, dev, mac, reason, &sa);
	fsk_spare_put(skb);
}

/* Turn TCP's child into one end of a connection.  @child is locked. */
static void child_init(struct sock *child, struct fsk_frames *fr,
		       u32 id, u32 key, const struct fsk_call *call)
{
	struct fsk_conn *conn = &fr->conn;

	fsk_frames_name(fr, (u64)id << 32 | key);
	fr->peer_id = be32_to_cpu(call->id);
	conn->peer_key = be32_to_cpu(call->key);
	conn->peer_mss = be16_to_cpu(call->mss);
	conn->mss = fsk_frames_mss(fr, fsk_frames_dev(fr));
	conn->phase = FSK_PH_OPEN;
	fsk_conn_attach(child, conn);
	fsk_frames_numbers(fr, be32_to_cpu(call->win));
	fsk_frames_hash(fr);
	fsk_frames_hash_peer(fr);
}

static struct fsk_frames *accept_confirm(struct sock *lsk, u32 id, u32 key,
					 const struct fsk_call *call,
					 struct net_device *dev, const u8 *mac)
{
	struct request_sock *req;
	const struct fsk_tuple *t = &call->t;
	struct fsk_frames *fr;
	struct sk_buff *skb;
	struct sock *child;

	if (fsk_child_tuple_in_use(dev, t, true))
		return ERR_PTR(-EAGAIN);
	skb = fsk_policy_syn(dev, mac, t);
	if (!skb)
		return ERR_PTR(-EAGAIN);
	child = fsk_child_make(lsk, dev, t, be16_to_cpu(call->mss), skb,
			       &req);
	fsk_spare_put(skb);
	if (!child)
		return ERR_PTR(-EAGAIN);
	fr = fsk_frames_alloc(child, dev, mac, GFP_ATOMIC);
	if (fr)
		fr->tomb = fsk_tomb_alloc(GFP_ATOMIC);
	/* The listener's options may have changed since they were looked at. */
	if (!fr || !fr->tomb ||
	    rcu_access_pointer(child->sk_filter) ||
	    inet_csk(child)->icsk_ulp_ops) {
		if (fr)
			fsk_frames_discard(fr);
		fsk_child_discard(child, req);
		return ERR_PTR(-ENOMEM);
	}
	child_init(child, fr, id, key, call);
	fsk_child_established(&fr->conn);
	fsk_peer_answered(dev, mac);
	return fsk_child_queue(lsk, child, req) ? fr : ERR_PTR(-EAGAIN);
}

/*
 * The accept queue is full, and the client's program believes itself connected:
 * for as long as it goes on asking, its cookie stays good.  SYNACK once more
 * tells its host that the server is there, though its program may sleep.
 */
static void let_wait(struct sock *lsk, u32 id, u32 key,
		     const struct fsk_call *call, struct net_device *dev,
		     const u8 *mac)
{
	struct fsk_synack sa = {
		.version = FSK_WIRE_VERSION,
		.id = cpu_to_be32(id),
		.key = cpu_to_be32(key),
		.win = cpu_to_be32(fsk_rx_promise(lsk)),
		.mss = cpu_to_be16(fsk_mss_own(lsk, fsk_eth_mtu(dev))),
	};

	if (fsk_waiting_add(fsk_net(dev_net(dev)), (u64)id << 32 | key,
			    fsk_cookie_body(call, dev, mac)))
		fsk_eth_send(dev, mac, FSK_T_SYNACK, call->id, call->key, &sa,
			     sizeof(sa));
}

/**
 * fsk_rcv_confirm - a client confirms a connection nobody knows yet
 * @id: first half of the cookie
 * @key: second half
 * @call: what it says
 * @dev: device it came from
 * @mac: client's address
 *
 * Context: softirq, RCU read section.
 * Return: the new connection, on its listener's accept queue; NULL if the
 * client is to be told that there is none; ERR_PTR(-EAGAIN) if it had better
 * try again (accept queue full, out of memory).
 */
struct fsk_frames *fsk_rcv_confirm(u32 id, u32 key,
				   const struct fsk_call *call,
				   struct net_device *dev, const u8 *mac)
{
	struct net *net = dev_net(dev);
	struct fsk_frames *fr;
	struct sock *lsk;

	if (!fsk_cookie_good(id, key, call, dev, mac) ||
	    fsk_tomb_find(net, id, key)) {
		fsk_drop(net, NULL, FSK_DROP_COOKIE);
		return NULL;
	}
	lsk = fsk_child_find_listener(dev, &call->t);
	if (!lsk)
		return NULL;
	if (fsk_child_listener_reason(lsk, &call->t) != FSK_ACCEPT) {
		fr = NULL;
	} else if (sk_acceptq_is_full(lsk)) {
		fsk_drop(net, NULL, FSK_DROP_BACKLOG);
		let_wait(lsk, id, key, call, dev, mac);
		fr = ERR_PTR(-EAGAIN);
	} else {
		fr = accept_confirm(lsk, id, key, call, dev, mac);
	}
	/* Whatever came of it: a copy that is late finds nothing. */
	if (!IS_ERR(fr) && fsk_waiting_any(fsk_net(net)))
		fsk_waiting_find(fsk_net(net), (u64)id << 32 | key,
				 fsk_cookie_body(call, dev, mac), true);
	sock_put(lsk);
	return fr;
}
