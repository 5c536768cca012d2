/* SPDX-License-Identifier: MIT */

/* What a class or namespace contains: by type id, pairs of kind and number. */

#include "coding.h"

#include <pthread.h>
#include <stdlib.h>

struct child {
	sdb_type_id parent;
	struct sdb_entity entity;
};

struct children_state {
	struct child *children;
	size_t count, capacity;
};

static int compare_children(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	if (x->entity.kind != y->entity.kind)
		return x->entity.kind < y->entity.kind ? -1 : 1;
	return x->entity.id < y->entity.id ? -1 : x->entity.id > y->entity.id;
}

/* Record: distance from the parent before in the block, kind, number. */
static struct sdb_error *children_finish(struct sdb_writer *writer, void *arg)
{
	struct children_state *state = arg;
	struct sdb_error *error = NULL;
	sdb_type_id last = 0;

	if (state->count)
		qsort(state->children, state->count, sizeof(*state->children), compare_children);
	for (size_t i = 0; i < state->count && !error; i++) {
		const struct child *child = &state->children[i];
		struct buffer *to;
		bool fresh;
		error = block_begin(writer_part(writer, PART_CHILDREN), child->parent, &to, &fresh);
		if (error)
			break;
		put_uleb(to, fresh ? 0 : child->parent - last);
		put_u8(to, (uint8_t)child->entity.kind);
		put_uleb(to, child->entity.id);
		last = child->parent;
	}
	return error;
}

static void children_deinit(void *arg)
{
	free(((struct children_state *)arg)->children);
}

const struct slot_traits children_slot = { sizeof(struct children_state), children_finish, children_deinit };

static pthread_mutex_t children_lock = PTHREAD_MUTEX_INITIALIZER;

struct sdb_error *children_add(struct sdb_writer *writer, const struct sdb_scope *scope, struct sdb_entity entity)
{
	struct children_state *state = writer_slot(writer, SLOT_CHILDREN);
	struct sdb_error *error = NULL;

	pthread_mutex_lock(&children_lock);
	if (state->count == state->capacity) {
		size_t capacity = state->capacity ? state->capacity * 2 : 256;
		struct child *children = realloc(state->children, capacity * sizeof(*children));
		if (children) {
			state->children = children;
			state->capacity = capacity;
		}
	}
	if (state->count < state->capacity)
		state->children[state->count++] = (struct child){ scope->id, entity };
	else
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	pthread_mutex_unlock(&children_lock);
	return error;
}

struct sdb_error *sdb_children(struct sdb_db *db, sdb_type_id parent, sdb_child_fn fn, void *arg)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_CHILDREN, parent, &block);

	if (error) {
		if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
		return NULL;
	}
	struct cursor from = block_cursor(block);
	for (uint64_t at = block->first; from.at < from.end && !error;) {
		at += get_uleb(&from);
		struct sdb_entity entity = { get_u8(&from), get_u32(&from) };
		if (from.failed)
			return block_damaged(db, block, "a child does not decode");
		if (at == parent)
			error = fn(arg, entity);
		if (at > parent)
			break;
	}
	return error;
}

struct sdb_error *children_verify_block(struct sdb_db *db, const struct block *block)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	const uint64_t bounds[] = {
		[SDB_ENTITY_FUNCTION] = info->functions,
		[SDB_ENTITY_VARIABLE] = info->variables,
		[SDB_ENTITY_TYPE] = info->types,
	};
	struct cursor from = block_cursor(block);
	uint64_t parent = block->first;

	for (bool first = true; from.at < from.end; first = false) {
		uint64_t distance = get_uleb(&from);
		uint8_t kind = get_u8(&from);
		uint32_t id = get_u32(&from);
		if (from.failed || (first && distance) || __builtin_add_overflow(parent, distance, &parent) ||
		    parent > info->types || (!block->last && parent >= block->next) ||
		    kind >= sizeof(bounds) / sizeof(*bounds) || id == 0 || id > bounds[kind])
			return block_damaged(db, block, "a child does not decode");
	}
	return NULL;
}
