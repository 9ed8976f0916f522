// SPDX-License-Identifier: GPL-2.0
/* H: urgent data. */
#include "behaviour.h"

#define BIG	100000

static int mark(int fd)
{
	int at = -1;

	return ioctl(fd, SIOCATMARK, &at) ? -1 : at;
}

static int unacked(int fd)
{
	int n = -1;

	return ioctl(fd, TIOCOUTQ, &n) ? -1 : n;
}

static void give(int fd, const char *text, int flags)
{
	long n = strlen(text);

	if (send(fd, text, n, flags | MSG_NOSIGNAL) != n)
		broken("send");
}

/* Sends a text whose last byte is urgent. */
static long urge(int fd, const char *text)
{
	long n = send(fd, text, strlen(text), MSG_OOB | MSG_NOSIGNAL);

	if (n != (long)strlen(text))
		broken("urgent send");
	return n;
}

/* Sends and waits until the peer's host has all of it. */
static void give_now(int fd, const char *text, int flags)
{
	give(fd, text, flags);
	AWAIT(!unacked(fd));
	fsk_sleep_ms(10);
}

static void take(const char *what, int fd, size_t len, int flags)
{
	char buf[64] = "";
	long n;

	errno = 0;
	n = recv(fd, buf, len, flags | MSG_DONTWAIT);
	say_bytes(what, buf, n);
}

static void say_state(const char *what, int fd)
{
	say_events(what, fsk_events(fd));
	note("  mark %d, unread %d", mark(fd), fsk_unread(fd));
}

static void inline_on(int fd)
{
	if (fsk_set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1))
		broken("SO_OOBINLINE");
}

static int urgs;

static void count_urgent(int sig)
{
	urgs++;
}

static void handle_urgent(int flags)
{
	struct sigaction action = {
		.sa_handler = count_urgent, .sa_flags = flags,
	};

	urgs = 0;
	sigaction(SIGURG, &action, NULL);
}

/* A thread inside recv(). */
struct reader {
	int fd;
	void *buf;
	size_t len;
	int flags;
	pthread_t id;
	pid_t tid;
	long n;
	int error;
	bool done;
};

static void *read_once(void *arg)
{
	struct reader *r = arg;

	r->tid = gettid();
	r->n = recv(r->fd, r->buf, r->len, r->flags);
	r->error = errno;
	r->done = true;
	return NULL;
}

static void begin(struct reader *r)
{
	r->tid = 0;
	r->done = false;
	r->id = thread(read_once, r);
	AWAIT(r->tid);
	await_sleep(r->tid);
}

static void end(const char *what, struct reader *r)
{
	await_thread(r->id);
	errno = r->error;
	if (r->len > 64)
		say(what, r->n);
	else
		say_bytes(what, r->buf, r->n);
}

FAST("H1", "of several bytes sent urgent only the last one is")
{
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "abc!"));
	AWAIT(fsk_events(s) & POLLPRI);
	say_state("arrived", s);
	take("stream", s, 64, 0);
	say_state("at the mark", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	say_state("all read", s);
}

