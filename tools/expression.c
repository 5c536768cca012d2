/* SPDX-License-Identifier: MIT */
/* Expressions and locations in words. */
#include "expression.h"
#include "expression_machine.h"

#include <stdlib.h>
#include <string.h>

/* ---- places ---------------------------------------------------------------------------------- */

static void put_bytes(struct text *to, const struct sdb_operation *operation)
{
	for (size_t i = 0; i < operation->block_size && i < 32; i++)
		text_format(to, "%s%02x", i ? " " : "", operation->block[i]);
	if (operation->block_size > 32)
		text_add(to, " ...");
}

/* The place described up to STOP: a register, a value, memory. */
static bool put_simple(struct machine *machine, struct text *to,
		       struct sdb_operation_reader *reader, struct sdb_operation *stop)
{
	if (stop->name
	    && ((stop->code >= SDB_OP_REG0 && stop->code < SDB_OP_REG0 + 32)
		|| stop->code == SDB_OP_REGX)) {
		text_add(to, "in ");
		expression_put_register(machine->session, to,
					stop->code == SDB_OP_REGX
						? stop->value[0]
						: (uint64_t)stop->code - SDB_OP_REG0);
	} else if (stop->name && stop->code == SDB_OP_IMPLICIT_VALUE) {
		text_add(to, "bytes ");
		put_bytes(to, stop);
	} else if (stop->name
		   && (stop->code == SDB_OP_IMPLICIT_POINTER
		       || stop->code == SDB_OP_GNU_IMPLICIT_POINTER)) {
		text_add(to, "points to ");
		expression_reference(machine->session, to, stop->value[0], stop->value[1]);
		text_offset(to, (int64_t)stop->value[2]);
	} else if (stop->name && stop->code == SDB_OP_STACK_VALUE) {
		if (machine->depth == 0)
			return false;
		const struct term *top = &machine->stack[machine->depth - 1];
		text_add(to, "= ");
		term_put(to, top, true);
	} else if (machine->depth == 0) {
		text_add(to, "optimized out");
		return true;
	} else {
		const struct term *top = &machine->stack[machine->depth - 1];
		text_add(to, "at ");
		if (top->base.size == 0) {
			text_hex(to, (uint64_t)top->offset);
		} else {
			text_char(to, '[');
			term_put(to, top, false);
			text_char(to, ']');
		}
		return true; /* STOP, if any, is the piece that this memory is */
	}
	terms_deinit(machine);
	stop->name = NULL;
	sdb_operation_next(reader, stop);
	return true;
}

static bool put_place(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	struct machine machine = { .session = session, .frame_base = frame_base };
	struct sdb_operation_reader reader = expression_reader(session, expression);
	struct sdb_operation stop;
	size_t pieces = 0;
	bool sound = true;
	do {
		struct text part = TEXT_EMPTY;
		sound = terms_evaluate(&machine, &reader, &stop)
			&& put_simple(&machine, &part, &reader, &stop);
		bool piece = stop.name
			&& (stop.code == SDB_OP_PIECE || stop.code == SDB_OP_BIT_PIECE);
		sound = sound && (piece || (!stop.name && pieces == 0 && reader.at == reader.size));
		if (sound && pieces++)
			text_add(to, ", ");
		if (sound && piece)
			text_format(to, stop.code == SDB_OP_PIECE ? "%llu bytes " : "%llu bits ",
				    (unsigned long long)stop.value[0]);
		if (sound)
			text_addn(to, part.data, part.size);
		free(part.data);
		terms_deinit(&machine);
	} while (sound && reader.at < reader.size);
	terms_deinit(&machine);
	return sound;
}

static void put_place_or_operations(struct session *session, struct text *to,
				    const struct sdb_expression *expression,
				    const struct sdb_expression *frame_base)
{
	if (expression->length == 0)
		text_add(to, "optimized out");
	else if (!put_place(session, to, expression, frame_base)) {
		to->size = 0;
		expression_operations(session, to, expression);
	}
}

static void put_value(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	struct machine machine = { .session = session, .frame_base = frame_base };
	struct sdb_operation_reader reader = expression_reader(session, expression);
	struct sdb_operation stop;
	bool sound = terms_evaluate(&machine, &reader, &stop);
	if (sound && stop.name && machine.depth == 0
	    && ((stop.code >= SDB_OP_REG0 && stop.code < SDB_OP_REG0 + 32)
		|| stop.code == SDB_OP_REGX))
		expression_put_register(session, to,
					stop.code == SDB_OP_REGX
						? stop.value[0]
						: (uint64_t)stop.code - SDB_OP_REG0);
	else if (sound && machine.depth && (!stop.name || stop.code == SDB_OP_STACK_VALUE))
		term_put(to, &machine.stack[machine.depth - 1], true);
	else
		expression_operations(session, to, expression);
	terms_deinit(&machine);
}

/* ---- what is remembered ---------------------------------------------------------------------- */

/* The words for an expression: most of a program's are few that come back. */
struct known {
	uint8_t value; /* what was asked: the value, else the place */
	uint8_t base;  /* length of the frame base */
	uint16_t length, words;
	uint8_t bytes[]; /* the expression, the frame base, the words */
};

