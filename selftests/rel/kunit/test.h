/* SPDX-License-Identifier: GPL-2.0 */
/* The little of KUnit that the tests use, as a program that prints KTAP. */
#ifndef _KUNIT_TEST_H
#define _KUNIT_TEST_H

#include "rel_user.h"

#define GFP_KERNEL		0
#define MODULE_LICENSE(s)	_Static_assert(1, s)
#define MODULE_DESCRIPTION(s)	_Static_assert(1, s)

struct kunit {
	void *priv;
	void *memory;		/* one allocation per test is enough here */
	bool failed;
};

struct kunit_case {
	void (*run)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	struct kunit_case *test_cases;
	struct kunit_suite *next;	/* not KUnit's: for main.c */
};

#define KUNIT_CASE(fn)		{ .run = fn, .name = #fn }

static inline void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	(void)gfp;
	test->memory = calloc(1, size);
	return test->memory;
}

#define KUNIT_CHECK(test, cond, bail) do {				\
	if (!(cond)) {							\
		printf("  # %s:%d: %s\n", __FILE__, __LINE__, #cond);	\
		(test)->failed = true;					\
		if (bail)						\
			return;						\
	}								\
} while (0)

#define KUNIT_EXPECT_TRUE(test, c)	KUNIT_CHECK(test, c, false)
#define KUNIT_EXPECT_FALSE(test, c)	KUNIT_CHECK(test, !(c), false)
#define KUNIT_EXPECT_EQ(test, a, b)	KUNIT_CHECK(test, (a) == (b), false)
#define KUNIT_EXPECT_LT(test, a, b)	KUNIT_CHECK(test, (a) < (b), false)
#define KUNIT_EXPECT_LE(test, a, b)	KUNIT_CHECK(test, (a) <= (b), false)
#define KUNIT_EXPECT_GT(test, a, b)	KUNIT_CHECK(test, (a) > (b), false)
#define KUNIT_EXPECT_PTR_EQ(test, a, b)	KUNIT_CHECK(test, (a) == (b), false)
#define KUNIT_ASSERT_EQ(test, a, b)	KUNIT_CHECK(test, (a) == (b), true)
#define KUNIT_ASSERT_LT(test, a, b)	KUNIT_CHECK(test, (a) < (b), true)
#define KUNIT_ASSERT_PTR_EQ(test, a, b)	KUNIT_CHECK(test, (a) == (b), true)
#define KUNIT_ASSERT_TRUE(test, c)	KUNIT_CHECK(test, c, true)

/* main.c: the suites of all files run in one program. */
void kunit_add_suite(struct kunit_suite *suite);

#define kunit_test_suite(suite)						\
	__attribute__((constructor)) static void add_suite(void)	\
	{								\
		kunit_add_suite(&suite);				\
	}								\
	_Static_assert(1, "takes a semicolon")

#endif /* _KUNIT_TEST_H */
