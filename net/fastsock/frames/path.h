/* SPDX-License-Identifier: GPL-2.0 */
/* The way to the other end, which may change while a connection lives. */
#ifndef _FSK_PATH_H
#define _FSK_PATH_H

#include <linux/if_ether.h>
#include <linux/types.h>

struct fsk_frames;
struct net_device;

/* Bits of fsk_path.bad. */
#define FSK_PATH_NO_ROUTE	BIT(0)	/* no route, or one that refuses */
#define FSK_PATH_ELSEWHERE	BIT(1)	/* a route that frames cannot take */
#define FSK_PATH_NOT_OURS	BIT(2)	/* the local address is not ours */
#define FSK_PATH_REFUSED	BIT(3)	/* IPsec refuses what comes in */

#define FSK_PATH_CHANNEL	BIT(4)	/* look for one, see lan/channel.c */

/* Frames may not leave, and frames may not come in. */
#define FSK_PATH_BAD_OUT	(FSK_PATH_NO_ROUTE | FSK_PATH_ELSEWHERE)
/* Frames do not simply go by the device. */
#define FSK_PATH_UNUSUAL	(FSK_PATH_BAD_OUT | FSK_PATH_CHANNEL)
#define FSK_PATH_BAD_IN		(FSK_PATH_NOT_OURS | FSK_PATH_REFUSED)

/**
 * struct fsk_path - where the other end of a connection is
 * @dev: device towards it, NULL once it is unregistered; RCU.  Who takes it
 *	away drops the reference of the path's holder
 * @mac: its link-layer address
 * @headroom: bytes that @dev wanted lately before struct fsk_hdr
 * @mtu: bytes of frame (struct fsk_hdr included) that the way takes
 * @state: FSK_PATH_*, above all why frames may not leave or come in
 * @seen: generation at which the way was looked for last
 * @looked: tcp_jiffies32, when that was
 * @lost_at: ns, since when it is one that frames cannot take
 */
struct fsk_path {
	struct net_device __rcu *dev;
	u8 mac[ETH_ALEN];
	u8 state;
	u16 headroom;
	u32 mtu;
	u32 seen;
	u32 looked;
	u64 lost_at;
};

void fsk_path_start(struct fsk_frames *fr);
void fsk_path_check(struct fsk_frames *fr);
void fsk_path_doubt(struct fsk_frames *fr);
bool fsk_path_hears(struct fsk_frames *fr);
bool fsk_path_lost(struct fsk_frames *fr, u64 now);
void fsk_path_part(struct fsk_frames *fr);

#endif /* _FSK_PATH_H */
