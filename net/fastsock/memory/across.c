// SPDX-License-Identifier: GPL-2.0
/*
 * Connections in memory between network namespaces of this kernel.
 *
 * The wire says nothing of it.  SYN and SYNACK cross whatever joins the
 * namespaces and meet all judges on the way, as between two hosts.  SYNACK
 * carries the server's cookie: a hash, keyed with a secret of this kernel, of
 * what SYN said, of the namespace and the device it came to, of the address it
 * came from, and of the time.  So the client looks for a device of this kernel
 * that has the server's address and would have made this very cookie.  If there
 * is one, then the server is here, frames pass now in both directions, and
 * policy has let them.  The client then makes both ends instead of sending
 * CONFIRM.  Whatever does not fit leaves a connection of frames.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/call.h"
#include "base/pernet.h"
#include "base/spare.h"
#include "base/tuple.h"
#include "core/attach.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/state.h"
#include "core/transport.h"
#include "frames/cookie.h"
#include "inet/ip.h"
#include "inet/policy.h"
#include "lan/eth.h"
#include "lan/group.h"
#include "lan/peer.h"
#include "memory/across.h"
#include "memory/connect.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/pair.h"

/**
 * struct question - which device has answered a SYN?
 * @net: the client's namespace
 * @mac: the address of the client's device
 * @call: what SYN said
 * @id: the server's id in SYNACK, host order
 * @key: the server's key in SYNACK, host order
 */
struct question {
	const struct net *net;
	const u8 *mac;
	const struct fsk_call *call;
	u32 id;
	u32 key;
};

/* Is it @dev, in another namespace that allows memory? */
static bool answered(struct net_device *dev, const void *arg)
{
	const struct net *net = dev_net(dev);
	const struct question *q = arg;

	return !net_eq(net, q->net) &&
	       READ_ONCE(fsk_net(net)->same_host) == FSK_SAME_HOST_ALL &&
	       READ_ONCE(fsk_net(net)->enable) && fsk_eth_usable(dev) &&
	       fsk_cookie_answered(dev, q->call, q->mac, q->id, q->key);
}

/* The server's device, if it is here.  RCU read section. */
static struct net_device *server_dev(const struct fsk_conn *conn,
				     const struct fsk_offer *offer)
{
	struct fsk_call call;
	const struct question q = {
		.net = sock_net(conn->sk),
		.mac = offer->dev->dev_addr,
		.call = &call,
		.id = be32_to_cpu(offer->synack->id),
		.key = be32_to_cpu(offer->synack->key),
	};

	if (offer->dev->flags & IFF_LOOPBACK)
		return NULL;
	offer->say_syn(conn, &call);
	return fsk_group_find_dev(offer->mac, answered, &q);
}

/*
 * The client's socket has @client now instead of its connection of frames: set
 * it up, make the server's socket, and queue that for accept().  SYNACK's offer
 * must not be taken up a second time: @tomb marks its id as used, before the
 * new socket can be seen.
 */
static bool connect_ends(struct fsk_memory *client, struct fsk_memory *server,
			 const struct fsk_synack *sa, struct net_device *dev,
			 const struct fsk_tuple *t, struct sock *lsk,
			 struct fsk_tomb *tomb)
{
	struct sk_buff *syn = fsk_policy_syn(dev, NULL, t);
	int reason = FSK_REASON_NOMEM;
	struct request_sock *req;

	fsk_mem_make_client(client);
	if (syn)
		reason = fsk_mem_make_server(lsk, server, dev, t, syn, &req);
	else
		fsk_pair_discard(server);
	fsk_spare_put(syn);
	if (reason != FSK_ACCEPT) {
		fsk_cookie_release(tomb);
		return false;
	}
	fsk_cookie_spend(dev_net(dev), tomb, be32_to_cpu(sa->id),
			 be32_to_cpu(sa->key));
	return fsk_child_queue(lsk, server->conn.sk, req);
}

/*
 * Make both ends, of which the client's takes the place of @old.  Return: true
 * if so: @old is gone.  Otherwise nothing has changed, unless the listener has
 * closed just now: then the offer is void.
 */
static bool take_over(struct fsk_conn *old, const struct fsk_offer *offer,
		      struct net_device *dev, const struct fsk_tuple *t,
		      struct sock *lsk)
{
	struct fsk_tomb *tomb = fsk_cookie_reserve(GFP_ATOMIC);
	struct fsk_memory *client, *server;
	struct sock *sk = old->sk;
	struct fsk_pair *pair;

	client = tomb ? fsk_pair_alloc(sk, GFP_ATOMIC) : NULL;
	if (!client)
		goto err_tomb;
	pair = client->pair;
	server = &pair->mem[1];
	fsk_mem_set_sizes(&client->conn, &server->conn, old->mss,
			  be16_to_cpu(offer->synack->mss));
	if (!fsk_mem_link_watch(pair, offer->dev, dev))
		goto err_pair;
	sock_hold(sk);				/* @client's */
	fsk_conn_swap(old, &client->conn);
	if (!connect_ends(client, server, offer->synack, dev, t, lsk, tomb)) {
		fsk_conn_swap(&client->conn, old);
		fsk_conn_forget(&client->conn);
		fsk_mem_unmake_client(sk);
		return false;
	}
	fsk_conn_forget(old);
	/*
	 * If the link went down before the ends could be found, they have not
	 * been told.  The ends, then the link: pairs with queue_work().
	 */
	smp_mb();
	if (fsk_mem_link_no_carrier(pair->link))
		fsk_pair_notify_link(pair);
	return true;

err_pair:
	fsk_pair_discard(server);
	fsk_pair_discard(client);
err_tomb:
	fsk_cookie_release(tomb);
	return false;
}

/* The caller owns the socket.  Return: true if @conn is gone. */
static bool join(struct fsk_conn *conn, const struct fsk_offer *offer)
{
	struct fsk_tuple t = fsk_tuple_of(conn->sk);
	u8 mac[ETH_ALEN] __aligned(2);
	struct net_device *dev;
	struct sock *lsk;
	bool ok;

	dev = server_dev(conn, offer);
	if (!dev)
		return false;
	t.iif = dev->ifindex;		/* as the server sees them */
	lsk = fsk_child_find_acceptor(dev, &t);
	if (!lsk)
		return false;
	ether_addr_copy(mac, offer->dev->dev_addr);
	ok = take_over(conn, offer, dev, &t, lsk);
	if (ok)
		fsk_peer_answered(dev, mac);
	sock_put(lsk);
	return ok;
}

/**
 * fsk_mem_upgrade - go on in memory, if the server is in this kernel
 * @conn: client's connection of frames in SYN_SENT
 * @offer: what it and the server have said
 *
 * Both ends are made by whoever owns the client's socket.
 *
 * Context: BH disabled, RCU read section, socket lock held in either form.
 * Return: 1 if so: @conn is gone.  0 if it is to go on.  -EAGAIN if it may be
 * so, and the socket has to be owned.
 */
int fsk_mem_upgrade(struct fsk_conn *conn, const struct fsk_offer *offer)
{
	const struct fsk_net *fn = fsk_net(sock_net(conn->sk));

	if (likely(READ_ONCE(fn->same_host) != FSK_SAME_HOST_ALL) ||
	    fsk_state_ack_waits(conn->sk))
		return 0;
	if (sock_owned_by_user(conn->sk))
		return join(conn, offer);
	return server_dev(conn, offer) ? -EAGAIN : 0;
}
