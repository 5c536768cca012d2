/* SPDX-License-Identifier: MIT */

/* Locations in the intermediate form: kind, then what the kind needs. */

#include "gather.h"

struct list {
	struct worker *worker;
	const struct unit *unit;
	const struct function_info *function;
	struct buffer entries;
	uint64_t base;
	uint32_t count;
};

static bool add_entry(void *arg, uint64_t low, uint64_t high, bool is_default, const uint8_t *expression,
		      uint64_t length)
{
	struct list *list = arg;
	uint32_t number = expression_number(list->worker, list->unit, expression, length, list->function);

	put_u8(&list->entries, is_default);
	put_sleb(&list->entries, is_default ? 0 : (int64_t)(low - list->base));
	put_uleb(&list->entries, high - low);
	put_uleb(&list->entries, number);
	list->count++;
	return !list->entries.failed && list->count < 1u << 24;
}

static void put_list(struct worker *worker, const struct unit *unit, struct buffer *to, const struct attr *attr,
		     const struct function_info *function, uint64_t base)
{
	struct list list = { .worker = worker, .unit = unit, .function = function, .base = base,
			     .entries = worker->scratch2 };

	list.entries.size = 0;
	if (!dwarf_location_list(unit, attr, add_entry, &list))
		module_warn(worker->gather->dwarf.module, "unit at 0x%llx: a location list is damaged",
			    (unsigned long long)unit->offset);
	put_u8(to, list.count ? SDB_LOCATION_LIST : SDB_LOCATION_NONE);
	if (list.count) {
		put_uleb(to, list.count);
		put_bytes(to, list.entries.data, list.entries.size);
	}
	worker->scratch2 = list.entries;
}

static void put_constant(struct buffer *to, const struct unit *unit, const struct attr *attr)
{
	const char *text;

	switch (attr->class) {
	case ATTR_UNSIGNED: case ATTR_SIGNED: case ATTR_ADDRESS: case ATTR_FLAG:
		put_u8(to, SDB_LOCATION_CONSTANT);
		put_sleb(to, attr->s);
		return;
	case ATTR_BLOCK:
		put_u8(to, SDB_LOCATION_BYTES);
		put_uleb(to, attr->u);
		put_bytes(to, attr->bytes, attr->u);
		return;
	case ATTR_STRING:
		text = attr_string(unit, attr);
		put_u8(to, SDB_LOCATION_BYTES);
		put_uleb(to, text ? strlen(text) + 1 : 0);
		put_bytes(to, text, text ? strlen(text) + 1 : 0);
		return;
	default:
		put_u8(to, SDB_LOCATION_NONE);
	}
}

void location_gather(struct worker *worker, const struct unit *unit, struct buffer *to, const struct attr *attr,
		  const struct function_info *function, uint64_t base)
{
	uint64_t address;

	if (attr->name == DW_AT_const_value) {
		put_constant(to, unit, attr);
	} else if (attr->class == ATTR_BLOCK) {
		if (expression_is_address(unit, attr->bytes, attr->u, &address)) {
			put_u8(to, SDB_LOCATION_ADDRESS);
			put_uleb(to, address);
			return;
		}
		uint32_t number = expression_number(worker, unit, attr->bytes, attr->u, function);
		put_u8(to, number ? SDB_LOCATION_EXPRESSION : SDB_LOCATION_NONE);
		if (number)
			put_uleb(to, number);
	} else if (attr->class == ATTR_SECTION || attr->class == ATTR_LIST_INDEX || attr->class == ATTR_UNSIGNED) {
		put_list(worker, unit, to, attr, function, base);
	} else {
		put_u8(to, SDB_LOCATION_NONE);
	}
}

static struct sdb_expression expression_of(const struct gather *gather, uint64_t number)
{
	const struct interned *item;

	if (number == 0 || number > gather->expressions.count)
		return (struct sdb_expression){ 0 };
	item = &gather->expressions.items[number - 1];
	return (struct sdb_expression){ item->bytes, item->length };
}

bool location_take(const struct gather *gather, struct cursor *from, uint64_t base, struct sdb_location *location)
{
	*location = (struct sdb_location){ .kind = get_u8(from) };
	switch (location->kind) {
	case SDB_LOCATION_NONE:
		break;
	case SDB_LOCATION_ADDRESS:
		location->address = get_uleb(from);
		break;
	case SDB_LOCATION_CONSTANT:
		location->address = (uint64_t)get_sleb(from);
		break;
	case SDB_LOCATION_EXPRESSION:
		location->expression = expression_of(gather, get_uleb(from));
		break;
	case SDB_LOCATION_BYTES:
		location->expression.length = (uint32_t)get_uleb(from);
		location->expression.bytes = get_bytes(from, location->expression.length);
		break;
	case SDB_LOCATION_LIST:
		location->entry_count = get_count(from);
		location->entries = calloc(location->entry_count + 1, sizeof(*location->entries));
		if (!location->entries)
			return false;
		for (size_t i = 0; i < location->entry_count; i++) {
			struct sdb_location_entry *entry = &location->entries[i];
			entry->is_default = get_u8(from);
			int64_t low = get_sleb(from);
			entry->low = entry->is_default ? 0 : base + (uint64_t)low;
			entry->high = entry->low + get_uleb(from);
			entry->expression = expression_of(gather, get_uleb(from));
		}
		break;
	}
	return !from->failed;
}
