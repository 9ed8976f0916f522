/* SPDX-License-Identifier: GPL-2.0 */
/* A waiting reader's buffer that the device of the other end may write to. */
#ifndef _FSK_PLACE_H
#define _FSK_PLACE_H

#include <linux/completion.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct fsk_channel;
struct page;

/**
 * struct fsk_place - the buffer, from being offered to being out of reach
 * @users: references: the reader's, and the channel's until @ended
 * @ended: nobody can write to it any more
 * @channel: what it was offered over; until @ended
 * @withdraw: asks for it to be ended, and if @late sees to it
 * @token: what both ends call it
 * @seq: number of the stream byte that comes first
 * @len: bytes
 * @offset: where in the first page it begins, bytes
 * @pages: its pages; the reader has pinned them, and keeps them until @ended
 */
struct fsk_place {
	refcount_t users;
	struct completion ended;
	struct fsk_channel *channel;
	void (*withdraw)(struct fsk_place *place, bool late);
	u32 token;
	u32 seq;
	u32 len;
	u32 offset;
	struct page **pages;
};

struct fsk_place *fsk_place_alloc(struct page **pages, u32 offset, u32 seq,
				  u32 len);
void fsk_place_put(struct fsk_place *place);
void fsk_place_withdraw(struct fsk_place *place);

/* For modules that bring channels. */
static inline void fsk_place_get(struct fsk_place *place)
{
	refcount_inc(&place->users);
}

void fsk_place_ended(struct fsk_place *place);

#endif /* _FSK_PLACE_H */
