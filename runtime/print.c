/* SPDX-License-Identifier: MIT */
/* Structures, arrays, and what is common to all values. */
#include "declare.h"
#include "print.h"

#include <stdlib.h>
#include <string.h>

#define MAX_RUN 65536u /* equal elements that are counted: there may be any number of empty ones */

void print_init(struct printer *printer, const struct sdb_context *context,
		const struct sdb_print_options *options)
{
	*printer = (struct printer){ .context = context };
	if (context->types && context->code)
		types_use_unit(context->types, context->db, context->code->unit);
	if (options)
		printer->options = *options;
	struct sdb_print_options *own = &printer->options;
	own->elements = own->elements ? own->elements : 200;
	own->elements = own->elements > 1u << 20 ? 1u << 20 : own->elements;
	own->repeats = own->repeats ? own->repeats : 10;
	own->depth = own->depth ? own->depth : 20;
	own->depth = own->depth > 64 ? 64 : own->depth;
	own->size = own->size ? own->size : 1u << 20;
}

void print_deinit(struct printer *printer)
{
	if (printer->unicode)
		freelocale(printer->unicode);
	buffer_deinit(&printer->text);
}

struct sdb_error *print_take(struct printer *printer, struct sdb_error *error, char **text_ret)
{
	if (!error)
		error = text_take(&printer->text, text_ret);
	print_deinit(printer);
	return error;
}

bool print_full(const struct printer *printer)
{
	return printer->text.failed || printer->text.size >= printer->options.size;
}

/* ---- what is not there ----------------------------------------------------------------------- */

static const char *words(enum sdb_absence absence)
{
	switch (absence) {
	case SDB_ABSENT_OPTIMIZED_OUT: case SDB_ABSENT_ENTRY_VALUE: return "optimized out";
	default: return sdb_absence_text(absence);
	}
}

void print_absent(struct printer *printer, const struct sdb_value *value)
{
	uint64_t address;
	if (value->absence == SDB_ABSENT_MEMORY && !printer->options.reasons
	    && sdb_value_address(value, &address))
		text_add_format(&printer->text, "<error: Cannot access memory at address 0x%llx>",
			    (unsigned long long)address);
	else if (printer->options.reasons && value->why)
		text_add_format(&printer->text, "<%s: %s>", sdb_absence_text(value->absence),
			    value->why);
	else
		text_add_format(&printer->text, "<%s>", printer->options.reasons
			    ? sdb_absence_text(value->absence)
			    : words(value->absence));
}

/* ---- structures ------------------------------------------------------------------------------ */

/* A virtual base is printed where it is met first (gdb's cp-valprint.c). */
static bool skip_base(struct printer *printer, const struct sdb_member *member)
{
	if (!(member->flags & SDB_MEMBER_VIRTUAL))
		return false;
	for (unsigned i = 0; i < printer->base_count; i++)
		if (printer->bases[i] == member->type)
			return true;
	if (printer->base_count < PRINT_MAX_BASES)
		printer->bases[printer->base_count++] = member->type;
	return false;
}

static struct sdb_error *put_member_head(struct printer *printer, const struct sdb_value *value,
					 const struct sdb_member *member)
{
	const char *name;
	struct sdb_error *error;
	if (member->kind == SDB_MEMBER_BASE) {
		const struct sdb_type *base;
		text_add(&printer->text, "<");
		error = types_strip(value->types, value->db, member->type, &base);
		if (!error)
			error = declare(value->types, value->db, base->id, 0, NULL, &printer->text);
		text_add(&printer->text, "> = ");
		return error;
	}
	if (member->flags & SDB_MEMBER_STATIC)
		text_add(&printer->text, "static ");
	error = types_text(value->types, value->db, member->name, &name);
	if (!error && *name) {
		text_add(&printer->text, name);
		text_add(&printer->text, " = ");
	}
	return error;
}

