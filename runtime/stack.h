/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_STACK_H
#define RUNTIME_STACK_H

#include "frame_context.h"

/* A stack that is walked: a physical frame in hand, the inlined functions in it one by one. */
struct sdb_stack {
	struct sdb_thread *thread;
	struct sdb_stack_options options;
	struct unwinder unwinder, before; /* `before` stands at the frame in hand */
	struct unwind_frame frame, next;
	struct unwind_self self;
	bool started, last, ended; /* `last`: there is no frame behind the one in hand */
	char reason[160];
	const struct pc_names *names; /* of the frame in hand; NULL: none */
	size_t index;                 /* of the function in hand */
	struct sdb_frame shown;
	struct frame_context *context; /* of the frame in hand; NULL before it is asked for */
};

#endif
