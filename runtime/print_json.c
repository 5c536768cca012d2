/* SPDX-License-Identifier: MIT */
/* Values as JSON: docs/values.md says what becomes what. */
#include "print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *put_value(struct printer *printer, struct sdb_value *value);

static bool is_exact(number_signed number)
{
	const number_signed most = (number_signed)1 << 53;
	return number >= -most && number <= most;
}

/* Numbers that a double cannot hold are strings. */
static void put_integer(struct printer *printer, number_signed number, bool is_signed)
{
	bool exact = is_exact(number);
	text_add(&printer->text, exact ? "" : "\"");
	text_decimal(&printer->text, number, is_signed);
	text_add(&printer->text, exact ? "" : "\"");
}

static void put_text(struct buffer *text, const uint8_t *bytes, size_t size)
{
	put_u8(text, '"');
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '"' || bytes[i] == '\\')
			put_u8(text, '\\');
		if (bytes[i] < 0x20 || bytes[i] == 0x7f)
			text_add_format(text, "\\u%04x", bytes[i]);
		else
			put_u8(text, bytes[i]);
	}
	put_u8(text, '"');
}

static void put_words(struct buffer *text, const char *words)
{
	put_text(text, (const uint8_t *)words, strlen(words));
}

static void put_absent(struct printer *printer, const struct sdb_value *value)
{
	text_add(&printer->text, "{\"absent\":");
	put_words(&printer->text, sdb_absence_text(value->absence));
	if (value->why) {
		text_add(&printer->text, ",\"why\":");
		put_words(&printer->text, value->why);
	}
	text_add(&printer->text, "}");
}

/* ---- texts ---------------------------------------------------------------------------------- */

static bool is_utf8(const uint8_t *bytes, size_t size)
{
	size_t length;
	for (size_t i = 0; i < size; i += length)
		if ((!print_decode(bytes + i, size - i, &length) && bytes[i]) || length == 0)
			return false;
	return true;
}

static void put_hexadecimal(struct printer *printer, const uint8_t *bytes, size_t size)
{
	text_add(&printer->text, "{\"bytes\":\"");
	for (size_t i = 0; i < size; i++)
		text_add_format(&printer->text, "%02x", bytes[i]);
	text_add(&printer->text, "\"}");
}

/* An array of characters: a string when it is one with nothing but zeroes behind it. */
static void put_characters(struct printer *printer, const uint8_t *bytes, size_t size)
{
	const uint8_t *end = memchr(bytes, 0, size);
	size_t length = end ? (size_t)(end - bytes) : size;
	bool clean = is_utf8(bytes, length);
	for (size_t i = length; i < size && clean; i++)
		clean = bytes[i] == 0;
	if (clean)
		put_text(&printer->text, bytes, length);
	else
		put_hexadecimal(printer, bytes, size);
}

static struct sdb_error *put_pointed_text(struct printer *printer, struct sdb_value *value)
{
	char *text;
	size_t length;
	bool cut;
	struct sdb_error *error = sdb_value_string(value, printer->context,
						   printer->options.elements, &text,
						   &length, &cut);
	if (error && sdb_error_code(error) == SDB_ERROR_MEMORY)
		return error;
	if (error) { /* the address is all there is */
		sdb_error_free(error);
		return NULL;
	}
	text_add(&printer->text, ",\"string\":");
	put_characters(printer, (const uint8_t *)text, length);
	if (cut)
		text_add(&printer->text, ",\"cut\":true");
	free(text);
	return NULL;
}

/* ---- scalars --------------------------------------------------------------------------------- */

static struct sdb_error *put_pointer(struct printer *printer, struct sdb_value *value,
				     uint64_t address)
{
	const struct sdb_context *context = printer->context;
	const struct sdb_type *type;
	unsigned width = 0;
	char prefix, *name;
	uint64_t offset;
	struct sdb_error *error = value_stripped(value, &type);
	if (!error && value->kind == SDB_TYPE_POINTER)
		error = value_character(value, type->target, &width, &prefix);
	if (error)
		return error;
	text_add_format(&printer->text, "{\"pointer\":\"0x%llx\"", (unsigned long long)address);
	if (address && context->ops->symbol && !printer->options.no_symbols) {
		error = context->ops->symbol(context->arg, address, &name, &offset);
		if (!error) {
			text_add(&printer->text, ",\"symbol\":");
			put_words(&printer->text, name);
			text_add_format(&printer->text, ",\"offset\":%llu",
					(unsigned long long)offset);
			free(name);
		}
		sdb_error_free(error);
		error = NULL;
	}
	if (width == 1 && address && !printer->options.no_strings)
		error = put_pointed_text(printer, value);
	text_add(&printer->text, "}");
	return error;
}

