// SPDX-License-Identifier: GPL-2.0
/*
 * Readers that wait with large buffers, for pair_rdma_place.py:
 *
 *	helper_place serve PORT
 *	helper_place read ADDRESS PORT WAY [SIZE [CALM]]
 *
 * The server sends to each client what it asks for: so many bytes, so many at
 * once, with pauses between.  Every byte of the stream is known by its number,
 * and the client looks at each.  WAY says how it reads; SIZE is that of its
 * buffers, CALM for how many ms more nothing happens at first.  It exits with 0
 * if the stream was whole, and if nothing was written to a buffer behind what
 * recv() had returned, once it had.
 */
#define FSK_NO_HARNESS
#include "fsk_test.h"

#include <linux/types.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/time.h>

#define CANARY	0x5a

struct wish {
	__u32 total;
	__u32 chunk;
	__u32 first;		/* ms, before the first chunk */
	__u32 pause;		/* ms, between chunks */
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void check(const __u8 *data, __u32 n, __u32 len)
{
	ssize_t wrong = fsk_wrong(data, len, 0, n);

	if (wrong >= 0) {
		printf("byte %zu is wrong\n", n + (size_t)wrong);
		exit(1);
	}
}

static void serve_one(int fd)
{
	struct wish wish;
	__u32 done = 0, n;
	__u8 *data;
	ssize_t got;

	if (recv(fd, &wish, sizeof(wish), MSG_WAITALL) != sizeof(wish))
		return;
	data = malloc(wish.chunk);
	usleep(wish.first * 1000);
	while (done < wish.total) {
		n = wish.total - done < wish.chunk ? wish.total - done :
						     wish.chunk;
		fsk_fill(data, n, 0, done);
		got = send(fd, data, n, MSG_NOSIGNAL);
		if (got <= 0)
			break;
		done += got;
		usleep(wish.pause * 1000);
	}
	shutdown(fd, SHUT_WR);
	while (recv(fd, data, 1, 0) > 0)
		;
	free(data);
	close(fd);
}

static void *serve_thread(void *arg)
{
	serve_one((intptr_t)arg);
	return NULL;
}

static void serve(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1, child;
	pthread_t thread;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (void *)&address, sizeof(address)) || listen(fd, 64))
		die("listen");
	for (;;) {
		child = accept(fd, NULL, NULL);
		if (child < 0)
			die("accept");
		pthread_create(&thread, NULL, serve_thread,
			       (void *)(intptr_t)child);
		pthread_detach(thread);
	}
}

/* The client */

static struct sockaddr_in server;
static __u32 size = 262144;
static __u32 calm;
static __u8 *buffer;			/* of @size bytes, and a page more */
static int sock;

static void ask(__u32 total, __u32 chunk, __u32 first, __u32 pause)
{
	struct wish wish = { total, chunk, first + calm, pause };

	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(sock, (void *)&server, sizeof(server)))
		die("connect");
	if (send(sock, &wish, sizeof(wish), 0) != sizeof(wish))
		die("send");
	/* A buffer is offered to who has answered. */
	usleep(200000 + calm * 1000);
}

/* From byte @n on to the end, which is behind @total. */
static void read_rest(__u32 n, __u32 total, int flags)
{
	ssize_t got;

	for (;;) {
		got = recv(sock, buffer, size, flags);
		if (got < 0)
			die("recv");
		if (!got)
			break;
		check(buffer, n, got);
		n += got;
	}
	if (n != total) {
		printf("%u bytes, not %u\n", n, total);
		exit(1);
	}
}

/* What recv() has not returned is the program's own. */
static void mark(__u32 from)
{
	memset(buffer + from, CANARY, size - from);
}

static void check_marks(__u32 from)
{
	__u32 i;

	for (i = from; i < size; i++)
		if (buffer[i] != CANARY) {
			printf("offset %u was written to afterwards\n", i);
			exit(1);
		}
}

/* A call that ends before its time has returned @got. */
static void went_early(ssize_t got, __u32 total)
{
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		die("recv");
	if (got < 0)
		got = 0;
	if (got == (ssize_t)size) {
		puts("it was not early");
		exit(2);
	}
	check(buffer, 0, got);
	mark(got);
	sleep(1);		/* bytes come meanwhile */
	check_marks(got);
	read_rest(got, total, MSG_WAITALL);
}

static void do_all(void)
{
	ask(16 * size, size, 280, 200);
	read_rest(0, 16 * size, MSG_WAITALL);
}

/* The buffer begins and ends within pages. */
static void do_odd(void)
{
	__u32 total = 16 * (size - 1001);

	buffer += 777;
	size -= 1001;
	ask(total, size, 280, 200);
	read_rest(0, total, MSG_WAITALL);
}

/* Each buffer takes its time. */
static void do_slow(void)
{
	ask(4 * size, size / 8, 280, 200);
	read_rest(0, 4 * size, MSG_WAITALL);
}

/* Nothing waits for the other. */
static void do_fast(void)
{
	ask(16 * size, 65536, 0, 0);
	read_rest(0, 16 * size, MSG_WAITALL);
}

/* One byte is enough for each call. */
static void do_plain(void)
{
	ask(16 * size, size, 280, 200);
	read_rest(0, 16 * size, 0);
}

static void on_alarm(int sig)
{
}

