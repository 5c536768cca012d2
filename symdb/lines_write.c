/* SPDX-License-Identifier: MIT */
/* Writing line rows, their columns, and which blocks mention which file. */

#include "lines.h"
#include "writer.h"
#include <stdlib.h>

/* FILE is mentioned in the line block with number BLOCK. */
struct mention {
	uint32_t file, block;
};

struct lines_state {
	uint64_t count;
	uint32_t rows; /* in the block at hand */
	struct buffer streams[LINE_STREAMS], operations;
	struct buffer columns, wide_columns, rare;
	uint32_t wide_count, last_rare;
	uint64_t first_address, last_address, group_address;
	uint64_t nibbles, starts[LINE_STREAMS]; /* of the group */
	struct line_recent recent;
	uint64_t *blocks; /* their first addresses */
	uint32_t block_count;
	struct mention *mentions;
	size_t mention_count, mention_capacity;
	uint32_t *mentioned; /* by file: the last block that mentions it, + 1 */
	uint64_t dropped;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

/* ---- rows to streams ------------------------------------------------------------- */

/* Says how big the group was that ends here. */
static void end_group(struct lines_state *state)
{
	struct buffer *groups = &state->streams[LINE_GROUPS];
	put_uleb(groups, state->nibbles);
	for (int stream = LINE_FILES; stream < LINE_STREAMS; stream++) {
		put_uleb(groups, state->streams[stream].size - state->starts[stream]);
		state->starts[stream] = state->streams[stream].size;
	}
	/* Each group begins with a whole byte. */
	state->nibbles = 0;
}

static void begin_group(struct lines_state *state, uint64_t address)
{
	if (state->rows > 0)
		end_group(state);
	else
		state->group_address = state->first_address = address;
	put_uleb(&state->streams[LINE_GROUPS], address - state->group_address);
	state->group_address = state->last_address = address;
	memset(&state->recent, 0, sizeof(state->recent));
}

static void put_step(struct lines_state *state, uint64_t step)
{
	struct buffer *nibbles = &state->streams[LINE_NIBBLES];
	uint8_t nibble = step - 1 < 15 ? (uint8_t)(step - 1) : 15;
	if (state->nibbles++ % 2 == 0)
		put_u8(nibbles, nibble);
	else if (!nibbles->failed)
		nibbles->data[nibbles->size - 1] |= (uint8_t)(nibble << 4);
	if (nibble == 15)
		put_uleb(&state->streams[LINE_OTHERS], step - 16);
}

/* The file's place among the recent ones and in the operation. */
static uint8_t put_file(struct lines_state *state, const struct sdb_line *row, bool *line_differs_ret)
{
	struct line_recent *recent = &state->recent;
	unsigned index = 0;
	uint32_t line = 0;
	while (index < LINE_RECENT && recent->entries[index].file != row->file)
		index++;
	unsigned code = index;
	if (index < LINE_RECENT) {
		line = recent->entries[index].line;
	} else {
		put_uleb(&state->streams[LINE_FILES], row->file);
		index = LINE_RECENT - 1;
	}
	line_recent_use(recent, index, row->file, row->line);
	*line_differs_ret = line != row->line;
	if (line != row->line)
		put_sleb(&state->streams[LINE_NUMBERS], (int64_t)row->line - line);
	return (uint8_t)(code << LINE_OP_FILE_SHIFT);
}

static void put_row(struct lines_state *state, const struct sdb_line *row)
{
	bool line_differs;
	if (state->rows % LINE_GROUP_ROWS == 0)
		begin_group(state, row->address);
	uint8_t operation = put_file(state, row, &line_differs);
	if (row->flags & SDB_LINE_STATEMENT)
		operation |= LINE_OP_STATEMENT;
	if (row->flags & SDB_LINE_END_SEQUENCE)
		operation |= LINE_OP_END;
	if (line_differs)
		operation |= LINE_OP_NUMBER;
	if (row->address != state->last_address) {
		operation |= LINE_OP_ADDRESS;
		put_step(state, row->address - state->last_address);
	}
	if (row->discriminator) {
		operation |= LINE_OP_DISCRIMINATOR;
		put_uleb(&state->streams[LINE_OTHERS], row->discriminator);
	}
	put_u8(&state->operations, operation);
}

static void put_column(struct lines_state *state, const struct sdb_line *row)
{
	uint8_t flags = row->flags & LINE_COLUMN_FLAGS;
	if (row->column < 255) {
		put_u8(&state->columns, (uint8_t)row->column);
	} else {
		put_u8(&state->columns, 255);
		put_uleb(&state->wide_columns, row->column);
		state->wide_count++;
	}
	if (flags || row->isa || row->op_index) {
		put_uleb(&state->rare, state->rows - state->last_rare);
		put_u8(&state->rare, flags);
		put_uleb(&state->rare, row->isa);
		put_u8(&state->rare, row->op_index);
		state->last_rare = state->rows;
	}
}

/* ---- blocks ------------------------------------------------------------------------ */

static struct sdb_error *write_block(struct sdb_writer *writer, struct lines_state *state)
{
	struct buffer *to;
	bool fresh;
	struct sdb_error *error = block_begin(writer_part(writer, PART_LINES), state->first_address,
					      &to, &fresh);
	if (error)
		return error;
	end_group(state);
	put_uleb(to, state->rows);
	for (int stream = 0; stream < LINE_STREAMS; stream++)
		put_uleb(to, state->streams[stream].size);
	for (int stream = 0; stream < LINE_STREAMS; stream++) {
		put_bytes(to, state->streams[stream].data, state->streams[stream].size);
		to->failed |= state->streams[stream].failed;
		state->streams[stream].size = 0;
	}
	put_bytes(to, state->operations.data, state->operations.size);
	to->failed |= state->operations.failed;
	state->operations.size = 0;
	memset(state->starts, 0, sizeof(state->starts));

