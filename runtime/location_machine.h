/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_LOCATION_MACHINE_H
#define RUNTIME_LOCATION_MACHINE_H

/* The machine that runs DWARF expressions; private to the files called location*.c. */

#include "location.h"
#include "location_stack.h"
#include <stackdb/operation.h>

/* What is left for an evaluation with all that it nests. */
struct budget {
	unsigned steps;
	unsigned nesting;
};

struct machine {
	const struct sdb_context *context;
	struct types *types;
	struct budget *budget;
	const uint64_t *object;    /* for DW_OP_push_object_address; NULL: there is none */
	struct location *location; /* receives pieces; NULL when a number is wanted */
	struct place pending;      /* the description that a piece or the end has to follow */
	bool has_pending;
	enum sdb_absence absence;  /* why the machine failed, when there is a reason */
	unsigned depth;
	struct stack_value stack[LOCATION_MAX_STACK];
};

void machine_init(struct machine *machine, const struct sdb_context *context, struct types *types,
		  struct budget *budget);
void machine_deinit(struct machine *machine);

/* Runs EXPRESSION on the stack as it is. */
struct sdb_error *machine_run(struct machine *machine, const struct sdb_expression *expression);
/* What has been computed, as one number: the top of the stack, the content of a register. */
struct sdb_error *machine_result(struct machine *machine, struct stack_value *value_ret);

/* Marks the failure ERROR as the answer "there is none, because ABSENCE". */
struct sdb_error *machine_absent(struct machine *machine, enum sdb_absence absence,
				 struct sdb_error *error);
struct sdb_error *machine_push(struct machine *machine, struct stack_value value);
struct sdb_error *machine_pop(struct machine *machine, struct stack_value *value_ret);
/* Reads SIZE bytes at ADDRESS of the target, at most sixteen. */
struct sdb_error *machine_memory(struct machine *machine, uint64_t address, size_t size,
				 number_bits *bits_ret);
/* The low SIZE bytes of register NUMBER, at most sixteen; 0: all of it, as far as that. */
struct sdb_error *machine_register(struct machine *machine, uint64_t number, size_t size,
				   number_bits *bits_ret);
/* Takes one nesting off the budget; machine_leave() gives it back. */
struct sdb_error *machine_enter(struct machine *machine);
void machine_leave(struct machine *machine);

/* An operation that describes a place, or none that there is (location_place.c). */
struct sdb_error *machine_place(struct machine *machine, const struct sdb_operation *operation);
/* DW_OP_piece, DW_OP_bit_piece: ends what was described, in bits. */
struct sdb_error *machine_piece(struct machine *machine, uint64_t bit_size, uint64_t bit_offset);

/* DW_OP_entry_value with the expression in OPERATION (location_entry.c). */
struct sdb_error *machine_entry_value(struct machine *machine,
				      const struct sdb_operation *operation);
/* DW_OP_GNU_parameter_ref: what the caller passed for parameter NUMBER. */
struct sdb_error *machine_parameter(struct machine *machine, uint64_t kind, uint64_t number);
/* DW_OP_call*, DW_OP_GNU_variable_value (location_reference.c). */
struct sdb_error *machine_call(struct machine *machine, uint64_t kind, uint64_t number);
struct sdb_error *machine_variable_value(struct machine *machine, uint64_t kind, uint64_t number);

#endif
