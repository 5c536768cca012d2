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

/* Moves CONTEXT to the function that LEVELS inlined ones further out have been inlined into. */
static bool move_out(struct sdb_context *context, uint64_t levels)
{
	const struct sdb_code *code = context->code;
	for (; levels; levels--) {
		uint32_t scope = sdb_scope_outermost(code, context->scope);
		if (scope == 0 || scope >= code->scope_count
		    || code->scopes[scope].kind != SDB_CODE_INLINED)
			return false;
		context->scope = code->scopes[scope].parent;
	}
	return true;
}

const struct sdb_scope_variable *location_local(const struct sdb_context *context, uint64_t kind,
						uint64_t number, struct sdb_context *there_ret)
{
	const struct sdb_code *code = context->code;
	const struct sdb_scope_variable *found = NULL;
	*there_ret = *context;
	if (!code || (kind != SDB_REFERENCE_LOCAL && kind != SDB_REFERENCE_OUTER)
	    || (kind == SDB_REFERENCE_OUTER && !move_out(there_ret, number % SDB_REFERENCE_LEVELS)))
		return NULL;
	number = kind == SDB_REFERENCE_OUTER ? number / SDB_REFERENCE_LEVELS : number;
	if (number >= SDB_LOCAL_OWN)
		return NULL;
	uint32_t function = sdb_scope_outermost(code, there_ret->scope);
	for (size_t i = 0; i < code->variable_count; i++) {
		const struct sdb_scope_variable *variable = &code->variables[i];
		if (variable->local != number
		    || sdb_scope_outermost(code, variable->scope) != function)
			continue;
		if (!found || encloses(code, variable->scope, there_ret->scope))
			found = variable;
	}
	return found;
}

/* What implicit pointers among PLACES lead to is said for a function LEVELS further in. */
static void move_in(struct location *location, uint64_t levels)
{
	for (size_t i = 0; i < location->count; i++) {
		struct place *place = &location->places[i];
		bool outer = place->reference == SDB_REFERENCE_OUTER;
		if (place->kind != PLACE_IMPLICIT_POINTER
		    || (!outer && place->reference != SDB_REFERENCE_LOCAL))
			continue;
		uint64_t all = levels + (outer ? place->number % SDB_REFERENCE_LEVELS : 0);
		uint64_t local = outer ? place->number / SDB_REFERENCE_LEVELS : place->number;
		place->reference = all < SDB_REFERENCE_LEVELS && local < SDB_LOCAL_OWN
			? SDB_REFERENCE_OUTER : SDB_REFERENCE_UNKNOWN;
		place->number = local * SDB_REFERENCE_LEVELS + all;
	}
}

struct sdb_error *location_of_local(const struct sdb_context *context, uint64_t kind,
				    uint64_t number, struct location **location_ret)
{
	struct sdb_context there;
	const struct sdb_scope_variable *local = location_local(context, kind, number, &there);
	*location_ret = NULL;
	if (!local)
		return NULL;
	struct sdb_error *error = location_find(&there, &local->location, location_ret);
	if (!error && kind == SDB_REFERENCE_OUTER)
		move_in(*location_ret, number % SDB_REFERENCE_LEVELS);
	return error;
}

/* What a reference leads to. */
struct referred {
	const struct sdb_location *location; /* NULL: nothing */
	sdb_type_id type;
	struct sdb_context context;          /* where it is evaluated */
	struct sdb_variable *variable;       /* to be freed; NULL: it is a local */
};

static struct sdb_error *follow(struct machine *machine, uint64_t kind, uint64_t number,
				struct referred *referred_ret)
{
	const struct sdb_context *context = machine->context;
	struct sdb_error *error = NULL;
	*referred_ret = (struct referred){ .context = *context };
	const struct sdb_scope_variable *local = location_local(context, kind, number,
								&referred_ret->context);
	if (local) {
		referred_ret->location = &local->location;
		error = scope_variable_type(&referred_ret->context, local, &referred_ret->type);
	} else if (kind == SDB_REFERENCE_VARIABLE && number
		   && number <= sdb_db_info(context->db)->variables) {
		error = sdb_variable(context->db, (sdb_variable_id)number, &referred_ret->variable);
		if (!error) {
			referred_ret->location = &referred_ret->variable->location;
			referred_ret->type = referred_ret->variable->type;
		}
	}
	return error;
}

/* In the machine's own context, which is that of the location. */
static struct sdb_error *call_location(struct machine *machine, const struct sdb_location *location)
{
	const struct sdb_expression *expression = NULL;
	const struct sdb_context *context = machine->context;
	if (!location)
		return NULL; /* DWARF 5, 2.5.1.5: an entry without a location has no effect */
	if (location->kind == SDB_LOCATION_ADDRESS)
		return machine_push(machine,
				    stack_generic(context_to_target(context, location->address),
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
	const struct sdb_context *own = machine->context;
	struct referred referred;
	if (kind == SDB_REFERENCE_UNKNOWN)
		return machine_absent(machine, SDB_ABSENT_EXPRESSION,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "it is defined by an entry that is not kept"));
	struct sdb_error *error = follow(machine, kind, number, &referred);
	machine->context = &referred.context;
	if (!error)
		error = call_location(machine, referred.location);
	machine->context = own;
	sdb_variable_free(referred.variable);
	return error;
}

/* The value of what was referred to, as a number. */
static struct sdb_error *load_number(struct machine *machine, const struct referred *referred,
				     struct stack_value *value_ret)
{
	struct machine inner;
	uint64_t size;
	bool known;
	number_bits bits;
	struct sdb_error *error = types_size(machine->types, machine->context->db, referred->type,
					     &size, &known);
	if (error)
		return error;
	if (!known || size == 0 || size > 16)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "the value of a variable that is not a number");
	machine_init(&inner, &referred->context, machine->types, machine->budget);
	error = call_location(&inner, referred->location);
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
	return error ? error : stack_typed(machine->types, machine->context->db, referred->type,
					   bits, value_ret);
}

struct sdb_error *machine_variable_value(struct machine *machine, uint64_t kind, uint64_t number)
{
	struct referred referred;
	struct stack_value value;
	struct sdb_error *error = follow(machine, kind, number, &referred);
	const struct sdb_location *location = referred.location;
	if (!error && location && location->kind == SDB_LOCATION_CONSTANT)
		error = stack_typed(machine->types, machine->context->db, referred.type,
				    location->address, &value);
	else if (!error)
		error = load_number(machine, &referred, &value);
	if (!error) /* bounds and the like are computed with the generic type */
		error = machine_push(machine,
				     stack_generic(stack_number(&value),
						   types_address_size(machine->context->db)));
	sdb_variable_free(referred.variable);
	return error;
}
