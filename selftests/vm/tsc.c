// SPDX-License-Identifier: GPL-2.0
/* Prints how fast this machine's time stamp counter runs, in kHz. */

#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

int main(void)
{
	double start = now(), ms;
	unsigned long long from = __rdtsc();

	do {
		ms = now() - start;
	} while (ms < 50);
	printf("%.0f\n", (double)(__rdtsc() - from) / ms);
	return 0;
}
