// SPDX-License-Identifier: GPL-2.0
// Processes that connect, send, receive, fork, pass sockets and are killed.
// fastsock: timeout=120

#include <sys/mman.h>
#include <sys/uio.h>

#include "fsk_test.h"

#define CLIENTS		4	/* at a time, and as many servers */
/* Unless FSK_STRESS_SECONDS says otherwise. */
#define SECONDS		(fsk_debug_kernel() ? 15 : 6)
#define SLOTS		4096	/* many more than connections at a time */
#define LONG		(200 * 1024)
#define SHORT		300

/*
 * What the processes share: the next connection's number, how many bytes of
 * each stream send() has taken, and whether it has failed.  Who reads the end
 * of a stream must have read so many, but if it was a reset whose error the
 * sender at the same end was told, for it is told once.
 */
struct shared {
	unsigned int next;
	bool stop;
	uint64_t sent[SLOTS][2];
	bool failed[SLOTS][2];
};

static struct shared *shared;

struct stream {
	int fd;
	uint32_t slot;
	bool back;		/* from server to client */
	unsigned int seed;	/* of the process's dice */
	bool lost;		/* it ended too early */
};

static unsigned int dice(unsigned int *seed, unsigned int sides)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 16) % sides;
}

static size_t some_length(unsigned int *seed)
{
	return 1 + dice(seed, dice(seed, 2) ? LONG : SHORT);
}

/* One receive in one of the ways there are.  Return: as recv(). */
static ssize_t receive(int fd, char *buf, unsigned int *seed)
{
	size_t len = some_length(seed);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	switch (dice(seed, 6)) {
	case 0:
		n = recv(fd, buf, len, MSG_PEEK);
		return n > 0 ? recv(fd, buf, n, 0) : n;
	case 1:
		return recv(fd, buf, len, MSG_WAITALL);
	case 2:
		fsk_set_timeout(fd, SO_RCVTIMEO, 1 + dice(seed, 20));
		n = recv(fd, buf, len, MSG_WAITALL);
		fsk_set_timeout(fd, SO_RCVTIMEO, 0);
		return n;
	case 3:
		poll(&pfd, 1, 50);
		return recv(fd, buf, len, MSG_DONTWAIT);
	case 4:
		return read(fd, buf, LONG);
	}
	return recv(fd, buf, len, 0);
}

/* Likewise.  Return: as send(). */
static ssize_t transmit(int fd, char *buf, size_t len, unsigned int *seed)
{
	struct iovec iov[2] = {
		{ buf, len / 3 }, { buf + len / 3, len - len / 3 },
	};
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	switch (dice(seed, 5)) {
	case 0:
		return writev(fd, iov, 2);
	case 1:
		fsk_set_timeout(fd, SO_SNDTIMEO, 1 + dice(seed, 20));
		n = send(fd, buf, len, 0);
		fsk_set_timeout(fd, SO_SNDTIMEO, 0);
		return n;
	case 2:
		poll(&pfd, 1, 50);
		return send(fd, buf, len, MSG_DONTWAIT);
	case 3:
		return send(fd, buf, len, MSG_MORE);
	}
	return send(fd, buf, len, 0);
}

static uint64_t *sent(const struct stream *s)
{
	return &shared->sent[s->slot][s->back];
}

