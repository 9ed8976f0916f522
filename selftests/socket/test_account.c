// SPDX-License-Identifier: GPL-2.0
// What memory is charged for, to whom, how much, and what is left when there is
// none.
// fastsock: timeout=300

#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fsk_test.h"

#include <linux/userfaultfd.h>

#define KIB		1024UL
#define MIB		(1024 * KIB)
#define PAGE		4096
#define MANY		100	/* connections */

static const char *cgroup_root = "/sys/fs/cgroup";

FIXTURE(account)
{
	char cgroup[64];
};

FIXTURE_VARIANT(account)
{
	const struct fsk_link *link;
	int same_host;
};

FIXTURE_VARIANT_ADD(account, veth)
{
	.link = &fsk_veth, .same_host = 1,
};

FIXTURE_VARIANT_ADD(account, lo)
{
	.link = &fsk_lo, .same_host = 1,
};

FIXTURE_VARIANT_ADD(account, shared)
{
	.link = &fsk_veth, .same_host = 2,
};

static int put(const char *dir, const char *file, const char *text)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

FIXTURE_SETUP(account)
{
	ASSERT_EQ(0, fsk_same_host(variant->same_host));
	snprintf(self->cgroup, sizeof(self->cgroup), "%s/account-%d",
		 cgroup_root, getpid());
	if (put(cgroup_root, "cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory cgroups");
	ASSERT_EQ(0, mkdir(self->cgroup, 0755));
}

FIXTURE_TEARDOWN(account)
{
	rmdir(self->cgroup);
	fsk_same_host(1);
}

/* A number of the cgroup's memory.stat, -1 if there is none. */
static long charged(const char *cgroup, const char *what)
{
	char path[128], format[32];

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	snprintf(format, sizeof(format), "%s %%ld", what);
	return fsk_number_in(path, format);
}

/*
 * Connections whose bytes are there before accept(); each ends by a reset.
 * Return: what their sockets are charged for while @held are unread, or -1.
 */
static long talk_before_accept(struct __test_metadata *_metadata,
			       const char *cgroup, const struct fsk_link *link)
{
	int listener, client, server, i;
	char buf[5000] = "";

	if (put(cgroup, "cgroup.procs", "0"))
		return -1;
	listener = fsk_listen(_metadata, link, MANY);
	for (i = 0; i < MANY; i++) {
		client = fsk_dial(_metadata, link, fsk_port(listener));
		if (send(client, buf, sizeof(buf), 0) != sizeof(buf))
			return -1;
		server = fsk_accept(_metadata, listener);
		/* Half of them end with bytes unread. */
		if (i & 1 && fsk_recv_all(server, buf, sizeof(buf)) < 0)
			return -1;
		fsk_set_linger(client, 0);
		close(client);
		close(server);
	}
	close(listener);
	return 0;
}

/* What came before accept() is not charged for ever. */
TEST_F(account, bytes_before_accept)
{
	pid_t pid = fsk_fork();

	if (!pid)
		_exit(talk_before_accept(_metadata, self->cgroup,
					 variant->link) < 0);
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_TRUE(FSK_UNTIL(!charged(self->cgroup, "sock"))) {
		TH_LOG("%ld bytes are still charged",
		       charged(self->cgroup, "sock"));
	}
}

/* The largest buffers that the kernel knows, in bytes; it doubles them. */
static int largest_buffers(int fd)
{
	return fsk_set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, INT_MAX) ||
	       fsk_set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, INT_MAX);
}

/* Sums of them do not fit an int, and not all an unsigned one. */
TEST_F(account, largest_buffers)
{
	const struct fsk_link *link = variant->link;
	int listener = fsk_listen(_metadata, link, 1), client, server, i;

	ASSERT_EQ(0, largest_buffers(listener));
	client = fsk_socket(link->client_ns, SOCK_CLOEXEC);
	ASSERT_LE(0, client);
	ASSERT_EQ(0, largest_buffers(client));
	ASSERT_EQ(0, fsk_connect(client, link->server_ip, fsk_port(listener)));
	ASSERT_TRUE(fsk_is_fast(client));
	server = fsk_accept(_metadata, listener);
	EXPECT_LT(INT_MAX - 10, fsk_int_option(server, SOL_SOCKET, SO_SNDBUF));
	for (i = 0; i < 2; i++) {
		int from = i ? server : client, to = i ? client : server;

		EXPECT_EQ(POLLOUT, fsk_events(from));
		ASSERT_EQ(1, send(from, "x", 1, MSG_DONTWAIT));
		ASSERT_EQ(1, fsk_recv_all(to, &(char){ 0 }, 1));
		ASSERT_EQ(0, fsk_send_pattern(from, i, 0, MIB));
		EXPECT_TRUE(FSK_UNTIL(fsk_unread(to) == MIB));
		EXPECT_EQ(MIB, fsk_recv_pattern(to, i, 0, MIB));
	}
	close(client);
	close(server);
	close(listener);
}

