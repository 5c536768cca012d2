/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SYMDB_FLATTEN_H
#define TESTS_SYMDB_FLATTEN_H

/* Records as bytes: two are equal when all that they say is. */

#include "symdb/buffer.h"
#include <stackdb/model.h>

void flatten_type(struct buffer *to, const struct sdb_type *type);
void flatten_function(struct buffer *to, const struct sdb_function *function);
void flatten_variable(struct buffer *to, const struct sdb_variable *variable);
void flatten_code(struct buffer *to, const struct sdb_code *code);

#endif
