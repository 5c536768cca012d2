/* SPDX-License-Identifier: MIT */
#include "debugfile.h"

#include <stdlib.h>

/*
 * Split DWARF: files of one unit (.dwo), and packages of many (.dwp) with an index of which part of
 * each section belongs to which unit (DWARF 5, section 7.3.5; version 2 is GNU's for DWARF 4).
 */

/* The index sections of a package. All numbers were checked to lie inside `data`. */
struct dwo_index {
	const struct elf_file *file;
	const uint8_t *data;
	uint32_t version;
	uint32_t columns;
	uint32_t units;
	uint32_t slots;
	const uint8_t *hashes;  /* `slots` 64-bit unit identities */
	const uint8_t *rows;    /* `slots` row numbers, 0: empty */
	const uint8_t *ids;     /* `columns` section ids */
	const uint8_t *offsets; /* `units` times `columns` */
	const uint8_t *sizes;
};

struct dwo_package {
	struct elf_file *file;
	struct dwo_index units;
	struct dwo_index types;
};

struct dwo_unit {
	struct elf_file *file;
	bool own_file;                 /* a .dwo, closed with the unit */
	const struct dwo_index *index; /* of a package, else NULL */
	uint32_t row;                  /* from 0 */
};

/* ---- packages ------------------------------------------------------------------------- */

static struct sdb_error *read_index(struct elf_file *file, const char *name, struct dwo_index *index)
{
	struct section_data section;
	struct sdb_error *error = elf_content(file, elf_find_debug_section(file, name), &section);
	if (error || !section.data)
		return error;
	if (section.size < 16)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: %s is cut off", file->path, name);
	const uint8_t *data = section.data;
	uint32_t version = elf_u16(file, data) == 5 ? 5 : elf_u32(file, data);
	if (version != 2 && version != 5)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: %s has unknown version %u", file->path,
				     name, version);
	uint64_t columns = elf_u32(file, data + 4), units = elf_u32(file, data + 8);
	uint64_t slots = elf_u32(file, data + 12);
	uint64_t left = section.size - 16, cells, table;
	if (slots > left / 12 || (slots & (slots - 1)) != 0 || units > slots)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: %s: %llu slots for %llu units make no sense",
				     file->path, name, (unsigned long long)slots,
				     (unsigned long long)units);
	left -= 12 * slots;
	/* One row of ids, then an offset and a size for each unit. */
	if (__builtin_mul_overflow(2 * units + 1, columns, &cells) ||
	    __builtin_mul_overflow(cells, (uint64_t)4, &table) || table > left)
		return sdb_error_new(SDB_ERROR_CORRUPT, "%s: %s is cut off", file->path, name);
	index->file = file;
	index->data = data;
	index->version = version;
	index->columns = (uint32_t)columns;
	index->units = (uint32_t)units;
	index->slots = (uint32_t)slots;
	index->hashes = data + 16;
	index->rows = index->hashes + 8 * slots;
	index->ids = index->rows + 4 * slots;
	index->offsets = index->ids + 4 * columns;
	index->sizes = index->offsets + 4 * columns * units;
	return NULL;
}

/* The row of the unit with identity ID, from 0; false when it is not in the package. */
static bool find_row(const struct dwo_index *index, uint64_t id, uint32_t *row_ret)
{
	uint32_t mask = index->slots - 1;
	uint32_t slot = (uint32_t)id & mask, step = ((uint32_t)(id >> 32) & mask) | 1;
	for (uint32_t tried = 0; tried < index->slots; tried++, slot = (slot + step) & mask) {
		uint32_t row = elf_u32(index->file, index->rows + 4 * (size_t)slot);
		if (row == 0)
			return false;
		if (elf_u64(index->file, index->hashes + 8 * (size_t)slot) != id)
			continue;
		*row_ret = row - 1;
		return row <= index->units;
	}
	return false;
}

void dwo_package_close(struct dwo_package *package)
{
	if (!package)
		return;
	elf_close(package->file);
	free(package);
}

static bool same_kind(const struct module *module, const struct elf_file *file)
{
	return file->machine == module->debug->machine && file->elf_class == module->debug->elf_class &&
	       file->elf_data == module->debug->elf_data;
}

