/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_ARENA_H
#define SYMDB_ARENA_H

/*
 * A decoded record and all it points to: taken from one arena, freed with one call. The memory
 * of one record is bounded, whatever counts a damaged file states.
 */

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A zeroed record of SIZE bytes with an arena of its own; NULL when memory is short. */
void *arena_record(size_t size, struct arena **arena_ret);
/* COUNT zeroed elements of SIZE; NULL when memory is short or the bound is passed. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* Frees a record from arena_record(); NULL is allowed. */
void arena_free(void *record);

#endif
