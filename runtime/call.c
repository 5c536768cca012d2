/* SPDX-License-Identifier: MIT */
/*
 * Functions of the target, called in its name: by the conventions of its architecture (psABI,
 * 3.2.3), below what the thread has on its stack. The function returns to a byte of the target's
 * own code that is a breakpoint instruction when one begins there: nothing is changed for it.
 */

#include "call.h"
#include "probe_private.h"
#include "target.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	BREAKPOINT = 0xcc,
	TIMEOUT_MS = 5000,
	SIGNALS_MAX = 1000,   /* that come while it runs, and are delivered */
	BREAKPOINTS_MAX = 1000000,
	STACK_MAX = 65536,    /* bytes of arguments */
	ALIGNMENT = 16,
};

/* What is below the stack pointer in the end: arguments, then what they point to. */
struct frame {
	struct sdb_thread *thread;
	const struct architecture *architecture;
	uint64_t sp;                   /* where the copies begin */
	uint64_t result;               /* where the function writes what it returns in memory */
	uint8_t words[1024];
	size_t size;
	unsigned integers, vectors;    /* registers that are taken */
};

static struct sdb_error *too_many(void)
{
	return sdb_error_new(SDB_ERROR_INVALID, "too many arguments, or too large ones");
}

/* A byte 0xcc somewhere in the code of the target. */
static struct sdb_error *find_return(struct sdb_target *target, uint64_t *address_ret)
{
	static const uint8_t breakpoint = BREAKPOINT;
	const struct sdb_region *regions;
	size_t count;
	struct sdb_error *error = sdb_target_regions(target, &regions, &count);
	for (size_t i = 0; !error && i < count; i++) {
		if (!(regions[i].flags & SDB_REGION_EXECUTE) || !regions[i].module)
			continue;
		error = sdb_target_search(target, regions[i].low, regions[i].high, &breakpoint, 1,
					  address_ret);
		if (!error || sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
		error = NULL;
	}
	return error ? error
		     : sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "there is nothing that a function could return to");
}

static struct sdb_error *put_register(struct sdb_thread *thread, int dwarf, const uint8_t *bytes,
				      unsigned size)
{
	uint8_t whole[CONTEXT_REGISTER_SIZE] = { 0 };
	struct sdb_register_info info;
	int index = sdb_register_by_dwarf(thread->target, (unsigned)dwarf);
	if (index < 0 || !sdb_register_info(thread->target, (size_t)index, &info)
	    || info.size > sizeof(whole))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "there is no register %d", dwarf);
	memcpy(whole, bytes, size < info.size ? size : info.size);
	return sdb_thread_set_register(thread, index, whole, info.size);
}

static struct sdb_error *get_register(struct sdb_thread *thread, int dwarf, uint8_t *bytes,
				      unsigned size)
{
	uint8_t whole[CONTEXT_REGISTER_SIZE] = { 0 };
	struct sdb_register_info info;
	int index = sdb_register_by_dwarf(thread->target, (unsigned)dwarf);
	if (index < 0 || !sdb_register_info(thread->target, (size_t)index, &info)
	    || info.size > sizeof(whole))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "there is no register %d", dwarf);
	struct sdb_error *error = sdb_thread_register(thread, index, whole, info.size);
	if (!error)
		memcpy(bytes, whole, size < info.size ? size : info.size);
	return error;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static struct sdb_error *put_words(struct frame *frame, const struct context_argument *argument)
{
	unsigned word = frame->architecture->address_size;
	bool in_memory = argument->class == CONTEXT_MEMORY;
	const uint8_t *bytes = in_memory ? argument->copied : argument->bytes;
	size_t given = in_memory ? argument->copied_size : argument->size;
	size_t size = (given + word - 1) / word * word;
	/* psABI of x86-64: what is aligned to 16 bytes stays so. */
	if ((argument->class == CONTEXT_EXTENDED || argument->wide) && word == 8) {
		frame->size = (frame->size + 15) & ~(size_t)15;
		size = (size + 15) & ~(size_t)15;
	}
	if (frame->size > sizeof(frame->words) || size > sizeof(frame->words) - frame->size)
		return too_many();
	memset(frame->words + frame->size, 0, size);
	memcpy(frame->words + frame->size, bytes, given);
	frame->size += size;
	return NULL;
}

