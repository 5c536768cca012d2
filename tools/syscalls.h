/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SYSCALLS_H
#define TOOLS_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>

struct syscall_info {
	const char *name;
	const char *arguments; /* a letter each, see syscalls.c; NULL: not known */
};

/* The system calls of a machine by their numbers. */
struct syscall_table {
	const char *machine;
	const struct syscall_info *infos;
	size_t count;
};
extern const struct syscall_table syscalls_i386;

/* MACHINE: EM_*; NULL: they are not known. */
const struct syscall_table *syscall_table(uint16_t machine);
/* NULL: there is none with that number. */
const struct syscall_info *syscall_info(const struct syscall_table *table, int64_t number);

#endif
