/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TYPES_H
#define RUNTIME_TYPES_H

/*
 * Decoded types and names of any number of databases, remembered up to a limit; and types that no
 * database has but a computed value does: the `int` of `1 + 2`, the `struct point *` of `&p`.
 * Those are numbered from TYPES_OWN, and what they refer to lies in the database that they are
 * used with.
 */

#include <stackdb/db.h>

struct types;

#define TYPES_OWN 0x80000000u
/* What a chain of typedefs, qualifiers, arrays may be long. */
#define TYPES_MAX_DEPTH 64

/* Base types that are always there. */
enum types_base {
	TYPES_BOOL = TYPES_OWN, TYPES_CHAR, TYPES_SIGNED_CHAR, TYPES_UNSIGNED_CHAR, TYPES_SHORT,
	TYPES_UNSIGNED_SHORT, TYPES_INT, TYPES_UNSIGNED_INT, TYPES_LONG, TYPES_UNSIGNED_LONG,
	TYPES_LONG_LONG, TYPES_UNSIGNED_LONG_LONG, TYPES_INT128, TYPES_UNSIGNED_INT128, TYPES_FLOAT,
	TYPES_DOUBLE, TYPES_LONG_DOUBLE, TYPES_LONG_32, TYPES_UNSIGNED_LONG_32, TYPES_INT_RESULT,
	TYPES_WCHAR, TYPES_CHAR16, TYPES_CHAR32, TYPES_COMPLEX_FLOAT, TYPES_COMPLEX_DOUBLE,
	TYPES_COMPLEX_LONG_DOUBLE, TYPES_BASES
};

/* LIMIT: bytes of decoded types to keep between two uses, 0: 1 MiB. NULL: out of memory. */
struct types *types_create(size_t limit);
/* References are counted: values keep theirs. NULL is allowed. */
struct types *types_ref(struct types *types);
void types_unref(struct types *types);

/*
 * What types_get() and types_name() return stays valid from types_enter() to the matching
 * types_leave(); pairs may be nested.
 */
void types_enter(struct types *types);
void types_leave(struct types *types);

/* The same for the rest of the block that it stands in, with a reference. */
#define TYPES_HOLD(which) \
	struct types *types_held __attribute__((cleanup(types_release), unused)) = types_hold(which)
struct types *types_hold(struct types *types);
void types_release(struct types **types);

/* Type ID of DB, one of its own or a synthetic one; id 0 is void (kind NONE). */
struct sdb_error *types_get(struct types *types, struct sdb_db *db, sdb_type_id id,
			    const struct sdb_type **type_ret);
/* The same behind typedefs and qualifiers. CORRUPT when there is no end of them. */
struct sdb_error *types_strip(struct types *types, struct sdb_db *db, sdb_type_id id,
			      const struct sdb_type **type_ret);
/* Behind qualifiers only. */
struct sdb_error *types_unqualified(struct types *types, struct sdb_db *db, sdb_type_id id,
				    const struct sdb_type **type_ret);
/*
 * Bytes of a value of it; false in *KNOWN_RET: incomplete, or its length is known at run time only.
 */
struct sdb_error *types_size(struct types *types, struct sdb_db *db, sdb_type_id id,
			     uint64_t *size_ret, bool *known_ret);
/* The name of TYPE; "" when it has none. */
struct sdb_error *types_name(struct types *types, struct sdb_db *db, const struct sdb_type *type,
			     const char **name_ret);
/* Any name of DB; control characters in it are replaced. */
struct sdb_error *types_text(struct types *types, struct sdb_db *db, sdb_name_id id,
			     const char **text_ret);
/* A pointer, reference or qualified type of TARGET, or an array of COUNT of it. */
struct sdb_error *types_derive(struct types *types, struct sdb_db *db, enum sdb_type_kind kind,
			       sdb_type_id target, uint64_t count, sdb_type_id *id_ret);
/* A pointer to a member of type TARGET of CLASS. */
struct sdb_error *types_member_pointer(struct types *types, struct sdb_db *db, sdb_type_id class,
				       sdb_type_id target, sdb_type_id *id_ret);
/* The type that FUNCTION of DB has, which no database says. */
struct sdb_error *types_function(struct types *types, struct sdb_db *db,
				 const struct sdb_function *function,
				 sdb_type_id *id_ret);
/* Whether the language of DB names types without `struct` in front, as C++ does. */
bool types_plain_tags(struct types *types, struct sdb_db *db);

/* From now on that is the language of unit ID of DB, if it has one: of the frame in hand. */
void types_use_unit(struct types *types, struct sdb_db *db, sdb_unit_id id);

/* Bytes of an address in DB. */
unsigned types_address_size(const struct sdb_db *db);
bool types_big_endian(const struct sdb_db *db);

static inline bool types_is_structure(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_STRUCT || kind == SDB_TYPE_CLASS || kind == SDB_TYPE_UNION;
}

static inline bool types_is_reference(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_REFERENCE || kind == SDB_TYPE_RVALUE_REFERENCE;
}

static inline bool types_is_qualifier(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_CONST || kind == SDB_TYPE_VOLATILE || kind == SDB_TYPE_RESTRICT
		|| kind == SDB_TYPE_ATOMIC;
}

#endif
