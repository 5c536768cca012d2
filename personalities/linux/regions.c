/* SPDX-License-Identifier: MIT */
/* The kernel and its modules as regions of the target. */

#include "modules.h"

#include <stackdb/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A region that waits to be put in order. */
struct piece {
	uint64_t low, high;
	uint32_t flags;
	struct sdb_module *module;
	char name[64];
};

struct pieces {
	struct linux_system *system;
	struct space *space;
	struct piece *items;
	size_t count, capacity;
};

static struct sdb_error *add_piece(struct pieces *pieces, uint64_t low, uint64_t high, uint32_t flags,
				   struct sdb_module *module, const char *name)
{
	if (low >= high)
		return NULL;
	if (pieces->count == pieces->capacity) {
		size_t capacity = pieces->capacity ? 2 * pieces->capacity : 64;
		struct piece *items = realloc(pieces->items, capacity * sizeof(*items));
		if (!items)
			return NO_MEMORY();
		pieces->items = items;
		pieces->capacity = capacity;
	}
	struct piece *piece = &pieces->items[pieces->count++];
	*piece = (struct piece){ .low = low, .high = high, .flags = flags, .module = module };
	snprintf(piece->name, sizeof(piece->name), "%s", name);
	return NULL;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *first = a, *second = b;
	return first->low < second->low ? -1 : first->low > second->low;
}

/* ---- the kernel ------------------------------------------------------------------------------------------- */

static void find_parts(struct linux_system *system)
{
	if (system->image.known || !system->db)
		return;
	system->image.code_end = linux_symbol_or_0(system, "_etext");
	system->image.constants_end = linux_symbol_or_0(system, "__end_rodata");
	system->image.init = linux_symbol_or_0(system, "_sinittext");
	system->image.init_end = linux_symbol_or_0(system, "_einittext");
	system->image.known = true;
}

static struct sdb_error *add_kernel(struct pieces *pieces)
{
	struct linux_system *system = pieces->system;
	const struct module_found found = {
		.name = "vmlinux", .build_id = system->build_id, .build_id_length = system->build_id_length, .bias = system->bias,
		.db = system->db,
	};
	struct sdb_module *module;
	struct sdb_error *error = space_add_module(pieces->space, &found, &module);
	uint64_t text = system->base, end = system->image_high;
	find_parts(system);
	uint64_t code = system->image.code_end, constants = system->image.constants_end;
	uint64_t init = system->image.init, init_end = system->image.init_end;
	if (code <= text || code > end)
		code = end;
	if (constants < code || constants > end)
		constants = code;
	if (init < constants || init_end < init || init_end > end)
		init = init_end = end;
	if (!error)
		error = add_piece(pieces, text, code, SDB_REGION_READ | SDB_REGION_EXECUTE, module, "vmlinux");
	if (!error)
		error = add_piece(pieces, code, constants, SDB_REGION_READ, module, "vmlinux");
	if (!error)
		error = add_piece(pieces, constants, init, SDB_REGION_READ | SDB_REGION_WRITE, module, "vmlinux");
	/* While it boots code is here, too; then it is freed, and other things are (free_init_pages() forbids to execute them). */
	struct translation translation;
	bool booting = guest_translate(system->target, &system->paging, init, &translation) && translation.execute;
	uint32_t flags = SDB_REGION_READ | SDB_REGION_WRITE | (booting ? SDB_REGION_EXECUTE : 0u);
	if (!error)
		error = add_piece(pieces, init, init_end, flags, module, "vmlinux");
	return error ? error : add_piece(pieces, init_end, end, SDB_REGION_READ | SDB_REGION_WRITE, module, "vmlinux");
}

/* ---- modules ------------------------------------------------------------------------------------------------ */

