/* SPDX-License-Identifier: MIT */
/*
 * From a frame to its caller: by the rules of its module's database, else along frame pointers,
 * else not at all. Everything on a stack is hostile: frames have to lie above one another, and
 * what does not end by itself is ended.
 */

#include "unwind.h"
#include "location.h"
#include "personality.h"
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THUNK_SIZE 32    /* bytes of a retpoline, at most */
#define SIGNALS_MAX 4096 /* signal frames: the only ones that may lead downwards */

/* ---- memory ------------------------------------------------------------------------------------- */

static struct sdb_error *read_word(struct unwinder *unwinder, uint64_t address, unsigned size, uint64_t *value_ret)
{
	struct unwind_window *window = &unwinder->window;
	if (window->changes != unwinder->target->page_changes || address - window->address >= window->size
	    || window->size - (address - window->address) < size) {
		struct sdb_error *error = memory_window(unwinder->target, address, &window->data, &window->size);
		window->address = address;
		window->changes = unwinder->target->page_changes;
		if (error) {
			window->size = 0;
			return error;
		}
		if (window->size < size) { /* it goes on behind this window */
			window->size = 0;
			return sdb_target_read_number(unwinder->target, address, size, value_ret);
		}
	}
	const uint8_t *at = window->data + (address - window->address);
	*value_ret = 0;
	memcpy(value_ret, at, size);
	return NULL;
}

struct sdb_error *unwind_read(struct unwinder *unwinder, uint64_t address, uint64_t *value_ret)
{
	return read_word(unwinder, address, unwinder->target->architecture->address_size, value_ret);
}

/* ---- expressions --------------------------------------------------------------------------------- */

static struct sdb_error *context_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	struct unwind_context *context = arg;
	return sdb_target_read(context->unwinder->target, address, buffer, size);
}

static struct sdb_error *context_register(void *arg, uint32_t number, void *buffer, size_t *size_ret)
{
	struct unwind_context *context = arg;
	unsigned size = context->unwinder->target->architecture->address_size;
	if (number >= UNWIND_COLUMNS || !(context->frame->valid & 1u << number))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u is not known in this frame", number);
	memcpy(buffer, &context->frame->value[number], size);
	*size_ret = size;
	return NULL;
}

static struct sdb_error *context_cfa(void *arg, uint64_t *cfa_ret)
{
	struct unwind_context *context = arg;
	if (!context->have_cfa)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the frame address is not known yet");
	*cfa_ret = context->cfa;
	return NULL;
}

void unwind_context_init(struct unwind_context *context, struct unwinder *unwinder, const struct unwind_frame *frame,
			 struct sdb_module *module)
{
	static const struct sdb_context_ops ops = {
		.read_memory = context_memory, .read_register = context_register, .cfa = context_cfa,
	};
	*context = (struct unwind_context){
		.context = { .ops = &ops, .load_bias = module->bias,
			     .sections = module->sections,
			     .pc = module_to_database(module, frame->pc - frame->called) },
		.unwinder = unwinder, .frame = frame,
	};
	context->context.arg = context;
	sdb_error_free(module_tables(module, &context->context.db)); /* it is open: the rules come from it */
}

/* ---- rules of any kind ------------------------------------------------------------------------------ */

static struct sdb_error *get_register(const struct unwind_frame *frame, unsigned number, uint64_t *value_ret)
{
	if (number >= UNWIND_COLUMNS || !(frame->valid & 1u << number))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u, which its rules need, is not known", number);
	*value_ret = frame->value[number];
	return NULL;
}

static struct sdb_error *complex_cfa(struct unwind_context *context, const struct sdb_rule *rule, uint64_t *cfa_ret)
{
	struct sdb_error *error;
	switch (rule->kind) {
	case SDB_RULE_REGISTER_OFFSET:
	case SDB_RULE_INDIRECT:
		error = get_register(context->frame, rule->reg, cfa_ret);
		if (error)
			return error;
		*cfa_ret += (uint64_t)rule->offset;
		return rule->kind == SDB_RULE_INDIRECT ? unwind_read(context->unwinder, *cfa_ret, cfa_ret) : NULL;
	case SDB_RULE_EXPRESSION:
	case SDB_RULE_VALUE_EXPRESSION:
		return location_number(&context->context, &rule->expression, NULL, cfa_ret, NULL);
	default:
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "there is no rule for its frame address");
	}
}

