/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_ELF_H
#define INDEXER_ELF_H

/*
 * One ELF file, of any class and byte order, read through a map. Every offset and count in it is
 * checked against the size of the file when it is opened or used; a table that lies outside the
 * file is left out with a warning, so that the sound rest can be used.
 */

#include "module.h"

#include <elf.h>
#include <pthread.h>
#include <string.h>

/* Section bytes are prepared (decompressed, relocated) by the first who asks for them. */
enum elf_content_state {
	ELF_CONTENT_UNREAD = 0,
	ELF_CONTENT_BUSY,
	ELF_CONTENT_READY,
	ELF_CONTENT_FAILED,
};

/* What a section header says beyond struct sdb_section, and the prepared bytes. */
struct elf_section {
	uint32_t link;
	uint32_t info;
	uint64_t entry_size;
	uint32_t next_same;  /* ET_REL: next debug section of the same name, or 0 */
	uint32_t relocation; /* ET_REL: first relocation section that applies to it, or 0 */
	uint32_t next_relocation; /* of a relocation section: next one for the same target, or 0 */
	enum elf_content_state state;
	struct section_data content;
	uint8_t *owned;      /* malloc'ed bytes of `content`, or NULL */
	char *failure;       /* message of the error; its code is `failure_code` */
	enum sdb_error_code failure_code;
};

struct elf_file {
	struct module *module; /* for warnings */
	char *path;
	const uint8_t *data;
	size_t size;
	bool mapped;           /* `data` is a map of the file, else malloc'ed */
	bool swap;             /* the byte order is not this machine's */
	uint8_t elf_class;
	uint8_t elf_data;
	uint16_t type;
	uint16_t machine;
	uint64_t entry;
	struct sdb_section *sections;
	struct elf_section *extra;  /* parallel to `sections` */
	uint32_t *by_name;          /* section numbers, sorted by name, then number */
	size_t section_count;
	struct sdb_segment *segments;
	size_t segment_count;
	uint8_t build_id[64];
	size_t build_id_length;
	pthread_mutex_t lock;       /* guards the `state` and `content` of sections */
	pthread_cond_t prepared;
};

/*
 * Opens PATH, which may be compressed as a whole (.gz, .xz, .zst: kernel modules). NOT_FOUND when
 * there is no such file, CORRUPT when it is not an ELF file.
 */
struct sdb_error *elf_open(struct module *module, const char *path, struct elf_file **file_ret);
/* Reads the ELF image DATA (malloc'ed; taken over, also on failure), called NAME in messages. */
struct sdb_error *elf_open_memory(struct module *module, const char *name, uint8_t *data,
				  size_t size, struct elf_file **file_ret);
void elf_close(struct elf_file *file);

/* Gives the sections of an ET_REL file addresses and relates them. (layout.c) */
struct sdb_error *elf_lay_out(struct elf_file *file);
/* Finds the build-id; leaves its length 0 when there is none. (notes.c) */
void elf_read_build_id(struct elf_file *file);

static inline bool elf_in_file(const struct elf_file *file, uint64_t offset, uint64_t size)
{
	return offset <= file->size && size <= file->size - offset;
}

/* Names are compared up to here: those that are looked up are shorter, hostile ones endless. */
#define ELF_NAME_KEY 64

/* Number of the section called NAME, 0 when there is none. */
uint32_t elf_find_section(const struct elf_file *file, const char *name);
/* Number of the debug section NAME, which may be stored as `.zdebug_…`; 0: none, or NOBITS. */
uint32_t elf_find_debug_section(const struct elf_file *file, const char *name);
/* The bytes of section INDEX as they lie in the file; NULL for NOBITS and outside the file. */
const uint8_t *elf_raw_section(const struct elf_file *file, uint32_t index, size_t *size_ret);
/* The bytes at ADDRESS of the loaded image up to the end of their segment, or NULL. */
const uint8_t *elf_at_address(const struct elf_file *file, uint64_t address, size_t *size_ret);
/* Bytes of section INDEX, decompressed and relocated. Thread-safe. (content.c) */
struct sdb_error *elf_content(struct elf_file *file, uint32_t index, struct section_data *data_ret);

/* A string table up to its last NUL: every offset below `size` is the start of a string. */
struct elf_strings {
	const char *data;
	size_t size;
};
struct elf_strings elf_strings(const uint8_t *data, size_t size);

static inline const char *elf_string(const struct elf_strings *strings, uint64_t offset)
{
	return offset < strings->size ? strings->data + offset : NULL;
}

struct elf_symbol {
	uint64_t value;
	uint64_t size;
	uint32_t name;
	uint16_t section;
	uint8_t info;
	uint8_t other;
};

static inline uint16_t elf_u16(const struct elf_file *file, const uint8_t *from)
{
	uint16_t value;
	memcpy(&value, from, sizeof(value));
	return file->swap ? __builtin_bswap16(value) : value;
}

static inline uint32_t elf_u32(const struct elf_file *file, const uint8_t *from)
{
	uint32_t value;
	memcpy(&value, from, sizeof(value));
	return file->swap ? __builtin_bswap32(value) : value;
}

static inline uint64_t elf_u64(const struct elf_file *file, const uint8_t *from)
{
	uint64_t value;
	memcpy(&value, from, sizeof(value));
	return file->swap ? __builtin_bswap64(value) : value;
}

static inline bool elf_is64(const struct elf_file *file)
{
	return file->elf_class == ELFCLASS64;
}

/* A word of the file's class. */
static inline uint64_t elf_word(const struct elf_file *file, const uint8_t *from)
{
	return elf_is64(file) ? elf_u64(file, from) : elf_u32(file, from);
}

static inline size_t elf_symbol_size(const struct elf_file *file)
{
	return elf_is64(file) ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static inline void elf_get_symbol(const struct elf_file *file, const uint8_t *from,
				  struct elf_symbol *symbol)
{
	symbol->name = elf_u32(file, from);
	if (elf_is64(file)) {
		symbol->info = from[4];
		symbol->other = from[5];
		symbol->section = elf_u16(file, from + 6);
		symbol->value = elf_u64(file, from + 8);
		symbol->size = elf_u64(file, from + 16);
	} else {
		symbol->value = elf_u32(file, from + 4);
		symbol->size = elf_u32(file, from + 8);
		symbol->info = from[12];
		symbol->other = from[13];
		symbol->section = elf_u16(file, from + 14);
	}
}

/* The table of extended section numbers (SHT_SYMTAB_SHNDX) of symbol table SYMTAB, or NULL. */
const uint8_t *elf_extended_sections(const struct elf_file *file, uint32_t symtab, size_t *count_ret);

/*
 * Applies the relocations of section INDEX of an ET_REL file to BYTES, a private copy of its
 * content that starts at address BASE. (relocate.c)
 */
void elf_relocate(struct elf_file *file, uint32_t index, uint64_t base, uint8_t *bytes, size_t size);

/* The dynamic section: found by its section header, else by its segment. (dynamic.c) */
struct elf_dynamic {
	const char *soname;        /* or NULL */
	const uint8_t *symbols;    /* when DT_SYMTAB lies in the file; else NULL */
	size_t symbol_count;
	struct elf_strings strings;
	const uint8_t *versions;   /* DT_VERSYM, symbol_count entries; or NULL */
	const uint8_t *version_definitions; /* DT_VERDEF up to the end of its section or segment */
	size_t version_definitions_size;
	const uint8_t *version_needs;
	size_t version_needs_size;
};
void elf_read_dynamic(const struct elf_file *file, struct elf_dynamic *dynamic_ret);

#endif
