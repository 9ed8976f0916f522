// SPDX-License-Identifier: GPL-2.0
/* G: shutdown, close and reset. */
#include "options.h"

#define MANY	200000

/* Has the peer's end or reset come? */
static void heard(int fd)
{
	AWAIT(fsk_events(fd) & (POLLERR | POLLRDHUP));
}

static void finish(int by, int told)
{
	shutdown(by, SHUT_WR);
	heard(told);
}

static void reset(int by, int told)
{
	fsk_set_linger(by, 0);
	close(by);
	AWAIT(fsk_events(told) & POLLERR);
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

static int broken_pipes;

static void count_signal(int sig)
{
	broken_pipes++;
}

/* From here on say_send() tells whether SIGPIPE came as well. */
static void count_broken_pipes(void)
{
	struct sigaction action = { .sa_handler = count_signal };

	sigaction(SIGPIPE, &action, NULL);
	broken_pipes = 0;
}

static void say_send(const char *what, int fd)
{
	long n;

	broken_pipes = 0;
	errno = 0;
	n = send(fd, "x", 1, 0);
	say(what, n);
	note("  SIGPIPE %d", broken_pipes);
}

static void say_error(int fd)
{
	int error = fsk_int_option(fd, SOL_SOCKET, SO_ERROR);

	note("SO_ERROR %s", error > 0 ? strerrorname_np(error) : "0");
}

/* Functions of threads. */
static void *receive(void *arg)
{
	struct fsk_call *b = arg;
	char buf[64];

	b->buf = buf;
	b->len = sizeof(buf);
	return fsk_read_once(b);
}

static void *transmit(void *arg)
{
	static char bytes[4 << 20];
	struct fsk_call *b = arg;

	fsk_call_begins(b);
	return fsk_call_ends(b, send(b->fd, bytes, sizeof(bytes),
				     MSG_NOSIGNAL));
}

static void *shut(void *arg)
{
	struct fsk_call *b = arg;

	fsk_call_begins(b);
	return fsk_call_ends(b, close(b->fd));
}

static void begin(struct fsk_call *b, int fd, void *(*call)(void *))
{
	*b = (struct fsk_call){ .fd = fd };
	begin_call(b, call);
}

ALONE("G1", "shutdown() of sockets without connection, and wrong arguments")
{
	int fd = client_socket(0);

	SAY(shutdown(fd, 3));
	SAY(shutdown(fd, -1));
	SAY(shutdown(fd, INT32_MAX));
	SAY(shutdown(fd, SHUT_RD));
	SAY(shutdown(fd, SHUT_WR));
	SAY(shutdown(fd, SHUT_RDWR));
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(shutdown(fd, SHUT_RDWR));
	SAY(shutdown(1000, SHUT_RDWR));
	say_events("events", fsk_events(fd));
	say_error(fd);
}

FAST("G1", "shutdown() may be repeated")
{
	int c, s;

	pair(&c, &s);
	SAY(shutdown(c, 3));
	SAY(shutdown(c, -1));
	SAY(shutdown(c, SHUT_WR));
	SAY(shutdown(c, SHUT_WR));
	SAY(shutdown(c, SHUT_RD));
	SAY(shutdown(c, SHUT_RD));
	SAY(shutdown(c, SHUT_RDWR));
	heard(s);
	SAY(shutdown(s, SHUT_RD));
	SAY(shutdown(s, SHUT_RDWR));
	AWAIT(fsk_events(c) & POLLHUP);
	AWAIT(fsk_events(s) & POLLHUP);
	fsk_sleep_ms(50);
	SAY(shutdown(s, SHUT_RDWR));
	SAY(shutdown(s, SHUT_WR));
	SAY(shutdown(s, SHUT_RD));
	SAY(shutdown(s, 3));
}

static void half_close(const char *who, int one, int other)
{
	note("%s", who);
	fsk_send_pattern(one, 1, 0, 5000);
	SAY(shutdown(one, SHUT_WR));
	note("all %d", fsk_recv_pattern(other, 1, 0, 5000) == 5000);
	take("end", other, 64, 0);
	take("end", other, 64, 0);
	say_send("send after SHUT_WR", one);
	SAY(write(one, "", 0));
	fsk_sleep_ms(500);
	say_error(one);
	say_error(other);
	fsk_send_pattern(other, 2, 0, 30000);
	note("answer %d", fsk_recv_pattern(one, 2, 0, 30000) == 30000);
	give(other, "more");
	take("more", one, 64, 0);
	SAY(shutdown(other, SHUT_WR));
	take("end", one, 64, 0);
}

FAST("G2", "after SHUT_WR the peer reads all, and the other direction lives")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	half_close("client", c, s);
	pair(&c, &s);
	half_close("server", s, c);
}

