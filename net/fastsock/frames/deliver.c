// SPDX-License-Identifier: GPL-2.0
/*
 * Stream bytes of frames: put in order, and copied to the posted pages of a
 * reader or queued, if the memory of the socket can hold them.
 */

#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/compat.h"
#include "base/spare.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/state.h"
#include "frames/deliver.h"
#include "frames/frames.h"
#include "frames/tx.h"
#include "rel/rel.h"
#include "stream/post.h"
#include "stream/queue.h"
#include "stream/urgent.h"

#define COLLAPSE_MAX	16384	/* bytes; longer frames stay as they are */

static void mirror_rx(const struct fsk_frames *fr)
{
	struct tcp_sock *tp = tcp_sk(fr->conn.sk);

	WRITE_ONCE(tp->rcv_nxt, fr->rx.nxt);
	tp->rcv_wup = fr->rx.nxt;
}

/*
 * Copy the bytes of a small frame behind the last ones in the queue, as
 * tcp_collapse() does: a burst of tiny frames would otherwise take hundreds of
 * times the memory of its bytes.  @seq is the number of the byte at @off.
 * Return: false if the frame is to be queued itself.
 */
static bool collapse(struct sock *sk, const struct sk_buff *skb, u32 off,
		     u32 seq)
{
	struct sk_buff *tail = skb_peek_tail(&sk->sk_receive_queue);
	u32 len = skb->len - off;

	if (atomic_read(&sk->sk_rmem_alloc) < sk->sk_rcvbuf / 4 ||
	    skb->truesize < 4 * len || len > COLLAPSE_MAX)
		return false;
	if (fsk_stamps(sk))
		return false;		/* each has its own time stamp */
	if (!tail || skb_cloned(tail) || skb_is_nonlinear(tail) ||
	    skb_tailroom(tail) < len) {
		tail = alloc_skb(max_t(u32, len, SKB_WITH_OVERHEAD(PAGE_SIZE)),
				 GFP_ATOMIC | __GFP_NOWARN);
		if (!tail)
			return false;
		if (!sk_rmem_schedule(sk, tail, tail->truesize)) {
			kfree_skb(tail);
			return false;
		}
		skb_set_owner_r(tail, sk);
		fsk_rx_queue(sk, tail, seq);
	}
	if (skb_copy_bits(skb, off, skb_tail_pointer(tail), len))
		return false;	/* an empty tail does no harm */
	__skb_put(tail, len);
	TCP_SKB_CB(tail)->end_seq += len;
	return true;
}

/* Stream bytes of an in-order segment: to the posted pages or the queue. */
static void deliver(struct fsk_frames *fr, struct sk_buff *skb, u32 off)
{
	struct fsk_conn *conn = &fr->conn;
	u32 seq = FSK_CB(skb)->seg.seq;
	struct sock *sk = conn->sk;
	u32 n;

	if (off >= skb->len) {
		fsk_spare_put(skb);
		return;
	}
	WRITE_ONCE(conn->came, max(conn->came - conn->came / 8, skb->len));
	fsk_conn_stat_add(conn, FSK_MIB_IN_BYTES, skb->len - off);
	if (conn->post && skb_queue_empty(&sk->sk_receive_queue) &&
	    likely(!tcp_sk(sk)->urg_data)) {
		n = fsk_post_fill(conn->post, skb, off, skb->len - off);
		fsk_conn_stat_add(conn, FSK_MIB_POSTED_BYTES, n);
		WRITE_ONCE(tcp_sk(sk)->copied_seq, tcp_sk(sk)->copied_seq + n);
		off += n;
		if (off == skb->len) {
			fsk_spare_put(skb);
			return;
		}
	}
	if (collapse(sk, skb, off, seq + off)) {
		fsk_spare_put(skb);
		return;
	}
	if (!skb->sk)
		skb_set_owner_r(skb, sk);
	fsk_rx_queue(sk, skb, seq);
}

