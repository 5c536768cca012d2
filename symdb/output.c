/* SPDX-License-Identifier: MIT */
/*
 * From blocks in memory to a file that is complete or absent: everything goes to a file
 * beside the destination, which is synced and renamed (an unpacked one, which does not last, is not
 * synced). The order of rows is fixed, there is no
 * journal and no clock in it, so equal content makes equal bytes.
 */

#include "writer_private.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sdb_error *output_create(struct sdb_writer *writer)
{
	const char *slash = strrchr(writer->path, '/');
	int directory = slash ? (int)(slash + 1 - writer->path) : 0;
	for (int attempt = 0; attempt < 16; attempt++) {
		uint64_t random;
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
			random = (uint64_t)clock() + (uint64_t)attempt;
		char *path;
		if (asprintf(&path, "%.*s.%s.tmp-%ld-%016" PRIx64, directory, writer->path,
			     writer->path + directory, (long)getpid(), random) < 0)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0) {
			close(fd);
			writer->temporary = path;
			return NULL;
		}
		int errnum = errno;
		free(path);
		if (errnum != EEXIST)
			return sdb_error_errno(errnum, "cannot create %s", writer->path);
	}
	return sdb_error_errno(EEXIST, "cannot create %s", writer->path);
}

void output_discard(struct sdb_writer *writer)
{
	if (writer->temporary)
		unlink(writer->temporary);
	free(writer->temporary);
	writer->temporary = NULL;
}

struct sdb_error *output_error(struct sdb_writer *writer, sqlite3 *sql)
{
	int code = sql ? sqlite3_errcode(sql) : SQLITE_NOMEM;
	if (code == SQLITE_NOMEM)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	int errnum = sqlite3_system_errno(sql);
	if (errnum)
		return sdb_error_errno(errnum, "cannot write %s", writer->path);
	return sdb_error_new(SDB_ERROR_SYSTEM, "cannot write %s: %s", writer->path,
			     sqlite3_errmsg(sql));
}

static struct sdb_error *execute(struct sdb_writer *writer, sqlite3 *sql, const char *text)
{
	return sqlite3_exec(sql, text, NULL, NULL, NULL) == SQLITE_OK ? NULL :
									output_error(writer, sql);
}

/* That every block could be coded. */
static struct sdb_error *check_blocks(struct sdb_writer *writer, enum part part)
{
	const struct stored_block *block;
	for (size_t i = 0; (block = block_writer_block(writer->parts[part], i)); i++) {
		if (!block->data)
			return sdb_error_new(SDB_ERROR_MEMORY, "part %s, block %#llx: memory is short, or "
					     "its records do not have its shape", part_traits[part].name,
					     (unsigned long long)block->first);
	}
	return NULL;
}

