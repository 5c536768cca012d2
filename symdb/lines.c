/* SPDX-License-Identifier: MIT */
/* Answering questions about lines: by address, by range, by file and line. */

#include "database.h"
#include "line_reader.h"
#include <stdlib.h>

static struct sdb_error *damaged(struct sdb_db *db, const struct block *block)
{
	return block_damaged(db, block, "a line row does not decode");
}

/* The block of lines for ADDRESS, with the models to read it. */
static struct sdb_error *find_block(struct sdb_db *db, uint64_t address, const struct block **block_ret,
				    const struct line_models **models_ret)
{
	struct sdb_error *error = block_find(db, PART_LINES, address, block_ret);
	return error ? error : database_line_models(db, models_ret);
}

/* ---- by address ---------------------------------------------------------------------- */

static struct sdb_error *no_line(struct sdb_db *db, uint64_t address)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no line for %#llx", sdb_db_path(db),
			     (unsigned long long)address);
}

struct sdb_line_cursor {
	struct sdb_db *db;
	const struct block *block; /* NULL: none is entered */
	struct line_reader reader; /* its row is the one behind `line`, unless `ended` */
	struct sdb_line line;      /* what covers `address` */
	uint64_t address;
	bool ended;
};

static void leave_block(struct sdb_line_cursor *cursor)
{
	block_release(cursor->block);
	cursor->block = NULL;
}

/* Stands before the first row of the block for ADDRESS. */
static struct sdb_error *enter_block(struct sdb_line_cursor *cursor, uint64_t address)
{
	const struct line_models *models;
	leave_block(cursor);
	struct sdb_error *error = find_block(cursor->db, address, &cursor->block, &models);
	if (error) {
		leave_block(cursor);
		return error;
	}
	cursor->line = (struct sdb_line){ .flags = SDB_LINE_END_SEQUENCE };
	cursor->ended = !line_reader_init(&cursor->reader, cursor->block, models) ||
			!line_reader_next(&cursor->reader);
	return NULL;
}

static bool is_ahead(const struct sdb_line_cursor *cursor, uint64_t address)
{
	return cursor->block && cursor->address <= address &&
	       (cursor->block->last || address < cursor->block->next);
}

struct sdb_error *sdb_line_cursor_at(struct sdb_line_cursor *cursor, uint64_t address,
				     struct sdb_line *line_ret)
{
	struct line_reader *reader = &cursor->reader;
	struct sdb_error *error = is_ahead(cursor, address) ? NULL : enter_block(cursor, address);
	if (error)
		return error;
	cursor->address = address;
	while (!cursor->ended && reader->walk.row.address <= address) {
		cursor->line = reader->walk.row;
		cursor->ended = !line_reader_next(reader);
	}
	if (reader->failed) {
		error = damaged(cursor->db, cursor->block);
		leave_block(cursor);
		return error;
	}
	if (cursor->line.flags & SDB_LINE_END_SEQUENCE)
		return no_line(cursor->db, address);
	*line_ret = cursor->line;
	return NULL;
}

struct sdb_error *sdb_line_cursor_create(struct sdb_db *db, struct sdb_line_cursor **cursor_ret)
{
	struct sdb_line_cursor *cursor = malloc(sizeof(*cursor));
	if (!cursor)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	cursor->db = db;
	cursor->block = NULL;
	*cursor_ret = cursor;
	return NULL;
}

void sdb_line_cursor_destroy(struct sdb_line_cursor *cursor)
{
	if (cursor)
		leave_block(cursor);
	free(cursor);
}

struct sdb_error *sdb_line_at(struct sdb_db *db, uint64_t address, struct sdb_line *line_ret)
{
	struct sdb_line_cursor cursor;
	cursor.db = db;
	cursor.block = NULL;
	struct sdb_error *error = sdb_line_cursor_at(&cursor, address, line_ret);
	leave_block(&cursor);
	return error;
}

/* ---- many rows ------------------------------------------------------------------------- */

/* Which rows sdb_lines() and sdb_line_find() want. */
struct filter {
	uint64_t low, high;
	uint32_t file; /* 0: all */
	uint32_t line; /* 0: all of the file */
	sdb_line_fn fn;
	void *arg;
};

static bool wanted(const struct filter *filter, const struct sdb_line *line)
{
	return line->address >= filter->low &&
	       (filter->file == 0 || (line->file == filter->file &&
				      (filter->line == 0 || line->line == filter->line)));
}

/* Reports what is wanted of BLOCK. */
static struct sdb_error *scan_block(struct sdb_db *db, const struct block *block,
				    const struct line_models *models, const struct filter *filter)
{
	struct line_reader reader;
	struct sdb_error *error = NULL;
	if (!line_reader_init(&reader, block, models))
		return damaged(db, block);
	while (!error && line_reader_next(&reader) && reader.walk.row.address < filter->high) {
		if (wanted(filter, &reader.walk.row))
			error = filter->fn(filter->arg, &reader.walk.row);
	}
	if (!error && reader.failed)
		error = damaged(db, block);
	return error;
}

/* Scans BLOCK, which is taken over, and those behind it, LIMIT at most. */
static struct sdb_error *scan_blocks(struct sdb_db *db, const struct block *block, size_t limit,
				     const struct filter *filter)
{
	const struct line_models *models;
	struct sdb_error *error = database_line_models(db, &models);
	for (size_t i = 0; !error && block && i < limit && block->first < filter->high; i++) {
		const struct block *next = NULL;
		error = scan_block(db, block, models, filter);
		if (!error)
			error = block_next(db, block, &next);
		block_release(block);
		block = next;
	}
	block_release(block);
	return error;
}

