/* SPDX-License-Identifier: GPL-2.0 */
/* Whose socket it is, and giving it to TCP. */
#ifndef _FSK_DELEGATE_H
#define _FSK_DELEGATE_H

#include <linux/net.h>
#include <net/sock.h>
#include <uapi/linux/fastsock.h>

#include "core/family.h"

struct fsk_conn;
struct fsk_ip;
struct fsk_synack;

/* Set by socket/ops.c: of the copies that other modules' transports have. */
extern int (*fsk_guest_release)(struct socket *sock);

/*
 * Is it open yet whether fastsock or TCP will have this socket?  Both families
 * have the same functions, and copies those of what they are copies of.
 */
static inline bool fsk_undecided(const struct socket *sock)
{
	return READ_ONCE(sock->ops)->connect ==
	       fsk_families[FSK_INET].claimed.connect;
}

/* Has it never been anything else, so that TCP may have it for good? */
static inline bool fsk_never_connected(const struct socket *sock)
{
	return sock->ops == &fsk_families[FSK_INET].claimed ||
	       sock->ops == &fsk_families[FSK_INET6].claimed;
}

/* Does it have the operations of a connected socket? */
static inline bool fsk_connected(const struct socket *sock)
{
	return READ_ONCE(sock->ops)->connect ==
	       fsk_families[FSK_INET].connected.connect;
}

void fsk_ops_set(struct socket *sock, const struct proto_ops *ops);
void fsk_ops_connect(const struct fsk_conn *conn);
void fsk_ops_disconnect(const struct fsk_conn *conn);

bool fsk_claimed(struct sock *sk);
int fsk_option_reason(const struct sock *sk, const struct fsk_ip *ip);
int fsk_connect_tcp(struct sock *sk, struct sockaddr *uaddr, int addr_len,
		    enum fsk_reason reason);
void fsk_delegate(struct sock *sk, enum fsk_reason reason);

bool fsk_fallback_alloc(struct fsk_conn *conn);
void fsk_fallback_free(struct fsk_conn *conn);
void fsk_fallback_again(struct fsk_conn *conn);
void fsk_fall_back(struct fsk_conn *conn, enum fsk_reason reason);
void fsk_fall_back_owned(struct fsk_conn *conn, enum fsk_reason reason);
void fsk_resume_later(struct fsk_conn *conn, const struct fsk_synack *sa);

#endif /* _FSK_DELEGATE_H */
