/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DEBUGFILE_H
#define INDEXER_DEBUGFILE_H

/*
 * The module's private part: the files it consists of, and the search for those that were not
 * named.
 */

#include "elf.h"

/* Set once, by the first who needs it, under `lock`. */
enum lazy_state { LAZY_UNTRIED = 0, LAZY_DONE };

struct module {
	char *path;               /* as it was given */
	char *root;               /* or NULL */
	void (*warn)(void *arg, const char *message);
	void *warn_arg;
	pthread_mutex_t warn_lock;
	uint64_t warnings;

	struct elf_file *code;    /* has the code and its sections */
	struct elf_file *debug;   /* has DWARF, or the better symbol table; may be `code` */
	uint32_t *section_map;    /* number of a section of `debug` in `code`; NULL when equal */
	struct sdb_db_info info;
	char *name;
	struct elf_dynamic dynamic; /* of `code`, else of `debug` */

	pthread_mutex_t lock;     /* guards the opening of what follows */
	enum lazy_state mini_state, alt_state, dwp_state;
	struct elf_file *mini;    /* .gnu_debugdata, or NULL */
	struct elf_file *alt;     /* .gnu_debugaltlink, or NULL */
	struct dwo_package *dwp;  /* or NULL */
	struct name_block *names; /* names that module_symbols() had to cut out of longer ones */
};

/* Strings that live as long as the module. */
struct name_block {
	struct name_block *next;
	char bytes[];
};

/* Whether FILE has DWARF; whether the code that its headers describe is elsewhere. */
bool elf_has_dwarf(const struct elf_file *file);
bool elf_lacks_code(const struct elf_file *file);

/*
 * Finds what goes with FILE: its debug file, or when FILE is one, the file with the code. The pair
 * has the same build-id, or the CRC of the debug link matches. *FOUND_RET is NULL when there is none.
 */
struct sdb_error *find_debug_file(struct module *module, struct elf_file *file,
				  struct elf_file **found_ret);
struct sdb_error *find_code_file(struct module *module, struct elf_file *file,
				 struct elf_file **found_ret);
/* Finds the dwz supplementary file that FILE names; NULL when there is none. */
struct sdb_error *find_alt_file(struct module *module, struct elf_file *file,
				struct elf_file **found_ret);

/*
 * For each section of OTHER the number of the same one of CODE, 0 when there is none; malloc'ed, NULL
 * when memory is short. Only allocated sections have one.
 */
uint32_t *section_counterparts(const struct elf_file *code, const struct elf_file *other);

/* DIRECTORY/NAME and other joined paths; NULL when memory is short. */
char *path_join(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The directory part of PATH, "." when it has none; malloc'ed. */
char *path_directory(const char *path);
const char *path_basename(const char *path);
void format_build_id(const uint8_t *id, size_t length, char text_ret[129]);

/* The embedded mini-debuginfo of the code file, opened at its first use. */
struct elf_file *module_mini(struct module *module);

/* Closes the .dwp of a module. (dwo.c) */
void dwo_package_close(struct dwo_package *package);

#endif
