/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_CODES_H
#define RUNTIME_CODES_H

/*
 * Decoded code of a module: that of the function around an address, with variables and calls. Stacks come to the same
 * functions again and again, and each frame needs its caller's code, too. What was asked for last is kept, up to a
 * limit; what somebody uses stays until it is released.
 */

#include "space.h"

struct kept_code {
	struct sdb_code *code;
	struct sdb_db *db;  /* that it is from: the module may have had one of a part of it before */
	uint64_t pc;        /* in the module's file */
	size_t weight;      /* bytes, about */
	unsigned users;     /* while it is kept that is one of them */
	uint64_t last_used;
};

/* The code that PC of MODULE's file is in, to be released; *KEPT_RET is NULL where there is none. */
struct sdb_error *codes_get(struct sdb_module *module, struct sdb_db *db, uint64_t pc, struct kept_code **kept_ret);
/* NULL is allowed. */
void codes_release(struct kept_code *kept);
/* What MODULE keeps; NULL is allowed. */
void codes_destroy(struct codes *codes);

#endif
