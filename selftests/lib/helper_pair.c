// SPDX-License-Identifier: GPL-2.0
/*
 * One connection between two network namespaces, both ends in this process.
 *
 *   helper_pair [-c NS] [-s NS] [-a ADDRESS] [-p PORT] [option]...
 *
 * listens in one, connects from the other, moves bytes both ways, compares
 * them and prints one line:
 *
 *   client=tcp|fastsock server=tcp|fastsock us=N sport=N hup=0|1
 *   error=NAME us=N
 *
 * Options:
 *   -b PORT       bind the client to this port first
 *   -l PORT       the server listens here instead of at -p
 *   -L NAME       option on the listener, see "options" below
 *   -C NAME       option on the client
 *   -E COMMAND    run a command between listen() and the client's socket()
 *   -e COMMAND    run a command between the client's socket() and connect()
 *   -i COMMAND    run a command while the connection is up
 *   -P N          the module must then have N users fewer, or more than N fewer,
 *                 than before the client's socket: its own is none of them
 *   -B COMMAND    backlog 0, the accept queue full, run the command meanwhile
 *   -n            connect without blocking, watching poll() for surprises
 *   -t MS         give up connecting after so long
 *   -u UID        the client's socket belongs to this user
 *   -x            no listener at all
 *   -S            no server: a socket that connects to itself
 *   -X            the server is elsewhere: connect, print, close
 *   -6            the listener is a dual-stack IPv6 one
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_TXTIME
#define SO_TXTIME 61
#endif

enum { BYTES = 40000, QUEUED = 1, PATIENCE = 30000 /* ms */ };

static const char *client_ns, *server_ns, *address = "127.0.0.1";
static int port = 4000, listen_port, bound_port;
static const char *listener_opts[8], *client_opts[8];
static const char *before_socket, *before_connect, *while_up, *while_full;
static bool nonblocking, no_listener, dual_stack, to_itself, elsewhere;
static bool hang_up;
static int give_up = PATIENCE, uid, fewer = -1, users;

static void die(const char *format, ...)
{
	va_list arguments;
	int saved = errno;

	va_start(arguments, format);
	fprintf(stderr, "helper_pair: ");
	vfprintf(stderr, format, arguments);
	fprintf(stderr, ": %s\n", strerror(saved));
	va_end(arguments);
	exit(2);
}

static long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void enter(const char *ns)
{
	char path[128] = "/proc/self/ns/net";
	int fd;

	if (!ns)
		return;
	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("%s", path);
	close(fd);
}

static void run(const char *command)
{
	if (command && system(command))
		die("'%s' failed", command);
}

/* Connections, and calls, of which the module's own count has one in all. */
static int module_holds(void)
{
	FILE *file = fopen("/sys/module/fastsock/parameters/holds", "re");
	int count;

	if (!file)
		return 0;
	if (fscanf(file, "%d", &count) != 1)
		count = 0;
	fclose(file);
	return count;
}

/*
 * How often the module is in use: once per socket with its operations, and per
 * connection.
 */
static int module_users(void)
{
	FILE *file = fopen("/proc/modules", "re");
	char name[64];
	int count, found = module_holds();

	while (file && fscanf(file, "%63s %*s %d%*[^\n]", name, &count) == 2)
		if (!strcmp(name, "fastsock"))
			found += count;
	fclose(file);
	return found;
}

/* What is freed after a grace period leaves a little later. */
static void await_users(void)
{
	long long end = now_us() + PATIENCE * 1000LL;

	while (module_users() > users - fewer) {
		if (now_us() > end)
			die("%d users of the module instead of %d",
			    module_users(), users - fewer);
		usleep(20000);
	}
}

static void set(int fd, int level, int name, const void *value, int len)
{
	if (setsockopt(fd, level, name, value, len))
		die("setsockopt(%d, %d)", level, name);
}

static void set_md5(int fd)
{
	struct tcp_md5sig sig = { .tcpm_keylen = 4, .tcpm_key = "fast" };
	struct sockaddr_in *peer = (struct sockaddr_in *)&sig.tcpm_addr;

	peer->sin_family = AF_INET;
	sig.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;	/* any peer */
	set(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &sig, sizeof(sig));
}

static void set_filter(int fd, int level_option)
{
	struct sock_filter accept_all = BPF_STMT(BPF_RET | BPF_K, 0x7fffffff);
	struct sock_fprog program = { 1, &accept_all };

	set(fd, SOL_SOCKET, level_option, &program, sizeof(program));
}

