/* SPDX-License-Identifier: GPL-2.0 */
/* connect(). */
#ifndef _FSK_CONNECT_H
#define _FSK_CONNECT_H

#include <net/sock.h>

int fsk_connect(struct sock *sk, struct sockaddr *uaddr, int addr_len);
int fsk_connect6(struct sock *sk, struct sockaddr *uaddr, int addr_len);

#endif /* _FSK_CONNECT_H */
