/* SPDX-License-Identifier: MIT */
/* What the printers of text and of JSON walk through: members and elements. */
#include "print.h"

struct sdb_error *print_members(struct printer *printer, struct sdb_value *whole,
				print_member_fn fn)
{
	const struct sdb_type *type;
	uint32_t variant;
	struct sdb_error *error = value_variant(whole, printer->context, &variant);
	if (!error)
		error = value_stripped(whole, &type);
	for (size_t i = 0; !error && i < type->member_count && !print_full(printer); i++) {
		const struct sdb_member *member = &type->members[i];
		bool hidden = member->flags & SDB_MEMBER_STATIC && printer->options.no_statics;
		if (!hidden && value_is_shown(member, variant))
			error = fn(printer, whole, member, i);
	}
	return error;
}

struct sdb_error *print_measure(struct sdb_value *array, bool cut, struct print_array *shape_ret)
{
	sdb_type_id type;
	unsigned dimension;
	uint64_t size;
	bool known;
	*shape_ret = (struct print_array){ 0 };
	struct sdb_error *error = value_element_shape(array, &type, &dimension, &size, &known);
	if (!error && dimension == 0)
		error = value_character(array, type, &shape_ret->width, &shape_ret->prefix);
	if (!error)
		error = value_elements(array, &shape_ret->count, &known);
	if (!error && cut)
		shape_ret->count = size ? array->size / size : 0;
	if (value_any_missing(array))
		shape_ret->width = 0;
	return error;
}
