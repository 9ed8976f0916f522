// SPDX-License-Identifier: GPL-2.0
// What buffers take before anybody reads: no less than TCP's at any moment, or
// programs that are slow to read come to a halt, and SO_SNDBUF is a bound.
// fastsock: timeout=300

#include <sys/epoll.h>

#include "fsk_test.h"

#define KIB	1024
#define MIB	(1024 * KIB)

/*
 * A way to fill a connection.  With a buffer of @sndbuf and @rcvbuf bytes (0 for
 * the default) and after @before bytes were read, sends of @size bytes are tried
 * until no more goes; @polls if the program asks poll() before each.
 */
struct way {
	const char *name;
	int sndbuf;
	int rcvbuf;
	uint64_t before;
	size_t size;
	bool polls;
};

static const struct way ways[] = {
	{ "small sends, polls", .size = 1000, .polls = true },
	{ "large sends, polls", .size = 65536, .polls = true },
	{ "small sends", .size = 1000 },
	{ "large sends", .size = 65536 },
	{ "least SO_SNDBUF, polls", 1, .size = 1000, .polls = true },
	{ "least SO_SNDBUF", 1, .size = 65536 },
	{ "SO_SNDBUF of 32 KiB, polls", 32768, .size = 1000, .polls = true },
	{ "SO_SNDBUF of 32 KiB", 32768, .size = 65536 },
	{ "SO_SNDBUF of 200 kB, polls", 200000, .size = 1000, .polls = true },
	{ "SO_SNDBUF of 200 kB", 200000, .size = 65536 },
	{ "SO_RCVBUF of 8 KiB, polls", 200000, 8192, .size = 1000,
	  .polls = true },
	{ "after much was read, polls", .before = 16 * MIB, .size = 1000,
	  .polls = true },
};

#define WAYS	ARRAY_SIZE(ways)

static const struct fsk_link *const links[] = { &fsk_veth, &fsk_lo };
static uint64_t with_tcp[2][WAYS];	/* what TCP took, on each of links */

/* A connection with those buffers: 0 or -1. */
static int dial(const struct fsk_link *link, const struct way *way,
		int *client, int *server)
{
	int listener = fsk_socket(link->server_ns, SOCK_CLOEXEC), err = -1;

	if (way->rcvbuf)
		fsk_set_int(listener, SOL_SOCKET, SO_RCVBUF, way->rcvbuf);
	*client = -1;
	*server = -1;
	if (fsk_bind(listener, link->server_ip, 0) || listen(listener, 1))
		goto out;
	*client = fsk_socket(link->client_ns, SOCK_CLOEXEC);
	if (way->sndbuf)
		fsk_set_int(*client, SOL_SOCKET, SO_SNDBUF, way->sndbuf);
	if (fsk_connect(*client, link->server_ip, fsk_port(listener)))
		goto out;
	*server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	err = *server < 0 ? -1 : 0;
out:
	close(listener);
	return err;
}

/* Sends and reads so much; 0 or -1. */
static int move(int client, int server, uint64_t bytes)
{
	pid_t pid;

	if (!bytes)
		return 0;
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_send_pattern(client, 1, 0, bytes));
	if (fsk_recv_pattern(server, 1, 0, bytes) != bytes) {
		kill(pid, SIGKILL);
		fsk_reap(pid);
		return -1;
	}
	return fsk_reap(pid);
}

/* Bytes that a client gets rid of. */
static uint64_t fill(int fd, const struct way *way)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	static char buf[65536];
	uint64_t total = 0;
	int refused = 0;
	ssize_t n;

	while (refused < 3) {
		if (way->polls && poll(&pfd, 1, 100) < 1) {
			refused++;
			continue;
		}
		n = send(fd, buf, way->size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			total += n;
			refused = 0;
		} else {
			refused++;
			fsk_sleep_ms(100);
		}
	}
	return total;
}

/* What a connection of that kind takes; @fast is what it has to run. */
static uint64_t capacity(const struct fsk_link *link, const struct way *way,
			 bool fast)
{
	int client, server;
	uint64_t total = 0;

	if (!dial(link, way, &client, &server) &&
	    fsk_is_fast(client) == fast &&
	    !move(client, server, way->before))
		total = fill(client, way);
	close(client);
	close(server);
	return total;
}

static int link_number(const struct fsk_link *link)
{
	return link == links[1];
}

static bool too_slow(const struct way *way)
{
	return way->before && fsk_debug_kernel();
}

/* For whatever a program does that TCP's buffers let it do. */
static void measure_tcp(void)
{
	unsigned int i, n;

	for (n = 0; n < 2; n++)
		for (i = 0; i < WAYS; i++)
			if (!too_slow(&ways[i]))
				with_tcp[n][i] = capacity(links[n], &ways[i],
							  false);
}

FSK_PAIR_FIXTURE(capacity);

TEST_F(capacity, holds_what_tcp_does)
{
	uint64_t want, got;
	unsigned int i;

	for (i = 0; i < WAYS; i++) {
		if (too_slow(&ways[i]))
			continue;
		want = with_tcp[link_number(variant->link)][i];
		got = capacity(variant->link, &ways[i], true);
		TH_LOG("%s: %lu, TCP %lu", ways[i].name, got, want);
		EXPECT_LT(0, want);
		EXPECT_LE(want, got) {
			TH_LOG("%s: less than TCP", ways[i].name);
		}
	}
}

/* All requests go out before the first answer is read. */
#define REQUEST		1000
#define REQUESTS	400

