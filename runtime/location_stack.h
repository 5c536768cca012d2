/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_LOCATION_STACK_H
#define RUNTIME_LOCATION_STACK_H

/* What lies on the stack of a DWARF expression: numbers with a type (DWARF 5, 2.5.1). */

#include "number.h"
#include "types.h"

enum stack_kind {
	STACK_GENERIC = 0, /* as wide as an address, of no particular sign */
	STACK_SIGNED,
	STACK_UNSIGNED,
	STACK_FLOAT,
};

struct stack_value {
	number_bits bits;
	sdb_type_id type; /* 0 for the generic type */
	enum stack_kind kind;
	enum number_format format; /* of STACK_FLOAT */
	uint8_t size;     /* bytes, 1 to 16 */
};

/* A number of the generic type for addresses of SIZE bytes. */
struct stack_value stack_generic(uint64_t number, unsigned size);
/* BITS as type TYPE of DB; INVALID unless that is a base type of at most sixteen bytes. */
struct sdb_error *stack_typed(struct types *types, struct sdb_db *db, sdb_type_id type,
			      number_bits bits, struct stack_value *value_ret);
/* DW_OP_convert, DW_OP_reinterpret of VALUE to TYPE, 0: the generic type. */
struct sdb_error *stack_convert(struct types *types, struct sdb_db *db, sdb_type_id type,
				bool reinterpret, struct stack_value *value);
/* VALUE as an address or a count. */
uint64_t stack_number(const struct stack_value *value);
bool stack_is_zero(const struct stack_value *value);

/* A OPERATION B, of types that must agree; division by zero and the like are INVALID. */
struct sdb_error *stack_binary(uint8_t operation, const struct stack_value *a,
			       const struct stack_value *b,
			       unsigned address_size, struct stack_value *result_ret);
/* DW_OP_abs, neg, not. */
struct sdb_error *stack_unary(uint8_t operation, struct stack_value *value);

#endif
