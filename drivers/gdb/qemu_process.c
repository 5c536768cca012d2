/* SPDX-License-Identifier: MIT */
#include "qemu_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A file of /proc/PID, at most SIZE - 1 bytes of it; -1: it cannot be read. */
static ssize_t read_file(int64_t pid, const char *name, char *buffer, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t got = fd < 0 ? -1 : 0;
	while (fd >= 0 && done < size - 1 && (got = read(fd, buffer + done, size - 1 - done)) > 0)
		done += (size_t)got;
	if (fd >= 0)
		close(fd);
	buffer[done] = '\0';
	return got < 0 && !done ? -1 : (ssize_t)done;
}

static bool is_qemu(int64_t pid)
{
	char name[32];
	return read_file(pid, "comm", name, sizeof(name)) > 0 && (strncmp(name, "qemu", 4) == 0 || strncmp(name, "kvm", 3) == 0);
}

struct sdb_error *qemu_process_check(int64_t pid)
{
	char exe[PATH_MAX], link[64];
	snprintf(link, sizeof(link), "/proc/%" PRId64 "/exe", pid);
	ssize_t length = readlink(link, exe, sizeof(exe) - 1);
	if (is_qemu(pid))
		return NULL;
	if (length < 0 && errno == ENOENT)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no process %" PRId64, pid);
	exe[length > 0 ? length : 0] = '\0';
	/* Its main thread may have been renamed (-name process=). */
	return strstr(exe, "qemu") ? NULL : sdb_error_new(SDB_ERROR_INVALID, "process %" PRId64 " is no QEMU, but %s", pid,
							  length > 0 ? exe : "something else");
}

int64_t qemu_process_of_thread(int64_t tid)
{
	char status[1024];
	const char *at = read_file(tid, "status", status, sizeof(status)) > 0 ? strstr(status, "\nTgid:") : NULL;
	int64_t pid = at ? strtoll(at + 6, NULL, 10) : 0;
	return pid > 0 && is_qemu(pid) ? pid : 0;
}

bool qemu_process_stopped(int64_t pid)
{
	char status[1024];
	const char *at = read_file(pid, "status", status, sizeof(status)) > 0 ? strstr(status, "\nState:") : NULL;
	at = at ? at + 7 + strspn(at + 7, " \t") : "";
	return *at == 'T' || *at == 't';
}

/* ---- mappings -------------------------------------------------------------------------------------- */

static bool parse_mapping(char *line, struct qemu_mapping *mapping)
{
	unsigned major_number, minor_number;
	char permissions[8];
	int length = 0;
	unsigned long long inode;
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %x:%x %llu %n", &mapping->low, &mapping->high, permissions,
		   &mapping->offset, &major_number, &minor_number, &inode, &length) < 7)
		return false;
	mapping->device = makedev(major_number, minor_number);
	mapping->inode = (ino_t)inode;
	mapping->shared = permissions[3] == 's';
	mapping->path = line[length] ? line + length : NULL;
	return true;
}

/* Calls WANTED for each mapping, and keeps the last that it says true of. Its path is then the caller's. */
static struct sdb_error *find_mapping(int64_t pid, bool (*wanted)(const struct qemu_mapping *mapping, void *arg), void *arg,
				      struct qemu_mapping *mapping_ret)
{
	char path[64], *line = NULL;
	size_t room = 0;
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/maps", pid);
	FILE *maps = fopen(path, "re");
	if (!maps)
		return sdb_error_errno(errno, "cannot see the memory of QEMU, process %" PRId64, pid);
	*mapping_ret = (struct qemu_mapping){ 0 };
	while (getline(&line, &room, maps) > 0) {
		struct qemu_mapping mapping;
		if (!parse_mapping(line, &mapping) || !wanted(&mapping, arg))
			continue;
		free(mapping_ret->path);
		mapping.path = mapping.path ? strdup(mapping.path) : NULL;
		*mapping_ret = mapping;
		found = true;
	}
	free(line);
	fclose(maps);
	return found ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "process %" PRId64 " has no such mapping", pid);
}

static bool holds_address(const struct qemu_mapping *mapping, void *arg)
{
	const uint64_t *address = arg;
	return *address >= mapping->low && *address < mapping->high;
}

struct sdb_error *qemu_process_mapping(int64_t pid, uint64_t address, struct qemu_mapping *mapping_ret)
{
	return find_mapping(pid, holds_address, &address, mapping_ret);
}

struct largest {
	dev_t device;
	ino_t inode;
	uint64_t size;
};

