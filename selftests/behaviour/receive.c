// SPDX-License-Identifier: GPL-2.0
/* E: receiving. */
#include "behaviour.h"

#include <linux/if_packet.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define BIG	(256 << 10)	/* enough that receiving may pin the buffer */
#define PAGE	4096

/* A bad address that the compiler does not see through. */
static void *nowhere(void)
{
	return (void *)strtoul("1", NULL, 10);
}

/* One end goes with a reset; the other has been told on return. */
static void reset(int by, int told)
{
	fsk_set_linger(by, 0);
	close(by);
	AWAIT(fsk_events(told) & POLLERR);
}

static void finish(int by, int told)
{
	shutdown(by, SHUT_WR);
	AWAIT(fsk_events(told) & POLLRDHUP);
}

static char *map(size_t len)
{
	char *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		broken("mmap");
	return at;
}

/* Memory of which everything from the second page on faults. */
static char *map_half_bad(void)
{
	char *at = map(2 * PAGE);

	if (mprotect(at + PAGE, PAGE, PROT_NONE))
		broken("mprotect");
	return at;
}

ALONE("E1", "a socket that was never connected has nothing to receive")
{
	int fd = client_socket(0);
	char byte;

	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, MSG_DONTWAIT));
	SAY(recv(fd, &byte, 1, MSG_PEEK));
	SAY(recv(fd, &byte, 1, MSG_TRUNC));
	SAY(recv(fd, &byte, 1, MSG_WAITALL));
	SAY(recv(fd, &byte, 1, MSG_OOB));
	SAY(recv(fd, NULL, 0, 0));
	SAY(read(fd, &byte, 1));
	SAY(read(fd, &byte, 0));
	SAY(recv(fd, nowhere(), 1, 0));
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(recv(fd, &byte, 1, 0));
	SAY(listen(fd, 1));
	SAY(recv(fd, &byte, 1, 0));
	SAY(recv(fd, &byte, 1, MSG_OOB));
	SAY(recv(fd, &byte, 1, MSG_PEEK));
	SAY(recv(fd, NULL, 0, 0));
}

FAST("E1", "the end of the stream is told again and again")
{
	int c, s, i;

	pair(&c, &s);
	give(s, "last words");
	finish(s, c);
	take("data", c, 64, 0);
	for (i = 0; i < 3; i++)
		take("end", c, 64, 0);
	take("peek", c, 64, MSG_PEEK);
	take("waitall", c, 64, MSG_WAITALL);
	take("dontwait", c, 64, MSG_DONTWAIT);
	take("trunc", c, 64, MSG_TRUNC);
	SAY(recv(c, NULL, 0, 0));
	SAY(recv(c, nowhere(), 1, 0));
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
	SAY(send(c, "x", 1, 0));
	take("the other direction", s, 64, 0);
	take("end", c, 64, 0);
}

FAST("E1", "the end comes also after close() of both ends' writing sides")
{
	int c, s;

	pair(&c, &s);
	finish(s, c);
	finish(c, s);
	AWAIT(fsk_events(c) & POLLHUP);
	AWAIT(fsk_events(s) & POLLHUP);
	take("client", c, 64, 0);
	take("client", c, 64, 0);
	take("server", s, 64, 0);
	take("server", s, 64, 0);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
}

/* A client with "defg" to read, whose server is gone with a reset. */
static int reset_behind_data(void)
{
	int c, s;

	pair(&c, &s);
	give_now(s, c, "defg");
	reset(s, c);
	return c;
}

FAST("E2", "data comes before the error, the error before the end")
{
	int c = reset_behind_data();

	take("data", c, 64, 0);
	say_events("then", fsk_events(c));
	take("error", c, 64, 0);
	say_events("then", fsk_events(c));
	take("end", c, 64, 0);
	take("end", c, 64, 0);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
}

FAST("E2", "data before an error is read in pieces")
{
	int c = reset_behind_data();

	take("peek", c, 64, MSG_PEEK);
	take("one", c, 1, 0);
	SAY(fsk_unread(c));
	take("zero", c, 0, 0);
	take("all", c, 64, MSG_WAITALL);
	take("peek at the error", c, 64, MSG_PEEK);
	take("end", c, 64, 0);
}

FAST("E2", "an error that send() was told is not told to recv()")
{
	int c = reset_behind_data();

	SAY(send(c, "x", 1, MSG_NOSIGNAL));
	SAY(send(c, "x", 1, MSG_NOSIGNAL));
	take("data", c, 64, 0);
	take("end", c, 64, 0);
}

FAST("E2", "an error that SO_ERROR told is not told to recv()")
{
	int c = reset_behind_data();

	note("SO_ERROR %s", strerrorname_np(fsk_int_option(c, SOL_SOCKET,
							   SO_ERROR)));
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
	take("data", c, 64, 0);
	take("end", c, 64, 0);
}

FAST("E2", "unread data that makes the peer reset does not lose its answer")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "never read");
	give_now(s, c, "answer");
	close(s);
	AWAIT(fsk_events(c) & POLLERR);
	take("data", c, 64, 0);
	take("error", c, 64, 0);
	take("end", c, 64, 0);
}

FAST("E2", "a reset after the end of the stream is not told to recv()")
{
	int c, s;

	pair(&c, &s);
	give_now(s, c, "abc");
	finish(s, c);
	reset(s, c);
	take("data", c, 64, 0);
	take("end or error", c, 64, 0);
	take("end", c, 64, 0);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR));
}

FAST("E3", "recv() of no bytes returns 0 when there is data, which stays")
{
	struct iovec none = {};
	struct msghdr msg = {};
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	SAY(recv(s, NULL, 0, 0));
	SAY(recv(s, nowhere(), 0, 0));
	SAY(recv(s, NULL, 0, MSG_PEEK));
	SAY(recv(s, NULL, 0, MSG_WAITALL));
	SAY(recvmsg(s, &msg, 0));
	msg.msg_iov = &none;
	msg.msg_iovlen = 1;
	SAY(recvmsg(s, &msg, 0));
	SAY(fsk_unread(s));
	take("all", s, 64, 0);
	finish(c, s);
	SAY(recv(s, NULL, 0, 0));
}

FAST("E3", "recv() of no bytes is EAGAIN when there is no data")
{
	struct msghdr msg = {};
	int c, s;

	pair(&c, &s);
	SAY(recv(c, NULL, 0, MSG_DONTWAIT));
	SAY(recv(c, NULL, 0, MSG_DONTWAIT | MSG_PEEK));
	fsk_nonblock(c, true);
	SAY(recv(c, NULL, 0, 0));
	SAY(recvmsg(c, &msg, 0));
	fsk_nonblock(c, false);
	fsk_set_timeout(c, SO_RCVTIMEO, 50);
	SAY(recv(c, NULL, 0, 0));
}

FAST("E3", "recv() of no bytes waits for the first")
{
	struct fsk_call r = {};
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "abc");
	end_call("recv", &r);
	take("all", s, 64, 0);
	begin_read(&r);
	finish(c, s);
	end_call("at the end", &r);
}

