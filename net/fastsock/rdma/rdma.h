/* SPDX-License-Identifier: GPL-2.0 */
/* Frames in messages of an RDMA queue pair. */
#ifndef _FSK_RDMA_H
#define _FSK_RDMA_H

#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <rdma/ib_verbs.h>
#include <uapi/linux/fastsock_wire.h>

#include "lan/channel.h"
#include "stream/post.h"

/* Buffers for frames that the other end may fill before it hears of more. */
#define FSK_RDMA_CREDITS	128
/* Others, for messages without a frame: HELLO, HEARD, CREDIT. */
#define FSK_RDMA_SPARE		8
#define FSK_RDMA_RECVS		(FSK_RDMA_CREDITS + FSK_RDMA_SPARE)
/* Messages on their way; the last FSK_RDMA_SPARE are not for frames. */
#define FSK_RDMA_SENDS		(FSK_RDMA_CREDITS + FSK_RDMA_SPARE)
/* Bytes of a buffer, and so of a message; 16 bits on the wire. */
#define FSK_RDMA_BUFFER		min_t(unsigned long, PAGE_SIZE, SZ_32K)
/* Less is no use: bytes of the other end's buffers. */
#define FSK_RDMA_MIN		512
/* Pieces of memory of a message at most. */
#define FSK_RDMA_SGE		(MAX_SKB_FRAGS + 1)

/* Pages that a posted buffer may have. */
#define FSK_RDMA_PLACE_PAGES	(FSK_POST_MAX / PAGE_SIZE + 1)

struct fsk_place;
struct fsk_rdma_qp;
struct scatterlist;
struct seq_file;

/**
 * struct fsk_rdma_msg - of a message that waits in fsk_rdma_qp.queue, in its cb
 * @data: DATA frame whose bytes are to be written before; NULL if none
 * @addr: where to
 * @rkey: with which key
 * @token: of the buffer that is
 * @voids: the message invalidates the key
 */
struct fsk_rdma_msg {
	struct sk_buff *data;
	u64 addr;
	u32 rkey;
	u32 token;
	bool voids;
};

static_assert(sizeof(struct fsk_rdma_msg) <= sizeof_field(struct sk_buff, cb));

#define FSK_RDMA_MSG(skb)	((struct fsk_rdma_msg *)(skb)->cb)

/**
 * struct fsk_rdma_place - what lets the other end write to a buffer
 * @place: the buffer; NULL if there is none
 * @mr: makes it reachable, from being registered until the other end has
 *	invalidated it or the queue pair is gone
 * @nents: pieces of @sg that the device sees
 * @sg: its pages
 */
struct fsk_rdma_place {
	struct fsk_place *place;
	struct ib_mr *mr;
	int nents;
	struct scatterlist sg[FSK_RDMA_PLACE_PAGES];
};

/**
 * struct fsk_rdma_target - a buffer of the other end
 * @live: it may be written to
 * @token: what the other end calls it
 * @rkey: its key
 * @len: bytes
 * @addr: where it begins
 */
struct fsk_rdma_target {
	bool live;
	u32 token;
	u32 rkey;
	u32 len;
	u64 addr;
};

/**
 * struct fsk_rdma_send - a message, or what is written, on its way
 * @cqe: says that it has arrived, or that the queue pair is broken
 * @list: in fsk_rdma_qp.idle
 * @qp: whose it is
 * @skb: the message, or frame with what is written; NULL if there is none
 * @sge: its memory, as the device sees it
 * @num_sge: pieces of that
 */
struct fsk_rdma_send {
	struct ib_cqe cqe;
	struct list_head list;
	struct fsk_rdma_qp *qp;
	struct sk_buff *skb;
	struct ib_sge sge[FSK_RDMA_SGE];
	int num_sge;
};

/**
 * struct fsk_rdma_recv - a buffer that a message may come into
 * @cqe: says that one has
 * @qp: whose it is
 * @page: the buffer
 * @addr: as the device sees it
 */
struct fsk_rdma_recv {
	struct ib_cqe cqe;
	struct fsk_rdma_qp *qp;
	struct page *page;
	u64 addr;
};

/**
 * struct fsk_rdma_port - where a queue pair may be made
 * @ibdev: device; lives as long as @fsk_rdma_mutex is held
 * @num: its port
 * @sgid_index: which of its addresses belongs to the net_device
 * @gid: that address
 */
struct fsk_rdma_port {
	struct ib_device *ibdev;
	u32 num;
	int sgid_index;
	union ib_gid gid;
};

/**
 * struct fsk_rdma_qp - a queue pair, and what is on its way
 * @channel: what frames see of it; struct neigh keeps its device
 * @rcu: for freeing
 * @port: where it is
 * @pd: its memory, of which the other end sees what @places are of
 * @cq: what has been done; softirq
 * @qp: reliable connection
 * @psn: first packet number that is sent
 * @nonce: this end's name of it
 * @mtu: largest path MTU
 * @max_sge: pieces of memory that a message may have
 * @lock: @queue, @idle, @num_idle, @credits, @owed, @closed, @places,
 *	@targets; BH
 * @queue: messages that wait for a credit
 * @idle: of @sends, those that are not on their way
 * @num_idle: how many
 * @credits: frames that may be sent
 * @credits_max: the most that the other end gives
 * @owed: buffers that are free again, of which it has not heard
 * @connected: with the other end's, or half; fsk_rdma_mutex
 * @closed: nothing more is to be posted
 * @broken: something failed
 * @heard: HELLO or HEARD has come since it was last cleared
 * @given: credits have come since it was last cleared
 * @asked: HELLO has come and is not answered
 * @suspect: frames are not to use it until it is @heard
 * @frames: frames sent and received, for idleness; approximate
 * @sends: FSK_RDMA_SENDS
 * @recvs: FSK_RDMA_RECVS
 * @places: FSK_CHANNEL_ADVERTS, of which the other end may write to some; NULL
 *	if the device cannot do it
 * @targets: what this end may write to
 */
