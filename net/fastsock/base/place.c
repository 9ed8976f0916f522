// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers of waiting readers that a channel has let the other end write to.
 *
 * Whoever pinned the pages may let go of them, and of the buffer, only after
 * the channel has said that nobody can write to them any more: because the
 * other end has given up the right itself, or because the channel is gone.  The
 * reader waits here for that, and not in the channel's module, which may be
 * unloaded at any time.
 */

#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "base/place.h"

/*
 * So long the other end has to give up a buffer.  A reader that a signal or a
 * timeout has woken waits meanwhile; after that the channel is ended, which
 * needs nobody.
 */
#define WITHDRAW_TIME	(HZ / 2)

/**
 * fsk_place_alloc - describe a buffer
 * @pages: its pages, which stay until fsk_place_withdraw() has returned
 * @offset: where in the first one it begins
 * @seq: number of its first byte
 * @len: bytes
 *
 * Context: any.
 * Return: it, with a reference for the reader, or NULL without memory.
 */
struct fsk_place *fsk_place_alloc(struct page **pages, u32 offset, u32 seq,
				  u32 len)
{
	struct fsk_place *place = kzalloc(sizeof(*place),
					  GFP_ATOMIC | __GFP_NOWARN);

	if (!place)
		return NULL;
	refcount_set(&place->users, 1);
	init_completion(&place->ended);
	place->token = get_random_u32();
	place->pages = pages;
	place->offset = offset;
	place->seq = seq;
	place->len = len;
	return place;
}

/**
 * fsk_place_put - drop a reference
 * @place: buffer
 *
 * Context: any.
 */
void fsk_place_put(struct fsk_place *place)
{
	if (refcount_dec_and_test(&place->users))
		kfree(place);
}

/**
 * fsk_place_ended - nobody can write to a buffer any more
 * @place: buffer that a channel had taken; its reference is dropped
 *
 * Context: any.
 */
void fsk_place_ended(struct fsk_place *place)
{
	complete_all(&place->ended);
	fsk_place_put(place);
}
EXPORT_SYMBOL_NS_GPL(fsk_place_ended, FASTSOCK);

/**
 * fsk_place_withdraw - wait until nobody can write to a buffer any more
 * @place: buffer that was offered
 *
 * No signal ends this: the pages are about to be somebody else's.
 *
 * Context: process, may sleep.
 */
void fsk_place_withdraw(struct fsk_place *place)
{
	if (likely(completion_done(&place->ended)))
		return;		/* it was filled */
	place->withdraw(place, false);
	if (wait_for_completion_timeout(&place->ended, WITHDRAW_TIME))
		return;
	place->withdraw(place, true);
	wait_for_completion(&place->ended);
}
