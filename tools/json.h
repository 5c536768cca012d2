/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

/*
 * JSON lines: one object a line. Keys are written in the order of the calls. Addresses and other
 * 64-bit quantities that are not counts are strings in hexadecimal, since many readers of JSON
 * keep numbers as doubles.
 */

#include "text.h"

struct json {
	struct text *to;
	unsigned depth;
	uint32_t used; /* bit per depth: something was written at it */
	uint32_t array; /* bit per depth: it is an array */
};

void json_begin(struct json *json, struct text *to); /* opens the line's object */
void json_end(struct json *json);                    /* closes it and ends the line */

/* KEY is NULL inside an array. */
void json_object(struct json *json, const char *key);
void json_array(struct json *json, const char *key);
void json_close(struct json *json); /* the innermost object or array */

void json_string(struct json *json, const char *key, const char *value);
void json_stringn(struct json *json, const char *key, const char *value, size_t length);
void json_number(struct json *json, const char *key, uint64_t value);
void json_signed(struct json *json, const char *key, int64_t value);
void json_real(struct json *json, const char *key, double value);
void json_hex(struct json *json, const char *key, uint64_t value);
/* TEXT is JSON already. */
void json_raw(struct json *json, const char *key, const char *text);
void json_bool(struct json *json, const char *key, bool value);

#endif
