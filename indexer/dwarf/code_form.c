/* SPDX-License-Identifier: MIT */

/* Reads the intermediate form of a code instance back into the record that is written. */

#include "code_form.h"

struct code_builder {
	const struct gather *gather;
	const struct numbering *numbering;
	struct sdb_code code;
	struct sdb_code_scope *scopes;
	size_t scope_count, scope_capacity;
	size_t *range_starts;     /* of each scope, in `ranges` */
	size_t range_start_count, range_start_capacity;
	struct sdb_range *ranges;
	size_t range_count, range_capacity;
	struct sdb_scope_variable *variables;
	size_t variable_count, variable_capacity;
	struct sdb_call_site *calls;
	size_t call_count, call_capacity;
	size_t *parameter_starts; /* of each call site, in `parameters` */
	size_t parameter_start_count, parameter_start_capacity;
	struct sdb_call_parameter *parameters;
	size_t parameter_count, parameter_capacity;
	uint64_t low;
};

struct code_builder *code_builder_create(const struct gather *gather, const struct numbering *numbering)
{
	struct code_builder *builder = calloc(1, sizeof(*builder));

	if (builder) {
		builder->gather = gather;
		builder->numbering = numbering;
	}
	return builder;
}

static void forget(struct code_builder *builder)
{
	for (size_t i = 0; i < builder->variable_count; i++)
		free(builder->variables[i].location.entries);
	free(builder->code.frame_base_list.entries);
	builder->code = (struct sdb_code){ 0 };
	builder->scope_count = builder->range_count = builder->variable_count = builder->call_count = 0;
	builder->range_start_count = builder->parameter_start_count = builder->parameter_count = 0;
}

void code_builder_destroy(struct code_builder *builder)
{
	if (!builder)
		return;
	forget(builder);
	free(builder->scopes);
	free(builder->range_starts);
	free(builder->ranges);
	free(builder->variables);
	free(builder->calls);
	free(builder->parameter_starts);
	free(builder->parameters);
	free(builder);
}

static struct sdb_expression expression(const struct code_builder *builder, uint64_t number)
{
	const struct interned *item;

	if (number == 0 || number > builder->gather->expressions.count)
		return (struct sdb_expression){ 0 };
	item = &builder->gather->expressions.items[number - 1];
	return (struct sdb_expression){ item->bytes, item->length };
}

static bool add_scope(struct code_builder *builder, struct cursor *from, enum sdb_code_scope_kind kind, uint32_t parent)
{
	size_t count;

	if (!array_room(builder->scopes, builder->scope_count, builder->scope_capacity) ||
	    !array_room(builder->range_starts, builder->range_start_count, builder->range_start_capacity))
		return false;
	struct sdb_code_scope *scope = &builder->scopes[builder->scope_count++];
	*scope = (struct sdb_code_scope){ .kind = kind, .parent = parent };
	builder->range_starts[builder->range_start_count++] = builder->range_count;
	count = get_count(from);
	for (size_t i = 0; i < count; i++) {
		if (!array_room(builder->ranges, builder->range_count, builder->range_capacity))
			return false;
		struct sdb_range *range = &builder->ranges[builder->range_count++];
		range->low = builder->low + (uint64_t)get_sleb(from);
		range->high = range->low + get_uleb(from);
	}
	scope->range_count = count;
	if (count)
		scope->entry = builder->ranges[builder->range_count - count].low;
	return true;
}

static bool add_inlined(struct code_builder *builder, struct cursor *from, uint32_t parent)
{
	if (!add_scope(builder, from, SDB_CODE_INLINED, parent))
		return false;
	struct sdb_code_scope *scope = &builder->scopes[builder->scope_count - 1];
	scope->function = builder->numbering->functions[get_uleb(from)];
	scope->call_file = builder->numbering->files[get_uleb(from)];
	scope->call_line = (uint32_t)get_uleb(from);
	scope->call_column = (uint32_t)get_uleb(from);
	scope->call_discriminator = (uint32_t)get_uleb(from);
	scope->entry += (uint64_t)get_sleb(from);
	return true;
}

static bool add_variable(struct code_builder *builder, struct cursor *from, uint32_t scope)
{
	const struct numbering *numbering = builder->numbering;

	if (!array_room(builder->variables, builder->variable_count, builder->variable_capacity))
		return false;
	struct sdb_scope_variable *variable = &builder->variables[builder->variable_count++];
	*variable = (struct sdb_scope_variable){ .scope = scope };
	uint64_t local = get_uleb(from);
	variable->local = local ? (uint32_t)local - 1 : SDB_LOCAL_OWN;
	if (!local) {
		variable->own_is_parameter = get_u8(from);
		variable->own.name = numbering->names[get_uleb(from)];
		variable->own.type = (sdb_type_id)get_uleb(from);
		variable->own.file = numbering->files[get_uleb(from)];
		variable->own.line = (uint32_t)get_uleb(from);
		variable->own.flags = (uint32_t)get_uleb(from);
	}
	return location_take(builder->gather, from, builder->low, &variable->location);
}

