// SPDX-License-Identifier: GPL-2.0
/*
 * A frame comes in: it is checked, its connection is found, and the handler of
 * its type is called.  Stream bytes go on to deliver.c.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/sizes.h>
#include <net/arp.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/call.h"
#include "base/compat.h"
#include "base/spare.h"
#include "base/stats.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/life.h"
#include "core/state.h"
#include "frames/call.h"
#include "frames/client.h"
#include "frames/deliver.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/placing.h"
#include "frames/rx.h"
#include "frames/segment.h"
#include "frames/server.h"
#include "frames/tx.h"
#include "inet/ip.h"
#include "lan/eth.h"
#include "lan/hello.h"
#include "lan/channel.h"
#include "lan/peer.h"
#include "lan/seal.h"
#include "rel/rel.h"
#include "stream/queue.h"
#include "stream/send.h"

/**
 * struct frame - a frame on its way through the handlers
 * @skb: data begins after struct fsk_hdr
 * @hdr: its header
 * @now: ns
 */
struct frame {
	struct sk_buff *skb;
	const struct fsk_hdr *hdr;
	u64 now;
};

/* Return: false if the frame is spent, or the connection over. */
static __always_inline bool
rcv_ack(struct fsk_frames *fr, const struct frame *f,
	const struct fsk_rel_range *sack, unsigned int n)
{
	struct fsk_conn *conn = &fr->conn;
	struct fsk_seg *freed = NULL;
	int what;

	if (unlikely(f->hdr->flags & FSK_F_TWICE))
		fsk_rel_tx_twice(&fr->tx, be32_to_cpu(f->hdr->ack));
	what = fsk_rel_tx_ack(&fr->tx, be32_to_cpu(f->hdr->ack),
			      be32_to_cpu(f->hdr->win), sack, n, f->now,
			      &freed);
	if (unlikely(what & FSK_ACK_BAD)) {
		fsk_drop(sock_net(conn->sk), f->skb, FSK_DROP_ACK);
		return false;
	}
	if (what & FSK_ACK_NEW) {
		fsk_segment_free(fr, freed);
		WRITE_ONCE(tcp_sk(conn->sk)->snd_una,
			   fr->tx.una + fr->mask);
		fsk_send_space(conn->sk);
		/* MSG_MORE is forgotten then, as by TCP. */
		if (unlikely(conn->cork_at) && !conn->corked &&
		    fsk_rel_tx_idle(&fr->tx))
			conn->cork_at = 0;
		if (unlikely(conn->life_at) && sock_flag(conn->sk, SOCK_DEAD))
			conn->life_at = f->now + fsk_stall_timeout(conn->sk);
		if (unlikely(conn->sk->sk_state != TCP_ESTABLISHED) &&
		    fr->tx.una == fr->tx.end && !conn->fin_wanted &&
		    !fsk_state_fin_acked(conn, f->now)) {
			fsk_spare_put(f->skb);
			return false;
		}
	}
	return true;
}

/* What the frame has made possible is sent, or an ack. */
static __always_inline void answer(struct fsk_frames *fr, u64 now)
{
	if (fr->tx.unsent || fr->tx.lost || fr->rx.ack_now)
		fsk_tx_push(fr, now);
	else
		fsk_frames_touch(fr, now);
}

/* DATA, and what is left of a frame that says more. */
static __always_inline void
rcv_data(struct fsk_frames *fr, const struct frame *f)
{
	if (!rcv_ack(fr, f, NULL, 0))
		return;
	if (f->skb->len || f->hdr->flags & FSK_F_FIN) {
		if (!fsk_deliver(fr, f->skb, f->hdr, f->now))
			return;
		fsk_rel_tx_heard(&fr->tx, f->now);
	} else {
		fsk_spare_put(f->skb);
	}
	answer(fr, f->now);
}

static void rcv_confirm(struct fsk_frames *fr, const struct frame *f)
{
	__skb_pull(f->skb, fsk_call_len(f->hdr->type));
	if (!f->skb->len)
		fr->rx.ack_now = true;	/* the client wants to know */
}

