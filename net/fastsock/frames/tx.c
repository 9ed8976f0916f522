// SPDX-License-Identifier: GPL-2.0
/* Sending: from the program's bytes to frames. */

#include <linux/netdevice.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/stats.h"
#include "core/conn.h"
#include "frames/client.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/rx.h"
#include "frames/tx.h"
#include "lan/eth.h"
#include "lan/seal.h"
#include "rel/rel.h"
#include "stream/send.h"

/* More at once would overrun the backlog of a virtual device. */
#define FSK_BURST	256	/* frames */
#define FSK_BURST_NS	(100 * NSEC_PER_USEC)
#define FSK_BATCH	16	/* frames of one send handed over together */
#define FSK_LINEAR_MAX	256	/* bytes; longer sends go to page frags */
#define FSK_PAGED_COST	32	/* bytes; of a segment, in sk_wmem_queued */
#define FSK_RETRY_NS	(10 * NSEC_PER_MSEC)	/* after an allocation failed */

/*
 * tcp_poll(), ioctls, TCP_INFO and ss read the numbers of the tcp_sock.  So
 * does tcp_v4_err(), which nobody on the wire shall be able to please.
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
		mss -= min_t(u32, mss - FSK_MSS_LEAST, sizeof(struct fsk_syn));
	return mss;
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
	hdr->win = cpu_to_be32(fsk_rx_window(fr));
	fsk_seal(hdr, key);
}

static __always_inline int xmit(struct fsk_frames *fr, struct sk_buff *skb)
{
	struct net_device *dev = fsk_frames_dev(fr);
	struct sock *sk = fr->conn.sk;

	if (unlikely(!dev || fr->path.bad & FSK_PATH_BAD_OUT)) {
		fsk_drop(sock_net(sk), skb, FSK_DROP_NO_ROUTE);
		return -EHOSTUNREACH;
	}
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = READ_ONCE(sk->sk_mark);
	tcp_sk(sk)->segs_out++;
	return fsk_eth_xmit(dev, fr->path.mac, skb);
}

/* A frame without stream bytes; 0 or -ENOMEM. */
static int send_bare_at(struct fsk_frames *fr, u8 type, u32 seq,
			const void *body, u16 len)
{
	const struct net_device *dev;
	struct sk_buff *skb;
	u32 room;

	if (unlikely(!fsk_path_fresh(&fr->conn)))
		fsk_path_check(fr);
	dev = fsk_frames_dev(fr);
	if (unlikely(!dev))
		return 0;	/* lost in transit */
	fr->path.headroom = fsk_eth_headroom(dev);
	room = fr->path.headroom + sizeof(struct fsk_hdr);
	skb = alloc_skb(room + len, GFP_ATOMIC);
	if (!skb)
		return -ENOMEM;
	skb_reserve(skb, room);
	if (len)
		skb_put_data(skb, body, len);
	/* Who has forgotten the connection echoes the key, of no epoch. */
	fill_hdr(fr, skb, type, 0, seq, len, type == FSK_T_PROBE ?
		 fr->conn.peer_key : fr->seal_key);
	xmit(fr, skb);
	return 0;
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
	if (fr->rx.ooo_head)
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
	struct fsk_syn syn;

	fsk_client_syn_body(fr, &syn);
	send_bare(fr, FSK_T_CONFIRM, &syn, sizeof(syn));
	fsk_rel_rx_ack_sent(&fr->rx);
	fr->hs_at = now + (FSK_HS_RETRY_NS << min_t(u8, fr->hs_tries, 8));
	fr->hs_tries++;
	fr->confirm_sent = true;
	fsk_frames_arm(fr);
}

/*
 * May the socket have so much more?  As much as the sysctl tcp_wmem gives to
 * everybody it may have in any case, as with TCP, and owes it if need be: see
 * make_room() in rx.c.
 */
static __always_inline bool wmem_schedule(struct sock *sk, u32 size)
{
	return likely(sk_wmem_schedule(sk, size)) ||
	       sk->sk_wmem_queued <
	       READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[0]);
}

/*
 * What the send buffer counts of a segment: the bytes in its pages and little
 * more, as of TCP's skbs, which are as large as many frames.  But never less
 * than an empty one costs, or small ones would take much more memory than
 * SO_SNDBUF says.  The kernel has counted the pages themselves.
 */
static void recount(struct sock *sk, struct sk_buff *skb)
{
	u32 empty = skb->truesize - skb->data_len;
	u32 cost = max_t(s32, empty - skb->data_len, FSK_PAGED_COST);

	sk_wmem_queued_add(sk, (int)(cost - FSK_CB(skb)->cost));
	FSK_CB(skb)->cost = cost;
}

