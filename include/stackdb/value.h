/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_VALUE_H
#define STACKDB_VALUE_H

/**
 * @file
 * Typed values read from a target: variables, what pointers lead to, members, elements, results of
 * expressions. A value remembers where it came from, so that it can be read again and written.
 *
 * Every function takes the context in which the target is asked: a frame's for its locals, a
 * target's for globals. A value belongs to who asked for it, is used by one thread at a time, and
 * must be freed before the databases that it comes from are closed; contexts need to live only as
 * long as the call. Values are read when their content is first needed, at most
 * sdb_value_limits.size bytes of each.
 *
 * A value that does not exist is no error: sdb_value_absence() says why. Functions that need its
 * content fail with NOT_FOUND and the same reason.
 */

#include "absence.h"
#include "db.h"

#pragma GCC visibility push(default)

struct sdb_context;
struct sdb_value;

/** ---- making values --------------------------------------------------------------------- */

/** Frees VALUE; NULL is allowed. */
void sdb_value_free(struct sdb_value *value);
/** A copy of VALUE with its content as it is now. Errors: MEMORY. */
struct sdb_error *sdb_value_copy(const struct sdb_value *value, struct sdb_value **copy_ret);

/** Variable ID of CONTEXT's module (a global, static or thread-local one). */
struct sdb_error *sdb_value_variable(const struct sdb_context *context, sdb_variable_id id,
				     struct sdb_value **value_ret);
/** What type TYPE of DB would be at ADDRESS of the target. */
struct sdb_error *sdb_value_at(const struct sdb_context *context, struct sdb_db *db, sdb_type_id type,
			       uint64_t address, struct sdb_value **value_ret);

/** A local variable or a parameter of a frame. */
struct sdb_value_local {
	const char *name;     /**< "" when it has none; valid during the call */
	bool is_parameter;    /**< a parameter, not a local */
	bool is_artificial;   /**< `this`, `__func__`, and what else the compiler made */
	unsigned depth;       /**< blocks around it inside of the function: 0 is the outermost */
	sdb_file_id file;     /**< declaration, of the context's module; 0 when unknown */
	uint32_t line;        /**< 0 when unknown */
	struct sdb_value *value; /**< freed after the call, unless the callback sets it to NULL */
};
/** Called for each; an error it returns ends the walk and is returned. */
typedef struct sdb_error *(*sdb_value_local_fn)(void *arg, struct sdb_value_local *local);

/** Which variables sdb_value_locals() gives. */
enum sdb_value_locals {
	SDB_VALUE_PARAMETERS = 1 << 0, /**< in their order */
	SDB_VALUE_LOCALS = 1 << 1,     /**< of the function and its blocks */
};

/**
 * Calls FN for the parameters (in their order) and the locals (innermost block first) of the
 * frame of CONTEXT, as far as the frame's scopes go: those of an inlined function are only those of
 * that function. WHICH: enum sdb_value_locals. What a function only declares `extern`, and labels,
 * are left out.
 */
struct sdb_error *sdb_value_locals(const struct sdb_context *context, unsigned which,
				   sdb_value_local_fn fn, void *arg);

/**
 * The innermost variable called NAME of CONTEXT's frame, inner scopes hiding outer ones; NOT_FOUND.
 */
struct sdb_error *sdb_value_local(const struct sdb_context *context, const char *name,
				  struct sdb_value **value_ret);

/** ---- what a value is --------------------------------------------------------------------- */

/** The database that the type of VALUE is in. */
struct sdb_db *sdb_value_db(const struct sdb_value *value);
/** Its type, as declared; from 0x80000000 on it is one that the database does not have. */
sdb_type_id sdb_value_type(const struct sdb_value *value);
/** Its kind behind typedefs and qualifiers. */
enum sdb_type_kind sdb_value_kind(const struct sdb_value *value);
/** Its type in C, `struct point *`; malloc'ed. */
struct sdb_error *sdb_value_type_name(const struct sdb_value *value, char **name_ret);
/** Its size in bytes; 0 when that is not known (void, functions, incomplete types). */
uint64_t sdb_value_size(const struct sdb_value *value);
/** Where it is in the target's memory; false when it is not there as a whole, or a bit-field. */
bool sdb_value_address(const struct sdb_value *value, uint64_t *address_ret);
/** Whether it is a bit-field; then its size in bits. */
bool sdb_value_bit_field(const struct sdb_value *value, uint32_t *bits_ret);

/**
 * Why VALUE does not exist; PRESENT when all of it does. When only parts are missing it is the
 * reason of a part, and *PARTLY_RET (may be NULL) is set. *TEXT_RET (may be NULL) says more; it
 * belongs to VALUE.
 */
struct sdb_error *sdb_value_absence(struct sdb_value *value, const struct sdb_context *context,
				    enum sdb_absence *absence_ret, bool *partly_ret, const char **text_ret);

/**
 * The content: sdb_value_size() bytes in the target's order, owned by VALUE, valid until it
 * changes.
 */
struct sdb_error *sdb_value_bytes(struct sdb_value *value, const struct sdb_context *context,
				  const uint8_t **bytes_ret);

/**
 * Integers, enumerations, booleans, pointers; INVALID for others, and when more than 64 bits
 * matter.
 */
struct sdb_error *sdb_value_unsigned(struct sdb_value *value, const struct sdb_context *context,
				     uint64_t *number_ret);
/** The same for signed numbers. */
struct sdb_error *sdb_value_signed(struct sdb_value *value, const struct sdb_context *context,
				   int64_t *number_ret);
/** Any number, rounded. */
struct sdb_error *sdb_value_real(struct sdb_value *value, const struct sdb_context *context,
				 long double *number_ret);

