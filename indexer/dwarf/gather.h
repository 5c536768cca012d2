/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DWARF_GATHER_H
#define INDEXER_DWARF_GATHER_H

/*
 * What the passes over the DWARF of a module gather before the database is written.
 *
 *   pass 1 (types.c):    every type entry gets the number of its distinct type
 *   pass 2 (functions.c, variables.c, code.c): functions and variables are interned, code is
 *                        put into a compact intermediate form
 *   write (write.c):     everything is numbered in canonical order and handed to the writer
 *
 * A place in the module's order of units and entries ("first occurrence") decides every number,
 * so that the result does not depend on which thread came first.
 */

#include "../map.h"
#include "dwarf.h"

#include "symdb/buffer.h"
#include "symdb/writer.h"

#include <pthread.h>

/* First occurrence: unit index in the high half, offset in the unit in the low half. */
typedef uint64_t place;
#define PLACE(unit, offset) ((place)(unit) << 32 | (uint32_t)(offset))
#define PLACE_UNIT(place) ((uint32_t)((place) >> 32))
#define PLACE_OFFSET(place) ((uint32_t)(place))

struct type_node {
	uint32_t offset; /* of the entry in its unit */
	uint32_t type;   /* pass 1: distinct content, | IS_ALIAS for a skeleton; afterwards: sdb_type_id */
};
#define IS_ALIAS 0x80000000u

struct entry_scope {
	uint32_t offset; /* of an entry in its unit */
	uint32_t parent; /* of the type, namespace or function around it */
};

struct unit_data {
	struct type_node *nodes; /* by offset */
	uint32_t node_count;
	uint32_t scope_count;
	struct entry_scope *scopes; /* by offset; entries at the unit's own level are not in it */
	struct entry_scope *bounds; /* by offset: variables that types refer to, and the functions around them */
	size_t bound_count, bound_capacity;
	struct buffer code;      /* intermediate form of its code instances */
};

/* Byte strings that are kept once, counted, with their first occurrence. */
struct interned {
	uint64_t hash;
	const uint8_t *bytes;
	uint32_t length;
	uint32_t uses;
	place first;
};
struct intern {
	pthread_mutex_t lock;
	struct map map;          /* hash to index + 1 */
	struct interned *items;
	size_t count, capacity;
	uint8_t *chunk;          /* bytes are taken from chunks */
	size_t chunk_left;
	void **chunks;
	size_t chunk_count, chunk_capacity;
	bool frozen;             /* numbered: nothing is added any more */
};
/* A lock that is held for less time than it takes to sleep and to be woken up: who waits tries again first. */
bool brief_lock_init(pthread_mutex_t *lock);
bool intern_init(struct intern *intern);
void intern_deinit(struct intern *intern);
/* The index + 1 of the bytes; 0 when memory is short, or the bytes new and INTERN frozen. Thread-safe. */
uint32_t intern_add(struct intern *intern, const void *bytes, size_t length, place first);

/* What a thread has met before; uses are counted here, without a lock, until others take the slot. */
#define KNOWN_SLOTS 2048
struct known_bytes {
	uint64_t hash;
	const uint8_t *bytes;
	uint32_t length;
	uint32_t number; /* 0: free */
	uint32_t uses;   /* that INTERN does not know of */
};
/*
 * The bytes of item NUMBER have changed: when they are those of another item now its uses are counted
 * there, and this one is left with none.
 */
void intern_again(struct intern *intern, uint32_t number);
/* As intern_add(), through the thread's KNOWN_SLOTS slots; the place of a first use is not kept. */
uint32_t intern_known(struct intern *intern, struct known_bytes *slots, const void *bytes, size_t length);
/* Hands over the uses that were counted. */
void intern_settle(struct intern *intern, struct known_bytes *slots);

/* Where an interned expression names an entry that may be a variable; that entry stands there. */
struct reference {
	uint32_t expression; /* its number */
	uint32_t offset;     /* of the reference's kind, in it */
	uint32_t variable;   /* the final number, once there is one */
};

/* A code instance in a unit's intermediate buffer. */
struct code_place {
	uint64_t low;
	uint32_t unit;
	uint32_t length;
	uint64_t at;
};

struct sequence {
	uint64_t low;
	uint64_t program; /* offset in the table's program */
	uint32_t table;
	uint32_t order;
};

struct line_table {
	const struct unit *unit;
	uint16_t version;
	uint8_t min_length, max_ops, line_range, opcode_base, address_size;
	int8_t line_base;
	bool default_statement;
	const uint8_t *lengths; /* of the standard opcodes */
	const uint8_t *program, *end;
	uint32_t *files;        /* provisional file numbers by index in the table */
	uint32_t file_count;
};

struct type_table;
struct worker;