/* The next free register for CLASS; -1: all are taken. */
static int next_register(const struct frame *frame, enum context_class class, unsigned integers,
			 unsigned vectors)
{
	return class == CONTEXT_REAL ? frame->architecture->calls.vectors[frame->vectors + vectors]
		: frame->architecture->arguments[frame->integers + integers];
}

/* All halves of a structure are in registers, or none. */
static struct sdb_error *put_structure(struct frame *frame, const struct context_argument *argument)
{
	int registers[2] = { -1, -1 };
	unsigned integers = 0, vectors = 0;
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < 2; i++) {
		if (argument->halves[i] == CONTEXT_NOTHING)
			continue;
		registers[i] = next_register(frame, argument->halves[i], integers, vectors);
		if (registers[i] < 0)
			return put_words(frame, argument);
		integers += argument->halves[i] == CONTEXT_INTEGER;
		vectors += argument->halves[i] == CONTEXT_REAL;
	}
	for (unsigned i = 0; i < 2 && !error; i++)
		if (registers[i] >= 0)
			error = put_register(frame->thread, registers[i], argument->bytes + 8 * i, 8);
	frame->integers += integers;
	frame->vectors += vectors;
	return error;
}

static struct sdb_error *put_argument(struct frame *frame, const struct context_argument *argument)
{
	const struct architecture *architecture = frame->architecture;
	if (argument->class == CONTEXT_STRUCTURE)
		return put_structure(frame, argument);
	if (argument->class == CONTEXT_INTEGER && argument->size <= architecture->address_size
	    && architecture->arguments[frame->integers] >= 0)
		return put_register(frame->thread, architecture->arguments[frame->integers++],
				    argument->bytes, argument->size);
	if (argument->class == CONTEXT_REAL && architecture->calls.vectors[frame->vectors] >= 0)
		return put_register(frame->thread, architecture->calls.vectors[frame->vectors++],
				    argument->bytes, argument->size);
	return put_words(frame, argument);
}

/* Puts what an argument points to on the stack, and makes the argument the address of that. */
static struct sdb_error *copy_pointed(struct frame *frame, struct context_argument *argument,
				      uint64_t lowest)
{
	struct sdb_target *target = frame->thread->target;
	if (argument->copied_size > STACK_MAX || frame->sp - argument->copied_size < lowest)
		return too_many();
	frame->sp = (frame->sp - argument->copied_size) & ~(uint64_t)(ALIGNMENT - 1);
	memcpy(argument->bytes, &frame->sp, sizeof(frame->sp));
	argument->size = target->architecture->address_size;
	argument->class = CONTEXT_INTEGER;
	return sdb_target_write(target, frame->sp, argument->copied, argument->copied_size);
}

/* Room for what the function returns in memory; a pointer to it is the first argument. */
static struct sdb_error *put_result(struct frame *frame, const struct context_call *call)
{
	struct context_argument argument = { .class = CONTEXT_INTEGER,
		.size = frame->architecture->address_size };
	if (call->result_size > STACK_MAX || frame->sp < call->result_size)
		return too_many();
	frame->sp = (frame->sp - call->result_size) & ~(uint64_t)(ALIGNMENT - 1);
	frame->result = frame->sp;
	memcpy(argument.bytes, &frame->sp, sizeof(frame->sp));
	return put_argument(frame, &argument);
}

static struct sdb_error *put_arguments(struct frame *frame, const struct context_call *call)
{
	uint64_t lowest = frame->sp - STACK_MAX;
	struct sdb_error *error = call->result_class == CONTEXT_MEMORY ? put_result(frame, call) : NULL;
	for (size_t i = 0; i < call->argument_count && !error; i++) {
		struct context_argument argument = call->arguments[i];
		if (argument.copied && argument.class != CONTEXT_MEMORY)
			error = copy_pointed(frame, &argument, lowest);
		if (!error)
			error = put_argument(frame, &argument);
	}
	return error;
}