/* The caller's register by RULE; *KNOWN_RET false: it is lost. */
static struct sdb_error *complex_register(struct unwind_context *context, const struct sdb_rule *rule,
					  uint64_t *value_ret, bool *known_ret)
{
	struct unwinder *unwinder = context->unwinder;
	uint64_t cfa = context->cfa, address;
	struct sdb_error *error;
	*known_ret = true;
	switch (rule->kind) {
	case SDB_RULE_OFFSET:
		return unwind_read(unwinder, cfa + (uint64_t)rule->offset, value_ret);
	case SDB_RULE_VALUE_OFFSET:
		*value_ret = cfa + (uint64_t)rule->offset;
		return NULL;
	case SDB_RULE_REGISTER:
		return get_register(context->frame, rule->reg, value_ret);
	case SDB_RULE_EXPRESSION:
		error = location_number(&context->context, &rule->expression, &cfa, &address, NULL);
		return error ? error : unwind_read(unwinder, address, value_ret);
	case SDB_RULE_VALUE_EXPRESSION:
		return location_number(&context->context, &rule->expression, &cfa, value_ret, NULL);
	case SDB_RULE_REGISTER_OFFSET:
	case SDB_RULE_INDIRECT:
		error = get_register(context->frame, rule->reg, &address);
		if (!error)
			error = unwind_read(unwinder, address + (uint64_t)rule->offset, value_ret);
		return error || rule->kind == SDB_RULE_REGISTER_OFFSET ? error : unwind_read(unwinder, *value_ret, value_ret);
	case SDB_RULE_SAME_VALUE:
		*known_ret = rule->column < UNWIND_COLUMNS && context->frame->valid & 1u << rule->column;
		*value_ret = *known_ret ? context->frame->value[rule->column] : 0;
		return NULL;
	default:
		*known_ret = false;
		return NULL;
	}
}

static struct sdb_error *step_complex(struct unwinder *unwinder, const struct unwind_rules *rules,
				      const struct unwind_frame *frame, struct unwind_frame *next)
{
	struct unwind_context context;
	unwind_context_init(&context, unwinder, frame, rules->module);
	struct sdb_error *error = complex_cfa(&context, &rules->row->cfa, &context.cfa);
	if (error)
		return error;
	context.have_cfa = true;
	next->cfa = context.cfa;
	next->value[unwinder->target->architecture->sp] = context.cfa;
	next->valid |= 1u << unwinder->target->architecture->sp;
	for (size_t i = 0; i < rules->row->rule_count; i++) {
		const struct sdb_rule *rule = &rules->row->rules[i];
		uint64_t value;
		bool known;
		if (rule->column >= UNWIND_COLUMNS)
			continue;
		error = complex_register(&context, rule, &value, &known);
		if (error && rule->column == rules->return_column)
			return error;
		if (error) { /* a register that cannot be had is lost, and only that */
			sdb_error_free(error);
			known = false;
		}
		next->valid = known ? next->valid | 1u << rule->column : next->valid & ~(1u << rule->column);
		if (known)
			next->value[rule->column] = value;
	}
	return NULL;
}

