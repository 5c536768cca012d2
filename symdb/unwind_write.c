/* SPDX-License-Identifier: MIT */
/* Writing unwind rows. */

#include "checksum.h"
#include "unwind.h"
#include "writer.h"
#include <stdlib.h>

/* Where a rule set lies in `sets`. */
struct set {
	uint64_t hash;
	size_t start, size;
};

struct unwind_state {
	uint64_t ends[SDB_UNWIND_ORC + 1]; /* of the last row of each source */
	uint64_t rows;
	struct buffer bytes; /* of all rule sets */
	struct set *sets;
	uint32_t set_count, set_capacity;
	uint32_t *table, table_size; /* by hash: number + 1 */
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

/* ---- rule sets ----------------------------------------------------------------------- */

static bool grow_table(struct unwind_state *state)
{
	uint32_t size = state->table_size ? 2 * state->table_size : 256;
	uint32_t *table = calloc(size, sizeof(*table));
	if (!table)
		return false;
	for (uint32_t number = 0; number < state->set_count; number++) {
		uint32_t i = (uint32_t)state->sets[number].hash & (size - 1);
		while (table[i])
			i = (i + 1) & (size - 1);
		table[i] = number + 1;
	}
	free(state->table);
	state->table = table;
	state->table_size = size;
	return true;
}

static struct sdb_error *write_set(struct sdb_writer *writer, uint32_t number, const uint8_t *bytes,
				   size_t size)
{
	struct buffer *to;
	bool fresh;
	struct sdb_error *error =
		block_begin(writer_part(writer, PART_UNWIND_RULES), number, &to, &fresh);
	if (error)
		return error;
	put_uleb(to, size);
	put_bytes(to, bytes, size);
	return NULL;
}

/* The bytes from START on are a rule set: its number, which may be that of an equal one. */
static struct sdb_error *number_set(struct sdb_writer *writer, struct unwind_state *state,
				    size_t start, uint32_t *number_ret)
{
	size_t size = state->bytes.size - start;
	if (state->bytes.failed ||
	    (state->set_count >= state->table_size / 2 && !grow_table(state)))
		return no_memory();
	const uint8_t *bytes = state->bytes.data + start;
	uint64_t hash = checksum64(0, bytes, size);
	uint32_t i = (uint32_t)hash & (state->table_size - 1);
	for (; state->table[i]; i = (i + 1) & (state->table_size - 1)) {
		const struct set *set = &state->sets[state->table[i] - 1];
		if (set->hash == hash && set->size == size &&
		    memcmp(state->bytes.data + set->start, bytes, size) == 0) {
			state->bytes.size = start;
			*number_ret = state->table[i] - 1;
			return NULL;
		}
	}
	if (state->set_count == state->set_capacity) {
		uint32_t capacity = state->set_capacity ? 2 * state->set_capacity : 128;
		void *sets = realloc(state->sets, capacity * sizeof(*state->sets));
		if (!sets)
			return no_memory();
		state->sets = sets;
		state->set_capacity = capacity;
	}
	*number_ret = state->set_count;
	state->sets[state->set_count++] = (struct set){ hash, start, size };
	state->table[i] = state->set_count;
	return write_set(writer, *number_ret, bytes, size);
}

/* ---- rows ----------------------------------------------------------------------------- */

static struct sdb_error *put_row(struct sdb_writer *writer, uint64_t *end,
				 const struct sdb_unwind_row *row, uint32_t set)
{
	struct buffer *to;
	bool fresh;
	struct sdb_error *error =
		block_begin(writer_part(writer, unwind_part(row->source)), row->low, &to, &fresh);
	if (error)
		return error;
	bool hole = !fresh && row->low != *end;
	put_uleb(to, (uint64_t)set << UNWIND_SET_SHIFT |
			     (row->flags & SDB_UNWIND_FDE_START ? UNWIND_SET_START : 0) |
			     (hole ? UNWIND_SET_HOLE : 0));
	if (hole)
		put_uleb(to, row->low - *end);
	put_uleb(to, row->high - row->low);
	*end = row->high;
	return NULL;
}

struct sdb_error *sdb_writer_add_unwind(struct sdb_writer *writer, const struct sdb_unwind_row *row)
{
	struct unwind_state *state = writer_slot(writer, SLOT_UNWIND);
	if (unwind_part(row->source) == PART_COUNT)
		return sdb_error_new(SDB_ERROR_INVALID, "unwind source %d", (int)row->source);
	uint64_t *end = &state->ends[row->source];
	uint32_t set = 0;
	if (row->high <= row->low || row->low < *end)
		return sdb_error_new(SDB_ERROR_INVALID, "unwind row %#llx-%#llx comes after %#llx",
				     (unsigned long long)row->low, (unsigned long long)row->high,
				     (unsigned long long)*end);
	size_t start = state->bytes.size;
	unwind_set_put(&state->bytes, row);
	struct sdb_error *error = number_set(writer, state, start, &set);
	if (!error)
		error = put_row(writer, end, row, set);
	state->rows++;
	return error;
}

static struct sdb_error *unwind_finish(struct sdb_writer *writer, void *slot)
{
	const struct unwind_state *state = slot;
	writer_info(writer)->unwind_rows = state->rows;
	return NULL;
}

static void unwind_deinit(void *slot)
{
	struct unwind_state *state = slot;
	buffer_deinit(&state->bytes);
	free(state->sets);
	free(state->table);
}

const struct slot_traits unwind_slot = {
	.size = sizeof(struct unwind_state),
	.finish = unwind_finish,
	.deinit = unwind_deinit,
};
