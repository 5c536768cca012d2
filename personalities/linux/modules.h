/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_MODULES_H
#define PERSONALITIES_LINUX_MODULES_H

#include "linux.h"

#define LINUX_MODULE_PARTS 8 /* MOD_MEM_NUM_TYPES is 7 */

struct linux_module_layout {
	struct linux_member size, list, name, state, init, exit, refcnt, source_list, taints, build_id;
	struct linux_member core_base, core_size, core_text, core_ro, init_size;
	struct linux_member memory, memory_size, memory_base, memory_length;
	struct linux_member sections, notes, percpu;
	struct linux_member section_count, section_first, section_size, section_name, section_address;
	struct linux_member note_count, note_first, attribute_size, attribute_name, attribute_length, attribute_private;
	struct linux_member group_attributes, notes_group, sections_group;
	struct linux_member use_list, use_source;
	uint64_t head;
};

/* A module as it is in memory. */
struct linux_module {
	uint64_t address;
	char name[64];
	unsigned state;
	uint64_t base, size;
	int64_t references;
	uint64_t taints;
	bool permanent;
	unsigned part_count; /* ranges of its memory, by what they are for */
	struct { uint64_t low, size; uint32_t flags; } parts[LINUX_MODULE_PARTS];
	uint8_t build_id[64];
	size_t build_id_length;
};

typedef struct sdb_error *(*linux_module_fn)(void *arg, const struct linux_module *module);

struct sdb_error *linux_load_modules(struct linux_system *system);
/* Each module, newest first; CORRUPT after what could be had. */
struct sdb_error *linux_each_module(struct linux_system *system, linux_module_fn fn, void *arg);
/* Its sections, malloc'ed; those only that are still in memory. That of its per-CPU variables is where each CPU's area has it. */
struct sdb_error *linux_module_sections(struct linux_system *system, const struct linux_module *module,
					struct section_place **places_ret, size_t *count_ret);

#endif
