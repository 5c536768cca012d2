/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_LANGUAGE_H
#define STACKDB_LANGUAGE_H

/**
 * @file
 * Words of C and of languages like it, for what prints types. Texts are static.
 */

#include "model.h"

#pragma GCC visibility push(default)

/**
 * Whether sources in LANGUAGE (DW_LANG_*, of a unit) say `point` where those in C say
 * `struct point` (DWARF 5, 7.12): C++, Rust, Go, D and others.
 */
bool sdb_language_plain_tags(uint16_t language);

/** `const`, `volatile`, `restrict`, `_Atomic`; NULL when KIND is no qualifier. */
const char *sdb_type_qualifier(enum sdb_type_kind kind);

/** `struct`, `class`, `union`, `enum`; NULL when KIND has no tag. */
const char *sdb_type_tag(enum sdb_type_kind kind);

#pragma GCC visibility pop

#endif
