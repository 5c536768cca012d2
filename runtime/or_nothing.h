/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_OR_NOTHING_H
#define RUNTIME_OR_NOTHING_H

#include <stackdb/error.h>
#include <stddef.h>

/* ERROR, unless it says that what was looked for does not exist: that is an answer, too. */
static inline struct sdb_error *or_nothing(struct sdb_error *error)
{
	if (!error || sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	sdb_error_free(error);
	return NULL;
}

#endif
