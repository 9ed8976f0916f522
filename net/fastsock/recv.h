/* SPDX-License-Identifier: GPL-2.0 */
/* recv() and its like, for programs and users in the kernel. */
#ifndef _FSK_RECV_H
#define _FSK_RECV_H

#include <linux/fs.h>
#include <linux/net.h>
#include <linux/types.h>

struct pipe_inode_info;
struct sock;

void fsk_recv_skip(struct sock *sk);
int fsk_read_sock(struct sock *sk, read_descriptor_t *desc,
		  sk_read_actor_t actor);
ssize_t fsk_splice_read(struct socket *sock, loff_t *ppos,
			struct pipe_inode_info *pipe, size_t len,
			unsigned int flags);
bool fsk_recv_fill(struct sock *sk);
int fsk_recv_ring(struct sock *sk, struct msghdr *msg, size_t len, int flags);
int fsk_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len);

#endif /* _FSK_RECV_H */
