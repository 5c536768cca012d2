/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_VARIABLES_H
#define TOOLS_VARIABLES_H

/* The variables of a scope of machine code, put together from the function and the instance. */

#include "session.h"

/* What is known of one variable of a code scope. */
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
sdb_function_id variables_function(const struct sdb_code *code, uint32_t scope);
/*
 * Describes RECORD, whose function is FUNCTION (read with its locals). False when it refers to
 * a variable that the function does not have.
 */
bool variables_describe(const struct sdb_function *function, const struct sdb_scope_variable *record,
			struct scope_variable *variable_ret);
/* The frame base of CODE that holds at ADDRESS; length 0 when there is none. */
struct sdb_expression variables_frame_base(const struct sdb_code *code, uint64_t address);

#endif
