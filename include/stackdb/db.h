/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_DB_H
#define STACKDB_DB_H

/**
 * @file
 * Reading a database. A handle may be used by several threads at once; records
 * that a function returns belong to the caller, who frees them with the function
 * named. Strings inside records are names: sdb_name() gives their text.
 *
 * The reader trusts nothing in the file: a damaged block is an error with code
 * CORRUPT that names the file and the block, never a wrong answer.
 */

#include "error.h"
#include "model.h"

#pragma GCC visibility push(default)

struct sdb_db;

/** How much the indexer put into a database. */
enum sdb_detail {
	SDB_DETAIL_SYMBOLS = 1, /**< symbols, sections, unwind rows */
	SDB_DETAIL_LINES = 2,   /**< and functions, inlined functions, lines */
	SDB_DETAIL_FULL = 3,    /**< and types, variables, locations, call sites */
};

/** How a database is opened. */
struct sdb_open_options {
	size_t cache_size; /**< bound of the cache of decoded blocks in bytes; 0: 1 MiB */
};

/**
 * Opens the database file PATH for reading; needs no write access to it.
 * OPTIONS may be NULL. Errors: NOT_FOUND (no such file), CORRUPT (not a database),
 * UNSUPPORTED (written by a newer version), SYSTEM.
 */
struct sdb_error *sdb_db_open(const char *path, const struct sdb_open_options *options,
			      struct sdb_db **db_ret);
/** DB for one more user, with the same cache: it has to be closed as often as it was opened and shared. */
struct sdb_db *sdb_db_share(struct sdb_db *db);
/** Frees DB and what it owns, unless others share it; NULL is allowed. */
void sdb_db_close(struct sdb_db *db);

/** The path that DB was opened with. */
const char *sdb_db_path(const struct sdb_db *db);

/** Identity and totals of a database. Strings are owned by the handle. */
struct sdb_db_info {
	const uint8_t *build_id;   /**< `build_id_length` bytes */
	size_t build_id_length;    /**< 0 when the module has none */
	const char *module_name;   /**< file name of the module, such as `libc.so.6` */
	const char *module_path;   /**< as the indexer was given it */
	const char *debug_path;    /**< separate debug file, or NULL */
	const char *soname;        /**< or NULL */
	const char *indexer;       /**< program and version that wrote it */
	uint16_t elf_machine;      /**< EM_* */
	uint16_t elf_type;         /**< ET_* */
	uint8_t elf_class;         /**< ELFCLASS* */
	uint8_t elf_data;          /**< ELFDATA2LSB or ELFDATA2MSB */
	enum sdb_detail detail;    /**< how much was put in */
	uint32_t format_version;   /**< `user_version` of the file (docs/format.md) */
	bool packed;               /**< false: it was wanted at once, and takes more room than it could */
	uint64_t entry;            /**< ELF entry point */
	uint64_t names;            /**< how many; their ids are 1 to this */
	uint64_t files;            /**< the same */
	uint64_t units;            /**< the same */
	uint64_t types;            /**< the same */
	uint64_t functions;        /**< the same */
	uint64_t variables;        /**< the same */
	uint64_t symbols;          /**< the same */
	uint64_t codes;            /**< instances of functions */
	uint64_t lines;            /**< rows of the line table */
	uint64_t unwind_rows;      /**< of all sources */
	uint64_t warnings;         /**< damage that the indexer survived */
};
/** The identity and totals of DB. Owned by DB. */
const struct sdb_db_info *sdb_db_info(const struct sdb_db *db);

/** A `meta` row by its key; *VALUE_RET is malloc'ed, NULL when there is none. */
struct sdb_error *sdb_db_meta(struct sdb_db *db, const char *key, char **value_ret);

/** Bytes per part of the file, for `info`: called once a part. */
typedef struct sdb_error *(*sdb_part_fn)(void *arg, const char *part, uint64_t blocks,
					 uint64_t stored_bytes, uint64_t raw_bytes);
