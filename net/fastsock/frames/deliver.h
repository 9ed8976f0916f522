/* SPDX-License-Identifier: GPL-2.0 */
/* From frames to the stream. */
#ifndef _FSK_DELIVER_H
#define _FSK_DELIVER_H

#include <linux/types.h>

struct fsk_frames;
struct fsk_hdr;
struct sk_buff;

bool fsk_deliver(struct fsk_frames *fr, struct sk_buff *skb,
		 const struct fsk_hdr *hdr, u64 now);
void fsk_deliver_urgent(struct fsk_frames *fr, u32 seq);

#endif /* _FSK_DELIVER_H */
