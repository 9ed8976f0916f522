/* SPDX-License-Identifier: GPL-2.0 */
/* HELLO, HELLO_ACK and BYE. */
#ifndef _FSK_HELLO_H
#define _FSK_HELLO_H

#include <linux/types.h>

struct fsk_hello;
struct net;
struct net_device;

void fsk_hello_init(u8 features);
void fsk_hello_send(struct net_device *dev, const u8 *mac, u8 type);
void fsk_hello_probe(struct net_device *dev, const u8 *mac);
void fsk_hello_rcv(struct net_device *dev, const u8 *mac, u8 type,
		   const struct fsk_hello *hello, bool group);
void fsk_hello_init_net(struct net *net);
void fsk_hello_exit_net(struct net *net);

#endif /* _FSK_HELLO_H */