static int pipeline(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	static char buf[REQUEST * REQUESTS];
	int n;

	for (n = 0; n < REQUESTS; n++)
		if (poll(&pfd, 1, 5000) < 1 ||
		    send(fd, buf, REQUEST, MSG_NOSIGNAL) != REQUEST)
			return n;
	return fsk_recv_all(fd, buf, sizeof(buf)) == sizeof(buf) ? n : -1;
}

static void *answer(void *arg)
{
	char buf[REQUEST];
	int *fd = arg;

	while (fsk_recv_all(*fd, buf, sizeof(buf)) == sizeof(buf))
		if (fsk_send_all(*fd, buf, sizeof(buf)) != sizeof(buf))
			break;
	return NULL;
}

TEST_F(capacity, pipelined_requests)
{
	pthread_t thread;

	pthread_create(&thread, NULL, answer, &self->server);
	EXPECT_EQ(REQUESTS, pipeline(self->client));
	shutdown(self->client, SHUT_RDWR);
	pthread_join(thread, NULL);
}

/* A send that does not wait is taken as far as the buffer goes, no farther. */
static void three_times(struct __test_metadata *_metadata, int fd)
{
	size_t size = 3UL * fsk_int_option(fd, SOL_SOCKET, SO_SNDBUF);
	char *buf = calloc(1, size);
	ssize_t n;

	ASSERT_NE(NULL, buf);
	n = send(fd, buf, size, MSG_DONTWAIT);
	EXPECT_LT(0, n);
	EXPECT_GT((ssize_t)size, n) {
		TH_LOG("all of %zu was taken", size);
	}
	free(buf);
}

TEST_F(capacity, send_buffer_bounds_a_send)
{
	three_times(_metadata, self->client);
	fsk_set_int(self->server, SOL_SOCKET, SO_SNDBUF, 50000);
	three_times(_metadata, self->server);
}

/* The writer hears of the room that it was refused, soon and by an edge. */
TEST_F(capacity, an_edge_after_part_of_a_send)
{
	size_t size = 3UL * fsk_int_option(self->client, SOL_SOCKET, SO_SNDBUF);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	int epfd = epoll_create1(EPOLL_CLOEXEC);
	char *buf = calloc(1, size);
	size_t done = 0;
	ssize_t n;

	ASSERT_NE(NULL, buf);
	ASSERT_EQ(0, epoll_ctl(epfd, EPOLL_CTL_ADD, self->client, &event));
	/* Nobody reads until the send buffer has grown to all that it may. */
	while (done < size && epoll_wait(epfd, &event, 1, 500) == 1) {
		n = send(self->client, buf, size - done, MSG_DONTWAIT);
		done += n > 0 ? n : 0;
	}
	EXPECT_LE(size < 4 * MIB ? size : 4 * MIB, done);
	free(buf);
	close(epfd);
}

/* What the window does not take is not to pile up. */
TEST_F(capacity, notsent_lowat)
{
	struct pollfd pfd = { .fd = self->client, .events = POLLOUT };
	static char buf[MIB];
	uint64_t left;
	ssize_t n;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_NOTSENT_LOWAT,
				 16384));
	n = send(self->client, buf, sizeof(buf), MSG_DONTWAIT);
	EXPECT_LT(0, n);
	EXPECT_GT(MIB / 2, n);
	left = n + fill(self->client, &ways[0]);
	EXPECT_GT(MIB / 2, left);
	EXPECT_EQ(0, poll(&pfd, 1, 100));
	EXPECT_EQ((ssize_t)left, fsk_recv_all(self->server, buf, left));
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	FSK_EXPECT_ALIVE(self->client, self->server);
}

/* A thread that waits with more than that to send goes on as it is read. */
TEST_F(capacity, notsent_lowat_waits)
{
	pid_t pid;

	ASSERT_EQ(0, fsk_set_int(self->client, SOL_TCP, TCP_NOTSENT_LOWAT,
				 16384));
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_send_pattern(self->client, 3, 0, MIB));
	ASSERT_TRUE(FSK_UNTIL(fsk_task_state(pid) == 'S'));
	EXPECT_EQ(MIB, fsk_recv_pattern(self->server, 3, 0, MIB));
	EXPECT_EQ(0, fsk_reap(pid));
}

/* The receive buffer grows for who reads much, not if the program set it. */
TEST_F(capacity, receive_buffer_grows)
{
	int size = fsk_int_option(self->server, SOL_SOCKET, SO_RCVBUF);

	if (fsk_debug_kernel())
		SKIP(return, "too slow to deserve it");
	ASSERT_EQ(0, move(self->client, self->server, 8 * MIB));
	EXPECT_LT(size, fsk_int_option(self->server, SOL_SOCKET, SO_RCVBUF));
	ASSERT_EQ(0, fsk_set_int(self->client, SOL_SOCKET, SO_RCVBUF, 30000));
	ASSERT_EQ(0, move(self->server, self->client, 8 * MIB));
	EXPECT_EQ(60000, fsk_int_option(self->client, SOL_SOCKET, SO_RCVBUF));
}

int main(int argc, char **argv)
{
	int status = 1;

	setlinebuf(stdout);
	if (fsk_run("bash ./lan.sh lan_up a b") ||
	    fsk_run("bash ./lan.sh lan_loopback lo0") ||
	    fsk_run("bash ./lan.sh lan_sysctl lo0 enable 0"))
		goto out;
	measure_tcp();
	if (!fsk_run("bash ./lan.sh lan_sysctl lo0 enable 1") &&
	    !fsk_run("bash ./lan.sh lan_ready a b"))
		status = test_harness_run(argc, argv);
out:
	fsk_lan_down();
	return status;
}
