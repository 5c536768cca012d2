/* SPDX-License-Identifier: MIT */
/*
 * DWARF expressions by hand, in a context made of arrays: every operation, entry values, pieces,
 * and expressions that are meant to do harm.
 *
 * usage: test_location DATABASE      of this program, built with debuginfo: for its types
 */

#include "runtime/location.h"
#include "runtime/types.h"
#include "runtime/value.h"

#include <err.h>
#include <stackdb/operation.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks, failures;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool condition, const char *text, int line)
{
	checks++;
	if (!condition) {
		failures++;
		printf("not ok - line %d: %s\n", line, text);
	}
}

static void must(struct sdb_error *error)
{
	if (error)
		errx(1, "%s", sdb_error_message(error));
}

/* ---- a context ------------------------------------------------------------------------------ */

#define MEMORY_AT 0x1000u

struct fake {
	uint8_t memory[256];
	uint64_t registers[40];
	bool saved[40];
	uint64_t cfa;
	struct fake *caller;
	const struct sdb_call_site *site;
	struct sdb_context context;
};

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	struct fake *fake = arg;
	if (address < MEMORY_AT || size > sizeof(fake->memory)
	    || address - MEMORY_AT > sizeof(fake->memory) - size)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing at 0x%llx",
				     (unsigned long long)address);
	memcpy(buffer, fake->memory + (address - MEMORY_AT), size);
	return NULL;
}

static struct sdb_error *read_register(void *arg, uint32_t number, void *buffer, size_t *size_ret)
{
	struct fake *fake = arg;
	if (number >= 40 || !fake->saved[number])
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "register %u was not saved", number);
	memcpy(buffer, &fake->registers[number], 8);
	*size_ret = 8;
	return NULL;
}

static struct sdb_error *cfa(void *arg, uint64_t *cfa_ret)
{
	*cfa_ret = ((struct fake *)arg)->cfa;
	return NULL;
}

static struct sdb_error *tls_address(void *arg, uint64_t offset, uint64_t *address_ret)
{
	(void)arg;
	*address_ret = 0x7000 + offset;
	return NULL;
}

static struct sdb_error *caller(void *arg, const struct sdb_context **caller_ret,
				const struct sdb_call_site **site_ret)
{
	struct fake *fake = arg;
	if (!fake->caller)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the outermost frame");
	*caller_ret = &fake->caller->context;
	*site_ret = fake->site;
	return NULL;
}

static struct sdb_error *write_memory(void *arg, uint64_t address, const void *buffer, size_t size)
{
	struct fake *fake = arg;
	if (address < MEMORY_AT || address - MEMORY_AT > sizeof(fake->memory) - size)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing at 0x%llx",
				     (unsigned long long)address);
	memcpy(fake->memory + (address - MEMORY_AT), buffer, size);
	return NULL;
}

static struct sdb_error *write_register(void *arg, uint32_t number, const void *buffer, size_t size)
{
	memcpy(&((struct fake *)arg)->registers[number], buffer, size);
	return NULL;
}

static const struct sdb_context_ops ops = { .write_memory = write_memory,
					    .write_register = write_register,
					    .read_memory = read_memory,
					    .read_register = read_register, .cfa = cfa,
					    .tls_address = tls_address, .caller = caller };

static struct fake frame, above;
static struct sdb_range range = { 0x100, 0x200 };
static struct sdb_code_scope scope = { .kind = SDB_CODE_FUNCTION, .function = 1, .entry = 0x100,
				       .range_count = 1,
				       .ranges = &range };
static const uint8_t frame_base[] = { 0x9c }; /* call_frame_cfa */
static struct sdb_code code = { .frame_base = { frame_base, 1 }, .scope_count = 1,
				.scopes = &scope };

static void set_up(struct sdb_db *db, struct types *types)
{
	for (unsigned i = 0; i < sizeof(frame.memory); i++)
		frame.memory[i] = (uint8_t)i;
	for (unsigned i = 0; i < 32; i++) {
		frame.registers[i] = 100 + i;
		above.registers[i] = 1000 + i;
		frame.saved[i] = above.saved[i] = i != 9;
	}
	frame.registers[7] = MEMORY_AT;
	frame.cfa = 0x1080;
	above.cfa = 0x10c0;
	frame.context = (struct sdb_context){ .ops = &ops, .arg = &frame, .db = db,
					      .load_bias = 0x5000, .code = &code,
					      .pc = 0x110, .types = types };
	above.context = frame.context;
	above.context.arg = &above;
}

