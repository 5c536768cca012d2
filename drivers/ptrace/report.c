/* SPDX-License-Identifier: MIT */
/* What a wait status means, and what is to be done about those that mean nothing to anybody else. */

#include "process.h"

#include <elf.h>
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

bool report_is_last(const struct process *process, const struct tracee *tracee)
{
	/* The end of the first thread is reported when all others are gone. */
	return tracee->thread->id == process->target->pid;
}

static struct sdb_error *go_on(struct tracee *tracee)
{
	return thread_resume(tracee->thread, tracee->step);
}

static struct sdb_error *report(struct driver_event *event_ret, bool *reported_ret, enum driver_event_kind kind,
				struct tracee *tracee, int64_t number)
{
	*reported_ret = true;
	*event_ret = (struct driver_event){ .kind = kind, .thread = tracee->thread, .number = number };
	return NULL;
}

static unsigned long event_message(const struct tracee *tracee)
{
	unsigned long message = 0;
	ptrace(PTRACE_GETEVENTMSG, (pid_t)tracee->thread->id, 0, &message);
	return message;
}

/* ---- ends ------------------------------------------------------------------------------------- */

static struct sdb_error *report_end(struct process *process, struct tracee *tracee, int status,
				    struct driver_event *event_ret, bool *reported_ret)
{
	struct sdb_target *target = process->target;
	if (tracee->borrowed) {
		attach_remove(process, tracee);
		return NULL;
	}
	process->gone = tracee;
	tracee->seized = false;
	tracee->thread->stopped = false;
	if (!report_is_last(process, tracee))
		return report(event_ret, reported_ret, DRIVER_GONE, tracee, status);
	target->exit_status = status;
	if (WIFSIGNALED(status))
		children_orphaned(process);
	report(event_ret, reported_ret, DRIVER_EXITED, tracee, status);
	event_ret->thread = NULL;
	return NULL;
}

/* ---- new threads and processes ------------------------------------------------------------------ */

static struct sdb_error *expect_thread(struct process *process, pid_t tid, bool borrowed)
{
	struct tracee *tracee;
	if (target_find_thread(process->target, tid))
		return NULL;
	struct sdb_error *error = attach_add(process, tid, &tracee);
	if (!error) {
		tracee->seized = tracee->fresh = true;
		tracee->borrowed = tracee->thread->foreign = borrowed;
	}
	return error;
}

