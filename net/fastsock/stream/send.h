/* SPDX-License-Identifier: GPL-2.0 */
/* send(), and the send buffer. */
#ifndef _FSK_SEND_H
#define _FSK_SEND_H

#include <linux/net.h>
#include <linux/socket.h>
#include <linux/types.h>
#include <net/inet_common.h>
#include <net/sock.h>

#include "core/conn.h"

int fsk_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
bool fsk_send_grow(struct sock *sk);
bool __fsk_send_keep_writable(struct sock *sk, u32 queued);

/* See __fsk_send_keep_writable(). */
static inline bool fsk_send_keep_writable(struct sock *sk, u32 queued)
{
	return unlikely(queued > READ_ONCE(sk->sk_sndbuf) / 2U) &&
	       __fsk_send_keep_writable(sk, queued);
}

/* Is this a call of send() with nothing but bytes in mind? */
static inline bool fsk_send_is_plain(const struct msghdr *msg, size_t size)
{
	return !(msg->msg_flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) &&
	       !msg->msg_controllen && size;
}

/* Is there a connection that takes bytes?  Socket lock held in either form. */
static inline bool fsk_send_is_open(const struct sock *sk)
{
	return fsk_is_conn(sk) && sk->sk_state == TCP_ESTABLISHED &&
	       !sk->sk_err && !(sk->sk_shutdown & SEND_SHUTDOWN);
}

/*
 * struct proto_ops.sendmsg of a connected socket: no detour through
 * inet_sendmsg().  sk_prot still decides, because connect(AF_UNSPEC) gives the
 * sk back under this very file.
 */
static inline int fsk_stream_sendmsg(struct socket *sock, struct msghdr *msg,
				     size_t size)
{
	if (likely(fsk_is_conn(sock->sk)))
		return fsk_sendmsg(sock->sk, msg, size);
	return inet_sendmsg(sock, msg, size);
}

/* There is room in the send buffer; socket lock held in either form. */
static inline void fsk_send_space(struct sock *sk)
{
	smp_mb();	/* pairs with the race breaker in tcp_poll() */
	if (sk->sk_socket && test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
		sk->sk_write_space(sk);
}

#endif /* _FSK_SEND_H */
