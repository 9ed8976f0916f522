// SPDX-License-Identifier: GPL-2.0
/*
 * From segments to frames: what the windows allow is sent, and an ack is in
 * every frame.  Acks alone, probes, resets and CONFIRM are sent here, too.
 */

#include <linux/netdevice.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/call.h"
#include "base/copy.h"
#include "base/spare.h"
#include "base/stats.h"
#include "core/conn.h"
#include "frames/call.h"
#include "frames/client.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/placing.h"
#include "frames/segment.h"
#include "frames/tx.h"
#include "lan/eth.h"
#include "lan/channel.h"
#include "lan/offload.h"
#include "lan/seal.h"
#include "rel/rel.h"
#include "stream/queue.h"

/* More at once would overrun the backlog of a virtual device. */
#define FSK_BURST	256	/* frames */
#define FSK_BURST_NS	(100 * NSEC_PER_USEC)
/* Timeouts, each twice as long as the one before: together 7 ms at least. */
#define CHANNEL_LATE	3
/* Bytes that are placed at once if the device takes no super-frames. */
#define PLACING_BURST	16384U

/*
 * tcp_poll(), ioctls, TCP_INFO and ss read the numbers of the tcp_sock.  So
 * does tcp_v4_err(), which believes an ICMP error that has the right number:
 * because of @mask those that are seen on the wire are not right.
 */
static void mirror_tx(const struct fsk_frames *fr)
{
	struct tcp_sock *tp = tcp_sk(fr->conn.sk);

	WRITE_ONCE(tp->snd_nxt, fr->tx.nxt + fr->mask);
	WRITE_ONCE(tp->write_seq, fr->tx.end + fr->mask);
}

/**
 * fsk_tx_mss - largest body of a DATA frame that may be sent now
 * @fr: connection
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: bytes, at least FSK_MSS_LEAST.
 */
u32 fsk_tx_mss(const struct fsk_frames *fr)
{
	u32 mss = min(fr->conn.mss, fr->conn.peer_mss);

	if (unlikely(fr->small_until)) {
		if (fr->tx.backoff || fsk_now() < fr->small_until)
			mss = min_t(u32, mss, FSK_MSS_SMALL);
	}

	mss = min_t(u32, mss, fr->path.mtu - sizeof(struct fsk_hdr));
	if (unlikely(fr->conn.phase == FSK_PH_CONFIRMING))
		mss -= min_t(u32, mss - FSK_MSS_LEAST,
			     fsk_call_len(fr->confirm_type));
	return mss;
}

/*
 * A device takes no more than one frame at once.  What is placed may be longer,
 * and if it is not after all, it is cut for the device.
 */
static noinline u32 burst_otherwise(const struct fsk_frames *fr, u32 mss)
{
	u32 most = min_t(u32, PLACING_BURST, fr->tx.wnd_most / 2);

	if (likely(fr->aim.next == fr->aim.end))
		return mss;
	return max(most / mss, 1U) * mss;
}

/**
 * fsk_tx_burst - most stream bytes of an skb that is sent now
 * @fr: connection
 * @mss: fsk_tx_mss()
 *
 * An skb that is as long as many frames goes through the stack once, see
 * lan/offload.c.  As with TCP it is no longer than half of the largest window:
 * a receiver gets the memory of an skb back when all of it is read.
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: bytes, a multiple of @mss, perhaps that itself.
 */
u32 fsk_tx_burst(const struct fsk_frames *fr, u32 mss)
{
	const struct net_device *dev = fsk_frames_dev(fr);
	u32 most, pieces;

	if (unlikely(!dev || fr->conn.phase == FSK_PH_CONFIRMING))
		return mss;
	most = min(fsk_offload_room(dev), fr->tx.wnd_most / 2);
	pieces = min_t(u32, most / mss, READ_ONCE(dev->gso_max_segs));
	return likely(pieces > 1) ? pieces * mss : burst_otherwise(fr, mss);
}

/**
 * fsk_tx_cut - see fsk_rel_cut
 * @tx: of a connection of frames
 * @seg: segment of which only a part is to go, or was acknowledged
 * @at: numbers that stay in it
 *
 * Context: socket lock held in either form.
 * Return: false without memory; the timer tries again.
 */
