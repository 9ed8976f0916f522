// SPDX-License-Identifier: GPL-2.0
// Programs that own a socket for as long as they like, asleep in a page fault:
// nobody else may have to wait for them.
// fastsock: timeout=120

#include <linux/userfaultfd.h>
#include <netinet/ip.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fsk_test.h"

#define PAGE		4096UL
/* More than a workqueue runs at a time. */
#define CROWD		300
#define STACK		65536

/* Pages that nobody has until release(). */
struct pages {
	int uffd;
	char *at;
	unsigned int count;
};

/* A call that faults on one of them while it owns a socket. */
struct sleeper {
	pthread_t thread;
	const struct pages *pages;
	unsigned int page;
	struct sockaddr_in to;	/* connects first, without waiting */
	int fd;
	int err;
};

FIXTURE(owner)
{
	struct pages pages;
};

FIXTURE_SETUP(owner)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	struct pages *p = &self->pages;

	p->count = 2 * CROWD;
	p->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (p->uffd < 0 && errno == ENOSYS)
		SKIP(return, "this kernel has no userfaultfd");
	ASSERT_LE(0, p->uffd);
	ASSERT_EQ(0, ioctl(p->uffd, UFFDIO_API, &api));
	p->at = mmap(NULL, p->count * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, p->at);
	range.range.start = (unsigned long)p->at;
	range.range.len = p->count * PAGE;
	ASSERT_EQ(0, ioctl(p->uffd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(0, fsk_lan_up());
}

static int workers_on(const char *mask);

FIXTURE_TEARDOWN(owner)
{
	workers_on("ffffffff");
	fsk_lan_down();
}

/* How many calls have come to sleep since the last look, at most @max. */
static int asleep(const struct pages *p, int max)
{
	struct uffd_msg msg;
	int n = 0;

	while (n < max && read(p->uffd, &msg, sizeof(msg)) == sizeof(msg))
		n += msg.event == UFFD_EVENT_PAGEFAULT;
	return n;
}

/* Ends the sleep of all that fault on these pages, with a bad option. */
static int release(const struct pages *p, unsigned int first,
		   unsigned int count)
{
	static char bad[PAGE] __attribute__((aligned(4096))) = {
		IPOPT_RR, 1,
	};
	struct uffdio_copy copy = { .src = (unsigned long)bad, .len = PAGE };
	unsigned int i;

	for (i = first; i < first + count; i++) {
		copy.dst = (unsigned long)p->at + i * PAGE;
		if (ioctl(p->uffd, UFFDIO_COPY, &copy))
			return -1;
	}
	return 0;
}

static void *own(void *arg)
{
	struct sleeper *s = arg;

	if (s->to.sin_port &&
	    (!connect(s->fd, (void *)&s->to, sizeof(s->to)) ||
	     errno != EINPROGRESS || !fsk_is_fast(s->fd)))
		return NULL;
	/* The option is copied under the lock of the socket. */
	if (setsockopt(s->fd, IPPROTO_IP, IP_OPTIONS,
		       s->pages->at + s->page * PAGE, 4))
		s->err = errno;
	return NULL;
}

static int start(struct sleeper *s, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	if (priority) {
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		pthread_attr_setschedparam(&attr, &param);
	}
	err = pthread_create(&s->thread, &attr, own, s);
	pthread_attr_destroy(&attr);
	return err;
}

/* Does a command end in some seconds?  Whoever deletes a device may wait. */
static bool ends_soon(const char *command)
{
	uint64_t end = fsk_now_ms() + (fsk_debug_kernel() ? 40000 : 8000);
	pid_t pid = fsk_fork();
	int status;
	pid_t got;

	if (!pid)
		execl("/bin/sh", "sh", "-c", command, NULL);
	do {
		fsk_sleep_ms(20);
		got = waitpid(pid, &status, WNOHANG);
	} while (!got && fsk_now_ms() < end);
	return got == pid && !status;
}

static void begin(struct __test_metadata *_metadata, struct pages *p,
		  struct sleeper *s, int n)
{
	int i, seen = 0;

	for (i = 0; i < n; i++) {
		s[i].pages = p;
		s[i].page = i;
		ASSERT_EQ(0, start(&s[i], 0));
	}
	ASSERT_TRUE(FSK_UNTIL((seen += asleep(p, n)) == n));
}

static void finish(struct __test_metadata *_metadata, struct pages *p,
		   struct sleeper *s, int n)
{
	int i;

	ASSERT_EQ(0, release(p, 0, n));
	for (i = 0; i < n; i++) {
		pthread_join(s[i].thread, NULL);
		EXPECT_EQ(EINVAL, s[i].err);
	}
}

/* The reference on the device goes, whoever owns the socket. */
TEST_F(owner, device_of_a_connection_goes)
{
	int listener = fsk_listen(_metadata, &fsk_veth, 1);
	int client = fsk_dial(_metadata, &fsk_veth, fsk_port(listener));
	int server = fsk_accept(_metadata, listener);
	struct sleeper s[2] = { { .fd = client }, { .fd = server } };

	begin(_metadata, &self->pages, s, 2);
	EXPECT_TRUE(ends_soon("ip -n a link del eth0"));
	finish(_metadata, &self->pages, s, 2);
	EXPECT_EQ(1, send(client, "x", 1, 0));
	EXPECT_EQ(1, send(server, "x", 1, 0));
	/* Nobody hears them: orphans would hold the module for minutes. */
	fsk_set_linger(client, 0);
	fsk_set_linger(server, 0);
	close(client);
	close(server);
	close(listener);
}

/* Likewise while it connects: with TCP it ends when that gives up. */
TEST_F(owner, device_of_a_connect_goes)
{
	struct sleeper s = { .to = fsk_addr("10.77.0.2", 5000) };

	ASSERT_EQ(0, fsk_run("./helper_at b tc qdisc add dev eth0 clsact && "
			     "./helper_at b tc filter add dev eth0 ingress "
			     "matchall action drop"));
	s.fd = fsk_socket("a", SOCK_NONBLOCK);
	ASSERT_LE(0, s.fd);
	begin(_metadata, &self->pages, &s, 1);
	EXPECT_TRUE(ends_soon("ip -n a link del eth0"));
	finish(_metadata, &self->pages, &s, 1);
	fsk_set_linger(s.fd, 0);
	close(s.fd);
}

/* What workers of any queue may run on; only the first processor, or as before. */
static int workers_on(const char *mask)
{
	int fd = open("/sys/devices/virtual/workqueue/cpumask",
		      O_WRONLY | O_CLOEXEC);
	int n = write(fd, mask, strlen(mask));

	close(fd);
	return n < 0 ? -1 : 0;
}

/* This thread, and those that it starts, beside the workers but before them. */
static int before_workers(void)
{
	struct sched_param param = { .sched_priority = 50 };
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	return sched_setaffinity(0, sizeof(first), &first) ||
	       sched_setscheduler(0, SCHED_FIFO, &param) || workers_on("1");
}

static int connects(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, ms) == 1 &&
	       !fsk_int_option(fd, SOL_SOCKET, SO_ERROR);
}

