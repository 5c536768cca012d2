/* SPDX-License-Identifier: MIT */
/*
 * A few pages of the target's memory for instructions that breakpoints have displaced, and a
 * handler for SIGTRAP. As long as the target is traced the handler never runs: breakpoints are
 * reported to the tracer. When the tracer was killed, a thread that meets one of its breakpoints
 * runs the handler, which goes back to it, again and again until the guard has taken it out:
 *
 *     handler(rdi signal, rsi siginfo, rdx ucontext):
 *         if siginfo.si_code == SI_KERNEL and rip is in no scratch page (a table lists them): rip -= 1
 *         eflags.TF = 0
 *         sched_yield()
 *         return
 *
 * A thread in the scratch pages has what it needs there to get out again by itself.
 */

#include "process.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <unistd.h>

enum {
	PAGES = 4, SCRATCH_SIZE = PAGES * 4096,
	HANDLER_AT = 0, RESTORER_AT = 128, ACTION_AT = 192, TABLE_AT = 256, FREE_AT = 384,
	KERNEL_SIGSET = 8,
	FREE_ALIGN = 64,
	NEAR = 0x60000000, /* within the reach of a displacement of 32 bits, with room to spare */
};

struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

#define KERNEL_SA_RESTORER 0x04000000u

static const uint8_t handler_code[] = {
	0x81, 0x7e, 0x08, 0x80, 0x00, 0x00, 0x00,             /* cmpl $0x80, 8(%rsi): si_code */
	0x75, 0x36,                                           /* jne out */
	0x48, 0x8b, 0x82, 0xa8, 0x00, 0x00, 0x00,             /* mov 168(%rdx), %rax: rip */
	0x48, 0x8d, 0x0d, 0xe9, 0x00, 0x00, 0x00,             /* lea handler+TABLE_AT(%rip), %rcx */
	0x41, 0xb8, 0x10, 0x00, 0x00, 0x00,                   /* mov $SCRATCH_MAX, %r8d */
	0x49, 0x89, 0xc1,                                     /* next: mov %rax, %r9 */
	0x4c, 0x2b, 0x09,                                     /* sub (%rcx), %r9 */
	0x49, 0x81, 0xf9, 0x00, 0x40, 0x00, 0x00,             /* cmp $SCRATCH_SIZE, %r9 */
	0x72, 0x13,                                           /* jb out */
	0x48, 0x83, 0xc1, 0x08,                               /* add $8, %rcx */
	0x41, 0xff, 0xc8,                                     /* dec %r8d */
	0x75, 0xe8,                                           /* jne next */
	0x48, 0xff, 0xc8,                                     /* dec %rax */
	0x48, 0x89, 0x82, 0xa8, 0x00, 0x00, 0x00,             /* mov %rax, 168(%rdx) */
	0x81, 0xa2, 0xb0, 0x00, 0x00, 0x00, 0xff, 0xfe, 0xff, 0xff, /* out: andl $~0x100, 176(%rdx): eflags */
	0xb8, 0x18, 0x00, 0x00, 0x00,                         /* mov $24, %eax: sched_yield */
	0x0f, 0x05,                                           /* syscall */
	0xc3,                                                 /* ret */
};
static const uint8_t restorer_code[] = {
	0xb8, 0x0f, 0x00, 0x00, 0x00,                         /* mov $15, %eax: rt_sigreturn */
	0x0f, 0x05,                                           /* syscall */
};
_Static_assert(SCRATCH_SIZE == 0x4000 && SCRATCH_MAX == 16 && TABLE_AT == 256, "the handler knows them");
_Static_assert(TABLE_AT + SCRATCH_MAX * sizeof(uint64_t) <= FREE_AT, "the table fits");
_Static_assert(sizeof(handler_code) <= RESTORER_AT, "they follow one another");

