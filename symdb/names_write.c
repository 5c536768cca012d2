/* SPDX-License-Identifier: MIT */
/* Numbering the names, writing their texts and the index by which a text finds its block. */

#include "name_set.h"
#include "names.h"
#include "writer_private.h"
#include <stdlib.h>

static struct sdb_error *add_index(void *arg, const struct buffer *separator, uint32_t first)
{
	struct names_state *state = arg;
	if ((state->index_count & (state->index_count - 1)) == 0) {
		size_t capacity = state->index_count ? 2 * state->index_count : 1;
		void *bigger = realloc(state->index, capacity * sizeof(*state->index));
		if (!bigger)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		state->index = bigger;
	}
	uint8_t *text = malloc(separator->size + 1);
	if (!text)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	memcpy(text, separator->data, separator->size);
	state->index[state->index_count++] =
		(struct index_entry){ text, separator->size, first };
	return NULL;
}

/* A pool job: the texts need nothing but their order, so they are written beside the rest. */
static void write_texts(void *arg, void **scratch)
{
	struct names_state *state = arg;
	struct text_writer texts = {
		.part = writer_part(state->writer, PART_NAMES),
		.block = add_index,
		.arg = state,
	};
	(void)scratch;
	struct sdb_error *error = NULL;
	for (uint32_t i = 0; i < state->count && !error; i++) {
		size_t length;
		const char *text = sdb_names_text(state->names, state->order[i], &length);
		error = text_writer_add(&texts, i + 1, text, length);
	}
	state->error = error ? error : text_writer_end(&texts);
	text_writer_deinit(&texts);
}

struct sdb_error *sdb_writer_freeze_names(struct sdb_writer *writer, struct sdb_names *names,
					  const uint32_t **ranks_ret)
{
	struct names_state *state = writer_slot(writer, SLOT_NAMES);
	if (state->ranks)
		return sdb_error_new(SDB_ERROR_INVALID, "the names are numbered already");
	names_freeze(names);
	uint32_t bound = sdb_names_bound(names);
	state->writer = writer;
	state->names = names;
	state->count = bound - 1;
	state->order = malloc(bound * sizeof(*state->order));
	state->ranks = malloc(bound * sizeof(*state->ranks));
	if (!state->order || !state->ranks || !names_order(names, state->order, state->count))
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	state->ranks[0] = 0;
	for (uint32_t i = 0; i < state->count; i++)
		state->ranks[state->order[i]] = i + 1;
	writer_info(writer)->names = state->count;
	pool_run(writer->pool, write_texts, state, &writer->scratch);
	*ranks_ret = state->ranks;
	return NULL;
}

static struct sdb_error *names_finish(struct sdb_writer *writer, void *slot)
{
	return postings_write(writer, slot);
}

static void names_deinit(void *slot)
{
	struct names_state *state = slot;
	for (size_t i = 0; i < state->index_count; i++)
		free(state->index[i].text);
	for (int kind = 0; kind < ENTITY_KINDS; kind++)
		free(state->lists[kind].items);
	free(state->index);
	free(state->order);
	free(state->ranks);
	sdb_error_free(state->error);
}

const struct slot_traits names_slot = {
	.size = sizeof(struct names_state),
	.finish = names_finish,
	.deinit = names_deinit,
};

struct sdb_error *names_write_index(struct sdb_writer *writer, sqlite3 *sql)
{
	struct names_state *state = writer_slot(writer, SLOT_NAMES);
	struct sdb_error *error = state->error;
	state->error = NULL;
	if (error)
		return error;
	sqlite3_stmt *insert;
	if (sqlite3_prepare_v2(sql, "INSERT INTO name_index VALUES(?1, ?2)", -1, &insert, NULL) !=
	    SQLITE_OK)
		return output_error(writer, sql);
	for (size_t i = 0; i < state->index_count && !error; i++) {
		const struct index_entry *entry = &state->index[i];
		sqlite3_bind_blob64(insert, 1, entry->text, entry->length, SQLITE_STATIC);
		sqlite3_bind_int64(insert, 2, entry->first);
		if (sqlite3_step(insert) != SQLITE_DONE)
			error = output_error(writer, sql);
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	return error;
}
