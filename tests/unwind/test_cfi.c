/* SPDX-License-Identifier: MIT */
/*
 * Call frame information written by hand: what compilers do not emit, so that readelf's
 * output of real files says nothing about it.
 */

#include "fake_module.h"
#include "indexer/unwind.h"

#include <dwarf.h>
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

/* ---- building a section ------------------------------------------------------------- */

struct image {
	uint8_t data[4096];
	size_t size;
	bool big;
};

static void put(struct image *image, uint64_t value, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		image->data[image->size++] =
			(uint8_t)(value >> 8 * (image->big ? size - 1 - i : i));
}

static void put_bytes(struct image *image, const char *bytes, size_t size)
{
	memcpy(image->data + image->size, bytes, size);
	image->size += size;
}

/* A record's length is put in when it ends. */
static size_t begin(struct image *image, bool is_64)
{
	put(image, is_64 ? UINT32_MAX : 0, 4);
	if (is_64)
		put(image, 0, 8);
	return image->size;
}

static void end(struct image *image, size_t start, bool is_64)
{
	size_t size = image->size;
	image->size = start - (is_64 ? 8 : 4);
	put(image, size - start, is_64 ? 8 : 4);
	image->size = size;
}

#define CODE(text) (text), sizeof(text) - 1

/* ---- checking rows -------------------------------------------------------------------- */

struct rows {
	char text[4096];
	size_t length;
};

static void append_rule(struct rows *rows, const struct sdb_rule *rule)
{
	static const char *const kinds[] = { "u", "s", "c", "v", "r", "exp", "vexp", "ro", "ind", "arch" };
	rows->length += (size_t)snprintf(rows->text + rows->length, sizeof(rows->text) - rows->length,
					 "%s(%u,%" PRId64 ",%u)", kinds[rule->kind], rule->reg,
					 rule->offset, rule->expression.length);
}

static struct sdb_error *append_row(void *arg, const struct sdb_unwind_row *row)
{
	struct rows *rows = arg;
	if (rows->length > sizeof(rows->text) - 1024)
		return NULL;
	rows->length += (size_t)snprintf(rows->text + rows->length, sizeof(rows->text) - rows->length,
					 "%" PRIx64 "-%" PRIx64 " f%x ra%u ", row->low, row->high,
					 row->flags, row->return_column);
	append_rule(rows, &row->cfa);
	for (size_t i = 0; i < row->rule_count && i < 16; i++) {
		rows->length += (size_t)sprintf(rows->text + rows->length, " %u=", row->rules[i].column);
		append_rule(rows, &row->rules[i]);
	}
	rows->text[rows->length++] = '\n';
	rows->text[rows->length] = '\0';
	return NULL;
}

static void check(const char *what, struct module *module, uint64_t warnings, const char *want)
{
	struct rows rows = { .length = 0 };
	module->warnings = 0;
	struct sdb_error *error = cfi_read(module, append_row, &rows);
	if (error || strcmp(rows.text, want) != 0 || module->warnings != warnings) {
		failures++;
		printf("%s: %s\n got:\n%s want:\n%s %" PRIu64 " warnings, wanted %" PRIu64 " (%s)\n", what,
		       error ? sdb_error_message(error) : "", rows.text, want, module->warnings, warnings,
		       module->last_warning);
	}
	sdb_error_free(error);
}

/* ---- .debug_frame --------------------------------------------------------------------- */

static size_t put_cie(struct image *image, unsigned version, bool is_64, const char *program, size_t size)
{
	size_t at = image->size;
	size_t start = begin(image, is_64);
	put(image, UINT64_MAX, is_64 ? 8 : 4);
	put(image, version, 1);
	put_bytes(image, "", 1);
	if (version == 4) {
		put(image, 8, 1); /* of an address */
		put(image, 2, 1); /* of a segment */
	}
	put_bytes(image, CODE("\x02\x78")); /* code alignment 2, data alignment -8 */
	put(image, 16, 1);
	put_bytes(image, program, size);
	end(image, start, is_64);
	return at;
}

