// SPDX-License-Identifier: GPL-2.0
/* Connections in memory within a namespace: both ends are made at once. */

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/pernet.h"
#include "base/spare.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "core/attach.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/segment_size.h"
#include "core/state.h"
#include "inet/ip.h"
#include "inet/policy.h"
#include "inet/route.h"
#include "memory/connect.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/ring.h"
#include "memory/window.h"

/* Bytes of a segment that are TCP's header. */
#define FSK_MEM_TCP_HEADER	32

/**
 * fsk_mem_usable - do connections over a device stay in memory?
 * @dev: device that a route names
 *
 * Context: any; the caller keeps @dev alive.
 * Return: true if @dev is loopback and settings allow it.
 */
bool fsk_mem_usable(const struct net_device *dev)
{
	const struct fsk_net *fn = fsk_net(dev_net(dev));

	return dev->flags & IFF_LOOPBACK && READ_ONCE(dev->flags) & IFF_UP &&
	       READ_ONCE(fn->same_host) && !READ_ONCE(fn->loopback_frames);
}

/**
 * fsk_mem_mtu - how large a frame would be over the loopback device
 * @dev: loopback device
 * @ip: what protocol segments would be of
 *
 * Segment sizes that are derived from it are those that TCP would have.
 *
 * Context: any.
 * Return: bytes, struct fsk_hdr included.
 */
u32 fsk_mem_mtu(const struct net_device *dev, const struct fsk_ip *ip)
{
	return min_t(u32, READ_ONCE(dev->mtu), U16_MAX + 1) - ip->header_len -
	       FSK_MEM_TCP_HEADER + sizeof(struct fsk_hdr);
}

/* TCP's numbers begin at the keys, as the ring's do. */
static void set_numbers(struct fsk_memory *mem)
{
	fsk_state_numbers(&mem->conn, 0);
	mem->withholds = mem->conn.corked;
}

/**
 * fsk_mem_make_server - make the server's socket, and attach its end
 * @lsk: listener
 * @server: the end, with its segment sizes
 * @dev: device that SYN would have come to
 * @t: addresses
 * @syn: SYN as TCP would have got it
 * @req: where to put the request to be queued for accept()
 *
 * Context: BH disabled, RCU read section.
 * Return: FSK_ACCEPT, and the new socket's spinlock is held; or the enum
 * fsk_reason to delegate with, and @server is gone.
 */
int fsk_mem_make_server(struct sock *lsk, struct fsk_memory *server,
			struct net_device *dev, const struct fsk_tuple *t,
			struct sk_buff *syn, struct request_sock **req)
{
	struct fsk_conn *conn = &server->conn;
	struct sock *child;
	int reason;

	reason = fsk_child_begin(lsk, dev, t, syn, &child, req);
	if (reason != FSK_ACCEPT) {
		fsk_pair_discard(server);
		return reason;
	}
	conn->sk = child;
	conn->mib = fsk_net(sock_net(child))->mib;
	server->in->window = fsk_mem_window(child);
	fsk_conn_attach(child, conn);
	conn->phase = FSK_PH_OPEN;
	conn->route_genid = fsk_ip_of(t)->genid(sock_net(child));
	conn->path_gen = fsk_route_gen(conn->route_genid);
	set_numbers(server);
	fsk_child_established(conn);
	rcu_assign_pointer(server->pair->end[1], server);
	return FSK_ACCEPT;
}

/**
 * fsk_mem_make_client - set up the client's end
 * @client: the end, attached, with its segment sizes
 *
 * Context: the caller owns the socket.
 */
void fsk_mem_make_client(struct fsk_memory *client)
{
	struct fsk_conn *conn = &client->conn;

	client->in->window = fsk_mem_window(conn->sk);
	client->counts = true;
	conn->phase = FSK_PH_SYN_SENT;
	conn->path_gen = fsk_route_gen(conn->route_genid);
	set_numbers(client);
}

/**
 * fsk_mem_unmake_client - undo what fsk_mem_make_client() has done to a socket
 * @sk: socket, whose end was detached
 *
 * Nothing is known of the round trip then.
 *
 * Context: the caller owns @sk.
 */
void fsk_mem_unmake_client(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->srtt_us = 0;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, ~0U);
}

/**
 * fsk_mem_set_sizes - what each end takes in one segment
 * @client: one end
 * @server: the other
 * @client_mss: bytes
 * @server_mss: bytes
 *
 * Context: nobody else knows the ends yet.
 */
void fsk_mem_set_sizes(struct fsk_conn *client, struct fsk_conn *server,
		       u16 client_mss, u16 server_mss)
{
	client->mss = client_mss;
	client->peer_mss = server_mss;
	server->mss = server_mss;
	server->peer_mss = client_mss;
}

/**
 * fsk_mem_connect - connect to a listener of the same namespace
 * @sk: socket in SYN_SENT with its four-tuple hashed
 * @dev: loopback device of the route
 * @t: addresses
 *
 * Context: process, may sleep; the caller owns @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_mem_connect(struct sock *sk, struct net_device *dev,
		    const struct fsk_tuple *t)
{
	struct fsk_memory *client, *server;
	struct request_sock *req;
	struct sk_buff *syn;
	struct sock *lsk;
	int reason;

	reason = fsk_child_choose(dev, t, READ_ONCE(sk->sk_mark), &lsk, &syn);
	if (reason != FSK_ACCEPT)
		return reason;
	reason = FSK_REASON_NOMEM;
	client = fsk_pair_alloc(sk, GFP_KERNEL);
	if (!client)
		goto out;
	server = &client->pair->mem[1];
	fsk_mem_set_sizes(&client->conn, &server->conn,
			  fsk_mss_own(sk, fsk_mem_mtu(dev, fsk_ip_of(t))),
			  fsk_mss_own(lsk, fsk_mem_mtu(dev, fsk_ip_of(t))));
	/* Now, because there is no way back once the server's end is queued. */
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	fsk_conn_attach(sk, &client->conn);
	fsk_mem_make_client(client);
	rcu_read_lock();
	local_bh_disable();
	reason = fsk_mem_make_server(lsk, server, dev, t, syn, &req);
	if (reason == FSK_ACCEPT &&
	    !fsk_child_queue(lsk, server->conn.sk, req))
		reason = FSK_REASON_NO_LISTENER;
	local_bh_enable();
	rcu_read_unlock();
	if (reason == FSK_ACCEPT) {
		fsk_policy_turn(syn);
		security_inet_conn_established(sk, syn);
	} else {
		fsk_conn_detach(sk);
		fsk_mem_unmake_client(sk);
	}
out:
	fsk_spare_put(syn);
	sock_put(lsk);
	return reason;
}
