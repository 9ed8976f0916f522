// SPDX-License-Identifier: GPL-2.0
// poll, select and epoll say of a fastsock connection what they say of TCP.
// fastsock: timeout=180

#include <sys/epoll.h>
#include <sys/select.h>

#include "fsk_test.h"

#include <linux/errqueue.h>
#include <linux/sock_diag.h>

FSK_PAIR_FIXTURE(polling);

/* Waits for exactly these events; returns the last ones seen. */
static int settles(int fd, int want)
{
	int seen = 0;

	FSK_UNTIL((seen = fsk_events(fd)) == want);
	return seen;
}

TEST(fresh_and_listening)
{
	int fd = fsk_socket("a", 0);

	EXPECT_EQ(POLLOUT | POLLHUP, fsk_events(fd));
	ASSERT_EQ(0, fsk_bind(fd, "10.77.0.1", 0));
	ASSERT_EQ(0, listen(fd, 1));
	EXPECT_EQ(0, fsk_events(fd));
	close(fd);
}

TEST_F(polling, listener_with_a_connection)
{
	struct pollfd pfd = { .fd = self->listener, .events = POLLIN };
	int one;

	EXPECT_EQ(0, fsk_events(self->listener));
	one = fsk_dial(_metadata, variant->link, self->port);
	/* Nothing but the handshake ever comes from this client. */
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(POLLIN, fsk_events(self->listener));
	close(fsk_accept(_metadata, self->listener));
	EXPECT_EQ(0, fsk_events(self->listener));
	close(one);
}

TEST_F(polling, connected)
{
	char buf[8];

	EXPECT_EQ(POLLOUT, fsk_events(self->client));
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	ASSERT_EQ(2, send(self->client, "ab", 2, 0));
	EXPECT_EQ(POLLIN | POLLOUT, settles(self->server, POLLIN | POLLOUT));
	ASSERT_EQ(1, recv(self->server, buf, 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, fsk_events(self->server));
	ASSERT_EQ(1, recv(self->server, buf, sizeof(buf), 0));
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
}

TEST_F(polling, peer_has_finished)
{
	int want = POLLIN | POLLOUT | POLLRDHUP;

	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(want, settles(self->server, want));
	/* Own end still open: the write side would not block. */
	EXPECT_EQ(POLLOUT, fsk_events(self->client));
	ASSERT_EQ(0, shutdown(self->server, SHUT_WR));
	EXPECT_EQ(want | POLLHUP, settles(self->server, want | POLLHUP));
	EXPECT_EQ(want | POLLHUP, settles(self->client, want | POLLHUP));
}

TEST_F(polling, own_shutdown)
{
	ASSERT_EQ(0, shutdown(self->client, SHUT_RD));
	EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP, fsk_events(self->client));
	ASSERT_EQ(0, shutdown(self->client, SHUT_RDWR));
	EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP | POLLHUP,
		  fsk_events(self->client));
}

/* HUP and ERR come unasked. */
TEST_F(polling, reset)
{
	int want = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
	struct pollfd pfd = { .fd = self->server };

	EXPECT_EQ(0, poll(&pfd, 1, 0));
	fsk_set_linger(self->client, 0);
	fsk_close(&self->client);
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents);
	EXPECT_EQ(want, fsk_events(self->server));
	EXPECT_EQ(ECONNRESET, fsk_int_option(self->server, SOL_SOCKET,
					     SO_ERROR));
	EXPECT_EQ(want & ~POLLERR, fsk_events(self->server));
}

TEST_F(polling, low_water_mark)
{
	char buf[16];

	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVLOWAT, 10));
	ASSERT_EQ(9, send(self->client, "123456789", 9, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 9));
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	ASSERT_EQ(1, send(self->client, "x", 1, 0));
	EXPECT_EQ(POLLIN | POLLOUT, settles(self->server, POLLIN | POLLOUT));
	ASSERT_EQ(2, recv(self->server, buf, 2, 0));
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	/* The end is told however little there is. */
	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(POLLIN | POLLOUT | POLLRDHUP,
		  settles(self->server, POLLIN | POLLOUT | POLLRDHUP));
}

