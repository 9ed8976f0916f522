// SPDX-License-Identifier: GPL-2.0
/* H: urgent data. */
#include "behaviour.h"

#define BIG	100000

static int mark(int fd)
{
	int at = -1;

	return ioctl(fd, SIOCATMARK, &at) ? -1 : at;
}

/* Sends and waits until the peer's host has all of it. */
static void give_acked(int fd, const char *text, int flags)
{
	give_flags(fd, text, flags);
	AWAIT(!unacked(fd));
	fsk_sleep_ms(10);
}

static void take_now(const char *what, int fd, size_t len, int flags)
{
	take(what, fd, len, flags | MSG_DONTWAIT);
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

static void end(const char *what, struct fsk_call *r)
{
	if (r->len > 64)
		end_call(what, r);
	else
		end_read(what, r);
}

FAST("H1", "of several bytes sent urgent only the last one is")
{
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "abc!"));
	AWAIT(fsk_events(s) & POLLPRI);
	say_state("arrived", s);
	take_now("stream", s, 64, 0);
	say_state("at the mark", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
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
	take_now("client", c, 64, 0);
	take_now("client", c, 64, MSG_OOB);
	take_now("server", s, 64, 0);
	take_now("server", s, 64, MSG_OOB);
}

FAST("H1", "sending no byte urgent does nothing")
{
	int c, s;

	pair(&c, &s);
	SAY(send(c, NULL, 0, MSG_OOB));
	give_acked(c, "ab", 0);
	say_state("peer", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
}

FAST("H1", "wrong uses of an urgent send")
{
	int c, s;

	signal(SIGPIPE, SIG_IGN);
	pair(&c, &s);
	SAY(send(c, NULL, 1, MSG_OOB));
	give_acked(c, "ab", 0);
	say_state("peer", s);
	take_now("stream", s, 64, 0);
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
	take_now("fresh", fd, 1, MSG_OOB);
	take_now("listening", lfd, 1, MSG_OOB);
	SAY(mark(fd));
	SAY(mark(lfd));
	SAY(ioctl(fd, SIOCATMARK, NULL));
	SAY(fsk_set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1));
	take_now("fresh, in line", fd, 1, MSG_OOB);
}

FAST("H2", "SIGURG goes to the owner, for each urgent byte once")
{
	int c, s, i;

	handle_urgent(0);
	pair(&c, &s);
	SAY(urge(c, "!"));
	AWAIT(fsk_events(s) & POLLPRI);
	note("no owner: %d", urgs);
	take_now("urgent", s, 64, MSG_OOB);
	SAY(fcntl(s, F_SETOWN, getpid()));
	for (i = 0; i < 3; i++) {
		urgs = 0;
		give_acked(c, "ab!", MSG_OOB);
		AWAIT(urgs);
		note("signals %d", urgs);
		say_events("events", fsk_events(s));
		take_now("stream", s, 64, 0);
		take_now("urgent", s, 64, MSG_OOB);
		say_events("events", fsk_events(s));
	}
	urgs = 0;
	give_acked(c, "data", 0);
	note("plain data: %d", urgs);
	SAY(fcntl(s, F_SETOWN, 0));
	give_acked(c, "!", MSG_OOB);
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
	give_acked(c, "!", MSG_OOB);
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
	give_acked(c, "!", MSG_OOB);
	SAY(fsk_reap(pid));
	take_now("urgent", s, 64, MSG_OOB);
	handle_urgent(0);
	SAY(fcntl(s, F_SETOWN, -getpgrp()));
	give_acked(c, "!", MSG_OOB);
	AWAIT(urgs);
	note("group %d", urgs);
}

FAST("H2", "SIGURG interrupts a blocked recv(), which restarts if it may")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64 };
	struct f_owner_ex owner = { .type = F_OWNER_TID };
	int c, s;

	handle_urgent(SA_RESTART);
	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	owner.pid = r.tid;
	SAY(fcntl(s, F_SETOWN_EX, &owner));
	give_acked(c, "!", MSG_OOB);
	AWAIT(urgs);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give(c, "data");
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
	give_acked(c, "!", MSG_OOB);
	AWAIT(fsk_events(s) & POLLPRI);
	note("signals %d", urgs);
}

