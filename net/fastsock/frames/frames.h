/* SPDX-License-Identifier: GPL-2.0 */
/* Connections in frames. */
#ifndef _FSK_FRAMES_H
#define _FSK_FRAMES_H

#include <linux/container_of.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/net_debug.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include <uapi/linux/fastsock_wire.h>

#include "base/table.h"
#include "core/conn.h"
#include "frames/path.h"
#include "rel/rel.h"

struct fsk_tomb;
struct net_device;

#define FSK_HDR_MAX	(sizeof(struct fsk_hdr) + sizeof(struct fsk_syn6))

/**
 * struct fsk_aim - a buffer of the other end that bytes can be written to
 * @token: what the other end calls it
 * @seq: number of the byte that comes first in it
 * @next: what was never sent begins here
 * @end: number after its last byte; equal to @next if there is no buffer
 */
struct fsk_aim {
	u32 token;
	u32 seq;
	u32 next;
	u32 end;
};

/**
 * struct fsk_offers - what became of buffers that the other end could write to
 * @made: there was one
 * @used: bytes were written to it
 * @skip: so many buffers are not to be offered
 * @skips: what that was at first
 */
struct fsk_offers {
	bool made;
	bool used;
	u8 skip;
	u8 skips;
};

/**
 * struct fsk_frames - one end of a connection in frames
 * @conn: what all connections have
 * @id_link: in fsk_net.by_id by @id; RCU
 * @peer_link: in fsk_net.by_peer by @peer_id and @peer_key; RCU
 * @path: device (referenced, NULL once unregistered) and address of the peer;
 *	see fsk_frames_dev()
 * @id: this end's connection id, host order; constant
 * @peer_id: the peer's id; constant once CONFIRMING
 * @mask: unknown to others; what tcp_sock's sending numbers are ahead of @tx's
 * @confirm_sent: client: at least one CONFIRM went out
 * @confirm_waits: client: the first CONFIRM is not hurried, see
 *	fsk_state_ack_waits()
 * @mem_kept: one byte stays charged, see fsk_frames_keep_charge()
 * @hs_tries: SYN or CONFIRM frames sent
 * @confirm_type: client: FSK_T_CONFIRM or FSK_T_CONFIRM6; constant
 * @hs_at: ns, when SYN or CONFIRM is due again; 0 off
 * @hs_end: ns, when the handshake gives up
 * @small_until: ns, until then frames stay within FSK_MSS_SMALL; 0 off
 * @epochs: which mix is in the keys of frames; written under frames_keys_lock
 *	too
 * @seal_key: what is in the key of frames that are sent now
 * @wrong_keys: frames of the peer with a wrong key since @wrong_since;
 *	frames_keys_lock
 * @open_key: what is in that of frames expected now, which see
 *	fsk_frames_find_other() for other ones; FSK_KEY_SHUT is set when too
 *	many were wrong; frames_keys_lock
 * @wrong_since: jiffies; frames_keys_lock
 * @tx: sending half of the pure core
 * @rx: receiving half
 * @tomb: remembers @id for a while after the end; server only
 * @aim: where a reader of the other end waits, if it does
 * @offers: how it went with readers of this end
 */
struct fsk_frames {
	struct fsk_conn conn;
	struct fsk_link id_link;
	struct fsk_link peer_link;
	struct fsk_path path;
	u32 id;
	u32 peer_id;
	u32 mask;
	bool confirm_sent;
	bool confirm_waits;
	bool mem_kept;
	u8 hs_tries;
	u8 confirm_type;
	u64 hs_at;
	u64 hs_end;
	u64 small_until;
	struct fsk_epochs epochs;
	u32 seal_key;
	u32 wrong_keys;
	u64 open_key;
	unsigned long wrong_since;
	struct fsk_rel_tx tx;
	struct fsk_rel_rx rx;
	struct fsk_tomb *tomb;
	struct fsk_aim aim;
	struct fsk_offers offers;
};

extern struct fsk_transport fsk_frames_transport;

/* Is it part of a struct fsk_frames? */
static inline bool fsk_in_frames(const struct fsk_conn *conn)
{
	return conn->transport == &fsk_frames_transport;
}