FAST("E3", "recv() of no bytes takes a pending error")
{
	int c, s;

	pair(&c, &s);
	reset(s, c);
	SAY(recv(c, NULL, 0, 0));
	SAY(recv(c, NULL, 0, 0));
}

FAST("E3", "read() of no bytes is 0 whatever the state")
{
	struct iovec none = {};
	char byte;
	int c, s;

	pair(&c, &s);
	SAY(read(c, &byte, 0));
	SAY(read(c, NULL, 0));
	SAY(readv(c, &none, 1));
	SAY(readv(c, NULL, 0));
	reset(s, c);
	SAY(read(c, &byte, 0));
	take("the error is left", c, 64, 0);
	SAY(read(c, &byte, 0));
}

FAST("E4", "peeking does not consume")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdef");
	take("peek", s, 64, MSG_PEEK);
	take("peek", s, 64, MSG_PEEK);
	take("less", s, 2, MSG_PEEK);
	SAY(fsk_unread(s));
	take("read", s, 2, 0);
	take("peek", s, 64, MSG_PEEK);
	give_now(c, s, "ghi");
	take("more", s, 64, MSG_PEEK);
	take("across", s, 5, MSG_PEEK);
	take("read", s, 64, 0);
	take("nothing", s, 64, MSG_PEEK | MSG_DONTWAIT);
}

FAST("E4", "peeking waits for the first byte only")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64, .flags = MSG_PEEK };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	end_read("peek", &r);
	take("read", s, 64, 0);
}

FAST("E4", "peeking at all of it waits for all of it")
{
	char buf[64];
	struct fsk_call r = {
		.buf = buf, .len = 6, .flags = MSG_PEEK | MSG_WAITALL,
	};
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	take("it is there", s, 3, MSG_PEEK | MSG_WAITALL);
	r.fd = s;
	begin_read(&r);
	fsk_sleep_ms(50);
	note("waits %d, queued %d", !r.done, fsk_unread(s));
	give(c, "def");
	end_read("peek", &r);
	SAY(fsk_unread(s));
	r.len = 60;
	begin_read(&r);
	finish(c, s);
	end_read("cut by the end", &r);
	take("read", s, 64, 0);
	take("end", s, 64, MSG_PEEK | MSG_WAITALL);
}

FAST("E4", "a long peek is what is read afterwards")
{
	char *one = map(BIG), *two = map(BIG);
	long n;
	int c, s;

	pair(&c, &s);
	fsk_send_pattern(c, 3, 0, 30000);
	AWAIT(fsk_unread(s) == 30000);
	n = SAY(recv(s, one, BIG, MSG_PEEK));
	note("right %d", fsk_wrong(one, n, 3, 0) == -1);
	n = SAY(recv(s, two, 12345, 0));
	n = SAY(recv(s, one, BIG, MSG_PEEK));
	note("right %d", fsk_wrong(one, n, 3, 12345) == -1);
	n = SAY(recv(s, two, BIG, 0));
	note("right %d", fsk_wrong(two, n, 3, 12345) == -1);
}

FAST("E4", "a wait for all peeked bytes ends with SO_RCVTIMEO")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	fsk_set_timeout(s, SO_RCVTIMEO, 60);
	take("peek", s, 64, MSG_PEEK | MSG_WAITALL);
	take("read", s, 64, 0);
	take("peek", s, 64, MSG_PEEK);
}

FAST("E5", "MSG_TRUNC throws away what it counts, and writes nothing")
{
	char buf[8] = "1234567";
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdefghij");
	SAY(recv(s, NULL, 3, MSG_TRUNC));
	SAY(recv(s, buf, 2, MSG_TRUNC));
	note("buffer %s", buf);
	SAY(recv(s, nowhere(), 1, MSG_TRUNC));
	SAY(fsk_unread(s));
	take("read", s, 2, 0);
	SAY(recv(s, NULL, 64, MSG_TRUNC));
	SAY(recv(s, NULL, 64, MSG_TRUNC | MSG_DONTWAIT));
	finish(c, s);
	SAY(recv(s, NULL, 64, MSG_TRUNC));
}

FAST("E5", "MSG_TRUNC with MSG_PEEK counts and loses nothing")
{
	char buf[8] = "1234567";
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdef");
	SAY(recv(s, NULL, 4, MSG_TRUNC | MSG_PEEK));
	SAY(recv(s, buf, 64, MSG_TRUNC | MSG_PEEK));
	note("buffer %s", buf);
	take("read", s, 64, 0);
}

FAST("E5", "MSG_TRUNC with MSG_WAITALL throws away bytes still to come")
{
	struct fsk_call r = { .len = BIG, .flags = MSG_TRUNC | MSG_WAITALL };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	fsk_send_pattern(c, 1, 0, BIG);
	give(c, "rest");
	end_call("trunc", &r);
	take("read", s, 64, 0);
}

FAST("E5", "recvmsg() with MSG_TRUNC leaves msg_flags alone")
{
	char buf[8] = "1234567";
	struct iovec iov = { buf, 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdef");
	SAY(recvmsg(s, &msg, MSG_TRUNC));
	note("flags %x", msg.msg_flags);
	SAY(recvmsg(s, &msg, 0));
	note("flags %x, %.2s", msg.msg_flags, buf);
}

static struct fsk_call wait_all(int fd, void *buf, size_t len)
{
	return (struct fsk_call){
		.fd = fd, .buf = buf, .len = len, .flags = MSG_WAITALL,
	};
}

FAST("E6", "MSG_WAITALL waits for every byte")
{
	struct fsk_call r;
	char buf[64];
	int c, s;

	pair(&c, &s);
	r = wait_all(s, buf, 9);
	begin_read(&r);
	give(c, "abc");
	AWAIT(!unacked(c));
	await_sleep(r.tid);
	give(c, "def");
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "ghijk");
	end_read("all", &r);
	take("rest", s, 64, 0);
}

FAST("E6", "MSG_WAITALL with MSG_DONTWAIT takes what is there")
{
	int c, s;

	pair(&c, &s);
	take("nothing", s, 64, MSG_WAITALL | MSG_DONTWAIT);
	give_now(c, s, "abc");
	take("some", s, 64, MSG_WAITALL | MSG_DONTWAIT);
	give_now(c, s, "abc");
	fsk_nonblock(s, true);
	take("some", s, 64, MSG_WAITALL);
	take("nothing", s, 64, MSG_WAITALL);
}

/* One way a wait for BIG bytes ends after the first @sent. */
static void cut_short(const char *what, size_t sent,
		      void (*cut)(int c, int s, struct fsk_call *r))
{
	char *buf = map(BIG);
	struct fsk_call r;
	int c, s;

	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	fsk_send_pattern(c, 5, 0, sent);
	AWAIT(!unacked(c));
	AWAIT(!fsk_unread(s));
	await_sleep(r.tid);
	cut(c, s, &r);
	end_call(what, &r);
	note("right %d", r.n < 0 || fsk_wrong(buf, r.n, 5, 0) == -1);
	take("next", s, 64, MSG_DONTWAIT);
	take("next", s, 64, MSG_DONTWAIT);
	munmap(buf, BIG);
}

