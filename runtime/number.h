/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_NUMBER_H
#define RUNTIME_NUMBER_H

/* Numbers as a target stores them: integers of up to sixteen bytes, floating point formats. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 number_bits;
typedef __int128 number_signed;

enum number_format {
	NUMBER_NOT_FLOAT = 0,
	NUMBER_HALF,     /* IEEE 754 binary16 */
	NUMBER_BFLOAT,   /* the upper half of a binary32 */
	NUMBER_SINGLE,
	NUMBER_DOUBLE,
	NUMBER_EXTENDED, /* x87: 64 bits of mantissa with its integer bit, in 10, 12 or 16 bytes */
	NUMBER_QUAD,     /* binary128 */
};

/* The integer in SIZE (at most 16) BYTES. */
number_bits number_get(const uint8_t *bytes, size_t size, bool big_endian);
void number_put(uint8_t *bytes, size_t size, bool big_endian, number_bits value);
/* The low BITS of VALUE, sign-extended. */
number_signed number_extend(number_bits value, unsigned bits);
/* The low BITS of VALUE. */
number_bits number_mask(number_bits value, unsigned bits);

/* The format of a floating point type of SIZE bytes called NAME ("" when unknown). */
enum number_format number_float_format(const char *name, uint64_t size);
/* The bits of FORMAT as a number of the machine; a binary128 is rounded. */
long double number_to_real(number_bits bits, enum number_format format);
number_bits number_from_real(long double value, enum number_format format);

#endif
