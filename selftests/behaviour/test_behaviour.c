// SPDX-License-Identifier: GPL-2.0
/*
 * Differential test: whatever a program can see of a TCP socket it sees of a
 * fastsock socket.  The rows are in behaviour/, named as in the table of
 * Documentation/behaviour.rst.
 *
 * fastsock: timeout=900 attempts=1
 *
 *   test_behaviour [PATTERN]...	only rows whose names match
 *   test_behaviour -v [PATTERN]...	and print what they say
 *   test_behaviour -c [PATTERN]...	between the cards eth0 and eth1, and
 *					eth2 and eth3 without fastsock
 *   test_behaviour -a [PATTERN]...	between namespaces that share memory
 *   test_behaviour -r [PATTERN]...	between RDMA devices, see carried.sh
 *   test_behaviour -6 [PATTERN]...	with sockets of AF_INET6 and mapped
 *					addresses; rows that cannot are skipped
 *   test_behaviour -N [PATTERN]...	the same with addresses of IPv6
 *
 * On a kernel with assertions these are what counts: each row runs once, with
 * fastsock, over the LAN.
 */
#include "behaviour.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "kselftest.h"

enum {
	SAID = 65536, PATIENCE = 40 /* s */, ATTEMPTS = 3,
	SKIPPED = 4, BROKEN = 5,
};

/* Two links where nothing differs but net.fastsock.enable; @wire takes the
 * place of @on for rows that cut it.  @shared: the namespaces of @on share
 * memory.
 */
struct place {
	const char *name;
	bool shared;
	struct fsk_link off;
	struct fsk_link on;
	struct fsk_link wire;
};

static const struct place places[] = {
	{
		.name = "lan",
		.off = { "c", "d", "10.77.0.1", "10.77.0.2" },
		.on = { "a", "b", "10.77.0.1", "10.77.0.2" },
		.wire = { "a", "b", "10.77.0.1", "10.77.0.2" },
	}, {
		.name = "lo",
		.off = { "lo1", "lo1", "127.0.0.1", "127.0.0.1" },
		.on = { "lo0", "lo0", "127.0.0.1", "127.0.0.1" },
		.wire = { "lo2", "lo2", "127.0.0.1", "127.0.0.1" },
	},
};

/* The same as the first, with other devices. */
static const struct place between_cards = {
	.name = "cards",
	.off = { "c", "d", "10.77.0.1", "10.77.0.2" },
	.on = { "a", "b", "10.77.0.1", "10.77.0.2" },
	.wire = { "a", "b", "10.77.0.1", "10.77.0.2" },
};

/* The same, with RDMA devices. */
static const struct place over_rdma = {
	.name = "rdma",
	.off = { "c", "d", "10.77.0.1", "10.77.0.2" },
	.on = { "a", "b", "10.77.0.1", "10.77.0.2" },
	.wire = { "a", "b", "10.77.0.1", "10.77.0.2" },
};

static const struct place across = {
	.name = "across",
	.shared = true,
	.off = { "c", "d", "10.77.0.1", "10.77.0.2" },
	.on = { "e", "f", "10.77.0.1", "10.77.0.2" },
	.wire = { "a", "b", "10.77.0.1", "10.77.0.2" },
};

const struct fsk_link *here;
bool mapped, native;

static struct row *rows;
static char *said;	/* of this run, shared with the parent */

void row_add(struct row *row)
{
	struct row **end = &rows;

	while (*end)
		end = &(*end)->next;
	*end = row;
}

void note(const char *format, ...)
{
	size_t used = strlen(said);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(said + used, SAID - used, format, arguments);
	va_end(arguments);
	used = strlen(said);
	snprintf(said + used, SAID - used, "\n");
}

static const char *error_name(int error)
{
	return strerrorname_np(error) ?: "?";
}

long say(const char *what, long value)
{
	if (value == -1)
		note("%s: -1 %s", what, error_name(errno));
	else
		note("%s: %ld", what, value);
	return value;
}

