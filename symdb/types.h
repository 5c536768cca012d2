/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_TYPES_H
#define SYMDB_TYPES_H

/* The byte of a type's records that says which fields there are; of HAS_OUTLINE in its outline. */
enum {
	HAS_SIZE = 1, HAS_TARGET = 2, HAS_MEMBERS = 4, HAS_ENUMERATORS = 8, HAS_DIMENSIONS = 16,
	HAS_PARAMETERS = 32, HAS_TEMPLATES = 64, HAS_RARE = 128,
	HAS_OUTLINE = HAS_SIZE | HAS_TARGET,
};

#endif
