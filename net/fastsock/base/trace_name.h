/* SPDX-License-Identifier: GPL-2.0 */
/* A socket's names, as tracepoints keep them. */
#ifndef _FSK_TRACE_NAME_H
#define _FSK_TRACE_NAME_H

#include <linux/in6.h>
#include <linux/socket.h>
#include <net/inet_sock.h>

/*
 * The socket's own name or, if @of_peer, the other end's; zeros as long as it
 * has none.  @name: room for a struct sockaddr_in6.
 */
static inline void fsk_trace_name(void *name, const struct sock *sk,
				  bool of_peer)
{
	const struct inet_sock *inet = inet_sk(sk);
	__be16 port = of_peer ? inet->inet_dport : inet->inet_sport;
	struct sockaddr_in *sin = name;

	memset(name, 0, sizeof(struct sockaddr_in6));
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		struct sockaddr_in6 *sin6 = name;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_addr = of_peer ? sk->sk_v6_daddr :
					    sk->sk_v6_rcv_saddr;
		sin6->sin6_port = port;
		return;
	}
#endif
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = of_peer ? inet->inet_daddr : inet->inet_saddr;
	sin->sin_port = port;
}

#endif /* _FSK_TRACE_NAME_H */
