/* SPDX-License-Identifier: GPL-2.0 */
/* Sending over frames. */
#ifndef _FSK_TX_H
#define _FSK_TX_H

#include <linux/types.h>

struct fsk_conn;
struct fsk_frames;
struct fsk_seg;
struct msghdr;

int fsk_tx_write(struct fsk_conn *conn, struct msghdr *msg, long *timeo,
		 size_t *copied);
void fsk_tx_urgent_ends(struct fsk_frames *fr, bool less);
void fsk_tx_push(struct fsk_frames *fr, u64 now);
void fsk_tx_ack(struct fsk_frames *fr);
void fsk_tx_confirm(struct fsk_frames *fr, u64 now);
void fsk_tx_probe(struct fsk_frames *fr);
void fsk_tx_reset(struct fsk_frames *fr);
void fsk_tx_fin(struct fsk_frames *fr);
void fsk_tx_uncork(struct fsk_frames *fr);
void fsk_tx_urgent(struct fsk_frames *fr);
void fsk_tx_free(struct fsk_frames *fr, struct fsk_seg *chain);
u32 fsk_tx_mss(const struct fsk_frames *fr);

#endif /* _FSK_TX_H */
