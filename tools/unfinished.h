/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_UNFINISHED_H
#define TOOLS_UNFINISHED_H

/* System calls that threads have entered, and what is known of them already. */

#include "text.h"

#include <stdint.h>

struct unfinished {
	struct unfinished *next;
	int64_t tid;        /* 0: free */
	unsigned arguments; /* that are in `text` */
	struct text text;
};

struct unfinished_calls {
	struct unfinished *buckets[256];
};

/* A call of thread TID, with an empty text; the one before is forgotten. */
struct unfinished *unfinished_begin(struct unfinished_calls *calls, int64_t tid);
/* That of thread TID; NULL: none. */
struct unfinished *unfinished_find(struct unfinished_calls *calls, int64_t tid);
/* It has been told of. NULL is allowed. */
void unfinished_end(struct unfinished *unfinished);
void unfinished_deinit(struct unfinished_calls *calls);

#endif
