// SPDX-License-Identifier: GPL-2.0
/* D: sending, by every call that sends. */
#include "behaviour.h"

#include <limits.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <linux/errqueue.h>

enum { SMALL = 32768 /* a buffer that is soon full */ };

static sig_atomic_t broken_pipes;
static pid_t broken_in;

static void count_broken_pipe(int sig)
{
	broken_pipes++;
	broken_in = gettid();
}

static void count_broken_pipes(void)
{
	struct sigaction action = { .sa_handler = count_broken_pipe };

	broken_pipes = 0;
	sigaction(SIGPIPE, &action, NULL);
}

static bool readable(int fd)
{
	return fsk_events(fd) & POLLIN;
}

/* The error comes a moment before the rest. */
static bool reset(int fd)
{
	return fsk_events(fd) & POLLHUP;
}

/* A pair whose buffers do not grow. */
static void small_pair(int *client, int *server)
{
	int lfd = server_socket(0);
	uint16_t port;

	*client = client_socket(0);
	fsk_set_int(*client, SOL_SOCKET, SO_SNDBUF, SMALL);
	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, SMALL);
	port = listen_on(lfd, 1);
	pair_on(*client, lfd, port, server);
	close(lfd);
}

/* A listener whose queue is full, and a socket that connects to it. */
static int connecting(int *lfd)
{
	uint16_t port;
	int fd = client_socket(SOCK_NONBLOCK);

	*lfd = listener(0, &port);
	if (dial(client_socket(0), port))
		broken("connect");
	AWAIT(readable(*lfd));
	fsk_sleep_ms(50);
	SAY(dial(fd, port));
	return fd;
}

/* Says what the peer reads until the end of the stream. */
static void say_stream(int fd)
{
	char buf[65536];

	say_bytes("stream", buf, fsk_recv_all(fd, buf, sizeof(buf)));
}

/* Is all that comes until the end the pattern, and as many bytes? */
static void say_pattern(int fd, uint64_t seed, uint64_t want)
{
	char byte;

	SAY(fsk_recv_pattern(fd, seed, 0, want) == want);
	SAY(recv(fd, &byte, 1, 0));
}

static void *pattern(size_t len, uint64_t seed)
{
	char *buf = malloc(len);

	if (!buf)
		broken("malloc");
	fsk_fill(buf, len, seed, 0);
	return buf;
}

/*
 * Sends bytes from.. of a pattern until not even one more goes: TCP may have
 * room for one where it has none for many.  How many went.
 */
static uint64_t fill(int fd, uint64_t seed, uint64_t from)
{
	uint64_t at = from;
	size_t len = 4096;
	char buf[4096];
	int quiet = 0;
	ssize_t n;

	while (quiet < 4) {
		fsk_fill(buf, len, seed, at);
		n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			at += n;
			quiet = 0;
			continue;
		}
		if (len == 1)
			quiet++;
		len = 1;
		fsk_sleep_ms(30);
	}
	return at - from;
}

/* Another thread that sends, and maybe sleeps over it. */
struct sender {
	pthread_t id;
	int fd;
	const void *buf;
	size_t len;
	int flags;
	pid_t tid;
	long count;
	int error;
};

static void *run_sender(void *argument)
{
	struct sender *s = argument;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->count = send(s->fd, s->buf, s->len, s->flags);
	s->error = errno;
	return NULL;
}

static void start_sender(struct sender *s, int fd, const void *buf, size_t len)
{
	*s = (struct sender){ .fd = fd, .buf = buf, .len = len };
	s->id = thread(run_sender, s);
	AWAIT(__atomic_load_n(&s->tid, __ATOMIC_ACQUIRE));
}

static void say_sender(struct sender *s)
{
	await_thread(s->id);
	errno = s->error;
	say("sender", s->count);
}

/* How much exactly depends on sizes that are nobody's business. */
static long say_partial(const char *what, long count, long len)
{
	if (count < 0)
		say(what, count);
	else
		note("%s: %s", what, !count ? "nothing" :
		     count < len ? "some" : "all");
	return count;
}

/* A page that faults behind a page that does not; a pointer to the edge. */
static char *edge(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + page, page))
		broken("mmap");
	memset(p, 'g', page);
	return p + page;
}

ALONE("D1", "nobody sends who was never connected")
{
	struct iovec iov = { "x", 1 };
	int fd = client_socket(0);

	count_broken_pipes();
	SAY(send(fd, "x", 1, 0));
	SAY(broken_pipes);
	SAY(write(fd, "x", 1));
	SAY(write(fd, "", 0));
	SAY(writev(fd, &iov, 1));
	SAY(broken_pipes);
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	SAY(send(fd, NULL, 1, MSG_NOSIGNAL));
	SAY(broken_pipes);
	SAY(fsk_bind(fd, here->client_ip, 0));
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	say_events("events", fsk_events(fd));
}

ALONE("D1", "an address does not make up for the connection")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(0);
	struct sockaddr_in addr = fsk_addr(here->server_ip, port);

	SAY(sendto(fd, "x", 1, MSG_NOSIGNAL, (void *)&addr, sizeof(addr)));
	fsk_sleep_ms(50);
	say_events("listener", fsk_events(lfd));
}

FAST("D1", "a send waits until the connection is there")
{
	struct sender s;
	int lfd, fd = connecting(&lfd), server;
	char buf[8];

	SAY(send(fd, "x", 1, 0));
	SAY(send(fd, "x", 1, MSG_DONTWAIT));
	SAY(fsk_nonblock(fd, false));
	SAY(send(fd, "x", 1, MSG_DONTWAIT));
	start_sender(&s, fd, "early", 5);
	await_sleep(s.tid);
	close(accept(lfd, NULL, NULL));
	say_sender(&s);
	server = accept(lfd, NULL, NULL);
	say_bytes("recv", buf, recv(server, buf, 5, MSG_WAITALL));
}

