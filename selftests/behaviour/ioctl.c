// SPDX-License-Identifier: GPL-2.0
/* L: ioctl, fcntl and signals. */
#include "behaviour.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>

/* And whoever is to be told has been. */
static void give_and_wait(int from, int to, const char *text)
{
	give_now(from, to, text);
	fsk_sleep_ms(10);
}

static int number(int fd, unsigned long request)
{
	int n = -1;

	return ioctl(fd, request, &n) ? -1 : n;
}

static void finish(int by, int told)
{
	shutdown(by, SHUT_WR);
	AWAIT(fsk_events(told) & POLLRDHUP);
}

static void reset(int by, int told)
{
	fsk_set_linger(by, 0);
	close(by);
	AWAIT(fsk_events(told) & POLLERR);
}

static void drain(int fd)
{
	static char buf[65536];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
}

static void small_pair(int *c, int *s)
{
	uint16_t port;
	int lfd = server_socket(0);

	fsk_set_int(lfd, SOL_SOCKET, SO_RCVBUF, 8192);
	port = listen_on(lfd, 1);
	*c = client_socket(0);
	fsk_set_int(*c, SOL_SOCKET, SO_SNDBUF, 65536);
	pair_on(*c, lfd, port, s);
	close(lfd);
}

static void say_queues(const char *what, int fd)
{
	note("%s:", what);
	SAY(number(fd, SIOCINQ));
	SAY(number(fd, SIOCOUTQ));
	SAY(number(fd, SIOCOUTQNSD));
	SAY(number(fd, SIOCATMARK));
}

ALONE("L1", "queue lengths of sockets without connection")
{
	uint16_t port;
	int fd = client_socket(0), lfd = listener(1, &port);

	say_queues("fresh", fd);
	say_queues("listening", lfd);
	SAY(ioctl(fd, SIOCINQ, NULL));
	SAY(ioctl(fd, SIOCOUTQ, NULL));
	SAY(ioctl(lfd, SIOCINQ, NULL));
}

FAST("L1", "FIONREAD counts unread bytes and not the end")
{
	char buf[64];
	int c, s;

	pair(&c, &s);
	say_queues("idle", s);
	give_and_wait(c, s, "abcdef");
	say_queues("data", s);
	SAY(recv(s, buf, 2, 0));
	SAY(number(s, FIONREAD));
	SAY(recv(s, buf, 64, MSG_PEEK));
	SAY(number(s, FIONREAD));
	finish(c, s);
	say_queues("data and end", s);
	SAY(recv(s, buf, 64, 0));
	say_queues("end", s);
	SAY(recv(s, buf, 64, 0));
	say_queues("end was told", s);
	SAY(ioctl(s, FIONREAD, NULL));
	SAY(ioctl(s, SIOCOUTQ, NULL));
	SAY(ioctl(s, SIOCOUTQNSD, NULL));
	SAY(ioctl(s, SIOCATMARK, NULL));
}

FAST("L1", "queue lengths after a reset")
{
	int c, s;

	pair(&c, &s);
	give_and_wait(c, s, "abc");
	reset(c, s);
	say_queues("reset", s);
	drain(s);
	say_queues("read", s);
}

FAST("L1", "SIOCOUTQ counts what is not acknowledged, all of it if stuffed")
{
	int c, s, all;

	small_pair(&c, &s);
	say_queues("idle", c);
	all = fsk_stuff(c, 1);
	note("some %d", number(c, SIOCOUTQ) > 0);
	note("some unsent %d", number(c, SIOCOUTQNSD) > 0);
	note("not more than all %d",
	     number(c, SIOCOUTQNSD) <= number(c, SIOCOUTQ));
	note("each byte here or there %d",
	     number(c, SIOCOUTQ) + number(s, SIOCINQ) == all);
	AWAIT((drain(s), !number(c, SIOCOUTQ)));
	say_queues("drained", c);
	give(c, "abc");
	AWAIT(!number(c, SIOCOUTQ));
	SAY(number(c, SIOCOUTQNSD));
}

FAST("L1", "the end counts as one byte until it is acknowledged")
{
	int c, s, before;

	small_pair(&c, &s);
	fsk_stuff(c, 1);
	before = number(c, SIOCOUTQ);
	SAY(shutdown(c, SHUT_WR));
	SAY(number(c, SIOCOUTQ) - before);
	AWAIT((drain(s), !number(c, SIOCOUTQ)));
	say_queues("drained", c);
}