static void put_fde(struct image *image, size_t cie, bool is_64, unsigned segment, uint64_t low,
		    uint64_t size, const char *program, size_t length)
{
	size_t start = begin(image, is_64);
	put(image, cie, is_64 ? 8 : 4);
	put(image, 0, segment);
	put(image, low, 8);
	put(image, size, 8);
	put_bytes(image, program, length);
	end(image, start, is_64);
}

/* Every version, size and byte order gives the same rows. */
static void test_versions(void)
{
	for (unsigned i = 0; i < 12; i++) {
		static const unsigned versions[] = { 1, 3, 4 };
		unsigned version = versions[i % 3];
		bool is_64 = i / 3 & 1, big = i >= 6;
		struct image image = { .big = big };
		struct module module;
		char what[64];
		size_t cie = put_cie(&image, version, is_64, CODE("\x0c\x07\x08\x90\x01"));
		put_fde(&image, cie, is_64, version == 4 ? 2 : 0, 0x1000, 0x20,
			CODE("\x42\x0e\x10\x86\x02\x02\x04\x0d\x06"));
		fake_module_init(&module);
		module.info.elf_data = big ? ELFDATA2MSB : ELFDATA2LSB;
		fake_module_add(&module, ".debug_frame", image.data, image.size, 0, 0);
		snprintf(what, sizeof(what), "version %u, %u bits, %s", version, is_64 ? 64 : 32,
			 big ? "big endian" : "little endian");
		check(what, &module, 0, "1000-1004 f2 ra16 ro(7,8,0) 16=c(0,-8,0)\n"
		      "1004-100c f0 ra16 ro(7,16,0) 6=c(0,-16,0) 16=c(0,-8,0)\n"
		      "100c-1020 f0 ra16 ro(6,16,0) 6=c(0,-16,0) 16=c(0,-8,0)\n");
	}
}

/* One program in one entry from 0x1000 to 0x1100. */
static void check_program(const char *what, uint16_t machine, const char *program, size_t size,
			  uint64_t warnings, const char *want)
{
	struct image image = { .size = 0 };
	struct module module;
	size_t cie = put_cie(&image, 3, false, CODE("\x0c\x07\x08\x90\x01"));
	put_fde(&image, cie, false, 0, 0x1000, 0x100, program, size);
	fake_module_init(&module);
	module.info.elf_machine = machine;
	fake_module_add(&module, ".debug_frame", image.data, image.size, 0, 0);
	check(what, &module, warnings, want);
}

