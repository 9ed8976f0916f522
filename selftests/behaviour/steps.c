// SPDX-License-Identifier: GPL-2.0
/* Steps that rows of several files take. */
#include "behaviour.h"

void give_flags(int fd, const char *text, int flags)
{
	long n = strlen(text);

	if (send(fd, text, n, flags | MSG_NOSIGNAL) != n)
		broken("send");
}

void give(int fd, const char *text)
{
	give_flags(fd, text, 0);
}

void give_now(int from, int to, const char *text)
{
	int before = fsk_unread(to);

	give(from, text);
	AWAIT(fsk_unread(to) == before + (int)strlen(text));
}

long urge(int fd, const char *text)
{
	long n = send(fd, text, strlen(text), MSG_OOB | MSG_NOSIGNAL);

	if (n != (long)strlen(text))
		broken("urgent send");
	return n;
}

void take(const char *what, int fd, size_t len, int flags)
{
	char buf[64] = "";
	long n;

	errno = 0;
	n = recv(fd, buf, len, flags);
	say_bytes(what, buf, n);
}

int unacked(int fd)
{
	int n = -1;

	return ioctl(fd, TIOCOUTQ, &n) ? -1 : n;
}

void begin_call(struct fsk_call *b, void *(*call)(void *))
{
	b->tid = 0;
	b->done = false;
	b->thread = thread(call, b);
	AWAIT(b->tid);
	await_sleep(b->tid);
}

void begin_read(struct fsk_call *r)
{
	begin_call(r, fsk_read_once);
}

long end_call(const char *what, struct fsk_call *b)
{
	await_thread(b->thread);
	errno = b->error;
	return say(what, b->n);
}

void end_read(const char *what, struct fsk_call *r)
{
	await_thread(r->thread);
	errno = r->error;
	say_bytes(what, r->buf, r->n);
}

static void *poll_once(void *arg)
{
	struct poller *p = arg;
	struct pollfd pfd = { p->fd, p->want };

	p->tid = gettid();
	if (poll(&pfd, 1, 20000) > 0)
		p->events = pfd.revents;
	p->done = true;
	return NULL;
}

void begin_poll(struct poller *p, int fd, int want)
{
	*p = (struct poller){ .fd = fd, .want = want };
	p->id = thread(poll_once, p);
	AWAIT(p->tid);
	await_sleep(p->tid);
}