FAST("L1", "queue lengths of a connection that is not yet made")
{
	uint16_t port;
	int lfd = listener(0, &port), one = client_socket(0);
	int two = client_socket(SOCK_NONBLOCK);

	SAY(dial(one, port));
	AWAIT(fsk_events(lfd));
	SAY(dial(two, port));
	say_queues("pending", two);
}

static void say_flags(const char *what, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	note("%s: nonblock %d, async %d, access %d", what,
	     !!(flags & O_NONBLOCK), !!(flags & O_ASYNC), flags & O_ACCMODE);
}

FAST("L2", "FIONBIO, FIOASYNC and F_SETFL set the same flags")
{
	int c, s, on = 1, off = 0, copy;
	char byte;

	pair(&c, &s);
	say_flags("first", c);
	SAY(ioctl(c, FIONBIO, &on));
	say_flags("FIONBIO", c);
	SAY(recv(c, &byte, 1, 0));
	copy = dup(c);
	say_flags("a copy", copy);
	SAY(ioctl(copy, FIOASYNC, &on));
	say_flags("FIOASYNC", c);
	SAY(fcntl(c, F_SETFL, O_NONBLOCK));
	say_flags("F_SETFL", c);
	SAY(ioctl(c, FIONBIO, &off));
	say_flags("off", c);
	SAY(ioctl(c, FIONBIO, NULL));
	SAY(ioctl(c, FIOASYNC, NULL));
	SAY(fcntl(c, F_SETFL, O_APPEND | O_DIRECT));
	SAY(fcntl(c, F_SETFL, O_APPEND));
	note("append %d", !!(fcntl(c, F_GETFL) & O_APPEND));
	give_and_wait(s, c, "x");
	SAY(recv(c, &byte, 1, 0));
}

FAST("L2", "FIOCLEX and F_SETFD set close-on-exec")
{
	int c, s;

	pair(&c, &s);
	SAY(fcntl(c, F_GETFD));
	SAY(ioctl(c, FIOCLEX));
	SAY(fcntl(c, F_GETFD));
	SAY(ioctl(c, FIONCLEX));
	SAY(fcntl(c, F_GETFD));
	SAY(fcntl(c, F_SETFD, FD_CLOEXEC));
	SAY(fcntl(c, F_GETFD));
	SAY(fcntl(fcntl(c, F_DUPFD_CLOEXEC, 0), F_GETFD));
}

FAST("L2", "O_NONBLOCK set in mid-flight is for the next call")
{
	char bytes[64];
	struct fsk_call r = { .buf = bytes, .len = sizeof(bytes) };
	char buf[64];
	int c, s;

	pair(&c, &s);
	r.fd = c;
	begin_read(&r);
	SAY(fsk_nonblock(c, true));
	fsk_sleep_ms(50);
	note("waits %d", !r.done);
	SAY(recv(c, buf, sizeof(buf), 0));
	give(s, "abc");
	await_thread(r.thread);
	SAY(r.n);
	SAY(fsk_nonblock(c, false));
	fsk_set_timeout(c, SO_RCVTIMEO, 50);
	SAY(recv(c, buf, sizeof(buf), 0));
}

FAST("L2", "O_NONBLOCK is for sending too, and not for the peer")
{
	uint64_t all;
	int c, s;

	small_pair(&c, &s);
	SAY(fsk_nonblock(c, true));
	all = fsk_stuff(c, 1);
	SAY(send(c, "x", 1, 0));
	say_flags("peer", s);
	note("all %d", fsk_recv_pattern(s, 1, 0, all) == all);
	AWAIT(fsk_events(c) & POLLOUT);
	SAY(send(c, "x", 1, 0));
}

/* Blocks a signal so that await_signals() can wait for it. */
static void hold(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/*
 * Which codes came with a signal; how many is left to chance, so they are
 * told as a set.  Waits for the first if any is expected, then for quiet.
 */
static void say_signals(const char *what, int sig, int fd, bool expected)
{
	struct timespec patience = { expected ? 20 : 0, 100000000 };
	unsigned int codes = 0;
	bool right_fd = true;
	long band = 0;
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while (sigtimedwait(&set, &info, &patience) == sig) {
		patience = (struct timespec){ 0, 100000000 };
		if (info.si_code == SI_KERNEL || info.si_code > 6 ||
		    info.si_code < 1) {
			codes |= 1 << 31;
			continue;
		}
		codes |= 1 << info.si_code;
		band |= info.si_band;
		right_fd &= info.si_fd == fd;
	}
	note("%s: codes %x, band %lx, descriptor %d", what, codes, band,
	     right_fd);
}

static void tell_me(int fd, int sig)
{
	hold(sig);
	if (fcntl(fd, F_SETOWN, getpid()) || fcntl(fd, F_SETSIG, sig) ||
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC))
		broken("F_SETOWN");
}

