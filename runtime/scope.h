/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SCOPE_H
#define RUNTIME_SCOPE_H

/* What <stackdb/scope.h> says, asked of a context. */

#include "context.h"
#include <stackdb/scope.h>

/* The type of VARIABLE, of the code of CONTEXT. */
struct sdb_error *scope_variable_type(const struct sdb_context *context,
				      const struct sdb_scope_variable *variable,
				      sdb_type_id *type_ret);

#endif
