/* SPDX-License-Identifier: MIT */
/*
 * The versions of the ORC format.
 *
 * x86-64, entries of 6 bytes: sp_offset, bp_offset (16 bits each) and 16 bits of fields:
 *
 *   bits     0-3     4-7     8   9   10      11
 *   1        sp_reg  bp_reg  type    end     -        v4.14, ee9f8fce9964 "x86/unwind: Add the ORC
 *                                                     unwinder"; `end` since v4.18, d31a580266ee
 *                                                     "x86/unwind/orc: Detect the end of the stack"
 *   2        sp_reg  bp_reg  type    signal  end      v6.3, ffb1b4a41016 "x86/unwind/orc: Add
 *                                                     'signal' field to ORC metadata"
 *   3        sp_reg  bp_reg  type------      signal   v6.4, fb799447ae29 "x86,objtool: Split
 *                                                     UNWIND_HINT_EMPTY in two"
 *   4        the same with the registers renumbered   1735858caa4b "objtool/x86: Reorder ORC
 *                                                     register numbering"
 *
 * 96f3b16a9de5 "objtool: Support Clang RAX DRAP sequence" added the register ax; stable
 * kernels with version 3 have it as number 10.
 *
 * LoongArch, entries of 8 bytes: sp_offset, fp_offset, ra_offset, and sp_reg, fp_reg, ra_reg
 * (4 bits each), type (3), signal (1): v6.9, cb8a2ef0848c "LoongArch: Add ORC stack unwinder support".
 *
 * .orc_header (v6.4, b9f174c811e3 "x86/unwind/orc: Add ELF section with ORC version identifier",
 * also in later v6.3) has the SHA-1 that scripts/orc_hash.sh makes of the definitions in
 * asm/orc_types.h.
 *
 * Where there is none, versions 1 to 3 are told apart by what their entries can contain:
 * - In version 3 an entry that names a stack register has type CALL (2) or higher, because objtool
 *   zeroes entries of the two lower types. In 1 and 2, most have type CALL, which is 0.
 * - In version 2 bit 11 marks ends, and bit 10 is set with a stack register. In version 1, bit 11 is
 *   never set, and bit 10 only without a stack register.
 * A table that has neither means the same in versions 1 and 2.
 */

#include "orc.h"

#include <elf.h>

/* ---- x86-64 ----------------------------------------------------------------------- */

enum x86_register {
	X86_UNDEFINED, X86_PREV_SP, X86_AX, X86_DX, X86_DI, X86_BP, X86_SP, X86_R10, X86_R13,
	X86_BP_INDIRECT, X86_SP_INDIRECT, X86_UNKNOWN,
};

static const uint8_t x86_numbers[16] = {
	X86_UNDEFINED, X86_PREV_SP, X86_DX, X86_DI, X86_BP, X86_SP, X86_R10, X86_R13, X86_BP_INDIRECT,
	X86_SP_INDIRECT, X86_AX, X86_UNKNOWN, X86_UNKNOWN, X86_UNKNOWN, X86_UNKNOWN, X86_UNKNOWN,
};

static const uint8_t x86_numbers_4[16] = {
	X86_UNDEFINED, X86_AX, X86_DX, X86_SP, X86_BP, X86_DI, X86_R10, X86_R13, X86_PREV_SP,
	X86_SP_INDIRECT, X86_BP_INDIRECT, X86_UNKNOWN, X86_UNKNOWN, X86_UNKNOWN, X86_UNKNOWN,
	X86_UNKNOWN,
};

/* Numbers of the x86-64 psABI, figure 3.36. */
enum { DWARF_RAX = 0, DWARF_RDX = 1, DWARF_RDI = 5, DWARF_RBP = 6, DWARF_RSP = 7, DWARF_R10 = 10,
       DWARF_R13 = 13, DWARF_RIP = 16 };