/* A connect that gets no answer to its frames, and falls back. */
static bool victim_connects(struct __test_metadata *_metadata)
{
	static const struct fsk_link back = {
		"b", "a", "10.77.0.2", "10.77.0.1",
	};
	int listener = fsk_listen(_metadata, &back, 1);
	int fd = fsk_socket("b", SOCK_NONBLOCK);
	long before = fsk_stat("b", "FskDelegatedTimeout");
	bool ok;

	ASSERT_EQ(-1, fsk_connect(fd, back.server_ip, fsk_port(listener)));
	ASSERT_EQ(EINPROGRESS, errno);
	ok = connects(fd, fsk_debug_kernel() ? 40000 : 10000);
	EXPECT_EQ(before + 1, fsk_stat("b", "FskDelegatedTimeout"));
	close(fd);
	close(listener);
	return ok;
}

/*
 * Each socket is owned when its handshake times out, and again when a worker
 * comes to give it to TCP: a second call has waited for the first, both asleep
 * in a fault.  Connects of others, in another namespace, use the same workers.
 */
TEST_F(owner, crowd_that_falls_back)
{
	struct sleeper *first = calloc(2 * CROWD, sizeof(*first));
	struct sleeper *second = first + CROWD;
	int listener = fsk_listen(_metadata, &fsk_veth, 2 * CROWD);
	struct sched_param param = {};
	int i, seen = 0, all = 0;

	ASSERT_EQ(0, fsk_run("./helper_at b tc qdisc add dev eth0 clsact && "
			     "./helper_at b tc filter add dev eth0 ingress "
			     "protocol 0x88b5 matchall action drop"));
	ASSERT_EQ(0, before_workers());
	for (i = 0; i < 2 * CROWD; i++) {
		first[i].pages = &self->pages;
		first[i].page = i;
	}
	for (i = 0; i < CROWD; i++) {
		first[i].to = fsk_addr("10.77.0.2", fsk_port(listener));
		first[i].fd = fsk_socket("a", SOCK_NONBLOCK);
		ASSERT_LE(0, first[i].fd);
		ASSERT_EQ(0, start(&first[i], 40));
	}
	/* A handshake of 40 ms may be over before its thread gets that far. */
	if (!FSK_UNTIL((seen += asleep(&self->pages, CROWD)) == CROWD))
		SKIP(return, "%d of %d are asleep, the machine is too busy",
		     seen, CROWD);
	for (i = 0; i < CROWD; i++) {
		second[i].fd = first[i].fd;
		ASSERT_EQ(0, start(&second[i], 45));
	}
	fsk_sleep_ms(500);
	ASSERT_EQ(0, release(&self->pages, 0, CROWD));
	seen = 0;
	ASSERT_TRUE(FSK_UNTIL((seen += asleep(&self->pages, CROWD)) == CROWD));

	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &param));
	/* There is a worker for each, as far as the queue allows. */
	fsk_sleep_ms(3000);
	EXPECT_TRUE(victim_connects(_metadata));
	ASSERT_EQ(0, release(&self->pages, CROWD, CROWD));
	for (i = 0; i < 2 * CROWD; i++) {
		pthread_join(first[i].thread, NULL);
		EXPECT_EQ(EINVAL, first[i].err);
	}
	for (i = 0; i < CROWD; i++) {
		all += connects(first[i].fd, 10000);
		close(first[i].fd);
	}
	EXPECT_EQ(CROWD, all);
	close(listener);
}

/* No main of the others: each test has a LAN of its own. */
int main(int argc, char **argv)
{
	setlinebuf(stdout);
	return test_harness_run(argc, argv);
}
