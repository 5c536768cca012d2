/* SPDX-License-Identifier: MIT */
/* The personalities that are part of the library. */

#include "personalities.h"

const struct personality *const personalities_builtin[] = { &personality_linux, NULL };
