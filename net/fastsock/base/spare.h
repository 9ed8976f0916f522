/* SPDX-License-Identifier: GPL-2.0 */
/* Skbs of no more than a frame that are used again. */
#ifndef _FSK_SPARE_H
#define _FSK_SPARE_H

#include <linux/types.h>

struct sk_buff;

struct sk_buff *fsk_spare_get(unsigned int room, gfp_t gfp);
void fsk_spare_put(struct sk_buff *skb);
int fsk_spare_init(void);
void fsk_spare_exit(void);

#endif /* _FSK_SPARE_H */