/* ---- asking ---------------------------------------------------------------------------------- */

#define BYTES(...) ((struct sdb_expression){ (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) })

static void number_is(struct sdb_expression expression, uint64_t expected, int line)
{
	uint64_t number = 0;
	struct sdb_error *error = location_number(&frame.context, &expression, NULL, &number, NULL);
	if (error)
		printf("line %d: %s\n", line, sdb_error_message(error));
	else if (number != expected)
		printf("line %d: 0x%llx, not 0x%llx\n", line, (unsigned long long)number,
		       (unsigned long long)expected);
	check(!error && number == expected, "the number", line);
	sdb_error_free(error);
}

static void fails(struct sdb_expression expression, enum sdb_absence expected, const char *words,
		  int line)
{
	uint64_t number;
	enum sdb_absence absence = SDB_PRESENT;
	struct sdb_error *error = location_number(&frame.context, &expression, NULL, &number,
						  &absence);
	check(error && absence == expected && strstr(sdb_error_message(error), words), words, line);
	if (error && !strstr(sdb_error_message(error), words))
		printf("line %d: %s\n", line, sdb_error_message(error));
	sdb_error_free(error);
}

#define IS(expected, ...) number_is(BYTES(__VA_ARGS__), (uint64_t)(expected), __LINE__)
#define FAILS(absence, words, ...) fails(BYTES(__VA_ARGS__), absence, words, __LINE__)
#define BAD(words, ...) FAILS(SDB_ABSENT_EXPRESSION, words, __VA_ARGS__)

static void test_numbers(void)
{
	IS(0, SDB_OP_LIT0);
	IS(31, SDB_OP_LIT0 + 31);
	IS(0x5102, SDB_OP_ADDR, 2, 1, 0, 0, 0, 0, 0, 0); /* with the load bias */
	IS(0xff, 0x08, 0xff);
	IS(-1, 0x09, 0xff);
	IS(0x8001, 0x0a, 0x01, 0x80);
	IS(-0x7fff, 0x0b, 0x01, 0x80);
	IS(0x80000001, 0x0c, 1, 0, 0, 0x80);
	IS(-0x7fffffff, 0x0d, 1, 0, 0, 0x80);
	IS(0x8000000000000001, 0x0e, 1, 0, 0, 0, 0, 0, 0, 0x80);
	IS(300, 0x10, 0xac, 0x02);
	IS(-300, 0x11, 0xd4, 0x7d);
	IS(105, SDB_OP_BREG0 + 5, 0);
	IS(100, SDB_OP_BREG0 + 5, 0x7b);
	IS(110, SDB_OP_BREGX, 5, 5);
	IS(105, SDB_OP_REG0 + 5); /* what is in it */
	IS(106, SDB_OP_REGX, 6);
	IS(0x1080, SDB_OP_CALL_FRAME_CFA);
	IS(0x1070, SDB_OP_FBREG, 0x70);
	IS(0x7008, 0x38, SDB_OP_FORM_TLS_ADDRESS);
	IS(0x7008, 0x38, SDB_OP_GNU_PUSH_TLS_ADDRESS);
	IS(7, 0x37, SDB_OP_NOP, SDB_OP_GNU_UNINIT);
	IS(7, 0x37, SDB_OP_STACK_VALUE);
}

