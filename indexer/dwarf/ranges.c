/* SPDX-License-Identifier: MIT */

/* Range lists and location lists: .debug_ranges, .debug_rnglists, .debug_loc, .debug_loclists. */

#include "dwarf.h"

#include <stdlib.h>

bool range_list_add(struct range_list *list, uint64_t low, uint64_t high)
{
	if (low >= high)
		return true;
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct sdb_range *ranges = realloc(list->ranges, capacity * sizeof(*ranges));
		if (!ranges)
			return false;
		list->ranges = ranges;
		list->capacity = capacity;
	}
	list->ranges[list->count++] = (struct sdb_range){ low, high };
	return true;
}

/* Start of list INDEX behind BASE, whose offsets are relative to it. */
static bool indexed_list(const struct unit *unit, const struct section_data *section, uint64_t base,
			 uint64_t index, uint64_t *offset_ret)
{
	uint64_t at;

	if (__builtin_mul_overflow(index, unit->offset_size, &at) || __builtin_add_overflow(at, base, &at) ||
	    at > section->size || section->size - at < unit->offset_size)
		return false;
	*offset_ret = base + dwarf_number(unit->dwarf, section->data + at, unit->offset_size);
	return true;
}

struct list_reader {
	const struct unit *unit;
	const uint8_t *at, *end;
	uint64_t base;
};

static uint64_t read_address(struct list_reader *reader)
{
	unsigned size = reader->unit->address_size;

	if (!reader->at || (size_t)(reader->end - reader->at) < size) {
		reader->at = NULL;
		return 0;
	}
	uint64_t value = dwarf_number(reader->unit->dwarf, reader->at, size);
	reader->at += size;
	return value;
}

static uint64_t read_indexed(struct list_reader *reader)
{
	uint64_t address = 0, index = dwarf_uleb(&reader->at, reader->end);

	if (reader->at && !dwarf_indexed_address(reader->unit, index, &address))
		reader->at = NULL;
	return address;
}

static uint64_t read_uleb(struct list_reader *reader)
{
	return dwarf_uleb(&reader->at, reader->end);
}

/* One entry of a DWARF 5 list. The codes of range lists and location lists differ from 5 on. */
enum entry_kind { ENTRY_END, ENTRY_RANGE, ENTRY_DEFAULT, ENTRY_BASE, ENTRY_BAD };

