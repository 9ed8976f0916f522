/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that faults for as long as a test likes. */
#ifndef FSK_TRAP_H
#define FSK_TRAP_H

#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fsk_test.h"

/* A page that is not there before somebody says so. */
struct fsk_trap {
	int uffd;
	char *page;
};

enum { FSK_PAGE = 4096 };

static FSK_UNUSED int fsk_set_trap(struct fsk_trap *t)
{
	struct uffdio_register range = {
		.range.len = FSK_PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };

	t->page = mmap(NULL, FSK_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)t->page;
	t->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	return t->page == MAP_FAILED || t->uffd < 0 ||
	       ioctl(t->uffd, UFFDIO_API, &api) ||
	       ioctl(t->uffd, UFFDIO_REGISTER, &range) ? -1 : 0;
}

static FSK_UNUSED bool fsk_is_trapped(const struct fsk_trap *t)
{
	struct pollfd poller = { .fd = t->uffd, .events = POLLIN };

	return poll(&poller, 1, 20000) == 1 && poller.revents == POLLIN;
}

static FSK_UNUSED int fsk_let_go(const struct fsk_trap *t)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)t->page, .len = FSK_PAGE },
	};

	return ioctl(t->uffd, UFFDIO_ZEROPAGE, &zero);
}

static FSK_UNUSED void fsk_free_trap(const struct fsk_trap *t)
{
	close(t->uffd);
	munmap(t->page, FSK_PAGE);
}

/* A thread that sends such a page. */
struct fsk_page_sender {
	int fd;
	const char *page;
	ssize_t sent;
};

static FSK_UNUSED void *fsk_send_page(void *argument)
{
	struct fsk_page_sender *s = argument;

	s->sent = send(s->fd, s->page, FSK_PAGE, 0);
	return NULL;
}

#endif /* FSK_TRAP_H */
