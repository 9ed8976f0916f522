/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of sockets. */
#ifndef _FSK_OPS_H
#define _FSK_OPS_H

void fsk_socket_ops_init(void);

#endif /* _FSK_OPS_H */
