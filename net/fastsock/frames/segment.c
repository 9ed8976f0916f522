// SPDX-License-Identifier: GPL-2.0
/*
 * The skbs of segments that are queued to be sent: charged, cut and freed.
 *
 * All of an skb is charged to TCP's memory.  The send buffer of the program
 * counts less, see fsk_segment_recount(): it shall hold as many bytes as it
 * holds with TCP.
 */

#include <linux/skbuff.h>
#include <net/sock.h>

#include "base/spare.h"
#include "frames/frames.h"
#include "frames/segment.h"
#include "rel/rel.h"

/**
 * fsk_segment_alloc - make and charge an skb for a segment
 * @fr: connection
 * @linear: bytes that shall fit its linear part, after room for all headers
 * @small: its frames are to be copies: it will hardly get more bytes
 * @gfp: how to allocate it
 * @must: charge it even if the limit is reached: queued bytes depend on it
 *
 * Context: process or softirq, as @gfp says; socket lock held in either form.
 * Return: the skb, or NULL without memory.
 */
struct sk_buff *fsk_segment_alloc(struct fsk_frames *fr, u32 linear, bool small,
				  gfp_t gfp, bool must)
{
	struct sock *sk = fr->conn.sk;
	struct sk_buff *skb;
	u32 room = FSK_HDR_MAX + fr->path.headroom;

	skb = small ? fsk_spare_get(room + linear, gfp) :
		      alloc_skb_fclone(room + linear, gfp);
	if (!skb)
		return NULL;
	skb->truesize = SKB_TRUESIZE(skb_end_offset(skb));
	if (!fsk_segment_schedule(sk, skb->truesize + 1) && !must) {
		__kfree_skb(skb);
		return NULL;
	}
	skb_reserve(skb, room);
	__skb_header_release(skb);	/* clones may write their headers */
	skb->ip_summed = CHECKSUM_UNNECESSARY;	/* do not sum while copying */
	FSK_CB(skb)->seg.cost = fsk_segment_cost(skb, linear);
	sk_wmem_queued_add(sk, FSK_CB(skb)->seg.cost);
	sk_mem_charge(sk, skb->truesize);
	fsk_frames_keep_charge(fr);
	FSK_CB(skb)->seg.flags = 0;
	return skb;
}

static void free_one(struct sock *sk, struct sk_buff *skb)
{
	sk_wmem_queued_add(sk, -(int)(FSK_CB(skb)->seg.cost + skb->data_len));
	sk_mem_uncharge(sk, skb->truesize);
	if (fsk_segment_is_small(skb))
		fsk_spare_put(skb);
	else
		__kfree_skb(skb);
}

/**
 * fsk_segment_free - free segments that the core has let go
 * @fr: connection
 * @chain: linked by next, may be NULL
 *
 * Context: socket lock held in either form.
 */
void fsk_segment_free(struct fsk_frames *fr, struct fsk_seg *chain)
{
	struct fsk_seg *seg, *next;

	for (seg = chain; seg; seg = next) {
		next = seg->next;
		free_one(fr->conn.sk, fsk_seg_skb(seg));
	}
}

/**
 * fsk_segment_split - cut a segment in two
 * @fr: connection, to whose queue the rest is added behind @skb
 * @skb: a queued segment
 * @at: bytes that stay in it
 *
 * Context: socket lock held in either form.
 * Return: 0 or -ENOMEM.
 */
int fsk_segment_split(struct fsk_frames *fr, struct sk_buff *skb, u32 at)
{
	struct sk_buff *rest;
	u32 moved = skb->len - at;
	u32 charged = skb->truesize;

	if (skb_unclone(skb, GFP_ATOMIC))
		return -ENOMEM;
	skb->truesize = charged;
	if (!skb->nohdr)
		__skb_header_release(skb);
	rest = fsk_segment_alloc(fr, skb_headlen(skb), false, GFP_ATOMIC,
				 true);
	if (!rest)
		return -ENOMEM;
	skb_split(skb, rest, at);
	moved = min_t(u32, moved, skb->truesize - 1);
	skb->truesize -= moved;		/* the pages went with the bytes */
	rest->truesize += moved;
	fsk_segment_recount(fr->conn.sk, skb);
	fsk_segment_recount(fr->conn.sk, rest);
	fsk_rel_tx_split(&fr->tx, &FSK_CB(skb)->seg, &FSK_CB(rest)->seg, at);
	return 0;
}
