/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_FRAME_CONTEXT_H
#define RUNTIME_FRAME_CONTEXT_H

#include "types.h"
#include "unwind.h"

#define TYPES_KEPT (256 << 10) /* bytes of decoded types of a target */

/* A physical frame that expressions are evaluated in. */
struct frame_context {
	struct sdb_context context;
	struct sdb_thread *thread;
	struct unwinder unwinder;
	struct unwind_frame frame, next;
	struct unwind_self self;
	bool last;           /* it has no caller */
	bool caller_asked;
	uint32_t innermost;  /* scope */
	struct kept_code *kept; /* that the context has the code of; NULL: none */
	struct frame_context *caller;
};

struct sdb_error *frame_context_create(struct sdb_thread *thread, const struct unwinder *unwinder,
				       const struct unwind_frame *physical, struct frame_context **frame_ret);
void frame_context_destroy(struct frame_context *frame); /* NULL is allowed */
/* Sets the scope to that of the function DEPTH inlined calls further out than the innermost. */
void frame_context_select(struct frame_context *frame, size_t depth);

#endif
