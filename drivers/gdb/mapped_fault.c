/* SPDX-License-Identifier: MIT */
#include "mapped_fault.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_RANGES 256

struct mapped_range {
	atomic_uintptr_t low, high; /* both 0: free */
	atomic_bool happened;
};

/*
 * The exception to "no mutable globals": a signal's handler is the process's, and can be told of nothing else.
 * Entries are written under the lock, and read by the handler without it.
 */
static struct mapped_range ranges[MAX_RANGES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned range_count;
static struct sigaction before;

static void pass_on(int number, siginfo_t *information, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
		before.sa_sigaction(number, information, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else {
		/* The instruction is tried again, and then ends the program as it would have. */
		signal(SIGBUS, SIG_DFL);
		if (information->si_code <= 0)
			raise(SIGBUS);
	}
}

/* mmap() is a bare system call, as a handler of signals may make. */
static bool put_zeros(uintptr_t low, uintptr_t high)
{
	return mmap((void *)low, high - low, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0)
		!= MAP_FAILED;
}

static void handle(int number, siginfo_t *information, void *context)
{
	uintptr_t address = (uintptr_t)information->si_addr;
	for (unsigned i = 0; information->si_code > 0 && i < MAX_RANGES; i++) {
		uintptr_t low = atomic_load(&ranges[i].low), high = atomic_load(&ranges[i].high);
		if (address < low || address >= high)
			continue;
		/* All from here on: what is before it may still be there. Of huge pages, all. */
		uintptr_t page = address & ~((uintptr_t)4095);
		if (!put_zeros(page, high) && !put_zeros(low, high))
			break;
		atomic_store(&ranges[i].happened, true);
		return;
	}
	pass_on(number, information, context);
}

static bool install(void)
{
	struct sigaction action = { .sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER };
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, &before) == 0;
}

/* Only when it is still ours: somebody may have put his over it. */
static void uninstall(void)
{
	struct sigaction now;
	if (sigaction(SIGBUS, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO && now.sa_sigaction == handle)
		sigaction(SIGBUS, &before, NULL);
}

struct mapped_range *mapped_fault_guard(void *base, size_t size)
{
	struct mapped_range *range = NULL;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < MAX_RANGES && !range; i++)
		if (!atomic_load(&ranges[i].high))
			range = &ranges[i];
	if (range && !range_count && !install())
		range = NULL;
	if (range) {
		range_count++;
		atomic_store(&range->happened, false);
		atomic_store(&range->low, (uintptr_t)base);
		atomic_store(&range->high, (uintptr_t)base + size);
	}
	pthread_mutex_unlock(&lock);
	return range;
}

void mapped_fault_release(struct mapped_range *range)
{
	if (!range)
		return;
	pthread_mutex_lock(&lock);
	atomic_store(&range->high, 0);
	atomic_store(&range->low, 0);
	if (--range_count == 0)
		uninstall();
	pthread_mutex_unlock(&lock);
}

bool mapped_fault_happened(const struct mapped_range *range)
{
	return atomic_load_explicit(&range->happened, memory_order_relaxed);
}
