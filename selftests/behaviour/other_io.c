// SPDX-License-Identifier: GPL-2.0
/*
 * M: other ways to read and write: splice, sendfile, io_uring and libaio.
 * The last two by raw system calls, because their libraries may be missing.
 */
#include "bpf.h"
#include "options.h"

#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

enum { PIPE_IN = 1, PIPE_OUT = 0, BIG = 300000 };

static void make_pipe(int *ends)
{
	if (pipe(ends))
		broken("pipe");
}

static void *receive_big(void *fd)
{
	return (void *)(long)fsk_recv_pattern(*(int *)fd, 1, 0, BIG);
}

static void *send_big(void *fd)
{
	fsk_send_pattern(*(int *)fd, 1, 0, BIG);
	shutdown(*(int *)fd, SHUT_WR);
	return NULL;
}

/* Joins a thread of receive_big() and says what it found. */
static void say_received(pthread_t id)
{
	void *right;

	pthread_join(id, &right);
	note("received %ld", (long)right);
}

/* A file of BIG bytes of the pattern. */
static int big_file(void)
{
	static char bytes[BIG];
	int fd = memfd_create("row", 0);

	fsk_fill(bytes, BIG, 1, 0);
	if (fd < 0 || write(fd, bytes, BIG) != BIG ||
	    lseek(fd, 0, SEEK_SET))
		broken("memfd");
	return fd;
}

FAST("M1", "splice to a pipe takes what is queued, and no more than asked")
{
	int client, server, ends[2];
	char bytes[64];

	pair(&client, &server);
	make_pipe(ends);
	send(client, "0123456789", 10, 0);
	AWAIT(fsk_unread(server) == 10);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 3, 0));
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 64));
	SAY(recv(server, bytes, 2, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 1000, 0));
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 64));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 0, 0));
	shutdown(client, SHUT_WR);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 1000, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 1000, 0));
}

FAST("M1", "splice with nothing to read")
{
	int client, server, ends[2];
	loff_t offset = 0;

	pair(&client, &server);
	make_pipe(ends);
	fsk_nonblock(server, true);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, SPLICE_F_NONBLOCK));
	fsk_nonblock(server, false);
	fsk_set_timeout(server, SO_RCVTIMEO, 50);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, SPLICE_F_NONBLOCK));
	SAY(splice(server, &offset, ends[PIPE_IN], NULL, 10, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], &offset, 10, 0));
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, 0x100));
	SAY(splice(server, NULL, client, NULL, 10, 0));
	shutdown(server, SHUT_RD);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 10, 0));
}

FAST("M1", "wrong calls of splice lose no byte")
{
	int client, server, ends[2];
	loff_t offset = 0;
	char bytes[16];

	pair(&client, &server);
	make_pipe(ends);
	send(client, "precious", 8, 0);
	AWAIT(fsk_unread(server) == 8);
	SAY(splice(server, &offset, ends[PIPE_IN], NULL, 8, 0));
	SAY(splice(server, (void *)hole(), ends[PIPE_IN], NULL, 8, 0));
	SAY(splice(server, NULL, ends[PIPE_OUT], NULL, 8, 0));
	close(ends[PIPE_OUT]);
	signal(SIGPIPE, SIG_IGN);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 8, 0));
	SAY(fsk_unread(server));
	say_bytes("server", bytes, recv(server, bytes, 16, MSG_DONTWAIT));
}

ALONE("M1", "splice from sockets without connection")
{
	int ends[2];
	uint16_t port;

	make_pipe(ends);
	SAY(splice(client_socket(0), NULL, ends[PIPE_IN], NULL, 10, 0));
	SAY(splice(listener(1, &port), NULL, ends[PIPE_IN], NULL, 10, 0));
}

FAST("M1", "splice after a reset tells the error once")
{
	int client, server, ends[2];

	pair(&client, &server);
	make_pipe(ends);
	fsk_set_linger(server, 0);
	close(server);
	AWAIT(fsk_events(client) & POLLERR);
	SAY(splice(client, NULL, ends[PIPE_IN], NULL, 10, 0));
	SAY(splice(client, NULL, ends[PIPE_IN], NULL, 10, 0));
}

FAST("M1", "splice to a full pipe leaves the bytes in the socket")
{
	int client, server, ends[2];
	char bytes[16];

	pair(&client, &server);
	make_pipe(ends);
	fsk_nonblock(ends[PIPE_IN], true);
	while (write(ends[PIPE_IN], "xxxxxxxxxxxxxxxx", 16) > 0)
		;
	send(client, "waiting", 7, 0);
	AWAIT(fsk_unread(server) == 7);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 7, SPLICE_F_NONBLOCK));
	SAY(fsk_unread(server));
	say_bytes("server", bytes, recv(server, bytes, 16, 0));
}

struct splicing {
	int from, to;
	long count;
};

static void *splice_once(void *data)
{
	struct splicing *s = data;

	s->count = splice(s->from, NULL, s->to, NULL, 100, 0);
	return NULL;
}

FAST("M1", "splice waits for bytes")
{
	int client, server, ends[2];
	struct splicing s;
	char bytes[16];
	pthread_t id;

	pair(&client, &server);
	make_pipe(ends);
	s = (struct splicing){ server, ends[PIPE_IN] };
	id = thread(splice_once, &s);
	fsk_sleep_ms(50);
	send(client, "arrived", 7, 0);
	await_thread(id);
	SAY(s.count);
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 16));
	id = thread(splice_once, &s);
	fsk_sleep_ms(50);
	close(client);
	await_thread(id);
	SAY(s.count);
}