/* One that stands between two instructions of its own, and has nothing to report. */
static struct sdb_thread *stopped_thread(struct sdb_target *target)
{
	for (size_t i = 0; i < target->thread_count; i++) {
		const struct tracee *tracee = tracee_of(target->threads[i]);
		if (tracee->thread->stopped && !tracee->queued && !tracee->borrowed && !tracee->in_kernel)
			return tracee->thread;
	}
	return NULL;
}

/* A free range within reach of WANTED. */
static struct sdb_error *find_room(struct sdb_target *target, uint64_t wanted, uint64_t *address_ret)
{
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	uint64_t best = 0, best_distance = NEAR;
	for (size_t i = 0; i + 1 < space->count; i++) {
		uint64_t low = space->regions[i].high, high = space->regions[i + 1].low;
		/* A page on either side stays free: what is beside may grow. */
		if (high - low < SCRATCH_SIZE + 2 * 4096)
			continue;
		uint64_t places[] = { low + 4096, high - SCRATCH_SIZE - 4096 };
		for (int k = 0; k < 2; k++) {
			uint64_t distance = places[k] > wanted ? places[k] - wanted : wanted - places[k];
			if (distance < best_distance) {
				best = places[k];
				best_distance = distance;
			}
		}
	}
	*address_ret = best;
	return best ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no room near %#llx", (unsigned long long)wanted);
}

static struct sdb_error *install_handler(struct process *process, struct sdb_thread *thread, uint64_t base)
{
	struct sdb_target *target = process->target;
	const struct kernel_action action = {
		.handler = base + HANDLER_AT, .flags = SA_SIGINFO | SA_NODEFER | SA_RESTART | KERNEL_SA_RESTORER,
		.restorer = base + RESTORER_AT,
	};
	int64_t result;
	const uint64_t arguments[6] = { SIGTRAP, base + ACTION_AT, 0, KERNEL_SIGSET };
	const uint64_t trap = UINT64_C(1) << (SIGTRAP - 1);
	if (process->handler || procfs_signals((pid_t)target->pid, "SigCgt") & trap) /* it has its own idea */
		return NULL;
	process->trap_ignored = procfs_signals((pid_t)target->pid, "SigIgn") & trap;
	struct sdb_error *error = memory_write(target, base + ACTION_AT, &action, sizeof(action));
	if (!error)
		error = call_system(thread, SYS_rt_sigaction, arguments, &result);
	if (!error && result == 0)
		process->handler = base + ACTION_AT;
	return error;
}

/* The handler learns of all areas, wherever it is itself. */
static struct sdb_error *note_area(struct process *process, uint64_t base)
{
	struct sdb_target *target = process->target;
	uint64_t number = process->scratch_count;
	process->scratch[process->scratch_count++] = base;
	if (!process->handler)
		return NULL;
	return memory_write(target, process->handler - ACTION_AT + TABLE_AT + number * sizeof(base), &base, sizeof(base));
}

/*
 * A child that was forked has its parent's areas and handler in its copy of the memory: they are taken over
 * as they are, behind what is in use. So nothing has to be done in the child's name, which this program's
 * death in the middle of it would end.
 */
static bool inherit(struct process *process, struct driver_scratch *scratch_ret)
{
	struct sdb_target *target = process->target;
	const struct process *parent = waiter_parent(process);
	uint8_t area[SCRATCH_SIZE];
	size_t got;
	if (!parent || !parent->handler || process->scratch_count)
		return false;
	uint64_t base = parent->handler - ACTION_AT;
	struct sdb_error *error = memory_read(target, base, area, sizeof(area), &got);
	if (error || got < sizeof(area) || memcmp(area + HANDLER_AT, handler_code, sizeof(handler_code)) != 0) {
		sdb_error_free(error);
		return false;
	}
	size_t used = sizeof(area);
	while (used > FREE_AT && area[used - 1] == 0)
		used--;
	used = (used + FREE_ALIGN - 1) / FREE_ALIGN * FREE_ALIGN;
	if (used + SCRATCH_SIZE / 4 > sizeof(area))
		return false;
	/* Other areas of the parent stay what they are: nothing is put there. */
	process->scratch[process->scratch_count++] = base;
	process->handler = parent->handler;
	process->trap_ignored = parent->trap_ignored;
	*scratch_ret = (struct driver_scratch){ .low = base + used, .high = base + SCRATCH_SIZE };
	return true;
}

