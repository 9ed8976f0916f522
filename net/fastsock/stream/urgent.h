/* SPDX-License-Identifier: GPL-2.0 */
/* Urgent data: one byte, and a mark in the stream. */
#ifndef _FSK_URGENT_H
#define _FSK_URGENT_H

#include <linux/types.h>

struct fsk_conn;
struct msghdr;
struct sock;

void fsk_urgent_announced(struct fsk_conn *conn, u32 seq);
void fsk_urgent_byte(struct fsk_conn *conn, u32 seq, u8 byte);
int fsk_urgent_recvmsg(struct sock *sk, struct msghdr *msg, size_t len,
		       int flags);
void fsk_urgent_passed(struct sock *sk);

#endif /* _FSK_URGENT_H */
