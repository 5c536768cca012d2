/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_SHAPE_FIELDS_H
#define SYMDB_SHAPE_FIELDS_H

/* Walks over what stands in records of several parts: coding.c and expressions.c write it. */

#include "shape.h"

/* Contexts, counted from one that the caller gives. */
enum { EXPRESSION_PREVIOUS = 24, EXPRESSION_LENGTH = EXPRESSION_PREVIOUS, EXPRESSION_BYTES, EXPRESSION_CONTEXTS };
enum {
	LOCATION_KIND, LOCATION_ADDRESS = LOCATION_KIND + 8, LOCATION_CONSTANT, LOCATION_LENGTH, LOCATION_BYTES,
	LOCATION_COUNT, LOCATION_FIRST, LOCATION_GAP, LOCATION_KNOWN, LOCATION_SIZE = LOCATION_KNOWN + 4,
	LOCATION_SINGLE = LOCATION_SIZE + 2, LOCATION_LIST = LOCATION_SINGLE + EXPRESSION_CONTEXTS,
	LOCATION_CONTEXTS = LOCATION_LIST + EXPRESSION_CONTEXTS
};
enum { DECL_FILE, DECL_FILE_MISSED, DECL_LINE, DECL_LINE_OTHER, DECL_COLUMN, DECL_CONTEXTS };
enum { TEMPLATES_COUNT, TEMPLATES_FLAGS, TEMPLATES_NAME, TEMPLATES_TYPE, TEMPLATES_TEXT, TEMPLATES_VALUE,
       TEMPLATES_CONTEXTS };
enum { PARAMETERS_COUNT, PARAMETERS_NAME, PARAMETERS_NAME_MISSED, PARAMETERS_TYPE, PARAMETERS_TYPE_MISSED,
       PARAMETERS_FILE, PARAMETERS_LINE, PARAMETERS_FLAGS, PARAMETERS_CONTEXTS };

/*
 * An expression, likely one that came behind PREVIOUS before; what it was is returned (its number as
 * it is stored).
 */
uint64_t shape_expression(struct shape *shape, unsigned context, uint64_t previous);

/*
 * A location; *KIND is that of the one before and becomes this one's. Lists of one SCOPE (any
 * number that is the scope's own in this block) change at the same places.
 */
void shape_location(struct shape *shape, unsigned context, uint64_t scope, uint64_t *kind);

/* Declarations follow each other in files. */
struct shape_decl {
	uint64_t file, line;
};
void shape_decl(struct shape *shape, unsigned context, struct shape_decl *last);
void shape_templates(struct shape *shape, unsigned context);
void shape_parameters(struct shape *shape, unsigned context);

#endif