static bool add_call(struct code_builder *builder, struct cursor *from)
{
	if (!array_room(builder->calls, builder->call_count, builder->call_capacity) ||
	    !array_room(builder->parameter_starts, builder->parameter_start_count, builder->parameter_start_capacity))
		return false;
	builder->parameter_starts[builder->parameter_start_count++] = builder->parameter_count;
	struct sdb_call_site *call = &builder->calls[builder->call_count++];
	*call = (struct sdb_call_site){ .address = builder->low + (uint64_t)get_sleb(from) };
	call->flags = (uint32_t)get_uleb(from);
	call->function = builder->numbering->functions[get_uleb(from)];
	call->target = expression(builder, get_uleb(from));
	while (get_u8(from) == 1) {
		if (!array_room(builder->parameters, builder->parameter_count, builder->parameter_capacity))
			return false;
		struct sdb_call_parameter *parameter = &builder->parameters[builder->parameter_count++];
		parameter->location = expression(builder, get_uleb(from));
		parameter->value = expression(builder, get_uleb(from));
		parameter->data_value = expression(builder, get_uleb(from));
		call->parameter_count++;
	}
	return true;
}

static bool add_items(struct code_builder *builder, struct cursor *from, uint32_t scope)
{
	uint32_t stack[1024];
	size_t depth = 0;

	stack[0] = scope;
	for (;;) {
		bool good = !from->failed;
		switch (good ? get_u8(from) : ITEM_END) {
		case ITEM_INLINED:
		case ITEM_BLOCK:
			good = depth + 1 < 1024 && (from->at[-1] == ITEM_INLINED ?
				add_inlined(builder, from, stack[depth]) :
				add_scope(builder, from, SDB_CODE_BLOCK, stack[depth]));
			if (good)
				stack[++depth] = (uint32_t)builder->scope_count - 1;
			break;
		case ITEM_VARIABLE:
			good = add_variable(builder, from, stack[depth]);
			break;
		case ITEM_CALL:
			good = add_call(builder, from);
			break;
		default:
			if (depth == 0)
				return good;
			depth--;
		}
		if (!good)
			return false;
	}
}

static int compare_variables(const void *a, const void *b)
{
	const struct sdb_scope_variable *x = *(struct sdb_scope_variable *const *)a;
	const struct sdb_scope_variable *y = *(struct sdb_scope_variable *const *)b;

	if (x->scope != y->scope)
		return x->scope < y->scope ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* Variables stand in the order of their scopes; a block may lie between two of its parent's. */
static bool order_variables(struct code_builder *builder)
{
	size_t count = builder->variable_count;
	bool ordered = true;

	for (size_t i = 1; i < count && ordered; i++)
		ordered = builder->variables[i - 1].scope <= builder->variables[i].scope;
	if (ordered)
		return true;
	struct sdb_scope_variable **order = malloc(count * sizeof(*order));
	struct sdb_scope_variable *sorted = malloc(count * sizeof(*sorted));
	if (order && sorted) {
		for (size_t i = 0; i < count; i++)
			order[i] = &builder->variables[i];
		qsort(order, count, sizeof(*order), compare_variables);
		for (size_t i = 0; i < count; i++)
			sorted[i] = *order[i];
		memcpy(builder->variables, sorted, count * sizeof(*sorted));
	}
	bool good = order && sorted;
	free(order);
	free(sorted);
	return good;
}

static int compare_calls(const void *a, const void *b)
{
	const struct sdb_call_site *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->parameters < y->parameters ? -1 : x->parameters > y->parameters;
}

const struct sdb_code *code_build(struct code_builder *builder, const uint8_t *bytes, size_t length, sdb_unit_id unit)
{
	struct cursor from = { bytes, bytes + length, false };
	struct sdb_location base;
	struct sdb_code *code = &builder->code;

	forget(builder);
	builder->low = get_uleb(&from);
	code->unit = unit;
	code->flags = (uint32_t)get_uleb(&from);
	code->linkage_name = builder->numbering->names[get_uleb(&from)];
	uint32_t function = builder->numbering->functions[get_uleb(&from)];
	if (!add_scope(builder, &from, SDB_CODE_FUNCTION, 0))
		return NULL;
	builder->scopes[0].function = function;
	builder->scopes[0].entry = builder->low + (uint64_t)get_sleb(&from);
	if (!location_take(builder->gather, &from, builder->low, &base))
		return NULL;
	if (base.kind == SDB_LOCATION_EXPRESSION)
		code->frame_base = base.expression;
	else if (base.kind == SDB_LOCATION_LIST)
		code->frame_base_list = base;
	if (!add_items(builder, &from, 0) || !order_variables(builder))
		return NULL;
	for (size_t i = 0; i < builder->scope_count; i++)
		builder->scopes[i].ranges = builder->ranges ? builder->ranges + builder->range_starts[i] : NULL;
	for (size_t i = 0; i < builder->call_count; i++)
		if (builder->parameters)
			builder->calls[i].parameters = builder->parameters + builder->parameter_starts[i];
	if (builder->call_count)
		qsort(builder->calls, builder->call_count, sizeof(*builder->calls), compare_calls);
	code->scopes = builder->scopes;
	code->scope_count = builder->scope_count;
	code->variables = builder->variables;
	code->variable_count = builder->variable_count;
	code->call_sites = builder->calls;
	code->call_site_count = builder->call_count;
	return code;
}
