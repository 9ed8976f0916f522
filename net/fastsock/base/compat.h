/* SPDX-License-Identifier: GPL-2.0 */
/* The only file that tests kernel versions. */
#ifndef _FSK_COMPAT_H
#define _FSK_COMPAT_H

#include <linux/version.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/ipv6.h>
#include <linux/shrinker.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/tcp.h>
#include <linux/uio.h>
#include <net/inet_hashtables.h>
#include <net/inet_sock.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <trace/events/sock.h>

/* 6.12 moved this header. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "fastsock needs Linux 6.1 or later"
#endif

/* 6.10 moved what tells how much memory a protocol uses. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#include <net/proto_memory.h>
#endif

/* 6.9 moved what tells RFS where a reader is. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#include <net/rps.h>
#endif

/* 6.10 gathered accept's arguments in a struct. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define FSK_ACCEPT_ARGS		struct proto_accept_arg *arg
#define FSK_ACCEPT_PASS		arg
#else
#define FSK_ACCEPT_ARGS		int flags, bool kern
#define FSK_ACCEPT_PASS		flags, kern
#endif

/* 6.6 turned struct inet_sock's bit fields into atomic flags. */
static inline bool fsk_defer_connect(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inet_test_bit(DEFER_CONNECT, sk);
#else
	return inet_sk(sk)->defer_connect;
#endif
}

static inline bool fsk_transparent(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return inet_test_bit(TRANSPARENT, sk);
#else
	return inet_sk(sk)->transparent;
#endif
}

#if IS_ENABLED(CONFIG_IPV6)
/* IPV6_FLOWINFO_SEND; 6.7 turned it into an atomic flag. */
static inline bool fsk_sends_flowinfo(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return inet6_test_bit(SNDFLOW, sk);
#else
	return inet6_sk(sk)->sndflow;
#endif
}

/* Has somebody asked for flow labels other than those that all packets get? */
static inline bool fsk_labels_flows(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return inet6_test_bit(SNDFLOW, sk) || inet6_test_bit(REPFLOW, sk) ||
	       inet6_test_bit(AUTOFLOWLABEL_SET, sk);
#else
	const struct ipv6_pinfo *np = inet6_sk(sk);

	return np->sndflow || np->repflow || np->autoflowlabel_set;
#endif
}
#endif

/*
 * Until 6.6 whoever releases a socket looks at its operations twice: for the
 * module to put, and for the function to call.  If they change in between, the
 * module is put twice.  So who changes them, and was not called by way of the
 * socket's file, keeps that.  Return: false if the file is being released.
 */
static inline bool fsk_file_get(const struct socket *sock)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return true;
#else
	return !sock || !sock->file || get_file_rcu(sock->file);
#endif
}

static inline void fsk_file_put(struct file *file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	if (file)
		fput(file);
#endif
}

/* 6.12 has skbs whose pages only a device may read. */
static inline bool fsk_frags_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/* MD5 keys are present on both, TCP-AO came with 6.7. */
static inline bool fsk_tcp_signed(const struct sock *sk)
{
	bool is_signed = false;

#ifdef CONFIG_TCP_MD5SIG
	is_signed |= rcu_access_pointer(tcp_sk(sk)->md5sig_info) != NULL;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && defined(CONFIG_TCP_AO)
	is_signed |= rcu_access_pointer(tcp_sk(sk)->ao_info) != NULL;
#endif
	return is_signed;
}

/*
 * Before 6.7 TCP asks the request for a key; later it does so for TCP-AO only,
 * which listeners with keys have been sent to TCP for.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0) && defined(CONFIG_TCP_MD5SIG)
static inline struct tcp_md5sig_key *
fsk_no_md5(const struct sock *sk, const struct sock *addr_sk)
{
	return NULL;
}

static const struct tcp_request_sock_ops fsk_req_ops __maybe_unused = {
	.req_md5_lookup = fsk_no_md5,
};

#define FSK_REQ_OPS	(&fsk_req_ops)
#else
#define FSK_REQ_OPS	NULL
#endif

/* Kernels add to what TCP keeps of a request, and the allocator leaves it. */
static inline void fsk_compat_req(struct tcp_request_sock *treq)
{
	memset_startat(treq, 0, af_specific);
	treq->af_specific = FSK_REQ_OPS;
}

/*
 * Stable series gave TCP's syn_recv_sock() an argument, which MPTCP alone uses,
 * between two point releases of a distribution: its type tells, the version
 * does not.
 */
typedef struct sock *(*fsk_syn_recv_6)(const struct sock *, struct sk_buff *,
				       struct request_sock *,
				       struct dst_entry *,
				       struct request_sock *, bool *);
typedef struct sock *(*fsk_syn_recv_7)(const struct sock *, struct sk_buff *,
				       struct request_sock *,
				       struct dst_entry *,
				       struct request_sock *, bool *,
				       void (*)(struct sock *,
						const struct sock *));

static inline struct sock *
fsk_syn_recv_sock(const struct inet_connection_sock_af_ops *ops,
		  const struct sock *lsk, struct sk_buff *skb,
		  struct request_sock *req, struct dst_entry *dst, bool *own)
{
	const void *func = ops->syn_recv_sock;

	if (__same_type(ops->syn_recv_sock, fsk_syn_recv_7))
		return ((fsk_syn_recv_7)func)(lsk, skb, req, dst, NULL, own,
					      NULL);
	BUILD_BUG_ON(!__same_type(ops->syn_recv_sock, fsk_syn_recv_7) &&
		     !__same_type(ops->syn_recv_sock, fsk_syn_recv_6));
	return ((fsk_syn_recv_6)func)(lsk, skb, req, dst, NULL, own);
}