FAST("H1", "urgent bytes go both ways, and through sendmsg()")
{
	struct iovec iov[] = { { "ab", 2 }, { "c?", 2 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int c, s;

	pair(&c, &s);
	if (SAY(sendmsg(s, &msg, MSG_OOB)) < 0 ||
	    SAY(sendmsg(c, &msg, MSG_OOB | MSG_DONTWAIT)) < 0)
		broken("urgent send");
	AWAIT(fsk_events(s) & POLLPRI && fsk_events(c) & POLLPRI);
	take("client", c, 64, 0);
	take("client", c, 64, MSG_OOB);
	take("server", s, 64, 0);
	take("server", s, 64, MSG_OOB);
}

FAST("H1", "sending no byte urgent does nothing")
{
	int c, s;

	pair(&c, &s);
	SAY(send(c, NULL, 0, MSG_OOB));
	give_now(c, "ab", 0);
	say_state("peer", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
}

FAST("H1", "wrong uses of an urgent send")
{
	int c, s;

	signal(SIGPIPE, SIG_IGN);
	pair(&c, &s);
	SAY(send(c, NULL, 1, MSG_OOB));
	give_now(c, "ab", 0);
	say_state("peer", s);
	take("stream", s, 64, 0);
	SAY(shutdown(c, SHUT_WR));
	SAY(send(c, "!", 1, MSG_OOB));
	SAY(send(c, NULL, 0, MSG_OOB));
}

ALONE("H1", "urgent sends and receives without connection")
{
	uint16_t port;
	int fd = client_socket(0), lfd = listener(1, &port);

	SAY(send(fd, "!", 1, MSG_OOB | MSG_NOSIGNAL));
	SAY(send(lfd, "!", 1, MSG_OOB | MSG_NOSIGNAL));
	take("fresh", fd, 1, MSG_OOB);
	take("listening", lfd, 1, MSG_OOB);
	SAY(mark(fd));
	SAY(mark(lfd));
	SAY(ioctl(fd, SIOCATMARK, NULL));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1));
	take("fresh, in line", fd, 1, MSG_OOB);
}

FAST("H2", "SIGURG goes to the owner, for each urgent byte once")
{
	int c, s, i;

	handle_urgent(0);
	pair(&c, &s);
	SAY(urge(c, "!"));
	AWAIT(fsk_events(s) & POLLPRI);
	note("no owner: %d", urgs);
	take("urgent", s, 64, MSG_OOB);
	SAY(fcntl(s, F_SETOWN, getpid()));
	for (i = 0; i < 3; i++) {
		urgs = 0;
		give_now(c, "ab!", MSG_OOB);
		AWAIT(urgs);
		note("signals %d", urgs);
		say_events("events", fsk_events(s));
		take("stream", s, 64, 0);
		take("urgent", s, 64, MSG_OOB);
		say_events("events", fsk_events(s));
	}
	urgs = 0;
	give_now(c, "data", 0);
	note("plain data: %d", urgs);
	SAY(fcntl(s, F_SETOWN, 0));
	give_now(c, "!", MSG_OOB);
	note("no owner any more: %d", urgs);
}

FAST("H2", "SIGURG comes whatever F_SETSIG says, in line as well")
{
	int c, s;

	handle_urgent(0);
	pair(&c, &s);
	inline_on(s);
	SAY(fcntl(s, F_SETOWN, getpid()));
	SAY(fcntl(s, F_SETSIG, SIGUSR1));
	give_now(c, "!", MSG_OOB);
	AWAIT(urgs);
	note("signals %d", urgs);
}

FAST("H2", "SIGURG goes to a process group and to another process")
{
	int c, s;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		signal(SIGURG, SIG_DFL);
		handle_urgent(0);
		_exit(FSK_UNTIL(urgs) ? urgs : 99);
	}
	fsk_sleep_ms(100);
	SAY(fcntl(s, F_SETOWN, pid));
	give_now(c, "!", MSG_OOB);
	SAY(fsk_reap(pid));
	take("urgent", s, 64, MSG_OOB);
	handle_urgent(0);
	SAY(fcntl(s, F_SETOWN, -getpgrp()));
	give_now(c, "!", MSG_OOB);
	AWAIT(urgs);
	note("group %d", urgs);
}

FAST("H2", "SIGURG interrupts a blocked recv(), which restarts if it may")
{
	char buf[64];
	struct reader r = { .buf = buf, .len = 64 };
	struct f_owner_ex owner = { .type = F_OWNER_TID };
	int c, s;

	handle_urgent(SA_RESTART);
	pair(&c, &s);
	r.fd = s;
	begin(&r);
	owner.pid = r.tid;
	SAY(fcntl(s, F_SETOWN_EX, &owner));
	give_now(c, "!", MSG_OOB);
	AWAIT(urgs);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "data", 0);
	end("recv", &r);
}

