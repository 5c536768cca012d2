/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_CODE_H
#define SYMDB_LINE_CODE_H

/*
 * The fields of a line row as symbols. The same walk codes, counts and decodes: each function takes
 * a field's value and returns it, or, decoding, returns the value that comes next.
 *
 * A row is: the address step; its place, which is the usual one behind the row before (PLACE_USUAL),
 * the same line, another line of one of the last seven files, or another file; the line as the
 * distance from the last one of that file; the column; flags; the discriminator.
 * What is usual is what came behind the same position earlier in the group, else what
 * the module's successors say.
 */

#include "line_models.h"
#include "lines.h"

enum line_walk_mode { LINE_DECODE, LINE_ENCODE, LINE_TALLY };

enum {
	LINE_RECENT = 7,
	LINE_FOLLOWERS_BITS = 9,

	PLACE_USUAL = 0,
	PLACE_LINE = 1,  /* the line of the row before */
	PLACE_FILE = 2,  /* its file */
	PLACE_OLDER = 3, /* to 8: the file before that, ... */
	PLACE_OTHER = 9,

	COLUMN_WIDE = 14, /* of the high half: 224 and above */
	COLUMN_USUAL = 15,/* what came last with this line */
	COLUMN_LIMIT = 224,

	ROW_STATEMENT = 1,
	ROW_END = 2,
	ROW_DISCRIMINATOR = 4,
	ROW_RARE = 8,
};

struct line_walk {
	const struct line_models *models;
	struct decoder decoder;
	struct encoder *encoder;
	struct model_tally *tallies;
	bool failed;
	struct sdb_line row; /* the one before; then the one at hand */
	struct line_position recent[LINE_RECENT]; /* the last position in each file, the newest first */
	struct line_position followers[1 << LINE_FOLLOWERS_BITS]; /* what came behind a position, by its hash */
	uint32_t columns[1 << LINE_FOLLOWERS_BITS]; /* the last column + 1 of a line, by its hash */
	uint32_t last_other;   /* the last file that was none of the recent ones */
	unsigned history;      /* two bits a row: statement, new address */
	unsigned place;        /* of the row before */
};

/* Begins a group at ADDRESS; the coder of the mode is set by the caller. */
static inline void line_walk_begin(struct line_walk *walk, uint64_t address)
{
	memset(&walk->row, 0, sizeof(walk->row));
	memset(walk->recent, 0, sizeof(walk->recent));
	memset(walk->followers, 0, sizeof(walk->followers));
	memset(walk->columns, 0, sizeof(walk->columns));
	walk->row.address = address;
	walk->last_other = walk->history = walk->place = 0;
}

#define LINE_WALK static inline __attribute__((always_inline))

LINE_WALK unsigned line_symbol(struct line_walk *walk, enum line_walk_mode mode, unsigned number, unsigned symbol)
{
	if (mode == LINE_DECODE)
		return decode_known(&walk->decoder, model_set_at(walk->models->set, number));
	if (mode == LINE_ENCODE)
		encode_known(walk->encoder, model_set_at(walk->models->set, number), symbol);
	else
		walk->tallies[number].seen[symbol]++;
	return symbol;
}

/* COUNT low bits of VALUE as they are. */
LINE_WALK uint64_t line_bits(struct line_walk *walk, enum line_walk_mode mode, uint64_t value, unsigned count)
{
	uint64_t done = 0;
	while (count) {
		unsigned take = count < 12 ? count : 12;
		count -= take;
		unsigned bits = (unsigned)(value >> count) & ((1u << take) - 1);
		if (mode == LINE_DECODE)
			bits = decode_bits(&walk->decoder, take);
		else if (mode == LINE_ENCODE)
			encode_bits(walk->encoder, bits, take);
		done = done << take | bits;
	}
	return done;
}

/*
 * A number: below 8 the symbol of model NUMBER is the number, from 8 to 14 it says how many bits it has
 * (4 to 10), at 15 these less one are said in six bits. The four bits below the highest have a model of
 * their own, TAIL + symbol.
 */
