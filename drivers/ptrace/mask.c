/* SPDX-License-Identifier: MIT */
/*
 * Steps of a thread that blocks SIGTRAP. The trap behind a step is a signal that cannot be put off: where it is blocked
 * the kernel sets its action back to the default (force_sig_info_to_task() of kernel/signal.c), and that ends a program
 * whose debugger has just been killed. So a thread does not block it while it is stepped. System calls see the mask that
 * the thread has by itself: it is given back when the thread has entered one, where no step is under way any more. Where
 * system calls are not told of it is left as it is.
 */

#include "process.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define TRAP (UINT64_C(1) << (SIGTRAP - 1))

static bool get_mask(const struct tracee *tracee, uint64_t *mask_ret)
{
	return ptrace(PTRACE_GETSIGMASK, (pid_t)tracee->thread->id, sizeof(*mask_ret), mask_ret) == 0;
}

static bool set_mask(const struct tracee *tracee, uint64_t mask)
{
	return ptrace(PTRACE_SETSIGMASK, (pid_t)tracee->thread->id, sizeof(mask), &mask) == 0;
}

static void restore(struct process *process, struct tracee *tracee)
{
	uint64_t mask;
	if (get_mask(tracee, &mask))
		set_mask(tracee, mask | TRAP);
	guard_forget_mask(process, tracee);
	tracee->trap_unblocked = false;
	/* What somebody sent meanwhile waits again. */
	if (tracee->trap_kept)
		tgkill((pid_t)process->target->pid, (pid_t)tracee->thread->id, SIGTRAP);
	tracee->trap_kept = false;
}

/* A handler is entered with SIGNAL next: the kernel ends the step before that, and its frame is to have the true mask. */
static bool enters_handler(const struct process *process, const struct tracee *tracee, int signal)
{
	return tracee->at_signal && signal
		&& procfs_signals((pid_t)process->target->pid, "SigCgt") & UINT64_C(1) << (signal - 1);
}

bool mask_allows_step(struct process *process, struct tracee *tracee, int *signal)
{
	uint64_t mask;
	if (!process->calls_reported)
		return true;
	if (*signal == SIGTRAP && tracee->trap_unblocked) {
		tracee->trap_kept = true;
		*signal = 0;
	}
	if (enters_handler(process, tracee, *signal)) {
		if (tracee->trap_unblocked)
			restore(process, tracee);
		process->trap_handled |= *signal == SIGTRAP;
		tracee->trap_deliverable = false;
		return true;
	}
	if (tracee->trap_deliverable || !get_mask(tracee, &mask))
		return true;
	/* Some system calls have a mask of their own, which is in use until a signal is delivered; PTRACE_SETSIGMASK would end that. */
	uint64_t now = tracee->call_interrupted ? procfs_signals((pid_t)tracee->thread->id, "SigBlk") : mask;
	if (now != mask)
		return !((now | mask) & TRAP);
	if (mask & TRAP) {
		/* In a handler of the program's for SIGTRAP the mask is that outside of it then: it could be given back too late. */
		if (!process->trap_handled)
			guard_keep_mask(process, tracee, mask & ~TRAP);
		if (!set_mask(tracee, mask & ~TRAP))
			return true; /* it ends */
		tracee->trap_unblocked = true;
	}
	tracee->trap_deliverable = true;
	return true;
}

/*
 * Has TRACEE, with SIGNAL, stop once more where it is, without a step under way. False: it stopped for something else,
 * which is queued.
 */
static bool end_step(struct process *process, struct tracee *tracee, int signal)
{
	pid_t tid = (pid_t)tracee->thread->id;
	int status, stop;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	if (ptrace(PTRACE_CONT, tid, 0, signal) != 0 || !events_look(tracee, true, &status))
		return false;
	tracee->stepped = false;
	if (event_is_stop(status, &stop) && stop == SIGTRAP)
		return true;
	tracee->thread->stopped = WIFSTOPPED(status);
	events_queue(process, tracee, status);
	return WIFSTOPPED(status);
}

void mask_give_back(struct process *process, struct tracee *tracee, int *signal, bool now)
{
	tracee->trap_deliverable = false;
	if (!tracee->trap_unblocked)
		return;
	if (!tracee->stepped || enters_handler(process, tracee, *signal)) {
		restore(process, tracee);
	} else if (now || !process->calls_reported) {
		if (end_step(process, tracee, *signal))
			restore(process, tracee);
		*signal = 0;
	}
}
