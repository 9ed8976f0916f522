// SPDX-License-Identifier: GPL-2.0
/*
 * What TCP does with a socket, and what of it fastsock has thought of.
 *
 * fastsock copies TCP's tables of operations and replaces some.  Kernels add
 * operations, stable releases too, and one beside an operation that fastsock
 * replaces would go round it unnoticed: getsockopt_iter, for instance, is asked
 * before getsockopt.  So here is, by name, all that TCP has, each read and
 * found replaced or good for fastsock as it is.  Where TCP has more, the module
 * does not load.
 *
 * Each table ends with what kernels have and TCP does not use: were TCP to use
 * it, it would have to be read, too.  selftests/vm/opcheck.py finds members
 * that neither names.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/net.h>
#include <linux/stddef.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include "base/compat.h"
#include "base/opcheck.h"

/**
 * struct member - where a member lies in its table
 * @offset: bytes
 * @size: bytes
 */
struct member {
	u16 offset;
	u16 size;
};

#define MEMBER(type, m)	{ offsetof(type, m), sizeof_field(type, m) }

#define PROTO(m)	MEMBER(struct proto, m)
/*
 * Not TCP's: bind bind_add compat_ioctl forward_alloc_get rehash
 * sock_is_readable socks sysctl_rmem sysctl_wmem
 */
static const struct member proto_members[] = {
	PROTO(close), PROTO(pre_connect), PROTO(connect), PROTO(disconnect),
	PROTO(accept), PROTO(ioctl), PROTO(init), PROTO(destroy),
	PROTO(shutdown), PROTO(setsockopt), PROTO(getsockopt),
	PROTO(keepalive), PROTO(sendmsg), PROTO(recvmsg), PROTO(backlog_rcv),
	PROTO(bpf_bypass_getsockopt), PROTO(release_cb), PROTO(hash),
	PROTO(unhash), PROTO(get_port), PROTO(put_port),
	PROTO(stream_memory_free), PROTO(enter_memory_pressure),
	PROTO(leave_memory_pressure), PROTO(diag_destroy),
#ifdef FSK_HAS_SENDPAGE
	PROTO(sendpage),
#endif
#ifdef FSK_HAS_SPLICE_EOF
	PROTO(splice_eof),
#endif
#ifdef CONFIG_BPF_SYSCALL
	PROTO(psock_update_sk_prot),
#endif
	/* No operations. */
#ifdef CONFIG_PROC_FS
	PROTO(inuse_idx),
#endif
	PROTO(memory_allocated), PROTO(per_cpu_fw_alloc),
	PROTO(sockets_allocated), PROTO(memory_pressure), PROTO(sysctl_mem),
	PROTO(sysctl_wmem_offset), PROTO(sysctl_rmem_offset),
	PROTO(max_header), PROTO(no_autobind), PROTO(slab), PROTO(obj_size),
	PROTO(slab_flags), PROTO(useroffset), PROTO(usersize),
	PROTO(orphan_count), PROTO(rsk_prot), PROTO(twsk_prot), PROTO(h),
	PROTO(owner), PROTO(name), PROTO(node),
#ifdef FSK_HAS_PINFO_OFFSET
	PROTO(ipv6_pinfo_offset),
#endif
};

#define OPS(m)	MEMBER(struct proto_ops, m)
/* Not TCP's: getsockopt_iter show_fdinfo */
static const struct member ops_members[] = {
	OPS(release), OPS(bind), OPS(connect), OPS(socketpair), OPS(accept),
	OPS(getname), OPS(poll), OPS(ioctl), OPS(gettstamp), OPS(listen),
	OPS(shutdown), OPS(setsockopt), OPS(getsockopt), OPS(sendmsg),
	OPS(recvmsg), OPS(mmap), OPS(splice_read), OPS(set_peek_off),
	OPS(peek_len), OPS(read_sock), OPS(read_skb), OPS(sendmsg_locked),
	OPS(set_rcvlowat),
#ifdef FSK_HAS_SENDPAGE
	OPS(sendpage), OPS(sendpage_locked),
#endif
#ifdef FSK_HAS_SPLICE_EOF
	OPS(splice_eof),
#endif
#ifdef CONFIG_COMPAT
	OPS(compat_ioctl),
#endif
	/* No operations. */
	OPS(family), OPS(owner),
};

#define AF_OPS(m)	MEMBER(struct inet_connection_sock_af_ops, m)
/* Not TCP's: none */
static const struct member af_ops_members[] = {
	AF_OPS(queue_xmit), AF_OPS(send_check), AF_OPS(rebuild_header),
	AF_OPS(sk_rx_dst_set), AF_OPS(conn_request), AF_OPS(syn_recv_sock),
	AF_OPS(setsockopt), AF_OPS(getsockopt), AF_OPS(addr2sockaddr),
	AF_OPS(mtu_reduced),
	/* No operations. */
	AF_OPS(net_header_len), AF_OPS(sockaddr_len),
#ifdef FSK_HAS_FRAG_HEADER_LEN
	AF_OPS(net_frag_header_len),
#endif
};

static bool listed(size_t at, const struct member *members, size_t n)
{
	const struct member *m;

	for (m = members; m < members + n; m++)
		if (at < m->offset + m->size && m->offset < at + sizeof(long))
			return true;
	return false;
}

/* Return: 0, or -EOPNOTSUPP if a word is set that belongs to no member. */
static int check(const char *name, const void *table, size_t size,
		 const struct member *members, size_t n)
{
	const unsigned long *word = table;
	size_t at;

	for (at = 0; at < size; at += sizeof(long), word++) {
		if (!*word || listed(at, members, n))
			continue;
		pr_err("TCP of this kernel has an operation in struct %s, at byte %zu, that this version of fastsock does not know: a newer one is needed\n",
		       name, at);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * fsk_opcheck_proto - does fastsock know all members in use?
 * @prot: TCP's
 *
 * Context: process, module load.
 * Return: 0 or -EOPNOTSUPP.
 */
int fsk_opcheck_proto(const struct proto *prot)
{
	return check("proto", prot, sizeof(*prot), proto_members,
		     ARRAY_SIZE(proto_members));
}

/**
 * fsk_opcheck_ops - does fastsock know all members in use?
 * @ops: TCP's
 *
 * Context: process, module load.
 * Return: 0 or -EOPNOTSUPP.
 */
int fsk_opcheck_ops(const struct proto_ops *ops)
{
	return check("proto_ops", ops, sizeof(*ops), ops_members,
		     ARRAY_SIZE(ops_members));
}

/**
 * fsk_opcheck_af_ops - does fastsock know all members in use?
 * @ops: TCP's, over IPv4 or IPv6
 *
 * Context: process, module load.
 * Return: 0 or -EOPNOTSUPP.
 */
int fsk_opcheck_af_ops(const struct inet_connection_sock_af_ops *ops)
{
	return check("inet_connection_sock_af_ops", ops, sizeof(*ops),
		     af_ops_members, ARRAY_SIZE(af_ops_members));
}
