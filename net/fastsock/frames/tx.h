/* SPDX-License-Identifier: GPL-2.0 */
/* From segments to frames. */
#ifndef _FSK_TX_H
#define _FSK_TX_H

#include <linux/time64.h>
#include <linux/types.h>

#define FSK_RETRY_NS	(10 * NSEC_PER_MSEC)	/* after an allocation failed */

struct fsk_frames;
struct fsk_rel_tx;
struct fsk_seg;
struct sk_buff;

void fsk_tx_push(struct fsk_frames *fr, u64 now);
void fsk_tx_ack(struct fsk_frames *fr);
void fsk_tx_confirm(struct fsk_frames *fr, u64 now);
void fsk_tx_probe(struct fsk_frames *fr);
void fsk_tx_reset(struct fsk_frames *fr);
void fsk_tx_urgent(struct fsk_frames *fr);
u32 fsk_tx_mss(const struct fsk_frames *fr);
u32 fsk_tx_burst(const struct fsk_frames *fr, u32 mss);
struct sk_buff *fsk_tx_frame(struct fsk_frames *fr, u8 type, const void *body,
			     u16 len);
bool fsk_tx_cut(struct fsk_rel_tx *tx, struct fsk_seg *seg, u32 at);

#endif /* _FSK_TX_H */