static void cut_by_end(int c, int s, struct fsk_call *r)
{
	shutdown(c, SHUT_WR);
}

static void cut_by_reset(int c, int s, struct fsk_call *r)
{
	fsk_set_linger(c, 0);
	close(c);
}

static void cut_by_shutdown(int c, int s, struct fsk_call *r)
{
	shutdown(s, SHUT_RD);
}

static void on_signal(int sig)
{
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
}

static void cut_by_signal(int c, int s, struct fsk_call *r)
{
	pthread_kill(r->thread, SIGUSR1);
}

FAST("E6", "MSG_WAITALL returns what it has at the end of the stream")
{
	cut_short("few", 10, cut_by_end);
	cut_short("many", 100000, cut_by_end);
	cut_short("none", 0, cut_by_end);
}

FAST("E6", "MSG_WAITALL returns what it has at a reset, then the error")
{
	cut_short("few", 10, cut_by_reset);
	cut_short("many", 100000, cut_by_reset);
	cut_short("none", 0, cut_by_reset);
}

FAST("E6", "MSG_WAITALL returns what it has when a thread shuts down")
{
	cut_short("few", 10, cut_by_shutdown);
	cut_short("many", 100000, cut_by_shutdown);
	cut_short("none", 0, cut_by_shutdown);
}

FAST("E6", "MSG_WAITALL returns what it has at a signal")
{
	handle(0);
	cut_short("few", 10, cut_by_signal);
	cut_short("many", 100000, cut_by_signal);
	cut_short("none", 0, cut_by_signal);
	handle(SA_RESTART);
	cut_short("many, SA_RESTART", 100000, cut_by_signal);
}

FAST("E6", "MSG_WAITALL returns what it has after SO_RCVTIMEO")
{
	char *buf = map(BIG);
	int c, s;

	pair(&c, &s);
	fsk_set_timeout(s, SO_RCVTIMEO, 100);
	SAY(recv(s, buf, BIG, MSG_WAITALL));
	fsk_send_pattern(c, 5, 0, 20000);
	AWAIT(fsk_unread(s) == 20000);
	SAY(recv(s, buf, BIG, MSG_WAITALL));
	note("right %d", fsk_wrong(buf, 20000, 5, 0) == -1);
	SAY(recv(s, buf, 10, MSG_WAITALL));
}

FAST("E6", "MSG_WAITALL fills every buffer of recvmsg()")
{
	char one[3], two[70000], three[5];
	struct iovec iov[] = {
		{ one, sizeof(one) }, { NULL, 0 }, { two, sizeof(two) },
		{ three, sizeof(three) },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 4 };
	int c, s;

	pair(&c, &s);
	fsk_send_pattern(c, 2, 0, 70008);
	SAY(recvmsg(s, &msg, MSG_WAITALL));
	note("right %d %d %d", fsk_wrong(one, 3, 2, 0) == -1,
	     fsk_wrong(two, sizeof(two), 2, 3) == -1,
	     fsk_wrong(three, 5, 2, 70003) == -1);
}

static void lowat(int fd, int bytes)
{
	if (fsk_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, bytes))
		broken("SO_RCVLOWAT");
}

FAST("E7", "recv() waits for SO_RCVLOWAT bytes, or for fewer if it asks so")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64 };
	int c, s;

	pair(&c, &s);
	lowat(s, 10);
	r.fd = s;
	begin_read(&r);
	give(c, "abcde");
	AWAIT(!unacked(c));
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "fghij");
	end_read("enough", &r);
	give_now(c, s, "abcde");
	take("fewer asked", s, 4, 0);
	/* Fewer asked are enough to return, but do not wake who waits. */
	r.len = 3;
	begin_read(&r);
	give(c, "fg");
	AWAIT(!unacked(c));
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "hijklmno");
	end_read("fewer asked", &r);
}

FAST("E7", "a nonblocking recv() takes fewer than SO_RCVLOWAT")
{
	int c, s;

	pair(&c, &s);
	lowat(s, 10);
	give_now(c, s, "abcde");
	take("some", s, 64, MSG_DONTWAIT);
	take("none", s, 64, MSG_DONTWAIT);
	give_now(c, s, "abcde");
	fsk_set_timeout(s, SO_RCVTIMEO, 60);
	take("after a time", s, 64, 0);
	take("after a time", s, 64, 0);
}

FAST("E7", "the end or an error needs no SO_RCVLOWAT")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64 };
	int c, s;

	pair(&c, &s);
	lowat(s, 10);
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	finish(c, s);
	end_read("end", &r);
	take("end", s, 64, 0);
	pair(&c, &s);
	lowat(s, 10);
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	AWAIT(!unacked(c));
	reset(c, s);
	end_read("reset", &r);
	take("reset", s, 64, 0);
	take("reset", s, 64, 0);
}

FAST("E7", "poll waits for SO_RCVLOWAT bytes, the end or an error")
{
	int c, s;

	pair(&c, &s);
	lowat(s, 10);
	give_now(c, s, "abcde");
	say_events("too few", fsk_events(s));
	lowat(s, 5);
	say_events("now enough", fsk_events(s));
	lowat(s, 10);
	say_events("too few again", fsk_events(s));
	give_now(c, s, "fghij");
	say_events("enough", fsk_events(s));
	take("read", s, 1, 0);
	say_events("one too few", fsk_events(s));
	finish(c, s);
	say_events("end", fsk_events(s));
	pair(&c, &s);
	lowat(s, 10);
	give_now(c, s, "abcde");
	reset(c, s);
	say_events("reset", fsk_events(s));
}

FAST("E7", "who polls wakes when SO_RCVLOWAT is reached, or lowered so far")
{
	struct poller p;
	int c, s;

	pair(&c, &s);
	lowat(s, 10);
	begin_poll(&p, s, POLLIN);
	give_now(c, s, "abcde");
	fsk_sleep_ms(50);
	note("waits %d", !p.done);
	give(c, "fghij");
	await_thread(p.id);
	say_events("reached", p.events);

	lowat(s, 100);
	begin_poll(&p, s, POLLIN);
	lowat(s, 10);
	await_thread(p.id);
	say_events("lowered", p.events);
}

FAST("E7", "a large SO_RCVLOWAT is reached")
{
	char *buf = map(BIG);
	struct fsk_call r = { .buf = buf, .len = BIG };
	int c, s;

	pair(&c, &s);
	/* 100000 bytes never come over TCP's loopback on 6.1. */
	lowat(s, 30000);
	r.fd = s;
	begin_read(&r);
	fsk_send_pattern(c, 4, 0, 29999);
	AWAIT(!unacked(c));
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "x");
	end_call("recv", &r);
	note("right %d", fsk_wrong(buf, 29999, 4, 0) == -1);
}

FAST("E8", "MSG_DONTWAIT is for one call")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64 };
	int c, s;

	pair(&c, &s);
	take("nothing", s, 64, MSG_DONTWAIT);
	note("O_NONBLOCK %d", !!(fcntl(s, F_GETFL) & O_NONBLOCK));
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	end_read("waited", &r);
}

