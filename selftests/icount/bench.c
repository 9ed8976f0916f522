// SPDX-License-Identifier: GPL-2.0
/*
 * Counts instructions per socket operation between two network namespaces of
 * a guest that runs under "-icount shift=0", where the TSC counts them:
 *
 *   bench tcp|fastsock|delegated [TEST]
 *
 * The first argument says which path every connection must take; the counters
 * of fastsock have to agree.  A line of output is "TEST MEDIAN LEAST MOST
 * OPERATIONS": the figures are over batches, per operation or per byte.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT_NETNS	"/run/netns/client"
#define SERVER_NETNS	"/run/netns/server"
#define SERVER_ADDRESS	"10.9.0.2"
#define CHUNK		65536
#define WARM_UP		2	/* batches that are not counted */
#define BATCHES		20	/* batches that are */

static char buffer[CHUNK];
static struct sockaddr_in server = { .sin_family = AF_INET };
static long connections;	/* opened by the client so far */

struct test {
	const char *name;
	size_t size;	/* of a message or a write */
	int count;	/* operations of a batch */
	/* The server's side of so many batches, on a listener. */
	void (*serve)(const struct test *t, int listener, int batches);
	/* One batch; fd is the connection, if the test keeps one. */
	void (*batch)(const struct test *t, int fd);
	bool keeps;	/* one connection serves all batches */
	bool per_byte;	/* the figure is per byte, not per operation */
};

static uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Instructions without effect that profile.c looks for. */
static void profile_begin(void)
{
	asm volatile("xchg %%rbx, %%rbx" : : : "memory");
}

static void profile_end(void)
{
	asm volatile("xchg %%rcx, %%rcx" : : : "memory");
}

static void enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "%s", netns);
	close(fd);
}

static void send_all(int fd, size_t len)
{
	ssize_t n;

	for (; len; len -= n) {
		n = send(fd, buffer, len < CHUNK ? len : CHUNK, 0);
		if (n <= 0)
			err(1, "send");
	}
}

static void recv_all(int fd, size_t len)
{
	ssize_t n;

	for (; len; len -= n) {
		n = recv(fd, buffer, len < CHUNK ? len : CHUNK, 0);
		if (n <= 0)
			err(1, "recv");
	}
}

static int open_connection(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)))
		err(1, "connect");
	connections++;
	return fd;
}

static int accept_connection(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		err(1, "accept");
	return fd;
}

/* The other side closes first, as it does in life when a reply came. */
static void wait_end(int fd)
{
	if (recv(fd, buffer, 1, 0))
		errx(1, "unexpected data");
	close(fd);
}

static void echo_serve(const struct test *t, int listener, int batches)
{
	int fd = accept_connection(listener);
	int i;

	for (i = 0; i < batches * t->count; i++) {
		recv_all(fd, t->size);
		send_all(fd, t->size);
	}
	wait_end(fd);
}

static void echo_batch(const struct test *t, int fd)
{
	int i;

	for (i = 0; i < t->count; i++) {
		send_all(fd, t->size);
		recv_all(fd, t->size);
	}
}

static void bulk_serve(const struct test *t, int listener, int batches)
{
	int fd = accept_connection(listener);
	int i;

	for (i = 0; i < batches; i++) {
		recv_all(fd, t->size * t->count);
		send_all(fd, 1);
	}
	wait_end(fd);
}

static void bulk_batch(const struct test *t, int fd)
{
	int i;

	for (i = 0; i < t->count; i++)
		send_all(fd, t->size);
	recv_all(fd, 1);
}

static void open_serve(const struct test *t, int listener, int batches)
{
	int i, fd;

	for (i = 0; i < batches * t->count; i++) {
		fd = accept_connection(listener);
		recv_all(fd, t->size);
		send_all(fd, t->size);
		wait_end(fd);
	}
}

static void open_batch(const struct test *t, int unused)
{
	int i, fd;

	(void)unused;
	for (i = 0; i < t->count; i++) {
		fd = open_connection();
		send_all(fd, t->size);
		recv_all(fd, t->size);
		close(fd);
	}
}

