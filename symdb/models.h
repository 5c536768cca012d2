/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_MODELS_H
#define SYMDB_MODELS_H

/*
 * What the symbols of a part are likely to be, counted when the database was written and stored
 * with it (PART_MODELS, a record for each part): a block begins with models that know
 * already what is usual, so that it can be small.
 *
 * Models are numbered. Fields are runs of numbers whose models are alike: each field has a
 * common model, made of all counts of the field, which stands for those of its models that are
 * not worth storing by themselves.
 *
 * A stored model is a byte for each symbol: -16 log2 of its likelihood. A record: for each
 * field the common model, then for each model of its own the distance of its number from the last
 * such one, and the model; distance 0 ends the field.
 */

#include "buffer.h"
#include "entropy.h"

struct model_tally {
	uint32_t seen[16];
};

/* The numbers [begin, end of the one before) belong to a field; they follow each other from 0. */
struct model_field {
	uint16_t end;
};

struct model_set {
	uint16_t *index; /* by number: which of the models */
	int16_t *models; /* first the common ones */
};

/* Appends the record for the tallies of FIELDS. */
void models_put(const struct model_tally *tallies, const struct model_field *fields, size_t field_count,
		struct buffer *to);

/* Reads a record; NULL when it makes no sense or memory is short. Freed with model_set_free(). */
struct model_set *models_get(struct cursor *from, const struct model_field *fields, size_t field_count);
void model_set_free(struct model_set *set);

static inline const int16_t *model_set_at(const struct model_set *set, size_t number)
{
	return set->models + (size_t)set->index[number] * MODEL_SIZE;
}

#endif