FAST("L3", "SIGIO tells of data, the end and a reset")
{
	int c, s, sig = SIGRTMIN;

	pair(&c, &s);
	tell_me(s, sig);
	say_signals("idle", sig, s, false);
	give(c, "abc");
	say_signals("data", sig, s, true);
	give(c, "abc");
	say_signals("more data", sig, s, true);
	drain(s);
	say_signals("read", sig, s, false);
	SAY(send(s, "answer", 6, 0));
	say_signals("sent", sig, s, false);
	shutdown(c, SHUT_WR);
	say_signals("end", sig, s, true);
	reset(c, s);
	say_signals("reset", sig, s, true);
}

FAST("L3", "SIGIO tells of the reset of a connection in use")
{
	int c, s, sig = SIGRTMIN;

	pair(&c, &s);
	tell_me(s, sig);
	reset(c, s);
	say_signals("reset", sig, s, true);
}

FAST("L3", "SIGIO tells of the end of both directions")
{
	int c, s, sig = SIGRTMIN;

	pair(&c, &s);
	tell_me(s, sig);
	SAY(shutdown(s, SHUT_WR));
	say_signals("own shutdown", sig, s, false);
	shutdown(c, SHUT_WR);
	say_signals("end", sig, s, true);
	pair(&c, &s);
	tell_me(s, sig);
	shutdown(c, SHUT_WR);
	say_signals("end", sig, s, true);
	SAY(shutdown(s, SHUT_WR));
	AWAIT(fsk_events(s) & POLLHUP);
	say_signals("own shutdown", sig, s, false);
}

FAST("L3", "SIGIO tells of room after a full buffer")
{
	int c, s, sig = SIGRTMIN;

	small_pair(&c, &s);
	tell_me(c, sig);
	fsk_stuff(c, 1);
	say_signals("full", sig, c, false);
	AWAIT((drain(s), fsk_events(c) & POLLOUT));
	say_signals("room", sig, c, true);
	AWAIT((drain(s), !number(c, SIOCOUTQ)));
}

FAST("L3", "SIGIO tells a listener of connections")
{
	uint16_t port;
	int lfd = listener(2, &port), sig = SIGRTMIN, s;

	tell_me(lfd, sig);
	SAY(dial(client_socket(0), port));
	say_signals("connection", sig, lfd, true);
	s = accept(lfd, NULL, NULL);
	say_flags("not inherited", s);
	SAY(fcntl(s, F_GETOWN));
	SAY(fcntl(s, F_GETSIG));
}

FAST("L3", "SIGIO tells who connects that it is connected")
{
	uint16_t port;
	int lfd = listener(2, &port), sig = SIGRTMIN;
	int c = client_socket(SOCK_NONBLOCK);

	tell_me(c, sig);
	SAY(dial(c, port));
	say_signals("connected", sig, c, true);
	SAY(accept(lfd, NULL, NULL) >= 0);
}

FAST("L3", "SIGIO by its plain name, and none without O_ASYNC or owner")
{
	int c, s;

	hold(SIGIO);
	pair(&c, &s);
	give_and_wait(c, s, "a");
	say_signals("neither", SIGIO, s, false);
	SAY(fcntl(s, F_SETOWN, getpid()));
	give_and_wait(c, s, "b");
	say_signals("owner only", SIGIO, s, false);
	SAY(fcntl(s, F_SETFL, O_ASYNC));
	give_and_wait(c, s, "c");
	say_signals("both", SIGIO, s, true);
	SAY(fcntl(s, F_SETOWN, 0));
	give_and_wait(c, s, "d");
	say_signals("no owner", SIGIO, s, false);
	SAY(fcntl(s, F_SETOWN, getpid()));
	SAY(fcntl(s, F_SETFL, 0));
	give_and_wait(c, s, "e");
	say_signals("not asynchronous", SIGIO, s, false);
}

FAST("L3", "SIGIO is not sent for data that a blocked reader takes")
{
	char bytes[64];
	struct fsk_call r = { .buf = bytes, .len = sizeof(bytes) };
	int c, s, sig = SIGRTMIN;

	pair(&c, &s);
	tell_me(s, sig);
	r.fd = s;
	begin_read(&r);
	give(c, "abc");
	await_thread(r.thread);
	SAY(r.n);
	say_signals("data", sig, s, false);
}

