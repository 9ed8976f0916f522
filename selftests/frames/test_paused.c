// SPDX-License-Identifier: GPL-2.0
// A server's program sleeps while its accept queue is full: the clients that
// were told that they are connected wait, and are served in the end.
// fastsock: timeout=180

#include "fsk_test.h"

#define CLIENTS		8
/* Longer than two slots of a cookie, with HZ=250. */
#define PAUSE_MS	18000

static bool told(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLOUT &&
	       fsk_is_fast(fd);
}

/*
 * Their SYNs arrive before the first CONFIRM, as the line is long.  Return: how
 * many were told in time that they are connected.
 */
static int crowd(struct __test_metadata *_metadata, int *fd, uint16_t port,
		 int delay_ms)
{
	char line[128];
	int i, n = 0;

	snprintf(line, sizeof(line), "./helper_at a tc qdisc add dev eth0 root "
		 "netem delay %dms", delay_ms);
	ASSERT_EQ(0, fsk_run("bash ./lan.sh lan_sysctl a handshake_ms 50"));
	ASSERT_EQ(0, fsk_run(line));
	for (i = 0; i < CLIENTS; i++) {
		fd[i] = fsk_socket("a", SOCK_NONBLOCK | SOCK_CLOEXEC);
		ASSERT_LE(0, fd[i]);
	}
	for (i = 0; i < CLIENTS; i++)
		fsk_connect(fd[i], fsk_veth.server_ip, port);
	fsk_sleep_ms(1500);
	ASSERT_EQ(0, fsk_run("./helper_at a tc qdisc del dev eth0 root"));
	for (i = 0; i < CLIENTS; i++) {
		if (told(fd[i])) {
			fd[n++] = fd[i];
			continue;
		}
		close(fd[i]);
	}
	return n;
}

/* Accepts for as long as somebody comes, and answers a byte each. */
static int serve(int listener)
{
	int fd, n = 0;
	char byte;

	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return n;
		fsk_set_timeout(fd, SO_RCVTIMEO, 5000);
		if (recv(fd, &byte, 1, 0) == 1 &&
		    send(fd, &byte, 1, MSG_NOSIGNAL) == 1)
			n++;
		close(fd);
	}
}

TEST(told_clients_wait_for_a_server_that_sleeps)
{
	static const int delays[] = { 30, 20, 10 };
	int fd[CLIENTS], listener, n, i;
	long cookies;
	char byte;

	/*
	 * Two are in the queue, so the others wait.  A slow machine may take
	 * too long to answer some, or to ask all before the first is confirmed.
	 */
	for (i = 0;; i++) {
		listener = fsk_listen(_metadata, &fsk_veth, 1);
		cookies = fsk_stat("b", "FskDropCookie");
		n = crowd(_metadata, fd, fsk_port(listener), delays[i % 3]);
		if (n > 3 || i == 8)
			break;
		while (n)
			close(fd[--n]);
		close(listener);
	}
	ASSERT_LT(3, n);
	/* With bytes and without: both kinds of CONFIRM. */
	for (i = 0; i < n; i += 2)
		EXPECT_EQ(1, send(fd[i], "x", 1, MSG_NOSIGNAL));
	fsk_sleep_ms(PAUSE_MS);
	for (i = 1; i < n; i += 2)
		EXPECT_EQ(1, send(fd[i], "x", 1, MSG_NOSIGNAL));
	ASSERT_EQ(0, fsk_set_timeout(listener, SO_RCVTIMEO, 5000));
	EXPECT_EQ(n, serve(listener));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(1, recv(fd[i], &byte, 1, 0)) {
			TH_LOG("client %d: %s", i, strerror(errno));
		}
		close(fd[i]);
	}
	EXPECT_EQ(cookies, fsk_stat("b", "FskDropCookie"));
	close(listener);
}

FSK_TEST_MAIN
