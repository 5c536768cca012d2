/* SPDX-License-Identifier: MIT */

/*
 * A whole ELF file from anywhere. Whatever the indexer makes of it, a database that it says is
 * done must be sound: it opens and verifies.
 */

#include "ask.h"
#include <stackdb/indexer.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(struct sdb_error *error, const char *what)
{
	if (error == NULL)
		return;
	fprintf(stderr, "%s of a new database: %s\n", what, sdb_error_message(error));
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char output[128];
	const struct sdb_index_options options = {
		.jobs = 1, .output = output, .force = true, .root = "/nonexistent",
	};
	struct sdb_index_result result = { 0 };
	struct sdb_db *db;
	struct sdb_error *error;

	snprintf(output, sizeof(output), "%s/output.sdb", scratch_directory());
	error = sdb_index_file(scratch_file("input.elf", data, size), &options, &result);
	if (error != NULL) {
		sdb_error_free(error);
		return 0;
	}
	sdb_index_result_free(&result);
	must(sdb_db_open(output, NULL, &db), "opening");
	must(sdb_db_verify(db), "verifying");
	ask_everything(db);
	sdb_db_close(db);
	unlink(output);
	return 0;
}
