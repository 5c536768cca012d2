/* SPDX-License-Identifier: MIT */
#include "elf.h"

/*
 * Relocation of the debug and unwind sections of relocatable files. Only what assemblers put into
 * such sections is known: absolute and PC-relative words, offsets in the TLS image, sizes, and the
 * differences that RISC-V and LoongArch leave to the linker. Numbers are those of the psABIs.
 */

enum action {
	ACTION_UNKNOWN = 0,
	ACTION_NONE,
	ACTION_ABSOLUTE, /* S + A */
	ACTION_RELATIVE, /* S + A - P */
	ACTION_SIZE,     /* Z + A */
	ACTION_ADD,      /* content + S + A */
	ACTION_SUBTRACT, /* content - S - A */
	ACTION_SET_ULEB, /* S + A in as many bytes as there are */
	ACTION_SUBTRACT_ULEB,
	ACTION_SUBTRACT6, /* on the low six bits of a byte */
	ACTION_SET6,
};

struct rule {
	uint16_t type;
	uint8_t action;
	uint8_t size;
};

static const struct rule x86_64_rules[] = {
	{ R_X86_64_NONE, ACTION_NONE, 0 },	   { R_X86_64_64, ACTION_ABSOLUTE, 8 },
	{ R_X86_64_PC32, ACTION_RELATIVE, 4 },	   { R_X86_64_PLT32, ACTION_RELATIVE, 4 },
	{ R_X86_64_32, ACTION_ABSOLUTE, 4 },	   { R_X86_64_32S, ACTION_ABSOLUTE, 4 },
	{ R_X86_64_16, ACTION_ABSOLUTE, 2 },	   { R_X86_64_PC16, ACTION_RELATIVE, 2 },
	{ R_X86_64_8, ACTION_ABSOLUTE, 1 },	   { R_X86_64_PC8, ACTION_RELATIVE, 1 },
	{ R_X86_64_DTPOFF64, ACTION_ABSOLUTE, 8 }, { R_X86_64_DTPOFF32, ACTION_ABSOLUTE, 4 },
	{ R_X86_64_PC64, ACTION_RELATIVE, 8 },	   { R_X86_64_SIZE32, ACTION_SIZE, 4 },
	{ R_X86_64_SIZE64, ACTION_SIZE, 8 },	   { 0, 0, 0 },
};
static const struct rule i386_rules[] = {
	{ R_386_NONE, ACTION_NONE, 0 },	    { R_386_32, ACTION_ABSOLUTE, 4 },
	{ R_386_PC32, ACTION_RELATIVE, 4 }, { R_386_PLT32, ACTION_RELATIVE, 4 },
	{ R_386_16, ACTION_ABSOLUTE, 2 },   { R_386_PC16, ACTION_RELATIVE, 2 },
	{ R_386_8, ACTION_ABSOLUTE, 1 },    { R_386_PC8, ACTION_RELATIVE, 1 },
	{ R_386_SIZE32, ACTION_SIZE, 4 },   { R_386_TLS_LDO_32, ACTION_ABSOLUTE, 4 },
	{ 0, 0, 0 },
};
static const struct rule aarch64_rules[] = {
	{ R_AARCH64_NONE, ACTION_NONE, 0 },	  { 256, ACTION_NONE, 0 },
	{ R_AARCH64_ABS64, ACTION_ABSOLUTE, 8 },  { R_AARCH64_ABS32, ACTION_ABSOLUTE, 4 },
	{ R_AARCH64_ABS16, ACTION_ABSOLUTE, 2 },  { R_AARCH64_PREL64, ACTION_RELATIVE, 8 },
	{ R_AARCH64_PREL32, ACTION_RELATIVE, 4 }, { R_AARCH64_PREL16, ACTION_RELATIVE, 2 },
	{ R_AARCH64_TLS_DTPREL, ACTION_ABSOLUTE, 8 }, { 0, 0, 0 },
};
static const struct rule arm_rules[] = {
	{ R_ARM_NONE, ACTION_NONE, 0 },		{ R_ARM_ABS32, ACTION_ABSOLUTE, 4 },
	{ R_ARM_REL32, ACTION_RELATIVE, 4 },	{ R_ARM_ABS16, ACTION_ABSOLUTE, 2 },
	{ R_ARM_ABS8, ACTION_ABSOLUTE, 1 },	{ R_ARM_TLS_DTPOFF32, ACTION_ABSOLUTE, 4 },
	{ R_ARM_TLS_LDO32, ACTION_ABSOLUTE, 4 }, { R_ARM_TARGET1, ACTION_ABSOLUTE, 4 },
	{ R_ARM_V4BX, ACTION_NONE, 0 },		{ 0, 0, 0 },
};
static const struct rule riscv_rules[] = {
	{ R_RISCV_NONE, ACTION_NONE, 0 },	{ R_RISCV_32, ACTION_ABSOLUTE, 4 },
	{ R_RISCV_64, ACTION_ABSOLUTE, 8 },	{ R_RISCV_TLS_DTPREL32, ACTION_ABSOLUTE, 4 },
	{ R_RISCV_TLS_DTPREL64, ACTION_ABSOLUTE, 8 },
	{ R_RISCV_ADD8, ACTION_ADD, 1 },	{ R_RISCV_ADD16, ACTION_ADD, 2 },
	{ R_RISCV_ADD32, ACTION_ADD, 4 },	{ R_RISCV_ADD64, ACTION_ADD, 8 },
	{ R_RISCV_SUB8, ACTION_SUBTRACT, 1 },	{ R_RISCV_SUB16, ACTION_SUBTRACT, 2 },
	{ R_RISCV_SUB32, ACTION_SUBTRACT, 4 },	{ R_RISCV_SUB64, ACTION_SUBTRACT, 8 },
	{ R_RISCV_SUB6, ACTION_SUBTRACT6, 1 },	{ R_RISCV_SET6, ACTION_SET6, 1 },
	{ R_RISCV_SET8, ACTION_ABSOLUTE, 1 },	{ R_RISCV_SET16, ACTION_ABSOLUTE, 2 },
	{ R_RISCV_SET32, ACTION_ABSOLUTE, 4 },	{ R_RISCV_32_PCREL, ACTION_RELATIVE, 4 },
	{ R_RISCV_ALIGN, ACTION_NONE, 0 },	{ R_RISCV_RELAX, ACTION_NONE, 0 },
	{ 60, ACTION_SET_ULEB, 1 },		{ 61, ACTION_SUBTRACT_ULEB, 1 },
	{ 0, 0, 0 },
};
static const struct rule ppc64_rules[] = {
	{ R_PPC64_NONE, ACTION_NONE, 0 },	 { R_PPC64_ADDR64, ACTION_ABSOLUTE, 8 },
	{ R_PPC64_UADDR64, ACTION_ABSOLUTE, 8 }, { R_PPC64_ADDR32, ACTION_ABSOLUTE, 4 },
	{ R_PPC64_UADDR32, ACTION_ABSOLUTE, 4 }, { R_PPC64_ADDR16, ACTION_ABSOLUTE, 2 },
	{ R_PPC64_REL32, ACTION_RELATIVE, 4 },	 { R_PPC64_REL64, ACTION_RELATIVE, 8 },
	{ R_PPC64_DTPREL64, ACTION_ABSOLUTE, 8 }, { 0, 0, 0 },
};
static const struct rule ppc_rules[] = {
	{ R_PPC_NONE, ACTION_NONE, 0 },	     { R_PPC_ADDR32, ACTION_ABSOLUTE, 4 },
	{ R_PPC_UADDR32, ACTION_ABSOLUTE, 4 }, { R_PPC_ADDR16, ACTION_ABSOLUTE, 2 },
	{ R_PPC_REL32, ACTION_RELATIVE, 4 }, { R_PPC_DTPREL32, ACTION_ABSOLUTE, 4 },
	{ 0, 0, 0 },
};
static const struct rule s390_rules[] = {
	{ R_390_NONE, ACTION_NONE, 0 },	     { R_390_64, ACTION_ABSOLUTE, 8 },
	{ R_390_32, ACTION_ABSOLUTE, 4 },    { R_390_16, ACTION_ABSOLUTE, 2 },
	{ R_390_8, ACTION_ABSOLUTE, 1 },     { R_390_PC32, ACTION_RELATIVE, 4 },
	{ R_390_PC64, ACTION_RELATIVE, 8 },  { R_390_TLS_LDO32, ACTION_ABSOLUTE, 4 },
	{ R_390_TLS_LDO64, ACTION_ABSOLUTE, 8 }, { 0, 0, 0 },
};
static const struct rule loongarch_rules[] = {
	{ 0, ACTION_NONE, 0 },	    { 1, ACTION_ABSOLUTE, 4 }, { 2, ACTION_ABSOLUTE, 8 },
	{ 47, ACTION_ADD, 1 },	    { 48, ACTION_ADD, 2 },     { 50, ACTION_ADD, 4 },
	{ 51, ACTION_ADD, 8 },	    { 52, ACTION_SUBTRACT, 1 }, { 53, ACTION_SUBTRACT, 2 },
	{ 55, ACTION_SUBTRACT, 4 }, { 56, ACTION_SUBTRACT, 8 }, { 99, ACTION_RELATIVE, 4 },
	{ 100, ACTION_NONE, 0 },    { 102, ACTION_NONE, 0 },   { 109, ACTION_RELATIVE, 8 },
	{ 107, ACTION_SET_ULEB, 1 }, { 108, ACTION_SUBTRACT_ULEB, 1 }, { 0, 0, 0 },
};

