/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void text_add(struct buffer *text, const char *string)
{
	put_bytes(text, string, strlen(string));
}

void text_add_format(struct buffer *text, const char *format, ...)
{
	char small[128], *made = NULL;
	va_list list;
	va_start(list, format);
	int length = vsnprintf(small, sizeof(small), format, list);
	va_end(list);
	if (length >= 0 && (size_t)length < sizeof(small)) {
		put_bytes(text, small, (size_t)length);
		return;
	}
	va_start(list, format);
	if (vasprintf(&made, format, list) < 0)
		text->failed = true;
	else
		text_add(text, made);
	va_end(list);
	free(made);
}

void text_decimal(struct buffer *text, number_signed number, bool is_signed)
{
	char digits[48];
	size_t at = sizeof(digits);
	bool negative = is_signed && number < 0;
	number_bits rest = negative ? -(number_bits)number : (number_bits)number;
	do {
		digits[--at] = (char)('0' + (unsigned)(rest % 10));
		rest /= 10;
	} while (rest);
	if (negative)
		digits[--at] = '-';
	put_bytes(text, digits + at, sizeof(digits) - at);
}

char text_last(const struct buffer *text)
{
	return text->size ? (char)text->data[text->size - 1] : '\0';
}

void text_insert(struct buffer *text, size_t at, const char *string)
{
	size_t length = strlen(string);
	if (length == 0 || at > text->size || !buffer_reserve(text, length))
		return;
	memmove(text->data + at + length, text->data + at, text->size - at);
	memcpy(text->data + at, string, length);
	text->size += length;
}

struct sdb_error *text_take(struct buffer *text, char **string_ret)
{
	put_u8(text, 0);
	if (text->failed) {
		buffer_deinit(text);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a text");
	}
	*string_ret = (char *)text->data;
	*text = (struct buffer){ 0 };
	return NULL;
}
