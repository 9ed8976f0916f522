// SPDX-License-Identifier: GPL-2.0
/* F: poll, select and epoll. */
#include "behaviour.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <sys/epoll.h>
#include <sys/select.h>

#ifndef SO_SELECT_ERR_QUEUE
#define SO_SELECT_ERR_QUEUE	45
#endif

static void give_and_wait(int from, int to, const char *text)
{
	give_now(from, to, text);
	fsk_sleep_ms(10);	/* whoever is to be woken has been */
}

static void finish(int by, int told)
{
	shutdown(by, SHUT_WR);
	AWAIT(fsk_events(told) & POLLRDHUP);
	fsk_sleep_ms(10);
}

static void reset(int by, int told)
{
	fsk_set_linger(by, 0);
	close(by);
	AWAIT(fsk_events(told) & POLLERR);
	fsk_sleep_ms(10);
}

/* Sends a text whose last byte is urgent. */
/* Reads whatever is there. */
static long drain(int fd)
{
	char buf[4096];
	long n, all = 0;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		all += n;
	return all;
}

/* A pair with small buffers: little fills them. */
static void small_pair(int *c, int *s)
{
	uint16_t port;
	int lfd = server_socket(0);

	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, 8192);
	port = listen_on(lfd, 1);
	*c = client_socket(0);
	fsk_set_int(*c, SOL_SOCKET, SO_SNDBUF, 32768);
	pair_on(*c, lfd, port, s);
	close(lfd);
}

static int events_of(int fd, int wanted)
{
	struct pollfd pfd = { fd, wanted };

	return poll(&pfd, 1, 0) < 0 ? -1 : pfd.revents;
}

ALONE("F1", "a fresh socket can be written and is hung up")
{
	int fd = client_socket(0);

	say_events("fresh", fsk_events(fd));
	note("every bit %x", events_of(fd, 0xffff));
	SAY(fsk_bind(fd, here->client_ip, 0));
	say_events("bound", fsk_events(fd));
	SAY(listen(fd, 1));
	say_events("listening", fsk_events(fd));
	note("every bit %x", events_of(fd, 0xffff));
	SAY(close(fd));
	say_events("closed", fsk_events(fd));
}

FAST("F1", "a listener can be read only while a connection waits")
{
	uint16_t port;
	int lfd = listener(2, &port), one = client_socket(0);
	int two = client_socket(0);

	say_events("none", fsk_events(lfd));
	SAY(dial(one, port));
	AWAIT(fsk_events(lfd));
	say_events("one", fsk_events(lfd));
	note("every bit %x", events_of(lfd, 0xffff));
	SAY(dial(two, port));
	SAY(accept(lfd, NULL, NULL) >= 0);
	AWAIT(fsk_events(lfd));
	say_events("one left", fsk_events(lfd));
	SAY(accept(lfd, NULL, NULL) >= 0);
	say_events("none left", fsk_events(lfd));
}

FAST("F1", "a pending connect() says nothing until it is connected")
{
	uint16_t port;
	int lfd = listener(0, &port), one = client_socket(0);
	int two = client_socket(SOCK_NONBLOCK), s;

	SAY(dial(one, port));
	AWAIT(fsk_events(lfd));
	SAY(dial(two, port));
	fsk_sleep_ms(50);
	say_events("pending", fsk_events(two));
	note("every bit %x", events_of(two, 0xffff));
	s = accept(lfd, NULL, NULL);
	SAY(s >= 0);
	AWAIT(fsk_events(two));
	say_events("connected", fsk_events(two));
	SAY(fsk_int_option(two, SOL_SOCKET, SO_ERROR));
}

