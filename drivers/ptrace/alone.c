/* SPDX-License-Identifier: MIT */
/*
 * One thread that runs for a while in somebody else's name, all others as they are: a function of
 * the target's that an expression calls. What the kernel keeps of the thread is put aside first,
 * whole: registers of every width, and what it stopped for.
 */

#include "process.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum {
	STATE_MAX = 16384,   /* of the XSAVE area, with AMX */
	SPINS = 200,         /* looks before sleeping between them */
	SLEEP_NS = 50000,
	PATIENCE_MS = 5000,  /* for the stop of a thread that took too long */
};

struct driver_saved {
	struct user_regs_struct general;
	bool has_signal;     /* `signal_info` is valid */
	siginfo_t signal_info;
	int signal;          /* that it was to get */
	size_t vector_size;
	uint8_t vectors[STATE_MAX];
};

static struct sdb_error *refuse(const struct sdb_thread *thread, const char *why)
{
	return sdb_error_new(SDB_ERROR_INVALID, "thread %lld cannot call a function now: %s",
			     (long long)thread->id, why);
}

struct sdb_error *alone_save(struct sdb_thread *thread, struct driver_saved **saved_ret)
{
	struct tracee *tracee = tracee_of(thread);
	pid_t tid = (pid_t)thread->id;
	if (!thread->stopped)
		return refuse(thread, "it runs");
	if (tracee->queued)
		return refuse(thread, "what it stopped for was not dealt with yet");
	if (tracee->in_kernel || tracee->borrowed)
		return refuse(thread, "it is in the middle of a system call");
	if (tracee->group_stopped)
		return refuse(thread, "a signal has stopped it");
	struct driver_saved *saved = calloc(1, sizeof(*saved));
	if (!saved)
		return NO_MEMORY();
	struct iovec io = { saved->vectors, sizeof(saved->vectors) };
	if (ptrace(PTRACE_GETREGS, tid, 0, &saved->general) != 0
	    || (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &io) != 0
		&& (io.iov_len = 0, ptrace(PTRACE_GETFPREGS, tid, 0, saved->vectors)) != 0)) {
		struct sdb_error *error = sdb_error_errno(
			errno, "cannot read the registers of thread %d", tid);
		free(saved);
		return error;
	}
	saved->vector_size = io.iov_len;
	saved->has_signal = ptrace(PTRACE_GETSIGINFO, tid, 0, &saved->signal_info) == 0;
	saved->signal = thread->signal;
	thread->signal = 0;
	*saved_ret = saved;
	return NULL;
}

struct sdb_error *alone_restore(struct sdb_thread *thread, struct driver_saved *saved)
{
	pid_t tid = (pid_t)thread->id;
	struct iovec io = { saved->vectors, saved->vector_size };
	struct sdb_error *error = NULL;
	thread_forget(thread);
	/* Of two signals that it is to get one comes by itself. */
	if (thread->signal && saved->signal)
		tgkill((pid_t)thread->target->pid, tid, thread->signal);
	if (saved->signal)
		thread->signal = saved->signal;
	if (!thread->stopped || tracee_of(thread)->queued) {
		free(saved); /* it has ended, or is about to: there is nothing to go back to */
		return NULL;
	}
	if (ptrace(PTRACE_SETREGS, tid, 0, &saved->general) != 0
		 || (io.iov_len ? ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &io)
		     : ptrace(PTRACE_SETFPREGS, tid, 0, saved->vectors)) != 0)
		error = sdb_error_errno(errno, "cannot restore the registers of thread %d", tid);
	if (!error && saved->has_signal)
		ptrace(PTRACE_SETSIGINFO, tid, 0, &saved->signal_info);
	/*
	 * A pause has taken the stop, so that the thread goes on without a signal if we are killed.
	 */
	if (!error && thread->target->status == SDB_TARGET_PAUSED)
		waitpid(tid, NULL, __WALL | WNOHANG);
	free(saved);
	return error;
}

