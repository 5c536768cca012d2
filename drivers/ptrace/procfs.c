/* SPDX-License-Identifier: MIT */
/* What /proc says of a process. */

#include "process.h"
#include "../maps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- lines and fields ----------------------------------------------------------------------- */

/* Reads at most SIZE - 1 bytes of /proc/TID/NAME; false when it cannot be. */
static bool read_file(pid_t tid, const char *name, char *buffer, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, buffer, size - 1);
	if (fd >= 0)
		close(fd);
	buffer[got < 0 ? 0 : got] = '\0';
	return got >= 0;
}

char *procfs_line(pid_t tid, const char *name)
{
	char buffer[4096];
	if (!read_file(tid, name, buffer, sizeof(buffer)))
		return NULL;
	buffer[strcspn(buffer, "\n")] = '\0';
	return strdup(buffer);
}

static const char *find_field(const char *text, const char *field)
{
	size_t length = strlen(field);
	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, field, length) == 0 && at[length] == ':')
			return at + length + 1 + strspn(at + length + 1, " \t");
		if (!*at)
			break;
	}
	return NULL;
}

int64_t procfs_status(pid_t tid, const char *field)
{
	char buffer[4096];
	if (!read_file(tid, "status", buffer, sizeof(buffer)))
		return -1;
	const char *value = find_field(buffer, field);
	return value ? strtoll(value, NULL, 10) : -1;
}

uint64_t procfs_signals(pid_t tid, const char *field)
{
	char buffer[4096];
	const char *value = read_file(tid, "status", buffer, sizeof(buffer)) ? find_field(buffer, field) : NULL;
	return value ? strtoull(value, NULL, 16) : 0;
}

/* What follows the name in the stat file of TID, from the state on; NULL: no such thread. */
static const char *read_stat(pid_t tid, char *buffer, size_t size)
{
	const char *end = read_file(tid, "stat", buffer, size) ? strrchr(buffer, ')') : NULL;
	return end && end[1] ? end + 2 : NULL;
}

bool procfs_is_zombie(pid_t tid)
{
	char buffer[512];
	const char *state = read_stat(tid, buffer, sizeof(buffer));
	return !state || *state == 'Z' || *state == 'X';
}

bool procfs_is_kernel_thread(pid_t tid)
{
	enum { KERNEL_THREAD = 0x00200000 }; /* PF_KTHREAD of linux/sched.h */
	char buffer[512], state;
	int ids[5];
	unsigned flags;
	const char *stat = read_stat(tid, buffer, sizeof(buffer));
	return stat && sscanf(stat, "%c %d %d %d %d %d %u", &state, &ids[0], &ids[1], &ids[2], &ids[3], &ids[4], &flags) == 7
		&& flags & KERNEL_THREAD;
}

void procfs_tracer(pid_t tid, char *text, size_t size)
{
	int64_t tracer = procfs_status(tid, "TracerPid");
	*text = '\0';
	if (tracer <= 0)
		return;
	char *name = procfs_line((pid_t)tracer, "comm");
	snprintf(text, size, ": it is traced by %s (process %lld)", name ? name : "another program", (long long)tracer);
	free(name);
}

struct sdb_error *procfs_thread_name(struct sdb_thread *thread, char **name_ret)
{
	*name_ret = procfs_line((pid_t)thread->id, "comm");
	return *name_ret ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
}

struct sdb_error *procfs_thread_state(struct sdb_thread *thread, char **state_ret)
{
	char buffer[4096];
	const char *value = read_file((pid_t)thread->id, "status", buffer, sizeof(buffer))
		? find_field(buffer, "State") : NULL;
	if (!value)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
	/* `S (sleeping)` */
	const char *open = strchr(value, '('), *end = open ? strchr(open, ')') : NULL;
	*state_ret = end ? strndup(open + 1, (size_t)(end - open - 1)) : strndup(value, strcspn(value, "\n"));
	return *state_ret ? NULL : NO_MEMORY();
}

