/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_PLAIN_H
#define SYMDB_LINE_PLAIN_H

/*
 * The plain form of line rows, which they have until the models are known, and in a database that is not
 * packed: per row ULEB128 address step, signed distances of file and line, all from the row before (the
 * first from a row of zeros at the block's key); column, discriminator, flags; rarely isa and op_index.
 */

#include "lines.h"

/* Appends ROW; BEFORE is the one before it, and becomes it. */
void line_plain_put(struct buffer *to, struct sdb_line *before, const struct sdb_line *row);
/* The row behind ROW becomes it; false at the end and when it is damaged (FROM failed). */
bool line_plain_get(struct cursor *from, struct sdb_line *row);

#endif
