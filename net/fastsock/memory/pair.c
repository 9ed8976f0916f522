// SPDX-License-Identifier: GPL-2.0
/*
 * Both ends of a connection in memory, and the two rings between them, are one
 * object, so that no end can go while the other uses it: struct fsk_pair.
 *
 * A ring keeps the memory that it has got, because it will be needed again
 * soon.  What is not used for a second or two is reclaimed: each pair that
 * holds memory is in a list of the processor on which it was made, and a work
 * item goes through these lists once a second, while there is anybody in them.
 * A shrinker goes through them, too, when the host is short of memory.
 */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <net/sock.h>

#include "base/compat.h"
#include "core/attach.h"
#include "core/conn.h"
#include "core/timer.h"
#include "memory/events.h"
#include "memory/link.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/ring.h"

/* How often memory that is not used is freed, jiffies. */
#define FSK_RECLAIM_PERIOD	HZ
/* Pairs that are visited under one lock; each may have MiBs to free. */
#define FSK_RECLAIM_BATCH	4
/* The same for the shrinker, which frees only chunks that rings have cached. */
#define FSK_SHRINK_BATCH	64
/* The two directions' first sequence numbers differ by this. */
#define FSK_PAIR_APART		0x40000000

static void reclaim_work(struct work_struct *work);

/**
 * struct reclaim_list - pairs that hold memory and were made on one processor
 * @lock: protects the lists, and fsk_pair.reclaim_node and .last_head of what
 *	is in them
 * @in_use: those that reclaim_work() is done with, or not yet about to visit
 * @unvisited: those that it has yet to visit in this round
 */
struct reclaim_list {
	spinlock_t lock;		/* in_use, unvisited */
	struct list_head in_use;
	struct list_head unvisited;
};

static struct kmem_cache *pair_cache;
static struct shrinker *shrinker;
static DEFINE_PER_CPU_SHARED_ALIGNED(struct reclaim_list, reclaim_lists);
static DECLARE_DELAYED_WORK(reclaim_dwork, reclaim_work);

static struct reclaim_list *reclaim_list_of(const struct fsk_pair *pair)
{
	return per_cpu_ptr(&reclaim_lists, pair->cpu);
}

static void pair_free_rcu(struct rcu_head *rcu)
{
	struct fsk_pair *pair = container_of(rcu, struct fsk_pair, rcu);
	struct reclaim_list *h = reclaim_list_of(pair);

	/*
	 * Whether it is in the list now does not say it: reclaim_pair() takes
	 * it off for a moment.
	 */
	if (READ_ONCE(pair->was_listed)) {
		spin_lock_bh(&h->lock);
		list_del_init(&pair->reclaim_node);
		spin_unlock_bh(&h->lock);
	}
	kmem_cache_free(pair_cache, pair);
}

/**
 * fsk_pair_kill - the other end is not to find this one any more
 * @mem: this end
 *
 * Context: the socket's spinlock is held, or nobody else knows the socket.
 */
void fsk_pair_kill(struct fsk_memory *mem)
{
	RCU_INIT_POINTER(mem->pair->end[mem->side], NULL);
	mem->out->withheld = 0;
	WRITE_ONCE(mem->conn.sk->sk_wmem_queued, 0);
}

/**
 * fsk_pair_leave - an end in memory is dead and detached
 * @mem: it; its references on socket and pair are gone afterwards
 *
 * Whoever looks at this end's socket without a reference needs it to stay: the
 * other end, which does so only until it has left itself, and the timer while
 * it runs.  So if the timer does not run, the pair takes over the reference on
 * the socket, and no grace period is needed.  In two namespaces it does not:
 * neither end is to keep the other's namespace for longer than necessary.
 *
 * Context: socket lock held in either form.
 * Return: false if nothing was done and the references are to be dropped after
 * an RCU grace period.
 */
bool fsk_pair_leave(struct fsk_memory *mem)
{
	if (mem->pair->link || !fsk_timer_cancel(&mem->conn))
		return false;
	mem->left = true;
	fsk_pair_put(mem->pair);
	return true;
}

/**
 * fsk_pair_put - drop a reference on what the ends share
 * @pair: pair
 *
 * Context: any, also with an end's spinlock held.
 */
void fsk_pair_put(struct fsk_pair *pair)
{
	int i;

	if (!refcount_dec_and_test(&pair->refs))
		return;
	if (pair->link)
		fsk_mem_link_unwatch(pair->link);
	fsk_ring_purge(&pair->ring[0]);
	fsk_ring_purge(&pair->ring[1]);
	for (i = 0; i < 2; i++)
		if (pair->mem[i].left)
			sock_put(pair->mem[i].conn.sk);
	call_rcu(&pair->rcu, pair_free_rcu);
}