FAST("D1", "a send right after connect() that does not wait")
{
	uint16_t port;
	int lfd = listener(1, &port), fd = client_socket(SOCK_NONBLOCK);
	int server;
	char buf[8];

	SAY(dial(fd, port));
	SAY(fsk_nonblock(fd, false));
	SAY(send(fd, "early", 5, 0));
	server = accept(lfd, NULL, NULL);
	say_bytes("recv", buf, recv(server, buf, 5, MSG_WAITALL));
}

FAST("D1", "a send waits for the connection no longer than SO_SNDTIMEO")
{
	int lfd, fd = connecting(&lfd);
	uint64_t begun;

	SAY(fsk_nonblock(fd, false));
	SAY(fsk_set_timeout(fd, SO_SNDTIMEO, 100));
	begun = fsk_now_ms();
	SAY(send(fd, "x", 1, MSG_NOSIGNAL));
	SAY(fsk_now_ms() - begun >= 50);
	SAY(fsk_int_option(fd, SOL_SOCKET, SO_ERROR));
}

static void *break_pipe(void *argument)
{
	int fd = *(int *)argument;
	sigset_t set;

	SAY(send(fd, "x", 1, 0));
	note("signals here: %d", broken_in == gettid());
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	SAY(send(fd, "x", 1, 0));
	sigpending(&set);
	note("pending here: %d", sigismember(&set, SIGPIPE));
	return NULL;
}

FAST("D2", "SIGPIPE is for the thread that sends")
{
	int client, server;
	sigset_t set;

	count_broken_pipes();
	pair(&client, &server);
	SAY(shutdown(client, SHUT_WR));
	await_thread(thread(break_pipe, &client));
	SAY(broken_pipes);
	sigpending(&set);
	note("pending there: %d", sigismember(&set, SIGPIPE));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
	SAY(broken_pipes);
}

FAST("D2", "an error is told first, and without a signal")
{
	int client, server;

	count_broken_pipes();
	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(reset(client));
	SAY(send(client, "x", 1, 0));
	SAY(broken_pipes);
	SAY(send(client, "x", 1, 0));
	SAY(broken_pipes);
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
	SAY(broken_pipes);
}

