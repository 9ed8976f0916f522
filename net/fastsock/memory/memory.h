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

/**
 * struct fsk_memory - one end of a connection in memory
 * @conn: what all connections have
 * @counted: in @conn's @own: what sk_rmem_alloc has of what is unread; both
 *	ends
 * @stalled_since: ns, since when what is sent gets nowhere; 0 if it does
 * @in: ring from which this end receives; constant
 * @out: ring into which it sends; constant
 * @pair: what both ends share; constant
 * @side: which end of @pair this is, 0 the client; constant
 * @holds: what is sent waits, for the line or for more; not in the common case,
 *	see cork()
 * @severed: the line is cut, what is sent waits
 * @cork_due: it has waited for more long enough
 * @counts: sk_rmem_alloc is to have what is unread, see fsk_loop_accepted();
 *	the socket's spinlock
 * @left: detached, and @pair has the reference on the socket
 * @fin_sent: a FIN was sent
 * @fin_beyond: the peer's FIN waits for the window
 * @urg_byte: the urgent byte, for FSK_EV_URGENT; the socket's spinlock
 * @sent_byte: what a send with MSG_OOB has written last
 * @urg_sent: the byte that is urgent
 * @urg_in: sequence number of @urg_byte; the socket's spinlock
 * @reported_segs: fsk_ring.segs of @in when fsk_conn_info() last ran
 *
 * Both ends are part of struct fsk_pair, in halves of cache lines, so that the
 * other end reads one line of this one.  What this end reads for each message,
 * and what it writes, has other lines.
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
	bool holds;
	bool severed;
	bool cork_due;
	bool counts;
	bool left;
	bool fin_sent;
	bool fin_beyond;
	u8 urg_byte;
	u8 sent_byte;
	u8 urg_sent;
	u32 urg_in;
	u32 reported_segs;
} __aligned(32);

static_assert(offsetof(struct fsk_memory, counted) ==
	      offsetof(struct fsk_conn, own) &&
	      sizeof_field(struct fsk_memory, counted) ==
	      sizeof_field(struct fsk_conn, own));

extern const struct fsk_transport fsk_memory_transport;

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
