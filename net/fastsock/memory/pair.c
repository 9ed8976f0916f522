// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs of ends within the host: how they come to be, what memory they hold,
 * and for how long.  events.c says how the ends get on with each other.
 */

#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "base/compat.h"
#include "base/stats.h"
#include "core/child.h"
#include "core/conn.h"
#include "core/segment_size.h"
#include "core/state.h"
#include "core/timer.h"
#include "frames/frames.h"
#include "frames/path.h"
#include "frames/tomb.h"
#include "inet/conntrack.h"
#include "inet/policy.h"
#include "memory/across.h"
#include "memory/connect.h"
#include "memory/events.h"
#include "memory/memory.h"
#include "memory/pair.h"
#include "memory/ring.h"
#include "memory/window.h"

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

/*
 * Both ends, to be freed each by itself; only the client's may be found yet.
 * Return: the client's, or NULL without memory.
 */
static struct fsk_memory *pair_alloc(struct sock *sk, gfp_t gfp)
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

/* TCP's numbers, at the keys. */
static void set_numbers(struct fsk_memory *mem)
{
	fsk_state_numbers(&mem->conn, 0);
	mem->holds = mem->conn.corked;
}

/* It was never attached. */
static void discard(struct fsk_memory *mem)
{
	fsk_loop_leave(mem);
	fsk_pair_put(mem->pair);
}

/*
 * Make the server's end, whose segment sizes are known.  BH disabled, RCU read
 * section.  Return: FSK_ACCEPT; then its socket's spinlock is held, and it is
 * to be queued for accept().  Or why not; @server was freed then.
 */
static int make_server(struct sock *lsk, struct fsk_memory *server,
		       struct net_device *dev, const struct fsk_tuple *t,
		       struct sk_buff *syn, struct request_sock **req)
{
	struct fsk_conn *conn = &server->conn;
	struct sock *child = NULL;

	/* What rests in TIME_WAIT makes way. */
	if (!fsk_child_tuple_in_use(dev, t, true))
		child = fsk_child_make(lsk, dev, t, TCP_MSS_DEFAULT, syn,
				       req);
	if (!child) {
		discard(server);
		return FSK_REASON_BACKLOG;
	}
	/* The listener's options may have changed since they were looked at. */
	if (rcu_access_pointer(child->sk_filter) ||
	    inet_csk(child)->icsk_ulp_ops) {
		discard(server);
		fsk_child_discard(child, *req);
		return FSK_REASON_LISTENER;
	}
	conn->sk = child;
	conn->mib = fsk_net(sock_net(child))->mib;
	server->in->window = fsk_loop_window(child);
	fsk_conn_attach(child, conn);
	conn->phase = FSK_PH_OPEN;
	conn->path_gen = fsk_path_gen(child);
	set_numbers(server);
	tcp_set_state(child, TCP_ESTABLISHED);
	fsk_conntrack_open(conn, FSK_TRACKED_SERVER);
	rcu_assign_pointer(server->pair->end[1], server);
	fsk_stat_inc(dev_net(dev), FSK_MIB_PASSIVE_OPENS);
	fsk_stat_inc(dev_net(dev), FSK_MIB_CURR_ESTAB);
	return FSK_ACCEPT;
}

/* The client's end, attached, with its segment sizes. */
static void make_client(struct fsk_memory *client)
{
	struct fsk_conn *conn = &client->conn;

	client->in->window = fsk_loop_window(conn->sk);
	client->counts = true;
	conn->phase = FSK_PH_SYN_SENT;
	conn->path_gen = fsk_path_gen(conn->sk);
	set_numbers(client);
	/* The program sees SYN_SENT until its call lets go of the socket. */
	conn->deferred |= FSK_EV_CONNECTED;
}

/* As make_client() found it: nothing is known of the way yet. */
static void unmake_client(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->srtt_us = 0;
	minmax_reset(&tp->rtt_min, tcp_jiffies32, ~0U);
}

/* What each end takes in one segment, bytes. */
static void set_sizes(struct fsk_conn *client, struct fsk_conn *server,
		      u16 client_mss, u16 server_mss)
{
	client->mss = client_mss;
	client->peer_mss = server_mss;
	server->mss = server_mss;
	server->peer_mss = client_mss;
}

/* The listener, referenced, and whether it takes the connection with @syn. */
static int find_listener(struct net_device *dev, const struct fsk_tuple *t,
			 u32 mark, struct sock **lsk, struct sk_buff **syn)
{
	int reason = FSK_REASON_NO_LISTENER;
	u32 mtu;

	rcu_read_lock();
	local_bh_disable();
	*lsk = fsk_child_find_listener(dev, t);
	if (*lsk)
		reason = fsk_child_check(*lsk, dev, t, mark, syn,
					 &mtu);
	local_bh_enable();
	rcu_read_unlock();
	if (*lsk && reason != FSK_ACCEPT)
		sock_put(*lsk);
	return reason;
}

