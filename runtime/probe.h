/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PROBE_H
#define RUNTIME_PROBE_H

/* Probes as the rest of the runtime sees them. */

#include "target.h"

/* Whether anything is to be noticed of TARGET while it runs. */
bool probes_active(const struct sdb_target *target);
/* Puts back what stood where the probes are, and frees them. */
void probes_remove_all(struct sdb_target *target);
/* What the probes make of EVENT; then the thread has gone on, or stays where it is. */
struct sdb_error *probes_handle(struct sdb_target *target, const struct driver_event *event);

#endif
