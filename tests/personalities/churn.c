/* SPDX-License-Identifier: MIT */
/*
 * Runs in a guest whose model is followed: `churn tasks` makes processes and threads that begin, execute this program
 * again, also from a thread that is not the first, and end; `churn memory` maps, unmaps, protects, grows and moves areas
 * of its own address space.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u
#define AREAS 32
#define LARGEST 16 /* pages of an area */

static void rest(long milliseconds)
{
	const struct timespec time = { 0, milliseconds * 1000000 };
	nanosleep(&time, NULL);
}

static void *wait_a_little(void *arg)
{
	rest((long)(intptr_t)arg);
	return NULL;
}

static void *execute(void *arg)
{
	(void)arg;
	execl("/proc/self/exe", "churn", "end", (char *)NULL);
	return NULL;
}

static void be_child(unsigned kind)
{
	pthread_t threads[3];
	for (unsigned i = 0; i < 3 && kind; i++)
		pthread_create(&threads[i], NULL, wait_a_little, (void *)(intptr_t)(5 + 10 * i));
	if (kind == 2) {
		pthread_t other;
		pthread_create(&other, NULL, execute, NULL);
		pthread_join(other, NULL); /* it never comes back */
	}
	if (kind == 3)
		execute(NULL);
	for (unsigned i = 0; i < 3 && kind; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static void make_tasks(void)
{
	for (;;) {
		pid_t child = fork();
		if (child == 0)
			be_child((unsigned)rand() % 4);
		rest(rand() % 20);
		while (waitpid(-1, NULL, rand() % 4 ? WNOHANG : 0) > 0)
			;
	}
}

static void change_memory(void)
{
	struct { char *at; size_t pages; } areas[AREAS] = { { NULL, 0 } };
	for (;;) {
		unsigned i = (unsigned)rand() % AREAS;
		size_t pages = (size_t)(1 + rand() % LARGEST);
		if (!areas[i].at) {
			/* With nothing behind it, so that it can grow where it is. */
			char *at = mmap(NULL, 2 * LARGEST * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			areas[i].at = at == MAP_FAILED ? NULL : at;
			if (areas[i].at)
				munmap(at + pages * PAGE, (2 * LARGEST - pages) * PAGE);
			areas[i].pages = pages;
		} else if (rand() % 3 == 0) {
			munmap(areas[i].at, areas[i].pages * PAGE);
			areas[i].at = NULL;
		} else if (rand() % 2) {
			mprotect(areas[i].at, (1 + (size_t)rand() % areas[i].pages) * PAGE, rand() % 2 ? PROT_READ : PROT_READ | PROT_EXEC);
		} else {
			char *at = mremap(areas[i].at, areas[i].pages * PAGE, pages * PAGE, rand() % 2 ? MREMAP_MAYMOVE : 0);
			if (at != MAP_FAILED) {
				areas[i].at = at;
				areas[i].pages = pages;
			}
		}
		if (rand() % 8 == 0)
			sbrk(rand() % 2 ? (intptr_t)PAGE * 4 : -(intptr_t)PAGE * 2);
		rest(2);
	}
}

int main(int argc, char **argv)
{
	const char *role = argc > 1 ? argv[1] : "";
	srand(argc > 2 ? (unsigned)atoi(argv[2]) : 1);
	if (strcmp(role, "tasks") == 0)
		make_tasks();
	if (strcmp(role, "memory") == 0)
		change_memory();
	rest(10);
	return 0;
}
