/* SPDX-License-Identifier: MIT */
/* Every version of the ORC format, with and without .orc_header, from entries written by hand. */

#include "fake_module.h"
#include "indexer/unwind.h"

#include <elf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EM_LOONGARCH_NUMBER 258

static int failures;

struct entry {
	int64_t address;
	int16_t offsets[3];
	uint16_t fields;
};

struct rows {
	char text[8192];
	size_t length;
};

static void print(struct rows *rows, const char *format, ...) __attribute__((format(printf, 2, 3)));


static void print(struct rows *rows, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	rows->length += (size_t)vsnprintf(rows->text + rows->length, sizeof(rows->text) - rows->length,
					  format, list);
	va_end(list);
}

/* Of frames of all registers only some rules are shown. */
static struct sdb_error *append_row(void *arg, const struct sdb_unwind_row *row)
{
	static const char *const kinds[] = { "u", "s", "c", "v", "r", "exp", "vexp", "ro", "ind", "arch" };
	static const char *const types[] = { "undefined", "end", "call", "regs", "partial" };
	struct rows *rows = arg;
	print(rows, "%" PRIx64 "-%" PRIx64 " %s%s ra%u %s(%u,%" PRId64 ")", row->low, row->high,
	      types[row->orc_type], row->flags & SDB_UNWIND_ORC_SIGNAL ? "+signal" : "",
	      row->return_column, kinds[row->cfa.kind], row->cfa.reg, row->cfa.offset);
	for (uint32_t i = 0; i < row->cfa.expression.length; i++)
		print(rows, ":%02x", row->cfa.expression.bytes[i]);
	for (size_t i = 0; i < row->rule_count; i++) {
		const struct sdb_rule *rule = &row->rules[i];
		if (row->rule_count < 10 || rule->column == 7 || rule->column == 16 || rule->column == 6 ||
		    rule->column == 0 || rule->column == 22)
			print(rows, " %u=%s(%u,%" PRId64 ")", rule->column, kinds[rule->kind], rule->reg,
			      rule->offset);
	}
	print(rows, "\n");
	return NULL;
}

static void check(const char *what, uint16_t machine, const char *hash, const struct entry *entries,
		  size_t count, uint64_t warnings, const char *want)
{
	static const uint8_t text[0x1000];
	uint8_t ip[64 * 4], table[64 * 8], header[20];
	size_t size = machine == EM_X86_64 ? 6 : 8;
	struct module module;
	struct rows rows = { .length = 0 };
	for (size_t i = 0; i < count; i++) {
		int32_t relative = (int32_t)(entries[i].address - (int64_t)(0x9000 + 4 * i));
		memcpy(ip + 4 * i, &relative, 4);
		memcpy(table + size * i, entries[i].offsets, size - 2);
		memcpy(table + size * i + size - 2, &entries[i].fields, 2);
	}
	fake_module_init(&module);
	module.info.elf_machine = machine;
	fake_module_add(&module, ".text", text, sizeof(text), 0x1000, SHF_ALLOC | SHF_EXECINSTR);
	fake_module_add(&module, ".orc_unwind_ip", ip, 4 * count, 0x9000, SHF_ALLOC);
	fake_module_add(&module, ".orc_unwind", table, size * count, 0xa000, SHF_ALLOC);
	for (size_t i = 0; hash && i < sizeof(header); i++) {
		unsigned byte;
		sscanf(hash + 2 * i, "%2x", &byte);
		header[i] = (uint8_t)byte;
	}
	if (hash)
		fake_module_add(&module, ".orc_header", header, sizeof(header), 0xb000, SHF_ALLOC);
	struct sdb_error *error = orc_read(&module, append_row, &rows);
	if (error || strcmp(rows.text, want) != 0 || module.warnings != warnings) {
		failures++;
		printf("%s: %s\n got:\n%s want:\n%s %" PRIu64 " warnings (%s)\n", what,
		       error ? sdb_error_message(error) : "", rows.text, want, module.warnings,
		       module.last_warning);
	}
	sdb_error_free(error);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the same frames are in every version. */
static const char common_rows[] =
	"1000-1010 call ra16 ro(7,8) 16=c(0,-8)\n"
	"1010-1020 call ra16 ro(6,16) 6=c(0,-16) 16=c(0,-8)\n"
	"1020-1030 regs+signal ra16 ro(7,24) 0=c(0,80) 6=c(0,32) 7=c(0,152) 16=c(0,128)\n"
	"1030-1040 partial+signal ra16 ro(7,0) 7=c(0,24) 16=c(0,0)\n"
	"1040-1050 call ra16 ind(6,-8) 6=ro(6,0) 16=c(0,-8)\n"
	"1050-1060 call ra16 vexp(0,0):77:00:06:0b:f0:ff:22 16=c(0,-8)\n"
	"1060-1070 call ra16 ro(10,0) 16=c(0,-8)\n"
	"1070-1080 end ra16 u(0,0)\n"
	"1080-2000 undefined ra16 u(0,0)\n";

#define ENTRIES(sp, bp, prev, bp_ind, sp_ind, r10, call, regs, partial, end, signal, undefined) { \
	{ 0x1000, { 8, 0 }, (sp) | (call) }, \
	{ 0x1010, { 16, -16 }, (bp) | (prev) << 4 | (call) }, \
	{ 0x1020, { 24, 0 }, (sp) | (regs) | (signal) }, \
	{ 0x1030, { 0, 0 }, (sp) | (partial) | (signal) }, \
	{ 0x1040, { -8, 0 }, (bp_ind) | (bp) << 4 | (call) }, \
	{ 0x1050, { -16, 0 }, (sp_ind) | (call) }, \
	{ 0x1060, { 0, 0 }, (r10) | (call) }, \
	{ 0x1070, { 0, 0 }, (end) }, \
	{ 0x1080, { 0, 0 }, (undefined) }, }