void say_events(const char *what, int events)
{
	static const struct {
		int bit;
		const char *name;
	} names[] = {
		{ POLLIN, "IN" }, { POLLPRI, "PRI" }, { POLLOUT, "OUT" },
		{ POLLERR, "ERR" }, { POLLHUP, "HUP" }, { POLLNVAL, "NVAL" },
		{ POLLRDHUP, "RDHUP" },
	};
	char text[64] = "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (events & names[i].bit) {
			strcat(text, *text ? "|" : "");
			strcat(text, names[i].name);
		}
	note("%s: %s", what, *text ? text : "-");
}

void say_bytes(const char *what, const void *bytes, long count)
{
	const unsigned char *b = bytes;
	char text[80];
	long i;

	if (count < 0) {
		say(what, count);
		return;
	}
	for (i = 0; i < count && i < 64; i++)
		text[i] = b[i] >= ' ' && b[i] < 127 ? b[i] : '.';
	text[i] = '\0';
	note("%s: %ld '%s'", what, count, text);
}

void skip(const char *why)
{
	note("%s", why);
	_exit(SKIPPED);
}

void broken(const char *what)
{
	note("broken: %s (%s)", what, error_name(errno));
	_exit(BROKEN);
}

int client_socket(int flags)
{
	int fd = fsk_socket(here->client_ns, flags);

	if (fd < 0)
		broken("socket");
	return fd;
}

int server_socket(int flags)
{
	int fd = fsk_socket(here->server_ns, flags);

	if (fd < 0)
		broken("socket");
	return fd;
}

uint16_t listen_on(int fd, int backlog)
{
	if (fsk_bind(fd, here->server_ip, 0) || listen(fd, backlog))
		broken("listen");
	return fsk_port(fd);
}

int listener(int backlog, uint16_t *port)
{
	int fd = server_socket(0);

	*port = listen_on(fd, backlog);
	return fd;
}

int dial(int fd, uint16_t port)
{
	return fsk_connect(fd, here->server_ip, port);
}

void pair_on(int client, int listening, uint16_t port, int *server)
{
	if (dial(client, port))
		broken("connect");
	*server = accept(listening, NULL, NULL);
	if (*server < 0)
		broken("accept");
}

void pair(int *client, int *server)
{
	uint16_t port;
	int fd = listener(1, &port);

	*client = client_socket(0);
	pair_on(*client, fd, port, server);
	close(fd);
}

pthread_t thread(void *(*function)(void *), void *argument)
{
	pthread_t id;

	errno = pthread_create(&id, NULL, function, argument);
	if (errno)
		broken("pthread_create");
	return id;
}

void await_thread(pthread_t id)
{
	pthread_join(id, NULL);
}

void await_sleep(pid_t tid)
{
	AWAIT(fsk_task_state(tid) == 'S');
	/* Not in a page fault or a lock's queue. */
	fsk_sleep_ms(20);
	AWAIT(fsk_task_state(tid) == 'S');
}

/* What one run of a row amounted to. */
struct run {
	const struct fsk_link *link;
	char *said;	/* shared with the child that runs the row */
	int status;	/* exit status, or minus the signal */
	long opens;	/* fastsock connections */
	pid_t pid;
};

static long opens(const struct fsk_link *link)
{
	return fsk_stat(link->client_ns, "FskActiveOpens");
}

static void start(const struct row *row, struct run *run)
{
	run->opens = -opens(run->link);
	*run->said = '\0';
	run->pid = fsk_fork();
	if (run->pid)
		return;
	setpgid(0, 0);
	said = run->said;
	here = run->link;
	alarm(PATIENCE * (fsk_debug_kernel() ? 4 : 1));
	row->run();
	_exit(0);
}

static void finish(struct run *run)
{
	int status;

	if (waitpid(run->pid, &status, 0) != run->pid)
		status = -1;
	kill(-run->pid, SIGKILL);	/* whatever it left running */
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) :
					  -WTERMSIG(status);
	run->opens += opens(run->link);
}

