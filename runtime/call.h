/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include "context.h"
#include <stackdb/thread.h>

/*
 * Calls a function of the target in stopped thread THREAD, with all other threads as they are. The
 * thread is as it was then, whatever happens.
 */
struct sdb_error *call_make(struct sdb_thread *thread, struct context_call *call);

#endif
