/* SPDX-License-Identifier: MIT */
#include "emulate.h"
#include "decoder.h"

#include <string.h>

enum { CARRY = 1 << 0, PARITY = 1 << 2, ADJUST = 1 << 4, ZERO = 1 << 6, SIGN = 1 << 7, TRAP = 1 << 8, OVERFLOW = 1 << 11 };

#define ARITHMETIC (CARRY | PARITY | ADJUST | ZERO | SIGN | OVERFLOW)
#define UPPER_HALF (1ull << 63)
#define RSP 7 /* DWARF numbers */
#define RBP 6

struct emulation {
	struct sdb_thread *thread;
	ZydisDecodedInstruction instruction;
	ZydisDecodedOperand operands[4];
	int flags_index;
	uint64_t pc, next, flags;
};

/* ---- registers ------------------------------------------------------------------------------- */

struct place {
	int index;
	unsigned bits, shift;
};

/* Where the register is in the file; false: it is no general one. */
static bool place_of(ZydisRegister name, struct place *place)
{
	/* By the number that it has in instructions. */
	static const uint8_t dwarf[16] = { 0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15 };
	if (name >= ZYDIS_REGISTER_RAX && name <= ZYDIS_REGISTER_R15)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_RAX], 64, 0 };
	else if (name >= ZYDIS_REGISTER_EAX && name <= ZYDIS_REGISTER_R15D)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_EAX], 32, 0 };
	else if (name >= ZYDIS_REGISTER_AX && name <= ZYDIS_REGISTER_R15W)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_AX], 16, 0 };
	else if (name >= ZYDIS_REGISTER_AL && name <= ZYDIS_REGISTER_BL)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_AL], 8, 0 };
	else if (name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_AH], 8, 8 };
	else if (name >= ZYDIS_REGISTER_SPL && name <= ZYDIS_REGISTER_R15B)
		*place = (struct place){ dwarf[name - ZYDIS_REGISTER_SPL + 4], 8, 0 };
	else
		return false;
	return true;
}