FAST("F2", "a connected socket: idle, with data, at its end")
{
	int c, s;

	pair(&c, &s);
	say_events("idle client", fsk_events(c));
	say_events("idle server", fsk_events(s));
	note("every bit %x", events_of(c, 0xffff));
	give_and_wait(s, c, "abc");
	say_events("data", fsk_events(c));
	note("every bit %x", events_of(c, 0xffff));
	SAY(drain(c));
	say_events("read", fsk_events(c));
	give_and_wait(s, c, "abc");
	finish(s, c);
	say_events("data and end", fsk_events(c));
	SAY(drain(c));
	say_events("end", fsk_events(c));
	note("every bit %x", events_of(c, 0xffff));
	SAY(send(c, "x", 1, 0));
	say_events("after a send", fsk_events(c));
	say_events("peer", fsk_events(s));
}

FAST("F3", "own shutdown() of one direction and of the other")
{
	int c, s;

	pair(&c, &s);
	SAY(shutdown(c, SHUT_RD));
	say_events("read side", fsk_events(c));
	say_events("its peer", fsk_events(s));
	SAY(shutdown(c, SHUT_WR));
	say_events("both", fsk_events(c));
	AWAIT(fsk_events(s) & POLLRDHUP);
	say_events("its peer", fsk_events(s));
}

FAST("F3", "own SHUT_RDWR is a hang-up at once")
{
	int c, s;

	pair(&c, &s);
	SAY(shutdown(c, SHUT_RDWR));
	say_events("own", fsk_events(c));
	AWAIT(fsk_events(s) & POLLRDHUP);
	say_events("its peer", fsk_events(s));
	SAY(shutdown(s, SHUT_WR));
	AWAIT(fsk_events(s) & POLLHUP);
	say_events("its peer", fsk_events(s));
	say_events("own", fsk_events(c));
	note("every bit %x", events_of(s, 0xffff));
}

FAST("F3", "the end from both sides is a hang-up without error")
{
	int c, s;

	pair(&c, &s);
	finish(c, s);
	say_events("one direction: who ended it", fsk_events(c));
	say_events("and the other", fsk_events(s));
	finish(s, c);
	AWAIT(fsk_events(s) & POLLHUP);
	say_events("both: client", fsk_events(c));
	say_events("both: server", fsk_events(s));
}

FAST("F3", "a reset says everything, until its error was told")
{
	char byte;
	int c, s;

	pair(&c, &s);
	reset(s, c);
	say_events("reset", fsk_events(c));
	note("every bit %x", events_of(c, 0xffff));
	SAY(recv(c, &byte, 1, 0));
	say_events("told", fsk_events(c));
	note("every bit %x", events_of(c, 0xffff));
}

FAST("F3", "a reset after the end of the stream")
{
	int c, s;

	pair(&c, &s);
	finish(s, c);
	reset(s, c);
	say_events("reset", fsk_events(c));
	SAY(send(c, "x", 1, MSG_NOSIGNAL));
	say_events("told", fsk_events(c));
}

FAST("F4", "a hang-up and an error are told to who does not ask for them")
{
	int c, s;

	pair(&c, &s);
	say_events("idle", events_of(c, 0));
	give_and_wait(s, c, "x");
	say_events("data", events_of(c, 0));
	finish(s, c);
	say_events("end", events_of(c, 0));
	say_events("end, IN asked", events_of(c, POLLIN));
	say_events("end, RDHUP asked", events_of(c, POLLRDHUP));
	SAY(shutdown(c, SHUT_WR));
	AWAIT(events_of(c, 0));
	say_events("both ends", events_of(c, 0));
	pair(&c, &s);
	reset(s, c);
	say_events("reset", events_of(c, 0));
	say_events("reset, IN asked", events_of(c, POLLIN));
}

ALONE("F4", "poll() of fresh and bad descriptors, asked for nothing")
{
	struct pollfd none = { .fd = -1, .events = POLLIN };
	int fd = client_socket(0);

	say_events("fresh", events_of(fd, 0));
	say_events("bad", events_of(1000, 0));
	SAY(poll(&none, 1, 0));
	SAY(none.revents);
	SAY(poll(NULL, 0, 1));
}

static void say_select(const char *what, int fd)
{
	struct timeval now = {};
	fd_set r, w, x;
	int n;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	FD_SET(fd, &x);
	n = select(fd + 1, &r, &w, &x, &now);
	note("%s: %d, %d %d %d", what, n, FD_ISSET(fd, &r), FD_ISSET(fd, &w),
	     FD_ISSET(fd, &x));
}

