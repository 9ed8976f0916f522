/* SPDX-License-Identifier: GPL-2.0 */
/* The proto_ops of sockets. */
#ifndef _FSK_OPS_H
#define _FSK_OPS_H

#include <linux/net.h>

extern struct proto_ops fsk_stream_ops;		/* connected over fastsock */
extern struct proto_ops fsk_memory_ops;		/* likewise, without frames */

void fsk_socket_ops_init(void);

#endif /* _FSK_OPS_H */
