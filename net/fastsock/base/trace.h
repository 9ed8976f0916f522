/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: every delegation to TCP and every dropped frame, with reason. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM fastsock

#if !defined(_FSK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _FSK_TRACE_H

#include <linux/netdevice.h>
#include <linux/tracepoint.h>
#include <net/inet_sock.h>
#include <net/net_namespace.h>
#include <uapi/linux/fastsock.h>

#include "base/trace_name.h"

/* Let user space decode the numbers that __print_symbolic() names below. */
#undef FSK_TRACE_REASON
#undef FSK_TRACE_DROP
#define FSK_TRACE_REASON(id, name) TRACE_DEFINE_ENUM(FSK_REASON_##id);
#define FSK_TRACE_DROP(id, name) TRACE_DEFINE_ENUM(FSK_DROP_##id);

FSK_REASONS(FSK_TRACE_REASON)
FSK_DROPS(FSK_TRACE_DROP)
TRACE_DEFINE_ENUM(FSK_REASON_MAX);
TRACE_DEFINE_ENUM(FSK_DROP_MAX);

#undef FSK_TRACE_REASON
#undef FSK_TRACE_DROP
#define FSK_TRACE_REASON(id, name) { FSK_REASON_##id, #name },
#define FSK_TRACE_DROP(id, name) { FSK_DROP_##id, #name },

TRACE_EVENT(fastsock_delegate,
	    TP_PROTO(const struct sock *sk, enum fsk_reason reason),
	    TP_ARGS(sk, reason),

	    TP_STRUCT__entry(__field(u64, netns)
			     __field(int, reason)
			     __array(u8, local, sizeof(struct sockaddr_in6))
			     __array(u8, peer, sizeof(struct sockaddr_in6))),

	    TP_fast_assign(__entry->netns = sock_net(sk)->net_cookie;
			   __entry->reason = reason;
			   fsk_trace_name(__entry->local, sk, false);
			   fsk_trace_name(__entry->peer, sk, true);),

	    TP_printk("netns=%llu %pISpc -> %pISpc reason=%d %s",
		      __entry->netns, __entry->local, __entry->peer,
		      __entry->reason,
		      __print_symbolic(__entry->reason,
				       FSK_REASONS(FSK_TRACE_REASON)
				       { FSK_REASON_MAX, "?" })));

TRACE_EVENT(fastsock_drop,
	    TP_PROTO(const struct net *net, const struct net_device *dev,
		     u8 type, unsigned int len, enum fsk_drop why),
	    TP_ARGS(net, dev, type, len, why),

	    TP_STRUCT__entry(__field(u64, netns)
			     __field(int, reason)
			     __field(unsigned int, len)
			     __field(u8, type)
			     __array(char, dev, IFNAMSIZ)),

	    TP_fast_assign(__entry->netns = net->net_cookie;
			   __entry->reason = why;
			   __entry->len = len;
			   __entry->type = type;
			   strscpy(__entry->dev, dev ? dev->name : "-",
				   IFNAMSIZ);),

	    TP_printk("netns=%llu dev=%s type=%u len=%u reason=%d %s",
		      __entry->netns, __entry->dev, __entry->type, __entry->len,
		      __entry->reason,
		      __print_symbolic(__entry->reason,
				       FSK_DROPS(FSK_TRACE_DROP)
				       { FSK_DROP_MAX, "?" })));

#endif /* _FSK_TRACE_H */

/* Kbuild puts net/fastsock on the include path. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH base
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
