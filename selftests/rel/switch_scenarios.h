/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What switch_sim.c simulates.  Bounds are judged where they are not 0.  They
 * keep what there is from getting worse; that not all of it is good is said in
 * Documentation/congestion.rst.
 */

/* Bulk of @n_ senders with two of short transfers beside; enough to settle. */
#define MATRIX(g_, mtu_, n_, kib_, ms_)					\
	{ .name = "bulk_" #g_ "g_" #mtu_ "_" #n_, .gbps = g_,		\
	  .mtu = mtu_, .buffer = kib_, .lan = n_, .shorts = 2,		\
	  .ms = ms_, .warm = ms_ / 3, .matrix = true }
#define MATRIX_N(g_, mtu_, kib_, ms_)					\
	MATRIX(g_, mtu_, 2, kib_, ms_), MATRIX(g_, mtu_, 8, kib_, ms_),	\
	MATRIX(g_, mtu_, 32, kib_, ms_), MATRIX(g_, mtu_, 64, kib_, ms_)

/* All send a block, wait for each other, and go on. */
#define INCAST(g_, n_, kib_)						\
	{ .name = "incast_" #g_ "g_" #n_, .gbps = g_, .buffer = kib_,	\
	  .lan = n_, .block = 64, .ms = 3000 / g_, .warm = 300 / g_,	\
	  .matrix = true }

