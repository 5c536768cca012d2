/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_HEX_H
#define SYMDB_HEX_H

#include <stddef.h>
#include <stdint.h>

/* SIZE bytes as text, two digits each: TEXT_RET has room for 2 * SIZE + 1. */
static inline void hex_of_bytes(const uint8_t *bytes, size_t size, char *text_ret)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		*text_ret++ = digits[bytes[i] >> 4];
		*text_ret++ = digits[bytes[i] & 15];
	}
	*text_ret = '\0';
}

#endif
