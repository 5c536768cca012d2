/* SPDX-License-Identifier: MIT */
/* Decoding line rows. lines.h says how they are laid out. */

#include "line_reader.h"

/* ---- rows ------------------------------------------------------------------------ */

bool line_reader_init(struct line_reader *reader, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	uint64_t sizes[LINE_STREAMS];
	*reader = (struct line_reader){ .block = block, .rows = get_count(&cursor) };
	for (int stream = 0; stream < LINE_STREAMS; stream++)
		sizes[stream] = get_uleb(&cursor);
	for (int stream = 0; stream < LINE_STREAMS; stream++) {
		if (sizes[stream] > block->size)
			cursor.failed = true;
		else
			reader->streams[stream] = get_bytes(&cursor, (size_t)sizes[stream]);
		reader->ends[stream] = cursor.at;
	}
	reader->operations = get_bytes(&cursor, reader->rows);
	reader->groups = (struct cursor){ reader->streams[LINE_GROUPS], reader->ends[LINE_GROUPS],
					  false };
	reader->behind.address = block->first;
	reader->failed = cursor.failed || reader->rows == 0;
	return !reader->failed;
}

/* Reads the directory's entry for the next group. */
static bool next_group(struct cursor *groups, struct line_group *behind, struct line_group *group)
{
	behind->address += get_uleb(groups);
	*group = *behind;
	uint64_t nibbles = get_uleb(groups);
	if (nibbles > LINE_GROUP_ROWS)
		groups->failed = true;
	behind->offsets[LINE_NIBBLES] += (size_t)(nibbles + 1) / 2;
	for (int stream = LINE_FILES; stream < LINE_STREAMS; stream++)
		behind->offsets[stream] += get_u32(groups);
	return !groups->failed;
}

bool line_reader_seek(struct line_reader *reader, uint64_t address, bool inclusive)
{
	size_t count = (reader->rows + LINE_GROUP_ROWS - 1) / LINE_GROUP_ROWS;
	struct cursor groups = reader->groups;
	struct line_group behind = reader->behind, group;
	for (size_t number = 0; number < count; number++) {
		struct cursor groups_before = groups;
		struct line_group behind_before = behind;
		if (!next_group(&groups, &behind, &group)) {
			reader->failed = true;
			return false;
		}
		if (number > 0 && (inclusive ? group.address > address : group.address >= address))
			break;
		reader->groups = groups_before;
		reader->behind = behind_before;
		reader->index = number * LINE_GROUP_ROWS;
	}
	return true;
}

static bool enter_group(struct line_reader *reader)
{
	struct line_group group;
	struct cursor *cursors[LINE_STREAMS] = {
		[LINE_FILES] = &reader->files,
		[LINE_NUMBERS] = &reader->numbers,
		[LINE_OTHERS] = &reader->others,
	};
	reader->failed = !next_group(&reader->groups, &reader->behind, &group);
	for (int stream = LINE_NIBBLES; stream < LINE_STREAMS && !reader->failed; stream++) {
		size_t size = (size_t)(reader->ends[stream] - reader->streams[stream]);
		if (group.offsets[stream] > size) {
			reader->failed = true;
			break;
		}
		const uint8_t *at = reader->streams[stream] + group.offsets[stream];
		if (stream == LINE_NIBBLES)
			reader->nibbles = at;
		else
			*cursors[stream] = (struct cursor){ at, reader->ends[stream], false };
	}
	reader->nibble = 0;
	reader->line.address = group.address;
	memset(&reader->recent, 0, sizeof(reader->recent));
	return !reader->failed;
}

static uint64_t get_step(struct line_reader *reader)
{
	const uint8_t *at = reader->nibbles + reader->nibble / 2;
	if (at >= reader->ends[LINE_NIBBLES]) {
		reader->failed = true;
		return 0;
	}
	unsigned nibble = reader->nibble++ % 2 ? *at >> 4 : *at & 15;
	return nibble < 15 ? nibble + 1 : 16 + get_uleb(&reader->others);
}