/* From socket through a pipe to a socket until the end, as proxies do. */
static void *proxy(void *data)
{
	struct splicing *s = data;
	int ends[2];
	ssize_t n, m;

	make_pipe(ends);
	s->count = 0;
	while ((n = splice(s->from, NULL, ends[PIPE_IN], NULL, 65536,
			   SPLICE_F_MOVE)) > 0) {
		for (s->count += n; n > 0; n -= m) {
			m = splice(ends[PIPE_OUT], NULL, s->to, NULL, n,
				   SPLICE_F_MOVE | SPLICE_F_MORE);
			if (m <= 0)
				return NULL;
		}
	}
	shutdown(s->to, SHUT_WR);
	return NULL;
}

FAST("M1", "a proxy that splices passes everything on")
{
	int one, one_end, two, two_end;
	struct splicing s;
	pthread_t middle, source;
	char byte;

	pair(&one, &one_end);
	pair(&two, &two_end);
	s = (struct splicing){ one_end, two };
	middle = thread(proxy, &s);
	source = thread(send_big, &one);
	SAY(fsk_recv_pattern(two_end, 1, 0, BIG));
	SAY(recv(two_end, &byte, 1, 0));
	await_thread(source);
	await_thread(middle);
	SAY(s.count);
}

FAST("M1", "splice to a socket, and to one that is shut")
{
	int client, server, ends[2];
	char bytes[16];

	signal(SIGPIPE, SIG_IGN);
	pair(&client, &server);
	make_pipe(ends);
	SAY(write(ends[PIPE_IN], "from a pipe", 11));
	SAY(splice(ends[PIPE_OUT], NULL, client, NULL, 4, SPLICE_F_MORE));
	SAY(splice(ends[PIPE_OUT], NULL, client, NULL, 100, 0));
	say_bytes("server", bytes, recv(server, bytes, 11, MSG_WAITALL));
	SAY(splice(ends[PIPE_OUT], NULL, client, NULL, 10, SPLICE_F_NONBLOCK));
	SAY(write(ends[PIPE_IN], "rest", 4));
	shutdown(client, SHUT_WR);
	SAY(splice(ends[PIPE_OUT], NULL, client, NULL, 4, 0));
	SAY(ioctl(ends[PIPE_OUT], FIONREAD, bytes));
	close(ends[PIPE_IN]);
	SAY(splice(client_socket(0), NULL, ends[PIPE_OUT], NULL, 1, 0));
}

FAST("M1", "splice to a full socket that does not block")
{
	int client, server, ends[2];
	char bytes[16];

	pair(&client, &server);
	make_pipe(ends);
	fsk_stuff(client, 1);
	fsk_nonblock(client, true);
	write(ends[PIPE_IN], "bytes", 5);
	/* A few bytes more may fit. */
	while (splice(ends[PIPE_OUT], NULL, client, NULL, 5, 0) == 5)
		write(ends[PIPE_IN], "bytes", 5);
	SAY(errno == EAGAIN);
	SAY(read(ends[PIPE_OUT], bytes, 16) > 0);
}

FAST("M2", "sendfile sends a file, whole or from an offset")
{
	int client, server, file = big_file();
	off_t offset = 0;
	pthread_t id;

	pair(&client, &server);
	id = thread(receive_big, &server);
	SAY(sendfile(client, file, &offset, 1000));
	SAY(offset);
	while (offset < BIG && sendfile(client, file, &offset, BIG) > 0)
		;
	SAY(offset);
	say_received(id);
	SAY(sendfile(client, file, &offset, 10));
	SAY(sendfile(client, file, NULL, 0));
	SAY(sendfile(client, file, NULL, 5));
	SAY(lseek(file, 0, SEEK_CUR));
	SAY(fsk_recv_pattern(server, 1, 0, 5));
}

FAST("M2", "sendfile from a socket to a pipe")
{
	int client, server, ends[2], file = memfd_create("out", 0);
	off_t offset = 0;
	char bytes[16];

	pair(&client, &server);
	make_pipe(ends);
	send(client, "0123456789", 10, 0);
	AWAIT(fsk_unread(server) == 10);
	SAY(sendfile(ends[PIPE_IN], server, &offset, 4));
	SAY(sendfile(ends[PIPE_IN], server, NULL, 4));
	SAY(fsk_unread(server));
	fsk_nonblock(ends[PIPE_OUT], true);
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 16));
	SAY(sendfile(file, server, NULL, 4));
	SAY(sendfile(client, server, NULL, 4));
	SAY(fsk_unread(server));
}

FAST("M2", "sendfile to a socket that cannot take it")
{
	int client, server, file = big_file();
	uint16_t port;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	pair(&client, &server);
	fsk_stuff(client, 1);
	fsk_nonblock(client, true);
	while ((n = sendfile(client, file, NULL, 4096)) > 0)
		;
	SAY_AS("full", n);
	SAY(sendfile(client_socket(0), file, NULL, 10));
	SAY(sendfile(listener(1, &port), file, NULL, 10));
	pair(&client, &server);
	shutdown(client, SHUT_WR);
	SAY(sendfile(client, file, NULL, 10));
	SAY(sendfile(ended(), file, NULL, 10));
	SAY(copy_file_range(file, NULL, client, NULL, 10, 0));
	SAY(copy_file_range(client, NULL, file, NULL, 10, 0));
}

static volatile int pipe_signals;

static void count_signal(int number)
{
	pipe_signals++;
}

