/* SPDX-License-Identifier: MIT */
/*
 * Where guest RAM is: the ranges from QEMU's `info mtree -f`, each a part of a block (a memory backend), and each
 * block a file or descriptor that QEMU has mapped. `gpa2hva` says where in QEMU's memory a guest address is, and
 * /proc/PID/maps what is mapped there and with which offset: right for any number of backends.
 */

#include "qemu_private.h"
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESIDENT (4u << 20) /* bytes of guest RAM that stay in this program, unless the caller asks for more */

/* A block's file. */
struct block {
	const char *name;
	int fd;          /* -1: not shared */
	uint64_t offset; /* in the file, of the block's begin */
	bool writable;
	char *path;      /* malloc'ed */
};

/* ---- what is RAM ------------------------------------------------------------------------------------ */

/* Whether BLOCK is one of the machine's memory backends (MEMDEVS, what query-memdev returned), not of a device. */
static bool is_backend(struct jsontext memdevs, const char *block)
{
	struct jsontext backend = { 0 }, id;
	while (jsontext_next(memdevs, &backend))
		if (jsontext_member(backend, "id", &id) && jsontext_is(id, block))
			return true;
	return false;
}

/* Leaves of RANGES those that are RAM. An old QEMU names no backends: then it is what address 0 is in. */
static struct sdb_error *keep_ram(struct qemu *qemu, struct monitor_range *ranges, size_t *count)
{
	struct jsontext memdevs;
	struct monitor_range first = ranges[0];
	size_t kept = 0;
	struct sdb_error *error = qmp_execute(qemu->qmp, "query-memdev", NULL, &memdevs);
	bool named = !error && is_backend(memdevs, first.block);
	if (error && sdb_error_code(error) != SDB_ERROR_UNSUPPORTED)
		return error;
	sdb_error_free(error);
	for (size_t i = 0; i < *count; i++)
		if (named ? is_backend(memdevs, ranges[i].block) : strcmp(ranges[i].block, first.block) == 0)
			ranges[kept++] = ranges[i];
	*count = kept;
	return NULL;
}

static struct sdb_error *ask_ranges(struct qemu *qemu, struct monitor_range **ranges_ret, size_t *count_ret)
{
	char *text;
	struct sdb_error *error = qmp_monitor(qemu->qmp, 0, "info mtree -f", &text);
	if (error)
		return error;
	error = monitor_ranges(text, ranges_ret, count_ret);
	free(text);
	if (error)
		return sdb_error_prefix(error, "%s", qemu_name(qemu));
	error = keep_ram(qemu, *ranges_ret, count_ret);
	if (error)
		free(*ranges_ret);
	return error;
}

/* ---- a block's file ------------------------------------------------------------------------------------ */

/* Is the file that the user named the one that is mapped? */
static struct sdb_error *check_named(const struct qemu *qemu, const struct qemu_mapping *mapping)
{
	struct stat status;
	const char *named = qemu->target->spec.qemu_memory;
	if (!named)
		return NULL;
	if (stat(named, &status) != 0)
		return sdb_error_errno(errno, "cannot look at %s", named);
	if (status.st_dev == mapping->device && status.st_ino == mapping->inode)
		return NULL;
	return sdb_error_new(SDB_ERROR_INVALID, "%s is not the RAM of QEMU, process %" PRId64 ": that is in %s", named,
			     qemu->pid, mapping->path && mapping->shared ? mapping->path : "private memory");
}

static struct sdb_error *open_mapping(const struct qemu *qemu, const struct qemu_mapping *mapping, struct block *block)
{
	struct sdb_error *error = check_named(qemu, mapping);
	if (error || !mapping->shared || !mapping->inode)
		return error;
	block->path = strdup(mapping->path ? mapping->path : "?");
	return qemu_process_open(qemu->pid, mapping, &block->fd, &block->writable);
}

/* By QEMU's process: RANGE's begin is at some address in it. */
static struct sdb_error *find_by_process(struct qemu *qemu, const struct monitor_range *range, struct block *block)
{
	char line[64], *text;
	uint64_t host;
	struct qemu_mapping mapping;
	snprintf(line, sizeof(line), "gpa2hva 0x%" PRIx64, range->low);
	struct sdb_error *error = qmp_monitor(qemu->qmp, 0, line, &text);
	if (error)
		return error;
	bool found = monitor_host_address(text, &host);
	free(text);
	if (!found)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s does not say where its RAM is", qemu_name(qemu));
	error = qemu_process_mapping(qemu->pid, host, &mapping);
	if (error)
		return error;
	error = open_mapping(qemu, &mapping, block);
	block->offset = mapping.offset + (host - mapping.low) - range->offset;
	free(mapping.path);
	return error;
}

