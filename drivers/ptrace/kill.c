/* SPDX-License-Identifier: MIT */
/* Ending a process, with every thread that it has or is just getting. */

#include "process.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

enum {
	SPINS = 200, /* looks before sleeping between them */
	SLEEP_NS = 100000,
};

/*
 * A thread that was killed stops once more when it is traced, to tell that it ends; so does one that was born
 * when that was, of which nobody has heard yet.
 */
static struct sdb_error *let_end(void *arg, pid_t tid)
{
	struct sdb_target *target = arg;
	int status;
	if (waitpid(tid, &status, __WALL | WNOHANG) != tid)
		return NULL;
	if (WIFSTOPPED(status)) {
		ptrace(PTRACE_CONT, tid, 0, 0);
	} else if (tid == target->pid) { /* it ends last */
		target->exit_status = status;
		target->status = SDB_TARGET_EXITED;
	}
	return NULL;
}

static void await_end(struct sdb_target *target)
{
	for (unsigned looks = 0; target->status != SDB_TARGET_EXITED; looks++) {
		struct sdb_error *error = procfs_tasks((pid_t)target->pid, let_end, target);
		bool gone = error != NULL;
		sdb_error_free(error);
		if (gone)
			return;
		if (looks < SPINS)
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = SLEEP_NS }, NULL);
	}
}

/* A process that TRACEE is runs in the target's memory, and is not ended with it. */
static void let_go(struct process *process, struct tracee *tracee)
{
	struct user_regs_struct registers;
	siginfo_t info = { .si_code = 0 };
	pid_t tid = (pid_t)tracee->thread->id;
	attach_interrupt(tracee);
	if (!tracee->thread->stopped && !attach_await_stop(process, tracee))
		return;
	sdb_error_free(thread_flush(tracee->thread));
	/* At a breakpoint it goes on before the instruction, which then stands there again. */
	bool trapped = tracee->thread->trapped && ptrace(PTRACE_GETSIGINFO, tid, 0, &info) == 0 && info.si_code == SI_KERNEL;
	if (trapped && ptrace(PTRACE_GETREGS, tid, 0, &registers) == 0) {
		registers.rip--;
		ptrace(PTRACE_SETREGS, tid, 0, &registers);
	}
	guard_restore_child(process, tid);
	attach_let_go(process, tracee);
}

struct sdb_error *process_kill(struct sdb_target *target)
{
	struct process *process = process_of(target);
	struct sdb_thread *leader = target_find_thread(target, target->pid);
	/* Of a child the status is ours to take; of what is traced, too. */
	bool ours = process->launched || (leader && tracee_of(leader)->seized);
	if (kill((pid_t)target->pid, SIGKILL) != 0 && errno != ESRCH)
		return sdb_error_errno(errno, "cannot end process %lld", (long long)target->pid);
	if (ours)
		await_end(target);
	for (size_t i = 0; i < target->thread_count; i++)
		if (tracee_of(target->threads[i])->borrowed)
			let_go(process, tracee_of(target->threads[i]));
	if (process->watched)
		children_orphaned(process);
	while (target->thread_count)
		attach_remove(process, tracee_of(target->threads[target->thread_count - 1]));
	target->status = SDB_TARGET_EXITED;
	return NULL;
}
