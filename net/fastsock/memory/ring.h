/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes in memory between one writer and one reader. */
#ifndef _FSK_RING_H
#define _FSK_RING_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <asm/barrier.h>

struct sock;

/* Unread bytes at most; numbers that far apart can still be compared. */
#define FSK_RING_MAX	0x7f000000U

/**
 * struct fsk_chunk - memory for stream bytes
 * @next: the chunk that follows; stored once, by the writer
 * @size: bytes of @data
 * @order: log2 of its pages, or FSK_CHUNK_KMALLOC
 * @depth: of a cached chunk: how many follow
 * @data: bytes
 */
struct fsk_chunk {
	struct fsk_chunk *next;
	u32 size;
	u8 order;
	u8 depth;
	char data[];
};

/**
 * struct fsk_ring - one direction of a connection in memory
 * @last: chunk that is being filled; the writer's
 * @filled: bytes in @last; the writer's
 * @withheld: bytes that were written and are not to be published yet; the
 *	writer's
 * @head: number of the next byte to be published; stored by the writer
 * @window: bytes beyond @tail that count as received, as if they were in the
 *	receive buffer of TCP; stored by either
 * @waiting: unread bytes beyond @window, or 1 if there is no memory: the writer
 *	wants to hear of space; stored by the writer
 * @segs: how often something was published, for TCP_INFO; the writer's
 * @writer_cache: chunks to be filled again, taken from @reader_cache; the
 *	writer's
 * @stamp: when bytes were last published, wall-clock time, if the receiver
 *	wants to know; stored by the writer
 * @last_byte: the byte before @last; the writer's
 * @grown: it has got a chunk since fsk_ring_trim(); the writer's
 * @low: fewest cached chunks since then; the writer's
 * @starved: there was no memory for what was to be written; it may be tried
 *	again when fsk_ring_may_write() says so, or after a while; the writer's
 * @reader_cache: chunks that were read and may be filled again; the reader adds
 *	one, the writer takes all, both by xchg()
 * @first: chunk that is being emptied; the reader's once @head says that it has
 *	bytes
 * @taken: bytes taken from @first; the reader's, or the writer's while nothing
 *	is unread, and so is @first
 * @tail: number of the next byte to be taken; stored by the reader
 *
 * Memory is a chain of chunks that grows with what is unread; no byte is ever
 * moved.  Chunks that were read are kept for a while, because new ones are
 * expensive where the allocator clears them.  Only @head, @tail, @reader_cache
 * and the links of the chain are used by both writer and reader.  While head
 * equals tail the reader touches no chunk.
 *
 * The writer is whoever owns the sender's socket, the reader whoever owns the
 * receiver's.
 *
 * First stands what the writer stores for each message, last what the reader
 * does, and what both seldom touch in between.  struct fsk_pair has two rings
 * one after the other, so that what the reader of the first one stores shares a
 * cache line with what it stores as the writer of the second.
 */
struct fsk_ring {
	/* The writer's. */
	struct fsk_chunk *last;
	u32 filled;
	u32 withheld;
	u32 head;
	u32 window;
	u32 waiting;
	u32 segs;
	/* The writer's, for each chunk. */
	struct fsk_chunk *writer_cache;
	ktime_t stamp;
	u8 last_byte;
	bool starved;
	bool grown;
	u16 low;
	/* Both, for each chunk. */
	struct fsk_chunk *reader_cache;
	/* The reader's. */
	struct fsk_chunk *first;
	u32 taken;
	u32 tail;
};

/* Bytes to be read.  The reader. */
static inline u32 fsk_ring_unread(const struct fsk_ring *ring)
{
	/* Pairs with fsk_ring_publish(). */
	return smp_load_acquire(&ring->head) - ring->tail;
}

/* Bytes from number @seq on, read or not; 0 if there are none.  Anybody. */
static inline u32 fsk_ring_beyond(const struct fsk_ring *ring, u32 seq)
{
	/* Pairs with fsk_ring_publish(). */
	s32 n = smp_load_acquire(&ring->head) - seq;

	return max(n, 0);
}

/* Bytes that the reader has not taken, withheld ones too.  The writer. */
static inline u32 fsk_ring_used(const struct fsk_ring *ring)
{
	/* Pairs with fsk_ring_take(). */
	return ring->head + ring->withheld - smp_load_acquire(&ring->tail);
}

/* Does it hold memory?  A guess unless the writer asks. */
static inline bool fsk_ring_has_memory(const struct fsk_ring *ring)
{
	return READ_ONCE(ring->last) || READ_ONCE(ring->writer_cache) ||
	       READ_ONCE(ring->reader_cache);
}

