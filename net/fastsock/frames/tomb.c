// SPDX-License-Identifier: GPL-2.0
/*
 * Tombstones: ids of server ends that are gone.
 *
 * The server keeps nothing before CONFIRM, so a CONFIRM that the network
 * duplicated and delivers after the connection ended would create it again and
 * hand its bytes to a second accept().  A tombstone outlives the cookie in it.
 */

#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "core/conn.h"
#include "frames/cookie.h"
#include "frames/tomb.h"

/* Jiffies: the life of the oldest cookie. */
#define FSK_TOMB_LIFE	(2 << FSK_COOKIE_SHIFT)
#define FSK_TOMB_MAX	262144	/* in a namespace */
/* So many are taken away before others get the lock. */
#define FSK_TOMB_BATCH	64

/**
 * struct fsk_tomb - one remembered id
 * @link: in fsk_tombs.table by @id and @key; RCU
 * @fifo: in fsk_tombs.fifo, afterwards in a list of those to be freed
 * @id: connection id, host order
 * @key: its key
 * @expires: jiffies
 */
struct fsk_tomb {
	struct fsk_link link;
	struct list_head fifo;
	u32 id;
	u32 key;
	unsigned long expires;
};

static struct kmem_cache *tomb_cache;

static u32 tomb_hash(const struct fsk_tombs *tombs, u32 id, u32 key)
{
	return fsk_table_hash(&tombs->table, (u64)id << 32 | key);
}

/* Take some that have expired out of the table; true if there may be more. */
static bool tomb_expire(struct fsk_tombs *tombs, struct list_head *expired)
{
	struct fsk_tomb *tomb, *next;
	unsigned int n = 0;

	spin_lock_bh(&tombs->lock);
	list_for_each_entry_safe(tomb, next, &tombs->fifo, fifo) {
		if (time_before(jiffies, tomb->expires) ||
		    n++ == FSK_TOMB_BATCH)
			break;
		list_move(&tomb->fifo, expired);
		fsk_table_del(&tombs->table, &tomb->link);
	}
	spin_unlock_bh(&tombs->lock);
	return n > FSK_TOMB_BATCH;
}

static void tomb_free_list(struct list_head *list)
{
	struct fsk_tomb *tomb, *next;

	list_for_each_entry_safe(tomb, next, list, fifo) {
		kmem_cache_free(tomb_cache, tomb);
		cond_resched();
	}
}

static void tomb_reap(struct work_struct *work)
{
	struct fsk_tombs *tombs = container_of(to_delayed_work(work),
					       struct fsk_tombs, reap);
	LIST_HEAD(expired);

	while (tomb_expire(tombs, &expired))
		cond_resched();
	if (!list_empty(&expired)) {
		synchronize_rcu();	/* fsk_tomb_find() */
		tomb_free_list(&expired);
	}
	spin_lock_bh(&tombs->lock);
	if (!list_empty(&tombs->fifo))
		queue_delayed_work(system_unbound_wq, &tombs->reap, HZ);
	spin_unlock_bh(&tombs->lock);
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
	struct fsk_tomb *tomb = kmem_cache_alloc(tomb_cache, gfp);

	if (tomb)
		tomb->link.added = false;
	return tomb;
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
 * @net: the server's namespace
 * @tomb: from fsk_tomb_alloc(); owned by the table from now on
 * @id: connection id, host order
 * @key: its key
 *
 * Context: any but hard interrupt.
 */
void fsk_tomb_add(struct net *net, struct fsk_tomb *tomb, u32 id, u32 key)
{
	struct fsk_tombs *tombs = &fsk_net(net)->tombs;

	tomb->id = id;
	tomb->key = key;
	tomb->expires = jiffies + FSK_TOMB_LIFE;

	spin_lock_bh(&tombs->lock);
	fsk_table_add(&tombs->table, &tomb->link, tomb_hash(tombs, id, key));
	/* Otherwise the work is queued, or runs and will queue itself. */
	if (list_empty(&tombs->fifo))
		queue_delayed_work(system_unbound_wq, &tombs->reap, HZ);
	list_add_tail(&tomb->fifo, &tombs->fifo);
	spin_unlock_bh(&tombs->lock);
}

/**
 * fsk_tomb_find - did a server end with this id end lately?
 * @net: the server's namespace
 * @id: connection id, host order
 * @key: its key
 *
 * Context: RCU read section.
 * Return: true if a CONFIRM with it is a duplicate.
 */
bool fsk_tomb_find(const struct net *net, u32 id, u32 key)
{
	const struct fsk_tombs *tombs = &fsk_net(net)->tombs;
	const struct fsk_buckets *now = rcu_dereference(tombs->table.now);
	u32 hash = tomb_hash(tombs, id, key);
	const struct fsk_tomb *tomb;
	struct hlist_node *node;

	__hlist_for_each_rcu(node, fsk_table_bucket(now, hash)) {
		tomb = fsk_table_entry(node, now, struct fsk_tomb, link);
		if (tomb->id == id && tomb->key == key)
			return true;
	}
	return false;
}

/**
 * fsk_tomb_full - are there too many to take new connections?
 * @net: the server's namespace
 *
 * Context: any.
 * Return: true when clients are to be sent to TCP.
 */
bool fsk_tomb_full(const struct net *net)
{
	return READ_ONCE(fsk_net(net)->tombs.table.count) >= FSK_TOMB_MAX;
}

/**
 * fsk_tomb_init_net - prepare the tombstones of a new namespace
 * @net: namespace
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int fsk_tomb_init_net(struct net *net)
{
	struct fsk_tombs *tombs = &fsk_net(net)->tombs;

	INIT_LIST_HEAD(&tombs->fifo);
	spin_lock_init(&tombs->lock);
	INIT_DELAYED_WORK(&tombs->reap, tomb_reap);
	return fsk_table_init(&tombs->table);
}

/**
 * fsk_tomb_exit_net - forget all; no connection is left, nor a frame
 * @net: namespace
 *
 * Context: process, may sleep.
 */
void fsk_tomb_exit_net(struct net *net)
{
	struct fsk_tombs *tombs = &fsk_net(net)->tombs;

	cancel_delayed_work_sync(&tombs->reap);
	tomb_free_list(&tombs->fifo);
	fsk_table_exit(&tombs->table);
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
 * fsk_tomb_exit - undo fsk_tomb_init(); no namespace is left
 *
 * Context: process, module unload.
 */
void fsk_tomb_exit(void)
{
	kmem_cache_destroy(tomb_cache);
}