/** Calls FN for each part of the file. Errors: those of FN, CORRUPT, SYSTEM. */
struct sdb_error *sdb_db_parts(struct sdb_db *db, sdb_part_fn fn, void *arg);

/** Reads and decodes every record of every block; the first damage is returned. */
struct sdb_error *sdb_db_verify(struct sdb_db *db);

/* ---- names, files, units ------------------------------------------------- */

/** Text of name ID; malloc'ed. ID 0 gives an empty string. */
struct sdb_error *sdb_name(struct sdb_db *db, sdb_name_id id, char **text_ret);

/**
 * Number of the name TEXT, as records have it; *ID_RET 0: nothing has this name. To find a member of a type it is
 * cheaper to compare numbers than to ask for the text of each.
 */
struct sdb_error *sdb_name_find(struct sdb_db *db, const char *text, sdb_name_id *id_ret);

/** Text of file ID: its whole path as the debuginfo gives it; malloc'ed. */
struct sdb_error *sdb_file(struct sdb_db *db, sdb_file_id id, char **path_ret);

/** Unit ID. Nothing in it is owned by the caller. */
struct sdb_error *sdb_unit(struct sdb_db *db, sdb_unit_id id, struct sdb_unit *unit_ret);

/** How a pattern is to be read. */
enum sdb_match {
	SDB_MATCH_EXACT = 0, /**< the whole name */
	SDB_MATCH_GLOB,  /**< fnmatch(3) */
	SDB_MATCH_REGEX, /**< POSIX extended regular expression, anywhere in the name */
};

/** Called for each entity found. An error it returns ends the search and is returned. */
typedef struct sdb_error *(*sdb_entity_fn)(void *arg, sdb_name_id name, const char *text,
					   struct sdb_entity entity);

/**
 * Finds everything whose name or linkage name matches PATTERN, in the order of the names.
 * An exact name may be qualified (`ns::class<int>::method`).
 * KINDS is a set of `1 << enum sdb_entity_kind`, 0 for all.
 */
struct sdb_error *sdb_lookup(struct sdb_db *db, const char *pattern, enum sdb_match match,
			     unsigned kinds, sdb_entity_fn fn, void *arg);

/** Called for each file; an error it returns ends the search. */
typedef struct sdb_error *(*sdb_file_fn)(void *arg, sdb_file_id id, const char *path);

/**
 * Calls FN for each file whose path ends with NAME at a directory boundary
 * (`sched/core.c` finds `kernel/sched/core.c`); NAME NULL: all files.
 */
struct sdb_error *sdb_files(struct sdb_db *db, const char *name, sdb_file_fn fn, void *arg);

/* ---- sections, symbols ---------------------------------------------------- */

/** All section headers; owned by the handle. */
struct sdb_error *sdb_sections(struct sdb_db *db, const struct sdb_section **sections_ret,
			       size_t *count_ret);
/** All program headers; owned by the handle. */
struct sdb_error *sdb_segments(struct sdb_db *db, const struct sdb_segment **segments_ret,
			       size_t *count_ret);

/** ELF symbol ID. Errors: NOT_FOUND, CORRUPT, SYSTEM. */
struct sdb_error *sdb_symbol(struct sdb_db *db, sdb_symbol_id id, struct sdb_symbol *symbol_ret);

/**
 * The symbol that ADDRESS lies in: of those whose range holds it the innermost, of equals a
 * global before a weak before a local one; else the nearest one before it in its section when that
 * one has size 0.
 * NOT_FOUND when there is none.
 */
struct sdb_error *sdb_symbol_at(struct sdb_db *db, uint64_t address,
				struct sdb_symbol *symbol_ret, sdb_symbol_id *id_ret);

/* ---- types, functions, variables ------------------------------------------ */

