// SPDX-License-Identifier: GPL-2.0
/* Runs the suites that were linked in, and prints one KTAP report. */

#include "kunit/test.h"

static struct kunit_suite *suites;
static struct kunit_suite **last = &suites;

void kunit_add_suite(struct kunit_suite *suite)
{
	*last = suite;
	last = &suite->next;
}

static bool run_case(struct kunit_suite *suite, struct kunit_case *one,
		     unsigned int nr)
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

int main(void)
{
	unsigned int nr = 0, failed = 0;
	struct kunit_suite *suite;
	struct kunit_case *one;

	for (suite = suites; suite; suite = suite->next)
		for (one = suite->test_cases; one->run; one++)
			nr++;
	printf("KTAP version 1\n1..%u\n", nr);
	nr = 0;
	for (suite = suites; suite; suite = suite->next)
		for (one = suite->test_cases; one->run; one++)
			failed += !run_case(suite, one, ++nr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
