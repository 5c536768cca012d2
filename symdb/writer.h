/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_WRITER_H
#define SYMDB_WRITER_H

/*
 * Writing a database. The indexer calls, in this order:
 *
 *   sdb_writer_create
 *   names:  sdb_names_intern from any thread, then sdb_writer_freeze_names once
 *   files:  sdb_writer_files once
 *   expressions: sdb_writer_expressions once
 *   records: the sdb_writer_add_* functions, each kind in the order its comment says.
 *           Different kinds may be written from different threads at the same time,
 *           one kind by one thread at a time.
 *   sdb_writer_finish (writes beside the destination, syncs, renames) or sdb_writer_abort
 *
 * Blocks are compressed by `jobs` threads of the writer's own; the bytes of the file do not
 * depend on their number. Records are copied: nothing of the caller's is kept after a call.
 */

#include <stackdb/db.h>

struct sdb_names;  /* the set of all strings, before they are numbered */
struct sdb_writer;

/* ---- names: a thread-safe set; the numbers are provisional --------------- */

struct sdb_names *sdb_names_create(void);
void sdb_names_destroy(struct sdb_names *names);

/*
 * The provisional number of TEXT (LENGTH bytes, no NUL inside), from 1; an empty text is 0.
 * Equal texts have equal numbers; which number is not deterministic. Numbers stay below the
 * count of distinct texts + 64 (room for the shards), so they can index arrays.
 * Thread-safe. Returns UINT32_MAX when memory is short.
 */
uint32_t sdb_names_intern(struct sdb_names *names, const char *text, size_t length);
/* Text of a provisional number; valid until destroy. Thread-safe. */
const char *sdb_names_text(const struct sdb_names *names, uint32_t provisional, size_t *length_ret);
/* All provisional numbers are below this. */
uint32_t sdb_names_bound(const struct sdb_names *names);

/* ---- the writer ----------------------------------------------------------- */

struct sdb_writer_options {
	const char *path;   /* destination; its directory must exist */
	unsigned jobs;      /* threads that compress; 0: 1 */
	enum sdb_detail detail;
	/*
	 * Called when the file, of SIZE bytes, is in its place with its blocks as they are, before it is
	 * replaced by the packed one: somebody waits for it. Not called when there is much of it. False: it
	 * stays so. May be NULL.
	 */
	bool (*unpacked)(void *arg, uint64_t size);
	void *arg;          /* passed to `unpacked` */
};

struct sdb_error *sdb_writer_create(const struct sdb_writer_options *options,
				    struct sdb_writer **writer_ret);
void sdb_writer_abort(struct sdb_writer *writer);

/* Identity; call any time before finish. The counts in INFO are filled in by the writer. */
struct sdb_error *sdb_writer_info(struct sdb_writer *writer, const struct sdb_db_info *info);
/* An extra `meta` row. */
struct sdb_error *sdb_writer_meta(struct sdb_writer *writer, const char *key, const char *value);

/*
 * Numbers the names: only those interned so far exist. RANKS_RET[provisional] is the
 * sdb_name_id (rank in byte order); the array belongs to the writer. NAMES is kept until
 * finish/abort; of what is interned from now on, a new text is 0.
 */
struct sdb_error *sdb_writer_freeze_names(struct sdb_writer *writer, struct sdb_names *names,
					  const uint32_t **ranks_ret);

/* All source files: PATHS[0] is file 1. Must be distinct and sorted in byte order. */
struct sdb_error *sdb_writer_files(struct sdb_writer *writer, const char *const *paths, size_t count);

/*
 * The expressions worth sharing, most used first. Any expression given in a record later that is
 * equal to one of these is stored as its number, any other one in place.
 */
struct sdb_error *sdb_writer_expressions(struct sdb_writer *writer,
					 const struct sdb_expression *expressions, size_t count);

struct sdb_error *sdb_writer_add_section(struct sdb_writer *writer, const struct sdb_section *section);
struct sdb_error *sdb_writer_add_segment(struct sdb_writer *writer, const struct sdb_segment *segment);

/* In order of address (unsigned), then in an order of the caller's that is deterministic. */
struct sdb_error *sdb_writer_add_symbol(struct sdb_writer *writer, const struct sdb_symbol *symbol);
/* In order of id, from 1 (the id in the record is checked). */
struct sdb_error *sdb_writer_add_unit(struct sdb_writer *writer, const struct sdb_unit *unit);
struct sdb_error *sdb_writer_add_type(struct sdb_writer *writer, const struct sdb_type *type);
struct sdb_error *sdb_writer_add_function(struct sdb_writer *writer, const struct sdb_function *function);
struct sdb_error *sdb_writer_add_variable(struct sdb_writer *writer, const struct sdb_variable *variable);
/* In order of scopes[0].ranges[0].low. */
struct sdb_error *sdb_writer_add_code(struct sdb_writer *writer, const struct sdb_code *code);
/*
 * One call a sequence (a run of rows that ends with END_SEQUENCE, addresses not decreasing), in
 * order of the sequences' first addresses. Sequences may overlap in hostile input only.
 */
struct sdb_error *sdb_writer_add_lines(struct sdb_writer *writer, const struct sdb_line *rows, size_t count);
/* In order of source, then of low. Rows of one source do not overlap. */
struct sdb_error *sdb_writer_add_unwind(struct sdb_writer *writer, const struct sdb_unwind_row *row);

/*
 * Completes the file: all blocks, identity, sync, rename into place. The writer is destroyed in
 * every case. *SIZE_RET (may be NULL) is the size of the file.
 */
struct sdb_error *sdb_writer_finish(struct sdb_writer *writer, uint64_t *size_ret);

#endif
