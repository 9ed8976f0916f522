// SPDX-License-Identifier: GPL-2.0
/*
 * May this connection leave TCP?  The packets that TCP would exchange first are
 * built and led past everything that judges packets; whatever is not a plain
 * accept sends the connection to TCP, which then meets the policy itself.
 *
 * Both ends judge both directions.  The client leads its SYN through LOCAL_OUT
 * and POST_ROUTING and the SYN-ACK it would get through PRE_ROUTING and
 * LOCAL_IN; the server does the same with the ends exchanged.  A rule that
 * drops either would have stopped TCP.  POST_ROUTING is not left out, because
 * source NAT happens there.
 *
 * netfilter.c says how hooks are asked.
 *
 * What remains visible: counters, limits, sets and logs of rules are touched
 * once by these packets (and again if TCP follows), REJECT sends its reset or
 * ICMP, whose sequence number fits no connection.  What cannot be judged here:
 * rules that count the packets, bytes or conntrack entries of connections that
 * already run (connlimit, quota, rate by bytes).
 */

#include <linux/bpf-cgroup.h>
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/export.h>
#include <linux/netfilter.h>
#include <linux/security.h>
#include <net/dst.h>
#include <net/tcp.h>
#include <net/xfrm.h>

#include "base/spare.h"
#include "base/stats.h"
#include "base/tuple.h"
#include "inet/ip.h"
#include "inet/netfilter.h"
#include "inet/packet.h"
#include "inet/policy.h"

/**
 * struct fsk_probe - a packet on its way past the judges
 * @ip: what protocol it is of
 * @net: the namespace
 * @dev: device it would leave or enter by
 * @mac: whom it comes from, if that is known; 2-byte aligned
 * @sk: this end's full socket: the connecting one or the listener; referenced
 * @t: addresses of the packet, in its own direction
 * @skb: the packet; NULL once a hook has stolen it
 */
struct fsk_probe {
	const struct fsk_ip *ip;
	struct net *net;
	struct net_device *dev;
	const u8 *mac;
	struct sock *sk;
	struct fsk_tuple t;
	struct sk_buff *skb;
};

/* The link address of @addr, which TCP would use or see as source. */
static bool neighbour_mac(struct net_device *dev, const struct in6_addr *addr,
			  u8 *mac)
{
	if (dev->flags & (IFF_LOOPBACK | IFF_NOARP)) {
		ether_addr_copy(mac, dev->dev_addr);
		return true;
	}
	return fsk_ip_neighbour(dev, addr, mac);
}

/* IPv6 notes by which device a packet came, for its addresses' scopes. */
static void note_device(struct sk_buff *skb, const struct net_device *dev,
			const struct fsk_tuple *t)
{
	if (skb->protocol == htons(ETH_P_IPV6))
		IP6CB(skb)->iif = t->iif ?: dev->ifindex;
}

/*
 * As the device's driver hands a packet up.  @mac: the sender's, or NULL to ask
 * for @t's.  False: it is not known.
 */
static bool receive_on(struct sk_buff *skb, struct net_device *dev,
		       const u8 *mac, const struct fsk_tuple *t)
{
	struct ethhdr *eth = skb_push(skb, ETH_HLEN);
	bool known = true;

	skb_reset_mac_header(skb);
	eth_zero_addr(eth->h_source);
	if (mac)
		ether_addr_copy(eth->h_source, mac);
	else
		known = neighbour_mac(dev, &t->saddr, eth->h_source);
	ether_addr_copy(eth->h_dest, dev->dev_addr);
	eth->h_proto = skb->protocol;
	__skb_pull(skb, ETH_HLEN);
	skb_reset_mac_len(skb);
	skb->dev = dev;
	skb->skb_iif = dev->ifindex;
	skb->pkt_type = PACKET_HOST;
	note_device(skb, dev, t);
	return known;
}

/* Rules see the socket behind a packet that this host sends. */
static void own(struct sk_buff *skb, struct sock *sk)
{
	sock_hold(sk);
	skb->sk = sk;
	skb->destructor = sock_efree;
}