FAST("M2", "sendfile and splice to a shut socket raise SIGPIPE")
{
	int client, server, ends[2], file = big_file();

	signal(SIGPIPE, count_signal);
	pair(&client, &server);
	make_pipe(ends);
	write(ends[PIPE_IN], "bytes", 5);
	shutdown(client, SHUT_WR);
	SAY(sendfile(client, file, NULL, 10));
	SAY(pipe_signals);
	SAY(splice(ends[PIPE_OUT], NULL, client, NULL, 5, 0));
	SAY(pipe_signals);
}

FAST("M2", "a file that is written to after sendfile arrives as it was read")
{
	int client, server, file = big_file();
	char bytes[64];

	pair(&client, &server);
	SAY(sendfile(client, file, NULL, 64));
	SAY(recv(server, bytes, 64, MSG_WAITALL));
	pwrite(file, "changed", 7, 0);
	SAY(fsk_wrong(bytes, 64, 1, 0));
	SAY(fsk_send_pattern(client, 2, 0, 100));
	SAY(fsk_recv_pattern(server, 2, 0, 100));
}

/* A ring with the least that a row needs: one entry after the other. */
struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int unsubmitted;
	char *map;
	size_t map_size;
};

enum { ENTRIES = 16 };

/* A completion. */
struct done {
	uint64_t user_data;
	int res;
	unsigned int flags;
};

static void ring_open(struct ring *r)
{
	struct io_uring_params p = {};
	char *map;

	r->fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (r->fd < 0)
		skip("no io_uring");
	/* One mapping has both queues on all kernels with this feature. */
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		skip("old io_uring");
	r->map_size = p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes) +
		      p.sq_off.array + p.sq_entries * 4;
	map = mmap(NULL, r->map_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   r->fd, IORING_OFF_SQ_RING);
	r->map = map;
	r->sqes = mmap(NULL, p.sq_entries * sizeof(*r->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       IORING_OFF_SQES);
	if (map == MAP_FAILED || (void *)r->sqes == MAP_FAILED)
		broken("mmap of a ring");
	r->sq_tail = (void *)(map + p.sq_off.tail);
	r->sq_mask = (void *)(map + p.sq_off.ring_mask);
	r->sq_array = (void *)(map + p.sq_off.array);
	r->cq_head = (void *)(map + p.cq_off.head);
	r->cq_tail = (void *)(map + p.cq_off.tail);
	r->cq_mask = (void *)(map + p.cq_off.ring_mask);
	r->cqes = (void *)(map + p.cq_off.cqes);
	r->unsubmitted = 0;
}

/* The next entry, not yet submitted. */
static struct io_uring_sqe *ring_add(struct ring *r, int op, int fd,
				     const void *address, unsigned int len)
{
	unsigned int tail = *r->sq_tail, index = tail & *r->sq_mask;
	struct io_uring_sqe *sqe = &r->sqes[index];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (unsigned long)address;
	sqe->len = len;
	sqe->user_data = op;
	r->sq_array[index] = index;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	r->unsubmitted++;
	return sqe;
}

static void ring_submit(struct ring *r, unsigned int wait)
{
	long n = syscall(SYS_io_uring_enter, r->fd, r->unsubmitted, wait,
			 wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

	if (n != r->unsubmitted)
		broken("io_uring_enter");
	r->unsubmitted = 0;
}

/* Submits what is left and waits for the next completion. */
static struct done ring_next(struct ring *r)
{
	unsigned int head = *r->cq_head;
	const struct io_uring_cqe *from;
	struct done cqe;

	if (r->unsubmitted)
		ring_submit(r, 0);
	while (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(SYS_io_uring_enter, r->fd, 0, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			broken("io_uring_enter");
	from = &r->cqes[head & *r->cq_mask];
	cqe = (struct done){ from->user_data, from->res, from->flags };
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return cqe;
}

static bool ring_empty(const struct ring *r)
{
	return *r->cq_head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE);
}

static int say_next(const char *what, struct ring *r)
{
	struct done cqe = ring_next(r);

	if (cqe.res < 0)
		note("%s: -1 %s", what, strerrorname_np(-cqe.res));
	else
		note("%s: %d", what, cqe.res);
	return cqe.res;
}

FAST("M3", "io_uring sends and receives")
{
	int client, server;
	struct ring ring;
	char bytes[64];

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_SEND, client, "by ring", 7);
	say_next("send", &ring);
	ring_add(&ring, IORING_OP_RECV, server, bytes, 64);
	say_bytes("recv", bytes, say_next("recv", &ring));
	ring_add(&ring, IORING_OP_WRITE, client, "written", 7);
	say_next("write", &ring);
	ring_add(&ring, IORING_OP_READ, server, bytes, 64);
	say_bytes("read", bytes, say_next("read", &ring));
	ring_add(&ring, IORING_OP_RECV, server, bytes, 64)->msg_flags =
		MSG_DONTWAIT;
	say_next("nothing", &ring);
	ring_add(&ring, IORING_OP_SEND, client, hole() - 2, 4);
	say_next("bad send", &ring);
	send(client, "kept", 4, 0);
	AWAIT(fsk_unread(server) == 4);
	ring_add(&ring, IORING_OP_RECV, server, hole(), 4);
	say_next("bad recv", &ring);
	say_bytes("kept", bytes, recv(server, bytes, 64, 0));
}

FAST("M3", "io_uring receives what comes later")
{
	int client, server;
	struct ring ring;
	char bytes[64];

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_RECV, server, bytes, 64);
	ring_submit(&ring, 0);
	fsk_sleep_ms(50);
	SAY(ring_empty(&ring));
	send(client, "late", 4, 0);
	say_bytes("late", bytes, say_next("recv", &ring));
	ring_add(&ring, IORING_OP_RECV, server, bytes, 8)->msg_flags =
		MSG_WAITALL;
	ring_submit(&ring, 0);
	send(client, "half", 4, 0);
	fsk_sleep_ms(50);
	SAY(ring_empty(&ring));
	send(client, "more", 4, 0);
	say_bytes("all", bytes, say_next("recv", &ring));
	ring_add(&ring, IORING_OP_RECV, server, bytes, 8)->flags =
		IOSQE_ASYNC;
	ring_submit(&ring, 0);
	fsk_sleep_ms(50);
	send(client, "worker", 6, 0);
	say_bytes("worker", bytes, say_next("recv", &ring));
	ring_add(&ring, IORING_OP_RECV, server, bytes, 8);
	ring_submit(&ring, 0);
	shutdown(client, SHUT_WR);
	say_next("end", &ring);
	ring_add(&ring, IORING_OP_SEND, client, "x", 1)->msg_flags =
		MSG_NOSIGNAL;
	say_next("shut", &ring);
}

