/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in memory between network namespaces of this kernel. */
#ifndef _FSK_ACROSS_H
#define _FSK_ACROSS_H

struct fsk_conn;
struct fsk_offer;

int fsk_mem_upgrade(struct fsk_conn *conn, const struct fsk_offer *offer);

#endif /* _FSK_ACROSS_H */