FAST("D2", "a process that ignores nothing dies of SIGPIPE")
{
	int client, server, status;
	pid_t pid;

	pair(&client, &server);
	SAY(shutdown(client, SHUT_WR));
	pid = fsk_fork();
	if (!pid) {
		send(client, "x", 1, 0);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	SAY(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void say_all_broken(int fd)
{
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct mmsghdr many = { .msg_hdr = msg };

	SAY(send(fd, "x", 1, 0));
	SAY(send(fd, "", 0, 0));
	SAY(write(fd, "x", 1));
	SAY(write(fd, "", 0));
	SAY(writev(fd, &iov, 1));
	SAY(sendmsg(fd, &msg, 0));
	SAY(sendmmsg(fd, &many, 1, 0));
	msg.msg_iovlen = 0;
	SAY(sendmsg(fd, &msg, 0));
	SAY(send(fd, "x", 1, MSG_DONTWAIT));
	SAY(send(fd, "x", 1, MSG_MORE));
	SAY(broken_pipes);
	SAY(send(fd, "", 0, MSG_NOSIGNAL));
	SAY(send(fd, (void *)16, 1, MSG_NOSIGNAL));
	SAY(broken_pipes);
}

FAST("D3", "after SHUT_WR nothing can be sent, not even nothing")
{
	int client, server;

	count_broken_pipes();
	pair(&client, &server);
	SAY(shutdown(client, SHUT_WR));
	say_all_broken(client);
	SAY(send(server, "still", 5, 0));
	say_stream(server);
	say_all_broken(client);
}

FAST("D4", "to send nothing is no event")
{
	struct msghdr msg = {};
	struct iovec none[2] = { { NULL, 0 }, { (void *)16, 0 } };
	int client, server;
	char byte;

	pair(&client, &server);
	SAY(send(client, "", 0, 0));
	SAY(send(client, NULL, 0, 0));
	SAY(send(client, (void *)16, 0, 0));
	SAY(write(client, "", 0));
	SAY(write(client, (void *)16, 0));
	SAY(sendmsg(client, &msg, 0));
	msg.msg_iov = none;
	msg.msg_iovlen = 2;
	SAY(sendmsg(client, &msg, 0));
	SAY(writev(client, none, 2));
	SAY(writev(client, NULL, 0));
	SAY(send(client, "", 0, MSG_DONTWAIT | MSG_MORE | MSG_EOR));
	fsk_sleep_ms(50);
	say_events("server", fsk_events(server));
	SAY(recv(server, &byte, 1, MSG_DONTWAIT));
	SAY(send(client, "x", 1, 0));
	SAY(recv(server, &byte, 1, 0));
}

FAST("D4", "to send nothing works when the buffer is full")
{
	int client, server;

	small_pair(&client, &server);
	fill(client, 1, 0);
	SAY(send(client, "", 0, 0));
	SAY(send(client, "", 0, MSG_DONTWAIT));
	SAY(send(client, "x", 1, MSG_DONTWAIT));
}

FAST("D5", "a send that may wait sends all")
{
	enum { LEN = 1000000 };
	int client, server;
	struct sender s;

	small_pair(&client, &server);
	start_sender(&s, client, pattern(LEN, 1), LEN);
	await_sleep(s.tid);
	SAY(fsk_recv_pattern(server, 1, 0, LEN));
	say_sender(&s);
	SAY(shutdown(client, SHUT_WR));
	say_pattern(server, 1, 0);
}

static void ignore_signal(int sig)
{
}

static void say_interrupted(int flags)
{
	enum { LEN = 1000000 };
	struct sigaction action = {
		.sa_handler = ignore_signal, .sa_flags = flags,
	};
	int client, server;
	struct sender s;

	sigaction(SIGUSR1, &action, NULL);
	small_pair(&client, &server);
	start_sender(&s, client, pattern(LEN, 1), LEN);
	await_sleep(s.tid);
	pthread_kill(s.id, SIGUSR1);
	await_thread(s.id);
	say_partial("interrupted", s.count, LEN);
	if (flags & SA_RESTART)
		return;
	/* Nothing fits any more: this one is interrupted before a byte. */
	fill(client, 2, 0);
	start_sender(&s, client, "x", 1);
	await_sleep(s.tid);
	pthread_kill(s.id, SIGUSR1);
	say_sender(&s);
}

FAST("D5", "a signal makes a send return what it did")
{
	say_interrupted(0);
	say_interrupted(SA_RESTART);
}

FAST("D5", "a send that a signal restarts sends all")
{
	struct sigaction action = {
		.sa_handler = ignore_signal, .sa_flags = SA_RESTART,
	};
	int client, server;
	struct sender s;
	uint64_t full;
	char byte = 0;

	sigaction(SIGUSR1, &action, NULL);
	small_pair(&client, &server);
	full = fill(client, 1, 0);
	start_sender(&s, client, "x", 1);
	await_sleep(s.tid);
	pthread_kill(s.id, SIGUSR1);
	await_sleep(s.tid);
	SAY(fsk_recv_pattern(server, 1, 0, full) == full);
	say_sender(&s);
	SAY(recv(server, &byte, 1, 0));
	note("%c", byte);
}

FAST("D5", "what an interrupted send counted arrives, and no more")
{
	enum { LEN = 1000000 };
	struct sigaction action = { .sa_handler = ignore_signal };
	int client, server;
	struct sender s;

	sigaction(SIGUSR1, &action, NULL);
	small_pair(&client, &server);
	start_sender(&s, client, pattern(LEN, 1), LEN);
	await_sleep(s.tid);
	pthread_kill(s.id, SIGUSR1);
	await_thread(s.id);
	say_partial("interrupted", s.count, LEN);
	SAY(shutdown(client, SHUT_WR));
	say_pattern(server, 1, s.count);
}

FAST("D5", "a reset makes a send return what it did, then tells")
{
	enum { LEN = 1000000 };
	int client, server;
	struct sender s;

	count_broken_pipes();
	small_pair(&client, &server);
	start_sender(&s, client, pattern(LEN, 1), LEN);
	await_sleep(s.tid);
	close(server);
	await_thread(s.id);
	say_partial("reset", s.count, LEN);
	SAY(broken_pipes);
	SAY(send(client, "x", 1, 0));
	SAY(broken_pipes);
	SAY(send(client, "x", 1, 0));
	SAY(broken_pipes);
}

FAST("D5", "shutdown() makes a send return what it did")
{
	enum { LEN = 1000000 };
	int client, server;
	struct sender s;

	count_broken_pipes();
	small_pair(&client, &server);
	start_sender(&s, client, pattern(LEN, 1), LEN);
	await_sleep(s.tid);
	SAY(shutdown(client, SHUT_WR));
	await_thread(s.id);
	say_partial("shut down", s.count, LEN);
	SAY(broken_pipes);
	say_pattern(server, 1, s.count);
}

FAST("D5", "shutdown() ends a send that did nothing yet with EPIPE")
{
	int client, server;
	struct sender s;

	count_broken_pipes();
	small_pair(&client, &server);
	fill(client, 1, 0);
	start_sender(&s, client, "x", 1);
	await_sleep(s.tid);
	SAY(shutdown(client, SHUT_WR));
	say_sender(&s);
	SAY(broken_pipes);
}

FAST("D6", "a full buffer takes some, then nothing, then some again")
{
	enum { LEN = 1000000 };
	void *buf = pattern(LEN, 1);
	int client, server;
	uint64_t total, more;
	long count;

	small_pair(&client, &server);
	fsk_nonblock(client, true);
	count = say_partial("first", send(client, buf, LEN, 0), LEN);
	total = count + fill(client, 1, count);
	SAY(send(client, buf, LEN, 0));
	say_events("full", fsk_events(client));
	SAY(fsk_recv_pattern(server, 1, 0, total) == total);
	AWAIT(fsk_events(client) & POLLOUT);
	more = say_partial("more", send(client, buf, 1000, 0), 1000);
	SAY(fsk_recv_pattern(server, 1, 0, more) == more);
}

/* Fills, waits for room as told, and that ever again. */
static void say_rounds(int client, int server, bool (*await)(int argument),
		       int argument)
{
	uint64_t done = 0, read = 0;
	char buf[4096];
	int round;
	ssize_t n;

	for (round = 0; round < 5; round++) {
		do {
			fsk_fill(buf, sizeof(buf), 1, done);
			n = send(client, buf, sizeof(buf), MSG_DONTWAIT);
			done += n > 0 ? n : 0;
		} while (n > 0);
		SAY(n);
		if (fsk_recv_pattern(server, 1, read, done - read) !=
		    done - read)
			broken("pattern");
		read = done;
		SAY(await(argument));
	}
}

static bool await_poll(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 20000) == 1 && pfd.revents == POLLOUT;
}

static bool await_epoll(int ep)
{
	struct epoll_event event;

	return epoll_wait(ep, &event, 1, 20000) == 1 &&
	       event.events == EPOLLOUT;
}

FAST("D6", "poll() tells of room whenever there was none")
{
	int client, server;

	small_pair(&client, &server);
	say_rounds(client, server, await_poll, client);
}

FAST("D6", "an edge tells of room whenever there was none")
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int client, server, ep = epoll_create1(0);

	small_pair(&client, &server);
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, client, &event));
	SAY(await_epoll(ep));
	say_rounds(client, server, await_epoll, ep);
}

FAST("D6", "an edge tells of room in a buffer that grows")
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int client, server, ep = epoll_create1(0);

	pair(&client, &server);
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, client, &event));
	SAY(await_epoll(ep));
	say_rounds(client, server, await_epoll, ep);
}

