/* SPDX-License-Identifier: MIT */
/* The personalities that are part of the library. */

#include "runtime/personality.h"

const struct personality *const personalities_builtin[] = { NULL };
