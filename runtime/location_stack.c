/* SPDX-License-Identifier: MIT */
#include "location_stack.h"

#include <math.h>
#include <stackdb/operation.h>

/* DW_ATE_*: DWARF 5, 7.8. */
enum { ATE_FLOAT = 4, ATE_SIGNED = 5, ATE_SIGNED_CHAR = 6 };

static unsigned width(const struct stack_value *value)
{
	return value->size * 8u;
}

struct stack_value stack_generic(uint64_t number, unsigned size)
{
	return (struct stack_value){ .bits = number_mask(number, size * 8), .size = (uint8_t)size };
}

static struct sdb_error *describe_type(struct types *types, struct sdb_db *db, sdb_type_id id,
				       struct stack_value *value_ret)
{
	const struct sdb_type *type;
	const char *name;
	struct sdb_error *error = types_strip(types, db, id, &type);
	if (!error)
		error = types_name(types, db, type, &name);
	if (error)
		return error;
	if (type->kind == SDB_TYPE_POINTER || types_is_reference(type->kind)) {
		*value_ret = (struct stack_value){ .type = id, .kind = STACK_UNSIGNED,
						   .size = (uint8_t)types_address_size(db) };
		return NULL;
	}
	if ((type->kind != SDB_TYPE_BASE && type->kind != SDB_TYPE_ENUM) || type->size == 0
	    || type->size > 16)
		return sdb_error_new(SDB_ERROR_INVALID, "an operand's type (%u) is not a base type",
				     id);
	*value_ret = (struct stack_value){ .type = id, .size = (uint8_t)type->size };
	if (type->encoding == ATE_FLOAT) {
		value_ret->kind = STACK_FLOAT;
		value_ret->format = number_float_format(name, type->size);
		if (!value_ret->format)
			return sdb_error_new(SDB_ERROR_UNSUPPORTED,
					     "a floating point type of %u bytes",
					     value_ret->size);
	} else {
		value_ret->kind = type->encoding == ATE_SIGNED || type->encoding == ATE_SIGNED_CHAR
			? STACK_SIGNED : STACK_UNSIGNED;
	}
	return NULL;
}

struct sdb_error *stack_typed(struct types *types, struct sdb_db *db, sdb_type_id type,
			      number_bits bits, struct stack_value *value_ret)
{
	*value_ret = stack_generic((uint64_t)bits, types_address_size(db));
	if (type == 0)
		return NULL;
	struct sdb_error *error = describe_type(types, db, type, value_ret);
	value_ret->bits = number_mask(bits, width(value_ret));
	return error;
}

/* The value as an integer: signed types by their sign, all others as they are. */
static number_signed integer(const struct stack_value *value)
{
	return value->kind == STACK_SIGNED ? number_extend(value->bits, width(value))
		: (number_signed)value->bits;
}

static number_bits truncated(long double real)
{
	if (!(real > -0x1p127L && real < 0x1p127L)) /* a NaN too */
		return 0;
	return (number_bits)(number_signed)real;
}

struct sdb_error *stack_convert(struct types *types, struct sdb_db *db, sdb_type_id type,
				bool reinterpret, struct stack_value *value)
{
	struct stack_value to;
	struct sdb_error *error = stack_typed(types, db, type, 0, &to);
	if (error)
		return error;
	if (reinterpret) {
		if (to.size != value->size)
			return sdb_error_new(SDB_ERROR_INVALID, "%u bytes are reinterpreted as %u",
					     value->size,
					     to.size);
		to.bits = value->bits;
	} else if (value->kind == STACK_FLOAT) {
		long double real = number_to_real(value->bits, value->format);
		to.bits = to.kind == STACK_FLOAT ? number_from_real(real, to.format)
			: truncated(real);
	} else if (to.kind == STACK_FLOAT) {
		to.bits = number_from_real((long double)integer(value), to.format);
	} else {
		to.bits = (number_bits)integer(value);
	}
	to.bits = number_mask(to.bits, width(&to));
	*value = to;
	return NULL;
}

uint64_t stack_number(const struct stack_value *value)
{
	return (uint64_t)integer(value);
}

bool stack_is_zero(const struct stack_value *value)
{
	return value->kind == STACK_FLOAT ? number_to_real(value->bits, value->format) == 0
		: value->bits == 0;
}

static struct sdb_error *binary_real(uint8_t operation, const struct stack_value *a,
				     const struct stack_value *b, unsigned address_size,
				     struct stack_value *result_ret)
{
	long double x = number_to_real(a->bits, a->format), y = number_to_real(b->bits, b->format),
		z;
	bool truth;
	switch (operation) {
	case SDB_OP_PLUS: z = x + y; break;
	case SDB_OP_MINUS: z = x - y; break;
	case SDB_OP_MUL: z = x * y; break;
	case SDB_OP_DIV: z = x / y; break;
	case SDB_OP_EQ: truth = x == y; goto compared;
	case SDB_OP_NE: truth = x != y; goto compared;
	case SDB_OP_LT: truth = x < y; goto compared;
	case SDB_OP_LE: truth = x <= y; goto compared;
	case SDB_OP_GT: truth = x > y; goto compared;
	case SDB_OP_GE: truth = x >= y; goto compared;
	default:
		return sdb_error_new(SDB_ERROR_INVALID, "operation 0x%x on floating point numbers",
				     operation);
	}
	*result_ret = *a;
	result_ret->bits = number_from_real(z, a->format);
	return NULL;
compared:
	*result_ret = stack_generic(truth, address_size);
	return NULL;
}

