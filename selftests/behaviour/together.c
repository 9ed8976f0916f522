// SPDX-License-Identifier: GPL-2.0
/* P: order, independence, buffering, and many users of one connection. */
#include "options.h"

enum { SOME = 1000000, MANY = 120 };

struct flow {
	int fd;
	uint64_t seed, len, right;
	size_t piece;
};

static void *send_flow(void *data)
{
	struct flow *f = data;
	char bytes[5000];
	uint64_t at;
	size_t n;

	for (at = 0; at < f->len; at += n) {
		n = f->len - at < f->piece ? f->len - at : f->piece;
		fsk_fill(bytes, n, f->seed, at);
		if (fsk_send_all(f->fd, bytes, n) < 0)
			break;
	}
	return NULL;
}

static void *receive_flow(void *data)
{
	struct flow *f = data;

	f->right = fsk_recv_pattern(f->fd, f->seed, 0, f->len);
	return NULL;
}

FAST("P1", "bytes arrive in order, each once, both ways at once")
{
	static const size_t pieces[] = { 1, 7, 1460, 5000 };
	struct flow to[4], from[4], back[4], end[4];
	pthread_t id[16];
	int client, server, i;

	for (i = 0; i < 4; i++) {
		pair(&client, &server);
		to[i] = (struct flow){ client, i, 2000 * pieces[i], 0,
				       pieces[i] };
		if (to[i].len > 400000)
			to[i].len = 400000;
		from[i] = to[i];
		from[i].fd = server;
		back[i] = from[i];
		back[i].seed = i + 10;
		end[i] = back[i];
		end[i].fd = client;
		id[4 * i] = thread(send_flow, &to[i]);
		id[4 * i + 1] = thread(receive_flow, &from[i]);
		id[4 * i + 2] = thread(send_flow, &back[i]);
		id[4 * i + 3] = thread(receive_flow, &end[i]);
	}
	for (i = 0; i < 16; i++)
		await_thread(id[i]);
	for (i = 0; i < 4; i++)
		note("%zu: %llu %llu", pieces[i],
		     (unsigned long long)from[i].right,
		     (unsigned long long)end[i].right);
}

struct share {
	int fd;
	long count;
	unsigned long sum;
};

static void *receive_share(void *data)
{
	struct share *s = data;
	unsigned char bytes[777];
	ssize_t n, i;

	while ((n = recv(s->fd, bytes, sizeof(bytes), 0)) > 0) {
		s->count += n;
		for (i = 0; i < n; i++)
			s->sum += bytes[i];
	}
	return NULL;
}

FAST("P1", "several readers of one connection share its bytes")
{
	struct share shares[4] = {};
	unsigned long sum = 0;
	int client, server, i;
	pthread_t id[4];
	long count = 0;

	pair(&client, &server);
	for (i = 0; i < 4; i++) {
		shares[i].fd = server;
		id[i] = thread(receive_share, &shares[i]);
	}
	SAY(fsk_send_pattern(client, 1, 0, 300000));
	shutdown(client, SHUT_WR);
	for (i = 0; i < 4; i++) {
		await_thread(id[i]);
		count += shares[i].count;
		sum += shares[i].sum;
	}
	note("%ld bytes, sum %lu", count, sum);
}

/* Records of 100 equal bytes. */
static void *send_records(void *data)
{
	struct flow *f = data;
	char bytes[100];
	int i;

	memset(bytes, 'a' + f->seed, sizeof(bytes));
	for (i = 0; i < 500; i++)
		if (send(f->fd, bytes, sizeof(bytes), 0) != sizeof(bytes))
			break;
	return NULL;
}