FAST("M3", "io_uring with messages of several parts")
{
	char one[4], two[16];
	struct iovec out[] = { { "several ", 8 }, { "parts", 5 } };
	struct iovec in[] = { { one, 4 }, { two, 16 } };
	struct msghdr to = { .msg_iov = out, .msg_iovlen = 2 };
	struct msghdr from = { .msg_iov = in, .msg_iovlen = 2 };
	int client, server;
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_SENDMSG, client, &to, 1);
	say_next("sendmsg", &ring);
	AWAIT(fsk_unread(server) == 13);
	ring_add(&ring, IORING_OP_RECVMSG, server, &from, 1);
	say_next("recvmsg", &ring);
	say_bytes("one", one, 4);
	say_bytes("two", two, 9);
	ring_add(&ring, IORING_OP_WRITEV, client, out, 2);
	say_next("writev", &ring);
	AWAIT(fsk_unread(server) == 13);
	ring_add(&ring, IORING_OP_READV, server, in, 2);
	say_next("readv", &ring);
	say_bytes("two", two, 9);
}

FAST("M3", "io_uring accepts, connects and shuts down")
{
	int client = client_socket(0), listening, server;
	struct sockaddr_in address, peer;
	socklen_t len = sizeof(peer);
	struct ring ring;
	uint16_t port;
	char bytes[16];

	ring_open(&ring);
	listening = listener(4, &port);
	address = fsk_addr(here->server_ip, port);
	ring_add(&ring, IORING_OP_ACCEPT, listening, &peer, 0)->addr2 =
		(unsigned long)&len;
	ring_submit(&ring, 0);
	fsk_sleep_ms(50);
	SAY(ring_empty(&ring));
	/* Completions in this order, whoever is first. */
	if (dial(client, port))
		broken("connect");
	server = ring_next(&ring).res;
	note("accepted %d, length %u, port %d", server >= 0, len,
	     ntohs(peer.sin_port) == fsk_port(client));
	say_alive(client, server);
	client = client_socket(0);
	ring_add(&ring, IORING_OP_CONNECT, client, &address, 0)->off =
		sizeof(address);
	say_next("connect", &ring);
	ring_add(&ring, IORING_OP_CONNECT, client, &address, 0)->off =
		sizeof(address);
	say_next("again", &ring);
	server = accept(listening, NULL, NULL);
	say_alive(client, server);
	ring_add(&ring, IORING_OP_SHUTDOWN, client, NULL, SHUT_WR);
	say_next("shutdown", &ring);
	SAY(recv(server, bytes, 1, 0));
	ring_add(&ring, IORING_OP_SHUTDOWN, client_socket(0), NULL, SHUT_WR);
	say_next("shutdown of a fresh socket", &ring);
	ring_add(&ring, IORING_OP_CLOSE, server, NULL, 0);
	say_next("close", &ring);
	SAY(recv(client, bytes, 1, 0));
}

ALONE("M3", "io_uring is refused where nobody listens")
{
	struct sockaddr_in address;
	struct ring ring;
	uint16_t port;

	ring_open(&ring);
	close(listener(1, &port));
	address = fsk_addr(here->server_ip, port);
	ring_add(&ring, IORING_OP_CONNECT, client_socket(0), &address, 0)->off =
		sizeof(address);
	say_next("connect", &ring);
	ring_add(&ring, IORING_OP_CONNECT, client_socket(SOCK_NONBLOCK),
		 &address, 0)->off = sizeof(address);
	say_next("connect", &ring);
	ring_add(&ring, IORING_OP_ACCEPT, client_socket(0), NULL, 0);
	say_next("accept", &ring);
	ring_add(&ring, IORING_OP_RECV, client_socket(0), &address, 4);
	say_next("recv", &ring);
	ring_add(&ring, IORING_OP_SEND, client_socket(0), &address, 4)
		->msg_flags = MSG_NOSIGNAL;
	say_next("send", &ring);
}

FAST("M3", "io_uring polls once and again")
{
	int client, server, i;
	struct done cqe;
	struct ring ring;
	char byte;

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_POLL_ADD, server, NULL, 0)->poll32_events =
		POLLIN;
	ring_submit(&ring, 0);
	fsk_sleep_ms(50);
	SAY(ring_empty(&ring));
	send(client, "x", 1, 0);
	say_events("once", ring_next(&ring).res & (POLLIN | POLLHUP));
	recv(server, &byte, 1, 0);
	ring_add(&ring, IORING_OP_POLL_ADD, server, NULL,
		 IORING_POLL_ADD_MULTI)->poll32_events = POLLIN;
	ring_submit(&ring, 0);
	for (i = 0; i < 3; i++) {
		send(client, "x", 1, 0);
		cqe = ring_next(&ring);
		note("again: in %d more %d", !!(cqe.res & POLLIN),
		     !!(cqe.flags & IORING_CQE_F_MORE));
		recv(server, &byte, 1, 0);
	}
	ring_add(&ring, IORING_OP_POLL_REMOVE, -1, (void *)IORING_OP_POLL_ADD,
		 0);
	ring_submit(&ring, 1);
	do {
		cqe = ring_next(&ring);
	} while (cqe.user_data != IORING_OP_POLL_REMOVE);
	SAY(cqe.res);
}

