/* SPDX-License-Identifier: MIT */
/* The names of types in casts and sizeof. */
#include "expr.h"

#include <stdlib.h>
#include <string.h>

/* The words that a base type is made of, counted. */
struct words {
	unsigned is_signed, is_unsigned, is_short, is_long, is_int, is_char, is_float, is_double,
		is_bool, is_void, is_int128, is_wide, is_utf16, is_utf32, is_complex, total;
};

static bool take_word(struct parser *parser, struct words *words)
{
	struct { const char *word; unsigned *count; } known[] = {
		{ "signed", &words->is_signed }, { "unsigned", &words->is_unsigned },
		{ "short", &words->is_short },
		{ "long", &words->is_long }, { "int", &words->is_int }, { "char", &words->is_char },
		{ "float", &words->is_float }, { "double", &words->is_double },
		{ "bool", &words->is_bool },
		{ "_Bool", &words->is_bool }, { "void", &words->is_void },
		{ "__int128", &words->is_int128 },
		{ "wchar_t", &words->is_wide }, { "char16_t", &words->is_utf16 },
		{ "char32_t", &words->is_utf32 }, { "_Complex", &words->is_complex },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (expr_take(parser, known[i].word)) {
			++*known[i].count;
			words->total++;
			return true;
		}
	return false;
}

static bool take_qualifier(struct parser *parser)
{
	return expr_take(parser, "const") || expr_take(parser, "volatile")
		|| expr_take(parser, "restrict");
}

/* The type that WORDS name; 0: void. */
static sdb_type_id base_type(const struct parser *parser, const struct words *words)
{
	bool is_unsigned = words->is_unsigned, wide = types_address_size(parser->context->db) == 8;
	if (words->is_void)
		return 0;
	if (words->is_bool)
		return TYPES_BOOL;
	if (words->is_wide || words->is_utf16 || words->is_utf32)
		return words->is_wide ? TYPES_WCHAR : words->is_utf16 ? TYPES_CHAR16 : TYPES_CHAR32;
	if (words->is_char)
		return is_unsigned ? TYPES_UNSIGNED_CHAR : words->is_signed ? TYPES_SIGNED_CHAR
			: TYPES_CHAR;
	if (words->is_complex)
		return words->is_float ? TYPES_COMPLEX_FLOAT : words->is_long
			? TYPES_COMPLEX_LONG_DOUBLE : TYPES_COMPLEX_DOUBLE;
	if (words->is_float)
		return TYPES_FLOAT;
	if (words->is_double)
		return words->is_long ? TYPES_LONG_DOUBLE : TYPES_DOUBLE;
	if (words->is_int128)
		return is_unsigned ? TYPES_UNSIGNED_INT128 : TYPES_INT128;
	if (words->is_short)
		return is_unsigned ? TYPES_UNSIGNED_SHORT : TYPES_SHORT;
	if (words->is_long > 1)
		return is_unsigned ? TYPES_UNSIGNED_LONG_LONG : TYPES_LONG_LONG;
	if (words->is_long && wide)
		return is_unsigned ? TYPES_UNSIGNED_LONG : TYPES_LONG;
	if (words->is_long)
		return is_unsigned ? TYPES_UNSIGNED_LONG_32 : TYPES_LONG_32;
	return is_unsigned ? TYPES_UNSIGNED_INT : TYPES_INT;
}

static struct sdb_error *look_up(struct parser *parser, const char *where, const char *tag,
				 const char *name,
				 struct sdb_db **db_ret, sdb_type_id *type_ret)
{
	const struct sdb_names *names = parser->names;
	if (!names)
		return sdb_find_type(parser->context, where, tag, name, db_ret, type_ret);
	if (names->type)
		return names->type(names->arg, where, tag, name, db_ret, type_ret);
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "no type %s is known", name);
}

struct sdb_error *expr_find_type(struct parser *parser, const char *where, const char *name,
				 struct sdb_db **db_ret, sdb_type_id *type_ret)
{
	return look_up(parser, where, NULL, name, db_ret, type_ret);
}

