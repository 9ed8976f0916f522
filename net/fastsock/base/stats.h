/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of /proc/net/fastsock_stat. */
#ifndef _FSK_STATS_H
#define _FSK_STATS_H

#include <linux/percpu.h>
#include <net/net_namespace.h>
#include <uapi/linux/fastsock.h>

#include "base/pernet.h"

/* Name as shown after the prefix "Fsk". */
#define FSK_MIBS(M)							\
	M(CLAIMED,	Claimed)	/* sockets claimed at creation */ \
	M(ACTIVE_OPENS,	ActiveOpens)	/* connects that became fastsock */ \
	M(PASSIVE_OPENS, PassiveOpens)	/* fastsock children created */	\
	M(CURR_ESTAB,	CurrEstab)	/* gauge: connections that live */ \
	M(OUT_FRAMES,	OutFrames)	/* frames handed to a device */	\
	M(IN_FRAMES,	InFrames)	/* frames received */		\
	M(OUT_BYTES,	OutBytes)	/* stream bytes first sent */	\
	M(IN_BYTES,	InBytes)	/* stream bytes received in order */ \
	M(RETRANS_FRAMES, RetransFrames) /* frames sent again */	\
	M(TIMEOUTS,	Timeouts)	/* connections ended by ETIMEDOUT */ \
	M(POSTED_BYTES,	PostedBytes)	/* bytes put into posted pages */ \
	M(QUEUED_BYTES,	QueuedBytes)	/* bytes queued for a later recv */ \
	M(POST_REFUSED,	PostRefused)	/* buffers that could not be pinned */ \
	M(OUT_RESETS,	OutResets)	/* RESET and UNKNOWN sent */	\
	M(IN_RESETS,	InResets)	/* connections a peer reset */	\
	M(CHALLENGES,	Challenges)	/* TCP segments that ask for a peer */ \
	M(SPINS,	Spins)		/* waits in which a reader spun */ \
	M(SPIN_HITS,	SpinHits)	/* those in which bytes came */	\
	M(HELLO_OUT,	HelloOut)	/* HELLO and HELLO_ACK sent */	\
	M(HELLO_IN,	HelloIn)	/* HELLO and HELLO_ACK accepted */ \
	M(CHANNEL_OUT_FRAMES, ChannelOutFrames) /* of OutFrames */ \
	M(CHANNEL_IN_FRAMES, ChannelInFrames)	/* of InFrames */	\
	M(CHANNEL_ADVERTS, ChannelAdverts)	/* buffers offered */	\
	M(CHANNEL_REVOKES, ChannelRevokes)	/* of these taken back */ \
	M(PUT_BYTES,	PutBytes)	/* of OutBytes: into such buffers */ \
	M(PLACED_BYTES,	PlacedBytes)	/* of PostedBytes: by the device */

enum fsk_mib {
#define FSK_M(id, name) FSK_MIB_##id,
	FSK_MIBS(FSK_M)
#undef FSK_M
	FSK_MIB_DELEGATED,
	FSK_MIB_DROP = FSK_MIB_DELEGATED + FSK_REASON_MAX,
	FSK_MIB_MAX = FSK_MIB_DROP + FSK_DROP_MAX,
};

/* "No reason to refuse": what checks return beside enum fsk_reason. */
#define FSK_ACCEPT	(-1)

struct sk_buff;
struct sock;

int fsk_stats_init(struct net *net);
void fsk_stats_exit(struct net *net);
void fsk_count_delegated(const struct sock *sk, enum fsk_reason reason);
void fsk_drop(const struct net *net, struct sk_buff *skb, enum fsk_drop why);

/* Add @n, which may be (u64)-1 for a gauge, to counter @mib of @net. */
static __always_inline void fsk_stat_add(const struct net *net,
					 enum fsk_mib mib, u64 n)
{
	this_cpu_add(fsk_net(net)->mib[mib], n);
}

static __always_inline void fsk_stat_inc(const struct net *net,
					 enum fsk_mib mib)
{
	this_cpu_inc(fsk_net(net)->mib[mib]);
}

#endif /* _FSK_STATS_H */