static void test_stack(void)
{
	IS(2, 0x31, 0x32, SDB_OP_DUP, SDB_OP_DROP);
	IS(1, 0x31, 0x32, SDB_OP_OVER);
	IS(1, 0x31, 0x32, 0x33, SDB_OP_PICK, 2);
	IS(1, 0x31, 0x32, SDB_OP_SWAP);
	IS(2, 0x31, 0x32, 0x33, SDB_OP_ROT);
	IS(3, 0x31, 0x32, 0x33, SDB_OP_ROT, SDB_OP_DROP, SDB_OP_DROP);
	IS(0x0706050403020100, SDB_OP_BREG0 + 7, 0, SDB_OP_DEREF);
	IS(0x0201, SDB_OP_BREG0 + 7, 1, SDB_OP_DEREF_SIZE, 2);
	IS(0x0706050403020100, SDB_OP_LIT0, SDB_OP_BREG0 + 7, 0, SDB_OP_XDEREF);
	IS(0x0201, SDB_OP_LIT0, SDB_OP_BREG0 + 7, 1, SDB_OP_XDEREF_SIZE, 2);
	IS(0x5000 + 0x1234, SDB_OP_GNU_ENCODED_ADDR, 0x02, 0x34, 0x12);
	IS(0x5000 - 2, SDB_OP_GNU_ENCODED_ADDR, 0x0a, 0xfe, 0xff);
	IS(0x5000 + 300, SDB_OP_GNU_ENCODED_ADDR, 0x01, 0xac, 0x02);
	IS(0x5000 + 7, SDB_OP_GNU_ENCODED_ADDR, 0x00, 7, 0, 0, 0, 0, 0, 0, 0);
	IS(5, 0x31, SDB_OP_BRA, 2, 0, 0x33, SDB_OP_NOP, 0x35);
	IS(0x33, 0x30, SDB_OP_BRA, 2, 0, 0x08, 0x33);
	IS(4, SDB_OP_SKIP, 1, 0, 0x33, 0x34);
	IS(6, 0x36, SDB_OP_SKIP, 0, 0);
}

static void test_arithmetic(void)
{
	IS(0xf0f, 0x0a, 0xff, 0x0f, 0x0a, 0x0f, 0xff, SDB_OP_AND);
	IS(3, 0x39, 0x33, SDB_OP_DIV);
	IS(-3, 0x09, 0xf7, 0x33, SDB_OP_DIV);
	IS(-2, 0x37, 0x39, SDB_OP_MINUS);
	IS(1, 0x37, 0x33, SDB_OP_MOD);
	IS(0xfffffffffffffffe % 3, 0x09, 0xfe, 0x33, SDB_OP_MOD); /* unsigned */
	IS(42, 0x36, 0x37, SDB_OP_MUL);
	IS(-6, 0x36, SDB_OP_NEG);
	IS(~UINT64_C(6), 0x36, SDB_OP_NOT);
	IS(7, 0x36, 0x33, SDB_OP_OR);
	IS(9, 0x36, 0x33, SDB_OP_PLUS);
	IS(134, 0x36, SDB_OP_PLUS_UCONST, 0x80, 0x01);
	IS(24, 0x36, 0x32, SDB_OP_SHL);
	IS(0, 0x36, 0x08, 64, SDB_OP_SHL);
	IS(0x3fffffffffffffff, 0x09, 0xff, 0x32, SDB_OP_SHR);
	IS(-2, 0x09, 0xf8, 0x32, SDB_OP_SHRA);
	IS(-1, 0x09, 0xf8, 0x08, 200, SDB_OP_SHRA);
	IS(5, 0x36, 0x33, SDB_OP_XOR);
	IS(6, 0x09, 0xfa, SDB_OP_ABS);
	IS(1, 0x36, 0x36, SDB_OP_EQ);
	IS(1, 0x36, 0x09, 0xff, SDB_OP_GE); /* signed */
	IS(0, 0x36, 0x36, SDB_OP_GT);
	IS(1, 0x36, 0x36, SDB_OP_LE);
	IS(0, 0x36, 0x09, 0xff, SDB_OP_LT);
	IS(1, 0x36, 0x35, SDB_OP_NE);
	/* the smallest number has no negative */
	IS(INT64_MIN, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x09, 0xff, SDB_OP_DIV);
	BAD("division by zero", 0x36, 0x30, SDB_OP_DIV);
	BAD("division by zero", 0x36, 0x30, SDB_OP_MOD);
}

/* ---- typed operations --------------------------------------------------------------------------- */

struct found {
	struct sdb_db *db;
	sdb_type_id type;
};

static struct sdb_error *take_type(void *arg, sdb_name_id name, const char *text,
				   struct sdb_entity entity)
{
	struct found *found = arg;
	(void)name, (void)text;
	if (!found->type)
		found->type = entity.id;
	return NULL;
}

/* Base types that the program's database has to have. */
volatile float a_float;
volatile double a_double;
volatile signed char a_byte;
volatile unsigned char an_octet;

