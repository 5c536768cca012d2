/* SPDX-License-Identifier: MIT */
/* Decoding line rows. lines.h says how they are laid out. */

#include "line_reader.h"
#include "line_plain.h"

bool line_reader_init(struct line_reader *reader, const struct block *block, const struct line_models *models)
{
	struct cursor cursor = block_cursor(block);
	reader->rows = get_u32(&cursor); /* each takes part of a bit only: the stream's end is the bound */
	reader->is_plain = reader->rows == 0;
	reader->failed = cursor.failed || (reader->is_plain ? cursor.at == cursor.end : !models);
	reader->plain = cursor;
	reader->walk.models = models;
	reader->walk.failed = false;
	line_walk_begin(&reader->walk, block->first);
	decoder_init(&reader->walk.decoder, cursor.at, (size_t)(cursor.end - cursor.at));
	return !reader->failed;
}

bool line_reader_next(struct line_reader *reader)
{
	if (reader->is_plain && !reader->failed) {
		bool more = line_plain_get(&reader->plain, &reader->walk.row);
		reader->failed = reader->plain.failed;
		return more;
	}
	if (reader->rows == 0 || reader->failed)
		return false;
	line_walk_row(&reader->walk, LINE_DECODE, NULL);
	reader->rows--;
	reader->failed = reader->walk.failed || reader->walk.decoder.failed;
	return !reader->failed;
}

bool line_reader_complete(const struct line_reader *reader)
{
	return reader->is_plain ? reader->plain.at == reader->plain.end
		: decoder_complete(&reader->walk.decoder);
}
