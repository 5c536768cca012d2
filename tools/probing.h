/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_PROBING_H
#define TOOLS_PROBING_H

/* Probes of the commands `probetargets` and `dumptarget`: placed by name, their hits printed. */

#include "targets.h"
#include <stackdb/probe.h>

#define PROBING_PRINTS 32

struct probing {
	struct targets *targets;
	struct sdb_loop *loop;
	struct text out;
	bool quiet;      /* only counts, at the end */
	bool returns;    /* of functions, too */
	bool after;      /* after the instruction, too */
	bool locals;
	bool backtrace;
	bool inlined;
	bool hardware;
	const char *condition; /* an expression; hits where it is 0 do not count; NULL: none */
	const char *prints[PROBING_PRINTS]; /* expressions to print */
	unsigned print_count;
	bool complained; /* of the condition */
	uint64_t limit;  /* of hits; 0: none */
	uint64_t hits;
	bool done;       /* the limit is reached */
	int64_t thread;  /* 0: all */
	struct probing_place *places;
	size_t count;
};

/* Room for COUNT places. */
struct probing_place *probing_room(size_t count);
/* Places a probe at WHAT: `[ID:]SYMBOL`, `FILE:LINE`, `0xADDRESS`; a variable is watched. */
struct sdb_error *probing_add(struct probing *probing, const char *what);
/* Lets the targets run until they end, the limit is reached or the program is interrupted. */
struct sdb_error *probing_run(struct probing *probing);
void probing_summary(struct probing *probing);
/* Complains about places that were never there; true: there were such. */
bool probing_missed(struct probing *probing);
void probing_deinit(struct probing *probing);

#endif