FAST("F4", "select() in every state of a connection")
{
	int c, s;

	pair(&c, &s);
	say_select("idle", c);
	give_and_wait(s, c, "x");
	say_select("data", c);
	SAY(drain(c));
	finish(s, c);
	say_select("end", c);
	SAY(shutdown(c, SHUT_WR));
	AWAIT(fsk_events(c) & POLLHUP);
	say_select("both ends", c);
	pair(&c, &s);
	reset(s, c);
	say_select("reset", c);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR) > 0);
	say_select("told", c);
	pair(&c, &s);
	SAY(shutdown(c, SHUT_RD));
	say_select("own SHUT_RD", c);
}

ALONE("F4", "select() of sockets without connection")
{
	uint16_t port;
	int fd = client_socket(0), lfd = listener(1, &port);

	say_select("fresh", fd);
	say_select("listening", lfd);
}

FAST("F5", "own SHUT_WR leaves the socket writable, for a write fails at once")
{
	int c, s;

	pair(&c, &s);
	SAY(shutdown(c, SHUT_WR));
	say_events("events", fsk_events(c));
	say_select("select", c);
	SAY(send(c, "x", 1, MSG_NOSIGNAL));
	say_events("events", fsk_events(c));
}

FAST("F5", "own SHUT_WR makes a full socket writable")
{
	int c, s;

	small_pair(&c, &s);
	fsk_stuff(c, 1);
	say_events("full", fsk_events(c));
	SAY(shutdown(c, SHUT_WR));
	say_events("shut", fsk_events(c));
	AWAIT(drain(s) >= 0 && fsk_events(s) & POLLRDHUP);
	say_events("drained", fsk_events(c));
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int ep = epoll_create1(0);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event))
		broken("epoll");
	return ep;
}

static void again(int ep, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	SAY(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event));
}

/* What epoll tells, once whatever happened has settled. */
static void say_epoll(const char *what, int ep)
{
	struct epoll_event event[4];
	int n;

	fsk_sleep_ms(30);
	errno = 0;
	n = epoll_wait(ep, event, 4, 0);
	if (n == 1)
		say_events(what, event[0].events & 0xffff);
	else
		note("%s: %d events", what, n);
}

#define EDGE	(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

FAST("F6", "edges: one event for each arrival, though old data is unread")
{
	int c, s, ep, i;

	pair(&c, &s);
	ep = watch(s, EDGE);
	say_epoll("armed", ep);
	say_epoll("no change", ep);
	for (i = 0; i < 3; i++) {
		give_and_wait(c, s, "abc");
		say_epoll("arrival", ep);
		say_epoll("no change", ep);
	}
	give_and_wait(c, s, "abc");
	give_and_wait(c, s, "abc");
	say_epoll("two arrivals", ep);
	say_epoll("no change", ep);
	SAY(drain(s));
	say_epoll("read", ep);
	finish(c, s);
	say_epoll("end", ep);
	say_epoll("no change", ep);
	reset(c, s);
	say_epoll("reset", ep);
	say_epoll("no change", ep);
}

FAST("F6", "edges: who asks for input only")
{
	int c, s, ep;

	pair(&c, &s);
	ep = watch(s, EPOLLIN | EPOLLET);
	say_epoll("armed", ep);
	give_and_wait(c, s, "abc");
	say_epoll("arrival", ep);
	SAY(send(s, "answer", 6, 0));
	AWAIT(fsk_unread(c) == 6);
	say_epoll("sent and acknowledged", ep);
	SAY(fsk_unread(s));
	give_and_wait(c, s, "def");
	say_epoll("arrival", ep);
	finish(c, s);
	say_epoll("end", ep);
}

FAST("F6", "edges: what was there when armed is told once")
{
	int c, s, ep;

	pair(&c, &s);
	give_and_wait(c, s, "abc");
	ep = watch(s, EDGE);
	say_epoll("armed", ep);
	say_epoll("no change", ep);
	again(ep, s, EDGE);
	say_epoll("armed again", ep);
	say_epoll("no change", ep);
}

