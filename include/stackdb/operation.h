/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_OPERATION_H
#define STACKDB_OPERATION_H

/**
 * @file
 * DWARF expression operations, taken apart one by one (DWARF 5, 7.7.1), in the form that
 * `struct sdb_expression` has: operands that point to debugging entries are numbers of the model.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/** One operation with its operands. `block` points into the bytes that are read. */
struct sdb_operation {
	uint8_t code;         /**< SDB_OP_*, the numbers of DW_OP_* */
	const char *name;     /**< `DW_OP_breg7`; static; NULL for an unknown one */
	unsigned operands;    /**< how many of `value` are there */
	uint64_t value[3];    /**< signed ones are sign-extended */
	bool is_signed[3];    /**< which of `value` are signed */
	const uint8_t *block; /**< of entry_value, implicit_value, const_type */
	size_t block_size;    /**< bytes of `block` */
	size_t offset;        /**< of the operation in the expression, in bytes */
	size_t next;          /**< of the one behind it */
};

/** An expression that is being read; the caller fills it in, `at` is where reading goes on. */
struct sdb_operation_reader {
	const uint8_t *bytes;  /**< the expression */
	size_t size;           /**< in bytes */
	size_t at;             /**< offset of the operation to be read next */
	unsigned address_size; /**< bytes of an address: 4 or 8 */
	bool big_endian;       /**< numbers in it have their most significant byte first */
};

/**
 * The next operation of READER. False at the end, and when the bytes there are no operation or
 * not all of one (`at` is before the end then, at the operation that cannot be read).
 */
bool sdb_operation_next(struct sdb_operation_reader *reader, struct sdb_operation *operation_ret);

/** The operations by number; lit, reg and breg are the first of thirty-two each. */
enum sdb_operation_code {
	SDB_OP_ADDR = 0x03, SDB_OP_DEREF = 0x06, SDB_OP_CONST1U = 0x08, SDB_OP_CONSTS = 0x11,
	SDB_OP_DUP = 0x12, SDB_OP_DROP, SDB_OP_OVER, SDB_OP_PICK, SDB_OP_SWAP, SDB_OP_ROT,
	SDB_OP_XDEREF, SDB_OP_ABS, SDB_OP_AND, SDB_OP_DIV, SDB_OP_MINUS, SDB_OP_MOD, SDB_OP_MUL,
	SDB_OP_NEG, SDB_OP_NOT, SDB_OP_OR, SDB_OP_PLUS, SDB_OP_PLUS_UCONST, SDB_OP_SHL, SDB_OP_SHR,
	SDB_OP_SHRA, SDB_OP_XOR, SDB_OP_BRA, SDB_OP_EQ, SDB_OP_GE, SDB_OP_GT, SDB_OP_LE, SDB_OP_LT,
	SDB_OP_NE, SDB_OP_SKIP, SDB_OP_LIT0 = 0x30, SDB_OP_REG0 = 0x50, SDB_OP_BREG0 = 0x70,
	SDB_OP_REGX = 0x90, SDB_OP_FBREG, SDB_OP_BREGX, SDB_OP_PIECE, SDB_OP_DEREF_SIZE,
	SDB_OP_XDEREF_SIZE, SDB_OP_NOP, SDB_OP_PUSH_OBJECT_ADDRESS, SDB_OP_CALL2, SDB_OP_CALL4,
	SDB_OP_CALL_REF, SDB_OP_FORM_TLS_ADDRESS, SDB_OP_CALL_FRAME_CFA, SDB_OP_BIT_PIECE,
	SDB_OP_IMPLICIT_VALUE, SDB_OP_STACK_VALUE, SDB_OP_IMPLICIT_POINTER, SDB_OP_ADDRX,
	SDB_OP_CONSTX, SDB_OP_ENTRY_VALUE, SDB_OP_CONST_TYPE, SDB_OP_REGVAL_TYPE, SDB_OP_DEREF_TYPE,
	SDB_OP_XDEREF_TYPE, SDB_OP_CONVERT, SDB_OP_REINTERPRET,
	SDB_OP_GNU_PUSH_TLS_ADDRESS = 0xe0, SDB_OP_GNU_UNINIT = 0xf0, SDB_OP_GNU_ENCODED_ADDR = 0xf1,
	SDB_OP_GNU_IMPLICIT_POINTER = 0xf2, SDB_OP_GNU_ENTRY_VALUE = 0xf3, SDB_OP_GNU_CONST_TYPE = 0xf4,
	SDB_OP_GNU_REGVAL_TYPE = 0xf5, SDB_OP_GNU_DEREF_TYPE = 0xf6, SDB_OP_GNU_CONVERT = 0xf7,
	SDB_OP_GNU_REINTERPRET = 0xf9, SDB_OP_GNU_PARAMETER_REF = 0xfa, SDB_OP_GNU_VARIABLE_VALUE = 0xfd,
};

#pragma GCC visibility pop

#endif