FAST("D7", "SO_SNDTIMEO bounds a send")
{
	enum { LEN = 1000000 };
	int client, server;
	uint64_t begun = fsk_now_ms();
	long count;

	small_pair(&client, &server);
	SAY(fsk_set_timeout(client, SO_SNDTIMEO, 150));
	count = say_partial("all", send(client, pattern(LEN, 1), LEN, 0), LEN);
	SAY(fsk_now_ms() - begun >= 75);
	fill(client, 2, 0);
	begun = fsk_now_ms();
	SAY(send(client, "x", 1, 0));
	SAY(fsk_now_ms() - begun >= 75);
	SAY(send(client, "x", 1, MSG_DONTWAIT));
	SAY(fsk_recv_pattern(server, 1, 0, count) == (uint64_t)count);
}

/* Only what was counted arrives, before what is sent next. */
static void say_counted(int client, int server, long counted)
{
	char buf[65536];
	long i, got;

	if (counted < 0)
		counted = 0;
	SAY(send(client, "end", 3, 0));
	got = recv(server, buf, counted + 3, MSG_WAITALL);
	SAY(got == counted + 3);
	for (i = 0; i < counted && buf[i] == 'g'; i++)
		;
	SAY(i == counted);
	say_bytes("end", buf + counted, 3);
	SAY(recv(server, buf, 1, MSG_DONTWAIT));
}

FAST("D8", "bytes that cannot be read are not sent")
{
	int client, server;
	char *bad = edge();

	pair(&client, &server);
	SAY(send(client, NULL, 1, 0));
	SAY(send(client, (void *)16, 10, 0));
	SAY(send(client, (void *)-4096, 10, 0));
	SAY(send(client, bad, 1, 0));
	SAY(send(client, bad, 100000, 0));
	SAY(write(client, bad, 10));
	SAY(send(client, bad, 10, MSG_MORE));
	SAY(send(client, bad, 10, MSG_DONTWAIT));
	SAY(send(client, bad, SIZE_MAX, 0));
	say_counted(client, server, 0);
}

FAST("D8", "bytes before those that cannot be read are not sent, or counted")
{
	int client, server;
	char *bad = edge();

	pair(&client, &server);
	SAY(send(client, bad - 1, 2, 0));
	say_counted(client, server, 0);
	SAY(send(client, bad - 100, 200, 0));
	say_counted(client, server, 0);
	SAY(write(client, bad - 10, 20));
	say_counted(client, server, 0);
}

FAST("D8", "many bytes before those that cannot be read")
{
	static const int lens[] = { 300, 1000, 2000, 4000, 4096 };
	int client, server;
	char *bad = edge();
	size_t i;
	long n;

	pair(&client, &server);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		n = send(client, bad - lens[i], lens[i] + 5000, 0);
		/* TCP decides by its pages, and may have counted some. */
		note("%d: %d", lens[i], n < 0 ? errno == EFAULT :
		     n <= lens[i]);
		say_counted(client, server, n);
	}
}

FAST("D8", "bytes of pages that are not there yet are sent")
{
	static const int lens[] = { 2, 300, 1000, 1400, 3000 };
	int client, server, file = memfd_create("bytes", 0);
	static char bytes[2 * 4096];
	size_t i, from;
	char *at;

	fsk_fill(bytes, sizeof(bytes), 1, 0);
	SAY(write(file, bytes, sizeof(bytes)));
	pair(&client, &server);
	for (i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		at = mmap(NULL, sizeof(bytes), PROT_READ, MAP_PRIVATE, file, 0);
		from = sizeof(bytes) / 2 - lens[i] / 2;
		note("%d: %zd", lens[i], send(client, at + from, lens[i], 0));
		SAY(fsk_recv_pattern(server, 1, from, lens[i]));
		munmap(at, sizeof(bytes));
	}
}

FAST("D8", "a bad piece among good ones")
{
	char *bad = edge();
	struct iovec iov[] = { { bad - 10, 10 }, { bad, 10 }, { bad - 9, 9 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };
	int client, server;

	pair(&client, &server);
	SAY(sendmsg(client, &msg, 0));
	say_counted(client, server, 0);
	SAY(writev(client, iov, 3));
	say_counted(client, server, 0);
	SAY(writev(client, iov + 1, 2));
	say_counted(client, server, 0);
	iov[1].iov_len = 0;
	SAY(writev(client, iov, 3));
	say_counted(client, server, 19);
}

FAST("D8", "bad bytes behind a segment that still has room")
{
	int client, server;
	char *bad = edge(), buf[8];

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	SAY(send(client, "aa", 2, 0));
	SAY(send(client, bad - 3, 6, 0));
	SAY(send(client, bad, 6, 0));
	SAY(send(client, "bb", 2, 0));
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 0));
	say_bytes("recv", buf, recv(server, buf, 4, MSG_WAITALL));
	SAY(recv(server, buf, 1, MSG_DONTWAIT));
}

FAST("D8", "a message header that cannot be read or makes no sense")
{
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct sockaddr_in addr = fsk_addr("1.2.3.4", 5);
	int client, server;

	pair(&client, &server);
	SAY(sendmsg(client, NULL, 0));
	SAY(sendmsg(client, (void *)-4096, 0));
	msg.msg_iov = (void *)16;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_iov = NULL;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_iov = &iov;
	iov.iov_len = -1;
	SAY(sendmsg(client, &msg, 0));
	SAY(writev(client, &iov, 1));
	iov.iov_len = 1;
	SAY(syscall(SYS_writev, client, &iov, -1));
	msg.msg_name = (void *)16;
	msg.msg_namelen = 16;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_name = &addr;
	msg.msg_namelen = -1;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_name = NULL;
	msg.msg_namelen = 0;
	msg.msg_control = (void *)16;
	msg.msg_controllen = 32;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_controllen = INT_MAX;
	SAY(sendmsg(client, &msg, 0));
	SAY(sendto(client, "x", 1, 0, (void *)16, 16));
	SAY(sendto(client, "x", 1, 0, (void *)&addr, -1));
	SAY(sendto(client, "x", 1, 0, (void *)&addr, 129));
	say_counted(client, server, 0);
}