#define MAX_KNOWN 64        /* bytes of an expression with its frame base */
#define MAX_KNOWN_WORDS 200 /* characters */

static uint32_t hash_bytes(uint32_t hash, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT32_C(0x01000193);
	return hash;
}

static bool is_known(const struct known *known, bool value, const struct sdb_expression *expression,
		     const struct sdb_expression *base)
{
	return known && known->value == value && known->length == expression->length
		&& known->base == base->length
		&& memcmp(known->bytes, expression->bytes, known->length) == 0
		&& memcmp(known->bytes + known->length, base->bytes, known->base) == 0;
}

static void remember(struct session *session, uint32_t hash, bool value,
		     const struct sdb_expression *expression, const struct sdb_expression *base,
		     const struct text *words)
{
	struct known *known = tool_alloc(sizeof(*known) + expression->length + base->length
					 + words->size);
	*known = (struct known){ value, (uint8_t)base->length, (uint16_t)expression->length,
				 (uint16_t)words->size };
	uint8_t *at = known->bytes;
	memcpy(at, expression->bytes, expression->length);
	memcpy(at + expression->length, base->bytes, base->length);
	memcpy(at + expression->length + base->length, words->data, words->size);
	session_remember(session, SESSION_EXPRESSIONS, hash, known);
}

/* The words for the place or the value, remembered when they are short. */
static void put_words(struct session *session, struct text *to, bool value,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	static const uint8_t nothing[1];
	struct sdb_expression base = frame_base && frame_base->length ? *frame_base
		: (struct sdb_expression){ nothing, 0 };
	bool is_short = expression->length && (size_t)expression->length + base.length <= MAX_KNOWN;
	uint32_t hash = 0;
	if (is_short) {
		hash = hash_bytes(hash_bytes(value ? 1 : 2, base.bytes, base.length),
				  expression->bytes, expression->length);
		hash ^= hash >> 15;
		const struct known *known = session_recall(session, SESSION_EXPRESSIONS, hash);
		if (is_known(known, value, expression, &base)) {
			text_addn(to, (const char *)known->bytes + known->length + known->base,
				  known->words);
			return;
		}
	}
	struct text words = TEXT_EMPTY;
	if (value)
		put_value(session, &words, expression, frame_base);
	else
		put_place_or_operations(session, &words, expression, frame_base);
	if (is_short && words.size && words.size <= MAX_KNOWN_WORDS && !session_failed(session))
		remember(session, hash, value, expression, &base, &words);
	text_addn(to, words.data, words.size);
	free(words.data);
}

void expression_place(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	put_words(session, to, false, expression, frame_base);
}

void expression_value(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base)
{
	put_words(session, to, true, expression, frame_base);
}

/* ---- locations ------------------------------------------------------------------------------- */

static const struct sdb_location_entry *entry_at(const struct sdb_location *location,
						 uint64_t address)
{
	const struct sdb_location_entry *fallback = NULL;
	for (size_t i = 0; i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		if (entry->is_default)
			fallback = entry;
		else if (address >= entry->low && address < entry->high)
			return entry;
	}
	return fallback;
}

static void put_list(struct session *session, struct text *to, const struct sdb_location *location,
		     const struct sdb_expression *frame_base)
{
	for (size_t i = 0; i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		text_add(to, i ? "; " : "");
		if (entry->is_default)
			text_add(to, "otherwise");
		else
			text_range(to, entry->low, entry->high);
		text_char(to, ' ');
		expression_place(session, to, &entry->expression, frame_base);
	}
}

void expression_location(struct session *session, struct text *to,
			 const struct sdb_location *location,
			 const struct sdb_expression *frame_base, const uint64_t *address,
			 const struct sdb_location_entry **entry_ret)
{
	const struct sdb_location_entry *entry = NULL;
	switch (location->kind) {
	case SDB_LOCATION_ADDRESS:
		text_add(to, "at ");
		text_hex(to, location->address);
		break;
	case SDB_LOCATION_EXPRESSION:
		expression_place(session, to, &location->expression, frame_base);
		break;
	case SDB_LOCATION_LIST:
		if (!address) {
			put_list(session, to, location, frame_base);
			break;
		}
		entry = entry_at(location, *address);
		if (entry)
			expression_place(session, to, &entry->expression, frame_base);
		else
			text_add(to, "optimized out");
		break;
	case SDB_LOCATION_CONSTANT:
		text_add(to, "= ");
		text_s64(to, (int64_t)location->address);
		break;
	case SDB_LOCATION_BYTES:
		text_add(to, "= bytes");
		for (uint32_t i = 0; i < location->expression.length && i < 32; i++)
			text_format(to, " %02x", location->expression.bytes[i]);
		if (location->expression.length > 32)
			text_add(to, " ...");
		break;
	case SDB_LOCATION_NONE:
		text_add(to, "optimized out");
		break;
	}
	if (entry_ret)
		*entry_ret = entry;
}
