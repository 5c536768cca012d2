/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_GDB_JSON_H
#define DRIVERS_GDB_JSON_H

/*
 * A strict reader of JSON (RFC 8259) for what comes from a QMP server, that may be hostile. The text is checked
 * once; values are then parts of it, so that nothing is allocated by what it says. Depth is bounded.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_MAX_DEPTH 64

/* A value inside a text that was checked; valid as long as that is. `at` NULL: none. */
struct jsontext {
	const char *at, *end;
};

/* Whether TEXT is one value, blanks around it allowed. */
bool jsontext_check(const char *text, size_t size, struct jsontext *value_ret);
/* `{`, `[`, `"`, `0` (a number), `t`, `f`, `n`; 0: no value. */
char jsontext_kind(struct jsontext value);
/* The first member NAME of OBJECT; false when there is none, or it is no object. */
bool jsontext_member(struct jsontext object, const char *name, struct jsontext *value_ret);
/* Goes through ARRAY: *ITEM begins as all zero. */
bool jsontext_next(struct jsontext array, struct jsontext *item);
/* An integer that an int64_t holds. */
bool jsontext_integer(struct jsontext value, int64_t *number_ret);
bool jsontext_is(struct jsontext value, const char *string);
/* A string decoded to UTF-8, malloc'ed; NULL: no string, it has a NUL in it, or no memory. */
char *jsontext_string(struct jsontext value);
/* TEXT as a JSON string with its quotes, malloc'ed; NULL: no memory. */
char *jsontext_quote(const char *text);

#endif
