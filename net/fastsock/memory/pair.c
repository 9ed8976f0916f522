// SPDX-License-Identifier: GPL-2.0
/*
 * Both ends of a connection in memory are one object: how it comes and goes,
 * and how rings that are not used give their memory back.
 */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <net/sock.h>

#include "base/compat.h"
#include "core/conn.h"
#include "core/timer.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/ring.h"

/* How often, in jiffies, idle memory is freed. */
#define FSK_LOOP_TIDY		HZ
/* Connections that are looked after at a time; each may have MiBs to free. */
#define FSK_LOOP_TIDY_BATCH	4
/* The same when the host is short of memory; these have spare chunks alone. */
#define FSK_LOOP_SHRINK_BATCH	64
/* By so much the two directions' first numbers differ. */
#define FSK_LOOP_APART		0x40000000

static void tidy(struct work_struct *work);

/**
 * struct holders - connections that hold memory, and were made on a processor
 * @lock: protects the lists, and fsk_pair.holder and .seen of what is in them
 * @list: those that tidy() has seen
 * @unseen: those that it has yet to see
 */
struct holders {
	spinlock_t lock;		/* list, unseen */
	struct list_head list;
	struct list_head unseen;
};

static struct kmem_cache *pair_cache;
static struct shrinker *shrinker;
static DEFINE_PER_CPU_SHARED_ALIGNED(struct holders, holders);
static DECLARE_DELAYED_WORK(tidy_work, tidy);

static struct holders *holders_of(const struct fsk_pair *pair)
{
	return per_cpu_ptr(&holders, pair->cpu);
}

static void pair_free_rcu(struct rcu_head *rcu)
{
	struct fsk_pair *pair = container_of(rcu, struct fsk_pair, rcu);
	struct holders *h = holders_of(pair);

	/* Not by the list: tidy() takes it off for a moment. */
	if (READ_ONCE(pair->held)) {
		spin_lock_bh(&h->lock);
		list_del_init(&pair->holder);
		spin_unlock_bh(&h->lock);
	}
	kmem_cache_free(pair_cache, pair);
}

/**
 * fsk_loop_leave - the connection dies
 * @mem: connection
 *
 * Context: the socket's spinlock is held, or its owner's other threads have
 * nothing to say any more.
 */
void fsk_loop_leave(struct fsk_memory *mem)
{
	RCU_INIT_POINTER(mem->pair->end[mem->side], NULL);
	mem->out->held = 0;
	WRITE_ONCE(mem->conn.sk->sk_wmem_queued, 0);
}

/**
 * fsk_pair_leave - an end in memory is dead and detached
 * @mem: it; its references on socket and pair are gone afterwards
 *
 * Its socket has to stay for whoever is looking at it without a reference: the
 * other end does so only while it has not left itself, the timer while it runs.
 * So the reference on the socket goes with the pair.  No end keeps the other's
 * namespace, though, for longer than necessary.
 *
 * Context: socket lock held in either form.
 * Return: false if nothing was done and the references are to be dropped after
 * an RCU grace period.
 */
bool fsk_pair_leave(struct fsk_memory *mem)
{
	if (mem->pair->line || !fsk_timer_cancel(&mem->conn))
		return false;
	mem->left = true;
	fsk_pair_put(mem->pair);
	return true;
}

/**
 * fsk_pair_put - let go of what the ends share
 * @pair: pair
 *
 * Context: any, also with an end's spinlock held.
 */
void fsk_pair_put(struct fsk_pair *pair)
{
	int i;

	if (!refcount_dec_and_test(&pair->refs))
		return;
	if (pair->line)
		fsk_across_unwatch(pair->line);
	fsk_ring_purge(&pair->ring[0]);
	fsk_ring_purge(&pair->ring[1]);
	for (i = 0; i < 2; i++)
		if (pair->mem[i].left)
			sock_put(pair->mem[i].conn.sk);
	call_rcu(&pair->rcu, pair_free_rcu);
}

/**
 * fsk_pair_queue - have fsk_loop_late() look after a pair
 * @pair: pair whose @late has new bits; it may be about to be freed
 *
 * Context: any but hard interrupt.
 */
void fsk_pair_queue(struct fsk_pair *pair)
{
	if (!refcount_inc_not_zero(&pair->refs))
		return;
	/* It was queued, but may be done by now: then this is the last one. */
	while (!queue_work(fsk_wq, &pair->work))
		if (refcount_dec_not_one(&pair->refs))
			return;
}

/**
 * fsk_pair_tell_line - the line between the ends was cut, or is whole again
 * @pair: pair; it may be about to be freed
 *
 * Context: any but hard interrupt.
 */
void fsk_pair_tell_line(struct fsk_pair *pair)
{
	smp_mb__before_atomic();	/* the line, then the bits */
	set_bit(FSK_LATE_LINE, &pair->late);
	set_bit(FSK_LATE_LINE + 1, &pair->late);
	fsk_pair_queue(pair);
}

