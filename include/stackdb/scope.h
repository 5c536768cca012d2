/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_SCOPE_H
#define STACKDB_SCOPE_H

/**
 * @file
 * The variables of machine code, put together from the function, which the source has once, and
 * the instance of its code. Pure functions on records of db.h; nothing is owned.
 */

#include "model.h"

#pragma GCC visibility push(default)

/** What is known of one variable of a code scope. */
struct sdb_scope_description {
	const struct sdb_scope_variable *record; /**< as it was given */
	bool parameter;   /**< a parameter, not a local */
	sdb_name_id name; /**< 0 when it has none */
	sdb_type_id type; /**< as declared */
	sdb_file_id file; /**< declaration; 0 when unknown */
	uint32_t line;    /**< declaration; 0 when unknown */
	uint32_t flags;   /**< enum sdb_local_flags */
};

/** The function that scope SCOPE of CODE belongs to; 0 when unknown. */
sdb_function_id sdb_scope_function(const struct sdb_code *code, uint32_t scope);

/** The FUNCTION or INLINED scope that scope SCOPE of CODE lies in, or is. */
uint32_t sdb_scope_outermost(const struct sdb_code *code, uint32_t scope);

/**
 * Describes RECORD, whose function is FUNCTION (read with its locals; NULL: unknown). False when it
 * refers to a variable that the function does not have.
 */
bool sdb_scope_describe(const struct sdb_function *function, const struct sdb_scope_variable *record,
			struct sdb_scope_description *description_ret);

/** The frame base of CODE that holds at ADDRESS; length 0 when there is none. */
struct sdb_expression sdb_code_frame_base(const struct sdb_code *code, uint64_t address);

#pragma GCC visibility pop

#endif
