/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_DECLARATION_H
#define STACKDB_DECLARATION_H

/**
 * @file
 * Types as declarations in C or C++, for those who keep types and names in a way of their own and want them
 * in a style of their own. Who does not asks for sdb_type_declaration() (value.h).
 */

#include "db.h"

#pragma GCC visibility push(default)

/** How declarations are written. */
struct sdb_declaration_style {
	/** As gdb: `char * const`, `int [4]`, `pair * const&`; else `char *const`, `int[4]`, `pair *const &`. */
	bool wide;
	bool hide_artificial; /**< parameters that the source does not have, such as `this`, are not shown */
	bool plain_tags;      /**< types are named without `struct` in front, as in C++ */
	const char *vector;   /**< what stands behind the element type of a vector */
};

/** The two parts of a declaration: what stands left of a name and what stands right of it. */
struct sdb_declaration {
	uint32_t left;       /**< length of the part on the left */
	uint32_t right;      /**< length of the part on the right */
	uint32_t declarator; /**< where the declarator begins in it, when that has parentheses; else 0 */
	uint16_t visits;     /**< types that were looked at for it */
	uint16_t depth;      /**< of what it is made of */
	bool derived;        /**< of an array or function: gdb puts a space behind the part on the left */
	bool cut;            /**< there was no end of what it is made of; it is not for reuse */
	char text[];         /**< the part on the left, the part on the right, NUL */
};

/**
 * Where types and names come from. A text is returned, for use until the next call; *OWNED_RET may be
 * set to it when it is to be freed with free(). What fails stops the declaration, and is returned.
 */
struct sdb_declaration_source {
	void *arg; /**< passed to the functions below */
	/** What it takes to name type ID; of kind NONE when ID is 0. */
	struct sdb_error *(*outline)(void *arg, sdb_type_id id, struct sdb_type_outline *outline_ret);
	/** All of type ID, an array, function or pointer to member; is released when it was looked at. */
	struct sdb_error *(*type)(void *arg, sdb_type_id id, const struct sdb_type **type_ret);
	/** Releases TYPE; may be NULL. */
	void (*release)(void *arg, const struct sdb_type *type);
	/** The whole name of a type, `ns::thing`; "" when it has none. */
	struct sdb_error *(*type_name)(void *arg, const struct sdb_type_outline *type,
				       const char **name_ret, char **owned_ret);
	/** The text of name ID; needed for parameters of functions only, may be NULL. */
	struct sdb_error *(*name)(void *arg, sdb_name_id id, const char **name_ret);
	/** The length of dimension INDEX of array TYPE, which has no count; "" when it is unbounded. */
	struct sdb_error *(*length)(void *arg, const struct sdb_type *type, size_t index,
				    const char **length_ret, char **owned_ret);
	/** What was kept of type ID, or NULL; may be NULL. */
	const struct sdb_declaration *(*recall)(void *arg, sdb_type_id id);
	/** Keeps DECLARATION of type ID, which it is to free; may be NULL. */
	void (*keep)(void *arg, sdb_type_id id, struct sdb_declaration *declaration);
};

/**
 * The declaration of type ID, of array types from dimension DIMENSION on; for free(). What refers to
 * itself ends with `...`. Errors: those of SOURCE, MEMORY.
 */
struct sdb_error *sdb_declaration_of_type(const struct sdb_declaration_source *source,
					  const struct sdb_declaration_style *style,
					  sdb_type_id id, unsigned dimension,
					  struct sdb_declaration **declaration_ret);
/** That of FUNCTION with the names of its parameters; RETURNS: with what it returns. As above. */
struct sdb_error *sdb_declaration_of_function(const struct sdb_declaration_source *source,
					      const struct sdb_declaration_style *style,
					      const struct sdb_function *function, bool returns,
					      struct sdb_declaration **declaration_ret);
/** Whether a space belongs between a text that ends with LAST (0: it is empty) and what is behind it. */
bool sdb_declaration_wants_space(char last);

#pragma GCC visibility pop

#endif