static uint16_t decode_x86(struct bytes *from, struct orc_entry *entry, const uint8_t *numbers)
{
	*entry = (struct orc_entry){ .sp_offset = (int16_t)bytes_u16(from) };
	entry->frame_offset = (int16_t)bytes_u16(from);
	uint16_t fields = bytes_u16(from);
	entry->sp_register = numbers[fields & 0xf];
	entry->frame_register = numbers[fields >> 4 & 0xf];
	return fields;
}

/* Versions 1 and 2 say by the lack of a stack register that there is nothing to unwind. */
static void old_type(struct orc_entry *entry, unsigned type, bool end)
{
	static const enum sdb_orc_type types[] = { SDB_ORC_CALL, SDB_ORC_REGS, SDB_ORC_REGS_PARTIAL };
	if (entry->sp_register == X86_UNDEFINED)
		entry->type = end ? SDB_ORC_END_OF_STACK : SDB_ORC_UNDEFINED;
	else if (type < 3)
		entry->type = types[type];
	else
		entry->bad_type = true;
}

/* The unwinder of version 1 took any frame of registers for that of a signal. */
static void decode_x86_1(struct bytes *from, struct orc_entry *entry)
{
	uint16_t fields = decode_x86(from, entry, x86_numbers);
	old_type(entry, fields >> 8 & 3, fields >> 10 & 1);
	entry->signal = entry->type == SDB_ORC_REGS || entry->type == SDB_ORC_REGS_PARTIAL;
}

static void decode_x86_2(struct bytes *from, struct orc_entry *entry)
{
	uint16_t fields = decode_x86(from, entry, x86_numbers);
	old_type(entry, fields >> 8 & 3, fields >> 11 & 1);
	entry->signal = fields >> 10 & 1;
}

static void new_type(struct orc_entry *entry, unsigned type)
{
	static const enum sdb_orc_type types[] = { SDB_ORC_UNDEFINED, SDB_ORC_END_OF_STACK,
						   SDB_ORC_CALL, SDB_ORC_REGS, SDB_ORC_REGS_PARTIAL };
	if (type < sizeof(types) / sizeof(types[0]))
		entry->type = types[type];
	else
		entry->bad_type = true;
}

static void decode_x86_3(struct bytes *from, struct orc_entry *entry)
{
	uint16_t fields = decode_x86(from, entry, x86_numbers);
	new_type(entry, fields >> 8 & 7);
	entry->signal = fields >> 11 & 1;
}

static void decode_x86_4(struct bytes *from, struct orc_entry *entry)
{
	uint16_t fields = decode_x86(from, entry, x86_numbers_4);
	new_type(entry, fields >> 8 & 7);
	entry->signal = fields >> 11 & 1;
}

static void add_rule(struct orc_rules *rules, uint16_t column, enum sdb_rule_kind kind, uint16_t reg,
		     int64_t offset)
{
	rules->rules[rules->count++] = (struct sdb_rule){ .column = column, .kind = kind, .reg = reg,
							  .offset = offset };
}

/*
 * The CFA is what sp + 0 points to, plus the offset (since v5.12, 87ccc826bf1c "x86/unwind/orc:
 * Change REG_SP_INDIRECT"; nothing used this register before). No rule says that: an expression does.
 */
static void sp_indirect(int16_t offset, struct orc_rules *rules)
{
	uint8_t *at = rules->expression;
	*at++ = 0x77; /* DW_OP_breg7 0 */
	*at++ = 0;
	*at++ = 0x06; /* DW_OP_deref */
	*at++ = 0x0b; /* DW_OP_const2s, in the byte order of x86 */
	*at++ = (uint8_t)offset;
	*at++ = (uint8_t)((uint16_t)offset >> 8);
	*at++ = 0x22; /* DW_OP_plus */
	rules->cfa = (struct sdb_rule){ .kind = SDB_RULE_VALUE_EXPRESSION,
		.expression = { rules->expression, (uint32_t)(at - rules->expression) } };
}