FAST("F6", "edges: room after a full buffer is told once")
{
	int c, s, ep;

	small_pair(&c, &s);
	ep = watch(c, EPOLLOUT | EPOLLET);
	say_epoll("armed", ep);
	fsk_stuff(c, 1);
	say_epoll("full", ep);
	AWAIT((drain(s), fsk_events(c) & POLLOUT));
	say_epoll("room", ep);
	AWAIT((drain(s), !ioctl(c, TIOCOUTQ, &ep) && !ep));
}

FAST("F6", "edges: own shutdown() is told")
{
	int c, s, ep;

	pair(&c, &s);
	ep = watch(c, EDGE);
	say_epoll("armed", ep);
	SAY(shutdown(c, SHUT_RD));
	say_epoll("read side", ep);
	SAY(shutdown(c, SHUT_WR));
	say_epoll("both", ep);
}

FAST("F6", "edges: a listener tells of each connection")
{
	uint16_t port;
	int lfd = listener(4, &port), ep = watch(lfd, EPOLLIN | EPOLLET), i;

	say_epoll("armed", ep);
	for (i = 0; i < 2; i++) {
		SAY(dial(client_socket(0), port));
		AWAIT(fsk_events(lfd));
		fsk_sleep_ms(100);
		say_epoll("connection", ep);
		say_epoll("no change", ep);
	}
	SAY(accept(lfd, NULL, NULL) >= 0);
	say_epoll("accepted", ep);
}

FAST("F6", "levels: told as long as it is so")
{
	int c, s, ep;

	pair(&c, &s);
	ep = watch(s, EPOLLIN | EPOLLRDHUP);
	say_epoll("idle", ep);
	give_and_wait(c, s, "abc");
	say_epoll("data", ep);
	say_epoll("data", ep);
	SAY(drain(s));
	say_epoll("read", ep);
	finish(c, s);
	say_epoll("end", ep);
	say_epoll("end", ep);
	reset(c, s);
	say_epoll("reset", ep);
	say_epoll("reset", ep);
}

FAST("F7", "EPOLLONESHOT tells once, EPOLL_CTL_MOD tells what is there")
{
	int c, s, ep;

	pair(&c, &s);
	ep = watch(s, EPOLLIN | EPOLLONESHOT);
	give_and_wait(c, s, "abc");
	say_epoll("first", ep);
	give_and_wait(c, s, "def");
	say_epoll("spent", ep);
	again(ep, s, EPOLLIN | EPOLLONESHOT);
	say_epoll("armed again", ep);
	again(ep, s, EPOLLOUT | EPOLLONESHOT);
	say_epoll("other events", ep);
	reset(c, s);
	say_epoll("reset while spent", ep);
	again(ep, s, EPOLLIN | EPOLLONESHOT);
	say_epoll("armed again", ep);
}

FAST("F7", "EPOLL_CTL_MOD changes what is told")
{
	int c, s, ep;

	pair(&c, &s);
	ep = watch(s, EPOLLOUT);
	give_and_wait(c, s, "abc");
	say_epoll("out", ep);
	again(ep, s, EPOLLIN);
	say_epoll("in", ep);
	again(ep, s, 0);
	say_epoll("nothing", ep);
	SAY(epoll_ctl(ep, EPOLL_CTL_DEL, s, NULL));
	say_epoll("deleted", ep);
	reset(c, s);
	say_epoll("deleted", ep);
}