static bool is_near(const struct driver_scratch *scratch, uint64_t near)
{
	uint64_t distance = scratch->low > near ? scratch->low - near : near - scratch->low;
	return distance < NEAR;
}

struct sdb_error *scratch_find(struct sdb_target *target, uint64_t near, struct driver_scratch *scratch_ret)
{
	struct process *process = process_of(target);
	struct sdb_thread *thread = stopped_thread(target);
	int64_t result;
	if (inherit(process, scratch_ret) && is_near(scratch_ret, near))
		return NULL;
	if (target->architecture->machine != EM_X86_64)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "not for %s", target->architecture->name);
	if (!thread)
		return sdb_error_new(SDB_ERROR_INVALID, "no thread is stopped");
	if (process->scratch_count == SCRATCH_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "more than %d areas for displaced instructions", SCRATCH_MAX);
	uint64_t base = 0;
	struct sdb_error *error = find_room(target, near, &base);
	if (error)
		return error;
	const uint64_t arguments[6] = { base, SCRATCH_SIZE, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, UINT64_MAX, 0 };
	error = call_system(thread, SYS_mmap, arguments, &result);
	if (error)
		return error;
	if (result != (int64_t)base)
		return sdb_error_errno(result < 0 && result > -4096 ? (int)-result : EEXIST,
				       "cannot map memory in process %lld", (long long)target->pid);
	target_forget(target);
	error = note_area(process, base);
	if (error)
		return error;
	uint64_t first = process->scratch_count == 1 ? base : 0; /* this handler's own */
	error = memory_write(target, base + TABLE_AT, &first, sizeof(first));
	if (!error)
		error = memory_write(target, base + HANDLER_AT, handler_code, sizeof(handler_code));
	if (!error)
		error = memory_write(target, base + RESTORER_AT, restorer_code, sizeof(restorer_code));
	if (!error)
		error = install_handler(process, thread, base);
	*scratch_ret = (struct driver_scratch){ .low = base + FREE_AT, .high = base + SCRATCH_SIZE };
	return error;
}

void scratch_release(struct process *process)
{
	struct sdb_target *target = process->target;
	struct sdb_thread *thread = target->status == SDB_TARGET_PAUSED ? stopped_thread(target) : NULL;
	int64_t result;
	if (thread && process->handler) {
		const struct kernel_action none = { .handler = (uint64_t)(uintptr_t)(process->trap_ignored ? SIG_IGN : SIG_DFL) };
		const uint64_t arguments[6] = { SIGTRAP, process->handler, 0, KERNEL_SIGSET };
		struct sdb_error *error = memory_write(target, process->handler, &none, sizeof(none));
		sdb_error_free(error ? error : call_system(thread, SYS_rt_sigaction, arguments, &result));
	}
	for (unsigned i = 0; thread && !process->scratch_in_use && i < process->scratch_count; i++) {
		const uint64_t arguments[6] = { process->scratch[i], SCRATCH_SIZE };
		sdb_error_free(call_system(thread, SYS_munmap, arguments, &result));
	}
	process->scratch_count = 0;
	process->handler = 0;
}

void scratch_note_signal(struct process *process, pid_t tid)
{
	struct user_regs_struct registers;
	if (!process->scratch_count || process->scratch_in_use || ptrace(PTRACE_GETREGS, tid, 0, &registers) != 0)
		return;
	for (unsigned i = 0; i < process->scratch_count; i++)
		if (registers.rip - process->scratch[i] < SCRATCH_SIZE)
			process->scratch_in_use = true;
}
