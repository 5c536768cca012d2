/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_ORC_H
#define INDEXER_ORC_H

/*
 * The formats of ORC entries, one table element a version: what the bits mean, and what
 * the kernel's unwinder of that version does with them.
 */

#include "cfi_bytes.h"

#include <stackdb/model.h>

/* An entry, the same for every version. */
struct orc_entry {
	int16_t sp_offset;
	int16_t frame_offset;  /* of the frame pointer: bp, fp */
	int16_t return_offset; /* LoongArch */
	uint8_t sp_register;   /* numbers of the version */
	uint8_t frame_register;
	uint8_t return_register;
	enum sdb_orc_type type;
	bool bad_type;
	bool signal;
};

#define ORC_MAX_RULES 33

struct orc_rules {
	struct sdb_rule cfa;
	size_t count;
	struct sdb_rule rules[ORC_MAX_RULES];
	uint8_t expression[8];
};

struct orc_format {
	uint16_t machine;      /* EM_* */
	uint8_t entry_size;
	uint16_t return_column;
	uint8_t hash[20];      /* content of .orc_header; zero when that version has none */
	void (*decode)(struct bytes *from, struct orc_entry *entry);
	/* False when the kernel would not know what to do either. RULES may point into itself. */
	bool (*rules)(const struct orc_entry *entry, struct orc_rules *rules);
};

/* NULL when the header is none that is known. */
const struct orc_format *orc_format_by_header(uint16_t machine, const uint8_t *header, size_t size);

/* The format that COUNT entries in DATA can only have; NULL when there is none. */
const struct orc_format *orc_format_by_content(uint16_t machine, const uint8_t *data, size_t size,
					       size_t count, bool swap);

#endif
