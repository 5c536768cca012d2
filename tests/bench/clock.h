/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

/* The time, for what the benchmarks measure. */

#include <time.h>

static inline double now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* In seconds. */
static inline double now(void)
{
	return now_ns() * 1e-9;
}

#endif