static const struct {
	uint16_t machine;
	const struct rule *rules;
} machines[] = {
	{ EM_X86_64, x86_64_rules }, { EM_386, i386_rules },	{ EM_AARCH64, aarch64_rules },
	{ EM_ARM, arm_rules },	     { EM_RISCV, riscv_rules }, { EM_PPC64, ppc64_rules },
	{ EM_PPC, ppc_rules },	     { EM_S390, s390_rules },	{ 258 /* LoongArch */, loongarch_rules },
};

/* Types are small numbers: a table of them finds a rule at once. */
#define MAX_TYPE 1100
/* A section has one table of relocations, seldom two; hostile files have thousands. */
#define MAX_TABLES 16

struct relocator {
	struct elf_file *file;
	uint8_t *bytes;
	size_t size;
	uint64_t base;           /* address of bytes[0] */
	const uint8_t *symbols;
	size_t symbol_count;
	const uint8_t *extended; /* section numbers that do not fit the symbol table */
	size_t extended_count;
	struct rule rules[MAX_TYPE];
	uint32_t unknown[8];     /* types that have no rule, */
	uint64_t unknown_counts[8];
	uint64_t outside;        /* places or symbols that do not exist */
};

static void load_rules(struct relocator *relocator)
{
	memset(relocator->rules, 0, sizeof(relocator->rules));
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
		if (machines[i].machine != relocator->file->machine)
			continue;
		for (const struct rule *rule = machines[i].rules; rule->action; rule++)
			relocator->rules[rule->type] = *rule;
	}
}

