/* SPDX-License-Identifier: GPL-2.0 */
/* The group that hears HELLOs, and the devices that belong to it. */
#ifndef _FSK_GROUP_H
#define _FSK_GROUP_H

#include <linux/types.h>

struct net;
struct net_device;

struct net_device *fsk_group_find_dev(const u8 *mac,
				      bool (*match)(struct net_device *dev,
						    const void *arg),
				      const void *arg);
void fsk_group_announce(void);
void fsk_group_enable(struct net *net, bool on);
int fsk_group_init(void);
void fsk_group_exit(void);

#endif /* _FSK_GROUP_H */
