/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TEXT_H
#define RUNTIME_TEXT_H

/* Text under construction: a buffer (symdb/buffer.h), which remembers when memory was short. */

#include "number.h"
#include "symdb/buffer.h"
#include <stackdb/error.h>

void text_add(struct buffer *text, const char *string);
void text_add_format(struct buffer *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Decimal, all 128 bits. */
void text_decimal(struct buffer *text, number_signed number, bool is_signed);
/* The character at the end; 0 when there is none. */
char text_last(const struct buffer *text);
/* Puts STRING in at character AT. */
void text_insert(struct buffer *text, size_t at, const char *string);

/* What was made, malloc'ed and NUL-terminated; the buffer is empty then. MEMORY when it failed. */
struct sdb_error *text_take(struct buffer *text, char **string_ret);

#endif