struct faulting_reader {
	int fd;
	char *page;
	ssize_t got;
};

static void *read_into_page(void *data)
{
	struct faulting_reader *reader = data;

	reader->got = recv(reader->fd, reader->page, PAGE, 0);
	return NULL;
}

/* A page whose first touch waits for who has the descriptor; -1 if none. */
static int page_that_waits(struct faulting_reader *reader)
{
	struct uffdio_register range = {
		.range.len = PAGE, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		return -1;
	reader->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (unsigned long)reader->page;
	return ioctl(uffd, UFFDIO_REGISTER, &range) ? -1 : uffd;
}

/* What comes while a reader owns the socket waits for it, unread bytes or not. */
TEST(backlog_of_the_largest_buffers)
{
	struct uffdio_zeropage zero = { .range.len = PAGE };
	int listener = fsk_listen(_metadata, &fsk_veth, 1);
	int client = fsk_dial(_metadata, &fsk_veth, fsk_port(listener));
	struct faulting_reader reader = {
		.fd = fsk_accept(_metadata, listener),
	};
	int uffd = page_that_waits(&reader);
	struct uffd_msg fault;
	pthread_t thread;
	long drops;

	if (uffd < 0)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, largest_buffers(reader.fd));
	ASSERT_EQ(0, fsk_send_pattern(client, 1, 0, 300 * KIB));
	ASSERT_TRUE(FSK_UNTIL(fsk_unread(reader.fd) == 300 * KIB));
	drops = fsk_stat("b", "FskDropBacklog");
	ASSERT_EQ(0, pthread_create(&thread, NULL, read_into_page, &reader));
	/* It has begun to copy. */
	ASSERT_EQ(sizeof(fault), read(uffd, &fault, sizeof(fault)));
	EXPECT_EQ(0, fsk_send_pattern(client, 1, 300 * KIB, KIB));
	fsk_sleep_ms(100);
	EXPECT_EQ(drops, fsk_stat("b", "FskDropBacklog"));
	zero.range.start = (unsigned long)reader.page;
	EXPECT_EQ(0, ioctl(uffd, UFFDIO_ZEROPAGE, &zero));
	pthread_join(thread, NULL);
	EXPECT_EQ(PAGE, reader.got);
	EXPECT_EQ(301 * KIB - PAGE,
		  fsk_recv_pattern(reader.fd, 1, PAGE, 301 * KIB - PAGE));
	close(uffd);
	close(reader.fd);
	close(client);
	close(listener);
}

/* Pages that TCP's sockets hold, fastsock's among them. */
static long pages(void)
{
	return fsk_number_in("/proc/net/sockstat",
			     "TCP: inuse %*d orphan %*d tw %*d alloc %*d mem %ld");
}

/* The host's, so it is only where the host's namespace is. */
static const char *tcp_mem = "/proc/sys/net/ipv4/tcp_mem";

static int enter_host(void)
{
	int fd = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);

	close(fd);
	return err;
}

FIXTURE(exhausted)
{
	char limits[64];
	int hogs[8][2];
	int hog_listener;
	int listener;
	int client;
	int server;
};

FIXTURE_VARIANT(exhausted)
{
	const struct fsk_link *link;
	int same_host;
};

FIXTURE_VARIANT_ADD(exhausted, veth)
{
	.link = &fsk_veth, .same_host = 1,
};

FIXTURE_VARIANT_ADD(exhausted, lo)
{
	.link = &fsk_lo, .same_host = 1,
};

FIXTURE_VARIANT_ADD(exhausted, shared)
{
	.link = &fsk_veth, .same_host = 2,
};

static int set_tcp_mem(const char *limits)
{
	return enter_host() || put("/proc/sys/net/ipv4", "tcp_mem", limits);
}

