/* SPDX-License-Identifier: MIT */
/*
 * When this program is killed, somebody has to take its breakpoints out again. That is a small
 * process that waits for nothing else. It shares a list of what stood where with this program; it
 * is told of this program's end by a pidfd, so that even SIGKILL does not get past it.
 *
 * Until it has done so, threads may meet breakpoints that nobody handles: see scratch.c.
 */

#include "process.h"
#include "../survivor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES_MAX = 16, ENTRIES_MAX = 65536, MASKS_MAX = 4096, PASSES_MAX = 100, BREAKPOINT = 0xcc };

struct kept {
	uint64_t address;
	atomic_uint size; /* 0: free. Written last, cleared first */
	uint8_t bytes[BYTES_MAX];
};

/* A thread with the mask that it has instead of one that blocks SIGTRAP, too. */
struct kept_mask {
	atomic_int tid; /* 0: free. Written last, cleared first */
	uint64_t mask;
};

/* In memory that both processes see. */
struct journal {
	atomic_uint used; /* entries from here on were never used */
	struct kept entries[ENTRIES_MAX];
	struct kept_mask masks[MASKS_MAX];
};

struct guard {
	struct journal *journal;
	pid_t pid;
};

/* ---- the process: nothing here allocates, locks or returns ------------------------------------- */

static void restore_all(const struct journal *journal, int memory)
{
	unsigned used = atomic_load(&journal->used);
	for (unsigned i = 0; i < used && i < ENTRIES_MAX; i++) {
		const struct kept *kept = &journal->entries[i];
		unsigned size = atomic_load(&kept->size);
		if (size && size <= BYTES_MAX && pwrite(memory, kept->bytes, size, (off_t)kept->address) < 0)
			continue; /* the target is gone, or that part of it */
	}
}

/* Calls FN with each number that is a name in DIRECTORY. */
static void each_number(const char *path, void (*fn)(void *arg, pid_t number), void *arg)
{
	char entries[4096];
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long got;
	while (directory >= 0 && (got = syscall(SYS_getdents64, directory, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < got;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			int number = atoi(entry->d_name);
			if (number > 0)
				fn(arg, number);
			at += entry->d_reclen;
		}
	}
	if (directory >= 0)
		close(directory);
}

/*
 * A child that was forked when this program was dying has the breakpoints in its copy of the memory, and
 * nobody who knows of it. It is found by the program that it runs, and by what stands where nothing else
 * puts it.
 */
struct search {
	const struct journal *journal;
	dev_t device;
	ino_t inode;
	pid_t target;
	int memory;
	unsigned found;
};

static bool is_dirty(const struct journal *journal, int memory)
{
	unsigned used = atomic_load(&journal->used);
	for (unsigned i = 0; i < used && i < ENTRIES_MAX; i++) {
		const struct kept *kept = &journal->entries[i];
		uint8_t byte = 0;
		if (atomic_load(&kept->size) && kept->bytes[0] != BREAKPOINT
		    && pread(memory, &byte, 1, (off_t)kept->address) == 1 && byte == BREAKPOINT)
			return true;
	}
	return false;
}

static void clean_child(void *arg, pid_t pid)
{
	struct search *search = arg;
	struct stat status;
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	if (stat(path, &status) != 0 || status.st_ino != search->inode || status.st_dev != search->device
	    || procfs_status(pid, "TracerPid") != 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int memory = open(path, O_RDWR | O_CLOEXEC);
	if (memory < 0)
		return;
	if (is_dirty(search->journal, memory)) {
		restore_all(search->journal, memory);
		search->found++;
	}
	close(memory);
}

/* Until there are none: one that was not clean yet may have had children of its own. */
static void clean_children(struct search *search)
{
	for (int passes = 0; passes < PASSES_MAX; passes++) {
		search->found = 0;
		each_number("/proc", clean_child, search);
		if (!search->found && passes > 0)
			break;
	}
}

/* The mask that thread TID had of its own; one that it has changed since is. */
static void restore_mask(const struct journal *journal, pid_t tid)
{
	uint64_t mask;
	for (unsigned i = 0; i < MASKS_MAX; i++) {
		if (atomic_load(&journal->masks[i].tid) != tid || ptrace(PTRACE_GETSIGMASK, tid, sizeof(mask), &mask) != 0
		    || mask != journal->masks[i].mask)
			continue;
		mask |= UINT64_C(1) << (SIGTRAP - 1);
		ptrace(PTRACE_SETSIGMASK, tid, sizeof(mask), &mask);
	}
}

static bool is_kept(const struct journal *journal, uint64_t address)
{
	unsigned used = atomic_load(&journal->used);
	for (unsigned i = 0; i < used && i < ENTRIES_MAX; i++)
		if (journal->entries[i].address == address && atomic_load(&journal->entries[i].size))
			return true;
	return false;
}

/* The signal that a thread is to get that stopped with STATUS; of a breakpoint of ours it goes back to the instruction. */
static int signal_of(const struct journal *journal, pid_t tid, int status)
{
	struct user_regs_struct registers;
	siginfo_t info;
	if (status >> 16 || WSTOPSIG(status) != SIGTRAP)
		return status >> 16 ? 0 : WSTOPSIG(status);
	if (ptrace(PTRACE_GETSIGINFO, tid, 0, &info) != 0 || info.si_code == TRAP_TRACE || info.si_code == TRAP_BRKPT
	    || info.si_code == TRAP_HWBKPT)
		return 0;
	if (info.si_code != SI_KERNEL || ptrace(PTRACE_GETREGS, tid, 0, &registers) != 0
	    || !is_kept(journal, registers.rip - 1))
		return SIGTRAP;
	registers.rip--;
	return ptrace(PTRACE_SETREGS, tid, 0, &registers) == 0 ? 0 : SIGTRAP;
}

/* What is left in the debug registers of a thread would end it with SIGTRAP one day. A step under way is ended by the kernel. */
static void disarm_thread(void *arg, pid_t tid)
{
	const struct journal *journal = arg;
	int status;
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) != 0)
		return;
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
		return;
	registers_disarm(tid);
	restore_mask(journal, tid);
	ptrace(PTRACE_DETACH, tid, 0, signal_of(journal, tid, status));
}