FAST("M3", "io_uring accepts many connections with one request")
{
	struct done cqe;
	struct ring ring;
	uint16_t port;
	int listening, client, i;

	ring_open(&ring);
	listening = listener(8, &port);
	ring_add(&ring, IORING_OP_ACCEPT, listening, NULL, 0)->ioprio =
		IORING_ACCEPT_MULTISHOT;
	ring_submit(&ring, 0);
	for (i = 0; i < 4; i++) {
		client = client_socket(0);
		if (dial(client, port))
			broken("connect");
		cqe = ring_next(&ring);
		note("accepted %d, more %d", cqe.res >= 0,
		     !!(cqe.flags & IORING_CQE_F_MORE));
		say_alive(client, cqe.res);
	}
}

enum { POOL = 8, POOL_SIZE = 64, GROUP = 1 };

/* Gives the kernel a ring of buffers to choose from. */
static char *pool_open(struct ring *r)
{
	struct io_uring_buf_reg reg = { .ring_entries = POOL, .bgid = GROUP };
	struct io_uring_buf_ring *pool;
	static char buffers[POOL][POOL_SIZE];
	int i;

	pool = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.ring_addr = (unsigned long)pool;
	if (syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_PBUF_RING,
		    &reg, 1))
		skip("no ring of buffers");
	for (i = 0; i < POOL; i++) {
		pool->bufs[i].addr = (unsigned long)buffers[i];
		pool->bufs[i].len = POOL_SIZE;
		pool->bufs[i].bid = i;
	}
	__atomic_store_n(&pool->tail, POOL, __ATOMIC_RELEASE);
	return buffers[0];
}

FAST("M3", "io_uring receives many times into buffers of its choice")
{
	struct io_uring_sqe *sqe;
	struct done cqe;
	int client, server, i;
	struct ring ring;
	char *pool;

	ring_open(&ring);
	pool = pool_open(&ring);
	pair(&client, &server);
	sqe = ring_add(&ring, IORING_OP_RECV, server, NULL, 0);
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	ring_submit(&ring, 0);
	for (i = 0; i < 3; i++) {
		send(client, "piece", 5, 0);
		cqe = ring_next(&ring);
		note("more %d", !!(cqe.flags & IORING_CQE_F_MORE));
		say_bytes("recv", pool + POOL_SIZE *
			  (cqe.flags >> IORING_CQE_BUFFER_SHIFT), cqe.res);
	}
	shutdown(client, SHUT_WR);
	cqe = ring_next(&ring);
	note("end %d more %d", cqe.res, !!(cqe.flags & IORING_CQE_F_MORE));
}

FAST("M3", "io_uring runs out of buffers and loses nothing")
{
	int client, server, i, buffers = 0, count = 0;
	struct io_uring_sqe *sqe;
	struct done cqe;
	struct ring ring;
	char bytes[1000];

	ring_open(&ring);
	pool_open(&ring);
	pair(&client, &server);
	fsk_send_pattern(client, 1, 0, POOL * POOL_SIZE + 100);
	AWAIT(fsk_unread(server) == POOL * POOL_SIZE + 100);
	for (i = 0; i < POOL + 1; i++) {
		sqe = ring_add(&ring, IORING_OP_RECV, server, NULL, 0);
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		cqe = ring_next(&ring);
		if (cqe.res < 0)
			break;
		buffers++;
		count += cqe.res;
	}
	note("%d buffers, %d bytes, then %s", buffers, count,
	     strerrorname_np(-cqe.res));
	SAY(fsk_unread(server));
	SAY(fsk_recv_pattern(server, 1, count, 100));
	SAY(recv(server, bytes, 1, MSG_DONTWAIT));
}

FAST("M3", "io_uring reads and writes registered buffers")
{
	static char pool[8192] __attribute__((aligned(4096)));
	struct iovec iov = { pool, sizeof(pool) };
	int client, server;
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	SAY(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS,
		    &iov, 1));
	fsk_fill(pool, 4000, 1, 0);
	ring_add(&ring, IORING_OP_WRITE_FIXED, client, pool, 4000);
	say_next("write", &ring);
	AWAIT(fsk_unread(server) == 4000);
	ring_add(&ring, IORING_OP_READ_FIXED, server, pool + 4000, 4096);
	say_next("read", &ring);
	SAY(fsk_wrong(pool + 4000, 4000, 1, 0));
	ring_add(&ring, IORING_OP_READ_FIXED, server, pool + 8000, 4096);
	say_next("beyond", &ring);
}

