/* SPDX-License-Identifier: MIT */
/*
 * Memory of a target. While it is paused it does not change, so what was read is kept: in runs of
 * pages, since what reads a page of a stack wants the next ones.
 */

#include "target.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define RUN ((size_t)16384)   /* bytes that are read at once; a power of two */
#define DEFAULT_CACHE ((size_t)1 << 20)

/* One run: DONE bytes from BASE on are there. */
struct run {
	uint64_t base; /* a multiple of RUN, + 1: so that 0 is none */
	size_t done;
	uint8_t *data;
};

struct page_cache {
	size_t count; /* of runs; by address, direct-mapped */
	bool used;
	struct run runs[];
};

struct page_cache *page_cache_create(size_t size)
{
	size_t count = 4;
	while (count * 2 * RUN <= (size ? size : DEFAULT_CACHE))
		count *= 2;
	struct page_cache *cache = calloc(1, sizeof(*cache) + count * sizeof(struct run));
	if (cache)
		cache->count = count;
	return cache;
}

void page_cache_clear(struct page_cache *cache)
{
	if (!cache || !cache->used)
		return;
	for (size_t i = 0; i < cache->count; i++)
		cache->runs[i].base = 0;
	cache->used = false;
}

void page_cache_destroy(struct page_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->count; i++)
		free(cache->runs[i].data);
	free(cache);
}

/* The run that holds ADDRESS. */
static struct sdb_error *find_run(struct sdb_target *target, uint64_t address, struct run **run_ret)
{
	struct page_cache *cache = target->pages;
	uint64_t base = address & ~(uint64_t)(RUN - 1);
	struct run *run = &cache->runs[base / RUN % cache->count];
	*run_ret = run;
	if (run->base == base + 1 && address - base < run->done)
		return NULL;
	if (!run->data && !(run->data = malloc(RUN)))
		return NO_MEMORY();
	cache->used = true;
	target->page_changes++;
	run->base = 0;
	struct sdb_error *error = target->driver->read_memory(target, base, run->data, RUN, &run->done);
	if (error)
		return error;
	if (run->done <= address - base) {
		/* The run begins with a hole: from the page of ADDRESS on there may be more. */
		size_t page = (address - base) & ~(size_t)4095;
		size_t done = 0;
		error = target->driver->read_memory(target, base + page, run->data + page, RUN - page, &done);
		if (error || done <= address - base - page)
			return error ? error : sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing is mapped at %#llx",
							     (unsigned long long)address);
		/* The bytes below are not there: this run answers only once. */
		run->done = page + done;
		return NULL;
	}
	run->base = base + 1;
	return NULL;
}

struct sdb_error *memory_window(struct sdb_target *target, uint64_t address, const uint8_t **data_ret,
				size_t *size_ret)
{
	struct run *run;
	struct sdb_error *error = find_run(target, address, &run);
	if (error)
		return error;
	size_t at = (size_t)(address & (RUN - 1));
	*data_ret = run->data + at;
	*size_ret = run->done - at;
	return NULL;
}

static bool is_cached(const struct sdb_target *target)
{
	return target->status == SDB_TARGET_PAUSED && target->pages;
}

static struct sdb_error *not_open(const struct sdb_target *target)
{
	return sdb_error_new(SDB_ERROR_INVALID, "%s is not open", target->name ? target->name : "the target");
}

struct sdb_error *sdb_target_read_some(struct sdb_target *target, uint64_t address, void *buffer, size_t size,
				       size_t *size_ret)
{
	*size_ret = 0;
	if (target->status == SDB_TARGET_CLOSED)
		return not_open(target);
	if (target->status == SDB_TARGET_EXITED)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has ended", target->name);
	if (!target->driver->read_memory)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no memory", target->driver->name);
	if (!is_cached(target) || size > 4 * RUN)
		return target->driver->read_memory(target, address, buffer, size, size_ret);
	while (*size_ret < size) {
		const uint8_t *data;
		size_t there;
		struct sdb_error *error = memory_window(target, address + *size_ret, &data, &there);
		if (error) {
			if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
				return error;
			sdb_error_free(error);
			return NULL;
		}
		if (there > size - *size_ret)
			there = size - *size_ret;
		memcpy((uint8_t *)buffer + *size_ret, data, there);
		*size_ret += there;
	}
	return NULL;
}