static void disarm_all(const struct journal *journal, pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	each_number(path, disarm_thread, (void *)journal);
}

/* What is put right when this program has ended. */
static void put_right(void *arg)
{
	struct search *search = arg;
	restore_all(search->journal, search->memory);
	disarm_all(search->journal, search->target);
	clean_children(search);
}

/* ---- in this program ------------------------------------------------------------------------------ */

static struct sdb_error *start(struct process *process, struct guard *guard)
{
	pid_t target = (pid_t)process->target->pid;
	char path[64];
	struct stat program = { .st_ino = 0 };
	snprintf(path, sizeof(path), "/proc/%d/exe", target);
	if (stat(path, &program) != 0)
		program.st_ino = 0; /* then it is no program of anybody else either */
	struct search search = { .journal = guard->journal, .device = program.st_dev, .inode = program.st_ino,
				 .target = target, .memory = process->memory };
	return survivor_start(process->memory, put_right, &search, &guard->pid);
}

static struct sdb_error *create(struct process *process)
{
	pid_t pid = (pid_t)process->target->pid;
	int64_t parent = procfs_status(pid, "PPid");
	/* A child of vfork() would leave them in its parent, which goes on when this one runs another program. */
	if (parent > 0 && syscall(SYS_kcmp, pid, (pid_t)parent, KCMP_VM, 0, 0) == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "process %d runs in the memory of process %lld until it executes "
				     "a program of its own: there can be no breakpoints before", pid, (long long)parent);
	struct guard *guard = calloc(1, sizeof(*guard));
	if (!guard)
		return NO_MEMORY();
	guard->journal = mmap(NULL, sizeof(*guard->journal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct sdb_error *error = guard->journal == MAP_FAILED ? NO_MEMORY() : start(process, guard);
	if (error) {
		if (guard->journal != MAP_FAILED)
			munmap(guard->journal, sizeof(*guard->journal));
		free(guard);
		return error;
	}
	process->guard = guard;
	return NULL;
}

struct sdb_error *guard_keep(struct sdb_target *target, uint64_t address, const void *bytes, size_t size)
{
	struct process *process = process_of(target);
	if (size > BYTES_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "%zu bytes to keep", size);
	struct sdb_error *error = process->guard ? NULL : create(process);
	if (error)
		return error;
	struct journal *journal = process->guard->journal;
	unsigned used = atomic_load(&journal->used), place = used;
	for (unsigned i = 0; i < used && place == used; i++)
		if (atomic_load(&journal->entries[i].size) == 0)
			place = i;
	if (place == ENTRIES_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "more than %d breakpoints", ENTRIES_MAX);
	struct kept *kept = &journal->entries[place];
	kept->address = address;
	memcpy(kept->bytes, bytes, size);
	if (place == used)
		atomic_store(&journal->used, used + 1);
	atomic_store(&kept->size, (unsigned)size);
	return NULL;
}

void guard_forget(struct sdb_target *target, uint64_t address)
{
	struct process *process = process_of(target);
	if (!process || !process->guard)
		return;
	struct journal *journal = process->guard->journal;
	unsigned used = atomic_load(&journal->used);
	for (unsigned i = 0; i < used; i++)
		if (journal->entries[i].address == address && atomic_load(&journal->entries[i].size))
			atomic_store(&journal->entries[i].size, 0);
}

void guard_keep_mask(struct process *process, struct tracee *tracee, uint64_t mask)
{
	struct sdb_error *error = process->guard ? NULL : create(process);
	bool there = !error;
	sdb_error_free(error); /* then nobody will give it back if we are killed: the thread goes on all the same */
	for (unsigned i = 0; there && i < MASKS_MAX; i++) {
		struct kept_mask *kept = &process->guard->journal->masks[i];
		if (atomic_load(&kept->tid) != 0)
			continue;
		kept->mask = mask;
		atomic_store(&kept->tid, (int)tracee->thread->id);
		tracee->mask_place = i;
		return;
	}
}

void guard_forget_mask(struct process *process, struct tracee *tracee)
{
	int tid = (int)tracee->thread->id;
	if (process->guard) /* if it is that of this thread */
		atomic_compare_exchange_strong(&process->guard->journal->masks[tracee->mask_place].tid, &tid, 0);
}

void guard_restore_child(struct process *process, pid_t child)
{
	char path[64];
	if (!process->guard)
		return;
	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	int memory = open(path, O_WRONLY | O_CLOEXEC);
	if (memory < 0)
		return;
	restore_all(process->guard->journal, memory);
	close(memory);
}

void guard_close(struct process *process)
{
	struct guard *guard = process->guard;
	if (!guard)
		return;
	process->guard = NULL;
	survivor_end(guard->pid);
	munmap(guard->journal, sizeof(*guard->journal));
	free(guard);
}