FAST("D9", "an address is ignored where there is a connection")
{
	struct sockaddr_in addr = fsk_addr("192.0.2.1", 99);
	struct iovec iov = { "g", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &addr,
		.msg_namelen = sizeof(addr),
	};
	int client, server;

	pair(&client, &server);
	SAY(sendto(client, "g", 1, 0, (void *)&addr, sizeof(addr)));
	SAY(sendto(client, "g", 1, 0, (void *)&addr, 1));
	SAY(sendto(client, "g", 1, 0, (void *)&addr, 0));
	SAY(sendto(client, "g", 1, 0, NULL, 16));
	addr.sin_family = AF_UNIX;
	SAY(sendto(client, "g", 1, 0, (void *)&addr, sizeof(addr)));
	addr.sin_family = AF_UNSPEC;
	SAY(sendto(client, "g", 1, 0, (void *)&addr, sizeof(addr)));
	SAY(sendmsg(client, &msg, 0));
	msg.msg_namelen = 3;
	SAY(sendmsg(client, &msg, 0));
	msg.msg_namelen = 1000;
	SAY(sendmsg(client, &msg, 0));
	say_counted(client, server, 9);
}

FAST("D10", "as many pieces as the system allows, and one more")
{
	enum { MOST = 1024 };
	static struct iovec iov[MOST + 1];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = MOST };
	int client, server, i;

	for (i = 0; i <= MOST; i++)
		iov[i] = (struct iovec){ "ggg", 1 + i % 3 };
	pair(&client, &server);
	SAY(writev(client, iov, MOST));
	say_counted(client, server, 2047);
	SAY(sendmsg(client, &msg, 0));
	say_counted(client, server, 2047);
	SAY(pwritev2(client, iov, 3, -1, 0));
	say_counted(client, server, 6);
	SAY(pwritev2(client, iov, 3, -1, RWF_DSYNC));
	say_counted(client, server, 6);
	SAY(pwritev2(client, iov, 3, -1, 0x40000000));
	SAY(pwritev2(client, iov, 3, 0, 0));
	SAY(writev(client, iov, MOST + 1));
	msg.msg_iovlen = MOST + 1;
	SAY(sendmsg(client, &msg, 0));
	say_counted(client, server, 0);
}

FAST("D10", "pieces of many sizes come in their order")
{
	enum { PIECES = 60, LEN = PIECES * (PIECES - 1) / 2 * 23 };
	struct iovec iov[PIECES];
	char *buf = pattern(LEN, 1);
	int client, server, i;
	size_t at = 0;

	for (i = 0; i < PIECES; at += iov[i++].iov_len)
		iov[i] = (struct iovec){ buf + at, i * 23 };
	pair(&client, &server);
	SAY(writev(client, iov, PIECES));
	SAY(fsk_recv_pattern(server, 1, 0, LEN));
}

FAST("D10", "sendmmsg() sends until something is wrong")
{
	struct iovec iov[4] = { { "gg", 2 }, { "ggg", 3 }, { (void *)16, 1 },
				{ "ggg", 3 } };
	struct mmsghdr many[4] = {};
	int client, server, i;

	for (i = 0; i < 4; i++) {
		many[i].msg_hdr.msg_iov = &iov[i];
		many[i].msg_hdr.msg_iovlen = 1;
		many[i].msg_len = 77;
	}
	pair(&client, &server);
	SAY(sendmmsg(client, many, 2, 0));
	note("%u %u", many[0].msg_len, many[1].msg_len);
	say_counted(client, server, 5);
	SAY(sendmmsg(client, many, 4, 0));
	note("%u %u %u %u", many[0].msg_len, many[1].msg_len, many[2].msg_len,
	     many[3].msg_len);
	say_counted(client, server, 5);
	SAY(sendmmsg(client, many + 2, 2, 0));
	SAY(sendmmsg(client, many, 0, 0));
	SAY(sendmmsg(client, NULL, 1, 0));
	SAY(sendmmsg(client, NULL, 0, 0));
	say_counted(client, server, 0);
	count_broken_pipes();
	SAY(shutdown(client, SHUT_WR));
	SAY(sendmmsg(client, many, 2, 0));
	SAY(broken_pipes);
}

FAST("D10", "sendmmsg() stops when the buffer is full")
{
	enum { MANY = 64, LEN = 65536 };
	struct iovec iov = { pattern(LEN, 1), LEN };
	struct mmsghdr many[MANY] = {};
	int client, server, i, n;

	for (i = 0; i < MANY; i++) {
		many[i].msg_hdr.msg_iov = &iov;
		many[i].msg_hdr.msg_iovlen = 1;
	}
	small_pair(&client, &server);
	n = sendmmsg(client, many, MANY, MSG_DONTWAIT);
	note("%d", n > 0 && n < MANY);
	fill(client, 1, 0);
	SAY(sendmmsg(client, many, MANY, MSG_DONTWAIT));
}

static void say_text(int fd, int count)
{
	char buf[256];

	say_bytes("recv", buf, recv(fd, buf, count, MSG_WAITALL));
	SAY(recv(fd, buf, 1, MSG_DONTWAIT));
}

FAST("D11", "what is held back keeps its order")
{
	int client, server;

	pair(&client, &server);
	SAY(send(client, "ab", 2, MSG_MORE));
	SAY(send(client, "cd", 2, MSG_MORE));
	SAY(send(client, "ef", 2, 0));
	say_text(server, 6);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	SAY(send(client, "gh", 2, 0));
	SAY(send(client, "ij", 2, MSG_MORE));
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 0));
	say_text(server, 4);
	SAY(fsk_set_int(client, SOL_TCP, TCP_NODELAY, 1));
	SAY(send(client, "kl", 2, 0));
	SAY(send(client, "mn", 2, MSG_MORE));
	SAY(fsk_set_int(client, SOL_TCP, TCP_NODELAY, 1));
	say_text(server, 4);
}

