/* SPDX-License-Identifier: MIT */
/* Finding a process and letting go of it. Tracing it is attach.c's. */

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sdb_error *no_permission(const struct process *process, int reason)
{
	char tracer[128];
	procfs_tracer((pid_t)process->target->pid, tracer, sizeof(tracer));
	return sdb_error_errno(reason, "cannot attach to process %lld%s", (long long)process->target->pid, tracer);
}

/* A process loses its program a moment before it has ended. */
static struct sdb_error *no_program(const struct sdb_target *target)
{
	pid_t pid = (pid_t)target->pid;
	if (procfs_is_kernel_thread(pid))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "process %d has no program: it is a thread of the kernel", pid);
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "process %d has ended%s", pid,
			     procfs_is_zombie(pid) ? ", and nobody has waited for it" : "");
}

/* The machine of the program that runs, by its ELF header. */
static struct sdb_error *find_architecture(struct process *process)
{
	char path[64];
	struct elf_image image;
	struct sdb_target *target = process->target;
	snprintf(path, sizeof(path), "/proc/%lld/exe", (long long)target->pid);
	struct sdb_error *error = elf_image_read(path, &image);
	if (error && access(path, F_OK) != 0 && procfs_status((pid_t)target->pid, "Tgid") > 0) {
		sdb_error_free(error);
		return no_program(target);
	}
	if (error)
		return error;
	target->architecture = architecture_find(image.machine);
	if (!target->architecture)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "process %lld runs a program for ELF machine %u",
				     (long long)target->pid, image.machine);
	return NULL;
}

static struct sdb_error *find_name(struct sdb_target *target)
{
	char link[64], exe[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/%lld/exe", (long long)target->pid);
	ssize_t length = readlink(link, exe, sizeof(exe) - 1);
	exe[length > 0 ? length : 0] = '\0';
	const char *slash = strrchr(exe, '/');
	free(target->name);
	target->name = length > 0 ? strdup(slash ? slash + 1 : exe) : procfs_line((pid_t)target->pid, "comm");
	return target->name ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %lld",
						   (long long)target->pid);
}

struct sdb_error *process_bind(struct process *process)
{
	char path[64];
	struct sdb_target *target = process->target;
	snprintf(path, sizeof(path), "/proc/%lld/mem", (long long)target->pid);
	if (process->memory >= 0)
		close(process->memory);
	process->memory = open(path, O_RDWR | O_CLOEXEC);
	if (process->memory < 0 && errno == ENOENT)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %lld", (long long)target->pid);
	if (process->memory < 0 && errno == ESRCH)
		return no_program(target);
	if (process->memory < 0)
		return no_permission(process, errno);
	struct sdb_error *error = find_name(target);
	return error ? error : find_architecture(process);
}

/* A number of a thread stands for its process. */
static struct sdb_error *find_process(struct process *process)
{
	struct sdb_target *target = process->target;
	int64_t pid = target->spec.pid <= INT_MAX ? procfs_status((pid_t)target->spec.pid, "Tgid") : -1;
	if (pid < 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %lld", (long long)target->spec.pid);
	target->pid = pid;
	process->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	struct sdb_error *error = process_bind(process);
	if (error)
		return error;
	/* Who traces it already is said now, and not only when it is to be stopped. */
	int64_t tracer = procfs_status((pid_t)pid, "TracerPid");
	return tracer > 0 && tracer != gettid() ? no_permission(process, EPERM) : NULL;
}

struct sdb_error *process_open(struct sdb_target *target)
{
	struct process *process = calloc(1, sizeof(*process));
	if (!process)
		return NO_MEMORY();
	process->target = target;
	process->tracer = gettid();
	process->memory = process->pidfd = process->wakeup = process->epoll = -1;
	target->state = process;
	waiter_enlist(process);
	if (target->spec.pid && target->spec.program)
		return sdb_error_new(SDB_ERROR_INVALID, "a process to attach to, and a program to launch: which one?");
	if (target->spec.program)
		return process_launch(process);
	struct sdb_error *error = find_process(process);
	if (error)
		return error;
	target->status = SDB_TARGET_RUNNING;
	return attach_refresh(target);
}

void process_close(struct sdb_target *target)
{
	struct process *process = process_of(target);
	if (!process)
		return;
	if (target->status == SDB_TARGET_RUNNING && process->watched)
		sdb_error_free(attach_pause(target));
	scratch_release(process);
	if (target->status != SDB_TARGET_EXITED)
		sdb_error_free(attach_detach(target));
	children_release(process);
	guard_close(process);
	waiter_delist(process);
	while (target->thread_count)
		attach_remove(process, tracee_of(target->threads[target->thread_count - 1]));
	int *files[] = { &process->memory, &process->pidfd, &process->wakeup, &process->epoll, &target->terminal };
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (*files[i] >= 0)
			close(*files[i]);
	target->terminal = -1;
	free(process);
	target->state = NULL;
}

struct sdb_error *process_signal(struct sdb_thread *thread, int number)
{
	if (syscall(SYS_tgkill, (pid_t)thread->target->pid, (pid_t)thread->id, number) != 0)
		return sdb_error_errno(errno, "cannot send signal %d to thread %lld", number, (long long)thread->id);
	return NULL;
}
