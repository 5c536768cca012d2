/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_DECODER_H
#define RUNTIME_DECODER_H

/*
 * Zydis, which decodes instructions: loaded when the first breakpoint is placed, so that a program
 * that only looks does not pay for it.
 */

#include <stackdb/error.h>

#include <Zydis/Zydis.h>
#include <stdbool.h>

/* Error UNSUPPORTED: the library is not installed. */
struct sdb_error *decoder_load(void);

/* Decodes the instruction in BYTES, of 64-bit code when WIDE; false when there is none, or no decoder. */
bool decoder_decode(bool wide, const uint8_t *bytes, size_t size, ZydisDecodedInstruction *instruction_ret);
/* The same with its operands, at most COUNT of them; the rest of OPERANDS is as it was. */
bool decoder_decode_operands(bool wide, const uint8_t *bytes, size_t size, ZydisDecodedInstruction *instruction_ret,
			     ZydisDecodedOperand *operands, uint8_t count);

#endif
