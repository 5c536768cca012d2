/* SPDX-License-Identifier: MIT */
/* Values read again, and what has changed between two of them. */
#include "text.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define DEFAULT_LIMIT 1000
#define MAX_VISITS 1000000 /* of parts that are compared */

/* A bit-field has no content without the structure around it: that is read again. */
static struct sdb_error *read_again(const struct sdb_value *value,
				    const struct sdb_context *context,
				    struct sdb_value *again_ret)
{
	struct sdb_value whole = { .db = value->db, .types = types_ref(value->types),
				   .type = value->type,
				   .stripped = value->stripped, .kind = value->kind,
				   .size = value->size,
				   .sized = value->sized,
				   .location = location_ref(value->location) };
	struct sdb_error *error = value_part(&whole, context, value->type, value->dimension,
					     value->bit_start,
					     value->bit_size, again_ret);
	value_deinit(&whole);
	if (error)
		return error;
	again_ret->size = value->size;
	again_ret->sized = value->sized;
	error = value_load(again_ret, context);
	if (error)
		value_deinit(again_ret);
	return error;
}

static void take_content(struct sdb_value *value, struct sdb_value *from)
{
	if (!value->borrowed) {
		if (value->bytes != value->small)
			free(value->bytes);
		free(value->missing);
	}
	free(value->why);
	memcpy(value->small, from->small, sizeof(value->small));
	value->bytes = from->bytes == from->small ? value->small : from->bytes;
	value->missing = from->missing;
	value->absence = from->absence;
	value->why = from->why;
	value->loaded = from->loaded;
	value->borrowed = false;
	from->bytes = from->missing = NULL;
	from->why = NULL;
}

struct sdb_error *sdb_value_refresh(struct sdb_value *value, const struct sdb_context *context,
				    bool *changed_ret)
{
	TYPES_HOLD(value->types);
	struct sdb_value again;
	if (changed_ret)
		*changed_ret = false;
	if (!value->location)
		return NULL;
	bool was_loaded = value->loaded;
	struct sdb_error *error = read_again(value, context, &again);
	if (error)
		return error;
	if (changed_ret)
		*changed_ret = was_loaded && !value_same(value, &again);
	take_content(value, &again);
	value_deinit(&again);
	return NULL;
}

/* ---- differences ----------------------------------------------------------------------------- */

struct comparison {
	const struct sdb_context *context;
	sdb_value_diff_fn fn;
	void *arg;
	size_t limit, count, visits;
	struct buffer path;
};

static struct sdb_error *compare(struct comparison *comparison, struct sdb_value *before,
				 struct sdb_value *after, unsigned depth);

static struct sdb_error *report(struct comparison *comparison, struct sdb_value *before,
				struct sdb_value *after)
{
	struct sdb_error *error = NULL;
	if (comparison->count++ >= comparison->limit)
		return NULL;
	put_u8(&comparison->path, 0);
	if (comparison->path.failed)
		return value_no_memory();
	comparison->path.size--;
	if (comparison->fn)
		error = comparison->fn(comparison->arg, (const char *)comparison->path.data, before,
				       after);
	return error;
}

/* Compares and gives up two parts; the second is NULL when ERROR says why. */
static struct sdb_error *compare_parts(struct comparison *comparison, struct sdb_value *before,
				       struct sdb_value *after, struct sdb_error *error,
				       unsigned depth)
{
	if (after) {
		error = compare(comparison, before, after, depth + 1);
		value_deinit(after);
	}
	value_deinit(before);
	return error;
}

static struct sdb_error *compare_members(struct comparison *comparison, struct sdb_value *before,
					 struct sdb_value *after, unsigned depth)
{
	const struct sdb_type *type;
	uint32_t variant;
	struct sdb_error *error = value_variant(after, comparison->context, &variant);
	if (!error)
		error = value_stripped(before, &type);
	for (size_t i = 0; !error && i < type->member_count; i++) {
		const struct sdb_member *member = &type->members[i];
		size_t length = comparison->path.size;
		struct sdb_value a, b;
		const char *name;
		bool hidden = member->kind == SDB_MEMBER_VARIANT
			&& !value_is_shown(member, variant);
		if (hidden || member->flags & (SDB_MEMBER_STATIC | SDB_MEMBER_CONST_VALUE))
			continue;
		error = types_text(before->types, before->db, member->kind == SDB_MEMBER_BASE ? 0
				   : member->name, &name);
		if (error)
			break;
		if (*name) {
			text_add(&comparison->path, ".");
			text_add(&comparison->path, name);
		}
		error = value_member_part(before, comparison->context, member, &a);
		if (error)
			break;
		error = value_member_part(after, comparison->context, member, &b);
		error = compare_parts(comparison, &a, error ? NULL : &b, error, depth);
		comparison->path.size = length;
	}
	return error;
}

static struct sdb_error *compare_elements(struct comparison *comparison, struct sdb_value *before,
					  struct sdb_value *after, unsigned depth)
{
	uint64_t count;
	bool known;
	struct sdb_error *error = value_elements(before, &count, &known);
	for (uint64_t i = 0; !error && known && i < count; i++) {
		size_t length = comparison->path.size;
		struct sdb_value a, b;
		text_add_format(&comparison->path, "[%llu]", (unsigned long long)i);
		error = value_element_part(before, comparison->context, i, &a);
		if (error)
			break;
		error = value_element_part(after, comparison->context, i, &b);
		error = compare_parts(comparison, &a, error ? NULL : &b, error, depth);
		comparison->path.size = length;
	}
	return error;
}

static struct sdb_error *compare(struct comparison *comparison, struct sdb_value *before,
				 struct sdb_value *after, unsigned depth)
{
	struct sdb_error *error = value_load(before, comparison->context);
	if (!error)
		error = value_load(after, comparison->context);
	if (error || value_same(before, after))
		return error;
	if (comparison->visits++ >= MAX_VISITS)
		return sdb_error_new(SDB_ERROR_INVALID, "values of more than %d parts are compared",
				     MAX_VISITS);
	bool in_parts = depth < MAX_DEPTH && before->bytes && after->bytes
		&& before->size == after->size;
	if (in_parts && types_is_structure(before->kind))
		return compare_members(comparison, before, after, depth);
	if (in_parts && before->kind == SDB_TYPE_ARRAY)
		return compare_elements(comparison, before, after, depth);
	return report(comparison, before, after);
}

struct sdb_error *sdb_value_diff(struct sdb_value *before, struct sdb_value *after,
				 const struct sdb_context *context, size_t limit,
				 sdb_value_diff_fn fn, void *arg, size_t *count_ret)
{
	TYPES_HOLD(before->types);
	struct comparison comparison = { .context = context, .fn = fn, .arg = arg,
					 .limit = limit ? limit : DEFAULT_LIMIT };
	if (before->db != after->db || before->stripped != after->stripped)
		return sdb_error_new(SDB_ERROR_INVALID, "values of different types are compared");
	struct sdb_error *error = compare(&comparison, before, after, 0);
	if (count_ret)
		*count_ret = comparison.count;
	buffer_deinit(&comparison.path);
	return error;
}
