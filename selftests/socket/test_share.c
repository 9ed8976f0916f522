// SPDX-License-Identifier: GPL-2.0
// Sockets that several processes hold: fork, exec, SCM_RIGHTS, an inetd.
// fastsock: timeout=240

#include <sys/mman.h>

#include "fsk_test.h"

FSK_PAIR_FIXTURE(sharing);

static int send_letter(int fd, char letter)
{
	char buf[100];
	int i;

	memset(buf, letter, sizeof(buf));
	for (i = 0; i < 50; i++)
		if (fsk_send_all(fd, buf, sizeof(buf)) < 0)
			return -1;
	return 0;
}

/* The stream must have 5000 of each letter, and then end. */
static void expect_letters(struct __test_metadata *_metadata, int fd,
			   const char *letters)
{
	int counts[256] = {}, total = 0;
	char buf[1000];
	ssize_t n, i;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (i = 0; i < n; i++)
			counts[(unsigned char)buf[i]]++;
		total += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(5000 * (int)strlen(letters), total);
	for (; *letters; letters++)
		EXPECT_EQ(5000, counts[(unsigned char)*letters]);
}

TEST_F(sharing, child_closes_first)
{
	pid_t pid = fsk_fork();

	if (!pid)
		_exit(!!send_letter(self->client, 'c'));
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(0, send_letter(self->client, 'p'));
	fsk_close(&self->client);
	expect_letters(_metadata, self->server, "cp");
}

TEST_F(sharing, parent_closes_first)
{
	int go[2];
	pid_t pid;
	char byte;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	pid = fsk_fork();
	if (!pid) {
		close(go[1]);
		send_letter(self->client, 'c');
		read(go[0], &byte, 1);
		_exit(!!send_letter(self->client, 'd'));
	}
	EXPECT_EQ(0, send_letter(self->client, 'p'));
	fsk_close(&self->client);
	close(go[1]);
	expect_letters(_metadata, self->server, "pcd");
	EXPECT_EQ(0, fsk_reap(pid));
}

/* Every byte goes to exactly one of two readers. */
TEST_F(sharing, both_receive)
{
	long (*counts)[256] = mmap(NULL, sizeof(long[2][256]),
				   PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t len = 200000, at;
	static char buf[4096];
	long want[256] = {};
	pid_t pid[2];
	int i, j;

	ASSERT_NE(MAP_FAILED, (void *)counts);
	for (i = 0; i < 2; i++) {
		pid[i] = fsk_fork();
		if (pid[i])
			continue;
		close(self->client);	/* or the end would never come */
		for (;;) {
			/* One reads little, the other enough to post. */
			ssize_t n = recv(self->server, buf,
					 i ? sizeof(buf) : 10, 0);

			for (j = 0; j < n; j++)
				counts[i][(unsigned char)buf[j]]++;
			if (n <= 0)
				_exit(n < 0);
		}
	}
	EXPECT_EQ(0, fsk_send_pattern(self->client, 1, 0, len));
	fsk_close(&self->client);
	EXPECT_EQ(0, fsk_reap(pid[0]));
	EXPECT_EQ(0, fsk_reap(pid[1]));
	for (at = 0; at < len; at++)
		want[fsk_byte(1, at)]++;
	for (i = 0; i < 256; i++)
		EXPECT_EQ(want[i], counts[0][i] + counts[1][i]);
}

/* Sends back what comes until the end. */
static int echo(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (fsk_send_all(fd, buf, n) != n)
			return -1;
	return n;
}

/* A client's whole conversation with an echo. */
static void expect_echo(struct __test_metadata *_metadata, int fd,
			uint64_t seed)
{
	char byte;

	EXPECT_EQ(0, fsk_send_pattern(fd, seed, 0, 20000));
	EXPECT_EQ(20000, fsk_recv_pattern(fd, seed, 0, 20000));
	EXPECT_EQ(0, fsk_send_pattern(fd, seed, 20000, 3));
	shutdown(fd, SHUT_WR);
	EXPECT_EQ(3, fsk_recv_pattern(fd, seed, 20000, 3));
	EXPECT_EQ(0, recv(fd, &byte, 1, 0));
}

/* Accepts and serves that many connections. */
static int serve(int listener, int count)
{
	int fd;

	while (count--) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0 || !fsk_is_fast(fd) || echo(fd))
			return -1;
		close(fd);
	}
	return 0;
}

static void converse(struct __test_metadata *_metadata,
		     const struct fsk_link *link, uint16_t port, int count)
{
	int fd;

	while (count--) {
		fd = fsk_dial(_metadata, link, port);
		expect_echo(_metadata, fd, count);
		close(fd);
	}
}

TEST_F(sharing, listener_child_leaves_first)
{
	pid_t child = fsk_fork(), client;

	if (!child)
		_exit(!!serve(self->listener, 2));
	converse(_metadata, variant->link, self->port, 2);
	EXPECT_EQ(0, fsk_reap(child));
	client = fsk_fork();
	if (!client) {
		converse(_metadata, variant->link, self->port, 2);
		_exit(0);
	}
	EXPECT_EQ(0, serve(self->listener, 2));
	EXPECT_EQ(0, fsk_reap(client));
}

