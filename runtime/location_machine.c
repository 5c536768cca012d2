/* SPDX-License-Identifier: MIT */
/* The operations of DWARF 5, 2.5 and 2.6, and GNU's, on one stack. */
#include "location_machine.h"
#include <stackdb/scope.h>

#include <stdlib.h>
#include <string.h>

void machine_init(struct machine *machine, const struct sdb_context *context, struct types *types,
		  struct budget *budget)
{
	/* The stack is not cleared: nothing above `depth` is read. */
	machine->context = context;
	machine->types = types;
	machine->budget = budget;
	machine->object = NULL;
	machine->location = NULL;
	machine->pending = (struct place){ 0 };
	machine->has_pending = false;
	machine->absence = SDB_PRESENT;
	machine->depth = 0;
}

void machine_deinit(struct machine *machine)
{
	free(machine->pending.bytes);
}

struct sdb_error *machine_absent(struct machine *machine, enum sdb_absence absence,
				 struct sdb_error *error)
{
	if (error && sdb_error_code(error) != SDB_ERROR_MEMORY)
		machine->absence = absence;
	return error;
}

struct sdb_error *machine_push(struct machine *machine, struct stack_value value)
{
	if (machine->depth >= LOCATION_MAX_STACK)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "more than %d numbers on an expression's stack",
				     LOCATION_MAX_STACK);
	machine->stack[machine->depth++] = value;
	return NULL;
}

struct sdb_error *machine_pop(struct machine *machine, struct stack_value *value_ret)
{
	if (machine->depth == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression's stack is empty");
	*value_ret = machine->stack[--machine->depth];
	return NULL;
}

static struct sdb_error *push_number(struct machine *machine, uint64_t number)
{
	return machine_push(machine, stack_generic(number,
						   types_address_size(machine->context->db)));
}

struct sdb_error *machine_memory(struct machine *machine, uint64_t address, size_t size,
				 number_bits *bits_ret)
{
	const struct sdb_context *context = machine->context;
	uint8_t bytes[16];
	if (size == 0 || size > sizeof(bytes))
		return sdb_error_new(SDB_ERROR_INVALID, "an expression reads %zu bytes at once",
				     size);
	struct sdb_error *error = context->ops->read_memory
		? context->ops->read_memory(context->arg, address, bytes, size)
		: sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
	if (error)
		return machine_absent(machine, SDB_ABSENT_MEMORY, error);
	*bits_ret = number_get(bytes, size, types_big_endian(context->db));
	return NULL;
}

struct sdb_error *machine_register(struct machine *machine, uint64_t number, size_t size,
				   number_bits *bits_ret)
{
	const struct sdb_context *context = machine->context;
	uint8_t bytes[CONTEXT_REGISTER_SIZE];
	size_t full = 0;
	if (number > UINT32_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression asks for register 0x%llx",
				     (unsigned long long)number);
	if (!context->ops->read_register)
		return machine_absent(machine, SDB_ABSENT_FRAME,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "there is no frame to read registers of"));
	struct sdb_error *error = context->ops->read_register(context->arg, (uint32_t)number, bytes,
							      &full);
	if (error)
		return machine_absent(machine, SDB_ABSENT_REGISTER, error);
	if (size == 0 || size > full)
		size = full;
	bool big = types_big_endian(context->db);
	size_t take = size > 16 ? 16 : size;
	*bits_ret = number_get(big ? bytes + full - take : bytes, take, big);
	return NULL;
}

struct sdb_error *machine_enter(struct machine *machine)
{
	if (machine->budget->nesting == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "expressions are nested more than %d deep",
				     LOCATION_MAX_NESTING);
	machine->budget->nesting--;
	return NULL;
}

void machine_leave(struct machine *machine)
{
	machine->budget->nesting++;
}

/* ---- values ------------------------------------------------------------------------------ */

