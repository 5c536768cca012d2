/* SPDX-License-Identifier: MIT */
/* Reading database files for SQLite. */

#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 4096 };

struct file {
	sqlite3_file base; /* first, so that a pointer to one is a pointer to the other */
	int fd;
	sqlite3_int64 window_at;
	size_t window_size;
	char window[WINDOW];
};

static struct file *file_of(sqlite3_file *base)
{
	return (struct file *)base;
}

/* Reads up to SIZE bytes; fewer only at the end of the file. -1: it failed. */
static ssize_t read_at(struct file *file, void *to, size_t size, sqlite3_int64 offset)
{
	size_t done = 0;
	while (done < size) {
		ssize_t got = pread(file->fd, (char *)to + done, size - done, offset + (off_t)done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static bool in_window(const struct file *file, size_t size, sqlite3_int64 offset)
{
	return offset >= file->window_at &&
	       (sqlite3_uint64)(offset - file->window_at) + size <= file->window_size;
}

static int file_read(sqlite3_file *base, void *to, int amount, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	size_t size = (size_t)amount;
	if (!in_window(file, size, offset) && size <= WINDOW) {
		ssize_t got = read_at(file, file->window, WINDOW, offset);
		file->window_at = offset;
		file->window_size = got > 0 ? (size_t)got : 0;
		if (got < 0)
			return SQLITE_IOERR_READ;
	}
	if (in_window(file, size, offset)) {
		memcpy(to, file->window + (offset - file->window_at), size);
		return SQLITE_OK;
	}
	ssize_t got = read_at(file, to, size, offset);
	if (got < 0)
		return SQLITE_IOERR_READ;
	if ((size_t)got == size)
		return SQLITE_OK;
	memset((char *)to + got, 0, size - (size_t)got);
	return SQLITE_IOERR_SHORT_READ;
}

static int file_close(sqlite3_file *base)
{
	close(file_of(base)->fd);
	return SQLITE_OK;
}

static int file_write(sqlite3_file *base, const void *from, int amount, sqlite3_int64 offset)
{
	(void)base, (void)from, (void)amount, (void)offset;
	return SQLITE_READONLY;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	(void)base, (void)size;
	return SQLITE_READONLY;
}

static int file_flags(sqlite3_file *base, int flags)
{
	(void)base, (void)flags;
	return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size_ret)
{
	struct stat status;
	if (fstat(file_of(base)->fd, &status) != 0)
		return SQLITE_IOERR_FSTAT;
	*size_ret = status.st_size;
	return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *reserved_ret)
{
	(void)base;
	*reserved_ret = 0;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *arg)
{
	(void)base, (void)operation, (void)arg;
	return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int file_characteristics(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_flags,
	.xFileSize = file_size,
	.xLock = file_flags,
	.xUnlock = file_flags,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_characteristics,
};

/* ---- the layer ------------------------------------------------------------------------ */

static int layer_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_ret)
{
	struct file *file = file_of(base);
	(void)vfs;
	base->pMethods = NULL;
	if (!name || !(flags & SQLITE_OPEN_MAIN_DB)) /* nothing is ever sorted or journaled */
		return SQLITE_CANTOPEN;
	file->fd = open(name, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0)
		return SQLITE_CANTOPEN;
	file->window_size = 0;
	file->window_at = 0;
	base->pMethods = &methods;
	if (flags_ret)
		*flags_ret = SQLITE_OPEN_READONLY;
	return SQLITE_OK;
}

static int layer_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_READONLY;
}

/* There is no journal beside a database. */
static int layer_access(sqlite3_vfs *vfs, const char *name, int flags, int *result_ret)
{
	(void)vfs, (void)name, (void)flags;
	*result_ret = 0;
	return SQLITE_OK;
}

static int layer_path(sqlite3_vfs *vfs, const char *name, int size, char *to)
{
	(void)vfs;
	if (strlen(name) >= (size_t)size)
		return SQLITE_CANTOPEN;
	strcpy(to, name);
	return SQLITE_OK;
}

static sqlite3_vfs layer; /* SQLite's list of layers is the process's own; ours is set once */
static bool registered;

static void register_layer(void)
{
	const sqlite3_vfs *system = sqlite3_vfs_find("unix");
	if (!system)
		return;
	layer = *system; /* time and randomness are the system's */
	layer.zName = "stackdb";
	layer.pNext = NULL;
	layer.szOsFile = sizeof(struct file);
	layer.xOpen = layer_open;
	layer.xDelete = layer_delete;
	layer.xAccess = layer_access;
	layer.xFullPathname = layer_path;
	registered = sqlite3_vfs_register(&layer, 0) == SQLITE_OK;
}

const char *file_layer(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, register_layer);
	return registered ? layer.zName : NULL;
}
