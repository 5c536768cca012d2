/* SPDX-License-Identifier: MIT */
/* Constants, names, parentheses, casts; subscripts. */
#include "expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ----------------------------------------------------------------------------------- */

static bool begins_name(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static size_t word_length(const char *text)
{
	size_t length = 0;
	while (begins_name(text[length]) || (length && isdigit((unsigned char)text[length])))
		length++;
	return length;
}

/* Length of `<...>` at TEXT when it is template arguments, which `::` follows; else 0. */
static size_t template_length(const char *text)
{
	size_t depth = 0, i = 0;
	if (text[0] != '<')
		return 0;
	for (; text[i]; i++) {
		depth += text[i] == '<';
		depth -= text[i] == '>';
		if (depth == 0)
			break;
	}
	return text[i] && text[i + 1] == ':' && text[i + 2] == ':' ? i + 1 : 0;
}

size_t expr_name_length(const char *text)
{
	size_t length = text[0] == ':' && text[1] == ':' ? 2 : 0;
	for (;;) {
		size_t word = word_length(text + length + (text[length] == '~'));
		if (word == 0)
			return 0;
		length += word + (text[length] == '~');
		length += template_length(text + length);
		if (text[length] != ':' || text[length + 1] != ':'
		    || !begins_name(text[length + 2 + (text[length + 2] == '~')]))
			return length;
		length += 2;
	}
}

/* What may stand in front of a name: `file.c:`, `libm.so.6:`, `'any thing':`, `'file.c'::`. */
static size_t where_length(const struct parser *parser, size_t *skip_ret)
{
	const char *text = parser->at;
	size_t length = 0;
	if (text[0] == '\'') {
		const char *end = strchr(text + 1, '\'');
		if (!end || end[1] != ':' || (end[2] != ':' && parser->choosing))
			return 0;
		*skip_ret = end[2] == ':' ? 3 : 2;
		return (size_t)(end - text) - 1;
	}
	while (begins_name(text[length]) || (length && text[length]
					     && (isdigit((unsigned char)text[length])
									|| strchr("./+-",
										  text[length]))))
		length++;
	*skip_ret = 1;
	return length && text[length] == ':' && begins_name(text[length + 1]) && !parser->choosing
		? length : 0;
}

struct sdb_error *expr_name(struct parser *parser, char **where_ret, char **name_ret)
{
	const char *start = parser->at;
	size_t skip = 0, length = where_length(parser, &skip);
	*where_ret = *name_ret = NULL;
	if (length) {
		bool quoted = parser->at[0] == '\'';
		*where_ret = strndup(parser->at + quoted, length);
		parser->at += quoted + length + skip;
	}
	length = expr_name_length(parser->at);
	if (length)
		*name_ret = strndup(parser->at + (parser->at[0] == ':' ? 2 : 0),
				    length - (parser->at[0] == ':' ? 2 : 0));
	parser->at += length;
	if (!*name_ret) {
		bool short_of_memory = length != 0;
		free(*where_ret);
		*where_ret = NULL;
		parser->at = start;
		return short_of_memory ? value_no_memory() : NULL;
	}
	return NULL;
}

/* A value that a callback made with types of its own is used with the expression's from now on. */
static void adopt(struct parser *parser, struct sdb_value *value)
{
	if (value->types == parser->types || value->type >= TYPES_BASES)
		return;
	types_ref(parser->types);
	types_unref(value->types);
	value->types = parser->types;
}

static struct sdb_error *read_name(struct parser *parser, struct sdb_value **value_ret)
{
	const struct sdb_names *names = parser->names;
	char *where, *name;
	struct sdb_error *error = expr_name(parser, &where, &name);
	if (error)
		return error;
	if (!name)
		return expr_error(parser, "a value is missing");
	if (parser->skipping)
		error = expr_dummy(parser, value_ret);
	else if (!names)
		error = sdb_find_value(parser->context, where, name, value_ret);
	else if (names->value)
		error = names->value(names->arg, where, name, value_ret);
	else
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s is not known", name);
	free(where);
	free(name);
	if (!error)
		adopt(parser, *value_ret);
	return error;
}

/* As gdb has them: signed numbers. */
static struct sdb_error *register_of_context(struct parser *parser, const char *name, struct sdb_value **value_ret)
{
	const struct sdb_context *context = parser->context;
	uint64_t value;
	size_t size;
	struct sdb_error *error = context->ops->named_register(context->arg, name, &value, &size);
	if (error)
		return error;
	bool narrow = size <= sizeof(int32_t);
	return value_of_integer(context, parser->types, context->db, narrow ? TYPES_INT : TYPES_LONG_LONG,
				narrow ? (number_bits)(int32_t)value : (number_bits)(int64_t)value, value_ret);
}

static struct sdb_error *read_register(struct parser *parser, struct sdb_value **value_ret)
{
	char name[32];
	size_t length = 0;
	for (parser->at++; isalnum((unsigned char)*parser->at) || *parser->at == '_'; parser->at++)
		if (length + 1 < sizeof(name))
			name[length++] = *parser->at;
	name[length] = '\0';
	if (!length)
		return expr_error(parser, "a register's name is missing");
	if (parser->skipping)
		return expr_dummy(parser, value_ret);
	if ((!parser->names || !parser->names->reg) && parser->context->ops->named_register)
		return register_of_context(parser, name, value_ret);
	if (!parser->names || !parser->names->reg)
		return sdb_error_new(SDB_ERROR_NOT_FOUND,
				     "there are no registers called by name here: $%s", name);
	return parser->names->reg(parser->names->arg, name, value_ret);
}

/* ---- constants ------------------------------------------------------------------------------- */

static struct sdb_error *read_real(struct parser *parser, struct sdb_value **value_ret)
{
	char *end;
	long double real = strtold(parser->at, &end);
	sdb_type_id type = TYPES_DOUBLE;
	if (end == parser->at)
		return expr_error(parser, "a number cannot be read");
	if (*end == 'f' || *end == 'F')
		type = TYPES_FLOAT, real = (float)real, end++;
	else if (*end == 'l' || *end == 'L')
		type = TYPES_LONG_DOUBLE, end++;
	else
		real = (double)real;
	bool imaginary = *end == 'i' || *end == 'j';
	parser->at = end + imaginary;
	if (isalnum((unsigned char)*parser->at) || *parser->at == '_')
		return expr_error(parser, "a number cannot be read");
	if (!imaginary)
		return value_of_real(parser->context, parser->types, parser->context->db, type,
				     real, value_ret);
	sdb_type_id complex = type == TYPES_FLOAT ? TYPES_COMPLEX_FLOAT
		: type == TYPES_DOUBLE ? TYPES_COMPLEX_DOUBLE : TYPES_COMPLEX_LONG_DOUBLE;
	return value_of_complex(parser->context, parser->types, parser->context->db, complex,
				(struct value_complex){ 0, real }, value_ret);
}

/* The first type of C11, 6.4.4.1 that can hold NUMBER. */
static sdb_type_id constant_type(const struct parser *parser, uint64_t number, bool decimal,
				 bool is_unsigned,
				 bool is_long)
{
	bool wide = types_address_size(parser->context->db) == 8;
	if (!is_long && number <= INT32_MAX && !is_unsigned)
		return TYPES_INT;
	if (!is_long && number <= UINT32_MAX && (is_unsigned || !decimal))
		return TYPES_UNSIGNED_INT;
	if (number <= INT64_MAX && !is_unsigned)
		return wide ? TYPES_LONG : TYPES_LONG_LONG;
	return wide ? TYPES_UNSIGNED_LONG : TYPES_UNSIGNED_LONG_LONG;
}

static struct sdb_error *read_integer(struct parser *parser, struct sdb_value **value_ret)
{
	const char *start = parser->at;
	char *end;
	bool binary = start[0] == '0' && (start[1] | 0x20) == 'b', is_unsigned = false,
		is_long = false;
	errno = 0;
	uint64_t number = binary ? strtoull(start + 2, &end, 2) : strtoull(start, &end, 0);
	if (errno == ERANGE)
		return expr_error(parser, "a number with more than 64 bits");
	for (; *end && strchr("uUlL", *end); end++) {
		is_unsigned |= (*end | 0x20) == 'u';
		is_long |= (*end | 0x20) == 'l';
	}
	bool imaginary = *end == 'i' || *end == 'j';
	end += imaginary;
	if (isalnum((unsigned char)*end) || *end == '_')
		return expr_error(parser, "a number cannot be read");
	parser->at = end;
	if (imaginary)
		return value_of_complex(parser->context, parser->types, parser->context->db,
					TYPES_COMPLEX_DOUBLE, (struct value_complex){ 0, number },
					value_ret);
	return expr_integer(parser, constant_type(parser, number, start[0] != '0', is_unsigned,
						  is_long), number,
			    value_ret);
}

static struct sdb_error *read_number(struct parser *parser, struct sdb_value **value_ret)
{
	bool hexadecimal = parser->at[0] == '0' && (parser->at[1] | 0x20) == 'x';
	size_t digits = strspn(parser->at, "0123456789");
	char next = parser->at[digits];
	if (!hexadecimal && (next == '.' || next == 'e' || next == 'E'))
		return read_real(parser, value_ret);
	return read_integer(parser, value_ret);
}

/* One character of a constant or string; false when the text ends. */
static bool read_character(struct parser *parser, unsigned *character_ret)
{
	static const char names[] = "abfnrtv0\\'\"?e", codes[] = "\a\b\f\n\r\t\v\0\\'\"?\033";
	const char *at = parser->at;
	char *end;
	if (!*at)
		return false;
	if (*at != '\\') {
		*character_ret = (unsigned char)*at;
		parser->at++;
		return true;
	}
	if (at[1] >= '0' && at[1] <= '7') {
		unsigned code = 0, count = 0;
		for (at++; count < 3 && *at >= '0' && *at <= '7'; count++)
			code = code * 8 + (unsigned)(*at++ - '0');
		parser->at = at;
		*character_ret = code & 0xff;
		return true;
	}
	if (at[1] == 'x' && isxdigit((unsigned char)at[2])) {
		*character_ret = (unsigned)strtoul(at + 2, &end, 16) & 0xff;
		parser->at = end;
		return true;
	}
	const char *name = at[1] ? strchr(names, at[1]) : NULL;
	if (!name)
		return false;
	*character_ret = (unsigned char)codes[name - names];
	parser->at += 2;
	return true;
}

static struct sdb_error *read_quoted_character(struct parser *parser, struct sdb_value **value_ret)
{
	unsigned character = 0;
	parser->at++;
	if (*parser->at == '\'' || !read_character(parser, &character) || *parser->at != '\'')
		return expr_error(parser, "a character cannot be read");
	parser->at++;
	return expr_integer(parser, TYPES_CHAR, character, value_ret);
}

static struct sdb_error *read_string(struct parser *parser, struct sdb_value **value_ret)
{
	char *text = malloc(strlen(parser->at) + 1);
	size_t length = 0;
	sdb_type_id type;
	if (!text)
		return value_no_memory();
	for (parser->at++; *parser->at != '"'; length++) {
		unsigned character;
		if (!read_character(parser, &character)) {
			free(text);
			return expr_error(parser, "a string cannot be read");
		}
		text[length] = (char)character;
	}
	parser->at++;
	text[length++] = '\0';
	struct sdb_error *error = types_derive(parser->types, parser->context->db, SDB_TYPE_ARRAY,
					       TYPES_CHAR, length,
					       &type);
	if (!error)
		error = value_of_bytes(parser->context, parser->types, parser->context->db, type,
				       text, length, value_ret);
	free(text);
	return error;
}

/* ---- parentheses and casts ------------------------------------------------------------------- */

static struct sdb_error *read_cast(struct parser *parser, struct sdb_db *db, sdb_type_id type,
				   struct sdb_value **value_ret)
{
	struct sdb_value *operand, *target;
	const struct sdb_type *stripped;
	struct sdb_error *error = expr_unary(parser, &operand);
	if (!error && parser->skipping) {
		*value_ret = operand;
		return NULL;
	}
	if (!error)
		error = types_strip(parser->types, db, type, &stripped);
	if (error)
		return error;
	if (types_is_reference(operand->kind)) {
		error = sdb_value_follow(operand, parser->context, &target);
		sdb_value_free(operand);
		if (error)
			return error;
		operand = target;
	}
	/* A reference to something is that thing, seen as another type. */
	if (types_is_reference(stripped->kind))
		type = stripped->target;
	error = sdb_value_cast(operand, parser->context, db, type, value_ret);
	sdb_value_free(operand);
	return error;
}

static struct sdb_error *read_parenthesis(struct parser *parser, struct sdb_value **value_ret)
{
	struct sdb_db *db;
	sdb_type_id type;
	bool is_type;
	unsigned choosing = parser->choosing;
	parser->at++;
	const char *start = parser->at;
	struct sdb_error *error = expr_type(parser, &is_type, &db, &type);
	if (error)
		return error;
	if (is_type && expr_take(parser, ")"))
		return read_cast(parser, db, type, value_ret);
	parser->at = start;
	parser->choosing = 0;
	error = expr_assignment(parser, value_ret);
	parser->choosing = choosing;
	if (!error && !expr_take(parser, ")")) {
		sdb_value_free(*value_ret);
		error = expr_error(parser, "a ) is missing");
	}
	return error;
}

static struct sdb_error *primary(struct parser *parser, struct sdb_value **value_ret)
{
	size_t skip;
	expr_next(parser, "");
	char c = *parser->at;
	if (c == '(')
		return read_parenthesis(parser, value_ret);
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)parser->at[1])))
		return read_number(parser, value_ret);
	if (c == '"')
		return read_string(parser, value_ret);
	if (c == '$')
		return read_register(parser, value_ret);
	if (c == '\'' && !where_length(parser, &skip))
		return read_quoted_character(parser, value_ret);
	bool plus = types_plain_tags(parser->types, parser->context->db);
	if (plus && (expr_next(parser, "true") || expr_next(parser, "false"))) {
		bool truth = expr_take(parser, "true");
		parser->at += truth ? 0 : strlen("false");
		return expr_boolean(parser, truth, value_ret);
	}
	return read_name(parser, value_ret);
}

