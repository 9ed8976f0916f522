// SPDX-License-Identifier: GPL-2.0
/*
 * Connections within the host, made and closed by threads on two processors:
 *
 *   helper_cpus COUNT COMMAND1 COMMAND2
 *
 * COUNT connections are made and kept.  COMMAND1 runs while both threads make
 * and close others without pause, each accepting what the other has connected;
 * COMMAND2 runs when these are closed, but those COUNT are not.  The first that
 * fails ends the program with status 1.
 */
#define FSK_NO_HARNESS
#include "fsk_test.h"

#define KEEP_MAX	256

static int listeners[2], kept[KEEP_MAX][2];
static bool stop;
static unsigned long made[2];

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("two processors are needed");
}

static int listen_here(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || fsk_bind(fd, "127.0.0.1", 0) || listen(fd, 64))
		die("listen");
	return fd;
}

static int accept_from(int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };

	poll(&pfd, 1, 10000);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int connect_to(int listener)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || fsk_connect(fd, "127.0.0.1", fsk_port(listener)))
		die("connect");
	fsk_set_linger(fd, 0);	/* no port stays in TIME_WAIT */
	return fd;
}

/* Bytes may come or not: the other end is reset when it likes. */
static void serve(int listener)
{
	char byte = 'x';
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
		die("accept");
	if (fd < 0)
		return;
	fsk_set_int(fd, SOL_TCP, TCP_NODELAY, 1);
	send(fd, &byte, 1, MSG_NOSIGNAL);
	close(fd);
}

static void *churn(void *arg)
{
	int cpu = (long)arg, fd;
	char byte = 'x';

	pin(cpu);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		fd = connect_to(listeners[!cpu]);
		send(fd, &byte, 1, MSG_NOSIGNAL);
		recv(fd, &byte, 1, MSG_DONTWAIT);
		serve(listeners[cpu]);
		close(fd);
		made[cpu]++;
	}
	return NULL;
}

/* Made on one processor in turn, and accepted on the other. */
static void keep(int count)
{
	int i;

	for (i = 0; i < count; i++) {
		pin(i % 2);
		kept[i][0] = connect_to(listeners[0]);
		pin(!(i % 2));
		kept[i][1] = accept_from(listeners[0]);
		if (kept[i][1] < 0 || !fsk_is_fast(kept[i][1]))
			die("no fastsock connection");
	}
}

static void run(const char *command)
{
	int status = system(command);

	if (!status)
		return;
	printf("'%s' failed\n", command);
	exit(1);
}

int main(int argc, char **argv)
{
	int i, count = argc == 4 ? atoi(argv[1]) : -1;
	pthread_t threads[2];

	if (count < 0 || count > KEEP_MAX)
		die("usage: helper_cpus COUNT COMMAND1 COMMAND2");
	for (i = 0; i < 2; i++)
		listeners[i] = listen_here();
	keep(count);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(long)i);
	run(argv[2]);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 2; i++)
		close(listeners[i]);
	run(argv[3]);
	printf("%lu and %lu connections\n", made[0], made[1]);
	/* Where they were not made. */
	for (i = 0; i < count; i++) {
		pin(!(i % 2));
		close(kept[i][0]);
		close(kept[i][1]);
	}
	return 0;
}
