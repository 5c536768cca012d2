/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <string.h>

static void put_quoted(struct text *to, const char *value, size_t length)
{
	text_char(to, '"');
	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)value[i];
		size_t step = 1;
		if (c == '"' || c == '\\') {
			text_char(to, '\\');
			text_char(to, (char)c);
		} else if (c < 0x20 || c == 0x7f) {
			text_format(to, "\\u%04x", c);
		} else if (c < 0x80) {
			text_char(to, (char)c);
		} else if ((step = text_utf8_length((const unsigned char *)value + i, length - i)) != 0) {
			text_addn(to, value + i, step);
		} else {
			text_add(to, "\\ufffd");
			step = 1;
		}
		i += step;
	}
	text_char(to, '"');
}

static void put_key(struct json *json, const char *key)
{
	uint32_t bit = UINT32_C(1) << (json->depth & 31);
	if (json->used & bit)
		text_char(json->to, ',');
	json->used |= bit;
	if (key && !(json->array & bit)) {
		text_char(json->to, '"');
		text_add(json->to, key);
		text_addn(json->to, "\":", 2);
	}
}

static void open_level(struct json *json, bool array)
{
	json->depth++;
	uint32_t bit = UINT32_C(1) << (json->depth & 31);
	json->used &= ~bit;
	json->array = array ? json->array | bit : json->array & ~bit;
	text_char(json->to, array ? '[' : '{');
}

void json_begin(struct json *json, struct text *to)
{
	*json = (struct json){ .to = to };
	open_level(json, false);
}

void json_end(struct json *json)
{
	while (json->depth)
		json_close(json);
	text_char(json->to, '\n');
}

void json_object(struct json *json, const char *key)
{
	put_key(json, key);
	open_level(json, false);
}

void json_array(struct json *json, const char *key)
{
	put_key(json, key);
	open_level(json, true);
}

void json_close(struct json *json)
{
	text_char(json->to, json->array & (UINT32_C(1) << (json->depth & 31)) ? ']' : '}');
	json->depth--;
}

void json_stringn(struct json *json, const char *key, const char *value, size_t length)
{
	put_key(json, key);
	put_quoted(json->to, value, length);
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (value) {
		json_stringn(json, key, value, strlen(value));
	} else {
		put_key(json, key);
		text_add(json->to, "null");
	}
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	text_u64(json->to, value);
}

void json_signed(struct json *json, const char *key, int64_t value)
{
	put_key(json, key);
	text_s64(json->to, value);
}

void json_real(struct json *json, const char *key, double value)
{
	put_key(json, key);
	text_format(json->to, "%.6g", value);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
	put_key(json, key);
	text_char(json->to, '"');
	text_hex(json->to, value);
	text_char(json->to, '"');
}

void json_bool(struct json *json, const char *key, bool value)
{
	put_key(json, key);
	text_add(json->to, value ? "true" : "false");
}

void json_raw(struct json *json, const char *key, const char *text)
{
	put_key(json, key);
	text_add(json->to, text);
}
