/* SPDX-License-Identifier: GPL-2.0 */
/* TCP's states, and the numbers that show them. */
#ifndef _FSK_STATE_H
#define _FSK_STATE_H

#include <linux/types.h>
#include <net/sock.h>

struct fsk_conn;

void fsk_state_numbers(struct fsk_conn *conn, u32 mask);
bool fsk_state_ack_waits(struct sock *sk);
void fsk_state_established(struct fsk_conn *conn);
bool fsk_state_close(struct sock *sk);
bool fsk_state_fin(struct fsk_conn *conn);
bool fsk_state_fin_acked(struct fsk_conn *conn, u64 now);
void fsk_state_reset(struct fsk_conn *conn);
void fsk_state_bytes(struct fsk_conn *conn, u32 una, u32 nxt, u32 rcv);
void fsk_conn_info(struct fsk_conn *conn);
void fsk_conn_kill(struct fsk_conn *conn);
void fsk_conn_done(struct fsk_conn *conn);
void fsk_conn_time_wait(struct fsk_conn *conn);
void fsk_conn_abort(struct fsk_conn *conn, int err);
void fsk_conn_timeout(struct fsk_conn *conn);

/*
 * No more will come in.  Between this and fsk_state_fin() there is time for
 * what depends on what carries the connection.  Spinlock held, or the backlog
 * is run.
 */
static inline void fsk_state_rcv_done(struct sock *sk)
{
	sk->sk_shutdown |= RCV_SHUTDOWN;
	sock_set_flag(sk, SOCK_DONE);
}

#endif /* _FSK_STATE_H */