FAST("G2", "SHUT_WR while much is unsent: all arrives, then the end")
{
	uint64_t all;
	int c, s;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	SAY(shutdown(c, SHUT_WR));
	give(s, "answer");
	take("answer", c, 64, 0);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	take("end", s, 64, 0);
	AWAIT(!unacked(c));
	say_events("client", fsk_events(c));
}

FAST("G2", "a half-closed connection is not bounded by TCP_LINGER2")
{
	int c, s;

	pair(&c, &s);
	SAY(fsk_set_int(c, SOL_TCP, TCP_LINGER2, 1));
	finish(c, s);
	fsk_sleep_ms(1800);
	SAY(send(s, "late", 4, 0));
	take("late", c, 64, 0);
	say_error(s);
}

FAST("G3", "after SHUT_RD queued data and later data can be read")
{
	int c, s;

	pair(&c, &s);
	give_now(s, c, "before");
	SAY(shutdown(c, SHUT_RD));
	take("queued", c, 64, 0);
	take("empty", c, 64, 0);
	take("empty", c, 64, MSG_DONTWAIT);
	say_events("the peer is not told", fsk_events(s));
	give_now(s, c, "later");
	take("later", c, 2, 0);
	take("later", c, 64, MSG_WAITALL);
	take("empty", c, 64, 0);
	give(c, "own");
	take("the other way", s, 64, 0);
	give_now(s, c, "again");
	take("again", c, 64, 0);
	finish(s, c);
	take("end", c, 64, 0);
	say_error(c);
}

FAST("G3", "after SHUT_RD much data from the peer is taken")
{
	struct fsk_call b;
	int c, s;

	pair(&c, &s);
	SAY(shutdown(s, SHUT_RD));
	b = (struct fsk_call){ .fd = c };
	b.thread = thread(transmit, &b);
	AWAIT(fsk_unread(s) > 10000);
	take("some", s, 1, 0);
	/* All of it comes, though recv() never waits. */
	AWAIT(({
		static char buf[65536];

		while (recv(s, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		b.done;
	}));
	end_call("sent", &b);
}

FAST("G3", "SHUT_RD and then close() with unread data is a reset")
{
	int c, s;

	pair(&c, &s);
	SAY(shutdown(s, SHUT_RD));
	give_now(c, s, "abc");
	close(s);
	AWAIT(fsk_events(c) & POLLERR);
	take("peer", c, 64, 0);
}

/* What the survivor of a reset sees, in this order. */
static void say_survivor(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	uint16_t port = fsk_port(fd);

	say_events("events", fsk_events(fd));
	take("first", fd, 64, 0);
	say_send("then", fd);
	take("then", fd, 64, 0);
	SAY(getpeername(fd, (void *)&addr, &len));
	SAY(getsockname(fd, (void *)&addr, &len));
	note("port kept %d", port && ntohs(addr.sin_port) == port);
	SAY(shutdown(fd, SHUT_RD));
	SAY(shutdown(fd, SHUT_WR));
	SAY(listen(fd, 1));
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(fsk_connect(fd, here->server_ip, 1));
	say_error(fd);
	say_events("events", fsk_events(fd));
}

FAST("G4", "close() with unread data resets the connection")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	give_now(c, s, "abc");
	close(s);
	AWAIT(fsk_events(c) & POLLERR);
	say_survivor(c);
	pair(&c, &s);
	give_now(s, c, "abc");
	close(c);
	AWAIT(fsk_events(s) & POLLERR);
	say_survivor(s);
}

FAST("G4", "close() with some of the data read resets, with all of it not")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	take("two of three", s, 2, 0);
	close(s);
	heard(c);
	take("peer", c, 64, 0);
	pair(&c, &s);
	give_now(c, s, "abc");
	take("peeked", s, 64, MSG_PEEK);
	close(s);
	heard(c);
	take("peer", c, 64, 0);
	pair(&c, &s);
	give_now(c, s, "abc");
	take("all", s, 64, 0);
	close(s);
	heard(c);
	take("peer", c, 64, 0);
}