FAST("F7", "EPOLLEXCLUSIVE wakes at least one of two")
{
	uint16_t port;
	int lfd = listener(4, &port);
	int one = watch(lfd, EPOLLIN | EPOLLEXCLUSIVE);
	int two = watch(lfd, EPOLLIN | EPOLLEXCLUSIVE);
	struct epoll_event event;

	SAY(dial(client_socket(0), port));
	AWAIT(fsk_events(lfd));
	fsk_sleep_ms(30);
	note("told %d", epoll_wait(one, &event, 1, 0) +
			epoll_wait(two, &event, 1, 0) > 0);
	SAY(accept(lfd, NULL, NULL) >= 0);
	note("told %d", epoll_wait(one, &event, 1, 0) +
			epoll_wait(two, &event, 1, 0) > 0);
	event.events = EPOLLIN;
	SAY(epoll_ctl(one, EPOLL_CTL_MOD, lfd, &event));
}

FAST("F7", "EPOLLEXCLUSIVE and wrong uses of epoll on a connection")
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int c, s, ep = epoll_create1(0);

	pair(&c, &s);
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, s, &event));
	SAY(epoll_ctl(ep, EPOLL_CTL_MOD, s, &event));
	SAY(epoll_ctl(ep, EPOLL_CTL_MOD, c, &event));
	SAY(epoll_ctl(ep, EPOLL_CTL_DEL, c, NULL));
	event.events |= EPOLLONESHOT;
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, c, &event));
	SAY(epoll_ctl(s, EPOLL_CTL_ADD, c, &event));
	SAY(epoll_wait(s, &event, 1, 0));
	give_and_wait(c, s, "abc");
	say_epoll("exclusive", ep);
	reset(c, s);
	say_epoll("exclusive", ep);
}

FAST("F7", "an epoll inside an epoll tells of a connection")
{
	int c, s, inner, outer;

	pair(&c, &s);
	inner = watch(s, EPOLLIN);
	outer = watch(inner, EPOLLIN);
	say_epoll("idle", outer);
	say_events("poll", fsk_events(inner));
	give_and_wait(c, s, "abc");
	say_epoll("data", outer);
	say_events("poll", fsk_events(inner));
	SAY(drain(s));
	say_epoll("read", outer);
}

FAST("F8", "writable: not when full, nor when a little was read")
{
	char byte;
	int c, s, queued;

	small_pair(&c, &s);
	note("filled %d", fsk_stuff(c, 1) > 0);
	say_events("full", fsk_events(c));
	SAY(send(c, "x", 1, MSG_DONTWAIT));
	SAY(recv(s, &byte, 1, 0));
	fsk_sleep_ms(50);
	say_events("a byte was read", fsk_events(c));
	AWAIT((drain(s), fsk_events(c) & POLLOUT));
	SAY(ioctl(c, TIOCOUTQ, &queued));
	SAY(send(c, "x", 1, MSG_DONTWAIT));
	AWAIT((drain(s), !ioctl(c, TIOCOUTQ, &queued) && !queued));
	say_events("all was read", fsk_events(c));
}

FAST("F8", "writable means that a third of the buffer takes bytes at once")
{
	static char bytes[8192];
	int c, s;

	small_pair(&c, &s);
	fsk_stuff(c, 1);
	AWAIT((drain(s), fsk_events(c) & POLLOUT));
	SAY(send(c, bytes, sizeof(bytes), MSG_DONTWAIT));
}

/* What the thread was woken with; what is certain of it. */
static void end(const char *what, struct poller *p, int certain)
{
	await_thread(p->id);
	say_events(what, p->events & certain);
}

FAST("F8", "who waits for room is woken when there is some")
{
	struct poller p;
	int c, s;

	small_pair(&c, &s);
	fsk_stuff(c, 1);
	begin_poll(&p, c, POLLOUT);
	fsk_sleep_ms(50);
	note("waits %d", !p.done);
	AWAIT((drain(s), p.done));
	end("woken", &p, POLLOUT);
}