/* Has it room for a byte, without new memory?  The writer. */
static inline bool fsk_ring_may_write(const struct fsk_ring *ring)
{
	return ring->writer_cache || READ_ONCE(ring->reader_cache) ||
	       (ring->last && (ring->filled < ring->last->size ||
			       !fsk_ring_used(ring)));
}

/* Have the reader see @n more of the bytes that were written.  The writer. */
static inline void fsk_ring_publish(struct fsk_ring *ring, u32 n)
{
	/* Pairs with fsk_ring_unread(). */
	smp_store_release(&ring->head, ring->head + n);
}

/* @n bytes went past the ring.  The writer; the reader leaves it alone. */
static inline void fsk_ring_skip(struct fsk_ring *ring, u32 n)
{
	WRITE_ONCE(ring->tail, ring->tail + n);
	fsk_ring_publish(ring, n);
}

int fsk_ring_write_long(struct fsk_ring *ring, struct sock *sk,
			struct iov_iter *from, size_t len);
u8 fsk_ring_last_byte(const struct fsk_ring *ring);
struct fsk_chunk *fsk_ring_find(const struct fsk_ring *ring, u32 off, u32 *at);
void fsk_ring_copy(const struct fsk_ring *ring, u32 off, void *to, size_t len);
void fsk_ring_pass(struct fsk_ring *ring);
unsigned long fsk_ring_cached_pages(void);
unsigned long fsk_ring_drop_cache(struct fsk_ring *ring);
void fsk_ring_trim(struct fsk_ring *ring);
void fsk_ring_purge(struct fsk_ring *ring);

/**
 * fsk_ring_write - copy bytes in, which fsk_ring_publish() then publishes
 * @ring: ring
 * @sk: the writer's socket
 * @from: where the bytes are; advanced by what was taken
 * @len: bytes wanted, more than 0
 *
 * Context: process, may sleep and fault; the caller owns @sk, which is the
 * ring's writer.
 * Return: bytes taken, more than 0; -EFAULT if the first could not be read;
 * -ENOMEM, and @ring->starved, if it is better to wait.
 */
static __always_inline int fsk_ring_write(struct fsk_ring *ring,
					  struct sock *sk,
					  struct iov_iter *from, size_t len)
{
	struct fsk_chunk *chunk = ring->last;
	size_t got;

	/* All was read: use the same memory again, it is in the CPU's cache. */
	if (!fsk_ring_used(ring) && likely(ring->first == chunk)) {
		ring->filled = 0;
		ring->taken = 0;
	}
	if (unlikely(!chunk || len > chunk->size - ring->filled))
		return fsk_ring_write_long(ring, sk, from, len);
	got = _copy_from_iter(chunk->data + ring->filled, len, from);
	if (unlikely(got != len)) {
		iov_iter_revert(from, got);
		return -EFAULT;
	}
	ring->filled += len;
	return len;
}

/**
 * fsk_ring_read - copy unread bytes out; they stay unread
 * @ring: ring
 * @off: bytes to skip
 * @to: where to; advanced
 * @len: bytes wanted; with @off no more than are unread, and more than 0
 *
 * It stops at the end of a chunk.
 *
 * Context: process, may sleep and fault; the reader.
 * Return: bytes copied; 0 if @to faults before them all.
 */
static __always_inline size_t fsk_ring_read(const struct fsk_ring *ring,
					    u32 off, struct iov_iter *to,
					    size_t len)
{
	const struct fsk_chunk *chunk = ring->first;
	u32 at = ring->taken + off;
	size_t n, got;

	if (unlikely(at >= chunk->size))
		chunk = fsk_ring_find(ring, off, &at);
	n = min_t(size_t, len, chunk->size - at);
	got = _copy_to_iter(chunk->data + at, n, to);
	if (likely(got == n))
		return n;
	iov_iter_revert(to, got);
	return 0;
}

/**
 * fsk_ring_take - forget bytes that have been read
 * @ring: ring
 * @len: how many, no more than are unread
 *
 * Context: the reader.
 */
static inline void fsk_ring_take(struct fsk_ring *ring, u32 len)
{
	ring->taken += len;
	if (unlikely(!ring->first || ring->taken >= ring->first->size))
		fsk_ring_pass(ring);
	/*
	 * Nothing is read from the chunks any more: pairs with
	 * fsk_ring_used().
	 */
	smp_store_release(&ring->tail, ring->tail + len);
}

#endif /* _FSK_RING_H */