/**
 * fsk_pair_queue - have fsk_mem_peer_work() run for a pair
 * @pair: pair whose @pending has new bits; it may be about to be freed
 *
 * Context: any but hard interrupt.
 */
void fsk_pair_queue(struct fsk_pair *pair)
{
	if (!refcount_inc_not_zero(&pair->refs))
		return;
	/*
	 * It is queued already, with a reference of its own, so ours can go.
	 * But if ours is the last one by now, then the work has run meanwhile,
	 * and has to be queued once more.
	 */
	while (!queue_work(fsk_wq, &pair->work))
		if (refcount_dec_not_one(&pair->refs))
			return;
}

/**
 * fsk_pair_notify_link - tell both ends that their link may be down or up now
 * @pair: pair; it may be about to be freed
 *
 * Context: any but hard interrupt.
 */
void fsk_pair_notify_link(struct fsk_pair *pair)
{
	smp_mb__before_atomic();	/* the link, then the bits */
	set_bit(FSK_WORK_LINK, &pair->pending);
	set_bit(FSK_WORK_LINK + 1, &pair->pending);
	fsk_pair_queue(pair);
}

/**
 * enum reclaim_what - what memory a ring is to give back
 * @RECLAIM_UNUSED: what it did not need lately, because it is in use
 * @RECLAIM_ALL: all if it is empty, because it was not in use
 * @RECLAIM_CACHE: all cached chunks, because the host is short of memory
 */
enum reclaim_what {
	RECLAIM_UNUSED,
	RECLAIM_ALL,
	RECLAIM_CACHE,
};

/*
 * The socket of @mem is locked and not owned, so the caller may do what its
 * owner may.  Return: pages freed, if @what is RECLAIM_CACHE.
 */
static unsigned long reclaim_locked(struct fsk_memory *mem,
				    struct fsk_ring *ring,
				    enum reclaim_what what)
{
	bool writer = mem->out == ring;

	if (what == RECLAIM_ALL && !fsk_ring_used(ring)) {
		fsk_ring_purge(ring);
		return 0;
	}
	/* Without a writer nobody will fill cached chunks again. */
	if (what == RECLAIM_CACHE || !writer)
		return fsk_ring_drop_cache(ring);
	fsk_ring_trim(ring);
	return 0;
}

static unsigned long reclaim_unless_owned(struct fsk_memory *mem,
					  struct fsk_ring *ring,
					  enum reclaim_what what)
{
	struct sock *sk = mem->conn.sk;
	unsigned long pages = 0;

	/*
	 * The end may have died, and its socket may even be another one by now:
	 * under RCU a socket's memory stays a socket.  @end tells.
	 */
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
 * The memory of a ring is for its writer to free, and for the reader once there
 * is no writer any more.  Return: pages freed, if @what is RECLAIM_CACHE.
 */
static unsigned long reclaim_side(struct fsk_pair *pair, unsigned int side,
				  enum reclaim_what what)
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

/* Reclaim more of a ring into which nothing was written since the last time. */
static void reclaim_ring(struct fsk_pair *pair, unsigned int side)
{
	u32 head = READ_ONCE(pair->ring[side].head);
	bool idle = head == pair->last_head[side];

	pair->last_head[side] = head;
	reclaim_side(pair, side, idle ? RECLAIM_ALL : RECLAIM_UNUSED);
}

static bool has_memory(const struct fsk_pair *pair)
{
	return fsk_ring_has_memory(&pair->ring[0]) ||
	       fsk_ring_has_memory(&pair->ring[1]);
}

/* The lock of @h, in whose list @pair is, is held. */
static void reclaim_pair(struct reclaim_list *h, struct fsk_pair *pair)
{
	reclaim_ring(pair, 0);
	reclaim_ring(pair, 1);
	list_del_init(&pair->reclaim_node);
	/*
	 * Off the list, then memory: a writer gets memory first and looks then
	 * whether it is in the list.  Pairs with publish(), fsk_mem_withhold().
	 */
	smp_mb();
	if (has_memory(pair))
		list_add_tail(&pair->reclaim_node, &h->in_use);
}

/* Visit all pairs of @h.  Return: false if none holds memory any more. */
static bool reclaim_from(struct reclaim_list *h)
{
	struct fsk_pair *pair;
	unsigned int n = 0;
	bool any;

	spin_lock_bh(&h->lock);
	list_splice_tail_init(&h->in_use, &h->unvisited);
	while (!list_empty(&h->unvisited)) {
		pair = list_first_entry(&h->unvisited, struct fsk_pair,
					reclaim_node);
		reclaim_pair(h, pair);
		if (++n % FSK_RECLAIM_BATCH)
			continue;
		spin_unlock_bh(&h->lock);
		cond_resched();
		spin_lock_bh(&h->lock);
	}
	any = !list_empty(&h->in_use);
	spin_unlock_bh(&h->lock);
	return any;
}

static void reclaim_work(struct work_struct *work)
{
	bool any = false;
	int cpu;

	for_each_possible_cpu(cpu) {
		any |= reclaim_from(per_cpu_ptr(&reclaim_lists, cpu));
		cond_resched();
	}
	if (any)
		queue_delayed_work(fsk_wq, &reclaim_dwork, FSK_RECLAIM_PERIOD);
}

static unsigned long count_cached(struct shrinker *shrinker,
				  struct shrink_control *sc)
{
	return fsk_ring_cached_pages();
}

/*
 * Visit pairs of @h until @wanted pages are free, or @left is 0, which counts
 * visits.  Return: pages freed.
 */
static unsigned long free_cached_of(struct reclaim_list *h, unsigned int *left,
				    unsigned long wanted)
{
	unsigned long freed = 0;
	struct fsk_pair *pair;

	spin_lock_bh(&h->lock);
	while (*left && freed < wanted && !list_empty(&h->in_use)) {
		pair = list_first_entry(&h->in_use, struct fsk_pair,
					reclaim_node);
		list_move_tail(&pair->reclaim_node, &h->in_use);
		freed += reclaim_side(pair, 0, RECLAIM_CACHE);
		freed += reclaim_side(pair, 1, RECLAIM_CACHE);
		--*left;
	}
	spin_unlock_bh(&h->lock);
	return freed;
}

/*
 * The host is short of memory.  Whoever allocates some, and so comes here, may
 * own sockets, but holds no spinlock.  Each call begins where the last one
 * ended, with the next pair of the next processor.
 */
static unsigned long free_cached(struct shrinker *shrinker,
				 struct shrink_control *sc)
{
	unsigned int left = FSK_SHRINK_BATCH;
	unsigned long freed = 0;
	static int first;
	int cpu;

