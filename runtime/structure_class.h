/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_STRUCTURE_CLASS_H
#define RUNTIME_STRUCTURE_CLASS_H

#include "context.h"
#include "types.h"

/* How structures and unions are passed to functions by value, and returned. */
struct structure_class {
	enum context_class class;     /* STRUCTURE or MEMORY */
	enum context_class halves[2]; /* of one that is passed in registers */
	bool wide;                    /* on the stack it is aligned to 16 bytes */
	bool extended;                /* it holds a long double, and is returned as that when it holds nothing else */
};

/*
 * That of structure TYPE of DB. UNSUPPORTED: a copy of it is made by a function of its own, or it holds
 * what is passed in another way.
 */
struct sdb_error *structure_class(const struct sdb_context *context, struct types *types, struct sdb_db *db,
				  sdb_type_id type, struct structure_class *class_ret);

#endif
