// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets of AF_INET6 whose connections are IPv4's: addresses of IPv4 that are
 * written as IPv6's, ::ffff:a.b.c.d.  TCP's socket has both forms of each, and
 * inet's functions set both, so that all else is as with AF_INET.
 */

#include <linux/in6.h>
#include <linux/ipv6.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "base/compat.h"
#include "base/stats.h"
#include "inet/ipv6.h"

#if IS_ENABLED(CONFIG_IPV6)
/* Was the socket bound to an address that no packet of IPv4 can have? */
static bool bound_to_ipv6(const struct sock *sk)
{
	return !ipv6_addr_any(&sk->sk_v6_rcv_saddr) &&
	       !ipv6_addr_v4mapped(&sk->sk_v6_rcv_saddr);
}

/**
 * fsk_ipv6_mapped - is that an address of IPv4, and can this socket go there?
 * @sk: unconnected socket of AF_INET6
 * @addr: where to
 * @to: where to put the address of IPv4
 *
 * The unspecified address is left to TCP, which writes another in its place.
 *
 * Context: process; the caller owns @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_ipv6_mapped(const struct sock *sk, const struct sockaddr_in6 *addr,
		    struct sockaddr_in *to)
{
	if (!ipv6_addr_v4mapped(&addr->sin6_addr) || bound_to_ipv6(sk))
		return FSK_REASON_IPV6;
	if (ipv6_only_sock(sk))
		return FSK_REASON_NOROUTE;
	/* TCP looks up the flow label, and sends no options of IPv6's. */
	if (fsk_sends_flowinfo(sk) || rcu_access_pointer(inet6_sk(sk)->opt))
		return FSK_REASON_OPTION;
	*to = (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = addr->sin6_port,
		.sin_addr.s_addr = addr->sin6_addr.s6_addr32[3],
	};
	return FSK_ACCEPT;
}

/**
 * fsk_ipv6_named - a client has its addresses: note them where IPv6 does
 * @sk: client's socket of AF_INET6
 *
 * Context: process; the caller owns @sk.
 */
void fsk_ipv6_named(struct sock *sk)
{
	struct ipv6_pinfo *np = inet6_sk(sk);

	np->saddr = sk->sk_v6_rcv_saddr;
	np->flow_label = 0;
}

static int name6(const struct sock *sk, struct sockaddr_in6 *addr)
{
	*addr = (struct sockaddr_in6) {
		.sin6_family = AF_INET6,
		.sin6_port = inet_sk(sk)->inet_dport,
		.sin6_addr = sk->sk_v6_daddr,
	};
	return sizeof(*addr);
}
#else
/* There are no such sockets. */
int fsk_ipv6_mapped(const struct sock *sk, const struct sockaddr_in6 *addr,
		    struct sockaddr_in *to)
{
	return FSK_REASON_IPV6;
}

void fsk_ipv6_named(struct sock *sk)
{
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