FAST("P1", "small writes of several writers stay whole")
{
	int client, server, i, broken_up = 0, counts[4] = {};
	struct flow flows[4];
	char bytes[100];
	pthread_t id[4];

	pair(&client, &server);
	/* All records fit: a write that has to wait for room in its middle
	 * lets the other writers in.
	 */
	fsk_set_int(client, SOL_SOCKET, SO_SNDBUF, 200000);
	for (i = 0; i < 4; i++) {
		flows[i] = (struct flow){ .fd = client, .seed = i };
		id[i] = thread(send_records, &flows[i]);
	}
	for (i = 0; i < 2000; i++) {
		if (fsk_recv_all(server, bytes, 100) != 100)
			break;
		broken_up += !!memcmp(bytes, bytes + 1, 99);
		counts[(bytes[0] - 'a') & 3]++;
	}
	for (i = 0; i < 4; i++)
		await_thread(id[i]);
	note("%d of %d broken up; %d %d %d %d", broken_up, 2000, counts[0],
	     counts[1], counts[2], counts[3]);
}

FAST("P2", "what was sent before close arrives before the end")
{
	struct flow flow = { .seed = 1, .len = 300000 };
	int client, server, i;
	pthread_t id;
	char byte;

	for (i = 0; i < 5; i++) {
		pair(&client, &server);
		flow.fd = server;
		id = thread(receive_flow, &flow);
		fsk_send_pattern(client, 1, 0, flow.len);
		close(client);
		await_thread(id);
		SAY(flow.right);
		SAY(recv(server, &byte, 1, 0));
		close(server);
	}
}

FAST("P2", "what was sent before a writer's exit arrives")
{
	int client, server, pid;
	char byte;

	pair(&client, &server);
	pid = fsk_fork();
	if (!pid) {
		fsk_send_pattern(client, 1, 0, 100000);
		_exit(0);
	}
	close(client);
	SAY(fsk_recv_pattern(server, 1, 0, 100000));
	SAY(recv(server, &byte, 1, 0));
	SAY(fsk_reap(pid));
}

FAST("P3", "a reader who sleeps does not stop other connections")
{
	int stuck, stuck_end, client, server;
	struct flow to, from;
	pthread_t id[2];
	uint64_t filled;

	pair(&stuck, &stuck_end);
	pair(&client, &server);
	filled = fsk_stuff(stuck, 1);
	to = (struct flow){ client, 2, SOME, 0, 5000 };
	from = (struct flow){ server, 2, SOME, 0, 5000 };
	id[0] = thread(send_flow, &to);
	id[1] = thread(receive_flow, &from);
	await_thread(id[0]);
	await_thread(id[1]);
	SAY(from.right);
	SAY(fsk_recv_pattern(stuck_end, 1, 0, filled) == filled);
	say_alive(stuck, stuck_end);
}

FAST("P3", "a stopped direction does not stop the other")
{
	int client, server;
	struct flow back;
	uint64_t filled;
	pthread_t id;

	pair(&client, &server);
	filled = fsk_stuff(client, 1);
	back = (struct flow){ server, 2, SOME, 0, 5000 };
	id = thread(send_flow, &back);
	SAY(fsk_recv_pattern(client, 2, 0, SOME));
	await_thread(id);
	SAY(fsk_recv_pattern(server, 1, 0, filled) == filled);
}

/* What TCP takes before anybody reads; over a veth pair it is not generous. */
static uint64_t generous(void)
{
	return on_lo() ? SOME : 100000;
}

FAST("P4", "both ends may write much before either reads")
{
	int client, server;
	struct flow one, two;
	pthread_t id[2];

	pair(&client, &server);
	one = (struct flow){ client, 1, generous(), 0, 5000 };
	two = (struct flow){ server, 2, generous(), 0, 5000 };
	id[0] = thread(send_flow, &one);
	id[1] = thread(send_flow, &two);
	await_thread(id[0]);
	await_thread(id[1]);
	SAY(fsk_recv_pattern(server, 1, 0, generous()));
	SAY(fsk_recv_pattern(client, 2, 0, generous()));
}