static enum entry_kind read_entry(struct list_reader *reader, bool location, uint64_t *low, uint64_t *high)
{
	if (!reader->at || reader->at >= reader->end)
		return ENTRY_BAD;
	unsigned code = *reader->at++;
	switch (code) {
	case DW_RLE_end_of_list:
		return ENTRY_END;
	case DW_RLE_base_addressx:
		reader->base = read_indexed(reader);
		return reader->at ? ENTRY_BASE : ENTRY_BAD;
	case DW_RLE_startx_endx:
		*low = read_indexed(reader);
		*high = read_indexed(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	case DW_RLE_startx_length:
		*low = read_indexed(reader);
		*high = *low + read_uleb(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	case DW_RLE_offset_pair:
		*low = reader->base + read_uleb(reader);
		*high = reader->base + read_uleb(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	}
	if (location && code == DW_LLE_default_location)
		return ENTRY_DEFAULT;
	if (location && code == DW_LLE_GNU_view_pair) {
		read_uleb(reader);
		read_uleb(reader);
		return reader->at ? ENTRY_BASE : ENTRY_BAD;
	}
	switch (location ? code - 1 : code) {
	case DW_RLE_base_address:
		reader->base = read_address(reader);
		return reader->at ? ENTRY_BASE : ENTRY_BAD;
	case DW_RLE_start_end:
		*low = read_address(reader);
		*high = read_address(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	case DW_RLE_start_length:
		*low = read_address(reader);
		*high = *low + read_uleb(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	}
	return ENTRY_BAD;
}

/* One entry of the older lists: pairs of addresses. */
static enum entry_kind read_pair(struct list_reader *reader, uint64_t *low, uint64_t *high)
{
	uint64_t greatest = reader->unit->address_size == 8 ? UINT64_MAX :
		(UINT64_C(1) << reader->unit->address_size * 8) - 1;
	uint64_t first = read_address(reader), second = read_address(reader);

	if (!reader->at)
		return ENTRY_BAD;
	if (first == 0 && second == 0)
		return ENTRY_END;
	if (first == greatest) {
		reader->base = second;
		return ENTRY_BASE;
	}
	*low = (reader->base + first) & greatest;
	*high = (reader->base + second) & greatest;
	return ENTRY_RANGE;
}

/* GNU split DWARF 4: .debug_loc.dwo has codes of its own. */
static enum entry_kind read_gnu_entry(struct list_reader *reader, uint64_t *low, uint64_t *high)
{
	if (!reader->at || reader->at >= reader->end)
		return ENTRY_BAD;
	switch (*reader->at++) {
	case DW_LLE_GNU_end_of_list_entry:
		return ENTRY_END;
	case DW_LLE_GNU_base_address_selection_entry:
		reader->base = read_indexed(reader);
		return reader->at ? ENTRY_BASE : ENTRY_BAD;
	case DW_LLE_GNU_start_end_entry:
		*low = read_indexed(reader);
		*high = read_indexed(reader);
		return reader->at ? ENTRY_RANGE : ENTRY_BAD;
	case DW_LLE_GNU_start_length_entry:
		*low = read_indexed(reader);
		if (!reader->at || reader->end - reader->at < 4)
			return ENTRY_BAD;
		*high = *low + dwarf_number(reader->unit->dwarf, reader->at, 4);
		reader->at += 4;
		return ENTRY_RANGE;
	}
	return ENTRY_BAD;
}

bool dwarf_ranges(const struct unit *unit, const struct attr *attr, struct range_list *list)
{
	bool new_form = unit->version >= 5;
	const struct section_data *section = &unit->file->sections[new_form ? DWARF_RNGLISTS : DWARF_RANGES];
	uint64_t offset = attr->u, low = 0, high = 0;

	if (attr->class != ATTR_SECTION && attr->class != ATTR_LIST_INDEX && attr->class != ATTR_UNSIGNED)
		return false;
	if (!section->data)
		return false;
	if (attr->class == ATTR_LIST_INDEX) {
		if (!indexed_list(unit, section, unit->rnglists_base, attr->u, &offset))
			return false;
	} else if (!new_form && unit->file->dwo) {
		offset += unit->ranges_base;
	}
	if (offset >= section->size)
		return false;
	struct list_reader reader = { unit, section->data + offset, section->data + section->size, unit->low_pc };
	for (;;) {
		switch (new_form ? read_entry(&reader, false, &low, &high) : read_pair(&reader, &low, &high)) {
		case ENTRY_END:
			return true;
		case ENTRY_RANGE:
			if (!range_list_add(list, low, high))
				return false;
			break;
		case ENTRY_BASE:
			break;
		default:
			return false;
		}
	}
}

bool dwarf_location_list(const struct unit *unit, const struct attr *attr, location_entry_fn fn, void *arg)
{
	bool new_form = unit->version >= 5, gnu = !new_form && unit->file->dwo;
	const struct section_data *section = &unit->file->sections[new_form ? DWARF_LOCLISTS : DWARF_LOC];
	uint64_t offset = attr->u, low = 0, high = 0;

	if (!section->data)
		return false;
	if (attr->class == ATTR_LIST_INDEX &&
	    !indexed_list(unit, section, unit->loclists_base, attr->u, &offset))
		return false;
	if (offset >= section->size)
		return false;
	struct list_reader reader = { unit, section->data + offset, section->data + section->size, unit->low_pc };
	for (;;) {
		enum entry_kind kind = new_form ? read_entry(&reader, true, &low, &high) :
			gnu ? read_gnu_entry(&reader, &low, &high) : read_pair(&reader, &low, &high);
		if (kind == ENTRY_END)
			return true;
		if (kind == ENTRY_BASE)
			continue;
		if (kind == ENTRY_BAD)
			return false;
		uint64_t length;
		if (new_form) {
			length = read_uleb(&reader);
		} else {
			if (reader.end - reader.at < 2)
				return false;
			length = dwarf_number(unit->dwarf, reader.at, 2);
			reader.at += 2;
		}
		if (!reader.at || length > (uint64_t)(reader.end - reader.at))
			return false;
		bool is_default = kind == ENTRY_DEFAULT;
		if ((is_default || low < high) &&
		    !fn(arg, is_default ? 0 : low, is_default ? 0 : high, is_default, reader.at, length))
			return false;
		reader.at += length;
	}
}