FAST("E8", "flags that mean nothing to recv() are ignored")
{
	static const int flags[] = {
		MSG_DONTROUTE, MSG_CTRUNC, MSG_PROXY, MSG_EOR, MSG_FIN, MSG_SYN,
		MSG_CONFIRM, MSG_RST, MSG_NOSIGNAL, MSG_MORE, MSG_WAITFORONE,
		0x20000, 0x80000, 0x800000, 0x1000000, MSG_ZEROCOPY,
		MSG_FASTOPEN, MSG_CMSG_CLOEXEC, INT32_MIN,
	};
	char what[16];
	size_t i;
	int c, s;

	pair(&c, &s);
	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		snprintf(what, sizeof(what), "%x", flags[i]);
		give_now(c, s, "abc");
		take(what, s, 64, flags[i] | MSG_DONTWAIT);
		recv(s, what, sizeof(what), MSG_DONTWAIT);
	}
}

FAST("E8", "an empty error queue is EAGAIN, whatever else there is")
{
	int c, s;

	pair(&c, &s);
	take("idle", s, 64, MSG_ERRQUEUE);
	take("idle", s, 0, MSG_ERRQUEUE);
	give_now(c, s, "abc");
	take("with data", s, 64, MSG_ERRQUEUE);
	take("data", s, 64, 0);
	finish(c, s);
	take("at the end", s, 64, MSG_ERRQUEUE);
	reset(c, s);
	take("after a reset", s, 64, MSG_ERRQUEUE);
	SAY(recv(s, NULL, 0, 0));
}

ALONE("E8", "an empty error queue is EAGAIN on unconnected sockets")
{
	uint16_t port;
	int fd = client_socket(0), lfd = listener(1, &port);

	take("fresh", fd, 64, MSG_ERRQUEUE);
	take("listening", lfd, 64, MSG_ERRQUEUE);
}

FAST("E9", "a bad buffer is EFAULT and no byte is lost")
{
	char *locked = map(PAGE);
	int c, s;

	mprotect(locked, PAGE, PROT_NONE);
	pair(&c, &s);
	give_now(c, s, "abcdef");
	SAY(recv(s, NULL, 6, 0));
	SAY(recv(s, nowhere(), 1, 0));
	SAY(recv(s, nowhere(), 64, MSG_PEEK));
	SAY(recv(s, (void *)-1L, 1, 0));
	SAY(recv(s, (void *)0xffff888000000000, 6, 0));
	SAY(recv(s, locked, 6, 0));
	SAY(recv(s, locked, 6, MSG_WAITALL));
	SAY(read(s, locked, 6));
	mprotect(locked, PAGE, PROT_READ);
	SAY(recv(s, locked, 6, 0));
	munmap(locked, PAGE);
	SAY(recv(s, locked, 6, 0));
	SAY(fsk_unread(s));
	take("all", s, 64, 0);
}

FAST("E9", "a buffer bad from the middle loses nothing of a segment")
{
	char *half = map_half_bad();
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdef");
	SAY(recv(s, half + PAGE - 3, 6, 0));
	SAY(recv(s, half + PAGE - 3, 6, MSG_PEEK));
	SAY(read(s, half + PAGE - 5, 6));
	SAY(fsk_unread(s));
	SAY(recv(s, half + PAGE - 3, 3, 0));
	say_bytes("got", half + PAGE - 3, 3);
	take("rest", s, 64, 0);
}

