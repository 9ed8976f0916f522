/* SPDX-License-Identifier: GPL-2.0 */
/* A thread inside a blocking call on a socket, and what the call returns. */
#ifndef FSK_CALL_H
#define FSK_CALL_H

#include "fsk_test.h"

struct fsk_call {
	int fd;
	void *buf;
	size_t len;
	int flags;
	pthread_t thread;
	pid_t tid;	/* 0 before the thread runs */
	long n;		/* what the call returned, */
	int error;	/* and errno then */
	bool done;
};

/* A thread's function makes its call between these two. */
static FSK_UNUSED void fsk_call_begins(struct fsk_call *b)
{
	__atomic_store_n(&b->tid, gettid(), __ATOMIC_RELEASE);
}

static FSK_UNUSED void *fsk_call_ends(struct fsk_call *b, long n)
{
	b->n = n;
	b->error = errno;
	__atomic_store_n(&b->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The function of a thread that reads. */
static FSK_UNUSED void *fsk_read_once(void *arg)
{
	struct fsk_call *b = arg;

	fsk_call_begins(b);
	return fsk_call_ends(b, recv(b->fd, b->buf, b->len, b->flags));
}

/* Does the thread run, and is it asleep? */
static FSK_UNUSED bool fsk_is_asleep(const struct fsk_call *b)
{
	pid_t tid = __atomic_load_n(&b->tid, __ATOMIC_ACQUIRE);

	return tid && fsk_task_state(tid) == 'S';
}

#endif /* FSK_CALL_H */
