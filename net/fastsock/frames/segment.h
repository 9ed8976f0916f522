/* SPDX-License-Identifier: GPL-2.0 */
/* The skbs of segments that are queued to be sent. */
#ifndef _FSK_SEGMENT_H
#define _FSK_SEGMENT_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sock.h>

#include "frames/frames.h"

/* What a segment costs beside its bytes, and at least, in sk_wmem_queued. */
#define FSK_SEGMENT_COST	32	/* bytes */
#define FSK_SEGMENT_EMPTY	SKB_TRUESIZE(SKB_WITH_OVERHEAD(512))

/*
 * May @size bytes more be charged to the socket?  The minimum of the sysctl
 * tcp_wmem may be charged in any case, as with TCP, even if the limit is
 * reached: then forward_alloc is below 0 for a while, see make_room() in
 * deliver.c.
 */
static __always_inline bool fsk_segment_schedule(struct sock *sk, u32 size)
{
	return likely(sk_wmem_schedule(sk, size)) ||
	       sk->sk_wmem_queued <
	       READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_wmem[0]);
}

/*
 * Let the send buffer count the bytes of a segment and little more: an skb of
 * TCP, as large as many frames, costs little more, too.  But count never less
 * than an empty skb costs, or small segments would take much more memory than
 * SO_SNDBUF says.  The kernel has counted the pages themselves already.
 */
static inline u32 fsk_segment_cost(const struct sk_buff *skb, u32 linear)
{
	u32 empty = min_t(u32, skb->truesize - skb->data_len,
			  FSK_SEGMENT_EMPTY);

	return max_t(s32, empty - skb->data_len, linear + FSK_SEGMENT_COST);
}

static inline void fsk_segment_recount(struct sock *sk, struct sk_buff *skb)
{
	u32 cost = fsk_segment_cost(skb, skb_headlen(skb));

	sk_wmem_queued_add(sk, (int)(cost - FSK_CB(skb)->seg.cost));
	FSK_CB(skb)->seg.cost = cost;
}

/* Was it made as a small one, and is it still all in one piece? */
static inline bool fsk_segment_is_small(const struct sk_buff *skb)
{
	return skb->fclone == SKB_FCLONE_UNAVAILABLE && !skb_is_nonlinear(skb);
}

struct sk_buff *fsk_segment_alloc(struct fsk_frames *fr, u32 linear, bool small,
				  gfp_t gfp, bool must);
int fsk_segment_split(struct fsk_frames *fr, struct sk_buff *skb, u32 at);
void fsk_segment_free(struct fsk_frames *fr, struct fsk_seg *chain);

#endif /* _FSK_SEGMENT_H */
