// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes in memory between one writer and one reader.
 *
 * Chunks belong to no socket, because either end may go first.  They are
 * charged to TCP's memory (tcp_mem), and by the page allocator to the memory
 * cgroup of the thread that writes.  When there is no memory fsk_ring_write()
 * says so, and the writer waits.
 */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "memory/ring.h"

/* Bytes, header included, of the first chunk if the first message fits. */
#define FSK_CHUNK_SMALL	512
#define FSK_CHUNK_KMALLOC	0xff	/* the "order" of such a chunk */
/* The page allocator has lists for each processor of up to 32 KiB blocks. */
#define FSK_CHUNK_ORDER	3
/* If more bytes are unread, even small writes get large chunks. */
#define FSK_RING_BUSY	8192
/* Chunks that are cached, at most: what a window may hold. */
#define FSK_RING_CACHE	128
/* The same while TCP is short of memory. */
#define FSK_RING_CACHE_FEW	1
/* Pages that a processor charges before it updates the sum: 1 MiB, as TCP. */
#define FSK_CHARGE_BATCH	((1 << 20) >> PAGE_SHIFT)

/* Pages of cached chunks; only the sum over all processors means something. */
static DEFINE_PER_CPU(long, cached_pages);

/*
 * Add to TCP's count of pages, as sk_memory_allocated_add() does, but without a
 * socket.
 */
static void charge(int pages)
{
	int val = this_cpu_add_return(*tcp_prot.per_cpu_fw_alloc, pages);

	if (likely(abs(val) < FSK_CHARGE_BATCH))
		return;
	val = this_cpu_xchg(*tcp_prot.per_cpu_fw_alloc, 0);
	atomic_long_add(val, tcp_prot.memory_allocated);
}

static unsigned int chunk_pages(const struct fsk_chunk *chunk)
{
	return chunk->order == FSK_CHUNK_KMALLOC ? 0 : 1 << chunk->order;
}

static void chunk_free(struct fsk_chunk *chunk)
{
	unsigned int order = chunk->order;

	if (order == FSK_CHUNK_KMALLOC) {
		kfree(chunk);
		return;
	}
	charge(-(1 << order));
	free_pages((unsigned long)chunk, order);
}

/* May the socket take more of TCP's memory, as tcp_mem limits it? */
static bool may_grow(struct sock *sk)
{
	long allocated = atomic_long_read(tcp_prot.memory_allocated);

	if (likely(allocated <= sk_prot_mem_limits(sk, 1))) {
		/* Without TCP connections only we see that pressure is over. */
		if (unlikely(READ_ONCE(*tcp_prot.memory_pressure)) &&
		    allocated <= sk_prot_mem_limits(sk, 0))
			sk->sk_prot->leave_memory_pressure(sk);
		return true;
	}
	if (!tcp_under_memory_pressure(sk))
		sk->sk_prot->enter_memory_pressure(sk);
	return allocated <= sk_prot_mem_limits(sk, 2);
}

/* Each ring may have one page, whatever the limits, to make progress. */
static bool has_page(const struct fsk_ring *ring)
{
	return ring->last && ring->last->order != FSK_CHUNK_KMALLOC;
}

static struct fsk_chunk *chunk_init(struct fsk_chunk *chunk, u32 size,
				    unsigned int order)
{
	chunk->next = NULL;
	chunk->size = size - sizeof(*chunk);
	chunk->order = order;
	return chunk;
}

/* TCP's memory is counted in pages, so this is not charged to it. */
static struct fsk_chunk *chunk_alloc_small(struct sock *sk)
{
	struct fsk_chunk *chunk;

	chunk = kmalloc(FSK_CHUNK_SMALL, sk->sk_allocation | __GFP_ACCOUNT |
			__GFP_NOWARN | __GFP_NORETRY);
	return chunk ? chunk_init(chunk, FSK_CHUNK_SMALL, FSK_CHUNK_KMALLOC) :
		       NULL;
}

static struct fsk_chunk *chunk_alloc(struct sock *sk, unsigned int order)
{
	struct fsk_chunk *chunk;
	gfp_t gfp = sk->sk_allocation | __GFP_ACCOUNT | __GFP_NOWARN |
		    __GFP_NORETRY;

	chunk = (void *)__get_free_pages(gfp, order);
	if (!chunk)
		return NULL;
	charge(1 << order);
	return chunk_init(chunk, PAGE_SIZE << order, order);
}

static void chain_free(struct fsk_chunk *chunk)
{
	struct fsk_chunk *next;

	for (; chunk; chunk = next) {
		next = chunk->next;
		chunk_free(chunk);
	}
}

/*
 * The reader has emptied a chunk: cache or free it.  Only the reader adds to
 * the list, and the writer takes nothing less than all, so that between xchg()
 * and the store nobody else changes it.
 */
