/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_OPERATIONS_H
#define TOOLS_OPERATIONS_H

/* DWARF expression operations, taken apart one by one (DWARF 5 section 7.7). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct operation {
	uint8_t code;
	const char *name;   /* `DW_OP_breg7`; NULL for an unknown one */
	unsigned operands;
	uint64_t value[3];  /* signed ones sign-extended */
	bool is_signed[3];
	const uint8_t *block; /* of entry_value, implicit_value, const_type */
	size_t block_size;
	size_t offset, next;  /* in the expression */
};

struct operation_reader {
	const uint8_t *bytes;
	size_t size;
	size_t at;
	unsigned address_size;
	bool big_endian;
};

/* The next operation; false at the end and when the bytes cannot be read (at != size then). */
bool operation_next(struct operation_reader *reader, struct operation *operation_ret);

enum {
	OP_ADDR = 0x03, OP_DEREF = 0x06, OP_CONST1U = 0x08, OP_CONSTS = 0x11, OP_DUP = 0x12, OP_DROP,
	OP_OVER, OP_PICK, OP_SWAP, OP_ROT, OP_XDEREF, OP_ABS, OP_AND, OP_DIV, OP_MINUS, OP_MOD, OP_MUL,
	OP_NEG, OP_NOT, OP_OR, OP_PLUS, OP_PLUS_UCONST, OP_SHL, OP_SHR, OP_SHRA, OP_XOR, OP_BRA, OP_EQ,
	OP_GE, OP_GT, OP_LE, OP_LT, OP_NE, OP_SKIP, OP_LIT0 = 0x30, OP_REG0 = 0x50, OP_BREG0 = 0x70,
	OP_REGX = 0x90, OP_FBREG, OP_BREGX, OP_PIECE, OP_DEREF_SIZE, OP_XDEREF_SIZE, OP_NOP,
	OP_PUSH_OBJECT_ADDRESS, OP_CALL2, OP_CALL4, OP_CALL_REF, OP_FORM_TLS_ADDRESS,
	OP_CALL_FRAME_CFA, OP_BIT_PIECE, OP_IMPLICIT_VALUE, OP_STACK_VALUE, OP_IMPLICIT_POINTER, OP_ADDRX,
	OP_CONSTX, OP_ENTRY_VALUE, OP_CONST_TYPE, OP_REGVAL_TYPE, OP_DEREF_TYPE, OP_XDEREF_TYPE,
	OP_CONVERT, OP_REINTERPRET,
	OP_GNU_PUSH_TLS_ADDRESS = 0xe0, OP_GNU_UNINIT = 0xf0, OP_GNU_IMPLICIT_POINTER = 0xf2,
	OP_GNU_ENTRY_VALUE = 0xf3, OP_GNU_CONST_TYPE, OP_GNU_REGVAL_TYPE, OP_GNU_DEREF_TYPE,
	OP_GNU_CONVERT = 0xf7, OP_GNU_REINTERPRET = 0xf9, OP_GNU_PARAMETER_REF = 0xfa,
	OP_GNU_VARIABLE_VALUE = 0xfd,
};

#endif
