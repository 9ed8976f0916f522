/* SPDX-License-Identifier: GPL-2.0 */
/* Ids of server ends that are gone. */
#ifndef _FSK_TOMB_H
#define _FSK_TOMB_H

#include <linux/types.h>
#include <net/net_namespace.h>

struct fsk_tomb;

int fsk_tomb_init(void);
void fsk_tomb_exit(void);
struct fsk_tomb *fsk_tomb_alloc(gfp_t gfp);
void fsk_tomb_free(struct fsk_tomb *tomb);
void fsk_tomb_add(struct net *net, struct fsk_tomb *tomb, u32 id, u32 key);
bool fsk_tomb_find(const struct net *net, u32 id, u32 key);
bool fsk_tomb_full(const struct net *net);
int fsk_tomb_init_net(struct net *net);
void fsk_tomb_exit_net(struct net *net);

#endif /* _FSK_TOMB_H */
