/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_DISPLACE_H
#define RUNTIME_DISPLACE_H

/*
 * An instruction that a breakpoint stands on, rewritten to do the same from another address: code
 * that ends with a jump to where the instruction would have gone on.
 */

#include "arch/arch.h"

#define SLOT_SIZE 32      /* bytes that rewritten code takes at most */
#define INSTRUCTION_MAX 15

struct displaced {
	uint8_t length;        /* of the instruction */
	uint8_t copy_length;   /* of its unchanged copy at the begin of the code; 0: it was rewritten */
	uint8_t code_size;
	uint8_t code[SLOT_SIZE];
};

/*
 * Rewrites the instruction in BYTES (SIZE of them; it is at ADDRESS) for SLOT. False: it has to be
 * executed where it is; `length` is 0 when it is no instruction at all.
 */
bool displace(const struct architecture *architecture, const uint8_t *bytes, size_t size, uint64_t address,
	      uint64_t slot, struct displaced *displaced_ret);

#endif
