/* SPDX-License-Identifier: MIT */
/*
 * A program that measures itself: for each line that it reads it does the same work and prints the
 * nanoseconds of processor time that it took, the least of ROUNDS. `seldom` and `untouched` are never
 * called and written; they lie beside what the work uses all the time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 30

volatile unsigned long sink, untouched;
void seldom(long argument);
__attribute__((noinline)) void seldom(long argument)
{
	untouched += (unsigned long)argument;
}

__attribute__((noinline)) static unsigned long step(unsigned long value)
{
	if (value == 0x123456789)
		seldom((long)value);
	return value * 6364136223846793005ul + 1442695040888963407ul;
}

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static long work(void)
{
	long begin = now();
	for (int i = 0; i < 2000000; i++)
		sink = step(sink);
	for (int i = 0; i < 2000; i++)
		if (getppid() < 0)
			abort();
	return now() - begin;
}

int main(void)
{
	char line[16];
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		long least = work();
		for (int i = 1; i < ROUNDS; i++) {
			long took = work();
			least = took < least ? took : least;
		}
		printf("%ld\n", least);
		fflush(stdout);
	}
	return 0;
}
