/* SPDX-License-Identifier: MIT */
/* The regions of a target, and which module each belongs to. */

#include "personality.h"

#include <stdlib.h>
#include <string.h>

static bool grow(void *array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return true;
	size_t larger = *capacity ? 2 * *capacity : 64;
	void *memory = realloc(*(void **)array, larger * size);
	if (!memory)
		return false;
	*(void **)array = memory;
	*capacity = larger;
	return true;
}

/* ---- modules -------------------------------------------------------------------------------- */

/* The module of a file's first region: one that is known from before, or a new one. */
static struct sdb_module *find_module(struct space *space, const struct region_found *found)
{
	for (size_t i = 0; i < space->module_count; i++) {
		struct sdb_module *module = space->modules[i];
		if (!module->seen && module->low == found->low && module->device == found->device
		    && module->inode == found->inode && strcmp(module->path, found->name) == 0)
			return module;
	}
	struct sdb_module *module = calloc(1, sizeof(*module));
	if (!module || !grow(&space->modules, space->module_count, &space->module_capacity, sizeof(*space->modules))
	    || !(module->path = strdup(found->name))) {
		free(module);
		return NULL;
	}
	module->target = space->target;
	module->low = found->low;
	module->device = found->device;
	module->inode = found->inode;
	space->modules[space->module_count++] = module;
	return module;
}

static bool is_module_name(const char *name)
{
	return name[0] == '/' || strcmp(name, "[vdso]") == 0;
}

static void extend_module(struct sdb_module *module, const struct region_found *found)
{
	module->high = found->high;
	/* A region with code is best for finding the bias: others may overlap in the file. */
	if (!(module->probe_flags & SDB_REGION_EXECUTE)) {
		module->probe_low = found->low;
		module->probe_high = found->high;
		module->probe_offset = found->offset;
		module->probe_flags = found->flags;
	}
}

/* The module that a region belongs to; NULL: none. Decided by it and the region before. */
static struct sdb_error *module_of(struct space *space, const struct region_found *found,
				   struct sdb_module **module_ret)
{
	const struct sdb_region *last = space->count ? &space->regions[space->count - 1] : NULL;
	*module_ret = found->module;
	if (found->module) {
		struct sdb_module *module = found->module;
		if (module->low == module->high || found->low < module->low)
			module->low = found->low;
		if (found->high > module->high)
			module->high = found->high;
		module->probe_flags |= found->flags;
		return NULL;
	}
	if (!is_module_name(found->name)) {
		/* .bss goes on behind the file. */
		if (!found->name[0] && last && last->module && last->high == found->low
		    && found->flags & SDB_REGION_WRITE && last->name[0] == '/')
			*module_ret = last->module;
		return NULL;
	}
	if (last && last->module && space->last_device == found->device && space->last_inode == found->inode
	    && strcmp(last->module->path, found->name) == 0 && last->offset <= found->offset) {
		*module_ret = last->module;
	} else {
		struct sdb_module *module = find_module(space, found);
		if (!module)
			return NO_MEMORY();
		module->seen = true;
		module->probe_flags = 0;
		*module_ret = module;
	}
	extend_module(*module_ret, found);
	return NULL;
}

struct sdb_error *space_add_module(struct space *space, const struct module_found *found, struct sdb_module **module_ret)
{
	struct sdb_module *module = NULL;
	for (size_t i = 0; i < space->module_count && !module; i++)
		if (space->modules[i]->given && space->modules[i]->device == found->key
		    && strcmp(space->modules[i]->path, found->name) == 0)
			module = space->modules[i];
	if (!module) {
		struct sdb_error *error = module_give(space->target, found, &module);
		if (error)
			return error;
		if (!grow(&space->modules, space->module_count, &space->module_capacity, sizeof(*space->modules))) {
			module_free(module);
			return NO_MEMORY();
		}
		space->modules[space->module_count++] = module;
	}
	module->seen = true;
	module->low = module->high = 0;
	module->probe_flags = 0;
	*module_ret = module;
	return NULL;
}

/* ---- regions ---------------------------------------------------------------------------------- */

static const char *keep_name(struct space *space, const char *name)
{
	if (!*name)
		return "";
	if (space->name_count && strcmp(space->names[space->name_count - 1], name) == 0)
		return space->names[space->name_count - 1];
	if (!grow(&space->names, space->name_count, &space->name_capacity, sizeof(*space->names)))
		return NULL;
	char *copy = strdup(name);
	if (copy)
		space->names[space->name_count++] = copy;
	return copy;
}

struct sdb_error *space_add(struct space *space, const struct region_found *found)
{
	struct sdb_module *module;
	struct sdb_error *error = module_of(space, found, &module);
	if (error)
		return error;
	const char *name = keep_name(space, found->name);
	if (!name || !grow(&space->regions, space->count, &space->capacity, sizeof(*space->regions)))
		return NO_MEMORY();
	space->regions[space->count++] = (struct sdb_region){
		.low = found->low, .high = found->high, .offset = found->offset, .flags = found->flags,
		.name = name, .module = module,
	};
	if (found->name[0]) {
		space->last_device = found->device;
		space->last_inode = found->inode;
	}
	return NULL;
}

