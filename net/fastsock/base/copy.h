/* SPDX-License-Identifier: GPL-2.0 */
/* Copies within the kernel, and between its pages and memory of programs. */
#ifndef _FSK_COPY_H
#define _FSK_COPY_H

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uio.h>

#define FSK_COPY_LONG	680	/* bytes */

/**
 * fsk_copy - as memcpy(), for what may be hundreds of bytes
 * @to: where to
 * @from: where from
 * @len: bytes
 *
 * memcpy() of x86 is a loop, unless the processor copies even a few bytes fast
 * by one instruction.  Its memmove() uses such an instruction on nearly all
 * processors, some of which need so many bytes for that, equally aligned.
 *
 * Context: any.
 */
static inline void fsk_copy(void *to, const void *from, size_t len)
{
	if (len < FSK_COPY_LONG)
		memcpy(to, from, len);
	else
		memmove(to, from, len);
}

/*
 * The kernel's own functions copy page by page, because a page may have to be
 * mapped.  Where none has to be, what lies in contiguous pages goes at once.
 * The caller knows that it does, so that is not checked.
 */

/**
 * fsk_copy_from_iter - as copy_page_from_iter()
 * @page: where to
 * @off: bytes into it, or into what is contiguous with it
 * @len: bytes
 * @from: where from
 *
 * Context: process; may sleep unless page faults are off.
 * Return: bytes copied, fewer if the program's memory faults.
 */
static inline size_t fsk_copy_from_iter(struct page *page, size_t off,
					size_t len, struct iov_iter *from)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return copy_page_from_iter(page, off, len, from);
	return _copy_from_iter(page_address(page) + off, len, from);
}

/**
 * fsk_copy_to_iter - as copy_page_to_iter()
 * @page: where from
 * @off: bytes into it, or into what is contiguous with it
 * @len: bytes
 * @to: where to
 *
 * Context: process; may sleep unless page faults are off.
 * Return: bytes copied, fewer if the program's memory faults.
 */
static inline size_t fsk_copy_to_iter(struct page *page, size_t off, size_t len,
				      struct iov_iter *to)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		return copy_page_to_iter(page, off, len, to);
	return _copy_to_iter(page_address(page) + off, len, to);
}

#endif /* _FSK_COPY_H */
