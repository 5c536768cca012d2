/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SECTIONS_H
#define RUNTIME_SECTIONS_H

/*
 * Where the sections of a relocatable module are: the kernel loads them wherever it likes, the
 * database has them one behind the other.
 */

#include <stackdb/db.h>

/* Of a module's per-CPU variables: its target address is what is added to a CPU's area. */
#define SECTIONS_PERCPU ".data..percpu"

struct section_place {
	char name[64];
	uint64_t target;   /* address in the target */
	uint64_t database; /* address in the database, */
	uint64_t size;     /* and size there: both 0 before sections_bind() */
};

struct sections {
	size_t count;
	struct section_place places[];
};

/* NULL: no memory. COUNT places, to be filled in. For free(). */
struct sections *sections_create(size_t count);
/* Finds the sections in DB by their names; those that it does not have are empty. */
struct sdb_error *sections_bind(struct sections *sections, struct sdb_db *db);

/* Whether it is known where section NAME is. */
bool sections_have(const struct sections *sections, const char *name);
/* Addresses that lie in no section stay what they are: no question about them finds anything. */
uint64_t sections_to_target(const struct sections *sections, uint64_t address);
uint64_t sections_to_database(const struct sections *sections, uint64_t address);

#endif
