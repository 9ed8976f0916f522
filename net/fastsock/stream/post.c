// SPDX-License-Identifier: GPL-2.0
/*
 * Posted receives: the pages of a waiting reader's buffer are pinned, filled
 * from softirq as data arrives in order, and given back.
 *
 * Why the pins are FOLL_LONGTERM: a reader may wait for ever, so its pages must
 * not hold up memory hot-remove or CMA; pinning moves them out of such zones.
 *
 * Why RLIMIT_MEMLOCK is not charged: that limit is for pins that outlive the
 * call that made them (io_uring and RDMA registrations, AF_XDP).  These belong
 * to one thread inside recv(), as with direct I/O and process_vm_readv(), are
 * bounded by FSK_POST_MAX per thread, and end with the call or the thread.
 * Charging them would refuse some programs what TCP gives them.
 *
 * Why only anonymous memory: the page of a file can leave the mapping under the
 * reader (truncation) where TCP's copy faults, and writing it through a pin
 * goes round the file system's write notification.
 */

#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

#include "base/compat.h"
#include "stream/post.h"

static bool all_anonymous(const struct fsk_post *post)
{
	unsigned int i;

	for (i = 0; i < post->nr; i++)
		if (!PageAnon(post->pages[i]))
			return false;
	return true;
}

/**
 * fsk_post_pin() - pin the start of a receive buffer
 * @to: where the receive stands in its buffer; not advanced
 * @len: bytes wanted at most; more than 0
 *
 * Pins up to FSK_POST_MAX bytes of the current segment.  Memory that cannot be
 * pinned shortens the stretch rather than failing the call, so that a receive
 * ends where a copy would have ended.
 *
 * Context: Process context of the buffer's owner, may sleep and fault.
 * Return: the stretch, to be freed by fsk_post_unpin(), or an ERR_PTR() after
 * which the caller copies as TCP does: -EOPNOTSUPP for memory that is not
 * anonymous or not user memory at all, -EFAULT, -EINTR when the thread is being
 * killed, -ENOMEM.
 */
struct fsk_post *fsk_post_pin(const struct iov_iter *to, size_t len)
{
	struct iov_iter at = *to;
	struct fsk_post *post;
	unsigned long addr;
	unsigned int want;
	int nr;

	if (!user_backed_iter(to) || !current->mm)
		return ERR_PTR(-EOPNOTSUPP);

	/* Steps over empty segments, so that the current one has bytes. */
	iov_iter_advance(&at, 0);
	addr = (unsigned long)fsk_iter_addr(&at);
	len = min3(len, iov_iter_single_seg_count(&at), (size_t)FSK_POST_MAX);
	if (!len)
		return ERR_PTR(-EFAULT);

	want = DIV_ROUND_UP(offset_in_page(addr) + len, PAGE_SIZE);
	post = kmalloc(struct_size(post, pages, want), GFP_KERNEL);
	if (!post)
		return ERR_PTR(-ENOMEM);

	nr = pin_user_pages_fast(addr, want, FOLL_WRITE | FOLL_LONGTERM,
				 post->pages);
	if (nr <= 0) {
		kfree(post);
		return ERR_PTR(nr ?: -EFAULT);
	}

