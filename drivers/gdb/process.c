/* SPDX-License-Identifier: MIT */
/* A process behind a stub on Linux: its files and what is mapped, by /proc of the stub's machine. */

#include "stub.h"
#include "../maps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAPS_MAX = 64 << 20, NAME_MAX_SIZE = 4096 };

static struct sdb_error *read_proc(struct stub *stub, const char *name, size_t limit, char **data_ret, size_t *size_ret)
{
	char path[96];
	snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)stub->target->pid, name);
	return stub_read_file(stub, path, limit, data_ret, size_ret);
}

/* ---- what it is ------------------------------------------------------------------------------- */

/* The executable, as the stub names it. None is no error: then -M says. */
static struct sdb_error *find_program(struct stub *stub)
{
	size_t size;
	char annex[24];
	if (!stub->features.xfer_exec_file)
		return NULL;
	snprintf(annex, sizeof(annex), "%llx", (unsigned long long)stub->target->pid);
	struct sdb_error *error = features_object(stub->rsp, "exec-file", annex, NAME_MAX_SIZE, &stub->program, &size);
	if (!error || sdb_error_code(error) == SDB_ERROR_SYSTEM)
		return error;
	sdb_error_free(error);
	return NULL;
}

struct sdb_error *stub_process_open(struct stub *stub)
{
	struct sdb_target *target = stub->target;
	const struct stub_thread *first = stub->threads[0];
	target->pid = (int64_t)(first->pid ? first->pid : first->tid);
	struct sdb_error *error = find_program(stub);
	const char *path = stub->program && *stub->program ? stub->program : target->spec.main_file;
	const char *slash = path ? strrchr(path, '/') : NULL;
	free(target->name);
	target->name = strdup(path ? slash ? slash + 1 : path : "process");
	if (!error && !target->name)
		error = NO_MEMORY();
	return error;
}

struct sdb_error *stub_thread_name(struct sdb_thread *thread, char **name_ret)
{
	char path[64];
	size_t size;
	snprintf(path, sizeof(path), "task/%lld/comm", (long long)thread->id);
	struct sdb_error *error = read_proc(stub_of(thread->target), path, NAME_MAX_SIZE, name_ret, &size);
	if (!error) {
		(*name_ret)[strcspn(*name_ret, "\n")] = '\0';
		return NULL;
	}
	if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND && sdb_error_code(error) != SDB_ERROR_UNSUPPORTED)
		return error;
	sdb_error_free(error);
	*name_ret = strdup("");
	return *name_ret ? NULL : NO_MEMORY();
}

/* ---- what is mapped ------------------------------------------------------------------------------- */

struct sdb_error *stub_process_regions(struct sdb_target *target, struct space *space)
{
	char *maps;
	size_t size;
	struct sdb_error *error = read_proc(stub_of(target), "maps", MAPS_MAX, &maps, &size);
	if (error)
		return sdb_error_prefix(error, "what is mapped in %s is not known", target->name);
	for (char *line = maps, *next; *line && !error; line = next) {
		char *end = strchrnul(line, '\n');
		next = *end ? end + 1 : end;
		*end = '\0';
		error = maps_add_line(space, line);
	}
	free(maps);
	return error;
}

static bool is_file(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* The very file that MODULE is mapped from: the stub is on this machine. */
static bool is_same_file(const char *path, const struct sdb_module *module)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == module->inode
		&& status.st_dev == module->device;
}

struct sdb_error *stub_process_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret)
{
	struct stub *stub = stub_of(target);
	const char *path = region->module->path;
	*path_ret = NULL;
	if (path[0] != '/')
		return NULL;
	if (target->spec.main_file && stub->program && strcmp(stub->program, path) == 0)
		*path_ret = strdup(target->spec.main_file);
	else if (is_same_file(path, region->module))
		*path_ret = strdup(path);
	else if (target->spec.root && asprintf(path_ret, "%s%s", target->spec.root, path) < 0)
		return NO_MEMORY();
	if (*path_ret && is_file(*path_ret))
		return NULL;
	free(*path_ret);
	*path_ret = NULL;
	struct sdb_error *error = stub_fetch_file(stub, path, path_ret);
	if (!error || sdb_error_code(error) != SDB_ERROR_UNSUPPORTED || !is_file(path))
		return error;
	/* Nothing but its name is known of it. */
	sdb_error_free(error);
	*path_ret = strdup(path);
	return *path_ret ? NULL : NO_MEMORY();
}
