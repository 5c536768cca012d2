/* SPDX-License-Identifier: MIT */
/*
 * Unwind rows of .eh_frame and .debug_frame, in the order of their addresses.
 */

#include "cfi.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

static int compare_fdes(const void *left, const void *right)
{
	const struct cfi_fde *a = left, *b = right;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void sort_fdes(struct cfi_entries *entries)
{
	for (size_t i = 1; i < entries->fde_count; i++) {
		if (compare_fdes(&entries->fdes[i - 1], &entries->fdes[i]) > 0) {
			qsort(entries->fdes, entries->fde_count, sizeof(*entries->fdes), compare_fdes);
			return;
		}
	}
}

/*
 * The linker gives functions that it left out the address 0 (or -1, -2) in .debug_frame. Such an
 * entry is told by lying in no section that has code.
 */
struct code_ranges {
	struct sdb_range *ranges; /* sorted; not merged */
	size_t count;
};

static int compare_ranges(const void *left, const void *right)
{
	const struct sdb_range *a = left, *b = right;
	return a->low < b->low ? -1 : a->low > b->low;
}

static struct sdb_error *find_code(struct module *module, struct code_ranges *code_ret)
{
	const struct sdb_section *sections;
	size_t count = module_sections(module, &sections);
	*code_ret = (struct code_ranges){ 0 };
	if (count == 0)
		return NULL;
	code_ret->ranges = calloc(count, sizeof(*code_ret->ranges));
	if (!code_ret->ranges)
		return sdb_error_new(SDB_ERROR_MEMORY, "sections: out of memory");
	for (size_t i = 0; i < count; i++) {
		uint64_t high;
		if ((sections[i].flags & (SHF_ALLOC | SHF_EXECINSTR)) != (SHF_ALLOC | SHF_EXECINSTR) ||
		    sections[i].size == 0 ||
		    __builtin_add_overflow(sections[i].address, sections[i].size, &high))
			continue;
		code_ret->ranges[code_ret->count++] = (struct sdb_range){ sections[i].address, high };
	}
	if (code_ret->count > 1)
		qsort(code_ret->ranges, code_ret->count, sizeof(*code_ret->ranges), compare_ranges);
	return NULL;
}

static bool in_code(const struct code_ranges *code, uint64_t address)
{
	size_t low = 0, high = code->count;
	if (code->count == 0)
		return true; /* no section headers: nothing to tell by */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (code->ranges[middle].low <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && address < code->ranges[low - 1].high;
}

static bool is_discarded(const struct cfi_section *section, const struct code_ranges *code,
			 const struct cfi_fde *fde)
{
	uint64_t top = section->address_size < 8 ? UINT32_MAX : UINT64_MAX;
	return (fde->low == 0 || fde->low >= top - 1) && !in_code(code, fde->low);
}

static void warn(const struct cfi_section *section, const struct cfi_damage *damage, const char *what)
{
	if (damage->count)
		module_warn(section->module, "%s: %zu %s left out, the first at offset %#zx",
			    section->name, damage->count, what, damage->first);
}

static struct sdb_error *emit_entries(const struct cfi_section *section, struct cfi_entries *entries,
				      const struct code_ranges *code, struct cfi_machine *machine,
				      unwind_row_fn fn, void *arg)
{
	struct cfi_damage overlapping = { 0 }, damaged = { 0 };
	uint64_t end = 0;
	for (size_t i = 0; i < entries->fde_count; i++) {
		const struct cfi_fde *fde = &entries->fdes[i];
		bool sound;
		if (is_discarded(section, code, fde))
			continue;
		if (fde->low < end) {
			cfi_damage_note(&overlapping, fde->offset);
			continue;
		}
		struct sdb_error *error = cfi_run(machine, &entries->cies[fde->cie], fde, fn, arg, &sound);
		if (error)
			return error;
		if (!sound)
			cfi_damage_note(&damaged, fde->offset);
		end = fde->high;
	}
	warn(section, &overlapping, "entries that overlap others");
	warn(section, &damaged, "entries' instructions that make no sense");
	return NULL;
}

static struct sdb_error *read_section(const struct cfi_section *section, unwind_row_fn fn, void *arg)
{
	struct cfi_entries entries;
	struct code_ranges code;
	struct sdb_error *error = cfi_entries_read(section, &entries);
	if (error)
		return error;
	warn(section, &entries.truncated, "truncated entries and what follows");
	warn(section, &entries.orphans, "entries without a common information entry");
	warn(section, &entries.unreadable, "unreadable entries");
	sort_fdes(&entries);
	error = find_code(section->module, &code);
	struct cfi_machine *machine = cfi_machine_create(section);
	if (!machine && !error)
		error = sdb_error_new(SDB_ERROR_MEMORY, "%s: out of memory", section->name);
	if (!error)
		error = emit_entries(section, &entries, &code, machine, fn, arg);
	cfi_machine_destroy(machine);
	free(code.ranges);
	cfi_entries_deinit(&entries);
	return error;
}

struct sdb_error *cfi_read(struct module *module, unwind_row_fn fn, void *arg)
{
	const struct sdb_db_info *info = module_info(module);
	const bool host_is_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	struct cfi_bases bases = { 0 };
	struct cfi_section section = {
		.module = module,
		.bases = &bases,
		.swap = (info->elf_data == ELFDATA2MSB) != host_is_big,
		.address_size = info->elf_class == ELFCLASS32 ? 4 : 8,
		.machine = info->elf_machine,
	};
	struct section_data data;
	struct sdb_error *error = module_code_section(module, ".eh_frame", &data);
	if (error)
		return error;
	if (data.data) {
		section.name = ".eh_frame";
		section.data = data.data;
		section.size = data.size;
		section.address = data.address;
		section.is_eh = true;
		section.source = SDB_UNWIND_EH_FRAME;
		error = read_section(&section, fn, arg);
		if (error)
			return error;
	}
	error = module_debug_section(module, ".debug_frame", &data);
	if (!error && !data.data)
		error = module_code_section(module, ".debug_frame", &data);
	if (error || !data.data)
		return error;
	section.name = ".debug_frame";
	section.data = data.data;
	section.size = data.size;
	section.address = data.address;
	section.is_eh = false;
	section.source = SDB_UNWIND_DEBUG_FRAME;
	error = read_section(&section, fn, arg);
	if (data.mapped)
		section_release(data.data, data.size);
	return error;
}