FAST("E9", "a bad second buffer of readv() loses nothing of a segment")
{
	char good[3];
	struct iovec iov[] = { { good, 3 }, { nowhere(), 3 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdef");
	SAY(readv(s, iov, 2));
	SAY(recvmsg(s, &msg, 0));
	SAY(recvmsg(s, &msg, MSG_PEEK));
	iov[1].iov_base = (void *)0xffff888000000000;
	SAY(readv(s, iov, 2));
	SAY(recvmsg(s, &msg, 0));
	take("all", s, 64, 0);
	/* The bad one is not reached. */
	give_now(c, s, "abc");
	iov[1].iov_base = nowhere();
	SAY(readv(s, iov, 2));
	say_bytes("got", good, 3);
}

/* The second page is not there, and comes when it is touched. */
static char *map_half_absent(void)
{
	char *at = map(2 * PAGE);

	*at = 1;
	return at;
}

FAST("E9", "pages that are not there yet take all that one call can have")
{
	static const int lens[] = { 1, 2, 9, 300, 1000, 1400, 2000 };
	int c, s, n, sent, part;
	size_t i;
	char *at;

	pair(&c, &s);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		n = lens[i];
		at = map_half_absent() + PAGE - n / 2;
		fsk_send_pattern(c, i, 0, n);
		AWAIT(fsk_unread(s) == n);
		note("%d: %zd", n, recv(s, at, n, 0));
		note("wrong: %zd", fsk_wrong(at, n, i, 0));
		/* In several segments, of which some fit the first page. */
		at = map_half_absent() + PAGE - n / 2;
		for (sent = 0; sent < n; sent += part) {
			part = n / 7 + 1 < n - sent ? n / 7 + 1 : n - sent;
			fsk_send_pattern(c, i, sent, part);
		}
		AWAIT(fsk_unread(s) == n);
		note("%d: %zd", n, recv(s, at, n + 1, 0));
		note("wrong: %zd", fsk_wrong(at, n, i, 0));
	}
}

/* A call of recv() that waits for others to begin at the same time. */
struct racer {
	pthread_barrier_t *start;
	int fd;
	char *buf;
	long n;
};

static void *race_to_read(void *data)
{
	struct racer *r = data;

	pthread_barrier_wait(r->start);
	r->n = recv(r->fd, r->buf, 10, 0);
	return NULL;
}

FAST("E9", "two readers get bytes in a row, though one lacks a page")
{
	/* Small segments, each of which fits the page that is there. */
	static const char *const parts[] = { "aaaaa", "aaaaa", "bbbbb",
					     "bbbbb" };
	struct racer racers[2] = {};
	pthread_barrier_t start;
	int c, s, i, k, torn = 0;
	pthread_t id[2];
	char *absent;

	pair(&c, &s);
	pthread_barrier_init(&start, NULL, 2);
	racers[1].buf = map(PAGE);
	for (i = 0; i < 200; i++) {
		absent = map_half_absent();
		racers[0].buf = absent + PAGE - 5;
		for (k = 0; k < 4; k++)
			give(c, parts[k]);
		AWAIT(fsk_unread(s) == 20);
		for (k = 0; k < 2; k++) {
			racers[k].start = &start;
			racers[k].fd = s;
			id[k] = thread(race_to_read, &racers[k]);
		}
		for (k = 0; k < 2; k++) {
			await_thread(id[k]);
			torn += racers[k].n != 10 ||
				memcmp(racers[k].buf, racers[k].buf + 1, 9);
		}
		munmap(absent, 2 * PAGE);
	}
	note("torn: %d", torn);
}

FAST("E9", "who waits gets bytes into a page that is not there yet")
{
	struct fsk_call r = { .len = 2 };
	int c, s, i;

	pair(&c, &s);
	r.fd = s;
	for (i = 0; i < 3; i++) {
		r.buf = map_half_absent() + PAGE - 1;
		begin_read(&r);
		give(c, "ab");
		end_call("absent", &r);
		say_bytes("got", r.buf, 2);
	}
}

FAST("E9", "what was copied before a fault is returned, the rest stays")
{
	char *half = map_half_bad();
	struct fsk_call r;
	int c, s;

	pair(&c, &s);
	r = wait_all(s, half + PAGE - 3, 6);
	begin_read(&r);
	give(c, "abc");
	AWAIT(!unacked(c) && !fsk_unread(s));
	await_sleep(r.tid);
	give(c, "def");
	end_read("first", &r);
	take("rest", s, 64, 0);
}

FAST("E9", "a fault while waiting is EFAULT, and the data stays")
{
	char *half = map_half_bad();
	struct fsk_call r = { .buf = nowhere(), .len = 3 };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	end_call("bad", &r);
	take("data", s, 64, 0);
	r.buf = half + PAGE - 2;
	r.len = 4;
	begin_read(&r);
	give(c, "abcd");
	end_call("half bad", &r);
	take("data", s, 64, 0);
	r.buf = (void *)PAGE;
	r.len = BIG;
	begin_read(&r);
	give(c, "abcd");
	end_call("large and bad", &r);
	take("data", s, 64, 0);
}

FAST("E9", "a large buffer bad in the middle loses nothing")
{
	char *buf = map(BIG);
	struct fsk_call r;
	long first;
	int c, s;

	mprotect(buf + BIG / 2, PAGE, PROT_NONE);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	fsk_send_pattern(c, 6, 0, BIG);
	await_thread(r.thread);
	first = r.n < 0 ? 0 : r.n;
	note("fault or some: %d", r.n >= 0 || r.error == EFAULT);
	note("not beyond: %d", first <= BIG / 2);
	note("right: %d", fsk_wrong(buf, first, 6, 0) == -1);
	note("none lost: %d", first + fsk_recv_pattern(s, 6, first,
						       BIG - first) == BIG);
}

FAST("E9", "a bad struct msghdr or a bad length is refused")
{
	char *half = map_half_bad();
	static struct iovec many[1025];
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	SAY(recvmsg(s, NULL, 0));
	SAY(recvmsg(s, (void *)(half + PAGE - 8), 0));
	msg.msg_iov = nowhere();
	SAY(recvmsg(s, &msg, 0));
	msg.msg_iov = (void *)(half + PAGE - 8);
	SAY(recvmsg(s, &msg, 0));
	msg.msg_iov = &iov;
	iov.iov_len = -1;
	SAY(recvmsg(s, &msg, 0));
	SAY(readv(s, &iov, 1));
	SAY(syscall(SYS_readv, s, &iov, -1));
	SAY(readv(s, nowhere(), 1));
	msg.msg_iov = many;
	msg.msg_iovlen = 1025;
	SAY(recvmsg(s, &msg, 0));
	SAY(readv(s, many, 1025));
	SAY(syscall(SYS_recvmsg, s, &msg, INT32_MIN));
	SAY(recv(s, &byte, -1, MSG_PEEK));
	SAY(recv(s, nowhere(), -1, MSG_PEEK));
	SAY(fsk_unread(s));
	take("all", s, 64, 0);
}

FAST("E9", "bad places for the address do what they do over TCP")
{
	char *half = map_half_bad();
	struct sockaddr_in addr;
	socklen_t len = -1;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdefgh");
	SAY(recvfrom(s, &byte, 1, 0, (void *)&addr, nowhere()));
	SAY(fsk_unread(s));
	SAY(recvfrom(s, &byte, 1, 0, (void *)&addr, &len));
	SAY(fsk_unread(s));
	len = sizeof(addr);
	SAY(recvfrom(s, &byte, 1, 0, nowhere(), &len));
	note("length %d, unread %d", len, fsk_unread(s));
	SAY(recvfrom(s, &byte, 1, 0, NULL, nowhere()));
	msg.msg_name = nowhere();
	msg.msg_namelen = sizeof(addr);
	SAY(recvmsg(s, &msg, 0));
	note("length %d, unread %d", msg.msg_namelen, fsk_unread(s));
	msg.msg_namelen = -1;
	SAY(recvmsg(s, &msg, 0));
	msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	msg.msg_control = (void *)(half + PAGE);
	msg.msg_controllen = 100;
	SAY(recvmsg(s, &msg, 0));
	note("control %zu, unread %d", msg.msg_controllen, fsk_unread(s));
	msg.msg_control = nowhere();
	msg.msg_controllen = -1;
	SAY(recvmsg(s, &msg, 0));
	note("control %zu, unread %d", msg.msg_controllen, fsk_unread(s));
}

FAST("E10", "recvmsg() fills in no address, no flags and no control data")
{
	char buf[64], control[128];
	struct sockaddr_in addr = { .sin_port = 42 };
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr fresh = {
		.msg_name = &addr, .msg_namelen = sizeof(addr),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control), .msg_flags = -1,
	}, msg;
	static const int flags[] = {
		0, MSG_PEEK, MSG_TRUNC, MSG_WAITALL, MSG_CMSG_CLOEXEC,
		MSG_DONTWAIT,
	};
	size_t i;
	int c, s;

	pair(&c, &s);
	for (i = 0; i < sizeof(flags) / sizeof(*flags) * 2; i++) {
		if (i == sizeof(flags) / sizeof(*flags))
			finish(c, s);
		else if (i < sizeof(flags) / sizeof(*flags))
			give_now(c, s, "abc");
		iov.iov_len = 3;
		msg = fresh;
		SAY(recvmsg(s, &msg, flags[i % 6]));
		note("name %d, port %d, control %zu, flags %x",
		     msg.msg_namelen, addr.sin_port, msg.msg_controllen,
		     msg.msg_flags);
	}
}

FAST("E10", "a failed recvmsg() leaves its struct alone")
{
	char buf[8], control[64];
	struct sockaddr_in addr = { .sin_port = 42 };
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_name = &addr, .msg_namelen = sizeof(addr),
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control), .msg_flags = 77,
	};
	int c, s;

	pair(&c, &s);
	SAY(recvmsg(s, &msg, MSG_DONTWAIT));
	note("name %d, control %zu, flags %d", msg.msg_namelen,
	     msg.msg_controllen, msg.msg_flags);
}

FAST("E10", "recvfrom() tells an address of no bytes")
{
	struct sockaddr_in addr = { .sin_port = 42 };
	socklen_t len = sizeof(addr);
	char byte;
	int c, s;

	pair(&c, &s);
	give_now(c, s, "ab");
	SAY(recvfrom(s, &byte, 1, 0, (void *)&addr, &len));
	note("length %d, port %d", len, addr.sin_port);
	len = sizeof(addr);
	SAY(recvfrom(c, &byte, 1, MSG_DONTWAIT, (void *)&addr, &len));
	note("length %d, port %d", len, addr.sin_port);
}

static void shut_read(int c, int s, struct fsk_call *r)
{
	shutdown(s, SHUT_RD);
}

static void shut_both(int c, int s, struct fsk_call *r)
{
	shutdown(s, SHUT_RDWR);
}

