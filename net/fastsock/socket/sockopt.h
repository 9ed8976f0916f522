/* SPDX-License-Identifier: GPL-2.0 */
/* Options of sockets. */
#ifndef _FSK_SOCKOPT_H
#define _FSK_SOCKOPT_H

#include <linux/sockptr.h>
#include <net/sock.h>

int fsk_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen);
int fsk_getsockopt(struct sock *sk, int level, int optname,
		   char __user *optval, int __user *optlen);
int fsk_refuse_ulp(sockptr_t optval, unsigned int optlen);

#endif /* _FSK_SOCKOPT_H */
