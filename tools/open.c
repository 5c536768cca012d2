/* SPDX-License-Identifier: MIT */
/*
 * From what the user named (a database, an ELF file, a build-id) to a database. One that does
 * not exist yet is made by the indexer in a process of its own, so that no program that asks
 * questions ever holds DWARF in its memory.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <stackdb/indexing.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A database of a file without build-id: used once, removed as soon as it is open, or at exit. */
static char *temporary_path;

void open_remove_temporary(void)
{
	if (temporary_path)
		unlink(temporary_path);
	free(temporary_path);
	temporary_path = NULL;
}

enum file_kind { FILE_DATABASE, FILE_ELF, FILE_OTHER, FILE_MISSING };

static struct sdb_error *examine(const char *path, enum file_kind *kind_ret)
{
	char magic[16] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*kind_ret = FILE_MISSING;
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? NULL : sdb_error_errno(errno, "cannot open");
	ssize_t size = read(fd, magic, sizeof(magic));
	int reason = errno;
	close(fd);
	if (size < 0)
		return sdb_error_errno(reason, "cannot read");
	if (size == sizeof(magic) && memcmp(magic, "SQLite format 3", 16) == 0)
		*kind_ret = FILE_DATABASE;
	else if (size >= 4 && memcmp(magic, "\177ELF", 4) == 0)
		*kind_ret = FILE_ELF;
	else
		*kind_ret = FILE_OTHER;
	return NULL;
}

static void tell_first_use(void *arg, const char *file)
{
	(void)arg;
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s: indexing %s, which is used for the first time\n", tool_command(), file);
}

static struct sdb_error *resolve_elf(const char *file, bool no_index, char **path_ret,
				     bool *temporary_ret)
{
	const struct sdb_database_options options = {
		.no_index = no_index, .complain = true, .first_use = tell_first_use,
	};
	struct sdb_error *error = sdb_database_for(file, &options, path_ret, temporary_ret);
	if (!error && *temporary_ret) {
		temporary_path = tool_strdup(*path_ret);
		atexit(open_remove_temporary);
	}
	return error;
}

/* A build-id without a database: its debug file may be where distributions put them. */
static struct sdb_error *resolve_build_id(const uint8_t *id, size_t length, bool no_index,
					  char **path_ret, bool *temporary_ret)
{
	struct sdb_error *error = sdb_store_find(id, length, path_ret);
	if (!error || sdb_error_code(error) != SDB_ERROR_NOT_FOUND || no_index)
		return error;
	struct text path = TEXT_EMPTY;
	text_format(&path, "/usr/lib/debug/.build-id/%02x/", id[0]);
	text_hex_bytes(&path, id + 1, length - 1);
	text_add(&path, ".debug");
	if (access(text_string(&path), R_OK) == 0) {
		sdb_error_free(error);
		error = resolve_elf(path.data, no_index, path_ret, temporary_ret);
	}
	free(path.data);
	return error;
}

struct sdb_error *open_resolve(const char *module, bool no_index, char **path_ret,
			       bool *temporary_ret)
{
	*temporary_ret = false;
	enum file_kind kind;
	struct sdb_error *error = examine(module, &kind);
	if (error)
		return error;
	if (kind == FILE_DATABASE) {
		*path_ret = tool_strdup(module);
		return NULL;
	}
	if (kind == FILE_ELF)
		return resolve_elf(module, no_index, path_ret, temporary_ret);
	if (kind == FILE_OTHER)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "neither a database nor an ELF file");
	uint8_t id[64];
	size_t length;
	error = sdb_build_id_parse(module, id, &length);
	if (error) {
		sdb_error_free(error);
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no such file, and not a build-id either");
	}
	return resolve_build_id(id, length, no_index, path_ret, temporary_ret);
}
