/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_LAYOUT_H
#define TOOLS_LAYOUT_H

/* Types with the place of each member, in the notation that pahole made known. */

#include "json.h"
#include "session.h"

struct layout_options {
	bool expand;     /* structures inside as well, not only anonymous ones */
	bool cachelines; /* mark the boundaries of cache lines */
	bool methods;    /* of classes */
	bool plain;      /* without offsets, holes and totals */
	unsigned indent; /* tabs in front of each line */
};

/* Prints the definition of TYPE as C, ended by `;` and a new line. */
void layout_print(struct session *session, struct text *to, sdb_type_id type,
		  const struct layout_options *options);
/* Writes the same as members of the open object of JSON. */
void layout_json(struct session *session, struct json *json, sdb_type_id type, bool expand);

#endif
