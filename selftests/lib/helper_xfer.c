// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers over fastsock on a link that is then spoilt, for test_loss.sh:
 *
 *	helper_xfer CLIENT_NS SERVER_NS SERVER_IP BYTES COMMAND
 *
 * Opens its connections, which must be fastsock, runs COMMAND, which spoils
 * the link, and moves streams of several sizes and one of BYTES, each both ways
 * at once, while the readers once stop for a while.  Exits with 0 if every
 * stream arrived exactly and ended.  With BYTES 0 it runs COMMAND first, and
 * its connections may be TCP, but at least one must not be.
 */

#define FSK_NO_HARNESS
#include "fsk_test.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

struct stream {
	pthread_t thread;
	const char *name;
	int fd;
	uint64_t seed;
	uint64_t len;
	bool good;
};

static const uint64_t sizes[] = {
	0, 1, FSK_MSS - 1, FSK_MSS, FSK_MSS + 1, 65536,
};

static void *send_stream(void *arg)
{
	struct stream *s = arg;

	s->good = !fsk_send_pattern(s->fd, s->seed, 0, s->len) &&
		  !shutdown(s->fd, SHUT_WR);
	if (!s->good)
		printf("# %s: send of %llu bytes: %s\n", s->name,
		       (unsigned long long)s->len, strerror(errno));
	return NULL;
}

static void *recv_stream(void *arg)
{
	struct stream *s = arg;
	uint64_t half = s->len / 2, good;
	ssize_t end = -2;
	char byte;

	good = fsk_recv_pattern(s->fd, s->seed, 0, half);
	fsk_sleep_ms(300);	/* long enough for the sender to fill up */
	if (good == half)
		good += fsk_recv_pattern(s->fd, s->seed, half, s->len - half);
	if (good == s->len)
		end = recv(s->fd, &byte, 1, 0);
	s->good = !end;
	if (!s->good)
		printf("# %s: %llu of %llu bytes were right, then %s\n",
		       s->name, (unsigned long long)good,
		       (unsigned long long)s->len,
		       end == -1 ? strerror(errno) :
		       end == 1 ? "there were more" : "something else");
	return NULL;
}

/* A stream each way at once. */
static bool exchange(int client, int server, uint64_t len)
{
	struct stream s[4] = {
		{ .name = "client", .fd = client, .seed = 1, .len = len },
		{ .name = "server", .fd = server, .seed = 1, .len = len },
		{ .name = "server", .fd = server, .seed = 2, .len = len },
		{ .name = "client", .fd = client, .seed = 2, .len = len },
	};
	bool good = true;
	int i;

	for (i = 0; i < 4; i++)
		pthread_create(&s[i].thread, NULL,
			       i % 2 ? recv_stream : send_stream, &s[i]);
	for (i = 0; i < 4; i++) {
		pthread_join(s[i].thread, NULL);
		good &= s[i].good;
	}
	close(client);
	close(server);
	return good;
}

/* Small requests and answers: the last frame of each is a tail. */
static bool ping_pong(int client, int server)
{
	bool good = true;
	int i;

	for (i = 0; i < 40 && good; i++)
		good = !fsk_send_pattern(client, i, 0, i * 40) &&
		       fsk_recv_pattern(server, i, 0, i * 40) == i * 40U &&
		       !fsk_send_pattern(server, i, 0, 100) &&
		       fsk_recv_pattern(client, i, 0, 100) == 100;
	if (!good)
		printf("# question %d got no answer\n", i);
	close(client);
	close(server);
	return good;
}

static const char *client_ns, *server_ns, *server_ip;

static int listen_there(void)
{
	int fd = fsk_socket(server_ns, 0);

	if (fsk_bind(fd, server_ip, 0) || listen(fd, 8)) {
		perror("# listen");
		exit(2);
	}
	return fd;
}

static void open_one(int listener, int *client, int *server)
{
	*client = fsk_socket(client_ns, 0);
	if (fsk_connect(*client, server_ip, fsk_port(listener))) {
		perror("# connect");
		exit(2);
	}
	*server = accept(listener, NULL, NULL);
	if (*server < 0) {
		perror("# accept");
		exit(2);
	}
}

#define TRIES	10

/* On a busy machine a handshake may time out, and the next ones with it. */
static void open_fast(int listener, int *client, int *server)
{
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		open_one(listener, client, server);
		if (fsk_is_fast(*client) && fsk_is_fast(*server))
			return;
		close(*client);
		close(*server);
		fsk_sleep_ms(500);
	}
	printf("# %d connections fell to TCP\n", TRIES);
	exit(2);
}

#define CONNECTS	30

/* Connects while the link is bad. */
static bool connects(int listener)
{
	int i, client, server, fast = 0;
	bool good = true;

	for (i = 0; i < CONNECTS; i++) {
		open_one(listener, &client, &server);
		if (fsk_is_fast(client) != fsk_is_fast(server)) {
			printf("# the ends do not agree\n");
			good = false;
		}
		fast += fsk_is_fast(client);
		good &= exchange(client, server, 1000);
	}
	printf("# %d of %d connections ran fastsock\n", fast, CONNECTS);
	return good && fast;
}

int main(int argc, char **argv)
{
	int client[ARRAY_SIZE(sizes) + 2], server[ARRAY_SIZE(sizes) + 2];
	uint64_t bytes, start;
	int listener, count;
	bool good = true;
	size_t i;

	if (argc != 6)
		return 2;
	client_ns = argv[1];
	server_ns = argv[2];
	server_ip = argv[3];
	bytes = strtoull(argv[4], NULL, 0);
	count = bytes ? ARRAY_SIZE(client) : 0;
	listener = listen_there();
	for (i = 0; i < count; i++)
		open_fast(listener, &client[i], &server[i]);
	if (fsk_run(argv[5]))
		return 2;
	start = fsk_now_ms();
	if (!count)
		return !connects(listener);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		good &= exchange(client[i], server[i], sizes[i]);
	good &= ping_pong(client[i], server[i]);
	i++;
	good &= exchange(client[i], server[i], bytes);
	printf("# %llu ms\n", (unsigned long long)(fsk_now_ms() - start));
	return !good;
}