FAST("G4", "close() with the peer's end unread, but no data, is no reset")
{
	int c, s;

	pair(&c, &s);
	finish(c, s);
	close(s);
	heard(c);
	AWAIT(fsk_events(c) & POLLHUP);
	say_events("peer", fsk_events(c));
	take("peer", c, 64, 0);
	say_error(c);
	pair(&c, &s);
	give_now(c, s, "abc");
	finish(c, s);
	close(s);
	AWAIT(fsk_events(c) & POLLHUP);
	AWAIT(fsk_events(c) & POLLERR);
	take("peer with data", c, 64, 0);
}

FAST("G4", "data from before the reset of a close() can be read")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "unread");
	give_now(s, c, "answer");
	close(s);
	AWAIT(fsk_events(c) & POLLERR);
	take("data", c, 64, 0);
	take("error", c, 64, 0);
	take("end", c, 64, 0);
}

FAST("G4", "the reset of a close() wakes a blocked reader and a blocked writer")
{
	struct fsk_call b;
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	begin(&b, c, receive);
	close(s);
	end_call("reader", &b);
	small_pair(&c, &s);
	begin(&b, c, transmit);
	AWAIT(fsk_unread(s) > 0);
	await_sleep(b.tid);
	close(s);
	await_thread(b.thread);
	note("writer: some %d", b.n > 0);
	say_send("then", c);
	take("then", c, 64, 0);
}

FAST("G5", "SO_LINGER {1,0}: close() is a reset at once")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	SAY(fsk_set_linger(c, 0));
	SAY(close(c));
	AWAIT(fsk_events(s) & POLLERR);
	say_survivor(s);
	pair(&c, &s);
	give_now(s, c, "data");
	SAY(fsk_set_linger(s, 0));
	SAY(close(s));
	AWAIT(fsk_events(c) & POLLERR);
	take("data", c, 64, 0);
	say_survivor(c);
}

/* The reader sees some of a stream, and then its reset. */
static void cut_short(bool ended)
{
	uint64_t all, got = 0;
	char buf[4096];
	int c, s;
	long n;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	if (ended) {
		SAY(shutdown(c, SHUT_WR));
		fsk_sleep_ms(50);
		say_events("not there", fsk_events(s));
	}
	SAY(fsk_set_linger(c, 0));
	SAY(close(c));
	AWAIT(fsk_events(s) & POLLERR);
	while ((n = recv(s, buf, sizeof(buf), 0)) > 0) {
		if (fsk_wrong(buf, n, 1, got) >= 0)
			note("wrong bytes");
		got += n;
	}
	SAY(n);
	note("some %d, not all %d", got > 0, got < all);
}

FAST("G5", "SO_LINGER {1,0}: what was not sent yet is dropped")
{
	cut_short(false);
}

FAST("G5", "SO_LINGER {1,0}: an end that was not sent yet is dropped, too")
{
	cut_short(true);
}

FAST("G5", "SO_LINGER {1,0} holds for copies, shutdown() and exit")
{
	int c, s, copy;
	pid_t pid;

	pair(&c, &s);
	copy = dup(c);
	SAY(fsk_set_linger(c, 0));
	SAY(close(c));
	fsk_sleep_ms(50);
	say_events("a copy is open", fsk_events(s));
	SAY(shutdown(copy, SHUT_WR));
	heard(s);
	say_events("shutdown() is no reset", fsk_events(s));
	SAY(close(copy));
	AWAIT(fsk_events(s) & POLLERR);
	say_events("close", fsk_events(s));
	say_error(s);
	pair(&c, &s);
	SAY(fsk_set_linger(c, 0));
	pid = fsk_fork();
	if (!pid)
		_exit(0);
	close(c);
	SAY(fsk_reap(pid));
	AWAIT(fsk_events(s) & POLLERR);
	take("exit", s, 64, 0);
}

FAST("G5", "after a reset of both ends the ports can be bound at once")
{
	uint16_t port;
	int c, s, other;

	pair(&c, &s);
	port = fsk_port(c);
	reset(c, s);
	close(s);
	other = client_socket(0);
	SAY(fsk_bind(other, here->client_ip, port));
}

FAST("G6", "SO_LINGER {1,n}: close() waits until all was acknowledged")
{
	struct fsk_call b;
	uint64_t all;
	int c, s;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	fsk_nonblock(c, true);
	SAY(fsk_set_linger(c, 30));
	begin(&b, c, shut);
	fsk_sleep_ms(200);
	note("waits %d", !b.done);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	take("end", s, 64, 0);
	end_call("close", &b);
}