/* Opens the file at PATH, which somebody says a block is in. */
static struct sdb_error *open_file(const char *path, struct block *block)
{
	block->fd = open(path, O_RDWR | O_CLOEXEC);
	block->writable = block->fd >= 0;
	if (block->fd < 0)
		block->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (block->fd < 0)
		return sdb_error_errno(errno, "cannot open %s", path);
	block->path = strdup(path);
	return NULL;
}

/* Whether the SIZE bytes at ADDRESS of the guest are what FILE has at PLACE. */
static struct sdb_error *compare(struct qemu *qemu, uint64_t address, const uint8_t *bytes, size_t size, bool *same_ret)
{
	uint8_t told[16];
	char line[64], *text;
	snprintf(line, sizeof(line), "xp /%zuxb 0x%" PRIx64, size, address);
	struct sdb_error *error = qmp_monitor(qemu->qmp, 0, line, &text);
	if (error)
		return error;
	*same_ret = monitor_bytes(text, told, size) && memcmp(told, bytes, size) == 0;
	free(text);
	return NULL;
}

/*
 * Nobody here knows the process: does what the file has look like what QEMU says is there? The guest may run, so a
 * few places may differ; of a file of another machine, or an old one, most do.
 */
static struct sdb_error *check_content(struct qemu *qemu, const struct monitor_range *range, const struct block *block)
{
	unsigned tried = 0, same = 0;
	bool equal;
	uint64_t size = range->high - range->low;
	for (unsigned i = 0; i < 256 && tried < 6; i++) {
		uint8_t bytes[16] = { 0 }, zeros[16] = { 0 };
		uint64_t place = i == 0 ? 0x400 : (size / 256 * i) & ~15ull; /* at 0x400 every BIOS has something */
		if (place + sizeof(bytes) > size || pread(block->fd, bytes, sizeof(bytes), (off_t)(block->offset + range->offset + place))
		    != (ssize_t)sizeof(bytes))
			continue;
		if (i > 0 && memcmp(bytes, zeros, sizeof(bytes)) == 0)
			continue;
		struct sdb_error *error = compare(qemu, range->low + place, bytes, sizeof(bytes), &equal);
		if (error)
			return error;
		tried++;
		same += equal;
	}
	if (tried && same * 2 >= tried)
		return NULL;
	return sdb_error_new(SDB_ERROR_INVALID, "%s is not the RAM of this machine: of %u places that were compared with what "
			     "%s says %u are equal", block->path, tried, qemu_name(qemu), same);
}

/* The path that QEMU's object has; NULL: none, as of a memfd. */
static struct sdb_error *ask_path(struct qemu *qemu, const char *name, char **path_ret)
{
	char arguments[160];
	struct jsontext value;
	snprintf(arguments, sizeof(arguments), "{\"path\":\"/objects/%s\",\"property\":\"mem-path\"}", name);
	*path_ret = NULL;
	struct sdb_error *error = strpbrk(name, "\"\\") ? NULL : qmp_execute(qemu->qmp, "qom-get", arguments, &value);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND)
		return error;
	if (!error)
		*path_ret = jsontext_string(value);
	sdb_error_free(error);
	return NULL;
}

static struct sdb_error *find_by_path(struct qemu *qemu, const struct monitor_range *range, struct block *block)
{
	const char *named = qemu->target->spec.qemu_memory;
	char *told = NULL;
	struct sdb_error *error = named ? NULL : ask_path(qemu, range->block, &told);
	if (error || (!named && (!told || access(told, R_OK) != 0))) {
		free(told);
		return error;
	}
	error = open_file(named ? named : told, block);
	free(told);
	return error ? error : check_content(qemu, range, block);
}

/* ---- mapping ------------------------------------------------------------------------------------------- */

