/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SYSTEM_H
#define RUNTIME_SYSTEM_H

/* What the rest of the runtime asks of the system in a machine. */

#include "personality.h"

/*
 * What is added to addresses of per-CPU variables: of the CPU that THREAD (NULL: none) is on, or was on
 * last, else of the one that was selected for TARGET.
 */
struct sdb_error *system_cpu_area(struct sdb_target *target, struct sdb_thread *thread, uint64_t *area_ret);

#endif