	error = block_begin(writer_part(writer, PART_LINE_COLUMNS), state->first_address, &to, &fresh);
	if (error)
		return error;
	put_uleb(to, state->rows);
	put_uleb(to, state->wide_count);
	struct buffer *columns[] = { &state->columns, &state->wide_columns, &state->rare };
	for (int i = 0; i < 3; i++) {
		put_bytes(to, columns[i]->data, columns[i]->size);
		to->failed |= columns[i]->failed;
		columns[i]->size = 0;
	}
	state->wide_count = state->last_rare = 0;
	return NULL;
}

static struct sdb_error *end_block(struct sdb_writer *writer, struct lines_state *state)
{
	if ((state->block_count & (state->block_count - 1)) == 0) {
		size_t capacity = state->block_count ? 2 * (size_t)state->block_count : 1;
		void *blocks = realloc(state->blocks, capacity * sizeof(*state->blocks));
		if (!blocks)
			return no_memory();
		state->blocks = blocks;
	}
	struct sdb_error *error = write_block(writer, state);
	state->blocks[state->block_count++] = state->first_address;
	state->rows = 0;
	return error;
}

/* Notes that the block at hand mentions FILE. */
static struct sdb_error *mention(struct sdb_writer *writer, struct lines_state *state, uint32_t file)
{
	uint64_t files = writer_info(writer)->files;
	if (file > files)
		return sdb_error_new(SDB_ERROR_INVALID, "a line row has file %u of %llu", file,
				     (unsigned long long)files);
	if (!state->mentioned) {
		state->mentioned = calloc((size_t)files + 1, sizeof(*state->mentioned));
		if (!state->mentioned)
			return no_memory();
	}
	if (state->mentioned[file] == state->block_count + 1)
		return NULL;
	if (state->mention_count == state->mention_capacity) {
		size_t capacity = state->mention_capacity ? 2 * state->mention_capacity : 1024;
		void *mentions = realloc(state->mentions, capacity * sizeof(*state->mentions));
		if (!mentions)
			return no_memory();
		state->mentions = mentions;
		state->mention_capacity = capacity;
	}
	state->mentioned[file] = state->block_count + 1;
	state->mentions[state->mention_count++] = (struct mention){ file, state->block_count };
	return NULL;
}

static struct sdb_error *add_row(struct sdb_writer *writer, struct lines_state *state,
				 const struct sdb_line *row)
{
	/* Rows of one address stay in one block: it alone answers for the address. */
	if (state->rows >= LINE_BLOCK_ROWS && row->address != state->last_address) {
		struct sdb_error *error = end_block(writer, state);
		if (error)
			return error;
	}
	struct sdb_error *error = mention(writer, state, row->file);
	if (error)
		return error;
	put_row(state, row);
	put_column(state, row);
	state->last_address = row->address;
	state->rows++;
	state->count++;
	return NULL;
}

struct sdb_error *sdb_writer_add_lines(struct sdb_writer *writer, const struct sdb_line *rows,
				       size_t count)
{
	struct lines_state *state = writer_slot(writer, SLOT_LINES);
	uint64_t floor = state->count ? state->last_address : 0;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && rows[i].address < rows[i - 1].address)
			return sdb_error_new(SDB_ERROR_INVALID,
					     "the line row at %#llx comes after %#llx",
					     (unsigned long long)rows[i].address,
					     (unsigned long long)rows[i - 1].address);
		/* Of overlapping sequences the first one stands. */
		if (rows[i].address < floor) {
			state->dropped++;
			continue;
		}
		struct sdb_error *error = add_row(writer, state, &rows[i]);
		if (error)
			return error;
	}
	return NULL;
}