static uint64_t mask_of(unsigned bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static uint64_t sign_extend(uint64_t value, unsigned bits)
{
	return bits >= 64 ? value : (uint64_t)((int64_t)(value << (64 - bits)) >> (64 - bits));
}

static bool get_register(const struct emulation *emulation, ZydisRegister name, uint64_t *value_ret)
{
	struct place place;
	if (!place_of(name, &place))
		return false;
	*value_ret = thread_get(emulation->thread, place.index) >> place.shift & mask_of(place.bits);
	return true;
}

/* Writing 32 bits clears the upper half (SDM volume 1, 3.4.1.1). */
static bool put_register(const struct emulation *emulation, ZydisRegister name, uint64_t value)
{
	struct place place;
	if (!place_of(name, &place))
		return false;
	uint64_t mask = mask_of(place.bits) << place.shift, old = thread_get(emulation->thread, place.index);
	uint64_t kept = place.bits == 32 ? 0 : old & ~mask;
	thread_put(emulation->thread, place.index, kept | (value << place.shift & mask));
	return true;
}

/* ---- memory ------------------------------------------------------------------------------------- */

/* With tables of 4 levels: where code is it is so with 5, too. */
static bool is_canonical(uint64_t address)
{
	uint64_t upper = address >> 47;
	return upper == 0 || upper == 0x1ffff;
}

/*
 * Whether what the target has at ADDRESS is what the CPU has there: of a machine only the kernel's is known, which
 * its tables translate, of 4 or 5 levels.
 */
static bool is_certain(const struct emulation *emulation, uint64_t address)
{
	return emulation->thread->target->driver->cpus ? address >> 56 == 0xff : is_canonical(address);
}

static bool read_memory(const struct emulation *emulation, uint64_t address, unsigned bits, uint64_t *value_ret)
{
	if (!is_certain(emulation, address) || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
		return false;
	struct sdb_error *error = sdb_target_read_number(emulation->thread->target, address, bits / 8, value_ret);
	bool good = !error;
	sdb_error_free(error);
	return good;
}

/* Only to the stack: of other memory it is not known whether it can be written. */
static bool write_stack(const struct emulation *emulation, uint64_t address, unsigned bits, uint64_t value)
{
	if (!is_certain(emulation, address) || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
		return false;
	struct sdb_error *error = sdb_target_write(emulation->thread->target, address, &value, bits / 8);
	bool good = !error;
	sdb_error_free(error);
	return good;
}

static bool address_of(const struct emulation *emulation, const ZydisDecodedOperand *operand, uint64_t *address_ret)
{
	uint64_t address = (uint64_t)operand->mem.disp.value, value = 0;
	if (emulation->instruction.address_width != 64)
		return false;
	if (operand->mem.base == ZYDIS_REGISTER_RIP)
		address += emulation->next;
	else if (operand->mem.base != ZYDIS_REGISTER_NONE) {
		if (!get_register(emulation, operand->mem.base, &value))
			return false;
		address += value;
	}
	if (operand->mem.index != ZYDIS_REGISTER_NONE) {
		if (!get_register(emulation, operand->mem.index, &value))
			return false;
		address += value * operand->mem.scale;
	}
	if (operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN) { /* lea: segments do not count */
		*address_ret = address;
		return true;
	}
	if (operand->mem.segment == ZYDIS_REGISTER_FS || operand->mem.segment == ZYDIS_REGISTER_GS) {
		int base = architecture_named(emulation->thread->target->architecture,
					      operand->mem.segment == ZYDIS_REGISTER_FS ? "fs.base" : "gs.base");
		if (base < 0)
			return false;
		address += thread_get(emulation->thread, base);
	}
	*address_ret = address;
	return true;
}

/* ---- operands --------------------------------------------------------------------------------------- */

static bool get(const struct emulation *emulation, unsigned number, uint64_t *value_ret)
{
	const ZydisDecodedOperand *operand = &emulation->operands[number];
	uint64_t address;
	switch (operand->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		return get_register(emulation, operand->reg.value, value_ret);
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		*value_ret = operand->imm.value.u;
		return true;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		return address_of(emulation, operand, &address) && read_memory(emulation, address, operand->size, value_ret);
	default:
		return false;
	}
}

static bool put(const struct emulation *emulation, unsigned number, uint64_t value)
{
	const ZydisDecodedOperand *operand = &emulation->operands[number];
	uint64_t address;
	if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER)
		return put_register(emulation, operand->reg.value, value);
	if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.base != ZYDIS_REGISTER_RSP)
		return false;
	return address_of(emulation, operand, &address) && write_stack(emulation, address, operand->size, value);
}

/* ---- flags ------------------------------------------------------------------------------------------- */

static uint64_t result_flags(uint64_t result, unsigned bits)
{
	uint64_t value = result & mask_of(bits);
	return (value == 0 ? ZERO : 0u) | (value >> (bits - 1) & 1 ? SIGN : 0u)
		| (__builtin_parity((unsigned)(value & 0xff)) ? 0u : PARITY);
}

static uint64_t add_flags(uint64_t a, uint64_t b, uint64_t result, unsigned bits)
{
	uint64_t carries = (a & b) | ((a | b) & ~result), top = bits - 1;
	return result_flags(result, bits) | (carries >> top & 1 ? CARRY : 0u)
		| ((a ^ b ^ result) & 0x10 ? ADJUST : 0u) | (((a ^ result) & (b ^ result)) >> top & 1 ? OVERFLOW : 0u);
}

static uint64_t subtract_flags(uint64_t a, uint64_t b, uint64_t result, unsigned bits)
{
	uint64_t borrows = (~a & b) | ((~a | b) & result), top = bits - 1;
	return result_flags(result, bits) | (borrows >> top & 1 ? CARRY : 0u) | ((a ^ b ^ result) & 0x10 ? ADJUST : 0u)
		| (((a ^ b) & (a ^ result)) >> top & 1 ? OVERFLOW : 0u);
}

static void set_flags(struct emulation *emulation, uint64_t set, uint64_t which)
{
	emulation->flags = (emulation->flags & ~which) | (set & which);
}

/* By the lower four bits of an opcode: SDM volume 1, appendix B. */
static bool condition(const struct emulation *emulation)
{
	uint64_t flags = emulation->flags;
	bool less = !(flags & SIGN) != !(flags & OVERFLOW), holds = false;
	switch (emulation->instruction.opcode >> 1 & 7) {
	case 0: holds = flags & OVERFLOW; break;
	case 1: holds = flags & CARRY; break;
	case 2: holds = flags & ZERO; break;
	case 3: holds = flags & (CARRY | ZERO); break;
	case 4: holds = flags & SIGN; break;
	case 5: holds = flags & PARITY; break;
	case 6: holds = less; break;
	case 7: holds = less || flags & ZERO; break;
	}
	return holds != (emulation->instruction.opcode & 1);
}

/* ---- instructions -------------------------------------------------------------------------------------- */

/* add, sub, cmp, and, test, or, xor */
static bool do_arithmetic(struct emulation *emulation)
{
	uint64_t a, b, result;
	unsigned bits = emulation->operands[0].size;
	bool keeps = false;
	if (!get(emulation, 0, &a) || !get(emulation, 1, &b))
		return false;
	a &= mask_of(bits);
	b &= mask_of(bits); /* immediates are sign-extended to 64 bits */
	uint64_t flags = emulation->flags;
	switch (emulation->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_ADD: result = a + b; set_flags(emulation, add_flags(a, b, result, bits), ARITHMETIC); break;
	case ZYDIS_MNEMONIC_SUB: result = a - b; set_flags(emulation, subtract_flags(a, b, result, bits), ARITHMETIC); break;
	case ZYDIS_MNEMONIC_CMP:
		result = a - b;
		keeps = true;
		set_flags(emulation, subtract_flags(a, b, result, bits), ARITHMETIC);
		break;
	case ZYDIS_MNEMONIC_OR: result = a | b; set_flags(emulation, result_flags(result, bits), ARITHMETIC & ~ADJUST); break;
	case ZYDIS_MNEMONIC_XOR: result = a ^ b; set_flags(emulation, result_flags(result, bits), ARITHMETIC & ~ADJUST); break;
	default:
		result = a & b;
		keeps = emulation->instruction.mnemonic == ZYDIS_MNEMONIC_TEST;
		set_flags(emulation, result_flags(result, bits), ARITHMETIC & ~ADJUST);
		break;
	}
	if (keeps || put(emulation, 0, result))
		return true;
	emulation->flags = flags;
	return false;
}

/* Carry stays as it is. */
static bool do_count(struct emulation *emulation, bool up)
{
	uint64_t value, result;
	unsigned bits = emulation->operands[0].size;
	if (emulation->operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER || !get(emulation, 0, &value))
		return false;
	result = up ? value + 1 : value - 1;
	set_flags(emulation, up ? add_flags(value, 1, result, bits) : subtract_flags(value, 1, result, bits),
		  ARITHMETIC & ~CARRY);
	return put(emulation, 0, result);
}

static bool do_push(const struct emulation *emulation, uint64_t value)
{
	uint64_t stack = thread_get(emulation->thread, RSP) - 8;
	if (!write_stack(emulation, stack, 64, value))
		return false;
	thread_put(emulation->thread, RSP, stack);
	return true;
}

static bool do_pop(const struct emulation *emulation, uint64_t *value_ret)
{
	uint64_t stack = thread_get(emulation->thread, RSP);
	if (!read_memory(emulation, stack, 64, value_ret))
		return false;
	thread_put(emulation->thread, RSP, stack + 8);
	return true;
}

static bool branch_target(const struct emulation *emulation, uint64_t *target_ret)
{
	const ZydisDecodedOperand *operand = &emulation->operands[0];
	if (emulation->instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return false;
	if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
		*target_ret = emulation->next + (operand->imm.is_relative ? operand->imm.value.u : 0);
	else if (operand->size != 64 || !get(emulation, 0, target_ret))
		return false;
	return is_canonical(*target_ret);
}

static bool do_branch(struct emulation *emulation)
{
	uint64_t target;
	if (!branch_target(emulation, &target))
		return false;
	if (emulation->instruction.mnemonic == ZYDIS_MNEMONIC_CALL && !do_push(emulation, emulation->next))
		return false;
	emulation->next = target;
	return true;
}

static bool do_return(struct emulation *emulation)
{
	uint64_t target, more = 0;
	bool pops = emulation->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
	uint64_t stack = thread_get(emulation->thread, RSP);
	if (emulation->instruction.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || (pops && !get(emulation, 0, &more))
	    || !read_memory(emulation, stack, 64, &target) || !is_canonical(target))
		return false;
	thread_put(emulation->thread, RSP, stack + 8 + more);
	emulation->next = target;
	return true;
}

static bool do_leave(const struct emulation *emulation)
{
	uint64_t frame = thread_get(emulation->thread, RBP), value;
	if (!read_memory(emulation, frame, 64, &value))
		return false;
	thread_put(emulation->thread, RSP, frame + 8);
	thread_put(emulation->thread, RBP, value);
	return true;
}

static bool do_move(const struct emulation *emulation)
{
	uint64_t value;
	const ZydisDecodedOperand *from = &emulation->operands[1];
	struct place place;
	if (from->type == ZYDIS_OPERAND_TYPE_MEMORY && emulation->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER
	    && !place_of(emulation->operands[0].reg.value, &place))
		return false; /* a segment or control register: nothing is read for nothing */
	if (emulation->instruction.mnemonic == ZYDIS_MNEMONIC_LEA)
		return address_of(emulation, from, &value) && put(emulation, 0, value);
	if (!get(emulation, 1, &value))
		return false;
	if (emulation->instruction.mnemonic == ZYDIS_MNEMONIC_MOVSX || emulation->instruction.mnemonic == ZYDIS_MNEMONIC_MOVSXD)
		value = sign_extend(value, from->size);
	return put(emulation, 0, value);
}

static bool do_stack(struct emulation *emulation)
{
	uint64_t value;
	unsigned width = emulation->operands[0].size;
	if (emulation->instruction.operand_width != 64 || emulation->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY
	    || (emulation->operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER && width != 64))
		return false;
	if (emulation->instruction.mnemonic == ZYDIS_MNEMONIC_PUSH)
		return get(emulation, 0, &value) && do_push(emulation, value);
	struct place place;
	return place_of(emulation->operands[0].reg.value, &place) && do_pop(emulation, &value) && put(emulation, 0, value);
}

/* jcc, cmovcc and setcc have their condition in the opcode. */
static bool do_conditional(struct emulation *emulation)
{
	ZydisInstructionCategory category = emulation->instruction.meta.category;
	ZyanU8 high = emulation->instruction.opcode & 0xf0;
	bool two_bytes = emulation->instruction.opcode_map == ZYDIS_OPCODE_MAP_0F;
	uint64_t value;
	if (category == ZYDIS_CATEGORY_COND_BR && high == (two_bytes ? 0x80 : 0x70))
		return !condition(emulation) || do_branch(emulation);
	if (category == ZYDIS_CATEGORY_CMOV && two_bytes && high == 0x40) {
		if (!get(emulation, 1, &value))
			return false;
		if (!condition(emulation)) /* 32 bits are extended all the same */
			return get(emulation, 0, &value) && put(emulation, 0, value);
		return put(emulation, 0, value);
	}
	if (category == ZYDIS_CATEGORY_SETCC && two_bytes && high == 0x90)
		return put(emulation, 0, condition(emulation));
	return false;
}

static bool do_widen(const struct emulation *emulation)
{
	uint64_t value = thread_get(emulation->thread, 0);
	switch (emulation->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_CWDE: return put_register(emulation, ZYDIS_REGISTER_EAX, sign_extend(value & 0xffff, 16));
	case ZYDIS_MNEMONIC_CDQE: return put_register(emulation, ZYDIS_REGISTER_RAX, sign_extend(value & UINT32_MAX, 32));
	case ZYDIS_MNEMONIC_CDQ: return put_register(emulation, ZYDIS_REGISTER_EDX, value & 0x80000000u ? UINT32_MAX : 0);
	default: return put_register(emulation, ZYDIS_REGISTER_RDX, value & UPPER_HALF ? UINT64_MAX : 0);
	}
}

static bool execute(struct emulation *emulation)
{
	switch (emulation->instruction.mnemonic) {
	case ZYDIS_MNEMONIC_NOP: case ZYDIS_MNEMONIC_ENDBR64: case ZYDIS_MNEMONIC_ENDBR32:
		return true;
	case ZYDIS_MNEMONIC_MOV: case ZYDIS_MNEMONIC_MOVZX: case ZYDIS_MNEMONIC_MOVSX: case ZYDIS_MNEMONIC_MOVSXD:
	case ZYDIS_MNEMONIC_LEA:
		return do_move(emulation);
	case ZYDIS_MNEMONIC_PUSH: case ZYDIS_MNEMONIC_POP:
		return do_stack(emulation);
	case ZYDIS_MNEMONIC_ADD: case ZYDIS_MNEMONIC_SUB: case ZYDIS_MNEMONIC_CMP: case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR: case ZYDIS_MNEMONIC_XOR: case ZYDIS_MNEMONIC_TEST:
		return do_arithmetic(emulation);
	case ZYDIS_MNEMONIC_INC: case ZYDIS_MNEMONIC_DEC:
		return do_count(emulation, emulation->instruction.mnemonic == ZYDIS_MNEMONIC_INC);
	case ZYDIS_MNEMONIC_CALL: case ZYDIS_MNEMONIC_JMP:
		return do_branch(emulation);
	case ZYDIS_MNEMONIC_RET:
		return do_return(emulation);
	case ZYDIS_MNEMONIC_LEAVE:
		return do_leave(emulation);
	case ZYDIS_MNEMONIC_CWDE: case ZYDIS_MNEMONIC_CDQE: case ZYDIS_MNEMONIC_CDQ: case ZYDIS_MNEMONIC_CQO:
		return do_widen(emulation);
	default:
		return do_conditional(emulation);
	}
}

/* Linux on x86-64 has 64-bit programs in the segment 0x33, those of 32 bits in 0x23 (GDT_ENTRY_DEFAULT_USER_CS). */
static bool in_64_bits(const struct sdb_thread *thread)
{
	enum { USER = 3, USER_CS = 0x33 };
	int cs = architecture_named(thread->target->architecture, "cs");
	uint64_t segment = cs < 0 ? 0 : thread_get(thread, cs);
	return (segment & USER) != USER || segment == USER_CS;
}

struct sdb_error *emulate(struct sdb_thread *thread, const uint8_t *bytes, size_t size, bool *done_ret)
{
	const struct architecture *architecture = thread->target->architecture;
	struct emulation emulation = { .thread = thread };
	const ZyanU64 refused = ZYDIS_ATTRIB_HAS_LOCK | ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPNE;
	*done_ret = false;
	if (architecture != &architecture_x86_64)
		return NULL;
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (error)
		return error;
	if (!in_64_bits(thread) || !decoder_decode_operands(true, bytes, size, &emulation.instruction, emulation.operands, 4)
	    || emulation.instruction.attributes & refused)
		return NULL;
	emulation.flags_index = architecture_named(architecture, "rflags");
	emulation.pc = thread_get(thread, architecture->pc);
	emulation.next = emulation.pc + emulation.instruction.length;
	emulation.flags = thread_get(thread, emulation.flags_index);
	uint64_t flags = emulation.flags;
	if (flags & TRAP || !execute(&emulation)) /* with the trap flag there is a trap behind it */
		return NULL;
	thread_put(thread, architecture->pc, emulation.next);
	if (emulation.flags != flags)
		thread_put(thread, emulation.flags_index, emulation.flags);
	*done_ret = true;
	return NULL;
}
