/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

/* The parts of a dump of a whole database, in the hierarchy of the source program. */

#include "json.h"
#include "session.h"

struct dump {
	struct session *session;
	struct text *out;
	bool json;
	unsigned detail; /* -D: operations, calls, unwind rows */
	unsigned meta;   /* -M: numbers, flags, units' producers */
	bool types, globals, scopes, symbols, ranges; /* what -T -G -S -E -R leave out */
	/* where the module is placed: */
	uint64_t bias;   /* -i */
	struct dump_place { uint32_t section; uint64_t address; } *places; /* -I */
	size_t place_count;
};

/* ADDRESS of the file where -i and -I place it. */
uint64_t dump_address(const struct dump *dump, uint64_t address);

void dump_all(struct dump *dump);
void dump_type(struct dump *dump, sdb_type_id id);
void dump_function(struct dump *dump, sdb_function_id id);
void dump_variable(struct dump *dump, sdb_variable_id id);
void dump_symbol(struct dump *dump, sdb_symbol_id id);
/* What holds ADDRESS: the function with its scopes, else the variable, else the symbol. */
bool dump_at(struct dump *dump, uint64_t address);

#endif