/* ---- running --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until END for the thread to stop or end; false: it did neither. */
static bool look_until(struct tracee *tracee, int64_t end, int *status_ret, bool *lost_ret)
{
	*lost_ret = false;
	for (unsigned looks = 0;; looks++) {
		errno = 0;
		if (events_look(tracee, false, status_ret))
			return true;
		*lost_ret = errno == ECHILD;
		if (*lost_ret || now_ms() >= end)
			return false;
		if (looks < SPINS)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = looks < 2 * SPINS
							      ? SLEEP_NS
							      : 20 * SLEEP_NS },
				  NULL);
	}
}

/* What it made is dealt with as when it makes it by itself. */
static struct sdb_error *creation(struct process *process, struct tracee *tracee, int status)
{
	pid_t child = 0;
	struct sdb_error *error = report_creation(process, tracee, status, &child);
	if (!error && child && process->target->spec.follow_children)
		children_continue(process->target, child);
	return error;
}

enum verdict { GO_ON, DONE, ENDED };

static enum verdict judge(struct tracee *tracee, int status, struct driver_event *event)
{
	int signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0, kind = status >> 16;
	siginfo_t info = { .si_code = 0 };
	if (!WIFSTOPPED(status) || kind == PTRACE_EVENT_EXIT || kind == PTRACE_EVENT_EXEC)
		return ENDED;
	if (kind || signal == (SIGTRAP | 0x80))
		return GO_ON;
	event->kind = DRIVER_SIGNAL;
	event->number = signal;
	if (signal != SIGTRAP)
		return DONE;
	ptrace(PTRACE_GETSIGINFO, (pid_t)tracee->thread->id, 0, &info);
	if (info.si_code == SI_KERNEL)
		event->kind = DRIVER_BREAKPOINT;
	/* Watchpoints are for what the program does, not for what is done in its name. */
	bool watch = info.si_code == TRAP_TRACE || info.si_code == TRAP_HWBKPT
		|| info.si_code == TRAP_BRKPT;
	return watch ? GO_ON : DONE;
}

static void note_end(struct process *process, struct tracee *tracee, int status)
{
	events_queue(process, tracee, status);
	if (!WIFSTOPPED(status) && report_is_last(process, tracee)) {
		process->target->status = SDB_TARGET_EXITED;
		process->target->exit_status = status;
	}
}

/* It takes too long: has it stop wherever it is. */
static struct sdb_error *interrupt(struct tracee *tracee, int *status_ret)
{
	pid_t tid = (pid_t)tracee->thread->id;
	bool lost;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) == 0
	    && look_until(tracee, now_ms() + PATIENCE_MS, status_ret, &lost))
		return NULL;
	return sdb_error_new(SDB_ERROR_SYSTEM, "thread %d does not stop", tid);
}

struct sdb_error *alone_run(struct sdb_thread *thread, int timeout, struct driver_event *event_ret)
{
	struct tracee *tracee = tracee_of(thread);
	struct process *process = process_of(thread->target);
	pid_t tid = (pid_t)thread->id;
	int64_t end = now_ms() + timeout;
	int signal = thread->signal;
	thread->signal = 0;
	if (process->peek == tid)
		process->peek = 0;
	for (;;) {
		int status = 0, ignored;
		bool lost, late = false;
		*event_ret = (struct driver_event){ .kind = DRIVER_NOTHING, .thread = thread };
		thread->stopped = false;
		if (ptrace(PTRACE_CONT, tid, 0, signal) != 0)
			return sdb_error_errno(errno, "cannot let thread %d go on", tid);
		signal = 0;
		if (!look_until(tracee, end, &status, &lost)) {
			struct sdb_error *error = lost
				? sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %d is gone", tid)
				: interrupt(tracee, &status);
			if (error)
				return error;
			late = true;
		}
		thread->stopped = WIFSTOPPED(status);
		enum verdict verdict = judge(tracee, status, event_ret);
		if (verdict == ENDED) {
			note_end(process, tracee, status);
			event_ret->kind = DRIVER_GONE;
			return NULL;
		}
		struct sdb_error *error = creation(process, tracee, status);
		if (error || verdict == DONE)
			return error;
		if (late && event_is_stop(status, &ignored))
			return NULL;
		if (late) /* it stopped for something else just then; that stop comes */
			end = now_ms() + PATIENCE_MS;
	}
}
