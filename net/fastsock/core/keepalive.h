/* SPDX-License-Identifier: GPL-2.0 */
/* SO_KEEPALIVE: is the other end still there? */
#ifndef _FSK_KEEPALIVE_H
#define _FSK_KEEPALIVE_H

struct fsk_conn;
struct sock;

void fsk_keepalive(struct sock *sk, int on);
void fsk_keepalive_start(struct fsk_conn *conn);
void fsk_keepalive_moved(struct fsk_conn *conn);
void fsk_keepalive_stop(struct sock *sk);
int fsk_keepalive_learn(struct sock *sk);

#endif /* _FSK_KEEPALIVE_H */