static int select_on(int fd, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	fd_set in, out, except;
	int n;

	FD_ZERO(&in);
	FD_SET(fd, &in);
	out = in;
	except = in;
	n = select(fd + 1, &in, ms ? NULL : &out, &except, &tv);
	if (n < 0)
		return -1;
	return (FD_ISSET(fd, &in) ? POLLIN : 0) |
	       (!ms && FD_ISSET(fd, &out) ? POLLOUT : 0) |
	       (FD_ISSET(fd, &except) ? POLLPRI : 0);
}

TEST_F(polling, select)
{
	char buf[8];

	EXPECT_EQ(POLLOUT, select_on(self->server, 0));
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	EXPECT_EQ(POLLIN, select_on(self->server, 20000));
	ASSERT_EQ(1, recv(self->server, buf, 1, 0));
	EXPECT_EQ(0, select_on(self->server, 50));
	fsk_close(&self->client);
	EXPECT_EQ(POLLIN, select_on(self->server, 20000));
	EXPECT_EQ(POLLIN | POLLOUT, select_on(self->server, 0));
}

static int watch(int epfd, int op, int fd, unsigned int events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(epfd, op, fd, &event);
}

/* The events of the only watched descriptor, 0 if none in that time. */
static int await(int epfd, int ms)
{
	struct epoll_event event = {};

	return epoll_wait(epfd, &event, 1, ms) == 1 ? (int)event.events : 0;
}

TEST_F(polling, epoll_level)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	char buf[8];

	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->server, EPOLLIN));
	EXPECT_EQ(0, await(epfd, 50));
	ASSERT_EQ(2, send(self->client, "ab", 2, 0));
	EXPECT_EQ(EPOLLIN, await(epfd, 20000));
	EXPECT_EQ(EPOLLIN, await(epfd, 0));
	ASSERT_EQ(1, recv(self->server, buf, 1, 0));
	EXPECT_EQ(EPOLLIN, await(epfd, 0));
	ASSERT_EQ(1, recv(self->server, buf, 1, 0));
	EXPECT_EQ(0, await(epfd, 50));
	fsk_close(&self->client);
	EXPECT_EQ(EPOLLIN, await(epfd, 20000));
	close(epfd);
}

/* One event for each arrival, old data unread or not; none without. */
TEST_F(polling, epoll_edge)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), i;

	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->server,
			   EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
	EXPECT_EQ(EPOLLOUT, await(epfd, 0));
	EXPECT_EQ(0, await(epfd, 100));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(1, send(self->client, "a", 1, 0));
		EXPECT_EQ(EPOLLIN, await(epfd, 20000) & ~EPOLLOUT);
		EXPECT_EQ(0, await(epfd, 100));
	}
	EXPECT_EQ(3, fsk_unread(self->server));
	ASSERT_EQ(0, shutdown(self->client, SHUT_WR));
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP, await(epfd, 20000) & ~EPOLLOUT);
	EXPECT_EQ(0, await(epfd, 100));
	close(epfd);
}

TEST_F(polling, epoll_edge_without_data_events)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->server, EPOLLET));
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 1));
	EXPECT_EQ(0, await(epfd, 50));
	fsk_close(&self->client);
	fsk_close(&self->server);
	close(epfd);
}

TEST_F(polling, epoll_oneshot)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->server,
			   EPOLLIN | EPOLLONESHOT));
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	EXPECT_EQ(EPOLLIN, await(epfd, 20000));
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(self->server) == 2));
	EXPECT_EQ(0, await(epfd, 50));
	/* Armed again, it tells what is already there. */
	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_MOD, self->server,
			   EPOLLIN | EPOLLET));
	EXPECT_EQ(EPOLLIN, await(epfd, 0));
	EXPECT_EQ(0, await(epfd, 50));
	close(epfd);
}

