/* SPDX-License-Identifier: MIT */
/*
 * Processes that a target makes. The kernel has us trace each from its first moment on. One that nobody
 * wants is let go at once; one that is to be followed stays where it is, without a signal that its parent
 * could notice, until the handlers that hear of it have returned. A target that was opened for it meanwhile
 * has taken it over (attach.c finds that it is traced already).
 */

#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- those that wait ------------------------------------------------------------------------------- */

static bool remember(struct process *process, pid_t child)
{
	if (process->child_count == process->child_room) {
		size_t room = process->child_room ? 2 * process->child_room : 8;
		pid_t *children = realloc(process->children, room * sizeof(*children));
		if (!children)
			return false;
		process->children = children;
		process->child_room = room;
	}
	process->children[process->child_count++] = child;
	return true;
}

static bool forget(struct process *process, pid_t child)
{
	for (size_t i = 0; i < process->child_count; i++) {
		if (process->children[i] != child)
			continue;
		process->children[i] = process->children[--process->child_count];
		return true;
	}
	return false;
}

/* Waits for CHILD to stop; its stop is not taken. False: it has ended. */
static bool await_stop(pid_t child)
{
	siginfo_t info = { .si_pid = 0 };
	while (waitid(P_PID, (id_t)child, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL) != 0)
		if (errno != EINTR)
			return false;
	if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
		return true;
	waitpid(child, NULL, __WALL | WNOHANG);
	return false;
}

static void let_go(pid_t child)
{
	waitpid(child, NULL, __WALL | WNOHANG);
	ptrace(PTRACE_DETACH, child, 0, 0);
}

/* ---- meeting them ------------------------------------------------------------------------------------- */

bool children_share(const struct process *process, pid_t child, bool vfork)
{
	long order = syscall(SYS_kcmp, (pid_t)process->target->pid, child, KCMP_VM, 0, 0);
	return order < 0 ? vfork : order == 0;
}

void children_met(struct process *process, pid_t child)
{
	if (!await_stop(child))
		return;
	/* It has a copy of the target's memory, with our changes in it. */
	guard_restore_child(process, child);
	if (process->dirty_debug)
		registers_disarm(child);
	if (!process->target->spec.follow_children || !remember(process, child))
		let_go(child);
}

bool children_executed(struct process *process, pid_t child)
{
	if (!process->target->spec.follow_children) {
		let_go(child);
		return true;
	}
	/* Out of the system call, to before the first instruction. */
	ptrace(PTRACE_INTERRUPT, child, 0, 0);
	ptrace(PTRACE_CONT, child, 0, 0);
	if (!await_stop(child))
		return false;
	if (!remember(process, child))
		let_go(child);
	return true;
}

void children_continue(struct sdb_target *target, int64_t number)
{
	struct process *owner;
	pid_t child = (pid_t)number;
	if (!forget(process_of(target), child))
		return;
	struct tracee *tracee = waiter_find(child, &owner);
	if (!tracee || !tracee->seized)
		let_go(child);
}

void children_release(struct process *process)
{
	while (process->child_count)
		children_continue(process->target, process->children[process->child_count - 1]);
	free(process->children);
	process->children = NULL;
	process->child_room = 0;
}

/* ---- those of which nobody tells -------------------------------------------------------------------------- */

/* The parent was killed before it could tell of CHILD. */
static void release_orphan(struct process *process, pid_t child)
{
	struct process *owner;
	if (procfs_status(child, "TracerPid") != process->tracer || waiter_find(child, &owner) || waiter_waits(child)
	    || procfs_status(child, "Tgid") != child || !await_stop(child))
		return;
	guard_restore_child(process, child);
	let_go(child);
}

void children_orphaned(struct process *process)
{
	DIR *directory = opendir("/proc");
	for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (pid > 0 && !*end)
			release_orphan(process, (pid_t)pid);
	}
	if (directory)
		closedir(directory);
}
