/* SPDX-License-Identifier: MIT */
/* Paths of source files, by number. */

#include "records.h"
#include "texts.h"
#include "writer.h"
#include <stdlib.h>

const struct slot_traits files_slot = { 0 };

struct sdb_error *sdb_writer_files(struct sdb_writer *writer, const char *const *paths, size_t count)
{
	struct text_writer texts = { .part = writer_part(writer, PART_FILES) };
	struct sdb_error *error = NULL;
	if (count >= UINT32_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "%zu source files are too many", count);
	for (size_t i = 0; i < count && !error; i++) {
		if (i > 0 && strcmp(paths[i - 1], paths[i]) >= 0)
			error = sdb_error_new(SDB_ERROR_INVALID, "file %s comes out of order",
					      paths[i]);
		else
			error = text_writer_add(&texts, (uint32_t)i + 1, paths[i], strlen(paths[i]));
	}
	if (!error)
		error = text_writer_end(&texts);
	text_writer_deinit(&texts);
	writer_info(writer)->files = count;
	return error;
}

struct sdb_error *sdb_file(struct sdb_db *db, sdb_file_id id, char **path_ret)
{
	if (id == 0 || id > sdb_db_info(db)->files)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no source file %u",
				     sdb_db_path(db), id);
	return texts_get(db, PART_FILES, id, path_ret);
}

/* `core.c` and `sched/core.c` name `kernel/sched/core.c`; `ore.c` does not. */
static bool path_matches(const char *path, size_t length, const char *name, size_t name_length)
{
	if (name_length > length || memcmp(path + length - name_length, name, name_length) != 0)
		return false;
	return name_length == length || name[0] == '/' || path[length - name_length - 1] == '/';
}

static struct sdb_error *scan_block(struct sdb_db *db, const struct block *block, const char *name,
				    sdb_file_fn fn, void *arg)
{
	struct text_reader reader;
	struct sdb_error *error = NULL;
	size_t name_length = name ? strlen(name) : 0;
	text_reader_init(&reader, block);
	while (!error && text_reader_next(&reader)) {
		size_t length = reader.text.size;
		if (name && !path_matches((char *)reader.text.data, length, name, name_length))
			continue;
		put_u8(&reader.text, 0);
		if (reader.text.failed)
			break;
		error = fn(arg, (sdb_file_id)reader.number, (char *)reader.text.data);
		reader.text.size = length;
	}
	if (!error && (reader.failed || reader.text.failed))
		error = text_reader_error(db, block, &reader);
	text_reader_deinit(&reader);
	return error;
}

struct sdb_error *sdb_files(struct sdb_db *db, const char *name, sdb_file_fn fn, void *arg)
{
	const struct block *block;
	struct sdb_error *error = block_first(db, PART_FILES, &block);
	while (!error && block) {
		const struct block *next = NULL;
		error = scan_block(db, block, name, fn, arg);
		if (!error)
			error = block_next(db, block, &next);
		block_release(block);
		block = next;
	}
	return error;
}

struct sdb_error *files_verify_block(struct sdb_db *db, const struct block *block)
{
	return texts_verify_block(db, block, sdb_db_info(db)->files);
}
