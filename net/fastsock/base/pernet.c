// SPDX-License-Identifier: GPL-2.0
/* What the whole module has, whatever the namespace; main.c fills it in. */

#include <linux/export.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"

unsigned int fsk_net_id __read_mostly;
EXPORT_SYMBOL_NS_GPL(fsk_net_id, FASTSOCK);
u8 fsk_hostid[FSK_HOSTID_LEN] __read_mostly;
__be16 fsk_ethertype __read_mostly;
struct workqueue_struct *fsk_wq;
