/* SPDX-License-Identifier: GPL-2.0 */
/* Would a packet get from one end of a connection in memory to the other? */
#ifndef _FSK_MEM_LINK_H
#define _FSK_MEM_LINK_H

#include <linux/types.h>

struct fsk_mem_link;
struct fsk_memory;
struct fsk_pair;
struct net_device;

bool fsk_mem_link_watch(struct fsk_pair *pair, struct net_device *client,
			struct net_device *server);
void fsk_mem_link_unwatch(struct fsk_mem_link *link);
bool fsk_mem_link_no_carrier(const struct fsk_mem_link *link);
bool fsk_mem_link_follow(struct fsk_mem_link *link, unsigned int side,
			 struct net_device *dev);
void fsk_mem_link_device(struct net_device *dev, bool gone);
bool fsk_mem_link_is_down(const struct fsk_pair *pair);
bool fsk_mem_link_check_route(struct fsk_memory *mem);
bool fsk_mem_link_lost(const struct fsk_memory *mem, u64 now);
void fsk_mem_link_give_up(struct fsk_memory *mem);

#endif /* _FSK_MEM_LINK_H */
