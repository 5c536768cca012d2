/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_PERSONALITY_H
#define STACKDB_PERSONALITY_H

/**
 * @file
 * A personality of one's own: a shared object that knows the system in a machine, loaded with
 * `--personality-lib` (`personality_library` of struct sdb_spec). It defines
 *
 *     const struct sdb_personality stackdb_personality = { .version = SDB_PERSONALITY_VERSION, ... };
 *
 * and links nothing: what it needs of the library is handed to its open(). What it reads comes from a machine that may
 * be in the middle of a change, or lie: lists are to be bounded, and a length believed only as far as there is memory.
 */

#include "error.h"
#include "system.h"
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/** Changes when a shared object that was compiled with an older header would not work any more. */
#define SDB_PERSONALITY_VERSION 1
/** The symbol that the shared object defines: a `const struct sdb_personality`. */
#define SDB_PERSONALITY_SYMBOL "stackdb_personality"

struct sdb_regions_found;

/** What a CPU of a machine says of itself; of x86. */
struct sdb_cpu {
	uint64_t cr0;            /**< control registers: protection and paging */
	uint64_t cr2;            /**< the address of the last page fault */
	uint64_t cr3;            /**< physical address of its tables, and flags */
	uint64_t cr4;            /**< extensions */
	uint64_t efer;           /**< 64-bit mode, no-execute */
	uint64_t idt_base;       /**< of its interrupt descriptors; 0: not known */
	uint64_t gdt_base;       /**< of its segment descriptors; 0: not known */
	uint64_t fs_base;        /**< of segment FS */
	uint64_t gs_base;        /**< of segment GS */
	uint64_t kernel_gs_base; /**< what swapgs exchanges with that */
	uint64_t pc;             /**< program counter */
	uint64_t sp;             /**< stack pointer */
};

/** What the library offers to a personality. MACHINE is what open() was given. It stays until close() has returned. */
struct sdb_personality_library {
	/** How many bytes of this structure there are: later versions of the library have more behind the last. */
	size_t size;
	/** Makes an error with a printf-style message, to be returned. */
	struct sdb_error *(*error)(enum sdb_error_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));
	/** Frees an error that is not returned. */
	void (*error_free)(struct sdb_error *error);
	/** How many CPUs the machine has. */
	unsigned (*cpus)(struct sdb_target *machine);
	/** A snapshot of CPU (from 0), whether it runs or not. */
	struct sdb_error *(*cpu)(struct sdb_target *machine, unsigned cpu, struct sdb_cpu *cpu_ret);
	/** The range of memory number INDEX, [low, high); false behind the last one. */
	bool (*memory)(struct sdb_target *machine, unsigned index, uint64_t *low_ret, uint64_t *high_ret);
	/** SIZE bytes of physical memory. NOT_FOUND: not all of them are there. */
	struct sdb_error *(*read_physical)(struct sdb_target *machine, uint64_t address, void *buffer, size_t size);
	/** SIZE bytes at an address of the system: by the tables of set_tables(), before that by those of CPU 0. */
	struct sdb_error *(*read)(struct sdb_target *machine, uint64_t address, void *buffer, size_t size);
	/** From now on the upper half of addresses is translated by the x86 tables at physical address ROOT, of LEVELS (5, 4) levels. */
	void (*set_tables)(struct sdb_target *machine, uint64_t root, unsigned levels);
	/**
	 * Inside of regions(): adds a module of the system, by whose build-id (LENGTH bytes) its database is found; BIAS is
	 * what was added to its addresses. *MODULE_RET is for add_region() in the same call.
	 */
	struct sdb_error *(*add_module)(struct sdb_regions_found *found, const char *name, const uint8_t *build_id, size_t length,
					uint64_t bias, struct sdb_module **module_ret);
	/** Inside of regions(): adds [LOW, HIGH), in order of address; FLAGS is a set of SDB_REGION_*, MODULE may be NULL. */
	struct sdb_error *(*add_region)(struct sdb_regions_found *found, uint64_t low, uint64_t high, uint32_t flags, const char *name,
					struct sdb_module *module);
	/** The address of the first thing that PATTERN names, as sdb_target_bind() has it, when the regions are known. NOT_FOUND. */
	struct sdb_error *(*symbol)(struct sdb_target *machine, const char *pattern, uint64_t *address_ret);
};

/** Takes a register: NAME as the architecture calls it (`rip`, `rsp`). What does not exist is passed over. */
typedef void (*sdb_register_fn)(void *arg, const char *name, uint64_t value);

/**
 * What a personality implements. SYSTEM is what open() left in *SYSTEM_RET. A function that is NULL is something that it
 * does not know; the library says so to who asks.
 */
struct sdb_personality {
	uint32_t version;    /**< SDB_PERSONALITY_VERSION */
	uint32_t size;       /**< sizeof(struct sdb_personality): what is behind is not known to it */
	const char *name;    /**< such as `toy` */
	const char *summary; /**< a line for people */
	/**
	 * Finds the system in MACHINE. LIBRARY is valid until close(). NOT_FOUND: it is none of this kind, and why; close() is
	 * not called then. Required, as close().
	 */
	struct sdb_error *(*open)(const struct sdb_personality_library *library, struct sdb_target *machine, void **system_ret);
	/** Frees SYSTEM. */
	void (*close)(void *system);
	/** Tells of modules and regions of the system, with add_module() and add_region(). */
	struct sdb_error *(*regions)(void *system, struct sdb_regions_found *found);
	/**
	 * Calls FN for each task: `tid` and `address`, which is not 0, tell them apart, the rest as far as it is known. An error that FN returns
	 * ends it and is returned.
	 */
	struct sdb_error *(*tasks)(void *system, sdb_task_fn fn, void *arg);
	/** Number and address of the task that CPU is in. */
	struct sdb_error *(*current)(void *system, unsigned cpu, int64_t *tid_ret, uint64_t *address_ret);
	/** The registers that the task at ADDRESS left, which is on no CPU. */
	struct sdb_error *(*registers)(void *system, uint64_t address, sdb_register_fn fn, void *arg);
	/** Version, release, clocks; texts stay SYSTEM's. */
	struct sdb_error *(*information)(void *system, struct sdb_system *system_ret);
	/** As sdb_target_kernel_modules(). */
	struct sdb_error *(*modules)(void *system, sdb_kernel_module_fn fn, void *arg);
	/** As sdb_target_kernel_log(). */
	struct sdb_error *(*log)(void *system, sdb_log_record_fn fn, void *arg);
	/** What is added to addresses of CPU's own variables. */
	struct sdb_error *(*percpu_offset)(void *system, unsigned cpu, uint64_t *offset_ret);
};

#pragma GCC visibility pop

#endif
