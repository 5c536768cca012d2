/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_FILTER_H
#define RUNTIME_FILTER_H

/* Which hits of a probe count: struct sdb_probe_filter, ready to be asked. */

#include "target.h"
#include <stackdb/probe.h>

struct filter;

/* INVALID: a regular expression that is none. */
struct sdb_error *filter_create(const struct sdb_probe_filter *options, struct filter **filter_ret);
void filter_destroy(struct filter *filter);
/* Whether THREAD, which is stopped, is where and what it asks for. What cannot be evaluated does not pass. */
bool filter_passes(struct filter *filter, struct sdb_thread *thread);
/* Why it could not be evaluated last; NULL: it could. */
const char *filter_failure(const struct filter *filter);

#endif
