/* SPDX-License-Identifier: MIT */
#include "codes.h"

#include <stdlib.h>

#define KEPT_MAX 128              /* of a module */
#define BYTES_MAX ((size_t)1 << 20)

struct codes {
	struct kept_code *items[KEPT_MAX];
	unsigned count;
	size_t bytes;
	uint64_t time; /* counts questions */
};

void codes_release(struct kept_code *kept)
{
	if (!kept || --kept->users)
		return;
	sdb_code_free(kept->code);
	free(kept);
}

void codes_destroy(struct codes *codes)
{
	for (unsigned i = 0; codes && i < codes->count; i++)
		codes_release(codes->items[i]);
	free(codes);
}

static size_t weight_of(const struct sdb_code *code)
{
	size_t weight = sizeof(struct kept_code) + sizeof(*code) + code->scope_count * (sizeof(*code->scopes) + sizeof(struct sdb_range))
		+ code->variable_count * sizeof(*code->variables) + code->call_site_count * sizeof(*code->call_sites);
	for (size_t i = 0; i < code->variable_count; i++)
		weight += code->variables[i].location.entry_count * sizeof(struct sdb_location_entry);
	for (size_t i = 0; i < code->call_site_count; i++)
		weight += code->call_sites[i].parameter_count * sizeof(struct sdb_call_parameter);
	return weight;
}

static void drop_oldest(struct codes *codes)
{
	unsigned oldest = 0;
	for (unsigned i = 1; i < codes->count; i++)
		if (codes->items[i]->last_used < codes->items[oldest]->last_used)
			oldest = i;
	codes->bytes -= codes->items[oldest]->weight;
	codes_release(codes->items[oldest]);
	codes->items[oldest] = codes->items[--codes->count];
}

static void keep(struct codes *codes, struct kept_code *kept)
{
	if (kept->weight > BYTES_MAX / 2)
		return;
	while (codes->count == KEPT_MAX || codes->bytes + kept->weight > BYTES_MAX)
		drop_oldest(codes);
	kept->users++;
	codes->bytes += kept->weight;
	codes->items[codes->count++] = kept;
}

struct sdb_error *codes_get(struct sdb_module *module, struct sdb_db *db, uint64_t pc, struct kept_code **kept_ret)
{
	*kept_ret = NULL;
	if (!module->codes && !(module->codes = calloc(1, sizeof(*module->codes))))
		return NO_MEMORY();
	struct codes *codes = module->codes;
	codes->time++;
	for (unsigned i = 0; i < codes->count; i++) {
		if (codes->items[i]->pc != pc || codes->items[i]->db != db)
			continue;
		codes->items[i]->last_used = codes->time;
		codes->items[i]->users++;
		*kept_ret = codes->items[i];
		return NULL;
	}
	struct kept_code *kept = malloc(sizeof(*kept));
	if (!kept)
		return NO_MEMORY();
	*kept = (struct kept_code){ .db = db, .pc = pc, .users = 1, .last_used = codes->time };
	struct sdb_error *error = sdb_code_at(db, pc, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, &kept->code);
	if (error) {
		free(kept);
		if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
		return NULL;
	}
	kept->weight = weight_of(kept->code);
	keep(codes, kept);
	*kept_ret = kept;
	return NULL;
}