static void test_instructions(void)
{
	check_program("no instruction", EM_X86_64, CODE("\x00\x00"), 0,
		      "1000-1100 f2 ra16 ro(7,8,0) 16=c(0,-8,0)\n");
	check_program("extended, signed, value", EM_X86_64,
		      CODE("\x05\x03\x02\x11\x06\x7f\x14\x0c\x01\x15\x0d\x7e"), 0,
		      "1000-1100 f2 ra16 ro(7,8,0) 3=c(0,-16,0) 6=c(0,8,0) 12=v(0,-8,0) 13=v(0,16,0) "
		      "16=c(0,-8,0)\n");
	check_program("register, same, undefined", EM_X86_64, CODE("\x09\x03\x05\x08\x06\x07\x10"), 0,
		      "1000-1100 f2 ra16 ro(7,8,0) 3=r(5,0,0) 6=s(0,0,0) 16=u(0,0,0)\n");
	check_program("expressions", EM_X86_64, CODE("\x0f\x02\x77\x08\x10\x06\x01\x9c\x16\x03\x02\x9c\x06"),
		      0, "1000-1100 f2 ra16 vexp(0,0,2) 3=vexp(0,0,2) 6=exp(0,0,1) 16=c(0,-8,0)\n");
	check_program("signed CFA", EM_X86_64, CODE("\x12\x06\x7e\x41\x13\x7d"), 0,
		      "1000-1002 f2 ra16 ro(6,16,0) 16=c(0,-8,0)\n"
		      "1002-1100 f0 ra16 ro(6,24,0) 16=c(0,-8,0)\n");
	check_program("CFA register after an expression", EM_X86_64, CODE("\x0f\x01\x9c\x41\x0d\x06"), 0,
		      "1000-1002 f2 ra16 vexp(0,0,1) 16=c(0,-8,0)\n"
		      "1002-1100 f0 ra16 ro(6,8,0) 16=c(0,-8,0)\n");
	check_program("remember, restore", EM_X86_64, CODE("\x86\x02\x0a\x41\x0e\x20\xc6\x41\x0b\x06\x10"), 0,
		      "1000-1002 f2 ra16 ro(7,8,0) 6=c(0,-16,0) 16=c(0,-8,0)\n"
		      "1002-1004 f0 ra16 ro(7,32,0) 16=c(0,-8,0)\n"
		      "1004-1100 f0 ra16 ro(7,8,0) 6=c(0,-16,0) 16=c(0,-8,0)\n");
	check_program("restore to what the CIE says", EM_X86_64, CODE("\x90\x05\x41\xd0\x41\x06\x10"), 0,
		      "1000-1002 f2 ra16 ro(7,8,0) 16=c(0,-40,0)\n"
		      "1002-1004 f0 ra16 ro(7,8,0) 16=c(0,-8,0)\n"
		      "1004-1100 f0 ra16 ro(7,8,0) 16=c(0,-8,0)\n");
	check_program("advances of every size", EM_X86_64,
		      CODE("\x02\x01\x0e\x10\x03\x01\x00\x0e\x18\x04\x01\x00\x00\x00\x0e\x20"
			   "\x01\x40\x10\x00\x00\x00\x00\x00\x00\x0e\x28"), 0,
		      "1000-1002 f2 ra16 ro(7,8,0) 16=c(0,-8,0)\n"
		      "1002-1004 f0 ra16 ro(7,16,0) 16=c(0,-8,0)\n"
		      "1004-1006 f0 ra16 ro(7,24,0) 16=c(0,-8,0)\n"
		      "1006-1040 f0 ra16 ro(7,32,0) 16=c(0,-8,0)\n"
		      "1040-1100 f0 ra16 ro(7,40,0) 16=c(0,-8,0)\n");
	check_program("advance by nothing", EM_X86_64, CODE("\x0e\x10\x40\x0e\x18"), 0,
		      "1000-1100 f2 ra16 ro(7,24,0) 16=c(0,-8,0)\n");
	check_program("GNU", EM_X86_64, CODE("\x2e\x10\x2f\x03\x02"), 0,
		      "1000-1100 f2 ra16 ro(7,8,0) 3=c(0,16,0) 16=c(0,-8,0)\n");
	check_program("AArch64", EM_AARCH64, CODE("\x2d\x41\x2d\x41\x2c"), 0,
		      "1000-1002 f2 ra16 ro(7,8,0) 16=c(0,-8,0) 34=arch(0,1,0)\n"
		      "1002-1004 f0 ra16 ro(7,8,0) 16=c(0,-8,0)\n"
		      "1004-1100 f0 ra16 ro(7,8,0) 16=c(0,-8,0) 34=arch(0,3,0)\n");
}

