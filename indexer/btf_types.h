/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_BTF_TYPES_H
#define INDEXER_BTF_TYPES_H

/* What the files that read BTF share: the open data and one type of it. */

#include "btf.h"
#include "cfi_bytes.h"

enum btf_kind {
	BTF_VOID, BTF_INT, BTF_PTR, BTF_ARRAY, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_FWD, BTF_TYPEDEF,
	BTF_VOLATILE, BTF_CONST, BTF_RESTRICT, BTF_FUNC, BTF_FUNC_PROTO, BTF_VAR, BTF_DATASEC,
	BTF_FLOAT, BTF_DECL_TAG, BTF_TYPE_TAG, BTF_ENUM64,
	BTF_KINDS
};

struct btf {
	const uint8_t *types;
	size_t types_size;
	const char *strings;
	size_t strings_size;
	bool swap;
	bool partial;          /* split, and its base is not there */
	bool enums_unsigned;   /* the encoder knew the flag for signed enumerations */
	const struct btf *base;
	uint32_t first_id;     /* of this part; 1 when there is no base */
	uint32_t count;        /* types of this part */
	uint32_t string_start; /* offset of this part's first string */
	uint32_t *offsets;     /* of each type in `types` */
	/* owned base of btf_load() */
	struct btf *own_base;
	uint8_t *own_data;
	/* btf_intern() */
	uint32_t *names;       /* provisional numbers, see btf_name_slot() */
	uint32_t *ids;         /* number in the database, see btf_id_slot(); 0: none */
	uint32_t type_count;
	uint32_t foreign_id;   /* what stands for types of a missing base; 0: not needed */
	uint32_t unit_name, producer_name, foreign_name;
};

struct btf_type {
	uint32_t id;
	uint32_t name;
	enum btf_kind kind;
	uint32_t vlen;
	bool flag;
	uint32_t size;      /* or the type referred to */
	struct bytes extra; /* what follows, exactly */
};

/* Numbers at and above this do not exist. */
static inline uint32_t btf_bound(const struct btf *btf)
{
	return btf->first_id + btf->count;
}

/* By type number and by string offset; only own ones when the base is missing. */
static inline uint32_t *btf_id_slot(const struct btf *btf, uint32_t id)
{
	return &btf->ids[btf->partial ? id - btf->first_id : id];
}

static inline uint32_t *btf_name_slot(const struct btf *btf, uint32_t offset)
{
	return &btf->names[btf->partial ? offset - btf->string_start : offset];
}

/* Whether type ID is in a base that is missing. */
static inline bool btf_is_foreign(const struct btf *btf, uint32_t id)
{
	return btf->partial && id && id < btf->first_id;
}

/* Whether a kind is a type in the model: not a function, a variable or a tag. */
static inline bool btf_is_model_type(enum btf_kind kind)
{
	switch (kind) {
	case BTF_VOID:
	case BTF_FUNC:
	case BTF_VAR:
	case BTF_DATASEC:
	case BTF_DECL_TAG:
	case BTF_TYPE_TAG:
		return false;
	default:
		return true;
	}
}

/* The number that is final or UNRESOLVED; 0 for void and where the base is missing. */
static inline uint32_t btf_number(const struct btf *btf, uint32_t id)
{
	if (id == 0)
		return 0;
	return btf_is_foreign(btf, id) ? btf->foreign_id : *btf_id_slot(btf, id);
}

/* The first number that has a slot. */
static inline uint32_t btf_first_slot(const struct btf *btf)
{
	return btf->partial ? btf->first_id : 1;
}

/* Type ID of BTF or its base; kind VOID for 0 and for what is in a missing base. */
struct btf_type btf_type(const struct btf *btf, uint32_t id);
/* Own type number INDEX, from 0. */
struct btf_type btf_own_type(const struct btf *btf, uint32_t index);

/* Text at string OFFSET; NULL when it is in a missing base. */
const char *btf_text(const struct btf *btf, uint32_t offset);

/*
 * Calls FN with each type number that TYPE refers to, and each string offset, until it says
 * false. What it says last is returned. Either function may be NULL.
 */
typedef bool (*btf_visit_fn)(void *arg, const struct btf_type *type, uint32_t value);
bool btf_visit(const struct btf_type *type, btf_visit_fn reference, btf_visit_fn name, void *arg);

/* Finds first_id and string_start of split BTF whose base is missing. False: not for certain. */
bool btf_infer_base(struct btf *btf);

#endif