static void say_hello(int c, int s, struct fsk_call *r)
{
	give(c, "hello");
}

/* A thread waits in a plain recv(); it wakes. */
static void wake(const char *what, size_t len,
		 void (*by)(int c, int s, struct fsk_call *r))
{
	char *buf = map(BIG);
	struct fsk_call r = { .buf = buf, .len = len };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	by(c, s, &r);
	end_read(what, &r);
	take("next", s, 64, MSG_DONTWAIT);
	munmap(buf, BIG);
}

FAST("E11", "a waiting reader wakes on data, the end, a reset and shutdown()")
{
	wake("data", 64, say_hello);
	wake("end", 64, cut_by_end);
	wake("reset", 64, cut_by_reset);
	wake("shutdown", 64, shut_read);
	wake("shutdown both", 64, shut_both);
}

FAST("E11", "a waiting reader with a large buffer wakes as well")
{
	wake("data", BIG, say_hello);
	wake("end", BIG, cut_by_end);
	wake("reset", BIG, cut_by_reset);
	wake("shutdown", BIG, shut_read);
	wake("shutdown both", BIG, shut_both);
}

FAST("E11", "the end wakes all who wait, data one of them")
{
	char one[8], two[8];
	struct fsk_call a = { .buf = one, .len = 1 };
	struct fsk_call b = { .buf = two, .len = 1 };
	int c, s;

	pair(&c, &s);
	a.fd = s;
	b.fd = s;
	begin_read(&a);
	begin_read(&b);
	give(c, "x");
	AWAIT(a.done || b.done);
	fsk_sleep_ms(50);
	note("one of them: %d", a.done != b.done);
	finish(c, s);
	await_thread(a.thread);
	await_thread(b.thread);
	note("together %ld", a.n + b.n);
}

FAST("E12", "a signal ends a wait with EINTR")
{
	handle(0);
	wake("small", 64, cut_by_signal);
	wake("large", BIG, cut_by_signal);
}

static void signal_then_data(int c, int s, struct fsk_call *r)
{
	pthread_kill(r->thread, SIGUSR1);
	fsk_sleep_ms(50);
	note("still waits %d", !r->done);
	give(c, "hello");
}

FAST("E12", "with SA_RESTART the wait goes on")
{
	handle(SA_RESTART);
	wake("small", 64, signal_then_data);
	wake("large", BIG, signal_then_data);
}

FAST("E12", "an ignored signal disturbs no wait")
{
	signal(SIGUSR1, SIG_IGN);
	wake("small", 64, signal_then_data);
	wake("large", BIG, signal_then_data);
}

FAST("E12", "with SO_RCVTIMEO a signal is EINTR in spite of SA_RESTART")
{
	char *buf = map(BIG);
	struct fsk_call r = { .buf = buf };
	int c, s;

	handle(SA_RESTART);
	pair(&c, &s);
	fsk_set_timeout(s, SO_RCVTIMEO, 20000);
	r.fd = s;
	for (r.len = 64; r.len <= BIG; r.len *= BIG / 64) {
		begin_read(&r);
		pthread_kill(r.thread, SIGUSR1);
		end_call("interrupted", &r);
	}
	give(c, "abc");
	take("data", s, 64, 0);
}

/* A child that is killed inside recv() of @len bytes to shared memory. */
static void kill_reader(size_t len)
{
	char *buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *own = map(BIG);
	int c, s, status;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		recv(s, len > 64 ? own : buf, len, MSG_WAITALL);
		_exit(0);
	}
	await_sleep(pid);
	fsk_send_pattern(c, 8, 0, len / 2);
	AWAIT(!unacked(c) && !fsk_unread(s));
	await_sleep(pid);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	note("killed %d", WIFSIGNALED(status));
	/* We hold the socket as well: it lives, and the stream goes on. */
	memset(buf, 0x55, BIG);
	fsk_send_pattern(c, 8, len / 2, len);
	note("next %d", fsk_recv_pattern(s, 8, len / 2, len) == len);
	note("untouched %d", buf[0] == 0x55 && buf[63] == 0x55);
	SAY(close(s));
	take("end", c, 64, 0);
}

FAST("E13", "a reader that is killed is gone at once and takes no more data")
{
	kill_reader(64);
	kill_reader(BIG);
}

FAST("E13", "the process of a waiting thread can exit")
{
	char *buf = map(BIG);
	struct fsk_call r;
	int c, s;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(c);
		r = wait_all(s, buf, BIG);
		begin_read(&r);
		_exit(3);
	}
	close(s);
	SAY(fsk_reap(pid));
	take("end", c, 64, 0);
}

FAST("E13", "exec() of a process with a waiting thread keeps the socket")
{
	char *buf = map(BIG);
	struct fsk_call r;
	int c, s;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(c);
		r = wait_all(s, buf, BIG);
		begin_read(&r);
		dup2(s, 0);
		execlp("head", "head", "-c", "0", NULL);
		_exit(127);
	}
	close(s);
	SAY(fsk_reap(pid));
	take("end", c, 64, 0);
}

/* After recv() returned with less than it asked, nothing is written. */
static void written_later(const char *what, struct fsk_call *r, char *buf,
			  int c)
{
	int s = r->fd;

	end_call(what, r);
	memset(buf, 0x55, BIG);
	fsk_send_pattern(c, 9, 0, 50000);
	AWAIT(fsk_unread(s) == 50000);
	note("untouched %d", buf[0] == 0x55 && !memcmp(buf, buf + 1, BIG - 1));
	note("right %d", fsk_recv_pattern(s, 9, 0, 50000) == 50000);
}

FAST("E14", "a buffer is not written to once recv() has returned")
{
	char *buf = map(BIG);
	struct fsk_call r;
	int c, s;

	handle(0);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	pthread_kill(r.thread, SIGUSR1);
	written_later("signal", &r, buf, c);
	begin_read(&r);
	give(c, "abc");
	AWAIT(!unacked(c) && !fsk_unread(s));
	await_sleep(r.tid);
	pthread_kill(r.thread, SIGUSR1);
	written_later("signal and data", &r, buf, c);
	fsk_set_timeout(s, SO_RCVTIMEO, 200);
	begin_read(&r);
	written_later("timeout", &r, buf, c);
	r.flags = 0;
	fsk_set_timeout(s, SO_RCVTIMEO, 0);
	begin_read(&r);
	give(c, "abc");
	written_later("data", &r, buf, c);
	begin_read(&r);
	shutdown(s, SHUT_RD);
	written_later("shutdown", &r, buf, c);
}

static void arrived(const char *what, int c, struct fsk_call *r)
{
	fsk_send_pattern(c, 10, 0, BIG);
	end_call(what, r);
	note("right %d", r->n < 0 || fsk_wrong(r->buf, r->n, 10, 0) == -1);
}

/* For memory that is gone: the data, or EFAULT and the data is left. */
static void fault_or_data(const char *what, int c, struct fsk_call *r)
{
	long n;

	fsk_send_pattern(c, 10, 0, BIG);
	await_thread(r->thread);
	n = r->n < 0 ? 0 : r->n;
	note("%s: fault or data %d", what, r->n >= 0 || r->error == EFAULT);
	note("none lost %d", n + fsk_recv_pattern(r->fd, 10, n, BIG - n) ==
			     BIG);
}

