/* SPDX-License-Identifier: MIT */
/* Always somewhere else: calls, recursion, callbacks, inlined functions, signal handlers, threads. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>


static volatile unsigned long sink;

static inline __attribute__((always_inline)) unsigned long mix(unsigned long value)
{
	value ^= value >> 29;
	value *= (unsigned long)0xff51afd7ed558ccdull;
	return value ^ value >> 29;
}

static inline __attribute__((always_inline)) unsigned long mix_twice(unsigned long value)
{
	return mix(mix(value) + 1);
}

__attribute__((noinline)) static int compare(const void *a, const void *b)
{
	unsigned long first = mix(*(const unsigned long *)a), second = mix(*(const unsigned long *)b);
	return first < second ? -1 : first > second;
}

__attribute__((noinline)) static unsigned long sorts(unsigned long seed, int count)
{
	unsigned long values[64];
	for (int i = 0; i < 64; i++)
		values[i] = seed = mix_twice(seed + (unsigned long)i);
	qsort(values, (size_t)count, sizeof(values[0]), compare);
	return values[count / 2];
}

__attribute__((noinline)) static unsigned long recurse(unsigned long seed, int depth)
{
	char text[80];
	if (depth <= 0)
		return sorts(seed, 16 + (int)(seed & 31));
	snprintf(text, sizeof(text), "%d %lu %s", depth, seed, "recursion");
	return recurse(mix(seed) + strlen(text), depth - 1 - (int)(seed & 1)) + 1;
}

__attribute__((noinline)) static void handle(int signal)
{
	sink += recurse((unsigned long)signal + sink, 3);
}

static void *work(void *arg)
{
	unsigned long seed = (unsigned long)(uintptr_t)arg + 1;
	for (;;) {
		seed = recurse(seed, 1 + (int)(seed & 15));
		char *copy = malloc(seed & 1023);
		if (copy)
			memset(copy, 1, seed & 1023);
		free(copy);
		sink = seed;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 0;
	if (argc > 2) {
		struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
		struct itimerval timer = { { 0, 500 }, { 0, 500 } };
		sigaction(SIGALRM, &action, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
	}
	for (int i = 0; i < threads; i++) {
		pthread_t thread;
		pthread_create(&thread, NULL, work, (void *)(uintptr_t)(i + 10));
	}
	puts("ready");
	fflush(stdout);
	work((void *)(uintptr_t)1);
	return 0;
}