/* @conn, of which fsk_in_frames() is known. */
static inline struct fsk_frames *fsk_frames(const struct fsk_conn *conn)
{
	DEBUG_NET_WARN_ON_ONCE(!fsk_in_frames(conn));
	return container_of((struct fsk_conn *)conn, struct fsk_frames, conn);
}

/**
 * struct fsk_cb - what fastsock keeps in skb->cb
 * @seg: links and numbers for the pure core; its cost is, of a segment to be
 *	sent, what sk_wmem_queued counts beside its pages, bytes
 *
 * On sk_receive_queue stands TCP's control block instead: kernel code that
 * knows a TCP socket by its protocol reads that queue as TCP does.
 */
struct fsk_cb {
	struct fsk_seg seg;
};

static_assert(sizeof(struct fsk_cb) <= sizeof_field(struct sk_buff, cb));

#define FSK_CB(skb)	((struct fsk_cb *)(skb)->cb)

static inline struct sk_buff *fsk_seg_skb(struct fsk_seg *seg)
{
	return container_of((void *)seg, struct sk_buff, cb);
}

/*
 * The device towards the peer, or NULL once it was unregistered: which waits
 * for no owner of a socket, so it may happen at any time.  The device stays
 * until the end of the RCU read section, and frames that are sent on it
 * meanwhile are lost.
 */
static inline struct net_device *fsk_frames_dev(const struct fsk_frames *fr)
{
	return rcu_dereference_check(fr->path.dev, rcu_read_lock_bh_held());
}

/*
 * A byte that stays charged keeps forward_alloc from ever being a whole page
 * again after each message, and the socket from giving the page back to the
 * global counter and taking it anew.  The caller has scheduled the byte.
 */
static inline void fsk_frames_keep_charge(struct fsk_frames *fr)
{
	if (likely(fr->mem_kept))
		return;
	sk_mem_charge(fr->conn.sk, 1);
	fr->mem_kept = true;
}

/* At rest a connection holds nothing. */
static inline void fsk_frames_drop_charge(struct fsk_frames *fr)
{
	if (fr->mem_kept)
		sk_mem_uncharge(fr->conn.sk, 1);
	fr->mem_kept = false;
}

/* transport.c */
void fsk_frames_arm(struct fsk_frames *fr);

/*
 * As fsk_frames_arm(), for when only deadlines at least a delayed ack away can
 * be new: a timer that fires before then finds them.
 */
static inline void fsk_frames_touch(struct fsk_frames *fr, u64 now)
{
	if (unlikely(!fr->conn.timer_at || fr->tx.in_recovery ||
		     fr->conn.timer_at > now + FSK_DELACK_NS))
		fsk_frames_arm(fr);
}

int fsk_frames_init_net(struct net *net);
void fsk_frames_exit_net(struct net *net);
int fsk_frames_init(void);
void fsk_frames_exit(void);
struct fsk_frames *fsk_frames_alloc(struct sock *sk, struct net_device *dev,
				    const u8 *mac, gfp_t gfp);
u16 fsk_frames_mss(const struct fsk_frames *fr, const struct net_device *dev);
void fsk_frames_numbers(struct fsk_frames *fr, u32 peer_win);
void fsk_frames_name(struct fsk_frames *fr, u64 name);
void fsk_frames_hash(struct fsk_frames *fr);
void fsk_frames_hash_peer(struct fsk_frames *fr);
struct fsk_frames *fsk_frames_find(const struct fsk_net *fn, u32 id, u32 key);
struct fsk_frames *fsk_frames_find_other(const struct fsk_net *fn, u32 id,
					 u32 key, bool probe,
					 const struct net_device *dev,
					 const u8 *mac);
struct fsk_frames *fsk_frames_find_peer(const struct fsk_net *fn, u32 peer_id,
					u32 peer_key);
void fsk_frames_keys(struct fsk_frames *fr);
void fsk_frames_rekey(struct fsk_frames *fr);
bool fsk_frames_set_dev(struct fsk_frames *fr, struct net_device *dev);
void fsk_frames_drop_dev(struct net_device *dev);
void fsk_frames_leave(struct fsk_frames *fr);
void fsk_frames_discard(struct fsk_frames *fr);
void fsk_frames_free(struct fsk_frames *fr);

#endif /* _FSK_FRAMES_H */