static void note_unknown(struct relocator *relocator, uint32_t type)
{
	for (size_t i = 0; i < 8; i++) {
		if (relocator->unknown_counts[i] == 0 || relocator->unknown[i] == type || i == 7) {
			relocator->unknown[i] = type;
			relocator->unknown_counts[i]++;
			return;
		}
	}
}

/* S and Z. What is not defined here counts as 0. */
static bool symbol_value(struct relocator *relocator, uint32_t number, uint64_t *value_ret,
			 uint64_t *size_ret)
{
	struct elf_file *file = relocator->file;
	struct elf_symbol symbol;
	*value_ret = *size_ret = 0;
	if (number == 0)
		return true;
	if (number >= relocator->symbol_count)
		return false;
	elf_get_symbol(file, relocator->symbols + number * elf_symbol_size(file), &symbol);
	uint32_t section = symbol.section;
	*size_ret = symbol.size;
	if (section == SHN_XINDEX) {
		if (number >= relocator->extended_count)
			return false;
		section = elf_u32(file, relocator->extended + 4 * (size_t)number);
	} else if (section >= SHN_LORESERVE) {
		*value_ret = section == SHN_ABS ? symbol.value : 0;
		return true;
	}
	if (section == SHN_UNDEF)
		return true;
	if (section >= file->section_count)
		return false;
	/* A TLS symbol's value is its offset in the image, which starts with its section. */
	*value_ret = symbol.value;
	if ((symbol.info & 15) != STT_TLS)
		*value_ret += file->sections[section].address;
	return true;
}

static uint64_t get(const struct elf_file *file, const uint8_t *at, unsigned size)
{
	switch (size) {
	case 1: return *at;
	case 2: return elf_u16(file, at);
	case 4: return elf_u32(file, at);
	default: return elf_u64(file, at);
	}
}

static void put(const struct elf_file *file, uint8_t *at, unsigned size, uint64_t value)
{
	uint16_t half = file->swap ? __builtin_bswap16((uint16_t)value) : (uint16_t)value;
	uint32_t word = file->swap ? __builtin_bswap32((uint32_t)value) : (uint32_t)value;
	uint64_t wide = file->swap ? __builtin_bswap64(value) : value;
	switch (size) {
	case 1: *at = (uint8_t)value; break;
	case 2: memcpy(at, &half, 2); break;
	case 4: memcpy(at, &word, 4); break;
	default: memcpy(at, &wide, 8); break;
	}
}

static int64_t sign_extend(uint64_t value, unsigned size)
{
	unsigned shift = 64 - 8 * size;
	return (int64_t)(value << shift) >> shift;
}

/* The bytes of the number keep their count: what follows must not move. */
static void put_uleb_in_place(struct relocator *relocator, uint64_t offset, uint64_t value,
			      bool subtract)
{
	uint8_t *start = relocator->bytes + offset, *end = relocator->bytes + relocator->size;
	uint8_t *last = start;
	uint64_t old = 0;
	while (last < end - 1 && last - start < 9 && (*last & 0x80))
		last++;
	for (uint8_t *at = last + 1; at-- > start;)
		old = old << 7 | (*at & 0x7f);
	if (subtract)
		value = old - value;
	for (uint8_t *at = start; at <= last; at++, value >>= 7)
		*at = (uint8_t)((value & 0x7f) | (at < last ? 0x80 : 0));
}

