/* SPDX-License-Identifier: MIT */

/* The table of units: headers and root entries of all files of a module. */

#include "dwarf.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const section_names[DWARF_SECTIONS] = {
	".debug_info", ".debug_types", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets",
	".debug_addr", ".debug_ranges", ".debug_rnglists", ".debug_loc", ".debug_loclists", ".debug_line",
};

struct signature {
	uint64_t value;
	die_ref ref;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

static struct dwarf_file *add_file(struct dwarf *dwarf)
{
	struct dwarf_file **files = realloc(dwarf->files, (dwarf->file_count + 1) * sizeof(*files));
	if (!files)
		return NULL;
	dwarf->files = files;
	struct dwarf_file *file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	files[dwarf->file_count++] = file;
	file->index = dwarf->file_count;
	return file;
}

static struct unit *add_unit(struct dwarf *dwarf)
{
	if ((dwarf->unit_count & (dwarf->unit_count - 1)) == 0) {
		size_t capacity = dwarf->unit_count ? (size_t)dwarf->unit_count * 2 : 1;
		struct unit **units = realloc(dwarf->units, capacity * sizeof(*units));
		if (!units)
			return NULL;
		dwarf->units = units;
	}
	struct unit *unit = calloc(1, sizeof(*unit));
	if (!unit)
		return NULL;
	unit->dwarf = dwarf;
	unit->index = dwarf->unit_count;
	dwarf->units[dwarf->unit_count++] = unit;
	return unit;
}

/* Reads one unit header at OFFSET; false when it makes no sense. The end is always set. */
static bool read_header(struct unit *unit, const struct section_data *section, uint64_t offset)
{
	const struct dwarf *dwarf = unit->dwarf;
	const uint8_t *at = section->data + offset;
	uint64_t left = section->size - offset, length;

	unit->offset = offset;
	unit->end = section->size;
	if (left < 11)
		return false;
	length = dwarf_number(dwarf, at, 4);
	unit->offset_size = 4;
	at += 4;
	if (length == 0xffffffff) {
		if (left < 23)
			return false;
		length = dwarf_number(dwarf, at, 8);
		unit->offset_size = 8;
		at += 8;
	}
	uint64_t header = (uint64_t)(at - section->data);
	if (length > section->size - header || length < 7)
		return false;
	unit->end = header + length;
	const uint8_t *end = section->data + unit->end;

	unit->version = (uint16_t)dwarf_number(dwarf, at, 2);
	at += 2;
	unit->type = unit->in_types ? DW_UT_type : DW_UT_compile;
	if (unit->version < 2 || unit->version > 5)
		return false;
	if (unit->version >= 5) {
		if (end - at < 2 + unit->offset_size)
			return false;
		unit->type = at[0];
		unit->address_size = at[1];
		unit->abbrev_offset = dwarf_number(dwarf, at + 2, unit->offset_size);
		at += 2 + unit->offset_size;
	} else {
		if (end - at < 1 + unit->offset_size)
			return false;
		unit->abbrev_offset = dwarf_number(dwarf, at, unit->offset_size);
		unit->address_size = at[unit->offset_size];
		at += 1 + unit->offset_size;
	}
	bool has_id = unit->type == DW_UT_skeleton || unit->type == DW_UT_split_compile;
	bool is_type = unit->type == DW_UT_type || unit->type == DW_UT_split_type;
	if (has_id || is_type) {
		if (end - at < 8 + (is_type ? unit->offset_size : 0))
			return false;
		unit->signature = dwarf_number(dwarf, at, 8);
		at += 8;
		if (is_type) {
			unit->type_offset = dwarf_number(dwarf, at, unit->offset_size);
			at += unit->offset_size;
		}
	}
	unit->root = (uint64_t)(at - section->data);
	return (unit->address_size == 4 || unit->address_size == 8 || unit->address_size == 2) &&
	       unit->root < unit->end;
}

static void root_attribute(struct unit *unit, const struct attr *attr)
{
	switch (attr->name) {
	case DW_AT_name: unit->name = attr_string(unit, attr); break;
	case DW_AT_comp_dir: unit->comp_dir = attr_string(unit, attr); break;
	case DW_AT_producer: unit->producer = attr_string(unit, attr); break;
	case DW_AT_dwo_name: case DW_AT_GNU_dwo_name: unit->dwo_name = attr_string(unit, attr); break;
	case DW_AT_language: unit->language = (uint16_t)attr->u; break;
	case DW_AT_stmt_list: unit->line_offset = attr->u; break;
	case DW_AT_GNU_ranges_base: unit->ranges_base = attr->u; break;
	case DW_AT_GNU_dwo_id: unit->signature = attr->u; break;
	case DW_AT_low_pc: attr_address(unit, attr, &unit->low_pc); break;
	default: break;
	}
}

/*
 * The bases come first: strings and addresses of the same entry are found through them. LAST is the unit
 * before, of which the same was read, or NULL.
 */
static void read_root(struct unit *unit, const struct unit *last)
{
	bool same = last && last->file == unit->file && last->abbrev_offset == unit->abbrev_offset;
	struct abbrev_table *table = abbrev_table_root(unit, same ? NULL : &unit->links);
	struct die die;

	if (same) /* dwz has one table for many units */
		unit->links = last->links;
	unit->line_offset = UINT64_MAX;
	/* the default bases of DWARF 5 pass over the section's header */
	if (unit->version >= 5) {
		unit->str_offsets_base = unit->offset_size == 8 ? 16 : 8;
		unit->addr_base = unit->str_offsets_base;
		unit->rnglists_base = unit->loclists_base = unit->offset_size == 8 ? 20 : 12;
	}
	if (unit->file->skeleton) {
		const struct unit *skeleton = unit->file->skeleton;
		unit->addr_base = skeleton->addr_base;
		unit->ranges_base = skeleton->ranges_base;
		unit->low_pc = skeleton->low_pc;
		if (!unit->file->dwo)
			unit->line_offset = skeleton->line_offset;
	}
	if (!table || !die_at(unit, table, unit_section(unit) + unit->root, &die) || !die.abbrev) {
		abbrev_table_free(table);
		return;
	}
	unit->root_tag = die.abbrev->tag;
	for (int round = 0; round < 2; round++) {
		const struct attr_spec *spec = die_specs(&die);
		const uint8_t *at = die.attrs;
		struct attr attr;
		for (unsigned i = 0; i < die.abbrev->count; i++, spec++) {
			at = attr_read(unit, spec, at, &attr);
			if (!at)
				break;
			if (round == 1)
				root_attribute(unit, &attr);
			else if (attr.name == DW_AT_str_offsets_base)
				unit->str_offsets_base = attr.u;
			else if (attr.name == DW_AT_addr_base || attr.name == DW_AT_GNU_addr_base)
				unit->addr_base = attr.u;
			else if (attr.name == DW_AT_rnglists_base)
				unit->rnglists_base = attr.u;
			else if (attr.name == DW_AT_loclists_base)
				unit->loclists_base = attr.u;
		}
	}
	unit->parsed = true;
	unit->kept = unit->dwarf->near && slice_has_code(unit, &die);
	abbrev_table_free(table);
}

static struct sdb_error *scan_section(struct dwarf *dwarf, struct dwarf_file *file, bool types)
{
	const struct section_data *section = &file->sections[types ? DWARF_TYPES : DWARF_INFO];
	const struct unit *last = NULL;
	struct section_run run = { 0 };
	uint64_t offset = 0;