/* The path of module NAME in modules.dep, as `kernel/fs/loop.ko.xz`; false: not there. */
static bool find_path(const struct linux_system *system, const char *name, char path_ret[512])
{
	const char *root = system->target->spec.root ? system->target->spec.root : "";
	char *index, *line = NULL;
	size_t room = 0;
	bool found = false;
	if (!system->release || asprintf(&index, "%s/lib/modules/%s/modules.dep", root, system->release) < 0)
		return false;
	FILE *file = fopen(index, "re");
	free(index);
	while (file && !found && getline(&line, &room, file) > 0) {
		char *colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon = '\0';
		const char *slash = strrchr(line, '/'), *at = slash ? slash + 1 : line, *given = name;
		/* Names have `_` where files may have `-`. */
		while (*given && (*at == *given || (*at == '-' && *given == '_'))) {
			at++;
			given++;
		}
		found = !*given && strncmp(at, ".ko", 3) == 0 && strlen(line) < 512;
		if (found)
			strcpy(path_ret, line);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

/* A file with what a database could be made of; malloc'ed, NULL: none. */
static char *find_file(const struct linux_system *system, const struct linux_module *module)
{
	static const char *const places[] = {
		"%s/usr/lib/debug/lib/modules/%s/%s", "%s/usr/lib/debug/usr/lib/modules/%s/%s", "%s/lib/modules/%s/%s",
	};
	const char *root = system->target->spec.root ? system->target->spec.root : "";
	char path[512], *file = NULL, *known;
	struct sdb_error *error = module->build_id_length ? sdb_store_find(module->build_id, module->build_id_length, &known)
		: sdb_error_new(SDB_ERROR_NOT_FOUND, "no build-id");
	if (!error)
		free(known);
	bool missing = error != NULL;
	sdb_error_free(error);
	if (!missing || !find_path(system, module->name, path))
		return NULL;
	char *suffix = strstr(path, ".ko");
	suffix[3] = '\0'; /* debuginfo is not compressed */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (asprintf(&file, places[i], root, system->release, path) < 0)
			return NULL;
		uint8_t id[64];
		size_t length = 0;
		error = access(file, R_OK) ? sdb_error_new(SDB_ERROR_NOT_FOUND, "none") : sdb_build_id_of_file(file, id, &length);
		bool same = !error && length == module->build_id_length && memcmp(id, module->build_id, length) == 0;
		sdb_error_free(error);
		if (same)
			return file;
		free(file);
	}
	return NULL;
}

static struct sdb_error *add_module(void *arg, const struct linux_module *module)
{
	struct pieces *pieces = arg;
	struct section_place *places = NULL;
	size_t count = 0;
	struct sdb_module *made;
	struct sdb_error *error = linux_module_sections(pieces->system, module, &places, &count);
	char *file = error ? NULL : find_file(pieces->system, module);
	const struct module_found found = {
		.name = module->name, .build_id = module->build_id, .build_id_length = module->build_id_length, .key = module->address,
		.file = file, .sections = places, .section_count = count,
	};
	if (!error)
		error = space_add_module(pieces->space, &found, &made);
	for (unsigned i = 0; i < module->part_count && !error; i++)
		error = add_piece(pieces, module->parts[i].low, module->parts[i].low + module->parts[i].size, module->parts[i].flags, made,
				  module->name);
	free(file);
	free(places);
	return error;
}

struct sdb_error *linux_regions(struct sdb_target *target, struct space *space)
{
	struct pieces pieces = { .system = linux_of(target), .space = space };
	struct sdb_error *error = add_kernel(&pieces);
	if (!error && pieces.system->db) {
		error = linux_each_module(pieces.system, add_module, &pieces);
		if (error && sdb_error_code(error) != SDB_ERROR_MEMORY) {
			target_log(target, SDB_LOG_MODULE, SDB_LOG_WARNING, "not every module is known: %s", sdb_error_message(error));
			sdb_error_free(error);
			error = NULL;
		}
	}
	if (pieces.count)
		qsort(pieces.items, pieces.count, sizeof(*pieces.items), compare_pieces);
	uint64_t last = 0;
	for (size_t i = 0; i < pieces.count && !error; i++) {
		const struct piece *piece = &pieces.items[i];
		/* Regions do not overlap, whatever a guest says. */
		const struct region_found found = {
			.low = piece->low > last ? piece->low : last, .high = piece->high, .flags = piece->flags, .name = piece->name,
			.module = piece->module,
		};
		if (found.low >= found.high)
			continue;
		last = found.high;
		error = space_add(space, &found);
	}
	free(pieces.items);
	return error;
}