/* The rows before the damage are kept. */
static void test_bad_programs(void)
{
	static const char sound[] = "1000-1002 f2 ra16 ro(7,8,0) 16=c(0,-8,0)\n";
	char many[2 * 200], deep[200];
	check_program("unknown instruction", EM_X86_64, CODE("\x41\x3f"), 1, sound);
	check_program("restore without remember", EM_X86_64, CODE("\x41\x0b"), 1, sound);
	check_program("cut short", EM_X86_64, CODE("\x41\x0c\x07"), 1, sound);
	check_program("block cut short", EM_X86_64, CODE("\x41\x0f\x7f\x00"), 1, sound);
	check_program("address goes back", EM_X86_64, CODE("\x41\x01\0\0\0\0\0\0\0\0"), 1, sound);
	check_program("column out of range", EM_X86_64, CODE("\x41\x07\x80\x80\x04"), 1, sound);
	check_program("window save elsewhere", EM_X86_64, CODE("\x41\x2d"), 1, sound);
	for (unsigned i = 0; i < 200; i++) {
		many[2 * i] = 7; /* undefined: more columns than there are registers */
		many[2 * i + 1] = (char)(i & 0x7f);
		deep[i] = 0x0a;
	}
	many[0] = 0x41;
	many[1] = 0;
	deep[0] = 0x41;
	check_program("remembered too deep", EM_X86_64, deep, sizeof(deep), 1, sound);
	check_program("many columns", EM_X86_64, many, 2 * 3, 0,
		      "1000-1002 f2 ra16 ro(7,8,0) 16=c(0,-8,0)\n"
		      "1002-1100 f0 ra16 ro(7,8,0) 1=u(0,0,0) 2=u(0,0,0) 16=c(0,-8,0)\n");
}

static void test_order(void)
{
	struct image image = { .size = 0 };
	struct module module;
	static const uint8_t code[0x3000];
	/* The entry refers to a later one; others are out of order, overlap, or are empty. */
	size_t later = 0;
	for (int pass = 0; pass < 2; pass++) {
		image.size = 0;
		put_fde(&image, later, false, 0, 0x2000, 0x10, CODE("\x0e\x10"));
		put_fde(&image, later, false, 0, 0x1008, 0x10, CODE("\x0e\x20"));
		put_fde(&image, later, false, 0, 0x1000, 0x10, CODE("\x0e\x30"));
		put_fde(&image, later, false, 0, 0x1800, 0, CODE("\x0e\x40"));
		put_fde(&image, later, false, 0, 0, 0x40, CODE("\x0e\x50")); /* left out by the linker */
		put_fde(&image, 3, false, 0, 0x1900, 0x10, CODE("\x0e\x60"));
		later = put_cie(&image, 3, false, CODE("\x0c\x07\x08"));
	}
	fake_module_init(&module);
	fake_module_add(&module, ".debug_frame", image.data, image.size, 0, 0);
	fake_module_add(&module, ".text", code, sizeof(code), 0x1000, SHF_ALLOC | SHF_EXECINSTR);
	check("order", &module, 2, "1000-1010 f2 ra16 ro(7,48,0)\n2000-2010 f2 ra16 ro(7,16,0)\n");
}

/* ---- .eh_frame -------------------------------------------------------------------------- */

static void put_eh_cie(struct image *image, const char *augmentation, const char *data, size_t size)
{
	size_t start = begin(image, false);
	put(image, 0, 4);
	put(image, 1, 1);
	put_bytes(image, augmentation, strlen(augmentation) + 1);
	if (strcmp(augmentation, "eh") == 0)
		put(image, 0, 8);
	put_bytes(image, CODE("\x01\x78\x10"));
	if (augmentation[0] == 'z') {
		put(image, size, 1);
		put_bytes(image, data, size);
	}
	put_bytes(image, CODE("\x0c\x07\x08"));
	end(image, start, false);
}