static uint64_t pattern(const struct stream *s)
{
	return 2 * s->slot + s->back;
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* The stream's number, then bytes, then the end. */
static void send_stream(struct stream *s)
{
	static char buf[LONG];
	int calls = 1 + dice(&s->seed, 50);
	uint64_t at = 0;
	size_t len;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	n = fsk_send_all(s->fd, &s->slot, sizeof(s->slot));
	while (n >= 0 && calls--) {
		len = some_length(&s->seed);
		fsk_fill(buf, len, pattern(s), at);
		n = transmit(s->fd, buf, len, &s->seed);
		if (n < 0 && again())
			n = 0;
		at += n > 0 ? n : 0;
		__atomic_store_n(sent(s), at, __ATOMIC_RELEASE);
	}
	shared->failed[s->slot][s->back] = n < 0;
	shutdown(s->fd, SHUT_WR);
}

/*
 * Reads bytes to the end of the stream, or not that far.  An error is the
 * other end's death, before which it may have sent anything.
 * Return: 0, or 1 if a byte was wrong
 */
static int check_stream(struct stream *s)
{
	static char buf[LONG];
	uint64_t at = 0, enough = UINT64_MAX;
	ssize_t n;

	if (!dice(&s->seed, 8))
		enough = dice(&s->seed, 4 * LONG);
	while (at <= enough) {
		n = receive(s->fd, buf, &s->seed);
		if (n < 0 && again())
			continue;
		if (n < 0)
			return 0;
		if (!n) {
			s->lost = at < __atomic_load_n(sent(s),
						       __ATOMIC_ACQUIRE);
			return 0;
		}
		if (fsk_wrong(buf, n, pattern(s), at) >= 0) {
			printf("# a wrong byte after %llu\n",
			       (unsigned long long)at);
			return 1;
		}
		at += n;
	}
	return 0;
}

/* Reads the number.  Return: 0, or 1 if it is wrong; -1 if there is none. */
static int check_number(const struct stream *s, uint32_t *slot)
{
	if (fsk_recv_all(s->fd, slot, sizeof(*slot)) != sizeof(*slot))
		return -1;
	return *slot >= SLOTS;
}

/* A process of its own sends. */
static pid_t fork_sender(const struct stream *s)
{
	struct stream out = *s;
	pid_t pid = fsk_fork();

	if (pid)
		return pid;
	send_stream(&out);
	_exit(0);
}

/* Waits for the sender at this end, if any.  Return: 1 if bytes were lost */
static int finish(const struct stream *in, pid_t sender)
{
	if (sender > 0)
		fsk_reap(sender);
	if (!in->lost || (sender > 0 && shared->failed[in->slot][!in->back]))
		return 0;
	printf("# an end of stream without the bytes before\n");
	return 1;
}

/* The server's end: it answers some. */
static int serve(int fd, unsigned int seed)
{
	struct stream in = { .fd = fd, .seed = seed };
	struct stream out = { .fd = fd, .seed = seed + 1, .back = true };
	pid_t sender = -1;
	int bad;

	bad = check_number(&in, &in.slot);
	if (bad)
		return bad > 0;
	out.slot = in.slot;
	if (dice(&seed, 2))
		sender = fork_sender(&out);
	bad = check_stream(&in);
	return finish(&in, sender) || bad;
}

/* Leaves a socket in flight: to nobody, or on its way through itself. */
static void lose(const int channel[2], int fd, bool circle)
{
	fsk_pass_fd(channel[0], fd);
	if (circle)
		fsk_pass_fd(channel[0], channel[1]);
}

/* A child serves a socket that it inherits or gets through a channel. */
static pid_t delegate(const int channel[2], int fd, unsigned int seed,
		      bool inherits)
{
	pid_t pid = fsk_fork();

	if (!pid) {
		if (!inherits) {
			close(fd);
			fd = fsk_take_fd(channel[1]);
		}
		_exit(fd < 0 || serve(fd, seed));
	}
	if (!inherits)
		fsk_pass_fd(channel[0], fd);
	return pid;
}

/* Whoever accepts the connection does with it what the dice say. */
static int handle(int fd, unsigned int *seed)
{
	unsigned int choice = dice(seed, 20);
	int bad = 0, channel[2];
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
		return 1;
	if (choice < 2)
		lose(channel, fd, choice);
	else if (choice < 12)
		pid = delegate(channel, fd, *seed, choice < 6);
	else
		bad = serve(fd, *seed);
	close(fd);
	close(channel[0]);
	close(channel[1]);
	if (pid > 0 && !dice(seed, 6)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else if (pid > 0) {
		bad = fsk_reap(pid);
	}
	return bad;
}

static int stress_server(int listener, unsigned int seed)
{
	int fd, bad = 0;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE)) {
		fd = accept(listener, NULL, NULL);
		if (fd >= 0)
			bad |= handle(fd, &seed);
	}
	return bad;
}