FAST("L3", "owners: process, group, thread; what was set is read back")
{
	struct f_owner_ex owner = { F_OWNER_TID, gettid() };
	int c, s, pid = getpid(), group = -getpgrp(), got = 0;

	pair(&c, &s);
	SAY(fcntl(s, F_GETOWN));
	SAY(fcntl(s, F_SETOWN, pid));
	note("process %d", fcntl(s, F_GETOWN) == pid);
	SAY(ioctl(s, FIOGETOWN, &got));
	note("FIOGETOWN %d", got == pid);
	SAY(ioctl(s, FIOSETOWN, &group));
	SAY(ioctl(s, SIOCGPGRP, &got));
	note("SIOCGPGRP %d", got == group);
	SAY(ioctl(s, SIOCSPGRP, &pid));
	note("SIOCSPGRP %d", fcntl(s, F_GETOWN) == pid);
	SAY(fcntl(s, F_SETOWN_EX, &owner));
	owner = (struct f_owner_ex){ -1, -1 };
	SAY(fcntl(s, F_GETOWN_EX, &owner));
	note("thread %d", owner.type == F_OWNER_TID && owner.pid == gettid());
	note("peer %d", fcntl(c, F_GETOWN));
	SAY(fcntl(s, F_SETOWN, 4000000));
	SAY(fcntl(s, F_SETOWN, INT32_MIN));
	SAY(fcntl(s, F_SETSIG, 10000));
	SAY(fcntl(s, F_SETSIG, -1));
	SAY(fcntl(s, F_GETSIG));
	SAY(fcntl(s, F_SETSIG, SIGUSR1));
	SAY(fcntl(s, F_GETSIG) == SIGUSR1);
	SAY(ioctl(s, FIOSETOWN, NULL));
	SAY(ioctl(s, FIOGETOWN, NULL));
	owner.type = 99;
	SAY(fcntl(s, F_SETOWN_EX, &owner));
}

FAST("L3", "SIGIO set before connecting is kept")
{
	uint16_t port;
	int lfd = listener(1, &port), c = client_socket(0), s;
	int sig = SIGRTMIN;

	tell_me(c, sig);
	pair_on(c, lfd, port, &s);
	say_signals("connected", sig, c, true);
	give(s, "abc");
	say_signals("data", sig, c, true);
}

FAST("L3", "SIGIO comes when the mark of urgent data does, and SIGURG")
{
	int c, s, sig = SIGRTMIN;

	hold(SIGURG);
	pair(&c, &s);
	tell_me(s, sig);
	SAY(urge(c, "ab!"));
	say_signals("SIGURG", SIGURG, s, true);
	say_signals("SIGIO", sig, s, true);
}

FAST("L4", "SIOCGSTAMP is ENOENT while there is no stamp")
{
	struct timespec ts;
	struct timeval tv;
	int c, s;

	pair(&c, &s);
	SAY(ioctl(s, SIOCGSTAMP_OLD, &tv));
	SAY(ioctl(s, SIOCGSTAMPNS_OLD, &ts));
	give_and_wait(c, s, "abc");
	drain(s);
	SAY(ioctl(s, SIOCGSTAMP_OLD, &tv));
	SAY(ioctl(s, SIOCGSTAMP_NEW, &tv));
	SAY(ioctl(s, SIOCGSTAMP_OLD, NULL));
}

static struct ifreq on_device(const char *name)
{
	struct ifreq request = {};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return request;
}

static const char *device(void)
{
	return strcmp(here->client_ns, here->server_ns) ? "eth0" : "lo";
}

FAST("L4", "devices can be asked through any connection")
{
	struct ifreq r = on_device(device());
	struct sockaddr_in *addr = (void *)&r.ifr_addr;
	struct ifreq many[8];
	struct ifconf all = {
		.ifc_len = sizeof(many), .ifc_req = many,
	};
	int c, s;

	pair(&c, &s);
	SAY(ioctl(c, SIOCGIFADDR, &r));
	note("address %d", addr->sin_addr.s_addr == inet_addr(here->client_ip));
	SAY(ioctl(s, SIOCGIFADDR, &r));
	note("address %d", addr->sin_addr.s_addr == inet_addr(here->server_ip));
	SAY(ioctl(c, SIOCGIFNETMASK, &r));
	note("mask %s", inet_ntoa(addr->sin_addr));
	SAY(ioctl(c, SIOCGIFFLAGS, &r));
	note("up %d", !!(r.ifr_flags & IFF_UP));
	SAY(ioctl(c, SIOCGIFMTU, &r));
	SAY(r.ifr_mtu);
	SAY(ioctl(c, SIOCGIFHWADDR, &r));
	SAY(r.ifr_hwaddr.sa_family);
	r = on_device("lo");
	SAY(ioctl(c, SIOCGIFINDEX, &r));
	SAY(r.ifr_ifindex);
	SAY(ioctl(c, SIOCGIFNAME, &r));
	note("%s", r.ifr_name);
	SAY(ioctl(c, SIOCGIFCONF, &all));
	SAY(all.ifc_len / (int)sizeof(many[0]));
	r = on_device("none");
	SAY(ioctl(c, SIOCGIFADDR, &r));
	SAY(ioctl(c, SIOCGIFINDEX, &r));
	SAY(ioctl(c, SIOCGIFADDR, NULL));
}