/**
 * The characters of a char array, or behind a char pointer, up to a NUL or LIMIT bytes (0: 200).
 * *TEXT_RET is malloc'ed and NUL-terminated, *LENGTH_RET may be NULL, *CUT_RET (may be NULL) tells
 * that there were more.
 */
struct sdb_error *sdb_value_string(struct sdb_value *value, const struct sdb_context *context,
				   size_t limit, char **text_ret, size_t *length_ret, bool *cut_ret);

/** ---- parts -------------------------------------------------------------------------------- */

/**
 * The member called NAME of a structure, class, union, of those inside it that have no name, and of
 * base classes; static members too. Errors: NOT_FOUND (says which type has no such member),
 * INVALID (no structure).
 */
struct sdb_error *sdb_value_member(struct sdb_value *value, const struct sdb_context *context,
				   const char *name, struct sdb_value **member_ret);
/** Members and bases by their place in struct sdb_type; *NAME_RET (may be NULL) is malloc'ed. */
struct sdb_error *sdb_value_member_at(struct sdb_value *value, const struct sdb_context *context,
				      size_t index, char **name_ret, struct sdb_value **member_ret);
/** How many members and bases there are for sdb_value_member_at(). */
size_t sdb_value_member_count(const struct sdb_value *value);

/** Elements of an array in its outermost dimension; NOT_FOUND when that is not known. */
struct sdb_error *sdb_value_count(const struct sdb_value *value, uint64_t *count_ret);
/** Element INDEX of an array, or of what a pointer points to, bounds unchecked as in C. */
struct sdb_error *sdb_value_element(struct sdb_value *value, const struct sdb_context *context,
				    int64_t index, struct sdb_value **element_ret);
/** What a pointer or a reference leads to, also a pointer to something that has no address. */
struct sdb_error *sdb_value_follow(struct sdb_value *value, const struct sdb_context *context,
				   struct sdb_value **target_ret);
/** A pointer to VALUE; INVALID when it has no address. */
struct sdb_error *sdb_value_address_of(const struct sdb_value *value, const struct sdb_context *context,
				       struct sdb_value **pointer_ret);
/**
 * VALUE as type TYPE of DB, by the rules of C for numbers and pointers, through bases for pointers
 * and references to classes; an object in memory may be seen as any type of it.
 */
struct sdb_error *sdb_value_cast(struct sdb_value *value, const struct sdb_context *context,
				 struct sdb_db *db, sdb_type_id type, struct sdb_value **cast_ret);

/** ---- change --------------------------------------------------------------------------------- */

/**
 * Reads VALUE again from where it was, and tells in *CHANGED_RET (may be NULL) whether its content
 * is another one. A variable whose place depends on the program counter is to be loaded anew.
 */
struct sdb_error *sdb_value_refresh(struct sdb_value *value, const struct sdb_context *context,
				    bool *changed_ret);

/** Called with the path of a part that differs, `.a.b[3]`, and both parts. */
typedef struct sdb_error *(*sdb_value_diff_fn)(void *arg, const char *path, struct sdb_value *before,
					       struct sdb_value *after);
/**
 * Calls FN for each innermost part in which two values of one type differ, in order, at most LIMIT
 * times (0: 1,000). *COUNT_RET (may be NULL) is how many there are.
 */
struct sdb_error *sdb_value_diff(struct sdb_value *before, struct sdb_value *after,
				 const struct sdb_context *context, size_t limit,
				 sdb_value_diff_fn fn, void *arg, size_t *count_ret);

/**
 * Writes SIZE bytes, the whole value, to where VALUE is: memory, a register, pieces of both.
 * INVALID when it is a constant or computed; nothing is written then.
 */
struct sdb_error *sdb_value_store(struct sdb_value *value, const struct sdb_context *context,
				  const void *bytes, size_t size);
/** Assigns as C does: SOURCE is converted to the type of VALUE first. */
struct sdb_error *sdb_value_assign(struct sdb_value *value, const struct sdb_context *context,
				   struct sdb_value *source);

/** ---- text ------------------------------------------------------------------------------------ */

/** How values are printed; all zero is what gdb does without settings. */
struct sdb_print_options {
	unsigned elements;  /**< of an array, characters of a string; 0: 200 */
	unsigned repeats;   /**< from how many equal elements on they are counted; 0: 10 */
	unsigned depth;     /**< of nested structures and arrays; 0: 20 */
	size_t size;        /**< characters in all; 0: 1 MiB */
	bool top;           /**< as the command `print` does: pointers and references with their type */
	bool no_symbols;    /**< no `<name+4>` behind pointers */
	bool no_strings;    /**< no text behind char pointers */
	bool no_statics;    /**< no static members */
	bool hexadecimal;   /**< integers as 0x... */
	bool reasons;       /**< `<optimized out: why>` instead of gdb's bare words */
};

/** VALUE as C, in the words of gdb; *TEXT_RET is malloc'ed. OPTIONS may be NULL. */
struct sdb_error *sdb_value_print(struct sdb_value *value, const struct sdb_context *context,
				  const struct sdb_print_options *options, char **text_ret);
/**
 * VALUE as one JSON value: numbers, strings for addresses and for integers beyond 2^53, objects for
 * structures, arrays, {"absent": reason}. docs/values.md describes it.
 */
struct sdb_error *sdb_value_json(struct sdb_value *value, const struct sdb_context *context,
				 const struct sdb_print_options *options, char **text_ret);

/** The declaration of NAME (NULL: the bare type) with type TYPE of DB, in C; malloc'ed. */
struct sdb_error *sdb_type_declaration(struct sdb_db *db, sdb_type_id type, const char *name,
				       char **text_ret);

#pragma GCC visibility pop

#endif
