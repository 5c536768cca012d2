/* SPDX-License-Identifier: MIT */
#include "ram.h"
#include "mapped_fault.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BLOCK_BITS 14 /* what is brought in at once */
#define BLOCK (1u << BLOCK_BITS)
#define BULK (64u << 10) /* from there on neighbours may come in, too */
#define MAX_RANGES 64
#define HUGETLBFS 0x958458f6

struct ram_range {
	uint64_t low, high;
	uint8_t *base; /* of LOW, in this program; NULL: not mapped */
	uint8_t *mapping; /* MAPPED bytes from a whole page of the file on */
	size_t mapped;
	struct mapped_range *guard;
	uint64_t *touched; /* a bit for each block; NULL: pages are so large that it does not matter */
	int fd;
	uint64_t offset;
	bool writable;
	char *path;
};

struct ram {
	struct ram_range ranges[MAX_RANGES];
	unsigned count;
	unsigned last; /* that was asked for last */
	size_t last_block; /* that was touched last */
	size_t resident, limit; /* blocks */
	bool bulk; /* what is read in bulk may be among them */
	unsigned lettings; /* how often all was let go */
};

struct ram *ram_create(size_t limit, bool bulk)
{
	struct ram *ram = calloc(1, sizeof(*ram));
	if (!ram)
		return NULL;
	ram->limit = limit >> BLOCK_BITS ? limit >> BLOCK_BITS : 1;
	ram->bulk = bulk;
	return ram;
}

static void unmap(struct ram_range *range)
{
	if (range->base) {
		mapped_fault_release(range->guard);
		munmap(range->mapping, range->mapped);
	}
	free(range->touched);
	free(range->path);
	if (range->fd >= 0)
		close(range->fd);
}

void ram_destroy(struct ram *ram)
{
	for (unsigned i = 0; ram && i < ram->count; i++)
		unmap(&ram->ranges[i]);
	free(ram);
}

struct sdb_error *ram_add(struct ram *ram, uint64_t low, uint64_t high)
{
	if (ram->count == MAX_RANGES)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the machine has more than %d ranges of RAM", MAX_RANGES);
	if (low >= high || (ram->count && low < ram->ranges[ram->count - 1].high) || (low | high) & 4095)
		return sdb_error_new(SDB_ERROR_CORRUPT, "RAM from %#" PRIx64 " to %#" PRIx64 " makes no sense", low, high);
	ram->ranges[ram->count++] = (struct ram_range){ .low = low, .high = high, .fd = -1 };
	return NULL;
}

/* ---- mapping --------------------------------------------------------------------------------------- */

static struct sdb_error *check_size(int fd, uint64_t offset, uint64_t size, const char *path)
{
	struct stat status;
	uint64_t end;
	if (fstat(fd, &status) != 0)
		return sdb_error_errno(errno, "cannot look at %s", path);
	if (__builtin_add_overflow(offset, size, &end) || status.st_size < 0 || (uint64_t)status.st_size < end)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s is not the RAM of this machine: it has %lld bytes, and %" PRIu64
				     " or more are needed", path, (long long)status.st_size, end);
	return NULL;
}

/* Pages of hugetlbfs can only be mapped whole: *PAGE_RET bytes. */
static bool is_huge(int fd, uint64_t *page_ret)
{
	struct statfs system;
	bool huge = fstatfs(fd, &system) == 0 && (uint32_t)system.f_type == HUGETLBFS && system.f_bsize > 0;
	*page_ret = huge ? (uint64_t)system.f_bsize : 4096;
	return huge;
}

