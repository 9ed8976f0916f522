/* SPDX-License-Identifier: GPL-2.0 */
/* What a way to carry connections does for them, and which ways there are. */
#ifndef _FSK_TRANSPORT_H
#define _FSK_TRANSPORT_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/types.h>
#include <uapi/linux/fastsock_wire.h>

#include "core/family.h"

struct fsk_call;
struct fsk_conn;
struct fsk_tuple;
struct iov_iter;
struct msghdr;
struct net_device;
struct sk_buff;
struct sock;

/**
 * struct fsk_offer - what a client of frames and its server have said so far
 * @dev: the client's device; it stays until the end of the RCU read section
 * @mac: the server's address
 * @say_syn: writes what the client said; only who asks pays for it
 * @synack: what the server said
 */
struct fsk_offer {
	struct net_device *dev;
	const u8 *mac;
	void (*say_syn)(const struct fsk_conn *conn, struct fsk_call *call);
	const struct fsk_synack *synack;
};

/**
 * struct fsk_transport_ops - what a transport does for its connections
 * @write: take bytes of a message, waiting for room as TCP does, and add their
 *	number to @copied; 0 or why not all were taken
 * @urgent: a send with MSG_OOB, which has written something, ends; @less than
 *	it was to: then the last byte written is urgent
 * @send_fin: the program sends no more; TCP's state has changed already
 * @deadline: ns, when @timeout is due; 0 never
 * @timeout: something may be due; false if the connection is over
 * @count: add what was sent and received to TCP's counters of bytes
 * @info: bring what TCP_INFO and ss read up to date, those counters too
 * @send_reset: tell the peer, if it is known, that the connection is gone;
 *	unless @locked the caller owns the socket and has no spinlock
 * @needs_probe: does nothing but probes show whether the peer of a connected
 *	connection is there?  Not if bytes on the way do, or if it must be
 * @cork: TCP_CORK of a connected connection has changed, see its @corked
 * @uncork: what waits for more may go
 * @waits: a call of recv() is about to wait
 * @read_done: the program, or a kernel user, has taken bytes, queued ones even
 * @kill: nobody is to find the connection any more; it is in phase DEAD, and
 *	its timer is off
 * @free: its last reader is gone
 *
 * Optional, the first or the second:
 * @probe: send what a peer that is there answers
 * @present: is the peer of a connected connection there?
 *
 * Optional, all or none, for bytes that follow those in the receive queue:
 * @unread: how many of them there are from sequence number @seq on.  In an RCU
 *	read section it may be asked without the lock
 * @read: copy up to @len of these, which there are, and leave them where they
 *	are; bytes copied, 0 if @to faults; @seq is not that of a queued byte
 * @consume: forget the first @len of them
 * @stamp: when the last of them came
 * @queue: move some to the receive queue; false if there are none or no memory
 *
 * Optional, for how a connection begins, both or neither of the first two:
 * @usable: may it carry connections over @dev?
 * @connect: connect a socket in SYN_SENT whose four-tuple is hashed, over @dev
 *	to the neighbour @mac, which is all zeros within the host; FSK_ACCEPT,
 *	or the enum fsk_reason to delegate with
 * @upgrade: take the place of a client's connection of frames that its server
 *	has answered; 1 if so: @conn is gone; 0 if not; -EAGAIN if it may once
 *	the caller owns the socket
 *
 * Optional:
 * @posted: a reader that is about to wait has posted its buffer
 * @accepted: a program, or a kernel user, has got the socket by accept()
 * @device: a device went up or down, its carrier changed, or it goes away;
 *	NETDEV_UP, _DOWN, _CHANGE, _UNREGISTER
 * @quickack: TCP_QUICKACK is set: acknowledge what waits for it
 * @resized: the receive buffer has a new size
 * @leave: it is dead and detached; true if its references, on the socket too,
 *	are taken care of and need no grace period, after which @free is called.
 *	Not for another module's transport, which that grace period keeps
 * @resume: of a connection in phase SYN_SENT for which fsk_resume_later() was
 *	called: the caller owns the socket now
 * @event: FSK_EV_* that were left to the socket's owner; the connection may
 *	be dead
 * @unhook: the socket, which may be TCP's again, has nothing to do with the
 *	dead connection any more
 *
 * Context: @write, @urgent, @send_fin, @cork, @uncork, @waits, @quickack,
 * @read, @stamp, @resized, @connect, @resume, @posted: process; the caller owns
 * the socket.  @usable: any, RCU read section.  @upgrade: BH disabled, RCU read
 * section, socket lock held in either form.  @device: process, RTNL held.
 * @free: any, no locks.  The others: socket lock held in either form, for
 * @timeout, @probe and @event in an RCU read section.  None but @write, @read,
 * @connect, @resume and @device sleeps.
 */
