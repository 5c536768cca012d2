/* SPDX-License-Identifier: MIT */
/* Arithmetic and comparisons on values: C's usual conversions (C11, 6.3.1.8), pointers. */
#include "expr.h"

#include <math.h>
#include <stdlib.h>

/* An operand of a binary operator, as a number. */
struct operand {
	enum value_class class; /* INTEGER, REAL, COMPLEX or POINTER */
	number_signed integer;
	long double real, imaginary;
	enum number_format format;
	unsigned size;
	bool is_signed;
	sdb_type_id target; /* of a pointer: what it points to */
	struct sdb_db *db;
	sdb_type_id type;
};

struct sdb_error *expr_integer(struct parser *parser, sdb_type_id type, number_bits number,
			       struct sdb_value **value_ret)
{
	return value_of_integer(parser->context, parser->types, parser->context->db, type, number,
				value_ret);
}

struct sdb_error *expr_boolean(struct parser *parser, bool truth, struct sdb_value **value_ret)
{
	bool plus = types_plain_tags(parser->types, parser->context->db);
	return expr_integer(parser, plus ? TYPES_BOOL : TYPES_INT, truth, value_ret);
}

/* References stand for what they lead to. */
static struct sdb_error *resolve(struct parser *parser, struct sdb_value *value,
				 struct sdb_value **target_ret)
{
	return types_is_reference(value->kind)
		? sdb_value_follow(value, parser->context, target_ret)
		: sdb_value_copy(value, target_ret);
}

static struct sdb_error *read_pointer(struct parser *parser, struct sdb_value *value,
				      struct operand *operand)
{
	const struct sdb_type *type;
	uint64_t address;
	unsigned dimension;
	uint64_t size;
	bool known;
	struct sdb_error *error = value_stripped(value, &type);
	if (error)
		return error;
	operand->class = VALUE_POINTER;
	operand->size = types_address_size(value->db);
	if (value->kind == SDB_TYPE_POINTER) {
		operand->target = type->target;
		operand->type = value->type;
		return value_integer(value, parser->context, &operand->integer);
	}
	if (!sdb_value_address(value, &address))
		return expr_error(parser, "an array or function without an address");
	operand->integer = address;
	operand->target = value->type;
	if (value->kind == SDB_TYPE_ARRAY)
		error = value_element_shape(value, &operand->target, &dimension, &size, &known);
	return error ? error : types_derive(parser->types, value->db, SDB_TYPE_POINTER,
					    operand->target, 0,
					    &operand->type);
}

static struct sdb_error *read_number(struct parser *parser, struct sdb_value *value,
				     struct operand *operand)
{
	struct sdb_error *error = value_class(value, &operand->class, &operand->is_signed,
					      &operand->format);
	if (error)
		return error;
	operand->size = (unsigned)value->size;
	if (operand->class == VALUE_REAL)
		return sdb_value_real(value, parser->context, &operand->real);
	if (operand->class == VALUE_COMPLEX) {
		struct value_complex halves;
		error = value_halves(value, parser->context, &halves);
		operand->real = halves.real;
		operand->imaginary = halves.imaginary;
		return error || operand->format ? error
			: expr_error(parser, "an operand that is a complex integer");
	}
	if (operand->class == VALUE_NOT_NUMBER && value->kind == SDB_TYPE_NONE)
		return value_is_no(value, "number");
	if (operand->class == VALUE_NOT_NUMBER)
		return expr_error(parser, "an operand that is no number");
	error = value_integer(value, parser->context, &operand->integer);
	operand->real = operand->is_signed ? (long double)operand->integer
		: (long double)(number_bits)operand->integer;
	operand->class = VALUE_INTEGER;
	/* Integer promotion: everything smaller than an int is one. */
	if (operand->size < 4 || (value->bit_size && value->bit_size < 32)) {
		operand->size = 4;
		operand->is_signed = true;
	}
	return error;
}

static struct sdb_error *read_operand(struct parser *parser, struct sdb_value *value,
				      struct operand *operand)
{
	struct sdb_value *target;
	struct sdb_error *error = resolve(parser, value, &target);
	if (error)
		return error;
	*operand = (struct operand){ .db = target->db };
	bool pointer = target->kind == SDB_TYPE_POINTER || target->kind == SDB_TYPE_ARRAY
		|| target->kind == SDB_TYPE_FUNCTION;
	error = pointer ? read_pointer(parser, target, operand)
		: read_number(parser, target, operand);
	sdb_value_free(target);
	return error;
}