/* Everything in its place, as it is when the first instruction of the function is executed. */
static struct sdb_error *prepare(struct sdb_thread *thread, const struct context_call *call,
				 uint64_t back, uint64_t *result_ret)
{
	const struct architecture *architecture = thread->target->architecture;
	struct frame frame = { .thread = thread, .architecture = architecture };
	unsigned word = architecture->address_size;
	uint64_t flags = 0, count;
	int sp = sdb_register_by_dwarf(thread->target, architecture->sp);
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	frame.sp = thread_get(thread, sp) - architecture->calls.red_zone;
	error = put_arguments(&frame, call);
	if (error)
		return error;
	*result_ret = frame.result;
	uint64_t stack = (frame.sp - frame.size) & ~(uint64_t)(ALIGNMENT - 1);
	if (frame.size)
		error = sdb_target_write(thread->target, stack, frame.words, frame.size);
	stack -= word;
	if (!error)
		error = sdb_target_write(thread->target, stack, &back, word);
	if (error)
		return error;
	thread_put(thread, sp, stack);
	error = thread_set_pc(thread, call->function);
	if (!error)
		error = sdb_thread_register_number(thread, architecture->calls.flags, &flags);
	if (!error)
		error = sdb_thread_set_register_number(
			thread, architecture->calls.flags,
			flags & ~(uint64_t)architecture->calls.flags_cleared);
	if (!error)
		error = sdb_thread_set_register_number(thread, architecture->calls.restart,
						       UINT64_MAX);
	count = frame.vectors;
	if (!error && architecture->calls.vector_count >= 0)
		error = put_register(thread, architecture->calls.vector_count, (uint8_t *)&count,
				     word);
	return error;
}

/* ---- running --------------------------------------------------------------------------------- */

static struct sdb_error *resume(struct sdb_thread *thread, struct driver_event *event)
{
	struct sdb_error *error = thread_flush(thread);
	if (error)
		return error;
	thread_forget(thread);
	error = thread->target->driver->run_alone(thread, TIMEOUT_MS, event);
	/* What was mapped stays as it was read: frames and regions are in use. */
	page_cache_clear(thread->target->pages);
	return error;
}

/* A breakpoint of somebody else's is passed without telling of it. */
static struct sdb_error *pass_breakpoint(struct sdb_thread *thread, uint64_t pc)
{
	struct probes *probes = thread->target->probes;
	struct point *point = probes ? point_find(probes, pc - 1) : NULL;
	if (point && point->inserted && point->slot)
		return thread_set_pc(thread, point->slot);
	return sdb_error_new(SDB_ERROR_NOT_FOUND,
			     "the function met a breakpoint at %#llx, and was given up",
			     (unsigned long long)(pc - 1));
}

static bool is_fatal(int64_t signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL
		|| signal == SIGABRT || signal == SIGSYS || signal == SIGTRAP;
}

