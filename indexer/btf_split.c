/* SPDX-License-Identifier: MIT */
/*
 * Split BTF whose base is missing. Its numbers begin where the base's end, which nothing in it
 * says; but they only make sense in one way:
 * - The encoder drops strings that nothing uses, so the highest name in use is the last string, and
 *   every name above the start must be the start of a string.
 * - A function refers to a prototype, a section to variables, and nothing else to either of these
 *   or to functions. Each prototype is there because something of the same part refers to it. Every number that could be the first is tried against all references;
 *   only when a single one passes is it taken.
 */

#include "btf_types.h"

#include <stdlib.h>

/* Types and references looked at before giving up, so that crafted data cannot take forever. */
#define MAX_STEPS 20000000

struct search {
	const struct btf *btf;
	uint32_t highest;   /* reference or name */
	uint32_t first;     /* being tried */
	uint64_t steps;
	uint32_t *prototypes; /* what functions refer to */
	uint32_t prototype_count;
	uint32_t *referred;   /* by own type: the number being tried that made something refer to it */
};

static bool find_highest(void *arg, const struct btf_type *type, uint32_t value)
{
	struct search *search = arg;
	(void)type;
	if (value > search->highest)
		search->highest = value;
	return true;
}

static bool is_string_start(void *arg, const struct btf_type *type, uint32_t offset)
{
	struct search *search = arg;
	const struct btf *btf = search->btf;
	(void)type;
	if (offset <= search->first)
		return true;
	uint32_t at = offset - search->first;
	return at < btf->strings_size && btf->strings[at - 1] == '\0';
}

static bool fits(void *arg, const struct btf_type *type, uint32_t id)
{
	struct search *search = arg;
	search->steps++;
	if (id < search->first)
		return type->kind != BTF_DATASEC; /* its variables are never in the base */
	uint32_t index = id - search->first;
	if (index >= search->btf->count)
		return false;
	enum btf_kind kind = btf_own_type(search->btf, index).kind;
	search->referred[index] = search->first;
	switch (type->kind) {
	case BTF_FUNC:
		return kind == BTF_FUNC_PROTO;
	case BTF_DATASEC:
		return kind == BTF_VAR;
	case BTF_DECL_TAG:
		return kind != BTF_DATASEC && kind != BTF_DECL_TAG;
	case BTF_PTR:
		return kind != BTF_FUNC && kind != BTF_VAR && kind != BTF_DATASEC && kind != BTF_DECL_TAG;
	default: /* has no unnamed function as a member, element or value */
		return kind != BTF_FUNC && kind != BTF_VAR && kind != BTF_DATASEC &&
		       kind != BTF_DECL_TAG && (kind != BTF_FUNC_PROTO || type->kind == BTF_TYPEDEF ||
						type->kind == BTF_TYPE_TAG);
	}
}

static bool visit_all(struct search *search, btf_visit_fn reference, btf_visit_fn name)
{
	for (uint32_t i = 0; i < search->btf->count; i++) {
		struct btf_type type = btf_own_type(search->btf, i);
		if (++search->steps > MAX_STEPS || !btf_visit(&type, reference, name, search))
			return false;
	}
	return true;
}

static bool infer_strings(struct btf *btf)
{
	struct search search = { .btf = btf };
	if (!visit_all(&search, NULL, find_highest))
		return false;
	/* The start of the last string: its NUL is the last byte. */
	size_t last = btf->strings_size - 1;
	while (last > 0 && btf->strings[last - 1] != '\0')
		last--;
	if (search.highest <= last)
		return false;
	search.first = search.highest - (uint32_t)last;
	if (!visit_all(&search, NULL, is_string_start))
		return false;
	btf->string_start = search.first;
	return true;
}

static bool functions_fit(struct search *search)
{
	for (uint32_t i = 0; i < search->prototype_count; i++) {
		uint32_t id = search->prototypes[i];
		search->steps++;
		if (id >= search->first &&
		    (id - search->first >= search->btf->count ||
		     btf_own_type(search->btf, id - search->first).kind != BTF_FUNC_PROTO))
			return false;
	}
	return true;
}

/* After fits() of all types. */
static bool prototypes_in_use(struct search *search)
{
	for (uint32_t i = 0; i < search->btf->count; i++) {
		search->steps++;
		if (search->referred[i] != search->first &&
		    btf_own_type(search->btf, i).kind == BTF_FUNC_PROTO)
			return false;
	}
	return true;
}

static void find_prototypes(struct search *search)
{
	for (uint32_t i = 0; i < search->btf->count; i++) {
		struct btf_type type = btf_own_type(search->btf, i);
		if (type.kind == BTF_FUNC)
			search->prototypes[search->prototype_count++] = type.size;
	}
}

/* The only number that fits; 0 when there is none or more than one. */
static uint32_t try_all(struct search *search)
{
	uint32_t found = 0, highest = search->highest;
	/* Above the highest reference all numbers mean the same: nothing refers to this part. */
	uint32_t low = highest >= search->btf->count ? highest - search->btf->count + 1 : 1;
	for (search->first = low; search->first <= highest + 1 && search->first; search->first++) {
		if (functions_fit(search) && visit_all(search, fits, NULL) &&
		    prototypes_in_use(search)) {
			if (found)
				return 0;
			found = search->first;
		}
		if (search->steps > MAX_STEPS)
			return 0;
	}
	return found;
}

static bool infer_types(struct btf *btf)
{
	struct search search = { .btf = btf };
	if (!visit_all(&search, find_highest, NULL))
		return false;
	search.prototypes = calloc(btf->count, sizeof(*search.prototypes));
	search.referred = calloc(btf->count, sizeof(*search.referred));
	btf->first_id = 0;
	if (search.prototypes && search.referred) {
		find_prototypes(&search);
		btf->first_id = try_all(&search);
	}
	free(search.prototypes);
	free(search.referred);
	return btf->first_id != 0;
}

bool btf_infer_base(struct btf *btf)
{
	return btf->count && infer_strings(btf) && infer_types(btf);
}
