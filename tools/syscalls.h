/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SYSCALLS_H
#define TOOLS_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

struct syscall_info {
	const char *name;
	const char *arguments; /* a letter each, see syscalls.c; NULL: not known */
};

/* NULL: there is none with that number. */
const struct syscall_info *syscall_info(int64_t number);
size_t syscall_count(void); /* of numbers */

#endif
