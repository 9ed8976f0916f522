/* SPDX-License-Identifier: GPL-2.0 */
/* A socket's names, as tracepoints keep them. */
#ifndef _FSK_TRACE_NAME_H
#define _FSK_TRACE_NAME_H

#include <linux/in6.h>
#include <linux/socket.h>
#include <net/inet_sock.h>

/* Of a socket of AF_INET: 0.0.0.0:0 if it has none yet. */
static inline void fsk_trace_name4(void *name, __be32 addr, __be16 port)
{
	struct sockaddr_in *sin = name;

	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = addr;
	sin->sin_port = port;
}

#if IS_ENABLED(CONFIG_IPV6)
static inline void fsk_trace_name6(void *name, const struct in6_addr *addr,
				   __be16 port)
{
	struct sockaddr_in6 *sin6 = name;

	sin6->sin6_family = AF_INET6;
	sin6->sin6_addr = *addr;
	sin6->sin6_port = port;
}
#endif

/* @name: room for a struct sockaddr_in6; @sk: socket. */
static inline void fsk_trace_local(void *name, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(name, 0, sizeof(struct sockaddr_in6));
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		fsk_trace_name6(name, &sk->sk_v6_rcv_saddr, inet->inet_sport);
		return;
	}
#endif
	fsk_trace_name4(name, inet->inet_saddr, inet->inet_sport);
}

/* Likewise. */
static inline void fsk_trace_peer(void *name, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

	memset(name, 0, sizeof(struct sockaddr_in6));
#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		fsk_trace_name6(name, &sk->sk_v6_daddr, inet->inet_dport);
		return;
	}
#endif
	fsk_trace_name4(name, inet->inet_daddr, inet->inet_dport);
}

#endif /* _FSK_TRACE_NAME_H */
