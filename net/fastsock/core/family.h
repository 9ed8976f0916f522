/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between sockets of AF_INET and of AF_INET6: their operations. */
#ifndef _FSK_FAMILY_H
#define _FSK_FAMILY_H

#include <linux/net.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

enum fsk_family_id {
	FSK_INET,
	FSK_INET6,
	FSK_FAMILIES,
};

/**
 * struct fsk_family - the operations of an address family's sockets
 * @tcp_prot: TCP's struct proto; NULL if there are no such sockets
 * @tcp_ops: TCP's proto_ops
 * @tcp_af_ops: what TCP gives a new socket
 * @af_ops: of connections of IPv4
 * @native_af_ops: of connections of IPv6
 * @prot: of connections
 * @claimed: proto_ops, not yet decided
 * @reused: again, after fastsock
 * @connected: connected over fastsock
 *
 * The first five are set by fsk_family_init(), the others by socket/ops.c;
 * all is constant then.  Transports have copies of the last two.
 */
struct fsk_family {
	struct proto *tcp_prot;
	const struct proto_ops *tcp_ops;
	const struct inet_connection_sock_af_ops *tcp_af_ops;
	struct inet_connection_sock_af_ops af_ops;
	struct inet_connection_sock_af_ops native_af_ops;
	struct proto prot;
	struct proto_ops claimed;
	struct proto_ops reused;
	struct proto_ops connected;
};

extern struct fsk_family fsk_families[FSK_FAMILIES];

int fsk_family_init(void);
void fsk_family_exit(void);

/*
 * The index of a socket's family.  IPV6_ADDRFORM changes that, but of no socket
 * that has operations of ours.
 */
static inline enum fsk_family_id fsk_family_id(const struct sock *sk)
{
	return sk->sk_family == AF_INET6 ? FSK_INET6 : FSK_INET;
}

static inline struct fsk_family *fsk_family(const struct sock *sk)
{
	return &fsk_families[fsk_family_id(sk)];
}

#endif /* _FSK_FAMILY_H */
