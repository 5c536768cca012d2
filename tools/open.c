/* SPDX-License-Identifier: MIT */
/*
 * From what the user named (a database, an ELF file, a build-id) to a database. One that does
 * not exist yet is made by the indexer in a process of its own, so that no program that asks
 * questions ever holds DWARF in its memory.
 */
#include "open.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

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

char *open_indexer_path(void)
{
	const char *chosen = getenv("STACKDB_INDEXER");
	if (chosen && *chosen)
		return tool_strdup(chosen);
	struct text path = TEXT_EMPTY;
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = length > 0 ? memrchr(self, '/', (size_t)length) : NULL;
	/* Where it was built it is beside this program; in an installation that was moved, where the
	 * prefix is now. */
	static const char *const places[] = { "stackdb-indexer", STACKDB_LIBEXEC_FROM_BIN "/stackdb-indexer" };
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		path.size = 0;
		text_addn(&path, self, (size_t)(slash - self) + 1);
		text_add(&path, places[i]);
		if (access(text_string(&path), X_OK) == 0)
			return path.data;
	}
	path.size = 0;
	text_add(&path, STACKDB_LIBEXECDIR "/stackdb-indexer");
	text_string(&path);
	return path.data;
}

/* Runs the indexer on FILE and waits; what it complains about goes to standard error. */
static struct sdb_error *run_indexer(const char *file, const char *output)
{
	char *program = open_indexer_path();
	char *args[] = { (char *)"stackdb index", (char *)"--quiet", (char *)"-o", (char *)output,
			 (char *)"--", (char *)file, NULL };
	if (!output) {
		args[2] = args[4];
		args[3] = args[5];
		args[4] = NULL;
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	pid_t pid;
	int reason = posix_spawn(&pid, program, &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	struct sdb_error *error = NULL;
	int status = 0;
	if (reason)
		error = sdb_error_errno(reason, "no database yet, and the indexer %s cannot be run", program);
	else
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	free(program);
	if (!error && status != 0)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "no database yet, and indexing failed");
	return error;
}

static void tell_first_use(const char *file)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s: indexing %s, which is used for the first time\n", tool_command(), file);
}

static struct sdb_error *index_temporarily(const char *file, char **path_ret)
{
	const char *directory = getenv("TMPDIR");
	struct text name = TEXT_EMPTY;
	text_format(&name, "%s/stackdb-XXXXXX.sdb", directory && *directory ? directory : "/tmp");
	text_string(&name);
	int fd = mkstemps(name.data, 4);
	if (fd < 0) {
		struct sdb_error *error = sdb_error_errno(errno, "cannot create %s", name.data);
		free(name.data);
		return error;
	}
	close(fd);
	temporary_path = name.data;
	atexit(open_remove_temporary);
	tell_first_use(file);
	struct sdb_error *error = run_indexer(file, name.data);
	if (!error)
		*path_ret = tool_strdup(name.data);
	return error;
}

static struct sdb_error *no_database(const char *why)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no database for it%s", why);
}

/* Whether the database at PATH is one that this program reads: not damaged, not of another format. */
static bool is_sound(const char *path)
{
	struct sdb_db *db = NULL;
	struct sdb_error *error = sdb_db_open(path, NULL, &db);
	bool sound = !error;
	sdb_error_free(error);
	sdb_db_close(db);
	return sound;
}

static struct sdb_error *resolve_elf(const char *file, bool no_index, char **path_ret,
				     bool *temporary_ret)
{
	uint8_t id[64];
	size_t length;
	struct sdb_error *error = sdb_build_id_of_file(file, id, &length);
	if (error)
		return error;
	if (length) {
		error = sdb_store_find(id, length, path_ret);
		if (error ? sdb_error_code(error) != SDB_ERROR_NOT_FOUND : no_index || is_sound(*path_ret))
			return error;
		if (!error) /* it is made again */
			free(*path_ret);
		sdb_error_free(error);
	}
	if (no_index)
		return no_database(length ? ", and --no-index forbids making one"
				   : " since it has no build-id, and --no-index forbids making one");
	if (!length) {
		*temporary_ret = true;
		return index_temporarily(file, path_ret);
	}
	tell_first_use(file);
	error = run_indexer(file, NULL);
	return error ? error : sdb_store_find(id, length, path_ret);
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
	for (size_t i = 1; i < length; i++)
		text_hex_digits(&path, id[i], 2);
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
