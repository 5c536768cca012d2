/* SPDX-License-Identifier: MIT */
/*
 * Reads thousands of damaged copies of real unwind tables: test_damage COUNT FILE...
 * Meant for a build with sanitizers. Whatever comes out must still be in order.
 */

#include "fake_module.h"
#include "indexer/unwind.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 8192 /* bytes of a table that a run looks at */

static uint32_t seed = 20240301;

static uint32_t next(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

struct table {
	const char *name;
	uint8_t *data;
	size_t size;
	uint64_t address;
};

/* ---- the sections of a 64-bit little-endian file; enough for a test -------------------------- */

static void *read_at(FILE *file, uint64_t offset, size_t size)
{
	uint8_t *data = malloc(size + 1);
	if (fseek(file, (long)offset, SEEK_SET) != 0 || fread(data, 1, size, file) != size) {
		free(data);
		return NULL;
	}
	data[size] = '\0';
	return data;
}

static size_t read_tables(const char *path, struct table tables[static 4])
{
	static const char *const wanted[] = { ".eh_frame", ".debug_frame", ".orc_unwind_ip", ".orc_unwind" };
	FILE *file = fopen(path, "rb");
	Elf64_Ehdr header;
	size_t count = 0;
	if (!file)
		return 0;
	if (fread(&header, sizeof(header), 1, file) == 1 && memcmp(header.e_ident, ELFMAG, SELFMAG) == 0) {
		Elf64_Shdr *sections = read_at(file, header.e_shoff, header.e_shnum * sizeof(*sections));
		const Elf64_Shdr *s = sections ? &sections[header.e_shstrndx] : NULL;
		char *names = s ? read_at(file, s->sh_offset, s->sh_size) : NULL;
		for (unsigned i = 0; names && i < header.e_shnum; i++) {
			for (unsigned k = 0; k < 4; k++) {
				if (sections[i].sh_type != SHT_PROGBITS ||
				    strcmp(names + sections[i].sh_name, wanted[k]) != 0)
					continue;
				struct table table = { wanted[k], NULL, sections[i].sh_size,
						       sections[i].sh_addr };
				table.data = read_at(file, sections[i].sh_offset, table.size);
				if (table.data && count < 4)
					tables[count++] = table;
				else
					free(table.data);
			}
		}
		free(sections);
		free(names);
	}
	fclose(file);
	return count;
}

/* ---- running ------------------------------------------------------------------------------------ */

struct order {
	enum sdb_unwind_source source;
	uint64_t high;
	size_t rows;
	unsigned sum;
	bool bad;
};

static struct sdb_error *look(void *arg, const struct sdb_unwind_row *row)
{
	struct order *order = arg;
	if (row->source != order->source)
		order->high = 0;
	order->bad |= row->low < order->high || row->high <= row->low || row->source < order->source;
	order->source = row->source;
	order->high = row->high;
	order->rows++;
	for (size_t i = 0; i < row->rule_count; i++) {
		order->bad |= i && row->rules[i].column <= row->rules[i - 1].column;
		for (uint32_t k = 0; k < row->rules[i].expression.length; k++)
			order->sum += row->rules[i].expression.bytes[k];
	}
	return NULL;
}

/* A damaged copy of a part of TABLE, in memory of exactly its size. */
static uint8_t *damage(const struct table *table, size_t from, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	memcpy(data, table->data + from, size);
	for (uint32_t flips = next() % 8; size && flips; flips--) {
		uint32_t at = next() % size;
		data[at] = next() % 2 ? (uint8_t)next() : data[at] ^ (uint8_t)(1u << next() % 8);
	}
	return data;
}

static bool run(const struct table *tables, size_t count, uint64_t *rows)
{
	struct module module;
	struct order order = { 0 };
	uint8_t *copies[4];
	size_t entry = next() % 64;
	fake_module_init(&module);
	static const uint16_t machines[] = { EM_X86_64, EM_X86_64, EM_AARCH64, EM_SPARCV9, 258 };
	module.info.elf_machine = machines[next() % 5];
	module.info.elf_class = next() % 8 ? ELFCLASS64 : ELFCLASS32;
	module.info.elf_data = next() % 8 ? ELFDATA2LSB : ELFDATA2MSB;
	for (size_t i = 0; i < count; i++) {
		bool is_ip = strcmp(tables[i].name, ".orc_unwind_ip") == 0;
		bool is_orc = strcmp(tables[i].name, ".orc_unwind") == 0;
		size_t from = is_ip ? entry * 4 : is_orc ? entry * 6 : 0;
		if (from > tables[i].size)
			from = 0;
		size_t size = tables[i].size - from;
		size_t window = is_orc ? WINDOW / 4 * 6 : WINDOW;
		size = size < window ? size : window;
		if (next() % 4 == 0)
			size = next() % (size + 1);
		copies[i] = damage(&tables[i], from, size);
		fake_module_add(&module, tables[i].name, copies[i], size, tables[i].address + from,
				SHF_ALLOC | (next() % 2 ? SHF_EXECINSTR : 0));
	}
	struct sdb_error *error = cfi_read(&module, look, &order);
	if (!error)
		error = orc_read(&module, look, &order);
	if (error)
		printf("%s\n", sdb_error_message(error));
	bool failed = error || order.bad;
	sdb_error_free(error);
	for (size_t i = 0; i < count; i++)
		free(copies[i]);
	*rows += order.rows;
	return !failed;
}

int main(int argc, char **argv)
{
	int result = 77;
	for (int i = 2; i < argc; i++) {
		struct table tables[4];
		size_t count = read_tables(argv[i], tables);
		uint64_t rows = 0;
		long failed = 0, runs = count ? atol(argv[1]) : 0;
		for (long k = 0; k < runs; k++)
			failed += !run(tables, count, &rows);
		for (size_t k = 0; k < count; k++)
			free(tables[k].data);
		if (!count)
			continue;
		printf("%s: %ld damaged copies, %lu rows, %ld failed\n", argv[i], runs,
		       (unsigned long)rows, failed);
		if (failed)
			return 1;
		result = 0;
	}
	return result;
}
