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
	tracee->thread->trapped = WIFSTOPPED(status) && status >> 8 == SIGTRAP;
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
	tracee->queued = tracee->thread->trapped = false;
}

/* ---- collecting -------------------------------------------------------------------------------- */

/*
 * A stop is looked at and not taken (WNOWAIT): until the thread goes on, or everything is paused,
 * the kernel keeps it. Should this program be killed meanwhile, the thread then gets the signal
 * that it stopped for, and a breakpoint that it met is met again (scratch.c), instead of being
 * passed over in the middle of an instruction. An end has to be taken.
 */
bool events_look(struct tracee *tracee, bool wait, int *status_ret)
{
	siginfo_t info = { .si_pid = 0 };
	pid_t tid = (pid_t)tracee->thread->id;
	while (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL | (wait ? 0 : WNOHANG)) != 0)
		if (errno != EINTR)
			return false;
	if (info.si_pid == 0)
		return false;
	*status_ret = events_status(&info);
	tracee->interrupting = false; /* any stop does for the one that was asked for (ptrace_stop() of the kernel) */
	return info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED
		|| waitpid(tid, status_ret, __WALL | WNOHANG) == tid;
}

int events_status(const siginfo_t *info)
{
	return info->si_code == CLD_TRAPPED || info->si_code == CLD_STOPPED ? info->si_status << 8 | 0x7f : 0;
}

static void note(struct process *process, struct tracee *tracee, int status)
{
	tracee->thread->stopped = WIFSTOPPED(status);
	tracee->interrupting = false;
	events_queue(process, tracee, status);
}

/*
 * Looks at each thread of PROCESS by itself. True: something was found. One that stands still may be killed: then it leaves
 * its stop for the one that tells that it ends.
 */
static bool look_at_each(struct process *process)
{
	bool found = false;
	struct sdb_target *target = process->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct tracee *tracee = tracee_of(target->threads[i]);
		int status;
		if (!tracee->seized || tracee->queued || !events_look(tracee, false, &status))
			continue;
		if (tracee->thread->stopped && WIFSTOPPED(status) && (status == tracee->status || status >> 16 != PTRACE_EVENT_EXIT))
			continue;
		note(process, tracee, status);
		found = true;
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
	if (events_look(tracee, false, &status))
		note(process, tracee, status);
	return true;
}

/*
 * One that was born when its maker was killed is told of by nobody; its stop may be hidden behind what the host or
 * another target leaves lying.
 */
static struct sdb_error *adopt_hidden(void *arg, pid_t tid)
{
	struct process *process = arg;
	if (!target_find_thread(process->target, tid) && procfs_status(tid, "TracerPid") == process->tracer)
		adopt(process, tid);
	return NULL;
}

/* Notes one thing that happened. */
static bool collect(struct process *process)
{
	siginfo_t info = { .si_pid = 0 };
	if (waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) != 0 || info.si_pid == 0)
		return false;
	struct process *owner = process;
	struct sdb_thread *thread = target_find_thread(process->target, info.si_pid);
	struct tracee *tracee = thread ? tracee_of(thread) : waiter_find(info.si_pid, &owner);
	if (!tracee && info.si_code == CLD_TRAPPED && adopt(process, info.si_pid))
		return true;
	/* A child of the host that ended, or what somebody else has to deal with, hides what is behind it. */
	if (!tracee || !tracee->seized || owner != process || tracee->queued || tracee->thread->stopped)
		return look_at_each(process);
	int status = events_status(&info);
	if (!WIFSTOPPED(status) && waitpid(info.si_pid, &status, __WALL | WNOHANG) != info.si_pid)
		return false;
	note(process, tracee, status);
	return true;
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
		process->peek = WIFSTOPPED(status) ? (pid_t)tracee->thread->id : 0;
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
		if (fruitless)
			sdb_error_free(procfs_tasks((pid_t)target->pid, adopt_hidden, process));
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
	int signal = tracee->group_stopped ? 0 : thread->signal;
	enum __ptrace_request request = tracee->group_stopped ? PTRACE_LISTEN
		: step == DRIVER_STEP && mask_allows_step(process, tracee, &signal) ? PTRACE_SINGLESTEP
		: process->calls_reported ? PTRACE_SYSCALL : PTRACE_CONT;
	if (request != PTRACE_SINGLESTEP)
		mask_give_back(process, tracee, &signal, false);
	if (tracee->queued)
		return NULL;
	if (signal)
		scratch_note_signal(process, tid);
	if (ptrace(request, tid, 0, signal) != 0 && errno != ESRCH)
		return sdb_error_errno(errno, "cannot let thread %d go on", tid);
	if (process->peek == tid)
		process->peek = 0;
	thread->signal = 0;
	thread->stopped = false;
	tracee->group_stopped = tracee->in_kernel = tracee->at_signal = false;
	tracee->step = step;
	tracee->stepped = request == PTRACE_SINGLESTEP;
	thread->target->status = SDB_TARGET_RUNNING;
	return NULL;
}

struct sdb_error *events_report_calls(struct sdb_target *target, bool on)
{
	process_of(target)->calls_reported = on;
	return NULL;
}