FAST("M3", "io_uring cancels what waits, and the connection goes on")
{
	int client, server, i;
	struct done cqe;
	struct ring ring;
	char bytes[16];

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_RECV, server, bytes, 16);
	ring_submit(&ring, 0);
	ring_add(&ring, IORING_OP_ASYNC_CANCEL, -1, (void *)IORING_OP_RECV, 0);
	for (i = 0; i < 2; i++) {
		cqe = ring_next(&ring);
		if (cqe.user_data == IORING_OP_RECV)
			note("recv: %s", strerrorname_np(-cqe.res));
	}
	ring_add(&ring, IORING_OP_RECV, server, bytes, 16)->flags =
		IOSQE_ASYNC;
	ring_submit(&ring, 0);
	fsk_sleep_ms(100);
	ring_add(&ring, IORING_OP_ASYNC_CANCEL, -1, (void *)IORING_OP_RECV, 0);
	for (i = 0; i < 2; i++) {
		cqe = ring_next(&ring);
		if (cqe.user_data == IORING_OP_RECV)
			note("worker: failed %d", cqe.res < 0);
	}
	say_alive(client, server);
}

FAST("M3", "io_uring's time limit on a receive")
{
	struct __kernel_timespec limit = { .tv_nsec = 50000000 };
	int client, server, i;
	struct done cqe;
	struct ring ring;
	char bytes[16];

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_RECV, server, bytes, 16)->flags =
		IOSQE_IO_LINK;
	ring_add(&ring, IORING_OP_LINK_TIMEOUT, -1, &limit, 1);
	for (i = 0; i < 2; i++) {
		cqe = ring_next(&ring);
		if (cqe.user_data == IORING_OP_RECV)
			note("recv: %s", strerrorname_np(-cqe.res));
	}
	say_alive(client, server);
}

FAST("M3", "a ring that goes away ends its requests")
{
	int client, server;
	struct ring ring;
	char bytes[16];

	ring_open(&ring);
	pair(&client, &server);
	ring_add(&ring, IORING_OP_RECV, server, bytes, 16);
	ring_submit(&ring, 0);
	munmap(ring.map, ring.map_size);
	munmap(ring.sqes, ENTRIES * sizeof(*ring.sqes));
	close(ring.fd);
	ring_open(&ring);
	/* The old request is cancelled some time later, and lets go of it. */
	close(server);
	ring_add(&ring, IORING_OP_RECV, client, bytes, 16);
	say_next("recv", &ring);
}

/* Begins to send many bytes through little room; returns their reader. */
static pthread_t stuff_big(struct ring *ring, int opcode)
{
	static char bytes[BIG];
	/* The reader gets the address. */
	static int server;
	int client;

	ring_open(ring);
	pair(&client, &server);
	fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 20000);
	fsk_set_int(server, SOL_SOCKET, SO_RCVBUF, 20000);
	fsk_fill(bytes, BIG, 1, 0);
	ring_add(ring, opcode, client, bytes, BIG)->msg_flags = MSG_WAITALL;
	ring_submit(ring, 0);
	return thread(receive_big, &server);
}

FAST("M3", "io_uring sends more than fits when there is room again")
{
	struct ring ring;
	pthread_t id = stuff_big(&ring, IORING_OP_SEND);

	say_next("send", &ring);
	say_received(id);
}

FAST("M3", "io_uring splices")
{
	int client, server, ends[2];
	struct io_uring_sqe *sqe;
	struct ring ring;
	char bytes[16];

	ring_open(&ring);
	pair(&client, &server);
	make_pipe(ends);
	send(client, "spliced", 7, 0);
	AWAIT(fsk_unread(server) == 7);
	sqe = ring_add(&ring, IORING_OP_SPLICE, ends[PIPE_IN], NULL, 7);
	sqe->off = -1;
	sqe->splice_off_in = -1;
	sqe->splice_fd_in = server;
	say_next("splice", &ring);
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 16));
}

/* SOCKET_URING_OP_*: queries that later kernels have. */
static void ask_socket(struct ring *ring, const char *who, int fd)
{
	static const char *const names[] = { "SIOCINQ", "SIOCOUTQ" };
	int i;

	for (i = 0; i < 2; i++) {
		ring_add(ring, IORING_OP_URING_CMD, fd, NULL, 0)->off = i;
		note("%s: %s", who, names[i]);
		say_next(who, ring);
	}
}

FAST("M3", "io_uring asks for queued bytes")
{
	int client, server;
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	send(client, "queued", 6, 0);
	AWAIT(fsk_unread(server) == 6);
	AWAIT(!ioctl(client, TIOCOUTQ, &ring.unsubmitted) &&
	      !ring.unsubmitted);
	ask_socket(&ring, "server", server);
	ask_socket(&ring, "client", client);
}

/* The two completions of a zero-copy send, the second is its notice. */
static void say_zero_copy(struct ring *ring)
{
	struct done cqe = ring_next(ring);

	note("send_zc: %d more %d", cqe.res,
	     !!(cqe.flags & IORING_CQE_F_MORE));
	if (!(cqe.flags & IORING_CQE_F_MORE))
		return;
	cqe = ring_next(ring);
	/* Whether TCP had to copy depends on the device. */
	note("notice %d more %d result %u", !!(cqe.flags & IORING_CQE_F_NOTIF),
	     !!(cqe.flags & IORING_CQE_F_MORE),
	     cqe.res & ~IORING_NOTIF_USAGE_ZC_COPIED);
}

static void send_zero_copy(struct ring *ring, int fd, const char *bytes,
			   unsigned int len)
{
	ring_add(ring, IORING_OP_SEND_ZC, fd, bytes, len)->msg_flags =
		MSG_NOSIGNAL;
	say_zero_copy(ring);
}

