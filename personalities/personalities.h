/* SPDX-License-Identifier: MIT */
#ifndef PERSONALITIES_H
#define PERSONALITIES_H

#include "runtime/personality.h"

extern const struct personality personality_linux;

#endif