LINE_WALK uint64_t line_number(struct line_walk *walk, enum line_walk_mode mode, unsigned number, unsigned tail,
			       uint64_t value)
{
	unsigned length = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
	unsigned first = value < 8 ? (unsigned)value : length < 11 ? length + 4 : 15;
	first = line_symbol(walk, mode, number, first);
	if (first < 8)
		return first;
	length = first < 15 ? first - 4 : (unsigned)line_bits(walk, mode, length - 1, 6) + 1;
	if (length < 4) { /* cannot be, unless the data is damaged */
		walk->failed = true;
		return 0;
	}
	unsigned rest = length - 1, high = rest < 4 ? rest : 4;
	rest -= high;
	uint64_t bits = line_symbol(walk, mode, tail + first, (unsigned)(value >> rest) & ((1u << high) - 1));
	bits = (bits & ((1u << high) - 1)) | (uint64_t)1 << high;
	return bits << rest | line_bits(walk, mode, value & (((uint64_t)1 << rest) - 1), rest);
}

static inline uint64_t line_zigzag(uint64_t distance)
{
	return distance << 1 ^ (uint64_t)((int64_t)distance >> 63);
}

/* A number near to BASE; only what fits 32 bits makes sense. */
LINE_WALK uint32_t line_near(struct line_walk *walk, enum line_walk_mode mode, unsigned number, unsigned tail,
			     uint32_t base, uint32_t value)
{
	uint64_t coded = line_number(walk, mode, number, tail, line_zigzag((uint64_t)value - base));
	uint64_t result = base + (coded >> 1 ^ -(coded & 1));
	walk->failed |= result > UINT32_MAX;
	return (uint32_t)result;
}

/* How far the address went, in a few classes. */
static inline unsigned line_step_class(uint64_t step)
{
	return step == 0 ? 0 : step < 4 ? 1 : step < 8 ? 2 : 3;
}

LINE_WALK uint32_t line_column(struct line_walk *walk, enum line_walk_mode mode, unsigned place, unsigned step,
			       uint32_t base, const struct line_position *at, uint32_t before)
{
	uint32_t usual = walk->columns[(at->file * 1000003u + at->line) * 0x9e3779b1u >> (32 - LINE_FOLLOWERS_BITS)];
	unsigned kind = place == PLACE_LINE ? 0 : place == PLACE_FILE ? 1 : 2;
	bool guess = usual && place != PLACE_LINE;
	base = base < 256 ? base : 255;
	unsigned number = LINE_COLUMN + (kind == 0 ? (before < 256 ? before : 255) / 2 :
					 guess ? 128 + step : place > PLACE_OLDER ? 132 + base / 16 : 148 + base / 4);
	unsigned high = guess && at->column + 1 == usual ? COLUMN_USUAL :
			at->column < COLUMN_LIMIT ? at->column / 16 : COLUMN_WIDE;
	high = line_symbol(walk, mode, number, high);
	if (high == COLUMN_USUAL) {
		walk->failed |= !guess;
		return usual - 1;
	}
	if (high == COLUMN_WIDE) {
		uint64_t more = line_bits(walk, mode, at->column - COLUMN_LIMIT, 32);
		walk->failed |= more > UINT32_MAX - COLUMN_LIMIT;
		return (uint32_t)more + COLUMN_LIMIT;
	}
	uint32_t near = kind == 0 ? (before < 256 ? before : 255) : base;
	unsigned low = kind < 2 && near / 16 == high ? near % 16 : 16;
	return high * 16 + line_symbol(walk, mode, LINE_COLUMN_LOW + (kind * 16 + high) * 17 + low, at->column % 16);
}

/* Which of the recent positions has FILE; LINE_RECENT: none. */
static inline unsigned line_recent(const struct line_walk *walk, uint32_t file)
{
	unsigned index = 0;
	while (index < LINE_RECENT && walk->recent[index].file != file)
		index++;
	return index;
}