static struct sdb_error *write_part(struct sdb_writer *writer, sqlite3 *sql, enum part part)
{
	char text[96];
	snprintf(text, sizeof(text), "INSERT INTO %s VALUES(?1, ?2)", part_traits[part].name);
	sqlite3_stmt *insert;
	if (sqlite3_prepare_v2(sql, text, -1, &insert, NULL) != SQLITE_OK)
		return output_error(writer, sql);
	struct sdb_error *error = NULL;
	struct buffer row = { 0 };
	const struct stored_block *block;
	for (size_t i = 0; !error && (block = block_writer_block(writer->parts[part], i));) {
		i = block_writer_row(writer->parts[part], i, &row);
		if (row.failed) {
			error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
			break;
		}
		sqlite3_bind_int64(insert, 1, block_key_to_row(part, block->first));
		sqlite3_bind_blob64(insert, 2, row.data, row.size, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			error = output_error(writer, sql);
		sqlite3_reset(insert);
	}
	buffer_deinit(&row);
	sqlite3_finalize(insert);
	return error;
}

static struct sdb_error *write_meta(struct sdb_writer *writer, sqlite3 *sql)
{
	sqlite3_stmt *insert;
	if (sqlite3_prepare_v2(sql, "INSERT INTO meta VALUES(?1, ?2)", -1, &insert, NULL) !=
	    SQLITE_OK)
		return output_error(writer, sql);
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < writer->meta_count && !error; i++) {
		sqlite3_bind_text(insert, 1, writer->meta[i].key, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 2, writer->meta[i].value, -1, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			error = output_error(writer, sql);
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	return error;
}

static struct sdb_error *fill(struct sdb_writer *writer, int format, sqlite3 *sql)
{
	char text[512];
	for (int part = 0; part < PART_COUNT; part++) {
		struct sdb_error *error = check_blocks(writer, part);
		if (error)
			return error;
	}
	snprintf(text, sizeof(text),
		 "PRAGMA page_size=%d; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
		 "PRAGMA locking_mode=EXCLUSIVE; PRAGMA auto_vacuum=NONE;"
		 "PRAGMA application_id=%d; PRAGMA user_version=%d; BEGIN",
		 SCHEMA_PAGE_SIZE, SCHEMA_APPLICATION_ID, format);
	struct sdb_error *error = execute(writer, sql, text);
	for (int table = 0; table < TABLE_COUNT && !error; table++)
		error = execute(writer, sql, schema_table_sql(table, text));
	if (!error)
		error = write_meta(writer, sql);
	if (!error)
		error = sections_write(writer, sql);
	if (!error)
		error = names_write_index(writer, sql);
	for (int part = 0; part < PART_COUNT && !error; part++)
		error = write_part(writer, sql, part);
	return error ? error : execute(writer, sql, "COMMIT");
}

/* Also when it need not be synced its size is of interest. */
static struct sdb_error *sync_path(const char *path, int flags, bool sync, uint64_t *size_ret)
{
	struct stat status;
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return sdb_error_errno(errno, "cannot open %s", path);
	int failed = (sync && fsync(fd) != 0) || fstat(fd, &status) != 0 ? errno : 0;
	close(fd);
	/* Some file systems cannot sync a directory; that is their promise to break. */
	if (failed && !(failed == EINVAL && flags & O_DIRECTORY))
		return sdb_error_errno(failed, "cannot sync %s", path);
	if (size_ret)
		*size_ret = (uint64_t)status.st_size;
	return NULL;
}

static struct sdb_error *publish(struct sdb_writer *writer, bool sync, uint64_t *size_ret)
{
	struct sdb_error *error = sync_path(writer->temporary, O_RDONLY, sync, size_ret);
	if (error)
		return error;
	if (rename(writer->temporary, writer->path) != 0)
		return sdb_error_errno(errno, "cannot rename %s to %s", writer->temporary,
				       writer->path);
	free(writer->temporary);
	writer->temporary = NULL;
	char *copy = sync ? strdup(writer->path) : NULL;
	if (!sync)
		return NULL;
	if (!copy)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	error = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, true, NULL);
	free(copy);
	return error;
}

struct sdb_error *output_write(struct sdb_writer *writer, int format, uint64_t *size_ret)
{
	sqlite3 *sql = NULL;
	struct sdb_error *error = NULL;
	/* A path that begins with `file:` or `:memory:` must not mean anything special. */
	char *plain;
	if (asprintf(&plain, "%s%s", writer->temporary[0] == '/' ? "" : "./",
		     writer->temporary) < 0)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (sqlite3_open_v2(plain, &sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "unix") !=
	    SQLITE_OK)
		error = output_error(writer, sql);
	else
		error = fill(writer, format, sql);
	if (sqlite3_close(sql) != SQLITE_OK && !error)
		error = sdb_error_new(SDB_ERROR_SYSTEM, "cannot close %s", writer->path);
	free(plain);
	return error ? error : publish(writer, format == SCHEMA_FORMAT_VERSION, size_ret);
}