FAST("P4", "two writers that fill both ends go on when one reads")
{
	uint64_t one, two;
	int client, server;

	pair(&client, &server);
	one = fsk_stuff(client, 1);
	two = fsk_stuff(server, 2);
	SAY(fsk_recv_pattern(server, 1, 0, one) == one);
	AWAIT(fsk_events(client) & POLLOUT);
	SAY(fsk_recv_pattern(client, 2, 0, two) == two);
	AWAIT(fsk_events(server) & POLLOUT);
	say_alive(client, server);
}

FAST("P5", "much fits between a writer and a reader who sleeps")
{
	int client, server;
	uint64_t total;

	pair(&client, &server);
	total = fsk_stuff(client, 1);
	SAY(total >= generous());
	SAY(fsk_recv_pattern(server, 1, 0, total) == total);
	AWAIT(fsk_events(client) & POLLOUT);
	say_alive(client, server);
}

FAST("P6", "parent and child share a connection")
{
	int client, server, pid;
	char bytes[16];

	pair(&client, &server);
	pid = fsk_fork();
	if (!pid) {
		send(client, "child", 5, 0);
		recv(client, bytes, 1, 0);
		_exit(bytes[0]);
	}
	SAY(recv(server, bytes, 5, MSG_WAITALL));
	SAY(send(client, "parent", 6, 0));
	say_bytes("server", bytes, recv(server, bytes, 6, MSG_WAITALL));
	SAY(send(server, "\x05", 1, 0));
	SAY(fsk_reap(pid));
	say_alive(client, server);
	close(client);
	SAY(recv(server, bytes, 1, 0));
}

FAST("P6", "a program started on a connection answers on it")
{
	int client, server, pid;
	char bytes[16];

	pair(&client, &server);
	pid = fsk_fork();
	if (!pid) {
		dup2(server, 0);
		dup2(server, 1);
		close(client);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(server);
	SAY(send(client, "echo", 4, 0));
	say_bytes("echo", bytes, recv(client, bytes, 4, MSG_WAITALL));
	SAY(send(client, "again", 5, 0));
	say_bytes("echo", bytes, recv(client, bytes, 5, MSG_WAITALL));
	SAY(shutdown(client, SHUT_WR));
	SAY(recv(client, bytes, 1, 0));
	SAY(fsk_reap(pid));
}

FAST("P6", "a connection passed over a Unix socket works on")
{
	int client, server, channel[2], passed;
	char bytes[16];

	pair(&client, &server);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel))
		broken("socketpair");
	send(client, "before", 6, 0);
	AWAIT(fsk_unread(server) == 6);
	SAY(fsk_pass_fd(channel[0], server));
	close(server);
	fsk_sleep_ms(50);
	passed = fsk_take_fd(channel[1]);
	say_bytes("before", bytes, recv(passed, bytes, 16, 0));
	say_alive(client, passed);
	/* In flight and never received: closing the channel ends it. */
	SAY(fsk_pass_fd(channel[0], passed));
	close(passed);
	close(channel[1]);
	close(channel[0]);
	SAY(recv(client, bytes, 1, 0));
}

struct crowd {
	int fd;
	volatile bool stop;
};