struct gather {
	struct dwarf dwarf;
	enum sdb_detail detail;
	unsigned jobs;
	struct sdb_names *names;
	struct sdb_names *files;
	uint32_t *file_ids;        /* from provisional numbers in `files` */
	const char **paths;        /* in their order */
	size_t path_count;
	struct unit_data *units;
	struct type_table *types;
	struct intern functions;
	struct intern variables;
	struct intern expressions;
	struct reference *references; /* in expressions, to be replaced when variables have numbers */
	size_t reference_count, reference_capacity;
	struct code_place *codes;
	size_t code_count, code_capacity;
	struct sequence *sequences;
	size_t sequence_count, sequence_capacity;
	uint64_t line_rows;
	pthread_mutex_t lock;      /* of codes, sequences and references */
	const struct sdb_section *sections;
	size_t section_count;
	struct worker *workers;    /* one for each thread, kept from pass to pass */
	unsigned worker_count;
	atomic_uint next;          /* work: the next unit to take */
	atomic_ullong done;        /* bytes of entry sections seen, over all passes */
	atomic_bool failed;        /* memory was short in some thread */
};

#define MAX_WORKERS 64

/* What a thread keeps to itself. */
struct function_info {
	die_ref root;
	uint32_t id;         /* intern index + 1 */
	uint32_t parameters; /* how many of the offsets are parameters */
	uint32_t count;
	uint32_t first;      /* in worker.local_refs */
	uint32_t static_first, static_count; /* in worker.statics */
	const struct function_info *outer;   /* that it is inlined into, while it is walked; else NULL */
};
/* A local whose address or constant value the abstract instance has, for all instances. */
struct static_local {
	uint32_t local;
	const struct unit *unit;
	struct attr value;
};
/* The entries of a function's parameters and locals, in the order of their numbers. */
struct local_list {
	die_ref function;
	die_ref *refs;
	size_t count, capacity;
	uint32_t parameters;
};
/* The function being described, in pieces and put together. */
struct function_parts {
	struct buffer parameters, locals, templates, whole;
};
struct worker {
	struct gather *gather;   /* NULL: not in use yet */
	struct abbrev_table *table;
	unsigned cache_bits;     /* of the number of slots of both caches */
	struct { const void *text; uint32_t id; } *name_cache;
	/* pass 1 */
	struct { uint64_t hash; uint32_t id; } *type_cache;
	struct scan *scan;
	struct unit_resolver *resolver;
	struct local_list bound_locals;    /* of the function whose locals were last asked for */
	/* pass 2 */
	struct map function_map;           /* root entry to index in `functions` + 1 */
	struct function_info *functions;
	size_t function_count, function_capacity;
	die_ref *local_refs;
	size_t local_count, local_capacity;
	struct static_local *statics;
	size_t static_count, static_capacity;
	struct abbrev_table *foreign_table;
	struct function_parts parts;
	struct known_bytes *expressions;
	struct buffer scratch;
	struct buffer scratch2;
	struct buffer expression;
	uint32_t *references; /* offsets in `expression` */
	size_t reference_count, reference_capacity;
	unsigned depth;
};
/* The worker of thread INDEX (below gather->worker_count); NULL when memory is short. */
struct worker *gather_worker(struct gather *gather, unsigned index);
/* Frees the workers from number FIRST on; those can be asked for again. */
void gather_free_workers(struct gather *gather, unsigned first);

/* Provisional number of a string attribute's text. */
uint32_t worker_name(struct worker *worker, const struct unit *unit, const struct attr *attr);
/* Provisional number of file INDEX of the unit's line table; 0 when unknown. */
uint32_t unit_file(const struct gather *gather, const struct unit *unit, uint64_t index);

/* Runs FN once a unit on all threads; PASS names it for progress. */
typedef void (*unit_fn)(struct worker *worker, struct unit *unit);
struct sdb_error *gather_units(struct gather *gather, unit_fn fn);

/* ---- passes ---------------------------------------------------------------------- */

/* lines.c: headers of all line tables, and where their sequences are. */
struct sdb_error *lines_gather(struct gather *gather);
void lines_free(struct gather *gather);
/* Writes files and line tables; needs no pass but lines_gather() and files_number(). */
struct sdb_error *lines_write(struct gather *gather, struct sdb_writer *writer);

/* types.c */
void scan_free(struct scan *scan);
struct sdb_error *types_gather(struct gather *gather);
void types_free(struct gather *gather);
uint32_t types_count(const struct gather *gather);
/* The sdb_type_id of a type entry; 0 when it is none. After types_gather(). */
sdb_type_id type_of(const struct gather *gather, die_ref ref);
place type_first(const struct gather *gather, sdb_type_id id);
/* Whether a type with a lower id has the same content and differs in what that refers to. */
bool type_is_variant(const struct gather *gather, sdb_type_id id);

