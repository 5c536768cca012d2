/* SPDX-License-Identifier: MIT */
#include "elf.h"

/*
 * What the dynamic linker sees: the soname, the dynamic symbols and their versions. Section headers
 * are followed where there are any; a file without them is read through its dynamic segment.
 */

struct span {
	const uint8_t *data;
	size_t size;
};

/* The dynamic entries that matter; 0 is "not there": none of them can be at address 0. */
struct entries {
	uint64_t hash, gnu_hash, strings, string_size, symbols, symbol_size, soname;
	uint64_t versions, definitions, needs;
	bool has_soname;
};

static struct span section_of_type(const struct elf_file *file, uint32_t type, uint32_t *index_ret)
{
	struct span span = { NULL, 0 };
	for (uint32_t i = 1; i < file->section_count; i++) {
		if (file->sections[i].type != type)
			continue;
		span.data = elf_raw_section(file, i, &span.size);
		if (index_ret)
			*index_ret = i;
		if (span.data)
			break;
	}
	return span;
}

static struct span dynamic_entries(const struct elf_file *file)
{
	struct span span = section_of_type(file, SHT_DYNAMIC, NULL);
	if (span.data || file->section_count)
		return span;
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct sdb_segment *segment = &file->segments[i];
		if (segment->type != PT_DYNAMIC || segment->offset > file->size ||
		    segment->file_size > file->size - segment->offset)
			continue;
		span.data = file->data + segment->offset;
		span.size = (size_t)segment->file_size;
		break;
	}
	return span;
}

static struct entries read_entries(const struct elf_file *file)
{
	struct entries entries = { 0 };
	struct span span = dynamic_entries(file);
	size_t word = elf_is64(file) ? 8 : 4;
	for (; span.size >= 2 * word; span.data += 2 * word, span.size -= 2 * word) {
		uint64_t tag = elf_word(file, span.data);
		uint64_t value = elf_word(file, span.data + word);
		switch (tag) {
		case DT_NULL: return entries;
		case DT_HASH: entries.hash = value; break;
		case DT_GNU_HASH: entries.gnu_hash = value; break;
		case DT_STRTAB: entries.strings = value; break;
		case DT_STRSZ: entries.string_size = value; break;
		case DT_SYMTAB: entries.symbols = value; break;
		case DT_SYMENT: entries.symbol_size = value; break;
		case DT_VERSYM: entries.versions = value; break;
		case DT_VERDEF: entries.definitions = value; break;
		case DT_VERNEED: entries.needs = value; break;
		case DT_SONAME:
			entries.soname = value;
			entries.has_soname = true;
			break;
		}
	}
	return entries;
}

static struct span at_address(const struct elf_file *file, uint64_t address)
{
	struct span span = { NULL, 0 };
	if (address)
		span.data = elf_at_address(file, address, &span.size);
	return span;
}

/* DT_HASH says it; entries are 64 bits wide on s390x and Alpha. */
static size_t count_by_hash(const struct elf_file *file, struct span table)
{
	bool wide = (file->machine == EM_S390 && elf_is64(file)) || file->machine == EM_ALPHA;
	if (table.size < (wide ? 16 : 8))
		return 0;
	uint64_t count = wide ? elf_u64(file, table.data + 8) : elf_u32(file, table.data + 4);
	return count < SIZE_MAX ? (size_t)count : 0;
}

/* DT_GNU_HASH: the last chain that a bucket points to ends with the last symbol. */
static size_t count_by_gnu_hash(const struct elf_file *file, struct span table)
{
	if (table.size < 16)
		return 0;
	uint64_t buckets = elf_u32(file, table.data), first = elf_u32(file, table.data + 4);
	uint64_t bloom = (uint64_t)elf_u32(file, table.data + 8) * (elf_is64(file) ? 8 : 4);
	uint64_t at = 16 + bloom;
	if (at > table.size || buckets > (table.size - at) / 4)
		return 0;
	uint64_t last = 0;
	for (uint64_t i = 0; i < buckets; i++, at += 4) {
		uint64_t symbol = elf_u32(file, table.data + at);
		last = symbol > last ? symbol : last;
	}
	if (last < first)
		return (size_t)first;
	for (at += 4 * (last - first); at + 4 <= table.size; at += 4, last++) {
		if (elf_u32(file, table.data + at) & 1)
			return (size_t)last + 1;
	}
	return 0;
}

static void from_segment(const struct elf_file *file, const struct entries *entries,
			 struct elf_dynamic *dynamic)
{
	struct span symbols = at_address(file, entries->symbols);
	struct span strings = at_address(file, entries->strings);
	struct span versions = at_address(file, entries->versions);
	struct span definitions = at_address(file, entries->definitions);
	struct span needs = at_address(file, entries->needs);
	size_t size = elf_symbol_size(file);
	if (entries->string_size < strings.size)
		strings.size = (size_t)entries->string_size;
	dynamic->strings = elf_strings(strings.data, strings.size);
	if (!symbols.data || (entries->symbol_size && entries->symbol_size != size))
		return;
	size_t count = entries->hash ? count_by_hash(file, at_address(file, entries->hash))
				     : count_by_gnu_hash(file, at_address(file, entries->gnu_hash));
	dynamic->symbols = symbols.data;
	dynamic->symbol_count = count < symbols.size / size ? count : symbols.size / size;
	if (versions.size / 2 >= dynamic->symbol_count)
		dynamic->versions = versions.data;
	dynamic->version_definitions = definitions.data;
	dynamic->version_definitions_size = definitions.size;
	dynamic->version_needs = needs.data;
	dynamic->version_needs_size = needs.size;
}

static void from_sections(const struct elf_file *file, struct elf_dynamic *dynamic)
{
	uint32_t index = 0;
	struct span symbols = section_of_type(file, SHT_DYNSYM, &index);
	if (!symbols.data)
		return;
	size_t size;
	const uint8_t *strings = elf_raw_section(file, file->extra[index].link, &size);
	dynamic->strings = elf_strings(strings, size);
	dynamic->symbols = symbols.data;
	dynamic->symbol_count = symbols.size / elf_symbol_size(file);
	struct span span = section_of_type(file, SHT_GNU_versym, NULL);
	if (span.size / 2 >= dynamic->symbol_count)
		dynamic->versions = span.data;
	span = section_of_type(file, SHT_GNU_verdef, NULL);
	dynamic->version_definitions = span.data;
	dynamic->version_definitions_size = span.size;
	span = section_of_type(file, SHT_GNU_verneed, NULL);
	dynamic->version_needs = span.data;
	dynamic->version_needs_size = span.size;
}

void elf_read_dynamic(const struct elf_file *file, struct elf_dynamic *dynamic_ret)
{
	*dynamic_ret = (struct elf_dynamic){ 0 };
	if (file->type == ET_REL)
		return;
	struct entries entries = read_entries(file);
	from_sections(file, dynamic_ret);
	if (!dynamic_ret->symbols && file->section_count == 0)
		from_segment(file, &entries, dynamic_ret);
	if (entries.has_soname && dynamic_ret->strings.size)
		dynamic_ret->soname = elf_string(&dynamic_ret->strings, entries.soname);
	if (dynamic_ret->soname && strnlen(dynamic_ret->soname, 4096) == 4096)
		dynamic_ret->soname = NULL;
}