FAST("H2", "the owner of a listener is not the owner of its connections")
{
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(0), s;

	handle_urgent(0);
	SAY(fcntl(lfd, F_SETOWN, getpid()));
	pair_on(c, lfd, port, &s);
	SAY(fcntl(s, F_GETOWN));
	give_now(c, "!", MSG_OOB);
	AWAIT(fsk_events(s) & POLLPRI);
	note("signals %d", urgs);
}

FAST("H3", "recv() stops at the mark, and then skips the urgent byte")
{
	int c, s;

	pair(&c, &s);
	give(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	say_state("arrived", s);
	take("one", s, 1, 0);
	say_state("before the mark", s);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
	say_state("after it", s);
	take("urgent is lost", s, 64, MSG_OOB);
}

FAST("H3", "recv() stops at the mark though the urgent byte was read")
{
	int c, s;

	pair(&c, &s);
	give(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	take("urgent", s, 64, MSG_OOB);
	say_state("it was read", s);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
	say_state("after it", s);
}

FAST("H3", "in line recv() stops at the mark and then begins with the byte")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	say_state("arrived", s);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("peek", s, 64, MSG_PEEK);
	take("the byte", s, 1, 0);
	say_state("after it", s);
	take("beyond", s, 64, 0);
}

FAST("H3", "changing SO_OOBINLINE while the byte is queued")
{
	int c, s;

	pair(&c, &s);
	give(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	inline_on(s);
	say_state("in line", s);
	take("urgent", s, 64, MSG_OOB);
	take("to the mark", s, 64, 0);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_OOBINLINE, 0));
	say_state("no more", s);
	take("urgent", s, 64, MSG_OOB);
	inline_on(s);
	take("beyond", s, 64, 0);
}

FAST("H3", "peeking stops at the mark and crosses it as reading does")
{
	int c, s;

	pair(&c, &s);
	give(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	take("peek", s, 64, MSG_PEEK);
	take("peek", s, 64, MSG_PEEK);
	take("read", s, 64, 0);
	take("peek at the mark", s, 64, MSG_PEEK);
	say_state("at the mark", s);
	take("urgent", s, 64, MSG_OOB);
	take("read", s, 64, 0);
}

FAST("H3", "MSG_TRUNC and MSG_WAITALL stop at the mark")
{
	char buf[64];
	int c, s;

	pair(&c, &s);
	give(c, "abc!", MSG_OOB);
	give_now(c, "def", 0);
	SAY(recv(s, NULL, 64, MSG_TRUNC | MSG_DONTWAIT));
	say_state("at the mark", s);
	SAY(recv(s, NULL, 2, MSG_TRUNC | MSG_DONTWAIT));
	take("rest", s, 64, 0);
	give(c, "abc!", MSG_OOB);
	give_now(c, "def", 0);
	SAY(recv(s, buf, 5, MSG_WAITALL));
	SAY(recv(s, buf, 3, MSG_WAITALL));
}

FAST("H3", "a wait for all bytes ends when the mark comes")
{
	char buf[64];
	struct reader r = { .buf = buf, .len = 6, .flags = MSG_WAITALL };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin(&r);
	give_now(c, "abc", 0);
	await_sleep(r.tid);
	give_now(c, "d!", MSG_OOB);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give_now(c, "efghi", 0);
	end("recv", &r);
	say_state("then", s);
	take("rest", s, 64, 0);
}

FAST("H3", "a reader that waits at the mark gets what follows")
{
	char buf[64];
	struct reader r = { .buf = buf, .len = 64 };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin(&r);
	give_now(c, "!", MSG_OOB);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	take("urgent", s, 64, MSG_OOB);
	note("waits %d", !r.done);
	give(c, "data", 0);
	end("recv", &r);
}

FAST("H3", "an urgent byte alone is no data: recv() passes it")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "!", MSG_OOB);
	say_state("arrived", s);
	take("stream", s, 64, 0);
	say_state("then", s);
	take("urgent", s, 64, MSG_OOB);
	say_state("then", s);
}

