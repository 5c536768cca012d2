/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_EMULATE_H
#define RUNTIME_EMULATE_H

/*
 * Executes one instruction of a stopped thread without the thread: what functions begin with, and what stands behind
 * a call. Encodings and flags are those of the Intel SDM, volume 2. Only 64-bit code.
 */

#include "target.h"

/*
 * Emulates the instruction in BYTES, where THREAD is. *DONE_RET false: it was not, nothing has changed, and it has to be
 * executed: it is none of those that are known, its memory is not there, or is not for sure what the CPU would
 * access (of a machine: what user programs have mapped).
 */
struct sdb_error *emulate(struct sdb_thread *thread, const uint8_t *bytes, size_t size, bool *done_ret);

#endif