/** What it takes to name a type, for those who ask for many: much cheaper than sdb_type(). */
struct sdb_type_outline {
	sdb_type_id id;          /**< its number */
	enum sdb_type_kind kind; /**< what it is */
	uint32_t flags;          /**< enum sdb_type_flags */
	sdb_name_id name;        /**< without its scope; 0 when it has none */
	struct sdb_scope scope;  /**< what it is declared inside of */
	uint64_t size;           /**< bytes (bits with BIT_SIZED) */
	sdb_type_id target;      /**< pointed to, qualified, element, returned, underlying */
	bool has_members;        /**< a structure, class or union with at least one */
	bool has_enumerators;    /**< an enumeration with at least one */
};
/** The outline of type ID. Errors: NOT_FOUND, CORRUPT, SYSTEM. */
struct sdb_error *sdb_type_outline(struct sdb_db *db, sdb_type_id id, struct sdb_type_outline *outline_ret);

/** Type ID, for sdb_type_free(). Errors: NOT_FOUND, CORRUPT, SYSTEM, MEMORY. */
struct sdb_error *sdb_type(struct sdb_db *db, sdb_type_id id, struct sdb_type **type_ret);
/** Frees TYPE and its arrays; NULL is allowed. */
void sdb_type_free(struct sdb_type *type);

/**
 * Function ID. `locals` is read only when WITH_LOCALS is set (local_count is 0 otherwise).
 */
struct sdb_error *sdb_function(struct sdb_db *db, sdb_function_id id, bool with_locals,
			       struct sdb_function **function_ret);
/** Frees FUNCTION and its arrays; NULL is allowed. */
void sdb_function_free(struct sdb_function *function);

/** What names a function, for those who ask for many: much cheaper than sdb_function(). */
struct sdb_function_names {
	sdb_name_id name;         /**< without its scope */
	sdb_name_id linkage_name; /**< 0 when it is that of the source */
	sdb_unit_id unit;         /**< of the definition, else of its first declaration */
};
/** The names of function ID. Errors: NOT_FOUND, CORRUPT, SYSTEM. */
struct sdb_error *sdb_function_names(struct sdb_db *db, sdb_function_id id,
				     struct sdb_function_names *names_ret);

/** Variable ID, for sdb_variable_free(). Errors: NOT_FOUND, CORRUPT, SYSTEM, MEMORY. */
struct sdb_error *sdb_variable(struct sdb_db *db, sdb_variable_id id,
			       struct sdb_variable **variable_ret);
/** Frees VARIABLE and its location; NULL is allowed. */
void sdb_variable_free(struct sdb_variable *variable);

/** The variable with a fixed address that holds ADDRESS (by its type's size); NOT_FOUND. */
struct sdb_error *sdb_variable_at(struct sdb_db *db, uint64_t address,
				  struct sdb_variable **variable_ret);

/** Methods, nested types and static members of a class or namespace, in order. */
typedef struct sdb_error *(*sdb_child_fn)(void *arg, struct sdb_entity entity);
/** Calls FN for what type PARENT contains. Errors: those of FN, CORRUPT, SYSTEM. */
struct sdb_error *sdb_children(struct sdb_db *db, sdb_type_id parent, sdb_child_fn fn, void *arg);

/** `ns::class::name` of an entity, malloc'ed; for a file-level one just its name. */
struct sdb_error *sdb_qualified_name(struct sdb_db *db, struct sdb_entity entity, char **name_ret);

/* ---- code ------------------------------------------------------------------ */

/** What is read of an instance, besides its scopes of functions. */
enum sdb_code_parts {
	SDB_CODE_WITH_VARIABLES = 1 << 0, /**< lexical blocks and variables too */
	SDB_CODE_WITH_CALLS = 1 << 1,     /**< call sites too */
};

/**
 * The instance whose ranges hold ADDRESS. Without WITH_VARIABLES, `scopes` has only the
 * function and what is inlined, and frame_base is absent. NOT_FOUND when there is none.
 */