struct fsk_rdma_qp {
	struct fsk_channel channel;
	struct rcu_head rcu;
	struct fsk_rdma_port port;
	struct ib_pd *pd;
	struct ib_cq *cq;
	struct ib_qp *qp;
	u32 psn;
	u32 nonce;
	enum ib_mtu mtu;
	unsigned int max_sge;
	spinlock_t lock;			/* queue, idle, credits ... */
	struct sk_buff_head queue;
	struct list_head idle;
	unsigned int num_idle;
	unsigned int credits;
	unsigned int credits_max;
	unsigned int owed;
	bool connected;
	bool closed;
	bool broken;
	bool heard;
	bool given;
	bool asked;
	bool suspect;
	unsigned long frames;
	struct fsk_rdma_send *sends;
	struct fsk_rdma_recv *recvs;
	struct fsk_rdma_place *places;
	struct fsk_rdma_target targets[FSK_CHANNEL_ADVERTS];
};

static inline struct fsk_rdma_qp *fsk_rdma_qp(struct fsk_channel *channel)
{
	return container_of(channel, struct fsk_rdma_qp, channel);
}

/* main.c */
extern struct mutex fsk_rdma_mutex;
void fsk_rdma_kick(void);
bool fsk_rdma_find_port(const struct net_device *dev, const u8 *peer,
			struct fsk_rdma_port *port);

/* neigh.c */
void fsk_rdma_wanted(struct net_device *dev, const u8 *mac);
void fsk_rdma_setup(struct net_device *dev, const u8 *mac,
		    const struct fsk_channel_setup *setup);
unsigned long fsk_rdma_run(void);
void fsk_rdma_device_up(void);
void fsk_rdma_device_gone(const struct ib_device *ibdev);
void fsk_rdma_netdev_gone(const struct net_device *dev);
void fsk_rdma_forget_all(void);
void fsk_rdma_show(struct seq_file *seq, const struct net *net);

/* qp.c */
struct fsk_rdma_qp *fsk_rdma_open(struct net_device *dev, const u8 *mac,
				  const u8 *peer);
int fsk_rdma_connect(struct fsk_rdma_qp *q,
		     const struct fsk_channel_setup *setup);
void fsk_rdma_close(struct fsk_rdma_qp *q);

/* message.c */
bool fsk_rdma_xmit(struct fsk_channel *channel, struct sk_buff *skb);
void fsk_rdma_doubt(struct fsk_channel *channel);
void fsk_rdma_say(struct fsk_rdma_qp *q, u8 type, u32 nonce);
void fsk_rdma_drop_send(struct fsk_rdma_send *s);
int fsk_rdma_post_recv(struct fsk_rdma_recv *r);
void fsk_rdma_recv_done(struct ib_cq *cq, struct ib_wc *wc);
void fsk_rdma_send_done(struct ib_cq *cq, struct ib_wc *wc);
void fsk_rdma_broken(struct fsk_rdma_qp *q);
struct sk_buff *fsk_rdma_short(u8 type, const void *body, u32 len);
bool fsk_rdma_make_room(struct sk_buff *skb, u32 len);
void fsk_rdma_prepend(struct sk_buff *skb, u8 type, const void *body, u32 len);
bool fsk_rdma_may_queue(const struct fsk_rdma_qp *q);
void fsk_rdma_queue(struct fsk_rdma_qp *q, struct sk_buff *skb);
bool fsk_rdma_post_other(struct fsk_rdma_qp *q, struct ib_send_wr *wr);
void fsk_rdma_flush_queue(struct fsk_rdma_qp *q);

/* place.c */
extern unsigned int fsk_rdma_place_min;
bool fsk_rdma_offer(struct fsk_channel *channel, struct fsk_place *place,
		    struct sk_buff *frame);
void fsk_rdma_withdraw(struct fsk_place *place, bool late);
bool fsk_rdma_put(struct fsk_channel *channel, const struct fsk_put *put);
void fsk_rdma_decline(struct fsk_channel *channel, u32 token);
void fsk_rdma_end(struct fsk_channel *channel);
bool fsk_rdma_invalidated(struct fsk_rdma_qp *q, u32 rkey);
bool fsk_rdma_rcv_advert(struct fsk_rdma_qp *q,
			 const struct fsk_channel_advert *advert);
void fsk_rdma_give_up(struct fsk_rdma_qp *q, u32 token);
bool fsk_rdma_may_write(struct fsk_rdma_qp *q, const struct fsk_rdma_msg *msg);
void fsk_rdma_make_places(struct fsk_rdma_qp *q);
void fsk_rdma_end_places(struct fsk_rdma_qp *q);
void fsk_rdma_free_places(struct fsk_rdma_qp *q);

#endif /* _FSK_RDMA_H */