FAST("D11", "nothing is held back for ever")
{
	int client, server;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	SAY(send(client, "ab", 2, 0));
	say_text(server, 2);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 0));
	SAY(send(client, "cd", 2, MSG_MORE));
	say_text(server, 2);
	/* Small ones, and none of them answered. */
	SAY(send(client, "e", 1, 0));
	SAY(send(client, "f", 1, 0));
	SAY(send(client, "g", 1, 0));
	say_text(server, 3);
}

FAST("D11", "the end flushes what is held back")
{
	int client, server;

	pair(&client, &server);
	SAY(send(client, "ab", 2, MSG_MORE));
	SAY(shutdown(client, SHUT_WR));
	say_stream(server);
	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	SAY(send(client, "cd", 2, 0));
	SAY(close(client));
	say_stream(server);
}

FAST("D11", "much data under a cork")
{
	enum { LEN = 300000 };
	int client, server;
	struct sender s;

	pair(&client, &server);
	SAY(fsk_set_int(client, SOL_TCP, TCP_CORK, 1));
	start_sender(&s, client, pattern(LEN, 1), LEN);
	SAY(fsk_recv_pattern(server, 1, 0, LEN));
	say_sender(&s);
}

FAST("D12", "flags that mean nothing here are accepted")
{
	int client, server, bit, sent = 0;

	pair(&client, &server);
	for (bit = 0; bit < 31; bit++) {
		if (1U << bit == MSG_OOB || 1U << bit == MSG_FASTOPEN)
			continue;
		note("%x", 1U << bit);
		sent += SAY(send(client, "g", 1, 1U << bit)) == 1;
	}
	SAY(send(client, "g", 1, MSG_EOR | MSG_DONTROUTE | MSG_CONFIRM));
	SAY(send(client, "g", 1, MSG_WAITALL | MSG_PEEK | MSG_TRUNC));
	say_counted(client, server, sent + 2);
}

FAST("D12", "sendmsg() refuses the flag that is the kernel's own")
{
	struct iovec iov = { "g", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_flags = -1,
	};
	struct mmsghdr many = { .msg_hdr = msg };
	int client, server;

	pair(&client, &server);
	SAY(sendmsg(client, &msg, 0x80000000));
	SAY(sendmmsg(client, &many, 1, 0x80000000));
	SAY(sendmsg(client, &msg, 0));
	say_counted(client, server, 1);
}

FAST("D13", "the buffer is the program's again when a send returns")
{
	enum { LEN = 100000 };
	char *buf = malloc(LEN);
	int client, server, i;
	long n, done = 0;

	pair(&client, &server);
	/* Nobody reads, so most of it stays at this end. */
	for (i = 0; i < 10; i++) {
		fsk_fill(buf, LEN, 1, done);
		n = send(client, buf, LEN, MSG_DONTWAIT);
		memset(buf, 0xee, LEN);
		if (n > 0)
			done += n;
	}
	SAY(done > 0);
	SAY(fsk_recv_pattern(server, 1, 0, done) == (uint64_t)done);
	free(buf);
}

FAST("D13", "the buffer may be unmapped when a send returns")
{
	enum { LEN = 65536 };
	int client, server;
	void *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pair(&client, &server);
	fsk_fill(p, LEN, 1, 0);
	SAY(send(client, p, LEN, 0));
	SAY(munmap(p, LEN));
	SAY(shutdown(client, SHUT_WR));
	say_pattern(server, 1, LEN);
}

/* One control message, of any length it claims to have. */
static long send_control(int fd, int level, int type, const void *data,
			 size_t len, size_t claimed)
{
	union {
		struct cmsghdr head;
		char space[128];
	} control = {};
	struct iovec iov = { "g", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = CMSG_SPACE(len),
	};

	control.head.cmsg_level = level;
	control.head.cmsg_type = type;
	control.head.cmsg_len = claimed;
	memcpy(CMSG_DATA(&control.head), data, len);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

#define CONTROL(fd, level, type, data)					\
	send_control(fd, level, type, &(data), sizeof(data),		\
		     CMSG_LEN(sizeof(data)))

FAST("D14", "control messages that pass something pass nothing")
{
	struct ucred cred = { getpid(), 0, 0 };
	int client, server, fd = 0, bad = 9999, lowest;
	char control[256], buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};

	pair(&client, &server);
	SAY(fsk_set_int(server, SOL_SOCKET, SO_PASSCRED, 1));
	lowest = dup(0);
	close(lowest);
	SAY(CONTROL(client, SOL_SOCKET, SCM_RIGHTS, fd));
	SAY(CONTROL(client, SOL_SOCKET, SCM_RIGHTS, bad));
	SAY(CONTROL(client, SOL_SOCKET, SCM_CREDENTIALS, cred));
	AWAIT(fsk_unread(server) == 3);
	SAY(recvmsg(server, &msg, MSG_PEEK));
	note("%zu bytes of control, flags %x", msg.msg_controllen,
	     msg.msg_flags);
	SAY(dup(0) == lowest);
	say_counted(client, server, 3);
}

FAST("D14", "control messages that are wrong send nothing")
{
	int client, server, value = 0;
	uint64_t time = 0;

	pair(&client, &server);
	SAY(CONTROL(client, SOL_SOCKET, 99, value));
	SAY(CONTROL(client, SOL_SOCKET, 0, value));
	SAY(CONTROL(client, SOL_SOCKET, SO_SNDBUF, value));
	SAY(CONTROL(client, SOL_SOCKET, SO_TIMESTAMP, value));
	SAY(CONTROL(client, SOL_SOCKET, SCM_TXTIME, time));
	SAY(send_control(client, SOL_SOCKET, SO_MARK, &value, 4, 5));
	SAY(send_control(client, SOL_SOCKET, SO_MARK, &value, 4,
			 CMSG_LEN(8)));
	SAY(send_control(client, SOL_SOCKET, SCM_RIGHTS, &value, 4, 0));
	SAY(send_control(client, SOL_SOCKET, SCM_RIGHTS, &value, 4, 1000));
	SAY(send_control(client, SOL_SOCKET, SCM_RIGHTS, &value, 4, -1));
	say_counted(client, server, 0);
}

