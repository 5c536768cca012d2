/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a database. The file is taken for immutable (it is only ever replaced
 * by a rename), so nothing is locked and no write access is needed; and for hostile, so
 * SQLite gets bounds and nothing is asked of a table before its SQL was compared.
 */

#include "database.h"
#include "file.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DEFAULT_CACHE = 1 << 20,
	STEP_OPERATIONS = 10000, /* virtual machine operations between two calls back */
	STEP_CALLS = 2000,       /* that many of them end a statement */
	META_ROWS_MAX = 100000,
	META_BYTES_MAX = 16 << 20,
};

struct sdb_error *database_damaged(struct sdb_db *db, const char *format, ...)
{
	char *what;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&what, format, args);
	va_end(args);
	if (length < 0)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_error *error = sdb_error_new(SDB_ERROR_CORRUPT, "%s is damaged: %s", db->path, what);
	free(what);
	return error;
}

static struct sdb_error *sql_error(struct sdb_db *db)
{
	int code = db->sql ? sqlite3_errcode(db->sql) : SQLITE_NOMEM;
	if (code == SQLITE_NOMEM)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	int errnum = sqlite3_system_errno(db->sql);
	if ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && errnum)
		return sdb_error_errno(errnum, "cannot read %s", db->path);
	return database_damaged(db, "%s", sqlite3_errmsg(db->sql));
}

static int count_steps(void *arg)
{
	struct sdb_db *db = arg;
	return ++db->steps > STEP_CALLS;
}

struct sdb_error *database_prepare(struct sdb_db *db, const char *text, sqlite3_stmt **ret)
{
	db->steps = 0;
	if (sqlite3_prepare_v3(db->sql, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) != SQLITE_OK)
		return sql_error(db);
	return NULL;
}

struct sdb_error *database_step(struct sdb_db *db, sqlite3_stmt *statement, bool *row_ret)
{
	db->steps = 0;
	int code = sqlite3_step(statement);
	*row_ret = code == SQLITE_ROW;
	return code == SQLITE_ROW || code == SQLITE_DONE ? NULL : sql_error(db);
}

/* ---- the file's header ---------------------------------------------------------- */

static uint32_t load_be32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return be32toh(value);
}

/* The fields of an SQLite file header that say what this is (sqlite.org/fileformat2.html). */
static struct sdb_error *check_header(struct sdb_db *db, const uint8_t header[100], uint64_t size)
{
	if (memcmp(header, "SQLite format 3", 16) != 0 ||
	    load_be32(header + 68) != SCHEMA_APPLICATION_ID)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s is not a Stackdb database", db->path);
	uint32_t version = load_be32(header + 60);
	if (version != SCHEMA_FORMAT_VERSION && version != SCHEMA_FORMAT_UNPACKED)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "%s has format %u, this program reads format %u: index the "
				     "module again, or use a newer version of Stackdb",
				     db->path, version, SCHEMA_FORMAT_VERSION);
	db->version = version;
	uint64_t page = (uint64_t)header[16] << 8 | header[17];
	if (page == 1)
		page = 65536;
	if (size != page * load_be32(header + 28))
		return database_damaged(db, "it is cut short or has grown");
	return NULL;
}

static struct sdb_error *read_header(struct sdb_db *db)
{
	uint8_t header[100] = { 0 };
	struct stat status;
	int fd = open(db->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s does not exist", db->path);
	if (fd < 0)
		return sdb_error_errno(errno, "cannot open %s", db->path);
	bool ok = fstat(fd, &status) == 0;
	ssize_t got = ok && S_ISREG(status.st_mode) ? pread(fd, header, sizeof(header), 0) : 0;
	int errnum = errno;
	close(fd);
	if (!ok || got < 0)
		return sdb_error_errno(errnum, "cannot read %s", db->path);
	return check_header(db, header, (uint64_t)status.st_size);
}

/* ---- SQLite ----------------------------------------------------------------------- */

static void set_bounds(struct sdb_db *db)
{
	static const struct {
		int limit, value;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, 80 << 20 },      { SQLITE_LIMIT_SQL_LENGTH, 65536 },
		{ SQLITE_LIMIT_COLUMN, 64 },            { SQLITE_LIMIT_EXPR_DEPTH, 32 },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 2 },    { SQLITE_LIMIT_VDBE_OP, 25000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 8 },       { SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 8 },    { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		sqlite3_limit(db->sql, limits[i].limit, limits[i].value);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_progress_handler(db->sql, STEP_OPERATIONS, count_steps, db);
}

static struct sdb_error *open_sql(struct sdb_db *db)
{
	/* A path that begins with `file:` or `:memory:` must not mean anything special. */
	char *path;
	if (asprintf(&path, "%s%s", db->path[0] == '/' ? "" : "./", db->path) < 0)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	const char *layer = file_layer();
	int code = layer ? sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, layer) :
			   SQLITE_NOMEM;
	free(path);
	if (code != SQLITE_OK)
		return sql_error(db);
	set_bounds(db);
	db->steps = 0;
	/* Rows are kept by the part that reads them: SQLite's pages need little room. */
	if (sqlite3_exec(db->sql, "PRAGMA cache_size=-64; PRAGMA cell_size_check=1", NULL, NULL,
			 NULL) != SQLITE_OK)
		return sql_error(db);
	return NULL;
}

static bool column_is(sqlite3_stmt *row, int column, const char *text)
{
	const char *value = (const char *)sqlite3_column_text(row, column);
	return value && strcmp(value, text) == 0;
}

/*
 * Of what stands in the schema under one of our names, only our tables may. Unknown tables are
 * left alone, an index or trigger on a table of ours is not.
 */