/* The client's end of one connection. */
static int request(const struct fsk_link *link, uint16_t port, uint32_t slot,
		   unsigned int seed)
{
	struct stream in = { .slot = slot, .seed = seed, .back = true };
	struct stream out = { .slot = slot, .seed = seed + 1 };
	uint32_t number;
	pid_t sender;
	int bad;

	in.fd = fsk_socket(link->client_ns, 0);
	out.fd = in.fd;
	if (!dice(&seed, 4))
		fsk_set_int(in.fd, SOL_SOCKET, SO_SNDBUF, 1);
	if (!dice(&seed, 4))
		fsk_set_int(in.fd, SOL_SOCKET, SO_RCVBUF, 1);
	if (fsk_connect(in.fd, link->server_ip, port)) {
		printf("# connect: %s\n", strerror(errno));
		return 1;
	}
	if (!dice(&seed, 8))
		fsk_set_linger(in.fd, 0);
	sender = fork_sender(&out);
	bad = check_number(&in, &number);
	if (!bad)
		bad = number != slot || check_stream(&in);
	return finish(&in, sender) || bad > 0;
}

static int stress_client(const struct fsk_link *link, uint16_t port,
			 unsigned int seed, uint64_t end)
{
	uint32_t slot;
	int bad = 0;
	pid_t pid;

	while (fsk_now_ms() < end) {
		slot = __atomic_fetch_add(&shared->next, 1, __ATOMIC_RELAXED) %
		       SLOTS;
		memset(shared->sent[slot], 0, sizeof(shared->sent[slot]));
		memset(shared->failed[slot], 0, sizeof(shared->failed[slot]));
		pid = fsk_fork();
		if (!pid)
			_exit(request(link, port, slot, seed));
		if (!dice(&seed, 4)) {
			fsk_sleep_ms(dice(&seed, 50));
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		} else {
			bad |= fsk_reap(pid);
		}
	}
	return bad;
}

/* The kernel does so when a socket of AF_UNIX is released. */
static int collect_garbage(void)
{
	int channel[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
		return -1;
	close(channel[0]);
	close(channel[1]);
	return 0;
}

FIXTURE(stress)
{
	int listener;
};

FIXTURE_VARIANT(stress)
{
	const struct fsk_link *link;
	bool memory;
};

FIXTURE_VARIANT_ADD(stress, frames)
{
	.link = &fsk_veth,
};

FIXTURE_VARIANT_ADD(stress, memory)
{
	.link = &fsk_lo,
	.memory = true,
};

/* Two namespaces. */
FIXTURE_VARIANT_ADD(stress, across)
{
	.link = &fsk_veth,
	.memory = true,
};

FIXTURE_SETUP(stress)
{
	bool across = variant->memory && variant->link == &fsk_veth;

	ASSERT_EQ(0, fsk_same_host(across ? 2 : 1));
	self->listener = fsk_listen(_metadata, variant->link, 128);
	ASSERT_EQ(0, fsk_set_timeout(self->listener, SO_RCVTIMEO, 200));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
}

FIXTURE_TEARDOWN(stress)
{
	munmap(shared, sizeof(*shared));
	close(self->listener);
}

TEST_F_TIMEOUT(stress, payloads, 3600)
{
	const char *wish = getenv("FSK_STRESS_SECONDS");
	const char *ns = variant->link->server_ns;
	uint64_t end = fsk_now_ms() + 1000 * (wish ? atoi(wish) : SECONDS);
	uint16_t port = fsk_port(self->listener);
	pid_t server[CLIENTS], client[CLIENTS];
	long bytes = fsk_stat(ns, "FskInBytes");
	long frames = fsk_stat(ns, "FskInFrames");
	int i;

	for (i = 0; i < CLIENTS; i++) {
		server[i] = fsk_fork();
		if (!server[i])
			_exit(stress_server(self->listener, i + 1));
		client[i] = fsk_fork();
		if (!client[i])
			_exit(stress_client(variant->link, port, i + 100,
					    end));
	}
	for (i = 0; i < CLIENTS; i++)
		EXPECT_EQ(0, fsk_reap(client[i]));
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < CLIENTS; i++)
		EXPECT_EQ(0, fsk_reap(server[i]));
	bytes = fsk_stat(ns, "FskInBytes") - bytes;
	frames = fsk_stat(ns, "FskInFrames") - frames;
	TH_LOG("%u connections, %ld bytes, %ld frames", shared->next, bytes,
	       frames);
	EXPECT_LT(1000000, bytes);
	/* Frames open and end connections that use memory. */
	EXPECT_EQ(variant->memory, frames <= 4 * shared->next);
	/* Also those whose holders were killed, or that nobody holds. */
	EXPECT_EQ(0, collect_garbage());
	EXPECT_TRUE(FSK_UNTIL(!fsk_stat(ns, "FskCurrEstab")));
}

FSK_TEST_MAIN
