/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_TARGET_H
#define STACKDB_TARGET_H

/**
 * @file
 * Targets: one level of a stack (a process, a machine, a script), whatever driver reaches it.
 *
 * A target is used by the thread that opened it (a driver may depend on that: ptrace does). What
 * is asked of a target that runs is a snapshot of a moving thing: memory and regions may be read
 * at any time, registers and stacks only while it is paused.
 */

#include "spec.h"

#pragma GCC visibility push(default)

struct sdb_target;
struct sdb_thread;

/** What a target does. */
enum sdb_target_status {
	SDB_TARGET_CLOSED = 0, /**< made, not open */
	SDB_TARGET_RUNNING,    /**< its threads run */
	SDB_TARGET_PAUSED,     /**< every thread is stopped */
	SDB_TARGET_EXITED,     /**< it is gone; what was read of it stays */
};

/**
 * Makes a target of SPEC, which is copied. Nothing is attached to yet. Errors: INVALID (the
 * specification names no target, or two), UNSUPPORTED (no such driver).
 */
struct sdb_error *sdb_target_create(const struct sdb_spec *spec, struct sdb_target **target_ret);

/**
 * Attaches to, or launches, the target. One that was running goes on running; one that was
 * launched is paused before its first instruction. Errors: NOT_FOUND (no such process), SYSTEM (no
 * permission, traced by another program: the message says which).
 */
struct sdb_error *sdb_target_open(struct sdb_target *target);

/**
 * Detaches and frees the target and everything that belongs to it. The target goes on as if
 * nobody had been there: probes are removed, what was paused runs, what had been stopped by a signal
 * before stays stopped. NULL is allowed.
 */
void sdb_target_close(struct sdb_target *target);

/** Stops every thread; new ones too. No error when it is paused already. */
struct sdb_error *sdb_target_pause(struct sdb_target *target);
/** Lets every thread run. A machine waits until each target laid over it that was paused is resumed, too. */
struct sdb_error *sdb_target_resume(struct sdb_target *target);
/** Ends the target. */
struct sdb_error *sdb_target_kill(struct sdb_target *target);

/** What TARGET does now, as far as was noticed: of one that runs, by the last sdb_target_poll(). */
enum sdb_target_status sdb_target_status(const struct sdb_target *target);
/** The number that its specification gave it. */
int sdb_target_id(const struct sdb_target *target);
/** What it is called: the program's name. Owned by the target. */
const char *sdb_target_name(const struct sdb_target *target);
/** The driver that reaches it, such as `ptrace`. */
const char *sdb_target_driver(const struct sdb_target *target);
/** Whether it is a machine: its threads are CPUs, or tasks of the system in it. */
bool sdb_target_is_machine(const struct sdb_target *target);
/**
 * Whether a machine that counts as running stands still since somebody else holds it, such as its monitor. Asks its
 * driver each time, for a fraction of a millisecond. False as well when nobody can be asked.
 */
bool sdb_target_halted(struct sdb_target *target);
/** The process's number in the system that runs it; 0 when it is no process. */
int64_t sdb_target_pid(const struct sdb_target *target);
/** Exit status of one that EXITED, as waitpid(2) gives it; -1: unknown. */
int sdb_target_exit_status(const struct sdb_target *target);
/** The terminal of a program that was launched with one; -1: none. Owned by the target. */
int sdb_target_terminal(const struct sdb_target *target);
/** ELF machine (EM_*) and bytes of an address. */
uint16_t sdb_target_machine(const struct sdb_target *target);
/** Bytes of an address: 4 or 8. */
unsigned sdb_target_address_size(const struct sdb_target *target);

/** Calls FN(arg, name, summary) for each driver that there is. */
void sdb_drivers(void (*fn)(void *arg, const char *name, const char *summary), void *arg);

/* ---- memory -------------------------------------------------------------------- */

/**
 * Reads SIZE bytes at ADDRESS: all of them, or an error that says the first address that could
 * not be read and why. While the target is paused pages are cached.
 */
struct sdb_error *sdb_target_read(struct sdb_target *target, uint64_t address, void *buffer, size_t size);
/** Reads as much as there is; *SIZE_RET may be less than SIZE, and 0, without an error. */
struct sdb_error *sdb_target_read_some(struct sdb_target *target, uint64_t address, void *buffer,
				       size_t size, size_t *size_ret);
/** Writes, through read-only mappings too. */
struct sdb_error *sdb_target_write(struct sdb_target *target, uint64_t address, const void *buffer,
				   size_t size);
/** An unsigned integer of SIZE (1, 2, 4, 8) bytes in the target's byte order. */
struct sdb_error *sdb_target_read_number(struct sdb_target *target, uint64_t address, unsigned size,
					 uint64_t *value_ret);
/** A string of at most LIMIT bytes, malloc'ed; *WHOLE_RET: its end was among them. */
struct sdb_error *sdb_target_read_string(struct sdb_target *target, uint64_t address, size_t limit,
					 char **string_ret, bool *whole_ret);
/**
 * Finds PATTERN between LOW and HIGH; places that cannot be read are passed over. NOT_FOUND.
 */
struct sdb_error *sdb_target_search(struct sdb_target *target, uint64_t low, uint64_t high,
				    const void *pattern, size_t size, uint64_t *address_ret);

#pragma GCC visibility pop

#endif
