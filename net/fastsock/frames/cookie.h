/* SPDX-License-Identifier: GPL-2.0 */
/* The cookie in SYNACK and CONFIRM. */
#ifndef _FSK_COOKIE_H
#define _FSK_COOKIE_H

#include <linux/types.h>

struct fsk_call;
struct fsk_tomb;
struct net;
struct net_device;

/* Jiffies per slot, log2; a cookie is good for one to two slots. */
#define FSK_COOKIE_SHIFT	11

int fsk_cookie_init(void);
u64 fsk_cookie_fresh(void);
u64 fsk_cookie_make(const struct fsk_call *call, const struct net_device *dev,
		    const u8 *mac);
u64 fsk_cookie_body(const struct fsk_call *call, const struct net_device *dev,
		    const u8 *mac);
bool fsk_cookie_good(u32 id, u32 key, const struct fsk_call *call,
		     struct net_device *dev, const u8 *mac);
bool fsk_cookie_answered(const struct net_device *dev,
			 const struct fsk_call *call, const u8 *mac, u32 id,
			 u32 key);
struct fsk_tomb *fsk_cookie_reserve(gfp_t gfp);
void fsk_cookie_release(struct fsk_tomb *tomb);
void fsk_cookie_spend(struct net *net, struct fsk_tomb *tomb, u32 id, u32 key);

#endif /* _FSK_COOKIE_H */