FAST("H3", "the urgent byte in a long stream is where it was sent")
{
	static char buf[2 * BIG];
	uint64_t got = 0;
	int c, s, copy;
	long n;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		fsk_send_pattern(c, 1, 0, BIG);
		urge(c, "!");
		_exit(fsk_send_pattern(c, 1, BIG, BIG));
	}
	AWAIT(fsk_events(s) & POLLIN);
	copy = dup(s);
	while (got < BIG) {
		n = recv(copy, buf, sizeof(buf), 0);
		if (n <= 0 || fsk_wrong(buf, n, 1, got) >= 0)
			break;
		got += n;
	}
	SAY(got);
	AWAIT(mark(s) == 1);
	AWAIT(fsk_events(s) & POLLPRI);
	take("urgent", s, 64, MSG_OOB);
	SAY(fsk_recv_pattern(s, 1, BIG, BIG));
	SAY(fsk_reap(pid));
}

FAST("H3", "a large wait for all bytes stops at the mark")
{
	static char buf[2 * BIG];
	struct reader r = {
		.buf = buf, .len = sizeof(buf), .flags = MSG_WAITALL,
	};
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin(&r);
	fsk_send_pattern(c, 1, 0, BIG);
	urge(c, "!");
	fsk_send_pattern(c, 1, BIG, 1000);
	end("recv", &r);
	note("right %d", fsk_wrong(buf, BIG, 1, 0) == -1);
	SAY(mark(s));
	take("urgent", s, 64, MSG_OOB);
	SAY(fsk_recv_pattern(s, 1, BIG, 1000));
}

FAST("H3", "in line a large wait for all bytes stops at the mark")
{
	static char buf[2 * BIG];
	struct reader r = {
		.buf = buf, .len = sizeof(buf), .flags = MSG_WAITALL,
	};
	int c, s;

	pair(&c, &s);
	inline_on(s);
	r.fd = s;
	begin(&r);
	fsk_send_pattern(c, 1, 0, BIG);
	urge(c, "!");
	fsk_send_pattern(c, 1, BIG, 1000);
	end("recv", &r);
	note("right %d", fsk_wrong(buf, BIG, 1, 0) == -1);
	SAY(mark(s));
	take("the byte", s, 1, 0);
	SAY(fsk_recv_pattern(s, 1, BIG, 1000));
}

FAST("H4", "recv() of the urgent byte gives it once")
{
	int c, s;

	pair(&c, &s);
	take("none yet", s, 64, MSG_OOB);
	give_now(c, "ab!", MSG_OOB);
	take("peek", s, 64, MSG_OOB | MSG_PEEK);
	take("peek", s, 64, MSG_OOB | MSG_PEEK);
	take("read", s, 64, MSG_OOB);
	take("again", s, 64, MSG_OOB);
	take("peek again", s, 64, MSG_OOB | MSG_PEEK);
	take("stream", s, 64, 0);
	take("beyond", s, 64, 0);
	take("none any more", s, 64, MSG_OOB);
}

FAST("H4", "recv() of the urgent byte never blocks, and none is EINVAL")
{
	char byte;
	int c, s;

	pair(&c, &s);
	SAY(recv(s, &byte, 1, MSG_OOB));
	SAY(recv(s, &byte, 1, MSG_OOB | MSG_WAITALL));
	SAY(recv(s, &byte, 0, MSG_OOB));
	give_now(c, "data", 0);
	SAY(recv(s, &byte, 1, MSG_OOB));
	inline_on(s);
	give_now(c, "!", MSG_OOB);
	SAY(recv(s, &byte, 1, MSG_OOB));
	take("stream", s, 64, 0);
	take("stream", s, 64, 0);
}

