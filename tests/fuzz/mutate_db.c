/* SPDX-License-Identifier: MIT */

/*
 * A mutator for database files. Plain mutations nearly always end at SQLite's own checks or at a
 * block's checksum; this one changes the content of a block, or of another table, and
 * puts the right checksum in front, as a hostile author would.
 */

#include "ask.h"
#include "mutate_db.h"
#include "symdb/block_format.h"
#include <endian.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { RAW_ROOM = 4096 }; /* how much a block's content may grow */

/* The models of PART in the database; free with block_models_free(). */
static struct block_models *read_models(sqlite3 *db, enum part part)
{
	struct block_models *models = NULL;
	sqlite3_stmt *statement;
	struct row row;
	const char *what;

	if (!block_has_models(part) ||
	    sqlite3_prepare_v2(db, "SELECT first, data FROM models WHERE first <= ?1 ORDER BY first DESC",
			       -1, &statement, NULL) != SQLITE_OK)
		return NULL;
	sqlite3_bind_int64(statement, 1, block_key_to_row(PART_MODELS, part));
	if (sqlite3_step(statement) == SQLITE_ROW &&
	    row_parse(PART_MODELS, block_row_to_key(PART_MODELS, sqlite3_column_int64(statement, 0)),
		      sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1), &row, &what)) {
		struct block_header header = row_block(&row, part);
		uint8_t *raw = header.raw_size < 1 << 20 ? malloc(header.raw_size + 1) : NULL;
		struct cursor cursor = { raw, raw + header.raw_size, false };

		if (raw && header.first == part && block_unpack(&header, NULL, raw, NULL))
			models = block_models_get(part, &cursor);
		free(raw);
	}
	sqlite3_finalize(statement);
	return models;
}

static void put_entry(struct buffer *to, const struct block_header *block, size_t raw_size, size_t size,
		      unsigned flags)
{
	put_uleb(to, (uint64_t)raw_size << BLOCK_FLAGS | flags);
	put_uleb(to, size);
	if (!block->last)
		put_uleb(to, block->next - block->first);
}

static unsigned flags_of(const struct block_header *block)
{
	return (block->stored ? BLOCK_STORED : 0) | (block->shaped ? BLOCK_SHAPED : 0) |
	       (block->primed ? BLOCK_PRIMED : 0);
}

/* ROW with the records of its block CHOSEN changed to RAW, under its checksum; free() it. */
static uint8_t *put_row(const struct row *row, uint64_t chosen, const uint8_t *raw, size_t raw_size,
			size_t *size_ret)
{
	struct buffer head = { 0 }, payloads = { 0 };
	struct block_header block = { .next = row->first };

	put_bytes(&head, "\0\0\0\0", 4);
	put_uleb(&head, row->count << 1 | row->last);
	for (size_t i = 0; i < row->count; i++) {
		block = row_block(row, block.next);
		if (block.first == chosen) {
			put_entry(&head, &block, raw_size, raw_size, BLOCK_STORED);
			put_bytes(&payloads, raw, raw_size);
		} else {
			put_entry(&head, &block, block.raw_size, block.payload_size, flags_of(&block));
			put_bytes(&payloads, block.payload, block.payload_size);
		}
	}
	put_bytes(&head, payloads.data, payloads.size);
	buffer_deinit(&payloads);
	if (head.failed) {
		buffer_deinit(&head);
		return NULL;
	}
	uint32_t checksum = htole32(row_checksum(row->part, row->first, head.data + 4, head.size - 4));

	memcpy(head.data, &checksum, 4);
	*size_ret = head.size;
	return head.data;
}

