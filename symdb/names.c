/* SPDX-License-Identifier: MIT */
/* Texts of names by number, and the block that a text must be in. */

#include "names.h"
#include "database.h"
#include <stdlib.h>
#include <string.h>

/* Hands the reader's text over to the caller as a string. */
static char *take_text(struct text_reader *reader)
{
	put_u8(&reader->text, 0);
	if (reader->text.failed)
		return NULL;
	char *text = (char *)reader->text.data;
	reader->text = (struct buffer){ 0 };
	return text;
}

struct sdb_error *texts_get(struct sdb_db *db, enum part part, uint32_t id, char **text_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct text_reader reader;
	struct sdb_error *error = block_find(db, part, id, &block);
	if (error)
		return error;
	text_reader_init(&reader, block);
	if (text_reader_seek(&reader, id))
		error = (*text_ret = take_text(&reader)) ?
				NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	else if (reader.failed)
		error = text_reader_error(db, block, &reader);
	else
		error = block_damaged(db, block, "it has too few texts");
	text_reader_deinit(&reader);
	return error;
}

struct sdb_error *sdb_name(struct sdb_db *db, sdb_name_id id, char **text_ret)
{
	if (id == 0) {
		*text_ret = strdup("");
		return *text_ret ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	if (id > sdb_db_info(db)->names)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no name %u", sdb_db_path(db), id);
	return texts_get(db, PART_NAMES, id, text_ret);
}

/* With the mutex held: the first name of the block whose separator is the last not above TEXT. */
static struct sdb_error *ask_index(struct sdb_db *db, const char *text, size_t length,
				   uint32_t *first_ret)
{
	struct sdb_error *error = NULL;
	bool row;
	if (!db->find_name)
		error = database_prepare(db, "SELECT first FROM name_index WHERE text <= ?1 "
					     "ORDER BY text DESC LIMIT 1",
					 &db->find_name);
	if (error)
		return error;
	sqlite3_bind_blob64(db->find_name, 1, text, length, SQLITE_STATIC);
	error = database_step(db, db->find_name, &row);
	if (!error) {
		int64_t first = row ? sqlite3_column_int64(db->find_name, 0) : 1;
		*first_ret = first > 0 && first <= UINT32_MAX ? (uint32_t)first : 1;
	}
	sqlite3_reset(db->find_name);
	return error;
}

/*
 * The index has no checksum: blocks have it, and say what they answer for. TEXT lies in BLOCK's
 * range when it is not below its separator, and below that of the next one.
 */
static struct sdb_error *check_block(struct sdb_db *db, const struct block *block, const char *text,
				     size_t length)
{
	struct text_reader reader;
	text_reader_init(&reader, block);
	if (reader.failed)
		return text_reader_error(db, block, &reader);
	bool right = text_compare(reader.separator, reader.separator_length, text, length) <= 0 ||
		     block->first == 1;
	BLOCK_SCOPED const struct block *next = NULL;
	struct sdb_error *error = NULL;
	bool beyond = right && !text_reader_search(&reader, text, length);
	if (reader.failed)
		error = text_reader_error(db, block, &reader);
	text_reader_deinit(&reader);
	if (!error && beyond)
		error = block_next(db, block, &next);
	if (error)
		return error;
	if (next) {
		text_reader_init(&reader, next);
		right = !reader.failed && text_compare(reader.separator, reader.separator_length,
						       text, length) > 0;
	}
	return right ? NULL : database_damaged(db, "the index of names is wrong");
}

struct sdb_error *names_find_block(struct sdb_db *db, const char *text, size_t length,
				   const struct block **block_ret)
{
	uint32_t first = 1;
	pthread_mutex_lock(&db->mutex);
	struct sdb_error *error = ask_index(db, text, length, &first);
	pthread_mutex_unlock(&db->mutex);
	if (error)
		return error;
	error = block_find(db, PART_NAMES, first, block_ret);
	if (error)
		return error;
	error = check_block(db, *block_ret, text, length);
	if (error) {
		block_release(*block_ret);
		*block_ret = NULL;
	}
	return error;
}

struct sdb_error *sdb_name_find(struct sdb_db *db, const char *text, sdb_name_id *id_ret)
{
	size_t length = strlen(text);
	BLOCK_SCOPED const struct block *block = NULL;
	struct text_reader reader;
	*id_ret = 0;
	if (sdb_db_info(db)->names == 0)
		return NULL;
	struct sdb_error *error = names_find_block(db, text, length, &block);
	if (error)
		return error;
	text_reader_init(&reader, block);
	if (text_reader_search(&reader, text, length)
	    && text_compare(reader.text.data, reader.text.size, text, length) == 0)
		*id_ret = (sdb_name_id)reader.number;
	else if (reader.failed)
		error = text_reader_error(db, block, &reader);
	text_reader_deinit(&reader);
	return error;
}

/* ---- verification ------------------------------------------------------------ */

/* Decodes all texts; those of names must ascend. */
struct sdb_error *texts_verify_block(struct sdb_db *db, const struct block *block, uint64_t count)
{
	struct text_reader reader;
	struct buffer last = { 0 };
	bool sound = true;
	text_reader_init(&reader, block);
	while (sound && text_reader_next(&reader)) {
		sound = last.size == 0 || block->part != PART_NAMES ||
			text_compare(last.data, last.size, reader.text.data, reader.text.size) < 0;
		last.size = 0;
		put_bytes(&last, reader.text.data, reader.text.size);
		sound &= !last.failed;
	}
	struct sdb_error *error = NULL;
	if (reader.failed)
		error = text_reader_error(db, block, &reader);
	else if (!sound)
		error = block_damaged(db, block, "its texts are not in order");
	else if (reader.next_number != (block->last ? count + 1 : block->next))
		error = block_damaged(db, block, "it has the wrong number of texts");
	text_reader_deinit(&reader);
	buffer_deinit(&last);
	return error;
}

struct sdb_error *names_verify_block(struct sdb_db *db, const struct block *block)
{
	struct text_reader reader;
	text_reader_init(&reader, block);
	const struct block *found = NULL;
	struct sdb_error *error = NULL;
	if (!reader.failed && text_reader_next(&reader)) {
		/* The index must lead here. */
		error = names_find_block(db, (char *)reader.text.data, reader.text.size, &found);
		if (!error && found->first != block->first)
			error = database_damaged(db, "the index of names is wrong");
		block_release(found);
	}
	text_reader_deinit(&reader);
	return error ? error : texts_verify_block(db, block, sdb_db_info(db)->names);
}
