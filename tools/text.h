/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

/*
 * Text under construction: in memory, or on its way to a file descriptor through one large
 * buffer. Running out of memory ends the program, as does a reader of the output that went away;
 * so nothing here returns an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	char *data;
	size_t size;
	size_t capacity;
	int fd;       /* >= 0: data is written there when the buffer is full */
	size_t limit; /* bytes of a full buffer */
	/* When set, called before the buffer is written: it may wait, and may empty the text. */
	void (*full)(void *arg);
	void *arg;
};

#define TEXT_EMPTY { NULL, 0, 0, -1, SIZE_MAX, NULL, NULL }

struct text text_to(int fd); /* a text that is written to FD */
void text_deinit(struct text *text);
void text_flush(struct text *text);
void text_reserve(struct text *text, size_t extra);
const char *text_string(struct text *text); /* of one in memory: NUL-terminated */

/* Writes the buffer out when it is full, at the ends of lines only: callers may look back in theirs. */
void text_line_ended(struct text *text);

static inline void text_addn(struct text *text, const char *string, size_t length)
{
	if (text->capacity - text->size <= length)
		text_reserve(text, length);
	if (length)
		memcpy(text->data + text->size, string, length);
	text->size += length;
	if (text->size >= text->limit)
		text_line_ended(text);
}

static inline void text_add(struct text *text, const char *string)
{
	text_addn(text, string, strlen(string));
}

static inline void text_char(struct text *text, char c)
{
	text_addn(text, &c, 1);
}

void text_repeat(struct text *text, char c, size_t count);
void text_u64(struct text *text, uint64_t value);
void text_s64(struct text *text, int64_t value);
void text_hex(struct text *text, uint64_t value); /* with 0x, no leading zeroes */
void text_range(struct text *text, uint64_t low, uint64_t high); /* `0x10-0x20` */
void text_hex_digits(struct text *text, uint64_t value, unsigned digits); /* without 0x */
void text_hex_bytes(struct text *text, const uint8_t *bytes, size_t size); /* two digits each */
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `+8`, `-8`, nothing for 0. */
void text_offset(struct text *text, int64_t offset);
/* 1234567 as `1,234,567`. */
void text_grouped(struct text *text, uint64_t value);
/* A size in bytes as people read it: `588.2 MB` (powers of ten). */
void text_size(struct text *text, uint64_t bytes);

/* Length of the well-formed UTF-8 sequence at S (of LENGTH bytes), 0 when there is none. */
size_t text_utf8_length(const unsigned char *s, size_t length);
/*
 * STRING as it is but for control characters and what is no UTF-8, which are \033 then: a guest is not to steer a
 * terminal.
 */
void text_escaped(struct text *text, const char *string, size_t length);

/* Copies STRING with control characters replaced: a database is not to steer a terminal. */
char *text_clean(char *string);

void *tool_alloc(size_t size);               /* zeroed, never NULL */
void *tool_realloc(void *memory, size_t count, size_t size);
char *tool_strdup(const char *string);

/*
 * For threads that share blocks: one heap for all of them, where blocks that outlive the thread that
 * read them leave holes for everybody.
 */
void tool_share_heap(void);

#endif