/* A variable of the same name is what is meant, unless a tag says otherwise. */
static struct sdb_error *is_hidden(struct parser *parser, const char *where, const char *name,
				   bool *hidden_ret)
{
	const struct sdb_names *names = parser->names;
	struct sdb_value *value = NULL;
	struct sdb_error *error = NULL;
	if (!names)
		error = sdb_find_value(parser->context, where, name, &value);
	else if (names->value)
		error = names->value(names->arg, where, name, &value);
	*hidden_ret = value && !error && value->kind != SDB_TYPE_FUNCTION;
	if (!error)
		sdb_value_free(value);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

static struct sdb_error *named_type(struct parser *parser, bool *is_type_ret,
				    struct sdb_db **db_ret,
				    sdb_type_id *type_ret)
{
	static const char *const tags[] = { "struct", "union", "class", "enum" };
	const char *tag = NULL;
	char *where, *name;
	bool hidden = false;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]) && !tag; i++)
		if (expr_take(parser, tags[i]))
			tag = tags[i];
	expr_next(parser, "");
	struct sdb_error *error = expr_name(parser, &where, &name);
	*is_type_ret = false;
	if (error || !name)
		return error || !tag ? error : expr_error(parser, "a type's name is missing");
	error = look_up(parser, where, tag, name, db_ret, type_ret);
	*is_type_ret = !error;
	if (error && !tag && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	if (!error && *is_type_ret && !tag)
		error = is_hidden(parser, where, name, &hidden);
	*is_type_ret = *is_type_ret && !hidden && !error;
	free(where);
	free(name);
	return error;
}

/* `*`, `&`, `&&` with qualifiers between them. */
static struct sdb_error *read_pointers(struct parser *parser, struct sdb_db *db, sdb_type_id *type)
{
	for (unsigned count = 0; count < 16; count++) {
		enum sdb_type_kind kind;
		while (take_qualifier(parser))
			continue;
		if (expr_take(parser, "*"))
			kind = SDB_TYPE_POINTER;
		else if (expr_take(parser, "&&"))
			kind = SDB_TYPE_RVALUE_REFERENCE;
		else if (expr_take(parser, "&"))
			kind = SDB_TYPE_REFERENCE;
		else
			return NULL;
		struct sdb_error *error = types_derive(parser->types, db, kind, *type, 0, type);
		if (error)
			return error;
	}
	return expr_error(parser, "too many pointers");
}

/* `[2][3]`: the last one is nearest to the elements. */
static struct sdb_error *read_dimensions(struct parser *parser, struct sdb_db *db,
					 sdb_type_id *type)
{
	uint64_t counts[8];
	unsigned count = 0;
	struct sdb_error *error = NULL;
	while (expr_take(parser, "[")) {
		char *end;
		if (count == sizeof(counts) / sizeof(counts[0]))
			return expr_error(parser, "too many dimensions");
		expr_next(parser, "");
		counts[count++] = strtoull(parser->at, &end, 0);
		if (end == parser->at)
			return expr_error(parser, "an array's size is missing");
		parser->at = end;
		if (!expr_take(parser, "]"))
			return expr_error(parser, "a ] is missing");
	}
	while (count && !error)
		error = types_derive(parser->types, db, SDB_TYPE_ARRAY, *type, counts[--count],
				     type);
	return error;
}

struct sdb_error *expr_type(struct parser *parser, bool *is_type_ret, struct sdb_db **db_ret,
			    sdb_type_id *type_ret)
{
	const char *start = parser->at;
	struct words words = { 0 };
	struct sdb_error *error = NULL;
	*db_ret = parser->context->db;
	while (take_qualifier(parser))
		continue;
	while (take_word(parser, &words))
		while (take_qualifier(parser))
			continue;
	*is_type_ret = words.total > 0;
	if (words.total)
		*type_ret = base_type(parser, &words);
	else
		error = named_type(parser, is_type_ret, db_ret, type_ret);
	if (!error && *is_type_ret)
		error = read_pointers(parser, *db_ret, type_ret);
	if (!error && *is_type_ret)
		error = read_dimensions(parser, *db_ret, type_ret);
	if (!*is_type_ret)
		parser->at = start;
	return error;
}