static struct sdb_error *step_simple(struct unwinder *unwinder, const struct unwind_rules *rules,
				     const struct unwind_frame *frame, struct unwind_frame *next)
{
	const struct architecture *architecture = unwinder->target->architecture;
	uint64_t cfa = 0;
	struct sdb_error *error = get_register(frame, rules->cfa_register, &cfa);
	if (error)
		return error;
	cfa += (uint64_t)(int64_t)rules->cfa_offset;
	if (architecture->address_size == 4)
		cfa &= UINT32_MAX;
	next->cfa = cfa;
	next->value[architecture->sp] = cfa;
	next->valid |= 1u << architecture->sp;
	for (unsigned i = 0; i < rules->saved_count; i++) {
		unsigned column = rules->saved[i].column;
		error = read_word(unwinder, cfa + (uint64_t)(int64_t)rules->saved[i].offset,
				  architecture->address_size, &next->value[column]);
		if (error && column == rules->return_column)
			return error;
		if (error) {
			sdb_error_free(error);
			next->valid &= ~(1u << column);
		} else {
			next->valid |= 1u << column;
		}
	}
	return NULL;
}

/* ---- without rules ------------------------------------------------------------------------------------ */

static bool is_code(struct unwinder *unwinder, uint64_t address)
{
	const struct sdb_region *region = space_find(unwinder->space, address);
	return region && region->flags & SDB_REGION_EXECUTE;
}

/* Takes what lies at ADDRESS for a saved frame pointer and a return address. */
static bool step_pointer(struct unwinder *unwinder, const struct unwind_frame *frame, struct unwind_frame *next)
{
	const struct architecture *architecture = unwinder->target->architecture;
	unsigned size = architecture->address_size;
	uint32_t needed = 1u << architecture->fp | 1u << architecture->sp;
	uint64_t pointer = frame->value[architecture->fp], saved, address;
	if ((frame->valid & needed) != needed || pointer < frame->value[architecture->sp] || pointer % size)
		return false;
	struct sdb_error *error = read_word(unwinder, pointer, size, &saved);
	if (!error)
		error = read_word(unwinder, pointer + size, size, &address);
	if (error) {
		sdb_error_free(error);
		return false;
	}
	if (!is_code(unwinder, address - 1))
		return false;
	next->cfa = next->value[architecture->sp] = pointer + 2 * size;
	next->value[architecture->fp] = saved;
	next->value[architecture->pc] = address;
	next->valid = needed | 1u << architecture->pc;
	next->source = SDB_FRAME_POINTER;
	return true;
}

/* After a call through a bad pointer the return address is on top of the stack. */
static bool step_from_nowhere(struct unwinder *unwinder, const struct unwind_frame *frame, struct unwind_frame *next)
{
	const struct architecture *architecture = unwinder->target->architecture;
	uint64_t address, stack = frame->value[architecture->sp];
	struct sdb_error *error = read_word(unwinder, stack, architecture->address_size, &address);
	if (error) {
		sdb_error_free(error);
		return false;
	}
	if (!is_code(unwinder, address - 1))
		return false;
	*next = *frame;
	next->cfa = next->value[architecture->sp] = stack + architecture->address_size;
	next->value[architecture->pc] = address;
	next->source = SDB_FRAME_GUESS;
	return true;
}

static bool step_without_rules(struct unwinder *unwinder, const struct unwind_frame *frame,
			       const struct unwind_self *self, struct unwind_frame *next, char reason_ret[160])
{
	if (!self->region || !(self->region->flags & SDB_REGION_EXECUTE)) {
		if (!frame->called && step_from_nowhere(unwinder, frame, next))
			return true;
		snprintf(reason_ret, 160, "%#llx is not in any code", (unsigned long long)frame->pc);
		return false;
	}
	if (step_pointer(unwinder, frame, next))
		return true;
	const struct sdb_module *module = self->region->module;
	snprintf(reason_ret, 160, "no unwind rules for %#llx (%.60s), and no frame pointers", (unsigned long long)frame->pc,
		 module ? sdb_module_name(module) : "not in a module");
	return false;
}

/* ---- retpolines ----------------------------------------------------------------------------------------- */

