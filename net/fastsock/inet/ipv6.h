/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets of AF_INET6 whose connections are IPv4's. */
#ifndef _FSK_IPV6_H
#define _FSK_IPV6_H

struct sock;
struct sockaddr_in;
struct sockaddr_in6;
struct sockaddr_storage;

int fsk_ipv6_mapped(const struct sock *sk, const struct sockaddr_in6 *addr,
		    struct sockaddr_in *to);
void fsk_ipv6_named(struct sock *sk);
int fsk_inet_server_name(const struct sock *sk, struct sockaddr_storage *addr);

#endif /* _FSK_IPV6_H */
