// SPDX-License-Identifier: GPL-2.0
/*
 * Placing: where both ends have a channel that can do it, the device puts
 * stream bytes into the pages that a waiting reader has posted, and nobody
 * copies them.
 *
 *	ADVERT		here waits a buffer, whose first byte has this number
 *	PLACED		as DATA, but the bytes have been written there
 *
 * The byte with a number has one place in the buffer, whichever way it comes:
 * what was under way when the buffer was offered, or is sent again, comes as
 * DATA and is copied to where the device would have written it.  So an offer
 * never makes a sender wait, and whoever writes a place writes the same byte.
 *
 * That bytes have been written means nothing before PLACED has come, which
 * comes in order behind them.  If it is lost, or is not for the byte that is
 * expected next, they are sent again, as those of any lost frame.
 *
 * Only what was never sent before is placed; copies of what may be lost go as
 * DATA, perhaps by Ethernet.
 */

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/place.h"
#include "base/stats.h"
#include "core/conn.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/placing.h"
#include "frames/tx.h"
#include "lan/channel.h"
#include "lan/offload.h"
#include "lan/seal.h"
#include "rel/rel.h"
#include "stream/post.h"

/* Bytes; less, unless it is the last, costs less as DATA. */
#define PLACING_LEAST	4096
/* Buffers that are not offered, after offers of no use, at most. */
#define PLACING_SKIP	63

/* Is @seq one of @len numbers from @from on? */
static bool within(u32 seq, u32 from, u32 len)
{
	return seq - from < len;
}

/*
 * A sender that is always ahead has sent what the buffer waits for before it
 * hears of it.  Offers that nobody has used become rare.
 */
static bool worth_offering(struct fsk_frames *fr)
{
	struct fsk_offers *o = &fr->offers;

	if (o->made) {
		o->skips = o->used ? 0 : min(2 * o->skips + 1, PLACING_SKIP);
		o->skip = o->skips;
		o->made = false;
		o->used = false;
	}
	if (!o->skip)
		return true;
	o->skip--;
	return false;
}

/* Is the next byte the one that comes first in the posted buffer? */
static bool may_offer(const struct fsk_frames *fr)
{
	const struct fsk_conn *conn = &fr->conn;

	return conn->phase == FSK_PH_OPEN && !conn->post->filled &&
	       tcp_sk(conn->sk)->copied_seq == fr->rx.nxt &&
	       !tcp_sk(conn->sk)->urg_data && !fsk_rel_rx_holds(&fr->rx) &&
	       !fr->tx.stalled_since;
}

static bool offer(struct fsk_frames *fr, const struct net_device *dev,
		  struct fsk_place *place)
{
	struct fsk_advert advert = {
		.token	= cpu_to_be32(place->token),
		.seq	= cpu_to_be32(place->seq),
		.len	= cpu_to_be32(place->len),
	};
	struct sk_buff *frame;

	frame = fsk_tx_frame(fr, FSK_T_ADVERT, &advert, sizeof(advert));
	if (!frame)
		return false;
	if (fsk_channel_offer(dev, fr->path.mac, place, frame))
		return true;
	kfree_skb(frame);
	return false;
}

/**
 * fsk_placing_offer - a reader has posted its buffer, and will wait
 * @fr: connection with a channel, whose @post is that buffer
 *
 * No more of it is offered than satisfies the reader: so who fills that ends
 * the offer and the wait at once.
 *
 * Context: process; the caller owns the socket.  If it sets the post's @place
 * the reader has to withdraw that.
 */
void fsk_placing_offer(struct fsk_frames *fr)
{
	struct fsk_conn *conn = &fr->conn;
	struct fsk_post *post = conn->post;
	const struct net_device *dev;
	struct fsk_place *place;
	u32 least;

	if (!may_offer(fr))
		return;
	rcu_read_lock();
	dev = fsk_frames_dev(fr);
	least = dev ? fsk_channel_place_min(dev, fr->path.mac) : 0;
	if (!least || conn->post_want < max_t(u32, least, PLACING_LEAST) ||
	    !worth_offering(fr))
		goto out;
	place = fsk_place_alloc(post->pages, post->offset, fr->rx.nxt,
				conn->post_want);
	if (!place)
		goto out;
	if (offer(fr, dev, place)) {
		post->place = place;
		fr->offers.made = true;
	} else {
		fsk_place_put(place);
	}
out:
	rcu_read_unlock();
}