/* ---- the index by file ----------------------------------------------------------------- */

static int compare_mentions(const void *a, const void *b)
{
	const struct mention *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->block > y->block) - (x->block < y->block);
}

static struct sdb_error *write_files(struct sdb_writer *writer, struct lines_state *state)
{
	struct buffer *to;
	bool fresh;
	struct block_writer *part = writer_part(writer, PART_LINE_FILES);
	struct sdb_error *error = block_begin(part, 0, &to, &fresh);
	if (error)
		return error;
	put_uleb(to, state->block_count);
	uint64_t last = 0;
	for (uint32_t i = 0; i < state->block_count; i++) {
		put_uleb(to, state->blocks[i] - last);
		last = state->blocks[i];
	}
	if (state->mention_count > 1)
		qsort(state->mentions, state->mention_count, sizeof(*state->mentions), compare_mentions);
	uint32_t last_file = 0;
	for (size_t i = 0, end; i < state->mention_count && !error; i = end) {
		uint32_t file = state->mentions[i].file, block = 0;
		for (end = i; end < state->mention_count && state->mentions[end].file == file;)
			end++;
		if (file == 0) /* rows without a file: nobody can ask for them */
			continue;
		error = block_begin(part, file, &to, &fresh);
		if (error)
			break;
		put_uleb(to, fresh ? 0 : file - last_file);
		put_uleb(to, end - i);
		for (size_t k = i; k < end; k++) {
			put_uleb(to, state->mentions[k].block - block);
			block = state->mentions[k].block;
		}
		last_file = file;
	}
	return error;
}

static struct sdb_error *lines_finish(struct sdb_writer *writer, void *slot)
{
	struct lines_state *state = slot;
	if (state->count == 0)
		return NULL;
	struct sdb_error *error = end_block(writer, state);
	writer_info(writer)->lines = state->count;
	writer_info(writer)->warnings += state->dropped > 0;
	return error ? error : write_files(writer, state);
}

static void lines_deinit(void *slot)
{
	struct lines_state *state = slot;
	for (int stream = 0; stream < LINE_STREAMS; stream++)
		buffer_deinit(&state->streams[stream]);
	buffer_deinit(&state->operations);
	buffer_deinit(&state->columns);
	buffer_deinit(&state->wide_columns);
	buffer_deinit(&state->rare);
	free(state->blocks);
	free(state->mentions);
	free(state->mentioned);
}

const struct slot_traits lines_slot = {
	.size = sizeof(struct lines_state),
	.finish = lines_finish,
	.deinit = lines_deinit,
};