/* A row with the content of one of its blocks changed, stored as it is; free() it. */
static uint8_t *mutate_row(sqlite3 *db, enum part part, uint64_t first, const uint8_t *data, size_t size,
			   unsigned seed, size_t *size_ret)
{
	const char *what;
	struct row row;

	if (!row_parse(part, first, data, size, &row, &what))
		return NULL;
	struct block_header block = { .next = first };

	for (size_t i = 0; i <= seed % row.count; i++)
		block = row_block(&row, block.next);
	if (block.raw_size > 1 << 20)
		return NULL;
	size_t room = block.raw_size + RAW_ROOM;
	uint8_t *raw = calloc(1, room), *changed = NULL;
	struct block_models *models = read_models(db, part);
	struct shape *scratch = NULL;

	if (raw != NULL && block_unpack(&block, models, raw, &scratch)) {
		size_t raw_size = LLVMFuzzerMutate(raw, block.raw_size, room);

		changed = put_row(&row, block.first, raw, raw_size, size_ret);
	}
	shape_free(scratch);
	block_models_free(models);
	free(raw);
	return changed;
}

/* Puts CHANGED in place of the blob in row ROW of PART. */
static void replace(sqlite3 *db, enum part part, int64_t row, const uint8_t *changed, size_t size)
{
	char sql[128];
	sqlite3_stmt *statement;

	snprintf(sql, sizeof(sql), "UPDATE %s SET data = ?1 WHERE first = ?2", part_traits[part].name);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		sqlite3_bind_blob(statement, 1, changed, (int)size, SQLITE_TRANSIENT);
		sqlite3_bind_int64(statement, 2, row);
		sqlite3_step(statement);
	}
	sqlite3_finalize(statement);
}

static void mutate_part(sqlite3 *db, enum part part, unsigned seed)
{
	char sql[160];
	sqlite3_stmt *statement;

	snprintf(sql, sizeof(sql), "SELECT first, data FROM %s LIMIT 1 OFFSET "
		 "(%u %% max(1, (SELECT count(*) FROM %s)))", part_traits[part].name, seed,
		 part_traits[part].name);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
		sqlite3_finalize(statement);
		return;
	}
	if (sqlite3_step(statement) == SQLITE_ROW) {
		int64_t row = sqlite3_column_int64(statement, 0);
		size_t size = 0;
		uint8_t *changed = mutate_row(db, part, block_row_to_key(part, row),
					      sqlite3_column_blob(statement, 1),
					      (size_t)sqlite3_column_bytes(statement, 1), seed / 7, &size);

		sqlite3_reset(statement);
		if (changed != NULL)
			replace(db, part, row, changed, size);
		free(changed);
	}
	sqlite3_finalize(statement);
}

/* Numbers and texts of the tables that are no blocks. */
static void mutate_fixed(sqlite3 *db, unsigned seed)
{
	static const char *const changes[] = {
		"UPDATE meta SET value = value || value WHERE rowid = 1",
		"UPDATE meta SET value = '-1'",
		"UPDATE meta SET value = '18446744073709551615'",
		"UPDATE meta SET value = ''",
		"UPDATE meta SET value = zeroblob(100000)",
		"DELETE FROM meta WHERE key > 'm'",
		"UPDATE sections SET number = number - 3",
		"UPDATE sections SET size = -1, address = -1",
		"UPDATE sections SET name = NULL",
		"UPDATE segments SET address = 'text'",
		"UPDATE name_index SET first = first + 1000000",
		"UPDATE name_index SET first = -1",
		"DELETE FROM name_index",
		"DELETE FROM names",
		"UPDATE types SET first = first + 1",
		"UPDATE code SET first = first - 1",
		"DELETE FROM symbol_ids",
		"DELETE FROM locals",
	};

	sqlite3_exec(db, changes[seed % (sizeof(changes) / sizeof(changes[0]))], NULL, NULL, NULL);
}

static size_t read_back(const char *path, uint8_t *data, size_t max_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, data, max_size);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (fd >= 0)
		close(fd);
	return size < 0 || end != size ? 0 : (size_t)size;
}

size_t mutate_database(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	const char *path = scratch_file("mutate.sdb", data, size);
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		sqlite3_close(db);
		return 0;
	}
	sqlite3_exec(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (seed % 16 == 0)
		mutate_fixed(db, seed / 16);
	else
		mutate_part(db, (enum part)(seed / 16 % PART_COUNT), seed / 16 / PART_COUNT);
	sqlite3_close(db);
	return read_back(path, data, max_size);
}
