/* SPDX-License-Identifier: GPL-2.0 */
/* How a socket ends. */
#ifndef _FSK_CLOSE_H
#define _FSK_CLOSE_H

#include <net/sock.h>

void fsk_close(struct sock *sk, long timeout);
int fsk_disconnect(struct sock *sk, int flags);
void fsk_shutdown(struct sock *sk, int how);
int fsk_abort(struct sock *sk, int err);

#endif /* _FSK_CLOSE_H */