/* 6.11 made sysctl handlers take a const table. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define FSK_CTL_TABLE		const struct ctl_table
#else
#define FSK_CTL_TABLE		struct ctl_table
#endif

/* 6.6 passes the number of entries, earlier kernels look for a sentinel. */
static inline struct ctl_table_header *
fsk_register_sysctl(struct net *net, const char *path, struct ctl_table *table,
		    size_t n)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	return register_net_sysctl_sz(net, path, table, n);
#else
	return register_net_sysctl(net, path, table);
#endif
}

/* Options that came with later kernels and that only TCP can honour. */
static inline bool fsk_compat_refused(int optname)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && defined(CONFIG_TCP_AO)
	switch (optname) {
	case TCP_AO_ADD_KEY:
	case TCP_AO_DEL_KEY:
	case TCP_AO_INFO:
	case TCP_AO_REPAIR:
		return true;
	}
#endif
	return false;
}

/*
 * 6.5 removed sendpage in favour of MSG_SPLICE_PAGES and splice_eof.  Stable
 * releases of older kernels got the latter: Kbuild looks for it.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define FSK_HAS_SENDPAGE
#endif

static inline void fsk_compat_proto(struct proto *prot)
{
#ifdef FSK_HAS_SENDPAGE
	prot->sendpage = NULL;
#endif
#ifdef FSK_HAS_SPLICE_EOF
	prot->splice_eof = NULL;
#endif
}

static inline void fsk_compat_ops(struct proto_ops *ops)
{
#ifdef FSK_HAS_SENDPAGE
	ops->sendpage = sock_no_sendpage;	/* sendmsg does it */
	ops->sendpage_locked = NULL;
#endif
}

/* MSG_ZEROCOPY is honoured by a completion that says "copied". */
static inline struct ubuf_info *fsk_zerocopy_begin(struct sock *sk, size_t size)
{
	return msg_zerocopy_realloc(sk, size, NULL);
}

static inline void fsk_zerocopy_end(struct ubuf_info *uarg, bool sent)
{
	if (!uarg)
		return;
	if (sent) {
		uarg_to_msgzc(uarg)->zerocopy = 0;
		net_zcopy_put(uarg);
	} else {
		net_zcopy_put_abort(uarg, true);
	}
}

/*
 * Start of the current segment of a user-backed iterator; 6.4 overlaid a single
 * buffer's iovec with the array's.
 */
static inline void __user *fsk_iter_addr(const struct iov_iter *i)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	if (iter_is_ubuf(i))
		return i->ubuf + i->iov_offset;
	return i->iov->iov_base + i->iov_offset;
#else
	return iter_iov_addr(i);
#endif
}

/* 6.7 took to allocating shrinkers.  Return: NULL without memory. */
static inline struct shrinker *
fsk_shrinker_add(const char *name,
		 unsigned long (*count)(struct shrinker *shrinker,
					struct shrink_control *sc),
		 unsigned long (*scan)(struct shrinker *shrinker,
				       struct shrink_control *sc))
{
	struct shrinker *shrinker;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker = shrinker_alloc(0, "%s", name);
#else
	shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);
#endif
	if (!shrinker)
		return NULL;
	shrinker->count_objects = count;
	shrinker->scan_objects = scan;
	shrinker->seeks = DEFAULT_SEEKS;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(shrinker);
#else
	if (register_shrinker(shrinker, "%s", name)) {
		kfree(shrinker);
		return NULL;
	}
#endif
	return shrinker;
}

static inline void fsk_shrinker_remove(struct shrinker *shrinker)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(shrinker);
#else
	unregister_shrinker(shrinker);
	kfree(shrinker);
#endif
}

/* 6.9 gave TCP SO_PEEK_OFF. */
static inline int fsk_peek_offset(const struct sock *sk, int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	if (flags & MSG_PEEK)
		return max(sk_peek_offset((struct sock *)sk, flags), 0);
#endif
	return 0;
}

static inline void fsk_peek_advance(struct sock *sk, int flags, int n)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	if (flags & MSG_PEEK)
		sk_peek_offset_fwd(sk, n);
	else
		sk_peek_offset_bwd(sk, n);
#endif
}

#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
/* 6.8, 6.6.14 and 6.1.75 note a bridge port's number instead of the port. */
static inline void fsk_set_physin(struct nf_bridge_info *info,
				  struct net_device *dev)
{
#ifdef FSK_HAS_PHYSINDEV
	info->physindev = dev;
#else
	info->physinif = dev->ifindex;
#endif
}
#endif

/* Stable releases gave keepalive a timer of its own: Kbuild looks for it. */
static inline struct timer_list *fsk_keepalive_timer(struct sock *sk)
{
#ifdef FSK_HAS_KEEPALIVE_TIMER
	return &inet_csk(sk)->icsk_keepalive_timer;
#else
	return &sk->sk_timer;
#endif
}

static inline struct sock *fsk_keepalive_sock(struct timer_list *timer)
{
#ifdef FSK_HAS_KEEPALIVE_TIMER
	return &container_of(timer, struct inet_connection_sock,
			     icsk_keepalive_timer)->icsk_inet.sk;
#else
	return container_of(timer, struct sock, sk_timer);
#endif
}

/* 6.3 has a tracepoint in every function that sk_data_ready may be. */
static inline void fsk_trace_data_ready(const struct sock *sk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	trace_sk_data_ready(sk);
#endif
}

#endif /* _FSK_COMPAT_H */