/* Two threads wait in epoll sets of their own: one at least wakes. */
TEST_F(polling, epoll_exclusive)
{
	int one = epoll_create1(EPOLL_CLOEXEC);
	int other = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, watch(one, EPOLL_CTL_ADD, self->server,
			   EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(0, watch(other, EPOLL_CTL_ADD, self->server,
			   EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	EXPECT_TRUE(FSK_UNTIL(await(one, 0) || await(other, 0)));
	close(one);
	close(other);
}

/* Writable means that a third of the send buffer is free, no less. */
TEST_F(polling, writable_from_a_third)
{
	uint32_t mem[SK_MEMINFO_VARS];
	socklen_t len = sizeof(mem);
	uint64_t left;
	char buf[1024];

	fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 65536);
	fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 65536);
	left = fsk_stuff(self->client, 1);
	EXPECT_EQ(0, fsk_events(self->client));
	while (left && !fsk_events(self->client)) {
		ASSERT_EQ(sizeof(buf), fsk_recv_all(self->server, buf,
						    sizeof(buf)));
		left -= sizeof(buf);
	}
	/* Nothing was added since, so the queue was no shorter then. */
	ASSERT_EQ(0, getsockopt(self->client, SOL_SOCKET, SO_MEMINFO, mem,
				&len));
	EXPECT_EQ(POLLOUT, settles(self->client, POLLOUT));
	EXPECT_LE(mem[SK_MEMINFO_WMEM_QUEUED] / 2 * 3,
		  mem[SK_MEMINFO_SNDBUF]);
}

/* Refused for want of space: the edge must follow, however late. */
TEST_F(polling, edge_after_full)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC), i;
	static char buf[65536];
	uint64_t left;

	fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 32768);
	fsk_set_int(self->server, SOL_SOCKET, SO_RCVBUF, 32768);
	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->client,
			   EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, await(epfd, 0));
	for (i = 0; i < 5; i++) {
		left = fsk_stuff(self->client, 1);
		ASSERT_LT(0, left);
		while (await(epfd, 0))
			;
		while (left) {
			ssize_t n = recv(self->server, buf, sizeof(buf), 0);

			ASSERT_LT(0, n);
			left -= n;
		}
		EXPECT_EQ(EPOLLOUT, await(epfd, 20000));
	}
	close(epfd);
}

/* A writer that only ever waits for edges finishes, with a slow reader. */
TEST_F(polling, edge_driven_transfer)
{
	uint64_t len = fsk_debug_kernel() ? 256 << 10 : 2 << 20, at = 0;
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	char buf[8192];
	pid_t pid;
	ssize_t n;

	fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 32768);
	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->client,
			   EPOLLOUT | EPOLLET));
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_recv_pattern(self->server, 1, 0, len) != len);
	while (at < len) {
		fsk_fill(buf, sizeof(buf), 1, at);
		n = send(self->client, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			at += n;
			continue;
		}
		ASSERT_EQ(EAGAIN, errno);
		ASSERT_EQ(EPOLLOUT, await(epfd, 30000));
	}
	EXPECT_EQ(0, fsk_reap(pid));
	close(epfd);
}

/*
 * A reader as event loops have it: after an edge it asks once how much there
 * is, takes that, and waits for the next edge.  What comes after it has asked
 * must make one, also what waited in the sender's buffer for room.
 */
static uint64_t read_by_edges(int fd, uint64_t seed, uint64_t len)
{
	static char buf[4 << 20];	/* all of it, if need be */
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	uint64_t done = 0;
	ssize_t n;

	watch(epfd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
	while (done < len && await(epfd, 20000)) {
		n = fsk_unread(fd);
		if (!n)
			continue;
		n = recv(fd, buf, n, MSG_DONTWAIT);
		if (n <= 0 || fsk_wrong(buf, n, seed, done) >= 0)
			break;
		done += n;
	}
	close(epfd);
	return done;
}

TEST_F(polling, edge_driven_reader)
{
	uint64_t len = fsk_debug_kernel() ? 512 << 10 : 4 << 20;
	pid_t pid;

	fsk_set_int(self->client, SOL_SOCKET, SO_SNDBUF, 65536);
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_send_pattern(self->client, 1, 0, len) ||
		      shutdown(self->client, SHUT_WR));
	/* Far behind the writer, who waits for room. */
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	EXPECT_EQ(len, read_by_edges(self->server, 1, len)) {
		kill(pid, SIGKILL);
	}
	EXPECT_EQ(0, fsk_reap(pid));
}

