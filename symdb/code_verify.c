/* SPDX-License-Identifier: MIT */

/* Verification of code: every instance is decoded with its blocks, variables and calls. */

#include "code.h"

/* The envelopes of a part of code: keys ascend inside the block, lengths fit. */
struct envelopes {
	struct cursor from;
	uint64_t key;
	uint32_t order; /* of the payload among the instances with its key */
	bool first;
};

/* The next payload; NULL at the end, or with an error. */
static struct sdb_error *next_payload(struct sdb_db *db, const struct block *block, struct envelopes *at,
				      const uint8_t **payload_ret, size_t *length_ret)
{
	*payload_ret = NULL;
	if (at->from.at == at->from.end)
		return NULL;
	uint64_t distance = get_uleb(&at->from);
	size_t length = get_count(&at->from);
	const uint8_t *payload = get_bytes(&at->from, length);
	if (!payload || length == 0 || (at->first && distance) ||
	    __builtin_add_overflow(at->key, distance, &at->key) || (!block->last && at->key >= block->next))
		return block_damaged(db, block, "code does not decode");
	at->order = distance ? 0 : at->order;
	at->first = false;
	*payload_ret = payload;
	*length_ret = length;
	return NULL;
}

static bool in_bounds(const struct sdb_db_info *info, const struct sdb_code *code)
{
	if (code->unit > info->units || code->linkage_name > info->names)
		return false;
	for (size_t i = 0; i < code->scope_count; i++)
		if (code->scopes[i].function > info->functions || code->scopes[i].call_file > info->files)
			return false;
	for (size_t i = 0; i < code->variable_count; i++) {
		const struct sdb_local *own = &code->variables[i].own;
		if (own->name > info->names || own->type > info->types || own->file > info->files)
			return false;
	}
	for (size_t i = 0; i < code->call_site_count; i++)
		if (code->call_sites[i].function > info->functions)
			return false;
	return true;
}

/* A further range of an instance: its owner is there. */
static struct sdb_error *check_piece(struct sdb_db *db, const struct block *block, struct cursor from)
{
	BLOCK_SCOPED const struct block *owner = NULL;
	struct cursor payload;
	get_uleb(&from);
	uint64_t key = get_uleb(&from);
	uint32_t order = get_u32(&from);

	if (from.failed || from.at != from.end)
		return block_damaged(db, block, "a piece of code does not decode");
	return code_payload(db, PART_CODE, key, order, true, &owner, &payload);
}

struct sdb_error *code_verify_block(struct sdb_db *db, const struct block *block)
{
	struct envelopes at = { block_cursor(block), block->first, 0, true };
	const uint8_t *payload;
	size_t length;
	struct sdb_error *error;

	while (!(error = next_payload(db, block, &at, &payload, &length)) && payload) {
		struct cursor from = { payload + 1, payload + length, false };
		struct sdb_code *code;
		if (payload[0] > 1)
			return block_damaged(db, block, "code is of no known kind");
		if (payload[0] == 1) {
			error = check_piece(db, block, from);
			if (error)
				return error;
			continue;
		}
		error = code_decode(db, block, from, at.key, at.order++,
				    SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, &code);
		if (error)
			return error;
		if (!in_bounds(sdb_db_info(db), code))
			error = block_damaged(db, block, "code refers to what there is not");
		sdb_code_free(code);
		if (error)
			return error;
	}
	return error;
}

/* Their payloads are decoded with the instances they belong to. */
static struct sdb_error *verify_envelopes(struct sdb_db *db, const struct block *block)
{
	struct envelopes at = { block_cursor(block), block->first, 0, true };
	const uint8_t *payload;
	size_t length;
	struct sdb_error *error;

	do
		error = next_payload(db, block, &at, &payload, &length);
	while (!error && payload);
	return error;
}

struct sdb_error *scopes_verify_block(struct sdb_db *db, const struct block *block)
{
	return verify_envelopes(db, block);
}

struct sdb_error *calls_verify_block(struct sdb_db *db, const struct block *block)
{
	return verify_envelopes(db, block);
}

struct sdb_error *instances_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor from = block_cursor(block);
	uint64_t function = block->first;

	for (bool first = true; from.at < from.end; first = false) {
		uint64_t distance = get_uleb(&from);
		uint8_t inlined = get_u8(&from);
		get_uleb(&from);
		if (from.failed || (first && distance) || inlined > 1 ||
		    __builtin_add_overflow(function, distance, &function) ||
		    function > sdb_db_info(db)->functions || (!block->last && function >= block->next))
			return block_damaged(db, block, "an instance does not decode");
	}
	return NULL;
}