/* Caller: RCU.  @sk is the socket that hooks are told, and find on the skb. */
static int run_hook(struct fsk_probe *p, unsigned int hook, struct sock *sk)
{
	bool in = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_IN;
	int why;

	if (!fsk_nf_hooked(p->net, p->ip->pf, hook))
		return FSK_ACCEPT;
	if (fsk_nf_sends(p->net, p->ip->pf))
		return FSK_REASON_NETFILTER;
	why = fsk_nf_run(p->net, p->ip->pf, hook, in ? p->dev : NULL,
			 in ? NULL : p->dev, sk, &p->skb);
	if (why != FSK_ACCEPT)
		return why;
	return fsk_packet_unchanged(p->skb, &p->t) && p->skb->sk == sk &&
	       !fsk_nf_has_helper(p->skb) ? FSK_ACCEPT : FSK_REASON_NETFILTER;
}

static bool hooked_in(const struct fsk_probe *p)
{
	return fsk_nf_hooked(p->net, p->ip->pf, NF_INET_PRE_ROUTING) ||
	       fsk_nf_hooked(p->net, p->ip->pf, NF_INET_LOCAL_IN);
}

/* A rule that sets a mark has the packet routed anew. */
static bool rerouted(const struct fsk_probe *p, const struct dst_entry *dst)
{
	const struct dst_entry *now = skb_dst(p->skb);

	return now != dst &&
	       (now->dev != dst->dev || p->ip->leads_on(now) ||
		p->ip->route_type(now) != p->ip->route_type(dst) ||
		dst_xfrm(now));
}

/* Caller: RCU. */
static int probe_out(struct fsk_probe *p, struct dst_entry *dst, u32 mark)
{
	struct sk_buff *skb = p->skb;
	int why;

	skb_dst_set(skb, dst_clone(dst));
	skb->mark = mark;
	skb->priority = READ_ONCE(p->sk->sk_priority);
	own(skb, p->sk);

	why = run_hook(p, NF_INET_LOCAL_OUT, p->sk);
	if (why != FSK_ACCEPT)
		return why;
	if (rerouted(p, dst))
		return FSK_REASON_NETFILTER;

	skb->dev = p->dev;
	why = run_hook(p, NF_INET_POST_ROUTING, p->sk);
	if (why != FSK_ACCEPT)
		return why;
	return rerouted(p, dst) ? FSK_REASON_NETFILTER : FSK_ACCEPT;
}

/* Is any incoming packet judged by an IPsec policy? */
static bool xfrm_judges_in(const struct net *net)
{
#ifdef CONFIG_XFRM
	return READ_ONCE(net->xfrm.policy_count[XFRM_POLICY_IN]) ||
	       READ_ONCE(net->xfrm.policy_default[XFRM_POLICY_IN]) !=
	       XFRM_USERPOLICY_ACCEPT;
#else
	return false;
#endif
}

/* Caller: RCU, BH off. */
static int probe_in(struct fsk_probe *p)
{
	struct sk_buff *skb = p->skb;
	bool want_route;
	int why;

	/* Rules may ask for the sender's MAC. */
	if (!receive_on(skb, p->dev, p->mac, &p->t) && hooked_in(p))
		return FSK_REASON_NETFILTER;

	why = run_hook(p, NF_INET_PRE_ROUTING, NULL);
	if (why != FSK_ACCEPT)
		return why;
	if (skb_dst(skb))
		return FSK_REASON_NETFILTER;
	want_route = hooked_in(p) || xfrm_judges_in(p->net);
	if (!p->ip->is_for_us(p->net, skb, want_route))
		return FSK_REASON_NOROUTE;
	/* A hook that came just now would look for a route. */
	why = skb_dst(skb) ? run_hook(p, NF_INET_LOCAL_IN, NULL) : FSK_ACCEPT;
	if (why != FSK_ACCEPT)
		return why;
	if (!xfrm_policy_check(p->sk, XFRM_POLICY_IN, skb, p->ip->pf))
		return FSK_REASON_XFRM;
	/* What a socket's own filter would meet first, e.g. secmark. */
	if (security_sock_rcv_skb(p->sk, skb))
		return FSK_REASON_LSM;
	return FSK_ACCEPT;
}

static bool socket_policy(const struct sock *sk)
{
#ifdef CONFIG_XFRM
	return rcu_access_pointer(sk->sk_policy[XFRM_POLICY_IN]) ||
	       rcu_access_pointer(sk->sk_policy[XFRM_POLICY_OUT]);
#else
	return false;
#endif
}

static noinline bool xfrm_lets_flow_out(struct sock *sk, struct dst_entry *dst,
					u32 mark, const struct fsk_tuple *t)
{
	bool plain;

	dst = fsk_ip_of(t)->xfrm_route(sk, dst, mark, t);
	if (IS_ERR(dst))
		return false;
	plain = !dst_xfrm(dst);
	dst_release(dst);
	return plain;
}