struct sdb_error *expr_truth(struct parser *parser, struct sdb_value *value, bool *truth_ret)
{
	struct operand operand;
	struct sdb_error *error = read_operand(parser, value, &operand);
	if (error)
		return error;
	bool floats = operand.class == VALUE_REAL || operand.class == VALUE_COMPLEX;
	*truth_ret = floats ? operand.real != 0 || operand.imaginary != 0 : operand.integer != 0;
	return NULL;
}

/* ---- results --------------------------------------------------------------------------------- */

static sdb_type_id integer_type(const struct parser *parser, unsigned size, bool is_signed)
{
	bool wide = types_address_size(parser->context->db) == 8;
	if (size > 8)
		return is_signed ? TYPES_INT128 : TYPES_UNSIGNED_INT128;
	if (size > 4 && wide)
		return is_signed ? TYPES_LONG : TYPES_UNSIGNED_LONG;
	if (size > 4)
		return is_signed ? TYPES_LONG_LONG : TYPES_UNSIGNED_LONG_LONG;
	return is_signed ? TYPES_INT : TYPES_UNSIGNED_INT;
}

static sdb_type_id real_type(const struct operand *a, const struct operand *b)
{
	enum number_format format = NUMBER_SINGLE;
	const struct operand *both[] = { a, b };
	for (unsigned i = 0; i < 2; i++) /* integers have none */
		if (both[i]->format > format)
			format = both[i]->format;
	return format == NUMBER_SINGLE ? TYPES_FLOAT : format == NUMBER_DOUBLE ? TYPES_DOUBLE
		: TYPES_LONG_DOUBLE;
}

/* As many digits as TYPE, one of those of real_type(), has. */
static long double rounded(long double number, sdb_type_id type)
{
	return type == TYPES_FLOAT ? (long double)(float)number
		: type == TYPES_DOUBLE ? (long double)(double)number : number;
}

static bool compares(enum expr_operator operator)
{
	return operator >= EXPR_EQUAL && operator <= EXPR_GREATER_EQUAL;
}

/* ORDER: below, at or above 0 as A is less than, equal to or greater than B. */
static bool decide(enum expr_operator operator, int order)
{
	switch (operator) {
	case EXPR_EQUAL: return order == 0;
	case EXPR_UNEQUAL: return order != 0;
	case EXPR_LESS: return order < 0;
	case EXPR_GREATER: return order > 0;
	case EXPR_LESS_EQUAL: return order <= 0;
	default: return order >= 0;
	}
}

static struct sdb_error *operate_reals(struct parser *parser, enum expr_operator operator,
				       const struct operand *a, const struct operand *b,
				       struct sdb_value **value_ret)
{
	long double x = a->real, y = b->real, result;
	if (compares(operator)) {
		bool unordered = isnan(x) || isnan(y);
		return expr_boolean(parser, unordered ? operator == EXPR_UNEQUAL
				    : decide(operator, x < y ? -1 : x > y), value_ret);
	}
	switch (operator) {
	case EXPR_ADD: result = x + y; break;
	case EXPR_SUBTRACT: result = x - y; break;
	case EXPR_MULTIPLY: result = x * y; break;
	case EXPR_DIVIDE: result = x / y; break;
	default: return expr_error(parser, "an operator that floating point numbers do not have");
	}
	sdb_type_id type = real_type(a, b);
	return value_of_real(parser->context, parser->types, parser->context->db, type,
			     rounded(result, type), value_ret);
}

static struct sdb_error *make_complex(struct parser *parser, sdb_type_id half,
				      struct value_complex number, struct sdb_value **value_ret)
{
	sdb_type_id type = half == TYPES_FLOAT ? TYPES_COMPLEX_FLOAT
		: half == TYPES_DOUBLE ? TYPES_COMPLEX_DOUBLE : TYPES_COMPLEX_LONG_DOUBLE;
	number.real = rounded(number.real, half);
	number.imaginary = rounded(number.imaginary, half);
	return value_of_complex(parser->context, parser->types, parser->context->db, type, number,
				value_ret);
}

