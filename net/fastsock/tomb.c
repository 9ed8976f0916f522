// SPDX-License-Identifier: GPL-2.0
/*
 * Tombstones: ids of server ends that are gone.
 *
 * The server keeps nothing before CONFIRM, so a CONFIRM that the network
 * duplicated and delivers after the connection ended would create it again and
 * hand its bytes to a second accept().  A tombstone outlives the cookie in it.
 */

#include <linux/hash.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "conn.h"

#define FSK_TOMB_BITS	14
/* Jiffies: the life of the oldest cookie. */
#define FSK_TOMB_LIFE	(2 << FSK_COOKIE_SHIFT)
#define FSK_TOMB_MAX	262144

/**
 * struct fsk_tomb - one remembered id
 * @node: in tombs by @id; RCU
 * @fifo: in tomb_fifo[]
 * @id: connection id, host order
 * @key: its key
 * @expires: jiffies
 * @rcu: defers freeing
 */
struct fsk_tomb {
	struct hlist_node node;
	struct list_head fifo;
	u32 id;
	u32 key;
	unsigned long expires;
	struct rcu_head rcu;
};

static struct hlist_head tombs[1 << FSK_TOMB_BITS];
static LIST_HEAD(tomb_fifo);	/* oldest first */
static DEFINE_SPINLOCK(tomb_lock);	/* tombs, tomb_fifo, tomb_count */
static unsigned int tomb_count;
static struct kmem_cache *tomb_cache;
static void tomb_reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(tomb_work, tomb_reap);

static struct hlist_head *tomb_bucket(u32 id)
{
	return &tombs[id & ((1 << FSK_TOMB_BITS) - 1)];
}

static void tomb_free_rcu(struct rcu_head *rcu)
{
	kmem_cache_free(tomb_cache, container_of(rcu, struct fsk_tomb, rcu));
}

static void tomb_reap(struct work_struct *work)
{
	struct fsk_tomb *tomb, *next;

	spin_lock_bh(&tomb_lock);
	list_for_each_entry_safe(tomb, next, &tomb_fifo, fifo) {
		if (time_before(jiffies, tomb->expires))
			break;
		list_del(&tomb->fifo);
		hlist_del_rcu(&tomb->node);
		WRITE_ONCE(tomb_count, tomb_count - 1);
		call_rcu(&tomb->rcu, tomb_free_rcu);
	}
	if (tomb_count)
		schedule_delayed_work(&tomb_work, HZ);
	spin_unlock_bh(&tomb_lock);
}

/**
 * fsk_tomb_alloc - reserve a tombstone when a server end is born
 * @gfp: allocation flags
 *
 * Context: as @gfp allows.
 * Return: the tombstone, to be given to fsk_tomb_add() or fsk_tomb_free(); NULL
 * without memory.
 */
struct fsk_tomb *fsk_tomb_alloc(gfp_t gfp)
{
	return kmem_cache_alloc(tomb_cache, gfp);
}

/**
 * fsk_tomb_free - give back a tombstone that was never added
 * @tomb: from fsk_tomb_alloc(), or NULL
 *
 * Context: any.
 */
void fsk_tomb_free(struct fsk_tomb *tomb)
{
	if (tomb)
		kmem_cache_free(tomb_cache, tomb);
}

/**
 * fsk_tomb_add - remember an id for as long as its cookie is good
 * @tomb: from fsk_tomb_alloc(); owned by the table from now on
 * @id: connection id, host order
 * @key: its key
 *
 * Context: any but hard interrupt.
 */
void fsk_tomb_add(struct fsk_tomb *tomb, u32 id, u32 key)
{
	tomb->id = id;
	tomb->key = key;
	tomb->expires = jiffies + FSK_TOMB_LIFE;

	spin_lock_bh(&tomb_lock);
	hlist_add_head_rcu(&tomb->node, tomb_bucket(id));
	list_add_tail(&tomb->fifo, &tomb_fifo);
	WRITE_ONCE(tomb_count, tomb_count + 1);
	schedule_delayed_work(&tomb_work, HZ);
	spin_unlock_bh(&tomb_lock);
}

/**
 * fsk_tomb_find - did a server end with this id end lately?
 * @id: connection id, host order
 * @key: its key
 *
 * Context: RCU read section.
 * Return: true if a CONFIRM with it is a duplicate.
 */
bool fsk_tomb_find(u32 id, u32 key)
{
	const struct fsk_tomb *tomb;

	hlist_for_each_entry_rcu(tomb, tomb_bucket(id), node)
		if (tomb->id == id && tomb->key == key)
			return true;
	return false;
}

/**
 * fsk_tomb_full - are there too many to take new connections?
 *
 * Context: any.
 * Return: true when clients are to be sent to TCP.
 */
bool fsk_tomb_full(void)
{
	return READ_ONCE(tomb_count) >= FSK_TOMB_MAX;
}

/**
 * fsk_tomb_init - make the cache
 *
 * Context: process, module load.
 * Return: 0 or -ENOMEM.
 */
int fsk_tomb_init(void)
{
	tomb_cache = KMEM_CACHE(fsk_tomb, 0);
	return tomb_cache ? 0 : -ENOMEM;
}

/**
 * fsk_tomb_exit - forget all; no connection is left
 *
 * Context: process, module unload.
 */
void fsk_tomb_exit(void)
{
	struct fsk_tomb *tomb, *next;

	cancel_delayed_work_sync(&tomb_work);
	rcu_barrier();
	list_for_each_entry_safe(tomb, next, &tomb_fifo, fifo)
		kmem_cache_free(tomb_cache, tomb);
	kmem_cache_destroy(tomb_cache);
}