/*
 * Would the flow @t of @sk leave as it is?  A policy that transforms it and one
 * that blocks it both say no.
 */
static bool xfrm_lets_out(struct sock *sk, struct dst_entry *dst, u32 mark,
			  const struct fsk_tuple *t)
{
	return (!fsk_ip_xfrm_judges_out(sock_net(sk)) &&
		!socket_policy(sk)) || xfrm_lets_flow_out(sk, dst, mark, t);
}

/*
 * A route out to the peer says that its answers are accepted from there, too,
 * unless something makes the two directions differ.
 */
static bool answer_is_plain(const struct fsk_probe *p)
{
	return !hooked_in(p) && !xfrm_judges_in(p->net) &&
	       !p->ip->has_rules(p->net) &&
	       !READ_ONCE(p->sk->sk_bound_dev_if) && !p->ip->can_spoof(p->sk);
}

static struct sk_buff *build_out(struct fsk_probe *p, struct dst_entry *dst,
				 bool reply)
{
	return fsk_packet_build(p->dev, &p->t, reply, p->ip->tos(p->sk),
				p->ip->ttl(p->sk, dst));
}

/* The peer's packet as far as can be known. */
static struct sk_buff *build_in(struct net_device *dev,
				const struct fsk_tuple *t, bool reply)
{
	return fsk_packet_build(dev, t, reply, 0, IPDEFTTL);
}

/* Caller: RCU.  The SYN leaves; it stays in @p for the answer's sake. */
static int client_out(struct fsk_probe *p, struct dst_entry *dst)
{
	if (!fsk_nf_judges_out(p->net, p->ip->pf))
		return FSK_ACCEPT;
	p->skb = build_out(p, dst, false);
	if (!p->skb)
		return FSK_REASON_NOMEM;
	return probe_out(p, dst, READ_ONCE(p->sk->sk_mark));
}

/* Caller: RCU.  The SYN-ACK that answers @syn comes in. */
static int client_in(const struct fsk_probe *syn)
{
	struct fsk_probe p = *syn;
	int why;

	if (answer_is_plain(&p))
		return FSK_ACCEPT;
	p.t = fsk_tuple_reversed(&syn->t);
	p.skb = build_in(p.dev, &p.t, true);
	if (!p.skb)
		return FSK_REASON_NOMEM;
	if (syn->skb)
		fsk_nf_track_reply(p.skb, syn->skb);
	local_bh_disable();
	why = probe_in(&p);
	local_bh_enable();
	fsk_spare_put(p.skb);
	return why;
}

/**
 * fsk_policy_connect() - would TCP's connect be let through?
 * @sk: the connecting socket
 * @dst: its route to the server, looked up for TCP's flow
 * @t: the connection's addresses and ports as they will be
 *
 * Where no hook is registered, no xfrm policy is loaded and routing is plain,
 * no packet is built.
 *
 * Context: Process context, lock_sock() held, BH enabled.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_policy_connect(struct sock *sk, struct dst_entry *dst,
		       const struct fsk_tuple *t)
{
	struct fsk_probe p = {
		.ip = fsk_ip_of(t),
		.net = sock_net(sk),
		.dev = dst->dev,
		.sk = sk,
		.t = *t,
	};
	int why;

	/* A VRF leads packets past its own hooks on its own device. */
	if (netif_is_l3_slave(p.dev))
		return FSK_REASON_DEVICE;
	if (fsk_nf_device_hooked(p.dev))
		return FSK_REASON_NETFILTER;

	if (dst_xfrm(dst) || socket_policy(sk) ||
	    !xfrm_lets_out(sk, dst, READ_ONCE(sk->sk_mark), t))
		return FSK_REASON_XFRM;

	rcu_read_lock();
	why = client_out(&p, dst);
	if (why == FSK_ACCEPT)
		why = client_in(&p);
	rcu_read_unlock();
	fsk_spare_put(p.skb);
	return why;
}

/* Caller: RCU, BH off.  The SYN-ACK for @syn would go out by @dst. */
static int server_out(const struct fsk_probe *syn, struct dst_entry *dst,
		      const struct fsk_tuple *t, u32 mark)
{
	struct fsk_probe p = *syn;
	int why;

	if (!fsk_nf_judges_out(p.net, p.ip->pf))
		return FSK_ACCEPT;
	p.t = *t;
	p.skb = build_out(&p, dst, true);
	if (!p.skb)
		return FSK_REASON_NOMEM;
	fsk_nf_track_reply(p.skb, syn->skb);
	why = probe_out(&p, dst, mark);
	fsk_spare_put(p.skb);
	return why;
}