/* TYPE as two bytes of ULEB128. */
#define T(type) (uint8_t)((type) | 0x80), (uint8_t)((type) >> 7)

/* The number of base type NAME. */
static uint16_t type_called(struct sdb_db *db, const char *name)
{
	struct found found = { db, 0 };
	must(sdb_lookup(db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_TYPE, take_type, &found));
	if (found.type == 0 || found.type >= 1 << 14)
		errx(1, "type %s is number %u", name, found.type);
	return (uint16_t)found.type;
}

static void test_typed(struct sdb_db *db)
{
	uint16_t real = type_called(db, "double"), single = type_called(db, "float"),
		integer = type_called(db, "int"),
		byte = type_called(db, "signed char"), octet = type_called(db, "unsigned char");
	double half = 0.5;
	uint8_t h[8];
	memcpy(h, &half, 8);
	memcpy(frame.memory + 128, &half, 8);
	IS(3, SDB_OP_CONST_TYPE, T(real), 8, h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], 0x36,
	   SDB_OP_CONVERT, T(real),
	   SDB_OP_MUL, SDB_OP_CONVERT, 0);
	IS(0x3fe0000000000000, SDB_OP_CONST_TYPE, T(real), 8, h[0], h[1], h[2], h[3], h[4], h[5],
	   h[6], h[7],
	   SDB_OP_REINTERPRET, 0);
	IS(12, SDB_OP_BREG0 + 7, 0x80, 0x01, SDB_OP_DEREF_TYPE, 8, T(real), 0x08, 24,
	   SDB_OP_CONVERT, T(real), SDB_OP_MUL,
	   SDB_OP_CONVERT, T(integer));
	IS(2, 0x31, SDB_OP_CONVERT, T(single), 0x32, SDB_OP_CONVERT, T(single), SDB_OP_DIV, 0x34,
	   SDB_OP_CONVERT, T(single),
	   SDB_OP_MUL, SDB_OP_GNU_CONVERT, 0);
	IS(1, 0x31, SDB_OP_CONVERT, T(single), 0x32, SDB_OP_CONVERT, T(single), SDB_OP_LT);
	IS(-1, 0x08, 0xff, SDB_OP_CONVERT, T(byte), SDB_OP_CONVERT, 0);
	IS(255, 0x08, 0xff, SDB_OP_CONVERT, T(octet), SDB_OP_CONVERT, 0);
	IS(0, 0x08, 0xff, SDB_OP_CONVERT, T(octet), 0x31, SDB_OP_CONVERT, T(octet), SDB_OP_PLUS);
	IS(105, SDB_OP_REGVAL_TYPE, 5, T(integer));
	IS(105, SDB_OP_GNU_REGVAL_TYPE, 5, T(octet));
	BAD("different types", 0x31, SDB_OP_CONVERT, T(single), 0x32, SDB_OP_PLUS);
	BAD("reinterpreted", 0x31, SDB_OP_CONVERT, T(single), SDB_OP_REINTERPRET, T(real));
	BAD("floating point", 0x31, SDB_OP_CONVERT, T(single), SDB_OP_NOT);
	BAD("constant of 0 bytes", SDB_OP_CONST_TYPE, T(real), 0);
}

/* ---- entry values ------------------------------------------------------------------------------------- */