static void rcv_sack(struct fsk_frames *fr, const struct frame *f)
{
	const struct fsk_range *wire = (const void *)f->skb->data;
	struct fsk_rel_range sack[FSK_SACK_MAX];
	unsigned int i, n = f->skb->len / sizeof(*wire);

	for (i = 0; i < n; i++) {
		sack[i].start = be32_to_cpu(wire[i].start);
		sack[i].end = be32_to_cpu(wire[i].end);
	}
	if (!rcv_ack(fr, f, sack, n))
		return;
	consume_skb(f->skb);
	fsk_tx_push(fr, f->now);
}

/* Its key does not tell how old it is: what else it says does not count. */
static void rcv_probe(struct fsk_frames *fr, const struct frame *f)
{
	consume_skb(f->skb);
	fr->rx.ack_now = true;
	fsk_tx_push(fr, f->now);
}

static void rcv_urgent(struct fsk_frames *fr, const struct frame *f)
{
	u32 seq = be32_to_cpu(f->hdr->seq);

	if (seq - fr->rx.nxt < FSK_WND_MAX)
		fsk_deliver_urgent(fr, seq);
}

static void rcv_advert(struct fsk_frames *fr, const struct frame *f)
{
	fsk_placing_advert(fr, f->skb);
	__skb_pull(f->skb, sizeof(struct fsk_advert));
}

static void rcv_placed(struct fsk_frames *fr, const struct frame *f)
{
	if (!rcv_ack(fr, f, NULL, 0))
		return;
	if (fsk_placing_deliver(fr, f->skb, f->hdr, f->now))
		fsk_rel_tx_heard(&fr->tx, f->now);
	answer(fr, f->now);
}

static void rcv_reset(struct fsk_frames *fr, const struct frame *f)
{
	consume_skb(f->skb);
	if (fr->conn.phase == FSK_PH_SYN_SENT)
		fsk_client_fallback(fr, FSK_REASON_PEER_RESET);
	else
		fsk_state_reset(&fr->conn);
}

/*
 * The peer no longer knows the connection.  It has ended there, and the ack of
 * our FIN was lost, or the peer gave up or rebooted before it had our FIN.
 */
static void rcv_unknown(struct fsk_frames *fr, const struct frame *f)
{
	const struct fsk_seg *tail = fr->tx.tail;

	if ((1 << fr->conn.sk->sk_state) & (TCPF_LAST_ACK | TCPF_CLOSING) &&
	    tail && tail->flags & FSK_SEG_RETRANS) {
		consume_skb(f->skb);
		fsk_conn_done(&fr->conn);
		return;
	}
	rcv_reset(fr, f);
}

static void rcv_synack(struct fsk_frames *fr, const struct frame *f)
{
	fsk_rcv_synack(fr, (const void *)f->skb->data);
	fsk_spare_put(f->skb);
}

static void rcv_reject(struct fsk_frames *fr, const struct frame *f)
{
	const struct fsk_reject *rej = (const void *)f->skb->data;
	u32 reason = be32_to_cpu(rej->reason);

	consume_skb(f->skb);
	if (reason >= FSK_REASON_MAX)
		reason = FSK_REASON_PEER_RESET;
	if (fr->conn.phase == FSK_PH_SYN_SENT)
		fsk_client_fallback(fr, reason);
}

#define PH_SYN		BIT(FSK_PH_SYN_SENT)
#define PH_CONFIRM	BIT(FSK_PH_CONFIRMING)
#define PH_OPEN		BIT(FSK_PH_OPEN)

/**
 * struct handler - what to do with one type of frame
 * @rcv: for a connection, socket lock held; consumes f->skb unless @data
 * @min: least body, bytes
 * @max: longest body, bytes
 * @unit: body is @min plus a multiple of so many bytes, a power of two
 * @flags: FSK_F_* it may carry
 * @phases: in which phases it makes sense; none: it is for no connection
 * @reply: is answered by UNKNOWN if there is no such connection
 * @data: what @rcv leaves of it is as DATA
 */
struct handler {
	void (*rcv)(struct fsk_frames *fr, const struct frame *f);
	u16 min;
	u16 max;
	u16 unit;
	u8 flags;
	u8 phases;
	bool reply;
	bool data;
};

