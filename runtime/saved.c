/* SPDX-License-Identifier: MIT */
/*
 * Registers of outer frames, changed where they are: a register that no function further in has saved is still
 * in the thread; one that was saved lies on the stack. Where that is the unwinder does not keep, since hardly
 * anybody asks: the stack is walked once more for it.
 */

#include "location.h"
#include "saved.h"
#include "stack.h"

/* Where the registers of a frame are. */
struct saved {
	enum { SAVED_LOST = 0, SAVED_IN_THREAD, SAVED_IN_MEMORY } kind;
	uint64_t at; /* DWARF number, or address */
};

struct walk {
	struct sdb_thread *thread;
	struct unwinder unwinder;
	struct unwind_frame frame;
	struct saved saved[UNWIND_COLUMNS];
};

/* Where the caller's register is that RULE is for. */
static struct sdb_error *follow_rule(struct walk *walk, const struct unwind_rules *rules, const struct sdb_rule *rule,
				     const struct unwind_self *self, struct saved *saved_ret)
{
	struct unwind_context context;
	uint64_t cfa = self->cfa;
	struct saved memory = { .kind = SAVED_IN_MEMORY };
	struct sdb_error *error = NULL;
	*saved_ret = (struct saved){ .kind = SAVED_LOST };
	switch (rule->kind) {
	case SDB_RULE_SAME_VALUE:
		*saved_ret = walk->saved[rule->column];
		return NULL;
	case SDB_RULE_REGISTER:
		if (rule->reg < UNWIND_COLUMNS)
			*saved_ret = walk->saved[rule->reg];
		return NULL;
	case SDB_RULE_OFFSET:
		memory.at = cfa + (uint64_t)rule->offset;
		break;
	case SDB_RULE_REGISTER_OFFSET:
		if (rule->reg >= UNWIND_COLUMNS || !(walk->frame.valid & 1u << rule->reg))
			return NULL;
		memory.at = walk->frame.value[rule->reg] + (uint64_t)rule->offset;
		break;
	case SDB_RULE_EXPRESSION:
		unwind_context_init(&context, &walk->unwinder, &walk->frame, rules->module);
		context.cfa = cfa;
		context.have_cfa = true;
		error = location_number(&context.context, &rule->expression, &cfa, &memory.at, NULL);
		break;
	default: /* it is computed, or nowhere */
		return NULL;
	}
	if (!error)
		*saved_ret = memory;
	return error;
}

/* From the frame in hand to its caller, as RULES say. */
static struct sdb_error *follow_rules(struct walk *walk, const struct unwind_rules *rules, const struct unwind_self *self,
				      struct saved saved[UNWIND_COLUMNS])
{
	struct sdb_error *error = NULL;
	for (unsigned i = 0; rules->simple && i < rules->saved_count; i++)
		saved[rules->saved[i].column] = (struct saved){
			.kind = SAVED_IN_MEMORY, .at = self->cfa + (uint64_t)(int64_t)rules->saved[i].offset,
		};
	for (size_t i = 0; !rules->simple && i < rules->row->rule_count && !error; i++) {
		const struct sdb_rule *rule = &rules->row->rules[i];
		if (rule->column < UNWIND_COLUMNS)
			error = follow_rule(walk, rules, rule, self, &saved[rule->column]);
	}
	return error;
}

/* The frame pointer chain, or a return address alone: what the unwinder does without rules. */
static void follow_pointer(struct walk *walk, const struct unwind_frame *next, struct saved saved[UNWIND_COLUMNS])
{
	const struct architecture *architecture = walk->thread->target->architecture;
	uint64_t size = architecture->address_size;
	saved[architecture->pc] = (struct saved){ .kind = SAVED_IN_MEMORY, .at = next->cfa - size };
	if (next->source == SDB_FRAME_POINTER)
		saved[architecture->fp] = (struct saved){ .kind = SAVED_IN_MEMORY, .at = next->cfa - 2 * size };
}

static struct sdb_error *outwards(struct walk *walk)
{
	const struct architecture *architecture = walk->thread->target->architecture;
	const struct unwind_rules *rules;
	struct unwind_frame next;
	struct unwind_self self;
	struct saved saved[UNWIND_COLUMNS];
	char reason[160];
	bool end;
	struct sdb_error *error = unwinder_step(&walk->unwinder, &walk->frame, &next, &self, &end, reason);
	if (!error && end)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "the stack has changed: it ends before this frame");
	if (!error)
		error = unwind_rules_find(&walk->unwinder, self.lookup, &rules);
	for (unsigned i = 0; i < UNWIND_COLUMNS && !error; i++)
		saved[i] = next.valid & 1u << i ? walk->saved[i] : (struct saved){ .kind = SAVED_LOST };
	if (!error && rules->known) {
		error = follow_rules(walk, rules, &self, saved);
		if (!error)
			saved[architecture->pc] = saved[rules->return_column];
	} else if (!error) {
		follow_pointer(walk, &next, saved);
	}
	if (error)
		return error;
	saved[architecture->sp] = (struct saved){ .kind = SAVED_LOST };
	for (unsigned i = 0; i < UNWIND_COLUMNS; i++)
		walk->saved[i] = saved[i];
	walk->frame = next;
	return NULL;
}

/* Walks to FRAME, which is told by its stack pointer and program counter. */
static struct sdb_error *find_saved(struct sdb_thread *thread, const struct unwind_frame *frame, unsigned dwarf,
				    struct saved *saved_ret)
{
	unsigned sp = thread->target->architecture->sp;
	struct walk walk = { .thread = thread };
	for (unsigned i = 0; i < UNWIND_COLUMNS; i++)
		walk.saved[i] = (struct saved){ .kind = SAVED_IN_THREAD, .at = i };
	struct sdb_error *error = unwinder_init(&walk.unwinder, thread->target);
	if (!error)
		error = unwinder_begin(&walk.unwinder, thread, &walk.frame);
	while (!error && (walk.frame.pc != frame->pc || walk.frame.value[sp] != frame->value[sp]))
		error = outwards(&walk);
	if (!error)
		*saved_ret = walk.saved[dwarf];
	return error;
}

struct sdb_error *saved_set(struct sdb_thread *thread, struct unwind_frame *frame, unsigned dwarf, uint64_t value)
{
	const struct architecture *architecture = thread->target->architecture;
	struct saved saved = { .kind = SAVED_IN_THREAD, .at = dwarf };
	if (dwarf >= architecture->unwind_columns)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u is not one that frames have", dwarf);
	struct sdb_error *error = frame->source == SDB_FRAME_REGISTERS ? NULL : find_saved(thread, frame, dwarf, &saved);
	if (error)
		return error;
	if (saved.kind == SAVED_LOST)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %s was not saved by the functions that this one called: "
				     "there is nothing to change", architecture->registers[dwarf].name);
	if (saved.kind == SAVED_IN_MEMORY)
		error = sdb_target_write(thread->target, saved.at, &value, architecture->address_size);
	else if (!(error = thread_load(thread, REGISTERS_GENERAL)))
		thread_put(thread, (int)saved.at, value);
	if (error)
		return error;
	frame->value[dwarf] = value;
	frame->valid |= 1u << dwarf;
	return NULL;
}

struct sdb_error *sdb_stack_set_register(struct sdb_stack *stack, unsigned dwarf, uint64_t value)
{
	if (!stack->started || stack->ended)
		return sdb_error_new(SDB_ERROR_INVALID, "no frame is in hand");
	struct sdb_error *error = saved_set(stack->thread, &stack->frame, dwarf, value);
	if (!error && stack->context)
		stack->context->frame.value[dwarf] = value;
	return error;
}
