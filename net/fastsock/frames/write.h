/* SPDX-License-Identifier: GPL-2.0 */
/* From the bytes of a program to segments. */
#ifndef _FSK_WRITE_H
#define _FSK_WRITE_H

#include <linux/types.h>

struct fsk_conn;
struct fsk_frames;
struct msghdr;
struct sock;

int fsk_write_msg(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		  size_t *copied);
int fsk_write_simple(struct sock *sk, struct msghdr *msg, size_t size);
void fsk_write_urgent(struct fsk_frames *fr, bool less);
void fsk_write_fin(struct fsk_frames *fr);
void fsk_write_uncork(struct fsk_frames *fr);

#endif /* _FSK_WRITE_H */
