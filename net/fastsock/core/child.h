/* SPDX-License-Identifier: GPL-2.0 */
/* A listener's child. */
#ifndef _FSK_CHILD_H
#define _FSK_CHILD_H

#include <linux/types.h>

struct fsk_conn;
struct fsk_tuple;
struct net_device;
struct request_sock;
struct sk_buff;
struct sock;

struct sock *fsk_child_find_listener(struct net_device *dev,
				     const struct fsk_tuple *t);
int fsk_child_listener_reason(struct sock *lsk, const struct fsk_tuple *t);
int fsk_child_lsm_reason(struct sock *lsk, struct net_device *dev,
			 struct sk_buff *skb, const struct fsk_tuple *t);
struct sock *fsk_child_lookup(struct net_device *dev,
			      const struct fsk_tuple *t);
bool fsk_child_tuple_in_use(struct net_device *dev, const struct fsk_tuple *t,
			    bool take_over);
void fsk_child_exit(void);
int fsk_child_check(struct sock *lsk, struct net_device *dev, const u8 *mac,
		    const struct fsk_tuple *t, u32 mark, struct sk_buff **syn,
		    u32 *mtu);
struct sock *fsk_child_find_acceptor(struct net_device *dev,
				     const struct fsk_tuple *t);
struct sock *fsk_child_make(struct sock *lsk, struct net_device *dev,
			    const struct fsk_tuple *t, u16 mss,
			    struct sk_buff *skb, struct request_sock **reqp);
int fsk_child_choose(struct net_device *dev, const struct fsk_tuple *t,
		     u32 mark, struct sock **lsk, struct sk_buff **syn);
int fsk_child_begin(struct sock *lsk, struct net_device *dev,
		    const struct fsk_tuple *t, struct sk_buff *syn,
		    struct sock **childp, struct request_sock **reqp);
void fsk_child_established(struct fsk_conn *conn);
void fsk_child_discard(struct sock *child, struct request_sock *req);
bool fsk_child_queue(struct sock *lsk, struct sock *child,
		     struct request_sock *req);

#endif /* _FSK_CHILD_H */