FAST("L4", "routes and neighbours can be changed through any connection")
{
	struct rtentry route = { .rt_flags = RTF_UP };
	struct sockaddr_in *to = (void *)&route.rt_dst;
	struct sockaddr_in *mask = (void *)&route.rt_genmask;
	struct arpreq arp = {};
	int c, s;

	pair(&c, &s);
	*to = fsk_addr("10.99.0.0", 0);
	*mask = fsk_addr("255.255.0.0", 0);
	route.rt_dev = (char *)device();
	SAY(ioctl(c, SIOCADDRT, &route));
	SAY(ioctl(c, SIOCADDRT, &route));
	SAY(ioctl(c, SIOCDELRT, &route));
	SAY(ioctl(c, SIOCDELRT, &route));
	SAY(ioctl(c, SIOCADDRT, NULL));
	arp.arp_pa.sa_family = AF_INET;
	((struct sockaddr_in *)&arp.arp_pa)->sin_addr.s_addr =
		inet_addr("10.77.0.99");
	snprintf(arp.arp_dev, sizeof(arp.arp_dev), "%s", device());
	SAY(ioctl(c, SIOCGARP, &arp));
	SAY(ioctl(c, SIOCDARP, &arp));
}

FAST("L4", "ethtool works, and unknown requests are ENOTTY or as TCP says")
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };
	struct ifreq r = on_device(device());
	char buf[256] = "";
	int c, s;

	pair(&c, &s);
	r.ifr_data = (void *)&value;
	SAY(ioctl(c, SIOCETHTOOL, &r));
	SAY(value.data);
	SAY(ioctl(c, 0x12345678, buf));
	SAY(ioctl(c, SIOCPROTOPRIVATE, buf));
	SAY(ioctl(c, SIOCPROTOPRIVATE + 15, buf));
	SAY(ioctl(c, SIOCDEVPRIVATE, buf));
	SAY(ioctl(c, 0, buf));
	SAY(ioctl(c, FIOQSIZE, buf));
	SAY(ioctl(c, 2, buf));
	SAY(ioctl(c, 0x5401, buf));
	give_and_wait(c, s, "alive");
	SAY(number(s, FIONREAD));
}

FAST("L4", "ioctl() of a connection that was reset")
{
	struct ifreq r = on_device("lo");
	int c, s, on = 1;

	pair(&c, &s);
	reset(s, c);
	SAY(ioctl(c, SIOCGIFINDEX, &r));
	SAY(ioctl(c, FIONBIO, &on));
	say_queues("queues", c);
}

FAST("L5", "SIOCATMARK is 0 without urgent data")
{
	int c, s;

	pair(&c, &s);
	SAY(number(s, SIOCATMARK));
	give_and_wait(c, s, "abc");
	SAY(number(s, SIOCATMARK));
	drain(s);
	SAY(number(s, SIOCATMARK));
	finish(c, s);
	SAY(number(s, SIOCATMARK));
	SAY(ioctl(s, SIOCATMARK, NULL));
}

FAST("L5", "SIOCATMARK is 1 at the mark, before the urgent byte is passed")
{
	char buf[64];
	int c, s;

	pair(&c, &s);
	SAY(urge(c, "ab!"));
	SAY(send(c, "cd", 2, 0));
	AWAIT(!number(c, SIOCOUTQ));
	SAY(number(s, SIOCATMARK));
	SAY(recv(s, buf, 64, 0));
	SAY(number(s, SIOCATMARK));
	SAY(sockatmark(s));
	SAY(recv(s, buf, 1, MSG_OOB));
	SAY(number(s, SIOCATMARK));
	SAY(recv(s, buf, 64, 0));
	SAY(number(s, SIOCATMARK));
}