FAST("E15", "MADV_DONTNEED during recv() loses no data")
{
	char *buf = map(BIG);
	struct fsk_call r;
	int c, s;

	memset(buf, 1, BIG);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	SAY(madvise(buf, BIG, MADV_DONTNEED));
	arrived("recv", c, &r);
}

FAST("E15", "new memory in the buffer's place gets the data")
{
	char *buf = map(BIG), *other;
	struct fsk_call r;
	int c, s;

	memset(buf, 1, BIG);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	munmap(buf, BIG);
	other = mmap(buf, BIG, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	note("same place %d", other == buf);
	arrived("recv", c, &r);
}

FAST("E15", "a buffer that is unmapped, moved or closed faults")
{
	char *buf = map(BIG), *to = map(BIG);
	struct fsk_call r;
	int c, s;

	memset(buf, 1, BIG);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	munmap(buf, BIG);
	fault_or_data("munmap", c, &r);

	buf = map(BIG);
	memset(buf, 1, BIG);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	to = mremap(buf, BIG, BIG, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	fault_or_data("mremap", c, &r);

	buf = map(BIG);
	memset(buf, 1, BIG);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	mprotect(buf, BIG, PROT_NONE);
	fault_or_data("PROT_NONE", c, &r);

	buf = map(BIG);
	memset(buf, 1, BIG);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	mprotect(buf, BIG, PROT_READ);
	fault_or_data("PROT_READ", c, &r);
}

FAST("E15", "fork() during recv(): the parent gets the data, the child none")
{
	char *buf = map(BIG), byte;
	struct fsk_call r;
	int c, s, go[2];
	pid_t pid;

	memset(buf, 1, BIG);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	if (pipe(go))
		broken("pipe");
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		byte = read(go[0], &byte, 1);
		_exit(buf[0] == 1 && !memcmp(buf, buf + 1, BIG - 1));
	}
	arrived("recv", c, &r);
	close(go[1]);
	note("child's memory unchanged %d", fsk_reap(pid));
}

FAST("E15", "a buffer written by its program during recv() hurts nobody else")
{
	char *buf = map(BIG + 2 * PAGE);
	struct fsk_call r;
	int c, s;

	memset(buf, 0x55, BIG + 2 * PAGE);
	pair(&c, &s);
	r = wait_all(s, buf + PAGE, BIG);
	begin_read(&r);
	memset(buf + PAGE, 0x66, BIG);
	arrived("recv", c, &r);
	note("around it %d", !memcmp(buf, buf + 1, PAGE - 1) &&
	     !memcmp(buf + PAGE + BIG, buf, PAGE));
}

FAST("E16", "readv() fills buffer after buffer")
{
	char one[2], two[3], three[9] = "";
	struct iovec iov[] = { { one, 2 }, { NULL, 0 }, { two, 3 }, { three, 9 } };
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abcdefgh");
	SAY(readv(s, iov, 4));
	say_bytes("one", one, 2);
	say_bytes("two", two, 3);
	say_bytes("three", three, 9);
	fsk_nonblock(s, true);
	SAY(readv(s, iov, 4));
	finish(c, s);
	SAY(readv(s, iov, 4));
}

FAST("E16", "readv() with 1024 buffers")
{
	static struct iovec iov[1024];
	static char bytes[1024];
	int i, c, s;

	pair(&c, &s);
	for (i = 0; i < 1024; i++)
		iov[i] = (struct iovec){ &bytes[i], 1 };
	fsk_send_pattern(c, 3, 0, 2000);
	AWAIT(fsk_unread(s) == 2000);
	SAY(readv(s, iov, 1024));
	note("right %d", fsk_wrong(bytes, 1024, 3, 0) == -1);
	SAY(fsk_unread(s));
}

FAST("E16", "preadv2() needs offset -1 and knows RWF_NOWAIT")
{
	char buf[64] = "";
	struct iovec iov = { buf, 3 };
	int c, s;

	pair(&c, &s);
	SAY(preadv2(s, &iov, 1, 0, 0));
	SAY(preadv(s, &iov, 1, 0));
	SAY(preadv2(s, &iov, 1, -1, RWF_NOWAIT));
	fsk_nonblock(s, true);
	give_now(c, s, "abcdefghijklmnopqrst");
	SAY(preadv2(s, &iov, 1, -1, 0));
	say_bytes("got", buf, 3);
	SAY(preadv2(s, &iov, 1, -1, RWF_NOWAIT));
	say_bytes("got", buf, 3);
	SAY(preadv2(s, &iov, 1, -1, RWF_HIPRI));
	SAY(preadv2(s, &iov, 1, -1, RWF_APPEND));
	SAY(preadv2(s, &iov, 1, -1, 0x40000000));
	SAY(fsk_unread(s));
}

static void set_up(struct mmsghdr *messages, struct iovec *iov,
		   char (*text)[4], int count)
{
	int i;

	for (i = 0; i < count; i++) {
		memset(text[i], 0, sizeof(text[i]));
		iov[i] = (struct iovec){ text[i], 3 };
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 },
		};
	}
}

static void say_mmsg(const char *what, int fd, int count, int flags, int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };
	struct mmsghdr messages[4];
	struct iovec iov[4];
	char text[4][4];
	int i, n;

	set_up(messages, iov, text, count);
	errno = 0;
	n = recvmmsg(fd, messages, count, flags, ms < 0 ? NULL : &ts);
	say(what, n);
	for (i = 0; i < n; i++)
		say_bytes("  message", text[i], messages[i].msg_len);
}

FAST("E16", "recvmmsg() cuts the stream into messages")
{
	int c, s;

	pair(&c, &s);
	say_mmsg("nothing", s, 4, MSG_DONTWAIT, -1);
	give_now(c, s, "abcdefgh");
	say_mmsg("none asked", s, 0, MSG_DONTWAIT, -1);
	say_mmsg("all", s, 4, MSG_DONTWAIT, -1);
	give_now(c, s, "abcd");
	say_mmsg("wait for one", s, 4, MSG_WAITFORONE, -1);
	give_now(c, s, "abcd");
	say_mmsg("no time", s, 4, 0, 0);
	SAY(recvmmsg(s, nowhere(), 1, MSG_DONTWAIT, NULL));
	finish(c, s);
	say_mmsg("end", s, 3, 0, -1);
	say_mmsg("end", s, 2, 0, -1);
	reset(c, s);
	say_mmsg("reset", s, 2, 0, -1);
}

FAST("E16", "an error behind messages of recvmmsg() is kept for later")
{
	int c = reset_behind_data();

	say_mmsg("data", c, 4, 0, -1);
	SAY(fsk_int_option(c, SOL_SOCKET, SO_ERROR) == ECONNRESET);
	take("then", c, 64, 0);
	take("then", c, 64, 0);
}

