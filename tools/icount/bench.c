// SPDX-License-Identifier: GPL-2.0
/*
 * Counts instructions per socket operation in a guest that runs under "-icount
 * shift=0", where the TSC counts them:
 *
 *   bench [-b BATCHES] LINK PATH [TEST]...
 *
 * LINK is "veth", between two network namespaces; "host", 127.0.0.1 in one of
 * them; "veth6" and "host6", the same with addresses of IPv6; or a floor: "unix", AF_UNIX sockets, "eventfd", two processes that only
 * wake each other, "raw", packet sockets on the veth pair.
 *
 * PATH is what every connection must take, "tcp", "fastsock" or "delegated", or
 * "any".  The counters of fastsock and of TCP say which one it was.
 *
 * TEST is a name of the table below, by default all that LINK can do, or
 * KIND:REQUEST:REPLY:COUNT with the kinds "echo", "bulk" and "open", which set
 * TCP_NODELAY.  -b is for tests that run often in one boot: less warming up.
 *
 * A line of output is "TEST MEDIAN LEAST MOST OPERATIONS PATH": the figures are
 * over batches, per operation or per byte, and of "idle" bytes of memory.  Of
 * "tail_1", which only runs by name, the first figure is the time that one
 * operation of a thousand takes longer than.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLIENT_NETNS	"/run/netns/client"
#define SERVER_NETNS	"/run/netns/server"
#define CHUNK		65536
#define FRAME		1500	/* bytes that a frame carries */
#define ETHERTYPE	0x88b6	/* not fastsock's */
#define MAX_BATCHES	100
#define TAIL		20000	/* operations of a test that looks at the slowest */
#define IDLE_FIRST	500	/* idle connections that are not counted */
#define IDLE		1500	/* those that are */
#define IDLE_SLEEP	6	/* seconds, until memory just used is given back */

static char buffer[CHUNK];
static struct sockaddr_storage server;
static socklen_t server_len;
static int warm_up = 2;		/* batches that are not counted */
static int batches = 20;	/* batches that are */
static long connections;	/* opened by the client so far */
static uint64_t each[TAIL];	/* what every operation took */

struct test {
	const char *name;
	size_t size;	/* of a request or a write */
	size_t reply;
	int count;	/* operations of a batch, or connections */
	/* The server's side of so many operations, on a listener. */
	void (*serve)(const struct test *t, int listener, int operations);
	/* One batch; fd is the connection, if the test keeps one. */
	void (*batch)(const struct test *t, int fd);
	bool keeps;	/* one connection serves all batches */
	bool per_byte;	/* the figure is per byte, not per operation */
	/*
	 * TCP_NODELAY, or the last of many small writes waits for a delayed
	 * acknowledgment.
	 */
	bool nodelay;
};

/* What tests run over. */
struct link {
	const char *name;
	const char *client;	/* network namespaces */
	const char *server;
	const char *address;	/* IP's, of the server */
	/* Makes both ends, where there is nothing to listen and connect. */
	void (*make)(void);
	void (*send)(int fd, size_t len);
	void (*recv)(int fd, size_t len);
	size_t echo;		/* the largest message that it takes */
	size_t bulk;		/* and the largest write */
};

static const struct link *lnk;
/* The ends that make() has made, and their devices. */
static int client_end = -1;
static int server_end = -1;
static int client_device;
static int server_device;

static uint64_t ticks(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/* Instructions without effect that profile.c looks for. */
static void profile_begin(void)
{
	asm volatile("xchg %%rbx, %%rbx" : : : "memory");
}

static void profile_end(void)
{
	asm volatile("xchg %%rcx, %%rcx" : : : "memory");
}

static void enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "%s", netns);
	close(fd);
}

static void stream_send(int fd, size_t len)
{
	ssize_t n;

	for (; len; len -= n) {
		n = send(fd, buffer, len < CHUNK ? len : CHUNK, 0);
		if (n <= 0)
			err(1, "send");
	}
}

static void stream_recv(int fd, size_t len)
{
	ssize_t n;

	for (; len; len -= n) {
		n = recv(fd, buffer, len < CHUNK ? len : CHUNK, 0);
		if (n <= 0)
			err(1, "recv");
	}
}

static int listen_at(int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM, 0);

	server_len = sizeof(server);
	if (fd < 0 || bind(fd, address, len) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&server, &server_len))
		err(1, "listen");
	return fd;
}

