/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_EXTERNAL_H
#define RUNTIME_EXTERNAL_H

/* Personalities out of shared objects: stackdb/personality.h, as the runtime's own. */

#include "personality.h"

struct external;

/* Loads the one that the specification of TARGET names. NOT_FOUND; INVALID: it is none, or of another version. */
struct sdb_error *external_load(struct sdb_target *target, struct external **external_ret);
/* Good as long as it is loaded. */
const struct personality *external_personality(const struct external *external);
void external_unload(struct external *external);

#endif
