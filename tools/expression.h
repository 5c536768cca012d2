/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_EXPRESSION_H
#define TOOLS_EXPRESSION_H

/*
 * DWARF expressions in words: `in rdi`, `at [CFA-24]`, `rax + 8 (value)`. What cannot be said
 * shortly (branches, vendor operations) is listed operation by operation.
 */

#include "session.h"

/* The place of a variable: what EXPRESSION says where it is, FRAME_BASE (may be NULL) helping. */
void expression_place(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base);
/* The value that EXPRESSION computes, as for call sites and unwind rules: `entry(rdi) + 8`. */
void expression_value(struct session *session, struct text *to,
		      const struct sdb_expression *expression,
		      const struct sdb_expression *frame_base);
/* Its operations by name, as readelf lists them: `DW_OP_breg7 (rsp): 8; DW_OP_stack_value`. */
void expression_operations(struct session *session, struct text *to,
			   const struct sdb_expression *expression);
/* What a rewritten reference points to: its name where it has one. */
void expression_reference(struct session *session, struct text *to, uint64_t kind, uint64_t number);
/* A whole location. ADDRESS (may be NULL) picks the entry of a list that holds there. */
void expression_location(struct session *session, struct text *to,
			 const struct sdb_location *location,
			 const struct sdb_expression *frame_base, const uint64_t *address,
			 const struct sdb_location_entry **entry_ret);

#endif
