/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_TEXTS_H
#define SYMDB_TEXTS_H

/*
 * Blocks of texts by consecutive numbers, sorted or nearly so: each text is the count of bytes it
 * shares with the one before and the bytes that follow. Sixteen make a group:
 *     first text (coded against the first text of the group before), ULEB128 of the size
 *     of the rest, the other fifteen
 * so that a text is reached by the groups' first texts and at most fifteen others.
 * A block begins with ULEB128 size and the bytes of a separator: a text that is above all before
 * the block and not above its first one.
 */

#include "block.h"

enum { TEXT_GROUP = 16 };

struct text_writer {
	struct block_writer *part;
	struct buffer group; /* the texts behind the first of the group */
	struct buffer first; /* the first text of the group */
	struct buffer last;  /* the last text written */
	struct buffer before; /* the first text of the group before */
	uint32_t first_number;
	unsigned count; /* texts in the group */
	struct buffer separator; /* of the group, should it begin a block */
	/* Told of each block, for an index; may be NULL. */
	struct sdb_error *(*block)(void *arg, const struct buffer *separator, uint32_t first);
	void *arg;
};

struct sdb_error *text_writer_add(struct text_writer *writer, uint32_t number, const char *text,
				  size_t length);
/* Writes the last group. */
struct sdb_error *text_writer_end(struct text_writer *writer);
void text_writer_deinit(struct text_writer *writer);

/* Reads the texts of one block. */
struct text_reader {
	struct cursor groups; /* behind the current group */
	struct cursor group;  /* inside the current group */
	struct buffer text;   /* the current text */
	struct buffer first;  /* first text of the current group */
	uint64_t number;      /* of the current text */
	uint64_t next_number; /* of the one behind it */
	const uint8_t *separator;
	size_t separator_length;
	bool failed; /* the block is damaged or memory was short */
};

/* Stands before the first text of BLOCK. */
void text_reader_init(struct text_reader *reader, const struct block *block);
void text_reader_deinit(struct text_reader *reader);
/* Steps to the next text; false at the end of the block or when it failed. */
bool text_reader_next(struct text_reader *reader);
/* Steps to text NUMBER of the block; false when the block has none. */
bool text_reader_seek(struct text_reader *reader, uint64_t number);
/* Steps to the first text that is not below TEXT; false when there is none. For sorted texts. */
bool text_reader_search(struct text_reader *reader, const char *text, size_t length);

int text_compare(const void *a, size_t a_length, const void *b, size_t b_length);

/* Why the reader failed, as an error. */
struct sdb_error *text_reader_error(struct sdb_db *db, const struct block *block,
				    const struct text_reader *reader);

/* Text ID of PART, malloc'ed. */
struct sdb_error *texts_get(struct sdb_db *db, enum part part, uint32_t id, char **text_ret);
/* Decodes all texts of BLOCK; COUNT is the number of the last text of the part. */
struct sdb_error *texts_verify_block(struct sdb_db *db, const struct block *block, uint64_t count);

#endif
