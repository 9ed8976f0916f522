// SPDX-License-Identifier: GPL-2.0
/*
 * Whose socket it is, fastsock's or TCP's, and giving it to TCP, with a reason.
 *
 * A claimed socket is one whose proto_ops are ours before anybody knows to
 * where it will connect.  Who gives it to TCP restores TCP's: from then on
 * nothing of ours runs for it.
 */

#include <linux/module.h>
#include <net/inet_common.h>
#include <net/inet_hashtables.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "core/conn.h"
#include "core/delegate.h"

struct proto_ops fsk_claimed_ops __read_mostly;
struct proto_ops fsk_veteran_ops __read_mostly;

/**
 * fsk_claimed - does fastsock have a say on this socket?
 * @sk: listener
 *
 * Context: softirq or process, BH disabled.
 * Return: true if its proto_ops are fastsock's.
 */
bool fsk_claimed(struct sock *sk)
{
	bool ours;

	/* sock_orphan() changes sk_socket under this lock. */
	read_lock(&sk->sk_callback_lock);
	ours = sk->sk_socket && fsk_undecided(sk->sk_socket);
	read_unlock(&sk->sk_callback_lock);
	return ours;
}

/**
 * fsk_delegate - from here on the socket is TCP's alone
 * @sk: claimed socket without connection
 * @reason: why, for the counter and the tracepoint
 *
 * Context: process; the caller owns @sk and holds the module (fsk_hold()),
 * because the socket's reference is dropped.
 */
void fsk_delegate(struct sock *sk, enum fsk_reason reason)
{
	struct socket *sock = sk->sk_socket;

	fsk_count_delegated(sk, reason);
	WRITE_ONCE(sk->sk_prot, &tcp_prot);
	/* Other threads may still sleep in what a veteran's ops once called. */
	if (!sock || sock->ops != &fsk_claimed_ops)
		return;
	WRITE_ONCE(sock->ops, &inet_stream_ops);
	module_put(THIS_MODULE);
}

/**
 * fsk_connect_tcp - delegate, and connect with TCP
 * @sk: claimed socket without connection, perhaps in SYN_SENT and hashed
 * @uaddr: where to
 * @addr_len: bytes of @uaddr
 * @reason: why
 *
 * A port already chosen stays: TCP finds the socket bound to it.  So does
 * SYN_SENT, so that whoever polls meanwhile sees no hang-up.
 *
 * Context: process; the caller owns @sk and holds the module.
 * Return: what TCP's connect returns.
 */
int fsk_connect_tcp(struct sock *sk, struct sockaddr *uaddr, int addr_len,
		    enum fsk_reason reason)
{
	int err;

	if (sk_hashed(sk))
		sk->sk_prot->unhash(sk);
	fsk_delegate(sk, reason);
	err = sk->sk_prot->connect(sk, uaddr, addr_len);
	/* TCP's first checks leave a state alone that they do not expect. */
	if (err && sk->sk_state != TCP_CLOSE) {
		tcp_set_state(sk, TCP_CLOSE);
		inet_bhash2_reset_saddr(sk);
		sk->sk_route_caps = 0;
		inet_sk(sk)->inet_dport = 0;
	}
	return err;
}

/**
 * fsk_option_reason - what only TCP can do for this socket, whoever the peer
 * @sk: a connecting socket, or a listener for its children
 *
 * Context: any; the options may change while it looks, as they may under TCP.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_option_reason(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	if (fsk_tcp_signed(sk))
		return FSK_REASON_MD5;
	if (rcu_access_pointer(inet_sk(sk)->inet_opt))
		return FSK_REASON_IPOPTIONS;
	if (inet_csk(sk)->icsk_ulp_ops)
		return FSK_REASON_ULP;
	if (rcu_access_pointer(sk->sk_filter))
		return FSK_REASON_FILTER;
	if (fsk_transparent(sk) || tp->tcp_tx_delay ||
	    sock_flag(sk, SOCK_TXTIME) ||
	    READ_ONCE(sk->sk_tsflags) & SOF_TIMESTAMPING_TX_RECORD_MASK)
		return FSK_REASON_OPTION;
	return FSK_ACCEPT;
}
