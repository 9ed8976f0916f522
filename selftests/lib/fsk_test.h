/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the C tests share: a LAN of namespaces, connections that are sure to
 * run fastsock, a byte pattern that shows every loss, and counters.
 *
 * Namespaces "a" and "b" are joined by a veth pair, "lo0" reaches itself in
 * memory, posted buffers included.  main(), from FSK_TEST_MAIN, makes them
 * once for the whole program.  A test that hangs is killed by the harness
 * with all its children, so nothing here needs a timeout of its own.
 */
#ifndef FSK_TEST_H
#define FSK_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Helper programs, which are no tests, define it. */
#ifndef FSK_NO_HARNESS
#include "kselftest_harness.h"

/* Emulated guests are slow; only a test that hangs ever takes so long. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120
#endif

#define FSK_UNUSED	__attribute__((unused))
#define FSK_MSS		(1500 - 24)	/* stream bytes of a full veth frame */

/*
 * Are addresses IPv6's own, where there are such?  Then the LAN has no others, so
 * that what speaks IPv4 all the same fails.
 */
#ifndef FSK_NATIVE
#define FSK_NATIVE	(!!getenv("LAN_IPV6"))
#endif
/* Are sockets of AF_INET6, even with addresses of IPv4? */
#ifndef FSK_MAPPED
#define FSK_MAPPED	FSK_NATIVE
#endif

/* Where a connection runs. */
struct fsk_link {
	const char *client_ns;
	const char *server_ns;
	const char *client_ip;
	const char *server_ip;
};

static const struct fsk_link fsk_veth FSK_UNUSED = {
	"a", "b", "10.77.0.1", "10.77.0.2",
};

static const struct fsk_link fsk_lo FSK_UNUSED = {
	"lo0", "lo0", "127.0.0.1", "127.0.0.1",
};

/*
 * A fixture that runs each of its tests over a veth pair and over lo, with
 * a listener and a connected pair made before the test.
 */
#define FSK_PAIR_FIXTURE(name)						\
FIXTURE(name)								\
{									\
	int listener;							\
	int client;							\
	int server;							\
	uint16_t port;							\
};									\
FIXTURE_VARIANT(name)							\
{									\
	const struct fsk_link *link;					\
};									\
FIXTURE_VARIANT_ADD(name, veth)						\
{									\
	.link = &fsk_veth,						\
};									\
FIXTURE_VARIANT_ADD(name, lo)						\
{									\
	.link = &fsk_lo,						\
};									\
FIXTURE_SETUP(name)							\
{									\
	self->listener = fsk_listen(_metadata, variant->link, 128);	\
	self->port = fsk_port(self->listener);				\
	self->client = fsk_dial(_metadata, variant->link, self->port);	\
	self->server = fsk_accept(_metadata, self->listener);		\
}									\
FIXTURE_TEARDOWN(name)							\
{									\
	close(self->client);						\
	close(self->server);						\
	close(self->listener);						\
}

/* True on the kernel with assertions, where data is scaled down. */
static FSK_UNUSED bool fsk_debug_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/* The %ld of a format of scanf() in the last line of a file that fits, or -1. */
static FSK_UNUSED long fsk_number_in(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	char line[256];
	long n = -1;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, format, &n);
	if (file)
		fclose(file);
	return n;
}

/* Sockets without a descriptor, of all namespaces. */
static FSK_UNUSED long fsk_orphans(void)
{
	return fsk_number_in("/proc/net/sockstat",
			     "TCP: inuse %*d orphan %ld");
}

/* Moves this thread to a namespace, by the name lan.sh gave it. */
static FSK_UNUSED int fsk_enter(const char *ns)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	err = setns(fd, CLONE_NEWNET);
	close(fd);
	return err;
}

/* A stream socket of that namespace; flags may be SOCK_NONBLOCK. */
static FSK_UNUSED int fsk_socket(const char *ns, int flags)
{
	if (fsk_enter(ns))
		return -1;
	return socket(FSK_MAPPED ? AF_INET6 : AF_INET, SOCK_STREAM | flags, 0);
}

static FSK_UNUSED struct sockaddr_in fsk_addr(const char *ip, uint16_t port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};

	inet_pton(AF_INET, ip, &addr.sin_addr);
	return addr;
}

