// SPDX-License-Identifier: GPL-2.0
/* KUnit tests of what is found in TCP's tables of operations. */
#include <kunit/test.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "base/opcheck.h"

static void opcheck_proto__as_read(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, fsk_opcheck_proto(&tcp_prot));
}

static void opcheck_proto__more_in_use(struct kunit *test)
{
	struct proto *prot = kunit_kmalloc(test, sizeof(*prot), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, prot);
	*prot = tcp_prot;
	prot->rehash = prot->unhash;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fsk_opcheck_proto(prot));
}

static void opcheck_ops__as_read(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, 0, fsk_opcheck_ops(&inet_stream_ops));
}

static void show_fdinfo(struct seq_file *m, struct socket *sock)
{
}

static void opcheck_ops__more_in_use(struct kunit *test)
{
	struct proto_ops ops = inet_stream_ops;

	ops.show_fdinfo = show_fdinfo;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, fsk_opcheck_ops(&ops));
}

static struct kunit_case opcheck_cases[] = {
	KUNIT_CASE(opcheck_proto__as_read),
	KUNIT_CASE(opcheck_proto__more_in_use),
	KUNIT_CASE(opcheck_ops__as_read),
	KUNIT_CASE(opcheck_ops__more_in_use),
	{}
};

static struct kunit_suite opcheck_suite = {
	.name = "fastsock_opcheck",
	.test_cases = opcheck_cases,
};

kunit_test_suite(opcheck_suite);
