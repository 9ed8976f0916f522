// SPDX-License-Identifier: GPL-2.0
/*
 * Which transports there are, which of them carries a connection, and for how
 * long the module of one has to stay.
 *
 * fastsock's own transports stay as long as fastsock does, and nothing is
 * counted for them.  Another module may go when it is unused, so whoever uses
 * its functions or its data must have them kept:
 *
 * - Who finds the transport in the list holds a reference on its module while
 *   it calls what may sleep, or what makes connections.  A module that is about
 *   to go is passed over.  Other calls are made in an RCU read section, or, for
 *   devices, under transports_mutex; fsk_transport_unregister() waits for both.
 *
 * - A connection holds a reference from when it gets its place on a socket (by
 *   fsk_conn_attach(), fsk_conn_swap()) until @free has returned, a grace
 *   period after it was detached.  So it covers all calls that are made under
 *   the socket's lock, or find the connection under RCU.
 *
 * - @write and a @sendmsg or @recvmsg of its own let go of the lock while they
 *   wait.  The program's other threads may disconnect the socket then, and the
 *   connection is freed under the sleeper, who has nothing but the file.  So a
 *   socket that such a connection leaves keeps the module until it is released,
 *   after which nobody can be in a call any more.  The socket layer holds one
 *   reference for each socket, on the owner of sock->ops, and the owner of the
 *   transport's tables is its module.  The socket has one of these from when
 *   the program learns of the connection (fsk_ops_connect(), accept()).  A
 *   kernel user who accepts gets the listener's table instead, which may be
 *   fastsock's; but at the latest the connection leaves one of the transport's
 *   behind when it is detached, still under the lock (fsk_ops_disconnect()).
 *
 * A socket holds one module, so it never has connections of two foreign
 * transports, one after the other.  With one of fastsock's own it keeps the
 * foreign table, whose functions ask the connection what to do.
 *
 * None of a transport's functions is left to the socket itself, which may
 * outlive the module's reference by some lines of code: sk_backlog_rcv is ours.
 *
 * fastsock cannot go before a module that uses its symbols.
 */

#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/rculist.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "base/pernet.h"
#include "base/stats.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/delegate.h"
#include "core/transport.h"

static LIST_HEAD(transports);		/* RCU */
static DEFINE_MUTEX(transports_mutex);	/* changes of it; calls of @device */

/**
 * fsk_backlog_drop - sk_backlog_rcv of a socket to which nothing comes
 * @sk: socket
 * @skb: what has come all the same; consumed
 *
 * A frame that waited for the owner was for the connection in whose place this
 * one is, see fsk_conn_swap().  A TCP segment has raced with the filter.
 *
 * Context: process; the caller owns @sk.
 * Return: 0.
 */
int fsk_backlog_drop(struct sock *sk, struct sk_buff *skb)
{
	if (skb->protocol == fsk_ethertype)
		fsk_drop(sock_net(sk), skb, FSK_DROP_STATE);
	else
		kfree_skb(skb);
	return 0;
}

static bool is_complete(const struct fsk_transport_ops *ops)
{
	return ops->write && ops->urgent && ops->send_fin && ops->deadline &&
	       ops->timeout && ops->count && ops->info && ops->send_reset &&
	       ops->needs_probe && ops->cork && ops->uncork && ops->waits &&
	       ops->read_done && ops->kill && ops->free &&
	       (ops->probe || ops->present) &&
	       !ops->unread == !ops->read && !ops->unread == !ops->consume &&
	       !ops->unread == !ops->stamp && !ops->unread == !ops->queue &&
	       !ops->usable == !ops->connect;
}

/* What another module's transport must leave alone. */
static bool harmless(const struct fsk_transport *t)
{
	return t->owner && !t->ops->leave && !t->backlog_rcv;
}

static void fill_ops(struct fsk_transport *t, enum fsk_family_id id)
{
	struct proto_ops *connected = &t->proto_ops[id];
	struct proto_ops *reused = &t->reused_ops[id];

	*connected = fsk_families[id].connected;
	if (t->sendmsg)
		connected->sendmsg = t->sendmsg;
	if (t->recvmsg)
		connected->recvmsg = t->recvmsg;
	*reused = fsk_families[id].reused;
	if (!t->foreign)
		return;
	connected->owner = t->owner;
	connected->release = fsk_guest_release;
	reused->owner = t->owner;
	reused->release = fsk_guest_release;
}

