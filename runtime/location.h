/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_LOCATION_H
#define RUNTIME_LOCATION_H

/*
 * DWARF expressions evaluated: to a number, or to the place of an object (DWARF 5, 2.5 and 2.6).
 * Expressions are hostile: the stack, the operations, the nesting and the pieces are bounded.
 */

#include "context.h"
#include "number.h"
#include <stackdb/absence.h>

#define LOCATION_MAX_STACK 128
#define LOCATION_MAX_STEPS 100000 /* operations of one evaluation with all that it nests */
#define LOCATION_MAX_NESTING 12   /* entry values, calls, frame bases */
#define LOCATION_MAX_PIECES 1024
#define LOCATION_MAX_BYTES 65536  /* of an implicit value */

enum place_kind {
	PLACE_ABSENT = 0,      /* `absence` says why */
	PLACE_MEMORY,          /* at `address` */
	PLACE_REGISTER,        /* in register `number` */
	PLACE_VALUE,           /* `bytes` are the value, in the target's order */
	PLACE_IMPLICIT_POINTER /* to `offset` bytes into (`reference`, `number`), that has no address */
};

/* Where an object is, or one piece of it. */
struct place {
	enum place_kind kind;
	enum sdb_absence absence;
	uint64_t bit_size;   /* of a piece; 0 when the place holds the whole object */
	uint64_t bit_offset; /* of the piece in what holds it */
	uint64_t address;
	uint64_t number;     /* register, or what an implicit pointer refers to */
	enum sdb_reference_kind reference;
	int64_t offset;
	uint8_t *bytes;      /* owned */
	size_t size;         /* of `bytes` */
};

struct location {
	unsigned references;
	size_t count;        /* at least 1 */
	bool in_pieces;
	struct place *places;
	char *text;          /* what the first absent place is absent for; NULL: nothing to add */
};

struct location *location_ref(struct location *location);
void location_unref(struct location *location); /* NULL is allowed */

/*
 * The place that EXPRESSION describes in CONTEXT. OBJECT is the address of the object in hand for
 * DW_OP_push_object_address, or NULL. What is not there is a location with an absent place; errors
 * are those of the database and of memory that ran out.
 */
struct sdb_error *location_evaluate(const struct sdb_context *context,
				    const struct sdb_expression *expression, const uint64_t *object,
				    struct location **location_ret);

/* The same for any kind of LOCATION; of a list the entry for the context's pc is taken. */
struct sdb_error *location_find(const struct sdb_context *context,
				const struct sdb_location *location,
				struct location **location_ret);

/*
 * The number that EXPRESSION computes: a bound, the address of a member (INITIAL, the object's
 * address, is on the stack then), a CFA rule (INITIAL is the CFA; NULL: nothing is on the stack).
 * A register's description gives what is in the register. *ABSENCE_RET (may be NULL) is why there
 * is none, when that is why the call fails; the error says it in words.
 */
struct sdb_error *location_number(const struct sdb_context *context,
				  const struct sdb_expression *expression, const uint64_t *initial,
				  uint64_t *number_ret, enum sdb_absence *absence_ret);

/* A location of one place, of which `bytes` are taken over; frees them on failure. */
struct sdb_error *location_single(const struct place *place, struct location **location_ret);
/* A location of nothing: ABSENCE, described by TEXT (copied; may be NULL). */
struct sdb_error *location_absent(enum sdb_absence absence, const char *text,
				  struct location **location_ret);

/*
 * The variable of CONTEXT's frame that a reference of KIND (LOCAL or OUTER; others: none) leads to,
 * and in *THERE_RET the context that its location is meant for; NULL: not in any scope.
 */
const struct sdb_scope_variable *location_local(const struct sdb_context *context, uint64_t kind,
						uint64_t number, struct sdb_context *there_ret);
/* Where it is, as seen from CONTEXT; NULL in *LOCATION_RET: it is not in any scope. */
struct sdb_error *location_of_local(const struct sdb_context *context, uint64_t kind,
				    uint64_t number, struct location **location_ret);

#endif
