/* SPDX-License-Identifier: MIT */
/*
 * A system call that a thread makes on its way out of a signal handler that never was: on its stack lies what
 * the kernel would have put there (struct rt_sigframe, arch/x86/include/asm/sigframe.h), with the registers that
 * it had, and the code goes on with rt_sigreturn. As long as this program lives it stops the thread behind the
 * call and gives the registers back itself; when it dies in between, the thread does so.
 *
 * The code stands for that moment in the padding behind the code of some module: zeros up to the end of a page,
 * that nobody executes.
 */

#include "call.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PADDING = 16, RED_ZONE = 128, XSAVE_MAX = 16384,
	SW_RESERVED = 464, XSAVE_HEADER = 512, XSAVE_LEAST = 576, /* in the area of XSAVE */
	MAGIC1 = 0x46505853, MAGIC2 = 0x46505845,                  /* FP_XSTATE_MAGIC1, 2 */
	UC_FLAGS = 7, /* UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
	NO_STACK = 0x7fff, /* flags that sigaltstack() refuses: the thread's stack for signals stays what it is */
	RESTART_SYSCALL = 219,
};
#define DYNAMIC_STATES (UINT64_C(3) << 17) /* AMX: only of threads that asked for it */

static const uint8_t code[] = {
	0x0f, 0x05,                   /* syscall */
	0xb8, 0x0f, 0x00, 0x00, 0x00, /* mov $15, %eax: rt_sigreturn */
	0x0f, 0x05,                   /* syscall */
};

/* struct ucontext of the kernel. */
struct context {
	uint64_t flags, link, stack;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
	uint64_t sigmask;
};
_Static_assert(sizeof(struct context) == 304, "the kernel's layout");

static bool find_padding(struct sdb_target *target, uint64_t *address_ret)
{
	static const uint8_t zeros[PADDING];
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	for (size_t i = 0; !error && i < space->count; i++) {
		const struct sdb_region *region = &space->regions[i];
		uint8_t bytes[PADDING];
		size_t got = 0;
		if (!(region->flags & SDB_REGION_EXECUTE) || region->name[0] != '/')
			continue;
		error = memory_read(target, region->high - PADDING, bytes, sizeof(bytes), &got);
		*address_ret = region->high - PADDING;
		if (!error && got == sizeof(bytes) && memcmp(bytes, zeros, sizeof(zeros)) == 0)
			return true;
	}
	sdb_error_free(error);
	return false;
}

/* ---- the frame ---------------------------------------------------------------------------------------- */

/* Bytes of the states in MASK, in the standard format (Intel SDM volume 1, 13.4). */
static uint32_t states_size(uint64_t mask)
{
	uint32_t size = XSAVE_LEAST;
	for (unsigned i = 2; i < 63; i++) {
		unsigned bytes, offset, c, d;
		if (mask & UINT64_C(1) << i && __get_cpuid_count(0xd, i, &bytes, &offset, &c, &d) && bytes + offset > size)
			size = bytes + offset;
	}
	return size;
}

/* The vector registers, as a signal handler's frame has them; the size with the mark at the end. */
static size_t vector_frame(pid_t tid, uint8_t area[XSAVE_MAX + 4])
{
	struct iovec io = { area, XSAVE_MAX };
	uint64_t mask, states;
	uint32_t words[2], mark = MAGIC2;
	if (ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &io) != 0 || io.iov_len < XSAVE_LEAST)
		return 0;
	memcpy(&mask, area + SW_RESERVED, sizeof(mask)); /* the kernel says there which there are */
	mask &= ~DYNAMIC_STATES;
	uint32_t size = states_size(mask);
	if (size > io.iov_len)
		return 0;
	memcpy(&states, area + XSAVE_HEADER, sizeof(states));
	states &= mask;
	memcpy(area + XSAVE_HEADER, &states, sizeof(states));
	memset(area + SW_RESERVED, 0, XSAVE_HEADER - SW_RESERVED);
	words[0] = MAGIC1;
	words[1] = size + (uint32_t)sizeof(mark);
	memcpy(area + SW_RESERVED, words, sizeof(words));
	memcpy(area + SW_RESERVED + 8, &mask, sizeof(mask));
	memcpy(area + SW_RESERVED + 16, &size, sizeof(size));
	memcpy(area + size, &mark, sizeof(mark));
	return size + sizeof(mark);
}

/* A system call that the kernel was to begin again is begun again by the frame. */
static void restart(struct context *context, int64_t number)
{
	int64_t result = (int64_t)context->rax;
	if (number < 0 || (result != -512 && result != -513 && result != -514 && result != -516))
		return;
	context->rax = result == -516 ? RESTART_SYSCALL : (uint64_t)number;
	context->rip -= 2;
}

