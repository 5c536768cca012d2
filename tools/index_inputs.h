/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_INDEX_INPUTS_H
#define TOOLS_INDEX_INPUTS_H

/* The files that `stackdb index` is to work on. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_input {
	char *path;
	char *debug_path;    /* its debug file, when that was among the files of a directory; or NULL */
	uint64_t size;
	uint8_t build_id[64];
	size_t build_id_length;
	bool has_debug;      /* sections of DWARF are in it */
};

struct index_inputs {
	struct index_input *items;
	size_t count, capacity;
	size_t without_build_id; /* files in directories that were passed over */
};

/* Adds one file that was named; nothing of it is looked at yet. */
void index_inputs_add_file(struct index_inputs *inputs, const char *path);
/*
 * Adds every ELF file with a build-id below DIRECTORY, in the order of their names; symbolic
 * links inside are not followed. A stripped file and its debug file become one input. False when
 * the directory could not be read (errno says why).
 */
bool index_inputs_add_directory(struct index_inputs *inputs, const char *directory);
void index_inputs_deinit(struct index_inputs *inputs);

#endif
