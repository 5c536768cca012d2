/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <stdlib.h>
#include <string.h>

enum { OUTSIDE, INSIDE, REPEAT, FIRST_DIGIT, SECOND_DIGIT };

#define FIRST_ROOM ((size_t)4096)

void packet_parser_init(struct packet_parser *parser, size_t limit)
{
	*parser = (struct packet_parser){ .limit = limit };
}

void packet_parser_deinit(struct packet_parser *parser)
{
	free(parser->data);
	*parser = (struct packet_parser){ .data = NULL };
}

/* Room grows with the bytes that have come. */
static bool reserve(struct packet_parser *parser, size_t more)
{
	if (parser->size + more + 1 <= parser->capacity)
		return true;
	if (parser->size + more > parser->limit)
		return false;
	size_t capacity = parser->capacity ? 2 * parser->capacity : FIRST_ROOM;
	while (capacity < parser->size + more + 1)
		capacity *= 2;
	uint8_t *data = realloc(parser->data, capacity);
	if (!data)
		return false;
	parser->data = data;
	parser->capacity = capacity;
	return true;
}

static void add(struct packet_parser *parser, uint8_t byte, size_t count)
{
	if (parser->too_long || !reserve(parser, count)) {
		parser->too_long = true;
		return;
	}
	memset(parser->data + parser->size, byte, count);
	parser->size += count;
}

static void take_inside(struct packet_parser *parser, uint8_t byte)
{
	if (byte == '#') {
		parser->broken |= parser->escaped;
		parser->state = FIRST_DIGIT;
		return;
	}
	parser->sum += byte;
	if (parser->escaped) {
		parser->escaped = false;
		add(parser, byte ^ 0x20, 1);
	} else if (byte == '}') {
		parser->escaped = true;
	} else if (byte == '*') {
		parser->state = REPEAT;
	} else {
		add(parser, byte, 1);
	}
}

/* `0* ` is 0000: the byte before once more for each value above 28 (appendix E.1). */
static void take_repeat(struct packet_parser *parser, uint8_t byte)
{
	parser->sum += byte;
	parser->state = INSIDE;
	if (byte < 29 + 3 || byte > 126 || (!parser->size && !parser->too_long))
		parser->broken = true;
	else if (!parser->too_long)
		add(parser, parser->data[parser->size - 1], byte - 29u);
}

static enum packet_found take_outside(struct packet_parser *parser, uint8_t byte)
{
	if (byte == '+')
		return PACKET_ACK;
	if (byte == '-')
		return PACKET_NACK;
	if (byte == '$' || byte == '%') {
		parser->state = INSIDE;
		parser->size = 0;
		parser->sum = 0;
		parser->notification = byte == '%';
		parser->escaped = parser->broken = parser->too_long = false;
	}
	return PACKET_NOTHING; /* what stands between packets is noise */
}

static enum packet_found finish(struct packet_parser *parser, uint8_t byte)
{
	int low = packet_digit(byte);
	parser->state = OUTSIDE;
	if (parser->notification)
		return PACKET_NOTHING;
	if (low < 0 || parser->broken || (parser->wanted << 4 | low) != parser->sum)
		return PACKET_BROKEN;
	if (parser->too_long || !reserve(parser, 0))
		return PACKET_TOO_LONG;
	parser->data[parser->size] = '\0';
	return PACKET_WHOLE;
}

static enum packet_found take(struct packet_parser *parser, uint8_t byte)
{
	int digit;
	switch (parser->state) {
	case OUTSIDE:
		return take_outside(parser, byte);
	case INSIDE:
		/* A new packet begins where the old one was cut off. */
		if (byte == '$' && !parser->escaped)
			take_outside(parser, byte);
		else
			take_inside(parser, byte);
		return PACKET_NOTHING;
	case REPEAT:
		take_repeat(parser, byte);
		return PACKET_NOTHING;
	case FIRST_DIGIT:
		digit = packet_digit(byte);
		parser->broken |= digit < 0;
		parser->wanted = (uint8_t)(digit < 0 ? 0 : digit);
		parser->state = SECOND_DIGIT;
		return PACKET_NOTHING;
	default:
		return finish(parser, byte);
	}
}

enum packet_found packet_parse(struct packet_parser *parser, const uint8_t *bytes, size_t size, size_t *used_ret)
{
	for (size_t i = 0; i < size; i++) {
		enum packet_found found = take(parser, bytes[i]);
		if (found != PACKET_NOTHING) {
			*used_ret = i + 1;
			return found;
		}
	}
	*used_ret = size;
	return PACKET_NOTHING;
}

size_t packet_write(const void *data, size_t size, uint8_t *to)
{
	const uint8_t *from = data;
	uint8_t sum = 0, *begin = to;
	*to++ = '$';
	for (size_t i = 0; i < size; i++) {
		uint8_t byte = from[i];
		if (byte == '$' || byte == '#' || byte == '}' || byte == '*') {
			*to++ = '}';
			sum += '}';
			byte ^= 0x20;
		}
		*to++ = byte;
		sum += byte;
	}
	*to++ = '#';
	packet_put_hex(&sum, 1, (char *)to);
	return (size_t)(to + 2 - begin);
}

const char *packet_show(const char *text, char *to, size_t size)
{
	size_t i = 0;
	for (; i + 1 < size && text[i]; i++)
		to[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	to[i] = '\0';
	return to;
}

/* ---- hexadecimal digits ------------------------------------------------------------------------ */

int packet_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void packet_put_hex(const void *bytes, size_t size, char *to)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	for (size_t i = 0; i < size; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
}

size_t packet_get_hex(const char *text, size_t length, void *bytes, size_t size)
{
	uint8_t *to = bytes;
	size_t count = 0;
	for (; count < size && 2 * count + 1 < length; count++) {
		int high = packet_digit((uint8_t)text[2 * count]), low = packet_digit((uint8_t)text[2 * count + 1]);
		if (high < 0 || low < 0)
			break;
		to[count] = (uint8_t)(high << 4 | low);
	}
	return count;
}

bool packet_number(const char **at, uint64_t *number_ret)
{
	uint64_t number = 0;
	const char *begin = *at;
	for (int digit; (digit = packet_digit((uint8_t)**at)) >= 0; (*at)++) {
		if (number >> 60)
			return false;
		number = number << 4 | (unsigned)digit;
	}
	*number_ret = number;
	return *at != begin;
}
