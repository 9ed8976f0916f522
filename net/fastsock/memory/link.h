/* SPDX-License-Identifier: GPL-2.0 */
/* What joins the two ends of a connection in memory. */
#ifndef _FSK_MEM_LINK_H
#define _FSK_MEM_LINK_H

#include <linux/types.h>

struct fsk_line;
struct fsk_memory;
struct fsk_pair;
struct net_device;

bool fsk_across_watch(struct fsk_pair *pair, struct net_device *client,
		      struct net_device *server);
void fsk_across_unwatch(struct fsk_line *line);
bool fsk_across_cut(const struct fsk_line *line);
bool fsk_across_follow(struct fsk_line *line, unsigned int side,
		       struct net_device *dev);
void fsk_across_changed(struct net_device *dev, bool gone);
bool fsk_path_pair(struct fsk_memory *mem);
bool fsk_path_pair_lost(const struct fsk_memory *mem, u64 now);
void fsk_path_pair_part(struct fsk_memory *mem);

#endif /* _FSK_MEM_LINK_H */
