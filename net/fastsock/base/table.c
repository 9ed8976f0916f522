// SPDX-License-Identifier: GPL-2.0
/* Tables that grow while they are read, see table.h. */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/table.h"

#define FSK_TABLE_BITS		6	/* buckets of an empty table, log2 */
#define FSK_TABLE_BITS_MAX	20
/* Buckets that are moved before others get the lock. */
#define FSK_TABLE_BATCH		16

static struct fsk_buckets *buckets_now(const struct fsk_table *table)
{
	return rcu_dereference_protected(table->now,
					 lockdep_is_held(&table->lock));
}

static struct fsk_buckets *buckets_alloc(unsigned int bits, unsigned int side)
{
	struct fsk_buckets *buckets;

	buckets = kvzalloc(struct_size(buckets, heads, 1UL << bits),
			   GFP_KERNEL | __GFP_NOWARN);
	if (!buckets)
		return NULL;
	buckets->shift = 32 - bits;
	buckets->side = side;
	return buckets;
}

static struct fsk_link *link_of(struct hlist_node *node, unsigned int side)
{
	return container_of(node - side, struct fsk_link, in[0]);
}

static void chain(struct fsk_buckets *buckets, struct fsk_link *link)
{
	hlist_add_head_rcu(&link->in[buckets->side],
			   &buckets->heads[link->hash >> buckets->shift]);
}

/* Is @link, or is it to be, in the next array as well? */
static bool has_moved(const struct fsk_table *table,
		      const struct fsk_buckets *now,
		      const struct fsk_link *link)
{
	return table->next && link->hash >> now->shift < table->moved;
}

/**
 * fsk_table_add - make an object a member
 * @table: table
 * @link: the object's link, never added before
 * @hash: its hash
 *
 * Context: any but hard interrupt.
 */
void fsk_table_add(struct fsk_table *table, struct fsk_link *link, u32 hash)
{
	struct fsk_buckets *now;

	spin_lock_bh(&table->lock);
	now = buckets_now(table);
	link->hash = hash;
	link->added = true;
	chain(now, link);
	if (unlikely(has_moved(table, now, link)))
		chain(table->next, link);
	WRITE_ONCE(table->count, table->count + 1);
	if (unlikely(table->count > fsk_table_size(now) && !table->next &&
		     now->shift > 32 - FSK_TABLE_BITS_MAX))
		queue_work(system_unbound_wq, &table->grow);
	spin_unlock_bh(&table->lock);
}

/**
 * fsk_table_del - end an object's membership; harmless if it is no member
 * @table: table
 * @link: the object's link
 *
 * Readers may still see it: free it after a grace period only.  That suffices
 * also if they follow an older array, where it stays: whoever does so began to
 * read before the present one was published, and so before this call.
 *
 * Context: any but hard interrupt.
 */
void fsk_table_del(struct fsk_table *table, struct fsk_link *link)
{
	struct fsk_buckets *now;

	if (!link->added)
		return;
	spin_lock_bh(&table->lock);
	now = buckets_now(table);
	hlist_del_rcu(&link->in[now->side]);
	if (unlikely(has_moved(table, now, link)))
		hlist_del_rcu(&link->in[table->next->side]);
	link->added = false;
	WRITE_ONCE(table->count, table->count - 1);
	spin_unlock_bh(&table->lock);
}

/* Put the members of some more buckets into the next array, too. */
static bool move_some(struct fsk_table *table)
{
	struct fsk_buckets *now, *next = table->next;
	struct hlist_node *node;
	unsigned int n;
	bool more;

	spin_lock_bh(&table->lock);
	now = buckets_now(table);
	for (n = 0; n < FSK_TABLE_BATCH; n++) {
		if (table->moved == fsk_table_size(now))
			break;
		hlist_for_each(node, &now->heads[table->moved])
			chain(next, link_of(node, now->side));
		table->moved++;
	}
	more = table->moved < fsk_table_size(now);
	if (!more) {
		rcu_assign_pointer(table->now, next);
		table->next = NULL;
	}
	spin_unlock_bh(&table->lock);
	return more;
}

static void table_grow(struct work_struct *work)
{
	struct fsk_table *table = container_of(work, struct fsk_table, grow);
	unsigned int bits = order_base_2(READ_ONCE(table->count)) + 1;
	struct fsk_buckets *old, *next;

	/* Only this work changes it. */
	old = rcu_dereference_protected(table->now, true);
	bits = min_t(unsigned int, bits, FSK_TABLE_BITS_MAX);
	if (bits <= 32 - old->shift)
		return;
	next = buckets_alloc(bits, !old->side);
	if (!next)
		return;		/* whoever is added next asks again */
	spin_lock_bh(&table->lock);
	table->moved = 0;
	table->next = next;
	spin_unlock_bh(&table->lock);
	while (move_some(table))
		cond_resched();
	/* The links of the old side are free again when this is over. */
	synchronize_rcu();
	kvfree(old);
}

/**
 * fsk_table_init - make an empty table
 * @table: zeroed memory
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_table_init(struct fsk_table *table)
{
	struct fsk_buckets *buckets = buckets_alloc(FSK_TABLE_BITS, 0);

	if (!buckets)
		return -ENOMEM;
	RCU_INIT_POINTER(table->now, buckets);
	spin_lock_init(&table->lock);
	table->secret = get_random_u64() | 1;
	INIT_WORK(&table->grow, table_grow);
	return 0;
}

/**
 * fsk_table_exit - free a table
 * @table: table without members and without readers
 *
 * Context: process, may sleep.
 */
void fsk_table_exit(struct fsk_table *table)
{
	cancel_work_sync(&table->grow);
	kvfree(rcu_dereference_protected(table->now, true));
}
