/* SPDX-License-Identifier: MIT */
#include "number.h"

#include <math.h>
#include <string.h>

number_bits number_get(const uint8_t *bytes, size_t size, bool big_endian)
{
	number_bits value = 0;
	for (size_t i = 0; i < size && i < 16; i++)
		value |= (number_bits)bytes[big_endian ? size - 1 - i : i] << 8 * i;
	return value;
}

void number_put(uint8_t *bytes, size_t size, bool big_endian, number_bits value)
{
	for (size_t i = 0; i < size; i++)
		bytes[big_endian ? size - 1 - i : i] = i < 16 ? (uint8_t)(value >> 8 * i) : 0;
}

number_bits number_mask(number_bits value, unsigned bits)
{
	return bits >= 128 ? value : value & (((number_bits)1 << bits) - 1);
}

number_signed number_extend(number_bits value, unsigned bits)
{
	if (bits == 0 || bits >= 128)
		return (number_signed)value;
	value = number_mask(value, bits);
	number_bits sign = (number_bits)1 << (bits - 1);
	return (number_signed)((value ^ sign) - sign);
}

enum number_format number_float_format(const char *name, uint64_t size)
{
	switch (size) {
	case 2: return strstr(name, "bf") || strstr(name, "bfloat") ? NUMBER_BFLOAT : NUMBER_HALF;
	case 4: return NUMBER_SINGLE;
	case 8: return NUMBER_DOUBLE;
	case 10: case 12: return NUMBER_EXTENDED;
	case 16: return strstr(name, "loat128") ? NUMBER_QUAD : NUMBER_EXTENDED;
	}
	return NUMBER_NOT_FLOAT;
}

/* SIGN, EXPONENT and MANTISSA of an IEEE format; EXPONENT_BITS and MANTISSA_BITS are its widths. */
static long double ieee(number_bits bits, unsigned exponent_bits, unsigned mantissa_bits)
{
	int most = (1 << exponent_bits) - 1, bias = most >> 1;
	int exponent = (int)(bits >> mantissa_bits) & most;
	number_bits mantissa = number_mask(bits, mantissa_bits);
	long double value;
	if (exponent == most)
		value = mantissa ? NAN : INFINITY;
	else if (exponent == 0)
		value = ldexpl((long double)mantissa, 1 - bias - (int)mantissa_bits);
	else
		value = ldexpl((long double)(mantissa | (number_bits)1 << mantissa_bits),
			       exponent - bias - (int)mantissa_bits);
	return bits >> (exponent_bits + mantissa_bits) & 1 ? -value : value;
}

static long double from_extended(number_bits bits)
{
	int exponent = (int)(bits >> 64) & 0x7fff;
	uint64_t mantissa = (uint64_t)bits;
	long double value;
	if (exponent == 0x7fff)
		value = mantissa << 1 ? NAN : INFINITY;
	else
		value = ldexpl((long double)mantissa, (exponent ? exponent : 1) - 16383 - 63);
	return bits >> 79 & 1 ? -value : value;
}

long double number_to_real(number_bits bits, enum number_format format)
{
	uint32_t word = (uint32_t)bits;
	uint64_t twice = (uint64_t)bits;
	float single;
	double twin;
	switch (format) {
	case NUMBER_HALF:
		return ieee(number_mask(bits, 16), 5, 10);
	case NUMBER_BFLOAT:
		word <<= 16; /* fall through */
	case NUMBER_SINGLE:
		memcpy(&single, &word, sizeof(single));
		return (long double)single;
	case NUMBER_DOUBLE:
		memcpy(&twin, &twice, sizeof(twin));
		return (long double)twin;
	case NUMBER_EXTENDED:
		return from_extended(bits);
	case NUMBER_QUAD:
		return ieee(bits, 15, 112);
	case NUMBER_NOT_FLOAT:
		break;
	}
	return 0;
}

/* Rounds to nearest in MANTISSA_BITS; values beyond the format become infinite. */
static number_bits to_ieee(long double value, unsigned exponent_bits, unsigned mantissa_bits)
{
	int most = (1 << exponent_bits) - 1, bias = most >> 1, exponent;
	number_bits sign = (number_bits)(signbit(value) != 0) << (exponent_bits + mantissa_bits);
	number_bits infinite = (number_bits)most << mantissa_bits;
	if (isnan(value))
		return sign | infinite | (number_bits)1 << (mantissa_bits - 1);
	if (isinf(value))
		return sign | infinite;
	long double fraction = frexpl(fabsl(value), &exponent);
	if (fraction == 0)
		return sign;
	exponent += bias - 1; /* of a number in [1, 2) */
	unsigned lost = exponent < 1 ? (unsigned)(1 - exponent) : 0;
	if (lost > mantissa_bits + 1)
		return sign;
	number_bits mantissa = (number_bits)rintl(ldexpl(fraction,
							 (int)(mantissa_bits + 1 - lost)));
	if (lost) /* subnormal; a carry into the exponent makes the smallest normal one */
		return sign | mantissa;
	if (mantissa >> (mantissa_bits + 1)) {
		mantissa >>= 1;
		exponent++;
	}
	if (exponent >= most)
		return sign | infinite;
	return sign | (number_bits)exponent << mantissa_bits | number_mask(mantissa, mantissa_bits);
}

static number_bits to_extended(long double value)
{
	int exponent;
	number_bits sign = (number_bits)(signbit(value) != 0) << 79;
	if (isnan(value))
		return sign | (number_bits)0x7fff << 64 | (number_bits)3 << 62;
	if (isinf(value))
		return sign | (number_bits)0x7fff << 64 | (number_bits)1 << 63;
	long double fraction = frexpl(fabsl(value), &exponent);
	if (fraction == 0)
		return sign;
	exponent += 16382;
	if (exponent < 1) {
		fraction = ldexpl(fraction, exponent - 1);
		exponent = 0;
	}
	return sign | (number_bits)exponent << 64
		| (number_bits)(uint64_t)rintl(ldexpl(fraction, 64));
}

number_bits number_from_real(long double value, enum number_format format)
{
	float single = (float)value;
	double twin = (double)value;
	uint32_t word;
	uint64_t twice;
	switch (format) {
	case NUMBER_HALF:
		return to_ieee(value, 5, 10);
	case NUMBER_BFLOAT:
		return to_ieee(value, 8, 7);
	case NUMBER_SINGLE:
		memcpy(&word, &single, sizeof(word));
		return word;
	case NUMBER_DOUBLE:
		memcpy(&twice, &twin, sizeof(twice));
		return twice;
	case NUMBER_EXTENDED:
		return to_extended(value);
	case NUMBER_QUAD:
		return to_ieee(value, 15, 112);
	case NUMBER_NOT_FLOAT:
		break;
	}
	return 0;
}