	dwarf->info_size += section->data ? section->size : 0;
	while (section->data && offset < section->size) {
		struct unit *unit = add_unit(dwarf);
		if (!unit)
			return no_memory();
		unit->file = file;
		unit->section = section->data;
		unit->in_types = types;
		bool sound = read_header(unit, section, offset);
		offset = unit->end;
		if (sound) {
			read_root(unit, last);
			last = unit;
		} else {
			bool padding = true;
			for (uint64_t i = unit->offset; i < unit->end && padding; i++)
				padding = section->data[i] == 0;
			if (!padding)
				module_warn(dwarf->module, "%s: unit at 0x%llx: header makes no sense, passed over",
					    section_names[types ? DWARF_TYPES : DWARF_INFO],
					    (unsigned long long)unit->offset);
			unit->root = unit->end;
		}
		section_passed(&run, section, unit->offset, unit->end);
	}
	return NULL;
}

/* Opens the split unit of SKELETON as a file of its own. */
static struct sdb_error *open_split(struct dwarf *dwarf, struct unit *skeleton)
{
	struct dwo_unit *dwo;
	struct sdb_error *error = module_open_dwo(dwarf->module, skeleton->dwo_name,
						  skeleton->comp_dir, skeleton->signature, &dwo);
	if (error || !dwo)
		return error;
	struct dwarf_file *file = add_file(dwarf);
	if (!file) {
		module_close_dwo(dwo);
		return no_memory();
	}
	file->dwo = dwo;
	file->skeleton = skeleton;
	for (int i = 0; i < DWARF_SECTIONS && !error; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%s.dwo", section_names[i]);
		error = dwo_section(dwo, name, &file->sections[i]);
	}
	/* what a split unit leaves in the linked file */
	file->sections[DWARF_ADDR] = skeleton->file->sections[DWARF_ADDR];
	if (!file->sections[DWARF_RANGES].data)
		file->sections[DWARF_RANGES] = skeleton->file->sections[DWARF_RANGES];
	file->sections[DWARF_LINE] = skeleton->file->sections[DWARF_LINE];
	file->sections[DWARF_LINE_STR] = skeleton->file->sections[DWARF_LINE_STR];
	uint32_t first = dwarf->unit_count;
	if (!error)
		error = scan_section(dwarf, file, false);
	if (!error)
		error = scan_section(dwarf, file, true);
	for (uint32_t i = first; i < dwarf->unit_count; i++) {
		struct unit *unit = dwarf->units[i];
		bool is_type = unit->in_types || unit->type == DW_UT_split_type;
		if (is_type || unit->signature != skeleton->signature)
			continue;
		skeleton->split = unit;
		skeleton->skeleton = true;
		unit->line_offset = skeleton->line_offset;
		unit->comp_dir = skeleton->comp_dir;
	}
	if (!error && !skeleton->skeleton)
		module_warn(dwarf->module, "%s: no unit with id %016llx in it", skeleton->dwo_name,
			    (unsigned long long)skeleton->signature);
	return error;
}

static int compare_signatures(const void *a, const void *b)
{
	const struct signature *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->ref < y->ref ? -1 : x->ref > y->ref;
}

static struct sdb_error *gather_signatures(struct dwarf *dwarf)
{
	dwarf->signatures = calloc(dwarf->unit_count + 1, sizeof(*dwarf->signatures));
	if (!dwarf->signatures)
		return no_memory();
	for (uint32_t i = 0; i < dwarf->unit_count; i++) {
		const struct unit *unit = dwarf->units[i];
		if (!unit->type_offset || unit->root >= unit->end ||
		    unit->type_offset >= unit->end - unit->offset)
			continue;
		dwarf->signatures[dwarf->signature_count++] = (struct signature){
			unit->signature, unit_ref(unit, unit->offset + unit->type_offset) };
	}
	if (dwarf->signature_count > 1)
		qsort(dwarf->signatures, dwarf->signature_count, sizeof(*dwarf->signatures), compare_signatures);
	return NULL;
}

/* One piece of .debug_info a unit or more: a reference then is near its unit. */
static void index_units(struct dwarf *dwarf)
{
	const struct dwarf_file *file = dwarf->file_count ? dwarf->files[0] : NULL;
	uint32_t count = 0;
	unsigned shift = 6;

	while (count < dwarf->unit_count && dwarf->units[count]->file == file && !dwarf->units[count]->in_types)
		count++;
	if (count < 8)
		return;
	uint64_t size = dwarf->units[count - 1]->end;
	while (size >> shift > count)
		shift++;
	dwarf->unit_index = malloc(((size_t)(size >> shift) + 2) * sizeof(*dwarf->unit_index));
	if (!dwarf->unit_index)
		return; /* all units are searched */
	dwarf->unit_index_shift = shift;
	for (uint32_t unit = 0; unit < count; unit++)
		while (dwarf->unit_index_count << shift < dwarf->units[unit]->end)
			dwarf->unit_index[dwarf->unit_index_count++] = unit;
	dwarf->unit_index[dwarf->unit_index_count] = count - 1;
}

struct preparation *dwarf_prepare(struct module *module, unsigned jobs)
{
	return module_prepare(module, section_names, DWARF_SECTIONS, jobs);
}

struct sdb_error *dwarf_open(struct module *module, const struct dwarf_addresses *near, struct dwarf *dwarf)
{
	struct sdb_error *error = NULL;