static void get_file(struct line_reader *reader, uint8_t operation)
{
	struct line_recent *recent = &reader->recent;
	unsigned index = operation >> LINE_OP_FILE_SHIFT & 7;
	uint32_t file, line = 0;
	if (index < LINE_RECENT) {
		file = recent->entries[index].file;
		line = recent->entries[index].line;
	} else {
		file = get_u32(&reader->files);
		index = LINE_RECENT - 1;
	}
	if (operation & LINE_OP_NUMBER)
		line += (uint32_t)get_sleb(&reader->numbers);
	line_recent_use(recent, index, file, line);
	reader->line.file = file;
	reader->line.line = line;
}

bool line_reader_next(struct line_reader *reader)
{
	struct sdb_line *line = &reader->line;
	if (reader->index == reader->rows || reader->failed)
		return false;
	if (reader->index % LINE_GROUP_ROWS == 0 && !enter_group(reader))
		return false;
	uint8_t operation = reader->operations[reader->index++];
	get_file(reader, operation);
	if (operation & LINE_OP_ADDRESS)
		line->address += get_step(reader);
	line->discriminator = operation & LINE_OP_DISCRIMINATOR ? get_u32(&reader->others) : 0;
	line->flags = (operation & LINE_OP_STATEMENT ? SDB_LINE_STATEMENT : 0) |
		      (operation & LINE_OP_END ? SDB_LINE_END_SEQUENCE : 0);
	reader->failed |= reader->files.failed || reader->numbers.failed || reader->others.failed;
	return !reader->failed;
}

/* ---- columns ------------------------------------------------------------------------ */

static void find_rare(struct column_reader *reader, size_t from)
{
	reader->next_rare = SIZE_MAX;
	if (reader->rare.at == reader->rare.end)
		return;
	size_t distance = get_u32(&reader->rare);
	if (reader->rare.failed || distance >= reader->rows - from)
		reader->failed = true;
	else
		reader->next_rare = from + distance;
}

bool column_reader_init(struct column_reader *reader, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	*reader = (struct column_reader){ .rows = get_count(&cursor) };
	size_t wide = get_count(&cursor);
	reader->columns = get_bytes(&cursor, reader->rows);
	reader->wide = reader->rare = cursor;
	for (size_t i = 0; i < wide && !reader->rare.failed; i++)
		get_uleb(&reader->rare);
	reader->failed = cursor.failed || reader->rare.failed || reader->rows == 0;
	if (!reader->failed)
		find_rare(reader, 0);
	return !reader->failed;
}

/* Reads the record of row INDEX, or passes over it. */
static void get_rare(struct column_reader *reader, size_t index, struct sdb_line *line)
{
	size_t row = reader->next_rare;
	uint8_t flags = get_u8(&reader->rare);
	uint32_t isa = get_u32(&reader->rare);
	uint8_t op_index = get_u8(&reader->rare);
	if (row == index) {
		line->flags |= flags & LINE_COLUMN_FLAGS;
		line->isa = (uint16_t)isa;
		line->op_index = op_index;
	}
	find_rare(reader, row);
	if (reader->next_rare == row)
		reader->failed = true;
}

bool column_reader_get(struct column_reader *reader, size_t index, struct sdb_line *line)
{
	if (index >= reader->rows || index < reader->index)
		reader->failed = true;
	if (reader->failed)
		return false;
	for (; reader->index < index; reader->index++) {
		if (reader->columns[reader->index] == 255)
			get_uleb(&reader->wide);
	}
	line->column = reader->columns[index] == 255 ? get_u32(&reader->wide) : reader->columns[index];
	reader->index = index + 1;
	line->isa = 0;
	line->op_index = 0;
	while (reader->next_rare <= index && !reader->failed)
		get_rare(reader, index, line);
	return !(reader->failed |= reader->wide.failed || reader->rare.failed);
}
