/* SPDX-License-Identifier: GPL-2.0 */
/* Whose socket it is, and giving it to TCP. */
#ifndef _FSK_DELEGATE_H
#define _FSK_DELEGATE_H

#include <linux/net.h>
#include <net/sock.h>
#include <uapi/linux/fastsock.h>

struct fsk_conn;
struct fsk_synack;

/* Filled by socket/ops.c; here because who delegates compares with them. */
extern struct proto_ops fsk_claimed_ops;	/* not yet decided */
extern struct proto_ops fsk_veteran_ops;	/* again, after fastsock */

/* Is it open yet whether fastsock or TCP will have this socket? */
static inline bool fsk_undecided(const struct socket *sock)
{
	const struct proto_ops *ops = READ_ONCE(sock->ops);

	return ops == &fsk_claimed_ops || ops == &fsk_veteran_ops;
}

bool fsk_claimed(struct sock *sk);
int fsk_option_reason(const struct sock *sk);
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
