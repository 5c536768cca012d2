/* SPDX-License-Identifier: MIT */
#ifndef TESTS_RUNTIME_SNAPSHOT_H
#define TESTS_RUNTIME_SNAPSHOT_H

/*
 * A stopped process as somebody else (gdb) sees it: the registers and the CFA of each frame from a
 * text, the memory from the process itself. Contexts made of it need no driver.
 *
 *     process PID
 *     module PATH-OF-DATABASE BIAS
 *     thread FS-BASE
 *     frame PC CFA              the innermost first; PC is what locations are asked with
 *     return PC                 of the frame above, the address after its call
 *     reg NUMBER BYTES          of that frame, in hexadecimal
 */

#include "runtime/context.h"
#include "runtime/types.h"

#define SNAPSHOT_FRAMES 64
#define SNAPSHOT_REGISTERS 80

struct snapshot;

struct snapshot_frame {
	struct snapshot *snapshot;
	size_t index;
	uint64_t pc, return_pc, cfa;
	uint8_t registers[SNAPSHOT_REGISTERS][CONTEXT_REGISTER_SIZE];
	uint8_t sizes[SNAPSHOT_REGISTERS]; /* 0: unknown */
	struct sdb_code *code;
	struct sdb_context context;        /* of the innermost scope */
};

struct snapshot {
	int memory;
	uint64_t fs_base, bias;
	struct sdb_db *db;
	struct types *types;
	size_t count;
	struct snapshot_frame frames[SNAPSHOT_FRAMES];
};

/* Reads the text at PATH; ends the program when it makes no sense. */
struct snapshot *snapshot_open(const char *path);
void snapshot_close(struct snapshot *snapshot);
/* Ends the program with the message of ERROR, unless that is NULL. */
void snapshot_check(struct sdb_error *error);

#endif