static void set_reuseport_filter(int fd)
{
	struct sock_filter first = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { 1, &first };
	int one = 1;

	set(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	set(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
	    sizeof(program));
}

static void set_txtime(int fd)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };

	set(fd, SOL_SOCKET, SO_TXTIME, &txtime, sizeof(txtime));
}

/* A ULP by its name, which wants a connection or which the kernel has not. */
static void set_ulp(int fd, const char *name)
{
	if (!setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, strlen(name)))
		die("upper layer %s without a connection", name);
}

/* The options that tests ask for by name. */
static void apply(int fd, const char *option)
{
	const unsigned char nops[4] = { 1, 1, 1, 0 };
	const int one = 1, thousand = 1000;

	if (!strcmp(option, "fastopen_connect"))
		set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one));
	else if (!strcmp(option, "fastopen_listen"))
		set(fd, IPPROTO_TCP, TCP_FASTOPEN, &one, sizeof(one));
	else if (!strcmp(option, "md5"))
		set_md5(fd);
	else if (!strcmp(option, "ip_options"))
		set(fd, IPPROTO_IP, IP_OPTIONS, nops, sizeof(nops));
	else if (!strcmp(option, "txtime"))
		set_txtime(fd);
	else if (!strcmp(option, "tx_delay"))
		set(fd, IPPROTO_TCP, TCP_TX_DELAY, &thousand, sizeof(int));
	else if (!strcmp(option, "transparent"))
		set(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one));
	else if (!strcmp(option, "filter"))
		set_filter(fd, SO_ATTACH_FILTER);
	else if (!strcmp(option, "reuseport_filter"))
		set_reuseport_filter(fd);
	else if (!strcmp(option, "defer_accept"))
		set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
	else if (!strcmp(option, "keepalive"))
		set(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	else if (!strcmp(option, "save_syn"))
		set(fd, IPPROTO_TCP, TCP_SAVE_SYN, &one, sizeof(one));
	else if (!strncmp(option, "ulp_", 4))
		set_ulp(fd, option + 4);
	else if (strcmp(option, "fastopen") && strcmp(option, "repair"))
		die("what is option '%s'?", option);
}

static bool has_option(const char **list, const char *name)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static void apply_all(int fd, const char **list)
{
	for (; *list; list++)
		apply(fd, *list);
}

/* "tcp" for an empty TCP_ULP, else what it says. */
static void path_of(int fd, char *name, socklen_t len)
{
	memset(name, 0, len);
	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len))
		die("getsockopt(TCP_ULP)");
	if (!*name)
		strcpy(name, "tcp");
}

/* A name of either family. */
struct name {
	struct sockaddr_in6 addr;
	socklen_t len;
};

static struct name name_of(const char *host, int number)
{
	struct name name = { .len = sizeof(struct sockaddr_in6) };
	struct sockaddr_in *sin = (struct sockaddr_in *)&name.addr;

