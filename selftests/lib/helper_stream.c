// SPDX-License-Identifier: GPL-2.0
/*
 * A connection between two namespaces that is kept busy until SIGTERM: blocks
 * go there, come back and are compared.
 *
 *   helper_stream CLIENT-NS SERVER-NS ADDRESS USER-TIMEOUT-MS
 *
 * Prints "path NAME" when connected, "blocks N" ten times a second, and at the
 * end "done N" or "error NAME after MS ms", counted from the last block.
 */
#define FSK_NO_HARNESS
#define _GNU_SOURCE
#include "fsk_test.h"

enum { BLOCK = 20000, PORT = 4100 };

static volatile sig_atomic_t stop;

static void on_term(int number)
{
	(void)number;
	stop = 1;
	/* A connection that has stalled must not stall the test. */
	alarm(30);
}

static void fail(const char *what)
{
	printf("failed %s %s\n", what, strerrorname_np(errno));
	exit(1);
}

static int socket_in(const char *ns)
{
	int fd = fsk_socket(ns, 0);

	if (fd < 0)
		fail(ns);
	return fd;
}

/*
 * Neither end, for a listener's are inherited, outlives the other for long: not
 * even one that has nothing unacknowledged, which only a keepalive probe tells.
 */
static void patience(int fd, int ms)
{
	int one = 1;

	if (!ms)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
}

static void echo(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char data[BLOCK];
	ssize_t n, sent, more;

	while ((n = recv(fd, data, sizeof(data), 0)) > 0)
		for (sent = 0; sent < n; sent += more) {
			more = send(fd, data + sent, n - sent, MSG_NOSIGNAL);
			if (more <= 0)
				_exit(1);
		}
	_exit(0);
}

/* 0, or -1 with errno. */
static int one_block(int fd, unsigned int number)
{
	static unsigned char out[BLOCK], in[BLOCK];
	ssize_t n;
	int i;

	for (i = 0; i < BLOCK; i++)
		out[i] = i * 7 + number + (i >> 8);
	for (i = 0; i < BLOCK; i += n) {
		n = send(fd, out + i, BLOCK - i, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
	}
	for (i = 0; i < BLOCK; i += n) {
		n = recv(fd, in + i, BLOCK - i, 0);
		if (n <= 0) {
			errno = n ? errno : ENODATA;
			return -1;
		}
	}
	errno = EBADMSG;
	return memcmp(in, out, BLOCK) ? -1 : 0;
}

static int run(int fd)
{
	uint64_t last = fsk_now_ms(), said = 0;
	unsigned int number;

	for (number = 0; !stop; number++) {
		if (one_block(fd, number)) {
			printf("error %s after %llu ms\n",
			       strerrorname_np(errno),
			       (unsigned long long)(fsk_now_ms() - last));
			return 1;
		}
		last = fsk_now_ms();
		if (last - said >= 100) {
			printf("blocks %u\n", number + 1);
			said = last;
		}
		usleep(2000);
	}
	printf("done %u\n", number);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term,
				    .sa_flags = SA_RESTART };
	char path[32] = "";
	socklen_t len = sizeof(path);
	int listener, fd, one = 1;

	if (argc != 5)
		return 2;
	setlinebuf(stdout);
	sigaction(SIGTERM, &action, NULL);
	listener = socket_in(argv[2]);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	patience(listener, atoi(argv[4]));
	if (fsk_bind(listener, "0.0.0.0", PORT) || listen(listener, 1))
		fail("listen");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		echo(listener);
	}
	close(listener);
	fd = socket_in(argv[1]);
	patience(fd, atoi(argv[4]));
	if (fsk_connect(fd, argv[3], PORT))
		fail("connect");
	getsockopt(fd, IPPROTO_TCP, TCP_ULP, path, &len);
	printf("path %s\n", *path ? path : "tcp");
	return run(fd);
}
