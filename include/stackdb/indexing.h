/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_INDEXING_H
#define STACKDB_INDEXING_H

/**
 * @file
 * Databases that do not exist yet: the indexer makes them in a process of its own, so that a
 * program that asks questions never holds DWARF in its memory.
 */

#include "error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/**
 * Path of the indexer program, malloc'ed: $STACKDB_INDEXER, else beside this program (as
 * built), else where it was installed.
 */
struct sdb_error *sdb_indexer_path(char **path_ret);

struct sdb_indexing;

/**
 * Begins to index the ELF file FILE: to OUTPUT, or NULL: by build-id into the store. ROOT (or
 * NULL) is a prefix under which debug files are sought. What the indexer complains about goes to
 * standard error when COMPLAIN is set.
 */
struct sdb_error *sdb_indexing_start(const char *file, const char *output, const char *root, bool complain,
				     struct sdb_indexing **indexing_ret);
/**
 * Begins to make what stacks through the code at ADDRESSES, COUNT sorted ones of FILE's module, need: a database of a part
 * of FILE, in a fraction of the time. Once it is there the indexer makes the whole one, in the store, on its own
 * while nobody waits for it. FILE must have a build-id. ROOT: as for sdb_indexing_start().
 */
struct sdb_error *sdb_indexing_start_part(const char *file, const char *root, const uint64_t *addresses, size_t count,
					  struct sdb_indexing **indexing_ret);
/**
 * Waits for the end of one that sdb_indexing_start_part() began, and frees it. *PATH_RET, malloc'ed, is the database
 * to be opened and removed by the caller; NULL when the whole one was made instead, and is in the store.
 * NOT_FOUND: it made none.
 */
struct sdb_error *sdb_indexing_wait_part(struct sdb_indexing *indexing, const uint8_t *build_id, size_t length,
					 char **path_ret);
/** Whether it has ended, so that sdb_indexing_wait() does not have to wait. */
bool sdb_indexing_ended(const struct sdb_indexing *indexing);
/** Waits for its end and frees it. NOT_FOUND: it did not make a database. */
struct sdb_error *sdb_indexing_wait(struct sdb_indexing *indexing);

/** Whether the database at PATH can be opened: it is neither damaged nor of another version. */
bool sdb_database_is_sound(const char *path);

/** How sdb_database_for() goes about it. */
struct sdb_database_options {
	const char *root;  /**< as for sdb_indexing_start() */
	bool no_index;     /**< what has no database gets none */
	bool complain;     /**< as for sdb_indexing_start() */
	/** Called before FILE is indexed; may be NULL. */
	void (*first_use)(void *arg, const char *file);
	void *arg;         /**< passed to `first_use` */
};

/**
 * The database of the ELF file FILE: from the store, or made now. One without a build-id gets a
 * database that is good for one use: *TEMPORARY_RET says that the caller has to remove it after
 * opening it. *PATH_RET is malloc'ed. OPTIONS may be NULL. NOT_FOUND: there is none, and why.
 */
struct sdb_error *sdb_database_for(const char *file, const struct sdb_database_options *options,
				   char **path_ret, bool *temporary_ret);

#pragma GCC visibility pop

#endif