FAST("G6", "SO_LINGER {1,n}: close() gives up after n s, and all arrives")
{
	uint64_t all, begun, took;
	int c, s;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	SAY(fsk_set_linger(c, 1));
	begun = fsk_now_ms();
	SAY(close(c));
	took = fsk_now_ms() - begun;
	note("a second %d", took >= 900 && took < 10000);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	take("end", s, 64, 0);
}

FAST("G6", "SO_LINGER {1,n}: close() with nothing to send waits for no reader")
{
	uint64_t begun;
	int c, s;

	pair(&c, &s);
	give_now(c, s, "abc");
	SAY(fsk_set_linger(c, 30));
	begun = fsk_now_ms();
	SAY(close(c));
	note("at once %d", fsk_now_ms() - begun < 15000);
	take("data", s, 64, 0);
	take("end", s, 64, 0);
}

FAST("G6", "SO_LINGER {1,n}: the wait ends with the peer's reset or a signal")
{
	struct sigaction action = { .sa_handler = count_signal };
	struct fsk_call b;
	int c, s;

	sigaction(SIGUSR1, &action, NULL);
	small_pair(&c, &s);
	fsk_stuff(c, 1);
	SAY(fsk_set_linger(c, 30));
	begin(&b, c, shut);
	close(s);
	end_call("reset", &b);
	small_pair(&c, &s);
	fsk_stuff(c, 1);
	SAY(fsk_set_linger(c, 30));
	begin(&b, c, shut);
	pthread_kill(b.thread, SIGUSR1);
	end_call("signal", &b);
}

FAST("G6", "SO_LINGER {1,n}: exit does not wait, and all arrives")
{
	uint64_t all, begun;
	int c, s, go[2];
	char byte;
	pid_t pid;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	SAY(fsk_set_linger(c, 60));
	if (pipe(go))
		broken("pipe");
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	close(c);
	begun = fsk_now_ms();
	close(go[1]);
	SAY(fsk_reap(pid));
	note("at once %d", fsk_now_ms() - begun < 20000);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	take("end", s, 64, 0);
}

FAST("G6", "SO_LINGER {1,n}: a close() that is not the last waits for nothing")
{
	uint64_t begun;
	int c, s, copy;

	small_pair(&c, &s);
	copy = dup(c);
	fsk_stuff(c, 1);
	SAY(fsk_set_linger(c, 30));
	begun = fsk_now_ms();
	SAY(close(c));
	note("at once %d", fsk_now_ms() - begun < 15000);
	say_events("copy", fsk_events(copy));
	fsk_set_linger(copy, 0);
}

FAST("G7", "what was sent before close() and exit arrives")
{
	uint64_t all, begun;
	int c, s;
	pid_t pid;

	small_pair(&c, &s);
	all = fsk_stuff(c, 1);
	pid = fsk_fork();
	if (!pid)
		_exit(0);
	SAY(fsk_reap(pid));
	begun = fsk_now_ms();
	SAY(close(c));
	note("at once %d", fsk_now_ms() - begun < 15000);
	fsk_sleep_ms(300);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	take("end", s, 64, 0);
	say_error(s);
}

FAST("G7", "what was sent just before exit of the only holder arrives")
{
	int c, s;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(s);
		fsk_set_int(c, SOL_SOCKET, SO_SNDBUF, 1 << 20);
		_exit(fsk_send_pattern(c, 1, 0, MANY) != 0);
	}
	close(c);
	note("all %d", fsk_recv_pattern(s, 1, 0, MANY) == MANY);
	take("end", s, 64, 0);
	SAY(fsk_reap(pid));
}

FAST("G8", "the peer closed: one send succeeds, the next is EPIPE")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	close(s);
	heard(c);
	say_events("end", fsk_events(c));
	take("end", c, 64, 0);
	say_send("first", c);
	AWAIT(fsk_events(c) & POLLHUP);
	say_events("answered", fsk_events(c));
	say_send("second", c);
	say_send("third", c);
	take("recv", c, 64, 0);
	say_error(c);
	say_events("at last", fsk_events(c));
}