static const struct entry version_1[] =
	ENTRIES(5, 4, 1, 8, 9, 6, 0, 0x100, 0x200, 0x400, 0, 0);
static const struct entry version_2[] =
	ENTRIES(5, 4, 1, 8, 9, 6, 0, 0x100, 0x200, 0x800, 0x400, 0);
static const struct entry version_3[] =
	ENTRIES(5, 4, 1, 8, 9, 6, 0x200, 0x300, 0x400, 0x100, 0x800, 0);
static const struct entry version_4[] =
	ENTRIES(3, 4, 8, 10, 9, 6, 0x200, 0x300, 0x400, 0x100, 0x800, 0);

static void test_versions(void)
{
	static const char hash_2[] = "db84aed4103b31dd51e017f8f79783ca985c2c51";
	static const char hash_3[] = "fe5d32bf581bd63b2ca9a5c65ba5a625eab3fe24";
	static const char hash_3_ax[] = "edfa4d15552fdd2e1d56679728416379f2fe4534";
	static const char hash_4[] = "137c36ad7627c4dd55932176bb0ecdbd5041fc82";
	static const char unknown[] = "0000000000000000000000000000000000000001";
	check("1", EM_X86_64, NULL, version_1, COUNT(version_1), 0, common_rows);
	check("2", EM_X86_64, hash_2, version_2, COUNT(version_2), 0, common_rows);
	check("2 without header", EM_X86_64, NULL, version_2, COUNT(version_2), 0, common_rows);
	check("3", EM_X86_64, hash_3, version_3, COUNT(version_3), 0, common_rows);
	check("3 with ax", EM_X86_64, hash_3_ax, version_3, COUNT(version_3), 0, common_rows);
	check("3 without header", EM_X86_64, NULL, version_3, COUNT(version_3), 0, common_rows);
	check("3 with an unknown header", EM_X86_64, unknown, version_3, COUNT(version_3), 1, common_rows);
	check("4", EM_X86_64, hash_4, version_4, COUNT(version_4), 0, common_rows);
	check("4 with an unknown header", EM_X86_64, unknown, version_4, COUNT(version_4), 1, common_rows);
}

static void test_loongarch(void)
{
	static const struct entry entries[] = {
		{ 0x1000, { 0, 0, 0 }, 0x2002 },          /* call, sp, ra in its register */
		{ 0x1010, { 32, -16, -8 }, 0x2112 },      /* both saved */
		{ 0x1020, { 0, -16, -8 }, 0x2113 },       /* from fp */
		{ 0x1030, { 0, 0, 0 }, 0xb002 },          /* regs, signal */
		{ 0x1040, { 0, 0, 0 }, 0x1000 },
		{ 0x1050, { 0, 0, 0 }, 0 },
	};
	check("LoongArch", EM_LOONGARCH_NUMBER, "d9f45aafc6d2a2889d601ec9e3fe1092dac249dc", entries,
	      COUNT(entries), 0,
	      "1000-1010 call ra1 ro(3,0) 1=s(0,0) 22=s(0,0)\n"
	      "1010-1020 call ra1 ro(3,32) 1=c(0,-8) 22=c(0,-16)\n"
	      "1020-1030 call ra1 ro(22,0) 1=c(0,-8) 22=c(0,-16)\n"
	      "1030-1040 regs+signal ra1 ro(3,0) 0=c(0,264) 6=c(0,48) 7=c(0,56) 16=c(0,128) 22=c(0,176)\n"
	      "1040-1050 end ra1 u(0,0)\n"
	      "1050-2000 undefined ra1 u(0,0)\n");
}

static void test_order(void)
{
	/* A terminator gives way to a real entry, whichever comes first; of two real ones the last. */
	static const struct entry entries[] = {
		{ 0x1100, { 16, 0 }, 0x205 }, { 0x1100, { 0, 0 }, 0 },
		{ 0x1000, { 0, 0 }, 0 }, { 0x1000, { 8, 0 }, 0x205 },
		{ 0x1080, { 24, 0 }, 0x205 }, { 0x1080, { 32, 0 }, 0x205 },
		{ 0x2000, { 0, 0 }, 0 },
	};
	check("order", EM_X86_64, NULL, entries, COUNT(entries), 0,
	      "1000-1080 call ra16 ro(7,8) 16=c(0,-8)\n"
	      "1080-1100 call ra16 ro(7,32) 16=c(0,-8)\n"
	      "1100-2000 call ra16 ro(7,16) 16=c(0,-8)\n"
	      "2000-2001 undefined ra16 u(0,0)\n");
}

static void test_damage(void)
{
	static const struct entry bad_base[] = {
		{ 0x1000, { 8, 0 }, 0x205 }, { 0x1010, { 8, 0 }, 0x20f }, { 0x1020, { 8, 0 }, 0x2c5 },
		{ 0x1030, { 8, 0 }, 0x705 }, { 0x1040, { 16, 0 }, 0x205 },
	};
	static const struct entry high_bits[] = { { 0x1000, { 8, 0 }, 0xf205 } };
	check("unknown registers and types", EM_X86_64, NULL, bad_base, COUNT(bad_base), 1,
	      "1000-1010 call ra16 ro(7,8) 16=c(0,-8)\n1040-2000 call ra16 ro(7,16) 16=c(0,-8)\n");
	check("no known format", EM_X86_64, NULL, high_bits, COUNT(high_bits), 1, "");
	check("another machine", EM_ARM, NULL, bad_base, COUNT(bad_base), 1, "");
}

int main(void)
{
	test_versions();
	test_loongarch();
	test_order();
	test_damage();
	return failures ? 1 : 0;
}
