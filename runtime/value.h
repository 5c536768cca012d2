/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_VALUE_H
#define RUNTIME_VALUE_H

/*
 * What a value is made of. Parts that are looked at in passing (by the printer) are values on the
 * stack that borrow the bytes of the whole: value_part() and value_deinit(); those that are handed
 * out are made independent by value_detach().
 */

#include "location.h"
#include "types.h"
#include <stackdb/value.h>

/* Bytes that are read at once; parts of larger values are read alone. */
#define VALUE_MAX_SIZE 65536u
#define VALUE_MAX_DIMENSIONS 16u

struct sdb_value {
	struct sdb_db *db;
	struct types *types;     /* a reference */
	sdb_type_id type;        /* as declared */
	sdb_type_id stripped;    /* behind typedefs and qualifiers */
	enum sdb_type_kind kind; /* of `stripped` */
	unsigned dimension;      /* of an array: which of its type's is its first */
	uint64_t *counts;        /* owned: of each dimension, when known at run time only */
	uint64_t size;           /* bytes; 0 when not `sized` */
	bool sized;

	struct location *location; /* a reference; NULL: computed, without a place */
	uint64_t bit_start;      /* of this value in what `location` describes */
	uint32_t bit_size;       /* of a bit-field, else 0 */

	sdb_function_id function;/* of a function that the database has; else 0 */
	bool bound;              /* a member function that was named together with an object, */
	uint64_t object;         /* the one at this address */

	bool loaded;             /* `bytes`, `missing` and `absence` are valid */
	bool borrowed;           /* `bytes` and `missing` belong to the whole */
	uint8_t *bytes;          /* `size` of them; of a bit-field as wide as its type */
	uint8_t *missing;        /* bit for bit: not there; NULL: all are there */
	enum sdb_absence absence;/* of the first missing bit */
	char *why;               /* in words; NULL: nothing to add */
	uint8_t small[16];       /* the bytes of a bit-field */
};

struct sdb_error *value_no_memory(void);

/* ---- value.c ---- */
/* Sets what follows from TYPE of DB: completes declarations, asks CONTEXT for lengths. */
struct sdb_error *value_init(struct sdb_value *value, const struct sdb_context *context,
			     struct types *types, struct sdb_db *db, sdb_type_id type);
void value_deinit(struct sdb_value *value);
/*
 * A value on the heap that takes over everything of VALUE, which is empty then; freed on failure.
 */
struct sdb_error *value_detach(struct sdb_value *value, struct sdb_value **value_ret);
/* The types of CONTEXT, or new ones: a reference. */
struct sdb_error *value_types(const struct sdb_context *context, struct types **types_ret);
/* TYPE of DB at LOCATION, which is taken over. */
struct sdb_error *value_new(const struct sdb_context *context, struct types *types,
			    struct sdb_db *db,
			    sdb_type_id type, struct location *location,
			    struct sdb_value **value_ret);
/* The type behind typedefs; owned by VALUE's types. */
struct sdb_error *value_stripped(const struct sdb_value *value, const struct sdb_type **type_ret);

/* Function VALUE is to be called for the object at ADDRESS. */
static inline void value_bind(struct sdb_value *value, uint64_t address)
{
	value->bound = true;
	value->object = address;
}

/* ---- value_load.c ---- */
/* Reads the content unless it is there; what cannot be read is absent. */
struct sdb_error *value_load(struct sdb_value *value, const struct sdb_context *context);
/* As above, and fails with NOT_FOUND when anything is missing. */
struct sdb_error *value_need(struct sdb_value *value, const struct sdb_context *context);
/* As value_load(), of what is read at once; when there is none of it, it is missing bit by bit. */
struct sdb_error *value_load_parts(struct sdb_value *value, const struct sdb_context *context);
/* Whether any or all of the content is missing; it has to be loaded. */
bool value_any_missing(const struct sdb_value *value);
bool value_all_missing(const struct sdb_value *value);
/* Whether two loaded values have the same content, and lack the same of it. */
bool value_same(const struct sdb_value *a, const struct sdb_value *b);
/* The implicit pointer that VALUE is; NULL when it is none. */
const struct place *value_implicit(const struct sdb_value *value);
/* Marks all of VALUE as missing; WHY is copied, NULL allowed. */
struct sdb_error *value_set_absent(struct sdb_value *value, enum sdb_absence absence,
				   const char *why);
/* The error that says why VALUE is not there. */
struct sdb_error *value_missing_error(const struct sdb_value *value);

/* ---- value_part.c ---- */
/* Type TYPE (DIMENSION of an array) BIT_OFFSET into WHOLE; of BIT_SIZE when a bit-field. */
struct sdb_error *value_part(const struct sdb_value *whole, const struct sdb_context *context,
			     sdb_type_id type, unsigned dimension, uint64_t bit_offset,
			     uint32_t bit_size,
			     struct sdb_value *part_ret);
