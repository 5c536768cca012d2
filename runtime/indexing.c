/* SPDX-License-Identifier: MIT */
/* From an ELF file to its database: out of the store, or made by the indexer in its own process. */

#include <stackdb/indexing.h>
#include <stackdb/db.h>
#include <stackdb/store.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define NO_MEMORY() sdb_error_new(SDB_ERROR_MEMORY, "out of memory")

struct sdb_indexing {
	pid_t pid;
	char *program;
};

/* ---- where the indexer is -------------------------------------------------------------- */

/* `DIRECTORY of FILE`/NAME when that can be executed; NULL when not. */
static char *beside(const char *file, size_t length, const char *name)
{
	const char *slash = memrchr(file, '/', length);
	char *path;
	if (!slash || asprintf(&path, "%.*s/%s", (int)(slash - file), file, name) < 0)
		return NULL;
	if (access(path, X_OK) == 0)
		return path;
	free(path);
	return NULL;
}

struct sdb_error *sdb_indexer_path(char **path_ret)
{
	const char *chosen = getenv("STACKDB_INDEXER");
	if (chosen && *chosen) {
		*path_ret = strdup(chosen);
		return *path_ret ? NULL : NO_MEMORY();
	}
	/* Where it was built it is beside this program; in an installation that was moved, where the
	 * prefix is now: seen from this program, or from this library. */
	char self[4096];
	Dl_info library;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
	*path_ret = NULL;
	if (length > 0)
		*path_ret = beside(self, (size_t)length, "stackdb-indexer");
	if (!*path_ret && length > 0)
		*path_ret = beside(self, (size_t)length, STACKDB_LIBEXEC_FROM_BIN "/stackdb-indexer");
	if (!*path_ret && dladdr((void *)&sdb_indexer_path, &library) && library.dli_fname)
		*path_ret = beside(library.dli_fname, strlen(library.dli_fname),
				   STACKDB_LIBEXEC_FROM_LIB "/stackdb-indexer");
	if (!*path_ret)
		*path_ret = strdup(STACKDB_LIBEXECDIR "/stackdb-indexer");
	return *path_ret ? NULL : NO_MEMORY();
}

/* ---- its process ------------------------------------------------------------------------------ */

/* INPUT: what it reads as its standard input; -1: nothing. */
static struct sdb_error *start(const char *const *args, int input, bool complain, struct sdb_indexing **indexing_ret)
{
	struct sdb_indexing *indexing = calloc(1, sizeof(*indexing));
	struct sdb_error *error = indexing ? sdb_indexer_path(&indexing->program) : NO_MEMORY();
	if (error) {
		free(indexing);
		return error;
	}
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (input >= 0)
		posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!complain)
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	int reason = posix_spawn(&indexing->pid, indexing->program, &actions, NULL, (char *const *)args, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (reason) {
		error = sdb_error_errno(reason, "no database yet, and the indexer %s cannot be run",
					indexing->program);
		free(indexing->program);
		free(indexing);
		return error;
	}
	*indexing_ret = indexing;
	return NULL;
}

struct sdb_error *sdb_indexing_start(const char *file, const char *output, const char *root, bool complain,
				     struct sdb_indexing **indexing_ret)
{
	const char *args[10] = { "stackdb index", "--quiet", "--unpacked" };
	size_t count = 3;
	if (output) {
		args[count++] = "-o";
		args[count++] = output;
	}
	if (root) {
		args[count++] = "-R";
		args[count++] = root;
	}
	args[count++] = "--";
	args[count++] = file;
	return start(args, -1, complain, indexing_ret);
}

/* A file without a name that has ADDRESSES, a line each. */
static struct sdb_error *list_addresses(const uint64_t *addresses, size_t count, FILE **list_ret)
{
	FILE *list = tmpfile();
	bool good = list;
	for (size_t i = 0; i < count && good; i++)
		good = fprintf(list, "%llx\n", (unsigned long long)addresses[i]) > 0;
	if (good && fflush(list) == 0 && lseek(fileno(list), 0, SEEK_SET) == 0) {
		*list_ret = list;
		return NULL;
	}
	int reason = errno;
	if (list)
		fclose(list);
	return sdb_error_errno(reason, "cannot write down what the indexer is to look for");
}

