/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_BTF_PLACES_H
#define INDEXER_BTF_PLACES_H

/*
 * Symbols by name, to find the code and data of BTF's functions and variables.
 */

#include "btf.h"

struct place_index;

struct sdb_error *places_index(const struct btf_places *places, struct place_index **index_ret);
void places_free(struct place_index *index);

/* A section by its name, or NULL. */
const struct sdb_section *places_section(const struct btf_places *places, const char *name);

/* NAME may be NULL in all of these. */

/* The address of the data symbol NAME; false when there is none or more than one. */
bool places_variable(const struct place_index *index, const char *name, uint64_t *address_ret);

/*
 * Remembers that the symbols called NAME are function ID (unless another function of this name
 * came first). Says whether one of them is visible outside its source file.
 */
bool places_function(struct place_index *index, sdb_function_id id, const char *name);
/* Writes code for each symbol that has one of these functions' names. */
struct sdb_error *places_write_code(struct place_index *index, struct sdb_writer *writer);

#endif