static int listen_inet(const char *address)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = listen_at(AF_INET, (struct sockaddr *)&any, sizeof(any));

	inet_pton(AF_INET, address, &((struct sockaddr_in *)&server)->sin_addr);
	return fd;
}

static int listen_inet6(const char *address)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd = listen_at(AF_INET6, (struct sockaddr *)&any, sizeof(any));

	inet_pton(AF_INET6, address,
		  &((struct sockaddr_in6 *)&server)->sin6_addr);
	return fd;
}

static bool is_inet(void)
{
	return server.ss_family == AF_INET || server.ss_family == AF_INET6;
}

/* An abstract name, which the kernel chooses. */
static int listen_unix(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	return listen_at(AF_UNIX, (struct sockaddr *)&any,
			 sizeof(any.sun_family));
}

static void set_options(const struct test *t, int fd)
{
	int one = 1;

	if (t->nodelay && is_inet() &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		err(1, "TCP_NODELAY");
}

static int open_connection(const struct test *t)
{
	int fd;

	if (lnk->make)
		return client_end;
	fd = socket(server.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		err(1, "socket");
	set_options(t, fd);
	if (connect(fd, (struct sockaddr *)&server, server_len))
		err(1, "connect");
	connections++;
	return fd;
}

static int accept_connection(const struct test *t, int listener)
{
	int fd;

	if (lnk->make)
		return server_end;
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		err(1, "accept");
	set_options(t, fd);
	return fd;
}

/* An event has no size; who writes to one descriptor reads from the other. */
static void event_send(int fd, size_t len)
{
	eventfd_t value = 1;

	(void)len;
	if (write(fd, &value, sizeof(value)) != sizeof(value))
		err(1, "write");
}

static void event_recv(int fd, size_t len)
{
	eventfd_t value;

	(void)len;
	if (read(fd == client_end ? server_end : client_end, &value,
		 sizeof(value)) != sizeof(value))
		err(1, "read");
}

static void event_make(void)
{
	client_end = eventfd(0, 0);
	server_end = eventfd(0, 0);
	if (client_end < 0 || server_end < 0)
		err(1, "eventfd");
}

/* The addresses are those that "init" gives to the veth pair. */
static void packet_send(int fd, size_t len)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = client_device, .sll_halen = 6,
		.sll_addr = { 2, 0, 0, 0, 0, 2 },
	};
	ssize_t n;

	if (fd == server_end) {
		to.sll_ifindex = server_device;
		to.sll_addr[5] = 1;
	}
	for (; len; len -= n) {
		n = sendto(fd, buffer, len < FRAME ? len : FRAME, 0,
			   (struct sockaddr *)&to, sizeof(to));
		if (n <= 0)
			err(1, "sendto");
	}
}

static int packet_open(const char *netns, int *device)
{
	struct sockaddr_ll own = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE),
	};
	int size = 8 << 20;
	int fd;

	enter(netns);
	*device = if_nametoindex("veth0");
	own.sll_ifindex = *device;
	fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE));
	/* Nothing slows a sender down whose frames nobody reads yet. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		err(1, "packet socket");
	return fd;
}

static void packet_make(void)
{
	server_end = packet_open(lnk->server, &server_device);
	client_end = packet_open(lnk->client, &client_device);
}

#define STREAM	.send = stream_send, .recv = stream_recv, \
		.echo = CHUNK, .bulk = CHUNK

static const struct link links[] = {
	{ "veth", CLIENT_NETNS, SERVER_NETNS, "10.9.0.2", STREAM },
	{ "veth6", CLIENT_NETNS, SERVER_NETNS, "fd09::2", STREAM },
	{ "host", CLIENT_NETNS, CLIENT_NETNS, "127.0.0.1", STREAM },
	{ "host6", CLIENT_NETNS, CLIENT_NETNS, "::1", STREAM },
	{ "unix", CLIENT_NETNS, CLIENT_NETNS, STREAM },
	{ "eventfd", CLIENT_NETNS, CLIENT_NETNS, .make = event_make,
	  .send = event_send, .recv = event_recv, .echo = 1 },
	{ "raw", CLIENT_NETNS, SERVER_NETNS, .make = packet_make,
	  .send = packet_send, .recv = stream_recv, .echo = CHUNK,
	  .bulk = FRAME },
};

/* The other side closes first, as it does in life when a reply came. */
static void wait_end(int fd)
{
	if (lnk->make)
		return;
	if (recv(fd, buffer, 1, 0))
		errx(1, "unexpected data");
	close(fd);
}

