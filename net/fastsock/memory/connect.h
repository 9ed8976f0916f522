/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in memory within a namespace. */
#ifndef _FSK_MEM_CONNECT_H
#define _FSK_MEM_CONNECT_H

#include <linux/types.h>

struct net_device;

bool fsk_loop_usable(const struct net_device *dev);
u32 fsk_loop_mtu(const struct net_device *dev);

#endif /* _FSK_MEM_CONNECT_H */
