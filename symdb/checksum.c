/* SPDX-License-Identifier: MIT */
/*
 * Two lanes of xor, rotate, multiply. Each step is a bijection of the word that goes in, so
 * damage confined to one word always reaches the end.
 */

#include "checksum.h"
#include <endian.h>
#include <string.h>

static const uint64_t multiplier_a = 0x9fb21c651e98df25, multiplier_b = 0xd6e8feb86659fd93;

static inline uint64_t load64(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

static inline uint64_t step(uint64_t lane, uint64_t word, uint64_t multiplier)
{
	lane = (lane ^ word) * multiplier;
	return lane << 29 | lane >> 35;
}

static inline uint64_t finish(uint64_t hash)
{
	hash = (hash ^ hash >> 32) * multiplier_a;
	hash = (hash ^ hash >> 29) * multiplier_b;
	return hash ^ hash >> 32;
}

uint64_t checksum64(uint64_t seed, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint64_t a = seed ^ multiplier_b, b = seed + size * multiplier_a;
	size_t left = size;
	for (; left >= 16; left -= 16, at += 16) {
		a = step(a, load64(at), multiplier_a);
		b = step(b, load64(at + 8), multiplier_b);
	}
	if (left >= 8) {
		a = step(a, load64(at), multiplier_a);
		at += 8;
		left -= 8;
	}
	uint64_t tail = 0;
	for (size_t i = 0; i < left; i++)
		tail |= (uint64_t)at[i] << 8 * i;
	b = step(b, tail, multiplier_b);
	return finish(a + finish(b));
}