static bool is_creation(int status)
{
	int event = WIFSTOPPED(status) ? status >> 16 : 0;
	return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

struct sdb_error *report_creation(struct process *process, struct tracee *tracee, int status, pid_t *child_ret)
{
	pid_t child = is_creation(status) ? (pid_t)event_message(tracee) : 0;
	bool thread = child && (tracee->borrowed || procfs_status(child, "Tgid") == process->target->pid);
	*child_ret = 0;
	if (!child)
		return NULL;
	if (thread)
		return expect_thread(process, child, tracee->borrowed);
	/* One that shares the memory meets our breakpoints until it runs another program. It is told of then. */
	if (process->guard && children_share(process, child, status >> 16 == PTRACE_EVENT_VFORK))
		return expect_thread(process, child, true);
	*child_ret = child;
	if (!target_find_thread(process->target, child))
		children_met(process, child);
	return NULL;
}

static struct sdb_error *report_child(struct process *process, struct tracee *tracee, int status,
				      struct driver_event *event_ret, bool *reported_ret)
{
	pid_t child = tracee->child;
	struct sdb_error *error = NULL;
	/* When all was stopped the child was dealt with already. */
	if (!child)
		error = report_creation(process, tracee, status, &child);
	tracee->child = 0;
	if (error)
		return error;
	return child ? report(event_ret, reported_ret, DRIVER_CHILD, tracee, child) : go_on(tracee);
}

/*
 * Out of the system call, to before the first instruction of the new program: there memory can be mapped in it,
 * and so breakpoints be made safe, before it runs. Where system calls are told of this one's end is awaited.
 */
static void leave_exec(struct process *process, struct tracee *tracee)
{
	pid_t tid = (pid_t)tracee->thread->id;
	int status, signal;
	if (process->calls_reported)
		return;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	tracee->thread->stopped = false;
	if (ptrace(PTRACE_CONT, tid, 0, 0) != 0 || !events_look(tracee, true, &status))
		return;
	tracee->in_kernel = false;
	tracee->thread->stopped = WIFSTOPPED(status);
	if (!event_is_stop(status, &signal))
		events_queue(process, tracee, status);
}

static struct sdb_error *report_exec(struct process *process, struct tracee *tracee,
				     struct driver_event *event_ret, bool *reported_ret)
{
	struct sdb_target *target = process->target;
	if (tracee->borrowed) { /* it is a process of its own now */
		pid_t child = (pid_t)tracee->thread->id;
		if (children_executed(process, child))
			report(event_ret, reported_ret, DRIVER_CHILD, tracee, child);
		event_ret->thread = NULL;
		attach_remove(process, tracee);
		return NULL;
	}
	/* Of all threads one is left, and has the number of the first. */
	for (size_t i = target->thread_count; i-- > 0;)
		if (target->threads[i] != tracee->thread && !tracee_of(target->threads[i])->borrowed)
			attach_remove(process, tracee_of(target->threads[i]));
	tracee->fresh = false;
	leave_exec(process, tracee);
	guard_close(process);
	process->scratch_count = 0;
	process->handler = 0;
	process->dirty_debug = process->trap_handled = false;
	target_replaced(target);
	struct sdb_error *error = process_bind(process);
	return error ? error : report(event_ret, reported_ret, DRIVER_EXECUTED, tracee, 0);
}

/* ---- stops ---------------------------------------------------------------------------------------- */

static struct sdb_error *report_stop(struct tracee *tracee, int signal, struct driver_event *event_ret,
				     bool *reported_ret)
{
	tracee->group_stopped = signal != SIGTRAP;
	if (tracee->fresh) {
		tracee->fresh = false;
		if (!tracee->borrowed)
			return report(event_ret, reported_ret, DRIVER_CREATED, tracee, 0);
	}
	return go_on(tracee);
}

static struct sdb_error *report_event(struct process *process, struct tracee *tracee, int event, int signal,
				      struct driver_event *event_ret, bool *reported_ret)
{
	switch (event) {
	case PTRACE_EVENT_STOP:
		return report_stop(tracee, signal, event_ret, reported_ret);
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		return report_child(process, tracee, event << 16 | SIGTRAP << 8 | 0x7f, event_ret, reported_ret);
	case PTRACE_EVENT_EXEC:
		return report_exec(process, tracee, event_ret, reported_ret);
	case PTRACE_EVENT_EXIT:
		if (tracee->borrowed)
			return go_on(tracee);
		return report(event_ret, reported_ret, DRIVER_EXITING, tracee, (int64_t)event_message(tracee));
	default:
		return go_on(tracee);
	}
}

static struct sdb_error *report_call(struct tracee *tracee, struct driver_event *event_ret, bool *reported_ret)
{
	struct __ptrace_syscall_info info = { .op = PTRACE_SYSCALL_INFO_NONE };
	ptrace(PTRACE_GET_SYSCALL_INFO, (pid_t)tracee->thread->id, sizeof(info), &info);
	enum driver_event_kind kind = info.op == PTRACE_SYSCALL_INFO_EXIT ? DRIVER_SYSCALL_EXIT : DRIVER_SYSCALL;
	report(event_ret, reported_ret, kind, tracee, 0);
	tracee->call_interrupted = false;
	if (kind == DRIVER_SYSCALL) {
		event_ret->number = (int64_t)info.entry.nr;
		event_ret->machine = info.arch == AUDIT_ARCH_I386 ? EM_386 : EM_X86_64;
		for (unsigned i = 0; i < 6; i++)
			event_ret->arguments[i] = info.entry.args[i];
	} else {
		event_ret->number = info.exit.rval;
		/* epoll_pwait() has EINTR, others -ERESTARTSYS and its kin (linux/errno.h). */
		tracee->call_interrupted = info.exit.rval == -EINTR || (info.exit.rval <= -512 && info.exit.rval >= -516);
	}
	return NULL;
}

#define DEBUG_STATUS (offsetof(struct user, u_debugreg) + 6 * sizeof(((struct user *)0)->u_debugreg[0]))

/* Which of the four fired, and whether it was a step besides (Intel SDM volume 3, 17.2.3). */
static struct sdb_error *report_trap(struct process *process, struct tracee *tracee, struct driver_event *event_ret, bool *reported_ret)
{
	siginfo_t info = { .si_code = SI_USER };
	pid_t tid = (pid_t)tracee->thread->id;
	tracee->call_interrupted = false;
	if (ptrace(PTRACE_GETSIGINFO, tid, 0, &info) != 0 && errno == ESRCH)
		return NULL; /* killed meanwhile: its end comes */
	if (info.si_code == SI_KERNEL) /* an int3 instruction */
		return report(event_ret, reported_ret, DRIVER_BREAKPOINT, tracee, 0);
	/* Instead of the instruction a signal handler was entered (ptrace_notify() in signal_setup_done()). */
	if (info.si_code == SIGTRAP && tracee->step == DRIVER_STEP)
		return report(event_ret, reported_ret, DRIVER_STEPPED, tracee, 1);
	/* A step over a system call has TRAP_BRKPT (user_single_step_report() of x86). */
	if (info.si_code != TRAP_TRACE && info.si_code != TRAP_HWBKPT && info.si_code != TRAP_BRKPT) {
		tracee->thread->signal = SIGTRAP; /* somebody sent it */
		tracee->at_signal = true;
		return report(event_ret, reported_ret, DRIVER_SIGNAL, tracee, SIGTRAP);
	}
	/* The kernel sets it anew with each exception (arch/x86/kernel/traps.c, exc_debug_user). */
	bool only_one = process->armed && !(process->armed & (process->armed - 1));
	if (info.si_code == TRAP_HWBKPT && only_one)
		return report(event_ret, reported_ret, DRIVER_HARDWARE, tracee, process->armed);
	long fired = process->dirty_debug ? ptrace(PTRACE_PEEKUSER, tid, DEBUG_STATUS, 0) & 15 : 0;
	if (fired)
		return report(event_ret, reported_ret, DRIVER_HARDWARE, tracee, fired);
	return report(event_ret, reported_ret, DRIVER_STEPPED, tracee, 0);
}

struct sdb_error *report_status(struct process *process, struct tracee *tracee, int status,
				struct driver_event *event_ret, bool *reported_ret)
{
	*reported_ret = tracee->at_signal = false;
	tracee->in_kernel = WIFSTOPPED(status) && (status >> 16 ? status >> 16 != PTRACE_EVENT_STOP
						   : WSTOPSIG(status) == (SIGTRAP | 0x80));
	if (!WIFSTOPPED(status))
		return report_end(process, tracee, status, event_ret, reported_ret);
	int signal = WSTOPSIG(status), event = status >> 16;
	if (event)
		return report_event(process, tracee, event, signal, event_ret, reported_ret);
	if (signal == (SIGTRAP | 0x80))
		return report_call(tracee, event_ret, reported_ret);
	if (signal == SIGTRAP)
		return report_trap(process, tracee, event_ret, reported_ret);
	tracee->thread->signal = signal;
	tracee->at_signal = true;
	return report(event_ret, reported_ret, DRIVER_SIGNAL, tracee, signal);
}