	/* The port lies at the same place in both families. */
	sin->sin_port = htons(number);
	if (inet_pton(AF_INET6, host, &name.addr.sin6_addr) == 1) {
		name.addr.sin6_family = AF_INET6;
	} else if (inet_pton(AF_INET, host, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		name.len = sizeof(*sin);
	} else {
		die("address %s", host);
	}
	return name;
}

static int family_of_address(void)
{
	return strchr(address, ':') ? AF_INET6 : AF_INET;
}

/* No address, as sockets of a family have it. */
static struct name any_of(int family, int number)
{
	return name_of(family == AF_INET6 ? "::" : "0.0.0.0", number);
}

static int bind_to(int fd, const struct name *name)
{
	return bind(fd, (const struct sockaddr *)&name->addr, name->len);
}

static int connect_to(int fd, const struct name *name)
{
	return connect(fd, (const struct sockaddr *)&name->addr, name->len);
}

static int listener(int backlog)
{
	int family = dual_stack ? AF_INET6 : family_of_address();
	struct name any = any_of(family, listen_port);
	int fd, one = 1;

	enter(server_ns);
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	set(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	apply_all(fd, listener_opts);
	if (bind_to(fd, &any))
		die("bind to %d", listen_port);
	if (listen(fd, backlog))
		die("listen");
	return fd;
}

static int client_socket(void)
{
	int family = family_of_address();
	struct name any = any_of(family, bound_port);
	int fd, one = 1;

	enter(client_ns);
	/* The owner of a socket is the file system user of its creator. */
	setfsuid(uid);
	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (bound_port) {
		set(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind_to(fd, &any))
			die("bind to %d", bound_port);
	}
	apply_all(fd, client_opts);
	return fd;
}

/* Watches a pending connect; returns its errno. */
static int watch(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };
	long long end = now_us() + give_up * 1000LL;
	socklen_t len = sizeof(int);
	int error;

	for (;;) {
		poll(&poller, 1, 1);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
			die("SO_ERROR");
		if (error)
			return error;
		/* Before it is ready, a connecting socket says nothing. */
		if (poller.revents & (POLLHUP | POLLERR | POLLRDHUP | POLLIN))
			hang_up = true;
		if (poller.revents & POLLOUT)
			return 0;
		if (now_us() > end)
			return ETIMEDOUT;
	}
}

static int start_connect(int fd)
{
	struct name name = name_of(address, port);

	if (has_option(client_opts, "fastopen"))
		return sendto(fd, "f", 1, MSG_FASTOPEN,
			      (struct sockaddr *)&name.addr, name.len) < 0 ?
			-1 : 0;
	return connect_to(fd, &name);
}

/* Returns 0 or the errno of connecting. */
static int do_connect(int fd)
{
	bool timed = nonblocking || give_up != PATIENCE;
	int flags = fcntl(fd, F_GETFL), error = 0;

	if (timed)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	if (start_connect(fd))
		error = errno;
	else if (nonblocking && !has_option(client_opts, "fastopen_connect"))
		die("a non-blocking connect was over at once");
	if (error == EINPROGRESS)
		error = watch(fd);
	fcntl(fd, F_SETFL, flags);
	return error;
}

static unsigned char pattern(int seed, int i)
{
	return (i * 2654435761u >> 13) + seed + i;
}

static void send_all(int fd, int seed)
{
	static unsigned char data[BYTES];
	int i, sent = 0;
	ssize_t n;

	for (i = 0; i < BYTES; i++)
		data[i] = pattern(seed, i);
	for (; sent < BYTES; sent += n) {
		n = send(fd, data + sent, BYTES - sent, MSG_NOSIGNAL);
		if (n <= 0)
			die("send");
	}
}

static void end(int fd)
{
	if (shutdown(fd, SHUT_WR))
		die("shutdown");
}

static void receive_all(int fd, int seed, const char *head)
{
	static unsigned char data[BYTES + 1];
	int i, got = 0, skip = strlen(head);
	char first[8] = "";
	ssize_t n;

	if (skip && (recv(fd, first, skip, MSG_WAITALL) != skip ||
		     memcmp(first, head, skip)))
		die("the first bytes are '%s'", first);
	while ((n = recv(fd, data + got, sizeof(data) - got, 0)) > 0)
		got += n;
	if (n < 0)
		die("recv");
	errno = EBADMSG;
	if (got != BYTES)
		die("%d bytes instead of %d", got, BYTES);
	for (i = 0; i < got; i++)
		if (data[i] != pattern(seed, i))
			die("byte %d is wrong", i);
}

static const char *error_name(int error)
{
	return strerrorname_np(error);
}

/*
 * Fills the accept queue, which holds one more than the backlog says, and sees
 * that a connect in that state neither fails nor gets lost.
 */
static int fill_queue(int lfd, int *spare)
{
	int i, fd;

	for (i = 0; i <= QUEUED - 1; i++) {
		fd = client_socket();
		if (do_connect(fd))
			die("connect to a free queue");
		spare[i] = fd;
	}
	fd = client_socket();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	run(before_connect);
	if (!start_connect(fd) || errno != EINPROGRESS)
		die("connect to a full queue");
	run(while_full);
	for (i = 0; i <= QUEUED - 1; i++) {
		close(accept(lfd, NULL, NULL));
		close(spare[i]);
	}
	if (watch(fd))
		die("connect after the queue had room");
	fcntl(fd, F_SETFL, 0);
	return fd;
}

static void set_queue(int fd, int queue, unsigned int seq)
{
	set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
	set(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &seq, sizeof(seq));
}

/* One end of a connection that is restored instead of made. */
static int restore(const char *ns, const struct name *own,
		   const struct name *peer, unsigned int out, unsigned int in)
{
	struct tcp_repair_window window = {
		.snd_wl1 = in, .snd_wnd = 60000, .max_window = 60000,
		.rcv_wnd = 60000, .rcv_wup = in,
	};
	int fd, one = 1;

	enter(ns);
	fd = socket(family_of_address(), SOCK_STREAM, 0);
	set(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	set(fd, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one));
	set_queue(fd, TCP_SEND_QUEUE, out);
	set_queue(fd, TCP_RECV_QUEUE, in);
	if (bind_to(fd, own))
		die("bind to restore");
	if (connect_to(fd, peer))
		die("connect to restore");
	set(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window));
	return fd;
}

