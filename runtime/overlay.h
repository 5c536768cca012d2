/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_OVERLAY_H
#define RUNTIME_OVERLAY_H

/* Targets that are laid over another one: which events of that are theirs. */

#include "driver.h"

struct overlay {
	struct overlay *next;      /* over the same target */
	struct sdb_target *target; /* that is laid over it */
	/*
	 * Whether EVENT, of a thread of the target below, is one of TARGET. Then its thread stays stopped until the
	 * driver of TARGET resumes it.
	 */
	bool (*take)(struct sdb_target *target, const struct driver_event *event);
};

/* OVERLAY stays owned by the caller; added by its driver's open(), removed by close(). */
void overlay_add(struct sdb_target *base, struct overlay *overlay);
void overlay_remove(struct sdb_target *base, struct overlay *overlay);
/* Offers EVENT to those laid over TARGET; true: one of them has it. */
bool overlays_take(struct sdb_target *target, const struct driver_event *event);
/* Whether one of them has something to notice, for which TARGET is to be watched. */
bool overlays_active(const struct sdb_target *target);
/* Whether one of them has a breakpoint at ADDRESS, which is one of TARGET's for its driver. */
bool overlays_have_point(const struct sdb_target *target, uint64_t address);

/*
 * Pauses BASE for one that is laid over it, which may be one of several, until each of them has released
 * it and the program, if it had paused it, has resumed it. NOT_FOUND: it has ended.
 */
struct sdb_error *overlay_hold(struct sdb_target *base);
struct sdb_error *overlay_release(struct sdb_target *base);

#endif
