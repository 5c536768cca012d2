/* SPDX-License-Identifier: MIT */
/*
 * System calls made in the target's name. The thread that makes one has other registers for a moment, and this
 * program may be killed in that moment: so the call is made as if from a signal handler (safe_call.c), that
 * returns to where the thread was by itself. Where that cannot be, the instruction for it is borrowed from the
 * vDSO, and stepped over.
 */

#include "call.h"

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

void call_set_arguments(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6], uint64_t pc)
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
	tracee->stepped = true;
	for (;;) {
		int status;
		if (ptrace(PTRACE_SINGLESTEP, (pid_t)thread->id, 0, 0) != 0 || !events_look(tracee, true, &status)
		    || !WIFSTOPPED(status)) {
			thread->stopped = false;
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
		}
		if (status >> 8 == SIGTRAP)
			return NULL;
		if (status >> 16 == 0 && !thread->signal)
			thread->signal = WSTOPSIG(status);
	}
}

static struct sdb_error *call_by_step(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
				      int64_t *result_ret)
{
	uint64_t instruction;
	struct x86_general *general = &((struct x86_registers *)(void *)thread->file)->general, saved = *general;
	struct sdb_error *error = find_instruction(thread->target, &instruction);
	if (error)
		return error;
	call_set_arguments(thread, number, arguments, instruction);
	error = thread_flush(thread);
	if (!error)
		error = step(thread);
	thread_forget(thread);
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

struct sdb_error *call_system(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
			      int64_t *result_ret)
{
	if (!thread->stopped)
		return sdb_error_new(SDB_ERROR_INVALID, "thread %lld runs", (long long)thread->id);
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	bool made = false;
	if (!error)
		error = call_safely(thread, number, arguments, result_ret, &made);
	if (!error && !made)
		error = call_by_step(thread, number, arguments, result_ret);
	page_cache_clear(thread->target->pages);
	return error;
}
