/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_SURVIVOR_H
#define DRIVERS_SURVIVOR_H

/*
 * A small process that waits for the end of this program, whatever ends it, SIGKILL too, and then puts right
 * what must not stay as it is.
 */

#include <stackdb/error.h>
#include <sys/types.h>

/*
 * Calls FN(ARG) in it when this program has ended. It has a copy of this program's memory as it is now, and shares what is
 * mapped so; of the descriptors it has KEPT only. FN must neither allocate nor lock: other threads may have been at it.
 */
struct sdb_error *survivor_start(int kept, void (*fn)(void *arg), void *arg, pid_t *pid_ret);
/* It is not needed any more. */
void survivor_end(pid_t pid);

#endif