static void recycle(struct fsk_ring *ring, struct fsk_chunk *chunk)
{
	struct fsk_chunk *rest = xchg(&ring->reader_cache, NULL);
	unsigned int max = unlikely(READ_ONCE(*tcp_prot.memory_pressure)) ?
			   FSK_RING_CACHE_FEW : FSK_RING_CACHE;

	chunk->depth = rest ? rest->depth + 1 : 0;
	if (chunk->depth < max) {
		this_cpu_add(cached_pages, chunk_pages(chunk));
		chunk->next = rest;
		rest = chunk;
	} else {
		chunk_free(chunk);
	}
	/* Pairs with xchg() in take_cached(). */
	smp_store_release(&ring->reader_cache, rest);
}

/* A cached chunk, NULL if there is none.  The writer. */
static struct fsk_chunk *take_cached(struct fsk_ring *ring)
{
	struct fsk_chunk *chunk = ring->writer_cache;

	if (!chunk)
		chunk = xchg(&ring->reader_cache, NULL);
	if (!chunk)
		return NULL;
	ring->writer_cache = chunk->next;
	this_cpu_sub(cached_pages, chunk_pages(chunk));
	return chunk;
}

/* How many chunks are cached.  The writer; the reader frees none of them. */
static unsigned int cached_chunks(const struct fsk_ring *ring)
{
	const struct fsk_chunk *spare = READ_ONCE(ring->reader_cache);

	return (ring->writer_cache ? ring->writer_cache->depth + 1 : 0) +
	       (spare ? spare->depth + 1 : 0);
}

/* Is @chunk smaller than @order, or not even a page? */
static bool too_small(const struct fsk_chunk *chunk, unsigned int order)
{
	return chunk->order == FSK_CHUNK_KMALLOC || chunk->order < order;
}

/*
 * A cached chunk, or NULL.  One that is too small is freed instead, if a larger
 * one may be allocated.
 */
static struct fsk_chunk *reuse(struct fsk_ring *ring, struct sock *sk,
			       unsigned int order)
{
	struct fsk_chunk *chunk = take_cached(ring);

	ring->low = min_t(u16, ring->low, cached_chunks(ring));
	if (!chunk)
		return NULL;
	if (too_small(chunk, order) && may_grow(sk)) {
		chunk_free(chunk);
		return NULL;
	}
	chunk->next = NULL;
	return chunk;
}

static struct fsk_chunk *grow(struct fsk_ring *ring, struct sock *sk,
			      size_t len)
{
	struct fsk_chunk *chunk;
	unsigned int order = 0;

	/* As large as all that is unread, up to the maximum. */
	if (fsk_ring_used(ring) > FSK_RING_BUSY)
		len = max_t(size_t, len, fsk_ring_used(ring));
	if (len > PAGE_SIZE - sizeof(*chunk))
		order = min_t(unsigned int, get_order(len + sizeof(*chunk)),
			      FSK_CHUNK_ORDER);
	chunk = reuse(ring, sk, order);
	if (!chunk && !ring->last && len <= FSK_CHUNK_SMALL - sizeof(*chunk))
		chunk = chunk_alloc_small(sk);
	if (!chunk && unlikely(!may_grow(sk))) {
		if (has_page(ring))
			goto starved;
		order = 0;
	}
	if (!chunk && order)
		chunk = chunk_alloc(sk, order);
	if (!chunk)
		chunk = chunk_alloc(sk, 0);
	if (unlikely(!chunk))
		goto starved;
	ring->starved = false;
	ring->grown = true;
	if (ring->last) {
		ring->last_byte = ring->last->data[ring->last->size - 1];
		/* Pairs with fsk_ring_pass(), which may free @last at once. */
		smp_store_release(&ring->last->next, chunk);
	} else {
		ring->first = chunk;
	}
	ring->last = chunk;
	ring->filled = 0;
	return chunk;

starved:
	ring->starved = true;
	return NULL;
}

/**
 * fsk_ring_write_long - fsk_ring_write() if one chunk is not enough
 * @ring: ring
 * @sk: the writer's socket
 * @from: where the bytes are; advanced by what was taken
 * @len: bytes wanted, more than 0
 *
 * Context: process, may sleep and fault; the caller owns @sk, which is the
 * ring's writer.
 * Return: as fsk_ring_write().
 */
int fsk_ring_write_long(struct fsk_ring *ring, struct sock *sk,
			struct iov_iter *from, size_t len)
{
	struct fsk_chunk *chunk = ring->last;
	size_t done = 0, n, got;