static struct sdb_error *push_register(struct machine *machine, uint64_t number, int64_t offset)
{
	number_bits bits;
	struct sdb_error *error = machine_register(machine, number, 0, &bits);
	return error ? error : push_number(machine, (uint64_t)bits + (uint64_t)offset);
}

/* DW_OP_fbreg: the frame base is an expression of its own, on a stack of its own. */
static struct sdb_error *push_frame_base(struct machine *machine, int64_t offset)
{
	struct machine inner;
	struct stack_value base;
	if (!machine->context->code)
		return machine_absent(machine, SDB_ABSENT_FRAME,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "there is no frame to find it in"));
	struct sdb_expression expression = sdb_code_frame_base(machine->context->code,
							       machine->context->pc);
	if (expression.length == 0)
		return machine_absent(machine, SDB_ABSENT_EXPRESSION,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "the function has no frame base"));
	struct sdb_error *error = machine_enter(machine);
	if (error)
		return error;
	machine_init(&inner, machine->context, machine->types, machine->budget);
	error = machine_run(&inner, &expression);
	if (!error)
		error = machine_result(&inner, &base);
	machine->absence = inner.absence;
	machine_deinit(&inner);
	machine_leave(machine);
	return error ? error : push_number(machine, stack_number(&base) + (uint64_t)offset);
}

static struct sdb_error *push_cfa(struct machine *machine)
{
	const struct sdb_context *context = machine->context;
	uint64_t cfa;
	if (!context->ops->cfa)
		return machine_absent(machine, SDB_ABSENT_FRAME,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "there is no frame to find it in"));
	struct sdb_error *error = context->ops->cfa(context->arg, &cfa);
	return error ? machine_absent(machine, SDB_ABSENT_REGISTER, error)
		: push_number(machine, cfa);
}

static struct sdb_error *tls_address(struct machine *machine)
{
	const struct sdb_context *context = machine->context;
	struct stack_value offset;
	uint64_t address;
	struct sdb_error *error = machine_pop(machine, &offset);
	if (error)
		return error;
	if (!context->ops->tls_address)
		return machine_absent(machine, SDB_ABSENT_TLS,
				      sdb_error_new(SDB_ERROR_NOT_FOUND,
						    "there is no thread to ask for its storage"));
	error = context->ops->tls_address(context->arg, stack_number(&offset), &address);
	return error ? machine_absent(machine, SDB_ABSENT_TLS, error)
		: push_number(machine, address);
}

static struct sdb_error *push_typed(struct machine *machine, uint64_t type, number_bits bits)
{
	struct stack_value value;
	if (type > UINT32_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "there is no type 0x%llx",
				     (unsigned long long)type);
	struct sdb_error *error = stack_typed(machine->types, machine->context->db,
					      (sdb_type_id)type, bits,
					      &value);
	return error ? error : machine_push(machine, value);
}

static struct sdb_error *dereference(struct machine *machine, uint64_t size, uint64_t type)
{
	struct stack_value address;
	number_bits bits = 0;
	struct sdb_error *error = machine_pop(machine, &address);
	if (!error)
		error = machine_memory(machine, stack_number(&address), size, &bits);
	return error ? error : push_typed(machine, type, bits);
}

/* There is one address space here, that of the target's memory: number 0 (DWARF 5, 2.5.1.3). */
static struct sdb_error *dereference_in_space(struct machine *machine, uint64_t size, uint64_t type)
{
	struct stack_value address = { 0 }, space;
	struct sdb_error *error = machine_pop(machine, &address);
	if (!error)
		error = machine_pop(machine, &space);
	if (!error && !stack_is_zero(&space))
		error = sdb_error_new(SDB_ERROR_INVALID, "an expression reads address space %llu",
				      (unsigned long long)stack_number(&space));
	if (!error)
		error = machine_push(machine, address);
	return error ? error : dereference(machine, size, type);
}

/* DW_EH_PE_*: LSB, Exception Frames, DWARF Exception Header Encoding. */
enum { ENCODING_APPLICATION = 0x70, ENCODING_INDIRECT = 0x80 };

