/* SPDX-License-Identifier: MIT */
/*
 * What targets are made of for the tests: `target MODE [NUMBER]`. It prints `ready` when it is
 * where the mode says, and stays there until it gets a line on standard input or is killed.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile long sink;
static long number;

__attribute__((noinline)) static void stay(void)
{
	char line[16];
	puts("ready");
	fflush(stdout);
	if (read(0, line, sizeof(line)) < 0)
		sink++;
}

__attribute__((noinline)) static long recurse(long depth)
{
	if (depth == 0)
		stay();
	else
		sink += recurse(depth - 1);
	return sink + depth;
}

static void handle(int signal)
{
	sink += signal;
	stay();
}

__attribute__((noinline)) static void raise_here(void)
{
	raise(SIGUSR1);
}

static void *wait_in_thread(void *arg)
{
	char name[16];
	snprintf(name, sizeof(name), "worker-%ld", (long)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

static void make_threads(long count)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, &attributes, wait_in_thread, (void *)(intptr_t)i) != 0)
			abort();
	}
}

/* What probes count. */
long counted(long a, long b);
__attribute__((noinline)) long counted(long a, long b)
{
	sink += a;
	return a * 3 + b;
}

static void *call_counted(void *arg)
{
	long sum = 0, wrong = 0;
	for (long i = 0; i < number; i++) {
		long got = counted(i, (long)(intptr_t)arg);
		sum += got;
		wrong += got != i * 3 + (long)(intptr_t)arg;
	}
	return (void *)(intptr_t)(wrong ? -1 : sum & 0xffffff);
}

static void call_in_threads(long threads)
{
	pthread_t made[64];
	long wrong = 0;
	for (long i = 0; i < threads && i < 64; i++)
		pthread_create(&made[i], NULL, call_counted, (void *)(intptr_t)i);
	for (long i = 0; i < threads && i < 64; i++) {
		void *result;
		pthread_join(made[i], &result);
		wrong += (intptr_t)result < 0;
	}
	printf("%ld threads, %ld calls each, %ld wrong\n", threads, number, wrong);
}

static void *churn(void *arg)
{
	return arg;
}

static void churn_threads(long count)
{
	for (long i = 0; i < count; i++) {
		pthread_t thread;
		if (pthread_create(&thread, NULL, churn, NULL) == 0)
			pthread_join(thread, NULL);
		counted(i, 0);
	}
	puts("churned");
}

static void fork_children(long count)
{
	long bad = 0;
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(counted(1, 4) == 7 ? 0 : 1);
		int status;
		waitpid(pid, &status, 0);
		bad += status != 0;
		counted(i, 0);
	}
	printf("%ld children, %ld bad\n", count, bad);
}

static void corrupt_stack(void)
{
	volatile uint64_t here[4];
	volatile uint64_t *volatile at = here;
	for (int i = 0; i < 200; i++)
		at[i] = (uint64_t)i * 0x9e3779b97f4a7c15u;
	stay();
}

static void call_nowhere(int signal)
{
	(void)signal;
	stay();
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "stay";
	number = argc > 2 ? atol(argv[2]) : 0;
	if (strcmp(mode, "stay") == 0) {
		stay();
	} else if (strcmp(mode, "recurse") == 0) {
		recurse(number);
	} else if (strcmp(mode, "signal") == 0) {
		signal(SIGUSR1, handle);
		raise_here();
	} else if (strcmp(mode, "altstack") == 0) {
		stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
		struct sigaction action = { .sa_handler = handle, .sa_flags = SA_ONSTACK };
		sigaltstack(&stack, NULL);
		sigaction(SIGUSR1, &action, NULL);
		raise_here();
	} else if (strcmp(mode, "threads") == 0) {
		make_threads(number);
		stay();
	} else if (strcmp(mode, "corrupt") == 0) {
		corrupt_stack();
	} else if (strcmp(mode, "nowhere") == 0) {
		struct sigaction action = { .sa_handler = call_nowhere };
		sigaction(SIGSEGV, &action, NULL);
		((void (*volatile)(void))0x10)();
	} else if (strcmp(mode, "clock") == 0) {
		struct timespec now;
		puts("ready");
		fflush(stdout);
		for (;;)
			clock_gettime(CLOCK_MONOTONIC, &now);
	} else if (strcmp(mode, "count") == 0) {
		stay();
		call_in_threads(argc > 3 ? atol(argv[3]) : 1);
	} else if (strcmp(mode, "churn") == 0) {
		stay();
		churn_threads(number);
	} else if (strcmp(mode, "fork") == 0) {
		stay();
		fork_children(number);
	} else if (strcmp(mode, "loop") == 0) {
		puts("ready");
		fflush(stdout);
		for (;;)
			counted(1, 2);
	} else {
		fprintf(stderr, "no mode %s\n", mode);
		return 2;
	}
	return 0;
}
