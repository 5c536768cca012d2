/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_INDEXER_H
#define STACKDB_INDEXER_H

/**
 * @file
 * Making databases from ELF files and their debuginfo. Link with libstackdb-indexer.
 */

#include "db.h"

#pragma GCC visibility push(default)

struct sdb_index_result;

/** How a file is indexed; all zero is what `stackdb index` does. */
struct sdb_index_options {
	unsigned jobs;           /**< threads; 0: as many as there are processors */
	enum sdb_detail detail;  /**< 0: full */
	const char *output;      /**< file to write; NULL: by build-id in the store */
	const char *store;       /**< store directory; NULL: sdb_store_directory() */
	const char *root;        /**< prefix under which debug files are sought; NULL: none */
	const char *debug_file;  /**< separate debug file; NULL: found by build-id, debug link */
	bool force;              /**< index even when an up-to-date database exists */
	/**
	 * Sorted addresses of the module's code; NULL: everything is indexed. Of the debuginfo the database has only
	 * the units with code there and what these refer to, with all symbols and unwind rules: enough for stacks
	 * that lead through these addresses, and made in a fraction of the time. `output` must be given.
	 */
	const uint64_t *addresses;
	size_t address_count;    /**< of `addresses` */
	/**
	 * Called when the database is there with its content not yet packed, before it is replaced by
	 * the packed one: somebody waits for it. RESULT is what is known so far. False: it stays as it is.
	 * Not called for a large module, or when nothing is to be done; may be NULL.
	 */
	bool (*unpacked)(void *arg, const struct sdb_index_result *result);
	/** Called now and then from the calling thread with the share done, 0 to 1; may be NULL. */
	void (*progress)(void *arg, double share);
	/** Called for damage that was survived; thread-safe calls are serialised; may be NULL. */
	void (*warning)(void *arg, const char *message);
	void *arg;               /**< passed to the functions above */
};

/** What indexing one file did. */
struct sdb_index_result {
	char *path;          /**< of the database; malloc'ed */
	bool up_to_date;     /**< it was there already and nothing was done */
	bool partial;        /**< units were left out since none of the addresses is theirs */
	uint64_t input_size; /**< bytes of the ELF files read */
	uint64_t debug_size; /**< bytes of their debug sections, decompressed */
	uint64_t output_size; /**< bytes of the database */
	uint64_t types;       /**< how many are in the database */
	uint64_t functions;   /**< the same */
	uint64_t symbols;     /**< the same */
	uint64_t lines;       /**< rows of the line table */
	uint64_t unwind_rows; /**< of all sources */
	uint64_t warnings;    /**< damage that was survived */
	double seconds;      /**< that it took */
};

/**
 * Indexes the ELF file PATH: an executable, shared object, vmlinux, kernel module, object file,
 * or separate debug file. Errors: NOT_FOUND, CORRUPT (not an ELF file, or nothing sound in
 * it), UNSUPPORTED, SYSTEM. OPTIONS may be NULL.
 */
struct sdb_error *sdb_index_file(const char *path, const struct sdb_index_options *options,
				 struct sdb_index_result *result_ret);
/** Frees what RESULT holds. */
void sdb_index_result_free(struct sdb_index_result *result);

#pragma GCC visibility pop

#endif