bool fsk_tx_cut(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 at)
{
	struct fsk_frames *fr = container_of(tx, struct fsk_frames, tx);

	if (!fsk_segment_split(fr, fsk_seg_skb(seg), at))
		return true;
	fr->conn.retry_at = fsk_now() + FSK_RETRY_NS;
	return false;
}

/*
 * The window to advertise now, in bytes from the next expected one on.  Its
 * right edge only moves forward, and not in small steps (silly window).  Unread
 * bytes make it no smaller as long as there is room.
 */
static __always_inline u32 window(struct fsk_frames *fr)
{
	const struct sock *sk = fr->conn.sk;
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	u32 unread = tp->rcv_nxt - READ_ONCE(tp->copied_seq);
	u32 space = min(fsk_rx_space(sk), rcvbuf / 2 + unread);
	u32 edge = fr->rx.nxt + space;

	if (fsk_after(edge, fr->rx.wnd_end) &&
	    (space >= fr->rx.mss || space >= rcvbuf / 4))
		fr->rx.wnd_end = edge;
	return fr->rx.wnd_end - fr->rx.nxt;
}

static __always_inline void
fill_hdr(struct fsk_frames *fr, struct sk_buff *skb, u8 type, u8 flags,
	 u32 seq, u16 len, u32 key)
{
	struct fsk_hdr *hdr = __skb_push(skb, sizeof(*hdr));

	hdr->type = type;
	hdr->flags = flags;
	hdr->len = cpu_to_be16(len);
	hdr->id = cpu_to_be32(fr->peer_id);
	hdr->seq = cpu_to_be32(seq);
	hdr->ack = cpu_to_be32(fr->rx.nxt);
	hdr->win = cpu_to_be32(window(fr));
	fsk_seal(hdr, key);
}

/* What is said of that which is acknowledged. */
static u8 ack_flags(const struct fsk_frames *fr)
{
	return unlikely(fr->rx.twice) ? FSK_F_TWICE : 0;
}

/*
 * Has nothing come since timers had something sent again, CHANNEL_LATE times in
 * a row?  Before that it may just have been slow.  The back-off alone does not
 * tell: who only receives from then on keeps it.
 */
static bool is_late(const struct fsk_rel_tx *tx)
{
	return tx->stalled_since && tx->backoff >= CHANNEL_LATE;
}

/* Not simply by the device.  Return: what is to go by it, all the same. */
static noinline struct sk_buff *xmit_otherwise(struct fsk_frames *fr,
					       struct net_device *dev,
					       struct sk_buff *skb)
{
	bool late;

	if (!dev || fr->path.state & FSK_PATH_BAD_OUT) {
		fsk_drop(sock_net(fr->conn.sk), skb, FSK_DROP_NO_ROUTE);
		return NULL;
	}
	if (fr->conn.phase != FSK_PH_OPEN)
		return skb;
	late = is_late(&fr->tx);
	if (fr->aim.next != fr->aim.end && !late) {
		skb = fsk_placing_xmit(fr, dev, skb);
		if (!skb)
			return NULL;
	}
	if (!fsk_channel_xmit(dev, fr->path.mac, skb, late))
		return skb;
	tcp_sk(fr->conn.sk)->segs_out++;
	return NULL;
}

static __always_inline void xmit(struct fsk_frames *fr, struct sk_buff *skb)
{
	struct net_device *dev = fsk_frames_dev(fr);
	struct sock *sk = fr->conn.sk;

	if (unlikely(!dev || fr->path.state & FSK_PATH_UNUSUAL)) {
		skb = xmit_otherwise(fr, dev, skb);
		if (!skb)
			return;
	}
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = READ_ONCE(sk->sk_mark);
	/* No address of ours tells a qdisc or a queue which flow it is of. */
	skb_set_hash_from_sk(skb, sk);
	tcp_sk(sk)->segs_out++;
	fsk_eth_xmit(dev, fr->path.mac, skb);
}

/* A frame without stream bytes; NULL without memory. */
static __always_inline struct sk_buff *
bare_frame(struct fsk_frames *fr, u8 type, u8 flags, u32 seq, const void *body,
	   u16 len)
{
	u32 room = fr->path.headroom + sizeof(struct fsk_hdr);
	struct sk_buff *skb = fsk_spare_get(room + len, GFP_ATOMIC);

	if (!skb)
		return NULL;
	skb_reserve(skb, room);
	if (len)
		skb_put_data(skb, body, len);
	/* Who has forgotten the connection echoes the key, of no epoch. */
	fill_hdr(fr, skb, type, flags, seq, len, type == FSK_T_PROBE ?
		 fr->conn.peer_key : fr->seal_key);
	return skb;
}