struct sdb_error *sdb_indexing_start_part(const char *file, const char *root, const uint64_t *addresses, size_t count,
					  struct sdb_indexing **indexing_ret)
{
	const char *args[8] = { "stackdb index", "--part" };
	size_t arg_count = 2;
	FILE *list = NULL;
	struct sdb_error *error = list_addresses(addresses, count, &list);
	if (error)
		return error;
	if (root) {
		args[arg_count++] = "-R";
		args[arg_count++] = root;
	}
	args[arg_count++] = "--";
	args[arg_count++] = file;
	error = start(args, fileno(list), false, indexing_ret);
	fclose(list);
	return error;
}

bool sdb_indexing_ended(const struct sdb_indexing *indexing)
{
	siginfo_t info = { .si_pid = 0 };
	/* An error: somebody else has waited for it. */
	return waitid(P_PID, (id_t)indexing->pid, &info, WEXITED | WNOWAIT | WNOHANG) != 0 || info.si_pid != 0;
}

struct sdb_error *sdb_indexing_wait(struct sdb_indexing *indexing)
{
	int status = 0, reason = 0;
	/* A program that waits for all its children may have got this one: then nothing is known. */
	while (waitpid(indexing->pid, &status, 0) < 0 && (reason = errno) == EINTR)
		reason = 0;
	free(indexing->program);
	free(indexing);
	if (!reason && status != 0)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no database yet, and indexing failed");
	return NULL;
}

struct sdb_error *sdb_indexing_wait_part(struct sdb_indexing *indexing, const uint8_t *build_id, size_t length,
					 char **path_ret)
{
	pid_t pid = indexing->pid;
	*path_ret = NULL;
	struct sdb_error *error = sdb_indexing_wait(indexing);
	if (!error)
		error = sdb_store_part_path(build_id, length, pid, path_ret);
	if (!error && access(*path_ret, F_OK) != 0) {
		free(*path_ret);
		*path_ret = NULL;
	}
	return error;
}

/* ---- a file's database ------------------------------------------------------------------------ */

bool sdb_database_is_sound(const char *path)
{
	struct sdb_db *db = NULL;
	struct sdb_error *error = sdb_db_open(path, NULL, &db);
	bool sound = !error;
	sdb_error_free(error);
	sdb_db_close(db);
	return sound;
}

static struct sdb_error *index_now(const char *file, const char *output, const struct sdb_database_options *options)
{
	struct sdb_indexing *indexing;
	if (options->first_use)
		options->first_use(options->arg, file);
	struct sdb_error *error = sdb_indexing_start(file, output, options->root, options->complain, &indexing);
	return error ? error : sdb_indexing_wait(indexing);
}

static struct sdb_error *index_temporarily(const char *file, const struct sdb_database_options *options,
					   char **path_ret)
{
	const char *directory = getenv("TMPDIR");
	if (asprintf(path_ret, "%s/stackdb-XXXXXX.sdb", directory && *directory ? directory : "/tmp") < 0)
		return NO_MEMORY();
	int fd = mkstemps(*path_ret, 4);
	struct sdb_error *error = NULL;
	if (fd < 0) {
		error = sdb_error_errno(errno, "cannot create %s", *path_ret);
	} else {
		close(fd);
		error = index_now(file, *path_ret, options);
		if (error)
			unlink(*path_ret);
	}
	if (error) {
		free(*path_ret);
		*path_ret = NULL;
	}
	return error;
}

struct sdb_error *sdb_database_for(const char *file, const struct sdb_database_options *options, char **path_ret,
				   bool *temporary_ret)
{
	static const struct sdb_database_options defaults = { 0 };
	uint8_t id[64];
	size_t length;
	if (!options)
		options = &defaults;
	*temporary_ret = false;
	*path_ret = NULL;
	struct sdb_error *error = sdb_build_id_of_file(file, id, &length);
	if (error)
		return error;
	if (length) {
		error = sdb_store_find(id, length, path_ret);
		if (error ? sdb_error_code(error) != SDB_ERROR_NOT_FOUND
			  : options->no_index || sdb_database_is_sound(*path_ret))
			return error;
		free(*path_ret); /* it is made again */
		*path_ret = NULL;
		sdb_error_free(error);
	}
	if (options->no_index)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no database for it%s", length ?
				     ", and making one is forbidden" :
				     " since it has no build-id, and making one is forbidden");
	*temporary_ret = length == 0;
	if (!length)
		return index_temporarily(file, options, path_ret);
	error = index_now(file, NULL, options);
	return error ? error : sdb_store_find(id, length, path_ret);
}
