// SPDX-License-Identifier: GPL-2.0
/*
 * Brings a connection over 127.0.0.1 to a state, and runs commands meanwhile,
 * which have to succeed:
 *
 *   helper_hold STATE PORT COMMAND [COMMAND]
 *
 * STATE is
 *   connected     both ends are open and idle
 *   reading       a thread sleeps in recv(); then it gets what it waits for
 *   writing       a thread sleeps in send(): nobody reads; then all arrives
 *   queued        nobody accepts the server's end, and the client's is closed
 *   disconnected  a thread sleeps in send(), and another one disconnects the
 *                 socket by connect(AF_UNSPEC).  When the thread has returned,
 *                 and all other sockets are closed, the first command runs.
 *                 Then the socket connects again, and the second one runs.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 16 << 20 };	/* bytes, more than any buffer holds */

static struct sockaddr_in name = { .sin_family = AF_INET };
static const char **commands;
static int listener, client, server;
static pid_t sleeper;		/* thread */
static ssize_t result;		/* of its call */

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void run(const char *command)
{
	if (command && system(command))
		die(command);
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static void listen_there(void)
{
	int one = 1;

	listener = tcp_socket();
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)))
		die("bind");
	if (listen(listener, 8))
		die("listen");
}

static void connect_there(void)
{
	if (connect(client, (struct sockaddr *)&name, sizeof(name)))
		die("connect");
}

static void accept_there(void)
{
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (server < 0)
		die("accept");
}

/* A byte, and later the end of the stream, get from one to the other. */
static void pass(int from, int to)
{
	char byte = 'x';

	if (send(from, &byte, 1, MSG_NOSIGNAL) != 1)
		die("send");
	byte = 0;
	if (recv(to, &byte, 1, 0) != 1 || byte != 'x')
		die("recv");
}

static void end_stream(int from, int to)
{
	char byte;

	if (shutdown(from, SHUT_WR))
		die("shutdown");
	if (recv(to, &byte, 1, 0))
		die("the end of the stream");
}

static void finish(void)
{
	pass(client, server);
	pass(server, client);
	end_stream(client, server);
	end_stream(server, client);
	close(client);
	close(server);
}

/* The end of a command interrupts send(): not this thread's. */
static void begin(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, NULL);
	__atomic_store_n(&sleeper, gettid(), __ATOMIC_RELEASE);
}

static void *read_some(void *unused)
{
	char byte;

	(void)unused;
	begin();
	result = recv(client, &byte, 1, 0);
	return NULL;
}

static void *write_much(void *unused)
{
	char *data = calloc(1, MUCH);

	(void)unused;
	begin();
	result = send(client, data, MUCH, MSG_NOSIGNAL);
	free(data);
	return NULL;
}

static bool is_asleep(void)
{
	pid_t tid = __atomic_load_n(&sleeper, __ATOMIC_ACQUIRE);
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = tid ? fopen(path, "re") : NULL;
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

/* Starts a thread, and waits until it is where it waits for long. */
static pthread_t start(void *(*function)(void *))
{
	int seen = 0;
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL))
		die("pthread_create");
	while (seen < 10) {
		usleep(20000);
		seen = is_asleep() ? seen + 1 : 0;
	}
	return thread;
}

static void connected(void)
{
	run(commands[0]);
	finish();
}

static void reading(void)
{
	pthread_t thread = start(read_some);

	run(commands[0]);
	if (send(server, "y", 1, MSG_NOSIGNAL) != 1)
		die("send");
	pthread_join(thread, NULL);
	if (result != 1)
		die("the sleeping reader");
	finish();
}

static void writing(void)
{
	pthread_t thread = start(write_much);
	static char data[65536];
	ssize_t n, got = 0;

	run(commands[0]);
	while (got < MUCH) {
		n = recv(server, data, sizeof(data), 0);
		if (n <= 0)
			die("recv");
		got += n;
	}
	pthread_join(thread, NULL);
	if (result != MUCH)
		die("the sleeping writer");
	finish();
}

static void queued(void)
{
	close(client);
	run(commands[0]);
	accept_there();
	close(server);
}

static void disconnected(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	pthread_t thread = start(write_much);

	if (connect(client, &none, sizeof(none)))
		die("disconnect");
	pthread_join(thread, NULL);
	if (result >= MUCH)
		die("the sleeping writer");
	close(server);
	close(listener);
	usleep(500000);		/* what is freed after a grace period is gone */
	run(commands[0]);
	listen_there();
	connect_there();
	accept_there();
	run(commands[1]);
	finish();
}

static const struct {
	const char *name;
	void (*function)(void);
} states[] = {
	{ "connected", connected },
	{ "reading", reading },
	{ "writing", writing },
	{ "queued", queued },
	{ "disconnected", disconnected },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 4)
		return 2;
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	name.sin_port = htons(atoi(argv[2]));
	commands = (const char **)argv + 3;
	for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(states[i].name, argv[1]))
			continue;
		listen_there();
		client = tcp_socket();
		connect_there();
		if (states[i].function != queued)
			accept_there();
		states[i].function();
		return 0;
	}
	return 2;
}