static struct sdb_error *map_file(struct ram_range *range)
{
	uint64_t page, size = range->high - range->low;
	bool huge = is_huge(range->fd, &page);
	uint64_t begin = range->offset & ~(page - 1), before = range->offset - begin;
	range->mapped = (size_t)((before + size + page - 1) & ~(page - 1));
	range->mapping = mmap(NULL, range->mapped, PROT_READ, MAP_SHARED | MAP_NORESERVE, range->fd, (off_t)begin);
	if (range->mapping == MAP_FAILED)
		return sdb_error_errno(errno, "cannot map %s", range->path);
	range->guard = mapped_fault_guard(range->mapping, range->mapped);
	if (!huge)
		range->touched = calloc((size_t)(size >> BLOCK_BITS) / 64 + 1, sizeof(uint64_t));
	if (!range->guard || (!huge && !range->touched)) {
		mapped_fault_release(range->guard);
		munmap(range->mapping, range->mapped);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	range->base = range->mapping + before;
	return NULL;
}

struct sdb_error *ram_map(struct ram *ram, unsigned index, int fd, uint64_t offset, bool writable, const char *path)
{
	struct ram_range *range = &ram->ranges[index];
	range->fd = fd;
	range->offset = offset;
	range->writable = writable;
	range->path = strdup(path);
	struct sdb_error *error = range->path ? check_size(fd, offset, range->high - range->low, path)
		: sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	return error ? error : map_file(range);
}

unsigned ram_count(const struct ram *ram)
{
	return ram->count;
}

bool ram_range(const struct ram *ram, unsigned index, uint64_t *low_ret, uint64_t *high_ret)
{
	if (index >= ram->count)
		return false;
	*low_ret = ram->ranges[index].low;
	*high_ret = ram->ranges[index].high;
	return true;
}

bool ram_is_mapped(const struct ram *ram, unsigned index)
{
	return index < ram->count && ram->ranges[index].base;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static struct ram_range *find(struct ram *ram, uint64_t address)
{
	if (!ram->count)
		return NULL;
	struct ram_range *range = &ram->ranges[ram->last];
	if (address >= range->low && address < range->high)
		return range;
	for (unsigned i = 0; i < ram->count; i++) {
		range = &ram->ranges[i];
		if (address >= range->low && address < range->high) {
			ram->last = i;
			return range;
		}
	}
	return NULL;
}

/*
 * Lets go of all that is resident; pointers into the mappings stay good, but what they lead to comes in again with all
 * that the kernel brings in besides, and nobody counts it: who keeps some asks for them anew.
 */
static void let_go(struct ram *ram)
{
	for (unsigned i = 0; i < ram->count; i++) {
		struct ram_range *range = &ram->ranges[i];
		size_t size = (size_t)(range->high - range->low);
		if (!range->touched)
			continue;
		madvise(range->base, size, MADV_NORMAL);
		madvise(range->base, size, MADV_DONTNEED);
		memset(range->touched, 0, ((size >> BLOCK_BITS) / 64 + 1) * sizeof(uint64_t));
	}
	ram->resident = 0;
	ram->lettings++;
}

/*
 * A block that is looked at for the first time. Different advice makes it a mapping of its own, and the kernel brings
 * in no pages of another mapping; not worth it when the neighbours are read, too.
 */
static void touch(struct ram *ram, struct ram_range *range, uint64_t place, bool alone)
{
	size_t block = (size_t)(place >> BLOCK_BITS), size = (size_t)(range->high - range->low);
	uint64_t bit = 1ull << (block % 64);
	if (range->touched[block / 64] & bit)
		return;
	if (ram->resident >= ram->limit)
		let_go(ram);
	size_t begin = block << BLOCK_BITS, length = size - begin < BLOCK ? size - begin : BLOCK;
	if (alone && block != ram->last_block + 1) /* one after the other is no here and there */
		madvise(range->base + begin, length, MADV_RANDOM);
	range->touched[block / 64] |= bit;
	ram->last_block = block;
	ram->resident++;
}

const uint8_t *ram_at(struct ram *ram, uint64_t address, size_t *size_ret)
{
	struct ram_range *range = find(ram, address);
	if (!range || !range->base || mapped_fault_happened(range->guard))
		return NULL;
	uint64_t place = address - range->low, left = range->high - address;
	if (range->touched) {
		touch(ram, range, place, true);
		uint64_t block_left = BLOCK - (place & (BLOCK - 1));
		if (left > block_left)
			left = block_left;
	}
	*size_ret = (size_t)left;
	return range->base + place;
}

unsigned ram_lettings(const struct ram *ram)
{
	return ram->lettings;
}

static struct sdb_error *lost(const struct ram_range *range)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the RAM of the machine has gone: %s was truncated while it was mapped; QEMU "
			     "has quit, or was started anew", range->path ? range->path : "its file");
}

/*
 * By the file: three quarters as fast as a copy, and nothing becomes resident here. A mapping may bring in 2 MiB for each
 * page that is looked at, where the file is kept in pieces of that size (kernels since v6.9).
 */
static bool copy_file(const struct ram_range *range, uint64_t place, uint8_t *buffer, size_t size)
{
	return range->fd >= 0 && pread(range->fd, buffer, size, (off_t)(range->offset + place)) == (ssize_t)size;
}