static bool is_larger(const struct qemu_mapping *mapping, void *arg)
{
	struct largest *largest = arg;
	if (!mapping->shared || !mapping->inode || mapping->high - mapping->low <= largest->size)
		return false;
	if (largest->inode && (mapping->inode != largest->inode || mapping->device != largest->device))
		return false;
	largest->size = mapping->high - mapping->low;
	return true;
}

struct sdb_error *qemu_process_largest(int64_t pid, dev_t device, ino_t inode, struct qemu_mapping *mapping_ret)
{
	struct largest largest = { .device = device, .inode = inode };
	return find_mapping(pid, is_larger, &largest, mapping_ret);
}

/* ---- opening what is mapped --------------------------------------------------------------------------- */

static bool is_mapped_file(const char *path, const struct qemu_mapping *mapping)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_ino == mapping->inode
		&& status.st_dev == mapping->device;
}

static bool open_path(const char *path, int *fd_ret, bool *writable_ret)
{
	*fd_ret = open(path, O_RDWR | O_CLOEXEC);
	*writable_ret = *fd_ret >= 0;
	if (*fd_ret < 0)
		*fd_ret = open(path, O_RDONLY | O_CLOEXEC);
	return *fd_ret >= 0;
}

/* QEMU keeps the descriptor of each block: the only way to a memfd, or a file that was deleted. */
static bool find_descriptor(int64_t pid, const struct qemu_mapping *mapping, char *path, size_t size)
{
	char directory_path[64];
	snprintf(directory_path, sizeof(directory_path), "/proc/%" PRId64 "/fd", pid);
	DIR *directory = opendir(directory_path);
	bool found = false;
	for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
		if ((size_t)snprintf(path, size, "%s/%s", directory_path, entry->d_name) < size)
			found = is_mapped_file(path, mapping);
	}
	if (directory)
		closedir(directory);
	return found;
}

struct sdb_error *qemu_process_open(int64_t pid, const struct qemu_mapping *mapping, int *fd_ret, bool *writable_ret)
{
	char path[PATH_MAX + 64];
	if (mapping->path && mapping->path[0] == '/' && is_mapped_file(mapping->path, mapping)
	    && open_path(mapping->path, fd_ret, writable_ret))
		return NULL;
	if (find_descriptor(pid, mapping, path, sizeof(path)) && open_path(path, fd_ret, writable_ret))
		return NULL;
	snprintf(path, sizeof(path), "/proc/%" PRId64 "/map_files/%" PRIx64 "-%" PRIx64, pid, mapping->low, mapping->high);
	if (open_path(path, fd_ret, writable_ret))
		return NULL;
	return sdb_error_errno(errno, "cannot open %s, which the RAM of QEMU (process %" PRId64 ") is in",
			       mapping->path ? mapping->path : "the memory", pid);
}

/* ---- which process --------------------------------------------------------------------------------------- */

/* The first QEMU that FITS; 0: none. Only processes that are called so are looked into. */
static int64_t find_process(bool (*fits)(int64_t pid, void *arg), void *arg)
{
	DIR *directory = opendir("/proc");
	int64_t found = 0;
	for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
		int64_t pid = strtoll(entry->d_name, NULL, 10);
		if (pid > 0 && is_qemu(pid) && fits(pid, arg))
			found = pid;
	}
	if (directory)
		closedir(directory);
	return found;
}

static bool maps_file(int64_t pid, void *arg)
{
	const struct largest *file = arg;
	struct qemu_mapping mapping = { 0 };
	struct sdb_error *error = qemu_process_largest(pid, file->device, file->inode, &mapping);
	bool fits = !error;
	sdb_error_free(error);
	free(mapping.path);
	return fits;
}

int64_t qemu_process_with_file(dev_t device, ino_t inode)
{
	struct largest file = { .device = device, .inode = inode };
	return find_process(maps_file, &file);
}

static bool same_file(const char *path, const char *other)
{
	struct stat one, two;
	return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool has_stub(int64_t pid, void *arg)
{
	const struct qemu_socket *wanted = arg;
	struct qemu_command_line line;
	struct sdb_error *error = qemu_process_command_line(pid, &line);
	if (error) {
		sdb_error_free(error);
		return false;
	}
	bool fits = wanted->path ? line.stub.path && same_file(wanted->path, line.stub.path)
		: wanted->port && line.stub.port == wanted->port;
	qemu_command_line_deinit(&line);
	return fits;
}

int64_t qemu_process_with_stub(const char *path, int port)
{
	struct qemu_socket wanted = { .path = (char *)path, .port = port };
	return find_process(has_stub, &wanted);
}