static void do_signal(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value.tv_usec = 300000 };

	sigaction(SIGALRM, &action, NULL);
	ask(2 * size, size * 3 / 8, 280, 500);
	setitimer(ITIMER_REAL, &timer, NULL);
	went_early(recv(sock, buffer, size, MSG_WAITALL), 2 * size);
}

static void do_timeout(void)
{
	struct timeval tv = { .tv_usec = 300000 };
	struct timeval never = { 0 };
	ssize_t got;

	ask(2 * size, size * 3 / 8, 280, 500);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	got = recv(sock, buffer, size, MSG_WAITALL);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof(never));
	went_early(got, 2 * size);
}

static void *shut_later(void *unused)
{
	usleep(300000);
	shutdown(sock, SHUT_RD);
	return NULL;
}

static void do_shutdown(void)
{
	pthread_t thread;
	ssize_t got;

	ask(2 * size, size * 3 / 8, 280, 500);
	pthread_create(&thread, NULL, shut_later, NULL);
	got = recv(sock, buffer, size, MSG_WAITALL);
	if (got < 0)
		die("recv");
	check(buffer, 0, got);
	mark(got);
	sleep(2);
	check_marks(got);
}

/* The process is killed while it waits. */
static void do_kill(void)
{
	pid_t child = fork();

	if (!child) {
		ask(2 * size, size * 3 / 8, 280, 500);
		recv(sock, buffer, size, MSG_WAITALL);
		exit(3);
	}
	usleep(300000);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	do_all();
}

static __u32 counts[256], left;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *count(void *unused)
{
	__u8 *data = malloc(size);
	ssize_t got, i;

	while ((got = recv(sock, data, size, MSG_WAITALL)) > 0) {
		pthread_mutex_lock(&mutex);
		for (i = 0; i < got; i++)
			counts[data[i]]--;
		left -= got;
		pthread_mutex_unlock(&mutex);
	}
	free(data);
	return NULL;
}

/* Which of them gets what is open, but every byte comes once. */
static void do_threads(void)
{
	pthread_t threads[2];
	__u32 i;

	for (left = 0; left < 16 * size; left += size) {
		fsk_fill(buffer, size, 0, left);
		for (i = 0; i < size; i++)
			counts[buffer[i]]++;
	}
	ask(left, size / 2, 50, 20);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 256; i++)
		if (counts[i] || left) {
			printf("%u bytes are missing\n", left);
			exit(1);
		}
}

static void *unmap_later(void *data)
{
	usleep(300000);
	munmap(data, size);
	return NULL;
}

static void do_munmap(void)
{
	__u8 *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	ssize_t got;

	memset(data, 1, size);
	ask(2 * size, size * 3 / 8, 280, 500);
	pthread_create(&thread, NULL, unmap_later, data);
	got = recv(sock, data, size, MSG_WAITALL);
	if (got < 0 && errno != EFAULT)
		die("recv");
	read_rest(got < 0 ? 0 : got, 2 * size, MSG_WAITALL);
}

static void *fork_later(void *unused)
{
	pid_t child;

	usleep(300000);
	child = fork();
	if (!child) {
		memset(buffer, 0, size);
		sleep(2);
		_exit(0);
	}
	/* What the parent writes to now has become its own. */
	buffer[size] = 1;
	return NULL;
}

static void do_fork(void)
{
	pthread_t thread;
	ssize_t got;

	ask(2 * size, size * 3 / 8, 280, 500);
	pthread_create(&thread, NULL, fork_later, NULL);
	got = recv(sock, buffer, size, MSG_WAITALL);
	if (got != (ssize_t)size)
		die("recv");
	check(buffer, 0, size);
	read_rest(size, 2 * size, MSG_WAITALL);
}

static volatile sig_atomic_t enough;

static void on_term(int sig)
{
	enough = 1;
}

/* One stream after the other, until SIGTERM; the last one is read to its end. */
static void do_long(void)
{
	struct sigaction action = { .sa_handler = on_term,
				    .sa_flags = SA_RESTART };

	sigaction(SIGTERM, &action, NULL);
	while (!enough) {
		ask(16 * size, size, 50, 200);
		read_rest(0, 16 * size, MSG_WAITALL);
		close(sock);
	}
}

static const struct {
	const char *name;
	void (*what)(void);
} ways[] = {
	{ "all", do_all },
	{ "odd", do_odd },
	{ "fast", do_fast },
	{ "slow", do_slow },
	{ "plain", do_plain },
	{ "signal", do_signal },
	{ "timeout", do_timeout },
	{ "shutdown", do_shutdown },
	{ "kill", do_kill },
	{ "threads", do_threads },
	{ "munmap", do_munmap },
	{ "fork", do_fork },
	{ "long", do_long },
	{ NULL },
};

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(atoi(argv[2]));
	if (argc < 5 || strcmp(argv[1], "read"))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	server.sin_family = AF_INET;
	server.sin_port = htons(atoi(argv[3]));
	if (!inet_aton(argv[2], &server.sin_addr))
		return 2;
	if (argc > 5)
		size = atoi(argv[5]);
	if (argc > 6)
		calm = atoi(argv[6]);
	buffer = aligned_alloc(4096, (size + 8191) & ~4095u);
	memset(buffer, 0, size + 1);
	for (i = 0; ways[i].name && strcmp(ways[i].name, argv[4]); i++)
		;
	if (!ways[i].name)
		return 2;
	ways[i].what();
	return 0;
}
