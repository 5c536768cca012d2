/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_SIZE ((size_t)64 << 10)

static _Noreturn void out_of_memory(void)
{
	static const char message[] = "stackdb: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
	(void)ignored;
	_exit(1);
}

void *tool_alloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);
	if (!memory)
		out_of_memory();
	return memory;
}

void *tool_realloc(void *memory, size_t count, size_t size)
{
	void *larger = reallocarray(memory, count ? count : 1, size);
	if (!larger)
		out_of_memory();
	return larger;
}

char *tool_strdup(const char *string)
{
	char *copy = strdup(string);
	if (!copy)
		out_of_memory();
	return copy;
}

struct text text_to(int fd)
{
	struct text text = TEXT_EMPTY;
	text.fd = fd;
	return text;
}

void text_deinit(struct text *text)
{
	text_flush(text);
	free(text->data);
	*text = (struct text)TEXT_EMPTY;
}

void text_flush(struct text *text)
{
	if (text->fd < 0)
		return;
	size_t done = 0;
	while (done < text->size) {
		ssize_t n = write(text->fd, text->data + done, text->size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPIPE)
			_exit(0); /* whoever read it has seen enough */
		if (n < 0) {
			fprintf(stderr, "stackdb: standard output: %s\n", strerror(errno));
			_exit(1);
		}
		done += (size_t)n;
	}
	text->size = 0;
}

/* Writes the buffer out when it is full, at the ends of lines only: callers may look back in theirs. */
static void line_ended(struct text *text)
{
	if (text->fd >= 0 && text->size >= FLUSH_SIZE && text->data[text->size - 1] == '\n')
		text_flush(text);
}

void text_reserve(struct text *text, size_t extra)
{
	if (text->capacity - text->size > extra)
		return;
	size_t wanted;
	if (__builtin_add_overflow(text->size, extra, &wanted) || wanted > SIZE_MAX / 2 - 64)
		out_of_memory();
	if (text->capacity > wanted)
		return;
	size_t capacity = text->capacity ? text->capacity : text->fd >= 0 ? 8192 : 64;
	while (capacity <= wanted)
		capacity *= 2;
	text->data = tool_realloc(text->data, capacity, 1);
	text->capacity = capacity;
}

const char *text_string(struct text *text)
{
	text_reserve(text, 1);
	text->data[text->size] = '\0';
	return text->data;
}

void text_addn(struct text *text, const char *string, size_t length)
{
	text_reserve(text, length);
	if (length)
		memcpy(text->data + text->size, string, length);
	text->size += length;
	line_ended(text);
}

void text_add(struct text *text, const char *string)
{
	text_addn(text, string, strlen(string));
}

void text_char(struct text *text, char c)
{
	text_reserve(text, 1);
	text->data[text->size++] = c;
	if (c == '\n')
		line_ended(text);
}

void text_repeat(struct text *text, char c, size_t count)
{
	text_reserve(text, count);
	memset(text->data + text->size, c, count);
	text->size += count;
}

void text_u64(struct text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	text_addn(text, digits + at, sizeof(digits) - at);
}

void text_s64(struct text *text, int64_t value)
{
	if (value < 0)
		text_char(text, '-');
	text_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_hex_digits(struct text *text, uint64_t value, unsigned digits)
{
	char hex[16];
	size_t at = sizeof(hex);
	do {
		hex[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value || (sizeof(hex) - at < digits && at > 0));
	text_addn(text, hex + at, sizeof(hex) - at);
}

void text_hex(struct text *text, uint64_t value)
{
	text_addn(text, "0x", 2);
	text_hex_digits(text, value, 1);
}

void text_format(struct text *text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	text_reserve(text, 256);
	int length = vsnprintf(text->data + text->size, text->capacity - text->size, format, args);
	va_end(args);
	if (length < 0)
		return;
	if ((size_t)length >= text->capacity - text->size) {
		text_reserve(text, (size_t)length + 1);
		va_start(args, format);
		vsnprintf(text->data + text->size, text->capacity - text->size, format, args);
		va_end(args);
	}
	text->size += (size_t)length;
	line_ended(text);
}

void text_offset(struct text *text, int64_t offset)
{
	if (offset > 0)
		text_char(text, '+');
	if (offset)
		text_s64(text, offset);
}

void text_grouped(struct text *text, uint64_t value)
{
	char digits[32];
	size_t at = sizeof(digits);
	unsigned count = 0;
	do {
		if (count && count % 3 == 0)
			digits[--at] = ',';
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
		count++;
	} while (value);
	text_addn(text, digits + at, sizeof(digits) - at);
}

void text_size(struct text *text, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	if (bytes < 1000) {
		text_format(text, "%u B", (unsigned)bytes);
		return;
	}
	double value = (double)bytes / 1000;
	size_t unit = 0;
	for (; value >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1000;
	text_format(text, "%.1f %s", value, units[unit]);
}

char *text_clean(char *string)
{
	for (char *c = string; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return string;
}