/**
 * fsk_transport_register - from here on a transport carries connections
 * @t: transport with all that is not said to be set here
 *
 * It is preferred to those before it.  A module whose init function fails
 * afterwards would leave connections behind: it registers last.
 *
 * Context: process, may sleep.
 * Return: 0 or -EINVAL.
 */
int fsk_transport_register(struct fsk_transport *t)
{
	t->foreign = t->owner != THIS_MODULE;
	if (!is_complete(t->ops) || (t->foreign && !harmless(t)))
		return -EINVAL;
	if (!t->backlog_rcv)
		t->backlog_rcv = fsk_backlog_drop;
	fill_ops(t, FSK_INET);
	fill_ops(t, FSK_INET6);
	mutex_lock(&transports_mutex);
	list_add_rcu(&t->list, &transports);
	mutex_unlock(&transports_mutex);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(fsk_transport_register, FASTSOCK);

/**
 * fsk_transport_unregister - undo fsk_transport_register()
 * @t: transport; there are neither connections nor sockets of its any more,
 *	which its module's exit function may be sure of
 *
 * Context: process, may sleep.
 */
void fsk_transport_unregister(struct fsk_transport *t)
{
	mutex_lock(&transports_mutex);
	list_del_rcu(&t->list);
	mutex_unlock(&transports_mutex);
	/* fastsock's own exit has waited for everybody. */
	if (t->foreign)
		synchronize_rcu();
}
EXPORT_SYMBOL_NS_GPL(fsk_transport_unregister, FASTSOCK);

/* Who gets it calls fsk_transport_put().  RCU read section. */
static bool get(const struct fsk_transport *t)
{
	return likely(!t->foreign) || try_module_get(t->owner);
}

/*
 * Can @sk have a connection of @t beside those that it had before?  Socket lock
 * held in either form.
 */
static bool suits(const struct sock *sk, const struct fsk_transport *t)
{
	const struct socket *sock = sk->sk_socket;

	return likely(!t->foreign) ||
	       (sock && (sock->ops->owner == THIS_MODULE ||
			 sock->ops->owner == t->owner));
}

/**
 * fsk_transport_for - what is to carry a connection
 * @sk: client's socket
 * @dev: device of its route
 *
 * Context: process; the caller owns @sk.
 * Return: it, for the caller to put, or NULL.
 */
const struct fsk_transport *fsk_transport_for(const struct sock *sk,
					      const struct net_device *dev)
{
	const struct fsk_transport *t, *found = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(t, &transports, list) {
		if (t->ops->usable && suits(sk, t) && t->ops->usable(dev) &&
		    get(t)) {
			found = t;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

/**
 * fsk_transport_upgrade - is there a better way to a server than frames?
 * @conn: client's connection in SYN_SENT, whose server has answered
 * @offer: what both have said
 *
 * Context: BH disabled, RCU read section, socket lock held in either form.
 * Return: 1 if there is: @conn has lost its place to the new connection.  0 if
 * it is to go on.  -EAGAIN to ask again once the socket is owned.
 */
int fsk_transport_upgrade(struct fsk_conn *conn, const struct fsk_offer *offer)
{
	const struct fsk_transport *t;
	int ret = 0;

	list_for_each_entry_rcu(t, &transports, list) {
		if (!t->ops->upgrade || !suits(conn->sk, t) || !get(t))
			continue;
		ret = t->ops->upgrade(conn, offer);
		fsk_transport_put(t);
		if (ret)
			break;
	}
	return ret;
}

/**
 * fsk_transport_device - tell all transports of a device
 * @dev: device
 * @event: NETDEV_UP, NETDEV_DOWN, NETDEV_CHANGE or NETDEV_UNREGISTER
 *
 * Context: process, RTNL held.
 */
void fsk_transport_device(struct net_device *dev, unsigned long event)
{
	const struct fsk_transport *t;

	mutex_lock(&transports_mutex);
	list_for_each_entry(t, &transports, list)
		if (t->ops->device)
			t->ops->device(dev, event);
	mutex_unlock(&transports_mutex);
}
