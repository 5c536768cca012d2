/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_NAME_SET_H
#define SYMDB_NAME_SET_H

#include "writer.h"

/* The longest text of a name; longer ones are cut. */
enum { NAME_LENGTH_MAX = 1 << 20 };

/*
 * All provisional numbers in byte order of their texts: ORDER[0] is the first. COUNT must be
 * sdb_names_bound() - 1. False when memory is short.
 */
bool names_order(const struct sdb_names *names, uint32_t *order, uint32_t count);

/* From now on a text that is not there yet is given the number 0 and not kept. */
void names_freeze(struct sdb_names *names);

#endif