static void restore_both(int *client, int *server, const char *own)
{
	struct name a = name_of(own, bound_port);
	struct name b = name_of(address, port);
	int off = 0;

	*client = restore(client_ns, &a, &b, 1000, 2000);
	*server = restore(server_ns, &b, &a, 2000, 1000);
	set(*client, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
	set(*server, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off));
}

/* What report() prints; asked for while the connection is up. */
static char client_path[32], server_path[32];
static int client_port;

static void examine(int client, int server)
{
	struct sockaddr_in6 name;
	socklen_t len = sizeof(name);

	if (getpeername(server, (struct sockaddr *)&name, &len))
		die("getpeername");
	client_port = ntohs(name.sin6_port);
	path_of(client, client_path, sizeof(client_path));
	path_of(server, server_path, sizeof(server_path));
	if (fewer >= 0)
		await_users();
	run(while_up);
}

static void report(long long us)
{
	printf("client=%s server=%s us=%lld sport=%d hup=%d\n", client_path,
	       server_path, us, client_port, hang_up);
}

static void parse(int argc, char **argv)
{
	int option, clients = 0, listeners = 0;

	while ((option = getopt(argc, argv,
				"c:s:a:p:l:b:L:C:E:e:i:P:B:nt:u:x6SX")) != -1)
		switch (option) {
		case 'c':
			client_ns = optarg;
			break;
		case 's':
			server_ns = optarg;
			break;
		case 'a':
			address = optarg;
			break;
		case 'p':
			port = atoi(optarg);
			break;
		case 'l':
			listen_port = atoi(optarg);
			break;
		case 'b':
			bound_port = atoi(optarg);
			break;
		case 'L':
			listener_opts[listeners++ % 7] = optarg;
			break;
		case 'C':
			client_opts[clients++ % 7] = optarg;
			break;
		case 'E':
			before_socket = optarg;
			break;
		case 'e':
			before_connect = optarg;
			break;
		case 'i':
			while_up = optarg;
			break;
		case 'P':
			fewer = atoi(optarg);
			break;
		case 'B':
			while_full = optarg;
			break;
		case 'n':
			nonblocking = true;
			break;
		case 't':
			give_up = atoi(optarg);
			break;
		case 'u':
			uid = atoi(optarg);
			break;
		case 'x':
			no_listener = true;
			break;
		case 'S':
			to_itself = true;
			break;
		case 'X':
			elsewhere = true;
			break;
		case '6':
			dual_stack = true;
			break;
		default:
			exit(2);
		}
	if (!listen_port)
		listen_port = port;
}

/* A socket that is both ends. */
static int connect_to_itself(void)
{
	int fd;

	bound_port = port;
	fd = client_socket();
	run(before_connect);
	return do_connect(fd) ? -1 : fd;
}

/* With these the server hears nothing before the first bytes. */
static bool accepted_late(void)
{
	return has_option(listener_opts, "defer_accept") ||
	       has_option(client_opts, "fastopen_connect");
}

static int fail_to_connect(int error, long long us)
{
	printf("error=%s us=%lld\n", error_name(error), us);
	return 1;
}

int main(int argc, char **argv)
{
	int lfd = -1, client = -1, server = -1, error, spare[QUEUED];
	long long start = now_us(), us = 0;

	parse(argc, argv);
	if (has_option(client_opts, "repair")) {
		restore_both(&client, &server, getenv("CLIENT_ADDRESS"));
	} else if (to_itself) {
		client = server = connect_to_itself();
		if (client < 0)
			return fail_to_connect(errno, now_us() - start);
	} else {
		if (!no_listener && !elsewhere)
			lfd = listener(while_full ? QUEUED - 1 : 128);
		run(before_socket);
	}
	users = module_users();
	if (while_full) {
		client = fill_queue(lfd, spare);
	} else if (client < 0) {
		client = client_socket();
		run(before_connect);
		start = now_us();
		error = do_connect(client);
		us = now_us() - start;
		if (error)
			return fail_to_connect(error, us);
	}
	if (elsewhere) {
		path_of(client, client_path, sizeof(client_path));
		printf("client=%s us=%lld\n", client_path, us);
		return 0;
	}
	if (accepted_late())
		send_all(client, 1);
	if (server < 0)
		server = accept(lfd, NULL, NULL);
	if (server < 0)
		die("accept");
	examine(client, server);
	if (!accepted_late())
		send_all(client, 1);
	end(client);
	receive_all(server, 1,
		    has_option(client_opts, "fastopen") ? "f" : "");
	if (!to_itself) {
		send_all(server, 2);
		end(server);
		receive_all(client, 2, "");
	}
	report(us);
	return 0;
}
