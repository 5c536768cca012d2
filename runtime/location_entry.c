/* SPDX-License-Identifier: MIT */
/*
 * Entry values: what was in a register when the function was entered, from what the caller's call
 * site says that it passed (DWARF 5, 2.5.1.7 and 3.4). That is only right when this function is
 * what the call site calls, and not what a function that it calls jumped to.
 */
#include "location_machine.h"

#include <stdlib.h>
#include <string.h>

/* What an entry value asks for: a register, or the memory that it points to. */
struct wanted {
	uint64_t number;
	bool content; /* of the register */
	size_t size;  /* of the memory; 0: an address's */
	sdb_type_id type; /* that it is read as; 0: none in particular */
};

static struct sdb_error *unrecoverable(struct machine *machine, const char *why)
{
	return machine_absent(machine, SDB_ABSENT_ENTRY_VALUE,
			      sdb_error_new(SDB_ERROR_NOT_FOUND,
					    "its value at the function's entry is not known: %s",
					    why));
}

static struct sdb_operation_reader reader_of(const struct machine *machine, const uint8_t *bytes,
					     size_t size)
{
	return (struct sdb_operation_reader){ bytes, size, 0,
					      types_address_size(machine->context->db),
					      types_big_endian(machine->context->db) };
}

static bool is_register(const struct sdb_operation *operation, uint64_t *number_ret)
{
	if (operation->code >= SDB_OP_REG0 && operation->code < SDB_OP_REG0 + 32)
		*number_ret = (uint64_t)operation->code - SDB_OP_REG0;
	else if (operation->code == SDB_OP_REGX)
		*number_ret = operation->value[0];
	else
		return false;
	return true;
}

/* `reg5`, `regval_type 17 float`; `breg5 0` with or without a dereference behind it. */
static bool understand(const struct machine *machine, const uint8_t *bytes, size_t size,
		       struct wanted *wanted_ret)
{
	struct sdb_operation_reader reader = reader_of(machine, bytes, size);
	struct sdb_operation operation;
	*wanted_ret = (struct wanted){ .content = true };
	if (!sdb_operation_next(&reader, &operation))
		return false;
	if (is_register(&operation, &wanted_ret->number))
		return reader.at == reader.size;
	if ((operation.code == SDB_OP_REGVAL_TYPE || operation.code == SDB_OP_GNU_REGVAL_TYPE)
	    && operation.value[1] <= UINT32_MAX) {
		wanted_ret->number = operation.value[0];
		wanted_ret->type = (sdb_type_id)operation.value[1];
		return reader.at == reader.size;
	}
	if (operation.code < SDB_OP_BREG0 || operation.code >= SDB_OP_BREG0 + 32
	    || operation.value[0])
		return false;
	wanted_ret->number = (uint64_t)operation.code - SDB_OP_BREG0;
	if (reader.at == reader.size)
		return true;
	wanted_ret->content = false;
	if (!sdb_operation_next(&reader, &operation) || reader.at != reader.size)
		return false;
	wanted_ret->size = operation.code == SDB_OP_DEREF_SIZE ? (size_t)operation.value[0] : 0;
	return operation.code == SDB_OP_DEREF || operation.code == SDB_OP_DEREF_SIZE;
}

/* The name by which functions of two databases are the same; *NAME_RET is malloc'ed. */
static struct sdb_error *name_of(struct sdb_db *db, sdb_function_id id, char **name_ret)
{
	struct sdb_function_names names;
	struct sdb_error *error = sdb_function_names(db, id, &names);
	return error ? error : sdb_name(db, names.linkage_name ? names.linkage_name : names.name,
					name_ret);
}

struct alias {
	const struct sdb_context *callee;
	bool found;
};

static struct sdb_error *take_symbol(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct alias *alias = arg;
	struct sdb_symbol symbol;
	struct sdb_error *error = sdb_symbol(alias->callee->db, entity.id, &symbol);
	(void)name, (void)text;
	if (!error && symbol.section)
		alias->found |= symbol.address == alias->callee->code->scopes[0].entry;
	return error;
}

