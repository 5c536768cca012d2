/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_MODULE_NAME_H
#define RUNTIME_MODULE_NAME_H

#include <stdbool.h>

/*
 * Whether PREFIX, in front of a colon, means the module called NAME: as it is, `libc` for libc.so.6 and libc-2.31.so, `nf_nat`
 * for nf_nat.ko and nf-nat.ko.xz.
 */
bool module_name_matches(const char *name, const char *prefix);

#endif
