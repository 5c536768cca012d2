/* SPDX-License-Identifier: MIT */

/* Finding code: by address, all of it, by function; code_read.c decodes what is found. */

#include "code.h"

#include <stdlib.h>

enum { LOOK_BACK = 64 }; /* instances passed over that begin before an address but do not hold it */

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

struct candidate {
	uint64_t key;
	struct cursor payload; /* past the kind */
	uint32_t order;        /* among the instances with the same key */
	bool fragment;
};

/* Whether the payload's ranges hold ADDRESS. */
static bool holds(struct candidate candidate, uint64_t address)
{
	struct cursor *from = &candidate.payload;
	uint64_t at = candidate.key;

	if (candidate.fragment)
		return address - candidate.key < get_uleb(from);
	for (int field = 0; field < 4; field++) /* unit, flags, linkage name, function */
		get_uleb(from);
	size_t count = get_count(from);
	for (size_t i = 0; i < count && !from->failed; i++) {
		at += (uint64_t)get_sleb(from);
		if (address - at < get_uleb(from))
			return true;
	}
	return false;
}

static struct sdb_error *open_candidate(struct sdb_db *db, const struct block *block, struct candidate found,
					unsigned parts, struct sdb_code **code_ret)
{
	if (!found.fragment)
		return code_decode(db, block, found.payload, found.key, found.order, parts, code_ret);
	BLOCK_SCOPED const struct block *owner = NULL;
	struct cursor from;
	get_uleb(&found.payload);
	uint64_t key = get_uleb(&found.payload);
	uint32_t order = get_u32(&found.payload);
	if (found.payload.failed)
		return block_damaged(db, block, "a piece of code does not decode");
	struct sdb_error *error = code_payload(db, PART_CODE, key, order, true, &owner, &from);
	if (error)
		return error;
	get_u8(&from);
	return code_decode(db, owner, from, key, order, parts, code_ret);
}

/* The last candidate of BLOCK that holds ADDRESS; *PASSED counts the others. */
static struct sdb_error *search_block(struct sdb_db *db, const struct block *block, uint64_t address,
				      struct candidate *found, unsigned *passed)
{
	struct cursor from = block_cursor(block);
	struct candidate candidate = { .key = block->first };
	uint32_t order = 0;
	bool first = true;

	found->key = UINT64_MAX;
	found->payload.at = NULL;
	while (from.at < from.end) {
		uint64_t distance = get_uleb(&from);
		size_t length = get_count(&from);
		const uint8_t *payload = get_bytes(&from, length);
		if (from.failed || length == 0)
			return block_damaged(db, block, "code does not decode");
		candidate.key += distance;
		if (candidate.key > address)
			break;
		order = distance || first ? 0 : order;
		first = false;
		candidate.payload = (struct cursor){ payload + 1, payload + length, false };
		candidate.fragment = payload[0] == 1;
		candidate.order = order;
		order += !candidate.fragment;
		if (holds(candidate, address) && (!found->payload.at || candidate.key != found->key))
			*found = candidate;
		else
			(*passed)++;
	}
	return NULL;
}

struct sdb_error *sdb_code_at(struct sdb_db *db, uint64_t address, unsigned parts, struct sdb_code **code_ret)
{
	const struct block *block;
	unsigned passed = 0;
	struct sdb_error *error = block_find(db, PART_CODE, address, &block);

	for (int blocks = 0; !error && block && blocks < 4; blocks++) {
		struct candidate found;
		error = search_block(db, block, address, &found, &passed);
		if (!error && found.payload.at) {
			error = open_candidate(db, block, found, parts, code_ret);
			block_release(block);
			return error;
		}
		const struct block *before = NULL;
		if (!error)
			error = block_previous(db, block, &before);
		block_release(block);
		block = before;
		if (passed > LOOK_BACK)
			break;
	}
	if (!error || sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		block_release(error ? NULL : block);
		sdb_error_free(error);
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: no function at 0x%llx", sdb_db_path(db),
				     (unsigned long long)address);
	}
	return error;
}

struct sdb_error *sdb_code_scopes_at(const struct sdb_code *code, uint64_t address, uint32_t **scopes_ret,
				     size_t *count_ret)
{
	uint32_t *scopes = malloc((code->scope_count + 1) * sizeof(*scopes));
	uint32_t current = 0;
	size_t count = 0;

	if (!scopes)
		return no_memory();
	/* pre-order: a scope that holds the address and lies in the current one becomes current */
	for (uint32_t i = 0; i < code->scope_count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		bool inside = false;
		for (size_t r = 0; r < scope->range_count && !inside; r++)
			inside = address >= scope->ranges[r].low && address < scope->ranges[r].high;
		if (!inside || (i && scope->parent != current))
			continue;
		current = i;
		scopes[count++] = i;
	}
	for (size_t i = 0; i < count / 2; i++) {
		uint32_t swapped = scopes[i];
		scopes[i] = scopes[count - 1 - i];
		scopes[count - 1 - i] = swapped;
	}
	*scopes_ret = scopes;
	*count_ret = count;
	return NULL;
}

struct sdb_error *sdb_codes(struct sdb_db *db, unsigned parts, sdb_code_fn fn, void *arg)
{
	const struct block *block;
	struct sdb_error *error = block_first(db, PART_CODE, &block);

	while (!error && block) {
		struct cursor from = block_cursor(block);
		uint64_t key = block->first;
		uint32_t order = 0;
		while (from.at < from.end && !error) {
			uint64_t distance = get_uleb(&from);
			size_t length = get_count(&from);
			const uint8_t *payload = get_bytes(&from, length);
			struct sdb_code *code;
			if (from.failed || length == 0) {
				error = block_damaged(db, block, "code does not decode");
				break;
			}
			key += distance;
			order = distance ? 0 : order;
			if (payload[0] == 1)
				continue;
			error = code_decode(db, block, (struct cursor){ payload + 1, payload + length, false }, key,
					  order++, parts, &code);
			if (!error) {
				error = fn(arg, code);
				sdb_code_free(code);
			}
		}
		const struct block *next = NULL;
		if (!error)
			error = block_next(db, block, &next);
		block_release(block);
		block = next;
	}
	return error;
}

struct sdb_error *sdb_function_instances(struct sdb_db *db, sdb_function_id id, struct sdb_instance **instances_ret,
					 size_t *count_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_INSTANCES, id, &block);
	struct sdb_instance *instances = NULL;
	size_t count = 0;

	*instances_ret = NULL;
	*count_ret = 0;
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return NULL;
	}
	if (error)
		return error;
	struct cursor from = block_cursor(block);
	uint64_t at = block->first, address = 0;
	for (bool first = true; from.at < from.end; first = false) {
		uint64_t distance = get_uleb(&from);
		bool inlined = get_u8(&from);
		uint64_t value = get_uleb(&from);
		if (from.failed) {
			free(instances);
			return block_damaged(db, block, "an instance does not decode");
		}
		at += distance;
		address = distance || first ? value : address + value;
		if (at > id)
			break;
		if (at < id)
			continue;
		struct sdb_instance *bigger = realloc(instances, (count + 1) * sizeof(*instances));
		if (!bigger) {
			free(instances);
			return no_memory();
		}
		instances = bigger;
		instances[count++] = (struct sdb_instance){ address, inlined };
	}
	*instances_ret = instances;
	*count_ret = count;
	return NULL;
}
