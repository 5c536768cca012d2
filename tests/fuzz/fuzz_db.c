/* SPDX-License-Identifier: MIT */

/*
 * A database file from anywhere. Plain mutations would nearly always stop at SQLite's own checks
 * or at a checksum, so the mutator works on the content as well: it changes the bytes of one
 * block and lets the build option FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION accept its checksum.
 */

#include "ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sdb_open_options options = { .cache_size = 64 << 10 };
	struct sdb_db *db;
	struct sdb_error *error = sdb_db_open(scratch_file("input.sdb", data, size), &options, &db);

	if (error != NULL) {
		sdb_error_free(error);
		return 0;
	}
	ask_everything(db);
	sdb_db_close(db);
	return 0;
}