TEST_F(sharing, listener_parent_leaves_first)
{
	pid_t child = fsk_fork();

	if (!child)
		_exit(!!serve(self->listener, 3));
	fsk_close(&self->listener);
	converse(_metadata, variant->link, self->port, 3);
	EXPECT_EQ(0, fsk_reap(child));
}

#define SERVERS	3
#define CALLS	12

/* Several processes wait in accept() at once: each call is served once. */
TEST_F(sharing, listener_of_several_servers)
{
	pid_t pids[SERVERS];
	int i;

	for (i = 0; i < SERVERS; i++) {
		pids[i] = fsk_fork();
		if (!pids[i])
			_exit(!!serve(self->listener, CALLS));
	}
	converse(_metadata, variant->link, self->port, CALLS);
	for (i = 0; i < SERVERS; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < SERVERS; i++)
		EXPECT_EQ(-1, fsk_reap(pids[i]));
	/* And nothing is left over in the queue. */
	EXPECT_EQ(0, fsk_events(self->listener));
}

/* A program that knows nothing of sockets, on standard input and output. */
static pid_t exec_cat(int fd)
{
	pid_t pid = fsk_fork();

	if (!pid) {
		dup2(fd, 0);
		dup2(fd, 1);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	return pid;
}

TEST_F(sharing, exec_inherits)
{
	pid_t pid = exec_cat(self->server);

	fsk_close(&self->server);
	expect_echo(_metadata, self->client, 1);
	EXPECT_EQ(0, fsk_reap(pid));
}

/* As inetd: fork and exec for each connection, several at a time. */
TEST_F(sharing, inetd)
{
	int i, fd[4];
	pid_t pid = fsk_fork();

	if (!pid) {
		for (i = 0; i < (int)ARRAY_SIZE(fd); i++) {
			int conn = accept(self->listener, NULL, NULL);

			if (conn < 0 || !fsk_is_fast(conn))
				_exit(1);
			exec_cat(conn);
			close(conn);
		}
		while (waitpid(-1, &i, 0) > 0)
			if (i)
				_exit(2);
		_exit(0);
	}
	for (i = 0; i < (int)ARRAY_SIZE(fd); i++)
		fd[i] = fsk_dial(_metadata, variant->link, self->port);
	for (i = ARRAY_SIZE(fd) - 1; i >= 0; i--) {
		expect_echo(_metadata, fd[i], i);
		close(fd[i]);
	}
	EXPECT_EQ(0, fsk_reap(pid));
}

/* The stranger lives in a network of its own and was there before. */
static pid_t stranger(int channel[2], bool listens)
{
	pid_t pid = fsk_fork();
	int fd;

	if (pid) {
		close(channel[1]);
		return pid;
	}
	close(channel[0]);
	if (unshare(CLONE_NEWNET))
		_exit(1);
	fd = fsk_take_fd(channel[1]);
	if (fd < 0)
		_exit(2);
	if (listens)
		_exit(serve(fd, 2) ? 3 : 0);
	_exit(!fsk_is_fast(fd) || echo(fd) ? 4 : 0);
}

TEST_F(sharing, connection_passed_to_a_stranger)
{
	int channel[2], one, other;
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				channel));
	pid = stranger(channel, false);
	one = fsk_dial(_metadata, variant->link, self->port);
	other = fsk_accept(_metadata, self->listener);
	ASSERT_EQ(0, fsk_pass_fd(channel[0], other));
	close(other);
	expect_echo(_metadata, one, 1);
	EXPECT_EQ(0, fsk_reap(pid));
	close(one);
}

/* Bytes that came before the socket was passed are there after it. */
TEST_F(sharing, client_passed_with_data)
{
	int channel[2], one, other;
	char buf[8] = "";
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				channel));
	pid = stranger(channel, false);
	one = fsk_dial(_metadata, variant->link, self->port);
	other = fsk_accept(_metadata, self->listener);
	ASSERT_EQ(4, send(other, "data", 4, 0));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(one) == 4));
	ASSERT_EQ(0, fsk_pass_fd(channel[0], one));
	close(one);
	EXPECT_EQ(4, fsk_recv_all(other, buf, 4));
	EXPECT_STREQ("data", buf);
	expect_echo(_metadata, other, 1);
	EXPECT_EQ(0, fsk_reap(pid));
	close(other);
}

TEST_F(sharing, listener_passed_to_a_stranger)
{
	int channel[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				channel));
	pid = stranger(channel, true);
	/* Children of the stranger's would fail: it has no such network. */
	ASSERT_EQ(0, fsk_pass_fd(channel[0], self->listener));
	fsk_close(&self->listener);
	converse(_metadata, variant->link, self->port, 2);
	EXPECT_EQ(0, fsk_reap(pid));
}

/* In flight is held, too; never received, it ends with the channel. */
TEST_F(sharing, connection_lost_in_flight)
{
	int channel[2];
	char byte;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				channel));
	ASSERT_EQ(0, fsk_pass_fd(channel[0], self->client));
	fsk_close(&self->client);
	fsk_sleep_ms(200);
	EXPECT_EQ(POLLOUT, fsk_events(self->server));
	close(channel[0]);
	close(channel[1]);
	EXPECT_EQ(0, recv(self->server, &byte, 1, 0));
}

FSK_TEST_MAIN
