/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_EXPRESSION_H
#define STACKDB_EXPRESSION_H

/**
 * @file
 * Expressions of C about a target: `list->next.name[0]`, `*(struct point *)p`, `sizeof(x) * 2`.
 *
 * Names are variables, functions and enumerators of C or C++ (`ns::klass::member`). In front of one
 * may stand a file or a module: `file.c:name`, `libc.so.6:environ`; as gdb has it, a file in quotes
 * with `::` behind it; a module that is no word goes in quotes, too. There are the operators of C and
 * C++ but for the comma: members, subscripts, `* & + - ! ~ sizeof`, casts, pointers to members,
 * arithmetic (of complex numbers, too), shifts, comparisons, logic, `?:`, and `=` and calls where they
 * are allowed; gdb's `*pointer@count` makes an array. `$name` is a register.
 */

#include "value.h"

#pragma GCC visibility push(default)

/**
 * Where names come from. A callback that is NULL knows none; each returns NOT_FOUND for a name that
 * it does not know. WHERE is what stood in front of the name, or NULL.
 */
struct sdb_names {
	void *arg; /**< passed to each */
	/** A variable, a function or an enumerator called NAME, which may be qualified. */
	struct sdb_error *(*value)(void *arg, const char *where, const char *name,
				   struct sdb_value **value_ret);
	/** A type called NAME; TAG is `struct`, `union`, `class`, `enum` or NULL. */
	struct sdb_error *(*type)(void *arg, const char *where, const char *tag, const char *name,
				  struct sdb_db **db_ret, sdb_type_id *type_ret);
	/** A register called NAME, without the `$`. */
	struct sdb_error *(*reg)(void *arg, const char *name, struct sdb_value **value_ret);
};

/** What sdb_evaluate() may do. */
enum sdb_evaluate_flags {
	SDB_EVALUATE_ASSIGN = 1 << 0, /**< `=` changes the target */
	/**
	 * `function(argument)` runs a function of the target, in the thread of the context's frame, while
	 * all other threads stay as they are. It has five seconds; when it does not return, meets a
	 * breakpoint that cannot be passed or gets a signal like SIGSEGV, the error (NOT_FOUND) says so.
	 * The thread's registers are as they were then; what the function did to memory stays.
	 */
	SDB_EVALUATE_CALL = 1 << 1,
};

/**
 * Evaluates TEXT in CONTEXT. NAMES NULL: the variables of the context's frame, members of `this`,
 * then what the context's module has. FLAGS: enum sdb_evaluate_flags. Errors: INVALID (says where TEXT
 * cannot be read, or which operands do not fit), NOT_FOUND (a name that nobody knows, a value that does
 * not exist), and those of reading the target.
 */
struct sdb_error *sdb_evaluate(const struct sdb_context *context, const struct sdb_names *names,
			       const char *text, unsigned flags, struct sdb_value **value_ret);

/**
 * The lookups that sdb_evaluate() makes without NAMES, for callbacks that add to them. WHERE is a
 * file of the module, or the module's own name or soname.
 */
struct sdb_error *sdb_find_value(const struct sdb_context *context, const char *where, const char *name,
				 struct sdb_value **value_ret);
/** The same for a type; TAG is `struct`, `union`, `class`, `enum` or NULL. */
struct sdb_error *sdb_find_type(const struct sdb_context *context, const char *where, const char *tag,
				const char *name, struct sdb_db **db_ret, sdb_type_id *type_ret);

/** A function of CONTEXT's module as a value of function type, at its code. */
struct sdb_error *sdb_value_function(const struct sdb_context *context, sdb_function_id id,
				     struct sdb_value **value_ret);

#pragma GCC visibility pop

#endif
