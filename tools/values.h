/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_VALUES_H
#define TOOLS_VALUES_H

/* Variables of a frame with their values, as the commands on live targets show them. */

#include "json.h"
#include <stackdb/value.h>

/* ` (a=1, b=0x7ffd...)`: the arguments, of those that are no scalars `...`. */
void values_put_arguments(struct text *to, const struct sdb_context *context);
/* A line for each local, `name = value`, indented. */
void values_put_locals(struct text *to, const struct sdb_context *context, unsigned indent);
/* The same as members "arguments" and "locals". */
void values_as_json(struct json *json, const struct sdb_context *context, bool arguments,
		    bool locals);
/* VALUE as text, or why there is none. */
void values_put(struct text *to, struct sdb_value *value, const struct sdb_context *context);

#endif
