/* SPDX-License-Identifier: MIT */
/* Operators by their precedence, assignments, unary operators. */
#include "expr.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct sdb_error *expr_error(const struct parser *parser, const char *message)
{
	return sdb_error_new(SDB_ERROR_INVALID, "%s at '%.20s'", message, *parser->at ? parser->at
			     : "the end");
}

static void skip_spaces(struct parser *parser)
{
	while (isspace((unsigned char)*parser->at))
		parser->at++;
}

/* Operators that begin as a shorter one does. */
static bool is_longer(const char *token, const char *text)
{
	static const char *const longer[] = { "&&", "||", "<<", ">>", "<=", ">=", "==", "!=", "->",
					      "::", "++", "--", ".*" };
	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++)
		if (strlen(token) == 1 && longer[i][0] == token[0] && text[1] == longer[i][1])
			return true;
	return false;
}

bool expr_next(struct parser *parser, const char *token)
{
	size_t length = strlen(token);
	skip_spaces(parser);
	if (strncmp(parser->at, token, length) != 0 || is_longer(token, parser->at))
		return false;
	bool word = isalpha((unsigned char)token[0]);
	return !word || !(isalnum((unsigned char)parser->at[length]) || parser->at[length] == '_');
}

bool expr_take(struct parser *parser, const char *token)
{
	if (!expr_next(parser, token))
		return false;
	parser->at += strlen(token);
	return true;
}

struct sdb_error *expr_dummy(struct parser *parser, struct sdb_value **value_ret)
{
	return expr_integer(parser, TYPES_INT, 0, value_ret);
}

/* ---- unary operators ------------------------------------------------------------------------- */

static struct sdb_error *size_of(struct parser *parser, struct sdb_value **value_ret)
{
	struct sdb_db *db = parser->context->db;
	sdb_type_id type;
	bool is_type = false, known;
	uint64_t size = 0;
	const char *start = parser->at;
	struct sdb_error *error = NULL;
	if (expr_take(parser, "(")) {
		error = expr_type(parser, &is_type, &db, &type);
		if (!error && is_type && !expr_take(parser, ")"))
			error = expr_error(parser, "a ) is missing");
		if (!error && is_type)
			error = types_size(parser->types, db, type, &size, &known);
		if (!error && is_type && !known)
			error = expr_error(parser, "the type has no size");
	}
	if (!error && !is_type) {
		struct sdb_value *operand;
		parser->at = start;
		error = expr_unary(parser, &operand);
		if (!error) {
			bool one = operand->kind == SDB_TYPE_FUNCTION
				|| operand->kind == SDB_TYPE_NONE;
			size = one ? 1 : sdb_value_size(operand); /* as GNU C has it */
			sdb_value_free(operand);
		}
	}
	sdb_type_id unsigned_long = types_address_size(parser->context->db) == 8
		? TYPES_UNSIGNED_LONG
		: TYPES_UNSIGNED_LONG_32;
	return error ? error : expr_integer(parser, unsigned_long, size, value_ret);
}

static struct sdb_error *take_address(struct parser *parser, struct sdb_value *operand,
				      struct sdb_value **value_ret)
{
	*value_ret = NULL;
	struct sdb_error *error = operand->kind == SDB_TYPE_FUNCTION
		? expr_method_address(parser, operand, value_ret) : NULL;
	return error || *value_ret ? error
		: sdb_value_address_of(operand, parser->context, value_ret);
}

static struct sdb_error *apply_unary(struct parser *parser, char operator,
				     struct sdb_value *operand,
				     struct sdb_value **value_ret)
{
	const struct sdb_context *context = parser->context;
	bool truth;
	if (parser->skipping)
		return expr_dummy(parser, value_ret);
	switch (operator) {
	case '*':
		if (operand->kind == SDB_TYPE_FUNCTION)
			return sdb_value_copy(operand, value_ret);
		return sdb_value_follow(operand, context, value_ret);
	case '&':
		if (types_is_reference(operand->kind)) {
			struct sdb_value *target;
			struct sdb_error *error = sdb_value_follow(operand, context, &target);
			if (error)
				return error;
			error = sdb_value_address_of(target, context, value_ret);
			sdb_value_free(target);
			return error;
		}
		return take_address(parser, operand, value_ret);
	case '!': {
		struct sdb_error *error = expr_truth(parser, operand, &truth);
		return error ? error : expr_boolean(parser, !truth, value_ret);
	}
	default:
		return expr_sign(parser, operator, operand, value_ret);
	}
}