#define ECHO	.serve = echo_serve, .batch = echo_batch, .keeps = true
#define BULK	.serve = bulk_serve, .batch = bulk_batch, .keeps = true, \
		.per_byte = true

static const struct test tests[] = {
	{ "round_trip_1", 1, 100, ECHO },
	{ "round_trip_1k", 1024, 50, ECHO },
	{ "round_trip_64k", 65536, 5, ECHO },
	{ "bulk_64k", 65536, 8, BULK },
	{ "bulk_1k", 1024, 256, BULK },
	{ "connect_1_close", 1, 20, .serve = open_serve, .batch = open_batch },
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const struct test *t, uint64_t *took)
{
	double per = t->count * (t->per_byte ? (double)t->size : 1);

	qsort(took, BATCHES, sizeof(*took), compare);
	printf("%s %.3f %.3f %.3f %d\n", t->name,
	       (took[BATCHES / 2 - 1] + took[BATCHES / 2]) / 2 / per,
	       took[0] / per, took[BATCHES - 1] / per, BATCHES * t->count);
	fflush(stdout);
}

static void run_client(const struct test *t, bool counted)
{
	int fd = t->keeps ? open_connection() : -1;
	uint64_t took[BATCHES], start;
	int i;

	for (i = 0; i < WARM_UP; i++)
		t->batch(t, fd);
	if (counted) {
		profile_begin();
		for (i = 0; i < BATCHES; i++) {
			start = ticks();
			t->batch(t, fd);
			took[i] = ticks() - start;
		}
		profile_end();
		report(t, took);
	}
	if (fd >= 0)
		close(fd);
}

static void run_test(const struct test *t, int listener, bool counted)
{
	int status;
	pid_t pid;

	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		enter(SERVER_NETNS);
		t->serve(t, listener, WARM_UP + (counted ? BATCHES : 0));
		_exit(0);
	}
	run_client(t, counted);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "%s: the server failed", t->name);
}

static void run_tests(const char *name, int listener, bool counted)
{
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!name || !strcmp(name, tests[i].name))
			run_test(&tests[i], listener, counted);
}

static int listen_anywhere(void)
{
	socklen_t len = sizeof(server);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&server, len) ||
	    listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&server, &len))
		err(1, "listen");
	inet_pton(AF_INET, SERVER_ADDRESS, &server.sin_addr);
	return fd;
}

/* The sum of the counters with this prefix; 0 without the module. */
static long counter(const char *prefix)
{
	FILE *file = fopen("/proc/net/fastsock_stat", "re");
	long value, sum = 0;
	char name[64];

	if (!file)
		return 0;
	while (fscanf(file, "%63s %ld", name, &value) == 2)
		if (!strncmp(name, prefix, strlen(prefix)))
			sum += value;
	fclose(file);
	return sum;
}

static void check(const char *prefix, long before, bool wanted)
{
	long grown = counter(prefix) - before;

	if (grown != (wanted ? connections : 0))
		errx(1, "%s grew by %ld over %ld connections", prefix, grown,
		     connections);
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = 1 };
	const char *only = argc > 2 ? argv[2] : NULL;
	long opened, delegated;
	int listener;

	if (argc < 2)
		errx(2, "usage: %s tcp|fastsock|delegated [TEST]", argv[0]);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");
	enter(SERVER_NETNS);
	listener = listen_anywhere();
	enter(CLIENT_NETNS);

	opened = counter("FskActiveOpens");
	delegated = counter("FskDelegated");
	/* What the kernel does once it puts off until the CPU is idle. */
	run_tests(only, listener, false);
	sleep(1);
	run_tests(only, listener, true);
	check("FskActiveOpens", opened, !strcmp(argv[1], "fastsock"));
	check("FskDelegated", delegated, !strcmp(argv[1], "delegated"));
	if (!connections)
		errx(1, "no test %s", only);
	return 0;
}
