/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_CFI_H
#define INDEXER_CFI_H

/*
 * Call frame information in three steps: cfi_entry.c finds and decodes the entries of a section,
 * cfi_program.c runs an entry's instructions, cfi.c puts the entries in order and hands over rows.
 */

#include "cfi_bytes.h"
#include "unwind.h"

/* More rules than any architecture has registers to save; a bound for hostile programs. */
#define CFI_MAX_RULES 128
#define CFI_MAX_REMEMBERED 64

/*
 * What pointers of rare encodings need of other sections, found once. Looking for the target of
 * an indirect pointer is bounded: only broken or hostile files have many of them.
 */
struct cfi_bases {
	bool known;
	bool has_data, has_text;
	uint64_t data, text;        /* for DW_EH_PE_datarel, textrel */
	struct section_data latest; /* the last one that an indirect pointer led to */
	unsigned searches;
};
#define CFI_MAX_SEARCHES 64

/* A section of call frame information and how to read it. */
struct cfi_section {
	struct module *module;
	const char *name;
	const uint8_t *data;
	size_t size;
	uint64_t address;     /* where the program has .eh_frame; for DW_EH_PE_pcrel */
	bool is_eh;
	bool swap;
	uint8_t address_size; /* of the ELF class */
	uint16_t machine;
	enum sdb_unwind_source source;
	struct cfi_bases *bases;
};

/* A common information entry. */
struct cfi_cie {
	size_t offset;        /* of its length field in the section */
	const uint8_t *program;
	const uint8_t *program_end;
	uint64_t code_alignment;
	int64_t data_alignment;
	uint32_t return_column;
	uint8_t address_size;
	uint8_t segment_size;
	uint8_t encoding;     /* DW_EH_PE_* of code addresses */
	bool has_augmentation_data; /* 'z' */
	bool signal_frame;
	bool usable;          /* false: its content could not be understood */
	bool prepared;        /* `initial` holds what its program leaves */
	bool damaged;         /* its program failed */
	struct cfi_state *initial;
};

/* A frame description entry. */
struct cfi_fde {
	uint64_t low;
	uint64_t high;
	const uint8_t *program;
	const uint8_t *program_end;
	size_t offset;
	uint32_t cie;         /* index */
};

/* All entries of a section. */
struct cfi_entries {
	struct cfi_cie *cies;
	size_t cie_count;
	struct cfi_fde *fdes;
	size_t fde_count;
	/* What was left out, for one warning each: how often, and the first offset. */
	struct cfi_damage {
		size_t count;
		size_t first;
	} truncated, orphans, unreadable, empty;
};

/* The rules in force at one point of a program. */
struct cfi_state {
	struct sdb_rule cfa;      /* REGISTER_OFFSET, VALUE_EXPRESSION or UNDEFINED */
	uint16_t cfa_register;    /* kept apart: an expression in between does not clear them */
	int64_t cfa_offset;
	uint32_t rule_count;
	struct sdb_rule rules[]; /* by column; CFI_MAX_RULES of them but in a CIE */
};

void cfi_damage_note(struct cfi_damage *damage, size_t offset);

/* Finds every entry of SECTION. Damage is noted, not an error. */
struct sdb_error *cfi_entries_read(const struct cfi_section *section, struct cfi_entries *entries_ret);
void cfi_entries_deinit(struct cfi_entries *entries);

/*
 * Reads a pointer with ENCODING (DW_EH_PE_*). FUNCTION is the base for DW_EH_PE_funcrel.
 * False when it does not fit, or when its encoding or its target cannot be read.
 */
bool cfi_read_pointer(const struct cfi_section *section, struct bytes *from, uint8_t encoding,
		      uint8_t address_size, uint64_t function, uint64_t *value_ret);

/* The interpreter and its memory, reused from entry to entry. */
struct cfi_machine;
struct cfi_machine *cfi_machine_create(const struct cfi_section *section); /* NULL: no memory */
void cfi_machine_destroy(struct cfi_machine *machine);

/*
 * Runs the program of FDE after that of CIE (whose result is kept in CIE) and calls FN with each
 * row. *SOUND_RET is false when an instruction made no sense: the rows before it were given.
 */
struct sdb_error *cfi_run(struct cfi_machine *machine, struct cfi_cie *cie, const struct cfi_fde *fde,
			  unwind_row_fn fn, void *arg, bool *sound_ret);

#endif