FAST("E17", "SO_PEEK_OFF moves where peeking begins")
{
	int c, s;

	pair(&c, &s);
	SAY(fsk_int_option(s, SOL_SOCKET, SO_PEEK_OFF));
	if (SAY(fsk_set_int(s, SOL_SOCKET, SO_PEEK_OFF, 2)))
		return;
	give_now(c, s, "abcdefgh");
	take("from 2", s, 2, MSG_PEEK);
	SAY(fsk_int_option(s, SOL_SOCKET, SO_PEEK_OFF));
	take("from 4", s, 2, MSG_PEEK);
	take("read", s, 3, 0);
	SAY(fsk_int_option(s, SOL_SOCKET, SO_PEEK_OFF));
	take("from 3 on", s, 2, MSG_PEEK);
	take("the rest", s, 64, MSG_PEEK | MSG_DONTWAIT);
	take("no more", s, 64, MSG_PEEK | MSG_DONTWAIT);
	give_now(c, s, "ijk");
	take("more", s, 64, MSG_PEEK | MSG_DONTWAIT);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_PEEK_OFF, 0));
	take("from 0", s, 3, MSG_PEEK);
	take("from 3", s, 3, MSG_PEEK);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_PEEK_OFF, -1));
	take("off", s, 3, MSG_PEEK);
	take("off", s, 3, MSG_PEEK);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_PEEK_OFF, -7));
	SAY(fsk_int_option(s, SOL_SOCKET, SO_PEEK_OFF));
	take("all", s, 64, 0);
}

FAST("E17", "SO_PEEK_OFF that was set before connecting is kept")
{
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(0), s;
	long set = SAY(fsk_set_int(c, SOL_SOCKET, SO_PEEK_OFF, 1));

	pair_on(c, lfd, port, &s);
	give_now(s, c, "abcdef");
	take("peek", c, 2, MSG_PEEK);
	take("peek", c, 2, MSG_PEEK);
	take("read", c, 64, 0);
	if (!set)
		SAY(fsk_int_option(c, SOL_SOCKET, SO_PEEK_OFF));
}

FAST("E17", "a wait at the peek offset ends with new data")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64, .flags = MSG_PEEK };
	int c, s;

	pair(&c, &s);
	if (SAY(fsk_set_int(s, SOL_SOCKET, SO_PEEK_OFF, 3)))
		return;
	give_now(c, s, "abc");
	r.fd = s;
	begin_read(&r);
	give(c, "def");
	end_read("peek", &r);
	SAY(fsk_int_option(s, SOL_SOCKET, SO_PEEK_OFF));
}

/* BIG bytes for a thread that waits for them all in this memory. */
static void receive_into(const char *what, char *buf)
{
	struct fsk_call r;
	int c, s;

	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	fsk_send_pattern(c, 11, 0, BIG);
	end_call(what, &r);
	note("right %d", fsk_wrong(buf, BIG, 11, 0) == -1);
	close(c);
	close(s);
}

FAST("E18", "received into anonymous memory, touched or not, and the stack")
{
	char *buf = map(BIG), stack[BIG + 1];

	receive_into("untouched", buf);
	receive_into("touched", buf);
	mprotect(buf, BIG, PROT_READ);
	mprotect(buf, BIG, PROT_READ | PROT_WRITE);
	receive_into("read-only before", buf);
	receive_into("stack", stack + 1);
}

FAST("E18", "received into shared memory and into files")
{
	int fd = memfd_create("row", 0), file;
	char *buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	receive_into("shared", buf);
	if (fd < 0 || ftruncate(fd, BIG))
		broken("memfd_create");
	buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	receive_into("memfd", buf);
	buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	receive_into("private of memfd", buf);
	file = open("/", O_TMPFILE | O_RDWR, 0600);
	if (file < 0)
		file = open("/row-E18", O_CREAT | O_RDWR | O_TRUNC, 0600);
	if (file < 0 || ftruncate(file, BIG))
		broken("file");
	unlink("/row-E18");
	buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (buf == MAP_FAILED)
		broken("mmap");
	receive_into("file", buf);
}

FAST("E18", "received beyond the end of a file: SIGBUS memory faults")
{
	int fd = memfd_create("row", 0);
	struct fsk_call r;
	char *buf;
	int c, s;
	long n;

	if (fd < 0 || ftruncate(fd, BIG / 2))
		broken("memfd_create");
	buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pair(&c, &s);
	r = wait_all(s, buf, BIG);
	begin_read(&r);
	fsk_send_pattern(c, 11, 0, BIG);
	await_thread(r.thread);
	n = r.n < 0 ? 0 : r.n;
	note("fault or some %d", r.n >= 0 || r.error == EFAULT);
	note("none lost %d", n + fsk_recv_pattern(s, 11, n, BIG - n) == BIG);
}

FAST("E18", "received into large pages")
{
	size_t huge = 2 << 20;
	char *area = map(2 * huge), *buf;

	buf = (char *)(((uintptr_t)area + huge - 1) & ~(huge - 1));
	madvise(buf, huge, MADV_HUGEPAGE);
	receive_into("transparent", buf);
	receive_into("in its middle", buf + PAGE + 1);
}

FAST("E18", "received into hugetlb memory")
{
	char *buf;

	fsk_run("echo 2 > /proc/sys/vm/nr_hugepages");
	buf = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (buf == MAP_FAILED)
		skip("no hugetlb page");
	receive_into("hugetlb", buf);
	munmap(buf, 2 << 20);
	fsk_run("echo 0 > /proc/sys/vm/nr_hugepages");
}

FAST("E18", "received into the ring of a packet socket")
{
	struct tpacket_req ring = {
		.tp_block_size = 65536, .tp_block_nr = BIG / 65536,
		.tp_frame_size = 2048, .tp_frame_nr = BIG / 2048,
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	char *buf;

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring,
				 sizeof(ring)))
		broken("packet ring");
	buf = mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (buf == MAP_FAILED)
		broken("mmap");
	receive_into("ring", buf);
}

FAST("E18", "received into locked, unmergeable and write-watched memory")
{
	char *buf = map(BIG);

	SAY(mlock(buf, BIG));
	receive_into("locked", buf);
	madvise(buf, BIG, MADV_MERGEABLE);
	receive_into("mergeable", buf);
	madvise(buf, BIG, MADV_DONTFORK);
	receive_into("not forked", buf);
}

/* Gives each page that somebody asks for, full of zeros. */
static void *give_pages(void *arg)
{
	int uffd = *(int *)arg;
	struct uffdio_zeropage zero = { .range.len = PAGE };
	struct uffd_msg msg;

	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg)) {
		fsk_sleep_ms(20);
		zero.range.start = msg.arg.pagefault.address & -PAGE;
		ioctl(uffd, UFFDIO_ZEROPAGE, &zero);
	}
	return NULL;
}

FAST("E18", "received into memory that a userfaultfd fills")
{
	struct uffdio_api api = { .api = UFFD_API };
	char *buf = map(BIG);
	struct uffdio_register range = {
		.range = { (uintptr_t)buf + BIG / 2, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		skip("no userfaultfd");
	if (ioctl(uffd, UFFDIO_REGISTER, &range))
		broken("UFFDIO_REGISTER");
	thread(give_pages, &uffd);
	receive_into("userfault", buf);
}
