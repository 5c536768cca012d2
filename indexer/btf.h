/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_BTF_H
#define INDEXER_BTF_H

/*
 * BTF, the kernel's own type format (Documentation/bpf/btf.rst), for modules without DWARF: all
 * kinds up to ENUM64, both byte orders. A kernel module's BTF is "split": it continues the numbering
 * of types and strings of a base, vmlinux's BTF or the module's own .BTF.base.
 */

#include "module.h"

#include <symdb/writer.h>

struct btf;

/*
 * Opens the BTF in DATA, which must stay until btf_close(). All offsets and type numbers in
 * it are checked here. BASE (may be NULL) must stay open as long; it is used when DATA is split.
 *
 * Split BTF without a base: where the base's numbers end is found from the references
 * inside DATA when that is possible without doubt (else: NOT_FOUND). btf_is_partial() is true then, and
 * what refers to the base is written as an unspecified type.
 */
struct sdb_error *btf_open(const uint8_t *data, size_t size, const struct btf *base,
			   struct btf **btf_ret);
void btf_close(struct btf *btf);

bool btf_is_partial(const struct btf *btf);

/*
 * Opens MODULE's .BTF: with its .BTF.base, else with the BTF in BASE_PATH (an ELF file or raw
 * BTF such as /sys/kernel/btf/vmlinux; may be NULL). The base belongs to *BTF_RET. *BTF_RET is NULL
 * with no error when the module has no BTF, or (after a warning) none that is sound, or that
 * makes sense without the missing base.
 */
struct sdb_error *btf_load(struct module *module, const char *base_path, struct btf **btf_ret);

/* Where code and data are, which BTF does not say. All may be empty. */
struct btf_places {
	const struct module_symbol *symbols;
	size_t symbol_count;
	const struct sdb_section *sections;
	size_t section_count;
	unsigned address_size; /* of a pointer in bytes; 0: 8 */
};

/* First phase: interns every name that btf_write() will need. UNIT_NAME names the one unit. */
struct sdb_error *btf_intern(struct btf *btf, struct sdb_names *names, const char *unit_name);

/*
 * Second phase: writes unit 1, all types (with what a split one needs of its base), functions,
 * variables, and a piece of code for each function with a symbol.
 */
struct sdb_error *btf_write(struct btf *btf, struct sdb_writer *writer, const uint32_t *ranks,
			    const struct btf_places *places);

#endif
