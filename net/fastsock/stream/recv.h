/* SPDX-License-Identifier: GPL-2.0 */
/* recv() and its like, for programs and users in the kernel. */
#ifndef _FSK_RECV_H
#define _FSK_RECV_H

#include <linux/fs.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <linux/types.h>
#include <net/inet_common.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"

struct pipe_inode_info;

int fsk_read_sock(struct sock *sk, read_descriptor_t *desc,
		  sk_read_actor_t actor);
ssize_t fsk_splice_read(struct socket *sock, loff_t *ppos,
			struct pipe_inode_info *pipe, size_t len,
			unsigned int flags);
bool fsk_recv_may_wait(struct sock *sk, size_t left, size_t target);
int fsk_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len);

/* See fsk_stream_sendmsg(). */
static inline int fsk_stream_recvmsg(struct socket *sock, struct msghdr *msg,
				     size_t size, int flags)
{
	int addr_len = 0, err;

	if (unlikely(!fsk_is_conn(sock->sk)))
		return inet_recvmsg(sock, msg, size, flags);
	sock_rps_record_flow(sock->sk);
	err = fsk_recvmsg(sock->sk, msg, size, flags, &addr_len);
	if (err >= 0)
		msg->msg_namelen = addr_len;
	return err;
}

/* Is this a call of recv() with nothing but bytes in mind? */
static inline bool fsk_recv_is_plain(const struct msghdr *msg, size_t len,
				     int flags)
{
	return !(flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) &&
	       !msg->msg_get_inq && len;
}

/* And is nothing else asked of the socket?  Socket lock held in either form. */
static inline bool fsk_recv_wants_bytes(const struct sock *sk)
{
	return !tcp_sk(sk)->urg_data && !fsk_stamps(sk) &&
	       !tcp_sk(sk)->recvmsg_inq && READ_ONCE(sk->sk_peek_off) < 0;
}

/*
 * No bytes, no end and no error to tell of.  Without frames in the backlog that
 * is all.
 */
static inline bool fsk_recv_quiet(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(tp->rcv_nxt) == READ_ONCE(tp->copied_seq) &&
	       !READ_ONCE(sk->sk_err) &&
	       !(READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN) &&
	       READ_ONCE(sk->sk_state) == TCP_ESTABLISHED;
}

#endif /* _FSK_RECV_H */