/*
 * Charge and make an skb of which @linear bytes fit the linear part; room for
 * every header is reserved.  @must: what is queued cannot go without.  Return:
 * NULL without memory.
 *
 * All of it is charged to TCP's memory.  But the program's send buffer shall
 * hold the bytes that it holds with TCP, see recount().
 */
static struct sk_buff *alloc_seg(struct fsk_frames *fr, u32 linear, gfp_t gfp,
				 bool must)
{
	struct sock *sk = fr->conn.sk;
	struct sk_buff *skb;
	u32 room = FSK_HDR_MAX + fr->path.headroom;

	skb = alloc_skb_fclone(room + linear, gfp);
	if (!skb)
		return NULL;
	skb->truesize = SKB_TRUESIZE(skb_end_offset(skb));
	if (!wmem_schedule(sk, skb->truesize + 1) && !must) {
		__kfree_skb(skb);
		return NULL;
	}
	skb_reserve(skb, room);
	__skb_header_release(skb);	/* clones may write their headers */
	skb->ip_summed = CHECKSUM_UNNECESSARY;	/* do not sum while copying */
	FSK_CB(skb)->cost = skb->truesize;
	sk_wmem_queued_add(sk, skb->truesize);
	sk_mem_charge(sk, skb->truesize);
	fsk_mem_keep(fr);
	FSK_CB(skb)->seg.flags = 0;
	return skb;
}

static void free_seg(struct sock *sk, struct sk_buff *skb)
{
	sk_wmem_queued_add(sk, -(int)(FSK_CB(skb)->cost + skb->data_len));
	sk_mem_uncharge(sk, skb->truesize);
	__kfree_skb(skb);
}

/**
 * fsk_tx_free - free segments that the core has let go
 * @fr: connection
 * @chain: linked by next, may be NULL
 *
 * Context: socket lock held in either form.
 */
void fsk_tx_free(struct fsk_frames *fr, struct fsk_seg *chain)
{
	struct fsk_seg *seg, *next;

	for (seg = chain; seg; seg = next) {
		next = seg->next;
		free_seg(fr->conn.sk, fsk_seg_skb(seg));
	}
}

/* Cut @skb so that at most @at bytes of it stay in its segment. */
static int split_seg(struct fsk_frames *fr, struct sk_buff *skb, u32 at)
{
	struct sk_buff *rest;
	u32 moved = skb->len - at;
	u32 charged = skb->truesize;

	if (skb_unclone(skb, GFP_ATOMIC))
		return -ENOMEM;
	skb->truesize = charged;
	rest = alloc_seg(fr, skb_headlen(skb), GFP_ATOMIC, true);
	if (!rest)
		return -ENOMEM;
	skb_split(skb, rest, at);
	moved = min_t(u32, moved, skb->truesize - 1);
	skb->truesize -= moved;		/* the pages went with the bytes */
	rest->truesize += moved;
	recount(fr->conn.sk, skb);
	recount(fr->conn.sk, rest);
	fsk_rel_tx_split(&fr->tx, &FSK_CB(skb)->seg, &FSK_CB(rest)->seg, at);
	return 0;
}

/* What goes on the wire: shares the bytes, has a header of its own. */
static struct sk_buff *frame_of(struct sk_buff *skb)
{
	/* An earlier clone may still be queued with its header in place. */
	if (unlikely(skb_cloned(skb)))
		return pskb_copy(skb, GFP_ATOMIC);
	return skb_clone(skb, GFP_ATOMIC);
}

static u8 frame_flags(const struct fsk_frames *fr, const struct fsk_seg *seg)
{
	const struct sock *sk = fr->conn.sk;
	u8 flags = 0;

	if (seg->flags & FSK_SEG_FIN)
		flags |= FSK_F_FIN;
	if (unlikely(seg->flags & FSK_SEG_URG))
		flags |= FSK_F_URG;
	/* A program that fills its buffer will soon wait for it to empty. */
	if (seg->flags & FSK_SEG_ASK || sk->sk_wmem_queued > sk->sk_sndbuf / 2)
		flags |= FSK_F_ACK;
	return flags;
}

