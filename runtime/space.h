/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SPACE_H
#define RUNTIME_SPACE_H

/* Regions and modules of a target from the inside. */

#include "elf_image.h"
#include "sections.h"
#include "target.h"

#include <stackdb/indexing.h>

struct sdb_module {
	struct sdb_target *target;
	char *path;
	uint64_t low, high;
	uint64_t device, inode; /* of one that was given: its key, and 0 */
	/* A region of it, to find its file by and to compute the bias from. */
	uint64_t probe_low, probe_high, probe_offset;
	uint32_t probe_flags;
	bool seen;      /* in the reading of regions that is under way */
	bool examined;  /* what follows is known */
	char *file;     /* how this program opens it; NULL: it cannot */
	bool given;     /* who found it knows build-id and bias: no file is looked for */
	struct sections *sections; /* of a relocatable one, instead of a bias; NULL: none */
	bool from_memory; /* build-id and bias were read from the target's memory; `file` only serves to index */
	bool temporary; /* the file is a copy of memory, to be removed */
	struct elf_image image;
	uint64_t bias;
	uint8_t build_id[64];
	size_t build_id_length;
	struct sdb_error *trouble; /* why there is no database */
	struct sdb_db *db;
	struct part *part;         /* a database of what some stacks need, made in haste; NULL: none. See part.c */
	struct frame_context *context; /* of its globals; NULL before that is asked for */
	struct names *names;       /* names of its functions that were asked for, see symbolize.c */
	struct codes *codes;       /* code that frames were in, see codes.h; NULL: none yet */
};

/* A region as a driver finds it. */
struct region_found {
	uint64_t low, high, offset, device, inode;
	uint32_t flags;
	const char *name; /* copied */
	/* What is known of its module without a file: see space_add_module(). */
	struct sdb_module *module;
};

/* A module that a personality found: it has no file here, or one that is only its debuginfo. */
struct module_found {
	const char *name;          /* copied; the same each time the regions are read */
	const uint8_t *build_id;
	size_t build_id_length;
	uint64_t key;              /* what tells it from another one of the same name */
	uint64_t bias;
	struct sdb_db *db;         /* that is open already, and of this build-id; shared; NULL: it is sought */
	const char *file;          /* to index when there is no database, and to look for there: NULL: none; copied */
	const struct section_place *sections; /* with name and target; copied; NULL: BIAS counts */
	size_t section_count;
};

struct space {
	struct sdb_target *target;
	struct sdb_region *regions;
	char **names; /* of the regions: shared by neighbours */
	size_t count, capacity, name_count, name_capacity;
	uint64_t last_device, last_inode;
	struct sdb_module **modules; /* by address */
	size_t module_count, module_capacity;
	size_t last; /* the region that was found last */
	uint64_t version[2]; /* of what was read, where somebody keeps track */
	bool versioned;
};

/* In order of address. */
struct sdb_error *space_add(struct space *space, const struct region_found *found);

/*
 * The module that FOUND describes, known from before or new; for region_found.module. Its regions are
 * added by space_add() and may lie apart.
 */
struct sdb_error *space_add_module(struct space *space, const struct module_found *found, struct sdb_module **module_ret);

/* The regions of TARGET, read anew when they may have changed. */
struct sdb_error *space_get(struct sdb_target *target, struct space **space_ret);
void space_destroy(struct space *space);
/* Forgets every module, since the target is another program. */
void space_clear(struct space *space);
/* NULL: nothing is mapped at ADDRESS. */
const struct sdb_region *space_find(struct space *space, uint64_t address);

/* From an address of the target to one of the module's database, and back. After module_examine(). */
static inline uint64_t module_to_database(const struct sdb_module *module, uint64_t address)
{
	return module->sections ? sections_to_database(module->sections, address) : address - module->bias;
}

static inline uint64_t module_to_target(const struct sdb_module *module, uint64_t address)
{
	return module->sections ? sections_to_target(module->sections, address) : address + module->bias;
}

/* Finds the file, the build-id and the bias of MODULE. What fails is its `trouble`. */
void module_examine(struct sdb_module *module);
/* Whether its database is open or in the store: nothing has to be made to ask it. */
bool module_has_database(struct sdb_module *module);
void module_free(struct sdb_module *module);
/* One that has its symbols and unwind rules, at least. */
struct sdb_error *module_tables(struct sdb_module *module, struct sdb_db **db_ret);
/* One that has all about the code at ADDRESS, of the database. */
struct sdb_error *module_database_at(struct sdb_module *module, uint64_t address, struct sdb_db **db_ret);
/* Opens the database at PATH for MODULE, which it has to be of. */
struct sdb_error *module_open(struct sdb_module *module, const char *path, struct sdb_db **db_ret);
/*
 * Identity and bias of MODULE from the image that is mapped, for targets whose files are not this program's. A
 * file of the same build-id is looked for, to be indexed when there is no database.
 */
struct sdb_error *module_read_memory(struct sdb_module *module);
/* One that is FOUND. */
struct sdb_error *module_give(struct sdb_target *target, const struct module_found *found, struct sdb_module **module_ret);
/* Whether the module's database has to be made, and can be. */
bool module_needs_indexing(struct sdb_module *module);
/* The same, when there is not even one of a part of it. */
bool module_lacks_database(struct sdb_module *module);

/* A module that is to have a database; of the code at ADDRESSES, sorted ones of its database, when there are any. */
struct module_wanted {
	struct sdb_module *module;
	uint64_t *addresses;
	size_t count, capacity;
};
/* Gets databases for those that have none yet, several at a time. */
void modules_prepare(const struct module_wanted *wanted, size_t count);

/* ---- prepare.c ------------------------------------------------------------------------- */

/*
 * Of a target whose stacks were prepared (sdb_target_prepare()), when a frame turns out to be in MODULE, which has no
 * database: gets what the stacks need of it, and of all others that are on them.
 */
struct sdb_error *prepare_for(struct sdb_module *module);

/* ---- part.c ---------------------------------------------------------------------------- */

/* Takes the database that INDEXING made for MODULE, of the code at the COUNT sorted ADDRESSES. */
void part_take(struct sdb_module *module, struct sdb_indexing *indexing, const uint64_t *addresses, size_t count);
void part_destroy(struct part *part);
/* The order of addresses that these are sorted in, for qsort(). */
int part_compare_addresses(const void *a, const void *b);

/* The name that backtraces show: those of MODULE that were asked for are kept. See symbolize.c. */
void names_destroy(struct names *names);

#endif