/* What has the place of an address of IPv4, if anything has; else NULL. */
static FSK_UNUSED const char *fsk_native(const char *ip)
{
	static char text[INET6_ADDRSTRLEN];

	if (strchr(ip, ':'))
		return ip;
	if (!strcmp(ip, "127.0.0.1"))
		return "::1";
	if (!strcmp(ip, "0.0.0.0"))
		return "::";
	if (strncmp(ip, "10.77.0.", 8))
		return NULL;
	snprintf(text, sizeof(text), "fd77::%s", ip + 8);
	return text;
}

/* The same address as sockets of AF_INET6 have it. */
static FSK_UNUSED struct sockaddr_in6 fsk_addr6(const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
	};
	char text[INET6_ADDRSTRLEN];

	snprintf(text, sizeof(text), "::ffff:%s", ip);
	inet_pton(AF_INET6, (FSK_NATIVE ? fsk_native(ip) : NULL) ?: text,
		  &addr.sin6_addr);
	return addr;
}

static FSK_UNUSED bool fsk_is_inet6(int fd)
{
	socklen_t len = sizeof(int);
	int family;

	return FSK_MAPPED &&
	       !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) &&
	       family == AF_INET6;
}

static FSK_UNUSED int fsk_bind(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr6 = fsk_addr6(ip, port);
	struct sockaddr_in addr = fsk_addr(ip, port);

	return fsk_is_inet6(fd) ? bind(fd, (void *)&addr6, sizeof(addr6)) :
				  bind(fd, (void *)&addr, sizeof(addr));
}

static FSK_UNUSED int fsk_connect(int fd, const char *ip, uint16_t port)
{
	struct sockaddr_in6 addr6 = fsk_addr6(ip, port);
	struct sockaddr_in addr = fsk_addr(ip, port);

	return fsk_is_inet6(fd) ? connect(fd, (void *)&addr6, sizeof(addr6)) :
				  connect(fd, (void *)&addr, sizeof(addr));
}

/* The local port of a socket. */
static FSK_UNUSED uint16_t fsk_port(int fd)
{
	struct sockaddr_in addr = {};
	socklen_t len = sizeof(addr);

	getsockname(fd, (void *)&addr, &len);
	return ntohs(addr.sin_port);
}

/* Does this connection run fastsock? */
static FSK_UNUSED bool fsk_is_fast(int fd)
{
	socklen_t len = 16;
	char name[16] = "";

	return !getsockopt(fd, SOL_TCP, TCP_ULP, name, &len) &&
	       !strncmp(name, "fastsock", sizeof(name));
}

/* How many calls a listener has had by now, all of them fastsock's. */
static FSK_UNUSED int fsk_take_calls(int listener, int *count)
{
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		*count += fsk_is_fast(fd);
		close(fd);
	}
	return *count;
}

static FSK_UNUSED int fsk_int_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, level, name, &value, &len) ? -1 : value;
}

static FSK_UNUSED int fsk_set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Only TCP honours filters. */
static FSK_UNUSED int fsk_stay_with_tcp(int fd)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0x7fffffff);
	struct sock_fprog program = { 1, &all };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
			  sizeof(program));
}

/* SO_RCVTIMEO or SO_SNDTIMEO. */
static FSK_UNUSED int fsk_set_timeout(int fd, int name, int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv));
}

static FSK_UNUSED int fsk_set_linger(int fd, int seconds)
{
	struct linger linger = { 1, seconds };

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static FSK_UNUSED int fsk_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK :
				       flags & ~O_NONBLOCK);
}

static FSK_UNUSED uint64_t fsk_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static FSK_UNUSED void fsk_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* True as soon as the condition is, false if it is not in 20 s. */
#define FSK_UNTIL(condition) ({						\
	uint64_t _end = fsk_now_ms() + 20000;				\
	bool _met;							\
	while (!(_met = (condition)) && fsk_now_ms() < _end)		\
		fsk_sleep_ms(2);					\
	_met;								\
})

/* A counter of /proc/net/fastsock_stat, -1 if there is none of that name. */
static FSK_UNUSED long fsk_stat(const char *ns, const char *name)
{
	long value = -1, number;
	char word[64];
	FILE *file;

	if (fsk_enter(ns))
		return -1;
	file = fopen("/proc/thread-self/net/fastsock_stat", "re");
	if (!file)
		return -1;
	while (fscanf(file, "%63s %ld", word, &number) == 2)
		if (!strcmp(word, name))
			value = number;
	fclose(file);
	return value;
}