static struct sdb_error *unary(struct parser *parser, struct sdb_value **value_ret)
{
	static const char operators[] = "*&!~-+";
	skip_spaces(parser);
	if (expr_take(parser, "sizeof"))
		return size_of(parser, value_ret);
	char operator = *parser->at;
	if (!operator || !strchr(operators, operator))
		return expr_postfix(parser, value_ret);
	struct sdb_value *operand;
	parser->at++;
	if (operator == '&') {
		struct sdb_error *error = expr_member_address(parser, value_ret);
		if (error || *value_ret)
			return error;
	}
	struct sdb_error *error = expr_unary(parser, &operand);
	if (error)
		return error;
	error = apply_unary(parser, operator, operand, value_ret);
	sdb_value_free(operand);
	return error;
}

struct sdb_error *expr_unary(struct parser *parser, struct sdb_value **value_ret)
{
	if (parser->depth >= EXPR_MAX_DEPTH)
		return expr_error(parser, "an expression nested too deep");
	parser->depth++;
	struct sdb_error *error = unary(parser, value_ret);
	parser->depth--;
	return error;
}

/* ---- binary operators ------------------------------------------------------------------------ */

struct level {
	const char *token;
	enum expr_operator operator;
	unsigned precedence; /* the higher the tighter */
};

static const struct level levels[] = {
	{ ".*", EXPR_POINTED_MEMBER, 12 }, { "->*", EXPR_POINTED_MEMBER, 12 },
	{ "@", EXPR_ARRAY, 11 },
	{ "*", EXPR_MULTIPLY, 10 }, { "/", EXPR_DIVIDE, 10 }, { "%", EXPR_REMAINDER, 10 },
	{ "+", EXPR_ADD, 9 }, { "-", EXPR_SUBTRACT, 9 },
	{ "<<", EXPR_LEFT, 8 }, { ">>", EXPR_RIGHT, 8 },
	{ "<=", EXPR_LESS_EQUAL, 7 }, { ">=", EXPR_GREATER_EQUAL, 7 }, { "<", EXPR_LESS, 7 },
	{ ">", EXPR_GREATER, 7 },
	{ "==", EXPR_EQUAL, 6 }, { "!=", EXPR_UNEQUAL, 6 },
	{ "&", EXPR_AND, 5 }, { "^", EXPR_XOR, 4 }, { "|", EXPR_OR, 3 },
};

static const struct level *take_operator(struct parser *parser, unsigned least)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i].precedence >= least && expr_take(parser, levels[i].token))
			return &levels[i];
	return NULL;
}

static struct sdb_error *binary(struct parser *parser, unsigned least, struct sdb_value **value_ret)
{
	const struct level *level;
	struct sdb_error *error = expr_unary(parser, value_ret);
	while (!error && (level = take_operator(parser, least))) {
		struct sdb_value *left = *value_ret, *right;
		error = binary(parser, level->precedence + 1, &right);
		if (error) {
			sdb_value_free(left);
			break;
		}
		error = parser->skipping ? expr_dummy(parser, value_ret)
			: expr_binary(parser, level->operator, left, right, value_ret);
		sdb_value_free(left);
		sdb_value_free(right);
	}
	return error;
}

/* `&&` and `||`: the right side is read only where the left one does not decide. */
static struct sdb_error *logic(struct parser *parser, bool is_or, struct sdb_value **value_ret)
{
	struct sdb_error *error = is_or ? logic(parser, false, value_ret)
		: binary(parser, 3, value_ret);
	while (!error && expr_take(parser, is_or ? "||" : "&&")) {
		struct sdb_value *left = *value_ret, *right;
		bool first = false, second = false;
		if (!parser->skipping)
			error = expr_truth(parser, left, &first);
		sdb_value_free(left);
		if (error)
			return error;
		bool decided = first == is_or;
		parser->skipping += decided;
		error = is_or ? logic(parser, false, &right) : binary(parser, 3, &right);
		parser->skipping -= decided;
		if (error)
			return error;
		if (!decided && !parser->skipping)
			error = expr_truth(parser, right, &second);
		sdb_value_free(right);
		if (!error)
			error = expr_boolean(parser, decided ? is_or : second, value_ret);
	}
	return error;
}