/* C11, annex G.5, without what it says of infinite operands. */
static struct sdb_error *operate_complex(struct parser *parser, enum expr_operator operator,
					 const struct operand *a, const struct operand *b,
					 struct sdb_value **value_ret)
{
	long double x = a->real, xi = a->imaginary, y = b->real, yi = b->imaginary;
	long double square = y * y + yi * yi;
	struct value_complex result;
	switch (operator) {
	case EXPR_EQUAL: case EXPR_UNEQUAL:
		return expr_boolean(parser, (x == y && xi == yi) == (operator == EXPR_EQUAL),
				    value_ret);
	case EXPR_ADD:
		result = (struct value_complex){ x + y, xi + yi };
		break;
	case EXPR_SUBTRACT:
		result = (struct value_complex){ x - y, xi - yi };
		break;
	case EXPR_MULTIPLY:
		result = (struct value_complex){ x * y - xi * yi, x * yi + xi * y };
		break;
	case EXPR_DIVIDE:
		result = (struct value_complex){ (x * y + xi * yi) / square,
						 (xi * y - x * yi) / square };
		break;
	default:
		return expr_error(parser, "an operator that complex numbers do not have");
	}
	return make_complex(parser, real_type(a, b), result, value_ret);
}

static number_bits divide(number_signed x, number_signed y, bool is_signed, bool remainder)
{
	if (!is_signed)
		return remainder ? (number_bits)x % (number_bits)y
			: (number_bits)x / (number_bits)y;
	if (y == -1)
		return remainder ? 0 : -(number_bits)x;
	return (number_bits)(remainder ? x % y : x / y);
}

static number_bits shift(number_signed x, number_signed by, unsigned bits, bool is_signed,
			 bool left)
{
	bool all = by < 0 || by >= (number_signed)bits;
	if (left)
		return all ? 0 : (number_bits)x << by;
	if (is_signed)
		return (number_bits)(x >> (all ? bits - 1 : (unsigned)by));
	return all ? 0 : (number_bits)x >> by;
}

static struct sdb_error *operate_integers(struct parser *parser, enum expr_operator operator,
					  const struct operand *a, const struct operand *b,
					  struct sdb_value **value_ret)
{
	bool shifts = operator == EXPR_LEFT || operator == EXPR_RIGHT;
	const struct operand *wide = shifts || a->size >= b->size ? a : b;
	bool is_signed = a->size == b->size && !shifts ? a->is_signed && b->is_signed
		: wide->is_signed;
	unsigned bits = wide->size * 8;
	/* Both in the type of the result. */
	number_signed x = is_signed ? number_extend((number_bits)a->integer, bits)
		: (number_signed)number_mask((number_bits)a->integer, bits);
	number_signed y = shifts ? b->integer : is_signed
		? number_extend((number_bits)b->integer, bits)
		: (number_signed)number_mask((number_bits)b->integer, bits);
	number_bits result;
	if ((operator == EXPR_DIVIDE || operator == EXPR_REMAINDER) && y == 0)
		return expr_error(parser, "a division by zero");
	switch (operator) {
	case EXPR_ADD: result = (number_bits)x + (number_bits)y; break;
	case EXPR_SUBTRACT: result = (number_bits)x - (number_bits)y; break;
	case EXPR_MULTIPLY: result = (number_bits)x * (number_bits)y; break;
	case EXPR_DIVIDE: result = divide(x, y, is_signed, false); break;
	case EXPR_REMAINDER: result = divide(x, y, is_signed, true); break;
	case EXPR_AND: result = (number_bits)x & (number_bits)y; break;
	case EXPR_OR: result = (number_bits)x | (number_bits)y; break;
	case EXPR_XOR: result = (number_bits)x ^ (number_bits)y; break;
	case EXPR_LEFT: result = shift(x, y, bits, is_signed, true); break;
	case EXPR_RIGHT: result = shift(x, y, bits, is_signed, false); break;
	default: {
		int order = is_signed ? (x < y ? -1 : x > y)
			: ((number_bits)x < (number_bits)y ? -1 : (number_bits)x > (number_bits)y);
		return expr_boolean(parser, decide(operator, order), value_ret);
	}
	}
	return expr_integer(parser, integer_type(parser, wide->size, is_signed), result, value_ret);
}

/* ---- pointers -------------------------------------------------------------------------------- */

static struct sdb_error *target_size(struct parser *parser, const struct operand *pointer,
				     uint64_t *size_ret)
{
	bool known;
	const struct sdb_type *type;
	struct sdb_error *error = types_strip(parser->types, pointer->db, pointer->target, &type);
	if (!error)
		error = types_size(parser->types, pointer->db, pointer->target, size_ret, &known);
	if (error)
		return error;
	if (type->kind == SDB_TYPE_NONE || type->kind == SDB_TYPE_FUNCTION) {
		*size_ret = 1; /* as GNU C has it */
		return NULL;
	}
	return known && *size_ret ? NULL : expr_error(parser,
						      "a pointer to something without a size");
}

