/* SPDX-License-Identifier: MIT */
#include "elf.h"

/*
 * Relocatable files (ET_REL): where their sections go, which of them are parts of one, and which
 * relocations apply to them.
 */

/*
 * The sections of a relocatable file start on pages of their own and never touch each other, so that
 * an address at the end of one is not one at the start of the next.
 */
#define LAYOUT_ALIGNMENT 4096

static struct sdb_error *place_section(struct elf_file *file, uint32_t index, uint64_t *end)
{
	struct sdb_section *section = &file->sections[index];
	uint64_t alignment = section->alignment > LAYOUT_ALIGNMENT ? section->alignment
								   : LAYOUT_ALIGNMENT;
	uint64_t start, limit = elf_is64(file) ? INT64_MAX : UINT32_MAX;
	if ((alignment & (alignment - 1)) != 0)
		alignment = LAYOUT_ALIGNMENT;
	if (__builtin_add_overflow(*end, alignment - 1, &start))
		start = UINT64_MAX;
	start &= ~(alignment - 1);
	if (start > limit || section->size > limit - start)
		return sdb_error_new(SDB_ERROR_CORRUPT,
				     "%s: section %u (%.64s) of 0x%llx bytes does not fit the address space",
				     file->path, index, section->name,
				     (unsigned long long)section->size);
	section->address = start;
	*end = start + section->size + 1;
	return NULL;
}

/* Gives the allocated sections addresses: `.text` 0, the others after it in their order. */
static struct sdb_error *place_sections(struct elf_file *file)
{
	uint32_t text = elf_find_section(file, ".text");
	uint64_t end = 0;
	struct sdb_error *error = NULL;
	if (text && (file->sections[text].flags & SHF_ALLOC))
		error = place_section(file, text, &end);
	for (uint32_t i = 1; i < file->section_count && !error; i++) {
		if (!(file->sections[i].flags & SHF_ALLOC))
			file->sections[i].address = 0;
		else if (i != text)
			error = place_section(file, i, &end);
	}
	return error;
}

/*
 * Type units and macro units are in sections of their own, many with one name. They are read as
 * one section, in which each starts at its `address`.
 */
static void chain_debug_sections(struct elf_file *file)
{
	for (size_t i = 0; i + 2 < file->section_count; i++) {
		struct sdb_section *section = &file->sections[file->by_name[i]];
		struct sdb_section *next = &file->sections[file->by_name[i + 1]];
		uint64_t address;
		if (strncmp(section->name, ".debug_", 7) != 0 ||
		    strncmp(section->name, next->name, ELF_NAME_KEY) != 0 ||
		    ((section->flags | next->flags) & (SHF_ALLOC | SHF_COMPRESSED)) ||
		    section->type == SHT_NOBITS || next->type == SHT_NOBITS ||
		    __builtin_add_overflow(section->address, section->size, &address))
			continue;
		file->extra[section->index].next_same = next->index;
		next->address = address;
	}
}

static void chain_relocations(struct elf_file *file)
{
	/* From the last to the first, so that a chain is in the order of the headers. */
	for (uint32_t i = (uint32_t)file->section_count; i-- > 1;) {
		uint32_t type = file->sections[i].type, target = file->extra[i].info;
		if ((type != SHT_REL && type != SHT_RELA) || target == 0 || target == i ||
		    target >= file->section_count)
			continue;
		file->extra[i].next_relocation = file->extra[target].relocation;
		file->extra[target].relocation = i;
	}
}

struct sdb_error *elf_lay_out(struct elf_file *file)
{
	struct sdb_error *error = place_sections(file);
	chain_debug_sections(file);
	chain_relocations(file);
	return error;
}