static bool x86_cfa(const struct orc_entry *entry, struct orc_rules *rules)
{
	struct sdb_rule cfa = { .kind = SDB_RULE_REGISTER_OFFSET, .offset = entry->sp_offset };
	switch (entry->sp_register) {
	case X86_SP:
		cfa.reg = DWARF_RSP;
		break;
	case X86_BP:
		cfa.reg = DWARF_RBP;
		break;
	case X86_BP_INDIRECT:
		cfa.kind = SDB_RULE_INDIRECT;
		cfa.reg = DWARF_RBP;
		break;
	case X86_SP_INDIRECT:
		sp_indirect(entry->sp_offset, rules);
		return true;
	case X86_R10:
		cfa.reg = DWARF_R10;
		break;
	case X86_R13:
		cfa.reg = DWARF_R13;
		break;
	case X86_DI:
		cfa.reg = DWARF_RDI;
		break;
	case X86_DX:
		cfa.reg = DWARF_RDX;
		break;
	case X86_AX:
		cfa.reg = DWARF_RAX;
		break;
	default:
		return false;
	}
	rules->cfa = cfa;
	return true;
}

/* Where struct pt_regs (arch/x86/include/asm/ptrace.h) has each DWARF register; ip is column 16. */
static const uint8_t x86_regs[17] = { 80, 96, 88, 40, 104, 112, 32, 152, 72, 64, 56, 48, 24, 16, 8, 0,
				      128 };
#define X86_REGS_IP 128

static bool x86_frame_pointer(const struct orc_entry *entry, struct orc_rules *rules)
{
	switch (entry->frame_register) {
	case X86_UNDEFINED: /* unchanged, or with the other registers */
		if (entry->type == SDB_ORC_REGS)
			add_rule(rules, DWARF_RBP, SDB_RULE_OFFSET, 0, x86_regs[DWARF_RBP]);
		return true;
	case X86_PREV_SP:
		add_rule(rules, DWARF_RBP, SDB_RULE_OFFSET, 0, entry->frame_offset);
		return true;
	case X86_BP:
		add_rule(rules, DWARF_RBP, SDB_RULE_REGISTER_OFFSET, DWARF_RBP, entry->frame_offset);
		return true;
	}
	return false;
}

static bool x86_rules(const struct orc_entry *entry, struct orc_rules *rules)
{
	rules->count = 0;
	rules->cfa = (struct sdb_rule){ .kind = SDB_RULE_UNDEFINED };
	if (entry->bad_type)
		return false;
	if (entry->type == SDB_ORC_UNDEFINED || entry->type == SDB_ORC_END_OF_STACK)
		return true;
	if (!x86_cfa(entry, rules))
		return false;
	if (entry->type == SDB_ORC_REGS) {
		for (uint16_t column = 0; column < DWARF_RIP; column++) {
			if (column != DWARF_RBP)
				add_rule(rules, column, SDB_RULE_OFFSET, 0, x86_regs[column]);
			else if (!x86_frame_pointer(entry, rules))
				return false;
		}
		add_rule(rules, DWARF_RIP, SDB_RULE_OFFSET, 0, X86_REGS_IP);
		return true;
	}
	if (!x86_frame_pointer(entry, rules))
		return false;
	if (entry->type == SDB_ORC_REGS_PARTIAL) { /* the CFA is at pt_regs.ip */
		add_rule(rules, DWARF_RSP, SDB_RULE_OFFSET, 0, x86_regs[DWARF_RSP] - X86_REGS_IP);
		add_rule(rules, DWARF_RIP, SDB_RULE_OFFSET, 0, 0);
	} else {
		add_rule(rules, DWARF_RIP, SDB_RULE_OFFSET, 0, -8);
	}
	return true;
}

/* ---- LoongArch ------------------------------------------------------------------------ */

enum { LOONG_UNDEFINED, LOONG_PREV_SP, LOONG_SP, LOONG_FP };
enum { LOONG_R_RA = 1, LOONG_R_SP = 3, LOONG_R_FP = 22 };

