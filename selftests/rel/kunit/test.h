/* SPDX-License-Identifier: GPL-2.0 */
/* The little of KUnit that rel_test.c uses, as a program that prints KTAP. */
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
#define KUNIT_ASSERT_PTR_EQ(test, a, b)	KUNIT_CHECK(test, (a) == (b), true)
#define KUNIT_ASSERT_TRUE(test, c)	KUNIT_CHECK(test, c, true)

static inline bool kunit_run_case(struct kunit_suite *suite,
				  struct kunit_case *one, unsigned int nr)
{
	struct kunit test = {};

	if (suite->init(&test))
		test.failed = true;
	else
		one->run(&test);
	free(test.memory);
	printf("%sok %u %s\n", test.failed ? "not " : "", nr, one->name);
	return !test.failed;
}

static inline int kunit_run(struct kunit_suite *suite)
{
	unsigned int nr = 0, failed = 0;
	struct kunit_case *one;

	for (one = suite->test_cases; one->run; one++)
		nr++;
	printf("KTAP version 1\n1..%u\n", nr);
	nr = 0;
	for (one = suite->test_cases; one->run; one++)
		failed += !kunit_run_case(suite, one, ++nr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define kunit_test_suite(suite)						\
	int main(void)							\
	{								\
		return kunit_run(&suite);				\
	}								\
	_Static_assert(1, "takes a semicolon")

#endif /* _KUNIT_TEST_H */