/* type_write.c */
struct numbering {
	const uint32_t *names;     /* provisional to final */
	const uint32_t *files;
	const uint32_t *functions;
	const uint32_t *variables;
};
struct sdb_error *types_write(struct gather *gather, struct sdb_writer *writer, const struct numbering *numbering);

/* functions.c: the function of a subprogram or inlined entry, interned with its locals. */
const struct function_info *function_of(struct worker *worker, die_ref ref);
/* The index of a local entry in the function's list, or SDB_LOCAL_OWN. */
uint32_t function_local(struct worker *worker, const struct function_info *function, die_ref ref);
void functions_reset(struct worker *worker);
/* Fills LIST with the entries of the function at REF; false when memory is short. */
bool local_list_read(struct worker *worker, die_ref ref, struct local_list *list);
/* The number of a local entry among REFS, whose first PARAMETERS are parameters, or SDB_LOCAL_OWN. */
uint32_t local_number(const die_ref *refs, uint32_t parameters, uint32_t count, die_ref ref);
/* The intermediate form of a scope: what an entry at REF is declared inside of. */
struct sdb_scope scope_of_entry(struct worker *worker, die_ref ref);
/* Type number of an attribute's reference or signature. */
sdb_type_id type_of_attr(const struct gather *gather, const struct attr *attr);

/* bounds.c: variables that types refer to. Pass 1 notes the function around VARIABLE; false: no memory. */
bool bound_note(struct gather *gather, die_ref variable, die_ref function);
void bounds_sort(struct unit_data *data);
/*
 * What tells such variables apart, equal for one of an inline function in several units. FUNCTION is the
 * entry around it, or DIE_NONE, FUNCTION_KEY what that is known by.
 */
uint64_t bound_hash(struct worker *worker, die_ref variable, die_ref function, uint64_t function_key);
/* The local that VARIABLE is of the function around it; false when there is none. After pass 2. */
bool bound_local(struct worker *worker, die_ref variable, uint32_t *number_ret);

/* code.c */
void code_gather(struct worker *worker, struct unit *unit);

/* variables.c: a variable with static storage, or its declaration; its provisional number, 0: none. */
uint32_t variable_gather(struct worker *worker, const struct die *die);
/* The provisional number of the entry at REF when that was gathered as a variable. After pass 2. */
uint32_t variable_find(struct worker *worker, die_ref ref);

/* expressions.c: an expression of a type in the database's form, in TO: what it names is given final numbers. After pass 2. */
bool expression_of_type(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			const struct numbering *numbering, struct buffer *to);
/* A hash of an expression of a type; HASH_ENTRY says what an entry that it names contributes. Pass 1. */
uint64_t expression_hash(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			 uint64_t (*hash_entry)(void *arg, die_ref ref, bool type), void *arg);
/* Puts the final numbers of variables in the place of their entries in all interned expressions. */
bool expressions_settle(struct gather *gather, const uint32_t *variables);

/*
 * locations.c: the location an attribute gives, in the intermediate form:
 * kind, then address, expression number, or entries.
 */
void location_gather(struct worker *worker, const struct unit *unit, struct buffer *to, const struct attr *attr,
		  const struct function_info *function, uint64_t base);
/* The interned number of an expression; 0 for an empty or unreadable one. */
uint32_t expression_number(struct worker *worker, const struct unit *unit, const uint8_t *bytes, uint64_t length,
			   const struct function_info *function);
/* That of `GNU_parameter_ref LOCAL NUMBER`. */
uint32_t expression_of_parameter(struct worker *worker, uint32_t number);
/* Whether the bytes are DW_OP_addr and nothing else. */
bool expression_is_address(const struct unit *unit, const uint8_t *bytes, uint64_t length, uint64_t *address_ret);
/* Reads one back; entries are malloc'ed. */
bool location_take(const struct gather *gather, struct cursor *from, uint64_t base, struct sdb_location *location_ret);

/* code_form.c: the intermediate form of code, read back. */
struct code_builder;
struct code_builder *code_builder_create(const struct gather *gather, const struct numbering *numbering);
void code_builder_destroy(struct code_builder *builder);
/* The record of one instance; valid until the next call. NULL when memory is short. */
const struct sdb_code *code_build(struct code_builder *builder, const uint8_t *bytes, size_t length, sdb_unit_id unit);

/* write.c */
/* Numbers the files in the order of their paths; after lines_gather(). */
struct sdb_error *files_number(struct gather *gather);
/* Writes all but files and lines. */
struct sdb_error *gather_write(struct gather *gather, struct sdb_writer *writer, const uint32_t *names);

/* Opens a foreign entry: one in a unit that the worker is not walking. */
bool worker_die(struct worker *worker, die_ref ref, struct die *die_ret);

#endif