static const struct scenario scenarios[] = {
	/* The queue of one sender, after a minute it is the same. */
	{ .name = "one_long", .gbps = 1, .nic = 10, .buffer = 10000, .lan = 1,
	  .ms = 23000, .warm = 21000, .least_mbps = 930, .most_queue = 1500 },
	{ .name = "start_64", .gbps = 1, .nic = 10, .buffer = 10000, .lan = 64,
	  .stagger = 100, .ms = 220, .most_needless = 15 },
	{ .name = "start_one", .gbps = 1, .buffer = 10000, .shorts = 1,
	  .fresh = true, .request = 65536, .ms = 500, .most_p99 = 700 },
	/* Beside TCP's rules. */
	{ .name = "reno_1m", .gbps = 1, .nic = 10, .buffer = 1024, .lan = 1,
	  .reno = 1, .ms = 9000, .warm = 4000, .least_share = 600,
	  .most_share = 1500 },
	{ .name = "reno_256k", .gbps = 1, .nic = 10, .buffer = 256, .lan = 1,
	  .reno = 1, .ms = 9000, .warm = 4000, .least_share = 600,
	  .most_share = 1500 },
	{ .name = "cubic_1m", .gbps = 1, .nic = 10, .buffer = 1024, .lan = 1,
	  .cubic = 1, .ms = 9000, .warm = 4000, .least_share = 600,
	  .most_share = 1500 },
	{ .name = "cubic_256k", .gbps = 1, .nic = 10, .buffer = 256, .lan = 1,
	  .cubic = 1, .ms = 9000, .warm = 4000, .least_share = 600,
	  .most_share = 1500 },
	{ .name = "reno_leaves", .gbps = 1, .nic = 10, .buffer = 1024,
	  .lan = 4, .reno = 2, .early = 4000, .ms = 9000, .warm = 8000,
	  .least_mbps = 930, .least_jain = 900,
	  .most_queue = 1500 },
	{ .name = "reno_leaves_one", .gbps = 1, .nic = 10, .buffer = 1024,
	  .lan = 1, .reno = 1, .early = 4000, .ms = 7000, .warm = 6000,
	  .least_mbps = 930, .most_queue = 1500 },
	/* Who comes later. */
	{ .name = "late_two", .gbps = 1, .nic = 10, .buffer = 10000, .lan = 2,
	  .stagger = 1000000, .ms = 4000, .warm = 2000, .least_mbps = 930,
	  .least_jain = 650, .most_queue = 1500 },
	{ .name = "late_four", .gbps = 1, .nic = 10, .buffer = 10000, .lan = 4,
	  .stagger = 1000000, .ms = 8000, .warm = 5000, .least_mbps = 930,
	  .least_jain = 900, .most_queue = 1500 },
	/* Many, and short transfers beside them. */
	{ .name = "many_8", .gbps = 1, .buffer = 1024, .lan = 8, .shorts = 2,
	  .ms = 4000, .warm = 1000, .least_mbps = 830, .least_jain = 850,
	  .most_queue = 2000, .most_p99 = 3000 },
	{ .name = "many_64", .gbps = 1, .buffer = 1024, .lan = 64, .shorts = 2,
	  .ms = 6000, .warm = 1000, .least_mbps = 850, .least_jain = 900,
	  .most_queue = 8500, .most_p99 = 60000, .most_needless = 30 },
	{ .name = "incast_64", .gbps = 10, .buffer = 1024, .lan = 64,
	  .block = 64, .ms = 200, .warm = 20, .least_mbps = 6000 },
	{ .name = "ten_8", .gbps = 10, .buffer = 2048, .lan = 8, .shorts = 2,
	  .ms = 500, .warm = 200, .least_mbps = 9000, .least_jain = 850,
	  .most_queue = 1500, .most_p99 = 2000 },
	{ .name = "hundred_8", .gbps = 100, .mtu = 9000, .buffer = 16384,
	  .lan = 8, .shorts = 2, .ms = 200, .warm = 50, .least_mbps = 95000,
	  .least_jain = 700, .most_queue = 1300, .most_p99 = 1500 },

	/* Hosts that share a processor, as guests do: no real queue. */
	{ .name = "guest_1g", .gbps = 1, .nic = 4, .buffer = 65536, .lan = 1,
	  .sleep = 5000, .ms = 4000, .warm = 1000, .least_mbps = 320,
	  .least_window = 45 },
	{ .name = "guest_10g", .gbps = 10, .nic = 4, .buffer = 65536, .lan = 1,
	  .sleep = 5000, .ms = 4000, .warm = 1000, .least_mbps = 2100,
	  .least_window = 75 },
	{ .name = "guest_two", .gbps = 10, .nic = 4, .buffer = 65536, .lan = 2,
	  .sleep = 5000, .ms = 3000, .warm = 1000, .least_mbps = 3500,
	  .least_window = 70 },
	/* As over veth: what a host that sleeps has not seen fills a queue. */
	{ .name = "guest_backlog", .gbps = 10, .nic = 4, .buffer = 1470,
	  .lan = 4, .sleep = 5000, .backlog = 1000, .ms = 2000, .warm = 500,
	  .least_mbps = 5500, .least_window = 60 },
	/* One guest and one host of its own share a port. */
	{ .name = "guest_beside", .gbps = 1, .nic = 4, .buffer = 10000,
	  .lan = 2, .sleep = 2000, .sleepers = 1, .ms = 6000, .warm = 2000,
	  .least_mbps = 930, .least_jain = 700, .most_queue = 5000 },
	/* What is sent in a drain is lost, until the timer ends it. */
	{ .name = "drain_lost", .gbps = 1, .nic = 10, .buffer = 10000,
	  .lan = 1, .outage = 30, .ms = 1000, .warm = 400, .least_mbps = 860 },

	/* Only with --all. */
	{ .name = "one_minute", .gbps = 1, .nic = 10, .buffer = 10000,
	  .lan = 1, .ms = 60000, .warm = 50000, .matrix = true },
	{ .name = "start_one_10g", .gbps = 10, .delay = 15, .buffer = 10000,
	  .shorts = 1, .fresh = true, .request = 65536, .ms = 500,
	  .matrix = true },
	{ .name = "reno_4_4", .gbps = 1, .nic = 10, .buffer = 1024, .lan = 4,
	  .reno = 4, .ms = 15000, .warm = 5000, .matrix = true },
	{ .name = "cubic_4_4", .gbps = 1, .nic = 10, .buffer = 1024, .lan = 4,
	  .cubic = 4, .ms = 15000, .warm = 5000, .matrix = true },
	{ .name = "many_64_256k", .gbps = 1, .buffer = 256, .lan = 64,
	  .shorts = 2, .ms = 5000, .warm = 1000, .matrix = true },
	{ .name = "churn_16", .gbps = 1, .buffer = 1024, .lan = 16,
	  .churn = 500, .shorts = 2, .ms = 10000, .warm = 1000,
	  .matrix = true },
	{ .name = "hundred_1", .gbps = 100, .mtu = 9000, .buffer = 16384,
	  .lan = 1, .nic = 2, .ms = 200, .warm = 50, .matrix = true },
	{ .name = "hundred_1_far", .gbps = 100, .mtu = 9000, .buffer = 16384,
	  .delay = 1000, .lan = 1, .nic = 2, .ms = 300, .warm = 150,
	  .matrix = true },
	INCAST(1, 2, 1024), INCAST(1, 8, 1024), INCAST(1, 16, 1024),
	INCAST(1, 32, 1024), INCAST(1, 64, 1024),
	INCAST(10, 8, 1024), INCAST(10, 32, 1024), INCAST(10, 64, 1024),
	MATRIX_N(1, 1500, 1024, 3000), MATRIX_N(1, 9000, 1024, 3000),
	MATRIX_N(10, 1500, 2048, 400), MATRIX_N(10, 9000, 2048, 600),
	MATRIX_N(25, 1500, 4096, 200), MATRIX_N(25, 9000, 4096, 400),
	MATRIX_N(100, 1500, 16384, 60), MATRIX_N(100, 9000, 16384, 200),
};
