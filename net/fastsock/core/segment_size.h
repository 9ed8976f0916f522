/* SPDX-License-Identifier: GPL-2.0 */
/* How large segments are. */
#ifndef _FSK_SEGMENT_SIZE_H
#define _FSK_SEGMENT_SIZE_H

#include <linux/types.h>

struct fsk_conn;
struct sock;

u16 fsk_mss_own(const struct sock *sk, u32 mtu);
u16 fsk_mss_fit(u16 mss, u32 mtu);
void fsk_mss_show(struct fsk_conn *conn);

#endif /* _FSK_SEGMENT_SIZE_H */