struct sdb_error *sdb_lines(struct sdb_db *db, uint64_t low, uint64_t high, sdb_line_fn fn, void *arg)
{
	const struct filter filter = { .low = low, .high = high, .fn = fn, .arg = arg };
	const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_LINES, low, &block);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = block_first(db, PART_LINES, &block);
	}
	return error || !block ? error : scan_blocks(db, block, SIZE_MAX, &filter);
}

/* ---- by file ---------------------------------------------------------------------------- */

/* Reads a list of `count` and steps; *LIST_RET is malloc'ed, NULL when memory is short. */
static bool get_list(struct cursor *from, uint64_t **list_ret, size_t *count_ret)
{
	size_t count = get_count(from);
	uint64_t *list = malloc((count + 1) * sizeof(*list)), value = 0;
	for (size_t i = 0; i < count && list; i++)
		list[i] = value += get_uleb(from);
	*list_ret = list;
	*count_ret = count;
	return list && !from->failed;
}

static void skip_list(struct cursor *from)
{
	for (size_t count = get_count(from); count > 0 && !from->failed; count--)
		get_uleb(from);
}

static struct sdb_error *list_error(struct sdb_db *db, const struct block *block, const uint64_t *list)
{
	return list ? block_damaged(db, block, "its lists do not decode") :
		      sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

/* The first addresses of all runs of blocks of lines. */
static struct sdb_error *read_runs(struct sdb_db *db, uint64_t **list_ret, size_t *count_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	*list_ret = NULL;
	struct sdb_error *error = block_find(db, PART_LINE_FILES, 0, &block);
	if (error)
		return error;
	struct cursor cursor = block_cursor(block);
	return get_list(&cursor, list_ret, count_ret) ? NULL : list_error(db, block, *list_ret);
}

/* The ordinals of the runs that mention FILE; count 0 when none does. */
static struct sdb_error *read_mentions(struct sdb_db *db, uint32_t file, uint64_t **list_ret,
				       size_t *count_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	*list_ret = NULL;
	*count_ret = 0;
	struct sdb_error *error = block_find(db, PART_LINE_FILES, file, &block);
	if (error)
		return error;
	struct cursor cursor = block_cursor(block);
	uint64_t at = block->first;
	if (at == 0)
		skip_list(&cursor);
	while (cursor.at < cursor.end) {
		at += get_u32(&cursor);
		if (at == file && !cursor.failed)
			return get_list(&cursor, list_ret, count_ret) ?
				       NULL : list_error(db, block, *list_ret);
		skip_list(&cursor);
	}
	return cursor.failed ? list_error(db, block, &at) : NULL;
}

static struct sdb_error *scan_run(struct sdb_db *db, const uint64_t *runs, size_t run_count, uint64_t ordinal,
				  const struct filter *filter)
{
	const struct block *block = NULL;
	if (ordinal >= run_count)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: part line_files names run %llu of %zu",
				     sdb_db_path(db), (unsigned long long)ordinal, run_count);
	struct sdb_error *error = block_find(db, PART_LINES, runs[ordinal], &block);
	if (!error && block->first != runs[ordinal]) {
		error = block_damaged(db, block, "it is not where part line_files says");
		block_release(block);
	}
	return error ? error : scan_blocks(db, block, LINE_RUN, filter);
}

struct sdb_error *sdb_line_find(struct sdb_db *db, sdb_file_id file, uint32_t line, sdb_line_fn fn, void *arg)
{
	const struct filter filter = { .high = UINT64_MAX, .file = file, .line = line, .fn = fn, .arg = arg };
	uint64_t *runs = NULL, *mentions = NULL;
	size_t run_count, mention_count;
	if (file == 0 || sdb_db_info(db)->lines == 0)
		return NULL;
	struct sdb_error *error = read_runs(db, &runs, &run_count);
	if (!error)
		error = read_mentions(db, file, &mentions, &mention_count);
	for (size_t i = 0; !error && i < mention_count; i++)
		error = scan_run(db, runs, run_count, mentions[i], &filter);
	free(runs);
	free(mentions);
	return error;
}

/* ---- verification -------------------------------------------------------------------------- */

struct sdb_error *lines_verify_block(struct sdb_db *db, const struct block *block)
{
	const struct line_models *models;
	struct line_reader reader;
	uint64_t last = block->first, files = sdb_db_info(db)->files;
	struct sdb_error *error = database_line_models(db, &models);
	if (error)
		return error;
	if (!line_reader_init(&reader, block, models))
		return damaged(db, block);
	while (line_reader_next(&reader)) {
		uint64_t address = reader.walk.row.address;
		if (address < last || reader.walk.row.file > files ||
		    (!block->last && address >= block->next))
			return damaged(db, block);
		last = address;
	}
	return reader.failed || !line_reader_complete(&reader) ? damaged(db, block) : NULL;
}

struct sdb_error *line_files_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	uint64_t file = block->first, files = sdb_db_info(db)->files;
	if (file == 0)
		skip_list(&cursor);
	while (cursor.at < cursor.end) {
		file += get_u32(&cursor);
		skip_list(&cursor);
		if (file > files)
			cursor.failed = true;
	}
	return cursor.failed ? block_damaged(db, block, "its lists do not decode") : NULL;
}