struct sdb_error *sdb_target_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size)
{
	size_t done;
	struct sdb_error *error = sdb_target_read_some(target, address, buffer, size, &done);
	if (error || done == size)
		return error;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot read %#llx: nothing readable is mapped there",
			     (unsigned long long)(address + done));
}

struct sdb_error *sdb_target_write(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	if (target->status != SDB_TARGET_RUNNING && target->status != SDB_TARGET_PAUSED)
		return not_open(target);
	if (!target->driver->write_memory)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the memory of a target of %s cannot be written",
				     target->driver->name);
	page_cache_clear(target->pages);
	target->page_changes++;
	return target->driver->write_memory(target, address, buffer, size);
}

struct sdb_error *sdb_target_read_number(struct sdb_target *target, uint64_t address, unsigned size,
					 uint64_t *value_ret)
{
	uint64_t value = 0;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return sdb_error_new(SDB_ERROR_INVALID, "a number of %u bytes", size);
	struct sdb_error *error = sdb_target_read(target, address, &value, size);
	if (!error)
		*value_ret = le64toh(value); /* every architecture so far is little endian */
	return error;
}

struct sdb_error *sdb_target_read_string(struct sdb_target *target, uint64_t address, size_t limit,
					 char **string_ret, bool *whole_ret)
{
	size_t size = 0, room = 0;
	char *string = NULL;
	struct sdb_error *error = NULL;
	*whole_ret = false;
	while (!error && size < limit && !*whole_ret) {
		size_t want = 256 - (size_t)((address + size) & 255), got = 0;
		if (want > limit - size)
			want = limit - size;
		if (room < size + want + 1) {
			room = 2 * (size + want + 1);
			char *larger = realloc(string, room);
			if (!larger) {
				error = NO_MEMORY();
				break;
			}
			string = larger;
		}
		error = sdb_target_read_some(target, address + size, string + size, want, &got);
		if (!error && got == 0 && size == 0)
			error = sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot read %#llx: nothing readable is mapped there",
					      (unsigned long long)address);
		if (error || got == 0)
			break;
		char *end = memchr(string + size, 0, got);
		*whole_ret = end != NULL;
		size = end ? (size_t)(end - string) : size + got;
	}
	if (!error && !string && !(string = malloc(1)))
		error = NO_MEMORY();
	if (error) {
		free(string);
		return error;
	}
	string[size] = '\0';
	*string_ret = string;
	return NULL;
}

struct sdb_error *sdb_target_search(struct sdb_target *target, uint64_t low, uint64_t high, const void *pattern,
				    size_t size, uint64_t *address_ret)
{
	size_t room = (1 << 20) + size;
	uint8_t *buffer = malloc(room);
	struct sdb_error *error = buffer ? NULL : NO_MEMORY();
	if (!error && size == 0)
		error = sdb_error_new(SDB_ERROR_INVALID, "nothing to search for");
	while (!error && low < high && high - low >= size) {
		size_t want = high - low < room ? (size_t)(high - low) : room, got;
		error = target->driver->read_memory(target, low, buffer, want, &got);
		if (error)
			break;
		const uint8_t *found = got >= size ? memmem(buffer, got, pattern, size) : NULL;
		if (found) {
			*address_ret = low + (uint64_t)(found - buffer);
			free(buffer);
			return NULL;
		}
		/* What was read is passed over but for a begin of the pattern; a hole by pages. */
		uint64_t next = got == want ? low + got - (size - 1) : ((low + got) | 4095) + 1;
		if (next <= low)
			break;
		low = next;
	}
	free(buffer);
	return error ? error : sdb_error_new(SDB_ERROR_NOT_FOUND, "the pattern is not there");
}