/* An entry at VALUE as encoded, SIZE bytes long, for 0x40 bytes of code. */
static void check_encoding(const char *what, uint8_t encoding, const char *prefix, uint64_t value,
			   unsigned size, const char *want)
{
	struct image image = { .size = 0 };
	struct module module;
	static const uint8_t text[0x2000] = { [0x100] = 0x34, [0x101] = 0x12 };
	char data[] = { 0x1b, 1, 2, 3, 4, (char)encoding, 0x0c };
	put_eh_cie(&image, "zPRLS", data, sizeof(data)); /* P: pcrel sdata4 */
	size_t start = begin(&image, false);
	put(&image, image.size, 4);
	if (prefix)
		put_bytes(&image, prefix, strlen(prefix));
	if ((encoding & 0x70) == DW_EH_PE_aligned) {
		while (image.size % 8)
			put(&image, 0x55, 1);
	}
	put(&image, value, size);
	if ((encoding & 0xf) == DW_EH_PE_uleb128 || (encoding & 0xf) == DW_EH_PE_sleb128)
		put_bytes(&image, CODE("\xc0\x00"));
	else
		put(&image, 0x40, size);
	put_bytes(&image, CODE("\x01\x55")); /* augmentation data */
	put_bytes(&image, CODE("\x0e\x20"));
	end(&image, start, false);
	put(&image, 0, 4);
	fake_module_init(&module);
	fake_module_add(&module, ".eh_frame", image.data, image.size, 0x8000, SHF_ALLOC);
	fake_module_add(&module, ".text", text, sizeof(text), 0x1000, SHF_ALLOC | SHF_EXECINSTR);
	fake_module_add(&module, ".got", text, 16, 0x9000, SHF_ALLOC);
	check(what, &module, 0, want);
}

static void test_encodings(void)
{
	static const char rows[] = "1234-1274 f3 ra16 ro(7,32,0)\n";
	/* The field is at offset 37: 4 + 25 bytes of the first record, length and pointer. */
	uint64_t field = 0x8000 + 4 + 25 + 8;
	check_encoding("absptr", 0, NULL, 0x1234, 8, rows);
	check_encoding("udata2", DW_EH_PE_udata2, NULL, 0x1234, 2, rows);
	check_encoding("udata4", DW_EH_PE_udata4, NULL, 0x1234, 4, rows);
	check_encoding("udata8", DW_EH_PE_udata8, NULL, 0x1234, 8, rows);
	check_encoding("sdata2", DW_EH_PE_sdata2, NULL, 0x1234, 2, rows);
	check_encoding("uleb128", DW_EH_PE_uleb128, "\xb4\x24", 0, 0, rows);
	check_encoding("sleb128 pcrel", DW_EH_PE_sleb128 | DW_EH_PE_pcrel, "\x8f\xa4\x7e", 0, 0, rows);
	check_encoding("sdata4 pcrel", DW_EH_PE_sdata4 | DW_EH_PE_pcrel, NULL, 0x1234 - field, 4, rows);
	check_encoding("sdata8 pcrel", DW_EH_PE_sdata8 | DW_EH_PE_pcrel, NULL, 0x1234 - field, 8, rows);
	check_encoding("textrel", DW_EH_PE_udata4 | DW_EH_PE_textrel, NULL, 0x234, 4, rows);
	check_encoding("datarel", DW_EH_PE_sdata4 | DW_EH_PE_datarel, NULL, 0x1234 - 0x9000, 4, rows);
	check_encoding("aligned", DW_EH_PE_aligned, NULL, 0x1234, 8, rows);
	check_encoding("indirect", DW_EH_PE_udata4 | 0x80, NULL, 0x1100, 4, rows);
}

static void test_old_augmentation(void)
{
	struct image image = { .size = 0 };
	struct module module;
	put_eh_cie(&image, "eh", NULL, 0);
	size_t start = begin(&image, false);
	put(&image, image.size, 4);
	put(&image, 0x1000, 8);
	put(&image, 0x10, 8);
	end(&image, start, false);
	put_eh_cie(&image, "?", NULL, 0);
	fake_module_init(&module);
	fake_module_add(&module, ".eh_frame", image.data, image.size, 0x8000, SHF_ALLOC);
	check("augmentation eh", &module, 0, "1000-1010 f2 ra16 ro(7,8,0)\n");
}

int main(void)
{
	test_versions();
	test_instructions();
	test_bad_programs();
	test_order();
	test_encodings();
	test_old_augmentation();
	return failures ? 1 : 0;
}
