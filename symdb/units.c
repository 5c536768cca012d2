/* SPDX-License-Identifier: MIT */
/*
 * Compilation units by number. A record: name as a signed distance from that of the unit before,
 * directory and producer (0: those of the unit before, else the name + 1), language,
 * version, lowest address as a signed distance.
 */

#include "records.h"
#include "writer.h"

struct units_state {
	uint32_t count;
	struct sdb_unit last;
};

static struct sdb_error *units_finish(struct sdb_writer *writer, void *slot)
{
	writer_info(writer)->units = ((struct units_state *)slot)->count;
	return NULL;
}

const struct slot_traits units_slot = {
	.size = sizeof(struct units_state),
	.finish = units_finish,
};

struct sdb_error *sdb_writer_add_unit(struct sdb_writer *writer, const struct sdb_unit *unit)
{
	struct units_state *state = writer_slot(writer, SLOT_UNITS);
	struct buffer *to;
	bool fresh;
	struct sdb_error *error =
		block_begin(writer_part(writer, PART_UNITS), state->count + 1, &to, &fresh);
	if (error)
		return error;
	struct sdb_unit *last = &state->last;
	if (fresh)
		*last = (struct sdb_unit){ 0 };
	put_sleb(to, (int64_t)unit->name - last->name);
	put_uleb(to, unit->directory == last->directory ? 0 : (uint64_t)unit->directory + 1);
	put_uleb(to, unit->producer == last->producer ? 0 : (uint64_t)unit->producer + 1);
	put_uleb(to, unit->language);
	put_uleb(to, unit->version);
	put_sleb(to, (int64_t)(unit->low - last->low));
	*last = *unit;
	state->count++;
	return NULL;
}

/* Changes *UNIT from the one before to the next. */
static bool get_unit(struct cursor *from, struct sdb_unit *unit)
{
	unit->name += (uint32_t)get_sleb(from);
	uint64_t directory = get_uleb(from), producer = get_uleb(from);
	uint32_t language = get_u32(from), version = get_u32(from);
	unit->low += (uint64_t)get_sleb(from);
	if (directory > UINT32_MAX + (uint64_t)1 || producer > UINT32_MAX + (uint64_t)1 ||
	    language > UINT16_MAX || version > UINT16_MAX)
		from->failed = true;
	if (directory)
		unit->directory = (sdb_name_id)(directory - 1);
	if (producer)
		unit->producer = (sdb_name_id)(producer - 1);
	unit->language = (uint16_t)language;
	unit->version = (uint16_t)version;
	return !from->failed;
}

struct sdb_error *sdb_unit(struct sdb_db *db, sdb_unit_id id, struct sdb_unit *unit_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	if (id == 0 || id > sdb_db_info(db)->units)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no unit %u", sdb_db_path(db), id);
	struct sdb_error *error = block_find(db, PART_UNITS, id, &block);
	if (error)
		return error;
	struct cursor cursor = block_cursor(block);
	struct sdb_unit unit = { 0 };
	for (uint64_t at = block->first; at <= id; at++) {
		if (!get_unit(&cursor, &unit))
			return block_damaged(db, block, "a unit does not decode");
	}
	*unit_ret = unit;
	return NULL;
}

struct sdb_error *units_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	struct sdb_unit unit = { 0 };
	uint64_t at = block->first;
	uint64_t names = sdb_db_info(db)->names;
	for (; cursor.at < cursor.end; at++) {
		if (!get_unit(&cursor, &unit) || unit.name > names || unit.directory > names ||
		    unit.producer > names)
			return block_damaged(db, block, "a unit does not decode");
	}
	if (at != (block->last ? sdb_db_info(db)->units + 1 : block->next))
		return block_damaged(db, block, "it has the wrong number of units");
	return NULL;
}