FAST("G8", "the peer closed: after a send SO_ERROR is EPIPE, recv() ends")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	give_now(s, c, "unread");
	close(s);
	heard(c);
	say_send("first", c);
	AWAIT(fsk_events(c) & POLLERR);
	take("recv", c, 3, 0);
	take("recv", c, 64, 0);
	take("recv", c, 64, 0);
	say_error(c);
	say_error(c);
	say_send("second", c);
}

FAST("G8", "the peer closed: the answer to data wakes a blocked writer")
{
	struct fsk_call b;
	char buf[4096];
	int c, s;

	small_pair(&c, &s);
	begin(&b, c, transmit);
	AWAIT(fsk_unread(s) > 0);
	await_sleep(b.tid);
	shutdown(s, SHUT_WR);
	heard(c);
	AWAIT(fsk_unread(s) > 0);
	/* Nothing unread may be left at the time of the close(). */
	while (recv(s, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	close(s);
	await_thread(b.thread);
	note("some %d", b.n > 0);
	AWAIT(fsk_events(c) & POLLHUP);
	take("recv", c, 64, 0);
}

FAST("G9", "a reset is told once, by the first operation")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	reset(s, c);
	say_send("send", c);
	say_send("send", c);
	take("recv", c, 64, 0);
	pair(&c, &s);
	reset(s, c);
	say_error(c);
	say_send("send", c);
	take("recv", c, 64, 0);
	pair(&c, &s);
	reset(s, c);
	take("peek", c, 64, MSG_PEEK);
	take("recv", c, 64, 0);
	say_send("send", c);
	pair(&c, &s);
	reset(s, c);
	SAY(shutdown(c, SHUT_RDWR));
	take("recv", c, 64, 0);
}

FAST("G9", "a reset wakes those who are blocked")
{
	struct fsk_call b;
	int c, s;

	pair(&c, &s);
	begin(&b, c, receive);
	fsk_set_linger(s, 0);
	close(s);
	end_call("reader", &b);
	small_pair(&c, &s);
	begin(&b, c, transmit);
	fsk_set_linger(s, 0);
	close(s);
	await_thread(b.thread);
	note("writer: some %d", b.n > 0);
	say_error(c);
}

/* Is that local port of the client's host free? */
static bool port_is_free(uint16_t port)
{
	int fd = client_socket(0);
	bool free = !fsk_bind(fd, here->client_ip, port);

	close(fd);
	return free;
}

FAST("G10", "after close() TCP_LINGER2 bounds the wait for the peer's end")
{
	uint16_t port;
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	port = fsk_port(c);
	SAY(fsk_set_int(c, SOL_TCP, TCP_LINGER2, 1));
	SAY(fsk_int_option(c, SOL_TCP, TCP_LINGER2));
	SAY(close(c));
	heard(s);
	note("port in use %d", !port_is_free(port));
	AWAIT(port_is_free(port));
	say_events("peer", fsk_events(s));
	SAY(shutdown(s, SHUT_WR));
	AWAIT(fsk_events(s) & POLLHUP);
	fsk_sleep_ms(100);
	say_events("peer", fsk_events(s));
	say_error(s);
	take("recv", s, 64, 0);
}

FAST("G10", "with TCP_LINGER2 of -1 close() does not wait for the peer's end")
{
	uint16_t port;
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	port = fsk_port(c);
	SAY(fsk_set_int(c, SOL_TCP, TCP_LINGER2, -1));
	SAY(close(c));
	AWAIT(fsk_events(s) & POLLERR);
	say_events("peer", fsk_events(s));
	take("recv", s, 64, 0);
	say_send("send", s);
	note("port is free %d", port_is_free(port));
}

FAST("G10", "with TCP_LINGER2 of -1 close() after SHUT_WR is a reset")
{
	int c, s;

	pair(&c, &s);
	SAY(fsk_set_int(c, SOL_TCP, TCP_LINGER2, -1));
	finish(c, s);
	AWAIT(!unacked(c));
	fsk_sleep_ms(50);
	SAY(close(c));
	AWAIT(fsk_events(s) & POLLERR);
	take("recv", s, 64, 0);
	say_error(s);
}

FAST("G10", "data for a descriptor that was closed is answered with a reset")
{
	int c, s;

	pair(&c, &s);
	finish(c, s);
	AWAIT(!unacked(c));
	SAY(close(c));
	fsk_sleep_ms(50);
	say_events("before", fsk_events(s));
	SAY(send(s, "x", 1, 0));
	AWAIT(fsk_events(s) & POLLERR);
	say_error(s);
}

FAST("G11", "a connection ends with the last descriptor")
{
	int c, s, copy, go[2];
	char byte;
	pid_t pid;

	pair(&c, &s);
	copy = dup(c);
	SAY(close(c));
	fsk_sleep_ms(50);
	say_events("a copy is open", fsk_events(s));
	give(copy, "abc");
	take("data", s, 64, 0);
	if (pipe(go))
		broken("pipe");
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) + (send(copy, "def", 3, 0) != 3));
	}
	SAY(close(copy));
	fsk_sleep_ms(50);
	say_events("a child has it", fsk_events(s));
	close(go[1]);
	SAY(fsk_reap(pid));
	take("data", s, 64, 0);
	take("end", s, 64, 0);
}