	*dwarf = (struct dwarf){ .module = module, .near = near, .big_endian = module_info(module)->elf_data == 2 };
	for (int alt = 0; alt < 2 && !error; alt++) {
		struct section_data probe = { 0 };
		if (alt)
			error = module_alt_section(module, ".debug_info", &probe);
		if (error || (alt && !probe.data))
			break;
		struct dwarf_file *file = add_file(dwarf);
		if (!file)
			return no_memory();
		for (int i = 0; i < DWARF_SECTIONS && !error; i++)
			error = (alt ? module_alt_section : module_debug_section)(module, section_names[i],
										 &file->sections[i]);
		dwarf->has_alt = alt;
		if (!error)
			error = scan_section(dwarf, file, false);
		if (!error)
			error = scan_section(dwarf, file, true);
	}
	uint32_t linked = dwarf->unit_count;
	for (uint32_t i = 0; i < linked && !error; i++)
		if (dwarf->units[i]->dwo_name && (!near || dwarf->units[i]->kept))
			error = open_split(dwarf, dwarf->units[i]);
	if (!error)
		error = gather_signatures(dwarf);
	if (!error && near && !slice_select(dwarf))
		error = no_memory();
	index_units(dwarf);
	return error;
}

void dwarf_close(struct dwarf *dwarf)
{
	for (uint32_t i = 0; i < dwarf->unit_count; i++)
		free(dwarf->units[i]);
	for (uint32_t i = 0; i < dwarf->file_count; i++) {
		if (dwarf->files[i]->dwo)
			module_close_dwo(dwarf->files[i]->dwo);
		free(dwarf->files[i]);
	}
	free(dwarf->units);
	free(dwarf->unit_index);
	free(dwarf->files);
	free(dwarf->signatures);
	*dwarf = (struct dwarf){ 0 };
}

static int compare_place(const struct unit *unit, die_ref ref)
{
	uint32_t file = DIE_FILE(ref);

	if (unit->file->index != file)
		return unit->file->index < file ? -1 : 1;
	if (unit->in_types != DIE_TYPES(ref))
		return unit->in_types < DIE_TYPES(ref) ? -1 : 1;
	if (DIE_OFFSET(ref) >= unit->end)
		return -1;
	return DIE_OFFSET(ref) < unit->offset ? 1 : 0;
}

struct unit *dwarf_unit_of(const struct dwarf *dwarf, die_ref ref)
{
	size_t low = 0, high = dwarf->unit_count;
	uint64_t piece = DIE_OFFSET(ref) >> dwarf->unit_index_shift;

	if (DIE_FILE(ref) == 1 && !DIE_TYPES(ref) && piece < dwarf->unit_index_count) {
		low = dwarf->unit_index[piece];
		high = (size_t)dwarf->unit_index[piece + 1] + 1;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = compare_place(dwarf->units[middle], ref);
		if (order == 0)
			return dwarf->units[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

die_ref dwarf_signature(const struct dwarf *dwarf, uint64_t signature)
{
	size_t low = 0, high = dwarf->signature_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (dwarf->signatures[middle].value < signature)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dwarf->signature_count && dwarf->signatures[low].value == signature ?
		dwarf->signatures[low].ref : DIE_NONE;
}

bool dwarf_is_code(const struct dwarf *dwarf, uint64_t address)
{
	size_t low = 0, high = dwarf->executable_count;

	if (high == 0)
		return address != 0 && address < UINT64_MAX - 1;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (dwarf->executable[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < dwarf->executable_count && dwarf->executable[low].low <= address;
}
