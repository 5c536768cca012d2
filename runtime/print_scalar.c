/* SPDX-License-Identifier: MIT */
/* Numbers, characters, enumerations, pointers. */
#include "declare.h"
#include "print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- floating point -------------------------------------------------------------------------- */

/* The fields of a format: how many bits of mantissa are stored, and digits that tell all apart. */
struct layout {
	unsigned mantissa, exponent;
	int digits;
};

static struct layout layout_of(enum number_format format)
{
	switch (format) {
	case NUMBER_HALF: return (struct layout){ 10, 5, 5 };
	case NUMBER_BFLOAT: return (struct layout){ 7, 8, 4 };
	case NUMBER_SINGLE: return (struct layout){ 23, 8, 9 };
	case NUMBER_DOUBLE: return (struct layout){ 52, 11, 17 };
	case NUMBER_EXTENDED: return (struct layout){ 64, 15, 21 };
	default: return (struct layout){ 112, 15, 36 };
	}
}

static void put_finite(struct buffer *text, number_bits bits, enum number_format format, int digits)
{
	char number[64];
#if defined(__x86_64__) && defined(__GLIBC__)
	/* glibc prints a binary128 exactly, whatever a long double is. */
	extern int strfromf128(char *to, size_t size, const char *how, __float128 value);
	if (format == NUMBER_QUAD) {
		__float128 quad;
		memcpy(&quad, &bits, sizeof(quad));
		strfromf128(number, sizeof(number), "%.36g", quad);
		text_add(text, number);
		return;
	}
#endif
	snprintf(number, sizeof(number), "%.*Lg", digits, number_to_real(bits, format));
	text_add(text, number);
}

void print_real(struct buffer *text, number_bits bits, enum number_format format)
{
	struct layout layout = layout_of(format);
	long double real = number_to_real(bits, format);
	/* x87: but for zero and subnormal numbers the integer bit has to be set. */
	bool invalid = format == NUMBER_EXTENDED && bits >> 64 & 0x7fff && !(bits >> 63 & 1);
	if (invalid) {
		text_add(text, "<invalid float value>");
	} else if (isnan(real)) {
		number_bits mantissa = number_mask(bits, layout.mantissa);
		text_add(text, bits >> (layout.mantissa + layout.exponent) & 1 ? "-nan(0x"
			 : "nan(0x");
		if (mantissa >> 64)
			text_add_format(text, "%llx%016llx", (unsigned long long)(mantissa >> 64),
				    (unsigned long long)mantissa);
		else
			text_add_format(text, "%llx", (unsigned long long)mantissa);
		text_add(text, ")");
	} else if (isinf(real)) {
		text_add(text, real < 0 ? "-inf" : "inf");
	} else {
		put_finite(text, bits, format, layout.digits);
	}
}

/* ---- enumerations ---------------------------------------------------------------------------- */

/* `ns::` or `ns::Enumeration::` in front of enumerators, in C++. */
static struct sdb_error *put_scope(struct printer *printer, const struct sdb_value *value,
				   const struct sdb_type *type)
{
	struct sdb_entity entity = { SDB_ENTITY_TYPE, type->id };
	char *name;
	if (!(type->flags & SDB_TYPE_ENUM_CLASS)) {
		if (type->scope.kind != SDB_SCOPE_TYPE)
			return NULL;
		entity.id = type->scope.id;
	}
	if (entity.id >= TYPES_OWN || !types_plain_tags(value->types, value->db))
		return NULL;
	struct sdb_error *error = sdb_qualified_name(value->db, entity, &name);
	if (!error) {
		text_add(&printer->text, name);
		text_add(&printer->text, "::");
		free(name);
	}
	return error;
}

static struct sdb_error *put_enumerator(struct printer *printer, const struct sdb_value *value,
					const struct sdb_type *type, size_t index)
{
	const char *name;
	struct sdb_error *error = put_scope(printer, value, type);
	if (!error)
		error = types_text(value->types, value->db, type->enumerators[index].name, &name);
	if (!error)
		text_add(&printer->text, name);
	return error;
}

/* gdb's rule: no enumerator is negative (as a signed number) or has more than one bit. */
static bool is_flags(const struct sdb_type *type)
{
	for (size_t i = 0; i < type->enumerator_count; i++) {
		int64_t value = type->enumerators[i].value;
		if (value < 0 || __builtin_popcountll((uint64_t)value) > 1)
			return false;
	}
	return true;
}

static struct sdb_error *put_flags(struct printer *printer, const struct sdb_value *value,
				   const struct sdb_type *type, number_bits rest)
{
	bool first = true;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < type->enumerator_count && !error; i++) {
		uint64_t flag = (uint64_t)type->enumerators[i].value;
		if (!(rest & flag))
			continue;
		text_add(&printer->text, first ? "(" : " | ");
		first = false;
		error = put_enumerator(printer, value, type, i);
		rest &= ~(number_bits)flag;
	}
	if (rest)
		text_add_format(&printer->text, "%sunknown: 0x%llx)", first ? "(" : " | ",
			    (unsigned long long)rest);
	else
		text_add(&printer->text, first ? "0" : ")");
	return error;
}

