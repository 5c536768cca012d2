/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_EXPR_H
#define RUNTIME_EXPR_H

/* The parser of expressions, which evaluates as it goes; private to the files called expr*.c. */

#include "value.h"
#include <stackdb/expression.h>

#define EXPR_MAX_LENGTH 4096
#define EXPR_MAX_DEPTH 40

struct parser {
	const struct sdb_context *context;
	const struct sdb_names *names;
	struct types *types;
	unsigned flags;
	const char *text;
	const char *at;
	unsigned depth;
	unsigned skipping; /* what is read is not evaluated: behind `0 &&` */
	unsigned choosing; /* between `?` and `:`, where a colon ends a name */
};

/* INVALID: MESSAGE, and where in the text. */
struct sdb_error *expr_error(const struct parser *parser, const char *message);
/* Skips spaces; true when TOKEN is next, which is taken then. */
bool expr_take(struct parser *parser, const char *token);
/* The same without taking it. */
bool expr_next(struct parser *parser, const char *token);
/* A stand-in for what is not evaluated. */
struct sdb_error *expr_dummy(struct parser *parser, struct sdb_value **value_ret);

/* ---- expr.c: everything down to `=`; unary operators ---- */
struct sdb_error *expr_assignment(struct parser *parser, struct sdb_value **value_ret);
struct sdb_error *expr_unary(struct parser *parser, struct sdb_value **value_ret);

/* ---- expr_primary.c: constants, names, parentheses, and what follows them ---- */
struct sdb_error *expr_postfix(struct parser *parser, struct sdb_value **value_ret);
/*
 * An identifier with its qualifiers, and what stands in front of it; malloc'ed. NULL: there is
 * none.
 */
struct sdb_error *expr_name(struct parser *parser, char **where_ret, char **name_ret);

/* Length of `::a::b<c>::d` at TEXT; 0: no name stands there. */
size_t expr_name_length(const char *text);

/* ---- expr_call.c ---- */
/* Behind `(`: calls function VALUE, or one that VALUE leads to. */
struct sdb_error *expr_call(struct parser *parser, const struct sdb_value *value,
			    struct sdb_value **value_ret);

/* ---- expr_member.c ---- */
/* What stands behind `.` or `->`: a member of VALUE, or of what it points to; a method, too. */
struct sdb_error *expr_member(struct parser *parser, struct sdb_value *value,
			      struct sdb_value **value_ret);
/* `left.*right`, `left->*right`. */
struct sdb_error *expr_pointed_member(struct parser *parser, struct sdb_value *left,
				      struct sdb_value *right, struct sdb_value **value_ret);
/* Behind `&`: `Class::member` that is no static one; NULL in *VALUE_RET: something else is next. */
struct sdb_error *expr_member_address(struct parser *parser, struct sdb_value **value_ret);
/* A pointer to member function VALUE, when it was named by its class; else NULL in *VALUE_RET. */
struct sdb_error *expr_method_address(struct parser *parser, const struct sdb_value *value,
				      struct sdb_value **value_ret);

/* ---- expr_type.c ---- */
/* The type called NAME, without a tag. */
struct sdb_error *expr_find_type(struct parser *parser, const char *where, const char *name,
				 struct sdb_db **db_ret, sdb_type_id *type_ret);
/* A type's name, when one is next: `unsigned long *`, `struct point [3]`. */
struct sdb_error *expr_type(struct parser *parser, bool *is_type_ret, struct sdb_db **db_ret,
			    sdb_type_id *type_ret);

/* ---- expr_operate.c ---- */
enum expr_operator {
	EXPR_ADD, EXPR_SUBTRACT, EXPR_MULTIPLY, EXPR_DIVIDE, EXPR_REMAINDER, EXPR_AND, EXPR_OR,
		EXPR_XOR,
	EXPR_LEFT, EXPR_RIGHT, EXPR_EQUAL, EXPR_UNEQUAL, EXPR_LESS, EXPR_GREATER, EXPR_LESS_EQUAL,
	EXPR_GREATER_EQUAL, EXPR_ARRAY, EXPR_POINTED_MEMBER,
};
struct sdb_error *expr_binary(struct parser *parser, enum expr_operator operator,
			      struct sdb_value *a,
			      struct sdb_value *b, struct sdb_value **value_ret);
/* `+ - ~`. */
struct sdb_error *expr_sign(struct parser *parser, char sign, struct sdb_value *operand,
			    struct sdb_value **value_ret);
struct sdb_error *expr_truth(struct parser *parser, struct sdb_value *value, bool *truth_ret);
/* `true` in C++, 1 in C. */
struct sdb_error *expr_boolean(struct parser *parser, bool truth, struct sdb_value **value_ret);
struct sdb_error *expr_integer(struct parser *parser, sdb_type_id type, number_bits number,
			       struct sdb_value **value_ret);

#endif
