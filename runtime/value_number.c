/* SPDX-License-Identifier: MIT */
/* Values as numbers, and numbers as values. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

/* DW_ATE_*: DWARF 5, 7.8; 0x80 is GNU's complex integer. */
enum { ATE_ADDRESS = 1, ATE_BOOLEAN = 2, ATE_COMPLEX = 3, ATE_FLOAT = 4, ATE_SIGNED = 5,
       ATE_SIGNED_CHAR = 6,
       ATE_UNSIGNED = 7, ATE_UNSIGNED_CHAR = 8, ATE_UTF = 0x10, ATE_COMPLEX_INTEGER = 0x80 };

static struct sdb_error *base_class(const struct sdb_value *value, const struct sdb_type *type,
				    enum value_class *class_ret, bool *is_signed_ret,
				    enum number_format *format_ret)
{
	const char *name;
	struct sdb_error *error = types_name(value->types, value->db, type, &name);
	if (error)
		return error;
	switch (type->encoding) {
	case ATE_BOOLEAN:
		*class_ret = VALUE_BOOLEAN;
		break;
	case ATE_FLOAT:
		*format_ret = number_float_format(name, value->size);
		*class_ret = *format_ret ? VALUE_REAL : VALUE_NOT_NUMBER;
		break;
	case ATE_COMPLEX:
		*format_ret = number_float_format(name, value->size / 2);
		*class_ret = *format_ret ? VALUE_COMPLEX : VALUE_NOT_NUMBER;
		break;
	case ATE_COMPLEX_INTEGER:
		*class_ret = VALUE_COMPLEX;
		*is_signed_ret = !strstr(name, "unsigned");
		break;
	case ATE_SIGNED: case ATE_SIGNED_CHAR:
		*is_signed_ret = true; /* fall through */
	case ATE_UNSIGNED: case ATE_UNSIGNED_CHAR: case ATE_UTF: case ATE_ADDRESS:
		*class_ret = value->size <= 16 ? VALUE_INTEGER : VALUE_NOT_NUMBER;
		break;
	}
	return NULL;
}

/* The sign of an enumeration: of its underlying type, else of its enumerators. */
static struct sdb_error *enum_sign(const struct sdb_value *value, const struct sdb_type *type,
				   bool *is_signed_ret)
{
	const struct sdb_type *under;
	for (size_t i = 0; i < type->enumerator_count; i++)
		*is_signed_ret |= !type->enumerators[i].is_unsigned
			&& type->enumerators[i].value < 0;
	if (!type->target)
		return NULL;
	struct sdb_error *error = types_strip(value->types, value->db, type->target, &under);
	if (!error)
		*is_signed_ret |= under->encoding == ATE_SIGNED
			|| under->encoding == ATE_SIGNED_CHAR;
	return error;
}

struct sdb_error *value_class(const struct sdb_value *value, enum value_class *class_ret,
			      bool *is_signed_ret, enum number_format *format_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(value, &type);
	*class_ret = VALUE_NOT_NUMBER;
	*is_signed_ret = false;
	*format_ret = NUMBER_NOT_FLOAT;
	if (error || !value->sized || value->size == 0)
		return error;
	switch (value->kind) {
	case SDB_TYPE_BASE: case SDB_TYPE_SUBRANGE:
		return base_class(value, type, class_ret, is_signed_ret, format_ret);
	case SDB_TYPE_ENUM:
		*class_ret = value->size <= 16 ? VALUE_INTEGER : VALUE_NOT_NUMBER;
		return enum_sign(value, type, is_signed_ret);
	case SDB_TYPE_POINTER: case SDB_TYPE_REFERENCE: case SDB_TYPE_RVALUE_REFERENCE:
	case SDB_TYPE_UNSPECIFIED:
		*class_ret = value->size <= 8 ? VALUE_POINTER : VALUE_NOT_NUMBER;
		return NULL;
	case SDB_TYPE_MEMBER_POINTER:
		*class_ret = value->size <= 8 ? VALUE_INTEGER : VALUE_NOT_NUMBER;
		*is_signed_ret = true;
		return NULL;
	default:
		return NULL;
	}
}

struct sdb_error *value_is_no(const struct sdb_value *value, const char *what)
{
	char *type;
	if (value->kind == SDB_TYPE_NONE)
		return sdb_error_new(SDB_ERROR_INVALID, "what has no type is no %s: of a symbol without debuginfo take the address, as in "
				     "*(int *)&name", what);
	struct sdb_error *error = sdb_value_type_name(value, &type);
	if (error)
		return error;
	error = sdb_error_new(SDB_ERROR_INVALID, "a value of type %s is no %s", type, what);
	free(type);
	return error;
}

struct sdb_error *value_integer(struct sdb_value *value, const struct sdb_context *context,
				number_signed *number_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (!error && class != VALUE_INTEGER && class != VALUE_BOOLEAN && class != VALUE_POINTER)
		error = value_is_no(value, "number");
	if (!error)
		error = value_need(value, context);
	if (error)
		return error;
	number_bits bits = number_get(value->bytes, (size_t)value->size,
				      types_big_endian(value->db));
	*number_ret = is_signed ? number_extend(bits, (unsigned)value->size * 8)
				: (number_signed)bits;
	return NULL;
}

