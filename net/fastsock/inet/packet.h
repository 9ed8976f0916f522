/* SPDX-License-Identifier: GPL-2.0 */
/* The packets that TCP would exchange first, for those who judge packets. */
#ifndef _FSK_PACKET_H
#define _FSK_PACKET_H

#include <linux/types.h>

struct fsk_tuple;
struct net_device;
struct sk_buff;

struct sk_buff *fsk_packet_build(const struct net_device *dev,
				 const struct fsk_tuple *t, bool reply, u8 tos,
				 u8 ttl);

#endif /* _FSK_PACKET_H */