/* The same, sent; 0 or -ENOMEM. */
static int send_bare_at(struct fsk_frames *fr, u8 type, u32 seq,
			const void *body, u16 len)
{
	const struct net_device *dev;
	struct sk_buff *skb;
	u8 flags = 0;

	if (unlikely(!fsk_conn_path_fresh(&fr->conn)))
		fsk_path_check(fr);
	dev = fsk_frames_dev(fr);
	if (unlikely(!dev))
		return 0;	/* lost in transit */
	fr->path.headroom = fsk_eth_headroom(dev);
	if (type == FSK_T_DATA || type == FSK_T_SACK)
		flags = ack_flags(fr);
	skb = bare_frame(fr, type, flags, seq, body, len);
	if (!skb)
		return -ENOMEM;
	xmit(fr, skb);
	return 0;
}

/**
 * fsk_tx_frame - make a frame without stream bytes that somebody else sends
 * @fr: connected connection
 * @type: FSK_T_*
 * @body: its body
 * @len: bytes of that
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: it, data at struct fsk_hdr, or NULL without memory.
 */
struct sk_buff *fsk_tx_frame(struct fsk_frames *fr, u8 type, const void *body,
			     u16 len)
{
	return bare_frame(fr, type, ack_flags(fr), fr->tx.nxt, body, len);
}

static int send_bare(struct fsk_frames *fr, u8 type, const void *body, u16 len)
{
	return send_bare_at(fr, type, fr->tx.nxt, body, len);
}

static int send_sack(struct fsk_frames *fr)
{
	struct fsk_rel_range held[FSK_SACK_MAX];
	struct fsk_range wire[FSK_SACK_MAX];
	unsigned int i, n;

	n = min_t(u32, fsk_tx_mss(fr) / sizeof(wire[0]), FSK_SACK_MAX);
	n = fsk_rel_rx_sack(&fr->rx, held, n);
	for (i = 0; i < n; i++) {
		wire[i].start = cpu_to_be32(held[i].start);
		wire[i].end = cpu_to_be32(held[i].end);
	}
	return send_bare(fr, FSK_T_SACK, wire, n * sizeof(wire[0]));
}

/**
 * fsk_tx_ack - send an acknowledgment now
 * @fr: connected connection
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_ack(struct fsk_frames *fr)
{
	struct fsk_conn *conn = &fr->conn;
	int err;

	if (conn->phase == FSK_PH_CONFIRMING) {
		fsk_tx_confirm(fr, fsk_now());
		return;
	}
	fsk_rx_grow_buffer(conn);
	if (fsk_rel_rx_holds(&fr->rx))
		err = send_sack(fr);
	else
		err = send_bare(fr, FSK_T_DATA, NULL, 0);
	if (!err) {
		fsk_rel_rx_ack_sent(&fr->rx);
		return;
	}
	fr->rx.ack_now = false;
	fr->rx.ack_at = fsk_now() + FSK_RETRY_NS;
	fsk_frames_arm(fr);
}

/**
 * fsk_tx_probe - ask the peer for an acknowledgment
 * @fr: connected connection
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_probe(struct fsk_frames *fr)
{
	if (fr->conn.phase != FSK_PH_OPEN)
		return;
	fsk_tx_urgent(fr);
	fsk_rel_tx_asked(&fr->tx);
	send_bare(fr, FSK_T_PROBE, NULL, 0);
}

/**
 * fsk_tx_urgent - tell the peer of an urgent byte that has to wait
 * @fr: connected connection
 *
 * The frame may be lost: it comes again with each probe, and the byte itself
 * says so, too.
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_urgent(struct fsk_frames *fr)
{
	struct fsk_conn *conn = &fr->conn;

	if (likely(!conn->urg_out))
		return;
	conn->urg_out = !fsk_before(conn->urg_seq, fr->tx.nxt);
	if (conn->urg_out && conn->phase == FSK_PH_OPEN)
		send_bare_at(fr, FSK_T_URGENT, conn->urg_seq, NULL, 0);
}

/**
 * fsk_tx_reset - tell the peer, if it is known, that the connection is gone
 * @fr: connection
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_reset(struct fsk_frames *fr)
{
	if (!fr->peer_id)
		return;
	fsk_count_reset(sock_net(fr->conn.sk));
	send_bare(fr, FSK_T_RESET, NULL, 0);
}

/**
 * fsk_tx_confirm - send CONFIRM without stream bytes
 * @fr: connection in phase CONFIRMING
 * @now: ns
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_confirm(struct fsk_frames *fr, u64 now)
{
	u8 body[FSK_CALL_MAX] __aligned(4);
	struct fsk_call call;

	fsk_client_call(fr, &call);
	fsk_call_write(&call, body);
	send_bare(fr, fr->confirm_type, body, fsk_call_len(fr->confirm_type));
	fsk_rel_rx_ack_sent(&fr->rx);
	fr->hs_at = now + (FSK_HS_RETRY_NS << min_t(u8, fr->hs_tries, 8));
	fr->hs_tries++;
	fr->confirm_sent = true;
	fsk_frames_arm(fr);
}

/* To copy the bytes of one frame is cheaper than to share them. */
static struct sk_buff *copy_of(const struct fsk_frames *fr,
			       const struct sk_buff *skb)
{
	u32 room = FSK_HDR_MAX + fr->path.headroom;
	struct sk_buff *frame = fsk_spare_get(room + skb->len, GFP_ATOMIC);

	if (!frame)
		return NULL;
	skb_reserve(frame, room);
	fsk_copy(__skb_put(frame, skb->len), skb->data, skb->len);
	frame->ip_summed = CHECKSUM_UNNECESSARY;
	return frame;
}

