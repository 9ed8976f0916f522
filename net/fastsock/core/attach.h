/* SPDX-License-Identifier: GPL-2.0 */
/* How a connection hangs on a TCP sk. */
#ifndef _FSK_ATTACH_H
#define _FSK_ATTACH_H

#include <net/sock.h>

struct fsk_conn;
struct fsk_transport;

int fsk_conn_sample(int (*look)(struct sock *sk));
int fsk_conn_init(void);
void fsk_conn_exit(void);
void fsk_conn_prepare(struct fsk_conn *conn, struct sock *sk,
		      const struct fsk_transport *transport);
void fsk_conn_attach(struct sock *sk, struct fsk_conn *conn);
void fsk_conn_detach(struct sock *sk);
void fsk_conn_swap(struct fsk_conn *old, struct fsk_conn *conn);
void fsk_conn_forget(struct fsk_conn *conn);

#endif /* _FSK_ATTACH_H */