struct sdb_error *sdb_code_at(struct sdb_db *db, uint64_t address, unsigned parts,
			      struct sdb_code **code_ret);
/** Frees CODE and its arrays; NULL is allowed. */
void sdb_code_free(struct sdb_code *code);

/** The scopes of CODE that hold ADDRESS, innermost first; malloc'ed indexes. */
struct sdb_error *sdb_code_scopes_at(const struct sdb_code *code, uint64_t address,
				     uint32_t **scopes_ret, size_t *count_ret);

/** Calls FN for every instance in address order. */
typedef struct sdb_error *(*sdb_code_fn)(void *arg, const struct sdb_code *code);
/** As above; PARTS: enum sdb_code_parts. CODE is valid during the call. */
struct sdb_error *sdb_codes(struct sdb_db *db, unsigned parts, sdb_code_fn fn, void *arg);

/** Where the code of a function is. */
struct sdb_instance {
	uint64_t address; /**< entry of the instance; for an inlined one of the function around it */
	bool inlined;     /**< at least once inlined into the function at `address` */
};
/** All places of function ID, in address order; malloc'ed. */
struct sdb_error *sdb_function_instances(struct sdb_db *db, sdb_function_id id,
					 struct sdb_instance **instances_ret, size_t *count_ret);

/* ---- lines ------------------------------------------------------------------ */

/** The row that covers ADDRESS: the last one at or before it, in its sequence. NOT_FOUND. */
struct sdb_error *sdb_line_at(struct sdb_db *db, uint64_t address, struct sdb_line *line_ret);

/**
 * The same for many addresses: those that rise cost less, because reading goes on where the one before
 * ended. A cursor is for one thread; it must be destroyed before the database is closed.
 */
struct sdb_line_cursor;
/** A cursor of DB, for sdb_line_cursor_destroy(). */
struct sdb_error *sdb_line_cursor_create(struct sdb_db *db, struct sdb_line_cursor **cursor_ret);
/** Frees CURSOR; NULL is allowed. */
void sdb_line_cursor_destroy(struct sdb_line_cursor *cursor);
/** As sdb_line_at(). */
struct sdb_error *sdb_line_cursor_at(struct sdb_line_cursor *cursor, uint64_t address, struct sdb_line *line_ret);

/**
 * Called for each row, which is valid during the call; an error it returns ends the walk and is
 * returned.
 */
typedef struct sdb_error *(*sdb_line_fn)(void *arg, const struct sdb_line *line);

/** Every row in [LOW, HIGH), in order of address. */
struct sdb_error *sdb_lines(struct sdb_db *db, uint64_t low, uint64_t high, sdb_line_fn fn, void *arg);

/** Every row of line LINE of file FILE; LINE 0: all rows of the file. */
struct sdb_error *sdb_line_find(struct sdb_db *db, sdb_file_id file, uint32_t line, sdb_line_fn fn, void *arg);

/* ---- unwinding -------------------------------------------------------------- */

/**
 * The unwind row for ADDRESS from SOURCE; SOURCE 0 takes the first of ORC, .eh_frame,
 * .debug_frame that has one. NOT_FOUND when there is none.
 */
struct sdb_error *sdb_unwind_at(struct sdb_db *db, enum sdb_unwind_source source,
				uint64_t address, struct sdb_unwind_row **row_ret);
/** Frees ROW and its rules; NULL is allowed. */
void sdb_unwind_row_free(struct sdb_unwind_row *row);

/**
 * Called for each row, which is valid during the call; an error it returns ends the walk and is
 * returned.
 */
typedef struct sdb_error *(*sdb_unwind_fn)(void *arg, const struct sdb_unwind_row *row);
/** Every row of SOURCE, in order of address. */
struct sdb_error *sdb_unwind_rows(struct sdb_db *db, enum sdb_unwind_source source,
				  sdb_unwind_fn fn, void *arg);

#pragma GCC visibility pop

#endif