static void test_entry_values(void)
{
	static const uint8_t in_rdi[] = { SDB_OP_REG0 + 5 }, passed[] = { SDB_OP_BREG0 + 3, 2 },
		pointed[] = { 0x0a, 0x34, 0x12 }, target[] = { 0x0a, 0x00, 0x51 };
	struct sdb_call_parameter parameter = { { in_rdi, 1 }, { passed, 2 }, { pointed, 3 } };
	struct sdb_call_site site = { .address = 0x150, .function = 1, .parameter_count = 1,
				      .parameters = &parameter };
	FAILS(SDB_ABSENT_ENTRY_VALUE, "outermost", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	frame.caller = &above;
	FAILS(SDB_ABSENT_ENTRY_VALUE, "does not describe", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	frame.site = &site;
	IS(1005, SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5, SDB_OP_STACK_VALUE);
	IS(1005, SDB_OP_GNU_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	IS(1005, SDB_OP_ENTRY_VALUE, 2, SDB_OP_REGX, 5);
	IS(1006, SDB_OP_ENTRY_VALUE, 2, SDB_OP_BREG0 + 5, 0, SDB_OP_PLUS_UCONST, 1);
	IS(0x1234, SDB_OP_ENTRY_VALUE, 3, SDB_OP_BREG0 + 5, 0, SDB_OP_DEREF);
	IS(0x34, SDB_OP_ENTRY_VALUE, 4, SDB_OP_BREG0 + 5, 0, SDB_OP_DEREF_SIZE, 1);
	FAILS(SDB_ABSENT_ENTRY_VALUE, "what it passed", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 4);
	FAILS(SDB_ABSENT_ENTRY_VALUE, "not that of a register", SDB_OP_ENTRY_VALUE, 1, 0x31);
	site.function = 0;
	FAILS(SDB_ABSENT_ENTRY_VALUE, "does not say what it called", SDB_OP_ENTRY_VALUE, 1,
	      SDB_OP_REG0 + 5);
	site.target = (struct sdb_expression){ target,
					       3 }; /* 0x5100: this function, with the bias */
	IS(1005, SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	scope.entry = 0x104;
	FAILS(SDB_ABSENT_ENTRY_VALUE, "another function", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	scope.entry = 0x100;
	above.saved[3] = false;
	FAILS(SDB_ABSENT_REGISTER, "not saved", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	above.saved[3] = true;
	/* a parameter that is not passed any more */
	static const uint8_t removed[] = { SDB_OP_GNU_PARAMETER_REF, SDB_REFERENCE_LOCAL, 2 };
	site.function = 1;
	FAILS(SDB_ABSENT_ENTRY_VALUE, "what it passed", SDB_OP_GNU_PARAMETER_REF,
	      SDB_REFERENCE_LOCAL, 2);
	parameter.location = (struct sdb_expression){ removed, 3 };
	IS(1005, SDB_OP_GNU_PARAMETER_REF, SDB_REFERENCE_LOCAL, 2, SDB_OP_STACK_VALUE);
	FAILS(SDB_ABSENT_ENTRY_VALUE, "what it passed", SDB_OP_GNU_PARAMETER_REF,
	      SDB_REFERENCE_LOCAL, 1);
	frame.site = NULL;
	frame.caller = NULL;
}

/* ---- places ---------------------------------------------------------------------------------------------- */

static struct location *locate(struct sdb_expression expression)
{
	struct location *location;
	must(location_evaluate(&frame.context, &expression, NULL, &location));
	return location;
}

static void test_places(void)
{
	struct location *location = locate(BYTES(SDB_OP_FBREG, 8));
	CHECK(location->count == 1 && location->places[0].kind == PLACE_MEMORY
	      && location->places[0].address == 0x1088);
	location_unref(location);
	location = locate(BYTES(SDB_OP_REG0 + 3));
	CHECK(location->places[0].kind == PLACE_REGISTER && location->places[0].number == 3);
	location_unref(location);
	location = locate(BYTES(SDB_OP_IMPLICIT_VALUE, 3, 7, 8, 9));
	CHECK(location->places[0].kind == PLACE_VALUE && location->places[0].size == 3
	      && location->places[0].bytes[2] == 9);
	location_unref(location);
	location = locate(BYTES(SDB_OP_IMPLICIT_POINTER, SDB_REFERENCE_LOCAL, 4, 0x7e));
	CHECK(location->places[0].kind == PLACE_IMPLICIT_POINTER && location->places[0].number == 4
	      && location->places[0].offset == -2);
	location_unref(location);
	location = locate(BYTES(SDB_OP_REG0 + 3, SDB_OP_PIECE, 4, SDB_OP_PIECE, 2, 0x37,
				SDB_OP_STACK_VALUE,
				SDB_OP_BIT_PIECE, 5, 1));
	CHECK(location->in_pieces && location->count == 3 && location->places[0].bit_size == 32
	      && location->places[1].kind == PLACE_ABSENT && location->places[2].bit_size == 5
	      && location->places[2].bit_offset == 1);
	location_unref(location);
	location = locate(BYTES(SDB_OP_NOP));
	CHECK(location->places[0].kind == PLACE_ABSENT
	      && location->places[0].absence == SDB_ABSENT_OPTIMIZED_OUT);
	location_unref(location);
	location = locate(BYTES(SDB_OP_BREG0 + 9, 0));
	CHECK(location->places[0].absence == SDB_ABSENT_REGISTER
	      && strstr(location->text, "not saved"));
	location_unref(location);
	location = locate(BYTES(0x30, SDB_OP_DEREF));
	CHECK(location->places[0].absence == SDB_ABSENT_MEMORY);
	location_unref(location);
}

/* A value of TYPE at EXPRESSION, changed to NUMBER; false when it cannot be. */
static bool change(struct sdb_db *db, uint16_t type, struct sdb_expression expression,
		   uint32_t number)
{
	struct sdb_value *value;
	int64_t found = 0;
	must(value_new(&frame.context, frame.context.types, db, type, locate(expression), &value));
	struct sdb_error *error = sdb_value_store(value, &frame.context, &number, sizeof(number));
	if (!error)
		must(sdb_value_signed(value, &frame.context, &found));
	CHECK(error || found == (int32_t)number);
	sdb_value_free(value);
	bool changed = !error;
	sdb_error_free(error);
	return changed;
}

static void test_stores(struct sdb_db *db)
{
	uint16_t type = type_called(db, "int");
	frame.registers[3] = 0x1111111122222222;
	frame.registers[4] = 0x3333333344444444;
	CHECK(change(db, type, BYTES(SDB_OP_REG0 + 3), 0xabcdef01)
	      && frame.registers[3] == 0x11111111abcdef01);
	CHECK(change(db, type, BYTES(SDB_OP_FBREG, 0), 0x01020304) && frame.memory[0x80] == 4
	      && frame.memory[0x7f] == 0x7f);
	CHECK(change(db, type, BYTES(SDB_OP_REG0 + 3, SDB_OP_PIECE, 1, SDB_OP_REG0 + 4,
				     SDB_OP_PIECE, 2, SDB_OP_FBREG, 8,
				     SDB_OP_PIECE, 1), 0x55667788));
	CHECK(frame.registers[3] == 0x11111111abcdef88 && frame.registers[4] == 0x3333333344446677
	      && frame.memory[0x88] == 0x55);
	CHECK(change(db, type, BYTES(SDB_OP_REG0 + 3, SDB_OP_BIT_PIECE, 12, 4, SDB_OP_REG0 + 4,
				     SDB_OP_BIT_PIECE, 20, 32),
		     0x12345abc));
	CHECK(frame.registers[3] == 0x11111111abcdabc8 && frame.registers[4] == 0x3331234544446677);
	/* nothing is written when a part cannot be */
	CHECK(!change(db, type, BYTES(SDB_OP_REG0 + 3, SDB_OP_PIECE, 2, SDB_OP_PIECE, 2), 0));
	CHECK(!change(db, type, BYTES(SDB_OP_REG0 + 3, SDB_OP_PIECE, 2), 0));
	CHECK(!change(db, type, BYTES(0x31, SDB_OP_STACK_VALUE), 0));
	CHECK(!change(db, type, BYTES(SDB_OP_IMPLICIT_VALUE, 4, 1, 2, 3, 4), 0));
	CHECK(frame.registers[3] == 0x11111111abcdabc8);
}

/* ---- harm ------------------------------------------------------------------------------------------------- */

static void test_harm(void)
{
	uint8_t deep[LOCATION_MAX_STACK + 1], nested[64], pieces[3 * (LOCATION_MAX_PIECES + 1)];
	BAD("100000 operations", SDB_OP_SKIP, 0xfd, 0xff); /* for ever */
	BAD("128 numbers", 0x31, SDB_OP_SKIP, 0xfc, 0xff);
	BAD("branches out", SDB_OP_SKIP, 0xf0, 0xff);
	BAD("branches out", SDB_OP_SKIP, 2, 0);
	BAD("cut off", 0x0e, 1, 2);
	BAD("cut off", 0x10, 0x80);
	BAD("cut off", SDB_OP_IMPLICIT_VALUE, 200, 1);
	BAD("cut off", SDB_OP_ENTRY_VALUE, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
	BAD("unknown", 0x01);
	BAD("unknown", 0xff);
	BAD("is empty", SDB_OP_PLUS);
	BAD("is empty", SDB_OP_DEREF);
	BAD("is empty", SDB_OP_NOP);
	BAD("too short", SDB_OP_DUP);
	BAD("too short", 0x31, SDB_OP_PICK, 255);
	BAD("too short", 0x31, SDB_OP_ROT);
	BAD("address space 1", 0x31, SDB_OP_BREG0 + 7, 0, SDB_OP_XDEREF);
	BAD("is empty", SDB_OP_BREG0 + 7, 0, SDB_OP_XDEREF);
	BAD("encoded as 0x1b", SDB_OP_GNU_ENCODED_ADDR, 0x1b, 1, 2, 3, 4);
	BAD("cut off", SDB_OP_GNU_ENCODED_ADDR, 0x05, 1, 2, 3, 4);
	BAD("cut off", SDB_OP_GNU_ENCODED_ADDR, 0x04, 1, 2, 3, 4);
	BAD("cannot be evaluated", SDB_OP_ADDRX, 0);
	BAD("follows", SDB_OP_REG0, 0x31);
	BAD("reads 0 bytes", 0x31, SDB_OP_DEREF_SIZE, 0);
	BAD("reads 200 bytes", 0x31, SDB_OP_DEREF_SIZE, 200);
	BAD("no object", SDB_OP_PUSH_OBJECT_ADDRESS);
	BAD("piece", 0x31, SDB_OP_PIECE, 4);
	FAILS(SDB_ABSENT_REGISTER, "not saved", SDB_OP_BREGX, 0xff, 0x7f, 0);
	BAD("asks for register", SDB_OP_REGX, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
	memset(deep, 0x31, sizeof(deep));
	fails((struct sdb_expression){ deep, sizeof(deep) }, SDB_ABSENT_EXPRESSION, "numbers",
	      __LINE__);
	memset(nested, 0, sizeof(nested));
	for (unsigned i = 0; i < 30; i++) {
		nested[2 * i] = SDB_OP_ENTRY_VALUE;
		nested[2 * i + 1] = (uint8_t)(60 - 2 * i - 2);
	}
	fails((struct sdb_expression){ nested, 60 }, SDB_ABSENT_ENTRY_VALUE, "", __LINE__);
	for (unsigned i = 0; i <= LOCATION_MAX_PIECES; i++)
		memcpy(pieces + 3 * i, (uint8_t[]){ SDB_OP_REG0, SDB_OP_PIECE, 1 }, 3);
	struct location *location = locate((struct sdb_expression){ pieces, sizeof(pieces) });
	CHECK(location->places[0].absence == SDB_ABSENT_EXPRESSION);
	location_unref(location);
	location = locate(BYTES(SDB_OP_REG0, SDB_OP_PIECE, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				0x7f));
	CHECK(location->places[0].absence == SDB_ABSENT_EXPRESSION);
	location_unref(location);
}

/* A frame base that is found by itself, and a caller whose parameters ask for its caller's. */
static void test_cycles(void)
{
	static const uint8_t self[] = { SDB_OP_FBREG, 0 }, in_rdi[] = { SDB_OP_REG0 + 5 },
		again[] = { SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5 };
	struct sdb_call_parameter parameter = { { in_rdi, 1 }, { again, 3 }, { NULL, 0 } };
	struct sdb_call_site site = { .address = 0x150, .function = 1, .parameter_count = 1,
				      .parameters = &parameter };
	code.frame_base = (struct sdb_expression){ self, 2 };
	BAD("nested", SDB_OP_FBREG, 0);
	code.frame_base = (struct sdb_expression){ frame_base, 1 };
	frame.caller = above.caller = &above;
	frame.site = above.site = &site;
	BAD("nested", SDB_OP_ENTRY_VALUE, 1, SDB_OP_REG0 + 5);
	frame.caller = above.caller = NULL;
}

int main(int argc, char **argv)
{
	struct sdb_db *db;
	if (argc < 2)
		return 2;
	must(sdb_db_open(argv[1], NULL, &db));
	struct types *types = types_create(0);
	set_up(db, types);
	test_numbers();
	test_stack();
	test_arithmetic();
	test_typed(db);
	test_entry_values();
	test_places();
	test_stores(db);
	test_harm();
	test_cycles();
	types_unref(types);
	sdb_db_close(db);
	printf("%u checks, %u failed\n", checks, failures);
	return failures != 0;
}