static struct sdb_error *operate_pointers(struct parser *parser, enum expr_operator operator,
					  const struct operand *a, const struct operand *b,
					  struct sdb_value **value_ret)
{
	uint64_t x = (uint64_t)a->integer, y = (uint64_t)b->integer, size;
	if (compares(operator))
		return expr_boolean(parser, decide(operator, x < y ? -1 : x > y), value_ret);
	const struct operand *pointer = a->class == VALUE_POINTER ? a : b;
	struct sdb_error *error = target_size(parser, pointer, &size);
	if (error)
		return error;
	if (operator == EXPR_SUBTRACT && a->class == b->class)
		return expr_integer(parser, integer_type(parser, a->size, true),
				    (number_bits)((int64_t)(x - y) / (int64_t)size), value_ret);
	if (operator == EXPR_SUBTRACT && pointer == a)
		x -= y * size;
	else if (operator == EXPR_ADD && a->class != b->class)
		x = pointer == a ? x + y * size : y + x * size;
	else
		return expr_error(parser, "an operator that pointers do not have");
	return value_of_integer(parser->context, parser->types, pointer->db, pointer->type, x,
				value_ret);
}

/* `first@count`: the array that begins with FIRST. */
static struct sdb_error *make_array(struct parser *parser, struct sdb_value *first,
				    struct sdb_value *count,
				    struct sdb_value **value_ret)
{
	struct operand number;
	sdb_type_id type;
	uint64_t address;
	struct sdb_error *error = read_operand(parser, count, &number);
	if (error)
		return error;
	if (!sdb_value_address(first, &address))
		return expr_error(parser, "only what is in memory can be an array's first element");
	if (number.class != VALUE_INTEGER || number.integer <= 0 || number.integer > UINT32_MAX)
		return expr_error(parser, "an array's count has to be a positive number");
	error = types_derive(parser->types, first->db, SDB_TYPE_ARRAY, first->type,
			     (uint64_t)number.integer, &type);
	return error ? error : sdb_value_at(parser->context, first->db, type, address, value_ret);
}

struct sdb_error *expr_binary(struct parser *parser, enum expr_operator operator,
			      struct sdb_value *left,
			      struct sdb_value *right, struct sdb_value **value_ret)
{
	struct operand a, b;
	if (operator == EXPR_ARRAY)
		return make_array(parser, left, right, value_ret);
	if (operator == EXPR_POINTED_MEMBER)
		return expr_pointed_member(parser, left, right, value_ret);
	struct sdb_error *error = read_operand(parser, left, &a);
	if (!error)
		error = read_operand(parser, right, &b);
	if (error)
		return error;
	bool complex = a.class == VALUE_COMPLEX || b.class == VALUE_COMPLEX;
	if (complex || a.class == VALUE_REAL || b.class == VALUE_REAL) {
		if (a.class == VALUE_POINTER || b.class == VALUE_POINTER)
			return expr_error(parser, "a pointer and a floating point number");
		return complex ? operate_complex(parser, operator, &a, &b, value_ret)
			: operate_reals(parser, operator, &a, &b, value_ret);
	}
	if (a.class == VALUE_POINTER || b.class == VALUE_POINTER)
		return operate_pointers(parser, operator, &a, &b, value_ret);
	return operate_integers(parser, operator, &a, &b, value_ret);
}

struct sdb_error *expr_sign(struct parser *parser, char sign, struct sdb_value *value,
			    struct sdb_value **value_ret)
{
	struct operand operand;
	struct sdb_error *error = read_operand(parser, value, &operand);
	if (error)
		return error;
	if (operand.class == VALUE_POINTER)
		return expr_error(parser, "a sign in front of a pointer");
	if (operand.class == VALUE_COMPLEX) { /* `~` is the conjugate, as in GNU C */
		struct value_complex number = {
			sign == '-' ? -operand.real : operand.real,
			sign == '+' ? operand.imaginary : -operand.imaginary,
		};
		return make_complex(parser, real_type(&operand, &operand), number, value_ret);
	}
	if (operand.class == VALUE_REAL)
		return sign == '~' ? expr_error(parser, "~ in front of a floating point number")
			: value_of_real(parser->context, parser->types, parser->context->db,
					real_type(&operand, &operand),
					sign == '-' ? -operand.real : operand.real, value_ret);
	number_bits bits = (number_bits)operand.integer;
	return expr_integer(parser, integer_type(parser, operand.size, operand.is_signed),
			    sign == '-' ? -bits : sign == '~' ? ~bits : bits, value_ret);
}