static void echo_serve(const struct test *t, int listener, int operations)
{
	int fd = accept_connection(t, listener);
	int i;

	for (i = 0; i < operations; i++) {
		lnk->recv(fd, t->size);
		lnk->send(fd, t->reply);
	}
	wait_end(fd);
}

static void echo_batch(const struct test *t, int fd)
{
	int i;

	for (i = 0; i < t->count; i++) {
		lnk->send(fd, t->size);
		lnk->recv(fd, t->reply);
	}
}

static void tail_batch(const struct test *t, int fd)
{
	uint64_t start;
	int i;

	for (i = 0; i < t->count; i++) {
		start = ticks();
		lnk->send(fd, t->size);
		lnk->recv(fd, t->reply);
		each[i] = ticks() - start;
	}
}

static void bulk_serve(const struct test *t, int listener, int operations)
{
	int fd = accept_connection(t, listener);
	int i;

	for (i = 0; i < operations; i += t->count) {
		lnk->recv(fd, t->size * t->count);
		lnk->send(fd, t->reply);
	}
	wait_end(fd);
}

static void bulk_batch(const struct test *t, int fd)
{
	int i;

	for (i = 0; i < t->count; i++)
		lnk->send(fd, t->size);
	lnk->recv(fd, t->reply);
}

static void open_serve(const struct test *t, int listener, int operations)
{
	int i, fd;

	for (i = 0; i < operations; i++) {
		fd = accept_connection(t, listener);
		lnk->recv(fd, t->size);
		lnk->send(fd, t->reply);
		wait_end(fd);
	}
}

static void open_batch(const struct test *t, int unused)
{
	int i, fd;

	(void)unused;
	for (i = 0; i < t->count; i++) {
		fd = open_connection(t);
		lnk->send(fd, t->size);
		lnk->recv(fd, t->reply);
		close(fd);
	}
}

#define ECHO	.serve = echo_serve, .batch = echo_batch, .keeps = true
#define BULK	.serve = bulk_serve, .batch = bulk_batch, .keeps = true
#define OPEN	.serve = open_serve, .batch = open_batch

static const struct test tests[] = {
	{ "round_trip_1", 1, 1, 100, ECHO },
	{ "round_trip_1k", 1024, 1024, 50, ECHO },
	{ "round_trip_16k", 16384, 16384, 20, ECHO },
	{ "round_trip_64k", 65536, 65536, 5, ECHO },
	{ "bulk_64k", 65536, 1, 8, BULK, .per_byte = true },
	{ "bulk_4k", 4096, 1, 64, BULK, .per_byte = true },
	{ "bulk_1k", 1024, 1, 256, BULK, .per_byte = true },
	{ "connect_1_close", 1, 1, 20, OPEN },
	{ "idle", 1, 1, IDLE },
	{ "tail_1", 1, 1, TAIL, .serve = echo_serve, .batch = tail_batch,
	  .keeps = true },
};

/* KIND:REQUEST:REPLY:COUNT */
static const struct test kinds[] = {
	{ "echo", ECHO, .nodelay = true },
	{ "bulk", BULK, .nodelay = true },
	{ "open", OPEN, .nodelay = true },
};

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

static bool link_can(const struct test *t)
{
	if (!t->serve || t->serve == open_serve)
		return !lnk->make;
	if (t->serve == bulk_serve)
		return t->size <= lnk->bulk;
	return t->size <= lnk->echo;
}

/* The sum of the counters with this prefix; 0 without the module. */
static long counter(const char *prefix)
{
	FILE *file = fopen("/proc/net/fastsock_stat", "re");
	long value, sum = 0;
	char name[64];

	if (!file)
		return 0;
	while (fscanf(file, "%63s %ld", name, &value) == 2)
		if (!strncmp(name, prefix, strlen(prefix)))
			sum += value;
	fclose(file);
	return sum;
}

/* Connections that were begun, by TCP or by fastsock. */
static long all_opens(void)
{
	FILE *file = fopen("/proc/net/snmp", "re");
	char line[1024];
	long opens = -1;

	if (!file)
		err(1, "/proc/net/snmp");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Tcp: %*d %*d %*d %*d %ld", &opens) == 1)
			break;
	fclose(file);
	if (opens < 0)
		errx(1, "TCP does not say what it opened");
	return opens;
}

