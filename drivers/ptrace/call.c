/* SPDX-License-Identifier: MIT */
/*
 * System calls made in the target's name. The instruction for one is borrowed from the vDSO, that
 * every process has: nothing has to be written to the target for it.
 */

#include "process.h"
#include "runtime/arch/x86.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static struct sdb_error *find_instruction(struct sdb_target *target, uint64_t *address_ret)
{
	static const uint8_t wide[] = { 0x0f, 0x05 }, narrow[] = { 0xcd, 0x80 };
	const uint8_t *wanted = target->architecture->machine == EM_X86_64 ? wide : narrow;
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	for (size_t i = 0; !error && i < space->count; i++)
		if (strcmp(space->regions[i].name, "[vdso]") == 0)
			return sdb_target_search(target, space->regions[i].low, space->regions[i].high, wanted, 2,
						 address_ret);
	return error ? error : sdb_error_new(SDB_ERROR_UNSUPPORTED, "process %lld has no vDSO to call the system from",
					     (long long)target->pid);
}

static void set_arguments(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6], uint64_t pc)
{
	struct x86_general *general = &((struct x86_registers *)(void *)thread->file)->general;
	general->rax = (uint64_t)number;
	general->orig_rax = UINT64_MAX; /* no system call is to be restarted on the way */
	general->rip = pc;
	if (thread->target->architecture->machine == EM_X86_64) {
		general->rdi = arguments[0];
		general->rsi = arguments[1];
		general->rdx = arguments[2];
		general->r10 = arguments[3];
		general->r8 = arguments[4];
		general->r9 = arguments[5];
	} else {
		general->rbx = arguments[0];
		general->rcx = arguments[1];
		general->rdx = arguments[2];
		general->rsi = arguments[3];
		general->rdi = arguments[4];
		general->rbp = arguments[5];
	}
	thread->dirty |= 1u << REGISTERS_GENERAL;
}

/* One instruction further. What else the thread stops for waits until that is done. */
static struct sdb_error *step(struct sdb_thread *thread)
{
	struct tracee *tracee = tracee_of(thread);
	for (;;) {
		int status, ignored;
		if (ptrace(PTRACE_SINGLESTEP, (pid_t)thread->id, 0, 0) != 0 || !events_look(tracee, true, &status)
		    || !WIFSTOPPED(status)) {
			thread->stopped = false;
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
		}
		if (status >> 8 == SIGTRAP)
			return NULL;
		if (event_is_stop(status, &ignored))
			tracee->interrupting = false;
		else if (status >> 16 == 0 && !thread->signal)
			thread->signal = WSTOPSIG(status);
	}
}

struct sdb_error *call_system(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
			      int64_t *result_ret)
{
	uint64_t instruction;
	struct x86_general saved;
	if (!thread->stopped)
		return sdb_error_new(SDB_ERROR_INVALID, "thread %lld runs", (long long)thread->id);
	struct sdb_error *error = find_instruction(thread->target, &instruction);
	if (!error)
		error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	struct x86_general *general = &((struct x86_registers *)(void *)thread->file)->general;
	saved = *general;
	set_arguments(thread, number, arguments, instruction);
	error = thread_flush(thread);
	if (!error)
		error = step(thread);
	thread_forget(thread);
	page_cache_clear(thread->target->pages);
	if (!error)
		error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	*result_ret = thread->target->architecture->machine == EM_X86_64 ? (int64_t)general->rax
		: (int32_t)(uint32_t)general->rax;
	*general = saved;
	thread->dirty |= 1u << REGISTERS_GENERAL;
	return thread_flush(thread);
}
