/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BITS_H
#define SYMDB_BITS_H

/* Columns of numbers of one width, packed without gaps, lowest bit first. */

#include "buffer.h"

/* The bits that all numbers up to MAXIMUM fit in. */
static inline unsigned bits_width(uint32_t maximum)
{
	return maximum ? 32 - (unsigned)__builtin_clz(maximum) : 0;
}

static inline size_t bits_size(size_t count, unsigned width)
{
	return (count * width + 7) / 8;
}

static inline void put_bits(struct buffer *to, const uint32_t *numbers, size_t count, unsigned width)
{
	uint64_t pending = 0;
	unsigned filled = 0;
	for (size_t i = 0; i < count; i++) {
		pending |= (uint64_t)numbers[i] << filled;
		for (filled += width; filled >= 8; filled -= 8, pending >>= 8)
			put_u8(to, (uint8_t)pending);
	}
	if (filled)
		put_u8(to, (uint8_t)pending);
}

/* Number INDEX of a column of SIZE bytes at DATA, which must hold it. */
static inline uint32_t get_bits(const uint8_t *data, size_t size, size_t index, unsigned width)
{
	size_t bit = index * width, byte = bit / 8;
	uint64_t word = 0;
	for (unsigned i = 0; i < 5 && byte + i < size; i++)
		word |= (uint64_t)data[byte + i] << 8 * i;
	return (uint32_t)(word >> bit % 8 & (((uint64_t)1 << width) - 1));
}

#endif