/* What is on top of the stack in a retpoline: first the caller, then above it the address behind a call within. */
static struct sdb_error *step_thunk(struct unwinder *unwinder, const struct unwind_frame *frame, struct unwind_frame *next)
{
	const struct architecture *architecture = unwinder->target->architecture;
	uint64_t stack = frame->value[architecture->sp], address;
	struct sdb_error *error = unwind_read(unwinder, stack, &address);
	if (!error && address > frame->pc - THUNK_SIZE && address < frame->pc + THUNK_SIZE) {
		stack += architecture->address_size;
		error = unwind_read(unwinder, stack, &address);
	}
	if (error)
		return error;
	if (!is_code(unwinder, address - 1))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%#llx is not in any code", (unsigned long long)address);
	next->cfa = next->value[architecture->sp] = stack + architecture->address_size;
	next->value[architecture->pc] = address;
	return NULL;
}

/*
 * Whether a call stands before ADDRESS (SDM volume 2A: E8, FF /2). A retpoline goes to a function by a return: then ADDRESS is
 * where that function begins, and what stands before it is another one. What cannot be read is a return address, as most are.
 */
static bool follows_call(struct unwinder *unwinder, uint64_t address)
{
	uint8_t code[7];
	struct sdb_error *error = sdb_target_read(unwinder->target, address - sizeof(code), code, sizeof(code));
	if (error) {
		sdb_error_free(error);
		return true;
	}
	for (size_t i = 0; i + 2 <= sizeof(code); i++)
		if ((code[i] == 0xff && (code[i + 1] >> 3 & 7) == 2) || (code[i] == 0xe8 && i + 5 == sizeof(code)))
			return true;
	return false;
}

/* ---- entries ---------------------------------------------------------------------------------------------- */

/*
 * Newer kernels (5.19) push all registers in error_entry(), which returns with them on the stack: there ORC still has the few
 * that the CPU pushed. It has all of them behind the next instruction, mov %rax,%rsp, which goes to another copy of them.
 */
static struct sdb_error *correct_entry(struct unwinder *unwinder, uint64_t pc, const struct unwind_rules **rules)
{
	static const uint8_t move[] = { 0x48, 0x89, 0xc4 };
	uint8_t code[sizeof(move)];
	struct sdb_error *error = sdb_target_read(unwinder->target, pc, code, sizeof(code));
	if (!error && !memcmp(code, move, sizeof(move)))
		return unwind_rules_find(unwinder, pc + sizeof(move), rules);
	sdb_error_free(error);
	return NULL;
}

/* ---- a step -------------------------------------------------------------------------------------------- */

struct sdb_error *unwinder_init(struct unwinder *unwinder, struct sdb_target *target)
{
	*unwinder = (struct unwinder){ .target = target };
	if (!target->unwinding && !(target->unwinding = unwind_cache_create()))
		return NO_MEMORY();
	unwinder->cache = target->unwinding;
	/* In a handler only one thread is stopped: what is mapped is looked at again when it has to be. */
	if (target->status == SDB_TARGET_RUNNING && target->space && target->space->count) {
		unwinder->space = target->space;
		return NULL;
	}
	return space_get(target, &unwinder->space);
}

/* In a kernel, which stack it is on; see changes_stack(). */
static void begin_stacks(struct unwinder *unwinder, struct sdb_thread *thread, const struct unwind_frame *frame)
{
	const struct architecture *architecture = thread->target->architecture;
	const struct personality *personality = thread->target->personality;
	int segment = architecture_named(architecture, "cs");
	unwinder->thread = thread->key && personality && personality->stack_range ? thread : NULL;
	unwinder->user = unwinder->thread && segment >= 0 && (thread_get(thread, segment) & 3) == 3;
	unwinder->low = unwinder->high = 0;
	unwinder->left_count = 0;
	unwinder->last_sp = frame->value[architecture->sp];
	if (unwinder->thread && !unwinder->user
	    && !personality->stack_range(thread, unwinder->last_sp, &unwinder->low, &unwinder->high))
		unwinder->low = unwinder->high = 0;
}

