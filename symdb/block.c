/* SPDX-License-Identifier: MIT */
/* The parts of a database, and how one block of them is stored. */

#include "block_format.h"
#include "checksum.h"
#include "line_models.h"
#include "phrases.h"
#include <endian.h>
#include <lz4.h>
#include <stdlib.h>

/*
 * Bigger blocks compress a little better and cost more to look into; bigger rows leave less room at their
 * ends and cost more to read and to check. What is read at random has small ones.
 * Lines are handed over in whole blocks (size 1: each record is one).
 */
const struct part_traits part_traits[PART_COUNT] = {
	[PART_NAMES] = { "names", 1024, 2048, false },
	[PART_POSTINGS] = { "postings", 1024, 4096, false },
	[PART_FILES] = { "files", 4096, 8192, false },
	[PART_UNITS] = { "units", 1024, 4096, false },
	[PART_SYMBOLS] = { "symbols", 2048, 8192, true },
	[PART_SYMBOL_IDS] = { "symbol_ids", 4096, 8192, false },
	[PART_TYPE_OUTLINES] = { "type_outlines", 512, 4096, false },
	[PART_TYPES] = { "types", 1024, 4096, false },
	[PART_CHILDREN] = { "children", 4096, 8192, false },
	[PART_FUNCTION_NAMES] = { "function_names", 1024, 4096, false },
	[PART_FUNCTIONS] = { "functions", 1024, 4096, false },
	[PART_LOCALS] = { "locals", 1024, 8192, false },
	[PART_INSTANCES] = { "instances", 1024, 8192, false },
	[PART_VARIABLES] = { "variables", 4096, 8192, false },
	[PART_VARIABLE_ADDRESSES] = { "variable_addresses", 4096, 8192, true },
	[PART_CODE] = { "code", 2048, 8192, true },
	[PART_SCOPES] = { "scopes", 2048, 8192, true },
	[PART_CALLS] = { "calls", 4096, 8192, true },
	[PART_EXPRESSIONS] = { "expressions", 1024, 4096, false },
	[PART_LINES] = { "lines", 1, 8192, true },
	[PART_LINE_FILES] = { "line_files", 4096, 8192, false },
	[PART_UNWIND_EH_FRAME] = { "unwind_eh_frame", 2048, 8192, true },
	[PART_UNWIND_DEBUG_FRAME] = { "unwind_debug_frame", 2048, 8192, true },
	[PART_UNWIND_ORC] = { "unwind_orc", 2048, 8192, true },
	[PART_UNWIND_RULES] = { "unwind_rules", 4096, 8192, false },
	[PART_MODELS] = { "models", 1, 8192, false },
};

uint32_t row_checksum(enum part part, uint64_t first, const uint8_t *data, size_t size)
{
	uint64_t where[2] = { htole64((uint64_t)part), htole64(first) };
	return checksum_fold(checksum64(checksum64(0, where, sizeof(where)), data, size));
}

/*
 * Takes the next entry: HEADER's `first` is known, the payload and what follows from the entry are
 * filled in, `next` is where the next one begins. False when the entry makes no sense.
 */
static bool next_entry(struct cursor *entries, struct block_header *header, bool last)
{
	uint64_t word = get_uleb(entries), raw_size = word >> BLOCK_FLAGS, size = get_uleb(entries);
	uint64_t distance = last ? 0 : get_uleb(entries);
	header->last = last;
	header->stored = word & BLOCK_STORED;
	header->shaped = word & BLOCK_SHAPED;
	header->primed = word & BLOCK_PRIMED;
	header->raw_size = (size_t)raw_size;
	header->payload_size = (size_t)size;
	/* One byte makes at most 255, with LZ4 and as the writer has it of shapes: a small row cannot ask for a lot of memory. */
	return !entries->failed && raw_size <= BLOCK_RAW_MAX && size <= BLOCK_RAW_MAX &&
	       raw_size <= size * 255 && !(header->stored && header->shaped) &&
	       !(header->primed && header->stored) && !(header->stored && raw_size != size) &&
	       (last || (distance && !__builtin_add_overflow(header->first, distance, &header->next)));
}

bool row_parse(enum part part, uint64_t first, const uint8_t *data, size_t size, struct row *row_ret,
	       const char **what_ret)
{
	uint32_t checksum;
	if (size < sizeof(checksum) + 1) {
		*what_ret = "it is cut short";
		return false;
	}
	memcpy(&checksum, data, sizeof(checksum));
	if (le32toh(checksum) != row_checksum(part, first, data + 4, size - 4)) {
		*what_ret = "its checksum is wrong";
		return false;
	}
	struct cursor cursor = { data + 4, data + size, false };
	uint64_t word = get_uleb(&cursor), payloads = 0;
	struct row row = { .part = part, .first = first, .last = word & 1, .entries = cursor, .end = cursor.end };
	struct block_header header = { .next = first };
	*what_ret = "its head makes no sense";
	for (; row.count < word >> 1; row.count++) {
		header.first = header.next;
		if (!next_entry(&cursor, &header, row.last && row.count + 1 == word >> 1))
			return false;
		payloads += header.payload_size;
	}
	if (row.count == 0 || payloads != (uint64_t)(cursor.end - cursor.at))
		return false;
	row.payloads = cursor.at;
	row.next = header.next;
	*row_ret = row;
	return true;
}

struct block_header row_block(const struct row *row, uint64_t key)
{
	struct cursor entries = row->entries;
	struct block_header header = { .part = row->part, .next = row->first, .payload = row->payloads };
	for (size_t i = 0; i < row->count; i++) {
		header.first = header.next;
		next_entry(&entries, &header, row->last && i + 1 == row->count);
		if (header.last || key < header.next)
			break;
		header.payload += header.payload_size;
	}
	return header;
}

struct block_models *block_models_get(enum part part, struct cursor *from)
{
	struct block_models *models = block_has_models(part) ? calloc(1, sizeof(*models)) : NULL;
	if (!models)
		return NULL;
	if (part == PART_LINES)
		models->lines = line_models_get(from);
	else if (block_has_phrases(part))
		models->phrases = phrases_get(from);
	else
		models->shape = models_get(from, shape_fields, SHAPE_FIELDS);
	if ((!models->lines && !models->phrases && !models->shape) || from->at != from->end) {
		block_models_free(models);
		return NULL;
	}
	return models;
}

void block_models_free(struct block_models *models)
{
	if (models) {
		line_models_free(models->lines);
		model_set_free(models->shape);
		free(models->phrases);
	}
	free(models);
}

bool block_unpack(const struct block_header *header, const struct block_models *models, uint8_t *raw,
		  struct shape **scratch)
{
	if (header->shaped)
		return shape_decode(header->part, header->first, header->payload, header->payload_size,
				    header->primed && models ? models->shape : NULL, raw, header->raw_size, scratch);
	if (header->primed)
		return models && models->phrases &&
		       phrases_decode(models->phrases, header->payload, header->payload_size, raw, header->raw_size);
	if (header->stored) {
		memcpy(raw, header->payload, header->raw_size);
		return true;
	}
	return LZ4_decompress_safe((const char *)header->payload, (char *)raw,
				   (int)header->payload_size, (int)header->raw_size) ==
	       (int)header->raw_size;
}
