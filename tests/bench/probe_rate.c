/* SPDX-License-Identifier: MIT */
/*
 * How many probe hits a second: the library with a handler that reads one argument, beside a bare ptrace
 * loop that emulates the instruction and does nothing else. The kinds: breakpoint, function with its
 * return, watchpoint; with target and tracer on one core and on two. Medians of several turns each.
 *
 * usage: probe_rate [SECONDS]
 *        probe_rate target CPU     only be the target, for other debuggers
 */
#include "clock.h"
#include "give_up.h"

#include <stackdb/probe.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS = 7 };

volatile long hot_variable;
void hot(long argument);
/* Its first instruction is easy to emulate: it does nothing. */
__asm__(".text\n.globl hot\n.type hot, @function\nhot:\n.cfi_startproc\n\tnop\n\tmov %rdi, hot_variable(%rip)\n\tret\n"
	".cfi_endproc\n.size hot, .-hot\n.globl hot_end\nhot_end:\n");

static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

static pid_t start(int cpu)
{
	pid_t pid = fork();
	if (pid == 0)
		for (long i = 0;; i++)
			hot(i);
	pin(pid, cpu);
	usleep(20000);
	return pid;
}

/* ---- the bare loops ------------------------------------------------------------------------------ */

static void attach_bare(pid_t pid)
{
	int status;
	ptrace(PTRACE_SEIZE, pid, 0, 0);
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	waitpid(pid, &status, __WALL);
}

static double bare_breakpoint(pid_t pid, double seconds)
{
	int status;
	attach_bare(pid);
	long word = ptrace(PTRACE_PEEKTEXT, pid, (void *)hot, 0);
	ptrace(PTRACE_POKETEXT, pid, (void *)hot, (word & ~0xffL) | 0xcc);
	double begin = now();
	unsigned long hits = 0;
	while ((hits & 63) || now() - begin < seconds) {
		struct user_regs_struct registers;
		ptrace(PTRACE_CONT, pid, 0, 0);
		waitpid(pid, &status, __WALL);
		ptrace(PTRACE_GETREGS, pid, 0, &registers);
		registers.rip = (unsigned long)hot + 1;
		ptrace(PTRACE_SETREGS, pid, 0, &registers);
		hits++;
	}
	return (double)hits / (now() - begin);
}

#define DEBUG_AT(n) (offsetof(struct user, u_debugreg) + (n) * sizeof(long))

static double bare_watch(pid_t pid, double seconds)
{
	int status;
	attach_bare(pid);
	ptrace(PTRACE_POKEUSER, pid, DEBUG_AT(0), &hot_variable);
	ptrace(PTRACE_POKEUSER, pid, DEBUG_AT(7), 1 | (1 | 2 << 2) << 16);
	double begin = now();
	unsigned long hits = 0;
	while ((hits & 63) || now() - begin < seconds) {
		ptrace(PTRACE_CONT, pid, 0, 0);
		waitpid(pid, &status, __WALL);
		hits++;
	}
	return (double)hits / (now() - begin);
}

/* ---- the library ------------------------------------------------------------------------------------ */

static unsigned long hits_seen;

static struct sdb_error *read_argument(void *arg, struct sdb_hit *hit)
{
	uint64_t value;
	(void)arg;
	give_up(sdb_thread_register_number(hit->thread, "rdi", &value));
	hits_seen++;
	return NULL;
}

static struct sdb_error *ignore(void *arg, struct sdb_hit *hit)
{
	(void)arg;
	(void)hit;
	return NULL;
}

enum what { BREAKPOINT, RETURN, WATCH };

static double library(pid_t pid, double seconds, enum what what)
{
	struct sdb_spec spec = { .pid = pid };
	struct sdb_probe_options options = { .before = read_argument, .after = what == RETURN ? ignore : NULL };
	struct sdb_target *target;
	struct sdb_probe *probe;
	give_up(sdb_target_create(&spec, &target));
	give_up(sdb_target_open(target));
	if (what == WATCH)
		give_up(sdb_probe_watch(target, (uint64_t)(uintptr_t)&hot_variable, 8, SDB_WATCH_WRITE, &options, &probe));
	else
		give_up(sdb_probe_function(target, "hot", &options, &probe));
	hits_seen = 0;
	double begin = now();
	while (now() - begin < seconds)
		give_up(sdb_target_poll(target, 100, NULL));
	double rate = (double)hits_seen / (now() - begin);
	give_up(sdb_target_kill(target));
	sdb_target_close(target);
	return rate;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static int compare(const void *a, const void *b)
{
	const double *first = a, *second = b;
	return *first < *second ? -1 : *first > *second;
}

static double median(double *rates)
{
	qsort(rates, TURNS, sizeof(*rates), compare);
	return rates[TURNS / 2];
}

/* Both in turns, so that what else the machine does meets both. */
static void measure(int cpu, double seconds, enum what what)
{
	static const char *const names[] = { "breakpoint", "function and return", "watchpoint" };
	static const char *const units[] = { "hits/s", "calls/s (two stops each)", "hits/s" };
	double bare[TURNS], ours[TURNS];
	for (int i = 0; i < TURNS; i++) {
		pid_t pid = start(cpu);
		bare[i] = what == WATCH ? bare_watch(pid, seconds / TURNS) : bare_breakpoint(pid, seconds / TURNS);
		stop(pid);
		ours[i] = library(start(cpu), seconds / TURNS, what);
	}
	double peer = median(bare), rate = median(ours);
	printf("%s, %s: %.0f %s, bare loop %.0f stops/s, ratio %.2f\n", names[what], cpu ? "two cores" : "one core", rate,
	       units[what], peer, (what == RETURN ? 2 : 1) * rate / peer);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 0.5;
	if (argc > 2 && strcmp(argv[1], "target") == 0) {
		pin(0, atoi(argv[2]));
		puts("ready");
		fflush(stdout);
		for (long i = 0;; i++)
			hot(i);
	}
	pin(0, 0);
	for (int cpu = 0; cpu < 2; cpu++)
		for (enum what what = BREAKPOINT; what <= WATCH; what++)
			measure(cpu, seconds, what);
	return 0;
}
