// SPDX-License-Identifier: GPL-2.0
/*
 * TCP's operations of sockets of AF_INET and of AF_INET6.
 *
 * Nothing that IPv6 exports is linked to: it may be left out of the kernel, be
 * a module that nobody has loaded, or be turned off by ipv6.disable=1.  Then
 * sockets of AF_INET are all there is.  A kernel in which IPv6 comes later
 * leaves sockets of AF_INET6 to TCP, until fastsock is loaded anew.
 */

#include <linux/export.h>
#include <linux/module.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "base/opcheck.h"
#include "core/family.h"

struct fsk_family fsk_families[FSK_FAMILIES] __read_mostly;
EXPORT_SYMBOL_NS_GPL(fsk_families, FASTSOCK);

static bool have_inet6;	/* symbol_get() keeps it */

/* Most of it is not exported; a socket shows it. */
static int learn(struct fsk_family *fam, int pf)
{
	struct socket *sock;
	int err;

	err = sock_create_kern(&init_net, pf, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	fam->tcp_prot = sock->sk->sk_prot;
	fam->tcp_ops = sock->ops;
	fam->tcp_af_ops = inet_csk(sock->sk)->icsk_af_ops;
	sock_release(sock);
	return fsk_opcheck_proto(fam->tcp_prot) ?:
	       fsk_opcheck_ops(fam->tcp_ops) ?:
	       fsk_opcheck_af_ops(fam->tcp_af_ops);
}

/* Nothing that TCP code builds for a fastsock socket leaves the host. */
static int discard_xmit(struct sock *sk, struct sk_buff *skb, struct flowi *fl)
{
	kfree_skb(skb);
	return 0;
}

/*
 * Of connections of IPv4 that a socket of AF_INET6 has TCP has a table of its
 * own: what meets packets and addresses is IPv4's, the rest IPv6's.
 */
static void fill_af_ops(struct fsk_family *fam)
{
	const struct inet_connection_sock_af_ops *own = fam->tcp_af_ops;
	struct inet_connection_sock_af_ops *ops = &fam->af_ops;

	*ops = *fsk_families[FSK_INET].tcp_af_ops;
	ops->queue_xmit = discard_xmit;
	ops->conn_request = own->conn_request;
	ops->syn_recv_sock = own->syn_recv_sock;
	ops->setsockopt = own->setsockopt;
	ops->getsockopt = own->getsockopt;
	ops->addr2sockaddr = own->addr2sockaddr;
	ops->sockaddr_len = own->sockaddr_len;
	fam->native_af_ops = *own;
	fam->native_af_ops.queue_xmit = discard_xmit;
}

static int init_inet6(void)
{
	struct fsk_family *fam = &fsk_families[FSK_INET6];
	struct proto *tcp;
	int err;

	tcp = symbol_get(tcpv6_prot);
	if (!tcp)
		return 0;
	/* Turned off: to ask for a socket would have a module looked for. */
	err = tcp->slab ? learn(fam, PF_INET6) : -EAFNOSUPPORT;
	if (!err) {
		have_inet6 = true;
		fill_af_ops(fam);
		return 0;
	}
	symbol_put(tcpv6_prot);
	fam->tcp_prot = NULL;
	return err == -EAFNOSUPPORT ? 0 : err;
}

/**
 * fsk_family_init - learn TCP's operations
 *
 * Context: process, module load.
 * Return: 0 or a negative errno, -EOPNOTSUPP for operations that are not known.
 */
int fsk_family_init(void)
{
	int err;

	err = learn(&fsk_families[FSK_INET], PF_INET);
	if (err)
		return err;
	fill_af_ops(&fsk_families[FSK_INET]);
	return init_inet6();
}

/**
 * fsk_family_exit - undo fsk_family_init(); no socket has our operations
 *
 * Context: process, module unload.
 */
void fsk_family_exit(void)
{
	if (have_inet6)
		symbol_put(tcpv6_prot);
}