static bool check_schema_row(sqlite3_stmt *row, bool seen[TABLE_COUNT])
{
	for (int table = 0; table < TABLE_COUNT; table++) {
		char sql[SCHEMA_SQL_MAX];
		const char *name = schema_table_name(table);
		if (!column_is(row, 1, name) && !column_is(row, 2, name))
			continue;
		if (!column_is(row, 0, "table") || !column_is(row, 1, name) ||
		    !column_is(row, 3, schema_table_sql(table, sql)))
			return false;
		seen[table] = true;
	}
	return true;
}

static struct sdb_error *check_schema(struct sdb_db *db)
{
	bool seen[TABLE_COUNT] = { false }, more = true;
	sqlite3_stmt *rows;
	struct sdb_error *error =
		database_prepare(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema", &rows);
	if (error)
		return error;
	while (!error && more) {
		error = database_step(db, rows, &more);
		if (!error && more && !check_schema_row(rows, seen))
			error = database_damaged(db, "its table %s is not one of Stackdb's",
						 (const char *)sqlite3_column_text(rows, 1));
	}
	sqlite3_finalize(rows);
	for (int table = 0; table < TABLE_COUNT && !error; table++) {
		if (!seen[table])
			error = database_damaged(db, "its table %s is missing",
						 schema_table_name(table));
	}
	return error;
}

/* ---- identity ---------------------------------------------------------------------- */

static bool add_meta_row(struct meta *meta, sqlite3_stmt *row)
{
	if ((meta->count & (meta->count - 1)) == 0) {
		size_t capacity = meta->count ? 2 * meta->count : 1;
		char **keys = realloc(meta->keys, capacity * sizeof(*keys));
		if (keys)
			meta->keys = keys;
		char **values = realloc(meta->values, capacity * sizeof(*values));
		if (values)
			meta->values = values;
		if (!keys || !values)
			return false;
	}
	const char *key = (const char *)sqlite3_column_text(row, 0);
	const char *value = (const char *)sqlite3_column_text(row, 1);
	meta->keys[meta->count] = strdup(key ? key : "");
	meta->values[meta->count] = strdup(value ? value : "");
	meta->count++; /* meta_deinit() copes with a NULL of the two */
	return meta->keys[meta->count - 1] && meta->values[meta->count - 1];
}

static struct sdb_error *read_meta(struct sdb_db *db)
{
	sqlite3_stmt *rows;
	size_t bytes = 0;
	bool more = true;
	struct sdb_error *error =
		database_prepare(db, "SELECT key, value FROM meta ORDER BY key", &rows);
	if (error)
		return error;
	while (!error) {
		error = database_step(db, rows, &more);
		if (error || !more)
			break;
		bytes += (size_t)sqlite3_column_bytes(rows, 0) +
			 (size_t)sqlite3_column_bytes(rows, 1);
		if (bytes > META_BYTES_MAX || db->meta.count >= META_ROWS_MAX)
			error = database_damaged(db, "its identity is too long");
		else if (!add_meta_row(&db->meta, rows))
			error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	sqlite3_finalize(rows);
	const char *what;
	if (!error && !meta_parse(&db->meta, &what))
		error = database_damaged(db, "%s", what);
	if (!error && db->meta.info.format_version != db->version)
		error = database_damaged(db, "its header has another format than its identity");
	return error;
}

/* ---- the handle ---------------------------------------------------------------------- */

struct sdb_error *sdb_db_open(const char *path, const struct sdb_open_options *options,
			      struct sdb_db **db_ret)
{
	struct sdb_db *db = calloc(1, sizeof(*db));
	if (!db)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	pthread_mutex_init(&db->mutex, NULL);
	atomic_init(&db->users, 1);
	db->cache_size = options && options->cache_size ? options->cache_size : DEFAULT_CACHE;
	db->path = strdup(path);
	struct sdb_error *error = db->path ? read_header(db) :
					     sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (!error)
		error = open_sql(db);
	if (!error)
		error = check_schema(db);
	if (!error)
		error = read_meta(db);
	if (error) {
		sdb_db_close(db);
		return error;
	}
	*db_ret = db;
	return NULL;
}

struct sdb_db *sdb_db_share(struct sdb_db *db)
{
	atomic_fetch_add_explicit(&db->users, 1, memory_order_relaxed);
	return db;
}

void sdb_db_close(struct sdb_db *db)
{
	if (!db || atomic_fetch_sub_explicit(&db->users, 1, memory_order_acq_rel) != 1)
		return;
	block_cache_deinit(db);
	sections_unload(db);
	sqlite3_finalize(db->find_name);
	sqlite3_close(db->sql);
	meta_deinit(&db->meta);
	pthread_mutex_destroy(&db->mutex);
	free(db->path);
	free(db);
}

const char *sdb_db_path(const struct sdb_db *db)
{
	return db->path;
}

const struct sdb_db_info *sdb_db_info(const struct sdb_db *db)
{
	return &db->meta.info;
}

struct sdb_error *sdb_db_meta(struct sdb_db *db, const char *key, char **value_ret)
{
	const char *value = meta_value(&db->meta, key);
	*value_ret = value ? strdup(value) : NULL;
	if (value && !*value_ret)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	return NULL;
}

struct sdb_error *sdb_db_parts(struct sdb_db *db, sdb_part_fn fn, void *arg)
{
	for (int part = 0; part < PART_COUNT; part++) {
		const struct part_totals *totals = &db->meta.parts[part];
		struct sdb_error *error = fn(arg, part_traits[part].name, totals->blocks,
					     totals->stored, totals->raw);
		if (error)
			return error;
	}
	return NULL;
}