/* The row's place, from AT (not when decoding), to AT. */
LINE_WALK unsigned line_place(struct line_walk *walk, enum line_walk_mode mode, unsigned step,
			      struct line_position *at)
{
	const struct line_position before = { walk->row.file, walk->row.line, walk->row.column };
	struct line_position *follower =
		&walk->followers[line_position_hash(&before) >> (32 - LINE_FOLLOWERS_BITS)];
	const struct line_position *usual = follower;
	unsigned known = follower->file != 0, index = 0, place = 0;
	if (!known) {
		usual = line_successor(walk->models, &before);
		known = usual ? 2 : 0;
	}
	if (mode != LINE_DECODE) {
		index = line_recent(walk, at->file);
		place = usual && line_position_equal(usual, at) ? PLACE_USUAL :
			index == LINE_RECENT ? PLACE_OTHER :
			index > 0 ? PLACE_FILE + index :
			walk->recent[0].line == at->line ? PLACE_LINE : PLACE_FILE;
	}
	unsigned last = walk->place < 4 ? walk->place : walk->place == PLACE_OTHER ? 4 : 3;
	place = line_symbol(walk, mode, LINE_PLACE + (known | step << 2 | (walk->history & 7) << 4) * 5 + last, place);
	if (place == PLACE_USUAL) {
		walk->failed |= !usual;
		if (usual)
			*at = *usual;
		index = line_recent(walk, at->file);
	} else {
		struct line_position base = { 0 };
		walk->failed |= place > PLACE_OTHER;
		index = place >= PLACE_OTHER ? LINE_RECENT : place <= PLACE_FILE ? 0 : place - PLACE_FILE;
		if (index < LINE_RECENT) {
			base = walk->recent[index];
			at->file = base.file;
		} else {
			at->file = line_near(walk, mode, LINE_FILE, LINE_FILE_TAIL, walk->last_other, at->file);
			walk->last_other = at->file;
			base.column = walk->recent[0].column;
		}
		unsigned kind = place == PLACE_FILE ? 0 : place == PLACE_OLDER ? 1 : place == PLACE_OTHER ? 3 : 2;
		if (place == PLACE_LINE)
			at->line = base.line;
		else
			at->line = line_near(walk, mode, LINE_NUMBER + (kind * 4 + step) * 8 + (walk->history & 7),
					     LINE_NUMBER_TAIL + kind * 16, base.line, at->line);
		at->column = line_column(walk, mode, place, step, base.column, at, before.column);
	}
	*follower = *at;
	walk->columns[(at->file * 1000003u + at->line) * 0x9e3779b1u >> (32 - LINE_FOLLOWERS_BITS)] = at->column + 1;
	for (index = index < LINE_RECENT ? index : LINE_RECENT - 1; index > 0; index--)
		walk->recent[index] = walk->recent[index - 1];
	walk->recent[0] = *at;
	return place;
}

/* Codes ROW, or decodes the next one; it is then in `row`. */
LINE_WALK void line_walk_row(struct line_walk *walk, enum line_walk_mode mode, const struct sdb_line *row)
{
	struct sdb_line next = mode == LINE_DECODE ? (struct sdb_line){ 0 } : *row;
	struct line_position at = { next.file, next.line, next.column };
	unsigned last = walk->place < 3 ? walk->place : 3;
	uint64_t step = line_number(walk, mode, LINE_STEP + ((walk->history & 63) | last << 6), LINE_STEP_TAIL,
				    next.address - walk->row.address);
	unsigned class = line_step_class(step);
	uint32_t column_before = walk->row.column;
	unsigned place = line_place(walk, mode, class, &at);
	unsigned flags = (next.flags & SDB_LINE_STATEMENT ? ROW_STATEMENT : 0) |
			 (next.flags & SDB_LINE_END_SEQUENCE ? ROW_END : 0) |
			 (next.discriminator ? ROW_DISCRIMINATOR : 0) |
			 (next.flags & LINE_RARE_FLAGS || next.isa || next.op_index ? ROW_RARE : 0);
	flags = line_symbol(walk, mode, LINE_FLAGS + ((walk->history & 7) * 4 + class) * 4 + (place < 3 ? place : 3) +
			    (walk->row.discriminator ? 128 : 0) + (at.column == column_before ? 256 : 0), flags);
	if (flags & ROW_DISCRIMINATOR) {
		uint32_t before = walk->row.discriminator < 15 ? walk->row.discriminator : 15;
		uint64_t value = line_number(walk, mode, LINE_DISCRIMINATOR + before, LINE_DISCRIMINATOR_TAIL,
					     next.discriminator);
		walk->failed |= value > UINT32_MAX;
		next.discriminator = (uint32_t)value;
	}
	if (flags & ROW_RARE) {
		next.isa = (uint16_t)line_bits(walk, mode, next.isa, 16);
		next.op_index = (uint8_t)line_bits(walk, mode, next.op_index, 8);
		next.flags = (uint8_t)line_bits(walk, mode, next.flags, 8) & LINE_RARE_FLAGS;
	}
	next.flags = (uint8_t)((next.flags & LINE_RARE_FLAGS) | (flags & ROW_STATEMENT ? SDB_LINE_STATEMENT : 0) |
			       (flags & ROW_END ? SDB_LINE_END_SEQUENCE : 0));
	next.address = walk->row.address + step;
	next.file = at.file;
	next.line = at.line;
	next.column = at.column;
	walk->row = next;
	walk->place = place < PLACE_OTHER ? place : PLACE_OTHER;
	walk->history = walk->history << 2 | (flags & ROW_STATEMENT ? 1 : 0) | (step ? 2 : 0);
}

#endif