	post->nr = nr;
	post->addr = addr;
	post->mm = current->mm;
	post->offset = offset_in_page(addr);
	post->len = min(len, nr * PAGE_SIZE - post->offset);
	post->filled = 0;
	post->busy = false;
	post->place = NULL;
	if (!all_anonymous(post)) {
		fsk_post_unpin(post);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return post;
}

/**
 * fsk_post_fill() - put received bytes into the pinned stretch
 * @post: the stretch
 * @skb: the bytes, linear or paged
 * @offset: where in @skb they begin
 * @len: how many there are
 *
 * Context: Any; the caller holds the spinlock of @post's socket.
 * Return: bytes taken, from the start of the range; less than @len when the
 * stretch is full.
 */
size_t fsk_post_fill(struct fsk_post *post, const struct sk_buff *skb,
		     int offset, size_t len)
{
	size_t left = len = min(len, post->len - post->filled);

	while (left) {
		size_t at = post->offset + post->filled;
		struct page *page = post->pages[at >> PAGE_SHIFT];
		size_t n = min(left, PAGE_SIZE - offset_in_page(at));
		char *to = kmap_local_page(page);
		int err;

		err = skb_copy_bits(skb, offset, to + offset_in_page(at), n);
		flush_dcache_page(page);
		kunmap_local(to);
		if (WARN_ON_ONCE(err))
			break;
		/* The reader looks without the lock. */
		WRITE_ONCE(post->filled, post->filled + n);
		offset += n;
		left -= n;
	}
	return len - left;
}

/**
 * fsk_post_copy() - put a program's bytes into the pinned stretch
 * @post: the stretch, @busy
 * @from: where the bytes are; advanced by what was taken
 * @len: bytes wanted
 *
 * Page faults are not served, so that it never sleeps.  The caller adds what
 * was taken to @filled.
 *
 * Context: Process context of the sender.
 * Return: bytes taken; less than @len when the stretch is full or @from would
 * fault.
 */
size_t fsk_post_copy(struct fsk_post *post, struct iov_iter *from, size_t len)
{
	size_t done = 0, at, n, got;

	len = min(len, post->len - post->filled);
	while (done < len) {
		at = post->offset + post->filled + done;
		n = min(len - done, PAGE_SIZE - offset_in_page(at));
		got = copy_page_from_iter_atomic(post->pages[at >> PAGE_SHIFT],
						 offset_in_page(at), n, from);
		done += got;
		if (got != n)
			break;
	}
	return done;
}

/**
 * fsk_post_filled() - fsk_post_copy() is over
 * @post: the stretch, @busy until now; it may be freed at once
 * @n: bytes that count as delivered
 *
 * The caller wakes @busy afterwards.
 *
 * Context: Any; the caller holds the spinlock of @post's socket.
 */
void fsk_post_filled(struct fsk_post *post, size_t n)
{
	/* The reader looks without the lock. */
	WRITE_ONCE(post->filled, post->filled + n);
	/* Pairs with fsk_post_settle(). */
	smp_store_release(&post->busy, false);
}

/**
 * fsk_post_close() - let no more bytes into the stretch
 * @post: the stretch
 *
 * Context: Any; the caller holds the spinlock of @post's socket.
 */
void fsk_post_close(struct fsk_post *post)
{
	post->len = post->filled;
}

/**
 * fsk_post_busy() - does somebody fill the stretch without a lock?
 * @post: the stretch, or NULL
 *
 * Context: Any; the caller holds the lock of @post's socket in either form, so
 * that nobody can begin to.
 * Return: false if no byte comes any more.
 */
bool fsk_post_busy(const struct fsk_post *post)
{
	/* Pairs with fsk_post_filled(). */
	return post && smp_load_acquire(&post->busy);
}

/**
 * fsk_post_settle() - wait until nobody fills the stretch without a lock
 * @post: the stretch; nobody can begin to any more
 *
 * Whoever does never sleeps meanwhile.
 *
 * Context: Process context, may sleep.
 */
void fsk_post_settle(struct fsk_post *post)
{
	if (unlikely(fsk_post_busy(post)))
		wait_var_event(&post->busy, !fsk_post_busy(post));
}

/* Bytes of the stretch that were written to page @i, and where they start. */
static size_t filled_in_page(const struct fsk_post *post, unsigned int i,
			     size_t *start)
{
	size_t end = post->offset + post->filled - i * PAGE_SIZE;

	*start = i ? 0 : post->offset;
	return min(end, PAGE_SIZE) - *start;
}

/*
 * Write page @i's bytes to where the buffer is now.  If nothing is there any
 * more, they were delivered just before it went.
 */
static void write_again(const struct fsk_post *post, unsigned int i)
{
	unsigned long addr = (post->addr & PAGE_MASK) + i * PAGE_SIZE;
	size_t start, len, lost;
	char *from;

	len = filled_in_page(post, i, &start);
	from = kmap_local_page(post->pages[i]);
	lost = copy_to_user((void __user *)(addr + start), from + start, len);
	kunmap_local(from);
	if (lost)
		pr_debug("posted buffer is gone: %zu bytes\n", lost);
}

/*
 * Another thread may have replaced pages of the buffer since they were pinned
 * (MADV_DONTNEED, a new mapping).  TCP would have copied to the new ones.
 */
static void settle(const struct fsk_post *post, unsigned int dirty)
{
	unsigned long addr = post->addr & PAGE_MASK;
	unsigned int i, first, n;
	struct page *now[16];
	int got;

	if (current->mm != post->mm)
		return;
	for (first = 0; first < dirty; first += n) {
		n = min_t(unsigned int, dirty - first, ARRAY_SIZE(now));
		got = get_user_pages_fast_only(addr + first * PAGE_SIZE, n,
					       FOLL_WRITE, now);
		for (i = 0; i < n; i++) {
			if ((int)i >= got || now[i] != post->pages[first + i])
				write_again(post, first + i);
			if ((int)i < got)
				put_page(now[i]);
		}
	}
}

/**
 * fsk_post_unpin() - give the pages back
 * @post: the stretch, on no connection any more; freed
 *
 * Afterwards the buffer, as it is mapped now, has the bytes.  Pages that were
 * written are marked dirty: nothing else tells reclaim, for the page tables did
 * not see the writes.
 *
 * Context: Process context of the thread that pinned, may sleep and fault.
 */
void fsk_post_unpin(struct fsk_post *post)
{
	unsigned int dirty = 0;

	if (post->filled) {
		dirty = DIV_ROUND_UP(post->offset + post->filled, PAGE_SIZE);
		settle(post, dirty);
	}
	unpin_user_pages_dirty_lock(post->pages, dirty, true);
	unpin_user_pages(post->pages + dirty, post->nr - dirty);
	kfree(post);
}
