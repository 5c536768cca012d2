/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_THREAD_H
#define STACKDB_THREAD_H

/**
 * @file
 * Threads of a target (of a machine: its virtual CPUs) and their registers.
 */

#include "target.h"

#pragma GCC visibility push(default)

/**
 * The threads of TARGET by number; *THREADS_RET belongs to the target and is valid until it
 * runs, is asked again, or a thread is created or ends.
 */
struct sdb_error *sdb_target_threads(struct sdb_target *target, struct sdb_thread *const **threads_ret,
				     size_t *count_ret);
/** The thread with number ID; NOT_FOUND. */
struct sdb_error *sdb_target_thread(struct sdb_target *target, int64_t id, struct sdb_thread **thread_ret);

/** Its number in the target (of a process: the tid). */
int64_t sdb_thread_id(const struct sdb_thread *thread);
/** The target that THREAD belongs to. */
struct sdb_target *sdb_thread_target(const struct sdb_thread *thread);
/** Its name now; malloc'ed; may be empty. */
struct sdb_error *sdb_thread_name(struct sdb_thread *thread, char **name_ret);
/** What it does in the words of its system (`sleeping`, `running`); malloc'ed. */
struct sdb_error *sdb_thread_state(struct sdb_thread *thread, char **state_ret);

/** The number of its effective user. UNSUPPORTED: this kind of target has none. */
struct sdb_error *sdb_thread_user(struct sdb_thread *thread, uint32_t *user_ret);
/** Sends it signal NUMBER. UNSUPPORTED: this kind of target has none. */
struct sdb_error *sdb_thread_signal(struct sdb_thread *thread, int number);

/** A register as it is described, by index from 0; false behind the last one. */
struct sdb_register_info {
	const char *name;    /**< such as `rax`; static */
	int dwarf;           /**< its DWARF number, -1: none */
	unsigned size;       /**< in bytes */
	const char *group;   /**< `general`, `segment`, `vector`, `debug` */
};
/** Describes register INDEX of TARGET in *INFO_RET; false behind the last one. */
bool sdb_register_info(const struct sdb_target *target, size_t index, struct sdb_register_info *info_ret);
/** Index of the register called NAME, or with DWARF number NUMBER; -1: none. */
int sdb_register_by_name(const struct sdb_target *target, const char *name);
/** Index of the register with DWARF number NUMBER; -1: none. */
int sdb_register_by_dwarf(const struct sdb_target *target, unsigned number);

/**
 * Reads the register with index REGISTER into BUFFER of the register's size, in the target's byte
 * order. The target has to be paused. NOT_FOUND: this machine does not have it.
 */
struct sdb_error *sdb_thread_register(struct sdb_thread *thread, int index, void *buffer, size_t size);
/** Changes a register; takes effect before the thread runs again. */
struct sdb_error *sdb_thread_set_register(struct sdb_thread *thread, int index, const void *buffer, size_t size);
/** The same for registers of up to 8 bytes, as a number. */
struct sdb_error *sdb_thread_register_number(struct sdb_thread *thread, const char *name, uint64_t *value_ret);
/** Changes a register of up to 8 bytes, as sdb_thread_set_register(). */
struct sdb_error *sdb_thread_set_register_number(struct sdb_thread *thread, const char *name, uint64_t value);

#pragma GCC visibility pop

#endif