FAST("F8", "TCP_NOTSENT_LOWAT keeps unsent data from piling up")
{
	static char bytes[20000];
	uint16_t port;
	int lfd = server_socket(0), c = client_socket(0), s;

	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, 4096);
	port = listen_on(lfd, 1);
	fsk_set_int(c, SOL_SOCKET, SO_SNDBUF, 200000);
	pair_on(c, lfd, port, &s);
	SAY(send(c, bytes, sizeof(bytes), 0));
	fsk_sleep_ms(50);
	say_events("room", fsk_events(c));
	SAY(fsk_set_int(c, SOL_TCP, TCP_NOTSENT_LOWAT, 1));
	say_events("but none unsent wanted", fsk_events(c));
	SAY(send(c, "x", 1, MSG_DONTWAIT));
	SAY(fsk_set_int(c, SOL_TCP, TCP_NOTSENT_LOWAT, 1 << 20));
	say_events("more wanted", fsk_events(c));
	SAY(send(c, "x", 1, MSG_DONTWAIT));
	SAY(fsk_set_int(c, SOL_TCP, TCP_NOTSENT_LOWAT, 1));
	AWAIT((drain(s), fsk_events(c) & POLLOUT));
	SAY(send(c, "x", 1, MSG_DONTWAIT));
}

FAST("F8", "TCP_NOTSENT_LOWAT: who waits is woken once the rest was sent")
{
	static char bytes[20000];
	struct poller p;
	uint16_t port;
	int lfd = server_socket(0), c = client_socket(0), s;

	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, 4096);
	port = listen_on(lfd, 1);
	fsk_set_int(c, SOL_SOCKET, SO_SNDBUF, 200000);
	SAY(fsk_set_int(c, SOL_TCP, TCP_NOTSENT_LOWAT, 4096));
	pair_on(c, lfd, port, &s);
	while (send(c, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	begin_poll(&p, c, POLLOUT);
	AWAIT((drain(s), p.done));
	end("woken", &p, POLLOUT);
}

FAST("F9", "an urgent byte is POLLPRI until it was read")
{
	char buf[8];
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "ab!"));
	AWAIT(fsk_events(s) & POLLPRI && fsk_unread(s) == 2);
	say_events("urgent", fsk_events(s));
	note("every bit %x", events_of(s, 0xffff));
	say_select("urgent", s);
	SAY(recv(s, buf, 8, 0));
	say_events("at the mark", fsk_events(s));
	SAY(recv(s, buf, 8, MSG_OOB));
	say_events("it was read", fsk_events(s));
	say_select("it was read", s);
	give(c, "cd");
	AWAIT(fsk_events(s) & POLLIN);
	say_events("more", fsk_events(s));
	SAY(recv(s, buf, 8, 0));
	say_events("all was read", fsk_events(s));
}

FAST("F9", "an urgent byte is POLLPRI until the reader has passed it")
{
	char buf[8];
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "!"));
	AWAIT(fsk_events(s) & POLLPRI);
	say_events("urgent byte only", fsk_events(s));
	SAY(send(c, "ab", 2, 0));
	AWAIT(fsk_events(s) & POLLIN);
	say_events("and data", fsk_events(s));
	SAY(recv(s, buf, 8, 0));
	say_events("passed", fsk_events(s));
}

FAST("F9", "an urgent byte in line is data and POLLPRI")
{
	char buf[8];
	int c, s;

	pair(&c, &s);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_OOBINLINE, 1));
	SAY(urge(c, "!"));
	AWAIT(fsk_events(s) & POLLIN);
	say_events("urgent", fsk_events(s));
	SAY(recv(s, buf, 8, 0));
	say_events("read", fsk_events(s));
}

FAST("F9", "epoll and a waiting thread hear of an urgent byte")
{
	struct poller p;
	int c, s, ep;

	pair(&c, &s);
	ep = watch(s, EPOLLPRI | EPOLLET);
	say_epoll("armed", ep);
	begin_poll(&p, s, POLLPRI);
	give_and_wait(c, s, "data");
	say_epoll("data", ep);
	SAY(urge(c, "!"));
	end("woken", &p, POLLPRI);
	say_epoll("urgent", ep);
	say_epoll("no change", ep);
}