FAST("D14", "control messages of other levels mean nothing")
{
	int client, server, value = 1;

	pair(&client, &server);
	SAY(CONTROL(client, SOL_IP, IP_TTL, value));
	SAY(CONTROL(client, SOL_TCP, TCP_NODELAY, value));
	SAY(CONTROL(client, 12345, 1, value));
	SAY(CONTROL(client, SOL_SOCKET, SO_MARK, value));
	say_counted(client, server, 4);
}

FAST("D14", "control messages for the privileged")
{
	int client, server, value = 1;

	pair(&client, &server);
	if (setresuid(65534, 65534, 65534))
		broken("setresuid");
	SAY(CONTROL(client, SOL_SOCKET, SO_MARK, value));
	SAY(CONTROL(client, SOL_SOCKET, SCM_RIGHTS, value));
	say_counted(client, server, 1);
}

FAST("D14", "control messages of great length")
{
	static char control[300000];
	struct iovec iov = { "g", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	};
	int client, server, sent = 0;

	pair(&client, &server);
	msg.msg_controllen = sizeof(control);
	sent += SAY(sendmsg(client, &msg, 0)) > 0;
	/* Too short for a header: there is none, or it is wrong (32 bits). */
	msg.msg_controllen = 8;
	sent += SAY(sendmsg(client, &msg, 0)) > 0;
	msg.msg_controllen = 16;
	sent += SAY(sendmsg(client, &msg, 0)) > 0;
	say_counted(client, server, sent);
}

FAST("D14", "a wrong control message, and an error that waits")
{
	int client, server, value = 0;

	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(reset(client));
	SAY(CONTROL(client, SOL_SOCKET, 99, value));
	SAY(CONTROL(client, SOL_SOCKET, 99, value));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
	SAY(send(client, "x", 1, MSG_NOSIGNAL));
}

enum { WRITERS = 4, MESSAGES = 40, MESSAGE = 100 };

struct writer {
	pthread_t id;
	int fd;
	char letter;
	size_t len;
	int bad;
};

static void *run_writer(void *argument)
{
	struct writer *w = argument;
	char *buf = malloc(w->len);
	int i;

	memset(buf, w->letter, w->len);
	for (i = 0; i < MESSAGES; i++)
		w->bad += send(w->fd, buf, w->len, 0) != (ssize_t)w->len;
	free(buf);
	return NULL;
}

static void start_writers(struct writer *w, int fd, size_t len)
{
	int i;

	for (i = 0; i < WRITERS; i++) {
		w[i] = (struct writer){
			.fd = fd, .letter = 'a' + i, .len = len,
		};
		w[i].id = thread(run_writer, &w[i]);
	}
}

static void say_writers(struct writer *w)
{
	int i;

	for (i = 0; i < WRITERS; i++) {
		await_thread(w[i].id);
		SAY(w[i].bad);
	}
}

FAST("D15", "messages of several threads do not mix while there is room")
{
	enum { LEN = WRITERS * MESSAGES * MESSAGE };
	static char buf[LEN];
	struct writer w[WRITERS];
	int client, server, i, mixed = 0;

	pair(&client, &server);
	start_writers(w, client, MESSAGE);
	SAY(fsk_recv_all(server, buf, LEN));
	say_writers(w);
	for (i = 0; i < LEN; i++)
		mixed += buf[i] != buf[i - i % MESSAGE];
	SAY(mixed);
}

FAST("D15", "messages of several threads that wait all arrive")
{
	enum { LEN = 20000 };
	long counts[WRITERS] = {}, left = WRITERS * MESSAGES * LEN;
	struct writer w[WRITERS];
	int client, server, i;
	char buf[65536];
	ssize_t n;

	small_pair(&client, &server);
	start_writers(w, client, LEN);
	for (; left; left -= n) {
		n = recv(server, buf, sizeof(buf), 0);
		if (n <= 0)
			broken("recv");
		for (i = 0; i < n; i++)
			counts[(buf[i] - 'a') % WRITERS]++;
	}
	say_writers(w);
	for (i = 0; i < WRITERS; i++)
		SAY(counts[i]);
	SAY(fsk_unread(server));
}

/* A file of a pattern. */
static int pattern_file(size_t len)
{
	int fd = memfd_create("pattern", 0);
	void *buf = pattern(len, 1);

	if (fd < 0 || write(fd, buf, len) != (ssize_t)len ||
	    lseek(fd, 0, SEEK_SET))
		broken("memfd");
	free(buf);
	return fd;
}

FAST("D16", "sendfile() sends a file from where it is told")
{
	enum { LEN = 100000 };
	int client, server, file = pattern_file(LEN);
	off_t at = 1000;

	pair(&client, &server);
	SAY(sendfile(client, file, NULL, 1000));
	SAY(lseek(file, 0, SEEK_CUR));
	SAY(sendfile(client, file, &at, 50000));
	SAY(at);
	SAY(lseek(file, 0, SEEK_CUR));
	SAY(sendfile(client, file, &at, 1000000));
	SAY(at);
	SAY(sendfile(client, file, &at, 1));
	SAY(sendfile(client, file, NULL, 0));
	SAY(shutdown(client, SHUT_WR));
	say_pattern(server, 1, LEN);
}

