/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_SAVED_H
#define RUNTIME_SAVED_H

#include "unwind.h"

/*
 * Changes a register of FRAME, one of THREAD's frames as the unwinder gave it, where it is saved. NOT_FOUND: it
 * was not.
 */
struct sdb_error *saved_set(struct sdb_thread *thread, struct unwind_frame *frame, unsigned dwarf, uint64_t value);

#endif
