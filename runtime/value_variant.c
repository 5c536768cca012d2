/* SPDX-License-Identifier: MIT */
/* Which of its variants an enumeration of Rust is: DW_TAG_variant_part (DWARF 5, 5.7.10). */
#include "value.h"

/*
 * Discriminants are as wide as the field that holds one; debuginfo gives them with a sign or
 * without.
 */
static bool selects(const struct sdb_member *member, number_signed number, unsigned bits)
{
	return number_mask((number_bits)member->value, bits)
		== number_mask((number_bits)number, bits);
}

/* The number of the variant that is selected when the discriminant is NUMBER. */
static uint32_t find_variant(const struct sdb_type *type, number_signed number, unsigned bits)
{
	uint32_t fallback = VALUE_NO_VARIANT;
	for (size_t i = 0; i < type->member_count; i++) {
		const struct sdb_member *member = &type->members[i];
		if (member->kind != SDB_MEMBER_VARIANT)
			continue;
		if (member->flags & SDB_MEMBER_DEFAULT_VARIANT)
			fallback = member->variant;
		else if (selects(member, number, bits))
			return member->variant;
	}
	return fallback;
}

struct sdb_error *value_variant(struct sdb_value *whole, const struct sdb_context *context,
				uint32_t *variant_ret)
{
	const struct sdb_type *type;
	const struct sdb_member *discriminant = NULL;
	struct sdb_value part;
	number_signed number;
	*variant_ret = 0;
	struct sdb_error *error = value_stripped(whole, &type);
	for (size_t i = 0; !error && i < type->member_count && !discriminant; i++)
		if (type->members[i].kind == SDB_MEMBER_DISCRIMINANT)
			discriminant = &type->members[i];
	if (error || !discriminant)
		return error;
	error = value_member_part(whole, context, discriminant, &part);
	if (error)
		return error;
	error = value_integer(&part, context, &number);
	if (!error)
		*variant_ret = find_variant(type, number, (unsigned)part.size * 8);
	value_deinit(&part);
	/* One that cannot be read says nothing: all are shown. */
	if (error && sdb_error_code(error) != SDB_ERROR_MEMORY) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

bool value_is_shown(const struct sdb_member *member, uint32_t variant)
{
	if (variant == 0)
		return true;
	return member->kind == SDB_MEMBER_VARIANT ? member->variant == variant
		: member->kind != SDB_MEMBER_DISCRIMINANT;
}
