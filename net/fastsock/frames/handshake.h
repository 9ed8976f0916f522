/* SPDX-License-Identifier: GPL-2.0 */
/* From two sockets to a connection. */
#ifndef _FSK_HANDSHAKE_H
#define _FSK_HANDSHAKE_H

#include <linux/types.h>

#include "base/stats.h"

struct fsk_conn;
struct fsk_frames;
struct fsk_syn;
struct fsk_synack;
struct fsk_tuple;
struct net_device;
struct request_sock;
struct sk_buff;
struct sock;

/* So long CONFIRM waits for data. */
#define FSK_CONFIRM_NS		200000ULL
/* Or so long, as TCP's delayed ack, if the program wants it to wait. */
#define FSK_CONFIRM_LATE_NS	200000000ULL
/* SYN or CONFIRM again, then doubled. */
#define FSK_HS_RETRY_NS		5000000ULL
/* Jiffies per slot, log2; a cookie is good for one to two slots. */
#define FSK_COOKIE_SHIFT	11

int fsk_handshake_init(void);
int fsk_handshake_start(struct sock *sk, struct net_device *dev,
			const u8 *mac);
void fsk_handshake_timeout(struct fsk_frames *fr, u64 now);
bool fsk_handshake_ack_waits(struct sock *sk);
void fsk_handshake_fallback(struct fsk_frames *fr, enum fsk_reason reason);
void fsk_handshake_again(struct fsk_frames *fr);
void fsk_handshake_syn_body(const struct fsk_frames *fr, struct fsk_syn *syn);
void fsk_rcv_synack(struct fsk_frames *fr, const struct fsk_synack *sa);
void fsk_rcv_syn(struct sk_buff *skb, struct net_device *dev, const u8 *mac);
struct fsk_frames *fsk_rcv_confirm(u32 id, u32 key,
				   const struct fsk_syn *syn,
				   struct net_device *dev, const u8 *mac);
void fsk_handshake_numbers(struct fsk_conn *conn, u32 mask);
u16 fsk_handshake_mss(const struct sock *sk, u32 mtu);
bool fsk_handshake_answered(const struct net_device *dev,
			    const struct fsk_syn *syn, const u8 *mac, u32 id,
			    u32 key);
struct sock *fsk_handshake_taker(struct net_device *dev,
				 const struct fsk_tuple *t);
struct sock *fsk_handshake_listener(struct net_device *dev,
				    const struct fsk_tuple *t);
bool fsk_handshake_name_used(struct net_device *dev, const struct fsk_tuple *t,
			     bool take_over);
int fsk_handshake_judge(struct sock *lsk, struct net_device *dev,
			const struct fsk_tuple *t, u32 mark,
			struct sk_buff **syn, u32 *mtu);
struct sock *fsk_handshake_child(struct sock *lsk, struct net_device *dev,
				 const struct fsk_tuple *t, u16 mss,
				 struct sk_buff *skb,
				 struct request_sock **reqp);
void fsk_handshake_discard(struct sock *child, struct request_sock *req);
bool fsk_handshake_queue(struct sock *lsk, struct sock *child,
			 struct request_sock *req);

#endif /* _FSK_HANDSHAKE_H */