	do {
		if (!chunk || ring->filled == chunk->size) {
			chunk = grow(ring, sk, len - done);
			if (unlikely(!chunk))
				return done ?: -ENOMEM;
		}
		n = min_t(size_t, len - done, chunk->size - ring->filled);
		got = _copy_from_iter(chunk->data + ring->filled, n, from);
		if (unlikely(got != n)) {
			iov_iter_revert(from, got);
			return done ?: -EFAULT;
		}
		ring->filled += n;
		done += n;
	} while (done < len);
	return done;
}

/**
 * fsk_ring_last_byte - the byte that was written last
 * @ring: ring into which fsk_ring_write() has just put something
 *
 * Context: the writer.
 * Return: the byte.
 */
u8 fsk_ring_last_byte(const struct fsk_ring *ring)
{
	/* A new chunk is empty if the bytes for it could not be read. */
	return ring->filled ? ring->last->data[ring->filled - 1] :
			      ring->last_byte;
}

/**
 * fsk_ring_find - in which chunk is a byte, and where?
 * @ring: ring
 * @off: bytes after the first unread one; fewer than are unread
 * @at: where to put its place in the chunk
 *
 * Context: the reader.
 * Return: its chunk.
 */
struct fsk_chunk *fsk_ring_find(const struct fsk_ring *ring, u32 off, u32 *at)
{
	struct fsk_chunk *chunk = ring->first;
	u32 pos = ring->taken + off;

	while (pos >= chunk->size) {
		pos -= chunk->size;
		chunk = READ_ONCE(chunk->next);
	}
	*at = pos;
	return chunk;
}

/**
 * fsk_ring_copy - copy unread bytes to kernel memory; they stay unread
 * @ring: ring
 * @off: bytes to skip
 * @to: where to
 * @len: bytes; with @off no more than are unread
 *
 * Context: the reader.
 */
void fsk_ring_copy(const struct fsk_ring *ring, u32 off, void *to, size_t len)
{
	const struct fsk_chunk *chunk;
	size_t n;
	u32 at;

	while (len) {
		chunk = fsk_ring_find(ring, off, &at);
		n = min_t(size_t, len, chunk->size - at);
		memcpy(to, chunk->data + at, n);
		to += n;
		off += n;
		len -= n;
	}
}

/**
 * fsk_ring_pass - recycle chunks that were read to their end
 * @ring: ring
 *
 * Context: the reader.
 */
void fsk_ring_pass(struct fsk_ring *ring)
{
	struct fsk_chunk *next;

	while (ring->first && ring->taken >= ring->first->size) {
		/* Pairs with grow(). */
		next = smp_load_acquire(&ring->first->next);
		if (!next)
			break;
		ring->taken -= ring->first->size;
		recycle(ring, ring->first);
		ring->first = next;
	}
}

/**
 * fsk_ring_cached_pages - how many pages would fsk_ring_drop_cache() free?
 *
 * Context: any.
 * Return: pages of the cached chunks of all rings, about.
 */
unsigned long fsk_ring_cached_pages(void)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(cached_pages, cpu);
	return max(sum, 0L);
}

/**
 * fsk_ring_drop_cache - free all cached chunks
 * @ring: ring
 *
 * Context: any; the caller is the writer, or there is none.
 * Return: pages.
 */
unsigned long fsk_ring_drop_cache(struct fsk_ring *ring)
{
	struct fsk_chunk *chunk;
	unsigned long pages = 0;

	while ((chunk = take_cached(ring))) {
		pages += chunk_pages(chunk);
		chunk_free(chunk);
	}
	ring->low = 0;
	return pages;
}

/**
 * fsk_ring_trim - free what was not needed since the last call
 * @ring: ring that is in use
 *
 * That is, chunks that were cached all the time.  And if nothing is unread, and
 * one large chunk has been enough, that one too: the next may be smaller.
 *
 * Context: any; the caller is the writer.
 */
void fsk_ring_trim(struct fsk_ring *ring)
{
	struct fsk_chunk *chunk;

	for (; ring->low; ring->low--) {
		chunk = take_cached(ring);
		if (!chunk)
			break;
		chunk_free(chunk);
	}
	if (!ring->grown && ring->last && !fsk_ring_used(ring) &&
	    !too_small(ring->last, 1))
		fsk_ring_purge(ring);
	ring->low = cached_chunks(ring);
	ring->grown = false;
}

/**
 * fsk_ring_purge - free all memory
 * @ring: ring
 *
 * What is unread is lost.
 *
 * Context: any; the caller is the writer, and the reader, too, if anything is
 * unread.
 */
void fsk_ring_purge(struct fsk_ring *ring)
{
	fsk_ring_drop_cache(ring);
	chain_free(ring->first);
	ring->first = NULL;
	ring->last = NULL;
	ring->filled = 0;
	ring->taken = 0;
	ring->withheld = 0;
	ring->starved = false;
}