FAST("H3", "recv() stops at the mark, and then skips the urgent byte")
{
	int c, s;

	pair(&c, &s);
	give_flags(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	say_state("arrived", s);
	take_now("one", s, 1, 0);
	say_state("before the mark", s);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
	say_state("after it", s);
	take_now("urgent is lost", s, 64, MSG_OOB);
}

FAST("H3", "recv() stops at the mark though the urgent byte was read")
{
	int c, s;

	pair(&c, &s);
	give_flags(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	take_now("urgent", s, 64, MSG_OOB);
	say_state("it was read", s);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
	say_state("after it", s);
}

FAST("H3", "in line recv() stops at the mark and then begins with the byte")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give_flags(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	say_state("arrived", s);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("peek", s, 64, MSG_PEEK);
	take_now("the byte", s, 1, 0);
	say_state("after it", s);
	take_now("beyond", s, 64, 0);
}

FAST("H3", "changing SO_OOBINLINE while the byte is queued")
{
	int c, s;

	pair(&c, &s);
	give_flags(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	inline_on(s);
	say_state("in line", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("to the mark", s, 64, 0);
	SAY(fsk_set_int(s, SOL_SOCKET, SO_OOBINLINE, 0));
	say_state("no more", s);
	take_now("urgent", s, 64, MSG_OOB);
	inline_on(s);
	take_now("beyond", s, 64, 0);
}

FAST("H3", "peeking stops at the mark and crosses it as reading does")
{
	int c, s;

	pair(&c, &s);
	give_flags(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	take_now("peek", s, 64, MSG_PEEK);
	take_now("peek", s, 64, MSG_PEEK);
	take_now("read", s, 64, 0);
	take_now("peek at the mark", s, 64, MSG_PEEK);
	say_state("at the mark", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("read", s, 64, 0);
}

FAST("H3", "MSG_TRUNC and MSG_WAITALL stop at the mark")
{
	char buf[64];
	int c, s;

	pair(&c, &s);
	give_flags(c, "abc!", MSG_OOB);
	give_acked(c, "def", 0);
	SAY(recv(s, NULL, 64, MSG_TRUNC | MSG_DONTWAIT));
	say_state("at the mark", s);
	SAY(recv(s, NULL, 2, MSG_TRUNC | MSG_DONTWAIT));
	take_now("rest", s, 64, 0);
	give_flags(c, "abc!", MSG_OOB);
	give_acked(c, "def", 0);
	SAY(recv(s, buf, 5, MSG_WAITALL));
	SAY(recv(s, buf, 3, MSG_WAITALL));
}

FAST("H3", "a wait for all bytes ends when the mark comes")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 6, .flags = MSG_WAITALL };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	give_acked(c, "abc", 0);
	await_sleep(r.tid);
	give_acked(c, "d!", MSG_OOB);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	give_acked(c, "efghi", 0);
	end("recv", &r);
	say_state("then", s);
	take_now("rest", s, 64, 0);
}

FAST("H3", "a reader that waits at the mark gets what follows")
{
	char buf[64];
	struct fsk_call r = { .buf = buf, .len = 64 };
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	give_acked(c, "!", MSG_OOB);
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	take_now("urgent", s, 64, MSG_OOB);
	note("waits %d", !r.done);
	give(c, "data");
	end("recv", &r);
}

FAST("H3", "an urgent byte alone is no data: recv() passes it")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "!", MSG_OOB);
	say_state("arrived", s);
	take_now("stream", s, 64, 0);
	say_state("then", s);
	take_now("urgent", s, 64, MSG_OOB);
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
	take_now("urgent", s, 64, MSG_OOB);
	SAY(fsk_recv_pattern(s, 1, BIG, BIG));
	SAY(fsk_reap(pid));
}

FAST("H3", "a large wait for all bytes stops at the mark")
{
	static char buf[2 * BIG];
	struct fsk_call r = {
		.buf = buf, .len = sizeof(buf), .flags = MSG_WAITALL,
	};
	int c, s;

	pair(&c, &s);
	r.fd = s;
	begin_read(&r);
	fsk_send_pattern(c, 1, 0, BIG);
	urge(c, "!");
	fsk_send_pattern(c, 1, BIG, 1000);
	end("recv", &r);
	note("right %d", fsk_wrong(buf, BIG, 1, 0) == -1);
	SAY(mark(s));
	take_now("urgent", s, 64, MSG_OOB);
	SAY(fsk_recv_pattern(s, 1, BIG, 1000));
}

FAST("H3", "in line a large wait for all bytes stops at the mark")
{
	static char buf[2 * BIG];
	struct fsk_call r = {
		.buf = buf, .len = sizeof(buf), .flags = MSG_WAITALL,
	};
	int c, s;

	pair(&c, &s);
	inline_on(s);
	r.fd = s;
	begin_read(&r);
	fsk_send_pattern(c, 1, 0, BIG);
	urge(c, "!");
	fsk_send_pattern(c, 1, BIG, 1000);
	end("recv", &r);
	note("right %d", fsk_wrong(buf, BIG, 1, 0) == -1);
	SAY(mark(s));
	take_now("the byte", s, 1, 0);
	SAY(fsk_recv_pattern(s, 1, BIG, 1000));
}

FAST("H4", "recv() of the urgent byte gives it once")
{
	int c, s;

	pair(&c, &s);
	take_now("none yet", s, 64, MSG_OOB);
	give_acked(c, "ab!", MSG_OOB);
	take_now("peek", s, 64, MSG_OOB | MSG_PEEK);
	take_now("peek", s, 64, MSG_OOB | MSG_PEEK);
	take_now("read", s, 64, MSG_OOB);
	take_now("again", s, 64, MSG_OOB);
	take_now("peek again", s, 64, MSG_OOB | MSG_PEEK);
	take_now("stream", s, 64, 0);
	take_now("beyond", s, 64, 0);
	take_now("none any more", s, 64, MSG_OOB);
}

FAST("H4", "recv() of the urgent byte never blocks, and none is EINVAL")
{
	char byte;
	int c, s;

	pair(&c, &s);
	SAY(recv(s, &byte, 1, MSG_OOB));
	SAY(recv(s, &byte, 1, MSG_OOB | MSG_WAITALL));
	SAY(recv(s, &byte, 0, MSG_OOB));
	give_acked(c, "data", 0);
	SAY(recv(s, &byte, 1, MSG_OOB));
	inline_on(s);
	give_acked(c, "!", MSG_OOB);
	SAY(recv(s, &byte, 1, MSG_OOB));
	take_now("stream", s, 64, 0);
	take_now("stream", s, 64, 0);
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
	give_acked(c, "ab!", MSG_OOB);
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
	give_acked(c, "ab!", MSG_OOB);
	SAY(recv(s, nowhere, 1, MSG_OOB | MSG_PEEK));
	SAY(recv(s, nowhere, 1, MSG_OOB));
	take_now("again", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
	give_acked(c, "cd!", MSG_OOB);
	SAY(recv(s, NULL, 0, MSG_OOB));
	take_now("again", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
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
	take_now("urgent", s, 64, MSG_OOB);
	take_now("urgent", s, 64, MSG_OOB | MSG_PEEK);
	say_events("events", fsk_events(s) & ~POLLOUT);
	note("mark %d", mark(s));
	AWAIT(({
		n = recv(s, buf, sizeof(buf), MSG_DONTWAIT);
		all += n > 0 ? n : 0;
		all == 40000;
	}));
	AWAIT(fsk_events(s) & POLLPRI);
	note("mark %d", mark(s));
	take_now("urgent", s, 64, MSG_OOB);
	note("signals %d", urgs);
}

FAST("H4", "an urgent byte outlives the end of the stream")
{
	int c, s;

	pair(&c, &s);
	give_flags(c, "ab!", MSG_OOB);
	shutdown(c, SHUT_WR);
	AWAIT(fsk_events(s) & POLLRDHUP);
	say_state("end", s);
	take_now("stream", s, 64, 0);
	say_state("at the mark", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("end", s, 64, 0);
	take_now("end", s, 64, 0);
	take_now("none", s, 64, MSG_OOB);
}

FAST("H4", "an urgent byte and a reset")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab!", MSG_OOB);
	fsk_set_linger(c, 0);
	close(c);
	AWAIT(fsk_events(s) & POLLERR);
	say_state("reset", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
	take_now("stream", s, 64, 0);
	take_now("stream", s, 64, 0);
	take_now("urgent", s, 64, MSG_OOB);
}

FAST("H4", "an urgent byte that nobody read makes close() a reset")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "!", MSG_OOB);
	close(s);
	AWAIT(fsk_events(c) & (POLLERR | POLLRDHUP));
	say_events("peer", fsk_events(c));
	pair(&c, &s);
	give_acked(c, "!", MSG_OOB);
	take_now("urgent", s, 64, MSG_OOB);
	close(s);
	AWAIT(fsk_events(c) & (POLLERR | POLLRDHUP));
	say_events("peer after it was read", fsk_events(c));
}

FAST("H4", "own SHUT_RD leaves an urgent byte readable")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab!", MSG_OOB);
	SAY(shutdown(s, SHUT_RD));
	say_state("shut", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
	take_now("stream", s, 64, 0);
	take_now("none", s, 64, MSG_OOB);
}

FAST("H5", "a second urgent byte moves the mark, the first becomes data")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab1", MSG_OOB);
	take_now("peek", s, 64, MSG_OOB | MSG_PEEK);
	give_acked(c, "cd2", MSG_OOB);
	give_acked(c, "ef", 0);
	say_state("both", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
}

FAST("H5", "a second urgent byte after the first was read")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab1", MSG_OOB);
	take_now("first", s, 64, MSG_OOB);
	give_acked(c, "cd2", MSG_OOB);
	say_state("second", s);
	take_now("second", s, 64, MSG_OOB);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
}

FAST("H5", "a second urgent byte while the reader is at the first")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab1", MSG_OOB);
	take_now("to the mark", s, 64, 0);
	give_acked(c, "cd2", MSG_OOB);
	give_acked(c, "ef", 0);
	say_state("second", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
}

FAST("H5", "one urgent byte right after another")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "1", MSG_OOB);
	give_acked(c, "2", MSG_OOB);
	say_state("two", s);
	take_now("urgent", s, 64, MSG_OOB);
	take_now("stream", s, 64, 0);
	say_state("then", s);
	take_now("stream", s, 64, 0);
	give_acked(c, "end", 0);
	take_now("stream", s, 64, 0);
}

