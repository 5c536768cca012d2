/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_PRINT_H
#define RUNTIME_PRINT_H

/* Values as text in the words of gdb; private to the files called print*.c. */

#include "text.h"
#include "value.h"
#include <locale.h>

#define PRINT_MAX_BASES 64

struct printer {
	const struct sdb_context *context;
	struct sdb_print_options options; /* without zeroes */
	struct buffer text;
	unsigned depth;
	sdb_type_id bases[PRINT_MAX_BASES]; /* virtual ones that were printed in this object */
	unsigned base_count;
	locale_t unicode;  /* made when it is needed first */
};

void print_init(struct printer *printer, const struct sdb_context *context,
		const struct sdb_print_options *options);
void print_deinit(struct printer *printer);
/* The text made so far; the printer is empty then. When ERROR is one, that is returned instead. */
struct sdb_error *print_take(struct printer *printer, struct sdb_error *error, char **text_ret);
/* Whether enough has been printed. */
bool print_full(const struct printer *printer);

/* ---- print.c: anything; INSIDE a structure references do not show what they lead to ---- */
struct sdb_error *print_value(struct printer *printer, struct sdb_value *value, bool inside);
/* Why VALUE, which is all missing, is not there. */
void print_absent(struct printer *printer, const struct sdb_value *value);
/*
 * Loads VALUE for printing; of an array larger than is read at once *CUT_RET has the begin of it
 * (value_deinit() it) and *IS_CUT_RET is set.
 */
struct sdb_error *print_load(struct printer *printer, struct sdb_value *value,
			     struct sdb_value *cut_ret,
			     bool *is_cut_ret);

/* ---- print_parts.c ---- */
typedef struct sdb_error *(*print_member_fn)(struct printer *printer, struct sdb_value *whole,
					     const struct sdb_member *member, size_t index);
/* Calls FN for the members of WHOLE that are shown, until enough has been printed. */
struct sdb_error *print_members(struct printer *printer, struct sdb_value *whole,
				print_member_fn fn);
struct print_array {
	uint64_t count;
	unsigned width;  /* of an array of characters that are all there, else 0 */
	char prefix;
};
/* CUT: only the begin of the array is there. */
struct sdb_error *print_measure(struct sdb_value *array, bool cut, struct print_array *shape_ret);

/* ---- print_scalar.c: all of these have been loaded, and nothing is missing ---- */
struct sdb_error *print_scalar(struct printer *printer, struct sdb_value *value);
/* `0x401136 <main>`. */
void print_address(struct printer *printer, uint64_t address);
/* A number of FORMAT, with as many digits as tell all its values apart. */
void print_real(struct buffer *text, number_bits bits, enum number_format format);
/* The enumerators that NUMBER is, and how they are written; false: none. */
struct sdb_error *print_enumerators(struct printer *printer, struct sdb_value *value,
				    number_signed number,
				    bool *done_ret);

/* ---- print_text.c: COUNT characters of WIDTH bytes ---- */
struct characters {
	const uint8_t *bytes;
	size_t count;
	unsigned width;
	char prefix;     /* L, u, U or 0 */
	bool big_endian;
	bool more;       /* the text goes on behind them */
};
void print_string(struct printer *printer, const struct characters *characters);
void print_character(struct printer *printer, uint32_t code, unsigned width, char prefix);
/* What a pointer to text of WIDTH points to. */
struct sdb_error *print_pointed_string(struct printer *printer, uint64_t address, unsigned width,
				       char prefix);
/* The Unicode character in UTF-8 at AT of BYTES; 0: none, *LENGTH_RET is 0 when it is cut off. */
uint32_t print_decode(const uint8_t *bytes, size_t size, size_t *length_ret);

#endif
