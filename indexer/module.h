/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_MODULE_H
#define INDEXER_MODULE_H

/*
 * The files that together describe one ELF module: the file that was named, the separate
 * debug file or the stripped file beside it, the embedded mini-debuginfo, the dwz
 * supplementary file. Sections are found by name across them, decompressed, and in relocatable
 * files relocated against the module's section layout. Everything is read through
 * memory maps; decompressed or relocated sections are private memory.
 */

#include <stackdb/error.h>
#include <stackdb/model.h>
#include <stackdb/indexer.h>

struct elf_file;
struct module;

/* Bytes of a section. `data` NULL: there is none. Valid until module_close(). */
struct section_data {
	const uint8_t *data;
	size_t size;
	uint64_t address;  /* as in struct sdb_section */
	bool mapped;       /* a view of the file: pages may be released with section_release() */
};

struct module_options {
	const char *root;       /* prefix for debug files; may be NULL */
	const char *debug_file; /* may be NULL */
	void (*warn)(void *arg, const char *message); /* damage survived; never NULL */
	void *arg;
};

struct sdb_error *module_open(const char *path, const struct module_options *options,
			      struct module **module_ret);
void module_close(struct module *module);

/* Identity; counts are 0. Strings belong to the module. */
const struct sdb_db_info *module_info(const struct module *module);
uint64_t module_input_size(const struct module *module);

/*
 * Sections of the file that holds code: laid out as model.h says for ET_REL (each allocated section
 * on pages of its own, one byte at least from the one before). The first is the null section;
 * there are none in a file without section headers.
 */
size_t module_sections(const struct module *module, const struct sdb_section **sections_ret);
size_t module_segments(const struct module *module, const struct sdb_segment **segments_ret);

/*
 * A debug section by its plain name (`.debug_info`, never `.zdebug_info`), decompressed and
 * relocated, from the file that has DWARF; missing: data NULL, no error.
 */
struct sdb_error *module_debug_section(struct module *module, const char *name,
				       struct section_data *data_ret);
/* The same from the dwz supplementary file (.gnu_debugaltlink). */
struct sdb_error *module_alt_section(struct module *module, const char *name,
				     struct section_data *data_ret);
/* A section of the file that holds code (.eh_frame, .orc_unwind, .BTF), with its address. */
struct sdb_error *module_code_section(struct module *module, const char *name,
				      struct section_data *data_ret);

/*
 * Decompresses and relocates the debug sections called NAMES, those that need it, on JOBS threads: all
 * but the caller's begin at once, module_prepare_finish() joins them and returns when all is done.
 * Errors are left to who asks for a section. NULL when there is nothing to wait for.
 */
struct preparation;
struct preparation *module_prepare(struct module *module, const char *const *names, size_t count,
				   unsigned jobs);
void module_prepare_finish(struct preparation *preparation);

/*
 * Tells the kernel that mapped pages of [data, data+size) are not needed for now. Only for data that
 * is `mapped`: private memory would lose its content.
 */
void section_release(const void *data, size_t size);

/*
 * The same for what a reader leaves behind as it goes through sections in order: [START, END) of SECTION was
 * read and, if it is mapped, is released once enough of it has come together in RUN (at first all 0).
 */
struct section_run {
	const uint8_t *start, *end;
};
void section_passed(struct section_run *run, const struct section_data *section, uint64_t start, uint64_t end);

/*
 * Split DWARF: opens NAME (DW_AT_dwo_name) relative to COMP_DIR, or finds unit DWO_ID in the .dwp
 * beside the module. Sections of the unit by their plain names (`.debug_info.dwo`): for a .dwp the
 * slice that its index gives. *UNIT_RET is NULL with no error when there is no such file (a
 * warning was given). Thread-safe.
 */
struct dwo_unit;
struct sdb_error *module_open_dwo(struct module *module, const char *name, const char *comp_dir,
				  uint64_t dwo_id, struct dwo_unit **unit_ret);
struct sdb_error *dwo_section(struct dwo_unit *unit, const char *name, struct section_data *data_ret);
void module_close_dwo(struct dwo_unit *unit);
/* The type units of the .dwp beside the module: how many there are, and number NUMBER of them. */
size_t module_dwp_types(struct module *module);
struct sdb_error *module_open_dwp_type(struct module *module, size_t number,
				       struct dwo_unit **unit_ret);

/* Every symbol of the module, merged from .symtab, .dynsym and mini-debuginfo, sorted by
 * address, type, binding, name. Names point into the module. */
struct module_symbol {
	struct sdb_symbol symbol; /* name and version are 0 */
	const char *name;
	const char *version;      /* or NULL */
};
struct sdb_error *module_symbols(struct module *module, struct module_symbol **symbols_ret,
				 size_t *count_ret); /* free() it */

/* Warns through the module's options; thread-safe. */
void module_warn(struct module *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint64_t module_warnings(const struct module *module);

#endif
