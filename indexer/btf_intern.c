/* SPDX-License-Identifier: MIT */
/*
 * What of BTF goes into a database, under which numbers, and its names: types get dense numbers in
 * the order of BTF's own; a type tag has that of its target.
 */

#include "btf_types.h"

#include <stdlib.h>

#define UNRESOLVED UINT32_MAX

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "BTF: out of memory");
}

/* Types of the base that are wanted and whose own references are still to be looked at. */
struct wanted {
	struct btf *btf;
	uint32_t *pending;
	size_t count;
	bool foreign;
};

static bool want(void *arg, const struct btf_type *type, uint32_t id)
{
	struct wanted *wanted = arg;
	(void)type;
	if (id == 0 || id >= wanted->btf->first_id)
		return true;
	if (btf_is_foreign(wanted->btf, id)) {
		wanted->foreign = true;
	} else if (!*btf_id_slot(wanted->btf, id)) {
		*btf_id_slot(wanted->btf, id) = UNRESOLVED; /* a mark until types are numbered */
		wanted->pending[wanted->count++] = id;
	}
	return true;
}

static struct sdb_error *mark(struct btf *btf, bool *foreign_ret)
{
	struct wanted wanted = { .btf = btf };
	size_t base_count = btf->partial ? 0 : btf->first_id;
	btf->ids = calloc(base_count + btf->count + 1, sizeof(*btf->ids));
	/* Each number is pending once at most. */
	wanted.pending = calloc(base_count + 1, sizeof(*wanted.pending));
	if (!btf->ids || !wanted.pending) {
		free(wanted.pending);
		return no_memory();
	}
	for (uint32_t i = 0; i < btf->count; i++) {
		struct btf_type type = btf_own_type(btf, i);
		*btf_id_slot(btf, type.id) = UNRESOLVED;
		btf_visit(&type, want, NULL, &wanted);
	}
	while (wanted.count) {
		struct btf_type type = btf_type(btf, wanted.pending[--wanted.count]);
		btf_visit(&type, want, NULL, &wanted);
	}
	free(wanted.pending);
	*foreign_ret = wanted.foreign;
	return NULL;
}

/*
 * Gives the type tags from ID on the number that their target has. The path is walked twice, the
 * second time writing, so that no tag is ever walked again; a circle of tags is void.
 */
static void resolve_tags(struct btf *btf, uint32_t id)
{
	uint32_t at = id;
	while (btf_number(btf, at) == UNRESOLVED) {
		*btf_id_slot(btf, at) = 0; /* so a circle ends */
		at = btf_type(btf, at).size;
	}
	uint32_t target = btf_number(btf, at);
	for (at = id; btf_number(btf, at) != target; at = btf_type(btf, at).size)
		*btf_id_slot(btf, at) = target;
}

static void number_types(struct btf *btf, bool foreign)
{
	for (uint32_t id = btf_first_slot(btf); id < btf_bound(btf); id++) {
		uint32_t *slot = btf_id_slot(btf, id);
		enum btf_kind kind = *slot ? btf_type(btf, id).kind : BTF_VOID;
		if (kind != BTF_TYPE_TAG)
			*slot = btf_is_model_type(kind) ? ++btf->type_count : 0;
	}
	if (foreign)
		btf->foreign_id = ++btf->type_count;
	for (uint32_t id = btf_first_slot(btf); id < btf_bound(btf); id++) {
		if (btf_number(btf, id) == UNRESOLVED)
			resolve_tags(btf, id);
	}
}

struct interning {
	struct btf *btf;
	struct sdb_names *names;
};

static bool intern(void *arg, const struct btf_type *type, uint32_t offset)
{
	struct interning *interning = arg;
	struct btf *btf = interning->btf;
	(void)type;
	const char *text = btf_text(btf, offset);
	if (!text || !*text)
		return true;
	uint32_t *slot = btf_name_slot(btf, offset);
	if (!*slot)
		*slot = sdb_names_intern(interning->names, text, strlen(text));
	return *slot != UINT32_MAX;
}

static bool intern_text(struct sdb_names *names, const char *text, uint32_t *name_ret)
{
	*name_ret = sdb_names_intern(names, text, strlen(text));
	return *name_ret != UINT32_MAX;
}

struct sdb_error *btf_intern(struct btf *btf, struct sdb_names *names, const char *unit_name)
{
	bool foreign = false;
	struct sdb_error *error = mark(btf, &foreign);
	if (error)
		return error;
	number_types(btf, foreign);
	size_t base_size = btf->partial ? 0 : btf->string_start;
	btf->names = calloc(base_size + btf->strings_size + 1, sizeof(*btf->names));
	if (!btf->names || !intern_text(names, unit_name, &btf->unit_name) ||
	    !intern_text(names, "BTF", &btf->producer_name) ||
	    !intern_text(names, "(type of the kernel's BTF, which was not given)", &btf->foreign_name))
		return no_memory();
	struct interning interning = { btf, names };
	for (uint32_t id = btf_first_slot(btf); id < btf_bound(btf); id++) {
		struct btf_type type = btf_type(btf, id);
		/* Of the base only what was marked; of the own part everything but tags' texts. */
		if (type.kind == BTF_VOID || type.kind == BTF_DECL_TAG || type.kind == BTF_TYPE_TAG ||
		    type.kind == BTF_DATASEC || (id < btf->first_id && !btf_number(btf, id)))
			continue;
		if (!btf_visit(&type, NULL, intern, &interning))
			return no_memory();
	}
	return NULL;
}
