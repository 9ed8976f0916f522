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

#include "base/tuple.h"
#include "core/child.h"
#include "core/conn.h"
#include "frames/client.h"
#include "frames/cookie.h"
#include "frames/frames.h"
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
 * @syn: body of SYN
 * @id: the server's id in SYNACK, host order
 * @key: the server's key in SYNACK, host order
 */
struct question {
	const struct net *net;
	const u8 *mac;
	struct fsk_syn syn;
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
	       fsk_cookie_answered(dev, &q->syn, q->mac, q->id, q->key);
}

/* The server's device, if it is here.  RCU read section. */
static struct net_device *server_dev(const struct fsk_frames *fr,
				     const struct fsk_synack *sa)
{
	const struct net_device *dev = fsk_frames_dev(fr);
	struct question q = {
		.net = sock_net(fr->conn.sk),
		.id = be32_to_cpu(sa->id),
		.key = be32_to_cpu(sa->key),
	};

	if (!dev || dev->flags & IFF_LOOPBACK)
		return NULL;
	q.mac = dev->dev_addr;
	fsk_client_syn_body(fr, &q.syn);
	return fsk_group_find_dev(fr->path.mac, answered, &q);
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
	struct sk_buff *syn = fsk_policy_syn(dev, t);
	int reason = FSK_REASON_NOMEM;
	struct request_sock *req;

	fsk_mem_make_client(client);
	if (syn)
		reason = fsk_mem_make_server(lsk, server, dev, t, syn, &req);
	else
		fsk_pair_discard(server);
	kfree_skb(syn);
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
static bool take_over(struct fsk_frames *old, const struct fsk_synack *sa,
		      struct net_device *dev, const struct fsk_tuple *t,
		      struct sock *lsk)
{
	struct fsk_tomb *tomb = fsk_cookie_reserve(GFP_ATOMIC);
	struct net_device *mine = fsk_frames_dev(old);
	struct fsk_memory *client, *server;
	struct fsk_pair *pair;

	client = tomb ? fsk_pair_alloc(old->conn.sk, GFP_ATOMIC) : NULL;
	if (!client)
		goto err_tomb;
	pair = client->pair;
	server = &pair->mem[1];
	fsk_mem_set_sizes(&client->conn, &server->conn, old->conn.mss,
			  be16_to_cpu(sa->mss));
	if (!mine || !fsk_mem_link_watch(pair, mine, dev))
		goto err_pair;
	sock_hold(old->conn.sk);		/* @client's */
	fsk_conn_swap(&old->conn, &client->conn);
	if (!connect_ends(client, server, sa, dev, t, lsk, tomb)) {
		fsk_conn_swap(&client->conn, &old->conn);
		fsk_conn_forget(&client->conn);
		fsk_mem_unmake_client(old->conn.sk);
		return false;
	}
	fsk_conn_forget(&old->conn);
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

/**
 * fsk_across_leads - may memory lead to this server?
 * @fr: client's connection in SYN_SENT
 * @sa: what the server said
 *
 * Context: socket lock held in either form, RCU read section.
 * Return: true if fsk_across_join() is worth a try.
 */
bool fsk_across_leads(const struct fsk_frames *fr, const struct fsk_synack *sa)
{
	return server_dev(fr, sa);
}

/**
 * fsk_across_join - go on in memory, if the server is in this kernel
 * @fr: client's connection in SYN_SENT
 * @sa: what the server said
 *
 * Context: process, BH disabled, RCU read section; the caller owns the socket.
 * Return: true if so: @fr is gone.  Otherwise it goes on with frames.
 */
bool fsk_across_join(struct fsk_frames *fr, const struct fsk_synack *sa)
{
	const struct fsk_tuple t = fsk_tuple_of(fr->conn.sk);
	struct net_device *mine = fsk_frames_dev(fr), *dev;
	u8 mac[ETH_ALEN] __aligned(2);
	struct sock *lsk;
	bool ok;

	/* It has left, or moved to another namespace. */
	if (!mine)
		return false;
	dev = server_dev(fr, sa);
	if (!dev)
		return false;
	lsk = fsk_child_find_acceptor(dev, &t);
	if (!lsk)
		return false;
	ether_addr_copy(mac, mine->dev_addr);
	ok = take_over(fr, sa, dev, &t, lsk);
	if (ok)
		fsk_peer_answered(dev, mac);
	sock_put(lsk);
	return ok;
}