/* The source may call it otherwise than its caller does: snprintf is a symbol of __snprintf. */
static struct sdb_error *is_symbol_of(const struct sdb_context *callee, const char *name, bool *same_ret)
{
	struct alias alias = { .callee = callee };
	struct sdb_error *error = sdb_lookup(callee->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_SYMBOL,
					     take_symbol, &alias);
	*same_ret = alias.found;
	return error;
}

static struct sdb_error *same_function(const struct sdb_context *caller, sdb_function_id called,
				       const struct sdb_context *callee, bool *same_ret)
{
	sdb_function_id function = callee->code->scope_count ? callee->code->scopes[0].function : 0;
	char *a = NULL, *b = NULL;
	*same_ret = caller->db == callee->db && called == function;
	if (*same_ret || !called || !function)
		return NULL;
	struct sdb_error *error = name_of(caller->db, called, &a);
	if (!error)
		error = name_of(callee->db, function, &b);
	if (!error)
		*same_ret = *a && strcmp(a, b) == 0;
	if (!error && *a && !*same_ret)
		error = is_symbol_of(callee, a, same_ret);
	free(a);
	free(b);
	return error;
}

/* Evaluates EXPRESSION in CALLER on a machine of its own. */
static struct sdb_error *in_caller(struct machine *machine, const struct sdb_context *caller,
				   const struct sdb_expression *expression,
				   struct stack_value *value_ret)
{
	struct machine inner;
	struct sdb_error *error = machine_enter(machine);
	if (error)
		return error;
	machine_init(&inner, caller, machine->types, machine->budget);
	error = machine_run(&inner, expression);
	if (!error)
		error = machine_result(&inner, value_ret);
	machine->absence = inner.absence;
	machine_deinit(&inner);
	machine_leave(machine);
	return error;
}

/* Whether SITE of CALLER calls the function that this frame runs. */
static struct sdb_error *check_callee(struct machine *machine, const struct sdb_context *caller,
				      const struct sdb_call_site *site)
{
	const struct sdb_context *context = machine->context;
	struct stack_value target;
	bool same = false;
	if (!context->code || context->code->scope_count == 0)
		return unrecoverable(machine, "there is no function here");
	if (site->function) {
		struct sdb_error *error = same_function(caller, site->function, context, &same);
		if (error)
			return error;
		return same
			? NULL
			: unrecoverable(machine,
					"the caller called another function, which jumped here");
	}
	if (site->target.length == 0 || site->flags & SDB_CALL_TARGET_CLOBBERED)
		return unrecoverable(machine, "the caller does not say what it called");
	struct sdb_error *error = in_caller(machine, caller, &site->target, &target);
	if (error)
		return error;
	same = stack_number(&target) == context_to_target(context, context->code->scopes[0].entry);
	return same ? NULL : unrecoverable(machine,
					   "the caller called another function, which jumped here");
}

static struct sdb_error *find_caller(struct machine *machine, const struct sdb_context **caller_ret,
				     const struct sdb_call_site **site_ret)
{
	const struct sdb_context *context = machine->context;
	*site_ret = NULL;
	if (!context->ops->caller)
		return unrecoverable(machine, "there is no caller");
	struct sdb_error *error = context->ops->caller(context->arg, caller_ret, site_ret);
	if (error)
		return machine_absent(machine, SDB_ABSENT_ENTRY_VALUE, error);
	return *site_ret ? check_callee(machine, *caller_ret, *site_ret)
		: unrecoverable(machine, "the caller does not describe the call");
}

static const struct sdb_call_parameter *find_parameter(const struct machine *machine,
						       const struct sdb_call_site *site,
						       uint64_t number)
{
	for (size_t i = 0; i < site->parameter_count; i++) {
		const struct sdb_expression *where = &site->parameters[i].location;
		struct sdb_operation_reader reader =
			reader_of(machine, where->bytes, where->length);
		struct sdb_operation operation;
		uint64_t found;
		if (sdb_operation_next(&reader, &operation) && reader.at == reader.size
		    && is_register(&operation, &found) && found == number)
			return &site->parameters[i];
	}
	return NULL;
}