static const struct handler handlers[FSK_T_MAX] = {
	[FSK_T_DATA] = {
		.max = U16_MAX, .unit = 1,
		.flags = FSK_F_DATA,
		.phases = PH_CONFIRM | PH_OPEN, .reply = true,
	},
	[FSK_T_SACK] = {
		.rcv = rcv_sack, .min = sizeof(struct fsk_range),
		.max = FSK_SACK_MAX * sizeof(struct fsk_range),
		.unit = sizeof(struct fsk_range), .flags = FSK_F_TWICE,
		.phases = PH_CONFIRM | PH_OPEN, .reply = true,
	},
	[FSK_T_PROBE] = {
		.rcv = rcv_probe, .unit = 1, .phases = PH_CONFIRM | PH_OPEN,
		.reply = true,
	},
	[FSK_T_RESET] = {
		.rcv = rcv_reset, .unit = 1,
		.phases = PH_SYN | PH_CONFIRM | PH_OPEN,
	},
	[FSK_T_UNKNOWN] = {
		.rcv = rcv_unknown, .unit = 1, .phases = PH_CONFIRM | PH_OPEN,
	},
	[FSK_T_SYN] = {
		.min = sizeof(struct fsk_syn), .max = sizeof(struct fsk_syn),
		.unit = 1,
	},
	[FSK_T_SYNACK] = {
		.rcv = rcv_synack, .min = sizeof(struct fsk_synack),
		.max = sizeof(struct fsk_synack), .unit = 1,
		.phases = PH_SYN | PH_CONFIRM | PH_OPEN,
	},
	[FSK_T_CONFIRM] = {
		.rcv = rcv_confirm, .min = sizeof(struct fsk_syn),
		.max = U16_MAX, .unit = 1,
		.flags = FSK_F_DATA,
		.phases = PH_OPEN, .reply = true, .data = true,
	},
	[FSK_T_SYN6] = {
		.min = sizeof(struct fsk_syn6), .max = sizeof(struct fsk_syn6),
		.unit = 1,
	},
	[FSK_T_CONFIRM6] = {
		.rcv = rcv_confirm, .min = sizeof(struct fsk_syn6),
		.max = U16_MAX, .unit = 1,
		.flags = FSK_F_DATA,
		.phases = PH_OPEN, .reply = true, .data = true,
	},
	[FSK_T_REJECT] = {
		.rcv = rcv_reject, .min = sizeof(struct fsk_reject),
		.max = sizeof(struct fsk_reject), .unit = 1, .phases = PH_SYN,
	},
	[FSK_T_URGENT] = {
		.rcv = rcv_urgent, .unit = 1, .phases = PH_CONFIRM | PH_OPEN,
		.reply = true, .data = true,
	},
	[FSK_T_ADVERT] = {
		.rcv = rcv_advert, .min = sizeof(struct fsk_advert),
		.max = sizeof(struct fsk_advert), .unit = 1,
		.flags = FSK_F_TWICE, .phases = PH_OPEN, .reply = true,
		.data = true,
	},
	[FSK_T_PLACED] = {
		.rcv = rcv_placed, .min = sizeof(struct fsk_placed),
		.max = sizeof(struct fsk_placed), .unit = 1,
		.flags = FSK_F_ACK | FSK_F_TWICE | FSK_F_PATIENCE,
		.phases = PH_OPEN, .reply = true,
	},
	[FSK_T_CHANNEL] = {
		.min = sizeof(struct fsk_channel_setup),
		.max = sizeof(struct fsk_channel_setup), .unit = 1,
	},
	[FSK_T_HELLO ... FSK_T_BYE] = {
		.min = sizeof(struct fsk_hello),
		.max = sizeof(struct fsk_hello), .unit = 1,
	},
};

/*
 * Not DATA.  Return: true if what is left is as DATA.  Kept out of line: most
 * frames need no struct frame in memory.
 */
static noinline bool rcv_other(struct fsk_frames *fr, struct sk_buff *skb,
			       const struct fsk_hdr *hdr, u64 now)
{
	struct frame f = { .skb = skb, .hdr = hdr, .now = now };
	const struct handler *h = &handlers[hdr->type];

	h->rcv(fr, &f);
	return h->data;
}