FAST("M4", "io_uring's zero-copy send completes twice")
{
	int client, server;
	static char big[20000];
	struct ring ring;
	char bytes[16];

	ring_open(&ring);
	pair(&client, &server);
	send_zero_copy(&ring, client, "zero", 4);
	say_bytes("server", bytes, recv(server, bytes, 4, MSG_WAITALL));
	send_zero_copy(&ring, server, "copy", 4);
	say_bytes("client", bytes, recv(client, bytes, 4, MSG_WAITALL));
	fsk_fill(big, sizeof(big), 1, 0);
	send_zero_copy(&ring, client, big, sizeof(big));
	SAY(fsk_recv_pattern(server, 1, 0, sizeof(big)));
	/* No notice of MSG_ZEROCOPY's kind. */
	say_events("client", fsk_events(client));
	shutdown(client, SHUT_WR);
	send_zero_copy(&ring, client, "x", 1);
	send_zero_copy(&ring, client_socket(0), "x", 1);
}

FAST("M4", "the buffer of a zero-copy send is the program's at the notice")
{
	int client, server;
	static char big[60000];
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	fsk_fill(big, sizeof(big), 1, 0);
	ring_add(&ring, IORING_OP_SEND_ZC, client, big, sizeof(big))->ioprio =
		IORING_SEND_ZC_REPORT_USAGE;
	ring_submit(&ring, 0);
	/* TCP may keep the bytes until they were read. */
	SAY(fsk_recv_pattern(server, 1, 0, 30000));
	AWAIT(fsk_unread(server) == 30000);
	say_zero_copy(&ring);
	memset(big, 'x', sizeof(big));
	SAY(fsk_recv_pattern(server, 1, 30000, 30000));
}

FAST("M4", "a zero-copy send of more than fits waits for room")
{
	struct ring ring;
	pthread_t id = stuff_big(&ring, IORING_OP_SEND_ZC);

	say_zero_copy(&ring);
	say_received(id);
}

FAST("M4", "zero-copy sends from registered buffers")
{
	static char pool[8192] __attribute__((aligned(4096)));
	struct iovec iov = { pool, sizeof(pool) };
	struct io_uring_sqe *sqe;
	int client, server, i;
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	SAY(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS,
		    &iov, 1));
	fsk_fill(pool, sizeof(pool), 1, 0);
	/* Whole, part of it, beyond its end, and a buffer that is not there. */
	for (i = 0; i < 4; i++) {
		sqe = ring_add(&ring, IORING_OP_SEND_ZC, client,
			       pool + (i ? 100 : 0), i == 1 ? 5000 : 8192);
		sqe->ioprio = IORING_RECVSEND_FIXED_BUF;
		sqe->buf_index = i == 3;
		say_zero_copy(&ring);
	}
	SAY(fsk_recv_pattern(server, 1, 0, 8192));
	SAY(fsk_recv_pattern(server, 1, 100, 5000));
}

FAST("M4", "zero-copy sends of messages of several parts")
{
	static char bytes[5000];
	struct iovec parts[] = { { bytes, 3000 }, { bytes + 3000, 2000 } };
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };
	struct sockaddr_in nowhere = fsk_addr("192.0.2.1", 9);
	int client, server;
	struct ring ring;

	ring_open(&ring);
	pair(&client, &server);
	fsk_fill(bytes, sizeof(bytes), 1, 0);
	ring_add(&ring, IORING_OP_SENDMSG_ZC, client, &msg, 1);
	say_zero_copy(&ring);
	SAY(fsk_recv_pattern(server, 1, 0, 5000));
	/* An address where there is a connection, and bytes that are none. */
	msg.msg_name = &nowhere;
	msg.msg_namelen = sizeof(nowhere);
	ring_add(&ring, IORING_OP_SENDMSG_ZC, client, &msg, 1);
	say_zero_copy(&ring);
	SAY(fsk_recv_pattern(server, 1, 0, 5000));
	parts[0].iov_base = hole();
	ring_add(&ring, IORING_OP_SENDMSG_ZC, client, &msg, 1);
	say_zero_copy(&ring);
	shutdown(client, SHUT_WR);
	parts[0].iov_base = bytes;
	ring_add(&ring, IORING_OP_SENDMSG_ZC, client, &msg, 1)->msg_flags =
		MSG_NOSIGNAL;
	say_zero_copy(&ring);
	SAY(recv(server, bytes, 1, 0));
}

FAST("M4", "a zero-copy send follows the connect that it is linked to")
{
	struct sockaddr_in name;
	struct io_uring_sqe *sqe;
	int listening, client, server;
	struct ring ring;
	char bytes[16];
	uint16_t port;

	ring_open(&ring);
	listening = listener(1, &port);
	name = fsk_addr(here->server_ip, port);
	client = client_socket(0);
	/* Nobody sends before; a listener does not either. */
	send_zero_copy(&ring, client, "early", 5);
	send_zero_copy(&ring, listening, "never", 5);
	sqe = ring_add(&ring, IORING_OP_CONNECT, client, &name, 0);
	sqe->off = sizeof(name);
	sqe->flags = IOSQE_IO_LINK;
	ring_add(&ring, IORING_OP_SEND_ZC, client, "linked", 6);
	say_next("connect", &ring);
	say_zero_copy(&ring);
	server = accept(listening, NULL, NULL);
	say_bytes("server", bytes, recv(server, bytes, 16, 0));
}

static long aio_one(aio_context_t context, int op, int fd, void *bytes,
		    size_t len)
{
	struct iocb cb = {
		.aio_lio_opcode = op, .aio_fildes = fd,
		.aio_buf = (unsigned long)bytes, .aio_nbytes = len,
	}, *list = &cb;
	struct io_event event;

	if (syscall(SYS_io_submit, context, 1, &list) != 1)
		return -1;
	if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		broken("io_getevents");
	if (event.res < 0) {
		errno = -event.res;
		return -1;
	}
	return event.res;
}