struct fsk_transport_ops {
	int (*write)(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		     size_t *copied);
	void (*urgent)(struct fsk_conn *conn, bool less);
	void (*send_fin)(struct fsk_conn *conn);
	u64 (*deadline)(const struct fsk_conn *conn);
	bool (*timeout)(struct fsk_conn *conn, u64 now);
	void (*count)(struct fsk_conn *conn);
	void (*info)(struct fsk_conn *conn);
	void (*send_reset)(struct fsk_conn *conn, bool locked);
	bool (*needs_probe)(const struct fsk_conn *conn);
	void (*cork)(struct fsk_conn *conn);
	void (*uncork)(struct fsk_conn *conn);
	void (*waits)(struct fsk_conn *conn);
	void (*read_done)(struct fsk_conn *conn);
	void (*kill)(struct fsk_conn *conn);
	void (*free)(struct fsk_conn *conn);

	/* optional */
	void (*posted)(struct fsk_conn *conn);
	void (*probe)(struct fsk_conn *conn);
	bool (*present)(struct fsk_conn *conn);
	u32 (*unread)(const struct fsk_conn *conn, u32 seq);
	size_t (*read)(const struct fsk_conn *conn, u32 seq,
		       struct iov_iter *to, size_t len);
	void (*consume)(struct fsk_conn *conn, u32 len);
	ktime_t (*stamp)(const struct fsk_conn *conn);
	bool (*queue)(struct fsk_conn *conn);
	bool (*usable)(const struct net_device *dev);
	int (*connect)(struct sock *sk, struct net_device *dev, const u8 *mac,
		       const struct fsk_tuple *t);
	int (*upgrade)(struct fsk_conn *conn, const struct fsk_offer *offer);
	void (*accepted)(struct fsk_conn *conn);
	void (*device)(struct net_device *dev, unsigned long event);
	void (*quickack)(struct fsk_conn *conn);
	void (*resized)(struct fsk_conn *conn);
	bool (*leave)(struct fsk_conn *conn);
	void (*resume)(struct fsk_conn *conn, const struct fsk_synack *sa);
	void (*event)(struct fsk_conn *conn, unsigned int events);
	void (*unhook)(struct fsk_conn *conn);
};

/**
 * struct fsk_transport - a transport
 * @name: for diagnosis
 * @owner: its module
 * @ops: what it does
 * @within_host: the other end is on this host, so copies are cheap
 * @at_once: connect() makes the server's end before it returns
 * @backlog_rcv: sk_backlog_rcv of its sockets: frames of a connection whose
 *	place another one has taken may come to it, as may TCP's segments; NULL
 *	to have all of them dropped, as another module has to: it may go before
 *	the last of them is looked at
 * @sendmsg: proto_ops.sendmsg of its sockets, NULL for the common one; the
 *	connection may be another transport's meanwhile, or there may be none
 * @recvmsg: likewise for recvmsg
 *
 * The rest is set by fsk_transport_register():
 * @foreign: @owner is not fastsock itself, and may go
 * @proto_ops: of its connected sockets, by their family
 * @reused_ops: of sockets that were connected by it, likewise
 * @list: in order of preference; RCU
 */
struct fsk_transport {
	const char *name;
	struct module *owner;
	const struct fsk_transport_ops *ops;
	bool within_host;
	bool at_once;
	int (*backlog_rcv)(struct sock *sk, struct sk_buff *skb);
	int (*sendmsg)(struct socket *sock, struct msghdr *msg, size_t size);
	int (*recvmsg)(struct socket *sock, struct msghdr *msg, size_t size,
		       int flags);

	bool foreign;
	struct proto_ops proto_ops[FSK_FAMILIES];
	struct proto_ops reused_ops[FSK_FAMILIES];
	struct list_head list;
};

int fsk_backlog_drop(struct sock *sk, struct sk_buff *skb);
int fsk_transport_register(struct fsk_transport *t);
void fsk_transport_unregister(struct fsk_transport *t);
const struct fsk_transport *fsk_transport_for(const struct sock *sk,
					      const struct net_device *dev);
int fsk_transport_upgrade(struct fsk_conn *conn,
			  const struct fsk_offer *offer);
void fsk_transport_device(struct net_device *dev, unsigned long event);

/* Keep a transport that somebody else keeps until then.  Any context. */
static inline void fsk_transport_get(const struct fsk_transport *t)
{
	if (unlikely(t->foreign))
		__module_get(t->owner);
}

/* Let go of what fsk_transport_for() has found, if anything.  Any context. */
static inline void fsk_transport_put(const struct fsk_transport *t)
{
	if (unlikely(t && t->foreign))
		module_put(t->owner);
}

#endif /* _FSK_TRANSPORT_H */
