/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_FRAME_H
#define STACKDB_FRAME_H

/**
 * @file
 * The stack of a thread, frame by frame, from the innermost one. The target has to be paused.
 */

#include "space.h"
#include "thread.h"

#pragma GCC visibility push(default)

struct sdb_stack;

/** What a frame is. */
enum sdb_frame_kind {
	SDB_FRAME_NORMAL = 0, /**< a function that was called */
	SDB_FRAME_INLINED, /**< a function inlined into the one of a frame further out */
	SDB_FRAME_SIGNAL,  /**< the kernel's call of a signal handler */
	SDB_FRAME_EXCEPTION, /**< entered by an exception or interrupt: the next frame did not call it, but was interrupted */
};

/** How it is known that a frame is where it is. */
enum sdb_frame_source {
	SDB_FRAME_REGISTERS = 0, /**< the innermost: the thread's registers */
	SDB_FRAME_CFI,           /**< unwind rules of the frame before */
	SDB_FRAME_POINTER,       /**< the chain of frame pointers, for want of rules: may be wrong */
	SDB_FRAME_GUESS,         /**< what lies on top of the stack, after a jump to nowhere */
};

/** A frame. Texts are owned by the target; valid until the target runs or many others were asked. */
struct sdb_frame {
	unsigned number;          /**< 0: the innermost; inlined ones count */
	enum sdb_frame_kind kind; /**< what it is */
	enum sdb_frame_source source; /**< how it was found */
	uint64_t pc;              /**< where it is, or goes on when those further in have returned */
	uint64_t lookup;          /**< by what it is looked up: PC, less 1 when that is a return address */
	uint64_t sp;              /**< stack pointer of the frame */
	const struct sdb_region *region; /**< that PC lies in; NULL: none */
	struct sdb_module *module;/**< NULL: none */
	uint64_t module_lookup;   /**< LOOKUP in the module's file */
	sdb_function_id function; /**< in the module's database; 0: unknown */
	const char *name;         /**< of the function as the source has it, else the symbol; NULL: unknown */
	const char *symbol;       /**< ELF symbol that holds it; NULL when unknown or not asked for */
	uint64_t offset;          /**< from the begin of the symbol, or of the function when there is none */
	const char *file;         /**< NULL: unknown */
	uint32_t line;            /**< 0: unknown */
};

/** What is to be found out of each frame. */
struct sdb_stack_options {
	unsigned limit;  /**< frames at most; 0: 1,000,000 */
	bool names;      /**< functions */
	bool lines;      /**< files and lines */
	bool inlines;    /**< inlined functions as frames of their own */
	bool symbols;    /**< ELF symbols even where the function is known */
};

/**
 * Begins at the innermost frame of THREAD, which has to be stopped. OPTIONS may be NULL: names,
 * lines and inlined functions.
 */
struct sdb_error *sdb_stack_open(struct sdb_thread *thread, const struct sdb_stack_options *options,
				 struct sdb_stack **stack_ret);
/** NULL is allowed. */
void sdb_stack_close(struct sdb_stack *stack);
/**
 * The next frame; *FRAME_RET is NULL behind the last one. It is valid until the next call. A stack
 * that cannot be followed any further ends: that is no error.
 */
struct sdb_error *sdb_stack_next(struct sdb_stack *stack, const struct sdb_frame **frame_ret);
/** Behind the last frame: why there are no more; NULL: it was the outermost. Owned by STACK. */
const char *sdb_stack_end(const struct sdb_stack *stack);
/** The value of a register in the frame given last, by its DWARF number; NOT_FOUND: not known there. */
struct sdb_error *sdb_stack_register(const struct sdb_stack *stack, unsigned dwarf, uint64_t *value_ret);
/**
 * Changes a register in the frame given last, by its DWARF number: where a function further in has saved it on
 * the stack, or in the thread as long as none has. It takes effect when the functions further in return. For
 * the program counter that is where they return to. Frames further out that depend on it are to be walked
 * anew. NOT_FOUND: it was not saved, as registers that a callee need not preserve are not; the stack pointer is
 * not saved either.
 */
struct sdb_error *sdb_stack_set_register(struct sdb_stack *stack, unsigned dwarf, uint64_t value);
/** The canonical frame address of the frame given last; NOT_FOUND. */
struct sdb_error *sdb_stack_cfa(struct sdb_stack *stack, uint64_t *cfa_ret);

struct sdb_context;
/**
 * Where the values of the frame given last are evaluated (value.h). Valid until the next call of
 * sdb_stack_next(). NOT_FOUND: its module has no database.
 */
struct sdb_error *sdb_stack_context(struct sdb_stack *stack, const struct sdb_context **context_ret);

/**
 * Where the globals of MODULE are evaluated, without a frame. Owned by the module, valid as long as it is
 * mapped. Errors: those of sdb_module_database().
 */
struct sdb_error *sdb_module_context(struct sdb_module *module, const struct sdb_context **context_ret);

/**
 * Makes sure that what the stacks of the stopped threads lead through, as far as their words tell, and the program have
 * databases, several at a time: before the first backtrace of a process that nobody looked at yet. Of a large module the
 * part is made that these stacks need; the whole is made in the background, and waited for by whoever asks for more.
 */
struct sdb_error *sdb_target_prepare(struct sdb_target *target);

#pragma GCC visibility pop

#endif