/* The socket lock is held; @skb's data is at struct fsk_hdr. */
static void conn_rcv(struct fsk_frames *fr, struct sk_buff *skb)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	const struct handler *h = &handlers[hdr->type];
	struct frame f = { .skb = skb, .hdr = hdr, .now = fsk_now() };
	struct fsk_conn *conn = &fr->conn;

	if (unlikely(!(h->phases & BIT(conn->phase)))) {
		fsk_drop(sock_net(conn->sk), skb, FSK_DROP_STATE);
		return;
	}
	if (unlikely(!fsk_conn_path_fresh(conn)) && !fsk_path_hears(fr)) {
		fsk_drop(sock_net(conn->sk), skb, FSK_DROP_NOT_OURS);
		return;
	}
	conn->heard_at = f.now;
	conn->probes = 0;
	sock_rps_save_rxhash(conn->sk, skb);
	tcp_sk(conn->sk)->segs_in++;
	/* Whatever the server sends to our id says that it has CONFIRM. */
	if (unlikely(conn->phase == FSK_PH_CONFIRMING &&
		     (hdr->type <= FSK_T_PROBE ||
		      hdr->type == FSK_T_URGENT))) {
		conn->phase = FSK_PH_OPEN;
		fr->hs_at = 0;
	}
	__skb_pull(skb, sizeof(*hdr));
	if (likely(hdr->type == FSK_T_DATA) ||
	    rcv_other(fr, skb, hdr, f.now))
		rcv_data(fr, &f);
	if (unlikely(fsk_epochs_passed(&fr->epochs, fr->tx.una,
				       fr->rx.nxt)))
		fsk_frames_rekey(fr);
}

/**
 * fsk_backlog_rcv - sk_backlog_rcv: a frame that waited for the owner
 * @sk: socket
 * @skb: frame, or a TCP segment that raced with the filter
 *
 * The frame may be of a connection that has ended meanwhile.  If one in memory
 * has taken its place, that one's function is called: see fsk_conn_swap().
 *
 * Context: process; the caller owns @sk.
 * Return: 0.
 */
int fsk_backlog_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct fsk_conn *conn;

	/* As in softirq: no memory is waited for, of a cgroup's either. */
	local_bh_disable();
	rcu_read_lock();
	conn = fsk_conn(sk);
	if (skb->protocol != fsk_ethertype)
		kfree_skb(skb);
	else if (fsk_conn_dead(conn))
		fsk_drop(sock_net(sk), skb, FSK_DROP_STATE);
	else
		conn_rcv(fsk_frames(conn), skb);
	rcu_read_unlock();
	local_bh_enable();
	return 0;
}

/* A frame from a new address: the peer's has changed if IP says so, too. */
static bool moved_here(const struct fsk_frames *fr, struct net_device *mine,
		       const u8 *mac)
{
	const struct fsk_tuple t = fsk_tuple_of(fr->conn.sk);

	return fsk_ip_neighbour_is(mine, &t.daddr, mac);
}

/* Bytes that frames may hold while they wait for the socket's owner. */
static unsigned int backlog_limit(const struct sock *sk)
{
	u64 limit = SZ_64K;

	limit += fsk_rx_budget(sk);
	limit += READ_ONCE(sk->sk_sndbuf);
	return min_t(u64, limit, UINT_MAX);
}

/* @moved: the peer's address, if it is new. */
static void conn_deliver(struct fsk_frames *fr, struct sk_buff *skb,
			 const u8 *moved)
{
	struct sock *sk = fr->conn.sk;
	struct net *net = sock_net(sk);

	bh_lock_sock_nested(sk);
	if (unlikely(fr->conn.phase == FSK_PH_DEAD)) {
		fsk_drop(net, skb, FSK_DROP_STATE);
	} else if (!sock_owned_by_user(sk)) {
		if (unlikely(moved))
			ether_addr_copy(fr->path.mac, moved);
		conn_rcv(fr, skb);
	} else if (sk_add_backlog(sk, skb, backlog_limit(sk))) {
		fsk_drop(net, skb, FSK_DROP_BACKLOG);
	}
	bh_unlock_sock(sk);
}