/* Others hold far more memory than tcp_mem allows to all. */
FIXTURE_SETUP(exhausted)
{
	int fd, i;

	ASSERT_EQ(0, fsk_same_host(variant->same_host));
	self->listener = fsk_listen(_metadata, variant->link, 1);
	self->client = fsk_dial(_metadata, variant->link,
				fsk_port(self->listener));
	self->server = fsk_accept(_metadata, self->listener);
	/* A test that hung would leave the next one without memory. */
	for (i = 0; i < 2; i++) {
		fd = i ? self->server : self->client;
		ASSERT_EQ(0, fsk_set_timeout(fd, SO_RCVTIMEO, 10000));
		ASSERT_EQ(0, fsk_set_timeout(fd, SO_SNDTIMEO, 10000));
	}
	self->hog_listener = fsk_listen(_metadata, &fsk_lo, 8);
	/* The count is exact to 256 pages for each of two processors. */
	for (i = 0; i < 8 && pages() < 1200; i++) {
		self->hogs[i][0] = fsk_dial(_metadata, &fsk_lo,
					    fsk_port(self->hog_listener));
		self->hogs[i][1] = fsk_accept(_metadata, self->hog_listener);
		fsk_stuff(self->hogs[i][0], 1);
	}
	ASSERT_LE(1200, pages());
	ASSERT_EQ(0, enter_host());
	fd = open(tcp_mem, O_RDONLY | O_CLOEXEC);
	ASSERT_LT(0, read(fd, self->limits, sizeof(self->limits) - 1));
	close(fd);
	ASSERT_EQ(0, set_tcp_mem("1 1 1"));
}

FIXTURE_TEARDOWN(exhausted)
{
	int i;

	set_tcp_mem(self->limits);
	for (i = 0; i < 8; i++) {
		if (!self->hogs[i][0])
			continue;
		close(self->hogs[i][0]);
		close(self->hogs[i][1]);
	}
	close(self->client);
	close(self->server);
	close(self->listener);
	close(self->hog_listener);
	fsk_same_host(1);
}

/* A reader who reads what there is gets more, and the rest afterwards. */
TEST_F(exhausted, all_who_read_get_on)
{
	size_t len = 100 * KIB;
	pid_t pid = fsk_fork();

	if (!pid)
		_exit(fsk_send_pattern(self->client, 1, 0, len) ||
		      shutdown(self->client, SHUT_WR));
	EXPECT_EQ(len, fsk_recv_pattern(self->server, 1, 0, len));
	EXPECT_EQ(0, fsk_reap(pid));
	EXPECT_EQ(0, recv(self->server, &(char){ 0 }, 1, 0));
	/* The other way with memory again. */
	ASSERT_EQ(0, set_tcp_mem(self->limits));
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_send_pattern(self->server, 2, 0, MIB));
	EXPECT_EQ(MIB, fsk_recv_pattern(self->client, 2, 0, MIB));
	EXPECT_EQ(0, fsk_reap(pid));
}

/* For so long a program writes whenever poll() says so: how often in vain. */
static int writes_in_vain(int fd, unsigned int ms, uint64_t *written)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	uint64_t end = fsk_now_ms() + ms;
	int in_vain = 0;
	char buf[4096];
	ssize_t n;

	while (fsk_now_ms() < end) {
		if (poll(&pfd, 1, 10) <= 0)
			continue;
		fsk_fill(buf, sizeof(buf), 3, *written);
		n = send(fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			*written += n;
		else
			in_vain++;
	}
	return in_vain;
}

/* Where nothing can be written poll() waits, but for a try now and then. */
TEST_F(exhausted, poll_waits_for_memory)
{
	uint64_t written = 0, more;
	int in_vain;

	in_vain = writes_in_vain(self->client, 2000, &written);
	EXPECT_LT(0, written);
	EXPECT_GE(100, in_vain) {
		TH_LOG("%ld bytes taken", (long)written);
	}
	EXPECT_EQ(written, fsk_recv_pattern(self->server, 3, 0, written));
	EXPECT_TRUE(FSK_UNTIL(fsk_events(self->client) & POLLOUT));
	more = written;
	writes_in_vain(self->client, 200, &more);
	EXPECT_LT(written, more);
	EXPECT_EQ(more - written, fsk_recv_pattern(self->server, 3, written,
						   more - written));
}

