// SPDX-License-Identifier: GPL-2.0
/*
 * Makes TCP sockets without pause, until SIGTERM; any error ends it with
 * status 1 and a message.  Now and then a socket connects to a listener on
 * 127.0.0.1 and gets a byte back.
 *
 *   helper_sockets
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EACH = 16 };		/* sockets for one connection */

static volatile sig_atomic_t stop;

static void on_term(int number)
{
	(void)number;
	stop = 1;
}

static void fail(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

/*
 * The way between both ends may be turned off (loopback_frames) when only one
 * of them has heard of the connection.  Return: false if it ends with that.
 */
static bool arrives(int listener, int client)
{
	struct pollfd fds[] = {
		{ .fd = listener, .events = POLLIN },
		{ .fd = client },
	};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			fail("poll");
	return fds[0].revents & POLLIN;
}

static void converse(int listener, const struct sockaddr_in *name)
{
	struct linger at_once = { .l_onoff = 1 };
	int client = tcp_socket(), server;
	char byte = 'x';

	if (connect(client, (const struct sockaddr *)name, sizeof(*name)))
		fail("connect");
	if (!arrives(listener, client)) {
		close(client);
		return;
	}
	server = accept(listener, NULL, NULL);
	if (server < 0)
		fail("accept");
	if (send(client, &byte, 1, 0) != 1)
		fail("send");
	if (recv(server, &byte, 1, 0) != 1)
		fail("recv at the server");
	if (send(server, &byte, 1, 0) != 1)
		fail("send from the server");
	if (recv(client, &byte, 1, 0) != 1)
		fail("recv");
	/* No port stays in TIME_WAIT. */
	setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(client);
	close(server);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_term,
				    .sa_flags = SA_RESTART };
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t len = sizeof(name);
	unsigned long i;
	int listener;

	sigaction(SIGTERM, &action, NULL);
	for (i = 0; !stop; i++) {
		close(tcp_socket());
		if (i % EACH)
			continue;
		/* A new listener, or an old one would keep a module in use. */
		name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		name.sin_port = 0;
		listener = tcp_socket();
		if (bind(listener, (struct sockaddr *)&name, sizeof(name)) ||
		    listen(listener, 8) ||
		    getsockname(listener, (struct sockaddr *)&name, &len))
			fail("listen");
		converse(listener, &name);
		close(listener);
		usleep(4000);	/* others want the processor, too */
	}
	printf("%lu sockets\n", i);
	return 0;
}
