/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_CODE_H
#define SYMDB_CODE_H

/* What the readers of code share; code.c says how it is stored. */

#include "coding.h"

/* The payload with KEY, number ORDER of those with it. */
struct sdb_error *code_payload(struct sdb_db *db, enum part part, uint64_t key, uint32_t order, bool instances_only,
			       const struct block **block_ret, struct cursor *from_ret);
/* An instance from its payload (past the kind) in BLOCK; PARTS as for sdb_code_at(). */
struct sdb_error *code_decode(struct sdb_db *db, const struct block *block, struct cursor from, uint64_t key,
			      uint32_t order, unsigned parts, struct sdb_code **code_ret);

#endif
