/* SPDX-License-Identifier: MIT */
#include <stackdb/operation.h>

#include <string.h>

/*
 * Operands: 1 2 4 8 bytes unsigned (lower case b w d q) or signed (upper case), u and s LEB128,
 * a address, L block with ULEB128 length, C block with one byte of length, E byte with an encoding
 * and a number in it, R reference of the database (kind and number). The forms are those of model.h,
 * where references are rewritten.
 */
struct shape {
	uint8_t code;
	const char *operands;
	const char *name;
};

static const struct shape shapes[] = {
	{ 0x03, "a", "DW_OP_addr" }, { 0x06, "", "DW_OP_deref" }, { 0x08, "b", "DW_OP_const1u" },
	{ 0x09, "B", "DW_OP_const1s" }, { 0x0a, "w", "DW_OP_const2u" },
	{ 0x0b, "W", "DW_OP_const2s" },
	{ 0x0c, "d", "DW_OP_const4u" }, { 0x0d, "D", "DW_OP_const4s" },
	{ 0x0e, "q", "DW_OP_const8u" },
	{ 0x0f, "Q", "DW_OP_const8s" }, { 0x10, "u", "DW_OP_constu" },
	{ 0x11, "s", "DW_OP_consts" },
	{ 0x12, "", "DW_OP_dup" }, { 0x13, "", "DW_OP_drop" }, { 0x14, "", "DW_OP_over" },
	{ 0x15, "b", "DW_OP_pick" }, { 0x16, "", "DW_OP_swap" }, { 0x17, "", "DW_OP_rot" },
	{ 0x18, "", "DW_OP_xderef" }, { 0x19, "", "DW_OP_abs" }, { 0x1a, "", "DW_OP_and" },
	{ 0x1b, "", "DW_OP_div" }, { 0x1c, "", "DW_OP_minus" }, { 0x1d, "", "DW_OP_mod" },
	{ 0x1e, "", "DW_OP_mul" }, { 0x1f, "", "DW_OP_neg" }, { 0x20, "", "DW_OP_not" },
	{ 0x21, "", "DW_OP_or" }, { 0x22, "", "DW_OP_plus" }, { 0x23, "u", "DW_OP_plus_uconst" },
	{ 0x24, "", "DW_OP_shl" }, { 0x25, "", "DW_OP_shr" }, { 0x26, "", "DW_OP_shra" },
	{ 0x27, "", "DW_OP_xor" }, { 0x28, "W", "DW_OP_bra" }, { 0x29, "", "DW_OP_eq" },
	{ 0x2a, "", "DW_OP_ge" }, { 0x2b, "", "DW_OP_gt" }, { 0x2c, "", "DW_OP_le" },
	{ 0x2d, "", "DW_OP_lt" }, { 0x2e, "", "DW_OP_ne" }, { 0x2f, "W", "DW_OP_skip" },
	{ 0x90, "u", "DW_OP_regx" }, { 0x91, "s", "DW_OP_fbreg" }, { 0x92, "us", "DW_OP_bregx" },
	{ 0x93, "u", "DW_OP_piece" }, { 0x94, "b", "DW_OP_deref_size" },
	{ 0x95, "b", "DW_OP_xderef_size" },
	{ 0x96, "", "DW_OP_nop" }, { 0x97, "", "DW_OP_push_object_address" },
	{ 0x98, "R", "DW_OP_call2" },
	{ 0x99, "R", "DW_OP_call4" }, { 0x9a, "R", "DW_OP_call_ref" },
	{ 0x9b, "", "DW_OP_form_tls_address" },
	{ 0x9c, "", "DW_OP_call_frame_cfa" }, { 0x9d, "uu", "DW_OP_bit_piece" },
	{ 0x9e, "L", "DW_OP_implicit_value" }, { 0x9f, "", "DW_OP_stack_value" },
	{ 0xa0, "Rs", "DW_OP_implicit_pointer" }, { 0xa1, "u", "DW_OP_addrx" },
	{ 0xa2, "u", "DW_OP_constx" },
	{ 0xa3, "L", "DW_OP_entry_value" }, { 0xa4, "uC", "DW_OP_const_type" },
	{ 0xa5, "uu", "DW_OP_regval_type" }, { 0xa6, "bu", "DW_OP_deref_type" },
	{ 0xa7, "bu", "DW_OP_xderef_type" }, { 0xa8, "u", "DW_OP_convert" },
	{ 0xa9, "u", "DW_OP_reinterpret" },
	{ 0xe0, "", "DW_OP_GNU_push_tls_address" }, { 0xf0, "", "DW_OP_GNU_uninit" },
	{ 0xf1, "E", "DW_OP_GNU_encoded_addr" },
	{ 0xf2, "Rs", "DW_OP_GNU_implicit_pointer" }, { 0xf3, "L", "DW_OP_GNU_entry_value" },
	{ 0xf4, "uC", "DW_OP_GNU_const_type" }, { 0xf5, "uu", "DW_OP_GNU_regval_type" },
	{ 0xf6, "bu", "DW_OP_GNU_deref_type" }, { 0xf7, "u", "DW_OP_GNU_convert" },
	{ 0xf9, "u", "DW_OP_GNU_reinterpret" }, { 0xfa, "R", "DW_OP_GNU_parameter_ref" },
	{ 0xfd, "R", "DW_OP_GNU_variable_value" },
};

