/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of a \u at AT; -1: they are none. */
static int32_t four_digits(const char *at, const char *end)
{
	int32_t code = 0;
	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

/* Behind the string that begins at AT; NULL: it is none. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++) {
		if ((unsigned char)*at < 0x20)
			return NULL;
		if (*at != '\\')
			continue;
		if (++at == end || !strchr("\"\\/bfnrtu", *at) || !*at)
			return NULL;
		if (*at != 'u')
			continue;
		if (four_digits(at + 1, end) < 0)
			return NULL;
		at += 4;
	}
	return at < end ? at + 1 : NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

static const char *skip_number(const char *at, const char *end)
{
	at += at < end && *at == '-';
	const char *begin = at;
	at = skip_digits(at, end);
	if (at == begin || (*begin == '0' && at - begin > 1))
		return NULL;
	if (at < end && *at == '.') {
		begin = ++at;
		at = skip_digits(at, end);
		if (at == begin)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		begin = at;
		at = skip_digits(at, end);
		if (at == begin)
			return NULL;
	}
	return at;
}

static const char *skip_word(const char *at, const char *end, const char *word)
{
	size_t length = strlen(word);
	return (size_t)(end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

static const char *skip_value(const char *at, const char *end, unsigned depth);

/* Behind a member's name and colon, at its value. */
static const char *skip_name(const char *at, const char *end)
{
	at = skip_blanks(at, end);
	if (at == end || *at != '"' || !(at = skip_string(at, end)))
		return NULL;
	at = skip_blanks(at, end);
	return at < end && *at == ':' ? skip_blanks(at + 1, end) : NULL;
}

static const char *skip_container(const char *at, const char *end, unsigned depth)
{
	char close = *at == '{' ? '}' : ']';
	if (depth == JSON_MAX_DEPTH)
		return NULL;
	at = skip_blanks(at + 1, end);
	if (at < end && *at == close)
		return at + 1;
	for (;;) {
		if (close == '}' && !(at = skip_name(at, end)))
			return NULL;
		at = skip_value(at, end, depth + 1);
		if (!at)
			return NULL;
		at = skip_blanks(at, end);
		if (at == end || (*at != close && *at != ','))
			return NULL;
		if (*at++ == close)
			return at;
	}
}

/* Behind the value at AT, or NULL. */
static const char *skip_value(const char *at, const char *end, unsigned depth)
{
	at = skip_blanks(at, end);
	if (at == end)
		return NULL;
	switch (*at) {
	case '{': case '[': return skip_container(at, end, depth);
	case '"': return skip_string(at, end);
	case 't': return skip_word(at, end, "true");
	case 'f': return skip_word(at, end, "false");
	case 'n': return skip_word(at, end, "null");
	default: return skip_number(at, end);
	}
}

bool jsontext_check(const char *text, size_t size, struct jsontext *value_ret)
{
	const char *end = text + size;
	value_ret->at = skip_blanks(text, end);
	value_ret->end = skip_value(text, end, 0);
	if (value_ret->end && skip_blanks(value_ret->end, end) == end)
		return true;
	value_ret->at = NULL;
	return false;
}

char jsontext_kind(struct jsontext value)
{
	if (!value.at)
		return 0;
	return strchr("{[\"tfn", *value.at) ? *value.at : '0';
}

bool jsontext_is(struct jsontext value, const char *string)
{
	char *text = jsontext_string(value);
	bool same = text && strcmp(text, string) == 0;
	free(text);
	return same;
}

bool jsontext_member(struct jsontext object, const char *name, struct jsontext *value_ret)
{
	if (jsontext_kind(object) != '{')
		return false;
	const char *end = object.end, *at = skip_blanks(object.at + 1, end);
	while (*at != '}') {
		at = skip_blanks(at, end);
		struct jsontext key = { at, skip_string(at, end) };
		value_ret->at = skip_name(at, end);
		value_ret->end = skip_value(value_ret->at, end, 0);
		if (jsontext_is(key, name))
			return true;
		at = skip_blanks(value_ret->end, end);
		at += *at == ',';
	}
	value_ret->at = NULL;
	return false;
}

bool jsontext_next(struct jsontext array, struct jsontext *item)
{
	if (jsontext_kind(array) != '[')
		return false;
	const char *at = skip_blanks(item->at ? item->end : array.at + 1, array.end);
	if (*at == ',')
		at = skip_blanks(at + 1, array.end);
	if (*at == ']')
		return false;
	item->at = at;
	item->end = skip_value(at, array.end, 0);
	return true;
}

bool jsontext_integer(struct jsontext value, int64_t *number_ret)
{
	if (jsontext_kind(value) != '0')
		return false;
	bool negative = *value.at == '-';
	int64_t number = 0;
	for (const char *at = value.at + negative; at < value.end; at++) {
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(number, 10, &number)
		    || (negative ? __builtin_sub_overflow(number, *at - '0', &number)
			: __builtin_add_overflow(number, *at - '0', &number)))
			return false;
	}
	*number_ret = number;
	return true;
}

static char *put_utf8(char *to, uint32_t code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

/* The character of the \u whose digits are at *AT, which is moved to the last of them; half a pair is U+FFFD. */
static uint32_t unicode(const char **at, const char *end)
{
	uint32_t code = (uint32_t)four_digits(*at, end);
	*at += 3;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	if (code < 0xdc00 && end - *at > 6 && (*at)[1] == '\\' && (*at)[2] == 'u') {
		uint32_t low = (uint32_t)four_digits(*at + 3, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at += 6;
			return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

char *jsontext_string(struct jsontext value)
{
	static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
	if (jsontext_kind(value) != '"')
		return NULL;
	/* No escape is shorter than what it stands for. */
	char *text = malloc((size_t)(value.end - value.at)), *to = text;
	for (const char *at = value.at + 1; text && at < value.end - 1; at++) {
		uint32_t code = (unsigned char)*at;
		if (*at == '\\') {
			const char *name = strchr(names, *++at);
			code = name ? (unsigned char)meant[name - names] : (unsigned char)*at;
			if (*at == 'u') {
				at++;
				code = unicode(&at, value.end - 1);
			}
			if (!code) {
				free(text);
				return NULL;
			}
			to = put_utf8(to, code);
		} else {
			*to++ = *at;
		}
	}
	if (text)
		*to = '\0';
	return text;
}

char *jsontext_quote(const char *text)
{
	char *quoted = malloc(strlen(text) * 6 + 3), *to = quoted;
	if (!quoted)
		return NULL;
	*to++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		if ((unsigned char)*text < 0x20)
			to += sprintf(to, "\\u%04x", (unsigned char)*text);
		else
			*to++ = *text;
	}
	*to++ = '"';
	*to = '\0';
	return quoted;
}