FAST("H5", "a second urgent byte in line")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give_acked(c, "ab1", MSG_OOB);
	give_acked(c, "cd2", MSG_OOB);
	give_acked(c, "ef", 0);
	say_state("both", s);
	take_now("to the mark", s, 64, 0);
	say_state("at the mark", s);
	take_now("beyond", s, 64, 0);
}

FAST("H6", "FIONREAD ends before the mark, and does not count the byte")
{
	int c, s;

	pair(&c, &s);
	give_acked(c, "ab!", MSG_OOB);
	SAY(fsk_unread(s));
	give_acked(c, "cd", 0);
	SAY(fsk_unread(s));
	take_now("one", s, 1, 0);
	SAY(fsk_unread(s));
	take_now("one", s, 1, 0);
	SAY(fsk_unread(s));
	take_now("one", s, 1, 0);
	SAY(fsk_unread(s));
	take_now("one", s, 1, 0);
	SAY(fsk_unread(s));
}

FAST("H6", "FIONREAD in line counts the urgent byte")
{
	int c, s;

	pair(&c, &s);
	inline_on(s);
	give_acked(c, "ab!", MSG_OOB);
	give_acked(c, "cd", 0);
	SAY(fsk_unread(s));
	take_now("stream", s, 64, 0);
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
		give_flags(c, "ab!", MSG_OOB);
		give_acked(c, "cd", 0);
		take_now("stream", s, 64, 0);
		take_now("urgent", s, 64, MSG_OOB);
		take_now("stream", s, 64, 0);
	}
	fsk_send_pattern(c, 1, 0, 3000);
	SAY(fsk_recv_pattern(s, 1, 0, 3000));
	say_state("then", s);
}
