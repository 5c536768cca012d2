/* SPDX-License-Identifier: MIT */
/* What becomes of the events of a target. */

#include "probe.h"

bool probes_active(const struct sdb_target *target)
{
	return target->probes != NULL;
}

void probes_remove_all(struct sdb_target *target)
{
	(void)target;
}

struct sdb_error *probes_handle(struct sdb_target *target, const struct driver_event *event)
{
	switch (event->kind) {
	case DRIVER_EXITED:
		target->status = SDB_TARGET_EXITED;
		return NULL;
	case DRIVER_NOTHING: case DRIVER_GONE:
		return NULL;
	default:
		return thread_resume(event->thread, DRIVER_CONTINUE);
	}
}