/* ---- what follows ---------------------------------------------------------------------------- */

static struct sdb_error *read_subscript(struct parser *parser, struct sdb_value *value,
					struct sdb_value **value_ret)
{
	struct sdb_value *index, *whole = NULL;
	int64_t number;
	unsigned choosing = parser->choosing;
	parser->choosing = 0;
	struct sdb_error *error = expr_assignment(parser, &index);
	parser->choosing = choosing;
	if (error)
		return error;
	if (!expr_take(parser, "]"))
		error = expr_error(parser, "a ] is missing");
	else if (parser->skipping)
		error = expr_dummy(parser, value_ret);
	else
		error = sdb_value_signed(index, parser->context, &number);
	sdb_value_free(index);
	if (error || parser->skipping)
		return error;
	if (types_is_reference(value->kind))
		error = sdb_value_follow(value, parser->context, &whole);
	if (!error)
		error = sdb_value_element(whole ? whole : value, parser->context, number,
					  value_ret);
	sdb_value_free(whole);
	return error;
}

struct sdb_error *expr_postfix(struct parser *parser, struct sdb_value **value_ret)
{
	struct sdb_error *error = primary(parser, value_ret);
	while (!error) {
		struct sdb_value *value = *value_ret;
		if (expr_next(parser, "->*")) /* weaker than what is in front of it */
			return NULL;
		if (expr_take(parser, "->") || expr_take(parser, "."))
			error = expr_member(parser, value, value_ret);
		else if (expr_take(parser, "["))
			error = read_subscript(parser, value, value_ret);
		else if (expr_take(parser, "("))
			error = expr_call(parser, value, value_ret);
		else
			return NULL;
		sdb_value_free(value);
	}
	return error;
}