FAST("H4", "recvmsg() of the urgent byte marks it MSG_OOB")
{
	char buf[8] = "";
	struct iovec iov = { buf, 8 };
	struct sockaddr_in addr;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &addr,
		.msg_namelen = sizeof(addr),
	};
	int c, s;

	pair(&c, &s);
	give_now(c, "ab!", MSG_OOB);
	SAY(recvmsg(s, &msg, MSG_OOB | MSG_PEEK));
	note("flags %x, name %d, %s", msg.msg_flags, msg.msg_namelen, buf);
	iov.iov_len = 0;
	SAY(recvmsg(s, &msg, MSG_OOB | MSG_PEEK));
	note("flags %x", msg.msg_flags);
	iov.iov_len = 8;
	buf[0] = '-';
	SAY(recvmsg(s, &msg, MSG_OOB | MSG_PEEK | MSG_TRUNC));
	note("flags %x, %s", msg.msg_flags, buf);
	SAY(recvmsg(s, &msg, MSG_OOB));
	note("flags %x, %s", msg.msg_flags, buf);
	SAY(recvmsg(s, &msg, 0));
	note("stream: flags %x, %.2s", msg.msg_flags, buf);
}

FAST("H4", "recv() of the urgent byte into no room or a bad place")
{
	void *nowhere = (void *)strtoul("1", NULL, 10);
	int c, s;

	pair(&c, &s);
	give_now(c, "ab!", MSG_OOB);
	SAY(recv(s, nowhere, 1, MSG_OOB | MSG_PEEK));
	SAY(recv(s, nowhere, 1, MSG_OOB));
	take("again", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	give_now(c, "cd!", MSG_OOB);
	SAY(recv(s, NULL, 0, MSG_OOB));
	take("again", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
}

FAST("H4", "an urgent byte that is announced but has not arrived is EAGAIN")
{
	static char buf[65536];
	uint16_t port;
	int lfd = server_socket(0), c = client_socket(0), s;
	long n, all = 0;

	handle_urgent(SA_RESTART);
	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, 4096);
	port = listen_on(lfd, 1);
	fsk_set_int(c, SOL_SOCKET, SO_SNDBUF, 200000);
	pair_on(c, lfd, port, &s);
	fcntl(s, F_SETOWN, getpid());
	SAY(send(c, buf, 40000, 0));
	SAY(urge(c, "!"));
	AWAIT(urgs);
	take("urgent", s, 64, MSG_OOB);
	take("urgent", s, 64, MSG_OOB | MSG_PEEK);
	say_events("events", fsk_events(s) & ~POLLOUT);
	note("mark %d", mark(s));
	AWAIT(({
		n = recv(s, buf, sizeof(buf), MSG_DONTWAIT);
		all += n > 0 ? n : 0;
		all == 40000;
	}));
	AWAIT(fsk_events(s) & POLLPRI);
	note("mark %d", mark(s));
	take("urgent", s, 64, MSG_OOB);
	note("signals %d", urgs);
}

FAST("H4", "an urgent byte outlives the end of the stream")
{
	int c, s;

	pair(&c, &s);
	give(c, "ab!", MSG_OOB);
	shutdown(c, SHUT_WR);
	AWAIT(fsk_events(s) & POLLRDHUP);
	say_state("end", s);
	take("stream", s, 64, 0);
	say_state("at the mark", s);
	take("urgent", s, 64, MSG_OOB);
	take("urgent", s, 64, MSG_OOB);
	take("end", s, 64, 0);
	take("end", s, 64, 0);
	take("none", s, 64, MSG_OOB);
}

FAST("H4", "an urgent byte and a reset")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab!", MSG_OOB);
	fsk_set_linger(c, 0);
	close(c);
	AWAIT(fsk_events(s) & POLLERR);
	say_state("reset", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	take("stream", s, 64, 0);
	take("stream", s, 64, 0);
	take("urgent", s, 64, MSG_OOB);
}

FAST("H4", "an urgent byte that nobody read makes close() a reset")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "!", MSG_OOB);
	close(s);
	AWAIT(fsk_events(c) & (POLLERR | POLLRDHUP));
	say_events("peer", fsk_events(c));
	pair(&c, &s);
	give_now(c, "!", MSG_OOB);
	take("urgent", s, 64, MSG_OOB);
	close(s);
	AWAIT(fsk_events(c) & (POLLERR | POLLRDHUP));
	say_events("peer after it was read", fsk_events(c));
}