static struct sdb_error *put_enumeration(struct printer *printer, struct sdb_value *value,
					 number_signed number, bool is_signed)
{
	struct printer words = { .context = printer->context, .options = printer->options };
	char *text;
	bool done;
	struct sdb_error *error = print_enumerators(&words, value, number, &done);
	error = print_take(&words, error, &text);
	if (error)
		return error;
	text_add(&printer->text, "{\"number\":");
	put_integer(printer, number, is_signed);
	if (done) {
		text_add(&printer->text, ",\"enum\":");
		put_words(&printer->text, text);
	}
	text_add(&printer->text, "}");
	free(text);
	return NULL;
}

static void put_real(struct printer *printer, number_bits bits, enum number_format format)
{
	bool finite = isfinite(number_to_real(bits, format)) && format <= NUMBER_DOUBLE;
	text_add(&printer->text, finite ? "" : "\"");
	print_real(&printer->text, bits, format);
	text_add(&printer->text, finite ? "" : "\"");
}

static void put_complex(struct printer *printer, const struct sdb_value *value,
			enum number_format format,
			bool is_signed)
{
	size_t half = (size_t)value->size / 2;
	text_add(&printer->text, "[");
	for (unsigned i = 0; i < 2; i++) {
		number_bits bits = number_get(value->bytes + i * half, half,
					      types_big_endian(value->db));
		text_add(&printer->text, i ? "," : "");
		if (format)
			put_real(printer, bits, format);
		else
			put_integer(printer, is_signed ? number_extend(bits, (unsigned)half * 8)
				    : (number_signed)bits,
				    is_signed);
	}
	text_add(&printer->text, "]");
}

/* What has no form of its own in JSON is the text that print makes of it. */
static struct sdb_error *put_printed(struct printer *printer, struct sdb_value *value)
{
	struct printer words = { .context = printer->context, .options = printer->options };
	char *text;
	struct sdb_error *error = print_value(&words, value, true);
	error = print_take(&words, error, &text);
	if (error)
		return error;
	put_words(&printer->text, text);
	free(text);
	return NULL;
}

static struct sdb_error *put_scalar(struct printer *printer, struct sdb_value *value)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	number_signed number;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error)
		return error;
	if (class == VALUE_NOT_NUMBER || value->kind == SDB_TYPE_MEMBER_POINTER)
		return put_printed(printer, value);
	if (class == VALUE_REAL) {
		put_real(printer, number_get(value->bytes, (size_t)value->size,
					     types_big_endian(value->db)), format);
		return NULL;
	}
	if (class == VALUE_COMPLEX) {
		put_complex(printer, value, format, is_signed);
		return NULL;
	}
	error = value_integer(value, printer->context, &number);
	if (error)
		return error;
	if (class == VALUE_POINTER)
		return put_pointer(printer, value, (uint64_t)number);
	if (value->kind == SDB_TYPE_ENUM)
		return put_enumeration(printer, value, number, is_signed);
	if (class == VALUE_BOOLEAN && (number == 0 || number == 1))
		text_add(&printer->text, number ? "true" : "false");
	else
		put_integer(printer, number, is_signed);
	return NULL;
}

/* ---- structures and arrays ------------------------------------------------------------------- */

