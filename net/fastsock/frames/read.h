/* SPDX-License-Identifier: GPL-2.0 */
/* recv() if it is simple. */
#ifndef _FSK_READ_H
#define _FSK_READ_H

#include <linux/types.h>

struct msghdr;
struct sock;

int fsk_read_simple(struct sock *sk, struct msghdr *msg, size_t len, int flags);

#endif /* _FSK_READ_H */
