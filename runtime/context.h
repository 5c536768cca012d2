/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_CONTEXT_H
#define RUNTIME_CONTEXT_H

/*
 * Where expressions and values are evaluated: one frame of one thread, or a target without a
 * frame (for globals). Whoever has memory and registers fills one in: a target's thread, an
 * unwound frame, a core file, a test. Location, value and expression code knows nothing else of a
 * target.
 *
 * A context belongs to whoever made it, is used by one thread at a time, and has to outlive only
 * the call that it is passed to, unless a function says otherwise. Every callback that is NULL
 * means "there is no such thing here" and leads to an answer that says so.
 */

#include "sections.h"
#include <stackdb/db.h>

/* Size of the largest register there is (an AVX-512 one), in bytes. */
#define CONTEXT_REGISTER_SIZE 64

struct sdb_context;
struct types;

/* Values as a function takes and gives them. */
enum context_class {
	CONTEXT_INTEGER = 0, /* of one or two words */
	CONTEXT_REAL,        /* float, double */
	CONTEXT_EXTENDED,    /* long double */
	CONTEXT_STRUCTURE,   /* in registers for each of its halves, or on the stack */
	CONTEXT_MEMORY,      /* on the stack; as a result where the pointer leads that is passed first */
	CONTEXT_NOTHING,     /* a half that has no content */
};

struct context_argument {
	enum context_class class;
	unsigned size;        /* of `bytes`, in the target's order */
	uint8_t bytes[16];
	enum context_class halves[2]; /* of a STRUCTURE */
	bool wide;            /* one in MEMORY is aligned to 16 bytes */
	/* What is put on the stack: of one in MEMORY itself, else its address is the argument. NULL: nothing. */
	const uint8_t *copied;
	size_t copied_size;
};

struct context_call {
	uint64_t function;
	const struct context_argument *arguments;
	size_t argument_count;
	enum context_class result_class; /* EXTENDED: `result` has ten bytes; REAL may become that */
	enum context_class result_halves[2]; /* of a STRUCTURE */
	unsigned result_size; /* 0: there is none */
	uint8_t result[16];   /* what it returned; one in MEMORY goes to `memory`, which has room for it */
	uint8_t *memory;
};

struct sdb_context_ops {
	/* Reads SIZE bytes at ADDRESS: all of them or an error that says which address and why. */
	struct sdb_error *(*read_memory)(void *arg, uint64_t address, void *buffer, size_t size);
	/* Writes SIZE bytes at ADDRESS: all of them or an error. */
	struct sdb_error *(*write_memory)(void *arg, uint64_t address, const void *buffer, size_t size);

	/*
	 * The value that DWARF register NUMBER has in this frame, in the target's byte order, into
	 * BUFFER of CONTEXT_REGISTER_SIZE bytes; *SIZE_RET is the register's own size. Errors:
	 * NOT_FOUND (not saved by the frames below, or no such register), others as they come.
	 */
	struct sdb_error *(*read_register)(void *arg, uint32_t number, void *buffer, size_t *size_ret);
	/*
	 * Changes register NUMBER of this frame, in the thread or where a frame below saved it. SIZE
	 * is what read_register() said.
	 */
	struct sdb_error *(*write_register)(void *arg, uint32_t number, const void *buffer, size_t size);

	/*
	 * The value of the register called NAME in this frame, of *SIZE_RET bytes, at most eight. NOT_FOUND: there is no
	 * such register, or it was not saved.
	 */
	struct sdb_error *(*named_register)(void *arg, const char *name, uint64_t *value_ret, size_t *size_ret);

	/* The canonical frame address of this frame. */
	struct sdb_error *(*cfa)(void *arg, uint64_t *cfa_ret);

	/* The address of OFFSET in the thread-local storage of this context's module and thread. */
	struct sdb_error *(*tls_address)(void *arg, uint64_t offset, uint64_t *address_ret);
	/* What to add to an address of a per-CPU variable to get that of the CPU in hand. */
	struct sdb_error *(*percpu_base)(void *arg, uint64_t *base_ret);

	/*
	 * The frame that called this one (the physical one: inlined frames have the same caller), and
	 * the call site in it whose return address this frame returns to; *SITE_RET is NULL when the
	 * caller's module describes none. Both stay valid as long as this context. NOT_FOUND: outermost.
	 */
	struct sdb_error *(*caller)(void *arg, const struct sdb_context **caller_ret,
				    const struct sdb_call_site **site_ret);

	/*
	 * Calls a function of the target in this frame's thread, which then is as it was, whatever
	 * happens. Errors: INVALID (it cannot be called now), NOT_FOUND (the function did not return).
	 */
	struct sdb_error *(*call)(void *arg, struct context_call *call);

	/*
	 * Describes ADDRESS of the target by symbol: `*NAME_RET` (malloc'ed, demangled or not as the
	 * target prefers) and the distance from its begin. NOT_FOUND: in no module.
	 */
	struct sdb_error *(*symbol)(void *arg, uint64_t address, char **name_ret, uint64_t *offset_ret);

	/*
	 * The definition of a type that the module of this context only declares, from another module
	 * of the target: QUALIFIED is its name, KIND a struct, class, union or enum. *DB_RET stays
	 * open as long as the context. NOT_FOUND when no module has one.
	 */
	struct sdb_error *(*find_type)(void *arg, const char *qualified, enum sdb_type_kind kind,
				       struct sdb_db **db_ret, sdb_type_id *type_ret);

	/*
	 * Where the program has a copy of a variable of this context's module, which everybody uses
	 * instead (R_X86_64_COPY): NAME is the one that linkers know. NOT_FOUND: there is none. May be NULL.
	 */
	struct sdb_error *(*copy_of)(void *arg, const char *name, uint64_t *address_ret);
};

struct sdb_context {
	const struct sdb_context_ops *ops;
	void *arg;             /* passed to every callback */
	struct sdb_db *db;     /* of the module that the code, or the variable, is in */
	uint64_t load_bias;    /* address in the target = address in DB + this, modulo 2^64 */

	/*
	 * The frame; CODE is NULL when there is none. CODE is read with variables and calls, for a
	 * caller's call sites too.
	 */
	const struct sdb_code *code;
	/*
	 * Innermost scope of this frame: of the innermost frame the first that sdb_code_scopes_at()
	 * gives, of the one around an inlined scope S it is scopes[S].parent.
	 */
	uint32_t scope;
	/*
	 * Address in DB (without the bias) by which scopes and location lists are asked: the program
	 * counter of the innermost frame, in callers the return address minus one.
	 */
	uint64_t pc;

	/*
	 * Decoded types, shared by all contexts that are used by one thread (types_create()); NULL:
	 * every question decodes them anew.
	 */
	struct types *types;

	/*
	 * Where an address in DB is in the target, when that is not one number's matter: the sections of
	 * a kernel module lie apart. NULL: LOAD_BIAS is added.
	 */
	const struct sections *sections;
};

/* From an address in the context's database to the target's, and back. */
static inline uint64_t context_to_target(const struct sdb_context *context, uint64_t address)
{
	return context->sections ? sections_to_target(context->sections, address) : address + context->load_bias;
}

static inline uint64_t context_to_database(const struct sdb_context *context, uint64_t address)
{
	return context->sections ? sections_to_database(context->sections, address) : address - context->load_bias;
}

#endif