static struct sdb_error *map_range(struct qemu *qemu, const struct monitor_range *range, const struct block *block)
{
	int fd = fcntl(block->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return sdb_error_errno(errno, "cannot map the RAM of the machine");
	return ram_map(qemu->ram, ram_count(qemu->ram) - 1, fd, block->offset + range->offset, block->writable,
		       block->path ? block->path : "?");
}

static struct sdb_error *say_not_shared(struct qemu *qemu, const char *name, uint64_t size)
{
	if (qemu->not_shared)
		return NULL;
	int length = asprintf(&qemu->not_shared, "its RAM (%s) cannot be mapped from outside%s: start QEMU with -object "
			      "memory-backend-memfd,id=ram,size=%" PRIu64 "M,share=on -machine memory-backend=ram%s", name,
			      qemu->pid ? ", it is not shared" : ", its process is not known here", size >> 20,
			      qemu->target->spec.domain ? " (in libvirt: <memoryBacking><source type='memfd'/><access mode='shared'/>"
			      "</memoryBacking>)" : "");
	return length < 0 ? NO_MEMORY() : NULL;
}

/* A block's file is sought when the first of its ranges is added. */
static struct sdb_error *add_range(struct qemu *qemu, const struct monitor_range *range, struct block *blocks, size_t *block_count)
{
	struct block *block = NULL;
	struct sdb_error *error = ram_add(qemu->ram, range->low, range->high);
	for (size_t i = 0; i < *block_count; i++)
		if (strcmp(blocks[i].name, range->block) == 0)
			block = &blocks[i];
	if (error)
		return error;
	if (!block) {
		block = &blocks[(*block_count)++];
		*block = (struct block){ .name = range->block, .fd = -1 };
		error = qemu->pid ? find_by_process(qemu, range, block) : find_by_path(qemu, range, block);
	}
	if (error)
		return error;
	return block->fd >= 0 ? map_range(qemu, range, block) : say_not_shared(qemu, range->block, range->high - range->low);
}

static struct sdb_error *map_by_monitor(struct qemu *qemu)
{
	struct monitor_range *ranges;
	size_t count, block_count = 0;
	struct sdb_error *error = ask_ranges(qemu, &ranges, &count);
	if (error)
		return error;
	struct block *blocks = calloc(count + 1, sizeof(*blocks));
	if (!blocks)
		error = NO_MEMORY();
	for (size_t i = 0; i < count && !error; i++)
		error = add_range(qemu, &ranges[i], blocks, &block_count);
	for (size_t i = 0; i < block_count; i++) {
		free(blocks[i].path);
		if (blocks[i].fd >= 0)
			close(blocks[i].fd);
	}
	free(blocks);
	free(ranges);
	return error;
}

/*
 * Without a monitor: the layout that QEMU gives a machine of SIZE by default (hw/i386/pc_piix.c, pc_q35.c), with the hole
 * for VGA and the one for PCI below 4 GiB. One block is the only case that can be known.
 */
static struct sdb_error *map_by_layout(struct qemu *qemu, uint64_t size, const struct block *block)
{
	uint64_t low = size;
	if (qemu->line.q35 && size >= 0xb0000000)
		low = 0x80000000;
	else if (!qemu->line.q35 && size >= 0xe0000000)
		low = 0xc0000000;
	struct monitor_range ranges[] = {
		{ .low = 0, .high = 0xa0000, .offset = 0 },
		{ .low = 0xc0000, .high = low, .offset = 0xc0000 },
		{ .low = 1ull << 32, .high = (1ull << 32) + (size - low), .offset = low },
	};
	struct sdb_error *error = size < 1 << 20 ? sdb_error_new(SDB_ERROR_INVALID, "%s is too small to be the RAM of a machine",
								 block->path) : NULL;
	for (size_t i = 0; i < 3 && !error; i++) {
		if (ranges[i].low == ranges[i].high)
			continue;
		error = ram_add(qemu->ram, ranges[i].low, ranges[i].high);
		if (!error)
			error = map_range(qemu, &ranges[i], block);
	}
	return error;
}

static struct sdb_error *map_by_guess(struct qemu *qemu)
{
	struct block block = { .fd = -1 };
	struct qemu_mapping mapping = { 0 };
	struct stat status;
	uint64_t size = 0;
	struct sdb_error *error = qemu->pid ? qemu_process_largest(qemu->pid, 0, 0, &mapping) : NULL;
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return say_not_shared(qemu, "all of it", 512 << 20);
	}
	if (!error && qemu->pid) {
		error = open_mapping(qemu, &mapping, &block);
		block.offset = mapping.offset;
		size = mapping.high - mapping.low;
	} else if (!error) {
		error = open_file(qemu->target->spec.qemu_memory, &block);
		size = !error && fstat(block.fd, &status) == 0 ? (uint64_t)status.st_size : 0;
	}
	if (!error)
		error = map_by_layout(qemu, size & ~4095ull, &block);
	free(mapping.path);
	free(block.path);
	if (block.fd >= 0)
		close(block.fd);
	return error;
}

struct sdb_error *qemu_find_ram(struct qemu *qemu)
{
	bool roomy = qemu->target->spec.cache_size > RESIDENT;
	qemu->ram = ram_create(roomy ? qemu->target->spec.cache_size : RESIDENT, roomy);
	if (!qemu->ram)
		return NO_MEMORY();
	if (qemu->qmp)
		return map_by_monitor(qemu);
	return qemu->pid || qemu->target->spec.qemu_memory ? map_by_guess(qemu) : NULL;
}
