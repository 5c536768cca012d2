/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_ARCH_H
#define RUNTIME_ARCH_H

/*
 * What the runtime has to know of a machine, as data: registers, their DWARF numbers and their
 * places in a register file; who saves them; where arguments and return values are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Registers are read and written by group: a driver gets them so. */
enum register_group {
	REGISTERS_GENERAL,
	REGISTERS_VECTOR,
	REGISTERS_DEBUG,
	REGISTER_GROUPS
};

struct register_entry {
	const char *name;
	int16_t dwarf;   /* -1: none */
	uint16_t offset; /* in the register file */
	uint8_t size;
	uint8_t group;
	uint8_t upper_size;    /* bytes that are elsewhere: the upper halves of the ymm registers */
	uint16_t upper_offset;
};

#define UNWIND_COLUMNS 32 /* the most of any machine */

struct architecture {
	uint16_t machine; /* EM_* */
	const char *name;
	unsigned address_size;
	size_t file_size;
	struct { uint16_t offset, size; } groups[REGISTER_GROUPS];
	const struct register_entry *registers;
	size_t register_count;
	/* Unwinding: columns that are followed, all within the first `unwind_columns`. */
	unsigned unwind_columns;
	uint8_t pc, sp, fp;       /* DWARF numbers */
	uint32_t preserved;       /* set of columns that a callee preserves */
	/* Calls: DWARF numbers of integer arguments; -1 ends the list. */
	const int8_t *arguments;
	uint8_t return_value;
	/* Calls that are made in the target's name. Numbers are DWARF's; -1: there is none. */
	struct {
		const int8_t *vectors;     /* floating-point arguments; -1 ends the list */
		int8_t high;               /* upper half of an integer result of two words */
		int8_t real, extended;     /* floating-point results; the second of x87 */
		bool real_is_extended;     /* all of those are in the second */
		int8_t vector_count;       /* number of vector registers that are used */
		const char *flags;         /* register, and what has to be 0 in it */
		uint32_t flags_cleared;
		const char *restart;       /* all ones: no system call is begun again */
		uint16_t red_zone;
	} calls;
	/* System calls: register names of number, result and arguments. */
	const char *syscall_number, *syscall_result;
	const char *syscall_arguments[6];
};

extern const struct architecture architecture_x86_64, architecture_i386;

/* NULL: not known. */
const struct architecture *architecture_find(uint16_t machine);

/* Index in `registers` by DWARF number; -1: none. */
int architecture_dwarf(const struct architecture *architecture, unsigned number);
int architecture_named(const struct architecture *architecture, const char *name);

#endif
