/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CHAIN_H
#define TOOLS_CHAIN_H

/*
 * Chains of members: `init_task.mm.pgd`, `task_struct.comm[3]`, `p->next`. `.` and `->` mean the
 * same: pointers, typedefs and qualifiers on the way are followed, members of anonymous
 * structures and of base classes are found as if they were direct.
 */

#include "json.h"
#include "session.h"

struct chain_step {
	char *name;          /* `mm`, `[3]`; of the first step what the chain begins at */
	sdb_type_id type;
	bool through_pointer;/* the value before it was a pointer: its target begins a new object */
	uint64_t offset;     /* bytes from the start of that object */
	uint32_t bit_offset; /* bits beyond `offset`, of a bit-field */
	uint32_t bit_size;
};

struct chain {
	size_t count;
	struct chain_step *steps;
	bool has_address;    /* it begins at a variable with an address */
	uint64_t address;
	struct sdb_entity entity; /* what it begins at */
};

/* Errors: NOT_FOUND (says which member of which type), INVALID (cannot be read as a chain). */
struct sdb_error *chain_follow(struct session *session, const char *text, struct chain *chain_ret);
void chain_deinit(struct chain *chain);

/* A line for each step: its type, its name, its offset. */
void chain_print(struct session *session, struct text *to, const struct chain *chain);
void chain_json(struct session *session, struct json *json, const struct chain *chain);

#endif
