/* SPDX-License-Identifier: MIT */
#include "overlay.h"
#include "probe.h"
#include "tasks.h"

void overlay_add(struct sdb_target *base, struct overlay *overlay)
{
	overlay->next = base->overlays;
	base->overlays = overlay;
}

void overlay_remove(struct sdb_target *base, struct overlay *overlay)
{
	for (struct overlay **at = &base->overlays; *at; at = &(*at)->next) {
		if (*at == overlay) {
			*at = overlay->next;
			return;
		}
	}
}

bool overlays_take(struct sdb_target *target, const struct driver_event *event)
{
	for (struct overlay *overlay = target->overlays, *next; overlay; overlay = next) {
		next = overlay->next;
		if (overlay->take(overlay->target, event))
			return true;
	}
	return false;
}

bool overlays_active(const struct sdb_target *target)
{
	for (const struct overlay *overlay = target->overlays; overlay; overlay = overlay->next)
		if (probes_active(overlay->target))
			return true;
	return false;
}

bool overlays_have_point(const struct sdb_target *target, uint64_t address)
{
	for (const struct overlay *overlay = target->overlays; overlay; overlay = overlay->next)
		if (probes_has_point(overlay->target, address))
			return true;
	return false;
}

struct sdb_error *overlay_hold(struct sdb_target *base)
{
	struct sdb_error *error = base->status == SDB_TARGET_RUNNING ? tasks_pause(base) : NULL;
	if (!error && base->status != SDB_TARGET_PAUSED)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "the machine %s has ended", base->name ? base->name : "");
	if (!error)
		base->holds++;
	return error;
}

struct sdb_error *overlay_release(struct sdb_target *base)
{
	base->holds--;
	if (base->holds || base->paused_itself || base->status != SDB_TARGET_PAUSED)
		return NULL;
	/* Inside of a handler of the machine's the rest goes on when that has returned. */
	return probes_go_later(base) ? NULL : target_go(base);
}
