/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_CODING_H
#define SYMDB_CODING_H

/* Coders that types, functions, variables and code share. */

#include "records.h"
#include "writer.h"

struct arena;

/*
 * Records with dense numbers: each is its length and its payload, so that a number is found by
 * passing over those before it.
 */
struct sdb_error *record_put(struct sdb_writer *writer, enum part part, uint64_t id, const struct buffer *payload);
/* The payload of record ID: *BLOCK_RET holds it and is the caller's to release. */
struct sdb_error *record_find(struct sdb_db *db, enum part part, uint64_t id, const struct block **block_ret,
			      struct cursor *from_ret);

/* For the *_verify_block() of such a part: calls CHECK for each record; there must be TOTAL in all. */
typedef struct sdb_error *(*record_check_fn)(struct sdb_db *db, const struct block *block, uint64_t id,
					     struct cursor *from);
struct sdb_error *records_verify(struct sdb_db *db, const struct block *block, uint64_t total, record_check_fn check);

/* Whether numbers are in the bounds of DB; 0 is. */
bool scope_in_bounds(struct sdb_db *db, const struct sdb_scope *scope);
bool decl_in_bounds(struct sdb_db *db, const struct sdb_decl *decl);
bool parameters_in_bounds(struct sdb_db *db, const struct sdb_parameter *parameters, size_t count);
bool templates_in_bounds(struct sdb_db *db, const struct sdb_template *templates, size_t count);

struct sdb_error *expression_copy(struct arena *arena, const uint8_t *bytes, size_t length,
				  struct sdb_expression *expression);
/* As expression_get(), into an arena. */
struct sdb_error *expression_take(struct sdb_db *db, struct cursor *from, struct arena *arena,
				  struct sdb_expression *expression);

/* Locations: kind, then address, expression or entries. Addresses are relative to BASE. */
void location_put(struct sdb_writer *writer, struct buffer *to, const struct sdb_location *location, uint64_t base);
struct sdb_error *location_get(struct sdb_db *db, struct cursor *from, struct arena *arena, uint64_t base,
			       struct sdb_location *location_ret);

/* Template arguments; file and line of a declaration. */
void templates_put(struct buffer *to, const struct sdb_template *templates, size_t count);
bool templates_get(struct cursor *from, struct arena *arena, struct sdb_template **templates_ret, size_t *count_ret);
void parameters_put(struct buffer *to, const struct sdb_parameter *parameters, size_t count,
		    const struct sdb_decl *owner);
bool parameters_get(struct cursor *from, struct arena *arena, const struct sdb_decl *owner,
		    struct sdb_parameter **parameters_ret, size_t *count_ret);
void decl_put(struct buffer *to, const struct sdb_decl *decl);
void decl_get(struct cursor *from, struct sdb_decl *decl);

#endif