/*
 * An interrupted function has both a pc and a live ra. Column 0, the register that is always zero,
 * stands for the pc then.
 */
#define LOONG_R_ZERO 0
#define LOONG_REGS_ERA 264 /* struct pt_regs.csr_era: after 32 registers and orig_a0 */

static void decode_loongarch(struct bytes *from, struct orc_entry *entry)
{
	*entry = (struct orc_entry){ .sp_offset = (int16_t)bytes_u16(from) };
	entry->frame_offset = (int16_t)bytes_u16(from);
	entry->return_offset = (int16_t)bytes_u16(from);
	uint16_t fields = bytes_u16(from);
	entry->sp_register = fields & 0xf;
	entry->frame_register = fields >> 4 & 0xf;
	entry->return_register = fields >> 8 & 0xf;
	new_type(entry, fields >> 12 & 7);
	entry->signal = fields >> 15;
}

/* The return address and the frame pointer: saved below the CFA, or still in their register. */
static bool loongarch_saved(struct orc_rules *rules, uint16_t column, uint8_t base, int16_t offset)
{
	if (base == LOONG_PREV_SP)
		add_rule(rules, column, SDB_RULE_OFFSET, 0, offset);
	else if (base == LOONG_UNDEFINED)
		add_rule(rules, column, SDB_RULE_SAME_VALUE, 0, 0);
	else
		return false;
	return true;
}

static bool loongarch_rules(const struct orc_entry *entry, struct orc_rules *rules)
{
	rules->count = 0;
	rules->cfa = (struct sdb_rule){ .kind = SDB_RULE_UNDEFINED };
	if (entry->bad_type)
		return false;
	if (entry->type == SDB_ORC_UNDEFINED || entry->type == SDB_ORC_END_OF_STACK)
		return true;
	/* unwind_orc.c of this architecture has no case for parts of registers. */
	if ((entry->sp_register != LOONG_SP && entry->sp_register != LOONG_FP) ||
	    entry->type == SDB_ORC_REGS_PARTIAL)
		return false;
	rules->cfa = (struct sdb_rule){ .kind = SDB_RULE_REGISTER_OFFSET };
	/* With fp the unwinder takes the register as it is. */
	if (entry->sp_register == LOONG_SP) {
		rules->cfa.reg = LOONG_R_SP;
		rules->cfa.offset = entry->sp_offset;
	} else {
		rules->cfa.reg = LOONG_R_FP;
	}
	if (entry->type == SDB_ORC_REGS) {
		add_rule(rules, LOONG_R_ZERO, SDB_RULE_OFFSET, 0, LOONG_REGS_ERA);
		for (uint16_t column = 1; column < 32; column++)
			add_rule(rules, column, SDB_RULE_OFFSET, 0, 8 * (int64_t)column);
		return true;
	}
	return loongarch_saved(rules, LOONG_R_RA, entry->return_register, entry->return_offset) &&
	       loongarch_saved(rules, LOONG_R_FP, entry->frame_register, entry->frame_offset);
}

/* ---- which one ---------------------------------------------------------------------------- */

enum { X86_1, X86_2, X86_3, X86_3_AX, X86_4, LOONGARCH, FORMATS };

