/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_ACTIVE_H
#define PERSONALITIES_LINUX_ACTIVE_H

/* What is known of tasks, address spaces and modules by probes on the kernel's functions (`-a`). */

#include "linux.h"

/* Arms the probes for PARTS. UNSUPPORTED: this kernel has none of the functions that would tell. */
struct sdb_error *linux_set_active(struct sdb_target *target, unsigned parts);
void linux_free_active(struct linux_active *active);
/* The tasks were listed as threads of the target, all of them or not. */
void linux_active_listed(struct linux_system *system, bool whole);
/* As personality.follow. */
struct sdb_error *linux_follow(struct sdb_target *target, bool *followed_ret);
/* As personality.regions_version. */
bool linux_regions_version(struct sdb_target *target, int64_t pid, uint64_t version_ret[2]);
/* Address of the task with number TID, when what is told of tasks is all there is; 0: look for it. */
uint64_t linux_active_task(struct linux_system *system, int64_t tid);

#endif
