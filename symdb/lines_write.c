/* SPDX-License-Identifier: MIT */
/* Writing line rows, and which blocks mention which file. */

#include "line_plain.h"
#include "writer.h"
#include <stdlib.h>

/* FILE is mentioned in the run of blocks with number RUN. */
struct mention {
	uint32_t file, run;
};

struct lines_state {
	uint64_t count;
	uint32_t rows; /* in the block at hand */
	struct buffer *block;
	struct sdb_line before;
	uint32_t blocks;
	uint64_t *runs; /* their first addresses */
	uint32_t run_count;
	struct mention *mentions;
	size_t mention_count, mention_capacity;
	uint32_t *mentioned; /* by file: the last run that mentions it, + 1 */
	uint64_t dropped;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

/* ---- blocks ------------------------------------------------------------------------ */

/* Notes that a run of blocks begins with ADDRESS. */
static struct sdb_error *begin_run(struct lines_state *state, uint64_t address)
{
	if ((state->run_count & (state->run_count - 1)) == 0) {
		size_t capacity = state->run_count ? 2 * (size_t)state->run_count : 1;
		void *runs = realloc(state->runs, capacity * sizeof(*state->runs));
		if (!runs)
			return no_memory();
		state->runs = runs;
	}
	state->runs[state->run_count++] = address;
	return NULL;
}

static struct sdb_error *begin_block(struct sdb_writer *writer, struct lines_state *state, uint64_t address)
{
	bool fresh;
	struct sdb_error *error =
		block_begin(writer_part(writer, PART_LINES), address, &state->block, &fresh);
	if (!error && state->blocks++ % LINE_RUN == 0)
		error = begin_run(state, address);
	if (!error)
		put_uleb(state->block, 0); /* rows that are plain follow */
	state->before = (struct sdb_line){ .address = address };
	state->rows = 0;
	return error;
}

/* Notes that the run at hand mentions FILE. */
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
	if (state->mentioned[file] == state->run_count)
		return NULL;
	if (state->mention_count == state->mention_capacity) {
		size_t capacity = state->mention_capacity ? 2 * state->mention_capacity : 1024;
		void *mentions = realloc(state->mentions, capacity * sizeof(*state->mentions));
		if (!mentions)
			return no_memory();
		state->mentions = mentions;
		state->mention_capacity = capacity;
	}
	state->mentioned[file] = state->run_count;
	state->mentions[state->mention_count++] = (struct mention){ file, state->run_count - 1 };
	return NULL;
}

static struct sdb_error *add_row(struct sdb_writer *writer, struct lines_state *state,
				 const struct sdb_line *row)
{
	struct sdb_error *error = NULL;
	/* Rows of one address stay in one block: it alone answers for the address. */
	if (state->count == 0 ||
	    (state->rows >= LINE_BLOCK_ROWS && row->address != state->before.address))
		error = begin_block(writer, state, row->address);
	if (!error)
		error = mention(writer, state, row->file);
	if (error)
		return error;
	line_plain_put(state->block, &state->before, row);
	state->rows++;
	state->count++;
	return NULL;
}

struct sdb_error *sdb_writer_add_lines(struct sdb_writer *writer, const struct sdb_line *rows,
				       size_t count)
{
	struct lines_state *state = writer_slot(writer, SLOT_LINES);
	uint64_t floor = state->count ? state->before.address : 0;
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
	return (x->run > y->run) - (x->run < y->run);
}

static struct sdb_error *write_files(struct sdb_writer *writer, struct lines_state *state)
{
	struct buffer *to;
	bool fresh;
	struct block_writer *part = writer_part(writer, PART_LINE_FILES);
	struct sdb_error *error = block_begin(part, 0, &to, &fresh);
	if (error)
		return error;
	put_uleb(to, state->run_count);
	uint64_t last = 0;
	for (uint32_t i = 0; i < state->run_count; i++) {
		put_uleb(to, state->runs[i] - last);
		last = state->runs[i];
	}
	if (state->mention_count > 1)
		qsort(state->mentions, state->mention_count, sizeof(*state->mentions), compare_mentions);
	uint32_t last_file = 0;
	for (size_t i = 0, end; i < state->mention_count && !error; i = end) {
		uint32_t file = state->mentions[i].file, run = 0;
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
			put_uleb(to, state->mentions[k].run - run);
			run = state->mentions[k].run;
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
	writer_info(writer)->lines = state->count;
	writer_info(writer)->warnings += state->dropped > 0;
	return write_files(writer, state);
}

static void lines_deinit(void *slot)
{
	struct lines_state *state = slot;
	free(state->runs);
	free(state->mentions);
	free(state->mentioned);
}

const struct slot_traits lines_slot = {
	.size = sizeof(struct lines_state),
	.finish = lines_finish,
	.deinit = lines_deinit,
};
