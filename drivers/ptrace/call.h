/* SPDX-License-Identifier: MIT */
#ifndef DRIVERS_PTRACE_CALL_H
#define DRIVERS_PTRACE_CALL_H

/* System calls in a target's name from the inside: call.c, safe_call.c. */

#include "process.h"
#include "runtime/arch/x86.h"

/* THREAD is to call NUMBER by the instruction at PC. */
void call_set_arguments(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6], uint64_t pc);
/*
 * Makes the call so that the thread is itself again even when this program ends in the middle of it. *MADE_RET
 * false: here that cannot be done, and nothing has been. The thread's registers have been loaded.
 */
struct sdb_error *call_safely(struct sdb_thread *thread, int64_t number, const uint64_t arguments[6],
			      int64_t *result_ret, bool *made_ret);

#endif