/* Opens PATH (taken over) if there is such a file of the module's kind; else NULL. */
static struct elf_file *open_beside(struct module *module, char *path)
{
	struct elf_file *file = NULL;
	struct sdb_error *error = path ? elf_open(module, path, &file) : NULL;
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		module_warn(module, "%s", sdb_error_message(error));
	sdb_error_free(error);
	if (file && !same_kind(module, file)) {
		module_warn(module, "%s: not for the machine of %s; not used", path, module->path);
		elf_close(file);
		file = NULL;
	}
	free(path);
	return file;
}

static struct elf_file *find_package(struct module *module)
{
	const char *paths[3] = { module->path, module->code->path, module->debug->path };
	struct elf_file *file = NULL;
	for (int i = 0; i < 3 && !file; i++) {
		size_t length = strlen(paths[i]);
		char *real = realpath(paths[i], NULL);
		file = open_beside(module, path_join("%s.dwp", paths[i]));
		if (!file && real && strcmp(real, paths[i]) != 0)
			file = open_beside(module, path_join("%s.dwp", real));
		if (!file && length > 6 && strcmp(paths[i] + length - 6, ".debug") == 0)
			file = open_beside(module, path_join("%.*s.dwp", (int)length - 6, paths[i]));
		free(real);
	}
	return file;
}

static struct dwo_package *open_package(struct module *module)
{
	struct elf_file *file = find_package(module);
	struct dwo_package *package = file ? calloc(1, sizeof(*package)) : NULL;
	if (!package) {
		elf_close(file);
		return NULL;
	}
	package->file = file;
	struct sdb_error *error = read_index(file, ".debug_cu_index", &package->units);
	if (!error)
		error = read_index(file, ".debug_tu_index", &package->types);
	if (error)
		module_warn(module, "%s", sdb_error_message(error));
	sdb_error_free(error);
	return package;
}

static struct dwo_package *module_package(struct module *module)
{
	pthread_mutex_lock(&module->lock);
	if (module->dwp_state == LAZY_UNTRIED) {
		module->dwp_state = LAZY_DONE;
		module->dwp = open_package(module);
	}
	struct dwo_package *package = module->dwp;
	pthread_mutex_unlock(&module->lock);
	return package;
}

/* ---- finding a unit -------------------------------------------------------------------- */

static struct elf_file *open_absolute(struct module *module, const char *directory, const char *name)
{
	const char *slash = directory[0] ? "/" : "";
	struct elf_file *file = NULL;
	if (module->root)
		file = open_beside(module, path_join("%s%s%s%s", module->root, directory, slash, name));
	return file ? file : open_beside(module, path_join("%s%s%s", directory, slash, name));
}

/* Where the compiler put it, then beside the module: build trees get moved. */
static struct elf_file *find_dwo(struct module *module, const char *name, const char *comp_dir)
{
	const char *beside[2] = { module->debug->path, module->code->path };
	struct elf_file *file = NULL;
	if (name[0] == '/')
		file = open_absolute(module, "", name);
	else if (comp_dir && comp_dir[0] == '/')
		file = open_absolute(module, comp_dir, name);
	for (int i = 0; i < 2 && !file; i++) {
		char *directory = path_directory(beside[i]);
		if (directory && name[0] != '/' && comp_dir && comp_dir[0] && comp_dir[0] != '/')
			file = open_beside(module, path_join("%s/%s/%s", directory, comp_dir, name));
		if (directory && !file && name[0] != '/')
			file = open_beside(module, path_join("%s/%s", directory, name));
		if (directory && !file && strchr(name, '/'))
			file = open_beside(module, path_join("%s/%s", directory, path_basename(name)));
		free(directory);
	}
	return file;
}

static struct sdb_error *new_unit(struct elf_file *file, const struct dwo_index *index, uint32_t row,
				  struct dwo_unit **unit_ret)
{
	struct dwo_unit *unit = calloc(1, sizeof(*unit));
	*unit_ret = unit;
	if (!unit) {
		if (!index)
			elf_close(file);
		return sdb_error_new(SDB_ERROR_MEMORY, "no memory for a split unit");
	}
	*unit = (struct dwo_unit){ .file = file, .own_file = !index, .index = index, .row = row };
	return NULL;
}