#ifndef FSK_NO_HARNESS
/* A listener on the link's server address and a port of the kernel's choice. */
static FSK_UNUSED int fsk_listen(struct __test_metadata *_metadata,
				 const struct fsk_link *link, int backlog)
{
	int fd = fsk_socket(link->server_ns, SOCK_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fsk_bind(fd, link->server_ip, 0));
	ASSERT_EQ(0, listen(fd, backlog));
	return fd;
}

/* A client that is sure to run fastsock. */
static FSK_UNUSED int fsk_dial(struct __test_metadata *_metadata,
			       const struct fsk_link *link, uint16_t port)
{
	int fd = fsk_socket(link->client_ns, SOCK_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fsk_connect(fd, link->server_ip, port)) {
		TH_LOG("connect: %s", strerror(errno));
	}
	ASSERT_TRUE(fsk_is_fast(fd)) {
		TH_LOG("the connection fell to TCP");
	}
	return fd;
}

static FSK_UNUSED int fsk_accept(struct __test_metadata *_metadata,
				 int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	ASSERT_LE(0, fd) {
		TH_LOG("accept: %s", strerror(errno));
	}
	ASSERT_TRUE(fsk_is_fast(fd));
	return fd;
}
#endif

/* The pattern: every aligned 8 bytes of a stream are different. */
static FSK_UNUSED uint64_t fsk_word(uint64_t seed, uint64_t index)
{
	uint64_t x = (index + 1) * 0x9e3779b97f4a7c15ULL + seed;

	return (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
}

static FSK_UNUSED uint8_t fsk_byte(uint64_t seed, uint64_t at)
{
	return fsk_word(seed, at / 8) >> at % 8 * 8;
}

/* Fills with bytes at..at+len of the stream that seed names. */
static FSK_UNUSED void fsk_fill(void *buf, size_t len, uint64_t seed,
				uint64_t at)
{
	uint8_t *to = buf;
	uint64_t word;

	for (; len && at % 8; len--)
		*to++ = fsk_byte(seed, at++);
	for (; len >= 8; len -= 8, to += 8, at += 8) {
		word = fsk_word(seed, at / 8);
		memcpy(to, &word, 8);
	}
	for (; len; len--)
		*to++ = fsk_byte(seed, at++);
}

/* -1 if all is as fsk_fill() made it, else where the first wrong byte is. */
static FSK_UNUSED ssize_t fsk_wrong(const void *buf, size_t len, uint64_t seed,
				    uint64_t at)
{
	const uint8_t *from = buf;
	size_t i = 0;
	uint64_t word;

	while (i < len) {
		if (!((at + i) % 8) && len - i >= 8) {
			word = fsk_word(seed, (at + i) / 8);
			if (!memcmp(from + i, &word, 8)) {
				i += 8;
				continue;
			}
		}
		if (from[i] != fsk_byte(seed, at + i))
			return i;
		i++;
	}
	return -1;
}

/* All of it, unless an error comes: the count or -1. */
static FSK_UNUSED ssize_t fsk_send_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = send(fd, (const char *)buf + done, len - done,
			 MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		done += n;
	}
	return done;
}

/* Until the buffer is full or the stream ends: the count or -1. */
static FSK_UNUSED ssize_t fsk_recv_all(int fd, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = recv(fd, (char *)buf + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (!n)
			break;
		done += n;
	}
	return done;
}

/* Sends bytes from..from+len of a pattern; 0 or -1. */
static FSK_UNUSED int fsk_send_pattern(int fd, uint64_t seed, uint64_t from,
				       uint64_t len)
{
	char buf[65536];
	uint64_t end = from + len;
	size_t n;

	for (; from < end; from += n) {
		n = end - from < sizeof(buf) ? end - from : sizeof(buf);
		fsk_fill(buf, n, seed, from);
		if (fsk_send_all(fd, buf, n) != (ssize_t)n)
			return -1;
	}
	return 0;
}

/*
 * Receives and checks that many bytes.  Returns how many were right before
 * the first wrong one, an error or the end: len if all is well.
 */