/* The skb of a frame: it shares the segment's bytes, but not its header. */
static struct sk_buff *frame_of(const struct fsk_frames *fr,
				struct sk_buff *skb)
{
	if (fsk_segment_is_small(skb))
		return copy_of(fr, skb);
	/* An earlier clone may still be queued with its header in place. */
	if (unlikely(skb_cloned(skb)))
		return pskb_copy(skb, GFP_ATOMIC);
	return skb_clone(skb, GFP_ATOMIC);
}

static u8 frame_flags(struct fsk_frames *fr, const struct fsk_seg *seg)
{
	const struct sock *sk = fr->conn.sk;
	u8 flags = ack_flags(fr) | fr->tx.patience << FSK_F_PATIENCE_SHIFT;

	if (seg->flags & FSK_SEG_FIN)
		flags |= FSK_F_FIN;
	if (unlikely(seg->flags & FSK_SEG_URG))
		flags |= FSK_F_URG;
	/* A program that fills its buffer will soon wait for it to empty. */
	if (seg->flags & FSK_SEG_ASK ||
	    sk->sk_wmem_queued > sk->sk_sndbuf / 2) {
		flags |= FSK_F_ACK;
		fsk_rel_tx_asked(&fr->tx);
	}
	return flags;
}

/*
 * A segment is longer than a frame.  What the device does not take at once is
 * cut off: it may have changed since, and the path may have become narrower.
 * Return: 0 or -ENOMEM.
 */
static noinline int fit_to_device(struct fsk_frames *fr, struct sk_buff *skb,
				  u32 mss)
{
	u32 most = fsk_tx_burst(fr, mss);

	/* The core shall cut where frames end. */
	if (unlikely(fr->tx.cc.mss != mss) && most > mss)
		fr->tx.cc.mss = mss;
	return skb->len > most ? fsk_segment_split(fr, skb, most) : 0;
}

/*
 * Count the pieces of one skb.  Return: how many skbs they are where they wait
 * for the other end.
 */
static noinline int count_pieces(const struct fsk_frames *fr, int pieces)
{
	const struct net_device *dev = fsk_frames_dev(fr);
	struct tcp_sock *tp = tcp_sk(fr->conn.sk);

	tp->segs_out += pieces - 1;
	tp->data_segs_out += pieces - 1;
	return !dev || fsk_offload_whole(dev) ? 1 : pieces;
}

/* CONFIRM says before the bytes what SYN has said. */
static noinline void push_call(const struct fsk_frames *fr,
			       struct sk_buff *frame)
{
	struct fsk_call call;

	fsk_client_call(fr, &call);
	fsk_call_write(&call,
		       __skb_push(frame, fsk_call_len(fr->confirm_type)));
}

