/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_LOOP_H
#define STACKDB_LOOP_H

/**
 * @file
 * Events. A target that is watched (that has probes, or whose end matters) needs its events
 * handled: by sdb_target_poll() of the program's own event loop, or by an sdb_loop.
 */

#include "target.h"

#pragma GCC visibility push(default)

/**
 * A descriptor that becomes readable when sdb_target_poll() has something to do. Owned by the
 * target. Only poll, select or epoll it.
 */
struct sdb_error *sdb_target_descriptor(struct sdb_target *target, int *descriptor_ret);

/**
 * Handles the events of TARGET: probes' handlers are called from in here. Waits TIMEOUT
 * milliseconds for the first one (0: not at all, -1: any time). *HANDLED_RET (may be NULL) is
 * their number, 0 when none came in time.
 */
struct sdb_error *sdb_target_poll(struct sdb_target *target, int timeout, unsigned *handled_ret);

struct sdb_loop;

/** A loop for several targets. */
struct sdb_error *sdb_loop_create(struct sdb_loop **loop_ret);
/** Frees LOOP; its targets stay as they are. NULL is allowed. */
void sdb_loop_destroy(struct sdb_loop *loop);
/**
 * Has LOOP watch TARGET, which must be open and stays its owner's. Errors: INVALID, SYSTEM, MEMORY.
 */
struct sdb_error *sdb_loop_add(struct sdb_loop *loop, struct sdb_target *target);
/** Has LOOP forget TARGET, before that is closed. NOT_FOUND: LOOP does not watch it. */
struct sdb_error *sdb_loop_remove(struct sdb_loop *loop, struct sdb_target *target);
/** One descriptor for all of them, to poll. */
int sdb_loop_descriptor(const struct sdb_loop *loop);
/** Handles events until TIMEOUT milliseconds passed (-1: any time), sdb_loop_stop() was called, or
 * every target has ended. */
struct sdb_error *sdb_loop_run(struct sdb_loop *loop, int timeout);
/** Ends sdb_loop_run(); may be called from handlers, other threads and signal handlers. */
void sdb_loop_stop(struct sdb_loop *loop);

#pragma GCC visibility pop

#endif