FAST("G11", "shutdown() acts on all descriptors")
{
	int c, s, copy;
	pid_t pid;

	count_broken_pipes();
	pair(&c, &s);
	copy = dup(c);
	SAY(shutdown(copy, SHUT_WR));
	say_send("the other", c);
	take("peer", s, 64, 0);
	pid = fsk_fork();
	if (!pid)
		_exit(shutdown(c, SHUT_RD));
	SAY(fsk_reap(pid));
	take("shut by a child", c, 64, 0);
}

FAST("G11", "a descriptor in flight keeps the connection")
{
	int c, s, un[2];

	pair(&c, &s);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, un))
		broken("socketpair");
	if (fsk_pass_fd(un[0], c))
		broken("sendmsg");
	SAY(close(c));
	give(s, "abc");
	fsk_sleep_ms(50);
	say_events("in flight", fsk_events(s));
	c = fsk_take_fd(un[1]);
	take("after it", c, 64, 0);
	give(c, "def");
	take("peer", s, 64, 0);
	if (fsk_pass_fd(un[0], c))
		broken("sendmsg");
	SAY(close(c));
	SAY(close(un[0]));
	SAY(close(un[1]));
	AWAIT(fsk_events(s) & POLLRDHUP);
	take("lost in flight", s, 64, 0);
}

/* A child holds one end alone until it is killed. */
static void kill_holder(const char *what, int one, int other)
{
	pid_t pid = fsk_fork();

	if (!pid) {
		close(other);
		for (;;)
			pause();
	}
	close(one);
	give(other, "abc");
	AWAIT(!unacked(other));
	kill(pid, SIGKILL);
	fsk_reap(pid);
	AWAIT(fsk_events(other) & POLLERR);
	take(what, other, 64, 0);
	take(what, other, 64, 0);
}

FAST("G12", "kill -9 of a holder with unread data is a reset")
{
	int c, s;

	pair(&c, &s);
	kill_holder("client killed", c, s);
	pair(&c, &s);
	kill_holder("server killed", s, c);
}

FAST("G12", "kill -9 of a holder without unread data is the end")
{
	int c, s;
	pid_t pid;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(s);
		give(c, "abc");
		for (;;)
			pause();
	}
	close(c);
	AWAIT(fsk_unread(s) == 3);
	kill(pid, SIGKILL);
	fsk_reap(pid);
	heard(s);
	say_events("events", fsk_events(s));
	take("data", s, 64, 0);
	take("end", s, 64, 0);
	say_error(s);
}

FAST("G12", "kill -9 inside recv(): the end; inside send(): all it handed over")
{
	static char bytes[4 << 20];
	uint64_t got = 0;
	char buf[4096];
	int c, s;
	pid_t pid;
	long n;

	pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(s);
		recv(c, bytes, sizeof(bytes), MSG_WAITALL);
		_exit(0);
	}
	close(c);
	await_sleep(pid);
	kill(pid, SIGKILL);
	fsk_reap(pid);
	take("inside recv()", s, 64, 0);
	small_pair(&c, &s);
	pid = fsk_fork();
	if (!pid) {
		close(s);
		fsk_fill(bytes, sizeof(bytes), 1, 0);
		send(c, bytes, sizeof(bytes), 0);
		_exit(0);
	}
	close(c);
	AWAIT(fsk_unread(s) > 0);
	await_sleep(pid);
	kill(pid, SIGKILL);
	fsk_reap(pid);
	while ((n = recv(s, buf, sizeof(buf), 0)) > 0) {
		if (fsk_wrong(buf, n, 1, got) >= 0)
			note("wrong bytes");
		got += n;
	}
	note("inside send(): %ld, some %d", n, got > 0);
}

