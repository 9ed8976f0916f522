/* SPDX-License-Identifier: GPL-2.0 */
/* How large segments are. */
#ifndef _FSK_SEGMENT_SIZE_H
#define _FSK_SEGMENT_SIZE_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "core/conn.h"

u16 fsk_mss_own(const struct sock *sk, u32 mtu);
u16 fsk_mss_fit(u16 mss, u32 mtu);
void fsk_mss_init_buffer(struct sock *sk);

/*
 * Tell TCP's code, and tools, what size segments have, and give the socket the
 * send buffer that goes with it.  Socket lock held in either form.
 */
static inline void fsk_mss_show(struct fsk_conn *conn)
{
	struct inet_connection_sock *icsk = inet_csk(conn->sk);
	struct tcp_sock *tp = tcp_sk(conn->sk);

	tp->mss_cache = min(conn->mss, conn->peer_mss);
	tp->advmss = conn->mss;
	icsk->icsk_rto = TCP_RTO_MIN;	/* for tcp_fin_time() */
	icsk->icsk_pmtu_cookie = conn->mss + sizeof(struct fsk_hdr);
	icsk->icsk_ack.lrcvtime = tcp_jiffies32;
	icsk->icsk_ack.rcv_mss = conn->mss;
	fsk_mss_init_buffer(conn->sk);
}

#endif /* _FSK_SEGMENT_SIZE_H */
