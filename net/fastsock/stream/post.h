/* SPDX-License-Identifier: GPL-2.0 */
/* Posted receives: pin user pages, fill them from softirq, unpin. */
#ifndef _FSK_POST_H
#define _FSK_POST_H

#include <linux/types.h>

struct fsk_place;
struct iov_iter;
struct mm_struct;
struct page;
struct sk_buff;

/* Longest stretch of one receive that is pinned at a time, bytes. */
#define FSK_POST_MAX	(256 * 1024)

/**
 * struct fsk_post - a pinned stretch of the caller's buffer
 * @len: bytes pinned
 * @filled: bytes written so far, from the start
 * @addr: where the stretch begins in the owner's address space
 * @mm: that address space, only to compare
 * @offset: where in the first page the stretch begins, bytes
 * @busy: somebody fills it without a lock: the owner has to wait
 * @place: its beginning may be written to by the other end's device; the
 *	owner has to withdraw it.  NULL if not
 * @nr: pages
 * @pages: the pages, in order
 *
 * The owner (a thread in recv) makes and frees it; between hanging it on the
 * connection and taking it off, only the holder of the socket's spinlock fills.
 */
struct fsk_post {
	size_t len;
	size_t filled;
	unsigned long addr;
	const struct mm_struct *mm;
	size_t offset;
	bool busy;
	struct fsk_place *place;
	unsigned int nr;
	struct page *pages[];
};

struct fsk_post *fsk_post_pin(const struct iov_iter *to, size_t len);
size_t fsk_post_fill(struct fsk_post *post, const struct sk_buff *skb,
		     int offset, size_t len);
size_t fsk_post_copy(struct fsk_post *post, struct iov_iter *from, size_t len);
bool fsk_post_busy(const struct fsk_post *post);
void fsk_post_settle(struct fsk_post *post);
void fsk_post_filled(struct fsk_post *post, size_t n);
void fsk_post_close(struct fsk_post *post);
void fsk_post_unpin(struct fsk_post *post);

#endif /* _FSK_POST_H */