/**
 * fsk_placing_advert - the other end has a reader that waits with a buffer
 * @fr: connected connection
 * @skb: ADVERT frame, data at its body
 *
 * One that comes later replaces it.
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_placing_advert(struct fsk_frames *fr, const struct sk_buff *skb)
{
	const struct fsk_advert *advert = (const void *)skb->data;
	const struct net_device *dev = fsk_frames_dev(fr);
	u32 seq = be32_to_cpu(advert->seq), len = be32_to_cpu(advert->len);
	u32 token = be32_to_cpu(advert->token), sent = fr->tx.nxt - seq;

	/* What was sent already will be copied to its place. */
	if (len > FSK_WND_MAX || sent >= len || len - sent < PLACING_LEAST) {
		if (dev)
			fsk_channel_decline(dev, fr->path.mac, token);
		return;
	}
	fr->aim = (struct fsk_aim) {
		.token	= token,
		.seq	= seq,
		.next	= fr->tx.nxt,
		.end	= seq + len,
	};
}

/*
 * Take the bytes behind the first @n from a DATA frame.  Return: the frame that
 * has them, data at struct fsk_hdr; NULL without memory: then nothing happened.
 */
static struct sk_buff *cut_off(const struct fsk_frames *fr,
			       struct sk_buff *skb, u32 n)
{
	u32 room = fr->path.headroom + sizeof(struct fsk_hdr);
	u32 mss = skb_shinfo(skb)->gso_size ?: skb->len;
	u32 key = fsk_unseal((const void *)skb->data);
	struct fsk_hdr *hdr;
	struct sk_buff *rest;

	/* It shares its bytes, and what says where they are, with a segment. */
	if (skb_unclone(skb, GFP_ATOMIC))
		return NULL;
	rest = alloc_skb(room + skb_headlen(skb), GFP_ATOMIC);
	if (!rest)
		return NULL;
	skb_reserve(rest, room);
	rest->ip_summed = CHECKSUM_UNNECESSARY;
	skb_split(skb, rest, sizeof(*hdr) + n);
	rest->truesize += rest->data_len;
	fsk_offload_mark(rest, mss);
	hdr = __skb_push(rest, sizeof(*hdr));
	*hdr = *(const struct fsk_hdr *)skb->data;
	hdr->seq = cpu_to_be32(be32_to_cpu(hdr->seq) + n);
	hdr->len = cpu_to_be16(be16_to_cpu(hdr->len) - n);
	fsk_seal(hdr, key);
	return rest;
}

/* @skb goes on as a frame of its own, with its first @n bytes only. */
static void shorten(struct sk_buff *skb, u32 n)
{
	struct fsk_hdr *hdr = (void *)skb->data;
	u32 key = fsk_unseal(hdr);

	hdr->flags &= FSK_F_PATIENCE | FSK_F_TWICE;
	hdr->len = cpu_to_be16(n);
	fsk_seal(hdr, key);
	if (skb_is_gso(skb) && n <= skb_shinfo(skb)->gso_size)
		skb_gso_reset(skb);
}

