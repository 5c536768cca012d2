/* SPDX-License-Identifier: MIT */
/*
 * The kernel's ORC tables: .orc_unwind_ip holds the address of each entry relative to where
 * that number itself is, .orc_unwind the entries in the same order.
 *
 * An entry holds until the next one's address. Linkers leave several at one address: of these the
 * kernel uses the last one after sorting "terminators" (no rules from here) to the front, see
 * orc_sort_cmp() and __orc_find() in arch/x86/kernel/unwind_orc.c. The tables of vmlinux are
 * sorted when it is built (since v5.6, f14bf6a350df "x86/unwind/orc: Remove boot-time ORC
 * unwind tables sorting"), those of a module when it is loaded.
 */

#include "orc.h"
#include "unwind.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

struct table {
	struct module *module;
	const struct orc_format *format;
	struct section_data ip;
	struct section_data entries;
	size_t count;
	bool swap;
};

struct place {
	uint64_t address;
	uint32_t index;
	bool terminator;
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->terminator != b->terminator)
		return a->terminator ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static uint64_t address_of(const struct table *table, size_t index)
{
	struct bytes from = { table->ip.data + 4 * index, table->ip.data + table->ip.size, table->swap,
			      false };
	return table->ip.address + 4 * index + (uint64_t)(int64_t)(int32_t)bytes_u32(&from);
}

static struct orc_entry entry_of(const struct table *table, size_t index)
{
	const uint8_t *at = table->entries.data + index * table->format->entry_size;
	struct bytes from = { at, at + table->format->entry_size, table->swap, false };
	struct orc_entry entry;
	table->format->decode(&from, &entry);
	return entry;
}

static struct sdb_error *sort_table(const struct table *table, struct place **places_ret)
{
	struct place *places = calloc(table->count, sizeof(*places));
	bool sorted = true;
	if (!places)
		return sdb_error_new(SDB_ERROR_MEMORY, ".orc_unwind: out of memory");
	for (size_t i = 0; i < table->count; i++) {
		struct orc_entry entry = entry_of(table, i);
		places[i] = (struct place){ address_of(table, i), (uint32_t)i,
					    entry.type == SDB_ORC_UNDEFINED };
		if (i && compare_places(&places[i - 1], &places[i]) > 0)
			sorted = false;
	}
	if (!sorted)
		qsort(places, table->count, sizeof(*places), compare_places);
	*places_ret = places;
	return NULL;
}

/* Where the section that ADDRESS is in ends; the byte after it when it is in none. */
static uint64_t end_of_code(struct module *module, uint64_t address)
{
	const struct sdb_section *sections;
	size_t count = module_sections(module, &sections);
	for (size_t i = 0; i < count; i++) {
		uint64_t high;
		if ((sections[i].flags & SHF_EXECINSTR) && address >= sections[i].address &&
		    !__builtin_add_overflow(sections[i].address, sections[i].size, &high) &&
		    address < high)
			return high;
	}
	return address + 1;
}

static struct sdb_error *emit(const struct table *table, const struct place *places, unwind_row_fn fn,
			      void *arg)
{
	struct sdb_error *error = NULL;
	size_t bad = 0;
	uint64_t first_bad = 0;
	for (size_t i = 0; i < table->count && !error; i++) {
		uint64_t low = places[i].address;
		uint64_t high;
		if (i + 1 < table->count) {
			high = places[i + 1].address;
			if (high == low)
				continue; /* the later one counts */
		} else {
			high = end_of_code(table->module, low);
			if (high <= low)
				break;
		}
		struct orc_entry entry = entry_of(table, places[i].index);
		struct orc_rules rules;
		if (!table->format->rules(&entry, &rules)) {
			if (bad++ == 0)
				first_bad = low;
			continue;
		}
		struct sdb_unwind_row row = {
			.low = low, .high = high, .source = SDB_UNWIND_ORC,
			.flags = entry.signal ? SDB_UNWIND_ORC_SIGNAL : 0,
			.return_column = table->format->return_column, .orc_type = entry.type,
			.cfa = rules.cfa, .rule_count = rules.count, .rules = rules.rules,
		};
		error = fn(arg, &row);
	}
	if (bad)
		module_warn(table->module, ".orc_unwind: %zu entries that make no sense left out, "
			    "the first at address %#" PRIx64, bad, first_bad);
	return error;
}

/* NULL with a warning when the tables cannot be used. */
static const struct orc_format *choose_format(const struct table *table)
{
	struct section_data header;
	const struct sdb_db_info *info = module_info(table->module);
	struct sdb_error *error = module_code_section(table->module, ".orc_header", &header);
	if (error) {
		module_warn(table->module, ".orc_header: %s", sdb_error_message(error));
		sdb_error_free(error);
		header.data = NULL;
	}
	const struct orc_format *format = NULL;
	if (header.data) {
		format = orc_format_by_header(info->elf_machine, header.data, header.size);
		if (!format)
			module_warn(table->module, ".orc_header: unknown version of the ORC format; "
				    "going by what the entries look like");
	}
	if (!format)
		format = orc_format_by_content(info->elf_machine, table->entries.data,
					       table->entries.size, table->ip.size / 4, table->swap);
	if (!format)
		module_warn(table->module, ".orc_unwind: not in a known ORC format (machine %u, %zu bytes "
			    "for %zu addresses); left out", info->elf_machine, table->entries.size,
			    table->ip.size / 4);
	return format;
}

struct sdb_error *orc_read(struct module *module, unwind_row_fn fn, void *arg)
{
	struct table table = { .module = module };
	struct sdb_error *error = module_code_section(module, ".orc_unwind_ip", &table.ip);
	if (!error)
		error = module_code_section(module, ".orc_unwind", &table.entries);
	if (error || !table.ip.data || !table.entries.data)
		return error;
	table.swap = (module_info(module)->elf_data == ELFDATA2MSB) !=
		     (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
	if (table.ip.size < 4)
		return NULL;
	table.format = choose_format(&table);
	if (!table.format)
		return NULL;
	table.count = table.ip.size / 4;
	if (table.count > table.entries.size / table.format->entry_size)
		table.count = table.entries.size / table.format->entry_size;
	if (table.count > UINT32_MAX)
		table.count = UINT32_MAX;
	if (table.ip.size != 4 * table.count ||
	    table.entries.size != table.format->entry_size * table.count)
		module_warn(module, ".orc_unwind and .orc_unwind_ip differ in length: "
			    "only the first %zu entries are used", table.count);
	struct place *places = NULL;
	if (table.count == 0)
		return NULL;
	error = sort_table(&table, &places);
	if (!error)
		error = emit(&table, places, fn, arg);
	free(places);
	return error;
}