/* Member (or base) MEMBER of WHOLE; a static one wherever it is. */
struct sdb_error *value_member_part(struct sdb_value *whole, const struct sdb_context *context,
				    const struct sdb_member *member, struct sdb_value *part_ret);
/* Element INDEX of array WHOLE. */
struct sdb_error *value_element_part(struct sdb_value *whole, const struct sdb_context *context,
				     uint64_t index, struct sdb_value *part_ret);
/* What array WHOLE counts in its outermost dimension; false: unknown. */
struct sdb_error *value_elements(const struct sdb_value *whole, uint64_t *count_ret,
				 bool *known_ret);
/* Bytes of one element, and its type and dimension. */
struct sdb_error *value_element_shape(const struct sdb_value *whole, sdb_type_id *type_ret,
				      unsigned *dimension_ret, uint64_t *size_ret, bool *known_ret);

/* ---- value_method.c ---- */
/*
 * The member function NAME of WHOLE or of one of its bases, bound to the object; NULL in
 * *METHOD_RET: there is none. Of several the first with ARGUMENTS parameters (-1: any number).
 * VIRTUALLY: of a virtual function the one that the object's own class has.
 */
struct sdb_error *value_method(struct sdb_value *whole, const struct sdb_context *context,
			       const char *name, int arguments, bool virtually,
			       struct sdb_value **method_ret);
/* What stands at OFFSET in the virtual table of the object at OBJECT (Itanium C++ ABI, 2.5.2). */
struct sdb_error *value_virtual(const struct sdb_value *value, const struct sdb_context *context,
				uint64_t object, uint64_t offset, uint64_t *function_ret);

/* The error that VALUE is no WHAT: `number`, `pointer`. */
struct sdb_error *value_is_no(const struct sdb_value *value, const char *what);
/* Function ID as a value, of its code that begins at ENTRY in the target. */
struct sdb_error *value_function_at(const struct sdb_context *context, sdb_function_id id, uint64_t entry,
				    struct sdb_value **value_ret);

/* ---- value_variant.c ---- */
#define VALUE_NO_VARIANT UINT32_MAX
/*
 * The variant that WHOLE is, of those that its type has; 0: it has none, VALUE_NO_VARIANT: none
 * fits.
 */
struct sdb_error *value_variant(struct sdb_value *whole, const struct sdb_context *context,
				uint32_t *variant_ret);
/* Whether MEMBER is there in a value that is that variant. */
bool value_is_shown(const struct sdb_member *member, uint32_t variant);

/* ---- value_number.c ---- */
enum value_class { VALUE_NOT_NUMBER = 0, VALUE_INTEGER, VALUE_BOOLEAN, VALUE_REAL, VALUE_COMPLEX,
		   VALUE_POINTER };
/* What kind of number values of VALUE's type are, and whether of sign; *FORMAT_RET of reals. */
struct sdb_error *value_class(const struct sdb_value *value, enum value_class *class_ret,
			      bool *is_signed_ret, enum number_format *format_ret);
/* The content of an integer, a boolean, a pointer, extended by its sign. */
struct sdb_error *value_integer(struct sdb_value *value, const struct sdb_context *context,
				number_signed *number_ret);
/* A computed value of TYPE (integers, pointers); reals are given as REAL. */
struct sdb_error *value_of_integer(const struct sdb_context *context, struct types *types,
				   struct sdb_db *db, sdb_type_id type, number_bits number,
				   struct sdb_value **value_ret);
struct sdb_error *value_of_real(const struct sdb_context *context, struct types *types,
				struct sdb_db *db,
				sdb_type_id type, long double real, struct sdb_value **value_ret);
/* Both halves of a complex number; the real one alone of other numbers. */
struct value_complex {
	long double real, imaginary;
};
struct sdb_error *value_halves(struct sdb_value *value, const struct sdb_context *context,
			       struct value_complex *number_ret);
/* A computed value of a complex type. */
struct sdb_error *value_of_complex(const struct sdb_context *context, struct types *types,
				   struct sdb_db *db, sdb_type_id type, struct value_complex number,
				   struct sdb_value **value_ret);
/* A computed value of SIZE bytes. */
struct sdb_error *value_of_bytes(const struct sdb_context *context, struct types *types,
				 struct sdb_db *db,
				 sdb_type_id type, const void *bytes, size_t size,
				 struct sdb_value **value_ret);

/* ---- value_pointer.c ---- */
/*
 * How values of type TYPE are text: bytes of a character; 0: they are not. *PREFIX_RET: L, u, U or
 * 0.
 */
struct sdb_error *value_character(const struct sdb_value *value, sdb_type_id type,
				  unsigned *width_ret,
				  char *prefix_ret);
/* Distance of base class BASE in class TYPE of VALUE's db, at ADDRESS; false: it is none. */
struct sdb_error *value_base_offset(const struct sdb_value *value,
				    const struct sdb_context *context,
				    sdb_type_id type, sdb_type_id base, uint64_t address,
				    uint64_t *offset_ret, bool *found_ret);

#endif