FAST("F10", "an error queue that is not empty is POLLERR")
{
	char bytes[4096] = "", control[256];
	struct msghdr msg = { .msg_control = control };
	int c, s, ep;

	pair(&c, &s);
	SAY(fsk_set_int(c, SOL_SOCKET, SO_ZEROCOPY, 1));
	ep = watch(c, EPOLLET);
	say_epoll("armed", ep);
	SAY(send(c, bytes, sizeof(bytes), MSG_ZEROCOPY));
	AWAIT((drain(s), fsk_events(c) & POLLERR));
	say_events("completion", fsk_events(c));
	say_epoll("completion", ep);
	say_epoll("no change", ep);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
	SAY(fsk_set_int(c, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1));
	say_events("also for select()", fsk_events(c));
	say_select("also for select()", c);
	msg.msg_controllen = sizeof(control);
	SAY(recvmsg(c, &msg, MSG_ERRQUEUE));
	note("flags %x", msg.msg_flags);
	say_events("read", fsk_events(c));
	SAY(recvmsg(c, &msg, MSG_ERRQUEUE));
}

FAST("F11", "closing the last descriptor takes it out of the epoll")
{
	int c, s, ep, copy;

	pair(&c, &s);
	ep = watch(s, EPOLLIN);
	copy = dup(s);
	SAY(close(s));
	give_and_wait(c, copy, "abc");
	say_epoll("a copy is open", ep);
	SAY(close(copy));
	say_epoll("closed", ep);
	AWAIT(fsk_events(c) & POLLERR);
	say_epoll("closed", ep);
}

FAST("F11", "a child's copy keeps it in the epoll")
{
	int c, s, ep, go[2];
	char byte;
	pid_t pid;

	pair(&c, &s);
	if (pipe(go))
		broken("pipe");
	ep = watch(s, EPOLLIN | EPOLLRDHUP);
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		byte = read(go[0], &byte, 1);
		_exit(0);
	}
	SAY(close(s));
	give(c, "abc");
	fsk_sleep_ms(100);
	say_epoll("the child has it", ep);
	close(go[1]);
	SAY(fsk_reap(pid));
	AWAIT(fsk_events(c) & POLLERR);
	say_epoll("nobody has it", ep);
}

/* A listener that fastsock leaves to TCP: it has a filter that accepts all. */
static int plain_listener(uint16_t *port)
{
	struct sock_filter all = { 0x06, 0, 0, 0xffffffff };
	struct sock_fprog program = { 1, &all };
	int lfd = server_socket(0);

	if (setsockopt(lfd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)))
		broken("SO_ATTACH_FILTER");
	*port = listen_on(lfd, 1);
	return lfd;
}

LEFT_TO_TCP("F12", "poll waits while the connection is handed to TCP")
{
	struct poller p;
	uint16_t port;
	int lfd = plain_listener(&port);
	int c = client_socket(SOCK_NONBLOCK), s, ep;

	ep = watch(c, EDGE);
	say_epoll("fresh", ep);
	SAY(dial(c, port));
	begin_poll(&p, c, POLLIN);
	s = accept(lfd, NULL, NULL);
	SAY(s >= 0);
	AWAIT(fsk_events(c));
	say_epoll("connected", ep);
	say_epoll("no change", ep);
	give_and_wait(s, c, "abc");
	end("data", &p, -1);
	say_epoll("data", ep);
	begin_poll(&p, c, POLLRDHUP);
	finish(s, c);
	end("end", &p, -1);
	say_epoll("end", ep);
	reset(s, c);
	say_epoll("reset", ep);
}

FAST("F12", "an epoll that has the socket since before connect() hears of all")
{
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(SOCK_NONBLOCK), s;
	int ep = watch(c, EDGE);

	say_epoll("fresh", ep);
	SAY(dial(c, port));
	s = accept(lfd, NULL, NULL);
	AWAIT(fsk_events(c));
	say_epoll("connected", ep);
	say_epoll("no change", ep);
	give_and_wait(s, c, "abc");
	say_epoll("data", ep);
	finish(s, c);
	say_epoll("end", ep);
}

