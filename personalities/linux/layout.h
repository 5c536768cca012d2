/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_LINUX_LAYOUT_H
#define PERSONALITIES_LINUX_LAYOUT_H

/* Where members are: asked of the kernel's database by name. */

#include <stackdb/db.h>

struct linux_system;

/* SIZE 0: this kernel does not have it. */
struct linux_member {
	uint32_t at;      /* bytes from the begin of the structure */
	uint32_t size;    /* bytes; of a bit-field those that hold it */
	uint8_t shift, bits; /* of a bit-field; BITS 0: none */
};

/*
 * What goes where in a layout. TYPE is a structure or union, `&NAME` the type of variable NAME. PATH
 * is `member.member`; NULL: the size of the type. In both, `|` parts what other kernels call it.
 */
struct linux_wanted {
	size_t slot;
	const char *type, *path;
	bool optional;
};

/* Fills in LAYOUT. UNSUPPORTED: the kernel lacks what is not optional. */
struct sdb_error *linux_layout(struct linux_system *system, const struct linux_wanted *wanted, size_t count,
			       void *layout);

static inline bool linux_has(const struct linux_member *member)
{
	return member->size != 0;
}

/* The value of a member of up to 8 bytes, of a structure that DATA has whole. */
static inline uint64_t linux_member_of(const uint8_t *data, const struct linux_member *member)
{
	uint64_t value = 0;
	switch (member->size) {
	case 8: __builtin_memcpy(&value, data + member->at, 8); break;
	case 4: __builtin_memcpy(&value, data + member->at, 4); break;
	case 2: __builtin_memcpy(&value, data + member->at, 2); break;
	case 1: value = data[member->at]; break;
	}
	if (member->bits)
		value = value >> member->shift & ((1ull << member->bits) - 1);
	return value;
}

/* The same of one that is known to be a pointer, */
static inline uint64_t linux_pointer_of(const uint8_t *data, const struct linux_member *member)
{
	uint64_t value;
	__builtin_memcpy(&value, data + member->at, sizeof(value));
	return value;
}

/* or to be no bit-field and to have 4 bytes or more: their value modulo 2^32. */
static inline uint32_t linux_u32_of(const uint8_t *data, const struct linux_member *member)
{
	uint32_t value;
	__builtin_memcpy(&value, data + member->at, sizeof(value));
	return value;
}

#endif
