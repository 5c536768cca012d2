/* SPDX-License-Identifier: MIT */
/*
 * Processes that are no pleasure to look at: `hostile MODE [NUMBER]`. Each prints `ready` when it is at it,
 * and goes on until it is killed.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct node {
	struct node *next, *self;
	struct node **back;
	const char *text;
	union { struct node *again; long number; } either;
};

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Everything from here to near the top of the stack is random; nothing returns any more. */
__attribute__((noinline)) static void scribble(unsigned seed)
{
	volatile char here[64];
	volatile char *end = here + 1500;
	ready();
	for (volatile char *at = here; at < end; at++)
		*at = (char)((seed = seed * 1103515245u + 12345u) >> 16);
	/* Not through the C library: its calls would find the damage. */
	for (;;)
		__asm__ volatile("syscall" : : "a"(34) : "rcx", "r11", "memory"); /* pause */
}

/* Memory that comes and goes, in another thread's time. */
static void *map_and_unmap(void *arg)
{
	for (size_t size = 4096;; size = size > 1u << 24 ? 4096 : size * 2) {
		char *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			continue;
		memset(block, 'x', size);
		*(char *volatile *)arg = block;
		munmap(block, size);
	}
	return NULL;
}

static void *load_and_unload(void *arg)
{
	for (;;) {
		void *library = dlopen(arg, RTLD_NOW);
		if (library)
			dlclose(library);
	}
	return NULL;
}

__attribute__((noinline)) static void wait_with(const char *text, struct node *node, char **moving)
{
	struct node copy = *node;
	ready();
	for (;;) {
		pause();
		copy.either.number += moving ? **moving : text[0];
	}
}

/* A string that ends only with its mapping. */
static char *endless(size_t size)
{
	char *block = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED || munmap(block + size, 4096) != 0)
		abort();
	return memset(block, 'x', size);
}

/* COUNT generations of children that make two each, and end; for ever, but one bomb at a time. */
static void bomb(long count)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ready();
	for (;;) {
		pid_t pid = fork();
		if (pid == 0) {
			for (long i = 0; i < count; i++)
				if (fork() > 0 && fork() > 0)
					_exit(0);
			_exit(0);
		}
		while (wait(NULL) > 0)
			;
	}
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void churn(void)
{
	ready();
	for (;;) {
		pthread_t threads[8];
		for (int i = 0; i < 8; i++)
			if (pthread_create(&threads[i], NULL, end_at_once, NULL) != 0)
				threads[i] = 0;
		for (int i = 0; i < 8; i++)
			if (threads[i])
				pthread_join(threads[i], NULL);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	long number = argc > 2 ? atol(argv[2]) : 0;
	static char *volatile moving;
	struct node node = { .next = &node, .self = &node, .back = &node.next, .text = "self", .either.again = &node };
	pthread_t thread;
	signal(SIGCHLD, SIG_DFL);
	if (strcmp(mode, "scribble") == 0) {
		scribble((unsigned)number);
	} else if (strcmp(mode, "memory") == 0) {
		static char first;
		moving = &first;
		pthread_create(&thread, NULL, map_and_unmap, (void *)&moving);
		wait_with("memory", &node, (char **)&moving);
	} else if (strcmp(mode, "maps") == 0) {
		pthread_create(&thread, NULL, load_and_unload, argv[2]);
		wait_with("maps", &node, NULL);
	} else if (strcmp(mode, "string") == 0) {
		wait_with(endless(64u << 20), &node, NULL);
	} else if (strcmp(mode, "self") == 0) {
		wait_with("self", &node, NULL);
	} else if (strcmp(mode, "bomb") == 0) {
		bomb(number);
	} else if (strcmp(mode, "churn") == 0) {
		churn();
	} else if (strcmp(mode, "exec") == 0) {
		if (!number)
			ready();
		usleep(1000);
		execl("/proc/self/exe", argv[0], "exec", "1", NULL);
	}
	return 2;
}
