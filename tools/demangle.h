/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_DEMANGLE_H
#define TOOLS_DEMANGLE_H

/*
 * The readable form of a C++ linkage name (Itanium ABI), malloc'ed; NULL when NAME is not
 * one. The C++ runtime library is loaded on the first name that needs it, so that nobody else
 * pays for it; without that library names stay as they are.
 */
char *demangle(const char *name);

#endif