/*
 * DWARF 5, 2.5.1.4: the generic type divides and compares as signed, takes remainders as unsigned.
 */
static struct sdb_error *divide(uint8_t operation, const struct stack_value *a,
				const struct stack_value *b, number_bits *result_ret)
{
	number_signed x = number_extend(a->bits, width(a)), y = number_extend(b->bits, width(b));
	bool is_signed = a->kind == STACK_SIGNED
		|| (a->kind == STACK_GENERIC && operation == SDB_OP_DIV);
	if (b->bits == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "a division by zero");
	if (!is_signed)
		*result_ret = operation == SDB_OP_DIV ? a->bits / b->bits : a->bits % b->bits;
	else if (y == -1) /* also of the smallest number, which has no negative */
		*result_ret = operation == SDB_OP_DIV ? -(number_bits)x : 0;
	else
		*result_ret = (number_bits)(operation == SDB_OP_DIV ? x / y : x % y);
	return NULL;
}

static number_bits shift(uint8_t operation, const struct stack_value *a,
			 const struct stack_value *b)
{
	unsigned bits = width(a);
	number_signed x = number_extend(a->bits, bits);
	bool all = b->bits >= bits;
	unsigned by = all ? 0 : (unsigned)b->bits;
	switch (operation) {
	case SDB_OP_SHL: return all ? 0 : a->bits << by;
	case SDB_OP_SHR: return all ? 0 : a->bits >> by;
	default: return (number_bits)(all ? (x < 0 ? -1 : 0) : x >> by);
	}
}

static bool compare(uint8_t operation, const struct stack_value *a, const struct stack_value *b)
{
	number_signed x = number_extend(a->bits, width(a)), y = number_extend(b->bits, width(b));
	bool less = a->kind == STACK_UNSIGNED ? a->bits < b->bits : x < y;
	bool equal = a->bits == b->bits;
	switch (operation) {
	case SDB_OP_EQ: return equal;
	case SDB_OP_NE: return !equal;
	case SDB_OP_LT: return less;
	case SDB_OP_LE: return less || equal;
	case SDB_OP_GT: return !less && !equal;
	default: return !less;
	}
}

static bool same_type(const struct stack_value *a, const struct stack_value *b)
{
	return a->kind == b->kind && a->size == b->size && a->format == b->format;
}

struct sdb_error *stack_binary(uint8_t operation, const struct stack_value *a,
			       const struct stack_value *b,
			       unsigned address_size, struct stack_value *result_ret)
{
	bool shifts = operation == SDB_OP_SHL || operation == SDB_OP_SHR
		|| operation == SDB_OP_SHRA;
	if (shifts ? a->kind == STACK_FLOAT || b->kind == STACK_FLOAT : !same_type(a, b))
		return sdb_error_new(SDB_ERROR_INVALID,
				     "operation 0x%x on operands of different types", operation);
	if (a->kind == STACK_FLOAT)
		return binary_real(operation, a, b, address_size, result_ret);
	number_bits bits = 0;
	struct sdb_error *error = NULL;
	switch (operation) {
	case SDB_OP_AND: bits = a->bits & b->bits; break;
	case SDB_OP_OR: bits = a->bits | b->bits; break;
	case SDB_OP_XOR: bits = a->bits ^ b->bits; break;
	case SDB_OP_PLUS: bits = a->bits + b->bits; break;
	case SDB_OP_MINUS: bits = a->bits - b->bits; break;
	case SDB_OP_MUL: bits = a->bits * b->bits; break;
	case SDB_OP_DIV: case SDB_OP_MOD: error = divide(operation, a, b, &bits); break;
	case SDB_OP_SHL: case SDB_OP_SHR: case SDB_OP_SHRA: bits = shift(operation, a, b); break;
	default:
		*result_ret = stack_generic(compare(operation, a, b), address_size);
		return NULL;
	}
	if (error)
		return error;
	*result_ret = *a;
	result_ret->bits = number_mask(bits, width(a));
	return NULL;
}

struct sdb_error *stack_unary(uint8_t operation, struct stack_value *value)
{
	if (value->kind == STACK_FLOAT) {
		long double real = number_to_real(value->bits, value->format);
		if (operation == SDB_OP_NOT)
			return sdb_error_new(SDB_ERROR_INVALID,
					     "DW_OP_not on a floating point number");
		real = operation == SDB_OP_NEG ? -real : fabsl(real);
		value->bits = number_from_real(real, value->format);
		return NULL;
	}
	bool negative = value->kind != STACK_UNSIGNED
		&& number_extend(value->bits, width(value)) < 0;
	if (operation == SDB_OP_NOT)
		value->bits = ~value->bits;
	else if (operation == SDB_OP_NEG || negative)
		value->bits = -value->bits;
	value->bits = number_mask(value->bits, width(value));
	return NULL;
}