static FSK_UNUSED uint64_t fsk_recv_pattern(int fd, uint64_t seed,
					    uint64_t from, uint64_t len)
{
	uint64_t done = 0;
	char buf[65536];
	ssize_t n, wrong;

	while (done < len) {
		n = recv(fd, buf, len - done < sizeof(buf) ? len - done :
			 sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		wrong = fsk_wrong(buf, n, seed, from + done);
		if (wrong >= 0)
			return done + wrong;
		done += n;
	}
	return done;
}

/*
 * Sends a pattern until nothing more goes for a while, because nobody reads:
 * how many bytes the buffers of both ends took.
 */
static FSK_UNUSED uint64_t fsk_stuff(int fd, uint64_t seed)
{
	uint64_t total = 0;
	char buf[4096];
	int quiet = 0;
	ssize_t n;

	while (quiet < 5) {
		fsk_fill(buf, sizeof(buf), seed, total);
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			total += n;
		else
			fsk_sleep_ms(50);
		quiet = n > 0 ? 0 : quiet + 1;
	}
	return total;
}

/* Closes a descriptor of a fixture, whose teardown then has nothing to do. */
static FSK_UNUSED int fsk_close(int *fd)
{
	int err = close(*fd);

	*fd = -1;
	return err;
}

/* Both ends work: a few bytes each way, in order. */
#define FSK_EXPECT_ALIVE(one, other) do {				\
	char _word[5] = "";						\
	EXPECT_EQ(5, send(one, "there", 5, MSG_NOSIGNAL));		\
	EXPECT_EQ(5, fsk_recv_all(other, _word, 5));			\
	EXPECT_EQ(0, memcmp(_word, "there", 5));			\
	EXPECT_EQ(5, send(other, "again", 5, MSG_NOSIGNAL));		\
	EXPECT_EQ(5, fsk_recv_all(one, _word, 5));			\
	EXPECT_EQ(0, memcmp(_word, "again", 5));			\
} while (0)

/* A child that does not outlive its parent. */
static FSK_UNUSED pid_t fsk_fork(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

/* The exit status of a child, -1 if a signal ended it. */
static FSK_UNUSED int fsk_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Sends a descriptor through a socket of AF_UNIX.  Return: 0 or -1 */
static FSK_UNUSED int fsk_pass_fd(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec iov = { "f", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(channel, &msg, 0) == 1 ? 0 : -1;
}

/* Receives it.  Return: the descriptor, or -1 */
static FSK_UNUSED int fsk_take_fd(int channel)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(channel, &msg, 0) != 1)
		return -1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* The state letter of a task in /proc, such as 'S' for asleep. */
static FSK_UNUSED char fsk_task_state(pid_t tid)
{
	char path[64], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return 'X';
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state;
}

/* Bytes that wait to be read, -1 on error. */
static FSK_UNUSED int fsk_unread(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

/* What poll() says about a socket now, asked for everything. */
static FSK_UNUSED int fsk_events(int fd)
{
	struct pollfd pfd = {
		.fd = fd,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP,
	};

	return poll(&pfd, 1, 0) < 0 ? -1 : pfd.revents;
}

static FSK_UNUSED int fsk_run(const char *command)
{
	int status = system(command);

	if (!status)
		return 0;
	fprintf(stderr, "# failed: %s\n", command);
	return -1;
}

/* Sets net.ipv4.NAME in a namespace: 0 or -1. */
static FSK_UNUSED int fsk_set_sysctl(const char *ns, const char *name,
				     const char *value)
{
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
	file = fsk_enter(ns) ? NULL : fopen(path, "we");
	if (!file)
		return -1;
	fputs(value, file);
	return fclose(file);
}

/* Sets net.fastsock.same_host at both ends of the LAN. */
static FSK_UNUSED int fsk_same_host(int value)
{
	char command[120];

	snprintf(command, sizeof(command),
		 "bash ./lan.sh lan_sysctl a same_host %d && "
		 "bash ./lan.sh lan_sysctl b same_host %d", value, value);
	return fsk_run(command);
}

/* Makes the LAN; tests inherit it. */
static FSK_UNUSED int fsk_lan_up(void)
{
	return fsk_run("bash ./lan.sh lan_up a b") ||
	       fsk_run("bash ./lan.sh lan_ready a b") ||
	       fsk_run("bash ./lan.sh lan_loopback lo0");
}

static FSK_UNUSED void fsk_lan_down(void)
{
	fsk_run("bash ./lan.sh lan_down a b lo0");
}

#define FSK_TEST_MAIN							\
int main(int argc, char **argv)						\
{									\
	int status = 1;							\
									\
	setlinebuf(stdout);						\
	if (FSK_NATIVE)							\
		setenv("LAN_IPV6", "1", 1);				\
	if (!fsk_lan_up())						\
		status = test_harness_run(argc, argv);			\
	fsk_lan_down();							\
	return status;							\
}

#endif /* FSK_TEST_H */