struct sdb_error *module_open_dwo(struct module *module, const char *name, const char *comp_dir,
				  uint64_t dwo_id, struct dwo_unit **unit_ret)
{
	uint32_t row;
	*unit_ret = NULL;
	struct dwo_package *package = module_package(module);
	if (package && package->units.slots && find_row(&package->units, dwo_id, &row))
		return new_unit(package->file, &package->units, row, unit_ret);
	struct elf_file *file = name && name[0] ? find_dwo(module, name, comp_dir) : NULL;
	if (file)
		return new_unit(file, NULL, 0, unit_ret);
	module_warn(module, "%s: split unit %016llx (%s) was not found; what it holds will be missing",
		    module->path, (unsigned long long)dwo_id, name ? name : "no name");
	return NULL;
}

size_t module_dwp_types(struct module *module)
{
	struct dwo_package *package = module_package(module);
	return package ? package->types.units : 0;
}

struct sdb_error *module_open_dwp_type(struct module *module, size_t number,
				       struct dwo_unit **unit_ret)
{
	struct dwo_package *package = module_package(module);
	*unit_ret = NULL;
	if (!package || number >= package->types.units)
		return sdb_error_new(SDB_ERROR_INVALID, "%s: there is no type unit %zu", module->path,
				     number);
	return new_unit(package->file, &package->types, (uint32_t)number, unit_ret);
}

void module_close_dwo(struct dwo_unit *unit)
{
	if (!unit)
		return;
	if (unit->own_file)
		elf_close(unit->file);
	free(unit);
}

/* ---- sections of a unit ------------------------------------------------------------------- */

/* Section ids of the two versions of the index; 0: it has none in that version. */
static const struct {
	const char *name;
	uint8_t version2;
	uint8_t version5;
} section_ids[] = {
	{ ".debug_info.dwo", 1, 1 },	    { ".debug_types.dwo", 2, 0 },
	{ ".debug_abbrev.dwo", 3, 3 },	    { ".debug_line.dwo", 4, 4 },
	{ ".debug_loc.dwo", 5, 0 },	    { ".debug_loclists.dwo", 0, 5 },
	{ ".debug_str_offsets.dwo", 6, 6 }, { ".debug_macinfo.dwo", 7, 0 },
	{ ".debug_macro.dwo", 8, 7 },	    { ".debug_rnglists.dwo", 0, 8 },
};

/* Narrows DATA, a whole section of the package, to the part of the unit. */
static struct sdb_error *take_part(const struct dwo_unit *unit, const char *name, uint32_t id,
				   struct section_data *data)
{
	const struct dwo_index *index = unit->index;
	for (uint32_t column = 0; column < index->columns; column++) {
		if (elf_u32(index->file, index->ids + 4 * (size_t)column) != id)
			continue;
		size_t cell = 4 * ((size_t)unit->row * index->columns + column);
		uint64_t offset = elf_u32(index->file, index->offsets + cell);
		uint64_t size = elf_u32(index->file, index->sizes + cell);
		if (offset > data->size || size > data->size - offset)
			return sdb_error_new(SDB_ERROR_CORRUPT,
					     "%s: unit %u: its part of %s is outside the section",
					     unit->file->path, unit->row + 1, name);
		data->data = size ? data->data + offset : NULL;
		data->size = (size_t)size;
		return NULL;
	}
	*data = (struct section_data){ 0 };
	return NULL;
}

struct sdb_error *dwo_section(struct dwo_unit *unit, const char *name, struct section_data *data_ret)
{
	struct sdb_error *error =
		elf_content(unit->file, elf_find_debug_section(unit->file, name), data_ret);
	if (error || !unit->index || !data_ret->data)
		return error;
	for (size_t i = 0; i < sizeof(section_ids) / sizeof(section_ids[0]); i++) {
		uint32_t id = unit->index->version == 2 ? section_ids[i].version2
							: section_ids[i].version5;
		if (id && strcmp(section_ids[i].name, name) == 0)
			return take_part(unit, name, id, data_ret);
	}
	/* .debug_str.dwo is shared by all units. */
	return NULL;
}