/* Wake readers once what they wait for is there. */
static void wake_reader(struct fsk_frames *fr)
{
	const struct tcp_sock *tp = tcp_sk(fr->conn.sk);
	struct fsk_conn *conn = &fr->conn;
	struct sock *sk = conn->sk;
	u32 unread = tp->rcv_nxt - tp->copied_seq;

	if (sock_flag(sk, SOCK_DEAD))
		return;
	if ((conn->post && conn->post->filled >= conn->post_want) ||
	    (unread && (unread >= READ_ONCE(sk->sk_rcvlowat) ||
			!fsk_rx_space(sk))) ||
	    sock_flag(sk, SOCK_DONE))
		sk->sk_data_ready(sk);
}

/*
 * TCP's memory is exhausted, or the cgroup's, and @skb is next in order.  First
 * segments held out of order are dropped; the peer still has them.  If that is
 * not enough and the program has read all there is, @skb is taken all the same,
 * as TCP does: otherwise every socket would wait for others to be read.  What
 * was not charged makes forward_alloc negative until the next charge, or until
 * the bytes are read, as with the kernel's emergency reserves.
 */
static noinline bool make_room(struct fsk_frames *fr, struct sk_buff *skb)
{
	struct sock *sk = fr->conn.sk;
	struct fsk_seg *held;

	while ((held = fsk_rel_rx_forget(&fr->rx))) {
		fsk_drop(sock_net(sk), fsk_seg_skb(held), FSK_DROP_RCVBUF);
		if (sk_rmem_schedule(sk, skb, skb->truesize + 1))
			return true;
	}
	if (skb_queue_empty(&sk->sk_receive_queue))
		return true;
	/* It may wait for more than will come; poll() tells it so. */
	sk->sk_data_ready(sk);
	return false;
}

/*
 * May the socket's memory hold @skb?  The limit is the budget for what is held
 * out of order, and half as much again for what is in order: so a segment that
 * fills a hole finds room that held ones cannot take.  Windows promise half of
 * the budget, and collapse() keeps small frames from taking much more.
 */
static bool has_memory(struct fsk_frames *fr, struct sk_buff *skb)
{
	struct sock *sk = fr->conn.sk;
	u32 used = atomic_read(&sk->sk_rmem_alloc);
	bool inorder = !fsk_after(FSK_CB(skb)->seg.seq, fr->rx.nxt);
	u32 limit = fsk_rx_budget(sk);

	if (inorder)
		limit = min(limit + limit / 2, FSK_RMEM_MAX);
	if (unlikely(used > limit))
		return false;
	return likely(sk_rmem_schedule(sk, skb, skb->truesize + 1)) ||
	       (inorder && make_room(fr, skb));
}

/**
 * fsk_deliver_urgent - the byte numbered @seq is urgent
 * @fr: connection
 * @seq: its number; it may have been received before
 *
 * Context: socket lock held in either form.
 */
void fsk_deliver_urgent(struct fsk_frames *fr, u32 seq)
{
	struct fsk_post *post = fr->conn.post;

	if (!fsk_before(seq, tcp_sk(fr->conn.sk)->rcv_nxt))
		fsk_urgent_announced(&fr->conn, seq);
	/* What follows may be read first: it would be in the wrong place. */
	if (post && post->place)
		fsk_post_close(post);
}

/*
 * The last byte of a segment, which the window admits and which is about to be
 * delivered, is urgent.  Kept out of line, because it is rare.
 */
static noinline void rcv_urgent_byte(struct fsk_frames *fr,
				     const struct sk_buff *skb)
{
	u32 seq = FSK_CB(skb)->seg.seq + skb->len - 1;
	u8 byte;

	if (skb_copy_bits(skb, skb->len - 1, &byte, 1))
		return;
	fsk_deliver_urgent(fr, seq);
	fsk_urgent_byte(&fr->conn, seq, byte);
}

/*
 * As with TCP the ack of an end waits for ours, which may come at once.  But
 * what has ended on both sides has nothing more to say.
 *
 * Return: false if the connection is over.  Out of line: it comes once.
 */