struct sdb_error *machine_entry_value(struct machine *machine,
				      const struct sdb_operation *operation)
{
	const struct sdb_context *caller;
	const struct sdb_call_site *site;
	struct wanted wanted;
	struct stack_value value;
	if (!understand(machine, operation->block, operation->block_size, &wanted))
		return unrecoverable(machine, "it is not that of a register");
	struct sdb_error *error = find_caller(machine, &caller, &site);
	if (error)
		return error;
	const struct sdb_call_parameter *parameter = find_parameter(machine, site, wanted.number);
	const struct sdb_expression *expression = !parameter ? NULL
		: wanted.content ? &parameter->value : &parameter->data_value;
	if (!expression || expression->length == 0)
		return unrecoverable(machine, "the caller does not say what it passed");
	error = in_caller(machine, caller, expression, &value);
	if (!error && wanted.type)
		error = stack_typed(machine->types, machine->context->db, wanted.type, value.bits,
				    &value);
	if (!error && wanted.size && wanted.size < value.size)
		value.bits = number_mask(value.bits, (unsigned)wanted.size * 8);
	return error ? error : machine_push(machine, value);
}

/* The register that parameter NUMBER comes in: its description at the entry of the function. */
static bool register_of(const struct machine *machine, uint64_t number, uint64_t *register_ret)
{
	struct sdb_context same;
	const struct sdb_scope_variable *variable = location_local(
		machine->context, SDB_REFERENCE_LOCAL, number, &same);
	uint64_t entry = machine->context->code->scopes[0].entry;
	struct sdb_operation operation;
	if (!variable)
		return false;
	const struct sdb_location *location = &variable->location;
	const struct sdb_expression *expression = location->kind == SDB_LOCATION_EXPRESSION
		? &location->expression : NULL;
	for (size_t i = 0; location->kind == SDB_LOCATION_LIST && i < location->entry_count; i++)
		if (entry >= location->entries[i].low && entry < location->entries[i].high)
			expression = &location->entries[i].expression;
	if (!expression)
		return false;
	struct sdb_operation_reader reader = reader_of(machine, expression->bytes,
						       expression->length);
	return sdb_operation_next(&reader, &operation) && is_register(&operation, register_ret);
}

/*
 * The call site's entry for a parameter that is not passed any more: it has no place where the
 * callee finds it, and is described as a reference to parameter NUMBER of the callee.
 */
static const struct sdb_call_parameter *find_reference(const struct machine *machine,
						       const struct sdb_call_site *site,
						       uint64_t number)
{
	for (size_t i = 0; i < site->parameter_count; i++) {
		const struct sdb_expression *where = &site->parameters[i].location;
		struct sdb_operation_reader reader =
			reader_of(machine, where->bytes, where->length);
		struct sdb_operation operation;
		if (sdb_operation_next(&reader, &operation)
		    && operation.code == SDB_OP_GNU_PARAMETER_REF
		    && operation.value[0] == SDB_REFERENCE_LOCAL && operation.value[1] == number)
			return &site->parameters[i];
	}
	return NULL;
}

struct sdb_error *machine_parameter(struct machine *machine, uint64_t kind, uint64_t number)
{
	const struct sdb_context *caller;
	const struct sdb_call_site *site;
	struct stack_value value;
	uint64_t source;
	if (kind != SDB_REFERENCE_LOCAL || !machine->context->code
	    || !machine->context->code->scope_count)
		return unrecoverable(machine, "the parameter that it was is not kept");
	struct sdb_error *error = find_caller(machine, &caller, &site);
	if (error)
		return error;
	const struct sdb_call_parameter *parameter = find_reference(machine, site, number);
	if (!parameter && register_of(machine, number, &source))
		parameter = find_parameter(machine, site, source);
	if (!parameter || parameter->value.length == 0)
		return unrecoverable(machine, "the caller does not say what it passed");
	error = in_caller(machine, caller, &parameter->value, &value);
	return error ? error : machine_push(machine, value);
}
