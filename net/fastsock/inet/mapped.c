// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of AF_INET6: where they go.  Their connections are IPv4's where the
 * addresses are, written as IPv6's: ::ffff:a.b.c.d.  TCP's socket has both
 * forms of each, and inet's functions set both, so that all else is as with
 * AF_INET.
 */

#include <linux/in6.h>
#include <linux/ipv6.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp_states.h>

#include "base/compat.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "inet/ipv6.h"
#include "inet/mapped.h"

#if IS_ENABLED(CONFIG_IPV6)
/* Was the socket bound to an address that no packet of IPv4 can have? */
static bool bound_to_ipv6(const struct sock *sk)
{
	return !ipv6_addr_any(&sk->sk_v6_rcv_saddr) &&
	       !ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr);
}

/* As the name says; TCP's connect() looks at the same things. */
static int mapped_destination(const struct sock *sk,
			      const struct in6_addr *addr, __be16 port,
			      struct fsk_tuple *to)
{
	if (bound_to_ipv6(sk))
		return FSK_REASON_IPV6;
	if (ipv6_only_sock(sk))
		return FSK_REASON_NOROUTE;
	/* TCP looks up the flow label, and sends no options of IPv6's. */
	if (fsk_sends_flowinfo(sk) || rcu_access_pointer(inet6_sk(sk)->opt))
		return FSK_REASON_OPTION;
	*to = (struct fsk_tuple) { .daddr = *addr, .dport = port };
	return FSK_ACCEPT;
}

/**
 * fsk_inet6_destination - can this socket go to that address?
 * @sk: unconnected socket of AF_INET6
 * @addr: where to
 * @addr_len: bytes of @addr
 * @to: where to put the server's address and port
 *
 * The unspecified address means this host, by the protocol that the socket's
 * own address has.
 *
 * Context: process; the caller owns @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_inet6_destination(struct sock *sk, const struct sockaddr_in6 *addr,
			  int addr_len, struct fsk_tuple *to)
{
	struct in6_addr daddr = addr->sin6_addr;

	if (ipv6_addr_any(&daddr) &&
	    ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr))
		daddr = fsk_addr_of_v4(htonl(INADDR_LOOPBACK));
	if (ipv6_addr_v4mapped(&daddr))
		return mapped_destination(sk, &daddr, addr->sin6_port, to);
	return fsk_ipv6_destination(sk, addr, addr_len, to);
}

/**
 * fsk_inet6_named - a client has its addresses: note them where IPv6 does
 * @sk: client's socket of AF_INET6
 *
 * Context: process; the caller owns @sk.
 */
void fsk_inet6_named(struct sock *sk)
{
	struct ipv6_pinfo *np = inet6_sk(sk);

	if (!ipv6_addr_v4mapped(&sk->sk_v6_daddr))
		return;
	np->saddr = sk->sk_v6_rcv_saddr;
	np->flow_label = 0;
}

/**
 * fsk_inet6_addrform - why can a socket not become one of AF_INET?
 * @sk: socket of AF_INET6 with operations of ours
 *
 * As TCP sees it, but that ours are in the way where it would do so.
 *
 * Context: process; the caller owns @sk.
 * Return: a negative errno.
 */
int fsk_inet6_addrform(const struct sock *sk)
{
	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	return ipv6_addr_v4mapped(&sk->sk_v6_daddr) ? -EBUSY : -EADDRNOTAVAIL;
}

static int name6(const struct sock *sk, struct sockaddr_in6 *addr)
{
	*addr = (struct sockaddr_in6) {
		.sin6_family = AF_INET6,
		.sin6_port = inet_sk(sk)->inet_dport,
		.sin6_addr = sk->sk_v6_daddr,
		.sin6_scope_id = ipv6_iface_scope_id(&sk->sk_v6_daddr,
						     sk->sk_bound_dev_if),
	};
	return sizeof(*addr);
}
#else
/* There are no such sockets. */
int fsk_inet6_destination(struct sock *sk, const struct sockaddr_in6 *addr,
			  int addr_len, struct fsk_tuple *to)
{
	return FSK_REASON_IPV6;
}

void fsk_inet6_named(struct sock *sk)
{
}

int fsk_inet6_addrform(const struct sock *sk)
{
	return -ENOTCONN;
}

static int name6(const struct sock *sk, struct sockaddr_in6 *addr)
{
	return 0;
}
#endif

/**
 * fsk_inet_server_name - the server's address as the program has written it
 * @sk: client's socket, of either family
 * @addr: where to put it
 *
 * Context: the caller owns @sk.
 * Return: bytes.
 */
int fsk_inet_server_name(const struct sock *sk, struct sockaddr_storage *addr)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;

	if (sk->sk_family == AF_INET6)
		return name6(sk, (struct sockaddr_in6 *)addr);
	*sin = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = inet_sk(sk)->inet_dport,
		.sin_addr.s_addr = inet_sk(sk)->inet_daddr,
	};
	return sizeof(*sin);
}