struct sdb_error *sdb_value_unsigned(struct sdb_value *value, const struct sdb_context *context,
				     uint64_t *number_ret)
{
	TYPES_HOLD(value->types);
	number_signed number;
	struct sdb_error *error = value_integer(value, context, &number);
	if (error)
		return error;
	*number_ret = (uint64_t)number;
	if (number != (number_signed)(uint64_t)number && number != (int64_t)number)
		return sdb_error_new(SDB_ERROR_INVALID, "the number does not fit 64 bits");
	return NULL;
}

struct sdb_error *sdb_value_signed(struct sdb_value *value, const struct sdb_context *context,
				   int64_t *number_ret)
{
	return sdb_value_unsigned(value, context, (uint64_t *)number_ret);
}

struct sdb_error *sdb_value_real(struct sdb_value *value, const struct sdb_context *context,
				 long double *number_ret)
{
	TYPES_HOLD(value->types);
	enum value_class class;
	enum number_format format;
	bool is_signed;
	number_signed number;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (!error && class != VALUE_REAL) {
		error = value_integer(value, context, &number);
		if (!error)
			*number_ret = is_signed ? (long double)number
						: (long double)(number_bits)number;
		return error;
	}
	if (!error)
		error = value_need(value, context);
	if (!error)
		*number_ret = number_to_real(number_get(value->bytes, (size_t)value->size,
							types_big_endian(value->db)), format);
	return error;
}

struct sdb_error *value_of_bytes(const struct sdb_context *context, struct types *types,
				 struct sdb_db *db,
				 sdb_type_id type, const void *bytes, size_t size,
				 struct sdb_value **value_ret)
{
	struct sdb_value value;
	struct sdb_error *error = value_init(&value, context, types, db, type);
	if (error)
		return error;
	value.bytes = calloc(1, size > value.size ? size : value.size ? (size_t)value.size : 1);
	if (!value.bytes) {
		value_deinit(&value);
		return value_no_memory();
	}
	memcpy(value.bytes, bytes, size);
	value.loaded = true;
	return value_detach(&value, value_ret);
}

struct sdb_error *value_of_integer(const struct sdb_context *context, struct types *types,
				   struct sdb_db *db, sdb_type_id type, number_bits number,
				   struct sdb_value **value_ret)
{
	uint8_t bytes[16] = { 0 };
	uint64_t size;
	bool known;
	struct sdb_error *error = types_size(types, db, type, &size, &known);
	if (!error && (!known || size == 0 || size > sizeof(bytes)))
		error = sdb_error_new(SDB_ERROR_INVALID,
				      "a number of a type that has no size, or a large one");
	if (error)
		return error;
	number_put(bytes, (size_t)size, types_big_endian(db), number);
	return value_of_bytes(context, types, db, type, bytes, (size_t)size, value_ret);
}

struct sdb_error *value_of_real(const struct sdb_context *context, struct types *types,
				struct sdb_db *db,
				sdb_type_id type, long double real, struct sdb_value **value_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	struct sdb_value shape;
	struct sdb_error *error = value_init(&shape, context, types, db, type);
	if (error)
		return error;
	error = value_class(&shape, &class, &is_signed, &format);
	if (!error && class != VALUE_REAL)
		error = value_is_no(&shape, "number");
	value_deinit(&shape);
	return error ? error : value_of_integer(context, types, db, type,
						number_from_real(real, format), value_ret);
}

/* ---- complex numbers ------------------------------------------------------------------------- */

struct sdb_error *value_halves(struct sdb_value *value, const struct sdb_context *context,
			       struct value_complex *number_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	long double halves[2];
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	*number_ret = (struct value_complex){ 0 };
	if (class != VALUE_COMPLEX)
		return sdb_value_real(value, context, &number_ret->real);
	error = value_need(value, context);
	if (error)
		return error;
	size_t half = (size_t)value->size / 2;
	if (half == 0 || half > 16)
		return value_is_no(value, "number");
	for (unsigned i = 0; i < 2; i++) {
		number_bits bits = number_get(value->bytes + i * half, half,
					      types_big_endian(value->db));
		halves[i] = format ? number_to_real(bits, format)
			: is_signed ? (long double)number_extend(bits, (unsigned)half * 8)
			: (long double)bits;
	}
	*number_ret = (struct value_complex){ halves[0], halves[1] };
	return NULL;
}

struct sdb_error *value_of_complex(const struct sdb_context *context, struct types *types,
				   struct sdb_db *db, sdb_type_id type, struct value_complex number,
				   struct sdb_value **value_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed, big = types_big_endian(db);
	struct sdb_value shape;
	uint8_t bytes[32] = { 0 };
	struct sdb_error *error = value_init(&shape, context, types, db, type);
	if (error)
		return error;
	size_t size = (size_t)shape.size;
	error = value_class(&shape, &class, &is_signed, &format);
	if (!error && (class != VALUE_COMPLEX || !format || size > sizeof(bytes)))
		error = value_is_no(&shape, "number");
	value_deinit(&shape);
	if (error)
		return error;
	number_put(bytes, size / 2, big, number_from_real(number.real, format));
	number_put(bytes + size / 2, size / 2, big, number_from_real(number.imaginary, format));
	return value_of_bytes(context, types, db, type, bytes, size, value_ret);
}