static void explain(const char *which, const struct run *run)
{
	char *line, *rest = run->said;

	if (run->status)
		ksft_print_msg("  %s: ended with %d\n", which, run->status);
	while ((line = strsep(&rest, "\n")) && (rest || *line))
		ksft_print_msg("  %s: %s\n", which, line);
}

/* Why the two runs do not prove the row, NULL if they do. */
static const char *fault(const struct row *row, const struct run *off,
			 const struct run *on)
{
	if (off->status)
		return "it does not even run over TCP";
	if (on->status)
		return "it does not run with fastsock";
	if (row->kind == ROW_KNOWN)
		return off->pid && !strcmp(off->said, on->said) ?
			"it no longer differs: correct the documentation" :
			NULL;
	if (off->pid && strcmp(off->said, on->said))
		return "it sees a difference";
	if (off->opens)
		return "fastsock was not off";
	if (row->kind == ROW_FAST && !on->opens)
		return "fastsock carried no connection";
	if (row->kind == ROW_TCP && on->opens)
		return "the connection was not left to TCP";
	return NULL;
}

/* Both runs of a row in one place. */
struct trial {
	const struct place *place;
	struct run off;
	struct run on;
};

static void start_trial(const struct row *row, struct trial *t)
{
	t->off.pid = 0;
	t->on.link = row->wire ? &t->place->wire : &t->place->on;
	if (!fsk_debug_kernel())
		start(row, &t->off);
	start(row, &t->on);
}

static void finish_trial(struct trial *t)
{
	if (t->off.pid)
		finish(&t->off);
	finish(&t->on);
}

/* Rows that write addresses of AF_INET themselves do not even run over TCP. */
static bool skipped(const struct trial *t)
{
	if (mapped && t->off.pid && t->off.status && t->on.status)
		return true;
	return (!t->off.pid || t->off.status == SKIPPED) &&
	       t->on.status == SKIPPED;
}

static void report(const struct row *row, struct trial *t, bool verbose)
{
	const char *why = fault(row, &t->off, &t->on);

	if (skipped(t)) {
		ksft_test_result_skip("%s %s: %s\n", row->name, t->place->name,
				      row->title);
		return;
	}
	if (why)
		ksft_print_msg("%s\n", why);
	if (why || verbose) {
		if (t->off.pid)
			explain("tcp     ", &t->off);
		explain("fastsock", &t->on);
	}
	if (!why && row->kind == ROW_KNOWN)
		ksft_test_result_xfail("%s %s: %s\n", row->name,
				       t->place->name, row->title);
	else
		ksft_test_result(!why, "%s %s: %s\n", row->name,
				 t->place->name, row->title);
}

/* A stop of the machine may have made a neighbour look dead for a while. */
static void recover(const struct trial *t)
{
	const struct fsk_link *link = t->on.link;
	char command[80];

	if (!strcmp(link->client_ns, link->server_ns))
		return;
	snprintf(command, sizeof(command), "%sbash ./lan.sh lan_ready %s %s",
		 t->place->shared && link == &t->place->on ?
		 "LAN_SAME_HOST=2 " : "", link->client_ns, link->server_ns);
	fsk_run(command);
}

/* One run after the other, for rows that use what there is once in a system. */
static void repeat(const struct row *row, struct trial *t)
{
	recover(t);
	if (t->off.pid) {
		start(row, &t->off);
		finish(&t->off);
	}
	start(row, &t->on);
	finish(&t->on);
}

/*
 * All runs of a row at once, for most of the time they wait; what fails so is
 * tried again by itself, for an emulated machine may stop at any time.
 */
static void judge(const struct row *row, struct trial *trials, size_t count,
		  bool verbose)
{
	size_t i;
	int more;

	for (i = 0; i < count; i++)
		start_trial(row, &trials[i]);
	for (i = 0; i < count; i++)
		finish_trial(&trials[i]);
	for (i = 0; i < count; i++) {
		for (more = ATTEMPTS; more && !skipped(&trials[i]) &&
		     fault(row, &trials[i].off, &trials[i].on); more--)
			repeat(row, &trials[i]);
		report(row, &trials[i], verbose);
	}
}

