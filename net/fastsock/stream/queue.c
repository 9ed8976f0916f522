// SPDX-License-Identifier: GPL-2.0
/* The receive queue of a socket, and how much it may hold. */

#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "core/conn.h"
#include "stream/queue.h"

/**
 * fsk_rx_grow_buffer - let a receive buffer that is in use grow
 * @conn: connection whose peer sends much
 *
 * It becomes four times what the program has read since it was last looked at,
 * at least twice as large as before, if that was half of it in a second: a
 * program that is slow gets no more with TCP either.
 *
 * Context: socket lock held in either form.
 * Return: true if it grew: within what the program and the administrator allow.
 */
bool fsk_rx_grow_buffer(struct fsk_conn *conn)
{
	struct sock *sk = conn->sk;
	const struct net *net = sock_net(sk);
	u32 max = READ_ONCE(net->ipv4.sysctl_tcp_rmem[2]);
	u32 seq = READ_ONCE(tcp_sk(sk)->copied_seq);
	u32 rcvbuf = READ_ONCE(sk->sk_rcvbuf);
	u32 n = seq - conn->tuned_seq;
	bool slow;

	if (n < rcvbuf / 2 || rcvbuf >= max)
		return false;
	slow = tcp_jiffies32 - conn->tuned_at > HZ;
	conn->tuned_seq = seq;
	conn->tuned_at = tcp_jiffies32;
	if (slow || sk->sk_userlocks & SOCK_RCVBUF_LOCK ||
	    !READ_ONCE(net->ipv4.sysctl_tcp_moderate_rcvbuf) ||
	    tcp_under_memory_pressure(sk))
		return false;
	WRITE_ONCE(sk->sk_rcvbuf, min_t(u64, 4ULL * n, max));
	return true;
}