/* It waits for more than there is memory for: what there is must do. */
TEST_F(exhausted, reader_that_polls_for_much)
{
	struct pollfd pfd = { .fd = self->server, .events = POLLIN };
	size_t len = 100 * KIB, done = 0;
	char buf[16 * KIB];
	pid_t pid;
	ssize_t n;

	ASSERT_EQ(0, fsk_set_int(self->server, SOL_SOCKET, SO_RCVLOWAT,
				 sizeof(buf)));
	pid = fsk_fork();
	if (!pid)
		_exit(fsk_send_pattern(self->client, 4, 0, len) ||
		      shutdown(self->client, SHUT_WR));
	while (done < len && poll(&pfd, 1, 10000) == 1) {
		n = recv(self->server, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			break;
		EXPECT_EQ(-1, fsk_wrong(buf, n, 4, done));
		done += n;
	}
	EXPECT_EQ(len, done);
	if (done < len)
		kill(pid, SIGKILL);
	EXPECT_EQ(0, fsk_reap(pid));
}

/* Connections in memory that once were full, and have been read to the end. */
FIXTURE(drained)
{
	int listener;
	int ends[16][2];
	long before;
};

/* The count of pages is exact to 256 for each of two processors. */
#define COUNT_SLACK	600

FIXTURE_SETUP(drained)
{
	static char buf[MIB];
	int i;

	/* What other tests held goes first. */
	fsk_sleep_ms(3000);
	self->before = pages();
	self->listener = fsk_listen(_metadata, &fsk_lo, 16);
	for (i = 0; i < 16; i++) {
		self->ends[i][0] = fsk_dial(_metadata, &fsk_lo,
					    fsk_port(self->listener));
		self->ends[i][1] = fsk_accept(_metadata, self->listener);
		/* Within the host a buffer takes its fill at once. */
		while (send(self->ends[i][0], buf, sizeof(buf),
			    MSG_DONTWAIT) > 0)
			;
	}
	ASSERT_LT(self->before + 3 * COUNT_SLACK, pages());
	for (i = 0; i < 16; i++)
		while (recv(self->ends[i][1], buf, sizeof(buf),
			    MSG_DONTWAIT) > 0)
			;
}

FIXTURE_TEARDOWN(drained)
{
	int i;

	for (i = 0; i < 16; i++) {
		close(self->ends[i][0]);
		close(self->ends[i][1]);
	}
	close(self->listener);
}

/* A byte there and back on each. */
static bool all_talk(int ends[16][2])
{
	char byte;
	int i;

	for (i = 0; i < 16; i++)
		if (send(ends[i][0], "x", 1, 0) != 1 ||
		    recv(ends[i][1], &byte, 1, 0) != 1 ||
		    send(ends[i][1], "y", 1, 0) != 1 ||
		    recv(ends[i][0], &byte, 1, 0) != 1)
			return false;
	return true;
}

/* Those that are in use give back what they do not use. */
TEST_F(drained, busy_connections_hold_little)
{
	uint64_t end = fsk_now_ms() + 20000;

	do {
		ASSERT_TRUE(all_talk(self->ends));
		fsk_sleep_ms(100);
	} while (pages() > self->before + COUNT_SLACK && fsk_now_ms() < end);
	EXPECT_GE(self->before + COUNT_SLACK, pages());
	EXPECT_TRUE(all_talk(self->ends));
	/* And can have it again. */
	ASSERT_EQ(0, fsk_send_pattern(self->ends[0][0], 1, 0, 64 * KIB));
	EXPECT_EQ(64 * KIB, fsk_recv_pattern(self->ends[0][1], 1, 0, 64 * KIB));
}

/* A host short of memory has it at once; to drop caches is to play that. */
TEST_F(drained, memory_for_a_host_that_needs_it)
{
	uint64_t start = fsk_now_ms();
	long held = pages(), left;

	ASSERT_EQ(0, put("/proc/sys/vm", "drop_caches", "2"));
	left = pages();
	if (fsk_now_ms() - start > 900)
		SKIP(return, "too slow to tell it from what goes by itself");
	EXPECT_LT(self->before + 2 * COUNT_SLACK, held);
	EXPECT_GE(self->before + COUNT_SLACK, left);
	EXPECT_TRUE(all_talk(self->ends));
}

FSK_TEST_MAIN
