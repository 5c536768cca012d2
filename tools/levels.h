/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_LEVELS_H
#define TOOLS_LEVELS_H

/*
 * From a machine's tasks to the programs that they run: each process becomes a target laid over the
 * machine for as long as its threads are looked at. One is open at a time, so the databases of one process are.
 */

#include "json.h"
#include <stackdb/system.h>

struct levels {
	struct sdb_target *machine;
	struct sdb_spec spec;      /* of the targets that are opened */
	struct sdb_target *process;
	int64_t pid;               /* of that; 0: none */
	struct sdb_error *trouble; /* why it could not be opened */
};

/* MACHINE has to be paused meanwhile; SPEC is what it was made of. */
void levels_init(struct levels *levels, struct sdb_target *machine, const struct sdb_spec *spec);
void levels_deinit(struct levels *levels);

/* The threads of the machine by process, then by number; malloc'ed. */
struct sdb_error *levels_order(struct sdb_thread *const *threads, size_t count, struct sdb_thread ***ordered_ret);
/* The program's side of THREAD; *PROGRAM_RET NULL without an error: it has none, since it is the kernel's. */
struct sdb_error *levels_program(struct levels *levels, struct sdb_thread *thread, struct sdb_thread **program_ret);

/* How PROGRAM got into the kernel: `system call read(0, 0x7ffd..., 16)`, `interrupt`; empty: it is in user mode. */
struct levels_entry {
	bool call;
	int64_t number;       /* of a system call */
	const char *name;     /* NULL: not known */
	const char *kinds;    /* of its arguments, see syscalls.c; NULL: not known */
	unsigned count;
	uint64_t arguments[6];
};
struct sdb_error *levels_entry(struct sdb_thread *program, struct levels_entry *entry_ret);
void levels_put_entry(struct text *to, const struct levels_entry *entry);
void levels_entry_as_json(struct json *json, const struct levels_entry *entry);

#endif
