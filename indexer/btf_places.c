/* SPDX-License-Identifier: MIT */

#include "btf_places.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

struct code_place {
	uint64_t low;
	uint64_t high;
	sdb_function_id function;
};

/* A symbol by its name. */
struct named {
	const char *name;
	uint32_t symbol;
	bool noted; /* of the first of a name: a function has it */
};

struct place_index {
	const struct btf_places *places;
	struct named *names; /* sorted */
	size_t name_count;
	struct code_place *code;
	size_t code_count;
};

static int compare_names(const void *left, const void *right)
{
	const struct named *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : a->symbol < b->symbol ? -1 : a->symbol > b->symbol;
}

static bool is_code(const struct sdb_symbol *symbol)
{
	return (symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC ||
		symbol->type == STT_NOTYPE) && symbol->section != SHN_UNDEF;
}

static bool is_data(const struct sdb_symbol *symbol)
{
	return (symbol->type == STT_OBJECT || symbol->type == STT_NOTYPE) &&
	       symbol->section != SHN_UNDEF && symbol->section != SHN_COMMON;
}

struct sdb_error *places_index(const struct btf_places *places, struct place_index **index_ret)
{
	struct place_index *index = calloc(1, sizeof(*index));
	*index_ret = index;
	if (!index || places->symbol_count > UINT32_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "symbols: out of memory");
	index->places = places;
	index->names = calloc(places->symbol_count + 1, sizeof(*index->names));
	index->code = calloc(places->symbol_count + 1, sizeof(*index->code));
	if (!index->names || !index->code)
		return sdb_error_new(SDB_ERROR_MEMORY, "symbols: out of memory");
	for (size_t i = 0; i < places->symbol_count; i++) {
		const struct module_symbol *symbol = &places->symbols[i];
		if (symbol->name && (is_code(&symbol->symbol) || is_data(&symbol->symbol)))
			index->names[index->name_count++] = (struct named){ symbol->name, (uint32_t)i,
									    false };
	}
	if (index->name_count > 1)
		qsort(index->names, index->name_count, sizeof(*index->names), compare_names);
	return NULL;
}

void places_free(struct place_index *index)
{
	if (!index)
		return;
	free(index->names);
	free(index->code);
	free(index);
}

const struct sdb_section *places_section(const struct btf_places *places, const char *name)
{
	for (size_t i = 0; i < places->section_count; i++) {
		if (places->sections[i].name && strcmp(places->sections[i].name, name) == 0)
			return &places->sections[i];
	}
	return NULL;
}

/* The first symbol called NAME; name_count when there is none. */
static size_t find_name(const struct place_index *index, const char *name)
{
	size_t low = 0, high = index->name_count;
	if (!name || !*name)
		return index->name_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(index->names[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->name_count && strcmp(index->names[low].name, name) == 0 ? low
										   : index->name_count;
}

/* The next symbol of the same name. */
static size_t next_name(const struct place_index *index, size_t at)
{
	return at + 1 < index->name_count &&
	       strcmp(index->names[at].name, index->names[at + 1].name) == 0 ? at + 1
									      : index->name_count;
}

bool places_variable(const struct place_index *index, const char *name, uint64_t *address_ret)
{
	bool found = false;
	for (size_t at = find_name(index, name); at < index->name_count; at = next_name(index, at)) {
		const struct sdb_symbol *symbol = &index->places->symbols[index->names[at].symbol].symbol;
		if (!is_data(symbol))
			continue;
		if (found && *address_ret != symbol->address)
			return false;
		*address_ret = symbol->address;
		found = true;
	}
	return found;
}

bool places_function(struct place_index *index, sdb_function_id id, const char *name)
{
	bool global = false;
	size_t at = find_name(index, name);
	if (at == index->name_count || index->names[at].noted)
		return false;
	for (index->names[at].noted = true; at < index->name_count; at = next_name(index, at)) {
		const struct sdb_symbol *symbol = &index->places->symbols[index->names[at].symbol].symbol;
		uint64_t high;
		if (!is_code(symbol))
			continue;
		global |= symbol->binding != STB_LOCAL;
		if (symbol->size == 0 || __builtin_add_overflow(symbol->address, symbol->size, &high))
			continue;
		index->code[index->code_count++] = (struct code_place){ symbol->address, high, id };
	}
	return global;
}

static int compare_code(const void *left, const void *right)
{
	const struct code_place *a = left, *b = right;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->function < b->function ? -1 : a->function > b->function;
}

/* Of functions at one address (aliases) the first counts; code does not overlap. */
struct sdb_error *places_write_code(struct place_index *index, struct sdb_writer *writer)
{
	struct sdb_error *error = NULL;
	uint64_t end = 0;
	if (index->code_count)
		qsort(index->code, index->code_count, sizeof(*index->code), compare_code);
	for (size_t i = 0; i < index->code_count && !error; i++) {
		const struct code_place *place = &index->code[i];
		if (place->low < end)
			continue;
		end = place->high;
		struct sdb_range range = { place->low, place->high };
		struct sdb_code_scope scope = { .kind = SDB_CODE_FUNCTION, .function = place->function,
						.entry = place->low, .range_count = 1, .ranges = &range };
		struct sdb_code code = { .unit = 1, .scope_count = 1, .scopes = &scope };
		error = sdb_writer_add_code(writer, &code);
	}
	return error;
}