static void apply(struct relocator *relocator, uint64_t offset, uint32_t type, uint32_t number,
		  bool has_addend, int64_t addend)
{
	const struct rule *rule = type < MAX_TYPE ? &relocator->rules[type] : &relocator->rules[0];
	uint64_t value, symbol_size;
	if (type >= MAX_TYPE || rule->action == ACTION_UNKNOWN) {
		note_unknown(relocator, type);
		return;
	}
	if (rule->action == ACTION_NONE)
		return;
	if (offset > relocator->size || rule->size > relocator->size - offset ||
	    !symbol_value(relocator, number, &value, &symbol_size)) {
		relocator->outside++;
		return;
	}
	uint8_t *at = relocator->bytes + offset;
	uint64_t old = get(relocator->file, at, rule->size);
	if (!has_addend)
		addend = sign_extend(old, rule->size);
	value += (uint64_t)addend;
	switch ((enum action)rule->action) {
	case ACTION_RELATIVE: value -= relocator->base + offset; break;
	case ACTION_SIZE: value = symbol_size + (uint64_t)addend; break;
	case ACTION_ADD: value = old + value; break;
	case ACTION_SUBTRACT: value = old - value; break;
	case ACTION_SUBTRACT6: value = (old & 0xc0) | ((old - value) & 0x3f); break;
	case ACTION_SET6: value = (old & 0xc0) | (value & 0x3f); break;
	case ACTION_SET_ULEB:
	case ACTION_SUBTRACT_ULEB:
		put_uleb_in_place(relocator, offset, value, rule->action == ACTION_SUBTRACT_ULEB);
		return;
	default: break;
	}
	put(relocator->file, at, rule->size, value);
}

static void apply_table(struct relocator *relocator, uint32_t index)
{
	struct elf_file *file = relocator->file;
	bool is64 = elf_is64(file), rela = file->sections[index].type == SHT_RELA;
	size_t entry = (is64 ? 16 : 8) + (rela ? (is64 ? 8 : 4) : 0), size;
	const uint8_t *at = elf_raw_section(file, index, &size);
	for (; size >= entry; at += entry, size -= entry) {
		uint64_t offset, info;
		int64_t addend = 0;
		if (is64) {
			offset = elf_u64(file, at);
			info = elf_u64(file, at + 8);
			if (rela)
				addend = (int64_t)elf_u64(file, at + 16);
			apply(relocator, offset, (uint32_t)info, (uint32_t)(info >> 32), rela, addend);
		} else {
			offset = elf_u32(file, at);
			info = elf_u32(file, at + 4);
			if (rela)
				addend = (int32_t)elf_u32(file, at + 8);
			apply(relocator, offset, info & 0xff, (uint32_t)(info >> 8), rela, addend);
		}
	}
}

static void report(const struct relocator *relocator, uint32_t index)
{
	const struct elf_file *file = relocator->file;
	const char *name = file->sections[index].name;
	for (size_t i = 0; i < 8 && relocator->unknown_counts[i]; i++)
		module_warn(file->module,
			    "%s: section %.64s: %llu relocations of type %u for machine %u are not known; ignored",
			    file->path, name, (unsigned long long)relocator->unknown_counts[i],
			    relocator->unknown[i], file->machine);
	if (relocator->outside)
		module_warn(file->module,
			    "%s: section %.64s: %llu relocations with a place or symbol that does not exist; ignored",
			    file->path, name, (unsigned long long)relocator->outside);
}

void elf_relocate(struct elf_file *file, uint32_t index, uint64_t base, uint8_t *bytes, size_t size)
{
	uint32_t table = file->extra[index].relocation;
	struct relocator relocator = { .file = file, .bytes = bytes, .size = size, .base = base };
	if (table == 0)
		return;
	load_rules(&relocator);
	for (int i = 0; table && i < MAX_TABLES; i++, table = file->extra[table].next_relocation) {
		uint32_t symtab = file->extra[table].link;
		size_t symbols_size;
		relocator.symbols = elf_raw_section(file, symtab, &symbols_size);
		relocator.symbol_count = symbols_size / elf_symbol_size(file);
		relocator.extended = elf_extended_sections(file, symtab, &relocator.extended_count);
		apply_table(&relocator, table);
	}
	if (table)
		module_warn(file->module, "%s: section %.64s has more than %d relocation sections",
			    file->path, file->sections[index].name, MAX_TABLES);
	report(&relocator, index);
}