static struct sdb_error *put_member(struct printer *printer, struct sdb_value *value,
				    const struct sdb_member *member, size_t index)
{
	struct sdb_value part;
	(void)index;
	if (member->kind == SDB_MEMBER_BASE && skip_base(printer, member))
		return NULL;
	text_add(&printer->text, text_last(&printer->text) == '{' ? "" : ", ");
	struct sdb_error *error = put_member_head(printer, value, member);
	if (!error)
		error = value_member_part(value, printer->context, member, &part);
	if (error)
		return error;
	/* Structures outside of this one have virtual bases of their own. */
	unsigned bases = printer->base_count;
	if (member->kind != SDB_MEMBER_BASE)
		printer->base_count = 0;
	error = print_value(printer, &part, true);
	if (member->kind != SDB_MEMBER_BASE)
		printer->base_count = bases;
	value_deinit(&part);
	return error;
}

static struct sdb_error *put_structure(struct printer *printer, struct sdb_value *value)
{
	const struct sdb_type *type;
	bool fields = false;
	struct sdb_error *error = value_stripped(value, &type);
	for (size_t i = 0; !error && i < type->member_count; i++)
		fields |= type->members[i].kind != SDB_MEMBER_BASE;
	text_add(&printer->text, "{");
	if (!error)
		error = print_members(printer, value, put_member);
	if (!error && !fields && !print_full(printer))
		text_add(&printer->text,
			 text_last(&printer->text) == '{' ? "<No data fields>"
							  : ", <No data fields>");
	text_add(&printer->text, print_full(printer) ? "...}" : "}");
	return error;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Counts how many elements from INDEX on, below END, are equal to ELEMENT, up to MAX_RUN. */
static struct sdb_error *count_equal(struct printer *printer, struct sdb_value *array,
				     uint64_t index,
				     uint64_t end, const struct sdb_value *element,
				     uint64_t *count_ret)
{
	*count_ret = 1;
	for (bool same = true; same && index + *count_ret < end && *count_ret < MAX_RUN;) {
		struct sdb_value next;
		struct sdb_error *error = value_element_part(array, printer->context, index
							     + *count_ret, &next);
		if (!error)
			error = value_load(&next, printer->context);
		if (error)
			return error;
		same = value_same(element, &next);
		*count_ret += same;
		value_deinit(&next);
	}
	return NULL;
}

static struct sdb_error *put_elements(struct printer *printer, struct sdb_value *array,
				      uint64_t count)
{
	uint64_t printed = 0, index = 0;
	text_add(&printer->text, "{");
	while (index < count && printed < printer->options.elements && !print_full(printer)) {
		struct sdb_value element;
		uint64_t repeats = 1;
		struct sdb_error *error = value_element_part(array, printer->context, index,
							     &element);
		if (error)
			return error;
		error = value_load(&element, printer->context);
		if (!error)
			error = count_equal(printer, array, index, count, &element, &repeats);
		text_add(&printer->text, index ? ", " : "");
		if (!error)
			error = print_value(printer, &element, true);
		value_deinit(&element);
		if (error)
			return error;
		bool counted = repeats > printer->options.repeats;
		if (counted)
			text_add_format(&printer->text, " <repeats %llu times>",
				    (unsigned long long)repeats);
		printed += counted ? printer->options.repeats : 1;
		index += counted ? repeats : 1;
		if (repeats >= MAX_RUN) /* what follows has not been looked at */
			break;
	}
	text_add(&printer->text, index < count ? "..." : "");
	text_add(&printer->text, "}");
	return NULL;
}

static struct sdb_error *put_array(struct printer *printer, struct sdb_value *array, bool cut)
{
	struct print_array shape;
	struct sdb_error *error = print_measure(array, cut, &shape);
	if (error)
		return error;
	if (!shape.width)
		return put_elements(printer, array, shape.count);
	print_string(printer,
		     &(struct characters){ array->bytes, (size_t)shape.count, shape.width,
					   shape.prefix, types_big_endian(array->db), cut });
	return NULL;
}

/* An array without a length: gdb shows its address, and the text there. */
static struct sdb_error *put_unbounded(struct printer *printer, struct sdb_value *array,
				       bool *done_ret)
{
	const struct sdb_type *type;
	unsigned width;
	char prefix;
	uint64_t address;
	struct sdb_error *error = value_stripped(array, &type);
	*done_ret = !error && type->dimension_count && sdb_value_address(array, &address)
		&& type->dimensions[array->dimension].kind == SDB_DIMENSION_UNBOUNDED;
	if (error || !*done_ret)
		return error;
	print_address(printer, address);
	error = value_character(array, type->target, &width, &prefix);
	if (error || !width || type->dimension_count != 1)
		return error;
	text_add(&printer->text, " ");
	return print_pointed_string(printer, address, width, prefix);
}

/* ---- anything -------------------------------------------------------------------------------- */

struct sdb_error *print_load(struct printer *printer, struct sdb_value *value,
			     struct sdb_value *cut_ret,
			     bool *is_cut_ret)
{
	sdb_type_id type;
	unsigned dimension;
	uint64_t size;
	bool known;
	*is_cut_ret = value->kind == SDB_TYPE_ARRAY && value->sized && value->size > VALUE_MAX_SIZE
		&& !value->loaded;
	if (!*is_cut_ret)
		return types_is_structure(value->kind) && value->size > VALUE_MAX_SIZE ? NULL
			: value_load(value, printer->context);
	struct sdb_error *error = value_element_shape(value, &type, &dimension, &size, &known);
	if (error || !known || size == 0 || size > VALUE_MAX_SIZE) {
		*is_cut_ret = false; /* elements are read one by one */
		return error;
	}
	error = value_part(value, printer->context, value->type, value->dimension, 0, 0, cut_ret);
	if (error)
		return error;
	cut_ret->size = VALUE_MAX_SIZE - VALUE_MAX_SIZE % size;
	error = value_load(cut_ret, printer->context);
	if (error)
		value_deinit(cut_ret);
	return error;
}

static struct sdb_error *put_reference(struct printer *printer, struct sdb_value *value,
				       bool inside)
{
	struct sdb_value *target;
	uint64_t address;
	struct sdb_error *error = sdb_value_unsigned(value, printer->context, &address);
	if (error)
		return error;
	text_add_format(&printer->text, "@0x%llx", (unsigned long long)address);
	if (inside)
		return NULL;
	text_add(&printer->text, ": ");
	error = sdb_value_follow(value, printer->context, &target);
	if (error)
		return error;
	error = value_load_parts(target, printer->context);
	/* Where nothing can be read that is said once; some of it would look as if it were there. */
	if (!error && target->absence == SDB_ABSENT_MEMORY && value_all_missing(target))
		print_absent(printer, target);
	else if (!error)
		error = print_value(printer, target, true);
	sdb_value_free(target);
	return error;
}

/*
 * A reference without an address leads to something that may have one. As in gdb that is shown for
 * `&` alone, and its parts one by one although all may be missing.
 */
static struct sdb_error *put_implicit(struct printer *printer, struct sdb_value *value, bool inside)
{
	struct sdb_value *target;
	uint64_t address;
	bool rvalue = value->kind == SDB_TYPE_RVALUE_REFERENCE;
	struct sdb_error *error = sdb_value_follow(value, printer->context, &target);
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	if (!error && !rvalue && sdb_value_address(target, &address))
		text_add_format(&printer->text, "@0x%llx", (unsigned long long)address);
	else
		print_absent(printer, value);
	if (error) {
		sdb_error_free(error);
		return NULL;
	}
	if (!inside && !rvalue) {
		text_add(&printer->text, ": ");
		error = value_load_parts(target, printer->context);
		if (!error)
			error = print_value(printer, target, true);
	}
	sdb_value_free(target);
	return error;
}

static struct sdb_error *put_function(struct printer *printer, struct sdb_value *value)
{
	uint64_t address;
	text_add(&printer->text, "{");
	struct sdb_error *error = declare(value->types, value->db, value->type, 0, NULL,
					  &printer->text);
	text_add(&printer->text, "} ");
	if (sdb_value_address(value, &address))
		print_address(printer, address);
	return error;
}

static struct sdb_error *put_loaded(struct printer *printer, struct sdb_value *value, bool inside,
				    bool cut)
{
	if (types_is_structure(value->kind) || value->kind == SDB_TYPE_ARRAY) {
		if (printer->depth >= printer->options.depth) {
			text_add(&printer->text, "{...}");
			return NULL;
		}
		printer->depth++;
		struct sdb_error *error = value->kind == SDB_TYPE_ARRAY
			? put_array(printer, value, cut)
			: put_structure(printer, value);
		printer->depth--;
		return error;
	}
	if (types_is_reference(value->kind))
		return put_reference(printer, value, inside);
	return print_scalar(printer, value);
}

/* A complex number is shown by halves, of which one may be missing. */
static bool is_complex(const struct sdb_value *value)
{
	enum value_class class = VALUE_NOT_NUMBER;
	enum number_format format;
	bool is_signed;
	if (value->kind == SDB_TYPE_BASE)
		sdb_error_free(value_class(value, &class, &is_signed, &format));
	return class == VALUE_COMPLEX;
}

struct sdb_error *print_value(struct printer *printer, struct sdb_value *value, bool inside)
{
	struct sdb_value cut;
	bool is_cut;
	if (value->kind == SDB_TYPE_FUNCTION)
		return put_function(printer, value);
	if (value->kind == SDB_TYPE_NONE) { /* a symbol without debuginfo, or what a function returns that returns nothing */
		uint64_t address;
		text_add(&printer->text, sdb_value_address(value, &address) ? "<no debuginfo>" : "void");
		return NULL;
	}
	bool done = false;
	struct sdb_error *error = NULL;
	if (value->kind == SDB_TYPE_ARRAY && !value->sized)
		error = put_unbounded(printer, value, &done);
	if (!error && !done)
		error = print_load(printer, value, &cut, &is_cut);
	if (error || done)
		return error;
	struct sdb_value *loaded = is_cut ? &cut : value;
	bool scalar = !types_is_structure(value->kind) && value->kind != SDB_TYPE_ARRAY
		&& !is_complex(value);
	/*
	 * As in gdb: only a whole variable is called optimized out, what is inside of one part by
	 * part.
	 */
	bool in_parts = !scalar && loaded->missing
		&& (inside || loaded->absence == SDB_ABSENT_POINTER);
	if (loaded->loaded && !in_parts
	    && (value_all_missing(loaded) || (scalar && value_any_missing(loaded))))
		error = types_is_reference(value->kind) && value_implicit(loaded)
			? put_implicit(printer, loaded, inside)
			: (print_absent(printer, loaded), NULL);
	else
		error = put_loaded(printer, loaded, inside, is_cut);
	if (is_cut)
		value_deinit(&cut);
	return error;
}

/* Whether VALUE points to what gdb shows as text without saying its type. */
static struct sdb_error *points_to_text(const struct sdb_value *value, bool *text_ret)
{
	static const char *const textual[] = { "char", "wchar_t", "char16_t", "char32_t" };
	const struct sdb_type *type;
	const char *name;
	*text_ret = false;
	struct sdb_error *error = types_unqualified(value->types, value->db, value->type, &type);
	if (error || type->kind != SDB_TYPE_POINTER)
		return error;
	error = types_unqualified(value->types, value->db, type->target, &type);
	if (!error)
		error = types_name(value->types, value->db, type, &name);
	for (size_t i = 0; !error && i < sizeof(textual) / sizeof(textual[0]); i++)
		*text_ret |= strcmp(name, textual[i]) == 0;
	return error;
}

/* What the command `print` of gdb puts in front: `(struct point *) `, not for plain text. */
static struct sdb_error *put_top(struct printer *printer, struct sdb_value *value)
{
	bool is_text;
	if (value->kind != SDB_TYPE_POINTER && !types_is_reference(value->kind))
		return NULL;
	struct sdb_error *error = value_load(value, printer->context);
	if (!error)
		error = points_to_text(value, &is_text);
	bool shown = !value->absence || value->absence == SDB_ABSENT_POINTER;
	if (error || is_text || !shown)
		return error;
	text_add(&printer->text, "(");
	error = declare(value->types, value->db, value->type, 0, NULL, &printer->text);
	text_add(&printer->text, ") ");
	return error;
}

struct sdb_error *sdb_value_print(struct sdb_value *value, const struct sdb_context *context,
				  const struct sdb_print_options *options, char **text_ret)
{
	TYPES_HOLD(value->types);
	struct printer printer;
	print_init(&printer, context, options);
	struct sdb_error *error = printer.options.top ? put_top(&printer, value) : NULL;
	if (!error)
		error = print_value(&printer, value, false);
	return print_take(&printer, error, text_ret);
}