static bool stops(int64_t signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/*
 * Signals that are not the function's fault go their way; one that would stop it waits until later.
 */
static struct sdb_error *take_signal(struct sdb_thread *thread, int64_t signal, int *later)
{
	if (is_fatal(signal))
		return sdb_error_new(SDB_ERROR_NOT_FOUND,
				     "the function got signal %lld (%s), and was given up",
				     (long long)signal, strsignal((int)signal));
	if (stops(signal))
		*later = (int)signal;
	else
		thread->signal = (int)signal;
	return NULL;
}

static struct sdb_error *run(struct sdb_thread *thread, uint64_t back, uint64_t stack, int *later)
{
	struct driver_event event;
	unsigned signals = 0, breakpoints = 0;
	const struct architecture *architecture = thread->target->architecture;
	int sp = sdb_register_by_dwarf(thread->target, architecture->sp);
	for (;;) {
		uint64_t pc = 0;
		struct sdb_error *error = resume(thread, &event);
		if (error)
			return error;
		switch (event.kind) {
		case DRIVER_BREAKPOINT:
			error = thread_pc(thread, &pc);
			if (!error && pc == back + 1 && thread_get(thread, sp) > stack)
				return NULL;
			if (!error)
				error = breakpoints++ < BREAKPOINTS_MAX
					? pass_breakpoint(thread, pc)
					: sdb_error_new(
						SDB_ERROR_NOT_FOUND,
						"the function meets breakpoints without end");
			break;
		case DRIVER_SIGNAL:
			error = signals++ < SIGNALS_MAX
				? take_signal(thread, event.number, later)
				: sdb_error_new(SDB_ERROR_NOT_FOUND,
						"the function gets signals without end");
			break;
		case DRIVER_NOTHING:
			error = sdb_error_new(
				SDB_ERROR_NOT_FOUND,
				"the function did not return within %d seconds (it may "
				"wait for another thread, which is stopped), and was given up",
				TIMEOUT_MS / 1000);
			break;
		default:
			error = sdb_error_new(SDB_ERROR_NOT_FOUND,
					      "the thread ended in the function");
		}
		if (error)
			return error;
	}
}

/* Each half from the next register of its class. */
static struct sdb_error *take_structure(struct sdb_thread *thread, struct context_call *call)
{
	const struct architecture *architecture = thread->target->architecture;
	const int integers[2] = { architecture->return_value, architecture->calls.high };
	unsigned integer = 0, vector = 0;
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < 2 && !error; i++)
		if (call->result_halves[i] != CONTEXT_NOTHING)
			error = get_register(thread, call->result_halves[i] == CONTEXT_REAL
					     ? architecture->calls.real + (int)vector++ : integers[integer++],
					     call->result + 8 * i, 8);
	return error;
}

static struct sdb_error *take_result(struct sdb_thread *thread, struct context_call *call, uint64_t place)
{
	const struct architecture *architecture = thread->target->architecture;
	unsigned word = architecture->address_size,
		 low = call->result_size < word ? call->result_size : word;
	memset(call->result, 0, sizeof(call->result));
	if (call->result_size == 0)
		return NULL;
	if (call->result_class == CONTEXT_MEMORY)
		return sdb_target_read(thread->target, place, call->memory, call->result_size);
	if (call->result_class == CONTEXT_STRUCTURE)
		return take_structure(thread, call);
	if (call->result_class == CONTEXT_REAL && architecture->calls.real_is_extended)
		call->result_class = CONTEXT_EXTENDED;
	if (call->result_class == CONTEXT_EXTENDED)
		return get_register(thread, architecture->calls.extended, call->result, 10);
	if (call->result_class == CONTEXT_REAL)
		return get_register(thread, architecture->calls.real, call->result,
				    call->result_size);
	struct sdb_error *error = get_register(thread, architecture->return_value, call->result,
					       low);
	if (!error && call->result_size > word)
		error = get_register(thread, architecture->calls.high, call->result + word,
				     call->result_size - word);
	return error;
}

struct sdb_error *call_make(struct sdb_thread *thread, struct context_call *call)
{
	struct sdb_target *target = thread->target;
	const struct driver *driver = target->driver;
	struct driver_saved *saved;
	uint64_t back = 0, stack = 0, place = 0;
	int later = 0;
	if (!driver->run_alone || !target->architecture)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "functions cannot be called in a target of %s", driver->name);
	struct sdb_error *error = find_return(target, &back);
	if (!error)
		error = thread_flush(thread);
	if (!error)
		error = driver->save_thread(thread, &saved);
	if (error)
		return error;
	thread_forget(thread);
	error = prepare(thread, call, back, &place);
	if (!error) {
		stack = thread_get(thread, sdb_register_by_dwarf(target, target->architecture->sp));
		error = run(thread, back, stack, &later);
	}
	if (!error)
		error = take_result(thread, call, place);
	thread->signal = later;
	struct sdb_error *failed = driver->restore_thread(thread, saved);
	thread_forget(thread);
	page_cache_clear(target->pages);
	if (error)
		sdb_error_free(failed);
	return error ? error : failed;
}
