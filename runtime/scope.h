/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

/* The variables of a frame's scopes, put together from the function and the instance of its code. */

#include "context.h"

/* What is known of one variable of a scope. */
struct scope_variable {
	const struct sdb_scope_variable *record;
	bool parameter;
	sdb_name_id name;
	sdb_type_id type;
	sdb_file_id file;
	uint32_t line;
	uint32_t flags; /* enum sdb_local_flags */
};

/* The function that scope SCOPE of CODE belongs to; 0 when unknown. */
sdb_function_id scope_function(const struct sdb_code *code, uint32_t scope);
/*
 * Describes RECORD, whose function is FUNCTION (read with its locals; may be NULL). False when it
 * refers to a variable that the function does not have.
 */
bool scope_describe(const struct sdb_function *function, const struct sdb_scope_variable *record,
		    struct scope_variable *variable_ret);
/* The type of VARIABLE, of the code of CONTEXT. */
struct sdb_error *scope_variable_type(const struct sdb_context *context,
				      const struct sdb_scope_variable *variable, sdb_type_id *type_ret);

#endif
