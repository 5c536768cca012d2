/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FULL_SIZE ((size_t)64 << 10)

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

void tool_share_heap(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 1);
#endif
}

struct text text_to(int fd)
{
	struct text text = TEXT_EMPTY;
	text.fd = fd;
	text.limit = FULL_SIZE;
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
	if (text->fd < 0 || text->size == 0)
		return;
	if (text->full)
		text->full(text->arg);
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

void text_line_ended(struct text *text)
{
	if (text->data[text->size - 1] == '\n')
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

void text_repeat(struct text *text, char c, size_t count)
{
	text_reserve(text, count);
	memset(text->data + text->size, c, count);
	text->size += count;
}

/* The decimal digits of VALUE, written so that they end at END; returns where they begin. */
static char *decimal(char *end, uint64_t value)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";
	while (value >= 100) {
		end -= 2;
		memcpy(end, pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, pairs + value * 2, 2);
		return end;
	}
	*--end = (char)('0' + value);
	return end;
}

void text_u64(struct text *text, uint64_t value)
{
	char digits[20];
	char *start = decimal(digits + sizeof(digits), value);
	text_addn(text, start, (size_t)(digits + sizeof(digits) - start));
}

void text_s64(struct text *text, int64_t value)
{
	if (value < 0)
		text_char(text, '-');
	text_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

/* At least DIGITS hexadecimal digits of VALUE, at most 16, written to TO; returns how many. */
static unsigned hexadecimal(char *to, uint64_t value, unsigned digits)
{
	unsigned count = value ? (unsigned)(67 - __builtin_clzll(value)) / 4 : 1;
	count = count < digits ? digits < 16 ? digits : 16 : count;
	for (unsigned i = count; i-- > 0; value >>= 4)
		to[i] = "0123456789abcdef"[value & 15];
	return count;
}

void text_hex_digits(struct text *text, uint64_t value, unsigned digits)
{
	char hex[16];
	text_addn(text, hex, hexadecimal(hex, value, digits));
}

void text_hex_bytes(struct text *text, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text_hex_digits(text, bytes[i], 2);
}

void text_hex(struct text *text, uint64_t value)
{
	char hex[18] = "0x";
	text_addn(text, hex, 2 + hexadecimal(hex + 2, value, 1));
}

void text_range(struct text *text, uint64_t low, uint64_t high)
{
	char hex[37] = "0x";
	unsigned size = 2 + hexadecimal(hex + 2, low, 1);
	memcpy(hex + size, "-0x", 3);
	size += 3;
	text_addn(text, hex, size + hexadecimal(hex + size, high, 1));
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
	if (text->size >= text->limit)
		text_line_ended(text);
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

size_t text_utf8_length(const unsigned char *s, size_t length)
{
	size_t need = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
		: s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
	if (!need || need > length)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)
	    || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return need;
}

void text_escaped(struct text *text, const char *string, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)string;
	for (size_t i = 0, step; i < length; i += step) {
		unsigned char c = bytes[i];
		step = c >= ' ' && c < 0x7f ? 1 : c >= 0x80 ? text_utf8_length(bytes + i, length - i) : 0;
		/* U+0080 to U+009F are control characters, too. */
		if (step && !(c == 0xc2 && bytes[i + 1] < 0xa0)) {
			text_addn(text, string + i, step);
			continue;
		}
		text_format(text, "\\%03o", c);
		step = 1;
	}
}

char *text_clean(char *string)
{
	for (char *c = string; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return string;
}