static int send_seg(struct fsk_frames *fr, struct fsk_seg *seg, u64 now)
{
	struct sk_buff *skb = fsk_seg_skb(seg), *frame;
	struct fsk_conn *conn = &fr->conn;
	struct fsk_syn *syn;
	u8 type = FSK_T_DATA;
	u16 len;

	if (unlikely(!fsk_path_fresh(conn)))
		fsk_path_check(fr);
	/* The path may have become narrower since. */
	if (skb->len > FSK_MSS_LEAST && skb->len > fsk_tx_mss(fr) &&
	    split_seg(fr, skb, fsk_tx_mss(fr)))
		return -ENOMEM;
	frame = frame_of(skb);
	if (unlikely(!frame))
		return -ENOMEM;
	if (seg->flags & FSK_SEG_SENT)
		fsk_conn_stat_add(conn, FSK_MIB_RETRANS_FRAMES, 1);
	else
		fsk_conn_stat_add(conn, FSK_MIB_OUT_BYTES, skb->len);
	len = skb->len;
	if (unlikely(conn->phase == FSK_PH_CONFIRMING)) {
		type = FSK_T_CONFIRM;
		fsk_client_syn_body(fr, __skb_push(frame, sizeof(*syn)));
		len += sizeof(*syn);
		fr->confirm_sent = true;
		fr->hs_at = 0;	/* the segment's own timer repeats it */
	}
	tcp_sk(conn->sk)->data_segs_out++;
	fsk_rel_tx_sent(&fr->tx, seg, now);
	fill_hdr(fr, frame, type, frame_flags(fr, seg), seg->seq, len,
		 fr->seal_key);
	fsk_rel_rx_ack_sent(&fr->rx);
	xmit(fr, frame);
	return 0;
}

static bool split_to_window(struct fsk_frames *fr)
{
	u32 at = fsk_rel_tx_cut(&fr->tx);

	return at && !split_seg(fr, fsk_seg_skb(fr->tx.unsent), at);
}

/* Does this segment wait for more of the program's bytes? */
static bool waits_for_more(const struct fsk_frames *fr,
			   const struct fsk_seg *seg)
{
	return seg == fr->tx.unsent && seg == fr->tx.tail &&
	       !(seg->flags & (FSK_SEG_FIN | FSK_SEG_URG)) &&
	       fsk_seg_skb((struct fsk_seg *)seg)->len < fsk_tx_mss(fr);
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
	int budget = FSK_BURST;

again:
	while ((fr->tx.unsent || fr->tx.lost) &&
	       (seg = fsk_rel_tx_next(&fr->tx, now))) {
		if (unlikely(conn->cork_at) && waits_for_more(fr, seg)) {
			if (budget != FSK_BURST)	/* it is a new one */
				conn->cork_at = now + FSK_CORK_NS;
			break;
		}
		if (unlikely(send_seg(fr, seg, now))) {
			conn->retry_at = now + FSK_RETRY_NS;
			break;
		}
		if (unlikely(!--budget)) {
			conn->retry_at = now + FSK_BURST_NS;
			fsk_frames_arm(fr);
			break;
		}
	}
	if (unlikely(!seg && fr->tx.unsent) && split_to_window(fr))
		goto again;
	mirror_tx(fr);
	if (fr->rx.ack_now)
		fsk_tx_ack(fr);
	fsk_frames_touch(fr, now);
}

/* As fsk_tx_push(); one softirq run for a batch, where a device is virtual. */
static void push_batch(struct fsk_frames *fr, u64 now)
{
	bool one = fr->tx.unsent == fr->tx.tail;

	rcu_read_lock();
	if (one) {
		fsk_tx_push(fr, now);
	} else {
		local_bh_disable();
		fsk_tx_push(fr, now);
		local_bh_enable();
	}
	rcu_read_unlock();
}

/**
 * fsk_tx_uncork - send what waits for more
 * @fr: connected connection
 *
 * Context: process; the caller owns the socket.
 */
void fsk_tx_uncork(struct fsk_frames *fr)
{
	if (!fr->conn.cork_at)
		return;
	fr->conn.cork_at = 0;
	push_batch(fr, fsk_now());
}

/**
 * fsk_tx_fin - queue the end of the stream
 * @fr: connected connection; its state has already changed
 *
 * Without memory it is tried again from the timer.  The caller pushes.
 *
 * Context: socket lock held in either form.
 */
void fsk_tx_fin(struct fsk_frames *fr)
{
	struct fsk_seg *tail = fr->tx.tail;
	struct fsk_conn *conn = &fr->conn;
	struct sk_buff *skb;

	conn->fin_wanted = false;
	if (tail && !(tail->flags & FSK_SEG_SENT)) {
		tail->flags |= FSK_SEG_FIN;
		fsk_rel_tx_grow(&fr->tx, tail, 1);
		return;
	}
	skb = alloc_seg(fr, 0, GFP_ATOMIC, true);
	if (!skb) {
		conn->fin_wanted = true;
		conn->retry_at = fsk_now() + FSK_RETRY_NS;
		return;
	}
	FSK_CB(skb)->seg.flags = FSK_SEG_FIN;
	FSK_CB(skb)->seg.len = 1;
	fsk_rel_tx_queue(&fr->tx, &FSK_CB(skb)->seg);
}