FAST("G13", "close() by another thread does not wake a reader")
{
	struct fsk_call b;
	int c, s;

	pair(&c, &s);
	begin(&b, c, receive);
	SAY(close(c));
	fsk_sleep_ms(100);
	note("waits %d", !b.done);
	say_events("peer", fsk_events(s));
	give(s, "abc");
	end_call("reader", &b);
	AWAIT(fsk_events(s) & POLLRDHUP);
	take("peer", s, 64, 0);
}

FAST("G13", "close() by another thread does not wake a writer")
{
	static char buf[65536];
	struct fsk_call b;
	long n, got = 0;
	int c, s;

	small_pair(&c, &s);
	begin(&b, c, transmit);
	SAY(close(c));
	fsk_sleep_ms(100);
	note("waits %d", !b.done);
	while ((n = recv(s, buf, sizeof(buf), 0)) > 0)
		got += n;
	end_call("writer", &b);
	note("all %d, %ld", got == b.n, n);
}

FAST("G13", "shutdown() by another thread wakes a reader")
{
	static const int how[] = { SHUT_RD, SHUT_RDWR };
	struct fsk_call b;
	int c, s, i;

	for (i = 0; i < 2; i++) {
		pair(&c, &s);
		begin(&b, c, receive);
		SAY(shutdown(c, how[i]));
		end_call("reader", &b);
	}
	pair(&c, &s);
	begin(&b, c, receive);
	SAY(shutdown(c, SHUT_WR));
	fsk_sleep_ms(100);
	note("SHUT_WR: waits %d", !b.done);
	shutdown(s, SHUT_WR);
	end_call("reader", &b);
}

FAST("G13", "shutdown() by another thread wakes a writer")
{
	static const int how[] = { SHUT_WR, SHUT_RDWR };
	struct fsk_call b;
	int c, s, i;

	count_broken_pipes();
	for (i = 0; i < 2; i++) {
		small_pair(&c, &s);
		begin(&b, c, transmit);
		SAY(shutdown(c, how[i]));
		await_thread(b.thread);
		note("some %d", b.n > 0);
		say_send("then", c);
		close(c);
		close(s);
	}
}

static int at_client(const char *command)
{
	return command_in(here->client_ns, command);
}

/* Waits, at most 20 s, for the socket's error; the wire is whole again. */
static void await_timeout(int fd)
{
	struct pollfd pfd = { .fd = fd };
	int n = poll(&pfd, 1, 20000);

	cut(false);
	note("ended %d", n);
	say_events("events", fsk_events(fd));
}

WIRE("G14", "TCP_USER_TIMEOUT ends unanswered sending with ETIMEDOUT")
{
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	SAY(fsk_set_int(c, SOL_TCP, TCP_USER_TIMEOUT, 400));
	cut(true);
	SAY(send(c, "lost", 4, 0));
	await_timeout(c);
	take("error", c, 64, 0);
	take("end", c, 64, 0);
	say_send("send", c);
}

WIRE("G14", "tcp_retries2 ends unanswered sending with ETIMEDOUT")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "heard");
	at_client("sh -c 'echo 2 > /proc/sys/net/ipv4/tcp_retries2'");
	cut(true);
	SAY(send(c, "lost", 4, 0));
	await_timeout(c);
	at_client("sh -c 'echo 15 > /proc/sys/net/ipv4/tcp_retries2'");
	say_error(c);
	take("end", c, 64, 0);
}

WIRE("G14", "keepalive ends an idle connection with ETIMEDOUT")
{
	struct fsk_call b;
	int c, s;

	pair(&c, &s);
	SAY(fsk_set_int(c, SOL_TCP, TCP_KEEPIDLE, 1));
	SAY(fsk_set_int(c, SOL_TCP, TCP_KEEPINTVL, 1));
	SAY(fsk_set_int(c, SOL_TCP, TCP_KEEPCNT, 1));
	SAY(fsk_set_int(c, SOL_SOCKET, SO_KEEPALIVE, 1));
	begin(&b, c, receive);
	cut(true);
	await_timeout(c);
	end_call("reader", &b);
	take("end", c, 64, 0);
}

