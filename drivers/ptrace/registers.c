/* SPDX-License-Identifier: MIT */
/* Registers of a traced thread, in the register file of x86. */

#include "process.h"
#include "runtime/arch/x86.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

_Static_assert(sizeof(struct x86_general) == sizeof(struct user_regs_struct), "the kernel's order");
_Static_assert(offsetof(struct x86_general, rip) == offsetof(struct user_regs_struct, rip), "the kernel's order");
_Static_assert(offsetof(struct x86_general, gs) == offsetof(struct user_regs_struct, gs), "the kernel's order");

/* The XSAVE area: FXSAVE's, a header, then what CPUID says (Intel SDM volume 1, 13.4). */
enum { XSAVE_MAX = 16384, XSAVE_HEADER = 512, XSAVE_YMM = 576, XSAVE_YMM_SIZE = 256, STATE_AVX = 1 << 2 };

static struct sdb_error *cannot_read(const struct sdb_thread *thread)
{
	if (errno == ESRCH) { /* it was killed in its stop */
		thread->target->lost = true;
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
	}
	return sdb_error_errno(errno, "cannot read the registers of thread %lld", (long long)thread->id);
}

/* What was killed in its stop needs no registers any more: its end comes. */
static struct sdb_error *cannot_write(const struct sdb_thread *thread)
{
	if (errno == ESRCH)
		return NULL;
	return sdb_error_errno(errno, "cannot write the registers of thread %lld", (long long)thread->id);
}

static struct sdb_error *read_vectors(struct sdb_thread *thread, struct x86_registers *file)
{
	uint8_t area[XSAVE_MAX];
	struct iovec io = { area, sizeof(area) };
	memset(file->ymm_high, 0, sizeof(file->ymm_high));
	if (ptrace(PTRACE_GETREGSET, (pid_t)thread->id, NT_X86_XSTATE, &io) == 0) {
		uint64_t states;
		memcpy(file->fxsave, area, sizeof(file->fxsave));
		memcpy(&states, area + XSAVE_HEADER, sizeof(states));
		if (io.iov_len >= XSAVE_YMM + XSAVE_YMM_SIZE && states & STATE_AVX)
			memcpy(file->ymm_high, area + XSAVE_YMM, XSAVE_YMM_SIZE);
		return NULL;
	}
	if (ptrace(PTRACE_GETFPREGS, (pid_t)thread->id, 0, file->fxsave) == 0)
		return NULL;
	return cannot_read(thread);
}

static struct sdb_error *write_vectors(struct sdb_thread *thread, const struct x86_registers *file)
{
	uint8_t area[XSAVE_MAX];
	struct iovec io = { area, sizeof(area) };
	if (ptrace(PTRACE_GETREGSET, (pid_t)thread->id, NT_X86_XSTATE, &io) != 0) {
		if (ptrace(PTRACE_SETFPREGS, (pid_t)thread->id, 0, file->fxsave) != 0)
			return cannot_write(thread);
		return NULL;
	}
	uint64_t states;
	memcpy(area, file->fxsave, sizeof(file->fxsave));
	memcpy(&states, area + XSAVE_HEADER, sizeof(states));
	states |= 3; /* x87 and SSE are no longer in their initial state */
	static const uint8_t none[XSAVE_YMM_SIZE];
	if (io.iov_len >= XSAVE_YMM + XSAVE_YMM_SIZE
	    && (states & STATE_AVX || memcmp(file->ymm_high, none, sizeof(none)) != 0)) {
		memcpy(area + XSAVE_YMM, file->ymm_high, XSAVE_YMM_SIZE);
		states |= STATE_AVX;
	}
	memcpy(area + XSAVE_HEADER, &states, sizeof(states));
	if (ptrace(PTRACE_SETREGSET, (pid_t)thread->id, NT_X86_XSTATE, &io) != 0)
		return cannot_write(thread);
	return NULL;
}

#define DEBUG_AT(n) (offsetof(struct user, u_debugreg) + (size_t)(n) * sizeof(((struct user *)0)->u_debugreg[0]))

static struct sdb_error *read_debug(struct sdb_thread *thread, struct x86_registers *file)
{
	for (unsigned i = 0; i < 8; i++) {
		if (i == 4 || i == 5)
			continue;
		errno = 0;
		file->debug[i] = (uint64_t)ptrace(PTRACE_PEEKUSER, (pid_t)thread->id, DEBUG_AT(i), 0);
		if (errno)
			return cannot_read(thread);
	}
	return NULL;
}

static struct sdb_error *write_debug(struct sdb_thread *thread, const struct x86_registers *file)
{
	/* The addresses may change only while nothing is armed, and are checked with what is armed. */
	static const unsigned order[] = { 0, 1, 2, 3, 6, 7 };
	if (ptrace(PTRACE_POKEUSER, (pid_t)thread->id, DEBUG_AT(7), 0) != 0)
		return cannot_write(thread);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (ptrace(PTRACE_POKEUSER, (pid_t)thread->id, DEBUG_AT(order[i]), file->debug[order[i]]) != 0)
			return cannot_write(thread);
	struct process *process = process_of(thread->target);
	process->dirty_debug = true;
	process->armed = 0;
	for (unsigned i = 0; i < 4; i++)
		if (file->debug[7] & UINT64_C(3) << (2 * i))
			process->armed |= 1u << i;
	return NULL;
}

struct sdb_error *registers_read(struct sdb_thread *thread, enum register_group group, uint8_t *bytes)
{
	struct x86_registers *file = (void *)bytes;
	switch (group) {
	case REGISTERS_GENERAL:
		if (ptrace(PTRACE_GETREGS, (pid_t)thread->id, 0, &file->general) == 0)
			return NULL;
		return cannot_read(thread);
	case REGISTERS_VECTOR:
		return read_vectors(thread, file);
	default:
		return read_debug(thread, file);
	}
}

struct sdb_error *registers_write(struct sdb_thread *thread, enum register_group group, const uint8_t *bytes)
{
	const struct x86_registers *file = (const void *)bytes;
	switch (group) {
	case REGISTERS_GENERAL:
		if (ptrace(PTRACE_SETREGS, (pid_t)thread->id, 0, &file->general) == 0)
			return NULL;
		return cannot_write(thread);
	case REGISTERS_VECTOR:
		return write_vectors(thread, file);
	default:
		return write_debug(thread, file);
	}
}

void registers_disarm(pid_t tid)
{
	ptrace(PTRACE_POKEUSER, tid, DEBUG_AT(7), 0);
}