/**
 * enum reclaim - what memory a ring is to give back
 * @RECLAIM_UNUSED: it was in use: what it did not need
 * @RECLAIM_ALL: it was not: all, if it is empty
 * @RECLAIM_SPARE: the host is short of memory: what may be filled again
 */
enum reclaim {
	RECLAIM_UNUSED,
	RECLAIM_ALL,
	RECLAIM_SPARE,
};

/* The caller may do what the owner of @mem's socket may.  Return: pages. */
static unsigned long reclaim_locked(struct fsk_memory *mem,
				    struct fsk_ring *ring, enum reclaim what)
{
	bool writer = mem->out == ring;

	if (what == RECLAIM_ALL && !fsk_ring_used(ring)) {
		fsk_ring_purge(ring);
		return 0;
	}
	/* Nobody will fill it again. */
	if (what == RECLAIM_SPARE || !writer)
		return fsk_ring_drop_spare(ring);
	fsk_ring_trim(ring);
	return 0;
}

static unsigned long reclaim_unless_owned(struct fsk_memory *mem,
					  struct fsk_ring *ring,
					  enum reclaim what)
{
	struct sock *sk = mem->conn.sk;
	unsigned long pages = 0;

	/* It may be dead: sockets are typesafe by RCU, and then it says so. */
	if (!refcount_inc_not_zero(&sk->sk_refcnt))
		return 0;
	spin_lock(&sk->sk_lock.slock);
	if (rcu_access_pointer(mem->pair->end[mem->side]) == mem &&
	    !sock_owned_by_user(sk))
		pages = reclaim_locked(mem, ring, what);
	spin_unlock(&sk->sk_lock.slock);
	sock_put(sk);
	return pages;
}

/*
 * Rings are their writers'.  Without a writer it is for the reader to allow.
 * Return: pages, if @what is RECLAIM_SPARE.
 */
static unsigned long reclaim(struct fsk_pair *pair, unsigned int side,
			     enum reclaim what)
{
	unsigned long pages = 0;
	struct fsk_memory *mem;

	rcu_read_lock();
	mem = rcu_dereference(pair->end[side]) ?:
	      rcu_dereference(pair->end[!side]);
	if (mem)
		pages = reclaim_unless_owned(mem, &pair->ring[side], what);
	rcu_read_unlock();
	return pages;
}

/* What was not used since the last look gives its memory back. */
static void retire(struct fsk_pair *pair, unsigned int side)
{
	u32 head = READ_ONCE(pair->ring[side].head);
	bool idle = head == pair->seen[side];

	pair->seen[side] = head;
	reclaim(pair, side, idle ? RECLAIM_ALL : RECLAIM_UNUSED);
}

static bool has_memory(const struct fsk_pair *pair)
{
	return fsk_ring_has_memory(&pair->ring[0]) ||
	       fsk_ring_has_memory(&pair->ring[1]);
}

/* One of those that hold memory; the lock of @h, which has it, is held. */
static void visit(struct holders *h, struct fsk_pair *pair)
{
	retire(pair, 0);
	retire(pair, 1);
	list_del_init(&pair->holder);
	smp_mb();	/* pairs with publish() and fsk_mem_withhold() */
	if (has_memory(pair))
		list_add_tail(&pair->holder, &h->list);
}

/* Return: false if nobody in @h holds memory any more. */
static bool tidy_one(struct holders *h)
{
	unsigned int n = 0;
	bool any;

	spin_lock_bh(&h->lock);
	list_splice_tail_init(&h->list, &h->unseen);
	while (!list_empty(&h->unseen)) {
		visit(h, list_first_entry(&h->unseen, struct fsk_pair, holder));
		if (++n % FSK_LOOP_TIDY_BATCH)
			continue;
		spin_unlock_bh(&h->lock);
		cond_resched();
		spin_lock_bh(&h->lock);
	}
	any = !list_empty(&h->list);
	spin_unlock_bh(&h->lock);
	return any;
}

/* Look after all connections that hold memory, some of them at a time. */
static void tidy(struct work_struct *work)
{
	bool any = false;
	int cpu;

	for_each_possible_cpu(cpu) {
		any |= tidy_one(per_cpu_ptr(&holders, cpu));
		cond_resched();
	}
	if (any)
		queue_delayed_work(fsk_wq, &tidy_work, FSK_LOOP_TIDY);
}

static unsigned long count_spare(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	return fsk_ring_spare_pages();
}

/* One of @h after the other, each to the end.  Return: pages. */
static unsigned long free_spare_of(struct holders *h, unsigned int *left,
				   unsigned long wanted)
{
	unsigned long freed = 0;
	struct fsk_pair *pair;

	spin_lock_bh(&h->lock);
	while (*left && freed < wanted && !list_empty(&h->list)) {
		pair = list_first_entry(&h->list, struct fsk_pair, holder);
		list_move_tail(&pair->holder, &h->list);
		freed += reclaim(pair, 0, RECLAIM_SPARE);
		freed += reclaim(pair, 1, RECLAIM_SPARE);
		--*left;
	}
	spin_unlock_bh(&h->lock);
	return freed;
}