struct sdb_error *print_enumerators(struct printer *printer, struct sdb_value *value,
				    number_signed number,
				    bool *done_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(value, &type);
	unsigned bits = (unsigned)value->size * 8;
	*done_ret = true;
	for (size_t i = 0; !error && i < type->enumerator_count; i++)
		if (number_mask((number_bits)(number_signed)type->enumerators[i].value, bits)
		    == number_mask((number_bits)number, bits))
			return put_enumerator(printer, value, type, i);
	if (!error && is_flags(type))
		return put_flags(printer, value, type, number_mask((number_bits)number, bits));
	*done_ret = false;
	return error;
}

/* ---- pointers -------------------------------------------------------------------------------- */

void print_address(struct printer *printer, uint64_t address)
{
	const struct sdb_context *context = printer->context;
	char *name;
	uint64_t offset;
	text_add_format(&printer->text, "0x%llx", (unsigned long long)address);
	if (printer->options.no_symbols || !context->ops->symbol || address == 0)
		return;
	struct sdb_error *error = context->ops->symbol(context->arg, address, &name, &offset);
	if (error) { /* no name: an address is all there is to say */
		sdb_error_free(error);
		return;
	}
	text_add_format(&printer->text, " <%s", name);
	if (offset)
		text_add_format(&printer->text, "+%llu", (unsigned long long)offset);
	text_add(&printer->text, ">");
	free(name);
}

static struct sdb_error *put_pointer(struct printer *printer, struct sdb_value *value,
				     uint64_t address)
{
	const struct sdb_type *type;
	unsigned width;
	char prefix;
	struct sdb_error *error = value_stripped(value, &type);
	if (!error)
		error = value_character(value, type->target, &width, &prefix);
	if (error)
		return error;
	print_address(printer, address);
	if (!width || !address || printer->options.no_strings)
		return NULL;
	text_add(&printer->text, " ");
	return print_pointed_string(printer, address, width, prefix);
}

/* Itanium C++ ABI 2.3: the offset of a data member; -1: none. */
static struct sdb_error *put_member_name(struct printer *printer, const struct sdb_value *value,
					 const struct sdb_type *class, number_signed offset)
{
	const char *name;
	char *qualified;
	for (size_t i = 0; i < class->member_count; i++) {
		const struct sdb_member *member = &class->members[i];
		if (member->kind != SDB_MEMBER_FIELD || member->flags & SDB_MEMBER_STATIC
		    || !member->name
		    || member->bit_offset != (uint64_t)offset * 8)
			continue;
		struct sdb_error *error = sdb_qualified_name(value->db,
							     (struct sdb_entity){ SDB_ENTITY_TYPE,
										  class->id },
							     &qualified);
		if (!error)
			error = types_text(value->types, value->db, member->name, &name);
		if (!error)
			text_add_format(&printer->text, "&%s::%s", qualified, name);
		free(error ? NULL : qualified);
		return error;
	}
	text_decimal(&printer->text, offset, true);
	return NULL;
}

struct method_search {
	const struct sdb_value *value;
	uint64_t index;
	sdb_function_id found;
};

static struct sdb_error *take_method(void *arg, struct sdb_entity entity)
{
	struct method_search *search = arg;
	struct sdb_function *function;
	const char *name;
	if (entity.kind != SDB_ENTITY_FUNCTION)
		return NULL;
	struct sdb_error *error = sdb_function(search->value->db, entity.id, false, &function);
	if (error)
		return error;
	if (function->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL)
	    && function->virtual_index == search->index) {
		error = types_text(search->value->types, search->value->db, function->name, &name);
		/*
		 * clang numbers destructors as what stands in front of them; nothing points to
		 * those.
		 */
		if (!error && (!search->found || name[0] != '~'))
			search->found = entity.id;
	}
	sdb_function_free(function);
	return error;
}

/* `&virtual A::v()`, the method of the class with that place in the virtual table. */
static struct sdb_error *put_virtual_method(struct printer *printer, const struct sdb_value *value,
					    const struct sdb_type *class, uint64_t offset)
{
	struct method_search search = { value, offset / types_address_size(value->db), 0 };
	char *name;
	struct sdb_error *error = class->id && class->id < TYPES_OWN
		? sdb_children(value->db, class->id, take_method, &search) : NULL;
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	sdb_error_free(error);
	if (!search.found) {
		text_add_format(&printer->text, "&virtual table offset %llu",
			    (unsigned long long)offset);
		return NULL;
	}
	error = sdb_qualified_name(value->db, (struct sdb_entity){ SDB_ENTITY_FUNCTION,
								   search.found }, &name);
	if (error)
		return error;
	text_add_format(&printer->text, "&virtual %s%s", name, strchr(name, '(') ? "" : "()");
	free(name);
	return NULL;
}