FAST("H4", "own SHUT_RD leaves an urgent byte readable")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab!", MSG_OOB);
	SAY(shutdown(s, SHUT_RD));
	say_state("shut", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	take("stream", s, 64, 0);
	take("none", s, 64, MSG_OOB);
}

FAST("H5", "a second urgent byte moves the mark, the first becomes data")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab1", MSG_OOB);
	take("peek", s, 64, MSG_OOB | MSG_PEEK);
	give_now(c, "cd2", MSG_OOB);
	give_now(c, "ef", 0);
	say_state("both", s);
	take("urgent", s, 64, MSG_OOB);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
}

FAST("H5", "a second urgent byte after the first was read")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab1", MSG_OOB);
	take("first", s, 64, MSG_OOB);
	give_now(c, "cd2", MSG_OOB);
	say_state("second", s);
	take("second", s, 64, MSG_OOB);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
}

FAST("H5", "a second urgent byte while the reader is at the first")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab1", MSG_OOB);
	take("to the mark", s, 64, 0);
	give_now(c, "cd2", MSG_OOB);
	give_now(c, "ef", 0);
	say_state("second", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
}

FAST("H5", "one urgent byte right after another")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "1", MSG_OOB);
	give_now(c, "2", MSG_OOB);
	say_state("two", s);
	take("urgent", s, 64, MSG_OOB);
	take("stream", s, 64, 0);
	say_state("then", s);
	take("stream", s, 64, 0);
	give_now(c, "end", 0);
	take("stream", s, 64, 0);
}

FAST("H5", "a second urgent byte in line")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give_now(c, "ab1", MSG_OOB);
	give_now(c, "cd2", MSG_OOB);
	give_now(c, "ef", 0);
	say_state("both", s);
	take("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take("beyond", s, 64, 0);
}

FAST("H6", "FIONREAD ends before the mark, and does not count the byte")
{
	int c, s;

	pair(&c, &s);
	give_now(c, "ab!", MSG_OOB);
	SAY(fsk_unread(s));
	give_now(c, "cd", 0);
	SAY(fsk_unread(s));
	take("one", s, 1, 0);
	SAY(fsk_unread(s));
	take("one", s, 1, 0);
	SAY(fsk_unread(s));
	take("one", s, 1, 0);
	SAY(fsk_unread(s));
	take("one", s, 1, 0);
	SAY(fsk_unread(s));
}

FAST("H6", "FIONREAD in line counts the urgent byte")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give_now(c, "ab!", MSG_OOB);
	give_now(c, "cd", 0);
	SAY(fsk_unread(s));
	take("stream", s, 64, 0);
	SAY(fsk_unread(s));
}

FAST("H6", "an urgent byte counts in SIOCOUTQ until it is acknowledged")
{
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "ab!"));
	AWAIT(!unacked(c));
	SAY(fsk_unread(s));
	SAY(fsk_unread(c));
}

FAST("H6", "plain use of a connection after its urgent bytes")
{
	int c, s, i;

	pair(&c, &s);
	for (i = 0; i < 5; i++) {
		give(c, "ab!", MSG_OOB);
		give_now(c, "cd", 0);
		take("stream", s, 64, 0);
		take("urgent", s, 64, MSG_OOB);
		take("stream", s, 64, 0);
	}
	fsk_send_pattern(c, 1, 0, 3000);
	SAY(fsk_recv_pattern(s, 1, 0, 3000));
	say_state("then", s);
}