/* The PLACED frame for a DATA frame. */
static struct sk_buff *placed_frame(const struct fsk_frames *fr,
				    const struct sk_buff *data, u32 n)
{
	const struct fsk_hdr *of = (const void *)data->data;
	struct fsk_placed placed = {
		.token	= cpu_to_be32(fr->aim.token),
		.len	= cpu_to_be32(n),
	};
	u32 room = fr->path.headroom + sizeof(*of);
	struct sk_buff *skb;
	struct fsk_hdr *hdr;

	skb = alloc_skb(room + sizeof(placed), GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	skb_put_data(skb, &placed, sizeof(placed));
	hdr = __skb_push(skb, sizeof(*hdr));
	*hdr = *of;
	hdr->type = FSK_T_PLACED;
	hdr->len = cpu_to_be16(sizeof(placed));
	fsk_seal(hdr, fsk_unseal(of));
	return skb;
}

/* Place all bytes of a DATA frame, which is consumed if so. */
static bool put(struct fsk_frames *fr, const struct net_device *dev,
		struct sk_buff *data)
{
	const struct fsk_hdr *hdr = (const void *)data->data;
	u32 seq = be32_to_cpu(hdr->seq), n = be16_to_cpu(hdr->len);
	struct fsk_aim *aim = &fr->aim;
	struct fsk_put what = {
		.token	= aim->token,
		.off	= seq - aim->seq,
		.last	= seq + n == aim->end,
		.data	= data,
		.frame	= placed_frame(fr, data, n),
	};

	if (!what.frame)
		return false;
	if (!fsk_channel_put(dev, fr->path.mac, &what)) {
		kfree_skb(what.frame);
		aim->end = aim->next;	/* it is there no more */
		return false;
	}
	aim->next = seq + n;
	tcp_sk(fr->conn.sk)->segs_out++;
	fsk_conn_stat_add(&fr->conn, FSK_MIB_PUT_BYTES, n);
	return true;
}

/* How many bytes of a DATA frame have a place?  0 if it is to go as it is. */
static u32 to_place(const struct fsk_frames *fr, const struct sk_buff *skb)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	u32 seq = be32_to_cpu(hdr->seq), n = be16_to_cpu(hdr->len);
	const struct fsk_aim *aim = &fr->aim;

	if (hdr->type != FSK_T_DATA || hdr->flags & FSK_F_URG || !n ||
	    !within(seq, aim->next, aim->end - aim->next))
		return 0;
	n = min(n, aim->end - seq);
	return n >= PLACING_LEAST || seq + n == aim->end ? n : 0;
}

/**
 * fsk_placing_xmit - place what of a frame has a place
 * @fr: connection for which the other end has offered a buffer
 * @dev: device towards it
 * @skb: frame, data at struct fsk_hdr; consumed
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: what is left to be sent as a frame; NULL if nothing is.
 */
struct sk_buff *fsk_placing_xmit(struct fsk_frames *fr,
				 const struct net_device *dev,
				 struct sk_buff *skb)
{
	const struct fsk_hdr *hdr = (const void *)skb->data;
	struct sk_buff *rest = NULL;
	u32 n = to_place(fr, skb);

	if (!n)
		return skb;
	/* The end of the stream has no place. */
	if (n < be16_to_cpu(hdr->len) || hdr->flags & FSK_F_FIN) {
		rest = cut_off(fr, skb, n);
		if (!rest)
			return skb;
		shorten(skb, n);
	}
	if (put(fr, dev, skb))
		return rest;
	if (!rest)
		return skb;
	/* Two frames by now: the first as it is, or it is lost. */
	if (!fsk_channel_xmit(dev, fr->path.mac, skb, false))
		kfree_skb(skb);
	return rest;
}

/* What has been written is what @post waits for next: account for it. */
static void take(struct fsk_frames *fr, struct fsk_post *post, u32 n)
{
	struct fsk_conn *conn = &fr->conn;
	struct tcp_sock *tp = tcp_sk(conn->sk);

	fsk_post_filled(post, n);
	WRITE_ONCE(tp->copied_seq, tp->copied_seq + n);
	WRITE_ONCE(tp->rcv_nxt, fr->rx.nxt);
	tp->rcv_wup = fr->rx.nxt;
	tp->data_segs_in++;
	fr->offers.used = true;
	fsk_conn_stat_add(conn, FSK_MIB_IN_BYTES, n);
	fsk_conn_stat_add(conn, FSK_MIB_POSTED_BYTES, n);
	fsk_conn_stat_add(conn, FSK_MIB_PLACED_BYTES, n);
	if (post->filled >= conn->post_want && !sock_flag(conn->sk, SOCK_DEAD))
		conn->sk->sk_data_ready(conn->sk);
}

