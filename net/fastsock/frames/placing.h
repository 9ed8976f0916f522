/* SPDX-License-Identifier: GPL-2.0 */
/* Stream bytes that the device puts into a waiting reader's buffer. */
#ifndef _FSK_PLACING_H
#define _FSK_PLACING_H

#include <linux/types.h>

struct fsk_frames;
struct fsk_hdr;
struct net_device;
struct sk_buff;

void fsk_placing_offer(struct fsk_frames *fr);
void fsk_placing_advert(struct fsk_frames *fr, const struct sk_buff *skb);
struct sk_buff *fsk_placing_xmit(struct fsk_frames *fr,
				 const struct net_device *dev,
				 struct sk_buff *skb);
bool fsk_placing_deliver(struct fsk_frames *fr, struct sk_buff *skb,
			 const struct fsk_hdr *hdr, u64 now);

#endif /* _FSK_PLACING_H */