static noinline bool take_fin(struct fsk_frames *fr)
{
	struct sock *sk = fr->conn.sk;

	if (sk->sk_state != TCP_ESTABLISHED)
		fr->rx.ack_now = true;
	fsk_state_rcv_done(sk);
	if (sk->sk_state == TCP_FIN_WAIT2) {
		mirror_rx(fr);
		fsk_tx_ack(fr);	/* while there is a connection */
	}
	return fsk_state_fin(&fr->conn);
}

static bool take_inorder(struct fsk_frames *fr, struct fsk_seg *seg, u32 trim)
{
	struct sk_buff *skb = fsk_seg_skb(seg);
	bool fin = seg->flags & FSK_SEG_FIN && trim < seg->len;

	deliver(fr, skb, trim);
	return !fin || take_fin(fr);
}

/* Segments that were held, until one came that has their bytes, too. */
static void drop_covered(struct fsk_frames *fr)
{
	struct fsk_seg *seg, *next;

	for (seg = fsk_rel_rx_covered(&fr->rx); unlikely(seg); seg = next) {
		next = seg->next;
		consume_skb(fsk_seg_skb(seg));
	}
}

/**
 * fsk_deliver - stream bytes, or the end of the stream, have come in
 * @fr: connected connection
 * @skb: frame, data at the bytes; consumed
 * @hdr: its header
 * @now: ns
 *
 * Context: softirq or process with bottom halves disabled; socket lock held in
 * either form, RCU read section.
 * Return: false if the connection is over.
 */
bool fsk_deliver(struct fsk_frames *fr, struct sk_buff *skb,
		 const struct fsk_hdr *hdr, u64 now)
{
	struct fsk_conn *conn = &fr->conn;
	struct sock *sk = conn->sk;
	struct fsk_seg *seg = &FSK_CB(skb)->seg;
	bool fin = hdr->flags & FSK_F_FIN;
	u32 trim;

	seg->seq = be32_to_cpu(hdr->seq);
	seg->len = skb->len + fin;
	seg->flags = (fin ? FSK_SEG_FIN : 0) |
		     (hdr->flags & FSK_F_ACK ? FSK_SEG_ASK : 0);
	fr->rx.patience = (hdr->flags & FSK_F_PATIENCE) >> FSK_F_PATIENCE_SHIFT;

	if (unlikely((1 << sk->sk_state) & (TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2) &&
		     sk->sk_shutdown & RCV_SHUTDOWN && skb->len &&
		     fsk_after(seg->seq + skb->len, fr->rx.nxt))) {
		/* Bytes for a closed descriptor: tell the writer, as TCP. */
		consume_skb(skb);
		fsk_tx_reset(fr);
		fsk_conn_abort(conn, ECONNRESET);
		return false;
	}
	if (likely(skb->len)) {
		if (unlikely(!has_memory(fr, skb))) {
			fr->rx.ack_now = true;
			fsk_drop(sock_net(sk), skb, FSK_DROP_RCVBUF);
			return true;
		}
		fsk_frames_keep_charge(fr);
		tcp_sk(sk)->data_segs_in++;
	}

	switch (fsk_rel_rx_data(&fr->rx, seg, &trim, now)) {
	case FSK_RX_INORDER:
		if (unlikely(hdr->flags & FSK_F_URG) && skb->len)
			rcv_urgent_byte(fr, skb);
		break;
	case FSK_RX_HELD:
		drop_covered(fr);
		if (skb->len)
			skb_set_owner_r(skb, sk);
		if (unlikely(hdr->flags & FSK_F_URG) && skb->len)
			rcv_urgent_byte(fr, skb);
		return true;
	case FSK_RX_DUP:
		consume_skb(skb);
		return true;
	case FSK_RX_OUTSIDE:
		fsk_drop(sock_net(sk), skb, FSK_DROP_SEQ);
		return true;
	}
	do {
		if (!take_inorder(fr, seg, trim))
			return false;
		if (likely(!fsk_rel_rx_holds(&fr->rx)))
			break;
		seg = fsk_rel_rx_pop(&fr->rx, &trim);
	} while (seg);
	mirror_rx(fr);
	wake_reader(fr);
	return true;
}