/*
 * The host is short of memory.  Whoever allocates some, and so comes here, may
 * own sockets, but holds no spinlock.  Connections take turns, some at a time,
 * and so do the processors that they were made on.
 */
static unsigned long free_spare(struct shrinker *shrinker,
				struct shrink_control *sc)
{
	unsigned int left = FSK_LOOP_SHRINK_BATCH;
	unsigned long freed = 0;
	static int first;
	int cpu;

	for_each_cpu_wrap(cpu, cpu_possible_mask, READ_ONCE(first)) {
		freed += free_spare_of(per_cpu_ptr(&holders, cpu), &left,
				       sc->nr_to_scan - freed);
		if (!left || freed >= sc->nr_to_scan)
			break;
	}
	WRITE_ONCE(first, cpu < nr_cpu_ids ? cpu : 0);
	sc->nr_scanned = freed;
	return freed ?: SHRINK_STOP;
}

/**
 * fsk_pair_holds - see to it that idle memory is freed
 * @pair: a pair that has got memory
 *
 * Context: process, no socket's spinlock held.
 */
void fsk_pair_holds(struct fsk_pair *pair)
{
	struct holders *h = holders_of(pair);

	spin_lock_bh(&h->lock);
	if (list_empty(&pair->holder)) {
		WRITE_ONCE(pair->held, true);
		/*
		 * The work has many writers only if it is not queued.  If it
		 * is, it takes the lock later; it is no longer once it begins.
		 */
		if (list_empty(&h->list) && !delayed_work_pending(&tidy_work))
			queue_delayed_work(fsk_wq, &tidy_work, FSK_LOOP_TIDY);
		list_add_tail(&pair->holder, &h->list);
	}
	spin_unlock_bh(&h->lock);
}

/**
 * fsk_pair_alloc - make both ends
 * @sk: the client's socket
 * @gfp: how to allocate
 *
 * Each end is freed by itself, by fsk_pair_discard() if it was never attached.
 * Nobody finds the server's end yet.
 *
 * Context: as @gfp allows.
 * Return: the client's end, or NULL without memory.
 */
struct fsk_memory *fsk_pair_alloc(struct sock *sk, gfp_t gfp)
{
	u32 start = get_random_u32();	/* so that numbers do wrap */
	struct fsk_memory *end;
	struct fsk_pair *pair;
	int i;

	pair = kmem_cache_zalloc(pair_cache, gfp);
	if (!pair)
		return NULL;
	for (i = 0; i < 2; i++) {
		end = &pair->mem[i];
		fsk_conn_prepare(&end->conn, sk, &fsk_memory_transport);
		end->pair = pair;
		end->side = i;
		end->out = &pair->ring[i];
		end->in = &pair->ring[!i];
		end->conn.key = start + i * FSK_LOOP_APART;
		end->conn.peer_key = start + !i * FSK_LOOP_APART;
		pair->ring[i].head = end->conn.key;
		pair->ring[i].tail = end->conn.key;
	}
	RCU_INIT_POINTER(pair->end[0], &pair->mem[0]);
	refcount_set(&pair->refs, 2);
	INIT_LIST_HEAD(&pair->holder);
	pair->cpu = raw_smp_processor_id();
	INIT_WORK(&pair->work, fsk_loop_late);
	return &pair->mem[0];
}

/**
 * fsk_pair_discard - free an end that was never attached
 * @mem: it
 *
 * Context: any.
 */
void fsk_pair_discard(struct fsk_memory *mem)
{
	fsk_loop_leave(mem);
	fsk_pair_put(mem->pair);
}

/**
 * fsk_pair_init - prepare for connections within the host
 *
 * Context: process, module load.
 * Return: 0 or -ENOMEM.
 */
int fsk_pair_init(void)
{
	struct holders *h;
	int cpu;

	for_each_possible_cpu(cpu) {
		h = per_cpu_ptr(&holders, cpu);
		spin_lock_init(&h->lock);
		INIT_LIST_HEAD(&h->list);
		INIT_LIST_HEAD(&h->unseen);
	}
	pair_cache = KMEM_CACHE(fsk_pair, SLAB_ACCOUNT);
	if (!pair_cache)
		return -ENOMEM;
	shrinker = fsk_shrinker_add("fastsock", count_spare, free_spare);
	if (!shrinker) {
		kmem_cache_destroy(pair_cache);
		return -ENOMEM;
	}
	return 0;
}

/**
 * fsk_pair_exit - undo fsk_pair_init(); no connection is left
 *
 * Context: process, module unload, after fsk_conn_exit().
 */
void fsk_pair_exit(void)
{
	fsk_shrinker_remove(shrinker);
	cancel_delayed_work_sync(&tidy_work);
	flush_workqueue(fsk_wq);	/* fsk_loop_late() */
	rcu_barrier();			/* pair_free_rcu() */
	kmem_cache_destroy(pair_cache);
}
