/* SPDX-License-Identifier: MIT */
/*
 * Encodings are those of the Intel SDM, volume 2. Only for 64-bit code: there a jump through memory
 * behind itself (FF 25) reaches everything.
 */

#include "decoder.h"
#include "displace.h"

#include <string.h>

enum { JUMP_SIZE = 14, PUSH_SIZE = 13 };

static uint8_t *put_bytes(uint8_t *to, const void *bytes, size_t size)
{
	memcpy(to, bytes, size);
	return to + size;
}

/* jmp *0(%rip); .quad TARGET */
static uint8_t *put_jump(uint8_t *to, uint64_t target)
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	to = put_bytes(to, jump, sizeof(jump));
	return put_bytes(to, &target, sizeof(target));
}

/* push $LOW; movl $HIGH, 4(%rsp): what a call would have pushed */
static uint8_t *put_push(uint8_t *to, uint64_t value)
{
	static const uint8_t store[] = { 0xc7, 0x44, 0x24, 0x04 };
	uint32_t low = (uint32_t)value, high = (uint32_t)(value >> 32);
	*to++ = 0x68;
	to = put_bytes(to, &low, sizeof(low));
	to = put_bytes(to, store, sizeof(store));
	return put_bytes(to, &high, sizeof(high));
}

/* A displacement from the instruction's end that was good at FROM and is to be good at TO. */
static bool move_displacement(uint8_t *at, uint64_t from, uint64_t to)
{
	int32_t old;
	memcpy(&old, at, sizeof(old));
	int64_t moved = (int64_t)old + (int64_t)(from - to);
	int32_t new = (int32_t)moved;
	if (moved != new)
		return false;
	memcpy(at, &new, sizeof(new));
	return true;
}

static bool is_rip_relative(const ZydisDecodedInstruction *instruction)
{
	return instruction->attributes & ZYDIS_ATTRIB_HAS_MODRM && instruction->raw.modrm.mod == 0
		&& instruction->raw.modrm.rm == 5 && instruction->raw.disp.size == 32;
}

/* call, jmp, jcc, jrcxz, loop with a displacement in the instruction. */
static uint8_t *put_branch(uint8_t *to, const ZydisDecodedInstruction *instruction, const uint8_t *bytes,
			   uint64_t address)
{
	uint64_t next = address + instruction->length;
	uint64_t target = next + (uint64_t)instruction->raw.imm[0].value.s;
	switch (instruction->meta.category) {
	case ZYDIS_CATEGORY_CALL:
		return put_jump(put_push(to, next), target);
	case ZYDIS_CATEGORY_UNCOND_BR:
		return put_jump(to, target);
	case ZYDIS_CATEGORY_COND_BR:
		if (instruction->raw.imm[0].size == 8) { /* with its prefixes, for jecxz */
			to = put_bytes(to, bytes, instruction->raw.imm[0].offset);
		} else if (instruction->opcode_map == ZYDIS_OPCODE_MAP_0F && (instruction->opcode & 0xf0) == 0x80) {
			*to++ = (uint8_t)(0x70 | (instruction->opcode & 15));
		} else {
			return NULL; /* xbegin */
		}
		*to++ = JUMP_SIZE;
		return put_jump(put_jump(to, next), target);
	default:
		return NULL;
	}
}

/* call through a register or memory: the return address is pushed, then one jumps the same way. */
static uint8_t *put_indirect_call(uint8_t *to, const ZydisDecodedInstruction *instruction, const uint8_t *bytes,
				  uint64_t address, uint64_t slot)
{
	bool uses_stack = instruction->raw.modrm.mod == 3 ? instruction->raw.modrm.rm == 4 && !instruction->raw.rex.B
		: instruction->raw.modrm.rm == 4 && instruction->raw.sib.base == 4 && !instruction->raw.rex.B;
	if (uses_stack) /* and the stack pointer is another one then */
		return NULL;
	uint8_t *begin = to;
	to = put_push(to, address + instruction->length);
	uint8_t *jump = to;
	to = put_bytes(to, bytes, instruction->length);
	uint8_t *modrm = jump + instruction->raw.modrm.offset;
	*modrm = (uint8_t)((*modrm & ~0x38) | 4 << 3);
	if (is_rip_relative(instruction)
	    && !move_displacement(jump + instruction->raw.disp.offset, address, slot + (uint64_t)(jump - begin)))
		return NULL;
	return to;
}

static uint8_t *put_copy(uint8_t *to, const ZydisDecodedInstruction *instruction, const uint8_t *bytes,
			 uint64_t address, uint64_t slot)
{
	uint8_t *begin = to;
	if (is_rip_relative(instruction) && instruction->address_width != 64)
		return NULL; /* relative to the lower half of the program counter */
	to = put_bytes(to, bytes, instruction->length);
	if (is_rip_relative(instruction) && !move_displacement(begin + instruction->raw.disp.offset, address, slot))
		return NULL;
	return put_jump(to, address + instruction->length);
}

bool displace(const struct architecture *architecture, const uint8_t *bytes, size_t size, uint64_t address,
	      uint64_t slot, struct displaced *displaced_ret)
{
	ZydisDecodedInstruction instruction;
	bool wide = architecture->address_size == 8;
	uint8_t room[64], *end;
	*displaced_ret = (struct displaced){ .length = 0 };
	if (!decoder_decode(wide, bytes, size, &instruction))
		return false;
	displaced_ret->length = instruction.length;
	if (!wide)
		return false;
	bool relative = instruction.raw.imm[0].is_relative;
	bool indirect_call = !relative && instruction.meta.category == ZYDIS_CATEGORY_CALL;
	if (relative)
		end = put_branch(room, &instruction, bytes, address);
	else if (!indirect_call)
		end = put_copy(room, &instruction, bytes, address, slot);
	else if (instruction.opcode == 0xff && instruction.raw.modrm.reg == 2)
		end = put_indirect_call(room, &instruction, bytes, address, slot);
	else
		end = NULL; /* a far call */
	if (!end || end - room > SLOT_SIZE)
		return false;
	displaced_ret->code_size = (uint8_t)(end - room);
	memcpy(displaced_ret->code, room, displaced_ret->code_size);
	displaced_ret->copy_length = relative || indirect_call ? 0 : instruction.length;
	return true;
}
