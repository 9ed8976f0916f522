/* SPDX-License-Identifier: GPL-2.0 */
/* The way to the other end, which may change while a connection lives. */
#ifndef _FSK_PATH_H
#define _FSK_PATH_H

#include <linux/atomic.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "core/conn.h"

struct fsk_frames;
struct fsk_memory;
struct flowi4;
struct net_device;
struct rtable;

/* Bits of fsk_path.bad. */
#define FSK_PATH_NO_ROUTE	BIT(0)	/* no route, or one that refuses */
#define FSK_PATH_ELSEWHERE	BIT(1)	/* a route that frames cannot take */
#define FSK_PATH_NOT_OURS	BIT(2)	/* the local address is not ours */
#define FSK_PATH_REFUSED	BIT(3)	/* IPsec refuses what comes in */

/* Frames may not leave, and frames may not come in. */
#define FSK_PATH_BAD_OUT	(FSK_PATH_NO_ROUTE | FSK_PATH_ELSEWHERE)
#define FSK_PATH_BAD_IN		(FSK_PATH_NOT_OURS | FSK_PATH_REFUSED)

/**
 * struct fsk_path - where the other end of a connection is
 * @dev: device towards it, NULL once it is unregistered; RCU.  Who takes it
 *	away drops the reference of the path's holder
 * @mac: its link-layer address
 * @headroom: bytes that @dev wanted lately before struct fsk_hdr
 * @mtu: bytes of frame (struct fsk_hdr included) that the way takes
 * @bad: FSK_PATH_*, why frames may not leave or come in; 0 if they may
 * @seen: generation at which the way was looked for last
 * @looked: jiffies, when that was
 * @lost_at: ns, since when it is one that frames cannot take
 */
struct fsk_path {
	struct net_device __rcu *dev;
	u8 mac[ETH_ALEN];
	u8 bad;
	u16 headroom;
	u32 mtu;
	u32 seen;
	unsigned long looked;
	u64 lost_at;
};

extern atomic_t fsk_path_changes;

/*
 * Counts all that may lead a connection elsewhere: routes, IPsec policies and
 * addresses of its namespace, neighbours and devices of all namespaces.
 */
static inline u32 fsk_path_gen(const struct sock *sk)
{
	return rt_genid_ipv4(sock_net(sk)) + atomic_read(&fsk_path_changes);
}

/* Has nothing changed since the way was found good?  Socket lock held. */
static inline bool fsk_path_fresh(const struct fsk_conn *conn)
{
	return likely(conn->path_gen == fsk_path_gen(conn->sk));
}

struct rtable *fsk_path_route(struct sock *sk, struct flowi4 *fl4);
void fsk_path_start(struct fsk_frames *fr);
void fsk_path_check(struct fsk_frames *fr);
void fsk_path_doubt(struct fsk_frames *fr);
bool fsk_path_hears(struct fsk_frames *fr);
bool fsk_path_lost(struct fsk_frames *fr, u64 now);
void fsk_path_part(struct fsk_frames *fr);
bool fsk_path_pair_lost(const struct fsk_memory *mem, u64 now);
void fsk_path_pair_part(struct fsk_memory *mem);
bool fsk_path_pair(struct fsk_memory *mem);
int fsk_path_init(void);
void fsk_path_exit(void);

#endif /* _FSK_PATH_H */
