/* SPDX-License-Identifier: MIT */
/* Becoming the tracer of every thread, stopping them, letting go of them. */

#include "process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PASSES_MAX = 1000,    /* over the list of threads, while new ones appear */
	SPINS = 200,          /* looks at a thread before sleeping between them */
	SLEEP_NS = 100000,
	STUCK_MS = 50,        /* after which a thread that cannot stop is passed over */
	PATIENCE_MS = 5000,
};

/* ---- threads ------------------------------------------------------------------------------ */

struct sdb_error *attach_add(struct process *process, pid_t tid, struct tracee **tracee_ret)
{
	struct sdb_thread *thread;
	struct tracee *tracee = calloc(1, sizeof(*tracee));
	if (!tracee)
		return NO_MEMORY();
	struct sdb_error *error = target_add_thread(process->target, tid, &thread);
	if (error) {
		free(tracee);
		return error;
	}
	tracee->thread = thread;
	thread->state = tracee;
	*tracee_ret = tracee;
	return NULL;
}

void attach_remove(struct process *process, struct tracee *tracee)
{
	events_unqueue(process, tracee);
	struct sdb_thread *thread = tracee->thread;
	if (tracee->child) /* it will not tell of it any more */
		children_continue(process->target, tracee->child);
	if (process->peek == (pid_t)thread->id)
		process->peek = 0;
	free(tracee);
	target_remove_thread(process->target, thread);
}

/* One that is not known yet is added. */
static struct sdb_error *list_thread(void *arg, pid_t tid)
{
	struct process *process = arg;
	struct tracee *tracee;
	if (target_find_thread(process->target, tid))
		return NULL;
	return attach_add(process, tid, &tracee);
}

static void drop_ended(struct process *process)
{
	struct sdb_target *target = process->target;
	for (size_t i = target->thread_count; i-- > 0;) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		if (!tracee->seized && !tracee->queued && procfs_status((pid_t)target->threads[i]->id, "Tgid") < 0)
			attach_remove(process, tracee);
	}
}

struct sdb_error *attach_refresh(struct sdb_target *target)
{
	struct process *process = process_of(target);
	if (process->watched)
		return NULL; /* its threads are reported as they come and go */
	struct sdb_error *error = procfs_tasks((pid_t)target->pid, list_thread, process);
	if (!error)
		drop_ended(process);
	return error;
}

/* ---- tracing ------------------------------------------------------------------------------------ */

struct pass {
	struct process *process;
	bool found; /* a thread that was not traced before */
};

/* A thread that a traced one made while we looked is traced already. */
static bool is_ours(pid_t tid)
{
	return procfs_status(tid, "TracerPid") == gettid();
}

static struct sdb_error *seize(void *arg, pid_t tid)
{
	struct pass *pass = arg;
	struct process *process = pass->process;
	struct sdb_thread *thread = target_find_thread(process->target, tid);
	struct tracee *tracee = thread ? tracee_of(thread) : NULL;
	if (tracee && tracee->seized)
		return NULL;
	bool seized = ptrace(PTRACE_SEIZE, tid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD) == 0;
	int reason = errno;
	if (!seized && (reason == ESRCH || procfs_is_zombie(tid))) {
		if (tracee)
			attach_remove(process, tracee);
		return NULL;
	}
	if (!seized && !is_ours(tid)) {
		char tracer[128];
		procfs_tracer(tid, tracer, sizeof(tracer));
		return sdb_error_errno(reason, "cannot attach to thread %d%s", tid, tracer);
	}
	struct sdb_error *error = tracee ? NULL : attach_add(process, tid, &tracee);
	if (error) {
		return error;
	}
	tracee->seized = true;
	tracee->fresh = !seized && tid != process->target->pid; /* one that was handed over is not new */
	pass->found = true;
	return NULL;
}

struct sdb_error *attach_all(struct process *process)
{
	for (int i = 0; i < PASSES_MAX; i++) {
		struct pass pass = { .process = process };
		struct sdb_error *error = procfs_tasks((pid_t)process->target->pid, seize, &pass);
		if (error || !pass.found)
			return error;
	}
	return sdb_error_new(SDB_ERROR_SYSTEM, "process %lld makes threads faster than they can be stopped",
			     (long long)process->target->pid);
}

/* ---- stopping ------------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* It sleeps uninterruptibly; or it is the first thread of a dying process, which ends after all others. */
static bool is_stuck(struct sdb_thread *thread)
{
	char *state = NULL;
	sdb_error_free(procfs_thread_state(thread, &state));
	bool stuck = state && (strcmp(state, "disk sleep") == 0 || strcmp(state, "zombie") == 0);
	free(state);
	return stuck;
}

/*
 * A thread that was asked to stop just when it met a breakpoint stops for the former first. The
 * signal of the latter would end it, were it let go now: it goes on, and stops for that.
 */
static bool trap_is_pending(pid_t tid)
{
	siginfo_t pending[16];
	struct __ptrace_peeksiginfo_args which = { .nr = 16 };
	long count = ptrace(PTRACE_PEEKSIGINFO, tid, &which, pending);
	for (long i = 0; i < count; i++)
		if (pending[i].si_signo == SIGTRAP)
			return true;
	return false;
}

void attach_interrupt(struct tracee *tracee)
{
	if (!tracee->thread->stopped && !tracee->interrupting && ptrace(PTRACE_INTERRUPT, (pid_t)tracee->thread->id, 0, 0) == 0)
		tracee->interrupting = true;
}

