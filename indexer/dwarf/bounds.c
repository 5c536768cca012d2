/* SPDX-License-Identifier: MIT */

/*
 * Variables that types refer to: those that hold the bound of an array of variable length. The type
 * may stand outside of the function whose variable it is, so pass 1, which knows what encloses
 * what, notes the function.
 */

#include "gather.h"

/* A function with more bytes of entries is not looked through for a type's sake. */
#define LARGEST_FUNCTION (256 << 10)

bool bound_note(struct gather *gather, die_ref variable, die_ref function)
{
	const struct unit *unit = dwarf_unit_of(&gather->dwarf, variable);

	/* a function of another unit than its variable: only damaged input has one */
	if (!unit || dwarf_unit_of(&gather->dwarf, function) != unit)
		return true;
	struct unit_data *data = &gather->units[unit->index];
	if (!array_room(data->bounds, data->bound_count, data->bound_capacity))
		return false;
	data->bounds[data->bound_count++] = (struct entry_scope){
		(uint32_t)(DIE_OFFSET(variable) - unit->offset), (uint32_t)(DIE_OFFSET(function) - unit->offset) };
	return true;
}

static int compare_bounds(const void *a, const void *b)
{
	const struct entry_scope *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void bounds_sort(struct unit_data *data)
{
	if (data->bound_count > 1)
		qsort(data->bounds, data->bound_count, sizeof(*data->bounds), compare_bounds);
}

/* Number of VARIABLE among the locals of the function at FUNCTION, when this describes them all. */
static uint32_t number_of(struct worker *worker, die_ref variable, die_ref function)
{
	struct local_list *list = &worker->bound_locals;
	struct die die;
	struct attr attr;

	if (list->function != function) {
		if (!worker_die(worker, function, &die) || die_attr(&die, DW_AT_abstract_origin, &attr))
			return SDB_LOCAL_OWN;
		const uint8_t *end = die_skip(&die);
		if (!end || end - die.attrs > LARGEST_FUNCTION)
			return SDB_LOCAL_OWN;
		if (!local_list_read(worker, function, list))
			worker->gather->failed = true;
	}
	return local_number(list->refs, list->parameters, (uint32_t)list->count, variable);
}

uint64_t bound_hash(struct worker *worker, die_ref variable, die_ref function, uint64_t function_key)
{
	uint32_t number = function ? number_of(worker, variable, function) : SDB_LOCAL_OWN;

	return number == SDB_LOCAL_OWN ? hash_mix(41, variable) : hash_mix(hash_mix(43, function_key), number);
}

bool bound_local(struct worker *worker, die_ref variable, uint32_t *number_ret)
{
	const struct unit *unit = dwarf_unit_of(&worker->gather->dwarf, variable);

	if (!unit)
		return false;
	const struct unit_data *data = &worker->gather->units[unit->index];
	size_t low = 0, high = data->bound_count;
	uint32_t offset = (uint32_t)(DIE_OFFSET(variable) - unit->offset);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (data->bounds[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == data->bound_count || data->bounds[low].offset != offset)
		return false;
	const struct function_info *function =
		function_of(worker, unit_ref(unit, unit->offset + data->bounds[low].parent));
	*number_ret = function ? function_local(worker, function, variable) : SDB_LOCAL_OWN;
	return *number_ret != SDB_LOCAL_OWN;
}