static struct sdb_error *conditional(struct parser *parser, struct sdb_value **value_ret)
{
	struct sdb_value *condition, *yes, *no;
	bool truth = false;
	struct sdb_error *error = logic(parser, true, value_ret);
	if (error || !expr_take(parser, "?"))
		return error;
	condition = *value_ret;
	if (!parser->skipping)
		error = expr_truth(parser, condition, &truth);
	sdb_value_free(condition);
	if (error)
		return error;
	parser->choosing++;
	parser->skipping += !truth;
	error = expr_assignment(parser, &yes);
	parser->skipping -= !truth;
	parser->choosing--;
	if (error)
		return error;
	parser->skipping += truth;
	error = expr_take(parser, ":") ? expr_assignment(parser, &no)
		: expr_error(parser, "a : is missing");
	parser->skipping -= truth;
	if (error) {
		sdb_value_free(yes);
		return error;
	}
	*value_ret = truth ? yes : no;
	sdb_value_free(truth ? no : yes);
	return NULL;
}

static struct sdb_error *assign(struct parser *parser, struct sdb_value *left,
				struct sdb_value *right)
{
	if (!(parser->flags & SDB_EVALUATE_ASSIGN))
		return expr_error(parser, "assignments are not allowed here");
	if (!types_is_reference(left->kind))
		return sdb_value_assign(left, parser->context, right);
	struct sdb_value *target;
	struct sdb_error *error = sdb_value_follow(left, parser->context, &target);
	if (!error) {
		error = sdb_value_assign(target, parser->context, right);
		sdb_value_free(target);
	}
	return error;
}

static struct sdb_error *assignment(struct parser *parser, struct sdb_value **value_ret)
{
	struct sdb_value *right;
	struct sdb_error *error = conditional(parser, value_ret);
	if (error || !expr_take(parser, "="))
		return error;
	error = expr_assignment(parser, &right);
	if (!error) {
		if (!parser->skipping)
			error = assign(parser, *value_ret, right);
		sdb_value_free(right);
	}
	if (error)
		sdb_value_free(*value_ret);
	return error;
}

struct sdb_error *expr_assignment(struct parser *parser, struct sdb_value **value_ret)
{
	if (parser->depth >= EXPR_MAX_DEPTH)
		return expr_error(parser, "an expression nested too deep");
	parser->depth++;
	struct sdb_error *error = assignment(parser, value_ret);
	parser->depth--;
	return error;
}

struct sdb_error *sdb_evaluate(const struct sdb_context *context, const struct sdb_names *names,
			       const char *text, unsigned flags, struct sdb_value **value_ret)
{
	struct sdb_context own = *context;
	struct parser parser = { .context = &own, .names = names, .flags = flags, .text = text,
				 .at = text };
	if (strlen(text) > EXPR_MAX_LENGTH)
		return sdb_error_new(SDB_ERROR_INVALID, "an expression longer than %d characters",
				     EXPR_MAX_LENGTH);
	struct sdb_error *error = value_types(context, &parser.types);
	if (error)
		return error;
	/* All values share the types that are derived on the way. */
	own.types = parser.types;
	types_enter(parser.types);
	if (context->code)
		types_use_unit(parser.types, context->db, context->code->unit);
	error = expr_assignment(&parser, value_ret);
	skip_spaces(&parser);
	if (!error && *parser.at) {
		sdb_value_free(*value_ret);
		error = expr_error(&parser, "the expression cannot be read");
	}
	if (error) /* what it points to may be freed already */
		*value_ret = NULL;
	types_leave(parser.types);
	types_unref(parser.types);
	return error;
}
