/* SPDX-License-Identifier: MIT */
/* Expressions that use another entry's location: DW_OP_call*, DW_OP_GNU_variable_value. */
#include "location_machine.h"
#include "scope.h"

/* Whether scope INNER lies in scope OUTER of CODE, or is it. */
static bool encloses(const struct sdb_code *code, uint32_t outer, uint32_t inner)
{
	while (inner > outer && inner < code->scope_count)
		inner = code->scopes[inner].parent;
	return inner == outer;
}

const struct sdb_scope_variable *location_local(const struct sdb_context *context, uint64_t number)
{
	const struct sdb_code *code = context->code;
	const struct sdb_scope_variable *found = NULL;
	if (!code || number >= SDB_LOCAL_OWN)
		return NULL;
	uint32_t function = sdb_scope_outermost(code, context->scope);
	for (size_t i = 0; i < code->variable_count; i++) {
		const struct sdb_scope_variable *variable = &code->variables[i];
		if (variable->local != number || sdb_scope_outermost(code,
								     variable->scope) != function)
			continue;
		if (!found || encloses(code, variable->scope, context->scope))
			found = variable;
	}
	return found;
}

/* The location that a reference leads to; *VARIABLE_RET has to be freed when it is not NULL. */
static struct sdb_error *follow(struct machine *machine, uint64_t kind, uint64_t number,
				const struct sdb_location **location_ret, sdb_type_id *type_ret,
				struct sdb_variable **variable_ret)
{
	const struct sdb_context *context = machine->context;
	struct sdb_error *error = NULL;
	*location_ret = NULL;
	*variable_ret = NULL;
	*type_ret = 0;
	if (kind == SDB_REFERENCE_LOCAL) {
		const struct sdb_scope_variable *variable = location_local(context, number);
		if (variable) {
			*location_ret = &variable->location;
			error = scope_variable_type(context, variable, type_ret);
		}
	} else if (kind == SDB_REFERENCE_VARIABLE && number
		   && number <= sdb_db_info(context->db)->variables) {
		error = sdb_variable(context->db, (sdb_variable_id)number, variable_ret);
		if (!error) {
			*location_ret = &(*variable_ret)->location;
			*type_ret = (*variable_ret)->type;
		}
	}
	return error;
}

static struct sdb_error *call_location(struct machine *machine, const struct sdb_location *location)
{
	const struct sdb_expression *expression = NULL;
	const struct sdb_context *context = machine->context;
	if (!location)
		return NULL; /* DWARF 5, 2.5.1.5: an entry without a location has no effect */
	if (location->kind == SDB_LOCATION_ADDRESS)
		return machine_push(machine, stack_generic(context_to_target(context, location->address),
							   types_address_size(context->db)));
	if (location->kind == SDB_LOCATION_EXPRESSION)
		expression = &location->expression;
	for (size_t i = 0; location->kind == SDB_LOCATION_LIST && i < location->entry_count
	     && !expression; i++)
		if (location->entries[i].is_default
		    || (context->pc >= location->entries[i].low
			&& context->pc < location->entries[i].high))
			expression = &location->entries[i].expression;
	if (!expression)
		return NULL;
	struct sdb_error *error = machine_enter(machine);
	if (error)
		return error;
	error = machine_run(machine, expression);
	machine_leave(machine);
	return error;
}

struct sdb_error *machine_call(struct machine *machine, uint64_t kind, uint64_t number)
{
	const struct sdb_location *location;
	struct sdb_variable *variable;
	sdb_type_id type;
	if (kind == SDB_REFERENCE_UNKNOWN)
		return machine_absent(machine, SDB_ABSENT_EXPRESSION,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "it is defined by an entry that is not kept"));
	struct sdb_error *error = follow(machine, kind, number, &location, &type, &variable);
	if (!error)
		error = call_location(machine, location);
	sdb_variable_free(variable);
	return error;
}

/* The value at LOCATION as a number of type TYPE. */
static struct sdb_error *load_number(struct machine *machine, const struct sdb_location *location,
				     sdb_type_id type, struct stack_value *value_ret)
{
	struct machine inner;
	uint64_t size;
	bool known;
	number_bits bits;
	struct sdb_error *error = types_size(machine->types, machine->context->db, type, &size,
					     &known);
	if (error)
		return error;
	if (!known || size == 0 || size > 16)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "the value of a variable that is not a number");
	machine_init(&inner, machine->context, machine->types, machine->budget);
	error = call_location(&inner, location);
	if (!error && inner.has_pending) {
		error = machine_result(&inner, value_ret);
		bits = number_mask(value_ret->bits, (unsigned)size * 8);
	} else if (!error && inner.depth) {
		error = machine_memory(&inner, stack_number(&inner.stack[inner.depth - 1]),
				       (size_t)size, &bits);
	} else if (!error) {
		error = machine_absent(&inner, SDB_ABSENT_OPTIMIZED_OUT,
				       sdb_error_new(SDB_ERROR_NOT_FOUND,
						     "what it is computed from is optimized out"));
	}
	machine->absence = inner.absence;
	machine_deinit(&inner);
	return error ? error : stack_typed(machine->types, machine->context->db, type, bits,
					   value_ret);
}

struct sdb_error *machine_variable_value(struct machine *machine, uint64_t kind, uint64_t number)
{
	const struct sdb_location *location;
	struct sdb_variable *variable;
	struct stack_value value;
	sdb_type_id type;
	struct sdb_error *error = follow(machine, kind, number, &location, &type, &variable);
	if (!error && location && location->kind == SDB_LOCATION_CONSTANT)
		error = stack_typed(machine->types, machine->context->db, type, location->address,
				    &value);
	else if (!error)
		error = load_number(machine, location, type, &value);
	if (!error) /* bounds and the like are computed with the generic type */
		error = machine_push(machine,
				     stack_generic(stack_number(&value),
						   types_address_size(machine->context->db)));
	sdb_variable_free(variable);
	return error;
}