/*
 * Caller: RCU, BH off.  Answers must go straight back to the client.  @mtu: the
 * way's.
 */
static int server_answer(const struct fsk_probe *syn, u32 *mtu)
{
	u32 mark = inet_request_mark(syn->sk, syn->skb);
	struct fsk_tuple t = fsk_tuple_reversed(&syn->t);
	struct dst_entry *dst;
	int why;

	dst = syn->ip->answer_route(syn->sk, mark, &t);
	if (IS_ERR(dst))
		return FSK_REASON_NOROUTE;

	if (syn->ip->leads_on(dst))
		why = FSK_REASON_GATEWAY;
	else if (dst->dev != syn->dev)
		why = FSK_REASON_DEVICE;
	else if (!xfrm_lets_out(syn->sk, dst, mark, &t))
		why = FSK_REASON_XFRM;
	else
		why = server_out(syn, dst, &t, mark);
	*mtu = dst_mtu(dst);
	dst_release(dst);
	return why;
}

/*
 * Caller: RCU, BH off.  @p->skb is the SYN; a route that it has is one to keep.
 */
static int server_judge(struct fsk_probe *p, u32 *mtu)
{
	int why;

	p->skb->dev = p->dev;
	why = probe_in(p);
	if (why == FSK_ACCEPT)
		why = server_answer(p, mtu);
	if (why == FSK_ACCEPT && skb_dst(p->skb) && !skb_dst_force(p->skb))
		why = FSK_REASON_NOROUTE;
	return why;
}

/**
 * fsk_policy_accept() - would the client's TCP SYN reach the listener?
 * @lsk: the listener that TCP would find
 * @dev: device that the frame came in by
 * @mac: whom it came from, or NULL to ask for the client's; 2-byte aligned
 * @t: the connection's addresses and ports, from client to server
 * @mark: of the SYN as it arrives: the client's on the loopback device, else 0
 * @syn: where to put that SYN, as fsk_policy_syn() would make it, but with what
 *	rules have marked it with; to be freed by fsk_spare_put()
 * @mtu: where to put the MTU of the way back to the client, bytes
 *
 * There must be a listener, for some hooks act on a SYN to a port that is not
 * this host's own (load balancers).  The answer's route is looked up as well: a
 * client whose answers leave by a router or another device is not on this
 * segment for TCP.
 *
 * To be called once for each connection, for rules count.
 *
 * Context: Softirq or process context, no socket lock held; the caller has a
 * reference on @lsk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to reject with, without a SYN.
 */
int fsk_policy_accept(struct sock *lsk, struct net_device *dev, const u8 *mac,
		      const struct fsk_tuple *t, u32 mark,
		      struct sk_buff **syn, u32 *mtu)
{
	struct fsk_probe p = {
		.ip = fsk_ip_of(t),
		.net = dev_net(dev),
		.dev = dev,
		.mac = mac,
		.sk = lsk,
		.t = *t,
	};
	int why;

	if (netif_is_l3_slave(dev))
		return FSK_REASON_DEVICE;
	if (fsk_nf_device_hooked(dev))
		return FSK_REASON_NETFILTER;
	p.skb = build_in(dev, t, false);
	if (!p.skb)
		return FSK_REASON_NOMEM;
	p.skb->mark = mark;

	rcu_read_lock();
	local_bh_disable();
	why = server_judge(&p, mtu);
	local_bh_enable();
	rcu_read_unlock();
	if (why != FSK_ACCEPT) {
		fsk_spare_put(p.skb);
		return why;
	}
	nf_reset_ct(p.skb);
	fsk_packet_hand_to_tcp(p.skb);
	*syn = p.skb;
	return FSK_ACCEPT;
}

#ifdef CONFIG_CGROUP_BPF
static bool cgroup_judges(const struct sock *sk, enum cgroup_bpf_attach_type t)
{
	/* The kernel's test only reads, but does not say so. */
	return cgroup_bpf_enabled(t) &&
	       cgroup_bpf_sock_enabled((struct sock *)sk, t);
}
#endif