/* No connection has this id.  Tell the sender, or it would have to time out. */
static void unknown_id(struct sk_buff *skb, u32 key, struct net_device *dev,
		       const u8 *mac)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	struct net *net = dev_net(dev);

	if (handlers[hdr->type].reply && fsk_peer_may_answer(dev, mac)) {
		fsk_count_reset(net);
		fsk_eth_send(dev, mac, FSK_T_UNKNOWN, hdr->id, cpu_to_be32(key),
			     NULL, 0);
	}
	fsk_drop(net, skb, FSK_DROP_ID);
}

/*
 * A frame from another device than the connection's: it may have to move there,
 * as where an address was moved from a card to the bridge above it.
 */
static void rcv_elsewhere(struct fsk_frames *fr, struct sk_buff *skb,
			  const struct net_device *dev, const u8 *mac)
{
	struct net *net = sock_net(fr->conn.sk);
	struct sock *sk = fr->conn.sk;
	int why = FSK_DROP_SOURCE;

	bh_lock_sock_nested(sk);
	if (fr->conn.phase == FSK_PH_DEAD) {
		why = FSK_DROP_STATE;
	} else if (!fsk_conn_opening(&fr->conn) && !sock_owned_by_user(sk)) {
		fsk_path_check(fr);
		if (rcu_access_pointer(fr->path.dev) == dev &&
		    ether_addr_equal(fr->path.mac, mac)) {
			conn_rcv(fr, skb);
			why = FSK_ACCEPT;
		}
	}
	bh_unlock_sock(sk);
	if (why != FSK_ACCEPT)
		fsk_drop(net, skb, why);
}

/* Return: as fsk_rcv_confirm(). */
static struct fsk_frames *confirmed(const struct fsk_hdr *hdr, u32 key,
				    struct net_device *dev, const u8 *mac)
{
	struct fsk_call call;

	if (!fsk_call_read(hdr->type, hdr + 1, dev, &call) ||
	    !fsk_call_usable(&call)) {
		fsk_drop(dev_net(dev), NULL, FSK_DROP_COOKIE);
		return NULL;
	}
	return fsk_rcv_confirm(be32_to_cpu(hdr->id), key, &call, dev, mac);
}

static struct fsk_frames *find(const struct fsk_net *fn,
			       const struct fsk_hdr *hdr, u32 key,
			       struct net_device *dev, const u8 *mac)
{
	u32 id = be32_to_cpu(hdr->id);
	struct fsk_frames *fr;

	if (unlikely(hdr->type == FSK_T_UNKNOWN))
		return fsk_frames_find_peer(fn, id, key);
	fr = fsk_frames_find(fn, id, key);
	if (likely(fr))
		return fr;
	fr = fsk_frames_find_other(fn, id, key, hdr->type == FSK_T_PROBE,
				   dev, mac);
	/* A new connection may have the id of an old one. */
	if (IS_ERR_OR_NULL(fr) && fsk_call_is_confirm(hdr->type) &&
	    fsk_eth_usable(dev))
		return confirmed(hdr, key, dev, mac) ?: fr;
	return fr;
}

static void rcv_for_conn(const struct fsk_net *fn, struct sk_buff *skb, u32 key,
			 struct net_device *dev, const u8 *mac)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	struct fsk_frames *fr = find(fn, hdr, key, dev, mac);

	if (IS_ERR(fr)) {
		if (PTR_ERR(fr) == -EACCES)
			fsk_drop(dev_net(dev), skb, FSK_DROP_KEY);
		else
			kfree_skb(skb);	/* counted; the client tries again */
		return;
	}
	if (unlikely(!fr)) {
		unknown_id(skb, key, dev, mac);
		return;
	}
	if (unlikely(rcu_access_pointer(fr->path.dev) != dev)) {
		rcv_elsewhere(fr, skb, dev, mac);
		return;
	}
	if (likely(ether_addr_equal(fr->path.mac, mac)))
		mac = NULL;
	if (unlikely(mac && !moved_here(fr, dev, mac))) {
		fsk_drop(dev_net(dev), skb, FSK_DROP_SOURCE);
		return;
	}
	conn_deliver(fr, skb, mac);
}

