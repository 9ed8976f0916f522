/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets of AF_INET6: where they go, and what they are called. */
#ifndef _FSK_MAPPED_H
#define _FSK_MAPPED_H

struct fsk_tuple;
struct sock;
struct sockaddr_in6;
struct sockaddr_storage;

int fsk_inet6_destination(struct sock *sk, const struct sockaddr_in6 *addr,
			  int addr_len, struct fsk_tuple *to);
void fsk_inet6_named(struct sock *sk);
int fsk_inet6_addrform(const struct sock *sk);
int fsk_inet_server_name(const struct sock *sk, struct sockaddr_storage *addr);

#endif /* _FSK_MAPPED_H */
