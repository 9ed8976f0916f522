/* SPDX-License-Identifier: GPL-2.0 */
/* What netfilter's hooks say of a packet that is only tried out. */
#ifndef _FSK_NETFILTER_H
#define _FSK_NETFILTER_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <net/net_namespace.h>

#include "base/stats.h"

struct sk_buff;
struct sock;

#ifdef CONFIG_NETFILTER
/*
 * What is registered at a hook.  @pf: NFPROTO_IPV4 or NFPROTO_IPV6, which have
 * the same hooks.  Any context.
 */
static inline struct nf_hook_entries __rcu *const *
fsk_nf_hooks(const struct net *net, u8 pf, unsigned int hook)
{
	return pf == NFPROTO_IPV6 ? &net->nf.hooks_ipv6[hook] :
				    &net->nf.hooks_ipv4[hook];
}

/* Is anybody registered there? */
static inline bool fsk_nf_hooked(const struct net *net, u8 pf,
				 unsigned int hook)
{
	return rcu_access_pointer(*fsk_nf_hooks(net, pf, hook));
}

int fsk_nf_call(const struct nf_hook_entry *hook, struct nf_hook_state *state,
		struct sk_buff **skb);
int fsk_nf_run(struct net *net, u8 pf, unsigned int hook,
	       struct net_device *in, struct net_device *out, struct sock *sk,
	       struct sk_buff **skb);
bool fsk_nf_is_ct_confirm(const struct nf_hook_ops *ops, u8 pf);
bool fsk_nf_sends(struct net *net, u8 pf);
bool fsk_nf_judges_out(const struct net *net, u8 pf);
bool fsk_nf_has_helper(const struct sk_buff *skb);
void fsk_nf_track_reply(struct sk_buff *reply, const struct sk_buff *syn);
#else
static inline bool fsk_nf_hooked(const struct net *net, u8 pf,
				 unsigned int hook)
{
	return false;
}

static inline int fsk_nf_run(struct net *net, u8 pf, unsigned int hook,
			     struct net_device *in, struct net_device *out,
			     struct sock *sk, struct sk_buff **skb)
{
	return FSK_ACCEPT;
}

static inline bool fsk_nf_sends(struct net *net, u8 pf)
{
	return false;
}

static inline bool fsk_nf_judges_out(const struct net *net, u8 pf)
{
	return false;
}

static inline bool fsk_nf_has_helper(const struct sk_buff *skb)
{
	return false;
}

static inline void fsk_nf_track_reply(struct sk_buff *reply,
				      const struct sk_buff *syn)
{
}
#endif /* CONFIG_NETFILTER */

/*
 * Rules on the device itself may forward or duplicate packets as well as drop
 * them, so they are not tried out.
 */
static inline bool fsk_nf_device_hooked(const struct net_device *dev)
{
#ifdef CONFIG_NETFILTER_INGRESS
	if (rcu_access_pointer(dev->nf_hooks_ingress))
		return true;
#endif
#ifdef CONFIG_NETFILTER_EGRESS
	if (rcu_access_pointer(dev->nf_hooks_egress))
		return true;
#endif
	return false;
}

#endif /* _FSK_NETFILTER_H */