bool attach_await_stop(struct process *process, struct tracee *tracee)
{
	int64_t begin = 0;
	for (unsigned looks = 0;; looks++) {
		int status, signal;
		errno = 0;
		bool got = events_look(tracee, false, &status);
		if (!got && errno)
			return false;
		if (got && WIFSTOPPED(status)) {
			tracee->thread->stopped = true;
			if (event_is_stop(status, &signal)) {
				if (process->watched && signal == SIGTRAP && trap_is_pending((pid_t)tracee->thread->id)
				    && ptrace(PTRACE_CONT, (pid_t)tracee->thread->id, 0, 0) == 0)
					continue;
				tracee->group_stopped = signal != SIGTRAP;
				if (!tracee->fresh || !process->watched)
					return true;
			}
			events_queue(process, tracee, status);
			/* What it has just made is traced already, and waits. */
			sdb_error_free(report_creation(process, tracee, status, &tracee->child));
			return true;
		}
		if (got) { /* it ended */
			events_queue(process, tracee, status);
			return false;
		}
		if (looks < SPINS) {
			sched_yield();
			continue;
		}
		nanosleep(&(struct timespec){ .tv_nsec = SLEEP_NS }, NULL);
		if (!begin)
			begin = now_ms();
		int64_t waited = now_ms() - begin;
		if (waited > PATIENCE_MS || (waited > STUCK_MS && is_stuck(tracee->thread)))
			return false;
	}
}

/* Ends that happened while nobody watches are just taken note of. */
static void drop_queued_ends(struct process *process)
{
	struct sdb_target *target = process->target;
	for (size_t i = target->thread_count; i-- > 0;) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		if (!tracee->queued || WIFSTOPPED(tracee->status))
			continue;
		if (report_is_last(process, tracee)) {
			target->exit_status = tracee->status;
			target->status = SDB_TARGET_EXITED;
		}
		attach_remove(process, tracee);
	}
}

/*
 * Stops that are dealt with are taken, so that they do not hide those of other targets. A thread goes on without
 * the signal then, should this program die: it has to be where it is to go on from. One that was killed in its stop
 * has ended meanwhile, and that is said only once.
 */
static void take_stops(struct process *process)
{
	struct sdb_target *target = process->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		pid_t tid = (pid_t)tracee->thread->id;
		int status;
		if (!tracee->thread->stopped || tracee->queued)
			continue;
		sdb_error_free(thread_flush(tracee->thread));
		if (waitpid(tid, &status, __WALL | WNOHANG) == tid && !WIFSTOPPED(status)) {
			tracee->thread->stopped = false;
			events_queue(process, tracee, status);
		}
	}
}

struct sdb_error *attach_pause(struct sdb_target *target)
{
	struct process *process = process_of(target);
	struct sdb_error *error = process->watched ? NULL : attach_all(process);
	if (error) {
		sdb_error_free(attach_detach(target));
		return error;
	}
	for (size_t i = 0; i < target->thread_count; i++) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		if (!tracee->queued)
			attach_interrupt(tracee);
	}
	/* Threads that are created meanwhile are added, each behind or before: until all stand. */
	for (bool again = true; again;) {
		again = false;
		for (size_t i = 0; i < target->thread_count; i++) {
			struct tracee *tracee = tracee_of(target->threads[i]);
			if (tracee->thread->stopped || tracee->queued || !(tracee->interrupting || tracee->fresh))
				continue;
			size_t before = target->thread_count;
			if (!attach_await_stop(process, tracee))
				tracee->interrupting = tracee->fresh = false;
			again |= target->thread_count != before;
		}
	}
	take_stops(process);
	if (!process->watched)
		drop_queued_ends(process);
	if (target->thread_count == 0 && target->status != SDB_TARGET_EXITED)
		target->status = SDB_TARGET_EXITED;
	target_forget(target);
	if (target->status == SDB_TARGET_EXITED)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has ended", (long long)target->pid);
	target->status = SDB_TARGET_PAUSED;
	return NULL;
}

/* ---- letting go ----------------------------------------------------------------------------------- */

/* The signal that stopped a thread and that it did not get yet. */
static int undelivered(const struct tracee *tracee)
{
	if (tracee->queued && WIFSTOPPED(tracee->status) && tracee->status >> 16 == 0
	    && WSTOPSIG(tracee->status) != SIGTRAP && !(WSTOPSIG(tracee->status) & 0x80))
		return WSTOPSIG(tracee->status);
	return tracee->thread->signal;
}

void attach_let_go(struct process *process, struct tracee *tracee)
{
	pid_t tid = (pid_t)tracee->thread->id;
	if (!tracee->thread->stopped && !attach_await_stop(process, tracee))
		return;
	thread_forget(tracee->thread);
	if (process->dirty_debug)
		registers_disarm(tid);
	int signal = undelivered(tracee);
	mask_give_back(process, tracee, &signal, true);
	ptrace(PTRACE_DETACH, tid, 0, signal);
}

struct sdb_error *attach_detach(struct sdb_target *target)
{
	struct process *process = process_of(target);
	children_release(process);
	for (size_t i = 0; i < target->thread_count; i++) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		if (tracee->seized)
			attach_interrupt(tracee);
	}
	for (size_t i = target->thread_count; i-- > 0;) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		if (tracee->seized)
			attach_let_go(process, tracee);
		bool borrowed = tracee->borrowed;
		events_unqueue(process, tracee);
		*tracee = (struct tracee){ .thread = tracee->thread };
		tracee->thread->stopped = false;
		tracee->thread->signal = 0;
		if (borrowed)
			attach_remove(process, tracee);
	}
	process->peek = 0;
	process->watched = process->dirty_debug = false;
	target_forget(target);
	if (target->status == SDB_TARGET_PAUSED)
		target->status = SDB_TARGET_RUNNING;
	return NULL;
}
