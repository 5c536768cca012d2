/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_DESCRIBE_H
#define TOOLS_DESCRIBE_H

/* What `lookup` says of the things that a name stands for. */

#include "session.h"

struct describe_options {
	bool json, brief;
	const struct colours *colours;
};

/* A text for each match, one behind the other. */
struct describer {
	const struct describe_options *options;
	struct session *session;
	struct text out; /* in memory */
	struct described { size_t start, length; } *matches;
	size_t match_count, match_capacity;
	/* of the name in hand */
	sdb_name_id name;
	const char *text;
	struct sdb_entity *entities;
	size_t count;
};

/*
 * Adds what is to be said of the COUNT entities that are called TEXT: functions, variables, types,
 * enumerators, and the symbols that say something else. Changes ENTITIES.
 */
void describe(struct describer *describer, sdb_name_id name, const char *text, struct sdb_entity *entities,
	      size_t count);
void describer_deinit(struct describer *describer);

#endif
