/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

/*
 * An open database with what a command needs around it: names, files and outlines of
 * types are remembered in small caches of fixed size. Reading them cannot fail from the
 * caller's view: the first error is kept, a `?` stands in, and session_close() reports it.
 */

#include "text.h"
#include "tool.h"
#include <stackdb/db.h>

struct session;

/*
 * Opens the module that COMMON names (open.c): a database, an ELF file or a build-id. On failure
 * the reason has been printed, *STATUS_RET is the exit status, and NULL is returned.
 */
struct session *session_open(const struct common *common, int *status_ret);
/* Opens the database at PATH; ROOM as in struct common. */
struct sdb_error *session_open_path(const char *path, size_t room, struct session **session_ret);
/*
 * Another session on the same database, for another thread; closed before SESSION. MANY: it is to go
 * through most of the database, and remembers more.
 */
struct session *session_share(struct session *session, bool many);
/* The error that was kept; NULL: none. Nothing is kept any more. */
struct sdb_error *session_take_error(struct session *session);
/* Reports what went wrong on the way; returns STATUS unless that was more. */
int session_close(struct session *session, int status);

/* The path of the database for MODULE; *TEMPORARY_RET: it is to be removed after opening. */
struct sdb_error *open_resolve(const char *module, bool no_index, char **path_ret,
			       bool *temporary_ret);

/* Removes the database that open_resolve() made for one use. */
void open_remove_temporary(void);

struct sdb_db *session_db(struct session *session);
const struct sdb_db_info *session_info(struct session *session);
/* Keeps ERROR if it is the first (NULL is none); true when there was one. */
bool session_note(struct session *session, struct sdb_error *error);
/* As session_note(), but NOT_FOUND is no error. True when there was one of any kind. */
bool session_missed(struct session *session, struct sdb_error *error);
bool session_failed(const struct session *session);

/* Texts without control characters, valid until the next call of the same function. */
const char *session_name(struct session *session, sdb_name_id id);
const char *session_file(struct session *session, sdb_file_id id);
/* `ns::class::name`, of a type (as the source names it) or another entity. */
const char *session_qualified(struct session *session, struct sdb_entity entity);

/* What others keep in a session: made from a number (or a hash), until its place is needed. */
enum session_notes {
	SESSION_DECLARATIONS, /* cdecl.c */
	SESSION_EXPRESSIONS,  /* expression.c */
	SESSION_FUNCTIONS,    /* dump_code.c */
	SESSION_NOTES
};
/* What was remembered for ID, or NULL; valid until something is remembered of that KIND. */
const void *session_recall(const struct session *session, enum session_notes kind, uint32_t id);
/* DATA is malloc'ed and belongs to the session. */
void session_remember(struct session *session, enum session_notes kind, uint32_t id, void *data);

/* Whether types are named without `struct` in front: C++, Rust and the like. */
bool session_plain_tags(struct session *session);
/* Bytes of an address in the module. */
unsigned session_address_size(struct session *session);

/* What is asked of a type most often. */
struct type_outline {
	sdb_type_id id;
	enum sdb_type_kind kind;
	uint32_t flags;
	sdb_name_id name;
	sdb_type_id target;
	sdb_type_id containing; /* of a member pointer */
	struct sdb_scope scope;
	uint64_t size;
	uint64_t elements; /* of an array; 0 when unbounded */
	bool has_members, has_enumerators;
};
/* The outline of type ID; of kind NONE for id 0 and for what cannot be read. */
struct type_outline session_type(struct session *session, sdb_type_id id);
/* As above, behind typedefs and qualifiers. */
struct type_outline session_stripped(struct session *session, sdb_type_id id);
/*
 * The anonymous structure or enumeration that ID is, has an array of or points to (*POINTS_RET);
 * id 0 when there is none.
 */
struct type_outline session_anonymous(struct session *session, sdb_type_id id, bool *points_ret);
/* Its size in bytes, through typedefs and arrays; false when it has none. */
bool session_type_size(struct session *session, sdb_type_id id, uint64_t *size_ret);

/* `name+0x12` for an address, by symbol; nothing and false when there is none. */
bool session_put_symbol(struct session *session, struct text *to, uint64_t address);
/* Appends `file:line`; nothing when FILE is 0. */
void session_put_decl(struct session *session, struct text *to, sdb_file_id file, uint32_t line);

/*
 * Parses an address: hexadecimal with 0x, decimal, `symbol`, `symbol+offset`, `section+offset`
 * (section names begin with a dot). Complains and returns false when it is none of these.
 */
bool session_parse_address(struct session *session, const char *text, uint64_t *address_ret);

#endif