FAST("F12", "a refused connect() is told to an epoll")
{
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(SOCK_NONBLOCK), ep, s;
	int warm = client_socket(0);

	/* The row is about no connection; one shows that fastsock is on. */
	pair_on(warm, lfd, port, &s);
	close(lfd);
	ep = watch(c, EDGE);
	say_epoll("fresh", ep);
	dial(c, port);
	AWAIT(fsk_events(c) & POLLERR);
	say_epoll("refused", ep);
	say_epoll("no change", ep);
}

FAST("F12", "an epoll keeps the socket through connect(AF_UNSPEC)")
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(0), s;
	int ep = watch(c, EDGE);

	say_epoll("fresh", ep);
	pair_on(c, lfd, port, &s);
	say_epoll("connected", ep);
	SAY(connect(c, &none, sizeof(none)));
	fsk_sleep_ms(20);
	say_events("disconnected", fsk_events(c));
	while (epoll_wait(ep, &(struct epoll_event){}, 1, 0) > 0)
		;
	pair_on(c, lfd, port, &s);
	say_epoll("connected again", ep);
	give_and_wait(s, c, "abc");
	say_epoll("data", ep);
}

FAST("F12", "threads that wait in poll() hear of data, end, reset, shutdown()")
{
	struct poller p;
	char buf[3];
	int c, s;

	pair(&c, &s);
	begin_poll(&p, c, POLLIN | POLLRDHUP);
	give(s, "abc");
	end("data", &p, -1);
	SAY(recv(c, buf, sizeof(buf), 0));
	begin_poll(&p, c, POLLIN | POLLRDHUP);
	shutdown(s, SHUT_WR);
	end("end", &p, -1);
	begin_poll(&p, c, 0);
	fsk_set_linger(s, 0);
	close(s);
	end("reset", &p, -1);
	pair(&c, &s);
	begin_poll(&p, c, POLLIN | POLLRDHUP);
	shutdown(c, SHUT_RD);
	end("own shutdown", &p, -1);
	begin_poll(&p, c, 0);
	shutdown(c, SHUT_WR);
	end("own shutdown of both", &p, -1);
}

FAST("F12", "select(), ppoll() and epoll_pwait() time out or find data")
{
	struct timespec soon = { 0, 20000000 };
	struct timeval later = { 0, 20000 };
	struct epoll_event event;
	struct pollfd pfd = { .events = POLLIN };
	fd_set set;
	int c, s, ep;

	pair(&c, &s);
	pfd.fd = c;
	ep = watch(c, EPOLLIN);
	FD_ZERO(&set);
	FD_SET(c, &set);
	SAY(poll(&pfd, 1, 20));
	SAY(ppoll(&pfd, 1, &soon, NULL));
	SAY(select(c + 1, &set, NULL, NULL, &later));
	SAY(epoll_pwait(ep, &event, 1, 20, NULL));
	give_and_wait(s, c, "x");
	SAY(poll(&pfd, 1, -1));
	SAY(ppoll(&pfd, 1, NULL, NULL));
	FD_SET(c, &set);
	SAY(select(c + 1, &set, NULL, NULL, NULL));
	SAY(epoll_pwait(ep, &event, 1, -1, NULL));
}

FAST("F13", "SO_BUSY_POLL can be set and does no harm")
{
	struct pollfd pfd = { .events = POLLIN };
	char buf[8];
	int c, s;

	pair(&c, &s);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_BUSY_POLL));
	SAY(fsk_set_int(c, SOL_SOCKET, SO_BUSY_POLL, 100));
	SAY(fsk_int_option(c, SOL_SOCKET, SO_BUSY_POLL));
	SAY(fsk_set_int(c, SOL_SOCKET, SO_BUSY_POLL, -1));
	SAY(fsk_int_option(c, SOL_SOCKET, SO_INCOMING_NAPI_ID) >= 0);
	pfd.fd = c;
	SAY(poll(&pfd, 1, 20));
	SAY(recv(c, buf, 8, MSG_DONTWAIT));
	give(s, "abc");
	SAY(poll(&pfd, 1, 20000));
	SAY(recv(c, buf, 8, 0));
	say_events("read", fsk_events(c));
}