	for_each_cpu_wrap(cpu, cpu_possible_mask, READ_ONCE(first)) {
		freed += free_cached_of(per_cpu_ptr(&reclaim_lists, cpu), &left,
					sc->nr_to_scan - freed);
		if (!left || freed >= sc->nr_to_scan)
			break;
	}
	WRITE_ONCE(first, cpu < nr_cpu_ids ? cpu : 0);
	sc->nr_scanned = freed;
	return freed ?: SHRINK_STOP;
}

/**
 * fsk_pair_add_to_reclaim - have memory freed when it is not used any more
 * @pair: a pair one of whose rings has got memory
 *
 * Context: process, no socket's spinlock held.
 */
void fsk_pair_add_to_reclaim(struct fsk_pair *pair)
{
	struct reclaim_list *h = reclaim_list_of(pair);

	spin_lock_bh(&h->lock);
	if (list_empty(&pair->reclaim_node)) {
		WRITE_ONCE(pair->was_listed, true);
		/*
		 * Look before queueing, which would write into a cache line
		 * that all processors share.  If the work is pending now it
		 * has not begun, and so will find this pair under the lock.
		 */
		if (list_empty(&h->in_use) &&
		    !delayed_work_pending(&reclaim_dwork))
			queue_delayed_work(fsk_wq, &reclaim_dwork,
					   FSK_RECLAIM_PERIOD);
		list_add_tail(&pair->reclaim_node, &h->in_use);
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
		end->conn.key = start + i * FSK_PAIR_APART;
		end->conn.peer_key = start + !i * FSK_PAIR_APART;
		pair->ring[i].head = end->conn.key;
		pair->ring[i].tail = end->conn.key;
	}
	/*
	 * The program sees SYN_SENT until its call lets go of the socket.  Set
	 * while nobody else can set a bit.
	 */
	pair->mem[0].conn.deferred = FSK_EV_CONNECTED;
	RCU_INIT_POINTER(pair->end[0], &pair->mem[0]);
	refcount_set(&pair->refs, 2);
	INIT_LIST_HEAD(&pair->reclaim_node);
	pair->cpu = raw_smp_processor_id();
	INIT_WORK(&pair->work, fsk_mem_peer_work);
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
	fsk_pair_kill(mem);
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
	struct reclaim_list *h;
	int cpu;

	for_each_possible_cpu(cpu) {
		h = per_cpu_ptr(&reclaim_lists, cpu);
		spin_lock_init(&h->lock);
		INIT_LIST_HEAD(&h->in_use);
		INIT_LIST_HEAD(&h->unvisited);
	}
	pair_cache = KMEM_CACHE(fsk_pair, SLAB_ACCOUNT);
	if (!pair_cache)
		return -ENOMEM;
	shrinker = fsk_shrinker_add("fastsock", count_cached, free_cached);
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
	cancel_delayed_work_sync(&reclaim_dwork);
	flush_workqueue(fsk_wq);	/* fsk_mem_peer_work() */
	rcu_barrier();			/* pair_free_rcu() */
	kmem_cache_destroy(pair_cache);
}