static const struct orc_format formats[FORMATS] = {
	[X86_1] = { EM_X86_64, 6, DWARF_RIP, { 0 }, decode_x86_1, x86_rules },
	[X86_2] = { EM_X86_64, 6, DWARF_RIP,
		    { 0xdb, 0x84, 0xae, 0xd4, 0x10, 0x3b, 0x31, 0xdd, 0x51, 0xe0,
		      0x17, 0xf8, 0xf7, 0x97, 0x83, 0xca, 0x98, 0x5c, 0x2c, 0x51 },
		    decode_x86_2, x86_rules },
	[X86_3] = { EM_X86_64, 6, DWARF_RIP,
		    { 0xfe, 0x5d, 0x32, 0xbf, 0x58, 0x1b, 0xd6, 0x3b, 0x2c, 0xa9,
		      0xa5, 0xc6, 0x5b, 0xa5, 0xa6, 0x25, 0xea, 0xb3, 0xfe, 0x24 },
		    decode_x86_3, x86_rules },
	[X86_3_AX] = { EM_X86_64, 6, DWARF_RIP,
		       { 0xed, 0xfa, 0x4d, 0x15, 0x55, 0x2f, 0xdd, 0x2e, 0x1d, 0x56,
			 0x67, 0x97, 0x28, 0x41, 0x63, 0x79, 0xf2, 0xfe, 0x45, 0x34 },
		       decode_x86_3, x86_rules },
	[X86_4] = { EM_X86_64, 6, DWARF_RIP,
		    { 0x13, 0x7c, 0x36, 0xad, 0x76, 0x27, 0xc4, 0xdd, 0x55, 0x93,
		      0x21, 0x76, 0xbb, 0x0e, 0xcd, 0xbd, 0x50, 0x41, 0xfc, 0x82 },
		    decode_x86_4, x86_rules },
	[LOONGARCH] = { EM_LOONGARCH, 8, LOONG_R_RA,
			{ 0xd9, 0xf4, 0x5a, 0xaf, 0xc6, 0xd2, 0xa2, 0x88, 0x9d, 0x60,
			  0x1e, 0xc9, 0xe3, 0xfe, 0x10, 0x92, 0xda, 0xc2, 0x49, 0xdc },
			decode_loongarch, loongarch_rules },
};

const struct orc_format *orc_format_by_header(uint16_t machine, const uint8_t *header, size_t size)
{
	static const uint8_t none[20];
	if (size < sizeof(none))
		return NULL;
	for (size_t i = 0; i < FORMATS; i++) {
		if (formats[i].machine == machine &&
		    memcmp(formats[i].hash, none, sizeof(none)) != 0 &&
		    memcmp(formats[i].hash, header, sizeof(none)) == 0)
			return &formats[i];
	}
	return NULL;
}

/* What is counted of the entries that have a stack register, see above. */
struct evidence {
	size_t low_type;    /* bits 8 to 10 below 2, or version 2's signal bit with CALL */
	size_t signal_bit;  /* bit 10 */
	size_t register_3;
	size_t register_5;
	bool bit_11;        /* in any entry */
	bool high_bits;     /* 12 to 15: no version has them */
};

static struct evidence examine(const uint8_t *data, size_t count, bool swap)
{
	struct evidence seen = { 0 };
	for (size_t i = 0; i < count; i++) {
		struct bytes from = { data + 6 * i + 4, data + 6 * i + 6, swap, false };
		uint16_t fields = bytes_u16(&from);
		seen.bit_11 |= fields >> 11 & 1;
		seen.high_bits |= (fields & 0xf000) != 0;
		if ((fields & 0xf) == 0)
			continue;
		seen.low_type += (fields >> 8 & 7) < 2;
		seen.signal_bit += fields >> 10 & 1;
		seen.register_3 += (fields & 0xf) == 3;
		seen.register_5 += (fields & 0xf) == 5;
	}
	return seen;
}

const struct orc_format *orc_format_by_content(uint16_t machine, const uint8_t *data, size_t size,
					       size_t count, bool swap)
{
	if (machine == EM_LOONGARCH)
		return size / 8 >= count ? &formats[LOONGARCH] : NULL;
	if (machine != EM_X86_64 || size / 6 < count)
		return NULL;
	struct evidence seen = examine(data, count, swap);
	if (seen.high_bits)
		return NULL;
	if (seen.low_type == 0) /* the stack pointer is by far the most common base */
		return seen.register_3 > seen.register_5 ? &formats[X86_4] : &formats[X86_3_AX];
	return seen.bit_11 || seen.signal_bit ? &formats[X86_2] : &formats[X86_1];
}
