/* SPDX-License-Identifier: MIT */

/*
 * The units that a few addresses need: those with code there, and all that these refer to. What is in no such
 * unit is as if the file did not have it.
 */

#include "../map.h"
#include "dwarf.h"

#include <stdlib.h>

/* Whether one of the addresses lies in LOW to HIGH, which is not part of it. */
static bool has_between(const struct dwarf_addresses *near, uint64_t low, uint64_t high)
{
	size_t from = 0, to = near->count;

	while (from < to) {
		size_t middle = (from + to) / 2;
		if (near->addresses[middle] < low)
			from = middle + 1;
		else
			to = middle;
	}
	return from < near->count && near->addresses[from] < high;
}

bool slice_has_code(const struct unit *unit, const struct die *root)
{
	const struct dwarf_addresses *near = unit->dwarf->near;
	struct attr attr;

	if (unit->file->skeleton) /* it was opened for the sake of its code */
		return true;
	if (die_attr(root, DW_AT_ranges, &attr)) {
		struct range_list list = { 0 };
		bool found = !dwarf_ranges(unit, &attr, &list); /* damaged: anything can be in it */
		for (size_t i = 0; i < list.count && !found; i++)
			found = has_between(near, list.ranges[i].low, list.ranges[i].high);
		free(list.ranges);
		return found;
	}
	if (!die_attr(root, DW_AT_high_pc, &attr))
		return false;
	uint64_t high = attr.u;
	if (attr.class == ATTR_ADDRESS || attr.class == ATTR_ADDRESS_INDEX) {
		if (!attr_address(unit, &attr, &high))
			return true;
	} else {
		high += unit->low_pc;
	}
	return has_between(near, unit->low_pc, high);
}

/* ---- what they refer to ---------------------------------------------------------------- */

struct closure {
	struct dwarf *dwarf;
	struct unit **todo; /* kept, and not looked through yet */
	size_t count, capacity;
	struct abbrev_table *table;
};

static bool keep(struct closure *closure, struct unit *unit)
{
	if (!array_room(closure->todo, closure->count, closure->capacity))
		return false;
	closure->todo[closure->count++] = unit;
	unit->kept = true;
	return true;
}

static bool leads_out(unsigned form)
{
	return form == DW_FORM_ref_addr || form == DW_FORM_ref_sig8 || form == DW_FORM_GNU_ref_alt ||
	       form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8;
}

static bool any_leads_out(const struct abbrev_table *table)
{
	for (size_t i = 0; i < table->spec_count; i++)
		if (leads_out(table->specs[i].form) || table->specs[i].form == DW_FORM_indirect)
			return true;
	return false;
}

static bool follow_attributes(struct closure *closure, const struct die *die)
{
	const struct attr_spec *spec = die_specs(die);
	const uint8_t *at = die->attrs;
	struct attr attr;

	for (unsigned i = 0; i < die->abbrev->count; i++, spec++) {
		at = attr_read(die->unit, spec, at, &attr);
		if (!at)
			break;
		if (!leads_out(attr.form))
			continue;
		die_ref ref = attr.class == ATTR_SIGNATURE ? dwarf_signature(closure->dwarf, attr.u) : attr.u;
		struct unit *unit = ref ? dwarf_unit_of(closure->dwarf, ref) : NULL;
		if (unit && !unit->kept && !keep(closure, unit))
			return false;
	}
	return true;
}

static bool follow(struct closure *closure, const struct unit *unit)
{
	const uint8_t *at = unit_section(unit) + unit->root;
	struct die die;

	if (unit->root >= unit->end)
		return true;
	closure->table = abbrev_table_read(unit, closure->table);
	if (!closure->table)
		return false;
	if (!any_leads_out(closure->table))
		return true;
	while (at && at < unit_end(unit) && die_at(unit, closure->table, at, &die)) {
		if (die.abbrev && !follow_attributes(closure, &die))
			return false;
		at = die.abbrev ? die_attrs_end(&die) : die.attrs;
	}
	return true;
}

static void drop_others(struct dwarf *dwarf)
{
	uint32_t count = 0;

	dwarf->info_size = 0;
	for (uint32_t i = 0; i < dwarf->unit_count; i++) {
		struct unit *unit = dwarf->units[i];
		if (!unit->kept) {
			dwarf->dropped = true;
			free(unit);
			continue;
		}
		unit->index = count;
		dwarf->units[count++] = unit;
		dwarf->info_size += unit->end - unit->offset;
	}
	dwarf->unit_count = count;
}

bool slice_select(struct dwarf *dwarf)
{
	struct closure closure = { .dwarf = dwarf };
	bool good = true;

	for (uint32_t i = 0; i < dwarf->unit_count && good; i++)
		if (dwarf->units[i]->kept)
			good = keep(&closure, dwarf->units[i]);
	while (closure.count && good)
		good = follow(&closure, closure.todo[--closure.count]);
	abbrev_table_free(closure.table);
	free(closure.todo);
	if (good)
		drop_others(dwarf);
	return good;
}