static void *crowd_send(void *data)
{
	struct crowd *c = data;
	char bytes[3000] = "";

	while (!c->stop)
		if (send(c->fd, bytes, sizeof(bytes),
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			sched_yield();
	return NULL;
}

static void *crowd_receive(void *data)
{
	struct crowd *c = data;
	char bytes[40000];

	while (!c->stop)
		if (recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			sched_yield();
	return NULL;
}

static void *crowd_wait(void *data)
{
	struct crowd *c = data;
	char bytes[40000];

	/* Wakes at last, for the row shuts the connection. */
	while (!c->stop && recv(c->fd, bytes, sizeof(bytes), 0) > 0)
		;
	return NULL;
}

static void *crowd_look(void *data)
{
	struct crowd *c = data;
	struct sockaddr_in name;
	socklen_t len;
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN | POLLOUT };

	while (!c->stop) {
		len = sizeof(name);
		poll(&pfd, 1, 1);
		fsk_unread(c->fd);
		getpeername(c->fd, (void *)&name, &len);
		fsk_set_int(c->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		fsk_int_option(c->fd, SOL_TCP, TCP_MAXSEG);
	}
	return NULL;
}

static void crowd(int client, int server, void (*finish)(int fd))
{
	void *(*const roles[])(void *) = {
		crowd_send, crowd_receive, crowd_wait, crowd_look,
	};
	struct crowd one = { client }, two = { server };
	pthread_t id[8];
	int i;

	for (i = 0; i < 4; i++) {
		id[2 * i] = thread(roles[i], &one);
		id[2 * i + 1] = thread(roles[i], &two);
	}
	fsk_sleep_ms(100);
	finish(client);
	fsk_sleep_ms(50);
	one.stop = true;
	two.stop = true;
	shutdown(client, SHUT_RDWR);
	shutdown(server, SHUT_RDWR);
	for (i = 0; i < 8; i++)
		await_thread(id[i]);
	note("all threads came back");
}

static void finish_shutdown(int fd)
{
	shutdown(fd, SHUT_WR);
	shutdown(fd, SHUT_RD);
}

static void finish_disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	connect(fd, &none, sizeof(none));
}

static void finish_reset(int fd)
{
	int other = socket(AF_INET, SOCK_STREAM, 0);

	/* Another file in its place: the old one closes with a reset once
	 * nobody is in a call on it.
	 */
	fsk_set_linger(fd, 0);
	dup2(other, fd);
	close(other);
}

FAST("P7", "threads do everything at once, then the connection is shut")
{
	int client, server;

	pair(&client, &server);
	crowd(client, server, finish_shutdown);
}

FAST("P7", "threads do everything at once, then it is disconnected")
{
	int client, server;

	pair(&client, &server);
	crowd(client, server, finish_disconnect);
}

static void *close_late(void *fd)
{
	fsk_sleep_ms(20);
	close(*(int *)fd);
	return NULL;
}

FAST("P7", "a descriptor closed while others poll and send")
{
	struct crowd c;
	int client, server, i;
	pthread_t id[3];

	for (i = 0; i < 5; i++) {
		pair(&client, &server);
		c = (struct crowd){ client };
		id[0] = thread(crowd_send, &c);
		id[1] = thread(crowd_look, &c);
		id[2] = thread(close_late, &client);
		await_thread(id[2]);
		c.stop = true;
		await_thread(id[0]);
		await_thread(id[1]);
		close(server);
	}
	note("all threads came back");
}

FAST("P7", "a descriptor replaced while others use it")
{
	int client, server;

	pair(&client, &server);
	crowd(client, server, finish_reset);
}

/* A connection whose end leaves nothing behind. */
static void drop(int client, int server)
{
	fsk_set_linger(client, 0);
	close(client);
	close(server);
}

FAST("P8", "many connections one after the other")
{
	int listening, client, server, i;
	char byte;
	long good = 0;
	uint16_t port;

	listening = listener(8, &port);
	for (i = 0; i < MANY; i++) {
		client = client_socket(0);
		pair_on(client, listening, port, &server);
		good += send(client, "x", 1, 0) == 1 &&
			recv(server, &byte, 1, 0) == 1;
		drop(client, server);
	}
	SAY(good);
}

FAST("P8", "many connections at the same time")
{
	int listening, clients[MANY], servers[MANY], i;
	char byte;
	long good = 0;
	uint16_t port;

	listening = listener(8, &port);
	for (i = 0; i < MANY; i++) {
		clients[i] = client_socket(0);
		pair_on(clients[i], listening, port, &servers[i]);
	}
	for (i = MANY - 1; i >= 0; i--)
		good += send(servers[i], "x", 1, 0) == 1 &&
			recv(clients[i], &byte, 1, 0) == 1;
	SAY(good);
	for (i = 0; i < MANY; i++)
		drop(clients[i], servers[i]);
}