/* Whether SIZE bytes at PLACE may be resident beside what is. */
static bool has_room(const struct ram *ram, const struct ram_range *range, uint64_t place, size_t size)
{
	size_t begin = (size_t)(place >> BLOCK_BITS), end = (size_t)((place + size - 1) >> BLOCK_BITS), more = 0;
	for (size_t block = begin; range->touched && block <= end; block++)
		more += !(range->touched[block / 64] >> block % 64 & 1);
	return ram->bulk && more <= ram->limit - ram->resident;
}

/* Copies SIZE bytes at PLACE, in parts that may be resident at once. */
static void copy_bulk(struct ram *ram, struct ram_range *range, uint64_t place, uint8_t *buffer, size_t size)
{
	if (!has_room(ram, range, place, size) && copy_file(range, place, buffer, size))
		return;
	size_t most = range->touched ? ram->limit << BLOCK_BITS : SIZE_MAX;
	while (size) {
		size_t part = size < most ? size : most;
		for (size_t i = 0; range->touched && i < part; i += BLOCK)
			touch(ram, range, place + i, false);
		memcpy(buffer, range->base + place, part);
		buffer += part;
		place += part;
		size -= part;
	}
}

struct sdb_error *ram_read(struct ram *ram, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	*done_ret = 0;
	while (*done_ret < size) {
		struct ram_range *range = find(ram, address);
		if (!range || !range->base)
			return NULL;
		size_t part = size - *done_ret, there;
		uint8_t *to = (uint8_t *)buffer + *done_ret;
		if (part > range->high - address)
			part = (size_t)(range->high - address);
		const uint8_t *at = part < BULK ? ram_at(ram, address, &there) : NULL;
		if (part >= BULK) {
			copy_bulk(ram, range, address - range->low, to, part);
		} else if (at) {
			part = part < there ? part : there;
			memcpy(to, at, part);
		}
		if (mapped_fault_happened(range->guard))
			return lost(range);
		*done_ret += part;
		address += part;
	}
	return NULL;
}

bool ram_lost(const struct ram *ram)
{
	for (unsigned i = 0; i < ram->count; i++)
		if (ram->ranges[i].base && mapped_fault_happened(ram->ranges[i].guard))
			return true;
	return false;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

/* hugetlbfs has no write(): through a mapping of the page. */
static struct sdb_error *write_mapped(const struct ram_range *range, uint64_t place, const void *buffer, size_t size)
{
	uint64_t page;
	is_huge(range->fd, &page);
	uint64_t begin = (range->offset + place) & ~(page - 1), end = range->offset + place + size;
	size_t length = (size_t)((end - begin + page - 1) & ~(page - 1));
	uint8_t *base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, range->fd, (off_t)begin);
	if (base == MAP_FAILED)
		return sdb_error_errno(errno, "cannot write to %s", range->path);
	memcpy(base + (range->offset + place - begin), buffer, size);
	munmap(base, length);
	return NULL;
}

static struct sdb_error *write_file(const struct ram_range *range, uint64_t place, const void *buffer, size_t size)
{
	while (size) {
		ssize_t put = pwrite(range->fd, buffer, size, (off_t)(range->offset + place));
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EINVAL && !range->touched)
			return write_mapped(range, place, buffer, size);
		if (put <= 0)
			return sdb_error_errno(put ? errno : EIO, "cannot write to %s", range->path);
		buffer = (const uint8_t *)buffer + put;
		place += (size_t)put;
		size -= (size_t)put;
	}
	return NULL;
}

struct sdb_error *ram_write(struct ram *ram, uint64_t address, const void *buffer, size_t size)
{
	while (size) {
		struct ram_range *range = find(ram, address);
		if (!range || !range->base)
			return sdb_error_new(SDB_ERROR_UNSUPPORTED, "physical address %#" PRIx64 " is %s", address,
					     range ? "in RAM that is not shared" : "not RAM");
		if (!range->writable)
			return sdb_error_new(SDB_ERROR_SYSTEM, "no permission to write to %s", range->path);
		size_t part = size < range->high - address ? size : (size_t)(range->high - address);
		/* A file that has shrunk must not be made longer by a write. */
		struct sdb_error *error = check_size(range->fd, range->offset, range->high - range->low, range->path);
		if (!error)
			error = write_file(range, address - range->low, buffer, part);
		if (error)
			return error;
		buffer = (const uint8_t *)buffer + part;
		address += part;
		size -= part;
	}
	return NULL;
}
