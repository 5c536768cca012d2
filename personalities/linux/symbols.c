/* SPDX-License-Identifier: MIT */
/* Symbols of the kernel and where they are in the guest. */

#include "linux.h"

#include <elf.h>
#include <stdlib.h>

struct search {
	struct sdb_db *db;
	bool found, global;
	uint64_t address;
};

static struct sdb_error *take_symbol(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct search *search = arg;
	struct sdb_symbol symbol;
	(void)name;
	(void)text;
	struct sdb_error *error = sdb_symbol(search->db, entity.id, &symbol);
	if (error)
		return error;
	if (symbol.section == SHN_UNDEF || symbol.type == STT_FILE || symbol.type == STT_SECTION)
		return NULL;
	/* A global one before a local one of that name. */
	bool global = symbol.binding != STB_LOCAL;
	if (!search->found || (global && !search->global)) {
		search->found = true;
		search->global = global;
		search->address = symbol.address;
	}
	return NULL;
}

struct sdb_error *linux_symbol(struct linux_system *system, const char *name, uint64_t *address_ret)
{
	struct search search = { .db = system->db };
	struct sdb_error *error = linux_need_database(system);
	if (!error)
		error = sdb_lookup(system->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_SYMBOL, take_symbol, &search);
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	if (!search.found)
		return error ? error : sdb_error_new(SDB_ERROR_NOT_FOUND, "the kernel has no symbol %s", name);
	sdb_error_free(error);
	/*
	 * Per-CPU variables were linked at 0 and are not moved (until v6.15, 9d7de2aa8b41 "x86/percpu/64:
	 * Use relative percpu offsets").
	 */
	*address_ret = search.address & LINUX_UPPER_HALF ? search.address + system->bias : search.address;
	return NULL;
}

uint64_t linux_symbol_or_0(struct linux_system *system, const char *name)
{
	uint64_t address = 0;
	struct sdb_error *error = linux_symbol(system, name, &address);
	if (error)
		address = 0;
	sdb_error_free(error);
	return address;
}

struct sdb_error *linux_symbol_name(struct linux_system *system, uint64_t address, char **name_ret, uint64_t *offset_ret)
{
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	*name_ret = NULL;
	struct sdb_error *error = linux_need_database(system);
	if (!error)
		error = sdb_symbol_at(system->db, address - system->bias, &symbol, &id);
	if (!error) {
		*offset_ret = address - system->bias - symbol.address;
		return sdb_name(system->db, symbol.name, name_ret);
	}
	if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	sdb_error_free(error);
	return NULL;
}

struct enumerator_search {
	struct sdb_db *db;
	int64_t value;
};

static struct sdb_error *take_enumeration(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct enumerator_search *search = arg;
	struct sdb_type *type;
	(void)text;
	struct sdb_error *error = sdb_type(search->db, entity.id, &type);
	if (error)
		return error;
	for (size_t i = 0; i < type->enumerator_count; i++)
		if (type->enumerators[i].name == name)
			search->value = type->enumerators[i].value;
	sdb_type_free(type);
	return NULL;
}

struct sdb_error *linux_enumerator(struct linux_system *system, const char *name, int64_t *value_ret)
{
	struct enumerator_search search = { .db = system->db, .value = *value_ret };
	struct sdb_error *error = linux_need_database(system);
	if (!error)
		error = sdb_lookup(system->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_ENUMERATOR, take_enumeration, &search);
	*value_ret = search.value;
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}
