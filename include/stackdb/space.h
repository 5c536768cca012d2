/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_SPACE_H
#define STACKDB_SPACE_H

/**
 * @file
 * What is mapped where in a target: regions, the modules (programs, libraries, the vDSO) they come
 * from, and the database of each.
 */

#include "db.h"
#include "target.h"

#pragma GCC visibility push(default)

struct sdb_module;

/** What is true of a region. */
enum sdb_region_flags {
	SDB_REGION_READ = 1 << 0,    /**< can be read */
	SDB_REGION_WRITE = 1 << 1,   /**< can be written */
	SDB_REGION_EXECUTE = 1 << 2, /**< can be executed */
	SDB_REGION_SHARED = 1 << 3,  /**< shared with other processes */
	SDB_REGION_STACK = 1 << 4,   /**< the stack of the first thread */
	SDB_REGION_HEAP = 1 << 5,    /**< what brk(2) gives */
	SDB_REGION_DELETED = 1 << 6, /**< its file is not there any more under that name */
};

/** A range of addresses of one kind. Owned by the target, valid until it runs. */
struct sdb_region {
	uint64_t low;               /**< the first address */
	uint64_t high;              /**< the first one behind it */
	uint64_t offset;            /**< in its file */
	uint32_t flags;             /**< enum sdb_region_flags */
	const char *name;           /**< path, or `[stack]`; empty: anonymous */
	struct sdb_module *module;  /**< NULL: none */
};

/**
 * The regions of TARGET by address. They are read anew when the target has run since. Valid until
 * then; *REGIONS_RET is owned by the target.
 */
struct sdb_error *sdb_target_regions(struct sdb_target *target, const struct sdb_region **regions_ret,
				     size_t *count_ret);
/** The region that holds ADDRESS; NOT_FOUND. */
struct sdb_error *sdb_target_region_at(struct sdb_target *target, uint64_t address,
				       const struct sdb_region **region_ret);

/** The modules of TARGET in the order of their addresses; as sdb_target_regions(). */
struct sdb_error *sdb_target_modules(struct sdb_target *target, struct sdb_module *const **modules_ret,
				     size_t *count_ret);
/** The module whose path or file name is NAME; NOT_FOUND. */
struct sdb_error *sdb_target_module(struct sdb_target *target, const char *name,
				    struct sdb_module **module_ret);

/** Path as the target knows it. Owned by the module. */
const char *sdb_module_path(const struct sdb_module *module);
/** The last part of its path. */
const char *sdb_module_name(const struct sdb_module *module);
/** What is added to an address in the module's file to get one in the target, modulo 2^64. */
uint64_t sdb_module_bias(const struct sdb_module *module);
/** Lowest and highest address (exclusive) of the module in the target. */
uint64_t sdb_module_low(const struct sdb_module *module);
/** The highest address of the module in the target, exclusive. */
uint64_t sdb_module_high(const struct sdb_module *module);
/** Its build-id; *LENGTH_RET is 0 when it has none. Owned by the module. */
const uint8_t *sdb_module_build_id(struct sdb_module *module, size_t *length_ret);
/**
 * Its database: found in the store by build-id, or made by the indexer when it is asked for the
 * first time. The handle belongs to the module. When there is none, the error says why, the same
 * each time.
 */
struct sdb_error *sdb_module_database(struct sdb_module *module, struct sdb_db **db_ret);

/* ---- symbols bound to addresses ---------------------------------------------- */

/** Where an address is, by symbol. Texts are owned by the target, valid until the next call. */
struct sdb_place {
	const struct sdb_region *region; /**< NULL: nothing is mapped there */
	struct sdb_module *module;       /**< NULL: none */
	uint64_t module_address;         /**< in the module's file */
	const char *symbol;              /**< ELF symbol that holds it; NULL: none */
	uint64_t offset;                 /**< from the begin of the symbol */
};
/** Describes ADDRESS; never NOT_FOUND: what is not known is NULL. */
struct sdb_error *sdb_target_place(struct sdb_target *target, uint64_t address, struct sdb_place *place_ret);

/** What a name stands for in a target. */
struct sdb_binding {
	struct sdb_module *module;   /**< that it is in */
	struct sdb_entity entity;    /**< function, variable or symbol of the module's database */
	uint64_t address;            /**< in the target: entry of the function, place of the variable */
	uint64_t size;               /**< 0: unknown */
	bool inlined;                /**< an inlined instance: ADDRESS is where its code begins */
};
/** Called for each; an error it returns ends the search and is returned. */
typedef struct sdb_error *(*sdb_binding_fn)(void *arg, const struct sdb_binding *binding);
/**
 * Everything that PATTERN names in TARGET: `name`, `module:name`, `file.c:name`, `file.c:LINE`,
 * `0xADDRESS`, `name+0x12`. Functions give every instance, with INLINED the inlined ones too. Only
 * the modules that have a database are asked, the others get one first. NOT_FOUND.
 */
struct sdb_error *sdb_target_bind(struct sdb_target *target, const char *pattern, bool inlined,
				  sdb_binding_fn fn, void *arg);

#pragma GCC visibility pop

#endif