struct sdb_error *unwinder_begin(struct unwinder *unwinder, struct sdb_thread *thread, struct unwind_frame *frame_ret)
{
	const struct architecture *architecture = thread->target->architecture;
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	*frame_ret = (struct unwind_frame){ .source = SDB_FRAME_REGISTERS };
	for (unsigned i = 0; i < architecture->unwind_columns; i++)
		frame_ret->value[i] = thread_get(thread, (int)i);
	frame_ret->valid = ((1u << architecture->unwind_columns) - 1) & thread->known;
	frame_ret->pc = frame_ret->value[architecture->pc] = probes_true_pc(thread->target, frame_ret->value[architecture->pc]);
	unwinder->window.size = 0;
	unwinder->last_cfa = 0;
	unwinder->last_was_signal = false;
	unwinder->signals = 0;
	begin_stacks(unwinder, thread, frame_ret);
	return NULL;
}

/* Errors that mean that the stack cannot be followed, and not that nothing works any more. */
static bool ends_stack(struct sdb_error *error, uint64_t pc, char reason_ret[160])
{
	if (sdb_error_code(error) == SDB_ERROR_MEMORY)
		return false;
	snprintf(reason_ret, 160, "the caller of %#llx: %.110s", (unsigned long long)pc, sdb_error_message(error));
	sdb_error_free(error);
	return true;
}

static bool damaged(uint64_t sp, const char *what, char reason_ret[160])
{
	snprintf(reason_ret, 160, "the stack pointer %#llx %s: the stack is damaged", (unsigned long long)sp, what);
	return false;
}

/*
 * In a kernel frames lie above one another on one stack, then come to another of those that the system has; never
 * to one where they were before: NMI, exception, interrupt and task stacks are left in that order.
 */
static bool changes_stack(struct unwinder *unwinder, uint64_t sp, char reason_ret[160])
{
	const struct personality *personality = unwinder->target->personality;
	uint64_t low, high;
	if (unwinder->high && unwinder->low <= sp && sp <= unwinder->high) {
		if (sp <= unwinder->last_sp)
			return damaged(sp, "does not lie above the one before", reason_ret);
		unwinder->last_sp = sp;
		return true;
	}
	if (!personality->stack_range(unwinder->thread, sp, &low, &high)) {
		if (unwinder->high || sp <= unwinder->last_sp)
			return damaged(sp, "is on none of the stacks of this task and its CPU", reason_ret);
		unwinder->last_sp = sp; /* a stack that nobody knows: as long as it leads upwards */
		return true;
	}
	for (unsigned i = 0; i < unwinder->left_count; i++)
		if (unwinder->left[i].low == low)
			return damaged(sp, "leads back to a stack that was left", reason_ret);
	if (unwinder->high && unwinder->left_count == UNWIND_STACKS_MAX)
		return damaged(sp, "leads to one stack too many", reason_ret);
	if (unwinder->high) {
		unwinder->left[unwinder->left_count].low = unwinder->low;
		unwinder->left[unwinder->left_count++].high = unwinder->high;
	}
	unwinder->low = low;
	unwinder->high = high;
	unwinder->last_sp = sp;
	return true;
}

/*
 * Whether what a kernel was entered from is user mode: the code segment lies behind the program counter, in struct
 * pt_regs as in what the CPU pushes (SDM volume 3A, figure 6-9).
 */
static struct sdb_error *comes_from_user(struct unwinder *unwinder, const struct unwind_rules *rules, uint64_t cfa,
					 bool *user_ret)
{
	uint64_t segment = 0;
	struct sdb_error *error = NULL;
	*user_ret = false;
	for (size_t i = 0; rules->row && i < rules->row->rule_count && !error; i++) {
		const struct sdb_rule *rule = &rules->row->rules[i];
		if (rule->column == rules->return_column && rule->kind == SDB_RULE_OFFSET)
			error = unwind_read(unwinder, cfa + (uint64_t)rule->offset + 8, &segment);
	}
	*user_ret = (segment & 3) == 3;
	return error;
}