/* A zero-copy completion waits on the error queue: ERR until it is read. */
TEST_F(polling, error_queue)
{
	struct sock_extended_err *err;
	static char page[4096];
	char control[256], byte;
	struct msghdr msg = {
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_ZEROCOPY, 1));
	ASSERT_EQ(sizeof(page), send(self->client, page, sizeof(page),
				     MSG_ZEROCOPY));
	ASSERT_EQ(sizeof(page), fsk_recv_all(self->server, page,
					     sizeof(page)));
	EXPECT_EQ(POLLOUT | POLLERR, settles(self->client,
					     POLLOUT | POLLERR));
	ASSERT_EQ(0, recvmsg(self->client, &msg, MSG_ERRQUEUE));
	cmsg = CMSG_FIRSTHDR(&msg);
	ASSERT_NE(NULL, cmsg);
	EXPECT_EQ(SOL_IP, cmsg->cmsg_level);
	EXPECT_EQ(IP_RECVERR, cmsg->cmsg_type);
	err = (void *)CMSG_DATA(cmsg);
	EXPECT_EQ(SO_EE_ORIGIN_ZEROCOPY, err->ee_origin);
	EXPECT_EQ(0, err->ee_info);
	EXPECT_EQ(0, err->ee_data);
	EXPECT_EQ(POLLOUT, fsk_events(self->client));
	EXPECT_EQ(-1, recv(self->client, &byte, 1, MSG_ERRQUEUE));
	EXPECT_EQ(EAGAIN, errno);
}

/* Only the last descriptor takes the socket out of the set. */
TEST_F(polling, epoll_and_close)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	int copy = dup(self->server);

	ASSERT_EQ(0, watch(epfd, EPOLL_CTL_ADD, self->server, EPOLLIN));
	fsk_close(&self->server);
	ASSERT_EQ(1, send(self->client, "a", 1, 0));
	EXPECT_EQ(EPOLLIN, await(epfd, 20000));
	close(copy);
	EXPECT_EQ(0, await(epfd, 50));
	close(epfd);
}

/* A thread asleep in poll wakes for data and for the end. */
TEST_F(polling, sleeper_wakes)
{
	struct pollfd pfd = { .fd = self->server, .events = POLLIN };
	pid_t pid;
	int i;

	for (i = 0; i < 2; i++) {
		pid = fsk_fork();
		if (!pid)
			_exit(poll(&pfd, 1, 60000) != 1 ||
			      !(pfd.revents & POLLIN));
		ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
		if (i)
			shutdown(self->client, SHUT_WR);
		else
			send(self->client, "a", 1, 0);
		EXPECT_EQ(0, fsk_reap(pid));
		recv(self->server, &(char){ 0 }, 1, MSG_DONTWAIT);
	}
}

/* A thread asleep in poll, and what it sees first. */
struct poller {
	pthread_t thread;
	pid_t tid;
	struct pollfd pfd;
};

static void *poll_call(void *arg)
{
	struct poller *p = arg;

	__atomic_store_n(&p->tid, gettid(), __ATOMIC_RELEASE);
	poll(&p->pfd, 1, 60000);
	return NULL;
}

/*
 * A connection that nobody accepted goes with its listener: whoever polls at
 * the other end sees the error and the hang-up, both at once, and within the
 * host as soon as close() returns.
 */
TEST_F(polling, listener_closes_before_accept)
{
	static const short asked[] = { 0, POLLIN | POLLPRI, POLLIN | POLLRDHUP };
	const int gone = POLLERR | POLLHUP;
	bool host = variant->link == &fsk_lo;
	int listener, fd, i;
	struct poller p;

	for (i = 0; i < 30; i++) {
		memset(&p, 0, sizeof(p));
		listener = fsk_listen(_metadata, variant->link, 2);
		fd = fsk_dial(_metadata, variant->link, fsk_port(listener));
		ASSERT_TRUE(FSK_UNTIL(fsk_events(listener) == POLLIN));
		p.pfd.fd = fd;
		p.pfd.events = asked[i % 3];
		if (i % 2) {
			ASSERT_EQ(0, pthread_create(&p.thread, NULL, poll_call,
						    &p));
			ASSERT_TRUE(FSK_UNTIL(p.tid &&
					      fsk_task_state(p.tid) == 'S'));
			close(listener);
			pthread_join(p.thread, NULL);
		} else {
			close(listener);
			poll(&p.pfd, 1, host ? 0 : 20000);
		}
		EXPECT_EQ(gone | (asked[i % 3] & (POLLIN | POLLRDHUP)),
			  p.pfd.revents) {
			TH_LOG("round %d", i);
		}
		EXPECT_EQ(ECONNRESET,
			  fsk_int_option(fd, SOL_SOCKET, SO_ERROR));
		close(fd);
	}
}

FSK_TEST_MAIN
