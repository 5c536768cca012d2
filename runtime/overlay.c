/* SPDX-License-Identifier: MIT */
#include "overlay.h"
#include "target.h"

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
