/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_UNWIND_H
#define RUNTIME_UNWIND_H

/* One frame to the next, by registers alone. What a frame is called is symbolize.c's. */

#include "context.h"
#include "space.h"
#include <stackdb/frame.h>

/* The registers of a frame, by DWARF number. */
struct unwind_frame {
	uint64_t value[UNWIND_COLUMNS];
	uint32_t valid;    /* set of those that are known */
	uint64_t pc;
	uint64_t cfa;      /* 0: not known (yet) */
	bool called;       /* pc is a return address */
	enum sdb_frame_source source;
};

#define UNWIND_STACKS_MAX 8 /* that one task can be on: NMI on an exception on an interrupt on a system call, and then some */

struct unwind_cache;
void unwind_cache_destroy(struct unwind_cache *cache);

/* A piece of memory that was read last. */
struct unwind_window {
	uint64_t address;
	const uint8_t *data;
	size_t size;
	unsigned changes; /* target->page_changes then */
};

struct unwinder {
	struct sdb_target *target;
	struct space *space;
	struct unwind_cache *cache;
	struct unwind_window window;
	uint64_t last_cfa;     /* of the frame before */
	bool last_was_signal;
	unsigned signals;      /* signal frames so far */
	/* In a kernel: the stack in hand, and those that were left. HIGH 0: which one it is is not known. */
	struct sdb_thread *thread; /* NULL: no kernel with a personality that knows stacks */
	bool user;             /* the innermost frame is of user mode */
	uint64_t low, high, last_sp;
	unsigned left_count;
	struct { uint64_t low, high; } left[UNWIND_STACKS_MAX];
};

struct sdb_error *unwinder_init(struct unwinder *unwinder, struct sdb_target *target);
/* The innermost frame of THREAD. */
struct sdb_error *unwinder_begin(struct unwinder *unwinder, struct sdb_thread *thread, struct unwind_frame *frame_ret);

/* What the rules say of a frame itself. */
struct unwind_self {
	uint64_t lookup;
	const struct sdb_region *region;
	bool signal;     /* it is the kernel's call of a handler */
	bool exception;  /* it was entered by an exception or interrupt in the kernel */
	bool have_cfa;
	uint64_t cfa;
};

/*
 * Steps from FRAME to the one that called it. *END_RET: there is none; *REASON_RET then says why
 * (NULL: it is the outermost). SELF_RET is filled in either way.
 */
struct sdb_error *unwinder_step(struct unwinder *unwinder, const struct unwind_frame *frame,
				struct unwind_frame *next_ret, struct unwind_self *self_ret, bool *end_ret,
				char reason_ret[160]);

/* ---- unwind_rules.c: the rules for an address ------------------------------------------- */

enum { UNWIND_SAVED_MAX = 8 };

struct unwind_rules {
	uint64_t pc;              /* that they are for; ~0: none */
	const struct sdb_region *region;
	struct sdb_module *module;
	struct sdb_unwind_row *row; /* when they are not simple, else NULL */
	bool known;               /* there are rules */
	bool simple;              /* CFA = register + offset, the others are saved at CFA + offset */
	bool signal;
	bool outermost;           /* the return address is undefined */
	bool partial;             /* not all registers that a callee preserves have rules: they are lost */
	bool exact;               /* the caller's pc is no return address */
	bool thunk;               /* it is in a retpoline, for which ORC has no rules */
	enum sdb_orc_type entry;  /* SDB_ORC_REGS, SDB_ORC_REGS_PARTIAL: it interrupted what it came from */
	uint8_t return_column;
	uint8_t cfa_register;
	uint8_t saved_count;
	int32_t cfa_offset;
	struct { uint8_t column; int32_t offset; } saved[UNWIND_SAVED_MAX];
};

struct sdb_error *unwind_rules_find(struct unwinder *unwinder, uint64_t address, const struct unwind_rules **rules_ret);
struct unwind_cache *unwind_cache_create(void);

/* A context for the expressions of a frame's rules, and for its values: registers of FRAME. */
struct unwind_context {
	struct sdb_context context;
	struct unwinder *unwinder;
	const struct unwind_frame *frame;
	uint64_t cfa;
	bool have_cfa;
};
void unwind_context_init(struct unwind_context *context, struct unwinder *unwinder, const struct unwind_frame *frame,
			 struct sdb_module *module);

/* Reads an address of the target's size. */
struct sdb_error *unwind_read(struct unwinder *unwinder, uint64_t address, uint64_t *value_ret);

/* ---- symbolize.c ------------------------------------------------------------------------------ */

/* The functions that an address lies in, innermost first. */
struct pc_function {
	sdb_function_id function;
	bool inlined;
	char *name;  /* NULL: unknown */
	char *file;
	uint32_t line;
};

struct pc_names {
	uint64_t pc;
	unsigned asked; /* set of enum names_part */
	char *symbol;
	uint64_t symbol_offset, function_offset;
	size_t count;
	struct pc_function *functions;
};

enum names_part { NAMES_FUNCTIONS = 1, NAMES_LINES = 2, NAMES_SYMBOLS = 4 };

/* What is known of address PC of MODULE's file; owned by the module's cache. */
struct sdb_error *names_find(struct sdb_module *module, uint64_t pc, unsigned parts, const struct pc_names **names_ret);

#endif