/*
 * In rules of .eh_frame only. Where the operand itself stands, which it may be relative to, is not
 * known.
 */
static struct sdb_error *push_encoded(struct machine *machine, uint64_t encoding, uint64_t address)
{
	unsigned size = types_address_size(machine->context->db);
	if (encoding & ENCODING_APPLICATION)
		return sdb_error_new(SDB_ERROR_INVALID, "an address that is encoded as 0x%llx",
				     (unsigned long long)encoding);
	struct sdb_error *error = push_number(machine, context_to_target(machine->context, address));
	return error || !(encoding & ENCODING_INDIRECT) ? error : dereference(machine, size, 0);
}

static struct sdb_error *push_object(struct machine *machine)
{
	if (!machine->object)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "there is no object whose address could be pushed");
	return push_number(machine, *machine->object);
}

static struct sdb_error *push_register_typed(struct machine *machine, uint64_t number,
					     uint64_t type)
{
	number_bits bits;
	struct sdb_error *error = machine_register(machine, number, 0, &bits);
	return error ? error : push_typed(machine, type, bits);
}

static struct sdb_error *push_constant_typed(struct machine *machine,
					     const struct sdb_operation *operation)
{
	if (operation->block_size == 0 || operation->block_size > 16)
		return sdb_error_new(SDB_ERROR_INVALID, "a constant of %zu bytes",
				     operation->block_size);
	return push_typed(machine, operation->value[0],
			  number_get(operation->block, operation->block_size,
				     types_big_endian(machine->context->db)));
}

static struct sdb_error *convert(struct machine *machine, uint64_t type, bool reinterpret)
{
	struct stack_value value;
	struct sdb_error *error = machine_pop(machine, &value);
	if (!error && type > UINT32_MAX)
		error = sdb_error_new(SDB_ERROR_INVALID, "there is no type 0x%llx",
				      (unsigned long long)type);
	if (!error)
		error = stack_convert(machine->types, machine->context->db, (sdb_type_id)type,
				      reinterpret, &value);
	return error ? error : machine_push(machine, value);
}

/* ---- the stack ------------------------------------------------------------------------------ */

static struct sdb_error *pick(struct machine *machine, uint64_t below)
{
	if (below >= machine->depth)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression's stack is too short");
	return machine_push(machine, machine->stack[machine->depth - 1 - below]);
}

/* Moves the top of COUNT numbers below the others. */
static struct sdb_error *rotate(struct machine *machine, unsigned count)
{
	if (machine->depth < count)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression's stack is too short");
	struct stack_value *low = &machine->stack[machine->depth - count], top = low[count - 1];
	memmove(low + 1, low, (count - 1) * sizeof(*low));
	*low = top;
	return NULL;
}

static struct sdb_error *binary(struct machine *machine, uint8_t code)
{
	struct stack_value a, b, result;
	struct sdb_error *error = machine_pop(machine, &b);
	if (!error)
		error = machine_pop(machine, &a);
	if (!error)
		error = stack_binary(code, &a, &b, types_address_size(machine->context->db),
				     &result);
	return error ? error : machine_push(machine, result);
}

static struct sdb_error *unary(struct machine *machine, uint8_t code)
{
	struct stack_value value;
	struct sdb_error *error = machine_pop(machine, &value);
	if (!error)
		error = stack_unary(code, &value);
	return error ? error : machine_push(machine, value);
}

/* DW_OP_plus_uconst keeps the type of what it adds to. */
static struct sdb_error *add_constant(struct machine *machine, uint64_t number)
{
	struct stack_value *top = machine->depth ? &machine->stack[machine->depth - 1] : NULL;
	if (!top || top->kind == STACK_FLOAT)
		return sdb_error_new(SDB_ERROR_INVALID, "there is no integer to add to");
	top->bits = number_mask(top->bits + number, top->size * 8u);
	return NULL;
}

