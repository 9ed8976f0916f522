// SPDX-License-Identifier: GPL-2.0
/*
 * What a client asks for, on the wire: in SYN and CONFIRM with addresses of
 * IPv4, in SYN6 and CONFIRM6 with those of IPv6.  All else knows one form.
 */

#include <linux/in.h>
#include <linux/inet.h>
#include <linux/netdevice.h>
#include <linux/string.h>

#include "base/call.h"
#include "base/pernet.h"
#include "frames/call.h"
#include "frames/frames.h"
#include "inet/ip.h"
#include "inet/ipv6.h"

/**
 * fsk_call_type - which frame speaks of these addresses
 * @t: addresses
 * @confirm: CONFIRM, not SYN
 *
 * Context: any.
 * Return: enum fsk_type.
 */
u8 fsk_call_type(const struct fsk_tuple *t, bool confirm)
{
	if (fsk_ip_of(t)->pf == NFPROTO_IPV6)
		return confirm ? FSK_T_CONFIRM6 : FSK_T_SYN6;
	return confirm ? FSK_T_CONFIRM : FSK_T_SYN;
}

static void write_ipv4(const struct fsk_call *call, struct fsk_syn *syn)
{
	memset(syn, 0, sizeof(*syn));
	syn->version = call->version;
	syn->mss = call->mss;
	syn->saddr = fsk_addr_v4(&call->t.saddr);
	syn->daddr = fsk_addr_v4(&call->t.daddr);
	syn->sport = call->t.sport;
	syn->dport = call->t.dport;
	syn->id = call->id;
	syn->key = call->key;
	syn->win = call->win;
	memcpy(syn->hostid, fsk_hostid, sizeof(syn->hostid));
}

static void write_ipv6(const struct fsk_call *call, struct fsk_syn6 *syn)
{
	memset(syn, 0, sizeof(*syn));
	syn->version = call->version;
	syn->mss = call->mss;
	memcpy(syn->saddr, &call->t.saddr, sizeof(syn->saddr));
	memcpy(syn->daddr, &call->t.daddr, sizeof(syn->daddr));
	syn->sport = call->t.sport;
	syn->dport = call->t.dport;
	syn->id = call->id;
	syn->key = call->key;
	syn->win = call->win;
	memcpy(syn->hostid, fsk_hostid, sizeof(syn->hostid));
}

/**
 * fsk_call_write - write the body of a frame
 * @call: what it says
 * @body: room for fsk_call_len() bytes
 *
 * Context: any.
 */
void fsk_call_write(const struct fsk_call *call, void *body)
{
	if (fsk_ip_of(&call->t)->pf == NFPROTO_IPV6)
		write_ipv6(call, body);
	else
		write_ipv4(call, body);
}

/* Return: false if something stands there that must not. */
static bool read_ipv4(const struct fsk_syn *syn, struct fsk_call *call)
{
	*call = (struct fsk_call) {
		.t = {
			.saddr = fsk_addr_of_v4(syn->saddr),
			.daddr = fsk_addr_of_v4(syn->daddr),
			.sport = syn->sport, .dport = syn->dport,
		},
		.id = syn->id, .key = syn->key, .win = syn->win,
		.mss = syn->mss, .version = syn->version,
	};
	return !syn->reserved &&
	       !ipv4_is_multicast(syn->saddr) && !ipv4_is_lbcast(syn->saddr) &&
	       !ipv4_is_zeronet(syn->saddr) && !ipv4_is_multicast(syn->daddr) &&
	       !ipv4_is_lbcast(syn->daddr) && !ipv4_is_zeronet(syn->daddr);
}

/*
 * One end's address of IPv6.  Those of IPv4 have a form of their own, and ::1
 * does not cross a segment.
 */
static bool addr_sane(const struct in6_addr *addr, const struct net_device *dev)
{
	int type = ipv6_addr_type(addr);

	if (type & IPV6_ADDR_LOOPBACK)
		return dev->flags & IFF_LOOPBACK;
	return type & IPV6_ADDR_UNICAST &&
	       !(type & (IPV6_ADDR_MULTICAST | IPV6_ADDR_MAPPED)) &&
	       type != IPV6_ADDR_ANY;
}

/* Likewise. */
static bool read_ipv6(const struct fsk_syn6 *syn, const struct net_device *dev,
		      struct fsk_call *call)
{
	*call = (struct fsk_call) {
		.t = {
			.sport = syn->sport, .dport = syn->dport,
			.iif = dev->ifindex,
		},
		.id = syn->id, .key = syn->key, .win = syn->win,
		.mss = syn->mss, .version = syn->version,
	};
	memcpy(&call->t.saddr, syn->saddr, sizeof(call->t.saddr));
	memcpy(&call->t.daddr, syn->daddr, sizeof(call->t.daddr));
	return IS_ENABLED(CONFIG_IPV6) && !syn->reserved &&
	       addr_sane(&call->t.saddr, dev) && addr_sane(&call->t.daddr, dev);
}

/**
 * fsk_call_usable - can this host have such a connection?
 * @call: what a client says
 *
 * Who does not say FSK_HELLO_IPV6 may be sent SYN6 all the same.
 *
 * Context: any.
 * Return: false if it has not the protocol.
 */
bool fsk_call_usable(const struct fsk_call *call)
{
	return fsk_ip_of(&call->t)->pf == NFPROTO_IPV4 || fsk_ipv6_usable();
}

/**
 * fsk_call_read - read the body of a frame
 * @type: SYN, CONFIRM, SYN6 or CONFIRM6
 * @body: its body, fsk_call_len() bytes of it linear
 * @dev: device it came from
 * @call: what it says
 *
 * Context: any.
 * Return: false if no client says such a thing.
 */
bool fsk_call_read(u8 type, const void *body, const struct net_device *dev,
		   struct fsk_call *call)
{
	bool sane = type == FSK_T_SYN6 || type == FSK_T_CONFIRM6 ?
		    read_ipv6(body, dev, call) : read_ipv4(body, call);

	return sane && call->id && call->t.sport && call->t.dport &&
	       be16_to_cpu(call->mss) >= FSK_MSS_MIN;
}