/* Members without a name (anonymous unions, bases) are called `<N>` or `<Base>`. */
static struct sdb_error *put_key(struct printer *printer, const struct sdb_value *value,
				 const struct sdb_member *member, size_t index)
{
	const char *name;
	struct sdb_error *error = NULL;
	if (member->kind == SDB_MEMBER_BASE) {
		const struct sdb_type *base;
		error = types_get(value->types, value->db, member->type, &base);
		if (!error)
			error = types_name(value->types, value->db, base, &name);
	} else {
		error = types_text(value->types, value->db, member->name, &name);
	}
	if (error)
		return error;
	char number[32];
	snprintf(number, sizeof(number), "<%zu>", index);
	if (member->kind == SDB_MEMBER_BASE && *name) {
		struct buffer key = { 0 };
		text_add_format(&key, "<%s>", name);
		put_text(&printer->text, key.data, key.size);
		buffer_deinit(&key);
	} else {
		put_words(&printer->text, *name ? name : number);
	}
	text_add(&printer->text, ":");
	return NULL;
}

static struct sdb_error *put_member(struct printer *printer, struct sdb_value *whole,
				    const struct sdb_member *member, size_t index)
{
	struct sdb_value part;
	text_add(&printer->text, text_last(&printer->text) == '{' ? "" : ",");
	struct sdb_error *error = put_key(printer, whole, member, index);
	if (!error)
		error = value_member_part(whole, printer->context, member, &part);
	if (error)
		return error;
	error = put_value(printer, &part);
	value_deinit(&part);
	return error;
}

static struct sdb_error *put_members(struct printer *printer, struct sdb_value *value)
{
	text_add(&printer->text, "{");
	struct sdb_error *error = print_members(printer, value, put_member);
	text_add(&printer->text, "}");
	return error;
}

static struct sdb_error *put_elements(struct printer *printer, struct sdb_value *array, bool cut)
{
	struct print_array shape;
	uint64_t i;
	struct sdb_error *error = print_measure(array, cut, &shape);
	if (error)
		return error;
	if (shape.width == 1 && array->bytes) {
		put_characters(printer, array->bytes, (size_t)shape.count);
		return NULL;
	}
	text_add(&printer->text, "[");
	for (i = 0; !error && i < shape.count && i < printer->options.elements
	     && !print_full(printer); i++) {
		struct sdb_value part;
		text_add(&printer->text, i ? "," : "");
		error = value_element_part(array, printer->context, i, &part);
		if (!error) {
			error = put_value(printer, &part);
			value_deinit(&part);
		}
	}
	if (!error && (i < shape.count || cut))
		text_add(&printer->text, i ? ",{\"absent\":\"more elements\"}"
			 : "{\"absent\":\"more elements\"}");
	text_add(&printer->text, "]");
	return error;
}

static struct sdb_error *put_loaded(struct printer *printer, struct sdb_value *value, bool cut)
{
	bool array = value->kind == SDB_TYPE_ARRAY;
	if (!array && !types_is_structure(value->kind))
		return put_scalar(printer, value);
	if (printer->depth >= printer->options.depth || print_full(printer)) {
		text_add(&printer->text, "{\"absent\":\"nested too deep, or too much\"}");
		return NULL;
	}
	printer->depth++;
	struct sdb_error *error = array ? put_elements(printer, value, cut)
		: put_members(printer, value);
	printer->depth--;
	return error;
}

static struct sdb_error *put_value(struct printer *printer, struct sdb_value *value)
{
	struct sdb_value cut;
	bool is_cut;
	if (value->kind == SDB_TYPE_FUNCTION || value->kind == SDB_TYPE_NONE)
		return put_printed(printer, value);
	struct sdb_error *error = print_load(printer, value, &cut, &is_cut);
	if (error)
		return error;
	struct sdb_value *loaded = is_cut ? &cut : value;
	bool scalar = !types_is_structure(value->kind) && value->kind != SDB_TYPE_ARRAY;
	if (loaded->loaded && (value_all_missing(loaded) || (scalar && value_any_missing(loaded))))
		put_absent(printer, loaded);
	else
		error = put_loaded(printer, loaded, is_cut);
	if (is_cut)
		value_deinit(&cut);
	return error;
}

struct sdb_error *sdb_value_json(struct sdb_value *value, const struct sdb_context *context,
				 const struct sdb_print_options *options, char **text_ret)
{
	TYPES_HOLD(value->types);
	struct printer printer;
	print_init(&printer, context, options);
	struct sdb_error *error = put_value(&printer, value);
	return print_take(&printer, error, text_ret);
}