/*
 * Does the posted buffer wait for the byte that is expected next, and has room
 * for @n?  It may have been given back meanwhile, or an urgent byte has come
 * between.
 */
static bool fits(const struct fsk_frames *fr, const struct fsk_post *post,
		 u32 n)
{
	struct sock *sk = fr->conn.sk;

	return post->place->seq + post->filled == fr->rx.nxt &&
	       n <= post->len - post->filled &&
	       skb_queue_empty(&sk->sk_receive_queue) &&
	       tcp_sk(sk)->copied_seq == fr->rx.nxt &&
	       !tcp_sk(sk)->urg_data && !fsk_rel_rx_holds(&fr->rx) &&
	       !(sk->sk_shutdown & RCV_SHUTDOWN);
}

/* Is the place of all bytes of @seg within the buffer? */
static bool fits_place(const struct fsk_place *place, const struct fsk_seg *seg)
{
	return seg->len && within(seg->seq, place->seq, place->len) &&
	       seg->len <= place->len - (seg->seq - place->seq);
}

/* @seg has its place.  Return: FSK_ACCEPT, or why it is to be sent again. */
static int deliver(struct fsk_frames *fr, struct fsk_seg *seg, u64 now)
{
	u32 had = fr->rx.nxt - seg->seq, trim;

	if (fsk_after(fsk_seg_end(seg), fr->rx.nxt) &&
	    (fsk_after(seg->seq, fr->rx.nxt) ||
	     !fits(fr, fr->conn.post, seg->len - had))) {
		fr->rx.ack_now = true;
		return FSK_DROP_STATE;
	}
	switch (fsk_rel_rx_data(&fr->rx, seg, &trim, now)) {
	case FSK_RX_INORDER:
		take(fr, fr->conn.post, seg->len - trim);
		return FSK_ACCEPT;
	case FSK_RX_DUP:
		return FSK_ACCEPT;	/* it has come another way, too */
	default:
		return FSK_DROP_SEQ;
	}
}

/**
 * fsk_placing_deliver - bytes were written to a posted buffer
 * @fr: connected connection
 * @skb: PLACED frame, data at its body; consumed
 * @hdr: its header
 * @now: ns
 *
 * Context: softirq or process with bottom halves disabled; socket lock held in
 * either form, RCU read section.
 * Return: false if they do not count; they will be sent again.
 */
bool fsk_placing_deliver(struct fsk_frames *fr, struct sk_buff *skb,
			 const struct fsk_hdr *hdr, u64 now)
{
	const struct fsk_placed *placed = (const void *)skb->data;
	const struct fsk_post *post = fr->conn.post;
	u32 token = be32_to_cpu(placed->token);
	const struct net_device *dev = fsk_frames_dev(fr);
	struct fsk_seg seg = {
		.seq = be32_to_cpu(hdr->seq),
		.len = be32_to_cpu(placed->len),
		.flags = hdr->flags & FSK_F_ACK ? FSK_SEG_ASK : 0,
	};
	const struct fsk_place *place = post ? post->place : NULL;
	int why = FSK_DROP_STATE;

	fr->rx.patience = (hdr->flags & FSK_F_PATIENCE) >> FSK_F_PATIENCE_SHIFT;
	if (!place || place->token != token) {
		fr->rx.ack_now = true;	/* it has been given back */
	} else if (!fits_place(place, &seg)) {
		/* Where it says the device lets nobody write. */
		why = FSK_DROP_PLACED;
		if (dev)
			fsk_channel_end(dev, fr->path.mac);
	} else {
		why = deliver(fr, &seg, now);
	}
	if (why == FSK_ACCEPT)
		consume_skb(skb);
	else
		fsk_drop(sock_net(fr->conn.sk), skb, why);
	return why == FSK_ACCEPT;
}