/**
 * fsk_policy_sock() - does something judge each packet of this socket?
 * @sk: a connecting socket, or the listener
 *
 * BPF programs that a cgroup has for packets see TCP's, and would not see ours.
 * A sock_ops program refuses nothing by itself, but it is how sockets get into
 * sockmaps, whose programs may drop what is sent, and it expects the events of
 * a TCP connection: what it would do cannot be told.
 *
 * Context: Any; the caller has a reference on @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_policy_sock(const struct sock *sk)
{
#ifdef CONFIG_CGROUP_BPF
	if (cgroup_judges(sk, CGROUP_INET_INGRESS) ||
	    cgroup_judges(sk, CGROUP_INET_EGRESS) ||
	    cgroup_judges(sk, CGROUP_SOCK_OPS))
		return FSK_REASON_CGROUP;
#endif
	return socket_policy(sk) ? FSK_REASON_XFRM : FSK_ACCEPT;
}

/**
 * fsk_policy_running() - does IPsec still let the peer's packets in?
 * @sk: connected socket
 * @dev: device that they come in by
 *
 * Context: Softirq or process context, RCU read section.
 * Return: false if a policy that came later refuses them.
 */
bool fsk_policy_running(struct sock *sk, struct net_device *dev)
{
	const struct fsk_tuple out = fsk_tuple_of(sk);
	const struct fsk_tuple in = fsk_tuple_reversed(&out);
	const struct fsk_ip *ip = fsk_ip_of(&in);
	struct net *net = sock_net(sk);
	struct sk_buff *skb;
	bool ok;

	if (!xfrm_judges_in(net))
		return true;
	skb = build_in(dev, &in, true);
	if (!skb)
		return true;
	receive_on(skb, dev, NULL, &in);
	local_bh_disable();
	ok = !ip->leave_route(net, skb) ||
	     xfrm_policy_check(sk, XFRM_POLICY_IN, skb, ip->pf);
	local_bh_enable();
	fsk_spare_put(skb);
	return ok;
}

/**
 * fsk_policy_syn() - the SYN that TCP would have received
 * @dev: device that the frame came in by
 * @mac: whom it came from, or NULL to ask for the client's; 2-byte aligned
 * @t: the connection's addresses and ports, from client to server
 *
 * For functions that want a packet: the data begins with the TCP header, as in
 * TCP's receive path, IP and MAC headers stand before it, and the TCP control
 * block is set.  It has met no rule, and has no route: that only helps TCP to
 * receive what follows.
 *
 * Context: Softirq or process context.
 * Return: the packet, to be freed by fsk_spare_put(), or NULL: no memory, or
 * the addresses are not acceptable on @dev.
 */
struct sk_buff *fsk_policy_syn(struct net_device *dev, const u8 *mac,
			       const struct fsk_tuple *t)
{
	struct sk_buff *skb = build_in(dev, t, false);
	bool ours;

	if (!skb)
		return NULL;

	receive_on(skb, dev, mac, t);
	rcu_read_lock();
	local_bh_disable();
	ours = fsk_ip_of(t)->is_for_us(dev_net(dev), skb, false);
	skb_dst_drop(skb);
	local_bh_enable();
	rcu_read_unlock();
	if (!ours) {
		fsk_spare_put(skb);
		return NULL;
	}

	fsk_packet_hand_to_tcp(skb);
	return skb;
}
EXPORT_SYMBOL_NS_GPL(fsk_policy_syn, FASTSOCK);

/**
 * fsk_policy_synack() - the SYN-ACK that TCP would have received
 * @dev: device that the frame came in by
 * @mac: whom it came from; 2-byte aligned
 * @t: addresses and ports, from server to client
 *
 * For security modules, which ask for no route: whether packets of the server
 * come in was asked when the client connected.
 *
 * Context: Softirq or process context.
 * Return: as fsk_policy_syn() has it; NULL without memory.
 */
struct sk_buff *fsk_policy_synack(struct net_device *dev, const u8 *mac,
				  const struct fsk_tuple *t)
{
	struct sk_buff *skb = build_in(dev, t, true);

	if (!skb)
		return NULL;
	receive_on(skb, dev, mac, t);
	fsk_packet_hand_to_tcp(skb);
	TCP_SKB_CB(skb)->tcp_flags |= TCPHDR_ACK;
	return skb;
}

/**
 * fsk_policy_turn() - make the answer out of a SYN within the host
 * @skb: from fsk_policy_accept() or fsk_policy_syn()
 *
 * It has met no rule.
 *
 * Context: Any.
 */
void fsk_policy_turn(struct sk_buff *skb)
{
	skb->mark = 0;
	skb_init_secmark(skb);
	fsk_packet_turn(skb);
}
EXPORT_SYMBOL_NS_GPL(fsk_policy_turn, FASTSOCK);
