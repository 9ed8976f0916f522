/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of test_behaviour.c share.
 *
 * A row is a small program that does something with sockets and says what it
 * saw.  It is run where fastsock is off and where it is on, and must say the
 * same.  So it never says what differs between two runs of TCP: port numbers,
 * times, inode numbers.  What TCP itself leaves to chance it reduces to what
 * is promised before it says it.
 */
#ifndef BEHAVIOUR_H
#define BEHAVIOUR_H

#define _GNU_SOURCE
#define FSK_NO_HARNESS
#define FSK_MAPPED	mapped
#define FSK_NATIVE	native
#include <stdbool.h>

/* Test with sockets of AF_INET6. */
extern bool mapped;
/* And with addresses of IPv6. */
extern bool native;

#include "fsk_call.h"
#include "fsk_test.h"

/* What must be true of the run with fastsock on. */
enum row_kind {
	ROW_FAST,	/* fastsock carried a connection */
	ROW_TCP,	/* the connection was left to TCP (marked H) */
	ROW_ALONE,	/* there is no connection that could be either */
	ROW_KNOWN,	/* differs, as Documentation/overview.rst says */
};

struct row {
	const char *name;	/* as in the table, such as "B7" */
	const char *title;
	enum row_kind kind;
	bool wire;		/* memory will not do: it is to be cut */
	void (*run)(void);
	struct row *next;
};

/* Rows run in the order of their definition; several may share a name. */
void row_add(struct row *row);

#define ROW_(id, line, row_name, row_title, row_kind, row_wire)		\
static void id##line(void);						\
static struct row id##line##_row = {					\
	.name = row_name, .title = row_title, .kind = row_kind,		\
	.wire = row_wire, .run = id##line,				\
};									\
static void __attribute__((constructor)) id##line##_add(void)		\
{									\
	row_add(&id##line##_row);					\
}									\
static void id##line(void)

#define ROW__(id, line, name, title, kind, wire)			\
	ROW_(id, line, name, title, kind, wire)

/* FAST("B7", "title") { body } and so on. */
#define FAST(name, title)						\
	ROW__(row_, __LINE__, name, title, ROW_FAST, false)
#define WIRE(name, title)						\
	ROW__(row_, __LINE__, name, title, ROW_FAST, true)
#define LEFT_TO_TCP(name, title)					\
	ROW__(row_, __LINE__, name, title, ROW_TCP, false)
#define ALONE(name, title)						\
	ROW__(row_, __LINE__, name, title, ROW_ALONE, false)
#define KNOWN(name, title)						\
	ROW__(row_, __LINE__, name, title, ROW_KNOWN, false)

/* Where this run takes place. */
extern const struct fsk_link *here;

/* One line of what the row saw. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "what: 3" or "what: -1 EINVAL"; returns the value. */
long say(const char *what, long value);

/* Evaluates a call and says its value, and errno if that is -1. */
#define SAY(call)	say(#call, (errno = 0, (long)(call)))
/* The same under another name, for calls with varying arguments. */
#define SAY_AS(what, call)	say(what, (errno = 0, (long)(call)))

/* Says poll's events, "IN|OUT" and so on, "-" if none. */
void say_events(const char *what, int events);

/* Says the bytes of a buffer as text, "..." for what is no text. */
void say_bytes(const char *what, const void *bytes, long count);

/* The row cannot be run here (a program, a privilege or an option is missing:
 * the same on every run); does not return.
 */
void skip(const char *why) __attribute__((noreturn));

/* Something failed that the row only needs and is not about; no return. */
void broken(const char *what) __attribute__((noreturn));

/* Sockets in the namespace of one side, not yet bound or connected. */
int client_socket(int flags);
int server_socket(int flags);

/* A listener on here->server_ip, its port in *port. */
int listener(int backlog, uint16_t *port);
/* The same on a socket that has options already. */
uint16_t listen_on(int fd, int backlog);

/* connect() of a client socket to that port of the server's address. */
int dial(int fd, uint16_t port);

/* A connected pair; either pointer is written before the row goes on. */
void pair(int *client, int *server);
/* The same; sockets made by the caller may have options. */
void pair_on(int client, int listening, uint16_t port, int *server);

/* Waits until the expression is true; broken() if it is not in 20 s. */
#define AWAIT(condition) do {						\
	if (!FSK_UNTIL(condition))					\
		broken("never: " #condition);				\
} while (0)

/* A thread that runs a function; joined by await_thread(). */
pthread_t thread(void *(*function)(void *), void *argument);
void await_thread(pthread_t id);
/* Sleeps until that task sleeps in a system call. */
void await_sleep(pid_t tid);

/* What stands in steps.c: sends a text, all of it. */
void give(int fd, const char *text);
/* The same with flags of send(). */
void give_flags(int fd, const char *text, int flags);
/* Sends a text in one segment and waits until it can be read. */
void give_now(int from, int to, const char *text);
/* Sends a text whose last byte is urgent. */
long urge(int fd, const char *text);
/* recv() of at most 64 bytes, and what it got. */
void take(const char *what, int fd, size_t len, int flags);
/* Bytes that the peer's host has not confirmed, -1 on error. */
int unacked(int fd);

/* A thread that sleeps in a call on return: a function like fsk_read_once(). */
void begin_call(struct fsk_call *b, void *(*call)(void *));
void begin_read(struct fsk_call *r);
/* Waits for its end and says what the call returned, or the bytes it read. */
long end_call(const char *what, struct fsk_call *b);
void end_read(const char *what, struct fsk_call *r);

/* A thread that polls, and what it is woken with. */
struct poller {
	int fd;
	short want;
	pthread_t id;
	pid_t tid;
	int events;
	bool done;
};

/* It sleeps on return. */
void begin_poll(struct poller *p, int fd, int want);

#endif /* BEHAVIOUR_H */