/*
 * Copy up to @len bytes into page frags; bytes copied or a negative errno.
 * Kept out of line: what it calls would cost small sends a stack guard.
 */
static noinline int append_paged(struct sock *sk, struct sk_buff *skb,
				 struct msghdr *msg, int len)
{
	struct page_frag *pfrag = sk_page_frag(sk);
	int i = skb_shinfo(skb)->nr_frags;
	bool merge;
	int err;

	if (!sk_page_frag_refill(sk, pfrag))
		return -ENOMEM;
	merge = skb_can_coalesce(skb, i, pfrag->page, pfrag->offset);
	if (!merge && i >= MAX_SKB_FRAGS)
		return -EMSGSIZE;
	len = min_t(int, len, pfrag->size - pfrag->offset);
	if (!wmem_schedule(sk, len))
		return -ENOMEM;
	err = skb_copy_to_page_nocache(sk, &msg->msg_iter, skb, pfrag->page,
				       pfrag->offset, len);
	if (err)
		return err;
	if (merge) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[i - 1], len);
	} else {
		skb_fill_page_desc(skb, i, pfrag->page, pfrag->offset, len);
		page_ref_inc(pfrag->page);
	}
	pfrag->offset += len;
	recount(sk, skb);
	return len;
}

static __always_inline int append(struct sock *sk, struct sk_buff *skb,
				  struct msghdr *msg, int len)
{
	if (skb_is_nonlinear(skb) || skb_tailroom(skb) < len)
		return append_paged(sk, skb, msg, len);
	/* So few bytes are better in the cache, and nobody sums them. */
	if (likely(copy_from_iter_full(__skb_put(skb, len), len,
				       &msg->msg_iter)))
		return len;
	__skb_trim(skb, skb->len - len);
	return -EFAULT;
}

/*
 * Put up to @len bytes into a new segment.  Return: bytes taken, or a negative
 * errno: -ENOMEM means wait.
 */
static int send_new(struct fsk_frames *fr, struct msghdr *msg, u32 len)
{
	struct sock *sk = fr->conn.sk;
	struct sk_buff *skb;
	u32 done = 0;
	int n = 0;

	skb = alloc_seg(fr, len <= FSK_LINEAR_MAX ? len : 0,
			sk->sk_allocation, false);
	if (!skb)
		return -ENOMEM;
	while (done < len) {
		n = append(sk, skb, msg, len - done);
		if (n < 0)
			break;
		done += n;
	}
	if (!done) {
		free_seg(sk, skb);
		return n;
	}
	FSK_CB(skb)->seg.len = done;
	fsk_rel_tx_queue(&fr->tx, &FSK_CB(skb)->seg);
	return done;
}

/* Fill up the last segment while it waits for a window.  Return: as above. */
static int send_more(struct fsk_frames *fr, struct msghdr *msg, u32 len,
		     u32 mss)
{
	struct fsk_seg *tail = fr->tx.tail;
	struct sk_buff *skb;
	int n;

	if (!tail || tail->flags & (FSK_SEG_SENT | FSK_SEG_FIN | FSK_SEG_URG))
		return 0;
	skb = fsk_seg_skb(tail);
	if (skb->len >= mss || skb_cloned(skb))
		return 0;
	n = append(fr->conn.sk, skb, msg, min(len, mss - skb->len));
	if (n == -EMSGSIZE)
		return 0;
	if (n > 0)
		fsk_rel_tx_grow(&fr->tx, tail, n);
	return n;
}

/* Who has to wait would get nowhere if bytes waited for more. */
static int wait_memory(struct fsk_frames *fr, long *timeo)
{
	fsk_tx_uncork(fr);
	return sk_stream_wait_memory(fr->conn.sk, timeo);
}

static int wait_space(struct fsk_frames *fr, long *timeo)
{
	struct sock *sk = fr->conn.sk;

	/* What does not wait gets no more than the buffer that it found. */
	if (sk_stream_memory_free(sk) || (*timeo && fsk_send_grow(sk)))
		return 0;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	return wait_memory(fr, timeo);
}

/* The last byte queued is urgent, unless it has left already. */
static void mark_urgent(struct fsk_frames *fr)
{
	struct fsk_seg *tail = fr->tx.tail;

	if (!tail || tail->flags & (FSK_SEG_SENT | FSK_SEG_FIN))
		return;
	tail->flags |= FSK_SEG_URG;
	fr->conn.urg_seq = fr->tx.end - 1;
	fr->conn.urg_out = true;
}

