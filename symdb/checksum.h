/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_CHECKSUM_H
#define SYMDB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * A 64-bit hash of SIZE bytes, eight at a time; the same on every machine. It finds damage,
 * not malice: who can write a block can write its checksum too.
 */
uint64_t checksum64(uint64_t seed, const void *data, size_t size);

static inline uint32_t checksum_fold(uint64_t hash)
{
	return (uint32_t)hash ^ (uint32_t)(hash >> 32);
}

#endif