/**
 * fsk_pair_connect - connect to a listener of the same namespace
 * @sk: socket in SYN_SENT with its four-tuple hashed
 * @dev: loopback device of the route
 * @t: addresses
 *
 * Context: process, may sleep; the caller owns @sk.
 * Return: FSK_ACCEPT, or the enum fsk_reason to delegate with.
 */
int fsk_pair_connect(struct sock *sk, struct net_device *dev,
		     const struct fsk_tuple *t)
{
	struct fsk_memory *client, *server;
	struct request_sock *req;
	struct sk_buff *syn;
	struct sock *lsk;
	int reason;

	reason = find_listener(dev, t, READ_ONCE(sk->sk_mark), &lsk, &syn);
	if (reason != FSK_ACCEPT)
		return reason;
	reason = FSK_REASON_NOMEM;
	client = pair_alloc(sk, GFP_KERNEL);
	if (!client)
		goto out;
	server = &client->pair->mem[1];
	set_sizes(&client->conn, &server->conn,
		  fsk_mss_own(sk, fsk_loop_mtu(dev)),
		  fsk_mss_own(lsk, fsk_loop_mtu(dev)));
	/* First: once the server's end is queued there is no way back. */
	WRITE_ONCE(sk->sk_err, 0);
	sock_reset_flag(sk, SOCK_DONE);
	fsk_conn_attach(sk, &client->conn);
	make_client(client);
	rcu_read_lock();
	local_bh_disable();
	reason = make_server(lsk, server, dev, t, syn, &req);
	if (reason == FSK_ACCEPT &&
	    !fsk_child_queue(lsk, server->conn.sk, req))
		reason = FSK_REASON_NO_LISTENER;
	local_bh_enable();
	rcu_read_unlock();
	if (reason == FSK_ACCEPT) {
		fsk_policy_turn(syn);
		security_inet_conn_established(sk, syn);
	} else {
		fsk_conn_detach(sk);
		unmake_client(sk);
	}
out:
	kfree_skb(syn);
	sock_put(lsk);
	return reason;
}

/*
 * @client has taken the place of the connection that speaks frames: what is
 * still missing.  @tomb buries the offer before anybody can see that it was
 * taken up.
 */
static bool join(struct fsk_memory *client, struct fsk_memory *server,
		 const struct fsk_synack *sa, struct net_device *dev,
		 const struct fsk_tuple *t, struct sock *lsk,
		 struct fsk_tomb *tomb)
{
	struct sk_buff *syn = fsk_policy_syn(dev, t);
	int reason = FSK_REASON_NOMEM;
	struct request_sock *req;

	make_client(client);
	if (syn)
		reason = make_server(lsk, server, dev, t, syn, &req);
	else
		discard(server);
	kfree_skb(syn);
	if (reason != FSK_ACCEPT) {
		fsk_tomb_free(tomb);
		return false;
	}
	fsk_tomb_add(dev_net(dev), tomb, be32_to_cpu(sa->id),
		     be32_to_cpu(sa->key));
	return fsk_child_queue(lsk, server->conn.sk, req);
}

/**
 * fsk_pair_join - go on in memory with a server in another namespace
 * @old: client's connection in SYN_SENT, whose server has answered
 * @sa: what the server said
 * @dev: its device
 * @t: addresses
 * @lsk: its listener
 *
 * Context: process, BH disabled, RCU read section; the caller owns the client's
 * socket.
 * Return: true if so: @old is gone.  Otherwise nothing has changed, unless the
 * listener has closed just now: then the offer is void.
 */
bool fsk_pair_join(struct fsk_frames *old, const struct fsk_synack *sa,
		   struct net_device *dev, const struct fsk_tuple *t,
		   struct sock *lsk)
{
	struct fsk_tomb *tomb = fsk_tomb_alloc(GFP_ATOMIC);
	struct net_device *mine = fsk_frames_dev(old);
	struct fsk_memory *client, *server;
	struct fsk_pair *pair;

	client = tomb ? pair_alloc(old->conn.sk, GFP_ATOMIC) : NULL;
	if (!client)
		goto err_tomb;
	pair = client->pair;
	server = &pair->mem[1];
	set_sizes(&client->conn, &server->conn, old->conn.mss,
		  be16_to_cpu(sa->mss));
	if (!mine || !fsk_across_watch(pair, mine, dev))
		goto err_pair;
	sock_hold(old->conn.sk);		/* @client's */
	fsk_conn_swap(&old->conn, &client->conn);
	if (!join(client, server, sa, dev, t, lsk, tomb)) {
		fsk_conn_swap(&client->conn, &old->conn);
		fsk_conn_forget(&client->conn);
		unmake_client(old->conn.sk);
		return false;
	}
	fsk_conn_forget(&old->conn);
	/* An end that was not there yet has missed it. */
	smp_mb();	/* the end, then the line; queue_work() has its like */
	if (fsk_across_cut(pair->line))
		fsk_pair_tell_line(pair);
	return true;

err_pair:
	discard(server);
	discard(client);
err_tomb:
	fsk_tomb_free(tomb);
	return false;
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