struct sdb_error *procfs_thread_user(struct sdb_thread *thread, uint32_t *user_ret)
{
	char buffer[4096];
	const char *value = read_file((pid_t)thread->id, "status", buffer, sizeof(buffer))
		? find_field(buffer, "Uid") : NULL;
	if (!value)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
	/* real, effective, saved, that of file systems */
	*user_ret = (uint32_t)strtoul(value + strcspn(value, "\t "), NULL, 10);
	return NULL;
}

struct sdb_error *procfs_tasks(pid_t pid, struct sdb_error *(*fn)(void *arg, pid_t tid), void *arg)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %d", pid)
			: sdb_error_errno(errno, "cannot list the threads of process %d", pid);
	struct sdb_error *error = NULL;
	for (struct dirent *entry; !error && (entry = readdir(directory)) != NULL;) {
		char *end;
		long tid = strtol(entry->d_name, &end, 10);
		if (tid > 0 && !*end)
			error = fn(arg, (pid_t)tid);
	}
	closedir(directory);
	return error;
}

/* ---- regions ------------------------------------------------------------------------------------ */

struct sdb_error *procfs_regions(struct sdb_target *target, struct space *space)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%lld/maps", (long long)target->pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT ? sdb_error_new(SDB_ERROR_NOT_FOUND, "process %lld has ended", (long long)target->pid)
			: sdb_error_errno(errno, "cannot read %s", path);
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	struct sdb_error *error = NULL;
	while (!error && (length = getline(&line, &room, maps)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		error = maps_add_line(space, line);
	}
	free(line);
	fclose(maps);
	return error;
}

/* ---- files ---------------------------------------------------------------------------------------- */

/* Whether PATH is the file that MODULE is mapped from. */
static bool is_file(const char *path, const struct sdb_module *module)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == module->inode
		&& status.st_dev == module->device;
}

static bool is_main(const struct sdb_target *target, const char *path)
{
	char link[64], exe[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/%lld/exe", (long long)target->pid);
	ssize_t length = readlink(link, exe, sizeof(exe) - 1);
	if (length <= 0)
		return false;
	exe[length] = '\0';
	char *deleted = strstr(exe, " (deleted)");
	if (deleted)
		*deleted = '\0';
	return strcmp(exe, path) == 0;
}

struct sdb_error *procfs_file_path(struct sdb_target *target, const struct sdb_region *region, char **path_ret)
{
	const char *path = region->module->path;
	*path_ret = NULL;
	if (path[0] != '/')
		return NULL;
	int length;
	if (target->spec.main_file && is_main(target, path)) {
		length = asprintf(path_ret, "%s", target->spec.main_file);
		return length < 0 ? NO_MEMORY() : NULL;
	}
	/* Under its own name, in its own root, or, when it was deleted or replaced, as it is mapped. */
	if (is_file(path, region->module)) {
		*path_ret = strdup(path);
		return *path_ret ? NULL : NO_MEMORY();
	}
	if (asprintf(path_ret, "/proc/%lld/root%s", (long long)target->pid, path) < 0)
		return NO_MEMORY();
	if (is_file(*path_ret, region->module))
		return NULL;
	char *mapped;
	if (asprintf(&mapped, "/proc/%lld/map_files/%" PRIx64 "-%" PRIx64, (long long)target->pid, region->low,
		     region->high) < 0) {
		free(*path_ret);
		return NO_MEMORY();
	}
	if (access(mapped, R_OK) == 0) {
		free(*path_ret);
		*path_ret = mapped;
		return NULL;
	}
	free(mapped);
	/* File systems exist whose device numbers differ between the two: the build-id decides later. */
	struct stat status;
	if (stat(*path_ret, &status) == 0 && status.st_ino == region->module->inode)
		return NULL;
	free(*path_ret);
	*path_ret = NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the file %s that is mapped cannot be opened: it was deleted or replaced",
			     path);
}
