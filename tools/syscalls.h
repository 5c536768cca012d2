/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SYSCALLS_H
#define TOOLS_SYSCALLS_H

#include "text.h"

#include <stackdb/probe.h>

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

/* ---- syscall_text.c */
/* Whether KINDS (struct syscall_info) has any that is told by what it points to when the call begins. */
bool syscall_reads_memory(const char *kinds);
/*
 * Appends the arguments from number FROM on; at an entry those in front of the first that the call writes to. LIMIT: of
 * bytes of a string, and of strings. Gives the number of the next one.
 */
unsigned syscall_put_arguments(struct text *to, const struct sdb_hit *hit, const char *kinds, unsigned from, uint64_t limit);
bool syscall_is_error(int64_t result);
/* `ENOENT`; NULL: RESULT is none, or has no name. */
const char *syscall_error_name(int64_t result);
void syscall_put_result(struct text *to, int64_t result);

#endif
