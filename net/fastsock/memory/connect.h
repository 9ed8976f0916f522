/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in memory within a namespace. */
#ifndef _FSK_MEM_CONNECT_H
#define _FSK_MEM_CONNECT_H

#include <linux/types.h>

struct fsk_conn;
struct fsk_ip;
struct fsk_memory;
struct fsk_tuple;
struct net_device;
struct request_sock;
struct sk_buff;
struct sock;

bool fsk_mem_usable(const struct net_device *dev);
u32 fsk_mem_mtu(const struct net_device *dev, const struct fsk_ip *ip);
int fsk_mem_connect(struct sock *sk, struct net_device *dev,
		    const struct fsk_tuple *t);
int fsk_mem_make_server(struct sock *lsk, struct fsk_memory *server,
			struct net_device *dev, const struct fsk_tuple *t,
			struct sk_buff *syn, struct request_sock **req);
void fsk_mem_make_client(struct fsk_memory *client);
void fsk_mem_unmake_client(struct sock *sk);
void fsk_mem_set_sizes(struct fsk_conn *client, struct fsk_conn *server,
		       u16 client_mss, u16 server_mss);

#endif /* _FSK_MEM_CONNECT_H */