static void clear_regions(struct space *space)
{
	for (size_t i = 0; i < space->name_count; i++)
		free(space->names[i]);
	space->name_count = space->count = space->last = 0;
}

/* Of the modules, those that are still mapped and have code stay. */
static void drop_modules(struct space *space)
{
	size_t kept = 0;
	for (size_t i = 0; i < space->module_count; i++) {
		struct sdb_module *module = space->modules[i];
		if (module->seen && module->probe_flags & SDB_REGION_EXECUTE) {
			space->modules[kept++] = module;
			continue;
		}
		for (size_t r = 0; r < space->count; r++)
			if (space->regions[r].module == module)
				space->regions[r].module = NULL;
		module_free(module);
	}
	space->module_count = kept;
}

static int compare_modules(const void *a, const void *b)
{
	const struct sdb_module *first = *(struct sdb_module *const *)a, *second = *(struct sdb_module *const *)b;
	return first->low < second->low ? -1 : first->low > second->low;
}

/* Of a machine they are those of its kernel; one whose system is not known has none that could be named. */
static struct sdb_error *read_regions(struct sdb_target *target, struct space *space)
{
	if (target->personality && target->personality->regions)
		return target->personality->regions(target, space);
	if (target->driver->regions)
		return target->driver->regions(target, space);
	if (target->driver->cpus)
		return NULL;
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no regions", target->driver->name);
}

/* Whether, and which, probes of a personality keep track of the regions: of the machine's own, or a process's in it. */
static bool find_version(struct sdb_target *target, uint64_t version_ret[2])
{
	struct sdb_target *machine = target->base ? target->base : target;
	const struct personality *personality = machine->personality;
	return personality && personality->regions_version && machine->spec.active
		&& personality->regions_version(machine, target->base ? target->pid : 0, version_ret);
}

struct sdb_error *space_get(struct sdb_target *target, struct space **space_ret)
{
	struct space *space = target->space;
	uint64_t version[2] = { 0, 0 };
	if (space && !target->space_stale) {
		*space_ret = space;
		return NULL;
	}
	bool versioned = find_version(target, version);
	if (space && versioned && space->versioned && memcmp(version, space->version, sizeof(version)) == 0) {
		*space_ret = space;
		return NULL;
	}
	if (target->status != SDB_TARGET_PAUSED && target->status != SDB_TARGET_RUNNING)
		return sdb_error_new(SDB_ERROR_INVALID, "%s is not there", target->name);
	if (!space) {
		space = target->space = calloc(1, sizeof(*space));
		if (!space)
			return NO_MEMORY();
		space->target = target;
	}
	clear_regions(space);
	space->versioned = false;
	for (size_t i = 0; i < space->module_count; i++)
		space->modules[i]->seen = false;
	struct sdb_error *error = read_regions(target, space);
	if (error)
		return error;
	drop_modules(space);
	if (space->module_count)
		qsort(space->modules, space->module_count, sizeof(*space->modules), compare_modules);
	target->space_stale = target->status != SDB_TARGET_PAUSED;
	space->versioned = versioned;
	memcpy(space->version, version, sizeof(version));
	*space_ret = space;
	return NULL;
}

void space_clear(struct space *space)
{
	if (!space)
		return;
	clear_regions(space);
	for (size_t i = 0; i < space->module_count; i++)
		module_free(space->modules[i]);
	space->module_count = 0;
	space->versioned = false;
}

void space_destroy(struct space *space)
{
	if (!space)
		return;
	space_clear(space);
	free(space->regions);
	free(space->names);
	free(space->modules);
	free(space);
}

const struct sdb_region *space_find(struct space *space, uint64_t address)
{
	if (space->last < space->count && space->regions[space->last].low <= address
	    && address < space->regions[space->last].high)
		return &space->regions[space->last];
	size_t low = 0, high = space->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (space->regions[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == space->count || space->regions[low].low > address)
		return NULL;
	space->last = low;
	return &space->regions[low];
}

/* ---- public ------------------------------------------------------------------------------------ */

struct sdb_error *sdb_target_regions(struct sdb_target *target, const struct sdb_region **regions_ret,
				     size_t *count_ret)
{
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	*regions_ret = space->regions;
	*count_ret = space->count;
	return NULL;
}

struct sdb_error *sdb_target_region_at(struct sdb_target *target, uint64_t address,
				       const struct sdb_region **region_ret)
{
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	*region_ret = space_find(space, address);
	return *region_ret ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing is mapped at %#llx",
						  (unsigned long long)address);
}

struct sdb_error *sdb_target_modules(struct sdb_target *target, struct sdb_module *const **modules_ret,
				     size_t *count_ret)
{
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	*modules_ret = space->modules;
	*count_ret = space->module_count;
	return NULL;
}

struct sdb_error *sdb_target_module(struct sdb_target *target, const char *name, struct sdb_module **module_ret)
{
	struct space *space;
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	for (size_t i = 0; i < space->module_count; i++) {
		if (strcmp(space->modules[i]->path, name) == 0 || strcmp(sdb_module_name(space->modules[i]), name) == 0) {
			*module_ret = space->modules[i];
			return NULL;
		}
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no module %s", target->name, name);
}
