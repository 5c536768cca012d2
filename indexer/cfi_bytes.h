/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_CFI_BYTES_H
#define INDEXER_CFI_BYTES_H

/*
 * Reading numbers of either byte order out of a section, as call frame information, ORC and BTF
 * hold them. A reader that meets its end gives 0 and remembers: asked once an entry.
 */

#include <byteswap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	const uint8_t *end;
	bool swap;
	bool failed;
};

static inline size_t bytes_left(const struct bytes *from)
{
	return (size_t)(from->end - from->at);
}

/* Passes over SIZE bytes; where they began, or NULL. */
static inline const uint8_t *bytes_take(struct bytes *from, uint64_t size)
{
	if (size > bytes_left(from)) {
		from->failed = true;
		from->at = from->end;
		return NULL;
	}
	const uint8_t *at = from->at;
	from->at += size;
	return at;
}

static inline uint8_t bytes_u8(struct bytes *from)
{
	const uint8_t *at = bytes_take(from, 1);
	return at ? *at : 0;
}

static inline uint16_t bytes_u16(struct bytes *from)
{
	uint16_t value = 0;
	const uint8_t *at = bytes_take(from, sizeof(value));
	if (at)
		memcpy(&value, at, sizeof(value));
	return from->swap ? bswap_16(value) : value;
}

static inline uint32_t bytes_u32(struct bytes *from)
{
	uint32_t value = 0;
	const uint8_t *at = bytes_take(from, sizeof(value));
	if (at)
		memcpy(&value, at, sizeof(value));
	return from->swap ? bswap_32(value) : value;
}

static inline uint64_t bytes_u64(struct bytes *from)
{
	uint64_t value = 0;
	const uint8_t *at = bytes_take(from, sizeof(value));
	if (at)
		memcpy(&value, at, sizeof(value));
	return from->swap ? bswap_64(value) : value;
}

/* An unsigned number of 1, 2, 4 or 8 bytes; any other size fails. */
static inline uint64_t bytes_unsigned(struct bytes *from, unsigned size)
{
	switch (size) {
	case 1:
		return bytes_u8(from);
	case 2:
		return bytes_u16(from);
	case 4:
		return bytes_u32(from);
	case 8:
		return bytes_u64(from);
	}
	from->failed = true;
	return 0;
}

/* LEB128 (DWARF 5 section 7.6). Bits past the 64th are dropped, as other readers do. */
static inline uint64_t bytes_uleb(struct bytes *from)
{
	uint64_t value = 0;
	for (unsigned shift = 0; from->at < from->end; shift += 7) {
		uint8_t byte = *from->at++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	from->failed = true;
	return 0;
}

static inline int64_t bytes_sleb(struct bytes *from)
{
	uint64_t value = 0;
	for (unsigned shift = 0; from->at < from->end;) {
		uint8_t byte = *from->at++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte >= 0x80)
			continue;
		if ((byte & 0x40) && shift < 64)
			value |= UINT64_MAX << shift;
		return (int64_t)value;
	}
	from->failed = true;
	return 0;
}

/* Text up to and over its NUL, or NULL. */
static inline const char *bytes_text(struct bytes *from)
{
	const uint8_t *nul = from->at < from->end ? memchr(from->at, 0, bytes_left(from)) : NULL;
	if (!nul) {
		from->failed = true;
		from->at = from->end;
		return NULL;
	}
	const char *text = (const char *)from->at;
	from->at = nul + 1;
	return text;
}

#endif
