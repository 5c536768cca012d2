/* SPDX-License-Identifier: MIT */
/*
 * A module of a target whose files belong to another system: what it is is read from its image in the
 * target's memory, and a file that is the same, by build-id, is looked for here.
 */

#include "space.h"
#include "symdb/hex.h"

#include <stackdb/indexing.h>
#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX ((size_t)64 << 10)

static bool read_image(void *arg, void *to, size_t size, uint64_t offset)
{
	const struct sdb_module *module = arg;
	size_t done = 0;
	if (offset >= module->high - module->low)
		return false;
	sdb_error_free(sdb_target_read_some(module->target, module->low + offset, to, size, &done));
	return done == size;
}

/* Notes lie in the first segment, or in one of their own; they are mapped where the bias says. */
static struct sdb_error *read_build_id(struct sdb_module *module)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < module->image.note_count && !module->build_id_length && !error; i++) {
		uint64_t size = module->image.notes[i].size;
		size_t done = 0, want = size < NOTES_MAX ? (size_t)size : NOTES_MAX;
		uint8_t *notes = malloc(want + 1);
		if (!notes)
			return NO_MEMORY();
		error = sdb_target_read_some(module->target, module->image.notes[i].address + module->bias, notes, want, &done);
		if (!error)
			elf_image_build_id(notes, done, module->build_id, &module->build_id_length);
		free(notes);
	}
	return error;
}

/* Whether the file PATH is the same program or library; or its debuginfo. */
static bool is_same(const struct sdb_module *module, const char *path)
{
	uint8_t id[64];
	size_t length = 0;
	if (access(path, R_OK) != 0)
		return false;
	struct sdb_error *error = sdb_build_id_of_file(path, id, &length);
	sdb_error_free(error);
	return !error && length && length == module->build_id_length && memcmp(id, module->build_id, length) == 0;
}

/* Takes over CANDIDATE (malloc'ed, or NULL) as the module's file when it is the same. */
static void try_file(struct sdb_module *module, char *candidate)
{
	if (candidate && !module->file && is_same(module, candidate)) {
		module->file = candidate;
		return;
	}
	free(candidate);
}

static char *debug_file(const struct sdb_module *module, const char *root)
{
	char id[129] = "", *path;
	hex_of_bytes(module->build_id, module->build_id_length, id);
	if (asprintf(&path, "%s/usr/lib/debug/.build-id/%.2s/%s.debug", root, id, id + 2) < 0)
		return NULL;
	return path;
}

static void find_same(struct sdb_module *module)
{
	const struct sdb_spec *spec = &module->target->spec;
	struct sdb_region region = { .low = module->low, .high = module->high, .name = module->path, .module = module };
	char *path = NULL;
	if (module->target->driver->file_path)
		sdb_error_free(module->target->driver->file_path(module->target, &region, &path));
	if (path && !is_same(module, path))
		target_log(module->target, SDB_LOG_MODULE, SDB_LOG_INFO, "%s is not what the target has mapped", path);
	try_file(module, path);
	try_file(module, strdup(module->path));
	if (spec->root)
		try_file(module, debug_file(module, spec->root));
	try_file(module, debug_file(module, ""));
}

struct sdb_error *module_read_memory(struct sdb_module *module)
{
	struct sdb_error *error = elf_image_read_by(read_image, module, module->path, &module->image);
	if (error)
		return sdb_error_prefix(error, "in the memory of %s", module->target->name);
	if (!elf_image_bias(&module->image, module->probe_offset, module->probe_low, true, &module->bias))
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: no segment of it is what is mapped at %#llx", module->path,
				     (unsigned long long)module->probe_low);
	error = read_build_id(module);
	if (error)
		return error;
	module->from_memory = true;
	if (module->build_id_length)
		find_same(module);
	return NULL;
}
