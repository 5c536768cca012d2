/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_TYPES_H
#define SYMDB_TYPES_H

/* The byte of a type's record that says which fields follow. */
enum {
	HAS_SIZE = 1, HAS_TARGET = 2, HAS_MEMBERS = 4, HAS_ENUMERATORS = 8, HAS_DIMENSIONS = 16,
	HAS_PARAMETERS = 32, HAS_TEMPLATES = 64, HAS_RARE = 128
};

#endif