/* Return: of how much of FSK_BURST that was, or -ENOMEM. */
static int send_seg(struct fsk_frames *fr, struct fsk_seg *seg, u64 now)
{
	struct sk_buff *skb = fsk_seg_skb(seg), *frame;
	struct fsk_conn *conn = &fr->conn;
	u32 mss = FSK_MSS_LEAST;
	u8 type = FSK_T_DATA;
	int pieces = 1;
	u16 len;

	if (unlikely(!fsk_conn_path_fresh(conn)))
		fsk_path_check(fr);
	if (skb->len >= FSK_MSS_LEAST) {
		mss = fsk_tx_mss(fr);
		if (skb->len > mss && fit_to_device(fr, skb, mss))
			return -ENOMEM;
	}
	frame = frame_of(fr, skb);
	if (unlikely(!frame))
		return -ENOMEM;
	if (skb->len >= FSK_MSS_LEAST)
		pieces = fsk_offload_mark(frame, mss);
	if (seg->flags & FSK_SEG_SENT)
		fsk_conn_stat_add(conn, FSK_MIB_RETRANS_FRAMES, pieces);
	else
		fsk_conn_stat_add(conn, FSK_MIB_OUT_BYTES, skb->len);
	len = skb->len;
	if (unlikely(conn->phase == FSK_PH_CONFIRMING)) {
		type = fr->confirm_type;
		push_call(fr, frame);
		len += fsk_call_len(type);
		fr->confirm_sent = true;
		fr->hs_at = 0;	/* the segment's own timer repeats it */
	}
	tcp_sk(conn->sk)->data_segs_out++;
	fsk_rel_tx_sent(&fr->tx, seg, now);
	fill_hdr(fr, frame, type, frame_flags(fr, seg), seg->seq, len,
		 fr->seal_key);
	fsk_rel_rx_ack_sent(&fr->rx);
	xmit(fr, frame);
	return pieces == 1 ? 1 : count_pieces(fr, pieces);
}

static bool split_to_window(struct fsk_frames *fr)
{
	u32 at = fsk_rel_tx_cut(&fr->tx);

	return at && !fsk_segment_split(fr, fsk_seg_skb(fr->tx.unsent), at);
}

/*
 * Does this segment wait for more of the program's bytes?  If it is longer than
 * a frame, only the last one does.
 */
static bool waits_for_more(struct fsk_frames *fr, struct fsk_seg *seg)
{
	struct sk_buff *skb = fsk_seg_skb(seg);
	u32 mss, rest;

	if (seg != fr->tx.unsent || seg != fr->tx.tail ||
	    seg->flags & (FSK_SEG_FIN | FSK_SEG_URG))
		return false;
	mss = fsk_tx_mss(fr);
	rest = skb->len % mss;
	return rest && (skb->len < mss ||
			fsk_segment_split(fr, skb, skb->len - rest));
}

/**
 * fsk_tx_push - send all that windows allow, and an ack if one is owed
 * @fr: connected connection
 * @now: ns
 *
 * But for a last segment that is not full, while @cork_at is set.
 *
 * Context: socket lock held in either form, RCU read section.
 */
void fsk_tx_push(struct fsk_frames *fr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;
	struct fsk_seg *seg = NULL;
	int budget = FSK_BURST, n;

again:
	while ((fr->tx.unsent || fr->tx.lost) &&
	       (seg = fsk_rel_tx_next(&fr->tx, now))) {
		if (unlikely(conn->cork_at) && waits_for_more(fr, seg)) {
			if (budget != FSK_BURST)	/* it is a new one */
				conn->cork_at = now + FSK_CORK_NS;
			break;
		}
		n = send_seg(fr, seg, now);
		if (unlikely(n < 0)) {
			conn->retry_at = now + FSK_RETRY_NS;
			break;
		}
		budget -= n;
		if (unlikely(budget <= 0)) {
			conn->retry_at = now + FSK_BURST_NS;
			fsk_frames_arm(fr);
			break;
		}
	}
	if (unlikely(!seg && fr->tx.unsent)) {
		if (split_to_window(fr))
			goto again;
		if (fsk_rel_tx_must_ask(&fr->tx))
			fsk_tx_probe(fr);
	}
	mirror_tx(fr);
	if (fr->rx.ack_now)
		fsk_tx_ack(fr);
	fsk_frames_touch(fr, now);
}
