/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_EXPRESSION_MACHINE_H
#define TOOLS_EXPRESSION_MACHINE_H

/*
 * Expressions are read symbolically: each value on the stack is a term, `[CFA-24]` or
 * `rdi + 8`. A register plus a number stays apart as long as possible, so that `breg7 8; lit8;
 * plus` becomes `rsp+16`.
 */

#include "session.h"

#include <stackdb/operation.h>

#define MAX_STACK 32
#define MAX_TERM 400   /* characters; longer ones are listed instead */
#define MAX_NESTING 4  /* of entry values */
#define MAX_OPERATIONS 100000

/* BASE + OFFSET; BASE empty: a number. */
struct term {
	struct text base;
	int64_t offset;
	bool compound; /* BASE has to stand in parentheses to be part of something */
};

struct machine {
	struct session *session;
	const struct sdb_expression *frame_base;
	struct term stack[MAX_STACK];
	unsigned depth;
	unsigned nesting;
};

/*
 * Carries out what READER has, until an operation that ends a location: *STOP_RET is that one, or without
 * a name at the end. False: it cannot be said in words.
 */
bool terms_evaluate(struct machine *machine, struct sdb_operation_reader *reader,
		    struct sdb_operation *stop_ret);
void terms_deinit(struct machine *machine);
void term_put(struct text *to, const struct term *term, bool spaced);

/* ---- words that the operation lists have too (expression_operations.c) ------------------------ */

struct sdb_operation_reader expression_reader(struct session *session,
					      const struct sdb_expression *expression);
void expression_put_register(struct session *session, struct text *to, uint64_t number);
void expression_put_number(struct text *to, int64_t value);
void expression_put_type(struct session *session, struct text *to, uint64_t id);

#endif