static const struct shape *shape_of(uint8_t code)
{
	size_t low = 0, high = sizeof(shapes) / sizeof(shapes[0]);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (shapes[middle].code == code)
			return &shapes[middle];
		if (shapes[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool read_fixed(struct sdb_operation_reader *reader, unsigned size, bool is_signed,
		       uint64_t *value_ret)
{
	if (reader->size - reader->at < size)
		return false;
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++) {
		unsigned shift = 8 * (reader->big_endian ? size - 1 - i : i);
		value |= (uint64_t)reader->bytes[reader->at + i] << shift;
	}
	if (is_signed && size < 8 && value >> (8 * size - 1))
		value |= ~UINT64_C(0) << (8 * size);
	reader->at += size;
	*value_ret = value;
	return true;
}

static bool read_leb(struct sdb_operation_reader *reader, bool is_signed, uint64_t *value_ret)
{
	uint64_t value = 0;
	unsigned shift = 0;
	while (reader->at < reader->size) {
		uint8_t byte = reader->bytes[reader->at++];
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (is_signed && shift < 64 && byte & 0x40)
			value |= ~UINT64_C(0) << shift;
		*value_ret = value;
		return true;
	}
	return false;
}

static bool read_block(struct sdb_operation_reader *reader, struct sdb_operation *operation,
		       uint64_t size)
{
	if (reader->size - reader->at < size)
		return false;
	operation->block = reader->bytes + reader->at;
	operation->block_size = (size_t)size;
	reader->at += (size_t)size;
	return true;
}

/* The formats are the low four bits of DW_EH_PE_*. */
static bool read_encoded(struct sdb_operation_reader *reader, uint64_t *encoding_ret, uint64_t *value_ret)
{
	static const uint8_t sizes[] = { 0, 0, 2, 4, 8 };
	if (!read_fixed(reader, 1, false, encoding_ret))
		return false;
	unsigned format = *encoding_ret & 7;
	bool is_signed = *encoding_ret & 8;
	if (format == 1)
		return read_leb(reader, is_signed, value_ret);
	if (format >= sizeof(sizes))
		return false;
	return read_fixed(reader, format ? sizes[format] : reader->address_size, is_signed, value_ret);
}

static bool read_operand(struct sdb_operation_reader *reader, struct sdb_operation *operation,
			 char shape)
{
	static const char widths[] = "bwdq";
	unsigned i = operation->operands;
	uint64_t *value = &operation->value[i], size;
	const char *width = strchr(widths, shape | 0x20);
	switch (shape) {
	case 'a':
		operation->operands++;
		return read_fixed(reader, reader->address_size, false, value);
	case 'L':
		return read_leb(reader, false, &size) && read_block(reader, operation, size);
	case 'C':
		return read_fixed(reader, 1, false, &size) && read_block(reader, operation, size);
	case 'E':
		operation->operands += 2;
		return read_encoded(reader, value, value + 1);
	case 'R':
		operation->operands += 2;
		return read_leb(reader, false, value) && read_leb(reader, false, value + 1);
	case 'u': case 's':
		operation->operands++;
		operation->is_signed[i] = shape == 's';
		return read_leb(reader, shape == 's', value);
	}
	operation->operands++;
	operation->is_signed[i] = shape < 'a';
	return read_fixed(reader, 1u << (width - widths), shape < 'a', value);
}

/* The operations with a number in their name. */
#define TEN(prefix, tens) \
	prefix tens "0", prefix tens "1", prefix tens "2", prefix tens "3", prefix tens "4", \
	prefix tens "5", prefix tens "6", prefix tens "7", prefix tens "8", prefix tens "9"
#define THIRTY_TWO(prefix) TEN(prefix, ""), TEN(prefix, "1"), TEN(prefix, "2"), prefix "30", prefix "31"

static bool name_numbered(struct sdb_operation *operation, struct sdb_operation_reader *reader)
{
	static const char *const lits[] = {
		THIRTY_TWO("DW_OP_lit"), THIRTY_TWO("DW_OP_reg"), THIRTY_TWO("DW_OP_breg"),
	};
	if (operation->code < SDB_OP_LIT0 || operation->code >= SDB_OP_BREG0 + 32)
		return false;
	operation->name = lits[operation->code - SDB_OP_LIT0];
	if (operation->code < SDB_OP_BREG0)
		return true;
	operation->operands = 1;
	operation->is_signed[0] = true;
	if (!read_leb(reader, true, &operation->value[0]))
		operation->name = NULL;
	return true;
}

bool sdb_operation_next(struct sdb_operation_reader *reader, struct sdb_operation *operation_ret)
{
	size_t start = reader->at;
	if (start >= reader->size)
		return false;
	*operation_ret = (struct sdb_operation){ .code = reader->bytes[reader->at++], .offset = start };
	bool sound;
	if (name_numbered(operation_ret, reader)) {
		sound = operation_ret->name != NULL;
	} else {
		const struct shape *shape = shape_of(operation_ret->code);
		sound = shape != NULL;
		if (sound)
			operation_ret->name = shape->name;
		for (const char *c = sound ? shape->operands : ""; *c && sound; c++)
			sound = read_operand(reader, operation_ret, *c);
	}
	operation_ret->next = reader->at;
	if (!sound)
		reader->at = start;
	return sound;
}
