/* SPDX-License-Identifier: MIT */
/*
 * A database of a part of a module. When a module is met for the first time, on stacks, nobody wants to wait
 * until all of it is indexed: what is made first has its symbols and unwind rules, and of its debuginfo the units that
 * these stacks lead through. Whatever else is asked for gets the whole one, which is made meanwhile.
 */

#include "space.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct part {
	struct sdb_db *db;
	size_t count;
	uint64_t addresses[]; /* sorted: whose units it has */
};

void part_take(struct sdb_module *module, struct sdb_indexing *indexing, const uint64_t *addresses, size_t count)
{
	char *path = NULL;
	struct sdb_error *error = sdb_indexing_wait_part(indexing, module->build_id, module->build_id_length, &path);
	struct part *part = path ? calloc(1, sizeof(*part) + count * sizeof(*addresses)) : NULL;
	if (part)
		error = module_open(module, path, &part->db);
	if (path)
		unlink(path);
	free(path);
	if (!part || error) { /* the whole one is sought, or made, when it is needed: then it is said what fails */
		sdb_error_free(error);
		free(part);
		return;
	}
	memcpy(part->addresses, addresses, count * sizeof(*addresses));
	part->count = count;
	module->part = part;
}

void part_destroy(struct part *part)
{
	if (part)
		sdb_db_close(part->db);
	free(part);
}

int part_compare_addresses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static bool has(const struct part *part, uint64_t address)
{
	return part->count && bsearch(&address, part->addresses, part->count, sizeof(address), part_compare_addresses);
}

struct sdb_error *module_tables(struct sdb_module *module, struct sdb_db **db_ret)
{
	if (module->db || !module->part)
		return sdb_module_database(module, db_ret);
	*db_ret = module->part->db;
	return NULL;
}

struct sdb_error *module_database_at(struct sdb_module *module, uint64_t address, struct sdb_db **db_ret)
{
	if (module->db || !module->part || !has(module->part, address))
		return sdb_module_database(module, db_ret);
	*db_ret = module->part->db;
	return NULL;
}
