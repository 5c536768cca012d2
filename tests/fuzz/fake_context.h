/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_FAKE_CONTEXT_H
#define TESTS_FUZZ_FAKE_CONTEXT_H

/* A target whose memory and registers are a function of the address: the same on every run. */

#include "runtime/context.h"

extern const struct sdb_context_ops fake_ops;

#endif
