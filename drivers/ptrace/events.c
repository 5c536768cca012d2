/* SPDX-License-Identifier: MIT */
/* Wait statuses as they come, to the thread that each is of; and threads going on. */

#include "process.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 60000 /* that long one looks without sleeping: another hit is often near */

/* ---- the queue -------------------------------------------------------------------------------- */

bool event_is_stop(int status, int *signal_ret)
{
	*signal_ret = WSTOPSIG(status);
	return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP;
}

void events_queue(struct process *process, struct tracee *tracee, int status)
{
	if (tracee->queued) { /* its end comes behind whatever it stopped for */
		tracee->status = status;
		return;
	}
	tracee->status = status;
	tracee->queued = true;
	tracee->next = NULL;
	if (process->last)
		process->last->next = tracee;
	else
		process->first = tracee;
	process->last = tracee;
}

void events_unqueue(struct process *process, struct tracee *tracee)
{
	if (!tracee->queued)
		return;
	struct tracee **link = &process->first, *before = NULL;
	for (; *link != tracee; link = &(*link)->next)
		before = *link;
	*link = tracee->next;
	if (process->last == tracee)
		process->last = before;
	tracee->queued = false;
}

/* ---- collecting -------------------------------------------------------------------------------- */

static void note(struct process *process, struct tracee *tracee, int status)
{
	tracee->thread->stopped = WIFSTOPPED(status);
	events_queue(process, tracee, status);
}

/* Looks at each thread of PROCESS by itself. True: something was found. */
static bool look_at_each(struct process *process)
{
	bool found = false;
	struct sdb_target *target = process->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		int status;
		if (!tracee->seized || tracee->thread->stopped || tracee->queued)
			continue;
		if (waitpid((pid_t)tracee->thread->id, &status, __WALL | WNOHANG) == (pid_t)tracee->thread->id) {
			note(process, tracee, status);
			found = true;
		}
	}
	return found;
}

/* A thread stopped that we do not know: one that a traced thread has just made. */
static bool adopt(struct process *process, pid_t tid)
{
	struct tracee *tracee;
	int status;
	if (procfs_status(tid, "Tgid") != process->target->pid)
		return false;
	struct sdb_error *error = attach_add(process, tid, &tracee);
	if (error) {
		sdb_error_free(error);
		return false;
	}
	tracee->seized = tracee->fresh = true;
	if (waitpid(tid, &status, __WALL | WNOHANG) == tid)
		note(process, tracee, status);
	return true;
}

/* Takes what there is. What is found may be of another process that this thread traces. */
static bool collect(struct process *process)
{
	bool found = false;
	for (;;) {
		siginfo_t info = { .si_pid = 0 };
		if (waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) != 0
		    || info.si_pid == 0)
			return found;
		struct process *owner;
		struct tracee *tracee = waiter_find(info.si_pid, &owner);
		int status;
		if (!tracee && info.si_code == CLD_TRAPPED && adopt(process, info.si_pid)) {
			found = true;
			continue;
		}
		/* A child of the host that ended or stopped is its own affair, and hides what is behind it. */
		if (!tracee || !tracee->seized)
			return look_at_each(process) || found;
		if (waitpid(info.si_pid, &status, __WALL | WNOHANG) != info.si_pid)
			return found;
		note(owner, tracee, status);
		found = true;
		if (owner == process)
			return true;
	}
}

/* ---- waiting ----------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* An untraced process tells only of its end. */
static struct sdb_error *await_end(struct process *process, int timeout, struct driver_event *event_ret)
{
	struct sdb_target *target = process->target;
	struct sdb_error *error = NULL;
	struct pollfd ended = { .fd = process->pidfd, .events = POLLIN };
	if (process->wakeup >= 0)
		error = waiter_poll(process, timeout, false);
	else if (poll(&ended, 1, timeout) < 0 && errno != EINTR)
		error = sdb_error_errno(errno, "cannot wait for process %lld", (long long)target->pid);
	if (error || poll(&ended, 1, 0) != 1)
		return error;
	if (process->launched && waitpid((pid_t)target->pid, &target->exit_status, WNOHANG) != (pid_t)target->pid)
		target->exit_status = -1;
	*event_ret = (struct driver_event){ .kind = DRIVER_EXITED, .number = target->exit_status };
	return NULL;
}

static bool is_traced(const struct sdb_target *target)
{
	for (size_t i = 0; i < target->thread_count; i++)
		if (tracee_of(target->threads[i])->seized)
			return true;
	return false;
}

/* Gives the next thing from the queue that is worth an event. */
static struct sdb_error *next_queued(struct process *process, struct driver_event *event_ret, bool *reported_ret)
{
	*reported_ret = false;
	while (process->first && !*reported_ret) {
		struct tracee *tracee = process->first;
		int status = tracee->status;
		events_unqueue(process, tracee);
		struct sdb_error *error = report_status(process, tracee, status, event_ret, reported_ret);
		if (error)
			return error;
	}
	return NULL;
}

struct sdb_error *events_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret)
{
	struct process *process = process_of(target);
	int64_t begin = timeout ? now_ns() : 0, end = timeout > 0 ? begin + timeout * INT64_C(1000000) : INT64_MAX;
	bool fruitless = false;
	*event_ret = (struct driver_event){ .kind = DRIVER_NOTHING };
	if (process->gone)
		attach_remove(process, process->gone);
	process->gone = NULL;
	for (;;) {
		bool reported;
		struct sdb_error *error = next_queued(process, event_ret, &reported);
		if (error || reported)
			return error;
		if (!is_traced(target))
			return await_end(process, timeout, event_ret);
		if (collect(process))
			continue;
		if (timeout == 0)
			return NULL;
		int64_t now = now_ns();
		if (now >= end)
			return NULL;
		if (now - begin < SPIN_NS) {
			sched_yield();
			continue;
		}
		int64_t left = timeout < 0 ? -1 : (end - now) / 1000000 + 1;
		error = waiter_poll(process, (int)left, fruitless);
		if (error || process->woken) {
			process->woken = false;
			return error;
		}
		fruitless = !process->first && !collect(process);
	}
}

/* ---- going on ------------------------------------------------------------------------------------ */

struct sdb_error *events_resume(struct sdb_thread *thread, enum driver_step step)
{
	struct tracee *tracee = tracee_of(thread);
	struct process *process = process_of(thread->target);
	pid_t tid = (pid_t)thread->id;
	if (!thread->stopped || tracee->queued)
		return NULL;
	if (!process->watched) {
		/* From now on everything that happens is of interest. */
		process->watched = true;
		for (size_t i = 0; i < thread->target->thread_count; i++)
			ptrace(PTRACE_SETOPTIONS, (pid_t)thread->target->threads[i]->id, 0, TRACE_OPTIONS);
	}
	enum __ptrace_request request = tracee->group_stopped ? PTRACE_LISTEN : step == DRIVER_STEP ? PTRACE_SINGLESTEP
		: process->calls_reported ? PTRACE_SYSCALL : PTRACE_CONT;
	int signal = tracee->group_stopped ? 0 : thread->signal;
	if (ptrace(request, tid, 0, signal) != 0 && errno != ESRCH)
		return sdb_error_errno(errno, "cannot let thread %d go on", tid);
	thread->signal = 0;
	thread->stopped = false;
	tracee->group_stopped = false;
	tracee->step = step;
	thread->target->status = SDB_TARGET_RUNNING;
	return NULL;
}

struct sdb_error *events_report_calls(struct sdb_target *target, bool on)
{
	process_of(target)->calls_reported = on;
	return NULL;
}