/* As fsk_tx_mss(), for the owner of the socket. */
static u32 owner_mss(const struct fsk_frames *fr)
{
	u32 mss;

	rcu_read_lock();
	mss = fsk_tx_mss(fr);
	rcu_read_unlock();
	return mss;
}

/* Is there room for one more segment?  TCP would go on filling its last skb. */
static bool may_queue(const struct fsk_frames *fr)
{
	const struct sock *sk = fr->conn.sk;
	u64 unsent = fr->tx.end - fr->tx.nxt;

	if (likely(sk_stream_memory_free(sk)))
		return true;
	return fr->tx.unsent &&
	       (u64)sk->sk_wmem_queued < READ_ONCE(sk->sk_sndbuf) +
					 FSK_OVERRUN &&
	       unsent < (u64)tcp_notsent_lowat(tcp_sk(sk)) + FSK_OVERRUN;
}

static int write_segs(struct fsk_frames *fr, struct msghdr *msg, long *timeo,
		      size_t *copied)
{
	struct fsk_conn *conn = &fr->conn;
	struct sock *sk = conn->sk;
	u32 mss, len, held = 0, full = 0;
	bool more;
	int n;

	more = conn->corked || msg->msg_flags & MSG_MORE;
	if (unlikely(conn->cork_at) && !more && msg_data_left(msg)) {
		conn->cork_at = 0;
		held = 1;	/* to be pushed, whatever becomes of the rest */
	}
	/* A buffer that a write overfills would wait for acks within it. */
	while (*timeo && msg_data_left(msg) > sk->sk_sndbuf / 4 &&
	       fsk_send_grow(sk))
		;
	while (msg_data_left(msg)) {
		if (sk->sk_err || sk->sk_shutdown & SEND_SHUTDOWN)
			return -EPIPE;
		/* A small one fits nearly any path, and is cut for others. */
		mss = FSK_LINEAR_MAX;
		if (fr->tx.unsent || msg_data_left(msg) > FSK_LINEAR_MAX) {
			full = full ?: owner_mss(fr);
			mss = full;
		}
		len = min_t(size_t, msg_data_left(msg), mss);
		n = send_more(fr, msg, len, mss);
		if (!n)
			n = may_queue(fr) ? send_new(fr, msg, len) :
					      -ENOSPC;
		if (n > 0) {
			*copied += n;
			held += n;
			if (unlikely(msg->msg_flags & MSG_OOB) &&
			    !msg_data_left(msg))
				mark_urgent(fr);
			if (unlikely(more) && !conn->cork_at)
				conn->cork_at = fsk_now() + FSK_CORK_NS;
			if (held >= FSK_BATCH * mss || !msg_data_left(msg)) {
				push_batch(fr, fsk_now());
				held = 0;
				full = 0;
			}
			continue;
		}
		if (held)
			push_batch(fr, fsk_now());
		held = 0;
		full = 0;
		if (n != -ENOSPC && n != -ENOMEM)
			return n;
		n = n == -ENOMEM ? wait_memory(fr, timeo) :
				   wait_space(fr, timeo);
		if (n)
			return n;
		/* Waiting let go of the lock: reset or disconnected? */
		if (!fsk_is_conn(sk) || fsk_conn(sk) != conn)
			return -EPIPE;
	}
	return 0;
}

/**
 * fsk_tx_write - struct fsk_transport_ops.write of frames
 * @conn: connected connection of frames
 * @msg: what to send
 * @timeo: jiffies left to wait
 * @copied: bytes taken, to be added to
 *
 * Context: process, may sleep; the caller owns the socket.
 * Return: 0 or why not all was taken, as TCP.
 */
int fsk_tx_write(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		 size_t *copied)
{
	struct sock *sk = conn->sk;
	int err;

	err = write_segs(fsk_frames(conn), msg, timeo, copied);
	if (fsk_send_keep_writable(sk, sk->sk_wmem_queued))
		fsk_send_space(sk);
	return err;
}

/**
 * fsk_tx_urgent_ends - a send with MSG_OOB ends
 * @fr: connected connection
 * @less: it has written less than it was to: its last byte is urgent
 *
 * Context: process; the caller owns the socket.
 */
void fsk_tx_urgent_ends(struct fsk_frames *fr, bool less)
{
	if (less)
		mark_urgent(fr);
	rcu_read_lock();
	fsk_tx_urgent(fr);
	rcu_read_unlock();
}