/* Frames lie above one another; only a signal may come in on another stack. */
static bool goes_on(struct unwinder *unwinder, uint64_t cfa, bool signal, char reason_ret[160])
{
	bool upwards = cfa > unwinder->last_cfa;
	if (signal && ++unwinder->signals > SIGNALS_MAX) {
		snprintf(reason_ret, 160, "more than %d signal frames: the stack is damaged", SIGNALS_MAX);
		return false;
	}
	if (!upwards && !unwinder->last_was_signal) {
		snprintf(reason_ret, 160, "the frame at %#llx does not lie above the one before: the stack is damaged",
			 (unsigned long long)cfa);
		return false;
	}
	unwinder->last_cfa = cfa;
	unwinder->last_was_signal = signal;
	return true;
}

struct sdb_error *unwinder_step(struct unwinder *unwinder, const struct unwind_frame *frame,
				struct unwind_frame *next_ret, struct unwind_self *self_ret, bool *end_ret,
				char reason_ret[160])
{
	const struct architecture *architecture = unwinder->target->architecture;
	const struct unwind_rules *rules;
	struct unwind_frame *next = next_ret;
	*self_ret = (struct unwind_self){ .lookup = frame->pc - frame->called };
	*end_ret = true;
	reason_ret[0] = '\0';
	struct sdb_error *error = unwind_rules_find(unwinder, self_ret->lookup, &rules);
	if (!error && rules->entry == SDB_ORC_REGS_PARTIAL)
		error = correct_entry(unwinder, frame->pc, &rules);
	if (error)
		return error;
	self_ret->region = rules->region;
	if (unwinder->user && frame->source == SDB_FRAME_REGISTERS)
		return NULL; /* what is in user mode has left no frames in the kernel */
	bool thunk = rules->thunk && !frame->called;
	self_ret->signal = rules->signal;
	/* Nothing called the trampoline behind a signal handler: rules reach back before its begin. */
	if (rules->signal)
		self_ret->lookup = frame->pc;
	/* What a callee does not preserve is lost, unless a rule says where it is. */
	*next = *frame;
	next->called = !rules->signal && !rules->exact;
	next->source = SDB_FRAME_CFI;
	if (rules->partial)
		next->valid &= 1u << architecture->fp | 1u << architecture->sp;
	else if (!rules->signal && !rules->entry)
		next->valid &= architecture->preserved | 1u << architecture->sp;
	if (thunk) {
		error = step_thunk(unwinder, frame, next);
		if (error)
			return ends_stack(error, frame->pc, reason_ret) ? NULL : error;
	} else if (!rules->known) {
		if (!step_without_rules(unwinder, frame, self_ret, next, reason_ret))
			return NULL;
	} else if (rules->outermost && !rules->row && !rules->simple) {
		return NULL; /* the end of a kernel's stack has no frame address */
	} else {
		error = rules->simple ? step_simple(unwinder, rules, frame, next) : step_complex(unwinder, rules, frame, next);
		if (error)
			return ends_stack(error, frame->pc, reason_ret) ? NULL : error;
		next->value[architecture->pc] = next->value[rules->return_column];
	}
	self_ret->have_cfa = true;
	self_ret->cfa = next->cfa;
	if (rules->known && rules->outermost && !thunk)
		return NULL;
	next->pc = next->value[architecture->pc];
	next->valid |= 1u << architecture->pc;
	if (unwinder->thread && next->called && !frame->called)
		next->called = follows_call(unwinder, next->pc);
	if (rules->entry) {
		bool user;
		error = comes_from_user(unwinder, rules, next->cfa, &user);
		if (error)
			return ends_stack(error, frame->pc, reason_ret) ? NULL : error;
		if (user)
			return NULL;
		self_ret->exception = true;
	}
	if (unwinder->thread ? !changes_stack(unwinder, next->value[architecture->sp], reason_ret)
	    : next->pc == 0 || !goes_on(unwinder, next->cfa, rules->signal, reason_ret))
		return NULL;
	*end_ret = false;
	return NULL;
}
