/* SPDX-License-Identifier: GPL-2.0 */
/* The hook in tcp_prot.init, claimed sockets, and delegation to TCP. */
#ifndef _FSK_CLAIM_H
#define _FSK_CLAIM_H

#include <linux/net.h>
#include <net/sock.h>
#include <uapi/linux/fastsock.h>

extern struct proto_ops fsk_claimed_ops;	/* not yet decided */
extern struct proto_ops fsk_veteran_ops;	/* again, after fastsock */
extern struct proto_ops fsk_stream_ops;		/* connected over fastsock */
extern struct proto_ops fsk_memory_ops;		/* likewise, without frames */

int fsk_claim_init(void);
void fsk_claim_exit(void);
int fsk_claim_enable(void);
void fsk_claim_disable(void);
void fsk_claim_settle(void);
bool fsk_claimed(struct sock *sk);
int fsk_option_reason(const struct sock *sk);
int fsk_connect(struct sock *sk, struct sockaddr *uaddr, int addr_len);
int fsk_connect_tcp(struct sock *sk, struct sockaddr *uaddr, int addr_len,
		    enum fsk_reason reason);
void fsk_delegate(struct sock *sk, enum fsk_reason reason);

#endif /* _FSK_CLAIM_H */