/* Checks what does not need a connection; negative or enum fsk_drop. */
static int frame_check(struct sk_buff *skb)
{
	const struct handler *h;
	const struct fsk_hdr *hdr;
	u16 len;

	if (!pskb_may_pull(skb, sizeof(*hdr)))
		return FSK_DROP_SHORT;
	hdr = (const void *)skb->data;
	if (hdr->type >= FSK_T_MAX)
		return FSK_DROP_TYPE;
	h = &handlers[hdr->type];
	if (hdr->flags & ~h->flags)
		return FSK_DROP_FLAGS;
	len = be16_to_cpu(hdr->len);
	if (skb->len - sizeof(*hdr) < len)
		return FSK_DROP_SHORT;
	if (len < h->min || len > h->max || (len - h->min) & (h->unit - 1))
		return FSK_DROP_LENGTH;
	if (pskb_trim_rcsum(skb, sizeof(*hdr) + len))
		return FSK_DROP_NOMEM;
	/* Fixed bodies, and SACK's array, are read in place. */
	if ((h->max != U16_MAX || h->min) &&
	    !pskb_may_pull(skb, sizeof(*hdr) +
			   (h->max == U16_MAX ? h->min : len)))
		return FSK_DROP_NOMEM;
	return FSK_ACCEPT;
}

/* A frame, data at struct fsk_hdr, from the link-layer address @mac. */
static __always_inline void rcv(struct sk_buff *skb, struct net_device *dev,
				const u8 *mac)
{
	struct net *net = dev_net(dev);
	const struct fsk_net *fn = fsk_net(net);
	const struct fsk_hdr *hdr;
	u32 key;
	int why;

	this_cpu_inc(fn->mib[FSK_MIB_IN_FRAMES]);
	why = likely(READ_ONCE(fn->open)) ? frame_check(skb) :
					    FSK_DROP_NOT_FOR_US;
	if (unlikely(why != FSK_ACCEPT)) {
		fsk_drop(net, skb, why);
		return;
	}
	hdr = (const void *)skb->data;
	if (unlikely(skb->pkt_type != PACKET_HOST &&
		     hdr->type != FSK_T_HELLO && hdr->type != FSK_T_BYE)) {
		fsk_drop(net, skb, FSK_DROP_NOT_FOR_US);
		return;
	}
	key = fsk_unseal(hdr);
	if (likely(handlers[hdr->type].phases)) {
		rcv_for_conn(fn, skb, key, dev, mac);
		return;
	}
	/* Outside a connection the key is 0, unless the frame is damaged. */
	if (key || !fsk_eth_usable(dev)) {
		fsk_drop(net, skb, key ? FSK_DROP_KEY : FSK_DROP_NOT_FOR_US);
		return;
	}
	switch (hdr->type) {
	case FSK_T_SYN:
	case FSK_T_SYN6:
		fsk_rcv_syn(skb, dev, mac);
		break;
	case FSK_T_CHANNEL:
		fsk_channel_rcv_setup(dev, mac, (const void *)(hdr + 1));
		consume_skb(skb);
		break;
	case FSK_T_HELLO:
	case FSK_T_HELLO_ACK:
	case FSK_T_BYE:
		fsk_hello_rcv(dev, mac, hdr->type, (const void *)(hdr + 1),
			      hdr->type == FSK_T_HELLO &&
			      skb->pkt_type != PACKET_HOST);
		consume_skb(skb);
		break;
	}
}

/**
 * fsk_rcv - struct packet_type.func: a frame comes in
 * @skb: frame; consumed
 * @dev: device it came from
 * @pt: unused
 * @orig_dev: unused
 *
 * Context: softirq, RCU read section.
 * Return: NET_RX_SUCCESS or NET_RX_DROP.
 */
int fsk_rcv(struct sk_buff *skb, struct net_device *dev,
	    struct packet_type *pt, struct net_device *orig_dev)
{
	u8 mac[ETH_ALEN] __aligned(2);

	skb = fsk_eth_pull(skb, dev, mac);
	if (unlikely(!skb))
		return NET_RX_DROP;
	rcv(skb, dev, mac);
	return NET_RX_SUCCESS;
}