/* Where the client's connections went. */
struct opens {
	long made, tcp, fastsock, delegated;
};

static struct opens look(void)
{
	struct opens o = {
		.made = connections,
		.fastsock = counter("FskActiveOpens"),
		.delegated = counter("FskDelegated"),
	};

	o.tcp = all_opens() - o.fastsock;
	return o;
}

static const char *path_since(const struct opens *before)
{
	struct opens now = look();
	long made = now.made - before->made;
	long tcp = now.tcp - before->tcp;
	long fastsock = now.fastsock - before->fastsock;
	long delegated = now.delegated - before->delegated;

	if (!made || !is_inet())
		return "-";
	if (fastsock == made && !tcp && !delegated)
		return "fastsock";
	if (tcp == made && !fastsock && !delegated)
		return "tcp";
	if (tcp == made && !fastsock && delegated == made)
		return "delegated";
	warnx("%ld connections: %ld by TCP, %ld by fastsock, %ld delegated",
	      made, tcp, fastsock, delegated);
	return "mixed";
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const struct test *t, uint64_t *took, const char *path)
{
	double per = t->count * (t->per_byte ? (double)t->size : 1);

	qsort(took, batches, sizeof(*took), compare);
	printf("%s %.3f %.3f %.3f %d %s\n", t->name,
	       (took[(batches - 1) / 2] + took[batches / 2]) / 2 / per,
	       took[0] / per, took[batches - 1] / per, batches * t->count,
	       path);
	fflush(stdout);
}

static bool is_tail(const struct test *t)
{
	return t->batch == tail_batch;
}

static void report_tail(const struct test *t, const char *path)
{
	qsort(each, t->count, sizeof(*each), compare);
	printf("%s %llu %llu %llu %d %s\n", t->name,
	       (unsigned long long)each[t->count - t->count / 1000 - 1],
	       (unsigned long long)each[0],
	       (unsigned long long)each[t->count - 1], t->count, path);
	fflush(stdout);
}

static void run_tail(const struct test *t)
{
	struct opens before = look();
	int fd = open_connection(t);

	profile_begin();
	t->batch(t, fd);
	profile_end();
	report_tail(t, path_since(&before));
	close(fd);
}

static void run_client(const struct test *t, bool counted)
{
	struct opens before = look();
	int fd = t->keeps ? open_connection(t) : -1;
	uint64_t took[MAX_BATCHES], start;
	int i;

	for (i = 0; i < warm_up; i++)
		t->batch(t, fd);
	if (counted) {
		profile_begin();
		for (i = 0; i < batches; i++) {
			start = ticks();
			t->batch(t, fd);
			took[i] = ticks() - start;
		}
		profile_end();
		report(t, took, path_since(&before));
	}
	if (fd >= 0)
		close(fd);
}

/* Pages that a processor keeps at hand are free, too, and not in MemFree. */
static long pages_at_hand(void)
{
	FILE *file = fopen("/proc/zoneinfo", "re");
	long count, sum = 0;
	char line[256];

	if (!file)
		err(1, "zoneinfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %ld", &count) == 1)
			sum += count;
	fclose(file);
	return sum;
}

/* Bytes that are not free. */
static long memory(void)
{
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "we");
	long total = 0, free = 0;

	/* Counts of single processors join the others. */
	if (!file || fputs("1", file) < 0 || fclose(file))
		err(1, "stat_refresh");
	file = fopen("/proc/meminfo", "re");
	if (!file ||
	    fscanf(file, "MemTotal: %ld kB MemFree: %ld", &total, &free) != 2)
		err(1, "meminfo");
	fclose(file);
	return (total - free) * 1024 - pages_at_hand() * getpagesize();
}

/* One byte each way, so that both ends have been at work. */
static void open_idle(const struct test *t, int listener, int *fds)
{
	fds[0] = open_connection(t);
	fds[1] = accept_connection(t, listener);
	lnk->send(fds[0], t->size);
	lnk->recv(fds[1], t->size);
	lnk->send(fds[1], t->reply);
	lnk->recv(fds[0], t->reply);
}

/*
 * What both ends of a connection hold while nothing happens: all memory of the
 * kernel, whatever it is called.
 */
