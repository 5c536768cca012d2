/* SPDX-License-Identifier: MIT */
/* Growing buffers, and the slow path of reading a number. */

#include "buffer.h"
#include <stdlib.h>

bool buffer_reserve(struct buffer *buffer, size_t extra)
{
	size_t needed, capacity = buffer->capacity ? buffer->capacity : 256;
	if (buffer->failed || __builtin_add_overflow(buffer->size, extra, &needed)) {
		buffer->failed = true;
		return false;
	}
	while (capacity < needed) {
		if (__builtin_mul_overflow(capacity, 2, &capacity)) {
			buffer->failed = true;
			return false;
		}
	}
	if (capacity == buffer->capacity)
		return true;
	uint8_t *data = realloc(buffer->data, capacity);
	if (!data) {
		buffer->failed = true;
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void buffer_deinit(struct buffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

uint64_t get_uleb_slow(struct cursor *cursor)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at++;
		uint64_t bits = byte & 0x7f;
		if (shift == 63 && bits > 1)
			break;
		value |= bits << shift;
		if (!(byte & 0x80))
			return value;
	}
	/* Past the end, or more than 64 bits: nothing behind it can be trusted. */
	cursor->at = cursor->end;
	cursor->failed = true;
	return 0;
}
