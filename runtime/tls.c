/* SPDX-License-Identifier: MIT */
/*
 * Thread-local storage. The program's own lies right below the thread pointer; that of a library
 * is found through the vector of the thread (its second word), by the number that the dynamic
 * linker gave to the library: `l_tls_modid` of its link_map, whose layout the linker's debuginfo has.
 */

#include "tls.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAPS_MAX 4096

static struct sdb_error *thread_pointer(struct sdb_thread *thread, uint64_t *pointer_ret)
{
	if (thread->target->architecture->machine != EM_X86_64)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "thread-local storage of %s is not known",
				     thread->target->architecture->name);
	return sdb_thread_register_number(thread, "fs.base", pointer_ret);
}

/* The program is the module that holds its entry point and is no shared object of the linker's. */
static struct sdb_module *main_module(struct sdb_target *target)
{
	struct space *space = target->space;
	for (size_t i = 0; i < space->module_count; i++) {
		const char *name = strrchr(space->modules[i]->path, '/');
		if (name && strcmp(name + 1, target->name) == 0)
			return space->modules[i];
	}
	return NULL;
}

struct layout_search {
	struct sdb_db *db;
	bool found;
	uint64_t next, tls_id;
};

static struct sdb_error *take_layout(void *arg, sdb_name_id id, const char *text, struct sdb_entity entity)
{
	struct layout_search *search = arg;
	struct sdb_type *type;
	struct sdb_error *error = sdb_type(search->db, entity.id, &type);
	unsigned seen = 0;
	(void)id;
	(void)text;
	for (size_t i = 0; !error && i < type->member_count; i++) {
		char *name;
		error = sdb_name(search->db, type->members[i].name, &name);
		if (error)
			break;
		uint64_t offset = type->members[i].bit_offset / 8;
		if (strcmp(name, "l_next") == 0) {
			search->next = offset;
			seen |= 1;
		} else if (strcmp(name, "l_tls_modid") == 0) {
			search->tls_id = offset;
			seen |= 2;
		}
		free(name);
	}
	search->found |= seen == 3;
	if (!error || seen)
		sdb_type_free(type);
	return error;
}

/* The number of MODULE, by walking the dynamic linker's list from _r_debug.r_map on. */
static struct sdb_error *walk_maps(struct sdb_target *target, const struct layout_search *layout, uint64_t map,
				   uint64_t bias, uint64_t *id_ret)
{
	for (unsigned i = 0; map && i < MAPS_MAX; i++) {
		uint64_t base;
		struct sdb_error *error = sdb_target_read_number(target, map, 8, &base);
		if (!error && base == bias)
			return sdb_target_read_number(target, map + layout->tls_id, 8, id_ret);
		if (!error)
			error = sdb_target_read_number(target, map + layout->next, 8, &map);
		if (error)
			return error;
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "the dynamic linker does not list the module");
}

static struct sdb_error *take_address(void *arg, const struct sdb_binding *binding)
{
	*(uint64_t *)arg = binding->address;
	return NULL;
}

static struct sdb_error *module_number(struct sdb_target *target, struct sdb_module *module, uint64_t *id_ret)
{
	uint64_t debug = 0, map;
	struct space *space = target->space;
	struct layout_search layout = { 0 };
	for (size_t i = 0; i < space->module_count && !layout.found; i++) {
		struct sdb_module *linker = space->modules[i];
		if (strncmp(sdb_module_name(linker), "ld-linux", 8) != 0 && strncmp(sdb_module_name(linker), "ld-2", 4) != 0)
			continue;
		struct sdb_error *error = sdb_module_database(linker, &layout.db);
		if (!error)
			error = sdb_lookup(layout.db, "link_map", SDB_MATCH_EXACT, 1u << SDB_ENTITY_TYPE, take_layout, &layout);
		if (!error)
			error = sdb_target_bind(target, "_r_debug", false, take_address, &debug);
		if (error)
			return error;
	}
	if (!layout.found || !debug)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the dynamic linker has no debuginfo");
	struct sdb_error *error = sdb_target_read_number(target, debug + 8, 8, &map);
	return error ? error : walk_maps(target, &layout, map, module->bias, id_ret);
}

struct sdb_error *tls_address(struct sdb_thread *thread, struct sdb_module *module, uint64_t offset,
			      uint64_t *address_ret)
{
	uint64_t pointer, vector, id, block;
	struct sdb_target *target = thread->target;
	struct sdb_error *error = thread_pointer(thread, &pointer);
	if (error)
		return error;
	module_examine(module);
	const struct elf_image *image = &module->image;
	if (module == main_module(target) && image->tls_size) {
		uint64_t alignment = image->tls_alignment ? image->tls_alignment : 1;
		if (alignment & (alignment - 1))
			return sdb_error_new(SDB_ERROR_CORRUPT, "%s: a TLS alignment of %llu", module->path,
					     (unsigned long long)alignment);
		*address_ret = pointer - ((image->tls_size + alignment - 1) & ~(alignment - 1)) + offset;
		return NULL;
	}
	error = module_number(target, module, &id);
	if (!error && (id == 0 || id > 65536))
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no thread-local storage", module->path);
	if (!error)
		error = sdb_target_read_number(target, pointer + 8, 8, &vector);
	if (!error)
		error = sdb_target_read_number(target, vector + id * 16, 8, &block);
	/* What the thread did not use yet has no place (TLS_DTV_UNALLOCATED). */
	if (!error && (block == 0 || block == UINT64_MAX))
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "the thread has not used the storage of %s yet", module->path);
	if (!error)
		*address_ret = block + offset;
	return error;
}
