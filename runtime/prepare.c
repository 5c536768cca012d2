/* SPDX-License-Identifier: MIT */
/*
 * Which modules the stacks of a target lead through, and where: before anything can be unwound, since rules
 * come from databases. Every word of a stack that is an address of code may be the address that a frame
 * returns to. What is taken for one and is none costs time only; what is missed is found when it is met.
 */

#include "space.h"

#include <stackdb/frame.h>
#include <stdlib.h>
#include <string.h>

#define STACK_BYTES ((size_t)64 << 10)  /* that are looked at of a stack */
#define STACK_LEAST ((size_t)2 << 10)
#define ALL_BYTES ((size_t)8 << 20)     /* and of all stacks together */
#define ADDRESSES_MAX 8192              /* of a module: with more of them all of it is as good */
#define MODULES_MAX 64

struct stacks {
	struct sdb_target *target;
	struct space *space;
	struct module_wanted wanted[MODULES_MAX]; /* with `needed`: those that lack a database */
	bool needed[MODULES_MAX];
	size_t count;
	uint64_t low, high; /* all code is in there */
	uint8_t *buffer;
};

static struct module_wanted *wanted_of(struct stacks *stacks, struct sdb_module *module)
{
	for (size_t i = 0; i < stacks->count; i++)
		if (stacks->wanted[i].module == module)
			return stacks->needed[i] ? &stacks->wanted[i] : NULL;
	if (!module || stacks->count == MODULES_MAX)
		return NULL;
	stacks->wanted[stacks->count] = (struct module_wanted){ .module = module };
	/* What is only in memory is small, and has to be copied first. */
	stacks->needed[stacks->count] = module->path[0] == '/' && module_lacks_database(module);
	return stacks->needed[stacks->count++] ? &stacks->wanted[stacks->count - 1] : NULL;
}

static struct sdb_error *add_address(struct module_wanted *wanted, uint64_t address)
{
	if (wanted->count == ADDRESSES_MAX)
		return NULL;
	if (wanted->count == wanted->capacity) {
		size_t capacity = wanted->capacity ? 2 * wanted->capacity : 64;
		uint64_t *addresses = realloc(wanted->addresses, capacity * sizeof(*addresses));
		if (!addresses)
			return NO_MEMORY();
		wanted->addresses = addresses;
		wanted->capacity = capacity;
	}
	wanted->addresses[wanted->count++] = address;
	return NULL;
}

/*
 * ADDRESS may be one of code, of an instruction that was interrupted. RETURNED_TO: or somebody returns to it,
 * and what counts is the one in front.
 */
static struct sdb_error *consider(struct stacks *stacks, uint64_t address, bool returned_to)
{
	const struct sdb_region *region = address >= stacks->low && address < stacks->high
		? space_find(stacks->space, address) : NULL;
	if (!region || !region->module || !(region->flags & SDB_REGION_EXECUTE))
		return NULL;
	struct module_wanted *wanted = wanted_of(stacks, region->module);
	if (!wanted)
		return NULL;
	address = module_to_database(region->module, address);
	struct sdb_error *error = add_address(wanted, address);
	return error || !returned_to ? error : add_address(wanted, address - 1);
}

static struct sdb_error *scan_stack(struct stacks *stacks, uint64_t sp, size_t size)
{
	const struct architecture *architecture = stacks->target->architecture;
	unsigned word = architecture->address_size;
	size_t length = 0;
	struct sdb_error *error = sdb_target_read_some(stacks->target, sp, stacks->buffer, size, &length);
	if (error) { /* a stack that is not there has no frames */
		sdb_error_free(error);
		return NULL;
	}
	error = NULL;
	for (size_t at = 0; !error && at + word <= length; at += word) {
		uint64_t address = 0;
		memcpy(&address, stacks->buffer + at, word);
		error = consider(stacks, address, true);
	}
	return error;
}

/* The code that each thread is at. */
static struct sdb_error *find_places(struct stacks *stacks, bool *missing_ret)
{
	struct sdb_target *target = stacks->target;
	*missing_ret = wanted_of(stacks, stacks->space->modules[0]) != NULL;
	for (size_t i = 0; i < target->thread_count && target->status == SDB_TARGET_PAUSED; i++) {
		uint64_t pc;
		if (!target->threads[i]->stopped)
			continue;
		struct sdb_error *error = thread_pc(target->threads[i], &pc);
		if (!error)
			error = consider(stacks, pc, false);
		/* One that has no registers any more has no frames, either. */
		if (error && sdb_error_code(error) == SDB_ERROR_MEMORY)
			return error;
		sdb_error_free(error);
	}
	for (size_t i = 0; i < stacks->count; i++)
		*missing_ret |= stacks->needed[i];
	return NULL;
}

static struct sdb_error *scan_stacks(struct stacks *stacks)
{
	struct sdb_target *target = stacks->target;
	struct sdb_error *error = NULL;
	size_t size = target->thread_count ? ALL_BYTES / target->thread_count : 0;
	size = size > STACK_BYTES ? STACK_BYTES : size < STACK_LEAST ? STACK_LEAST : size;
	stacks->buffer = malloc(size);
	if (!stacks->buffer)
		return NO_MEMORY();
	for (size_t i = 0; i < target->thread_count && target->status == SDB_TARGET_PAUSED && !error; i++) {
		struct sdb_thread *thread = target->threads[i];
		uint64_t pc;
		if (!thread->stopped)
			continue;
		struct sdb_error *gone = thread_pc(thread, &pc); /* with it the stack pointer is known, too */
		if (!gone)
			error = scan_stack(stacks, thread_get(thread, target->architecture->sp), size);
		sdb_error_free(gone);
	}
	free(stacks->buffer);
	return error;
}

/* Sorts them, each once; those of a module with too many are all of it. */
static void settle(struct module_wanted *wanted)
{
	size_t count = 0;
	if (wanted->count == ADDRESSES_MAX) {
		free(wanted->addresses);
		wanted->addresses = NULL;
	}
	if (!wanted->addresses)
		return;
	qsort(wanted->addresses, wanted->count, sizeof(*wanted->addresses), part_compare_addresses);
	for (size_t i = 0; i < wanted->count; i++)
		if (!count || wanted->addresses[count - 1] != wanted->addresses[i])
			wanted->addresses[count++] = wanted->addresses[i];
	wanted->count = count;
}

/* ALL: of all modules on the stacks; else when one is missing that a thread is in, or the program. */
static struct sdb_error *prepare(struct sdb_target *target, bool all)
{
	struct stacks stacks = { .target = target };
	bool missing;
	struct sdb_error *error = space_get(target, &stacks.space);
	if (error || !stacks.space->module_count)
		return error;
	stacks.low = stacks.space->regions[0].low;
	stacks.high = stacks.space->regions[stacks.space->count - 1].high;
	error = find_places(&stacks, &missing);
	if (!error && (missing || all))
		error = scan_stacks(&stacks);
	for (size_t i = 0; i < stacks.count; i++)
		settle(&stacks.wanted[i]);
	if (!error)
		modules_prepare(stacks.wanted, stacks.count);
	for (size_t i = 0; i < stacks.count; i++)
		free(stacks.wanted[i].addresses);
	return error;
}

struct sdb_error *sdb_target_prepare(struct sdb_target *target)
{
	target->prepares = true;
	return prepare(target, false);
}

struct sdb_error *prepare_for(struct sdb_module *module)
{
	/* Regions that somebody has in hand are not to be read anew under him. */
	bool can = module->target->prepares && !module->target->space_stale;
	return can && module_lacks_database(module) ? prepare(module->target, true) : NULL;
}