FAST("G14", "keepalive leaves a connection alone whose peer answers")
{
	int c, s;

	pair(&c, &s);
	fsk_set_int(c, SOL_TCP, TCP_KEEPIDLE, 1);
	fsk_set_int(c, SOL_TCP, TCP_KEEPINTVL, 1);
	fsk_set_int(c, SOL_TCP, TCP_KEEPCNT, 1);
	fsk_set_int(c, SOL_SOCKET, SO_KEEPALIVE, 1);
	fsk_sleep_ms(2500);
	say_events("client", fsk_events(c));
	say_events("server", fsk_events(s));
	give(s, "abc");
	take("data", c, 64, 0);
}

WIRE("G14", "what was sent while the wire was cut arrives afterwards")
{
	int c, s;

	pair(&c, &s);
	give_now(c, s, "1");
	cut(true);
	SAY(send(c, "2", 1, 0));
	fsk_sleep_ms(200);
	say_events("meanwhile", fsk_events(c));
	SAY(fsk_unread(s));
	cut(false);
	AWAIT(fsk_unread(s) == 2);
	take("data", s, 64, 0);
	say_error(c);
}

/* Neighbours of the client's host that fastsock knows to be capable. */
static int known(void)
{
	char line[256];
	int n = 0;
	FILE *file;

	if (fsk_enter(here->client_ns))
		broken("setns");
	file = fopen("/proc/thread-self/net/fastsock_peers", "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		n += !!strstr(line, "capable");
	fclose(file);
	return n;
}

static bool known_again(int before)
{
	const char *ip = native ? fsk_native(here->server_ip) : NULL;
	char command[96];

	snprintf(command, sizeof(command), "ping -q -c 1 -W 1 %s > /dev/null",
		 ip ?: here->server_ip);
	return !at_client(command) && known() == before;
}

FAST("G15", "a connection outlives that its device is down for a moment")
{
	char command[64];
	int c, s, before = known();

	pair(&c, &s);
	give_now(c, s, "1");
	snprintf(command, sizeof(command), "ip link set %s down", device());
	at_client(command);
	SAY(send(c, "2", 1, 0));
	fsk_sleep_ms(50);
	say_events("meanwhile", fsk_events(c));
	say_error(c);
	snprintf(command, sizeof(command), "ip link set %s up", device());
	at_client(command);
	AWAIT(known_again(before));
	AWAIT(fsk_unread(s) == 2);
	take("data", s, 64, 0);
	give(s, "answer");
	take("answer", c, 64, 0);
}

FAST("G15", "a connection outlives that its address is gone for a moment")
{
	char command[64];
	int c, s, before = known();
	const char *mask = strcmp(device(), "lo") ? "24" : "8";

	pair(&c, &s);
	give_now(c, s, "1");
	snprintf(command, sizeof(command), "ip addr del %s/%s dev %s",
		 here->client_ip, mask, device());
	at_client(command);
	fsk_sleep_ms(50);
	say_events("meanwhile", fsk_events(c));
	say_error(c);
	SAY(fsk_port(c) > 0);
	snprintf(command, sizeof(command), "ip addr add %s/%s dev %s",
		 here->client_ip, mask, device());
	at_client(command);
	AWAIT(known_again(before));
	give(c, "2");
	AWAIT(fsk_unread(s) == 2);
	take("data", s, 64, 0);
	give(s, "answer");
	take("answer", c, 64, 0);
}

FAST("G15", "SOCK_DESTROY is ECONNABORTED here and a reset there")
{
	char command[96];
	struct fsk_call b;
	int c, s;

	count_broken_pipes();
	pair(&c, &s);
	begin(&b, c, receive);
	snprintf(command, sizeof(command),
		 "ss -t -K 'dport = :%d' > /dev/null 2>&1", fsk_port(s));
	SAY(at_client(command));
	end_call("reader", &b);
	say_events("events", fsk_events(c));
	take("end", c, 64, 0);
	say_send("send", c);
	AWAIT(fsk_events(s) & POLLERR);
	take("peer", s, 64, 0);
}

FAST("G15", "SOCK_DESTROY throws away what is queued")
{
	char command[96];
	int c, s;

	pair(&c, &s);
	give_now(s, c, "abc");
	snprintf(command, sizeof(command),
		 "ss -t -K 'dport = :%d' > /dev/null 2>&1", fsk_port(s));
	SAY(at_client(command));
	AWAIT(fsk_events(c) & POLLERR);
	say_events("events", fsk_events(c));
	take("first", c, 64, 0);
	take("then", c, 64, 0);
}