/* A pointer to a member function: an address, or one more than an offset in the virtual table. */
static struct sdb_error *put_method_pointer(struct printer *printer, const struct sdb_value *value,
					    const struct sdb_type *class)
{
	size_t half = (size_t)value->size / 2;
	bool big = types_big_endian(value->db);
	uint64_t pointer = (uint64_t)number_get(value->bytes, half, big);
	number_signed adjustment = number_extend(number_get(value->bytes + half, half, big),
						 (unsigned)half * 8);
	struct sdb_error *error = NULL;
	if (pointer & 1) {
		error = put_virtual_method(printer, value, class, pointer - 1);
	} else if (pointer == 0) {
		text_add(&printer->text, "NULL");
	} else {
		text_add(&printer->text, "(");
		error = declare(value->types, value->db, value->type, 0, NULL, &printer->text);
		text_add(&printer->text, ") ");
		print_address(printer, pointer);
	}
	if (adjustment) {
		text_add(&printer->text, ", this adjustment ");
		text_decimal(&printer->text, adjustment, true);
	}
	return error;
}

static struct sdb_error *put_member_pointer(struct printer *printer, struct sdb_value *value)
{
	const struct sdb_type *type, *class;
	struct sdb_error *error = value_stripped(value, &type);
	if (!error)
		error = types_strip(value->types, value->db, type->containing, &class);
	if (error)
		return error;
	if (value->size > 8)
		return put_method_pointer(printer, value, class);
	number_signed offset = number_extend(number_get(value->bytes, (size_t)value->size,
							types_big_endian(value->db)),
								(unsigned)value->size * 8);
	if (offset != -1)
		return put_member_name(printer, value, class, offset);
	text_add(&printer->text, "NULL");
	return NULL;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static struct sdb_error *put_integer(struct printer *printer, struct sdb_value *value,
				     number_signed number,
				     bool is_signed)
{
	unsigned width = 0;
	char prefix = 0;
	struct sdb_error *error = value->bit_size ? NULL
		: value_character(value, value->type, &width, &prefix);
	if (error)
		return error;
	number_bits bits = number_mask((number_bits)number, (unsigned)value->size * 8);
	if (printer->options.hexadecimal && bits >> 64)
		text_add_format(&printer->text, "0x%llx%016llx", (unsigned long long)(bits >> 64),
			    (unsigned long long)bits);
	else if (printer->options.hexadecimal)
		text_add_format(&printer->text, "0x%llx", (unsigned long long)bits);
	else
		text_decimal(&printer->text, number, is_signed);
	if (width) {
		text_add(&printer->text, " ");
		print_character(printer, (uint32_t)bits, width, prefix);
	}
	return NULL;
}

static void put_complex(struct printer *printer, const struct sdb_value *value,
			enum number_format format,
			bool is_signed)
{
	size_t half = (size_t)value->size / 2;
	bool big = types_big_endian(value->db);
	for (unsigned i = 0; i < 2; i++) {
		number_bits bits = number_get(value->bytes + i * half, half, big);
		text_add(&printer->text, i ? " + " : "");
		if (value->missing && value->missing[i * half])
			print_absent(printer, value);
		else if (format)
			print_real(&printer->text, bits, format);
		else
			text_decimal(&printer->text, is_signed
				     ? number_extend(bits, (unsigned)half * 8)
				     : (number_signed)bits, is_signed);
	}
	text_add(&printer->text, "i");
}

static struct sdb_error *put_number(struct printer *printer, struct sdb_value *value,
				    enum value_class class,
				    bool is_signed)
{
	number_signed number;
	bool done = false;
	struct sdb_error *error = value_integer(value, printer->context, &number);
	if (!error && value->kind == SDB_TYPE_ENUM)
		error = print_enumerators(printer, value, number, &done);
	if (error || done)
		return error;
	if (class == VALUE_BOOLEAN && (number == 0 || number == 1)) {
		text_add(&printer->text, number ? "true" : "false");
		return NULL;
	}
	if (value->kind == SDB_TYPE_UNSPECIFIED) {
		text_decimal(&printer->text, number, false);
		return NULL;
	}
	if (value->kind == SDB_TYPE_ENUM) /* gdb prints what is no enumerator as a signed number */
		return number = number_extend((number_bits)number, 64),
		       text_decimal(&printer->text, number, true), NULL;
	return class == VALUE_POINTER ? put_pointer(printer, value, (uint64_t)number)
		: put_integer(printer, value, number, is_signed);
}

static void put_bytes_of(struct printer *printer, const struct sdb_value *value)
{
	text_add(&printer->text, "0x");
	for (uint64_t i = 0; i < value->size && i < 64; i++)
		text_add_format(&printer->text, "%02x", value->bytes[i]);
}

struct sdb_error *print_scalar(struct printer *printer, struct sdb_value *value)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	if (value->kind == SDB_TYPE_MEMBER_POINTER)
		return put_member_pointer(printer, value);
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	switch (class) {
	case VALUE_REAL:
		print_real(&printer->text, number_get(value->bytes, (size_t)value->size,
						      types_big_endian(value->db)), format);
		return NULL;
	case VALUE_COMPLEX:
		put_complex(printer, value, format, is_signed);
		return NULL;
	case VALUE_NOT_NUMBER:
		put_bytes_of(printer, value);
		return NULL;
	default:
		return put_number(printer, value, class, is_signed);
	}
}
