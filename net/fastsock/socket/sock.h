/* SPDX-License-Identifier: GPL-2.0 */
/* What a program sees: fastsock's struct proto and its calls. */
#ifndef _FSK_SOCK_H
#define _FSK_SOCK_H

#include <linux/net.h>
#include <linux/sockptr.h>
#include <net/sock.h>

void fsk_sock_init(void);
void fsk_close(struct sock *sk, long timeout);
int fsk_disconnect(struct sock *sk, int flags);
void fsk_shutdown(struct sock *sk, int how);
int fsk_abort(struct sock *sk, int err);

int fsk_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen);
int fsk_getsockopt(struct sock *sk, int level, int optname,
		   char __user *optval, int __user *optlen);
int fsk_refuse_ulp(sockptr_t optval, unsigned int optlen);

#endif /* _FSK_SOCK_H */
