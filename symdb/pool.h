/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_POOL_H
#define SYMDB_POOL_H

/*
 * A few threads that run jobs first come, first served. The writer's blocks are compressed by
 * them; which thread does a job never shows in its result.
 */

#include <stddef.h>

struct pool;

/* SCRATCH points to memory of the thread's own that a job may allocate and leave for the next. */
typedef void (*pool_fn)(void *arg, void **scratch);
/* Frees a SCRATCH; it may be NULL. */
typedef void (*pool_free_fn)(void *scratch);

/* NULL when memory is short. With fewer threads than asked for, it still works. */
struct pool *pool_create(unsigned threads, pool_free_fn free_scratch);
/* Waits for all jobs. */
void pool_destroy(struct pool *pool);

/*
 * Queues a job, or, when so many wait that memory would fill up, runs it right here with
 * SCRATCH, which the caller owns and frees.
 */
void pool_run(struct pool *pool, pool_fn fn, void *arg, void **scratch);
/* Helps with the jobs until none is queued or running. */
void pool_wait(struct pool *pool, void **scratch);

#endif