FAST("D16", "sendfile() and arguments that are wrong")
{
	int client, server, file = pattern_file(100), pipes[2];
	off_t at = -1;

	pair(&client, &server);
	SAY(sendfile(client, file, &at, 1));
	SAY(sendfile(client, file, (void *)16, 1));
	SAY(sendfile(client, -1, NULL, 1));
	SAY(sendfile(-1, file, NULL, 1));
	SAY(sendfile(client, server, NULL, 1));
	SAY(sendfile(file, client, NULL, 1));
	SAY(pipe(pipes));
	SAY(sendfile(client, pipes[0], NULL, 0));
	at = 0;
	SAY(sendfile(client, pipes[0], &at, 1));
	SAY(copy_file_range(file, NULL, client, NULL, 10, 0));
	say_counted(client, server, 0);
}

FAST("D16", "sendfile() where nothing can be sent")
{
	int client, server, file = pattern_file(100);
	int fd = client_socket(0);
	uint16_t port;
	off_t at = 0;

	count_broken_pipes();
	SAY(sendfile(fd, file, &at, 10));
	SAY(broken_pipes);
	SAY(sendfile(listener(1, &port), file, &at, 10));
	SAY(broken_pipes);
	pair(&client, &server);
	SAY(shutdown(client, SHUT_WR));
	SAY(sendfile(client, file, &at, 10));
	SAY(broken_pipes);
	SAY(at);
	pair(&client, &server);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(reset(client));
	SAY(sendfile(client, file, &at, 10));
	SAY(broken_pipes);
	SAY(sendfile(client, file, &at, 10));
	SAY(broken_pipes);
	SAY(at);
	SAY(lseek(file, 0, SEEK_CUR));
}

FAST("D16", "sendfile() to a full buffer tells how far it came")
{
	enum { LEN = 1000000 };
	int client, server, file = pattern_file(LEN);
	static char buf[65536];
	long n, total = 0;
	off_t at = 0;

	small_pair(&client, &server);
	fsk_nonblock(client, true);
	n = say_partial("first", sendfile(client, file, &at, LEN), LEN);
	SAY(at == n);
	while (at < LEN) {
		n = sendfile(client, file, &at, LEN - at);
		if (n < 0 && errno != EAGAIN)
			broken("sendfile");
		n = recv(server, buf, sizeof(buf), MSG_DONTWAIT);
		total += n > 0 ? n : 0;
		if (n < 0)
			fsk_sleep_ms(1);
	}
	SAY(at);
	SAY(shutdown(client, SHUT_WR));
	while ((n = recv(server, buf, sizeof(buf), 0)) > 0)
		total += n;
	SAY(total);
}

static void *read_pattern(void *argument)
{
	int fd = *(int *)argument;

	SAY(fsk_recv_pattern(fd, 1, 0, 1000000));
	return NULL;
}

FAST("D16", "sendfile() that may wait sends all")
{
	enum { LEN = 1000000 };
	int client, server, file = pattern_file(LEN);
	pthread_t reader;
	long n;

	small_pair(&client, &server);
	reader = thread(read_pattern, &server);
	n = sendfile(client, file, NULL, LEN);
	await_thread(reader);
	SAY(n);
}

FAST("D16", "splice() from a pipe")
{
	int client, server, pipes[2];

	pair(&client, &server);
	SAY(pipe(pipes));
	SAY(write(pipes[1], "gggggggggg", 10));
	SAY(splice(pipes[0], NULL, client, NULL, 4, 0));
	SAY(splice(pipes[0], NULL, client, NULL, 100, SPLICE_F_MORE));
	SAY(splice(pipes[0], NULL, client, NULL, 100, SPLICE_F_NONBLOCK));
	SAY(splice(pipes[0], NULL, client, &(loff_t){ 0 }, 1, 0));
	SAY(splice(client, NULL, client, NULL, 1, 0));
	SAY(splice(pipes[0], NULL, client, NULL, 1, 0x100));
	SAY(splice(pipes[0], NULL, client, NULL, 0, 0));
	SAY(tee(pipes[0], client, 1, 0));
	say_counted(client, server, 10);
	close(pipes[1]);
	SAY(splice(pipes[0], NULL, client, NULL, 100, 0));
	say_counted(client, server, 0);
}

FAST("D16", "splice() of a program's own pages")
{
	enum { LEN = 16384 };
	int client, server, pipes[2];
	struct iovec iov;
	void *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fsk_fill(p, LEN, 1, 0);
	iov = (struct iovec){ p, LEN };
	pair(&client, &server);
	SAY(pipe(pipes));
	SAY(vmsplice(pipes[1], &iov, 1, 0));
	SAY(splice(pipes[0], NULL, client, NULL, LEN, 0));
	SAY(shutdown(client, SHUT_WR));
	say_pattern(server, 1, LEN);
}

FAST("D16", "splice() where nothing can be sent keeps the pipe's data")
{
	int client, server, pipes[2], fd = client_socket(0);
	char buf[8];

	count_broken_pipes();
	pair(&client, &server);
	SAY(shutdown(client, SHUT_WR));
	SAY(pipe(pipes));
	SAY(write(pipes[1], "abcd", 4));
	SAY(splice(pipes[0], NULL, client, NULL, 4, 0));
	SAY(broken_pipes);
	SAY(splice(pipes[0], NULL, fd, NULL, 4, 0));
	SAY(broken_pipes);
	small_pair(&client, &server);
	fill(client, 1, 0);
	fsk_nonblock(client, true);
	SAY(splice(pipes[0], NULL, client, NULL, 4, 0));
	SAY(splice(pipes[0], NULL, client, NULL, 4, SPLICE_F_NONBLOCK));
	say_bytes("pipe", buf, read(pipes[0], buf, sizeof(buf)));
}

FAST("D16", "splice() from a connection into another")
{
	int client, server, client2, server2, pipes[2];

	pair(&client, &server);
	pair(&client2, &server2);
	SAY(pipe(pipes));
	SAY(send(client, "gggg", 4, 0));
	AWAIT(fsk_unread(server) == 4);
	SAY(splice(server, NULL, pipes[1], NULL, 100, 0));
	SAY(splice(pipes[0], NULL, client2, NULL, 100, 0));
	say_counted(client2, server2, 4);
}