FAST("M5", "libaio reads and writes at once")
{
	aio_context_t context = 0;
	int client, server;
	char bytes[16];

	if (syscall(SYS_io_setup, 4, &context))
		skip("no aio");
	pair(&client, &server);
	SAY(aio_one(context, IOCB_CMD_PWRITE, client, "by aio", 6));
	AWAIT(fsk_unread(server) == 6);
	SAY(aio_one(context, IOCB_CMD_PREAD, server, bytes, 16));
	say_bytes("read", bytes, 6);
	fsk_nonblock(server, true);
	SAY(aio_one(context, IOCB_CMD_PREAD, server, bytes, 16));
	SAY(aio_one(context, IOCB_CMD_FSYNC, server, NULL, 0));
	SAY(aio_one(context, IOCB_CMD_PWRITE, client, hole(), 6));
	send(client, "kept", 4, 0);
	AWAIT(fsk_unread(server) == 4);
	SAY(aio_one(context, IOCB_CMD_PREAD, server, hole(), 4));
	SAY(aio_one(context, IOCB_CMD_PREAD, server, bytes, 16));
	shutdown(client, SHUT_WR);
	AWAIT(fsk_events(server) & POLLRDHUP);
	SAY(aio_one(context, IOCB_CMD_PREAD, server, bytes, 16));
	signal(SIGPIPE, SIG_IGN);
	SAY(aio_one(context, IOCB_CMD_PWRITE, client, "x", 1));
}

FAST("M5", "libaio polls")
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL,
			   .aio_buf = POLLIN }, *list = &cb;
	aio_context_t context = 0;
	struct timespec no_time = {};
	struct io_event event = {};
	int client, server;

	if (syscall(SYS_io_setup, 4, &context))
		skip("no aio");
	pair(&client, &server);
	cb.aio_fildes = server;
	SAY(syscall(SYS_io_submit, context, 1, &list));
	fsk_sleep_ms(50);
	SAY(syscall(SYS_io_getevents, context, 0, 1, &event, &no_time));
	send(client, "x", 1, 0);
	SAY(syscall(SYS_io_getevents, context, 1, 1, &event, NULL));
	SAY(!!(event.res & POLLIN));
}

FAST("M7", "pages given to a pipe and spliced arrive as they were")
{
	static char bytes[60000] __attribute__((aligned(4096)));
	struct iovec iov = { bytes + 100, sizeof(bytes) - 100 };
	const size_t size = sizeof(bytes) - 100;
	int client, server, ends[2];
	size_t sent = 0, n;

	pair(&client, &server);
	make_pipe(ends);
	fsk_fill(bytes + 100, size, 1, 0);
	SAY(vmsplice(ends[PIPE_IN], &iov, 1, 0));
	while (sent < size) {
		n = splice(ends[PIPE_OUT], NULL, client, NULL, size - sent, 0);
		if ((ssize_t)n <= 0)
			broken("splice");
		sent += n;
	}
	SAY(fsk_recv_pattern(server, 1, 0, size));
	/* The pages are the program's again, once everything was read. */
	memset(bytes, 0, sizeof(bytes));
	say_alive(client, server);
}

FAST("M7", "received bytes put into a pipe do not change any more")
{
	int client, server, ends[2];
	char bytes[16];

	pair(&client, &server);
	make_pipe(ends);
	send(client, "first", 5, 0);
	AWAIT(fsk_unread(server) == 5);
	SAY(splice(server, NULL, ends[PIPE_IN], NULL, 5, 0));
	say_alive(client, server);
	SAY(fsk_send_pattern(client, 1, 0, 50000));
	SAY(fsk_recv_pattern(server, 1, 0, 50000));
	say_bytes("pipe", bytes, read(ends[PIPE_OUT], bytes, 16));
}

static const struct bpf_insn pass_program[] = { MOV(BPF_REG_0, 1), EXIT() };
static const struct bpf_insn drop_program[] = { MOV(BPF_REG_0, 0), EXIT() };

LEFT_TO_TCP("M8", "a sock_ops program of the cgroup sees TCP")
{
	int client, server;
	char cgroup[64];

	enter_cgroup(cgroup, sizeof(cgroup));
	attach_to_cgroup(cgroup, bpf_load(BPF_PROG_TYPE_SOCK_OPS, 0,
					  pass_program, COUNT(pass_program)),
			 BPF_CGROUP_SOCK_OPS);
	pair(&client, &server);
	say_alive(client, server);
	leave_cgroup(cgroup);
}

/* Until the descriptor is closed the program chooses listeners. */
static int choose_listeners(const struct bpf_insn *program, unsigned int count)
{
	union bpf_attr attr = {};
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", here->server_ns);
	attr.link_create.prog_fd = bpf_load(BPF_PROG_TYPE_SK_LOOKUP,
					    BPF_SK_LOOKUP, program, count);
	attr.link_create.target_fd = open(path, O_RDONLY | O_CLOEXEC);
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	fd = bpf(BPF_LINK_CREATE, &attr);
	if (fd < 0)
		broken("BPF_LINK_CREATE");
	return fd;
}

ALONE("M8", "an sk_lookup program that drops hides a listener")
{
	int link, fd;
	uint16_t port;

	listener(1, &port);
	fd = client_socket(0);
	link = choose_listeners(drop_program, COUNT(drop_program));
	SAY(dial(fd, port));
	close(link);
}

ALONE("M8", "an sk_lookup program that passes changes nothing")
{
	int link, client, server;

	link = choose_listeners(pass_program, COUNT(pass_program));
	pair(&client, &server);
	say_alive(client, server);
	close(link);
	say_alive(server, client);
}
