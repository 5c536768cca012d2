/* SPDX-License-Identifier: MIT */
/* Line rows before they are coded. */

#include "line_plain.h"

enum { PLAIN_RARE = 1 << 7 }; /* isa and op_index follow */

void line_plain_put(struct buffer *to, struct sdb_line *before, const struct sdb_line *row)
{
	put_uleb(to, row->address - before->address);
	put_sleb(to, (int64_t)row->file - before->file);
	put_sleb(to, (int64_t)row->line - before->line);
	put_uleb(to, row->column);
	put_uleb(to, row->discriminator);
	bool rare = row->isa || row->op_index;
	put_u8(to, row->flags | (rare ? PLAIN_RARE : 0));
	if (rare) {
		put_uleb(to, row->isa);
		put_u8(to, row->op_index);
	}
	*before = *row;
}

bool line_plain_get(struct cursor *from, struct sdb_line *row)
{
	if (from->at == from->end || from->failed)
		return false;
	row->address += get_uleb(from);
	row->file += (uint32_t)get_sleb(from);
	row->line += (uint32_t)get_sleb(from);
	row->column = get_u32(from);
	row->discriminator = get_u32(from);
	uint8_t flags = get_u8(from);
	row->flags = flags & (PLAIN_RARE - 1);
	row->isa = flags & PLAIN_RARE ? (uint16_t)get_u32(from) : 0;
	row->op_index = flags & PLAIN_RARE ? get_u8(from) : 0;
	return !from->failed;
}
