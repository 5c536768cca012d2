/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BUFFER_H
#define SYMDB_BUFFER_H

/*
 * Bytes written and read one after the other: the variable-length numbers that every block is
 * made of. A buffer remembers that memory was short, a cursor that it ran past its end or met
 * nonsense; both are asked once, at the end of a record, instead of at every byte.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
	uint8_t *data;
	size_t size;
	size_t capacity;
	bool failed; /* memory was short; the content is worthless */
};

bool buffer_reserve(struct buffer *buffer, size_t extra); /* room for EXTRA more bytes */
void buffer_deinit(struct buffer *buffer);

static inline void put_u8(struct buffer *buffer, uint8_t value)
{
	if (buffer->size == buffer->capacity && !buffer_reserve(buffer, 1))
		return;
	buffer->data[buffer->size++] = value;
}

static inline void put_uleb(struct buffer *buffer, uint64_t value)
{
	if (buffer->capacity - buffer->size < 10 && !buffer_reserve(buffer, 10))
		return;
	uint8_t *to = buffer->data + buffer->size;
	while (value >= 0x80) {
		*to++ = (uint8_t)value | 0x80;
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	buffer->size = (size_t)(to - buffer->data);
}

/* Signed numbers are zigzag-coded: small magnitudes are short. */
static inline void put_sleb(struct buffer *buffer, int64_t value)
{
	put_uleb(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static inline void put_bytes(struct buffer *buffer, const void *bytes, size_t size)
{
	if (size == 0 || (buffer->capacity - buffer->size < size && !buffer_reserve(buffer, size)))
		return;
	memcpy(buffer->data + buffer->size, bytes, size);
	buffer->size += size;
}

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline uint8_t get_u8(struct cursor *cursor)
{
	if (cursor->at == cursor->end) {
		cursor->failed = true;
		return 0;
	}
	return *cursor->at++;
}

uint64_t get_uleb_slow(struct cursor *cursor);

static inline uint64_t get_uleb(struct cursor *cursor)
{
	const uint8_t *at = cursor->at;
	if (at < cursor->end && *at < 0x80) {
		cursor->at = at + 1;
		return *at;
	}
	if (cursor->end - at >= 2 && at[1] < 0x80) {
		cursor->at = at + 2;
		return (at[0] & 0x7fu) | (uint64_t)at[1] << 7;
	}
	return get_uleb_slow(cursor);
}

static inline int64_t get_sleb(struct cursor *cursor)
{
	uint64_t value = get_uleb(cursor);
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* A number that must fit 32 bits; else the cursor fails and 0 is returned. */
static inline uint32_t get_u32(struct cursor *cursor)
{
	uint64_t value = get_uleb(cursor);
	if (value > UINT32_MAX) {
		cursor->failed = true;
		return 0;
	}
	return (uint32_t)value;
}

/* A count of things that take at least one byte each: never more than the bytes left. */
static inline size_t get_count(struct cursor *cursor)
{
	uint64_t value = get_uleb(cursor);
	if (value > (uint64_t)(cursor->end - cursor->at)) {
		cursor->failed = true;
		return 0;
	}
	return (size_t)value;
}

/* SIZE bytes in place, or NULL with the cursor failed. */
static inline const uint8_t *get_bytes(struct cursor *cursor, size_t size)
{
	if ((size_t)(cursor->end - cursor->at) < size) {
		cursor->failed = true;
		return NULL;
	}
	const uint8_t *bytes = cursor->at;
	cursor->at += size;
	return bytes;
}

#endif