static bool chosen(const struct row *row, char **patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, row->name, 0))
			return true;
	return false;
}

static char *shared(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return memory;
}

static void set_up(struct trial *t, const struct place *place)
{
	t->place = place;
	t->off.link = &place->off;
	t->off.said = shared(SAID);
	t->on.said = shared(SAID);
}

/* Network cards of the guest, whose cables meet outside it. */
static int cards_up(void)
{
	return fsk_run("bash ./lan.sh lan_cards a b eth0 eth1") ||
	       fsk_run("bash ./lan.sh lan_ready a b") ||
	       fsk_run("bash ./lan.sh lan_cards c d eth2 eth3") ||
	       fsk_run("./helper_at c ping -q -c 1 10.77.0.2 > /dev/null");
}

static int lans_up(void)
{
	return fsk_lan_up() || fsk_run("bash ./lan.sh lan_up c d") ||
	       fsk_run("./helper_at c ping -q -c 1 10.77.0.2 > /dev/null") ||
	       fsk_run("bash ./lan.sh lan_add_ns lo1") ||
	       fsk_run("bash ./lan.sh lan_wire lo2");
}

/*
 * The addresses that fsk_native() speaks of, which stay while a device is down,
 * and where each other is.
 */
static int native_up(void)
{
	const char *const pairs[] = { "a b", "c d" };
	char command[400];
	char one, other;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		one = pairs[i][0];
		other = pairs[i][2];
		snprintf(command, sizeof(command),
			 "for ns in %c %c; do ./helper_at $ns sh -c 'echo 1 > "
			 "/proc/sys/net/ipv6/conf/eth0/keep_addr_on_down'; "
			 "done; "
			 "ip -n %c addr add fd77::1/64 dev eth0 nodad && "
			 "ip -n %c addr add fd77::2/64 dev eth0 nodad && "
			 "./helper_at %c ping -6 -q -c 1 -w 10 fd77::2 "
			 "> /dev/null", one, other, one, other, one);
		if (fsk_run(command))
			return -1;
	}
	return 0;
}

static int across_up(void)
{
	return lans_up() || fsk_run("bash ./lan.sh lan_up e f") ||
	       fsk_run("LAN_SAME_HOST=2 bash ./lan.sh lan_ready e f");
}

/* Only at @place, if there is one. */
static int run(char **patterns, const struct place *place, bool verbose)
{
	size_t i, all = place || fsk_debug_kernel() ? 1 : ARRAY_SIZE(places);
	struct trial trials[ARRAY_SIZE(places)] = {};
	unsigned int count = 0;
	struct row *row;

	for (i = 0; i < all; i++)
		set_up(&trials[i], place ?: &places[i]);
	if (place == &between_cards ? cards_up() :
	    place == &across ? across_up() : lans_up())
		return -1;
	if (native && native_up())
		return -1;
	for (row = rows; row; row = row->next)
		count += chosen(row, patterns);
	ksft_print_header();
	ksft_set_plan(count * all);
	for (row = rows; row; row = row->next)
		if (chosen(row, patterns))
			judge(row, trials, all, verbose);
	return 0;
}

int main(int argc, char **argv)
{
	const struct place *place = NULL;
	bool verbose = false;
	int option, err;

	while ((option = getopt(argc, argv, "6Nacrv")) >= 0) {
		if (option == '?')
			return 2;
		native |= option == 'N';
		mapped |= native || option == '6';
		if (option == 'a')
			place = &across;
		if (option == 'c')
			place = &between_cards;
		if (option == 'r')
			place = &over_rdma;
		verbose |= option == 'v';
	}
	if (place == &over_rdma)
		setenv("LAN_RDMA", "1", 1);
	setlinebuf(stdout);
	err = run(argv + optind, place, verbose);
	fsk_run("bash ./lan.sh lan_down a b c d e f lo0 lo1 lo2");
	if (err)
		return 1;
	ksft_finished();
}