static struct sdb_error *branch(struct machine *machine, struct sdb_operation_reader *reader,
				const struct sdb_operation *operation)
{
	if (operation->code == SDB_OP_BRA) {
		struct stack_value condition;
		struct sdb_error *error = machine_pop(machine, &condition);
		if (error || stack_is_zero(&condition))
			return error;
	}
	int64_t target = (int64_t)operation->next + (int64_t)operation->value[0];
	if (target < 0 || (uint64_t)target > reader->size)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression branches out of itself");
	reader->at = (size_t)target;
	return NULL;
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct sdb_error *step_typed(struct machine *machine, const struct sdb_operation *operation)
{
	const uint64_t *value = operation->value;
	switch (operation->code) {
	case SDB_OP_CONVERT: case SDB_OP_GNU_CONVERT: return convert(machine, value[0], false);
	case SDB_OP_REINTERPRET: case SDB_OP_GNU_REINTERPRET: return convert(machine, value[0],
									     true);
	case SDB_OP_REGVAL_TYPE: case SDB_OP_GNU_REGVAL_TYPE:
		return push_register_typed(machine, value[0], value[1]);
	case SDB_OP_CONST_TYPE: case SDB_OP_GNU_CONST_TYPE: return push_constant_typed(machine,
										       operation);
	case SDB_OP_DEREF_TYPE: case SDB_OP_GNU_DEREF_TYPE: return dereference(machine, value[0],
									       value[1]);
	case SDB_OP_ENTRY_VALUE: case SDB_OP_GNU_ENTRY_VALUE: return machine_entry_value(machine,
											 operation);
	case SDB_OP_GNU_PARAMETER_REF: return machine_parameter(machine, value[0], value[1]);
	case SDB_OP_GNU_VARIABLE_VALUE: return machine_variable_value(machine, value[0], value[1]);
	case SDB_OP_CALL2: case SDB_OP_CALL4: case SDB_OP_CALL_REF:
		return machine_call(machine, value[0], value[1]);
	case SDB_OP_FORM_TLS_ADDRESS: case SDB_OP_GNU_PUSH_TLS_ADDRESS: return tls_address(machine);
	case SDB_OP_XDEREF:
		return dereference_in_space(machine, types_address_size(machine->context->db), 0);
	case SDB_OP_XDEREF_SIZE: return dereference_in_space(machine, value[0], 0);
	case SDB_OP_XDEREF_TYPE: return dereference_in_space(machine, value[0], value[1]);
	case SDB_OP_GNU_ENCODED_ADDR: return push_encoded(machine, value[0], value[1]);
	case SDB_OP_CALL_FRAME_CFA: return push_cfa(machine);
	case SDB_OP_PUSH_OBJECT_ADDRESS: return push_object(machine);
	}
	return machine_place(machine, operation);
}

static bool is_binary(uint8_t code)
{
	return code == SDB_OP_AND || (code >= SDB_OP_DIV && code <= SDB_OP_MUL) || code == SDB_OP_OR
		|| code == SDB_OP_PLUS || (code >= SDB_OP_SHL && code <= SDB_OP_XOR)
		|| (code >= SDB_OP_EQ && code <= SDB_OP_NE);
}

static struct sdb_error *step(struct machine *machine, const struct sdb_operation *operation)
{
	uint8_t code = operation->code;
	const uint64_t *value = operation->value;
	struct stack_value dropped;
	if (code >= SDB_OP_LIT0 && code < SDB_OP_LIT0 + 32)
		return push_number(machine, (uint64_t)code - SDB_OP_LIT0);
	if (code >= SDB_OP_BREG0 && code < SDB_OP_BREG0 + 32)
		return push_register(machine, (uint64_t)code - SDB_OP_BREG0, (int64_t)value[0]);
	if (code >= SDB_OP_CONST1U && code <= SDB_OP_CONSTS)
		return push_number(machine, value[0]);
	if (is_binary(code))
		return binary(machine, code);
	switch (code) {
	case SDB_OP_ADDR:
		return push_number(machine, context_to_target(machine->context, value[0]));
	case SDB_OP_BREGX: return push_register(machine, value[0], (int64_t)value[1]);
	case SDB_OP_FBREG: return push_frame_base(machine, (int64_t)value[0]);
	case SDB_OP_DEREF: return dereference(machine, types_address_size(machine->context->db), 0);
	case SDB_OP_DEREF_SIZE: return dereference(machine, value[0], 0);
	case SDB_OP_DUP: return pick(machine, 0);
	case SDB_OP_OVER: return pick(machine, 1);
	case SDB_OP_PICK: return pick(machine, value[0]);
	case SDB_OP_SWAP: return rotate(machine, 2);
	case SDB_OP_ROT: return rotate(machine, 3);
	case SDB_OP_DROP: return machine_pop(machine, &dropped);
	case SDB_OP_ABS: case SDB_OP_NEG: case SDB_OP_NOT: return unary(machine, code);
	case SDB_OP_PLUS_UCONST: return add_constant(machine, value[0]);
	case SDB_OP_NOP: case SDB_OP_GNU_UNINIT: return NULL;
	case SDB_OP_PIECE:
		return value[0] > UINT32_MAX / 8
			? sdb_error_new(SDB_ERROR_INVALID, "a piece of 0x%llx bytes",
								  (unsigned long long)value[0])
			: machine_piece(machine, value[0] * 8, 0);
	case SDB_OP_BIT_PIECE: return machine_piece(machine, value[0], value[1]);
	}
	return step_typed(machine, operation);
}

static bool may_follow_description(uint8_t code)
{
	return code == SDB_OP_PIECE || code == SDB_OP_BIT_PIECE || code == SDB_OP_NOP
		|| code == SDB_OP_GNU_UNINIT;
}

struct sdb_error *machine_run(struct machine *machine, const struct sdb_expression *expression)
{
	struct sdb_operation_reader reader = { expression->bytes, expression->length, 0,
					       types_address_size(machine->context->db),
					       types_big_endian(machine->context->db) };
	struct sdb_operation operation;
	while (sdb_operation_next(&reader, &operation)) {
		struct sdb_error *error = NULL;
		if (machine->budget->steps == 0)
			return sdb_error_new(SDB_ERROR_INVALID, "more than %d operations",
					     LOCATION_MAX_STEPS);
		machine->budget->steps--;
		if (machine->has_pending && !may_follow_description(operation.code))
			error = sdb_error_new(SDB_ERROR_INVALID,
					      "an operation follows a place's description");
		else if (operation.code == SDB_OP_BRA || operation.code == SDB_OP_SKIP)
			error = branch(machine, &reader, &operation);
		else
			error = step(machine, &operation);
		if (error)
			return machine->absence ? error
				: sdb_error_prefix(error, "operation at %zu", operation.offset);
	}
	if (reader.at < reader.size)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "operation at %zu: 0x%x is cut off or unknown", reader.at,
				     reader.bytes[reader.at]);
	return NULL;
}

struct sdb_error *machine_result(struct machine *machine, struct stack_value *value_ret)
{
	const struct place *place = &machine->pending;
	number_bits bits;
	if (!machine->has_pending)
		return machine_pop(machine, value_ret);
	if (place->kind == PLACE_REGISTER) {
		struct sdb_error *error = machine_register(machine, place->number, 0, &bits);
		if (error)
			return error;
	} else if (place->kind == PLACE_VALUE && place->size <= 16) {
		bits = number_get(place->bytes, place->size,
				  types_big_endian(machine->context->db));
	} else {
		return sdb_error_new(SDB_ERROR_INVALID, "a place where a number is expected");
	}
	*value_ret = stack_generic((uint64_t)bits, types_address_size(machine->context->db));
	return NULL;
}
