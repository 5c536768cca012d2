/* SPDX-License-Identifier: MIT */
/* The frames of a thread as they are shown: physical ones, and in each the inlined functions. */

#include "stack.h"

#include <stdlib.h>

#define DEFAULT_LIMIT 1000000

struct sdb_error *sdb_stack_open(struct sdb_thread *thread, const struct sdb_stack_options *options,
				 struct sdb_stack **stack_ret)
{
	static const struct sdb_stack_options defaults = { .names = true, .lines = true, .inlines = true };
	struct sdb_stack *stack = calloc(1, sizeof(*stack));
	if (!stack)
		return NO_MEMORY();
	stack->thread = thread;
	stack->options = options ? *options : defaults;
	if (!stack->options.limit)
		stack->options.limit = DEFAULT_LIMIT;
	struct sdb_error *error = unwinder_init(&stack->unwinder, thread->target);
	if (!error)
		error = unwinder_begin(&stack->unwinder, thread, &stack->next);
	if (error) {
		free(stack);
		return error;
	}
	*stack_ret = stack;
	return NULL;
}

void sdb_stack_close(struct sdb_stack *stack)
{
	if (stack)
		frame_context_destroy(stack->context);
	free(stack);
}

const char *sdb_stack_end(const struct sdb_stack *stack)
{
	return stack->ended && stack->reason[0] ? stack->reason : NULL;
}

static struct sdb_error *find_names(struct sdb_stack *stack)
{
	const struct sdb_stack_options *options = &stack->options;
	struct sdb_module *module = stack->self.region ? stack->self.region->module : NULL;
	unsigned parts = (options->names || options->inlines ? NAMES_FUNCTIONS : 0u) | (options->lines ? NAMES_LINES : 0u)
		| (options->symbols ? NAMES_SYMBOLS : 0u);
	stack->names = NULL;
	stack->index = 0;
	if (!module || !parts)
		return NULL;
	struct sdb_error *error = names_find(module, module_to_database(module, stack->self.lookup), parts, &stack->names);
	if (!error && !options->inlines && stack->names->count)
		stack->index = stack->names->count - 1;
	return error;
}

/* Values that were printed since may have needed the place of the names in the cache: they are looked up again then. */
static struct sdb_error *keep_names(struct sdb_stack *stack)
{
	size_t index = stack->index;
	if (!stack->names)
		return NULL;
	struct sdb_error *error = find_names(stack);
	stack->index = index;
	return error;
}

/* The next physical frame becomes the one in hand; the one behind it is known then, too. */
static struct sdb_error *advance(struct sdb_stack *stack)
{
	if (stack->last) {
		stack->ended = true;
		return NULL;
	}
	stack->frame = stack->next;
	frame_context_destroy(stack->context);
	stack->context = NULL;
	stack->before = stack->unwinder;
	struct sdb_error *error = unwinder_step(&stack->unwinder, &stack->frame, &stack->next, &stack->self,
						&stack->last, stack->reason);
	return error ? error : find_names(stack);
}

static void show(struct sdb_stack *stack)
{
	struct sdb_frame *shown = &stack->shown;
	const struct pc_names *names = stack->names;
	const struct pc_function *function = names && stack->index < names->count ? &names->functions[stack->index] : NULL;
	unsigned number = stack->started ? shown->number + 1 : 0;
	const struct sdb_region *region = stack->self.region;
	*shown = (struct sdb_frame){
		.number = number,
		.kind = function && function->inlined ? SDB_FRAME_INLINED
			: stack->self.signal ? SDB_FRAME_SIGNAL
			: stack->self.exception ? SDB_FRAME_EXCEPTION : SDB_FRAME_NORMAL,
		.source = stack->frame.source, .pc = stack->frame.pc, .lookup = stack->self.lookup,
		.sp = stack->frame.value[stack->thread->target->architecture->sp], .region = region,
		.module = region ? region->module : NULL,
	};
	stack->started = true;
	if (shown->module)
		shown->module_lookup = module_to_database(shown->module, shown->lookup);
	if (function) {
		shown->function = function->function;
		shown->name = function->name;
		shown->file = function->file;
		shown->line = function->line;
	}
	if (!names)
		return;
	shown->symbol = names->symbol;
	shown->offset = names->symbol ? names->symbol_offset : names->function_offset;
	shown->offset += stack->frame.pc - shown->lookup;
	if (!shown->name)
		shown->name = names->symbol;
}

struct sdb_error *sdb_stack_next(struct sdb_stack *stack, const struct sdb_frame **frame_ret)
{
	*frame_ret = NULL;
	if (stack->ended)
		return NULL;
	if (stack->started && stack->shown.number + 1 >= stack->options.limit) {
		stack->ended = true;
		return NULL;
	}
	struct sdb_error *error = stack->started ? keep_names(stack) : NULL;
	if (error)
		return error;
	if (stack->started && stack->names && stack->index + 1 < stack->names->count) {
		stack->index++;
	} else {
		error = advance(stack);
		if (error || stack->ended)
			return error;
	}
	show(stack);
	*frame_ret = &stack->shown;
	return NULL;
}

struct sdb_error *sdb_stack_register(const struct sdb_stack *stack, unsigned dwarf, uint64_t *value_ret)
{
	if (!stack->started || dwarf >= UNWIND_COLUMNS || !(stack->frame.valid & 1u << dwarf))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u is not known in this frame", dwarf);
	*value_ret = stack->frame.value[dwarf];
	return NULL;
}

struct sdb_error *sdb_stack_cfa(struct sdb_stack *stack, uint64_t *cfa_ret)
{
	if (!stack->started || !stack->self.have_cfa)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the frame address of this frame is not known");
	*cfa_ret = stack->self.cfa;
	return NULL;
}

struct sdb_error *sdb_stack_context(struct sdb_stack *stack, const struct sdb_context **context_ret)
{
	struct sdb_error *error = NULL;
	if (!stack->started || stack->ended)
		return sdb_error_new(SDB_ERROR_INVALID, "no frame is in hand");
	if (!stack->context)
		error = frame_context_create(stack->thread, &stack->before, &stack->frame, &stack->context);
	if (error)
		return error;
	if (!stack->context->context.db)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no database for what the frame is in");
	frame_context_select(stack->context, stack->names ? stack->index : 0);
	*context_ret = &stack->context->context;
	return NULL;
}
