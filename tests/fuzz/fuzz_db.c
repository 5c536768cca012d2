/* SPDX-License-Identifier: MIT */

/* A database file from anywhere: every question has an answer or an error. */

#include "ask.h"
#include "mutate_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t changed = seed % 8 == 0 ? 0 : mutate_database(data, size, max_size, seed / 8);

	return changed != 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
}

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