static void run_idle(const struct test *t, int listener)
{
	static int fds[IDLE_FIRST + IDLE][2];
	int total = IDLE_FIRST + IDLE;
	struct opens before = look();
	long used = 0, grown;
	int i;

	memset(fds, 0xff, sizeof(fds));
	for (i = 0; i < total; i++) {
		if (i == IDLE_FIRST) {
			sleep(IDLE_SLEEP);
			used = memory();
		}
		open_idle(t, listener, fds[i]);
	}
	sleep(IDLE_SLEEP);
	grown = memory() - used;
	profile_begin();
	profile_end();
	printf("%s %.1f %.1f %.1f %d %s\n", t->name,
	       (double)grown / t->count, (double)grown / t->count,
	       (double)grown / t->count, t->count, path_since(&before));
	fflush(stdout);
	for (i = 0; i < total; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

static void run_test(const struct test *t, int listener, bool counted)
{
	int operations = is_tail(t) ? t->count :
			 t->count * (warm_up + (counted ? batches : 0));
	int status;
	pid_t pid;

	if (!link_can(t) || (is_tail(t) && !counted))
		return;
	if (!t->serve) {
		if (counted)
			run_idle(t, listener);
		return;
	}
	if (lnk->make)
		lnk->make();
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		enter(lnk->server);
		t->serve(t, listener, operations);
		_exit(0);
	}
	if (is_tail(t))
		run_tail(t);
	else
		run_client(t, counted);
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "%s: the server failed", t->name);
	if (lnk->make)
		close(server_end);
}

/* A test by its name or its sizes. */
static struct test find_test(char *text)
{
	char kind[8] = "";
	struct test t;
	size_t i;
	int end;

	for (i = 0; i < LENGTH(tests); i++)
		if (!strcmp(text, tests[i].name))
			return tests[i];
	for (i = 0; i < LENGTH(kinds); i++) {
		t = kinds[i];
		if (sscanf(text, "%7[^:]:%zu:%zu:%d%n", kind, &t.size, &t.reply,
			   &t.count, &end) == 4 && !text[end] &&
		    t.size && t.reply && t.count > 0 && !strcmp(kind, t.name)) {
			t.name = text;
			return t;
		}
	}
	errx(2, "no test %s", text);
}

static void run_tests(char **names, int listener, bool counted)
{
	struct test t;
	size_t i;

	for (i = 0; names[i]; i++) {
		t = find_test(names[i]);
		run_test(&t, listener, counted);
	}
	for (i = 0; !names[0] && i < LENGTH(tests); i++)
		if (!is_tail(&tests[i]))
			run_test(&tests[i], listener, counted);
}

static const struct link *find_link(const char *name)
{
	size_t i;

	for (i = 0; i < LENGTH(links); i++)
		if (!strcmp(name, links[i].name))
			return &links[i];
	errx(2, "no link %s", name);
}

static int listen_on_link(void)
{
	enter(lnk->server);
	if (lnk->make)
		return -1;
	if (!lnk->address)
		return listen_unix();
	return strchr(lnk->address, ':') ? listen_inet6(lnk->address) :
					   listen_inet(lnk->address);
}

/* Connections that stay open need descriptors, and the table of them. */
static void raise_limits(void)
{
	struct rlimit limit = { 32768, 32768 };

	if (setrlimit(RLIMIT_NOFILE, &limit) ||
	    dup2(1, limit.rlim_cur - 1) < 0)
		err(1, "descriptors");
	close(limit.rlim_cur - 1);
}

static void check(const char *wanted, const struct opens *before)
{
	const char *path = path_since(before);

	if (strcmp(wanted, "any") && strcmp(path, "-") && strcmp(path, wanted))
		errx(1, "the connections are %s, not %s", path, wanted);
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = 1 };
	bool often = argc > 2 && !strcmp(argv[1], "-b");
	struct opens before;
	int listener;

	if (often) {
		batches = atoi(argv[2]);
		warm_up = 1;
		argc -= 2;
		argv += 2;
	}
	if (argc < 3 || batches < 1 || batches > MAX_BATCHES)
		errx(2, "usage: bench [-b BATCHES] LINK PATH [TEST]...");
	lnk = find_link(argv[1]);
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		err(1, "SCHED_FIFO");
	raise_limits();
	listener = listen_on_link();
	enter(lnk->client);

	before = look();
	if (!often) {
		/* What the kernel puts off at first until the CPU is idle. */
		run_tests(argv + 3, listener, false);
		sleep(1);
	}
	run_tests(argv + 3, listener, true);
	check(argv[2], &before);
	return 0;
}
