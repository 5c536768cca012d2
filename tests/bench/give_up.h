/* SPDX-License-Identifier: MIT */
#ifndef BENCH_GIVE_UP_H
#define BENCH_GIVE_UP_H

/* A benchmark measures what works: it ends with what ERROR says, if there is one. */

#include <stackdb/error.h>

#include <stdio.h>
#include <stdlib.h>

static inline void give_up(struct sdb_error *error)
{
	if (!error)
		return;
	fprintf(stderr, "%s\n", sdb_error_message(error));
	exit(1);
}

#endif
