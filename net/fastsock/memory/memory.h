/* SPDX-License-Identifier: GPL-2.0 */
/* Ends of connections in memory. */
#ifndef _FSK_MEMORY_H
#define _FSK_MEMORY_H

#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/types.h>
#include <net/net_debug.h>

#include "core/conn.h"

struct fsk_pair;
struct fsk_ring;

/* What the other end wants, see fsk_mem_run_events(), beside FSK_EV_URGENT. */
#define FSK_EV_CONNECTED	FSK_EV(2)
#define FSK_EV_READABLE		FSK_EV(4)
#define FSK_EV_FIN		FSK_EV(5)
#define FSK_EV_RESET		FSK_EV(6)
#define FSK_EV_SPACE		FSK_EV(7)
#define FSK_EV_LINK		FSK_EV(8)

/* Values of fsk_memory.rouse: so many reads are quiet, then one may rouse. */
#define FSK_ROUSE_AFTER	64
#define FSK_ROUSED	(FSK_ROUSE_AFTER + 1)

/**
 * struct fsk_memory - one end of a connection in memory
 * @conn: what all connections have
 * @counted: in @conn's @own: so many unread bytes are in sk_rmem_alloc; both
 *	ends, by xchg()
 * @stalled_since: ns, since when what is sent gets no further; 0 if nothing
 *	waits
 * @in: ring from which this end receives; constant
 * @out: ring into which it sends; constant
 * @pair: both ends and what they share; constant
 * @side: which end of @pair this is, 0 the client; constant
 * @withholds: written bytes may have to wait, for more or for the link; send()
 *	need not look any further while it is not set; see cork.c
 * @link_down: nothing gets to the other end, as far as this end has noted; see
 *	link.c, outage.c
 * @cork_due: what waits for more has waited long enough
 * @counts: unread bytes are to be in sk_rmem_alloc, see fsk_mem_accepted(); the
 *	socket's spinlock
 * @left: detached, and @pair has the reference on the socket
 * @fin_sent: the program has ended the stream
 * @fin_beyond: the peer has, but bytes beyond the window come before the end
 * @spinlocked: who has the socket lock has it as the spinlock, and may call
 *	kernel users back, who then read; see fsk_mem_made_room()
 * @urg_byte: the peer's urgent byte; the socket's spinlock
 * @sent_byte: the last byte that a send with MSG_OOB has written
 * @urg_sent: this end's urgent byte
 * @rouse: reads since the peer was roused in vain, at most FSK_ROUSE_AFTER, or
 *	FSK_ROUSED; see recv.c
 * @urg_in: sequence number of @urg_byte; the socket's spinlock
 * @reported_segs: fsk_ring.segs of @in when fsk_conn_info() last ran
 *
 * Both ends are part of struct fsk_pair, in halves of cache lines, so that the
 * other end reads a single cache line of this one for each message.  What this
 * end itself reads and writes for each message is in other lines.
 */
struct fsk_memory {
	union {
		struct fsk_conn conn;
		struct {
			/* private: */
			u8 before_own[offsetof(struct fsk_conn, own)];
			/* public: */
			u32 counted;
		};
	};
	u64 stalled_since;
	struct fsk_ring *in;
	struct fsk_ring *out;
	struct fsk_pair *pair;
	u8 side;
	bool withholds;
	bool link_down;
	bool cork_due;
	bool counts;
	bool left;
	bool fin_sent;
	bool fin_beyond;
	bool spinlocked;
	u8 urg_byte;
	u8 sent_byte;
	u8 urg_sent;
	u8 rouse;
	u32 urg_in;
	u32 reported_segs;
} __aligned(32);

static_assert(offsetof(struct fsk_memory, counted) ==
	      offsetof(struct fsk_conn, own) &&
	      sizeof_field(struct fsk_memory, counted) ==
	      sizeof_field(struct fsk_conn, own));

extern struct fsk_transport fsk_memory_transport;

/* Is it part of a struct fsk_memory? */
static inline bool fsk_in_memory(const struct fsk_conn *conn)
{
	return conn->transport == &fsk_memory_transport;
}

/* @conn, of which fsk_in_memory() is known. */
static inline struct fsk_memory *fsk_memory(const struct fsk_conn *conn)
{
	DEBUG_NET_WARN_ON_ONCE(!fsk_in_memory(conn));
	return container_of((struct fsk_conn *)conn, struct fsk_memory, conn);
}

#endif /* _FSK_MEMORY_H */