/* Puts the frame on the thread's stack; *STACK_RET is the stack pointer for the code. */
static bool put_frame(struct sdb_thread *thread, const struct x86_general *general, uint64_t mask, uint64_t *stack_ret)
{
	uint8_t area[XSAVE_MAX + 4];
	size_t size = vector_frame((pid_t)thread->id, area);
	if (!size)
		return false;
	uint64_t vectors = (general->rsp - RED_ZONE - size) & ~UINT64_C(63);
	uint64_t at = (vectors - sizeof(struct context)) & ~UINT64_C(15);
	struct context context = {
		.flags = UC_FLAGS, .stack_flags = NO_STACK, .r8 = general->r8, .r9 = general->r9, .r10 = general->r10,
		.r11 = general->r11, .r12 = general->r12, .r13 = general->r13, .r14 = general->r14, .r15 = general->r15,
		.rdi = general->rdi, .rsi = general->rsi, .rbp = general->rbp, .rbx = general->rbx, .rdx = general->rdx,
		.rax = general->rax, .rcx = general->rcx, .rsp = general->rsp, .rip = general->rip, .eflags = general->eflags,
		.cs = (uint16_t)general->cs, .ss = (uint16_t)general->ss, .fpstate = vectors, .sigmask = mask,
	};
	restart(&context, (int64_t)general->orig_rax);
	struct sdb_error *error = memory_write(thread->target, vectors, area, size);
	if (!error)
		error = memory_write(thread->target, at, &context, sizeof(context));
	*stack_ret = at;
	bool put = !error;
	sdb_error_free(error); /* the stack does not reach that far */
	return put;
}

/* ---- the call -------------------------------------------------------------------------------------------- */

static struct sdb_error *ended(struct sdb_thread *thread)
{
	thread->stopped = false;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
}

/*
 * Lets THREAD go on until it stops with WANTED. All signals are blocked, so that none comes in between but
 * SIGSTOP: *STOPPED_RET.
 */
static struct sdb_error *go_on_until(struct sdb_thread *thread, enum __ptrace_request how, int wanted, bool *stopped_ret)
{
	struct tracee *tracee = tracee_of(thread);
	for (;;) {
		int status;
		if (ptrace(how, (pid_t)thread->id, 0, 0) != 0 || !events_look(tracee, true, &status) || !WIFSTOPPED(status))
			return ended(thread);
		if (status >> 8 == wanted)
			return NULL;
		*stopped_ret |= status >> 8 == SIGSTOP;
	}
}

/* From the entry of the call to its exit, and on to a stop like that of a thread that was asked to stop. */
static struct sdb_error *make_call(struct sdb_thread *thread, const struct x86_general *saved, int64_t *result_ret,
				   bool *stopped_ret)
{
	struct x86_general *general = &((struct x86_registers *)(void *)thread->file)->general;
	struct sdb_error *error = go_on_until(thread, PTRACE_SYSCALL, SIGTRAP | 0x80, stopped_ret);
	if (!error)
		error = go_on_until(thread, PTRACE_SYSCALL, SIGTRAP | 0x80, stopped_ret);
	thread_forget(thread);
	if (!error)
		error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	*result_ret = (int64_t)general->rax;
	*general = *saved;
	thread->dirty |= 1u << REGISTERS_GENERAL;
	error = thread_flush(thread);
	if (error)
		return error;
	ptrace(PTRACE_INTERRUPT, (pid_t)thread->id, 0, 0);
	return go_on_until(thread, PTRACE_CONT, SIGTRAP | PTRACE_EVENT_STOP << 8, stopped_ret);
}

struct sdb_error *call_safely(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
			      int64_t *result_ret, bool *made_ret)
{
	static const uint8_t zeros[sizeof(code)];
	struct sdb_target *target = thread->target;
	struct x86_registers *file = (void *)thread->file;
	struct x86_general saved = file->general;
	uint64_t stack, padding, mask, all = UINT64_MAX;
	pid_t tid = (pid_t)thread->id;
	bool stopped = false;
	*made_ret = false;
	/* A signal that is about to be delivered could not be any more. */
	if (target->architecture->machine != EM_X86_64 || thread->signal || tracee_of(thread)->group_stopped
	    || ptrace(PTRACE_GETSIGMASK, tid, sizeof(mask), &mask) != 0
	    || !find_padding(target, &padding) || !put_frame(thread, &saved, mask, &stack))
		return NULL;
	struct sdb_error *error = memory_write(target, padding, code, sizeof(code));
	if (error) { /* pages that cannot be changed */
		sdb_error_free(error);
		return NULL;
	}
	*made_ret = true;
	call_set_arguments(thread, number, arguments, padding);
	file->general.rsp = stack;
	error = thread_flush(thread);
	if (!error && ptrace(PTRACE_SETSIGMASK, tid, sizeof(all), &all) == 0) {
		error = make_call(thread, &saved, result_ret, &stopped);
		ptrace(PTRACE_SETSIGMASK, tid, sizeof(mask), &mask);
	} else if (!error) {
		error = ended(thread);
	}
	if (stopped)
		sdb_error_free(process_signal(thread, SIGSTOP));
	struct sdb_error *other = memory_write(target, padding, zeros, sizeof(zeros));
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}
