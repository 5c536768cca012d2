/* SPDX-License-Identifier: MIT */
/* Decoding line rows. lines.h says how they are laid out. */

#include "line_reader.h"

bool line_reader_init(struct line_reader *reader, const struct block *block, const struct line_models *models)
{
	struct cursor cursor = block_cursor(block);
	reader->rows = get_u32(&cursor); /* each takes part of a bit only */
	reader->index = 0;
	reader->end = cursor.end;
	reader->group = (struct line_group){ .heads = cursor, .before = block->first };
	reader->walk.models = models;
	reader->walk.failed = false;
	/* The streams are behind the heads of all groups. */
	for (size_t index = 0; index < reader->rows && !cursor.failed; index += LINE_GROUP_ROWS) {
		if (index > 0)
			get_uleb(&cursor);
		get_uleb(&cursor);
	}
	reader->group.streams = cursor.at;
	reader->failed = cursor.failed || reader->rows == 0;
	return !reader->failed;
}

/* Takes the head of GROUP apart: its stream is returned, NULL when it is damaged. GROUP is then the next one. */
static const uint8_t *take_group(struct line_reader *reader, struct line_group *group, uint64_t *address_ret,
				 size_t *size_ret)
{
	const uint8_t *stream = group->streams;
	if (group->index > 0)
		group->before += get_uleb(&group->heads);
	uint64_t size = get_uleb(&group->heads);
	if (group->heads.failed || size > (uint64_t)(reader->end - stream)) {
		reader->failed = true;
		return NULL;
	}
	group->index += LINE_GROUP_ROWS;
	group->streams += size;
	*address_ret = group->before;
	*size_ret = (size_t)size;
	return stream;
}

bool line_reader_seek(struct line_reader *reader, uint64_t address, bool inclusive)
{
	struct line_group group = reader->group, next = group;
	uint64_t begin;
	size_t size;
	while (group.index < reader->rows && take_group(reader, &next, &begin, &size)) {
		if (group.index > 0 && (inclusive ? begin > address : begin >= address))
			break;
		reader->group = group;
		reader->index = group.index;
		group = next;
	}
	return !reader->failed;
}

static bool enter_group(struct line_reader *reader)
{
	uint64_t address;
	size_t size;
	const uint8_t *stream = take_group(reader, &reader->group, &address, &size);
	if (!stream)
		return false;
	line_walk_begin(&reader->walk, address);
	decoder_init(&reader->walk.decoder, stream, size);
	return true;
}

bool line_reader_next(struct line_reader *reader)
{
	if (reader->index == reader->rows || reader->failed)
		return false;
	if (reader->index % LINE_GROUP_ROWS == 0 && !enter_group(reader))
		return false;
	line_walk_row(&reader->walk, LINE_DECODE, NULL);
	reader->index++;
	reader->failed = reader->walk.failed || reader->walk.decoder.failed;
	return !reader->failed;
}
