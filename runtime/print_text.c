/* SPDX-License-Identifier: MIT */
/*
 * Characters and strings as gdb shows them (its valprint.c): runs of more than ten equal
 * characters are counted, what cannot be printed is octal, `"abc", 'x' <repeats 20 times>, "d"`.
 */
#include "print.h"

#include <ctype.h>
#include <stdlib.h>
#include <wctype.h>

#define FETCH 64u /* bytes of a string that are read at once, so that no read crosses a page */

uint32_t print_decode(const uint8_t *bytes, size_t size, size_t *length_ret)
{
	uint8_t first = bytes[0];
	size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0
		&& first < 0xf0 ? 3
		: first >= 0xf0 && first < 0xf5 ? 4 : 0;
	*length_ret = 1;
	if (length <= 1)
		return length ? first : 0;
	uint32_t code = first & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if (i >= size) {
			*length_ret = 0;
			return 0;
		}
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*length_ret = length;
	return code;
}

static void put_utf8(struct buffer *text, uint32_t code)
{
	if (code < 0x80) {
		put_u8(text, (uint8_t)code);
	} else if (code < 0x800) {
		put_u8(text, (uint8_t)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		put_u8(text, (uint8_t)(0xe0 | code >> 12));
		put_u8(text, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
	} else {
		put_u8(text, (uint8_t)(0xf0 | code >> 18));
		put_u8(text, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
		put_u8(text, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
	}
	if (code >= 0x80)
		put_u8(text, (uint8_t)(0x80 | (code & 0x3f)));
}

/* ---- characters ---------------------------------------------------------------------------- */

/* A character of a text: a code, or units that are none. */
struct unit {
	uint32_t code;
	bool sound;      /* `code` is a character */
	bool incomplete; /* the text ends in the middle of it */
	size_t at;       /* first of its units */
	size_t length;   /* in units of the text's width */
	size_t repeats;
};

static uint32_t raw_unit(const struct characters *characters, size_t at)
{
	return (uint32_t)number_get(characters->bytes + at * characters->width, characters->width,
				    characters->big_endian);
}

static struct unit narrow_unit(const struct characters *characters, size_t at)
{
	size_t length;
	struct unit unit = { .at = at, .length = 1, .repeats = 1 };
	unit.code = print_decode(characters->bytes + at, characters->count - at, &length);
	unit.sound = unit.code || characters->bytes[at] == 0;
	unit.incomplete = length == 0;
	unit.length = unit.incomplete ? characters->count - at : length;
	return unit;
}

static struct unit unit_at(const struct characters *characters, size_t at)
{
	if (characters->width == 1)
		return narrow_unit(characters, at);
	struct unit unit = { .code = raw_unit(characters, at), .at = at, .length = 1,
			     .repeats = 1 };
	if (characters->width == 2 && unit.code >> 10 == 0x36 && at + 1 < characters->count
	    && raw_unit(characters, at + 1) >> 10 == 0x37) {
		unit.code = 0x10000 + ((unit.code & 0x3ff) << 10)
			+ (raw_unit(characters, at + 1) & 0x3ff);
		unit.length = 2;
	}
	unit.sound = unit.code <= 0x10ffff && unit.code >> 11 != 0x1b;
	return unit;
}

/* As Unicode has it, whatever the locale of the program. */
static bool is_printable(struct printer *printer, uint32_t code)
{
	if (code < 0x80)
		return code >= ' ' && code < 0x7f;
	if (!printer->unicode)
		printer->unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return printer->unicode ? iswprint_l((wint_t)code, printer->unicode) : code >= 0xa0;
}

static const char *named_escape(uint32_t code)
{
	switch (code) {
	case '\a': return "\\a";
	case '\b': return "\\b";
	case '\f': return "\\f";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	case '\v': return "\\v";
	default: return NULL;
	}
}

/* True when a digit behind it would seem to be part of it. */
static bool put_octal(struct buffer *text, uint32_t value)
{
	if (value <= 0777)
		text_add_format(text, "\\%03o", value);
	else
		text_add_format(text, "\\x%x", value);
	return value > 0777;
}

/* *DIGIT: see put_octal(), of what stands before it. */
static void put_unit(struct printer *printer, const struct characters *characters,
		     const struct unit *unit,
		     char quote, bool *digit)
{
	struct buffer *text = &printer->text;
	bool after_escape = *digit;
	*digit = false;
	if (unit->sound && named_escape(unit->code)) {
		text_add(text, named_escape(unit->code));
	} else if (unit->sound && is_printable(printer, unit->code)
		   && !(after_escape && unit->code < 0x80 && isxdigit((int)unit->code))) {
		if (unit->code == (uint32_t)quote || unit->code == '\\')
			put_u8(text, '\\');
		put_utf8(text, unit->code);
	} else {
		for (size_t i = 0; i < unit->length; i++)
			*digit = put_octal(text, raw_unit(characters, unit->at + i));
	}
}

void print_character(struct printer *printer, uint32_t code, unsigned width, char prefix)
{
	uint8_t bytes[4];
	struct characters one = { .bytes = bytes, .count = 1, .width = width, .prefix = prefix };
	bool digit = false;
	number_put(bytes, width, false, code);
	struct unit unit = unit_at(&one, 0);
	if (width == 1 && code >= 0x80)
		unit.sound = false, unit.length = 1;
	if (prefix)
		put_u8(&printer->text, (uint8_t)prefix);
	put_u8(&printer->text, '\'');
	put_unit(printer, &one, &unit, '\'', &digit);
	put_u8(&printer->text, '\'');
}

/* ---- strings --------------------------------------------------------------------------------- */

static bool same_units(const struct characters *characters, const struct unit *a,
		       const struct unit *b)
{
	return a->sound == b->sound && a->incomplete == b->incomplete && a->length == b->length
		&& memcmp(characters->bytes + a->at * characters->width,
			  characters->bytes + b->at * characters->width,
			  a->length * characters->width) == 0;
}

static struct unit run_at(const struct characters *characters, size_t at, size_t *next_ret)
{
	struct unit run = unit_at(characters, at);
	at += run.length;
	while (at < characters->count && !run.incomplete) {
		struct unit next = unit_at(characters, at);
		if (!same_units(characters, &run, &next))
			break;
		run.repeats++;
		at += next.length;
	}
	*next_ret = at;
	return run;
}

/* The parts of a string in quotes: whether one is open, and what stands before the next. */
struct quoting {
	bool open;
	bool digit;
	const char *separator;
};

static void put_open(struct buffer *text, struct quoting *quoting, char prefix)
{
	if (quoting->open)
		return;
	text_add(text, quoting->separator);
	if (prefix)
		put_u8(text, (uint8_t)prefix);
	put_u8(text, '"');
	quoting->open = true;
	quoting->digit = false;
}

static void put_close(struct buffer *text, struct quoting *quoting)
{
	if (quoting->open)
		put_u8(text, '"');
	quoting->open = false;
	quoting->separator = ", ";
}

static void put_run(struct printer *printer, const struct characters *characters,
		    const struct unit *run,
		    struct quoting *quoting)
{
	struct buffer *text = &printer->text;
	if (run->incomplete) {
		bool behind = quoting->open || *quoting->separator;
		put_close(text, quoting);
		text_add(text, behind ? ", <incomplete sequence " : "<incomplete sequence ");
		for (size_t i = 0; i < run->length; i++)
			put_octal(text, raw_unit(characters, run->at + i));
		text_add(text, ">");
	} else if (run->repeats > printer->options.repeats) {
		bool digit = false;
		bool behind = quoting->open || *quoting->separator;
		put_close(text, quoting);
		text_add(text, behind ? ", " : "");
		if (characters->prefix)
			put_u8(text, (uint8_t)characters->prefix);
		put_u8(text, '\'');
		put_unit(printer, characters, run, '\'', &digit);
		text_add_format(text, "' <repeats %zu times>", run->repeats);
	} else {
		put_open(text, quoting, characters->prefix);
		for (size_t i = 0; i < run->repeats; i++)
			put_unit(printer, characters, run, '"', &quoting->digit);
	}
}

void print_string(struct printer *printer, const struct characters *given)
{
	struct characters characters = *given;
	struct quoting quoting = { .separator = "" };
	size_t at = 0, printed = 0;
	if (!characters.more && characters.count
	    && raw_unit(&characters, characters.count - 1) == 0)
		characters.count--;
	if (characters.count == 0) {
		put_open(&printer->text, &quoting, characters.prefix);
		put_close(&printer->text, &quoting);
	}
	while (at < characters.count && printed < printer->options.elements
	       && !print_full(printer)) {
		struct unit run = run_at(&characters, at, &at);
		put_run(printer, &characters, &run, &quoting);
		printed += run.repeats;
	}
	put_close(&printer->text, &quoting);
	if (characters.more || at < characters.count)
		text_add(&printer->text, "...");
}

/* Reads up to LIMIT characters and the NUL behind them. */
static struct sdb_error *fetch(struct printer *printer, uint64_t address, unsigned width,
			       size_t limit,
			       uint8_t *bytes, size_t *count_ret, bool *ended_ret)
{
	const struct sdb_context *context = printer->context;
	size_t have = 0, want = (limit + 1) * width, checked = 0;
	*ended_ret = false;
	*count_ret = 0;
	while (have < want) {
		size_t part = FETCH - (size_t)((address + have) % FETCH);
		part = part < want - have ? part : want - have;
		struct sdb_error *error = context->ops->read_memory
			? context->ops->read_memory(context->arg, address + have, bytes + have,
						    part)
			: sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
		if (error) {
			*count_ret = checked;
			return error;
		}
		have += part;
		for (; (checked + 1) * width <= have; checked++)
			if (number_get(bytes + checked * width, width, false) == 0) {
				*count_ret = checked;
				*ended_ret = true;
				return NULL;
			}
	}
	*count_ret = limit;
	return NULL;
}

struct sdb_error *print_pointed_string(struct printer *printer, uint64_t address, unsigned width,
				       char prefix)
{
	size_t most = printer->options.size, count;
	size_t limit = printer->options.elements < most ? printer->options.elements : most;
	bool ended;
	uint8_t *bytes = malloc((limit + 1) * width);
	if (!bytes)
		return value_no_memory();
	struct sdb_error *error = fetch(printer, address, width, limit, bytes, &count, &ended);
	struct characters characters = { bytes, count, width, prefix,
					 types_big_endian(printer->context->db),
					 !error && !ended };
	if (error && sdb_error_code(error) == SDB_ERROR_MEMORY) {
		free(bytes);
		return error;
	}
	if (!error || count)
		print_string(printer, &characters);
	if (error)
		text_add_format(&printer->text, "%s<error: Cannot access memory at address 0x%llx>",
			    count ? " " : "",
			    (unsigned long long)(address + count * width));
	free(bytes);
	sdb_error_free(error);
	return NULL;
}
