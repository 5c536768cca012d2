/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_STORE_H
#define STACKDB_STORE_H

/**
 * @file
 * The store: where databases lie by build-id. Searched are `$STACKDB_STORE` when it is set,
 * else `$XDG_CACHE_HOME/stackdb` (`~/.cache/stackdb`); then `/var/lib/stackdb`. A database of
 * build-id abcdef… is `ab/cdef….sdb` under one of them.
 */

#include "error.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/** Path of the directory that new databases go to; malloc'ed, not created. */
struct sdb_error *sdb_store_directory(char **path_ret);

/** Path in DIRECTORY (NULL: sdb_store_directory()) for a build-id; malloc'ed. */
struct sdb_error *sdb_store_path(const char *directory, const uint8_t *build_id, size_t length,
				 char **path_ret);

/** Path in the store of the database of a part of it that the process MAKER makes; malloc'ed. Nothing else looks there. */
struct sdb_error *sdb_store_part_path(const uint8_t *build_id, size_t length, long maker, char **path_ret);

/** Path of the existing database of a build-id in any store; malloc'ed; NOT_FOUND. */
struct sdb_error *sdb_store_find(const uint8_t *build_id, size_t length, char **path_ret);

/** Creates the directories above PATH. */
struct sdb_error *sdb_store_make_parents(const char *path);

/** Reads the build-id of the ELF file PATH from its notes; LENGTH_RET is 0 when it has none. */
struct sdb_error *sdb_build_id_of_file(const char *path, uint8_t id_ret[64], size_t *length_ret);

/** Parses a build-id written in hexadecimal (2 to 64 bytes); INVALID. */
struct sdb_error *sdb_build_id_parse(const char *text, uint8_t id_ret[64], size_t *length_ret);

#pragma GCC visibility pop

#endif
